"""Figures of claims as pictures for a projector: 16:9, large letters, lines and markers larger by as much."""

from __future__ import annotations

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
# Points: what can be read from the last row, and the title
LETTERS, TITLE = 18, 24


def make_slide(figure: Figure) -> None:
    """Turn a drawn figure, whose first text is its title, into a slide."""
    _scale_lines(figure, SIZE[0] / figure.get_figwidth())
    for text in figure.findobj(Text):
        text.set(fontsize=LETTERS)
    _place_legends(figure)
    figure.suptitle(figure.texts[0].get_text(), fontsize=TITLE, wrap=True)
    figure.texts[0].remove()
    for ax in figure.axes:
        ax.tick_params("both", which="both", labelsize=LETTERS)
        grid: Any = ax.get_gridspec()
        grid.update(wspace=None, hspace=None)
    figure.set_size_inches(SIZE)
    figure.set_layout_engine("constrained", w_pad=0.12, h_pad=0.12)
    figure.draw_without_rendering()
    for ax in figure.axes:
        ax.title.set_text(_wrap(ax.get_title(), ax.bbox.width / figure.dpi))
        for axis in (ax.xaxis, ax.yaxis):
            _thin_numbers(axis)


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


def _wrap(text: str, inches: float) -> str:
    """Return a text in lines of that width."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if text_width(longer, LETTERS) <= inches:
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
