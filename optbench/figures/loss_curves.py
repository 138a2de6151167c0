"""Loss curves: how fast the best configuration of each optimizer comes down, and how sure that is."""

from __future__ import annotations

import numpy as np
import pandas as pd

from optbench.figures import style
from optbench.wording import labels

WIDTH = 7.4
START = "at the start"


def draw_curves(problem: str, bands: pd.DataFrame, best: pd.DataFrame, facts: dict, styles: dict, names: dict):
    """Figure of one problem.

    bands: `analysis.curve_bands` of this problem; best: its best configurations, one row per optimizer;
    facts: its row of `problems`; styles: optimizer -> look, of those in color, as the legend orders them (all others
    are gray); names: optimizer -> text in the legend.
    """
    rows = {row["optimizer"]: row for row in best.to_dict("records")}
    texts = {name: legend_text(names[name], rows[name]) for name in styles}
    gray = len(rows) - len(texts)
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
    after = bands[bands["step"] > 0]
    log_x = len(after) > 0 and after[clock].min() > 0 and after[clock].max() >= 30 * after[clock].min()
    # The axes fit what is in color.
    front = bands[bands["optimizer"].isin(list(styles))]
    finite = front["median"].to_numpy()[np.isfinite(front["median"].to_numpy())]
    log_y = known or (len(finite) > 0 and finite.min() > 0)
    top = _top(finite, start, log_y)

    drawn = (after if log_x else bands).sort_values("step")
    if log_y:
        drawn = drawn.assign(**{name: np.maximum(drawn[name], low) for name in ("median", "low", "high")})
    parts = dict(iter(drawn.rename(columns={clock: "x"}).groupby("optimizer", sort=False)))
    for place, name in enumerate(styles):
        if name in parts:
            _draw_band(ax, parts[name], styles[name], texts[name], (place, len(styles)), top * 10 if log_y else top)
    if gray:
        lines = [(part["x"], _finite(part["median"])) for name, part in parts.items() if name not in styles]
        style.draw_others(ax, lines, gray)
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
        ax.set_ylim(bottom=_bottom(front, finite, low) if log_y else None, top=top)
    if log_y:
        style.log_ticks(ax.yaxis, *ax.get_ylim())
    style.legend(figure, ax)
    return figure


def _draw_band(ax, part: pd.DataFrame, look: dict, text: str, turn: tuple[int, int], top: float) -> None:
    """One optimizer: its median as a line, its interval as a band; turn: (place, count), which staggers the markers."""
    x, line, under = part["x"].to_numpy(), part["median"].to_numpy(), part["low"].to_numpy()
    over = np.minimum(part["high"].to_numpy(), top)
    seen, every = np.isfinite(line), max(1, len(part) // 7)
    first = min(turn[0] * every // turn[1], max(seen.sum() - 1, 0))
    style.draw_line(ax, x[seen], line[seen], look, text, markevery=(first, every), zorder=3)
    under = np.minimum(under, over)
    ax.fill_between(x, under, over, color=look["color"], alpha=0.1, linewidth=0, zorder=2)
    for side in (under, over):
        ax.plot(x, side, color=look["color"], alpha=0.45, linewidth=0.6, zorder=2)


def _finite(values: pd.Series) -> np.ndarray:
    return np.where(np.isfinite(values), values, np.nan)


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
