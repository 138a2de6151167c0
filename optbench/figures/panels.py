"""Figures of many panels, one for each optimizer: what a page shows of heatmaps and paths."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from optbench.analysis import every_setting
from optbench.figures import batch_and_schedule, divergence_map, style, styles, trajectories
from optbench.figures.evidence import Evidence
from optbench.wording import labels

# SIDE, Inches: by eye
# GAP, Inches: by eye
SIDE, GAP = 2.0, 0.24


def heatmaps(evidence: Evidence, problem: str) -> Figure:
    """Batch size x schedule of all optimizers in color, in one scale of colors."""
    now, names = styles.current(), evidence.names
    optimizers = list(evidence.looks[problem])
    cells = batch_and_schedule.cells_of(evidence, problem, optimizers)
    size = batch_and_schedule.inches(cells)
    left, right = batch_and_schedule.label_inches(cells, evidence.short) + 0.1, 0.9 * now.zoom
    wide, tall = style.balanced(len(optimizers), _columns(size[0] + 0.12, left + right, 5))
    title = max(style.text_width(names[name], now.panel) for name in optimizers)
    gap = 0.12 if wide == 1 else min(max(0.12, title + 0.08 - size[0]), 0.3)
    figure, grid = style.new_figure(
        size, tall, wide, left=left, right=right, top=_top(now), bottom=0.42 * now.zoom, gap=(gap, 0.5 * now.zoom),
        title=f"Batch size × schedule: {labels.shorten(problem, 60)}",
    )  # fmt: skip
    for place, ax in enumerate(grid.flat):
        if place >= len(optimizers):
            ax.set_visible(False)
            continue
        name = optimizers[place]
        batch_and_schedule.draw_cells(ax, evidence, cells, name)
        style.panel_title(ax, names[name], size[0] + gap - 0.06 if wide > 1 else np.inf)
        if place + wide >= len(optimizers):
            ax.set_xlabel("batch size", fontsize=now.panel)
        if place % wide:
            ax.set_yticklabels([])
    batch_and_schedule.draw_scale(grid[0, -1], cells)
    return figure


def paths(evidence: Evidence, problem: str) -> Figure:
    """Paths over the contours, a panel for each optimizer in color."""
    now, names, looks = styles.current(), evidence.names, evidence.looks[problem]
    scene = trajectories.scene_of(evidence, problem, looks)
    optimizers = [name for name in looks if name in scene.walks]
    side = min(SIDE * now.zoom, (now.widest - 0.77 * now.zoom) / 3 - GAP)
    wide, tall = style.balanced(len(optimizers), _columns(side + GAP, 0.77 * now.zoom, 4))
    left, zoom = 0.62 * now.zoom, now.zoom
    figure, grid = style.new_figure(
        (side, side), tall, wide, left=left, right=0.15 * zoom, top=_top(now), bottom=0.72 * zoom,
        gap=(GAP, 0.36 * zoom), sharex=True, sharey=True,
        title=f"Paths over the loss: {labels.shorten(problem, 60)} (seed {scene.seed})",
    )  # fmt: skip
    marks: list = []
    for place, ax in enumerate(grid.flat):
        if place >= len(optimizers):
            ax.set_visible(False)
            continue
        name = optimizers[place]
        walk = scene.walks[name]
        trajectories.draw_contours(ax, scene)
        trajectories.draw_walk(ax, walk, looks[name], scene)
        marks = trajectories.draw_marks(ax, scene)
        ax.set(xlim=scene.across, ylim=scene.along)
        ax.grid(False)
        lowest_of_column = place + wide >= len(optimizers)
        ax.tick_params(labelsize=now.small, labelbottom=lowest_of_column)
        style.panel_title(ax, names[name] + trajectories.remark(walk, scene), side + GAP - 0.06)
        ax.set_xlabel("w₁" if lowest_of_column else "", fontsize=now.tick)
        if place % wide == 0:
            ax.set_ylabel("w₂", fontsize=now.tick, rotation=0, labelpad=8)
    foot = style.FOOT_INCHES if now.told else 0.0
    figure.legend(
        handles=marks, loc="lower left", ncols=4, fontsize=now.legend, borderpad=0, borderaxespad=0,
        bbox_to_anchor=(left / figure.get_figwidth(), (foot + 0.05) / figure.get_figheight()),
    )  # fmt: skip
    return figure


def divergences(evidence: Evidence, problem: str) -> Figure:
    """The share of runs that diverged, rate x batch size, a panel for each optimizer in color."""
    now, names = styles.current(), evidence.names
    runs = every_setting(evidence.results.runs[evidence.results.runs["problem"] == problem])
    shares = {
        name: divergence_map.divergence_shares(runs[runs["optimizer"] == name], "batch_size")
        for name in evidence.looks[problem] if (runs["optimizer"] == name).any()
    }  # fmt: skip
    cell = (0.29 * now.zoom, 0.27 * now.zoom)
    size = tuple(
        edge * max(len(each[side]) for each in shares.values()) for edge, side in zip(cell, (1, 2), strict=True)
    )
    left = max(style.text_width(text, now.tick) for *_, sizes in shares.values() for text in sizes) + 0.4 * now.zoom
    wide, tall = style.balanced(len(shares), _columns(size[0] + 0.3, left + 0.2, 4))
    figure, grid = style.new_figure(
        size, tall, wide, left=left, right=0.2, top=_top(now), bottom=0.45 * now.zoom, gap=(left, 0.62 * now.zoom),
        title=f"Share of runs that diverged, in %: {labels.shorten(problem, 60)}",
    )  # fmt: skip
    for place, ax in enumerate(grid.flat):
        if place >= len(shares):
            ax.set_visible(False)
            continue
        name = list(shares)[place]
        divergence_map.draw_shares(ax, *shares[name], bar=False)
        ax.tick_params(labelsize=now.small)
        style.panel_title(ax, names[name], size[0] + left - 0.06)
        if place + wide >= len(shares):
            ax.set_xlabel("learning rate", fontsize=now.panel)
        if place % wide == 0:
            ax.set_ylabel("batch size", fontsize=now.panel)
    return figure


def _top(now: styles.Style) -> float:
    """Inches above the panels, for their titles and the figure's."""
    return (0.58 if now.told else 0.25) * now.zoom


def _columns(each: float, margins: float, most: int) -> int:
    """How many panels stand side by side."""
    return max(1, min(most, int((styles.current().widest - margins) / each)))
