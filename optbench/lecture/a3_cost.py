"""A3: the cost against the iteration: full batch, mini-batches, and how their noise depends on the batch size."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

import optbench
from optbench.analysis import best_configurations
from optbench.analysis.statistics import bootstrap_interval, exponent_interval, median_interval
from optbench.claims.record import DEPENDS, FAILS, HOLDS, Budget, Claim, Verdict, fresh_seeds
from optbench.lecture.every_step import every_step
from optbench.report import style

STEPS = 40
BELOW, ABOVE = (0.25, 0.5, 0.75, 0.95), (1.05, 1.25, 1.5, 2.0)  # rates in units of 2/L
_ROUNDING = 1e-12

TUNING, REPORTING = fresh_seeds(12)[:3], fresh_seeds(12)[3:]
DATA = "logistic(data=gaussian(examples=25000))"
ONE_BATCH = 64
SIZES = (8, 16, 32, 64, 128, 256, 512)


@cache
def monotone(budget: Budget) -> dict[str, pd.DataFrame]:
    """`cost`: every step of full-batch runs; `shares`: how many of them fall, run by run."""
    parts = []
    for name, largest in (("quadratic", 1.0), ("logistic", _largest_curvature())):
        rates = [2 / largest * factor for factor in (*BELOW, *ABOVE)]
        text = name if name == "quadratic" else "logistic(data=gaussian)"
        curve = every_step(text, "gd", rates, seeds=REPORTING[: 4 if budget.quick else None], steps=STEPS)
        parts.append(curve.assign(problem=name, rate=(curve["lr0"] * largest / 2).round(6)))
    cost = pd.concat(parts)[["problem", "rate", "seed", "step", "train_loss"]]
    runs = cost.groupby(["problem", "rate", "seed"], sort=False)["train_loss"]
    # The steps that a diverged run did not live to see count as steps that do not fall.
    shares = runs.agg(lambda f: np.sum(np.diff(f) <= _ROUNDING * np.abs(f.to_numpy()[:-1])) / STEPS)
    return {"cost": cost, "shares": shares.rename("share").reset_index()}


def _largest_curvature() -> float:
    """L of logistic regression: x'x/n has its largest eigenvalue, times the sigmoid's steepest slope, plus l2."""
    x = np.asarray(optbench.problems()["logistic"].build({"data": "gaussian"}).data[0])
    return float(np.linalg.eigvalsh(x.T @ x / len(x))[-1] / 4 + 0.01)


def judge_monotone(tables: dict[str, pd.DataFrame]) -> Verdict:
    shares = tables["shares"]
    below, above = shares[shares["rate"] < 1], shares[shares["rate"] > 1]
    by_seed = above.groupby("seed")["share"].mean().to_numpy()
    effect, low, high = bootstrap_interval(by_seed, np.mean)
    all_below, all_above = below["share"].min() == 1, above["share"].min() == 1
    rows = [f"{name} {100 * part['share'].mean():.0f}%" for name, part in above.groupby("problem", sort=False)]
    on = (
        f"the rate: below 2/L every one of {STEPS * len(below):,} steps falls, above 2/L a share of {effect:.2f} "
        f"({', '.join(rows)})"
    )
    verdict = HOLDS if all_below and all_above else DEPENDS if all_below else FAILS
    return Verdict(
        verdict, effect, low, high, "share of full-batch steps that do not raise the cost, at rates above 2/L",
        on=on if verdict == DEPENDS else "",
        detail=f"At rates below 2/L the smallest share of a run is {below['share'].min():.3f}.",
    )  # fmt: skip


def draw_monotone(tables: dict[str, pd.DataFrame], verdict: Verdict) -> Figure:
    figure = Figure(figsize=(6.6, 3.4))
    left, right = figure.subplots(1, 2)
    figure.subplots_adjust(left=0.1, right=0.98, top=0.83, bottom=0.15, wspace=0.3)
    cost = tables["cost"]
    one = cost[(cost["problem"] == "quadratic") & (cost["seed"] == cost["seed"].min())]
    for place, rate in enumerate((0.25, 0.95, 1.05, 1.25)):
        part = one[one["rate"] == rate]
        look = style.look(place)
        style.draw_line(left, part["step"], part["train_loss"], look, f"{rate:g}", markevery=8)
    left.set(yscale="log", xlabel="iteration", ylabel="cost", ylim=(None, 1e4))
    style.log_ticks(left.yaxis, *left.get_ylim())
    left.set_title("Full batch on a quadratic, by rate", fontsize=style.PANEL_TITLE)
    left.legend(title="rate in 2/L", fontsize=7, title_fontsize=7, loc="upper left")
    means = tables["shares"].groupby(["problem", "rate"], sort=False)["share"].mean().reset_index()
    for place, (name, part) in enumerate(means.groupby("problem", sort=False)):
        style.draw_line(right, part["rate"], 100 * part["share"], style.look(place), name)
    right.axvline(1, color=style.GRAY, linewidth=1, linestyle=(0, (2, 2)))
    right.set(xlabel="rate in units of 2/L", ylabel="steps that fall (%)", ylim=(0, 105))
    right.set_title("Share of steps that fall", fontsize=style.PANEL_TITLE)
    right.legend(fontsize=7.5, loc="lower left")
    return figure


def _tuned_rate(batch_size: int) -> float:
    spec = {"problems": [DATA], "optimizers": ["gd"], "learning_rates": "0.015625:4:9"}
    runs = optbench.sweep(spec, batch_sizes=[batch_size], seeds=list(TUNING), tuning_seeds=0, epochs=2, workers=1).runs
    return float(best_configurations(runs, TUNING)["lr"].iloc[0])


@cache
def noisy(budget: Budget) -> dict[str, pd.DataFrame]:
    """`cost`: the mini-batch's cost and that of all examples, at the same weights, step by step for each size."""
    seeds = list(REPORTING)[: 6 if budget.quick else None]
    rate, parts = _tuned_rate(ONE_BATCH), []
    for size in (*SIZES, "full"):
        curve = every_step(DATA, "gd", [rate], seeds=seeds, steps=40 if budget.quick else 60, batch_size=size)
        at = curve.groupby("seed")["train_loss"].shift(1)
        parts.append(curve.assign(full_cost=at, batch_size=str(size))[curve["step"] > 0])
    cost = pd.concat(parts).rename(columns={"lr0": "rate", "batch_loss": "cost"})
    return {"cost": cost[["batch_size", "seed", "rate", "step", "cost", "full_cost"]].reset_index(drop=True)}


def judge_noisy(tables: dict[str, pd.DataFrame]) -> Verdict:
    cost = tables["cost"]
    runs = cost[cost["batch_size"] == str(ONE_BATCH)].sort_values("step").groupby("seed")["cost"]
    rising = median_interval(runs.agg(lambda f: np.mean(np.diff(f) > 0)))
    left = median_interval(runs.agg(lambda f: np.mean(f.to_numpy()[-len(f) // 4 :]) / f.iloc[0]))
    return Verdict(
        HOLDS if left[2] < 1 and rising[1] > 0.2 else FAILS, *rising,
        f"share of steps at which the cost of {ONE_BATCH} examples rises",
        detail=f"Over the run that cost falls to {left[0]:.2f} [{left[1]:.2f}, {left[2]:.2f}] of what it was (mean of "
        "the last quarter).",
    )  # fmt: skip


def draw_noisy(tables: dict[str, pd.DataFrame], verdict: Verdict) -> Figure:
    figure = Figure(figsize=(6.4, 3.4))
    ax = figure.subplots()
    figure.subplots_adjust(left=0.1, right=0.8, top=0.88, bottom=0.14)
    cost = tables["cost"]
    one = cost[cost["seed"] == cost["seed"].min()]
    for name, color, width in (("16", style.look(1)["color"], 0.8), ("64", style.look(0)["color"], 1.2),
                               ("full", style.BLACK, 1.8)):  # fmt: skip
        part = one[one["batch_size"] == name]
        ax.plot(part["step"], part["cost"], color=color, linewidth=width, label=name)
    ax.set(xlabel="iteration (steps)", ylabel="cost of the step's own batch")
    ax.set_ylim(bottom=0)
    ax.set_title("Batch and mini-batch gradient descent, at the same rate", fontsize=style.TITLE_SIZE, loc="left")
    style.legend(figure, ax, "batch size")
    return figure


def deviations(cost: pd.DataFrame) -> pd.DataFrame:
    """Root mean square of cost minus full cost: a row per seed, a column per batch size in order."""
    error = cost[cost["batch_size"] != "full"].assign(square=lambda t: (t["cost"] - t["full_cost"]) ** 2)
    table = error.assign(size=error["batch_size"].astype(int)).pivot_table("square", "seed", "size", "mean")
    return np.sqrt(table)


def judge_law(tables: dict[str, pd.DataFrame]) -> Verdict:
    table = deviations(tables["cost"])
    effect, low, high = exponent_interval(table.columns, table.to_numpy())
    middle = table.median()
    return Verdict(
        HOLDS if -0.6 <= low and high <= -0.4 else FAILS, effect, low, high,
        "fitted exponent p of the noise of the mini-batch cost, noise ~ B^p",
        detail=f"From B = {table.columns[0]} to {table.columns[-1]} the noise falls from {middle.iloc[0]:.3f} to "
        f"{middle.iloc[-1]:.4f}, by a factor of {middle.iloc[0] / middle.iloc[-1]:.1f}; 1/sqrt(B) says "
        f"{np.sqrt(table.columns[-1] / table.columns[0]):.1f}.",
    )  # fmt: skip


def draw_law(tables: dict[str, pd.DataFrame], verdict: Verdict) -> Figure:
    figure = Figure(figsize=(6.4, 3.4))
    ax = figure.subplots()
    figure.subplots_adjust(left=0.12, right=0.97, top=0.88, bottom=0.14)
    table = deviations(tables["cost"])
    sizes, middle = np.array(table.columns, float), table.median().to_numpy()
    for row in table.to_numpy():
        ax.plot(sizes, row, ".", color=style.PALE, markersize=5)
    ax.plot([], [], ".", color=style.PALE, markersize=7, label="each seed")
    style.draw_line(ax, sizes, middle, style.look(0), f"median; fitted exponent {verdict.effect:.3f}")
    ax.plot(sizes, middle[0] * (sizes / sizes[0]) ** -0.5, color=style.GRAY, linestyle=(0, (3, 2)), label="1/sqrt(B)")
    ax.set(xscale="log", yscale="log", xlabel="batch size B", ylabel="noise of the mini-batch cost")
    style.log_ticks(ax.xaxis, sizes[0], sizes[-1], plain=True)
    style.log_ticks(ax.yaxis, *ax.get_ylim(), plain=True)
    ax.set_title(
        "Deviation of a mini-batch's cost from the cost of all examples", fontsize=style.TITLE_SIZE, loc="left"
    )
    ax.legend(fontsize=style.LEGEND_SIZE, loc="lower left")
    return figure


CLAIMS = (
    Claim(
        "A3.1",
        "Batch gradient descent: the cost must fall at every iteration.",
        "Holds if every step falls at all rates tried, from 0.25 to 2 times 2/L (L: the largest curvature); depends if "
        "every step falls below 2/L, and not above; does not hold if a step rises below 2/L, too.",
        monotone,
        judge_monotone,
        draw_monotone,
        "Left: one run at four rates. Right: the mean share of steps that do not raise the cost, against the rate. For "
        "logistic regression L bounds the curvature, which is smaller away from the start, so rates a little above 2/L "
        "can still fall; steps after a divergence count as rising.",
    ),
    Claim(
        "A3.2",
        "Mini-batch gradient descent: the cost falls on the whole, with much noise.",
        "Holds if the cost of the last quarter of the mini-batches lies below the first one's, and more than a fifth "
        "of the steps rise (both intervals); does not hold otherwise.",
        noisy,
        judge_noisy,
        draw_noisy,
        "The cost that each step sees, on the examples of its own batch: one seed, logistic regression on 20,000 "
        "examples, the rate tuned for mini-batches of 64 in two epochs.",
    ),
    Claim(
        "A3.3",
        "The noise of the mini-batch cost grows like 1/sqrt(B) as the mini-batch gets smaller.",
        "Holds if the interval of the fitted exponent lies within [-0.6, -0.4]; does not hold otherwise.",
        noisy,
        judge_law,
        draw_law,
        "Root mean square over the steps of (cost of the mini-batch − cost of all examples at the same weights).",
    ),
)  # fmt: skip
