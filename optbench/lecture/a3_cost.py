"""A3: the cost of batch gradient descent, iteration by iteration, and the noise of mini-batches by their size."""

from functools import cache

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

import optbench
from optbench.analysis.statistics import exponent_interval, median_interval, share_interval
from optbench.claims import drawing
from optbench.claims.criterion import Above, Below, Parts, Within
from optbench.claims.record import SECOND_SEED, Budget, Claim, Measured, Verdict, fresh_seeds, split_seeds
from optbench.lecture.runs import best_rate, every_step

STEPS = 40
PROBLEMS = {
    "quadratic": "quadratic",
    "logistic": "logistic(data=gaussian)",
    "softmax": "softmax",
    "network": "mlp(data=breast_cancer, hidden=(16,))",
}
RATES = [2.0**power for power in range(-6, 7)]
RUNS, QUICK_RUNS = 40, 36  # without a single rise the 95% interval ends at 8.8% and at 9.6%: it can hold
RARE = 0.1
BELOW, ABOVE = (0.25, 0.5, 0.75, 0.95), (1.05, 1.25, 1.5, 2.0)  # rates in units of 2/L
_ROUNDING = 1e-12
TUNING, REPORTING = fresh_seeds(12)[:3], fresh_seeds(12)[3:]
DATA = "logistic(data=gaussian(examples=25000))"
ONE_BATCH = 64
SIZES = (8, 16, 32, 64, 128, 256, 512)
FALL, NOISE = "the fall", "the noise"


@cache
def experiment(budget: Budget) -> dict[str, pd.DataFrame]:
    """Count the steps of full-batch gradient descent that raise the cost.

    Returns `runs`: the number of such steps in each run, at the rate that is best on other seeds; `cost`: the cost of
    every step at rates on both sides of 2/L (L: the largest curvature); `shares`: the share of steps that lower it.
    """
    tuning, reporting = split_seeds(3, QUICK_RUNS if budget.quick else RUNS, SECOND_SEED)
    rows = []
    for name, problem in PROBLEMS.items():
        spec = {"problems": [problem], "optimizers": ["gd"], "learning_rates": RATES}
        rate = best_rate(spec, tuning, steps=STEPS, workers=budget.workers)
        curve = every_step(problem, "gd", [rate], seeds=reporting, steps=STEPS)
        rises = curve.groupby("seed")["train_loss"].agg(lambda f: STEPS - _falling(f))
        rows += [(name, rate, seed, count) for seed, count in rises.items()]
    runs = pd.DataFrame(rows, columns=["problem", "rate", "seed", "rises"])
    return {"runs": runs, **_around_two_over_l(budget)}


def _around_two_over_l(budget: Budget) -> dict[str, pd.DataFrame]:
    """Run gradient descent at learning rates on both sides of 2/L; return the tables `cost` and `shares`."""
    parts = []
    for name, largest in (("quadratic", 1.0), ("logistic", _largest_curvature())):
        rates = [2 / largest * factor for factor in (*BELOW, *ABOVE)]
        seeds = fresh_seeds(12)[3 : 7 if budget.quick else None]
        curve = every_step(PROBLEMS[name], "gd", rates, seeds=seeds, steps=STEPS)
        parts.append(curve.assign(problem=name, rate=(curve["lr0"] * largest / 2).round(6)))
    cost = pd.concat(parts)[["problem", "rate", "seed", "step", "train_loss"]]
    runs = cost.groupby(["problem", "rate", "seed"], sort=False)["train_loss"]
    shares = runs.agg(lambda f: _falling(f) / STEPS)
    return {"cost": cost, "shares": shares.rename("share").reset_index()}


def _falling(cost: pd.Series) -> int:
    """Count the steps that do not raise the cost; steps after a divergence do not count."""
    return int(np.sum(np.diff(cost) <= _ROUNDING * np.abs(cost.to_numpy()[:-1])))


def _largest_curvature() -> float:
    """Return L of logistic regression: the largest eigenvalue of x'x/n, times the sigmoid's steepest slope, plus l2."""
    x = np.asarray(optbench.problems()["logistic"].build({"data": "gaussian"}).data[0])
    return float(np.linalg.eigvalsh(x.T @ x / len(x))[-1] / 4 + 0.01)


def with_rises(runs: pd.DataFrame) -> dict[str, tuple[float, float, float]]:
    """Return, by problem, the share of the runs in which some step raises the cost, with its interval."""
    groups = runs.groupby("problem", sort=False)["rises"]
    return {name: share_interval(int((rises > 0).sum()), len(rises)) for name, rises in groups}


def measure(tables: dict[str, pd.DataFrame]) -> Measured:
    """Measure the share of the runs in which some step raises the cost, by problem."""
    runs, shares = tables["runs"], tables["shares"]
    cells = with_rises(runs)
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
        unit="of the network's runs have a rise",
        detail=f"Best rates: {rates}. Most rises in a run of {STEPS} steps: {most}. The rate decides: below 2/L (L: "
        f"the largest curvature) {below['share'].mean():.1%} of the steps fall, above it, up to {max(ABOVE):g} times, "
        f"{each}.",
    )


def draw(tables: dict[str, pd.DataFrame], verdict: Verdict) -> Figure:
    """Draw the cost by rate, the share of steps that lower it, and the share of runs with a rise."""
    title = "Steps of the full batch that raise the cost"
    figure, grid = drawing.new_figure(
        (1.85, 2.3), 1, 3, left=0.65, right=0.15, top=0.62, bottom=0.7, gap=(0.7, 0), title=title
    )
    left, right, last = grid[0]
    cost = tables["cost"]
    one = cost[(cost["problem"] == "quadratic") & (cost["seed"] == cost["seed"].min())]
    drawing.draw_lines(left, one[one["rate"].isin((0.25, 0.95, 1.05, 1.25))], "step", "train_loss", "rate", marks=5)
    left.set(yscale="log", xlabel="iteration", ylabel="cost", ylim=(None, 1e6))
    left.legend(title="rate in 2/L", fontsize=7, title_fontsize=7, loc="upper right", ncols=2, columnspacing=0.8)
    means = tables["shares"].groupby(["problem", "rate"], sort=False)["share"].mean().reset_index()
    drawing.draw_lines(right, means.assign(share=100 * means["share"]), "rate", "share", "problem")
    right.set(xlabel="rate in units of 2/L", ylabel="steps that fall (%)", ylim=(0, 105))
    right.legend(fontsize=7.5, loc="lower left")
    shares = [(name, *(100 * np.array(interval))) for name, interval in with_rises(tables["runs"]).items()]
    shares = pd.DataFrame(shares, columns=["problem", "median", "low", "high"]).assign(what="")
    drawing.draw_intervals(last, shares, "problem", "what")
    drawing.draw_level(last, 100 * RARE, "")
    last.tick_params(axis="x", labelsize=7, rotation=20)
    last.set(ylabel="runs with a rise (%)", ylim=(-3, 105))
    for ax, words in zip(
        grid[0], ("On a quadratic, by rate", "Share of steps that fall", "At the best rate"), strict=True
    ):
        drawing.log_axes(ax)
        drawing.panel_title(ax, words, 2.3)
    return figure


def _tuned_rate(batch_size: int) -> float:
    """Return the best learning rate of gradient descent for a batch size, chosen on the tuning seeds."""
    spec = {"problems": [DATA], "optimizers": ["gd"], "learning_rates": "0.015625:4:9"}
    return best_rate(spec, TUNING, batch_sizes=[batch_size], epochs=2, workers=1)


@cache
def noisy(budget: Budget) -> dict[str, pd.DataFrame]:
    """Return `cost`: at each step and for each batch size, the mini-batch's cost and that of all examples there."""
    seeds = list(REPORTING)[: 6 if budget.quick else None]
    rate, parts = _tuned_rate(ONE_BATCH), []
    for size in (*SIZES, "full"):
        curve = every_step(DATA, "gd", [rate], seeds=seeds, steps=40 if budget.quick else 60, batch_size=size)
        before = curve.groupby("seed")["train_loss"].shift(1)
        parts.append(curve.assign(full_cost=before, batch_size=str(size))[curve["step"] > 0])
    cost = pd.concat(parts).rename(columns={"lr0": "rate", "batch_loss": "cost"})
    return {"cost": cost[["batch_size", "seed", "rate", "step", "cost", "full_cost"]].reset_index(drop=True)}


def measure_noisy(tables: dict[str, pd.DataFrame]) -> Measured:
    """Measure the share of steps at which the mini-batch's cost rises, and how far it falls over a run."""
    cost = tables["cost"]
    runs = cost[cost["batch_size"] == str(ONE_BATCH)].sort_values("step").groupby("seed")["cost"]
    rising = median_interval(runs.agg(lambda f: np.mean(np.diff(f) > 0)))
    left = median_interval(runs.agg(lambda f: np.mean(f.to_numpy()[-len(f) // 4 :]) / f.iloc[0]))
    return Measured(
        cells={FALL: {"all": left}, NOISE: {"all": rising}},
        effect=rising,
        measure=f"share of steps at which the cost of {ONE_BATCH} examples rises",
        unit="of the steps rise",
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
        unit="is the power of B",
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
    return ax.figure


CLAIMS = (
    Claim(
        id="A3.1",
        sentence="Batch gradient descent: the cost must fall at every iteration.",
        experiment=experiment,
        criterion=Below(
            what=f"the share of runs in which some of {STEPS} full-batch steps raises the cost, at the rate that ends "
            "lowest on other seeds",
            each="a quadratic, logistic regression, softmax regression and a network",
            on="the problem",
            limit=RARE,
            percent=True,
        ),
        measure=measure,
        figure=draw,
        caption="Left: one run at four rates. Middle: the mean share of steps that do not raise the cost, against the "
        "rate. For logistic regression L bounds the curvature, which is smaller away from the start, so rates a little "
        "above 2/L can still fall; steps after a divergence count as rising. Right: the share of runs in which some "
        "step raises the cost, each problem at its best rate (dashed: the criterion).",
    ),
    Claim(
        id="A3.2",
        sentence="Mini-batch gradient descent: the cost falls on the whole, with much noise.",
        experiment=noisy,
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
        sentence="The noise of the mini-batch cost grows like 1/sqrt(B) as the mini-batch gets smaller.",
        experiment=noisy,
        criterion=Within(what="the fitted exponent", least=-0.6, most=-0.4),
        measure=measure_law,
        figure=draw_law,
        caption="Root mean square over the steps of (cost of the mini-batch − cost of all examples at the same "
        "weights): the median over the seeds and its interval.",
    ),
)
