"""What is seen in a figure, in words, for readers who do not see it: panels, axes, and where lines begin and end."""

from collections.abc import Iterable

import numpy as np
from matplotlib import dates
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedFormatter, FuncFormatter

from optbench.analysis.texts import two_digits

_MOST = 8
"""Lines of a panel that are told; more would not be listened to."""


def describe_figure(figure: Figure) -> str:
    """Return what is seen in a figure: its title, then of each panel the axes and what its lines do."""
    titles = [text.get_text() for text in figure.texts]
    panels = [_describe_panel(ax) for ax in figure.axes]
    return " ".join(f"{_plain(part).rstrip('.')}." for part in [*titles, *panels] if part.strip())


def _describe_panel(ax: Axes) -> str:
    """Return a panel in words; "" for one that shows nothing."""
    if not ax.has_data() or not ax.get_visible():
        return ""
    titles = filter(None, (ax.get_title(loc) for loc in ("left", "center", "right")))
    names = [f"{axis.get_label_text()} {way}" for axis, way in ((ax.yaxis, "upright"), (ax.xaxis, "across"))
             if axis.get_label_text()]  # fmt: skip
    told = [_describe_series(ax, label, lines) for label, lines in _group_lines(ax).items()]
    more = [f"and {len(told) - _MOST} more"] if len(told) > _MOST else []
    head = ": ".join([*titles, *([", ".join(names)] if names else [])])
    return "; ".join(filter(None, [head, *told[:_MOST], *more]))


def _group_lines(ax: Axes) -> dict[str, list[Line2D]]:
    """Return the lines by their label; dots without one belong to the labelled line of their color before them.

    Guides across the whole panel are left out: they are in the coordinates of the axes.
    """
    groups: dict[str, list[Line2D]] = {}
    owner: dict[tuple, str] = {}
    for line in ax.lines:
        if line.get_transform() != ax.transData or not len(line.get_xdata()):
            continue
        label, color = line.get_label(), to_rgba(line.get_color())
        if label and not label.startswith("_"):
            owner[color] = label
            groups.setdefault(label, []).append(line)
        elif len(line.get_xdata()) == 1 and color in owner:
            groups[owner[color]].append(line)
    return groups


def _describe_series(ax: Axes, label: str, lines: list[Line2D]) -> str:
    """Return where a line begins and ends, "gd from 1 at 0 to 0.1 at 60", or the values of its dots; "" for none."""
    points: list[tuple[float, float]] = []
    for line in lines:
        x, y = (_numbers(values) for values in (line.get_xdata(), line.get_ydata()))
        there = np.isfinite(x) & np.isfinite(y)
        points += zip(x[there], y[there], strict=True)
    if not points:
        return ""
    is_line = len(points) != len(lines)
    told = [points[0], points[-1]] if is_line else points  # a text takes matplotlib about a millisecond
    places = [f"{_value(ax.yaxis, up)} at {_value(ax.xaxis, across)}" for across, up in told]
    return f"{label} from {places[0]} to {places[1]}" if is_line else f"{label} {', '.join(places)}"


def _numbers(values: Iterable) -> np.ndarray:
    """Return values as floats, dates as days."""
    values = np.asarray(values)
    return dates.date2num(values) if values.dtype.kind == "M" else values.astype(float)


def _value(axis: Axis, number: float) -> str:
    """Return a place on an axis as text: its tick's label where that is a word, a date as a year, else the number."""
    if isinstance(
        axis.get_major_formatter(), dates.DateFormatter | dates.AutoDateFormatter | dates.ConciseDateFormatter
    ):
        return f"{dates.num2date(number):%Y-%m-%d}"
    ticks = zip(axis.get_ticklocs(), axis.get_ticklabels(), strict=False)
    words = [label.get_text() for tick, label in ticks if abs(tick - number) < 0.5]  # of a category beside its place
    named = isinstance(axis.get_major_formatter(), FixedFormatter | FuncFormatter) and axis.get_scale() == "linear"
    return words[0] if named and words else two_digits(number)


def _plain(text: str) -> str:
    """Return a text of a figure without line breaks and the marks of mathematics."""
    return " ".join(text.replace("$", "").replace("\\mathdefault", "").split())
