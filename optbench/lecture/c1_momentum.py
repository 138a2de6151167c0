"""C1: what momentum does to a path through a narrow bowl, against beta, each beta at the rate that is best for it."""

from functools import cache

import numpy as np
import pandas as pd

import optbench
from optbench.analysis import best_configurations
from optbench.analysis.statistics import median_interval, ratio_interval
from optbench.claims import drawing
from optbench.claims.criterion import Below
from optbench.claims.record import Budget, Claim, Measured
from optbench.lecture.planes import (
    Method,
    bowl_panels,
    by_label,
    draw_bowl,
    farthest_path,
    halving,
    measure_paths,
    path_length,
    reversals,
    run_paths,
    seeds,
)

PROBLEM, CONDITION = "quadratic(dim=2, condition=100.0, noise=0.02)", 100.0
BATCH, STEPS = 64, 100
BETAS = (0.0, 0.5, 0.8, 0.9, 0.98)
OWN, SAME = "own best rate", "rate of GD"


def label(beta: float, rate: str = OWN) -> str:
    return f"beta1 {beta:g}, {rate}" if beta else "GD"


@cache
def experiment(budget: Budget) -> dict[str, pd.DataFrame]:
    """tuned: the rate of each beta; measured: a row a path; paths: those of one seed."""
    split = seeds(budget, 36)
    results = optbench.sweep(
        {"problems": [PROBLEM], "optimizers": [f"momentum(beta1={list(BETAS)})"], "batch_sizes": [BATCH]}
        | {"learning_rates": "0.1:200:34", "steps": STEPS, **split},
        workers=budget.workers,
    )
    tuning = split["seeds"][: split["tuning_seeds"]]
    best = best_configurations(results.runs, tuning, by=("problem", "optimizer", "beta1"))
    rate = dict(zip(best["beta1"], best["lr"], strict=True))
    methods = [
        Method(label(beta, kind), "momentum", lr, {"beta1": beta})
        for beta in BETAS
        for kind, lr in {OWN: rate[beta], SAME: rate[0.0]}.items()
        if beta or kind == OWN
    ]
    paths = run_paths(PROBLEM, methods, split["seeds"][len(tuning) :], STEPS, BATCH)
    return {
        "tuned": best[["beta1", "lr", "tuning_median", "median", "low", "high", "n", "failures", "edge_side"]],
        "measured": measure_paths(paths, reversals=reversals, way=path_length, steps=halving),
        "paths": farthest_path(paths),
    }


def measure(column: str, what: str, unit: str):
    """A measure of each beta's number over that of gradient descent from the same start with the same noise."""

    def measured_against_gd(tables) -> Measured:
        values = by_label(tables["measured"], column)
        plain = values.pop(label(0.0))
        cells = {name: ratio_interval(ours, plain) for name, ours in values.items()}
        return Measured(
            cells=cells,
            effect=cells[label(0.9)],
            measure=f"{what}, as a multiple of GD's, at beta1 = 0.9, both at their best rates",
            unit=f"times GD's {unit}",
            detail=f"Median of GD: {np.median(plain):.3g}.",
        )

    return measured_against_gd


def figure_paths(tables, verdict):
    paths, rates = tables["paths"], tables["tuned"].set_index("beta1")["lr"]
    shown = [(0.0, OWN), (0.9, SAME), (0.98, SAME), (0.5, OWN), (0.9, OWN), (0.98, OWN)]
    figure, grid = bowl_panels(2, 3, "Paths through a bowl 100 times as steep as flat", sharex=True, sharey=True)
    for ax, (beta, kind) in zip(grid.flat, shown, strict=True):
        name, rate = f"beta1 = {beta:g}" if beta else "GD", rates[beta if kind == OWN else 0.0]
        words = f"{name}, rate {rate:.2g} ({'its best' if kind == OWN else 'as GD'})"
        path = paths[paths["label"] == label(beta, kind)]
        draw_bowl(ax, path, paths, CONDITION, drawing.INK[BETAS.index(beta)], words)
    return figure


def figure_bars(column: str, title: str, unit: str):
    """A figure of one measure against beta at both rates: median and interval over seeds."""

    def draw(tables, verdict):
        values = by_label(tables["measured"], column)
        right = drawing.legend_width([f"at its {OWN}"])
        figure, ax = drawing.panel((4.0, 2.6), left=0.85, right=right, title=title)
        for kind, color, shift in ((OWN, drawing.INK[1], -0.1), (SAME, drawing.INK[2], 0.1)):
            for place, beta in enumerate(BETAS):
                if beta or kind == OWN:
                    ink, x = (color, place + shift) if beta else (drawing.INK[0], place)
                    name = {0: "GD", 2: f"at its {kind}" if kind == OWN else f"at the {kind}"}.get(place)
                    drawing.draw_interval(ax, x, median_interval(values[label(beta, kind)]), ink, name)
        ax.set_xticks(range(len(BETAS)), ["GD", *(f"{beta:g}" for beta in BETAS[1:])])
        ax.set(xlabel="beta1", ylabel=unit, yscale="log")
        drawing.log_axes(ax, plain=True)
        drawing.legend(figure, ax)
        return figure

    return draw


def _criterion(what: str) -> Below:
    return Below(
        what=f"{what}, as a multiple of that of GD with the same start and noise",
        each="every beta1 from 0.5 to 0.98, at its own best rate and at that of GD",
        on="beta1 and the rate",
        limit=1.0,
    )


_CAPTION = "Median over seeds with its 95% interval; rates were chosen on other seeds."
CLAIMS = (
    Claim(
        id="C1.1",
        sentence="Momentum smooths the steps: the path turns back along the steep axis less often.",
        experiment=experiment,
        criterion=_criterion("the share of the steps that turn back along the steep axis"),
        measure=measure("reversals", "share of steps that turn back", "turns"),
        figure=figure_paths,
        caption="Offsets from the minimum (star) along the flat axis (across) and the steep one (up): 100 steps of one "
        "seed, a dot each, the square the last.",
    ),
    Claim(
        id="C1.2",
        sentence="Momentum oscillates less: the way back and forth along the steep axis is shorter.",
        experiment=experiment,
        criterion=_criterion(f"the way along the steep axis in {STEPS} steps"),
        measure=measure("way", "way along the steep axis", "way"),
        figure=figure_bars("way", "Way along the steep axis in 100 steps", "start distances"),
        caption=_CAPTION,
    ),
    Claim(
        id="C1.3",
        sentence="Momentum gets ahead faster along the flat axis.",
        experiment=experiment,
        criterion=_criterion(f"the steps that halve the distance along the flat axis (infinite if not within {STEPS})"),
        measure=measure("steps", "steps to halve the distance along the flat axis", "steps"),
        figure=figure_bars("steps", "Steps to halve the distance along the flat axis", "steps"),
        caption=_CAPTION,
    ),
)
