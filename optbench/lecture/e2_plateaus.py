"""E2: the time that a plateau or a saddle takes each optimizer, by the distance of the start from it."""

from functools import cache

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from optbench.analysis.statistics import bootstrap_interval, ert_interval
from optbench.analysis.targets import interval_text, speedup, two_digits
from optbench.claims import drawing
from optbench.claims.criterion import Above
from optbench.claims.record import Budget, Claim, Measured, Verdict
from optbench.lecture.runs import tuned_costs

OPTIMIZERS = ("gd", "momentum", "rmsprop", "adam")
RATES = (0.01, 0.022, 0.046, 0.1, 0.22, 0.46, 1.0, 2.2, 4.6, 10.0, 22.0)
DISTANCES = (2.0, 3.0, 4.0, 6.0)
OFFSETS = (1e-3, 1e-6)

# (problem, kind, how deep in it the start lies, label, level of the plateau or saddle, minimum)
SITUATIONS = (
    *((f"plateau(distance={d})", "plateau", d, f"plateau, {d:g} away", 1.0, 0.0) for d in DISTANCES),
    *((f"saddle(offset={o})", "saddle", o, f"saddle, {o:g} off the ridge", 0.0, -0.25) for o in OFFSETS),
    ("rotated_saddle", "rotated", 1e-3, "saddle turned, in 20-D", 0.0, -1.25),
    ("octopus", "chain", 1.0, "chain of 5 saddles", 0.0, -699.352162870035),
)
COMPARED = ("plateau(distance=4.0)", "saddle(offset=0.001)", "rotated_saddle", "octopus")


@cache
def experiment(budget: Budget) -> dict[str, pd.DataFrame]:
    """Return `escapes`: the steps until the loss stays below half-way from the plateau or saddle to the minimum.

    Gradients are exact, and the learning rate is tuned for each optimizer and situation.
    """
    tuning, seeds, steps = (2, 6, 3000) if budget.quick else (3, 10, 5000)
    kept = [row for row in SITUATIONS if not budget.quick or row[0] in COMPARED or row[1] == "plateau" and row[2] < 6]
    parts = []
    for problem, kind, depth, label, level, minimum in kept:
        spec = {"problems": [problem], "optimizers": list(OPTIMIZERS), "steps": steps}
        table = tuned_costs(spec, (level + minimum) / 2, RATES, tuning, seeds, budget)
        parts.append(table.assign(problem=problem, kind=kind, depth=depth, label=label))
    return {"escapes": pd.concat(parts, ignore_index=True)}


def measure_slow(tables: dict[str, pd.DataFrame]) -> Measured:
    """Measure the factor by which gradient descent takes longer from the far end of the plateau."""
    table = tables["escapes"]
    plateau = table[(table["kind"] == "plateau") & (table["optimizer"] == "gd")]
    by_distance = {distance: part for distance, part in plateau.groupby("depth")}
    near, far = min(by_distance), max(by_distance)
    reached = [distance for distance, part in by_distance.items() if part["reached"].any()]
    factor = speedup(by_distance[far], by_distance[near], "steps")
    last = max(reached, default=near)
    growth = _growth(by_distance, [distance for distance in reached if by_distance[distance]["reached"].all()])
    lost = 1 - by_distance[far]["reached"].mean()
    return Measured(
        cells={"all": factor},
        effect=factor,
        measure=f"steps (ERT) of tuned gradient descent from {far:g} away over those from {near:g} away",
        unit="times the steps",
        detail=f"From {far:g} away {lost:.0%} of the runs do not arrive in {by_distance[far]['steps'].max():,.0f} "
        f"steps; {last:g} is the farthest from which any does. {growth}{_gd_from_saddles(table)}",
    )


def _growth(parts: dict, distances: list) -> str:
    """Describe the growth of the steps with the distance where all runs arrive; theory: exp(2) = 7.4 a unit."""
    if len(distances) < 2:
        return ""
    steps = np.log(np.column_stack([parts[d].sort_values("seed")["steps"] for d in distances]))
    factor = bootstrap_interval(steps, lambda rows: float(np.exp(np.polyfit(distances, rows.mean(0), 1)[0])))
    return f"Each unit of distance costs a factor of {interval_text(factor)} (closed form: e^2 = 7.4). "


def _gd_from_saddles(table: pd.DataFrame) -> str:
    """Return a sentence on the steps of gradient descent from the saddles; "" for fewer than two."""
    rows = table[(table["kind"] == "saddle") & (table["optimizer"] == "gd")]
    each = {offset: ert_interval(part["steps"], part["reached"]) for offset, part in rows.groupby("depth")}
    if len(each) < 2:
        return ""
    listed = ", ".join(f"{two_digits(each[o][0])} from {o:g} off the ridge" for o in sorted(each, reverse=True))
    return f"A strict saddle holds it far less: steps {listed}."


def factors(table: pd.DataFrame) -> pd.DataFrame:
    """Return the expected steps of gradient descent over those of each method, with intervals, for each situation."""
    rows = []
    for problem in [name for name in COMPARED if name in set(table["problem"])]:
        runs = table[table["problem"] == problem]
        plain = runs[runs["optimizer"] == "gd"]
        for optimizer in OPTIMIZERS[1:]:
            other = runs[runs["optimizer"] == optimizer]
            rows.append((problem, runs["label"].iloc[0], optimizer, *speedup(plain, other, "steps")))
    return pd.DataFrame(rows, columns=["problem", "label", "optimizer", "factor", "low", "high"])


def measure_help(tables: dict[str, pd.DataFrame]) -> Measured:
    """Measure the factor by which each method leaves each situation sooner than gradient descent."""
    table = tables["escapes"]
    each = factors(table)
    first = each[each["problem"] == COMPARED[0]]
    weakest = first.loc[first["factor"].idxmin()]
    failures = table[~table["reached"]].groupby("optimizer").size()
    total = table.groupby("optimizer").size()
    lost = ", ".join(f"{name} {failures.get(name, 0)} of {total[name]}" for name in OPTIMIZERS)
    return Measured(
        cells={f"{row.label}: {row.optimizer}": (row.factor, row.low, row.high) for row in each.itertuples()},
        effect=(weakest["factor"], weakest["low"], weakest["high"]),
        measure=f"steps (ERT) of gradient descent over those of the slowest of the three, {weakest['optimizer']}, on "
        "the plateau",
        unit="times the method's steps",
        detail=f"Factors over gradient descent: {_listed(each)}. Runs that did not arrive, all situations: {lost}.",
    )


def _listed(table: pd.DataFrame) -> str:
    """Return the factors of a table in words, by situation and optimizer."""
    return "; ".join(
        f"{label}: " + ", ".join(
            f"{row.optimizer} {interval_text((row.factor, row.low, row.high))}" for row in part.itertuples()
        ) for label, part in table.groupby("label", sort=False)
    )  # fmt: skip


def draw_slow(tables: dict[str, pd.DataFrame], verdict: Verdict) -> Figure:
    """Draw the expected steps off the plateau against the distance, a line for each optimizer."""
    plateau = tables["escapes"][tables["escapes"]["kind"] == "plateau"]
    rows = [
        (optimizer, depth + 0.03 * (OPTIMIZERS.index(optimizer) - 1.5), *ert_interval(part["steps"], part["reached"]))
        for (optimizer, depth), part in plateau.groupby(["optimizer", "depth"])
    ]
    table = pd.DataFrame(rows, columns=["optimizer", "distance", "steps", "low", "high"])
    table["high"] = table["high"].where(np.isfinite(table["high"]), 10 * table["steps"])
    return drawing.line_figure(
        table.sort_values("optimizer", key=lambda column: column.map(OPTIMIZERS.index), kind="stable"), "distance",
        "steps", "optimizer", "How long a plateau holds each optimizer", interval="bars", yscale="log",
        xlabel="distance of the start from the minimum", ylabel="expected steps (ERT)",
    )  # fmt: skip


def draw_help(tables: dict[str, pd.DataFrame], verdict: Verdict) -> Figure:
    """Draw the factor by which each method is faster than gradient descent in each situation."""
    each = factors(tables["escapes"])
    height = 0.19 * each["label"].nunique()
    title = "How many times sooner than gradient descent"
    with drawing.axes(None, title, OPTIMIZERS[1:], height=height, left=1.75) as ax:
        drawing.draw_ratios(ax, each, "label", "optimizer", "steps (ERT) of gradient descent over the method's")
    return ax.figure


_CAPTION = (
    "Steps until the loss is half-way down from the plateau or saddle to the minimum and stays there; exact "
    "gradients, rates tuned for each method and situation on other seeds; a run that does not arrive costs all its "
    "steps. The loss is looked at at about 24 log-spaced steps, so that a single time is known to within a factor of "
    "1.5."
)
CLAIMS = (
    Claim(
        id="E2.1",
        sentence="A plateau, where the derivative stays near 0 for a very long time, slows learning.",
        experiment=experiment,
        criterion=Above(
            what="the factor by which tuned gradient descent takes longer from the far end of the plateau",
            limit=10.0,
            against=2.0,
        ),
        measure=measure_slow,
        figure=draw_slow,
        caption=f"{_CAPTION} A bar that is ten times as high as its point stands for infinity.",
    ),
    Claim(
        id="E2.2",
        sentence="Momentum-like and adaptive methods (momentum, RMSProp, Adam) help to leave plateaus and saddles.",
        experiment=experiment,
        criterion=Above(
            what="the factor by which it is quicker than gradient descent",
            each="each of the three methods in each of four situations",
            on="the situation and the method",
            limit=1.0,
        ),
        measure=measure_help,
        figure=draw_help,
        caption=_CAPTION,
    ),
)
