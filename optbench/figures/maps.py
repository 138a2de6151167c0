"""Maps of cells, by seaborn: batch size x schedule of an optimizer, and the share of runs that diverged."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from optbench.analysis import find_failed_runs, find_full_batch_runs, hyperparameter_columns, select_screening_runs
from optbench.analysis.measures import LOSS
from optbench.analysis.sweep_tables import Tables
from optbench.contract import arguments
from optbench.contract.errors import OptbenchError
from optbench.contract.names import count_noun
from optbench.figures import panels
from optbench.figures.data import ReportData, report_data
from optbench.figures.fonts import text_width
from optbench.figures.shown_optimizers import select_optimizers, select_problem, select_styles
from optbench.figures.style import SCREEN, SMALLEST, current, sort_by_place
from optbench.wording import labels
from optbench.wording.answers import name_measure
from optbench.wording.judged import format_ratio
from optbench.wording.labels import shorten_schedules

DIVERGENCE_CAPTION = (
    "The share of runs of one optimizer that diverged, at each learning rate and batch size, over all other settings "
    "and seeds: pale where none did, dark where all did. Hatched: not run."
)
# Inches of a cell on a screen: by eye
CELL, SHARE_CELL = (0.37, 0.29), (0.29, 0.27)
# Different values on one side: more cells than that have no room for their text
MOST_ROWS = 24
NOT_RUN: dict[str, Any] = {"hatch": "////", "edgecolor": "#d4d4d4", "linewidth": 0}
# Groups of drawn values: some 30 runs in each of a sweep of 200 trials
BINS = 6


def heatmap(
    results: Tables | ReportData, problem: str | None = None, *, optimizer: str | None = None, ax: Axes | None = None
) -> Axes:
    """Draw batch size by schedule, of one optimizer: the median at the end, each cell at its best rate.

    In a sweep with blocks it is that of the seeds that tune: only recommended settings were re-run on fresh ones. Cells
    are by what verdicts are about, as times the best of them: 1× is best, 2× needs twice the samples, or has twice the
    loss. "Never" means that half of the runs or more miss the target, "failed" that half or more failed. Pale cells,
    with the number of their runs, had fewer than others, may look best by luck, and are not the best that the others
    are compared with. Hatched: not run. A frame is around what is recommended. Of random trials a cell is the best
    single run that hit it, so a report draws none.

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
    data = report_data(results)
    problem = select_problem(data, problem)
    if optimizer is None:
        optimizer = sort_by_place(data.best_of(problem))["optimizer"].iloc[0]
    select_styles(data, problem, [optimizer])
    cells = _select_cells(data, problem, [optimizer])
    now = current()
    wide, tall = cells.inches
    left = cells.label_inches / now.scale + 0.1
    title = panels.join_title(data.short_names[optimizer], data.label(problem)) + cells.best_text
    width = wide + (left + 0.9) * now.scale
    with panels.axes(ax, title, height=tall / now.height, left=left, right=0.9, width=width) as ax:
        _draw_cells(ax, cells, optimizer, scale=True)
        ax.set(xlabel="batch size", ylabel="")
    return ax


def draw_heatmaps(data: ReportData, problem: str) -> Figure:
    """Draw batch size by schedule on a problem, a panel for each optimizer, all in one scale of colors.

    A cell shows the median of what verdicts are about, times the best cell, with the rate and hyperparameters that were
    best in it.
    """
    now, optimizers = current(), list(data.line_styles[problem])
    cells = _select_cells(data, problem, optimizers)
    size = cells.inches
    title = max(text_width(data.short_names[name], now.panel) for name in optimizers)
    gap = min(max(0.12, title + 0.08 - size[0]), 0.3) if len(optimizers) > 1 else 0.12

    def draw(ax: Axes, name: str) -> None:
        """Draw the panel of an optimizer, with labels of the schedules in the first column only."""
        _draw_cells(ax, cells, name, scale=name == optimizers[-1])
        if (place := ax.get_subplotspec()) is not None and not place.is_first_col():
            ax.set_yticklabels([])

    return panels.draw_panels(
        draw, {name: data.short_names[name] for name in optimizers}, size,
        panels.join_title("Batch size × schedule", data.label(problem)) + cells.best_text, ("batch size", ""),
        (cells.label_inches + 0.1, 0.9 * now.scale, 0.42), gap=(gap, 0.5),
    )  # fmt: skip


@dataclass(frozen=True)
class _Cells:
    """The numbers of all panels of one figure, with the order of rows and columns and the range of colors."""

    table: pd.DataFrame
    """The best setting of each cell, with the columns `value`, that its color shows, and its `text`."""
    sizes: dict[int, str]
    """Batch size -> its label, in order."""
    schedules: dict[str, str]
    """Schedule -> its label, in order."""
    low: float
    high: float
    quantity: str
    """What the values are."""
    best_text: str
    """The value of the best cell, where values are logarithms of how many times that they are; else ""."""
    best: pd.DataFrame
    """The recommended settings, by optimizer."""

    @property
    def inches(self) -> tuple[float, float]:
        """The width and the height of a panel in inches."""
        scale = current().small / SCREEN.small
        return max(CELL[0] * len(self.sizes), 0.7) * scale, max(CELL[1] * len(self.schedules), 0.7) * scale

    @property
    def label_inches(self) -> float:
        """The inches that the schedules' labels take, with their distance from the panel."""
        return max(text_width(label, current().small) for label in self.schedules.values()) + 0.12


def _select_cells(data: ReportData, problem: str, optimizers: list[str]) -> _Cells:
    """Return the cells of these optimizers on a problem; the range of colors is the same for all of them."""
    rows = data.judged_cells
    rows = rows[(rows["problem"] == problem) & rows["optimizer"].isin(optimizers)]
    start, median = data.start(problem), rows["median"]
    log, never, budget = bool(np.isfinite(start)), pd.Series(False, rows.index), data.budget(problem)
    if np.isfinite(data.target(problem)):
        log, never = True, np.isfinite(median) & (median > budget)
        median = median.mask(never, 2 * budget)
    log = log or bool((median > 0).all())
    median = np.maximum(median, data.floor(problem)) if log else median
    reached = rows.assign(median=median)[np.isfinite(median) & ~never].sort_values("few", kind="stable")
    # Of cells with all runs, if there is one
    best = reached.groupby("few")["median"].min().iloc[0] if len(reached) else 1.0
    value = np.log10(median / best) if log else median
    pairs = rows[["batch_size", "full_batch"]].drop_duplicates().sort_values("batch_size")
    shown = value[np.isfinite(value) & ~rows["few"]]
    low, high = (float(shown.min()), float(shown.max())) if len(shown) else (0.0, 0.0)
    digits = 1 if high - low > 1 else 2
    texts = [
        "never" if missed else "failed" if not math.isfinite(each) else _tell_times(each / best) if log
        else f"{round(each, digits) + 0.0:.{digits}f}".replace("-", "−")
        for each, missed in zip(median, never, strict=True)
    ]  # fmt: skip
    runs = [f"\n{count_noun(n, 'run')}" * few for n, few in zip(rows["n"], rows["few"], strict=True)]
    name = name_measure(data.shown_measure)
    if np.isfinite(data.target(problem)):
        name = data.name_value(problem)
    elif data.shown_measure == LOSS:
        name = "suboptimality" if np.isfinite(start) else "loss"
    return _Cells(
        rows.assign(value=value, text=[*map("".join, zip(texts, runs, strict=True))]),
        {size: labels.batch_label(size, full) for size, full in pairs.itertuples(index=False)},
        {name: data.short_schedules[name] for name in rows["schedule"].unique()},
        low - 0.02,
        high + 0.02,
        "times the best" if log else name,
        f" (1× = {format_ratio(best)} {name})" if log and len(reached) else "",
        data.best_of(problem)[slice(None if len(shown) else 0)].set_index("optimizer"),
    )


def _tell_times(ratio: float) -> str:
    """Return "1.9×" of 1.9, short enough for a cell: from 1,000 on "1.6e3×"."""
    return f"{format_ratio(ratio) if ratio < 1e3 else labels.number(ratio, 2)}×"


def _draw_cells(ax: Axes, cells: _Cells, optimizer: str, scale: bool) -> None:
    """Draw the heat map of one optimizer; scale: True adds the color bar, unless all cells are nearly equal."""
    part = cells.table[cells.table["optimizer"] == optimizer]
    table = part.pivot(index="schedule", columns="batch_size", values="value")
    table = table.reindex(list(cells.schedules), columns=list(cells.sizes))
    table.index, table.columns = list(cells.schedules.values()), list(cells.sizes.values())
    few: list[tuple[int, int]] = []
    texts = table.map(lambda value: "")
    for row in part.to_dict("records"):
        place = list(cells.schedules).index(row["schedule"]), list(cells.sizes).index(row["batch_size"])
        texts.iloc[place] = row["text"]
        if row["few"]:
            few.append(place)
    bar = None
    if scale and cells.high - cells.low > 0.1:
        wide = ax.get_position().width * panels.figure_of(ax).get_figwidth()
        bar = ax.inset_axes((1 + 0.14 / wide, 0, 0.11 / wide, 1))
    bar_options: dict[str, Any] = {"label": cells.quantity, "ticks": MaxNLocator(5)}
    if cells.best_text:
        ticks = [base * 10**power for power in range(int(cells.high) + 1) for base in (1, 2, 5)]
        ticks = ticks[:: 3 if cells.high > 2 else 1][:: 1 + int(cells.high / 6)]
        bar_options = {"label": cells.quantity, "ticks": np.log10(ticks), "format": lambda at, _: _tell_times(10**at)}
    points = current().small
    size = max(points * 7 / SCREEN.small, SMALLEST)
    _draw_heatmap(ax, table, texts, size, bar, bar_options, cmap="viridis", vmin=cells.low, vmax=cells.high)
    for row, column in np.argwhere(np.isinf(table.to_numpy(dtype=float))):
        ax.add_patch(Rectangle((column, row), 1, 1, facecolor="#f0d9d5", edgecolor="white", linewidth=1, gid="failed"))
        ax.text(column + 0.5, row + 0.5, texts.iloc[row, column], fontsize=size, ha="center", va="center")
    for row, column in few:  # below the text
        ax.add_patch(Rectangle((column, row), 1, 1, facecolor="white", alpha=0.65, linewidth=0, gid="few"))
        for text in ax.texts:
            if text.get_position() == (column + 0.5, row + 0.5):
                text.set(color="#222222", linespacing=0.9)
    ax.tick_params(labelsize=points)
    ax.patch.set(**NOT_RUN)
    if optimizer in cells.best.index:
        row = cells.best.loc[optimizer]
        corner = list(cells.sizes).index(row["batch_size"]), list(cells.schedules).index(row["schedule"])
        edge: dict[str, Any] = {"fill": False, "edgecolor": "#d55e00", "linewidth": 2.2 * current().lines, "zorder": 5}
        ax.add_patch(Rectangle(corner, 1, 1, clip_on=False, **edge))


def _draw_heatmap(
    ax: Axes, table: pd.DataFrame, texts: pd.DataFrame | bool, points: float, bar: Axes | None, bar_options: dict,
    **options: Any,
) -> None:  # fmt: skip
    """Draw a table with seaborn's heatmap: a text in each finite cell, cells without a value gray.

    texts: one for each cell, or False; points: their size; bar: the axes of the color bar; options: of the heatmap.
    """
    import seaborn as sns  # takes a second

    sns.heatmap(
        table, ax=ax, mask=~np.isfinite(table.to_numpy(dtype=float)), annot=texts, fmt="", linewidths=1,
        linecolor="white", annot_kws={"fontsize": points}, cbar=bar is not None, cbar_ax=bar, cbar_kws=bar_options,
        **options,
    )  # fmt: skip
    ax.set_facecolor("#f3f3f3")
    ax.tick_params(length=0, rotation=0)
    ax.grid(False)
    if bar is not None:
        bar.tick_params(labelsize=current().small, length=2)
        bar.yaxis.label.set_fontsize(current().small)


def divergence(
    results: Tables | ReportData,
    problem: str | None = None,
    *,
    optimizers: str | Iterable[str] | None = None,
    ax: Axes | None = None,
    by: str = "batch_size",
) -> Axes:
    """Draw the share of runs that diverged, a cell for each rate and batch size, schedule or hyperparameter.

    All runs of a cell count alike, whatever else their settings are; of a sweep in stages those count that every
    setting had, for later stages leave out what diverged. Where each block draws its own rates, those within half a
    step of the grid are one column. More than 24 different values, as trials that are drawn
    have, stand in groups: rates in half decades, others in six of equal numbers of runs.

    Args:
        results: of a sweep.
        problem: one of its problems; by default the only one.
        optimizers: the one to show; by default the only one.
        ax: where to draw; by default a new figure.
        by: what stands along the other side: "batch_size", "schedule" or a hyperparameter.

    Returns:
        The axes, whose mesh holds the shares, (values of ``by``, rates), NaN where nothing ran.

    Raises:
        OptbenchError: a problem, an optimizer or a column does not exist, or there are several and none is named.

    Example:
        >>> rates = {"problems": ["rosenbrock"], "optimizers": ["gd"], "learning_rates": [0.001, 1.0], "steps": 50}
        >>> optbench.figures.divergence(sweep(rates, seeds=2)).collections[0].get_array().tolist()
        [[0.0, 1.0]]
    """
    data = report_data(results)
    problem = select_problem(data, problem)
    names = select_optimizers(data, optimizers)
    if len(names) > 1:
        raise OptbenchError(f"optimizers: one map is of one optimizer, name it: {', '.join(names)}")
    runs = data.binned_runs
    arguments.one_of("by", by, ["batch_size", "schedule", *hyperparameter_columns(runs)])
    mine = runs[(runs["problem"] == problem) & (runs["optimizer"] == names[0])]
    if mine.empty:
        raise OptbenchError(f"{names[0]} has no runs on {problem}")
    shares = _count_shares(select_screening_runs(mine), by)
    title = f"Share of runs that diverged: {data.short_names[names[0]]} on {labels.shorten(data.label(problem), 40)}"
    left = max(text_width(value, current().tick) for value in shares.index) / current().scale + 0.5
    with panels.axes(ax, title, height=min(1.5, 0.25 + 0.12 * len(shares)), left=left, right=0.9) as ax:
        _draw_shares(ax, shares, ax.inset_axes((1.02, 0, 0.025, 1)))
        ax.set(xlabel="learning rate", ylabel={"batch_size": "batch size"}.get(by, by))
    return ax


def draw_divergence_maps(data: ReportData, problem: str) -> Figure:
    """Draw the share of runs that diverged, rate x batch size, a panel for each optimizer in color."""
    now = current()
    runs = select_screening_runs(data.binned_runs[data.binned_runs["problem"] == problem])
    shares = {
        name: _count_shares(runs[runs["optimizer"] == name], "batch_size")
        for name in data.line_styles[problem] if (runs["optimizer"] == name).any()
    }  # fmt: skip
    tall, wide = (max(each.shape[side] for each in shares.values()) for side in (0, 1))
    left = max(text_width(text, now.tick) for each in shares.values() for text in each.index) + 0.4 * now.scale

    def draw(ax: Axes, name: str) -> None:
        """Draw the panel of an optimizer, the last one with the scale of colors."""
        last = name == list(shares)[-1]
        _draw_shares(ax, shares[name], ax.inset_axes((1.06, 0, 0.07, 1)) if last else None)

    return panels.draw_panels(
        draw, {name: data.short_names[name] for name in shares},
        (SHARE_CELL[0] * now.scale * wide, SHARE_CELL[1] * now.scale * tall),
        panels.join_title("Share of runs that diverged, in %", data.label(problem)), ("learning rate", "batch size"),
        (left, 0.75 * now.scale, 0.45), most=4, gap=(None, 0.62),
    )  # fmt: skip


def _count_shares(runs: pd.DataFrame, by: str) -> pd.DataFrame:
    """Return the share of runs that failed: a row for each value of the column `by`, a column for each rate."""
    (row, values), (column, rates) = _group_values(runs, by), _group_values(runs, "lr")
    table = pd.crosstab(row, column, np.asarray(find_failed_runs(runs), dtype=float), aggfunc="mean")
    return table.reindex(range(len(values)), columns=range(len(rates))).set_axis(values).set_axis(rates, axis=1)


def _group_values(runs: pd.DataFrame, name: str) -> tuple[np.ndarray, list[str]]:
    """Return (code, texts): for each run the index of its value, or group of values, and the text of each of these.

    name: the column; many different values are grouped as `divergence` says.
    """
    column = runs[name]
    if name == "schedule":
        code, texts = pd.factorize(column)
        short = shorten_schedules(texts)
        return code, [short[text] for text in texts]
    if name == "batch_size":
        full = dict(zip(column, find_full_batch_runs(runs), strict=True))
        sizes, code = np.unique(column, return_inverse=True)
        return code, [labels.batch_label(size, full[size]) for size in sizes]
    column = column.to_numpy(dtype=np.float64)
    if np.isnan(column).all():
        raise OptbenchError(f"by: this optimizer has no {name}")
    different, code = np.unique(column, return_inverse=True)
    if len(different) <= MOST_ROWS:
        texts = [labels.number(value, 2) for value in different]
        return code, texts if len(set(texts)) == len(texts) else [labels.number(value, 4) for value in different]
    if name == "lr":
        half = np.floor(2 * np.log10(column)).astype(np.int64)
        ends = np.arange(half.min(), half.max() + 1)
        return half - half.min(), [f"{labels.number(10 ** (end / 2), 2)}–" for end in ends]
    cut = pd.qcut(column, BINS, duplicates="drop")
    return cut.codes.astype(np.int64), [
        f"{labels.number(each.left, 3)}–{labels.number(each.right, 3)}" for each in cut.categories
    ]


def _draw_shares(ax: Axes, shares: pd.DataFrame, bar: Axes | None = None) -> None:
    """Draw cells of shares, the first row at the bottom, each with its percentage if there is room.

    bar: the axes of the color bar.
    """
    now, figure = current(), panels.figure_of(ax)
    wide, tall = ax.bbox.width / figure.dpi / shares.shape[1], ax.bbox.height / figure.dpi / shares.shape[0]
    texts: pd.DataFrame | bool = False
    if wide > text_width("100", now.small) + 0.04 and tall > now.small / 60:
        texts = shares.map(lambda share: f"{100 * share if share in (0, 1) else np.clip(100 * share, 1, 99):.0f}")
    # Every so many have a text, as far as texts have room side by side.
    every = math.ceil((max(text_width(text, now.tick) for text in shares.columns) + 0.06) / wide)
    bar_options = {
        "label": "runs that diverged",
        "ticks": [0, 0.5, 1],
        "format": lambda share, _: f"{100 * share:.0f}%",
    }
    options = {"cmap": "Reds", "vmin": 0, "vmax": 1, "xticklabels": every, "yticklabels": 1}
    _draw_heatmap(ax, shares, texts, now.small, bar, bar_options, **options)
    ax.collections[0].set_gid("shares")
    ax.invert_yaxis()
    ax.patch.set(**NOT_RUN)
