"""Loss curves: how fast the best configuration of each optimizer comes down, and how sure that is."""

from __future__ import annotations

import numpy as np
import pandas as pd

from . import labels, style

WIDTH = 7.4
START = "at the start"


def draw_curves(problem: str, bands: pd.DataFrame, best: pd.DataFrame, facts: dict, styles: dict, names: dict):
    """Figure of one problem.

    bands: `analysis.curve_bands` of this problem; best: its best configurations, one row per optimizer;
    facts: its row of `problems`; styles and names: optimizer -> line style, and -> text in the legend.
    """
    texts = {row["optimizer"]: legend_text(names[row["optimizer"]], row) for row in best.to_dict("records")}
    right = style.legend_width([*texts.values(), START])
    figure, grid = style.new_figure(
        (max(WIDTH - 0.75 - right, 4.0), 3.2), left=0.75, right=right, top=0.38, bottom=0.5,
        title=f"Loss over time: {labels.shorten(problem, 70)}",
    )  # fmt: skip
    ax = grid[0, 0]
    known = bool(pd.notna(facts.get("minimum")))
    shift = facts["minimum"] if known else 0.0
    clock = "epoch" if pd.notna(facts.get("examples")) and facts["examples"] > 0 else "samples"
    bands = bands.assign(**{name: bands[name] - shift for name in ("median", "low", "high")})
    start = float(bands.loc[bands["step"] == 0, "median"].median()) if (bands["step"] == 0).any() else np.nan
    low = labels.floor(start)
    finite = bands["median"].to_numpy()[np.isfinite(bands["median"].to_numpy())]
    log_y = known or (len(finite) > 0 and finite.min() > 0)
    top = _top(finite, start, log_y)
    after = bands[bands["step"] > 0]
    log_x = len(after) > 0 and after[clock].min() > 0 and after[clock].max() >= 30 * after[clock].min()

    for place, row in enumerate(best.to_dict("records")):
        part = (after if log_x else bands).query("optimizer == @row['optimizer']").sort_values("step")
        look = styles[row["optimizer"]]
        line, under, over = (part[name].to_numpy() for name in ("median", "low", "high"))
        if log_y:
            line, under, over = (np.maximum(values, low) for values in (line, under, over))
        over = np.minimum(over, top * 10 if log_y else top)
        seen = np.isfinite(line)
        x = part[clock].to_numpy()
        every = max(1, len(part) // 7)
        style.draw_line(
            ax, x[seen], line[seen], look, texts[row["optimizer"]],
            markevery=(min(place * every // max(len(best), 1), max(seen.sum() - 1, 0)), every), zorder=3,
        )  # fmt: skip
        under = np.minimum(under, over)
        ax.fill_between(x, under, over, color=look["color"], alpha=0.1, linewidth=0, zorder=2)
        for side in (under, over):
            ax.plot(x, side, color=look["color"], alpha=0.45, linewidth=0.6, zorder=2)
    if np.isfinite(start) and log_x:
        ax.axhline(start, color=style.GRAY, linewidth=0.9, linestyle=(0, (1, 2)), label=START, zorder=1)
    ax.set(
        xlabel="epochs (passes over the data)" if clock == "epoch" else "samples (steps × batch size)",
        ylabel="suboptimality (loss − minimum)" if known else "training loss",
    )
    if log_x:
        ax.set_xscale("log")
        style.log_ticks(ax.xaxis, after[clock].min(), after[clock].max(), plain=True)
    if log_y:
        ax.set_yscale("log")
    if len(finite):
        ax.set_ylim(bottom=_bottom(bands, finite, low) if log_y else None, top=top)
    if log_y:
        style.log_ticks(ax.yaxis, *ax.get_ylim())
    style.legend(figure, ax)
    return figure


def legend_text(name: str, row: dict) -> str:
    """An optimizer in a legend, with its failures where there are any."""
    return f"{name} ({labels.failure_text(row)} failed)" if row["failures"] else name


def _top(finite: np.ndarray, start: float, log_y: bool) -> float:
    """The upper end of the axis: all medians, but one that blows up must not flatten the others."""
    if not len(finite):
        return 1.0
    highest = float(finite.max())
    if not log_y:
        return highest + 0.05 * (highest - float(finite.min()) or 1.0)
    if np.isfinite(start) and start > 0:
        highest = min(highest, 1e3 * start)
    return max(highest, 1e-300) * 2.0


def _bottom(bands: pd.DataFrame, finite: np.ndarray, floor: float) -> float:
    """The lower end of a log axis: all medians, and their bands as far as those do not flatten the medians."""
    lowest = max(float(finite.min()), floor)
    return max(float(bands["low"].min()), floor, lowest / 100) / 2
