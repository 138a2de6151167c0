"""A series and its exponentially weighted averages (lecture B2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from optbench.averages import array
from optbench.averages.contract import checked_beta, checked_flag
from optbench.contract import arguments
from optbench.contract.errors import OptbenchError
from optbench.figures import frame, style, styles

BOTH, CORRECTED = "both", "corrected"
_BINS = 2000  # more points than this cannot be told apart on a page


def ewa(
    values: ArrayLike | pd.Series,
    betas: float | Sequence[float] = (0.9, 0.98),
    *,
    x: ArrayLike | None = None,
    bias_correction: bool | str = False,
    name: str = "",
    along: str = "",
    window: str = "",
    title: str = "",
    ax: Axes | None = None,
) -> Axes:
    """A series and its exponentially weighted averages, as `optbench.ewa` has them.

    Args:
        values: numbers, one after the other; of a pandas Series, its index is the x and its name the label.
        betas: one or several in [0, 1), a line each.
        x: where the values stand, numbers or dates; by default 1, 2, ...
        bias_correction: divide by 1 - beta^t; with "both" the averages are drawn as they are, and dashed once divided.
        name: what the values are.
        along: what x is.
        window: the unit of 1 / (1 - beta), such as "days", which the legend then tells.
        title: of a new figure.
        ax: where to draw; by default a new figure.

    Returns:
        The axes, whose lines are the values, then an average for each beta, then those that are dashed.

    Raises:
        OptbenchError: there are no values, x has another length, a beta is not in [0, 1), or bias_correction is a word
            other than "both".

    Example:
        >>> ax = optbench.figures.ewa([40, 49, 45, 60, 56], [0.5, 0.9])
        >>> [line.get_label() for line in ax.lines]
        ['values', 'β = 0.5', 'β = 0.9']

    Source:
        Lecture B1, B2 and B5.
    """
    if isinstance(values, pd.Series):
        x = values.index.to_numpy() if x is None and not isinstance(values.index, pd.RangeIndex) else x
        name = name or str(values.name or "")
    series = arguments.reals("ewa: values", values, "numbers, one after the other")
    if series.ndim != 1 or not len(series):
        raise OptbenchError("ewa: values must be numbers, one after the other")
    x = np.arange(1, len(series) + 1) if x is None else np.asarray(x)
    if x.shape != series.shape:
        raise OptbenchError(f"ewa: x must be as long as values: {len(series)} numbers or dates")
    several = [betas] if np.isscalar(betas) else arguments.items("betas", betas)
    both = isinstance(bias_correction, str) and bool(arguments.word("ewa: bias_correction", bias_correction, [BOTH]))
    divided = checked_flag(not both and bias_correction, "ewa")
    averages = {checked_beta(beta, "ewa"): array.ewa(series, beta, divided) for beta in several}
    corrected = {beta: array.ewa(series, beta, True) for beta in averages} if both else {}
    if not title:
        kind = ", plain and corrected" if both else ", bias corrected" if divided else ""
        title = f"{name or 'values'}: exponentially weighted averages{kind}"
    return draw_averages(ax, x, series, averages, name, title, along, window, corrected)


def draw_averages(
    ax: Axes | None,
    x: np.ndarray,
    values: np.ndarray,
    averages: Mapping[float, np.ndarray],
    name: str,
    title: str,
    along: str = "",
    window: str = "",
    corrected: Mapping[float, np.ndarray] | None = None,
) -> Axes:
    """A series (n,) and its averages, beta -> (n,), and those corrected; the other arguments are those of `ewa`."""
    texts = [_label(beta, window) for beta in averages]
    title = style.fitting(title, styles.size("title"), 6.2 * styles.current().zoom)
    with frame.axes(ax, title, ["values", *texts, *([CORRECTED] if corrected else [])], height=0.85) as ax:
        lines = styles.current().lines
        size = (2.6 if len(values) > 60 else 6.0) * lines
        few = len(values) <= _BINS
        shown = {"marker": ".", "linestyle": "none", "markersize": size} if few else {"linewidth": 0.5 * lines}
        ax.plot(*thinned(x, values), color="#a9a9a9", label="values", zorder=1, **shown)
        for place, (average, text) in enumerate(zip(averages.values(), texts, strict=True)):
            look, width = style.look(place), (1.2 + 0.25 * min(place, 4)) * lines
            ax.plot(*thinned(x, average), color=look["color"], linewidth=width, label=text, zorder=2 + place)
        for place, average in enumerate((corrected or {}).values()):
            # Where they meet, each has a dash in turn.
            dashes = {"linestyle": (4 * place, (4, 4 * max(1, len(averages) - 1)))}
            ax.plot(*thinned(x, average), color=style.look(place)["color"], linewidth=1.5 * lines, zorder=9, **dashes)
        if corrected:
            ax.plot([], [], color=style.GRAY, linewidth=1.5 * lines, linestyle=(0, (4, 4)), label=CORRECTED)
        if np.asarray(x).dtype.kind == "M":
            locator = AutoDateLocator(minticks=3, maxticks=8)
            ax.xaxis.set_major_locator(locator)
            ax.xaxis.set_major_formatter(ConciseDateFormatter(locator, show_offset=False))
        elif np.asarray(x).dtype.kind in "iu":
            ax.xaxis.set_major_locator(MaxNLocator(5, integer=True))
            ax.xaxis.set_major_formatter("{x:,.0f}")
        ax.margins(x=0.01)
        ax.set(xlabel=along, ylabel=style.label_along(ax, name))
    return ax


def thinned(x: ArrayLike, y: ArrayLike, bins: int = _BINS) -> tuple[np.ndarray, np.ndarray]:
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
