"""E2: the time that a plateau or a saddle takes each optimizer, by the distance of the start from it."""

from functools import cache

import numpy as np
import pandas as pd

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


def draw_slow(tables: dict[str, pd.DataFrame], verdict: Verdict):
    """Draw the expected steps off the plateau against the distance, a line for each optimizer."""
    table = tables["escapes"]
    plateau = table[table["kind"] == "plateau"]
    figure, ax = drawing.panel(
        (4.0, 2.8),
        left=0.75,
        right=drawing.legend_width(OPTIMIZERS) + 0.3,
        top=0.42,
        title="How long a plateau holds each optimizer",
    )
    for place, name in enumerate(OPTIMIZERS):
        runs = plateau[plateau["optimizer"] == name]
        rows = [(d, *ert_interval(part["steps"], part["reached"])) for d, part in runs.groupby("depth")]
        across, middle, low, high = np.array([row for row in rows if np.isfinite(row[1])]).reshape(-1, 4).T
        shift, top = 0.03 * (place - 1.5), np.where(np.isfinite(high), high, 10 * middle)
        bars = np.maximum([middle - low, top - middle], 0)
        ax.errorbar(across + shift, middle, bars, fmt="none", ecolor=drawing.line_style(place)["color"], elinewidth=1)
        drawing.draw_line(ax, across + shift, middle, drawing.line_style(place), name)
    ax.set(yscale="log", xlabel="distance of the start from the minimum", ylabel="expected steps (ERT)")
    ax.set_xticks(sorted(plateau["depth"].unique()))
    drawing.log_axes(ax)
    drawing.set_legend(figure, ax)
    return figure


def draw_help(tables: dict[str, pd.DataFrame], verdict: Verdict):
    """Draw the factor by which each method is faster than gradient descent in each situation."""
    each = factors(tables["escapes"])
    labels = list(dict.fromkeys(each["label"]))
    figure, ax = drawing.panel(
        (3.4, 0.5 * len(labels) + 0.6),
        left=1.75,
        right=drawing.legend_width(OPTIMIZERS) + 0.2,
        top=0.42,
        title="How many times sooner than gradient descent",
    )
    ends = each[["low", "high"]].to_numpy().ravel()
    left, right = 0.7 * min(1, ends[ends > 0].min(initial=1)), 1.5 * ends[ends < np.inf].max(initial=10)
    for place, name in enumerate(OPTIMIZERS[1:], start=1):
        part, look = each[each["optimizer"] == name], drawing.line_style(place)
        height = [len(labels) - 1 - labels.index(label) + 0.22 * (2 - place) for label in part["label"]]
        low, high = (part[name].clip(left, right) for name in ("low", "high"))
        ax.hlines(height, low, high, color=look["color"], linewidth=1.4)
        ax.plot(part["factor"].clip(left, right), height, look["marker"], color=look["color"], markersize=5.4,
                markeredgecolor="white", label=name)  # fmt: skip
    ax.axvline(1, color=drawing.GRAY, linewidth=1, linestyle=(0, (2, 2)))
    ax.set_yticks(range(len(labels) - 1, -1, -1), labels)
    ax.set(xscale="log", xlim=(left, right), ylim=(-0.5, len(labels) - 0.5))
    ax.set_xlabel("steps (ERT) of gradient descent over the method's")
    drawing.log_ticks(ax.xaxis, left, right, plain=True)
    drawing.set_legend(figure, ax)
    return figure


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
