"""How much the learning rate matters: final suboptimality against the rate, and where runs diverge."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from optbench.figures import frame, style, styles
from optbench.figures.evidence import Evidence, Tables
from optbench.figures.loss_curves import START
from optbench.wording import labels

STRIP = 0.1  # share of the height that holds what has no place on the axis: medians that diverged
DIVERGED = "diverged"


def rates(
    results: Tables | Evidence,
    problem: str | None = None,
    *,
    optimizers: Iterable[str] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """How much the learning rate matters: each optimizer at each rate, with the batch size and schedule best at it.

    Points are medians over the seeds that report, bars their intervals, hollow where some runs failed; in the strip at
    the top half of the runs or more diverged, or ended above 1000 times the first suboptimality.

    Args:
        results: those of a sweep.
        problem: by default the only one.
        optimizers: those in color; by default all, or the best ten of more. The others are thin gray lines.
        ax: where to draw; by default on a new figure.

    Returns:
        The axes.

    Raises:
        OptbenchError: there is no such problem or optimizer.

    Example:
        >>> small = {"problems": ["rosenbrock"], "optimizers": ["gd"], "learning_rates": [0.001, 0.002], "steps": 50}
        >>> optbench.figures.rates(sweep(small, seeds=3)).get_xlabel()
        'learning rate'
    """
    evidence = frame.evidence_of(results)
    problem = frame.problem_of(evidence, problem)
    looks, names = frame.looks_of(evidence, problem, optimizers), evidence.names
    by_rate = evidence.by_rate[evidence.by_rate["problem"] == problem]
    gray = by_rate["optimizer"].nunique() - len(looks)
    legend = [DIVERGED, *(names[name] for name in looks), START, style.others(gray)]
    with frame.axes(ax, frame.titled("Final loss against learning rate", problem), legend) as ax:
        _draw(ax, by_rate, evidence.start(problem), looks, names, gray)
    return ax


def _draw(ax: Axes, by_rate: pd.DataFrame, start: float, looks: dict, names: dict, gray: int) -> None:
    known = bool(np.isfinite(start))
    table, log = _table(by_rate, start)
    front = table[table["optimizer"].isin(list(looks))]
    bottom, top, middle, upper = _limits(front, start, log)
    if front["lost"].any():
        ax.axhspan(top, upper, color="#f3dfdb", zorder=0.5, linewidth=0, label=DIVERGED)

    rates = np.unique(table.loc[~table["level"], "lr"].to_numpy())
    gap = float(np.log10(rates[1:] / rates[:-1]).min()) if len(rates) > 1 else 0.5
    left, end = rates[0] / 10 ** (0.6 * gap), rates[-1] * 10 ** (0.6 * gap)
    # What has no rate to choose stands in the middle, at the height of its line.
    table.loc[table["level"], "lr"] = np.sqrt(left * end)
    parts = dict(iter(table.sort_values("lr", kind="stable").groupby("optimizer", sort=False)))
    for place, name in enumerate(looks):
        # Each optimizer is moved a little along the axis, so that bars and markers stand side by side.
        side = gap * (place - (len(looks) - 1) / 2) / len(looks)
        _draw_optimizer(ax, parts[name], looks[name], names[name], side, (bottom, top, middle))
    if gray:
        lines = [_gray_line(part, (left, end)) for name, part in parts.items() if name not in looks]
        style.draw_others(ax, lines, gray)
    if known and bottom < start < top:
        style.draw_level(ax, start, START)
    ax.set(xscale="log", yscale="log" if log else "linear", ylim=(bottom, upper), xlabel="learning rate")
    if log:
        style.log_ticks(ax.yaxis, bottom, upper)
    ax.set_ylabel("suboptimality, last fifth" if known else "training loss, last fifth")
    ax.set_xlim(left, end)
    style.log_ticks(ax.xaxis, *ax.get_xlim(), plain=True)


def without_rates(by_rate: pd.DataFrame) -> pd.Series:
    """For each row, whether its optimizer was given a single rate where others were given several: a baseline."""
    count = by_rate.groupby(["problem", "optimizer"], sort=False)["lr"].transform("nunique")
    return (count == 1) & (count.groupby(by_rate["problem"]).transform("max") > 1)


def _table(by_rate: pd.DataFrame, start: float) -> tuple[pd.DataFrame, bool]:
    """The rows with `lost` (no place on the axis) and `level` (no rate), nothing under the floor; is the axis log."""
    ceiling = 1e3 * start if np.isfinite(start) and start > 0 else np.inf
    lost = ~(np.isfinite(by_rate["median"]) & (by_rate["median"] <= ceiling))
    table = by_rate.assign(lost=lost, level=without_rates(by_rate))
    log = bool(np.isfinite(start)) or bool((table.loc[~lost, "median"] > 0).all())
    if log:
        for name in ("median", "low", "high"):
            table[name] = np.maximum(table[name], labels.floor(start))
    return table, log


def _draw_optimizer(ax, part: pd.DataFrame, look: dict, text: str, side: float, heights: tuple) -> None:
    """One optimizer, moved by a share of `side` decades; heights: of the axis' ends, and of the strip for the lost."""
    bottom, top, middle = heights
    lines = styles.current().lines
    lost, some = part["lost"].to_numpy(), (part["failures"] > 0).to_numpy()
    x, median = part["lr"].to_numpy() * 10 ** (0.35 * side), part["median"].to_numpy()
    line = style.draw_line(ax, x, np.where(lost, np.nan, median), look, text, zorder=3)
    if part["level"].any() and not lost.any():
        ax.axhline(median[0], color=look["color"], linewidth=line.get_linewidth(), zorder=2.5).set_dashes(
            look["dashes"]
        )
    under, over = (np.clip(part[end].to_numpy(), bottom, top)[~lost] for end in ("low", "high"))
    ax.vlines(x[~lost], under, over, color=look["color"], linewidth=1.0 * lines, alpha=0.5, zorder=2)
    dots = {"linestyle": "none", "marker": look["marker"], "markersize": 5.4 * lines, "zorder": 4}
    ax.plot(
        x[some & ~lost], median[some & ~lost], **dots, markerfacecolor="white", markeredgecolor=look["color"],
        markeredgewidth=1.2 * lines,
    )  # fmt: skip
    apart = part["lr"].to_numpy()[lost] * 10 ** (0.75 * side)
    white = {"markeredgecolor": "white", "markeredgewidth": 0.6 * lines}
    ax.plot(apart, np.full(lost.sum(), middle), **dots, color=look["color"], **white)


def _gray_line(part: pd.DataFrame, ends: tuple[float, float]) -> tuple:
    x, median = part["lr"].to_numpy(), np.where(part["lost"], np.nan, part["median"])
    return (ends, np.repeat(median, 2)) if part["level"].any() else (x, median)


def _limits(table: pd.DataFrame, start: float, log: bool) -> tuple[float, float, float, float]:
    """(bottom, top, middle of the strip, its upper end); the last two are top where nothing was lost.

    All medians, and their intervals as far as those do not flatten the medians.
    """
    shown = table[~table["lost"]]
    if shown.empty:
        middle = start if np.isfinite(start) and start > 0 else 1.0
        low, high = middle / 10, middle * 10
    else:
        low, high = float(shown["median"].min()), float(shown["median"].max())
        reach = 100.0 if log else 2 * (high - low)
        ends = shown["high"][np.isfinite(shown["high"])]
        least, most = float(shown["low"].min()), float(ends.max()) if len(ends) else high
        low, high = (
            (max(least, low / reach) / 2, max(high, min(most, high * reach)) * 2)
            if log
            else (max(least, low - reach), max(high, min(most, high + reach)))
        )
    if not log:
        room = 0.05 * ((high - low) or 1.0)
        low, high = low - room, high + room
    forward, back = (np.log10, lambda value: 10.0**value) if log else (float, float)
    length = forward(high) - forward(low)
    tall = length / (1 - STRIP) - length if table["lost"].any() else 0.0
    return low, high, float(back(forward(high) + tall / 2)), float(back(forward(high) + tall))
