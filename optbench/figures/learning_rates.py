"""Figures of the effect of the learning rate: final suboptimality against the rate, and divergence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from optbench.figures import panels, selection, style
from optbench.figures.data import ReportData, Tables, report_data
from optbench.figures.loss_curves import START
from optbench.wording import labels

# Share of the height: it holds medians that diverged, which have no place on the axis
STRIP = 0.1
DIVERGED = "diverged"


def rates(
    results: Tables | ReportData,
    problem: str | None = None,
    *,
    optimizers: Iterable[str] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the final suboptimality of each optimizer at each rate, with the batch size and schedule best at that rate.

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
    data = report_data(results)
    problem = selection.problem_of(data, problem)
    styles, names = selection.styles_of(data, problem, optimizers), data.names
    by_rate = data.by_rate[data.by_rate["problem"] == problem]
    gray = by_rate["optimizer"].nunique() - len(styles)
    legend = [DIVERGED, *(names[name] for name in styles), START, panels.others(gray)]
    with panels.axes(ax, panels.titled("Final loss against learning rate", problem), legend) as ax:
        _draw(ax, by_rate, data.start(problem), styles, names)
    return ax


def _draw(ax: Axes, by_rate: pd.DataFrame, start: float, styles: Mapping[str, dict], names: dict) -> None:
    known = bool(np.isfinite(start))
    table, log = _table(by_rate, start)
    front = table[table["optimizer"].isin(list(styles))]
    bottom, top, middle, upper = _limits(front, start, log)
    if front["lost"].any():
        ax.axhspan(top, upper, color="#f3dfdb", zorder=0.5, linewidth=0, label=DIVERGED)

    rates = np.unique(table.loc[~table["level"], "lr"].to_numpy())
    gap = float(np.log10(rates[1:] / rates[:-1]).min()) if len(rates) > 1 else 0.5
    ends = rates[0] / 10 ** (0.6 * gap), rates[-1] * 10 ** (0.6 * gap)
    # An optimizer without a rate to choose stands in the middle, at the height of its line.
    table.loc[table["level"], "lr"] = np.sqrt(ends[0] * ends[1])
    # Each optimizer is moved a little along the axis, so that bars and markers stand side by side.
    side = {name: gap * (place - (len(styles) - 1) / 2) / len(styles) for place, name in enumerate(styles)}
    moved = table["optimizer"].map(side).fillna(0.0)
    table = table.assign(
        lr=table["lr"] * 10 ** (np.where(table["lost"], 0.75, 0.35) * moved),
        median=table["median"].mask(table["lost"]),
        low=table["low"].clip(bottom, top), high=table["high"].clip(bottom, top),
    )  # fmt: skip
    panels.draw_lines(ax, _with_level_ends(table, styles, ends), "lr", "median", styles, names, interval="bars")
    ax.set(xscale="log", yscale="log" if log else "linear")
    size = style.current().lines
    for name, of_line in styles.items():
        part, color = table[table["optimizer"] == name], of_line["color"]
        dots = {"linestyle": "none", "marker": of_line["marker"], "markersize": 5.4 * size, "zorder": 4, "color": color}
        some = part[(part["failures"] > 0) & ~part["lost"]]
        ax.plot(some["lr"], some["median"], **dots, markerfacecolor="white", markeredgewidth=1.2 * size)
        lost = part[part["lost"]]
        ax.plot(lost["lr"], np.full(len(lost), middle), **dots, markeredgecolor="white", markeredgewidth=0.6 * size)
        for height in part.loc[part["level"] & ~part["lost"], "median"]:
            ax.axhline(height, color=color, linewidth=1.5 * size, zorder=2.5).set_dashes(of_line["dashes"] or ())
    if known and bottom < start < top:
        panels.draw_level(ax, start, START)
    ax.set(xlim=ends, ylim=(bottom, upper), xlabel="learning rate")
    ax.set_ylabel("suboptimality, last fifth" if known else "training loss, last fifth")
    if log:
        panels.log_ticks(ax.yaxis, bottom, upper)
    panels.log_ticks(ax.xaxis, *ends, plain=True)


def without_rates(by_rate: pd.DataFrame) -> pd.Series:
    """Return for each row whether its optimizer was given a single rate where others were given several: a baseline."""
    count = by_rate.groupby(["problem", "optimizer"], sort=False)["lr"].transform("nunique")
    return (count == 1) & (count.groupby(by_rate["problem"]).transform("max") > 1)


def _with_level_ends(table: pd.DataFrame, styles: Mapping[str, dict], ends: tuple[float, float]) -> pd.DataFrame:
    """Return the table with baselines in gray from one end of the axis to the other."""
    gray = table["level"] & ~table["optimizer"].isin(list(styles))
    return pd.concat([table[~gray], *(table[gray].assign(lr=end) for end in ends)])


def _table(by_rate: pd.DataFrame, start: float) -> tuple[pd.DataFrame, bool]:
    """Return the rows with `lost` (no place on the axis) and `level` (no rate to choose), and whether to use logs."""
    ceiling = 1e3 * start if np.isfinite(start) and start > 0 else np.inf
    lost = ~(np.isfinite(by_rate["median"]) & (by_rate["median"] <= ceiling))
    table = by_rate.assign(lost=lost, level=without_rates(by_rate))
    log = bool(np.isfinite(start)) or bool((table.loc[~lost, "median"] > 0).all())
    if log:
        for name in ("median", "low", "high"):
            table[name] = np.maximum(table[name], labels.floor(start))
    return table, log


def _limits(table: pd.DataFrame, start: float, log: bool) -> tuple[float, float, float, float]:
    """Return (bottom, top, middle of the strip, its upper end); the last two are top where nothing was lost.

    The axis shows all medians, and their intervals as far as those do not flatten the medians.
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
