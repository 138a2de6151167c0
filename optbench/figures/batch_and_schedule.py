"""Batch size x schedule, a panel per optimizer, each cell at its own best rate."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from optbench.figures import style
from optbench.wording import labels

CELL = (0.37, 0.29)
TICK = 7.5
COLORS = "viridis"


def draw_heatmap(
    problem: str, cells: pd.DataFrame, firsts: pd.DataFrame, start: float, names: dict, short: dict
) -> Figure:
    """Figure of one problem.

    cells: `best_configurations` by (problem, optimizer, batch_size, schedule) of it; firsts: the rows
    of an answer's `best` that are in first place, whose cells are framed; start: as in `draw_rates`;
    names: optimizer -> title, of all in `cells`, in the order of the panels; short: schedule -> label.
    """
    known = bool(np.isfinite(start))
    log = known or bool((cells["median"] > 0).all())
    cells = cells.assign(value=np.log10(np.maximum(cells["median"], labels.floor(start))) if log else cells["median"])
    sizes = cells[["batch_size", "full_batch"]].drop_duplicates().sort_values("batch_size")
    columns = sizes["batch_size"].tolist()
    ticks = [labels.batch_label(size, full) for size, full in sizes.itertuples(index=False)]
    schedules = list(cells["schedule"].unique())
    optimizers = list(names)
    finite = cells["value"][np.isfinite(cells["value"])]
    low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 0.0)
    norm = Normalize(low - 0.05, high + 0.05)
    wide, tall = style.balanced(len(optimizers), 5)
    size = (max(CELL[0] * len(columns), 0.7), max(CELL[1] * len(schedules), 0.7))
    gap = 0.12 if wide == 1 else min(max(0.12, _title_inches(names, optimizers) + 0.08 - size[0]), 0.3)
    figure, grid = style.new_figure(
        size, tall, wide, left=max(style.text_width(short[name], TICK) for name in schedules) + 0.22, right=0.85,
        top=0.58, bottom=0.42, gap=(gap, 0.5),
        title=f"Batch size × schedule: {labels.shorten(problem, 60)}",
    )  # fmt: skip
    framed = firsts.set_index("optimizer")[["batch_size", "schedule"]] if len(finite) else firsts.iloc[:0]
    for place, ax in enumerate(grid.flat):
        if place >= len(optimizers):
            ax.set_visible(False)
            continue
        name = optimizers[place]
        part = cells[cells["optimizer"] == name]
        table = part.pivot(index="schedule", columns="batch_size", values="value").reindex(schedules, columns=columns)
        shown = table.where(np.isfinite(table))
        _heatmap(ax, shown.rename(index=short), norm, ticks)
        _mark(ax, np.isinf(table), facecolor="#f0d9d5", edgecolor="#b5645a", hatch="////", linewidth=0)
        _mark(ax, np.isnan(table), facecolor="#f3f3f3", edgecolor="white", linewidth=1.0)
        if name in framed.index:
            corner = (columns.index(framed.at[name, "batch_size"]), schedules.index(framed.at[name, "schedule"]))
            frame = {"fill": False, "edgecolor": "#d55e00", "linewidth": 2.2, "zorder": 5, "clip_on": False}
            ax.add_patch(Rectangle(corner, 1, 1, **frame))
        style.panel_title(ax, names[name], size[0] + gap - 0.06 if wide > 1 else np.inf)
        ax.set(xlabel="batch size" if place + wide >= len(optimizers) else "", ylabel="")
        ax.xaxis.label.set_fontsize(style.PANEL_TITLE)
        if place % wide:
            ax.set_yticklabels([])
    if low < high:
        text = ("log₁₀ " if log else "") + ("suboptimality" if known else "loss")
        _scale(figure, grid[0, -1].get_position(), norm, text)
    return figure


def _scale(figure, box, norm: Normalize, text: str) -> None:
    """The color scale, at the right of the panel in `box`."""
    inch = 1 / figure.get_figwidth()
    axes = figure.add_axes((box.x1 + 0.16 * inch, box.y0, 0.11 * inch, box.height))
    bar = figure.colorbar(ScalarMappable(norm, COLORS), cax=axes)
    axes.tick_params(labelsize=TICK, length=2)
    axes.yaxis.set_major_locator(MaxNLocator(5))
    bar.set_label(text, fontsize=TICK)
    bar.outline.set_visible(False)


def _title_inches(names: dict, optimizers: list) -> float:
    return max(style.text_width(names[name], style.PANEL_TITLE) for name in optimizers)


def _mark(ax, cells: pd.DataFrame, **look) -> None:
    for y, x in zip(*np.nonzero(cells.to_numpy()), strict=True):
        ax.add_patch(Rectangle((x, y), 1, 1, **look))


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
