"""C1: momentum's missing bias correction, in the length of the first steps and in what it costs."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd

import optbench
from optbench.analysis import best_configurations, reported_runs
from optbench.analysis.statistics import median_interval, ratio_interval
from optbench.claims.record import Budget, Claim, Verdict
from optbench.lecture.c1_momentum import BATCH, PROBLEM
from optbench.lecture.planes import INK, Walker, by_label, seeds, spread, walks, weigh
from optbench.report import style

BETAS = (0.5, 0.7, 0.8, 0.9, 0.95, 0.98)
WARM, SHORT_OF = 10, 0.1  # the lecture's number of steps, and the shortfall that still counts as warm
HORIZONS = (10, 100)
COST = 1.25


def correction(beta: float, steps: int) -> str:
    """The schedule that makes `momentum` divide its average by 1 - beta^t."""
    return f"table(factors={tuple(1 / (1 - beta**t) for t in range(1, steps + 1))})"


@cache
def warm_up(budget: Budget) -> dict[str, pd.DataFrame]:
    """steps: the length of momentum's steps over that of corrected ones, exactly and as walked.

    The rate is so small that the gradient does not change on the way, and rounding is far smaller than the rate.
    """
    rate, steps = 1e-6, 60
    walkers = [Walker(f"{beta}", f"momentum(beta1={beta})", rate) for beta in BETAS]
    paths = walks("quadratic(dim=2, condition=1.0, noise=0.0)", walkers, [0], steps, 1024)
    rows = []
    for name, walk in paths.groupby("label", sort=False):
        beta, way = float(name), walk[["w_1", "w_2"]].diff().iloc[1:]
        full = rate * np.hypot(walk["gradient_1"], walk["gradient_2"]).iloc[:-1].to_numpy()
        made = np.hypot(way["w_1"], way["w_2"]).to_numpy() / full
        rows += [(beta, t, 1 - beta**t, value) for t, value in enumerate(made, start=1)]
    return {"steps": pd.DataFrame(rows, columns=["beta1", "step", "exact", "measured"])}


def judge_warm_up(tables) -> Verdict:
    at = tables["steps"][tables["steps"]["step"] == WARM].set_index("beta1")["measured"]
    cells = {f"beta1 {beta:g}": (1 - made,) * 3 for beta, made in at.items()}
    enough = tables["steps"][tables["steps"]["measured"] >= 1 - SHORT_OF].groupby("beta1")["step"].min()
    detail = "Steps until 90% are reached: " + ", ".join(f"{step} at {beta:g}" for beta, step in enough.items()) + "."
    return weigh(cells, SHORT_OF, SHORT_OF, "beta1 0.9", "share that the 10th step is short of, at beta1 = 0.9", detail)


def figure_warm_up(tables, verdict):
    figure, grid = style.new_figure(
        (4.3, 2.6), left=0.75, right=1.5, top=0.4, bottom=0.5, title="How far momentum's average has warmed up"
    )
    ax = grid[0, 0]
    ax.axhline(1 - SHORT_OF, color=style.GRAY, linewidth=0.9, linestyle=(0, (3, 2)))
    ax.axvline(WARM, color=style.GRAY, linewidth=0.9, linestyle=(0, (3, 2)))
    for (beta, part), color in zip(tables["steps"].groupby("beta1"), (*INK[1:], INK[0]), strict=False):
        ax.plot(part["step"], part["measured"], color=color, label=f"beta1 = {beta:g}")
    ax.set(xlabel="step", ylabel="step length / corrected step length", xlim=(1, 60), ylim=(0, 1.03))
    style.legend(figure, ax)
    return figure


@cache
def cost(budget: Budget) -> dict[str, pd.DataFrame]:
    """final: the suboptimality with and without the correction on the reporting seeds, each at its own best rate."""
    split = seeds(budget, 36)
    tuning, parts = split["seeds"][: split["tuning_seeds"]], []
    for steps in HORIZONS:
        for beta in (0.5, 0.9, 0.98):
            found = optbench.sweep(
                {"problems": [PROBLEM], "optimizers": [f"momentum(beta1={beta})"], "batch_sizes": [BATCH]}
                | {"schedules": ["constant", correction(beta, steps)], "learning_rates": "0.1:200:45"}
                | {"steps": steps, **split},
                workers=budget.workers,
            )
            best = best_configurations(found.runs, tuning, by=("problem", "schedule"))
            runs = reported_runs(found.runs, best, tuning)
            corrected = np.where(runs["schedule"] == "constant", "plain", "corrected")
            final = runs["suboptimality_final"].to_numpy()
            parts.append(runs[["beta1", "seed", "lr"]].assign(steps=steps, average=corrected, suboptimality=final))
    return {"final": pd.concat(parts, ignore_index=True)}


def ratios(tables) -> dict[str, tuple]:
    """The loss without over that with the correction, by setting: median and interval over seeds."""
    cells = {}
    for (beta, steps), part in tables["final"].groupby(["beta1", "steps"], sort=True):
        values = by_label(part.rename(columns={"average": "label"}), "suboptimality")
        cells[f"beta1 {beta:g}, {steps} steps"] = ratio_interval(values["plain"], values["corrected"])
    return cells


def judge_cost(tables) -> Verdict:
    measure = "final loss without the correction, as a multiple of that with it, after 10 steps at beta1 = 0.9"
    return weigh(ratios(tables), COST, COST, "beta1 0.9, 10 steps", measure)


def figure_cost(tables, verdict):
    names = {"plain": "without", "corrected": "with correction"}
    figure, grid = style.new_figure(
        (2.4, 2.4), 1, 2, left=0.85, right=style.legend_width(names.values()), top=0.6, bottom=0.5, gap=(0.5, 0.1),
        title="Final loss with and without bias correction, each at its best rate",
    )  # fmt: skip
    for ax, (steps, rows) in zip(grid[0], tables["final"].groupby("steps"), strict=True):
        for (name, text), color, shift in zip(names.items(), INK[1:], (-0.12, 0.12), strict=False):
            for place, (_, part) in enumerate(rows[rows["average"] == name].groupby("beta1")):
                spread(ax, place + shift, median_interval(part["suboptimality"]), color, "" if place else text)
        ax.set_xticks(range(rows["beta1"].nunique()), [f"{beta:g}" for beta in sorted(rows["beta1"].unique())])
        ax.set(xlabel="beta1", yscale="log")
        style.log_ticks(ax.yaxis, *ax.get_ylim())
        style.panel_title(ax, f"{steps} steps", 2.4)
    grid[0, 0].set_ylabel("suboptimality")
    style.legend(figure, grid[0, 1])
    return figure


CLAIMS = (
    Claim(
        "C1.4",
        "After about 10 steps the average has warmed up.",
        "For every beta1 from 0.5 to 0.98, on a constant slope: holds where the 10th step falls short of the "
        "bias-corrected one by at most 10%. All betas: holds; none: does not hold; else it depends on beta1.",
        warm_up,
        judge_warm_up,
        figure_warm_up,
        "Exactly 1 - beta1^t; the lines are walked. Dashed: the lecture's 10 steps, and nine tenths.",
    ),
    Claim(
        "C1.5",
        "Momentum does without bias correction.",
        "For three beta1, after 10 and after 100 steps, with and without the correction at the best rate of each: the "
        "ratio of the final losses, without over with. Harmless where its whole interval lies under 1.25, harmful "
        "where it lies over. All harmless: holds; all harmful: does not hold; else it depends.",
        cost,
        judge_cost,
        figure_cost,
        "Medians over seeds with 95% intervals; rates were chosen on other seeds.",
    ),
)
