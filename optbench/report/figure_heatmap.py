"""Batch size x schedule, a panel per optimizer, each cell at its own best rate."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from . import labels, style

CELL = (0.37, 0.29)
TICK = 7.5
PANEL_TITLE = 8.5
COLORS = "viridis"


def draw_heatmap(problem: str, cells: pd.DataFrame, start: float, names: dict):
    """Figure of one problem; cells: `best_configurations` by (problem, optimizer, batch_size, schedule) of it."""
    known = bool(np.isfinite(start))
    log = known or bool((cells["median"] > 0).all())
    cells = cells.assign(value=np.log10(np.maximum(cells["median"], labels.floor(start))) if log else cells["median"])
    sizes = cells[["batch_size", "full_batch"]].drop_duplicates().sort_values("batch_size")
    columns = sizes["batch_size"].tolist()
    ticks = [labels.batch_label(size, full) for size, full in sizes.itertuples(index=False)]
    schedules = list(cells["schedule"].unique())
    optimizers = [name for name in names if name in set(cells["optimizer"])]
    finite = cells["value"][np.isfinite(cells["value"])]
    low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 0.0)
    norm = Normalize(low - 0.05, high + 0.05)
    wide, tall = style.balanced(len(optimizers), 5)
    size = (max(CELL[0] * len(columns), 0.7), max(CELL[1] * len(schedules), 0.7))
    gap = 0.12 if wide == 1 else min(max(0.12, _title_inches(names, optimizers) + 0.08 - size[0]), 0.3)
    figure, grid = style.new_figure(
        size, tall, wide, left=max(style.text_width(name, TICK) for name in schedules) + 0.22, right=0.85, top=0.58,
        bottom=0.42, gap=(gap, 0.5),
        title=f"Batch size × schedule: {labels.shorten(problem, 60)}",
    )  # fmt: skip
    best = cells.loc[cells["value"].idxmin()] if len(finite) else None
    for place, ax in enumerate(grid.flat):
        if place >= len(optimizers):
            ax.set_visible(False)
            continue
        name = optimizers[place]
        part = cells[cells["optimizer"] == name]
        table = part.pivot(index="schedule", columns="batch_size", values="value").reindex(schedules, columns=columns)
        shown = table.where(np.isfinite(table))
        _heatmap(ax, shown, norm, ticks)
        for y, x in zip(*np.nonzero(np.isinf(table.to_numpy())), strict=True):
            ax.add_patch(Rectangle((x, y), 1, 1, facecolor="#f0d9d5", edgecolor="#b5645a", hatch="////", linewidth=0))
        if best is not None and best["optimizer"] == name:
            corner = (columns.index(best["batch_size"]), schedules.index(best["schedule"]))
            frame = {"fill": False, "edgecolor": "#d55e00", "linewidth": 2.2, "zorder": 5, "clip_on": False}
            ax.add_patch(Rectangle(corner, 1, 1, **frame))
        inches = style.text_width(names[name], PANEL_TITLE)
        fit = min(1.0, (size[0] + gap - 0.06) / inches) if wide > 1 else 1.0
        ax.set_title(names[name], fontsize=max(PANEL_TITLE * fit, 5.5), pad=4)
        ax.set(xlabel="batch size" if place + wide >= len(optimizers) else "", ylabel="")
        ax.xaxis.label.set_fontsize(PANEL_TITLE)
        if place % wide:
            ax.set_yticklabels([])
    if low < high:
        box, inch = grid[0, -1].get_position(), 1 / figure.get_figwidth()
        bar_axes = figure.add_axes((box.x1 + 0.16 * inch, box.y0, 0.11 * inch, box.height))
        bar = figure.colorbar(ScalarMappable(norm, COLORS), cax=bar_axes)
        bar.set_label(("log₁₀ " if log else "") + ("suboptimality" if known else "loss"), fontsize=TICK)
        bar.ax.tick_params(labelsize=TICK, length=2)
        bar.ax.yaxis.set_major_locator(MaxNLocator(5))
        bar.outline.set_visible(False)
    return figure


def _title_inches(names: dict, optimizers: list) -> float:
    return max(style.text_width(names[name], PANEL_TITLE) for name in optimizers)


def _heatmap(ax, table: pd.DataFrame, norm: Normalize, ticks: list[str]) -> None:
    digits = 1 if norm.vmax - norm.vmin > 1 else 2
    texts = table.map(lambda value: f"{round(value, digits) + 0.0:.{digits}f}".replace("-", "−"))
    with warnings.catch_warnings():
        # A panel in which every cell failed is empty for seaborn; that it is all hatched says the same.
        warnings.simplefilter("ignore", RuntimeWarning)
        sns.heatmap(
            table, ax=ax, cmap=COLORS, norm=norm, vmin=norm.vmin, vmax=norm.vmax, cbar=False, annot=texts, fmt="",
            annot_kws={"fontsize": 7}, linewidths=1.0, linecolor="white", xticklabels=ticks, yticklabels=True,
        )  # fmt: skip
    ax.tick_params(length=0, labelsize=TICK, labelrotation=0)
