"""A4: what a target costs at each batch size, on a set below and on one above 2,000 examples."""

from functools import cache

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

import optbench
from optbench.analysis import critical_batch_size, targets_of, time_to_target
from optbench.analysis.statistics import ratio_interval
from optbench.analysis.texts import interval_text
from optbench.claims import drawing
from optbench.claims.criterion import Below
from optbench.claims.record import Budget, Claim, Measured, Verdict, fresh_seeds

SETS = {"small": 1250, "large": 25_000}  # 1,000 and 20,000 are trained on
SIZES = (1, 8, 64, 128, 256, 512, 2048, "full")
ADVICE = {"small": ("full",), "large": ("64", "128", "256", "512")}
AXES = {"seconds": "seconds", "samples": "passes over the data", "steps": "steps"}
TARGET = 0.01
EPOCHS = 5
RATES = [float(rate) for rate in np.geomspace(2.0**-9, 8.0, 17).round(6)]
TUNING, REPORTING = fresh_seeds(12)[:3], fresh_seeds(12)[3:]


def _sweep(examples, sizes, rates, seeds, budget) -> pd.DataFrame:
    """Return the cost of the target, a row a run; inf if it was not reached, or not kept to the end."""
    spec = {"problems": [f"logistic(data=gaussian(examples={examples}))"], "optimizers": ["gd"], "epochs": EPOCHS}
    spec |= {"batch_sizes": sizes, "learning_rates": rates, "seeds": seeds, "tuning_seeds": 0}
    results = optbench.sweep(spec, workers=budget.workers)
    times = time_to_target(results, targets_of(results.runs, results.problems, shares=(TARGET,)))
    costs = times[list(AXES)].where(times["reached"], np.inf)
    return times[["batch_size", "lr", "seed"]].join(costs)


@cache
def experiment(budget: Budget) -> dict[str, pd.DataFrame]:
    """Return `costs`: steps, passes and seconds to the target, for each set, batch size and reporting seed."""
    parts = []
    for name, examples in SETS.items():
        train = _train(examples)
        sizes = [size for size in SIZES if size == "full" or size < train]
        trials = _sweep(examples, sizes, RATES, list(TUNING)[: 2 if budget.quick else None], budget)
        middle = trials.groupby(["batch_size", "lr"])["steps"].median().reset_index()
        best = middle.sort_values(["steps", "lr"]).groupby("batch_size")["lr"].first()
        for rate, group in best.groupby(best):
            chosen = [int(size) if size < train else "full" for size in group.index]
            reported = _sweep(examples, chosen, [rate], list(REPORTING)[: 6 if budget.quick else None], budget)
            parts.append(reported.assign(set=name, examples=train))
    costs = pd.concat(parts, ignore_index=True)
    full = costs["batch_size"] >= costs["examples"]
    costs["batch"] = np.where(full, "full", costs["batch_size"].astype(str))
    costs["samples"] /= costs["examples"]
    return {"costs": costs.sort_values(["set", "batch_size", "seed"], ascending=[False, True, True])}


def comparison(costs: pd.DataFrame, name: str, axis: str) -> dict:
    """Compare the best advised batch size with the best other one, by the median of one of AXES.

    Returns both sizes, and the ratio of their costs over the seeds with its interval.
    """
    table = costs[costs["set"] == name].pivot(index="seed", columns="batch", values=axis)
    order = table.median().sort_values(kind="stable").index
    advised = next(size for size in order if size in ADVICE[name])
    other = next(size for size in order if size not in ADVICE[name])
    return {"advised": advised, "other": other, "ratio": ratio_interval(table[advised], table[other])}


def measure(tables: dict[str, pd.DataFrame]) -> Measured:
    """Measure the cost with the best advised batch size over that with the best other one, by set and axis."""
    costs = tables["costs"]
    cases = {(name, axis): comparison(costs, name, axis) for name in SETS for axis in AXES}
    lost = int(np.isinf(costs["steps"]).sum())
    return Measured(
        cells={_words(*key, case): case["ratio"] for key, case in cases.items()},
        effect=cases["large", "seconds"]["ratio"],
        measure="seconds to the target with the best of 64 to 512, over those with the best other size (20,000 "
        "examples)",
        unit="times the seconds of the best other size",
        detail=f"Runs that never reach the target: {lost} of {len(costs)}. {_critical(costs)}",
    )


def _critical(costs: pd.DataFrame) -> str:
    """Describe the batch size up to which larger batches save steps."""
    parts = []
    for name, examples in SETS.items():
        size = critical_batch_size(costs[costs["set"] == name]).critical
        words = interval_text(size) if np.isfinite(size[0]) else "none, they fall as 1 / batch size throughout,"
        parts.append(f"{words} on {_train(examples):,} examples")
    return f"Critical batch size, from steps = least steps (1 + critical / batch size): {' and '.join(parts)}."


def _words(name, axis, case) -> str:
    """Return the name of a case: the set, the axis and both batch sizes."""
    return f"{_train(SETS[name]):,} examples in {AXES[axis].split()[0]}, {case['advised']} against {case['other']}"


def _train(examples: int) -> int:
    """Return the number of training examples: a fifth is kept for tests."""
    return examples * 4 // 5


def draw(tables: dict[str, pd.DataFrame], verdict: Verdict) -> Figure:
    """Draw the cost of the target against the batch size, a panel for each of AXES."""
    texts = {name: f"{_train(examples):,} examples" for name, examples in SETS.items()}
    looks = {name: drawing.line_style(place) for place, name in enumerate(texts)}
    figure, grid = drawing.new_figure(
        (1.9, 2.2), 1, len(AXES), left=0.6, right=0.15, top=0.75, bottom=0.55, gap=(0.5, 0),
        title=f"What it takes to reach {TARGET:.0%} of the first suboptimality",
    )  # fmt: skip
    for ax, (axis, words) in zip(grid[0], AXES.items(), strict=True):
        points = drawing.medians(tables["costs"], ["set", "batch_size"], axis).rename(columns={"set": "optimizer"})
        drawing.draw_scaling(ax, points, {}, looks, texts, "perfect scaling" if axis == "steps" else "")
        ax.axvspan(64, 512, color="#e9e9e9", zorder=0, linewidth=0)
        ax.set(xlabel="batch size", ylabel="")
        drawing.panel_title(ax, f"{words} to the target", 2.3)
    entries = grid[0, list(AXES).index("steps")].get_legend_handles_labels()
    place = {"loc": "upper left", "bbox_to_anchor": (0.05, 1 - 0.25 / figure.get_figheight())}
    figure.legend(*entries, ncols=3, fontsize=drawing.LEGEND_SIZE, **place)
    return figure


CLAIMS = (
    Claim(
        id="A4",
        sentence="The best mini-batch size: up to 2,000 examples the full batch; above, usually 64, 128, 256 or 512.",
        experiment=experiment,
        criterion=Below(
            what="the cost of the best advised size over that of the best other size",
            each="a set of 1,000 and one of 20,000 examples, each in seconds, passes and steps",
            on="set and axis",
            limit=1.0,
        ),
        measure=measure,
        figure=draw,
        caption="What it takes to bring the suboptimality of logistic regression to 1% of the first, the rate tuned "
        "for each batch size on other seeds. Last point: the full batch. Shaded gray: 64 to 512. Bars: intervals of "
        "the medians over seeds. Dashed: half the steps at twice the size.",
    ),
)
