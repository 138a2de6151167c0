"""Figures of claims as pictures for a projector: 16:9, large letters, lines and markers larger by as much."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib.axis import Axis
from matplotlib.collections import Collection, PathCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text

from optbench.figures.fonts import text_width

# Inches: 16:9, as presentation programs have it
SIZE = (40 / 3, 7.5)
# Points: what can be read from the last row, and the claim
LETTERS, TITLE = 18, 24
# Inches around and between the texts at the top
_EDGE, _GAP = 0.3, 0.08


def make_slide(figure: Figure, verdict: str, claim: str, *measured: str) -> None:
    """Turn a drawn figure, whose first text is its title, into a slide with the verdict and the claim above it.

    measured: lines below the claim, the number and where the claim holds.
    """
    _scale_lines(figure, SIZE[0] / figure.get_figwidth())
    for text in figure.findobj(Text):
        text.set(fontsize=LETTERS)
    _place_legends(figure)
    title = figure.texts[0].get_text()
    figure.texts[0].remove()
    for ax in figure.axes:
        ax.tick_params("both", which="both", labelsize=LETTERS)
        grid: Any = ax.get_gridspec()
        grid.update(wspace=None, hspace=None)
    figure.set_size_inches(SIZE)
    top = _write_head(figure, [(verdict, LETTERS), (claim, TITLE), *((text, LETTERS) for text in (*measured, title))])
    figure.set_layout_engine("constrained", rect=(0, 0, 1, top), w_pad=0.12, h_pad=0.12)
    figure.draw_without_rendering()
    for ax in figure.axes:
        ax.title.set_text(_wrap(ax.get_title(), LETTERS, ax.bbox.width / figure.dpi))
    figure.draw_without_rendering()
    for ax in figure.axes:
        for axis in (ax.xaxis, ax.yaxis):
            _thin_numbers(axis)


def _write_head(figure: Figure, texts: Sequence[tuple[str, float]]) -> float:
    """Write texts in their sizes below each other at the top; return how high they end, as a share of the figure."""
    top = SIZE[1] - _EDGE
    for text, size in texts:
        lines = _wrap(text, size, SIZE[0] - 2 * _EDGE)
        written = figure.text(0.5, top / SIZE[1], lines, fontsize=size, ha="center", va="top")
        top = written.get_window_extent().y0 / figure.dpi - _GAP
    return top / SIZE[1]


def _scale_lines(figure: Figure, factor: float) -> None:
    """Multiply the widths of lines and the sizes of markers by a factor."""
    for line in figure.findobj(Line2D):
        for name in ("linewidth", "markersize", "markeredgewidth"):
            line.set(**{name: factor * getattr(line, f"get_{name}")()})
    for marks in figure.findobj(Collection):
        marks.set(linewidth=factor * np.asarray(marks.get_linewidth()))
        if isinstance(marks, PathCollection):
            marks.set_sizes(factor**2 * marks.get_sizes())


def _place_legends(figure: Figure) -> None:
    """Make legends anew where the layout leaves room for them: those beside panels there, and others at the foot."""
    right = max(ax.bbox.x1 for ax in figure.axes)
    for legend in list(figure.legends):
        beside = legend.get_bbox_to_anchor().x0 > right
        place: dict[str, Any] = {"loc": f"outside {'center right' if beside else 'lower center'}"}
        entries: Any = legend.legend_handles, [text.get_text() for text in legend.get_texts()]
        figure.legend(*entries, fontsize=LETTERS, ncols=1 if beside else 3, columnspacing=1, **place)
        legend.remove()


def _wrap(text: str, size: float, inches: float) -> str:
    """Return a text of that size in lines of that width."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if text_width(longer, size) <= inches:
            lines[-1] = longer
        else:
            lines.append(word)
    return "\n".join(lines).strip()


def _thin_numbers(axis: Axis) -> None:
    """Leave out every other number at a drawn axis until none overlap; names stay."""
    low, high = sorted(axis.get_view_interval())
    ticks = [tick for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high and tick.label1.get_visible()]
    texts, boxes = [tick.label1.get_text() for tick in ticks], [tick.label1.get_window_extent() for tick in ticks]
    step = 1
    while any(first.overlaps(second) for first, second in pairwise(boxes[::step])):
        step *= 2
    if step > 1 and not any(letter.isalpha() for letter in "".join(texts)):
        axis.set_ticks([tick.get_loc() for tick in ticks[::step]], texts[::step])
