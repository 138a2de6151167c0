"""A1, A3 and A4: batch against mini-batch gradient descent, the noise of the cost, and the best batch size."""

from collections.abc import Sequence
from functools import cache
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

import optbench
from optbench.analysis import critical_batch_size, targets_of, time_to_target
from optbench.analysis.statistics import crossing, exponent_interval, median_interval, ratio_interval, share_interval
from optbench.claims import drawing
from optbench.claims.claim import (
    SECOND_SEED,
    Budget,
    Claim,
    Measured,
    Verdict,
    estimate_text,
    interval_text,
    percent_text,
    split_seeds,
)
from optbench.claims.criterion import Above, Below, Parts, Within
from optbench.lecture.runs import find_best_rate, run_every_step, run_sweep

FULL, QUICK, TUNED_ON = 5_000_000, 500_000, 50_000
BATCH_SIZE, PASSES = 1000, 4
# Six seeds are the fewest that give a 95% interval.
LARGE_TUNING, LARGE_REPORTING = split_seeds(3, 6)
LARGE_RATES = [1.0, 2.0, 4.0, 8.0, 16.0]
TARGETS = (0.1, 0.01, 0.001)
SHOWN = 0.01
"""The target whose factor stands for the claim in the overview."""


def _spec(examples: int, size: int | str) -> dict:
    """Return the spec of a sweep of GD on `examples` examples with batches of `size`: a number or "full"."""
    # The full batch gets several passes, the mini-batches one: 5,000 of 1,000 examples each.
    problem, epochs = f"logistic(data=logistic_model(examples={examples}, features=5))", PASSES if size == "full" else 1
    return {"problems": [problem], "optimizers": ["gd"], "batch_sizes": [size], "epochs": epochs}


@cache
def large_set_experiment(budget: Budget) -> dict[str, pd.DataFrame]:
    """Run gradient descent with the full batch and with mini-batches on a large set, at rates tuned on a smaller one.

    Both take turns, two seeds at a time, so a slow moment of the machine hits both; a step takes the seconds of the
    quickest run of its batch size, for all seeds have the same work.

    Returns `curves`: an evaluation a row, with the share of the first suboptimality that is `left` after so many
    `passes` and `seconds`; `targets`: the passes and seconds to each target, as of `times_to_targets`.
    """
    examples, curves = QUICK if budget.quick else FULL, []
    sizes: tuple[int | str, ...] = ("full", BATCH_SIZE)
    rates = {
        size: find_best_rate(_spec(TUNED_ON, size), LARGE_TUNING, learning_rates=LARGE_RATES, workers=budget.workers)
        for size in sizes
    }
    turns = [LARGE_REPORTING[place : place + 2] for place in range(0, len(LARGE_REPORTING), 2)]
    for seeds, size in product(turns, sizes):
        spec = _spec(examples, size) | {"learning_rates": [rates[size]], "seeds": seeds, "tuning_seeds": 0}
        results = run_sweep(spec, workers=1)
        runs = results.runs.merge(results.timings[["cohort_id", "ns_per_run_step"]], on="cohort_id")
        runs["minimum"] = runs["loss_final"] - runs["suboptimality_final"]
        runs = runs[["run_id", "seed", "loss_initial", "minimum", "ns_per_run_step"]]
        curve = results.curves[["run_id", "step", "epoch", "train_loss"]].merge(runs, on="run_id")
        curves.append(pd.DataFrame({
            "batch": str(size), "rate": rates[size], "examples": examples, "seed": curve["seed"],
            "step": curve["step"], "passes": curve["epoch"], "seconds": curve["ns_per_run_step"] * 1e-9,
            "left": (curve["train_loss"] - curve["minimum"]) / (curve["loss_initial"] - curve["minimum"]),
        }))  # fmt: skip
    curves = pd.concat(curves, ignore_index=True)
    curves["seconds"] = curves["step"] * curves.groupby("batch")["seconds"].transform("min")
    return {"curves": curves, "targets": times_to_targets(curves)}


def times_to_targets(curves: pd.DataFrame) -> pd.DataFrame:
    """Return passes and seconds to each target, one row for each batch, seed and target; inf if never reached."""
    rows = []
    for (batch, seed), run in curves.groupby(["batch", "seed"], sort=False):
        for target in TARGETS:
            when = {name: crossing(run[name], run["left"], target) for name in ("passes", "seconds")}
            rows.append({"batch": batch, "seed": seed, "target": target, **when})
    return pd.DataFrame(rows)


def cost_factors(tables: dict[str, pd.DataFrame], clock: str) -> dict[float, tuple[float, float, float]]:
    """Return target -> (factor, low, high): the cost of the full batch over that of mini-batches.

    clock: "passes" or "seconds".
    """
    wide = tables["targets"].pivot(index=["target", "seed"], columns="batch", values=clock)
    return {
        target: ratio_interval(part["full"], part[str(BATCH_SIZE)])
        for target, part in wide.groupby(level="target", sort=False)
    }


def measure_large_set(tables: dict[str, pd.DataFrame]) -> Measured:
    """Return the factors in seconds at every target, with texts for the page."""
    seconds, passes = cost_factors(tables, "seconds"), cost_factors(tables, "passes")
    examples = int(tables["curves"]["examples"].iloc[0])
    never = " A factor of 0: most mini-batch runs, whose rate is constant, never get there."
    never *= any(factor == 0 for factor, *_ in seconds.values())
    return Measured(
        cells={f"{100 * target:g}% left": seconds[target] for target in TARGETS},
        effect=seconds[SHOWN],
        measure=f"seconds that the full batch takes until {100 * SHOWN:g}% is left, over those of mini-batches of "
        f"{BATCH_SIZE:,}; n = {examples:,}",
        answer=f"Until {100 * SHOWN:g}% is left, the full batch takes {estimate_text(seconds[SHOWN])} times as many "
        f"seconds as mini-batches of {BATCH_SIZE:,} on the machine that measured, and {passes[SHOWN][0]:,.0f} times as "
        "many passes over the data.",
        detail=f"In passes over the data the factor is {passes[SHOWN][0]:,.0f} "
        f"[{passes[SHOWN][1]:,.0f}, {passes[SHOWN][2]:,.0f}] at {100 * SHOWN:g}%.{never}",
    )


def draw_large_set(tables: dict[str, pd.DataFrame], verdict: Verdict) -> Figure:
    """Draw the curves of `large_set_experiment`, by passes on the left and by seconds on the right."""
    curves = tables["curves"]
    curves = curves[curves["step"] > 0].assign(
        batch=curves["batch"].map({"full": "full batch", str(BATCH_SIZE): f"mini-batches of {BATCH_SIZE:,}"})
    )
    title = f"{int(curves['examples'].iloc[0]):,} examples: one step a pass, or one step a mini-batch"
    figure, grid = drawing.new_figure(
        (2.9, 2.6), 1, 2, margins=(0.75, 0.15, 0.4, 0.55), gap=(0.15, 0), title=title, sharey=True
    )
    for ax, clock in zip(grid[0], ("passes", "seconds"), strict=True):
        when = curves.groupby(["batch", "step"], sort=False)[clock].median().to_numpy()
        table = drawing.medians(curves, ["batch", "step"], "left").assign(when=when)
        drawing.draw_lines(ax, table, "when", "median", "batch", "band", marks=7)
        ax.set(xscale="log", yscale="log", xlabel={"passes": "passes over the data", "seconds": "seconds"}[clock])
        drawing.set_log_ticks(ax.xaxis, curves[clock].min(), curves[clock].max(), plain=True)
        for target in TARGETS:
            drawing.draw_level(ax, target, "")
    bottom, top = grid[0, 0].get_ylim()
    drawing.set_log_ticks(grid[0, 0].yaxis, bottom, top, plain=True)
    grid[0, 0].set_ylabel("share of the suboptimality left")
    grid[0, 1].legend(fontsize=drawing.LEGEND_SIZE, loc="lower left")
    return figure


STEPS = 40
PROBLEMS = {
    "quadratic": "quadratic",
    "logistic": "logistic(data=gaussian)",
    "softmax": "softmax",
    "network": "mlp(data=breast_cancer, hidden=(16,))",
}
FALL_RATES = [2.0**power for power in range(-6, 7)]
RUNS, QUICK_RUNS = 40, 36  # without a single rise the 95% interval ends at 8.8% and at 9.6%: it can hold
RARE = 0.1
BELOW, ABOVE = (0.25, 0.5, 0.75, 0.95), (1.05, 1.25, 1.5, 2.0)  # rates in units of 2/L
_ROUNDING = 1e-12
TUNING, REPORTING = split_seeds(3, 9)
DATA = "logistic(data=gaussian(examples=25000))"
ONE_BATCH = 64
NOISE_SIZES = (8, 16, 32, 64, 128, 256, 512)
FALL, NOISE = "the fall", "the noise"


@cache
def fall_experiment(budget: Budget) -> dict[str, pd.DataFrame]:
    """Count the steps of full-batch gradient descent that raise the cost.

    Returns `runs`: problem, rate, seed and `rises`, the number of such steps, at the rate that is best on other seeds;
    `cost` and `shares`: of `_around_two_over_l`.
    """
    tuning, reporting = split_seeds(3, budget.count_seeds(QUICK_RUNS, RUNS), SECOND_SEED)
    rows = []
    for name, problem in PROBLEMS.items():
        spec = {"problems": [problem], "optimizers": ["gd"], "learning_rates": FALL_RATES}
        rate = find_best_rate(spec, tuning, steps=STEPS, workers=budget.workers)
        curve = run_every_step(problem, "gd", [rate], seeds=reporting, steps=STEPS)
        rises = curve.groupby("seed")["train_loss"].agg(lambda f: STEPS - _count_falling(f))
        rows += [(name, rate, seed, count) for seed, count in rises.items()]
    runs = pd.DataFrame(rows, columns=["problem", "rate", "seed", "rises"])
    return {"runs": runs, **_around_two_over_l(budget)}


def _around_two_over_l(budget: Budget) -> dict[str, pd.DataFrame]:
    """Run gradient descent at rates on both sides of 2/L (L: the largest curvature).

    Returns `cost`: problem, rate (as a multiple of 2/L), seed, step, train_loss; `shares`: problem, rate, seed, and
    `share`, that of the steps that do not raise the cost.
    """
    parts = []
    for name, largest in (("quadratic", 1.0), ("logistic", _largest_curvature())):
        rates = [2 / largest * factor for factor in (*BELOW, *ABOVE)]
        seeds = REPORTING[: 4 if budget.quick else None]
        curve = run_every_step(PROBLEMS[name], "gd", rates, seeds=seeds, steps=STEPS)
        parts.append(curve.assign(problem=name, rate=(curve["lr0"] * largest / 2).round(6)))
    cost = pd.concat(parts)[["problem", "rate", "seed", "step", "train_loss"]]
    runs = cost.groupby(["problem", "rate", "seed"], sort=False)["train_loss"]
    shares = runs.agg(lambda f: _count_falling(f) / STEPS)
    return {"cost": cost, "shares": shares.rename("share").reset_index()}


def _count_falling(cost: pd.Series) -> int:
    """Return the number of steps of a run that do not raise the cost; steps after a divergence do not count."""
    return int(np.sum(np.diff(cost) <= _ROUNDING * np.abs(cost.to_numpy()[:-1])))


def _largest_curvature() -> float:
    """Return L of logistic regression: the largest eigenvalue of x'x/n, times the sigmoid's steepest slope, plus l2."""
    data = optbench.problems()["logistic"].build({"data": "gaussian"}).data
    assert data is not None
    x = np.asarray(data[0])
    return float(np.linalg.eigvalsh(x.T @ x / len(x))[-1] / 4 + 0.01)


def rise_shares(runs: pd.DataFrame) -> dict[str, tuple[float, float, float]]:
    """Return problem -> (share, low, high): that of the runs in which some step raises the cost.

    runs: the table of `fall_experiment`.
    """
    groups = runs.groupby("problem", sort=False)["rises"]
    return {name: share_interval(int((rises > 0).sum()), len(rises)) for name, rises in groups}


def measure_fall(tables: dict[str, pd.DataFrame]) -> Measured:
    """Measure the share of the runs in which some step raises the cost, by problem."""
    runs, shares = tables["runs"], tables["shares"]
    cells = rise_shares(runs)
    below, above = shares[shares["rate"] < 1], shares[shares["rate"] > 1]
    each = ", ".join(f"{name} {part['share'].mean():.0%}" for name, part in above.groupby("problem", sort=False))
    rates = ", ".join(
        f"{rate:g} ({name})" for name, rate in runs.groupby("problem", sort=False)["rate"].first().items()
    )
    most = ", ".join(f"{count} ({name})" for name, count in runs.groupby("problem", sort=False)["rises"].max().items())
    return Measured(
        cells=cells,
        effect=cells[list(PROBLEMS)[-1]],
        measure=f"share of the network's runs in which some of {STEPS} full-batch steps raises the cost, at the best "
        "rate",
        answer=f"In {percent_text(cells[list(PROBLEMS)[-1]])} of the network's runs the cost rose at least once.",
        detail=f"Best rates: {rates}. Most rises in a run of {STEPS} steps: {most}. The rate decides: below 2/L (L: "
        f"the largest curvature) {below['share'].mean():.1%} of the steps fall, above it, up to {max(ABOVE):g} times, "
        f"{each}.",
    )


def draw_fall(tables: dict[str, pd.DataFrame], verdict: Verdict) -> Figure:
    """Draw the cost by rate, the share of steps that lower it, and the share of runs with a rise."""
    title = "Steps of the full batch that raise the cost"
    figure, grid = drawing.new_figure((1.85, 2.3), 1, 3, margins=(0.65, 0.3, 0.62, 0.95), gap=(0.7, 0), title=title)
    below: dict[str, Any] = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.2), "frameon": False, "ncols": 2}
    below |= {"fontsize": drawing.LEGEND_SIZE, "title_fontsize": drawing.LEGEND_SIZE, "columnspacing": 1.0}
    left, right, last = grid[0]
    cost = tables["cost"]
    one = cost[(cost["problem"] == "quadratic") & (cost["seed"] == cost["seed"].min())]
    drawing.draw_lines(left, one[one["rate"].isin((0.25, 0.95, 1.05, 1.25))], "step", "train_loss", "rate", marks=5)
    left.set(yscale="log", xlabel="iteration", ylabel="cost", ylim=(None, 1e6))
    left.legend(**below)
    means = tables["shares"].groupby(["problem", "rate"], sort=False)["share"].mean().reset_index()
    drawing.draw_lines(right, means.assign(share=100 * means["share"]), "rate", "share", "problem")
    right.set(xlabel="rate in units of 2/L", ylabel="steps that fall (%)", ylim=(0, 105))
    right.legend(**below | {"ncols": 1})
    shares = [(name, *(100 * np.array(interval))) for name, interval in rise_shares(tables["runs"]).items()]
    shares = pd.DataFrame(shares, columns=["problem", "median", "low", "high"]).assign(what="")
    drawing.draw_intervals(last, shares, "problem", "what")
    drawing.draw_level(last, 100 * RARE, "")
    last.set_xticks(range(len(shares)), ["\n" * (place % 2) + name for place, name in enumerate(shares["problem"])])
    last.set(ylabel="runs with a rise (%)", ylim=(-3, 105))
    for ax, words in zip(
        grid[0], ("On a quadratic, by rate × L/2", "Share of steps that fall", "At the best rate"), strict=True
    ):
        drawing.set_log_axes(ax)
        drawing.panel_title(ax, words, 2.3)
    return figure


def _tuned_rate(batch_size: int) -> float:
    """Return the best learning rate of gradient descent for a batch size, chosen on the tuning seeds."""
    spec = {"problems": [DATA], "optimizers": ["gd"], "learning_rates": "0.015625:4:9"}
    return find_best_rate(spec, TUNING, batch_sizes=[batch_size], epochs=2, workers=1)


@cache
def noise_experiment(budget: Budget) -> dict[str, pd.DataFrame]:
    """Run gradient descent at one rate with several batch sizes.

    Returns `cost`: batch_size, seed, rate, step, `cost` of the step's mini-batch, `full_cost` of all examples there.
    """
    _, seeds = split_seeds(len(TUNING), budget.count_seeds(6, 9))
    rate, parts = _tuned_rate(ONE_BATCH), []
    for size in (*NOISE_SIZES, "full"):
        curve = run_every_step(DATA, "gd", [rate], seeds=seeds, steps=40 if budget.quick else 60, batch_size=size)
        before = curve.groupby("seed")["train_loss"].shift(1)
        parts.append(curve.assign(full_cost=before, batch_size=str(size))[curve["step"] > 0])
    cost = pd.concat(parts).rename(columns={"lr0": "rate", "batch_loss": "cost"})
    return {"cost": cost[["batch_size", "seed", "rate", "step", "cost", "full_cost"]].reset_index(drop=True)}


def measure_noisy(tables: dict[str, pd.DataFrame]) -> Measured:
    """Measure the share of steps at which the mini-batch's cost rises, and how far it falls over a run.

    tables: of `noise_experiment`, of which the runs with ONE_BATCH examples a step count; the effect is the share.
    """
    cost = tables["cost"]
    runs = cost[cost["batch_size"] == str(ONE_BATCH)].sort_values("step").groupby("seed")["cost"]
    rising = median_interval(runs.agg(lambda f: np.mean(np.diff(f) > 0)))
    left = median_interval(runs.agg(lambda f: np.mean(f.to_numpy()[-len(f) // 4 :]) / f.iloc[0]))
    return Measured(
        cells={FALL: {"all": left}, NOISE: {"all": rising}},
        effect=rising,
        measure=f"share of steps at which the cost of {ONE_BATCH} examples rises",
        answer=f"The cost of {ONE_BATCH} examples rose in {percent_text(rising)} of the steps.",
        detail=f"Over the run that cost falls to {left[0]:.2f} [{left[1]:.2f}, {left[2]:.2f}] of what it was (mean of "
        "the last quarter).",
    )


def draw_noisy(tables: dict[str, pd.DataFrame], verdict: Verdict) -> Figure:
    """Draw the cost of each step's own batch for three batch sizes, in one run of each."""
    cost = tables["cost"]
    one = cost[(cost["seed"] == cost["seed"].min()) & cost["batch_size"].isin(["16", "64", "full"])]
    return drawing.line_figure(
        one.assign(batch="batch size " + one["batch_size"]), "step", "cost", "batch",
        "Batch and mini-batch gradient descent, at the same rate", xlabel="iteration (steps)",
        ylabel="cost of the step's own batch",
    )  # fmt: skip


def deviations(cost: pd.DataFrame) -> pd.DataFrame:
    """Return the root mean square of cost minus full cost: a row for each seed, a column for each size, in order."""
    error = cost[cost["batch_size"] != "full"].assign(square=lambda t: (t["cost"] - t["full_cost"]) ** 2)
    table = error.assign(size=error["batch_size"].astype(int)).pivot_table("square", "seed", "size", "mean")
    return np.sqrt(table)


def measure_law(tables: dict[str, pd.DataFrame]) -> Measured:
    """Measure the exponent p of the noise of the mini-batch cost, noise ~ B^p."""
    table = deviations(tables["cost"])
    exponent = exponent_interval(table.columns, table.to_numpy())
    middle = table.median()
    return Measured(
        cells={"all": exponent},
        effect=exponent,
        measure="fitted exponent p of the noise of the mini-batch cost, noise ~ B^p",
        answer=f"The noise goes like B^{estimate_text(exponent)}.",
        detail=f"From B = {table.columns[0]} to {table.columns[-1]} the noise falls from {middle.iloc[0]:.3f} to "
        f"{middle.iloc[-1]:.4f}, by a factor of {middle.iloc[0] / middle.iloc[-1]:.1f}; 1/sqrt(B) says "
        f"{np.sqrt(table.columns[-1] / table.columns[0]):.1f}.",
    )


def draw_law(tables: dict[str, pd.DataFrame], verdict: Verdict) -> Figure:
    """Draw the noise of the mini-batch cost against the batch size."""
    noises = deviations(tables["cost"]).melt(var_name="batch_size", value_name="noise").assign(optimizer="gd")
    texts = {"gd": f"median; fitted exponent {verdict.effect:.3f}"}
    title = "Deviation of a mini-batch's cost from the cost of all examples"
    with drawing.axes(None, title, [*texts.values(), "1/sqrt(B)"]) as ax:
        drawing.draw_noise(ax, noises, {"gd": drawing.line_style(0)}, texts)
        ax.set(xlabel="batch size B", ylabel="noise of the mini-batch cost")
    return drawing.figure_of(ax)


SETS = {"small": 1250, "large": 25_000}  # 1,000 and 20,000 are trained on
SIZES: tuple[Any, ...] = (1, 8, 64, 128, 256, 512, 2048, "full")
ADVICE = {"small": ("full",), "large": ("64", "128", "256", "512")}
AXES = {"seconds": "seconds", "samples": "passes over the data", "steps": "steps"}
TARGET = 0.01
EPOCHS = 5
RATES = [float(rate) for rate in np.geomspace(2.0**-9, 8.0, 17).round(6)]


def reach_target(
    examples: int, sizes: Sequence, rates: Sequence[float], seeds: Sequence[int], budget: Budget
) -> pd.DataFrame:
    """Return what each run of GD takes to the target, a row a run: batch_size, lr, seed, a column for each of AXES.

    examples: the size of the set; sizes, rates, seeds: those to run. inf if the target was not reached, or not kept to
    the end.
    """
    spec = {"problems": [f"logistic(data=gaussian(examples={examples}))"], "optimizers": ["gd"], "epochs": EPOCHS}
    spec |= {"batch_sizes": sizes, "learning_rates": rates, "seeds": seeds, "tuning_seeds": 0}
    results = run_sweep(spec, workers=budget.workers)
    times = time_to_target(results, targets_of(results.runs, results.problems, shares=(TARGET,)))
    costs = times[list(AXES)].where(times["reached"], np.inf)
    return times[["batch_size", "lr", "seed"]].join(costs)


@cache
def size_experiment(budget: Budget) -> dict[str, pd.DataFrame]:
    """Return `costs`: steps, passes and seconds to the target, for each set, batch size and reporting seed.

    Also `trials`: the same on the seeds that tuned the rates, by which the sizes to compare are chosen.
    """
    tuning, reporting = split_seeds(2 if budget.quick else 3, budget.count_seeds(6, 9), SECOND_SEED)
    parts, tuned = [], []
    for name, examples in SETS.items():
        train = _training_size(examples)
        sizes = [size for size in SIZES if size == "full" or size < train]
        trials = reach_target(examples, sizes, RATES, tuning, budget)
        middle = trials.groupby(["batch_size", "lr"])["steps"].median().reset_index()
        best = middle.sort_values(["steps", "lr"]).groupby("batch_size")["lr"].first()
        tuned.append(trials[trials["lr"] == trials["batch_size"].map(best)].assign(set=name, examples=train))
        for rate, group in best.groupby(best):
            chosen = [int(size) if size < train else "full" for size in group.index]
            reported = reach_target(examples, chosen, [rate], reporting, budget)
            parts.append(reported.assign(set=name, examples=train))
    return {"costs": _name_batches(parts), "trials": _name_batches(tuned)}


def _name_batches(parts: list[pd.DataFrame]) -> pd.DataFrame:
    """Return the runs of both sets as one table, with `batch`, "full" or the size as text, and passes for samples."""
    costs = pd.concat(parts, ignore_index=True)
    full = costs["batch_size"] >= costs["examples"]
    costs["batch"] = np.where(full, "full", costs["batch_size"].astype(str))
    costs["samples"] /= costs["examples"]
    return costs.sort_values(["set", "batch_size", "seed"], ascending=[False, True, True])


def compare_sizes(tables: dict[str, pd.DataFrame], name: str, axis: str) -> dict:
    """Compare the best advised batch size with the best other one, both chosen by the median cost of the trials.

    tables: of `size_experiment`; name: the set; axis: one of AXES, the kind of cost. Returns `advised` and `other`,
    both sizes, and `ratio`, (ratio, low, high) of their costs over the reporting seeds.
    """
    trials, costs = (
        table[table["set"] == name].pivot(index="seed", columns="batch", values=axis)
        for table in (tables["trials"], tables["costs"])
    )
    order = trials.median().sort_values(kind="stable").index
    advised = next(size for size in order if size in ADVICE[name])
    other = next(size for size in order if size not in ADVICE[name])
    return {"advised": advised, "other": other, "ratio": ratio_interval(costs[advised], costs[other])}


def measure_sizes(tables: dict[str, pd.DataFrame]) -> Measured:
    """Measure the cost with the best advised batch size over that with the best other one, by set and axis."""
    costs = tables["costs"]
    cases = {(name, axis): compare_sizes(tables, name, axis) for name in SETS for axis in AXES}
    lost = int(np.isinf(costs["steps"]).sum())
    return Measured(
        cells={_case_text(*key, case): case["ratio"] for key, case in cases.items()},
        effect=cases["large", "seconds"]["ratio"],
        measure="seconds to the target with the best of 64 to 512, over those with the best other size (20,000 "
        "examples)",
        answer="On 20,000 examples the best size from 64 to 512 takes "
        f"{estimate_text(cases['large', 'seconds']['ratio'])} times the seconds of the best other size.",
        detail=f"Runs that never reach the target: {lost} of {len(costs)}. {_critical_text(costs)}",
    )


def _critical_text(costs: pd.DataFrame) -> str:
    """Return the sentence on the critical batch size, up to which larger batches save steps, of each set."""
    parts = []
    for name, examples in SETS.items():
        size = critical_batch_size(costs[costs["set"] == name]).critical
        words = interval_text(size) if np.isfinite(size[0]) else "none, they fall as 1 / batch size throughout,"
        parts.append(f"{words} on {_training_size(examples):,} examples")
    return f"Critical batch size, from steps = least steps (1 + critical / batch size): {' and '.join(parts)}."


def _case_text(name: str, axis: str, case: dict) -> str:
    """Return the name of a case: the set, the axis and both batch sizes; case: of `compare_sizes`."""
    return (
        f"{_training_size(SETS[name]):,} examples in {AXES[axis].split()[0]}, {case['advised']} against {case['other']}"
    )


def _training_size(examples: int) -> int:
    """Return the number of training examples: a fifth is kept for tests."""
    return examples * 4 // 5


def draw_sizes(tables: dict[str, pd.DataFrame], verdict: Verdict) -> Figure:
    """Draw the cost of the target against the batch size, a panel for each of AXES."""
    texts = {name: f"{_training_size(examples):,} examples" for name, examples in SETS.items()}
    styles = {name: drawing.line_style(place) for place, name in enumerate(texts)}
    figure, grid = drawing.new_figure(
        (1.85, 2.2), 1, len(AXES), margins=(0.6, 0.3, 0.75, 0.55), gap=(0.6, 0),
        title=f"What it takes to reach {TARGET:.0%} of the gap at the start",
    )  # fmt: skip
    for ax, (axis, words) in zip(grid[0], AXES.items(), strict=True):
        points = drawing.medians(tables["costs"], ["set", "batch_size"], axis).rename(columns={"set": "optimizer"})
        drawing.draw_scaling(ax, points, {}, styles, texts, "perfect scaling" if axis == "steps" else "")
        ax.axvspan(64, 512, color="#e9e9e9", zorder=0, linewidth=0)
        ax.set(xlabel="batch size", ylabel="")
        drawing.panel_title(ax, f"{words} to the target", 1.95)
    entries = grid[0, list(AXES).index("steps")].get_legend_handles_labels()
    place: dict[str, Any] = {"loc": "upper left", "bbox_to_anchor": (0.05, 1 - 0.25 / figure.get_figheight())}
    figure.legend(*entries, ncols=3, fontsize=drawing.LEGEND_SIZE, **place)
    return figure


CLAIMS = (
    Claim(
        id="A1",
        sentence="Batch gradient descent is slow on large sets: mini-batches get on with each part of the set, such as "
        "5,000,000 examples in 5,000 mini-batches of 1,000.",
        experiment=large_set_experiment,
        criterion=Above(
            what="the ratio of the seconds, full batch over mini-batches, until so much of the first suboptimality is "
            "left",
            each="each of " + ", ".join(f"{100 * target:g}%" for target in TARGETS) + " left",
            on="the target",
            limit=1.0,
        ),
        measure=measure_large_set,
        figure=draw_large_set,
        caption="Logistic regression on generated examples with 5 features; rates tuned on 50,000 of "
        "them with other seeds. Lines and bands: the median of six seeds and its interval; dotted: the targets. The "
        "seconds are those of the steps alone, without evaluations, and differ by machine. The two sides take turns, "
        "and the quickest of them counts, so a short disturbance changes nothing; on a machine that is busy "
        "throughout the factor shifts, and where it is near 1 the verdict may. Between the measured points the time to "
        "a target is interpolated. A quick run has 500,000 examples.",
    ),
    Claim(
        id="A3.1",
        sentence="Batch gradient descent: the cost must fall at every iteration.",
        experiment=fall_experiment,
        criterion=Below(
            what=f"the share of runs in which some of {STEPS} full-batch steps raises the cost, at the rate that ends "
            "lowest on other seeds",
            each="a quadratic, logistic regression, softmax regression and a network",
            on="the problem",
            limit=RARE,
            percent=True,
        ),
        measure=measure_fall,
        figure=draw_fall,
        caption="Left: one run at four rates. Middle: the mean share of steps that do not raise the cost, against the "
        "rate. For logistic regression L bounds the curvature, which is smaller away from the start, so rates a little "
        "above 2/L can still fall; steps after a divergence count as rising. Right: the share of runs in which some "
        "step raises the cost, each problem at its best rate (dashed: the criterion).",
    ),
    Claim(
        id="A3.2",
        sentence="Mini-batch gradient descent: the cost falls on the whole, with much noise.",
        experiment=noise_experiment,
        criterion=Parts(
            {
                FALL: Below(
                    what="the mean cost of the last quarter of the mini-batches over the first one's", limit=1.0
                ),
                NOISE: Above(what="the share of steps at which the mini-batch cost rises", limit=0.2, percent=True),
            },
            needed=True,
        ),
        measure=measure_noisy,
        figure=draw_noisy,
        caption="The cost that each step sees, on the examples of its own batch: one seed, logistic regression on "
        "20,000 examples, the rate tuned for mini-batches of 64 in two epochs.",
    ),
    Claim(
        id="A3.3",
        sentence="The noise of the mini-batch cost goes like 1/√B: a smaller mini-batch has more, a larger one less.",
        formulas=(r"σ ∝ \frac{1}{\sqrt{B}}",),
        experiment=noise_experiment,
        criterion=Within(what="the fitted exponent", least=-0.6, most=-0.4),
        measure=measure_law,
        figure=draw_law,
        caption="Root mean square over the steps of (cost of the mini-batch − cost of all examples at the same "
        "weights): the median over the seeds and its interval.",
    ),
    Claim(
        id="A4",
        sentence="The best mini-batch size: up to 2,000 examples the full batch; above, usually 64, 128, 256 or 512.",
        experiment=size_experiment,
        criterion=Below(
            what="the cost of the best advised size over that of the best other size",
            each="a set of 1,000 and one of 20,000 examples, each in seconds, passes and steps",
            on="set and axis",
            limit=1.0,
        ),
        measure=measure_sizes,
        figure=draw_sizes,
        caption="What it takes to bring the suboptimality of logistic regression to 1% of the first, the rate tuned "
        "for each batch size, and the sizes to compare chosen, on other seeds. Last point: the full batch. Shaded "
        "gray: 64 to 512. Bars: intervals of the medians over seeds. Dashed: half the steps at twice the size.",
    ),
)
