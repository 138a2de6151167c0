"""A series and its exponentially weighted averages (lecture B2)."""

from __future__ import annotations

import numpy as np
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.ticker import MaxNLocator

from optbench.figures import style

_BINS = 2000  # more points than this cannot be told apart on a page


def draw_averages(x, values, averages: dict, name: str, title: str, along: str = "", window: str = ""):
    """Figure of a series and its averages.

    x: (n,) numbers or datetime64; values: (n,); averages: beta -> (n,). name: what the values are (for the axis);
    along: what x is. window: the unit of 1 / (1 - beta), for the legend, such as "days".
    """
    texts = [_label(beta, window) for beta in averages]
    right = style.legend_width([*texts, "values"]) + 0.1
    figure, grid = style.new_figure(
        (4.5, 2.7), left=0.65, right=right, top=0.42, bottom=0.5 if along else 0.35,
        title=style.fitting(title, style.TITLE_SIZE, 6.2),
    )  # fmt: skip
    ax = grid[0, 0]
    few = len(values) <= _BINS
    shown = {"marker": ".", "linestyle": "none", "markersize": 2.6} if few else {"linewidth": 0.5}
    ax.plot(*thinned(x, values), color="#a9a9a9", label="values", zorder=1, **shown)
    for place, (average, text) in enumerate(zip(averages.values(), texts, strict=True)):
        look = style.look(place)
        ax.plot(*thinned(x, average), color=look["color"], linewidth=1.2 + 0.25 * place, label=text, zorder=2 + place)
    if np.asarray(x).dtype.kind == "M":
        locator = AutoDateLocator(minticks=3, maxticks=8)
        ax.xaxis.set_major_locator(locator)
        ax.xaxis.set_major_formatter(ConciseDateFormatter(locator, show_offset=False))
    else:
        ax.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        ax.xaxis.set_major_formatter("{x:,.0f}")
    ax.margins(x=0.01)
    ax.set(xlabel=along, ylabel=style.fitting(name, 9.5, 2.6))
    style.legend(figure, ax)
    return figure


def thinned(x, y, bins: int = _BINS) -> tuple[np.ndarray, np.ndarray]:
    """The smallest and the largest of every len(y) / bins neighbors, in order: a plot that looks the same.

    x, y: (n,). Returns both as they are up to 2 * bins points.
    """
    x, y = np.asarray(x), np.asarray(y)
    if len(y) <= 2 * bins:
        return x, y
    edges = np.linspace(0, len(y), bins + 1).astype(np.intp)
    ends = [(low + part.argmin(), low + part.argmax())
            for low, part in zip(edges[:-1], np.split(y, edges[1:-1]), strict=True)]  # fmt: skip
    kept = np.unique(np.concatenate([[0, len(y) - 1], np.ravel(ends)]))
    return x[kept], y[kept]


def _label(beta: float, window: str) -> str:
    span = 1 / (1 - beta)
    return f"β = {beta:.6g}" + (f" ({span:.3g} {window[:-1] if span == 1 else window})" if window else "")
