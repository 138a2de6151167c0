"""How much the learning rate matters: final suboptimality against the rate, and where runs diverge."""

from __future__ import annotations

import numpy as np
import pandas as pd

from . import labels, style
from .figure_curves import START, WIDTH

STRIP = 0.1  # share of the height that holds what has no place on the axis: medians that diverged


def draw_rates(problem: str, by_rate: pd.DataFrame, start: float, styles: dict, names: dict):
    """Figure of one problem.

    by_rate: `best_configurations` by (problem, optimizer, lr) of this problem: at each rate the best batch size and
    schedule; start: the median suboptimality at the start (NaN if unknown).
    """
    optimizers = [name for name in styles if name in set(by_rate["optimizer"])]
    right = style.legend_width([*(names[name] for name in optimizers), START])
    figure, grid = style.new_figure(
        (max(WIDTH - 0.75 - right, 4.0), 3.2), left=0.75, right=right, top=0.38, bottom=0.5,
        title=f"Final loss against learning rate: {labels.shorten(problem, 60)}",
    )  # fmt: skip
    ax = grid[0, 0]
    known = bool(np.isfinite(start))
    ceiling = 1e3 * start if known and start > 0 else np.inf
    table = by_rate.assign(lost=~(np.isfinite(by_rate["median"]) & (by_rate["median"] <= ceiling)))
    log = known or bool((table.loc[~table["lost"], "median"] > 0).all())
    if log:
        for name in ("median", "low", "high"):
            table[name] = np.maximum(table[name], labels.floor(start))
    bottom, top, middle, upper = _limits(table, start, log)
    if table["lost"].any():
        ax.axhspan(top, upper, color="#f3dfdb", zorder=0.5, linewidth=0, label="diverged")

    rates = np.unique(table["lr"].to_numpy())
    gap = float(np.log10(rates[1:] / rates[:-1]).min()) if len(rates) > 1 else 0.5
    for place, name in enumerate(optimizers):
        part, look = table[table["optimizer"] == name].sort_values("lr"), styles[name]
        lost, some = part["lost"].to_numpy(), (part["failures"] > 0).to_numpy()
        # Each optimizer is moved a little along the axis, so that bars and markers stand side by side.
        side = (place - (len(optimizers) - 1) / 2) / max(len(optimizers), 1)
        x, median = part["lr"].to_numpy() * 10 ** (0.35 * gap * side), part["median"].to_numpy()
        style.draw_line(ax, x, np.where(lost, np.nan, median), look, names[name], zorder=3)
        under, over = (np.clip(part[end].to_numpy(), bottom, top)[~lost] for end in ("low", "high"))
        ax.vlines(x[~lost], under, over, color=look["color"], linewidth=1.0, alpha=0.5, zorder=2)
        dots = {"linestyle": "none", "marker": look["marker"], "markersize": 5.4, "zorder": 4}
        ax.plot(
            x[some & ~lost], median[some & ~lost], **dots, markerfacecolor="white", markeredgecolor=look["color"],
            markeredgewidth=1.2,
        )  # fmt: skip
        apart = part["lr"].to_numpy()[lost] * 10 ** (0.75 * gap * side)
        ax.plot(
            apart, np.full(lost.sum(), middle), **dots, color=look["color"], markeredgecolor="white",
            markeredgewidth=0.6,
        )  # fmt: skip
    if known and bottom < start < top:
        ax.axhline(start, color=style.GRAY, linewidth=0.9, linestyle=(0, (1, 2)), label=START, zorder=1)
    ax.set(xscale="log", yscale="log" if log else "linear", ylim=(bottom, upper), xlabel="learning rate")
    if log:
        style.log_ticks(ax.yaxis, bottom, upper)
    ax.set_ylabel("final suboptimality (loss − minimum)" if known else "final training loss")
    ax.set_xlim(rates[0] / 10 ** (0.6 * gap), rates[-1] * 10 ** (0.6 * gap))
    style.log_ticks(ax.xaxis, *ax.get_xlim(), plain=True)
    style.legend(figure, ax)
    return figure


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
