"""Batch size x schedule of an optimizer, each cell at its own best rate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from optbench.figures import frame, highlights, style, styles
from optbench.figures.evidence import Evidence, Tables
from optbench.wording import labels

# Inches: by eye
CELL = (0.37, 0.29)
COLORS = "viridis"
# Brightness from 0 to 1: by eye: darker cells have white numbers
_BRIGHT = 0.55


def heatmap(
    results: Tables | Evidence,
    problem: str | None = None,
    *,
    optimizer: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Batch size by schedule, of one optimizer: the median at the end, each cell at the rate that was best in it.

    A cell is hatched where half of its runs or more failed, and gray where nothing ran. A frame is around what is
    recommended, where the optimizer is in first place.

    Args:
        results: those of a sweep.
        problem: by default the only one.
        optimizer: by default the first of the ranking.
        ax: where to draw; by default on a new figure.

    Returns:
        The axes.

    Raises:
        OptbenchError: there is no such problem or optimizer.

    Example:
        >>> small = {"problems": ["rosenbrock"], "optimizers": ["gd"], "learning_rates": [0.001], "steps": 50}
        >>> optbench.figures.heatmap(sweep(small, seeds=3)).get_xlabel()
        'batch size'
    """
    evidence = frame.evidence_of(results)
    problem = frame.problem_of(evidence, problem)
    if optimizer is None:
        optimizer = highlights.ranked(evidence.best_of(problem))["optimizer"].iloc[0]
    frame.looks_of(evidence, problem, [optimizer])
    cells = cells_of(evidence, problem, [optimizer])
    wide, tall = inches(cells)
    left = label_inches(cells, evidence.short) / styles.current().zoom + 0.1
    now = styles.current()
    size = (wide + (left + 0.9) * now.zoom, tall / now.height)
    title = f"{evidence.names[optimizer]}: {labels.shorten(problem, 60)}"
    with frame.axes(ax, title, height=size[1], left=left, right=0.9, width=size[0]) as ax:
        draw_cells(ax, evidence, cells, optimizer)
        ax.set(xlabel="batch size", ylabel="")
        draw_scale(ax, cells)
    return ax


@dataclass(frozen=True)
class Cells:
    """What panels of one figure share: the numbers, their order and their colors."""

    table: pd.DataFrame
    sizes: dict[int, str]
    """Batch size -> its label, in order."""
    schedules: list[str]
    norm: Normalize
    log: bool
    known: bool
    """Whether the numbers are suboptimalities."""
    firsts: pd.DataFrame
    """The rows of `best` in first place."""


def cells_of(evidence: Evidence, problem: str, optimizers: list[str]) -> Cells:
    """The cells of these optimizers; the colors fit them all."""
    rows = evidence.by_cell
    rows = rows[(rows["problem"] == problem) & rows["optimizer"].isin(optimizers)]
    start = evidence.start(problem)
    known = bool(np.isfinite(start))
    log = known or bool((rows["median"] > 0).all())
    value = np.log10(np.maximum(rows["median"], labels.floor(start))) if log else rows["median"]
    rows = rows.assign(value=value)
    pairs = rows[["batch_size", "full_batch"]].drop_duplicates().sort_values("batch_size")
    sizes = {size: labels.batch_label(size, full) for size, full in pairs.itertuples(index=False)}
    finite = value[np.isfinite(value)]
    low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 0.0)
    best = evidence.best_of(problem)
    firsts = best[best["place"] == 1] if len(finite) else best.iloc[:0]
    norm = Normalize(low - 0.05, high + 0.05)
    return Cells(rows, sizes, list(rows["schedule"].unique()), norm, log, known, firsts.set_index("optimizer"))


def inches(cells: Cells) -> tuple[float, float]:
    """Width and height of a panel."""
    zoom = styles.size("small") / styles.SCREEN.small
    wide, tall = CELL[0] * len(cells.sizes), CELL[1] * len(cells.schedules)
    return max(wide, 0.7) * zoom, max(tall, 0.7) * zoom


def label_inches(cells: Cells, short: dict) -> float:
    """Width of the schedules' names, with the distance from the panel."""
    return max(style.text_width(short[name], styles.size("small")) for name in cells.schedules) + 0.12


def draw_cells(ax: Axes, evidence: Evidence, cells: Cells, optimizer: str) -> None:
    """The panel of one optimizer."""
    part = cells.table[cells.table["optimizer"] == optimizer]
    table = part.pivot(index="schedule", columns="batch_size", values="value")
    table = table.reindex(cells.schedules, columns=list(cells.sizes))
    _colors(ax, table.to_numpy(dtype=float), cells.norm)
    _mark(ax, np.isinf(table), facecolor="#f0d9d5", edgecolor="#b5645a", hatch="////", linewidth=0)
    _mark(ax, np.isnan(table), facecolor="#f3f3f3", edgecolor="white", linewidth=1.0)
    small = styles.size("small")
    ax.set_xticks(np.arange(len(cells.sizes)) + 0.5, list(cells.sizes.values()), fontsize=small)
    names = [evidence.short[name] for name in cells.schedules]
    ax.set_yticks(np.arange(len(names)) + 0.5, names, fontsize=small)
    ax.tick_params(length=0)
    ax.grid(False)
    if optimizer in cells.firsts.index:
        row = cells.firsts.loc[optimizer]
        corner = (list(cells.sizes).index(row["batch_size"]), cells.schedules.index(row["schedule"]))
        thick = 2.2 * styles.current().lines
        edge = {"fill": False, "edgecolor": "#d55e00", "linewidth": thick, "zorder": 5, "clip_on": False}
        ax.add_patch(Rectangle(corner, 1, 1, **edge))


def draw_scale(ax: Axes, cells: Cells) -> None:
    """The color scale, at the right of the panel; none where all cells are alike."""
    if cells.norm.vmax - cells.norm.vmin <= 0.1:
        return
    wide = ax.get_position().width * ax.figure.get_figwidth()
    box = ax.inset_axes((1 + 0.14 / wide, 0, 0.11 / wide, 1))
    bar = ax.figure.colorbar(ScalarMappable(cells.norm, COLORS), cax=box)
    box.tick_params(labelsize=styles.size("small"), length=2)
    box.yaxis.set_major_locator(MaxNLocator(5))
    text = ("log₁₀ " if cells.log else "") + ("suboptimality" if cells.known else "loss")
    bar.set_label(text, fontsize=styles.size("small"))
    bar.outline.set_visible(False)


def _mark(ax: Axes, cells: pd.DataFrame, **look) -> None:
    for y, x in zip(*np.nonzero(cells.to_numpy()), strict=True):
        ax.add_patch(Rectangle((x, y), 1, 1, **look))


def _colors(ax: Axes, values: np.ndarray, norm: Normalize) -> None:
    """The cells from the top down, each with its number."""
    shown = np.ma.masked_invalid(values)
    mesh = ax.pcolormesh(shown, cmap=COLORS, norm=norm, edgecolors="white", linewidth=1.0)
    ax.set(xlim=(0, values.shape[1]), ylim=(values.shape[0], 0))
    for side in ax.spines.values():
        side.set_visible(False)
    digits = 1 if norm.vmax - norm.vmin > 1 else 2
    points = styles.size("small") * 7 / styles.SCREEN.small
    for (y, x), value in np.ndenumerate(values):
        if np.isfinite(value):
            text = f"{round(value, digits) + 0.0:.{digits}f}".replace("-", "−")
            color = "white" if np.dot(mesh.cmap(norm(value))[:3], (0.299, 0.587, 0.114)) < _BRIGHT else "#262626"
            ax.text(x + 0.5, y + 0.5, text, ha="center", va="center", fontsize=points, color=color)
