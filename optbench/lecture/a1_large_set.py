"""A1: batch against mini-batch gradient descent on millions of examples, by passes over the data and by seconds."""

from functools import cache

import pandas as pd
from matplotlib.figure import Figure

import optbench
from optbench.analysis.statistics import crossing, ratio_interval
from optbench.claims import drawing
from optbench.claims.criterion import Above
from optbench.claims.record import Budget, Claim, Measured, Verdict, fresh_seeds
from optbench.lecture.runs import best_rate

FULL, QUICK, TUNED_ON = 5_000_000, 500_000, 50_000
BATCH_SIZE, PASSES = 1000, 4
TUNING, REPORTING = fresh_seeds(9)[:3], fresh_seeds(9)[3:]  # six seeds are the fewest that give a 95% interval
RATES = [1.0, 2.0, 4.0, 8.0, 16.0]
TARGETS = (0.1, 0.01, 0.001)
SHOWN = 0.01
"""The target whose factor stands for the claim in the overview."""


def _spec(examples: int, size: int | str) -> dict:
    """Return the spec of a sweep of GD on `examples` examples with batches of `size`: a number or "full"."""
    # The full batch gets several passes, the mini-batches one: 5,000 of 1,000 examples each.
    problem, epochs = f"logistic(data=mapped(examples={examples}, features=5))", PASSES if size == "full" else 1
    return {"problems": [problem], "optimizers": ["gd"], "batch_sizes": [size], "epochs": epochs}


@cache
def experiment(budget: Budget) -> dict[str, pd.DataFrame]:
    """Return `curves`, the share of the first suboptimality that is left, and `targets`, the cost of reaching each.

    Both count passes over the data and seconds.
    """
    examples, curves = QUICK if budget.quick else FULL, []
    for size in ("full", BATCH_SIZE):
        rate = best_rate(_spec(TUNED_ON, size), TUNING, learning_rates=RATES, workers=budget.workers)
        spec = _spec(examples, size) | {"learning_rates": [rate], "seeds": list(REPORTING), "tuning_seeds": 0}
        results = optbench.sweep(spec, workers=budget.workers)
        runs = results.runs.merge(results.timings[["cohort_id", "ns_per_run_step"]], on="cohort_id")
        runs["minimum"] = runs["loss_final"] - runs["suboptimality_final"]
        runs = runs[["run_id", "seed", "loss_initial", "minimum", "ns_per_run_step"]]
        curve = results.curves[["run_id", "step", "epoch", "train_loss"]].merge(runs, on="run_id")
        curves.append(pd.DataFrame({
            "batch": str(size), "rate": rate, "examples": examples, "seed": curve["seed"], "step": curve["step"],
            "passes": curve["epoch"], "seconds": curve["step"] * curve["ns_per_run_step"] * 1e-9,
            "left": (curve["train_loss"] - curve["minimum"]) / (curve["loss_initial"] - curve["minimum"]),
        }))  # fmt: skip
    curves = pd.concat(curves, ignore_index=True)
    return {"curves": curves, "targets": targets(curves)}


def targets(curves: pd.DataFrame) -> pd.DataFrame:
    """Return passes and seconds to each target, one row for each batch, seed and target; inf if never reached."""
    rows = []
    for (batch, seed), run in curves.groupby(["batch", "seed"], sort=False):
        for target in TARGETS:
            when = {name: crossing(run[name], run["left"], target) for name in ("passes", "seconds")}
            rows.append({"batch": batch, "seed": seed, "target": target, **when})
    return pd.DataFrame(rows)


def factors(tables: dict[str, pd.DataFrame], clock: str) -> dict[float, tuple[float, float, float]]:
    """Return by target the cost of the full batch over that of mini-batches, with its interval.

    clock: "passes" or "seconds".
    """
    wide = tables["targets"].pivot(index=["target", "seed"], columns="batch", values=clock)
    return {
        target: ratio_interval(part["full"], part[str(BATCH_SIZE)])
        for target, part in wide.groupby(level="target", sort=False)
    }


def measure(tables: dict[str, pd.DataFrame]) -> Measured:
    """Return the factors in seconds at every target, with texts for the page."""
    seconds, passes = factors(tables, "seconds"), factors(tables, "passes")
    examples = int(tables["curves"]["examples"].iloc[0])
    return Measured(
        cells={f"{100 * target:g}% left": seconds[target] for target in TARGETS},
        effect=seconds[SHOWN],
        measure=f"seconds that the full batch takes until {100 * SHOWN:g}% is left, over those of mini-batches of "
        f"{BATCH_SIZE:,}; n = {examples:,}",
        unit="times as many seconds",
        detail=f"In passes over the data the factor is {passes[SHOWN][0]:,.0f} "
        f"[{passes[SHOWN][1]:,.0f}, {passes[SHOWN][2]:,.0f}] at {100 * SHOWN:g}%. A factor of 0: most mini-batch runs, "
        "whose rate is constant, never get there.",
    )


def draw(tables: dict[str, pd.DataFrame], verdict: Verdict) -> Figure:
    """Draw the curves of `experiment`, by passes on the left and by seconds on the right."""
    curves = tables["curves"]
    curves = curves[curves["step"] > 0].assign(
        batch=curves["batch"].map({"full": "full batch", str(BATCH_SIZE): f"mini-batches of {BATCH_SIZE:,}"})
    )
    title = f"{int(curves['examples'].iloc[0]):,} examples: one step a pass, or one step a mini-batch"
    figure, grid = drawing.new_figure(
        (2.9, 2.6), 1, 2, left=0.75, right=0.15, top=0.4, bottom=0.55, gap=(0.15, 0), title=title, sharey=True
    )
    for ax, clock in zip(grid[0], ("passes", "seconds"), strict=True):
        when = curves.groupby(["batch", "step"], sort=False)[clock].median().to_numpy()
        table = drawing.medians(curves, ["batch", "step"], "left").assign(when=when)
        drawing.draw_lines(ax, table, "when", "median", "batch", "band", marks=7)
        ax.set(xscale="log", yscale="log", xlabel={"passes": "passes over the data", "seconds": "seconds"}[clock])
        drawing.log_ticks(ax.xaxis, curves[clock].min(), curves[clock].max(), plain=True)
        for target in TARGETS:
            drawing.draw_level(ax, target, "")
    drawing.log_ticks(grid[0, 0].yaxis, *grid[0, 0].get_ylim(), plain=True)
    grid[0, 0].set_ylabel("share of the suboptimality left")
    grid[0, 1].legend(fontsize=drawing.LEGEND_SIZE, loc="lower left")
    return figure


CLAIMS = (
    Claim(
        id="A1",
        sentence="Batch gradient descent is slow on large sets: mini-batches get on with each part of the set, such as "
        "5,000,000 examples in 5,000 mini-batches of 1,000.",
        experiment=experiment,
        criterion=Above(
            what="the ratio of the seconds, full batch over mini-batches, until so much of the first suboptimality is "
            "left",
            each="each of " + ", ".join(f"{100 * target:g}%" for target in TARGETS) + " left",
            on="the target",
            limit=1.0,
        ),
        measure=measure,
        figure=draw,
        caption="Logistic regression on generated, memory-mapped examples with 5 features; rates tuned on 50,000 of "
        "them with other seeds. Lines and bands: the median of six seeds and its interval; dotted: the targets. The "
        "seconds are those of the steps alone, without evaluations. Between the measured points the time to a target "
        "is interpolated. A quick run has 500,000 examples.",
    ),
)
