"""A3.2 and A3.3: the cost of mini-batches against the iteration, and how its noise depends on the batch size."""

from functools import cache

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from optbench.analysis.statistics import exponent_interval, median_interval
from optbench.claims import drawing
from optbench.claims.criterion import Above, Below, Parts, Within
from optbench.claims.record import Budget, Claim, Measured, Verdict, fresh_seeds
from optbench.lecture.runs import best_rate, every_step

TUNING, REPORTING = fresh_seeds(12)[:3], fresh_seeds(12)[3:]
DATA = "logistic(data=gaussian(examples=25000))"
ONE_BATCH = 64
SIZES = (8, 16, 32, 64, 128, 256, 512)
FALL, NOISE = "the fall", "the noise"


def _tuned_rate(batch_size: int) -> float:
    spec = {"problems": [DATA], "optimizers": ["gd"], "learning_rates": "0.015625:4:9"}
    return best_rate(spec, TUNING, batch_sizes=[batch_size], epochs=2, workers=1)


@cache
def noisy(budget: Budget) -> dict[str, pd.DataFrame]:
    """`cost`: the mini-batch's cost and that of all examples, at the same weights, step by step for each size."""
    seeds = list(REPORTING)[: 6 if budget.quick else None]
    rate, parts = _tuned_rate(ONE_BATCH), []
    for size in (*SIZES, "full"):
        curve = every_step(DATA, "gd", [rate], seeds=seeds, steps=40 if budget.quick else 60, batch_size=size)
        before = curve.groupby("seed")["train_loss"].shift(1)
        parts.append(curve.assign(full_cost=before, batch_size=str(size))[curve["step"] > 0])
    cost = pd.concat(parts).rename(columns={"lr0": "rate", "batch_loss": "cost"})
    return {"cost": cost[["batch_size", "seed", "rate", "step", "cost", "full_cost"]].reset_index(drop=True)}


def measure_noisy(tables: dict[str, pd.DataFrame]) -> Measured:
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
    figure = Figure(figsize=(6.4, 3.4))
    ax = figure.subplots()
    figure.subplots_adjust(left=0.1, right=0.8, top=0.88, bottom=0.14)
    cost = tables["cost"]
    one = cost[cost["seed"] == cost["seed"].min()]
    for name, color, width in (("16", drawing.look(1)["color"], 0.8), ("64", drawing.look(0)["color"], 1.2),
                               ("full", drawing.BLACK, 1.8)):  # fmt: skip
        part = one[one["batch_size"] == name]
        ax.plot(part["step"], part["cost"], color=color, linewidth=width, label=name)
    ax.set(xlabel="iteration (steps)", ylabel="cost of the step's own batch")
    ax.set_ylim(bottom=0)
    ax.set_title("Batch and mini-batch gradient descent, at the same rate", fontsize=drawing.TITLE_SIZE, loc="left")
    drawing.legend(figure, ax, "batch size")
    return figure


def deviations(cost: pd.DataFrame) -> pd.DataFrame:
    """Root mean square of cost minus full cost: a row per seed, a column per batch size in order."""
    error = cost[cost["batch_size"] != "full"].assign(square=lambda t: (t["cost"] - t["full_cost"]) ** 2)
    table = error.assign(size=error["batch_size"].astype(int)).pivot_table("square", "seed", "size", "mean")
    return np.sqrt(table)


def measure_law(tables: dict[str, pd.DataFrame]) -> Measured:
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
    noises = deviations(tables["cost"]).melt(var_name="batch_size", value_name="noise").assign(optimizer="gd")
    texts = {"gd": f"median; fitted exponent {verdict.effect:.3f}"}
    title = "Deviation of a mini-batch's cost from the cost of all examples"
    with drawing.axes(None, title, [*texts.values(), "1/sqrt(B)"]) as ax:
        drawing.draw_noise(ax, noises, {"gd": drawing.look(0)}, texts)
        ax.set(xlabel="batch size B", ylabel="noise of the mini-batch cost")
    return ax.figure


CLAIMS = (
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
