"""C1: paths of momentum through a narrow bowl, each beta at its best rate, and the cost of its cold start."""

from functools import cache

import numpy as np
import pandas as pd

import optbench
from optbench.analysis import best_configurations, reported_runs
from optbench.analysis.statistics import ratio_interval
from optbench.claims import drawing
from optbench.claims.criterion import AtMost, Below
from optbench.claims.record import Budget, Claim, Measured, exact
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
START_BETAS = (0.5, 0.7, 0.8, 0.9, 0.95, 0.98)
WARM, SHORT_OF = 10, 0.1  # the lecture's number of steps, and the shortfall that still counts as warm
HORIZONS = (10, 100)
COST = 1.25


def label(beta: float, rate: str = OWN) -> str:
    """Return the label of a path: beta and the kind of rate; "GD" for beta 0."""
    return f"beta1 {beta:g}, {rate}" if beta else "GD"


@cache
def experiment(budget: Budget) -> dict[str, pd.DataFrame]:
    """Run momentum with each beta, at its own best rate and at that of gradient descent.

    Returns `tuned`: the best rate of each beta; `measured`: a row for each path; `paths`: the paths of one seed.
    """
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
    """Return the function that measures a column for each beta over gradient descent with the same start and noise."""

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
    """Draw paths of gradient descent and momentum through the bowl."""
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
    """Return the function that draws a column against beta at both rates: median and interval over seeds."""

    def draw(tables, verdict):
        measured = tables["measured"]
        kinds = {label(beta, kind): (f"{beta:g}", f"at the {kind}") for beta in BETAS[1:] for kind in (OWN, SAME)}
        beta, kind = zip(*measured["label"].map(kinds | {"GD": ("GD", "GD")}), strict=True)
        table = drawing.medians(measured.assign(beta1=beta, rate=kind), ["beta1", "rate"], column)
        return drawing.interval_figure({"": table}, "beta1", "rate", title, colors=drawing.INK, ylabel=unit)

    return draw


def _criterion(what: str) -> Below:
    """Return the criterion of a claim: the measure `what` of momentum, divided by that of GD, is below 1."""
    return Below(
        what=f"{what}, as a multiple of that of GD with the same start and noise",
        each="every beta1 from 0.5 to 0.98, at its own best rate and at that of GD",
        on="beta1 and the rate",
        limit=1.0,
    )


_CAPTION = "Median over seeds with its 95% interval; rates were chosen on other seeds."


def correction(beta: float, steps: int) -> str:
    """Return the schedule with which `momentum` in effect divides its average by 1 - beta^t."""
    return f"table(factors={tuple(1 / (1 - beta**t) for t in range(1, steps + 1))})"


@cache
def warm_up(budget: Budget) -> dict[str, pd.DataFrame]:
    """Return `steps`: the length of momentum's steps over that of corrected ones, by the formula and as measured.

    The rate is so small that the gradient does not change on the way, and rounding is far smaller than the rate.
    """
    rate, steps = 1e-6, 60
    methods = [Method(f"{beta}", "momentum", rate, {"beta1": beta}) for beta in START_BETAS]
    paths = run_paths("quadratic(dim=2, condition=1.0, noise=0.0)", methods, [0], steps, 1024)
    rows = []
    for name, path in paths.groupby("label", sort=False):
        beta, way = float(name), path[["w_1", "w_2"]].diff().iloc[1:]
        full = rate * np.hypot(path["gradient_1"], path["gradient_2"]).iloc[:-1].to_numpy()
        length = np.hypot(way["w_1"], way["w_2"]).to_numpy() / full
        rows += [(beta, t, 1 - beta**t, value) for t, value in enumerate(length, start=1)]
    return {"steps": pd.DataFrame(rows, columns=["beta1", "step", "exact", "measured"])}


def measure_warm_up(tables) -> Measured:
    """Measure the share of a corrected step that momentum's tenth step lacks, by beta."""
    tenth = tables["steps"][tables["steps"]["step"] == WARM].set_index("beta1")["measured"]
    cells = {f"beta1 {beta:g}": exact(1 - length) for beta, length in tenth.items()}
    enough = tables["steps"][tables["steps"]["measured"] >= 1 - SHORT_OF].groupby("beta1")["step"].min()
    return Measured(
        cells=cells,
        effect=cells["beta1 0.9"],
        measure=f"share that step {WARM} is short of, at beta1 = 0.9",
        unit="of the corrected step is missing",
        detail=f"Steps until {1 - SHORT_OF:.0%} are reached: "
        + ", ".join(f"{step} at {beta:g}" for beta, step in enough.items())
        + ".",
    )


def figure_warm_up(tables, verdict):
    """Draw the length of momentum's steps over that of corrected ones, a line for each beta."""
    return drawing.line_figure(
        tables["steps"], "step", "measured", "beta1", "How far momentum's average has warmed up: by beta1",
        levels={1 - SHORT_OF: "nine tenths"}, marks={WARM: "10 steps"}, xlabel="step",
        ylabel="step length / corrected step length", xlim=(1, 60), ylim=(0, 1.03),
    )  # fmt: skip


@cache
def cost(budget: Budget) -> dict[str, pd.DataFrame]:
    """Return `final`: the suboptimality on the reporting seeds with and without the correction, at its best rate."""
    split = seeds(budget, 36)
    tuning, parts = split["seeds"][: split["tuning_seeds"]], []
    for steps in HORIZONS:
        for beta in (0.5, 0.9, 0.98):
            results = optbench.sweep(
                {"problems": [PROBLEM], "optimizers": [f"momentum(beta1={beta})"], "batch_sizes": [BATCH]}
                | {"schedules": ["constant", correction(beta, steps)], "learning_rates": "0.1:200:45"}
                | {"steps": steps, **split},
                workers=budget.workers,
            )
            best = best_configurations(results.runs, tuning, by=("problem", "schedule"))
            runs = reported_runs(results.runs, best, tuning)
            corrected = np.where(runs["schedule"] == "constant", "plain", "corrected")
            final = runs["suboptimality_final"].to_numpy()
            parts.append(runs[["beta1", "seed", "lr"]].assign(steps=steps, average=corrected, suboptimality=final))
    return {"final": pd.concat(parts, ignore_index=True)}


def ratios(tables) -> dict[str, tuple]:
    """Return the loss without the correction over that with it, by setting: median and interval over seeds."""
    cells = {}
    for (beta, steps), part in tables["final"].groupby(["beta1", "steps"], sort=True):
        values = by_label(part.rename(columns={"average": "label"}), "suboptimality")
        cells[f"beta1 {beta:g}, {steps} steps"] = ratio_interval(values["plain"], values["corrected"])
    return cells


def measure_cost(tables) -> Measured:
    """Measure the final loss without the correction over that with it, by beta and number of steps."""
    cells = ratios(tables)
    return Measured(
        cells=cells,
        effect=cells["beta1 0.9, 10 steps"],
        measure="final loss without the correction over that with it, after 10 steps at beta1 = 0.9",
        unit="times the loss with the correction",
    )


def figure_cost(tables, verdict):
    """Draw the final loss with and without the correction, a panel for each number of steps."""
    final = tables["final"].replace({"average": {"plain": "without", "corrected": "with correction"}})
    panels = {
        f"{steps} steps": drawing.medians(part, ["beta1", "average"], "suboptimality")
        for steps, part in final.groupby("steps")
    }
    title = "Final loss with and without bias correction, each at its best rate"
    return drawing.interval_figure(panels, "beta1", "average", title, ylabel="suboptimality")


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
    Claim(
        id="C1.4",
        sentence="After about 10 steps the average has warmed up.",
        experiment=warm_up,
        criterion=AtMost(
            what=f"the share that step {WARM} is shorter than the bias-corrected one, on a constant slope",
            each="every beta1 from 0.5 to 0.98",
            on="beta1",
            limit=SHORT_OF,
            percent=True,
        ),
        measure=measure_warm_up,
        figure=figure_warm_up,
        caption="Exactly 1 - beta1^t; the lines are walked. Dashed: the lecture's 10 steps, and nine tenths.",
    ),
    Claim(
        id="C1.5",
        sentence="Momentum does without bias correction.",
        experiment=cost,
        criterion=Below(
            what="the final loss without the correction over that with it, each at its best rate",
            each="three beta1, after 10 and after 100 steps",
            on="beta1 and the steps",
            limit=COST,
        ),
        measure=measure_cost,
        figure=figure_cost,
        caption="Medians over seeds with 95% intervals; rates were chosen on other seeds.",
    ),
)
