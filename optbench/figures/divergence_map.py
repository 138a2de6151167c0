"""Where runs diverge: the share that did, over the learning rate and one more choice."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.patches import Rectangle

from optbench.analysis import every_setting, failed, full_batch, hyperparameter_columns
from optbench.contract import arguments
from optbench.contract.errors import OptbenchError
from optbench.figures import frame, style, styles
from optbench.figures.evidence import Evidence, Tables
from optbench.figures.subjects import some_optimizers
from optbench.wording import labels
from optbench.wording.schedule_names import short_schedules

CAPTION = (
    "The share of runs of one optimizer that diverged, at each learning rate and batch size, over all other settings "
    "and seeds: pale where none did, dark where all did. Hatched: not run."
)
COLORS = "Reds"
# MOST_ROWS, Different values on one side: more cells than that have no room for their text
# BINS, Groups of drawn values: some 30 runs in each of a sweep of 200 trials
MOST_ROWS, BINS = 24, 6


def divergence(
    results: Tables | Evidence,
    problem: str | None = None,
    *,
    optimizers: str | Iterable[str] | None = None,
    ax: Axes | None = None,
    by: str = "batch_size",
) -> Axes:
    """The share of an optimizer's runs that diverged, a cell for each rate and batch size, schedule or hyperparameter.

    All runs of a cell count alike, whatever else their settings are; of a sweep in stages those count that every
    setting had, for later stages leave out what diverged. More than 24 different values, as trials that are drawn
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
    evidence = frame.evidence_of(results)
    problem = frame.problem_of(evidence, problem)
    names = some_optimizers(evidence, optimizers)
    if len(names) > 1:
        raise OptbenchError(f"optimizers: one map is of one optimizer, name it: {', '.join(names)}")
    runs = evidence.results.runs
    arguments.word("by", by, ["batch_size", "schedule", *hyperparameter_columns(runs)])
    mine = runs[(runs["problem"] == problem) & (runs["optimizer"] == names[0])]
    if mine.empty:
        raise OptbenchError(f"{names[0]} has no runs on {problem}")
    table, rates, values = divergence_shares(every_setting(mine), by)
    title = f"Share of runs that diverged: {evidence.names[names[0]]} on {labels.shorten(problem, 40)}"
    widest = max(style.text_width(value, styles.size("tick")) for value in values)
    with frame.axes(
        ax, title, height=min(1.5, 0.25 + 0.12 * len(values)), left=widest / styles.current().zoom + 0.5, right=0.9
    ) as ax:
        draw_shares(ax, table, rates, values, bar=True)
        ax.set_xlabel("learning rate")
        ax.set_ylabel({"batch_size": "batch size"}.get(by, by))
    return ax


def divergence_shares(runs: pd.DataFrame, by: str) -> tuple[np.ndarray, list[str], list[str]]:
    """(values, rates) the share of runs that failed, and the texts of both sides, in order."""
    rows, values = _sides(runs, by)
    columns, rates = _sides(runs, "lr")
    shape = (len(values), len(rates))
    bad, count = np.zeros(shape), np.zeros(shape)
    np.add.at(count, (rows, columns), 1)
    np.add.at(bad, (rows, columns), failed(runs))
    with np.errstate(invalid="ignore"):
        return bad / count, rates, values


def _sides(runs: pd.DataFrame, name: str) -> tuple[np.ndarray, list[str]]:
    """The place of each run along one side, and the texts there."""
    column = runs[name]
    if name == "schedule":
        code, texts = pd.factorize(column)
        short = short_schedules(texts)
        return code, [short[text] for text in texts]
    if name == "batch_size":
        full = dict(zip(column, full_batch(runs), strict=True))
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


def draw_shares(ax: Axes, shares: np.ndarray, across: list[str], along: list[str], bar: bool = True) -> None:
    """Cells of shares (along, across), the first row at the bottom, each with its percentage where there is room."""
    now, figure = styles.current(), ax.get_figure(root=True)
    norm = Normalize(0, 1)
    ax.grid(False)
    mesh = ax.pcolormesh(np.arange(len(across) + 1), np.arange(len(along) + 1), shares, cmap=COLORS, norm=norm,
                         edgecolors="white", linewidth=now.lines)  # fmt: skip
    mesh.set_gid("shares")
    for row, column in np.argwhere(np.isnan(shares)):
        ax.add_patch(
            Rectangle((column, row), 1, 1, facecolor="#f3f3f3", edgecolor="#d4d4d4", hatch="////", linewidth=0)
        )
    size = ax.bbox.width / figure.dpi / len(across), ax.bbox.height / figure.dpi / len(along)
    if size[0] > style.text_width("100", now.small) + 0.04 and size[1] > now.small / 60:
        for row, column in np.argwhere(~np.isnan(shares)):
            share = shares[row, column]
            color = "white" if share > 0.6 else style.BLACK
            text = f"{100 * share:.0f}" if share in (0, 1) else f"{min(max(100 * share, 1), 99):.0f}"
            ax.text(column + 0.5, row + 0.5, text, ha="center", va="center", fontsize=now.small, color=color)
    # Every so many have a text, as far as texts have room side by side.
    every = math.ceil((max(style.text_width(text, now.tick) for text in across) + 0.06) / size[0])
    ax.set_xticks(np.arange(0, len(across), every) + 0.5, across[::every])
    ax.set_yticks(np.arange(len(along)) + 0.5, along)
    ax.tick_params(length=0)
    for spine in ax.spines.values():
        spine.set_visible(False)
    if bar:
        inset = ax.inset_axes((1.02, 0, 0.025, 1))
        scale = figure.colorbar(
            ScalarMappable(norm, COLORS), cax=inset, ticks=[0, 0.5, 1], format=lambda v, _: f"{100 * v:.0f}%"
        )
        scale.outline.set_visible(False)
        inset.tick_params(labelsize=now.tick, length=2)
