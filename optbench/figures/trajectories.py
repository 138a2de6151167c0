"""Where the optimizers walk: paths over the contours of a 2-D problem."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.colors import LogNorm
from matplotlib.lines import Line2D

from optbench.figures import style
from optbench.wording import labels

SIDE, GAP = 2.0, 0.24


def draw_paths(problem: str, landscape: pd.DataFrame, paths: dict, facts: dict, styles: dict, names: dict, seed: int):
    """Figure of one problem, a panel per optimizer.

    landscape: its rows of `landscapes`; paths: optimizer -> (curve rows of one run with w_1 and w_2, whether it
    failed); facts: its row of `problems`, with a minimizer in w_1, w_2; seed: the seed of the runs.
    """
    value = landscape.pivot(index="w_2", columns="w_1", values="value")
    lowest = facts["minimum"] if pd.notna(facts.get("minimum")) else np.nanmin(value.to_numpy())
    height = value.to_numpy() - lowest
    x, y = value.columns.to_numpy(), value.index.to_numpy()
    positive = height[np.isfinite(height) & (height > 0)]
    wide, tall = style.balanced(len(paths), 4)
    figure, grid = style.new_figure(
        (SIDE, SIDE), tall, wide, left=0.62, right=0.15, top=0.58, bottom=0.72, gap=(GAP, 0.36), sharex=True,
        sharey=True, title=f"Paths over the loss: {labels.shorten(problem, 60)} (seed {seed})",
    )  # fmt: skip
    across, along = (_view(axis, paths, name) for axis, name in ((x, "w_1"), (y, "w_2")))
    marks = []
    for place, ax in enumerate(grid.flat):
        if place >= len(paths):
            ax.set_visible(False)
            continue
        name = list(paths)[place]
        curve, failed = paths[name]
        if len(positive):
            _contours(ax, x, y, height, positive)
        marks = _path(ax, curve, failed, facts, styles[name])
        ax.set(xlim=across, ylim=along)
        ax.grid(False)
        lowest_of_column = place + wide >= len(paths)
        ax.tick_params(labelsize=7.5, labelbottom=lowest_of_column)
        style.panel_title(ax, names[name] + _remark(curve, failed, across, along), SIDE + GAP - 0.06)
        ax.set_xlabel("w₁" if lowest_of_column else "", fontsize=9)
        if place % wide == 0:
            ax.set_ylabel("w₂", fontsize=9, rotation=0, labelpad=8)
    figure.legend(
        handles=marks, loc="lower left", ncols=4, fontsize=style.LEGEND_SIZE, borderpad=0, borderaxespad=0,
        bbox_to_anchor=(0.62 / figure.get_figwidth(), (style.FOOT_INCHES + 0.05) / figure.get_figheight()),
    )  # fmt: skip
    return figure


def _contours(ax, x, y, height, positive) -> None:
    top = float(positive.max())
    levels = np.geomspace(max(float(positive.min()), 3e-5 * top), top, 11)
    if not np.all(np.diff(levels) > 0):
        return
    norm = LogNorm(levels[0], 100 * levels[-1])
    inside = np.clip(height, levels[0], levels[-1])
    ax.contourf(x, y, inside, levels=levels, norm=norm, cmap="Greys", alpha=0.7, zorder=0)
    ax.contour(x, y, inside, levels=levels, norm=norm, colors="white", linewidths=0.6, zorder=1)


def _path(ax, curve: pd.DataFrame, failed: bool, facts: dict, look: dict) -> list:
    w_1, w_2 = curve["w_1"].to_numpy(), curve["w_2"].to_numpy()
    ax.plot(w_1, w_2, color=look["color"], linewidth=1.3, marker=".", markersize=3.5, zorder=3)
    edge = {"markeredgecolor": "white", "markeredgewidth": 0.8, "linestyle": "none"}
    marks = ax.plot(w_1[:1], w_2[:1], marker="o", color="black", markersize=6, label="start", zorder=5, **edge)
    if pd.notna(facts.get("w_1")) and pd.notna(facts.get("w_2")):
        star = {**edge, "markeredgecolor": "black"}
        marks += ax.plot(
            facts["w_1"], facts["w_2"], marker="*", color="#f6d55c", markersize=12, label="minimum", zorder=4, **star
        )
    end = {"marker": "X", "color": "#b2182b"} if failed else {"marker": "s", "color": look["color"]}
    ax.plot(w_1[-1:], w_2[-1:], markersize=5, zorder=6, **end, **edge)
    # In the legend the end is gray: its color is the optimizer's.
    marks.append(Line2D([], [], marker="s", color=style.GRAY, markersize=5, label="end", **edge))
    return marks


def _view(axis: np.ndarray, paths: dict, name: str) -> tuple[float, float]:
    """The range of the landscape, made wider where a start lies outside it."""
    starts = [curve[name].iloc[0] for curve, _ in paths.values()]
    low, high = min(axis[0], *starts), max(axis[-1], *starts)
    room = 0.05 * (high - low)
    return (low - room if low < axis[0] else low), (high + room if high > axis[-1] else high)


def _remark(curve: pd.DataFrame, failed: bool, across: tuple, along: tuple) -> str:
    if failed:
        return " (diverged)"
    outside = ~(curve["w_1"].between(*across) & curve["w_2"].between(*along))
    return " (leaves the picture)" if outside.any() else ""
