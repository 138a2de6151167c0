"""C2: RMSProp's rate of each coordinate, and what it does to a path; the axes of the bowl turned step by step."""

from functools import cache

import numpy as np
import pandas as pd

import optbench
from optbench.analysis import best_configurations
from optbench.analysis.statistics import bootstrap_interval, ratio_interval
from optbench.claims import drawing
from optbench.claims.criterion import Below, Within
from optbench.claims.record import Budget, Claim, Measured, fresh_seeds
from optbench.lecture.planes import (
    Method,
    bowl_panels,
    by_label,
    curvature,
    draw_bowl,
    farthest_path,
    halving,
    measure_paths,
    path_length,
    run_paths,
    seeds,
)

CONDITIONS = (3.0, 10.0, 30.0, 100.0, 300.0, 1000.0)
ANGLES, STEEPNESS = (0, 20, 45), (100.0, 1000.0)
BATCH, STEPS = 64, 100
NAMES = {"gd": ("GD", drawing.INK[0]), "rmsprop": ("RMSProp", drawing.INK[1])}


@cache
def bowl(angle: int, condition: float, noise: float = 0.02) -> str:
    """Return the first bowl whose steep axis is `angle` degrees off the nearest coordinate axis, up to 0.5 degrees."""
    family = optbench.problems()["quadratic"]
    for seed in range(10_000):
        problem = family.build({"dim": 2, "condition": condition, "noise": noise, "seed": seed})
        steep = np.abs(curvature(problem)[1][1])
        if abs(np.degrees(np.arctan2(steep.min(), steep.max())) - angle) < 0.5:
            return problem.name
    raise AssertionError("half a degree of 45 is not rare")


@cache
def rates(budget: Budget) -> dict[str, pd.DataFrame]:
    """Return `ratios` of coordinate 1 to coordinate 2 over 15 steps: of root mean square gradients, of effective rates.

    The effective rate of a step is the change of the weight over the gradient; the mean over steps is geometric.
    """
    rows = []
    for condition in CONDITIONS:
        methods = [Method("rmsprop", "rmsprop", 0.02, {"beta2": 0.9})]
        paths = run_paths(bowl(0, condition, 0.0), methods, fresh_seeds(6 if budget.quick else 20), 15, 1024)
        for seed, path in paths.groupby("seed"):
            gradient = path[["gradient_1", "gradient_2"]].to_numpy()[:-1]
            rate = -np.diff(path[["w_1", "w_2"]].to_numpy(), axis=0) / gradient
            size, effective = np.sqrt(np.mean(gradient**2, axis=0)), np.exp(np.mean(np.log(rate), axis=0))
            rows.append((condition, seed, size[0] / size[1], effective[0] / effective[1]))
    return {"ratios": pd.DataFrame(rows, columns=["condition", "seed", "gradient_ratio", "rate_ratio"])}


def measure_rates(tables) -> Measured:
    """Measure the exponent of the effective rate as a power of the gradient."""
    table = np.log(tables["ratios"].pivot(index="seed", columns="condition", values=["gradient_ratio", "rate_ratio"]))
    pairs = np.stack([table["gradient_ratio"], table["rate_ratio"]], axis=2)
    exponent = bootstrap_interval(pairs, lambda rows: np.polyfit(*rows.reshape(-1, 2).T, 1)[0])
    return Measured(
        cells={"all": exponent},
        effect=exponent,
        measure="exponent of the effective rate against the gradient",
        unit="is the power of the gradient",
    )


def figure_rates(tables, verdict):
    """Draw the ratio of the effective rates against that of the gradients."""
    ratios = tables["ratios"]
    names = [f"condition {condition:g}" for condition in CONDITIONS]
    with drawing.axes(None, "RMSProp divides large gradients by large numbers", names) as ax:
        for name, (_, part), color in zip(names, ratios.groupby("condition"), drawing.INK[1:], strict=False):
            ax.plot(part["gradient_ratio"], part["rate_ratio"], ".", color=color, label=name)
        ends = np.array([ratios["gradient_ratio"].min(), ratios["gradient_ratio"].max()])
        drawing.draw_guide(ax, ends, 1 / ends, "slope −1")
        drawing.draw_level(ax, 1.0, "GD")
        ax.set(xscale="log", yscale="log", xlabel="ratio of the gradients", ylabel="ratio of the effective rates")
        drawing.log_axes(ax)
    return ax.figure


@cache
def turned(budget: Budget) -> dict[str, pd.DataFrame]:
    """Run gradient descent and RMSProp on bowls of each angle and condition, at their best rates.

    Returns `tuned`: these rates; `measured`: a row for each path; `paths`: the paths of one seed.
    """
    split = seeds(budget, 24)
    tuning = split["seeds"][: split["tuning_seeds"]]
    problems = {bowl(angle, condition): (angle, condition) for condition in STEEPNESS for angle in ANGLES}
    results = optbench.sweep(
        {"problems": list(problems), "optimizers": ["gd", "rmsprop"], "batch_sizes": [BATCH], "steps": STEPS}
        | {"learning_rates": "0.003:2:20", **split},
        workers=budget.workers,
    )
    best = best_configurations(results.runs, tuning)
    best["angle"], best["condition"] = zip(*best["problem"].map(problems), strict=True)
    walked, table = [], []
    for problem, rows in best.groupby("problem", sort=False):
        setting = dict(zip(("angle", "condition"), problems[problem], strict=True))
        methods = [Method(row.optimizer, row.optimizer, row.lr) for row in rows.itertuples()]
        paths = run_paths(problem, methods, split["seeds"][len(tuning) :], STEPS, BATCH)
        table.append(measure_paths(paths, way=path_length, steps=halving).assign(**setting))
        walked.append(farthest_path(paths).assign(**setting))
    facts = ["angle", "condition", "optimizer", "lr", "tuning_median", "median", "low", "high", "failures", "edge_side"]
    return {
        "tuned": best[facts],
        "measured": pd.concat(table, ignore_index=True),
        "paths": pd.concat(walked, ignore_index=True),
    }


def settings(table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the rows of each condition and angle by its name, in ascending order."""
    return {
        f"{angle}°, condition {condition:g}": part for (condition, angle), part in table.groupby(["condition", "angle"])
    }


def measure(column: str, what: str, unit: str):
    """Return the function that measures a column of RMSProp over gradient descent with the same start and noise."""

    def measured_against_gd(tables) -> Measured:
        values = {name: by_label(part, column) for name, part in settings(tables["measured"]).items()}
        cells = {name: ratio_interval(numbers["rmsprop"], numbers["gd"]) for name, numbers in values.items()}
        return Measured(
            cells=cells,
            effect=cells["0°, condition 100"],
            measure=f"{what}, as a multiple of GD's, at 0° and condition 100",
            unit=f"times GD's {unit}",
        )

    return measured_against_gd


def figure_paths(tables, verdict):
    """Draw paths of gradient descent and RMSProp through a bowl at three angles."""
    paths, rates = tables["paths"], tables["tuned"].set_index(["angle", "condition", "optimizer"])["lr"]
    title = "GD and RMSProp at their best rates, the bowl (condition 100) turned"
    figure, grid = bowl_panels(2, len(ANGLES), title, sharex=True, sharey=True)
    paths = paths[paths["condition"] == STEEPNESS[0]]
    for row, name in zip(grid, NAMES, strict=True):
        for ax, angle in zip(row, ANGLES, strict=True):
            path = paths[(paths["angle"] == angle) & (paths["label"] == name)]
            words = f"{NAMES[name][0]}, turned {angle}°, rate {rates[angle, STEEPNESS[0], name]:.2g}"
            draw_bowl(ax, path, paths, STEEPNESS[0], NAMES[name][1], words)
    return figure


def figure_settings(tables, verdict):
    """Draw the length of the path and the steps to halve the distance, by angle and condition number."""
    measured = tables["measured"].replace({"label": {key: words for key, (words, _) in NAMES.items()}})
    measured = measured.sort_values(["condition", "angle"], kind="stable").assign(
        bowl=[f"{row.angle}°\n×{row.condition:g}" for row in measured.sort_values(["condition", "angle"]).itertuples()]
    )
    texts = {"way": "way along the steep axis / start", "steps": "steps to halve the flat distance"}
    panels = {text: drawing.medians(measured, ["bowl", "label"], column) for column, text in texts.items()}
    for table in panels.values():
        table[["median", "low", "high"]] = table[["median", "low", "high"]].clip(upper=2 * STEPS)
    title = "RMSProp and GD against the turn of the bowl (degrees) and its condition number"
    return drawing.interval_figure(panels, "bowl", "label", title, colors=[color for _, color in NAMES.values()])


def _criterion(what: str) -> Below:
    """Return the criterion of a claim: the measure ``what`` of RMSProp, divided by that of GD, is below 1."""
    return Below(
        what=f"{what}, RMSProp's as a multiple of GD's, both at their best rates",
        each="bowls of condition 100 and 1000 whose steep axis is 0, 20 or 45 degrees off a coordinate axis",
        on="the bowl",
        limit=1.0,
    )


CLAIMS = (
    Claim(
        id="C2.1",
        sentence="RMSProp divides large derivatives by a large number and small ones by a small number.",
        experiment=rates,
        criterion=Within(
            what="the exponent p of (ratio of the effective rates of the two coordinates) ~ (ratio of their "
            "gradients)^p across condition numbers from 3 to 1000 (GD has 0)",
            least=-1.2,
            most=-0.8,
        ),
        measure=measure_rates,
        figure=figure_rates,
        caption="Each dot is a run of 15 steps: root mean square gradients and mean effective rates, coordinate 1 over "
        "2.",
    ),
    Claim(
        id="C2.2",
        sentence="RMSProp damps the oscillation along the steep axis.",
        experiment=turned,
        criterion=_criterion(f"the way along the steep axis in {STEPS} steps"),
        measure=measure("way", "way along the steep axis", "way"),
        figure=figure_paths,
        caption="Offsets from the minimum (star) along the bowl's own axes: 100 steps of one seed, a dot each, the "
        "square the last.",
    ),
    Claim(
        id="C2.3",
        sentence="RMSProp speeds up along the flat axis.",
        experiment=turned,
        criterion=_criterion(f"the steps that halve the distance along the flat axis (infinite if not within {STEPS})"),
        measure=measure("steps", "steps to halve the flat distance", "steps"),
        figure=figure_settings,
        caption="Medians over seeds with 95% intervals; rates were chosen on other seeds. Not halved in 100 steps is "
        "infinite in the verdict, and 200 in the picture.",
    ),
)
