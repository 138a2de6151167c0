"""Exponentially weighted averages, their weights, and learning-rate schedules (lecture B and D2)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from optbench.averages import array
from optbench.averages.array import Beta
from optbench.catalogue import loader
from optbench.contract import arguments
from optbench.contract.errors import OptbenchError
from optbench.contract.schedules import Schedule
from optbench.figures import panels
from optbench.figures.fonts import cut_to_width
from optbench.figures.style import GRAY, current, line_style
from optbench.wording.labels import shorten_schedules

BOTH, CORRECTED = "both", "corrected"
# Points: more than these cannot be distinguished on a page
_BINS = 2000
_VALUES = "#a9a9a9"
# Values back: what a line can be drawn through at once; beyond it weights are invisible
MOST_AGES = 100_000
# Steps: every one is computed; a longer run makes the same picture
MOST_STEPS = 10**6
# Ratio of the ends of a logarithmic axis: a factor that goes to 0 would flatten all others
DECADES = 1e4
_AXIS = {"epochs": "epochs (passes over the data)", "steps": "steps"}


def ewa(  # noqa: PLR0913  keywords of a public function
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
    """Draw a series and its exponentially weighted averages, as `optbench.ewa` has them.

    Args:
        values: numbers, one after the other; of a pandas Series, its index is the x and its name the label.
        betas: one or several in [0, 1), a line each.
        x: where the values stand, numbers or dates; by default 1, 2, ...
        bias_correction: divide by 1 - beta^t; with "both" the averages are drawn as they are, and dashed once divided.
        name: what the values are.
        along: what x is.
        window: the unit of 1 / (1 - beta), such as "days", which the legend then has.
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
    series = arguments.real_array("ewa: values", values)
    if series.ndim != 1 or not len(series):
        raise OptbenchError("ewa: values must be numbers, one after the other")
    x = np.arange(1, len(series) + 1) if x is None else np.asarray(x)
    if x.shape != series.shape:
        raise OptbenchError(f"ewa: x must be as long as values: {len(series)} numbers or dates")
    several: list[Any] = [betas] if np.isscalar(betas) else arguments.list_items("betas", betas)
    both = isinstance(bias_correction, str) and bool(arguments.one_of("ewa: bias_correction", bias_correction, [BOTH]))
    divided = not both and arguments.check(arguments.Flag, bias_correction, "ewa: bias_correction=")
    averages = {arguments.check(Beta, beta, "ewa: beta="): array.ewa(series, beta, divided) for beta in several}
    corrected = {beta: array.ewa(series, beta, True) for beta in averages} if both else {}
    if not title:
        kind = ", plain and corrected" if both else ", bias corrected" if divided else ""
        title = f"{name or 'values'}: exponentially weighted averages{kind}"
    return draw_averages(ax, x, series, averages, (along, name), title, window, corrected)


def draw_averages(
    ax: Axes | None,
    x: np.ndarray,
    values: np.ndarray,
    averages: Mapping[float, np.ndarray],
    captions: tuple[str, str],
    title: str,
    window: str = "",
    corrected: Mapping[float, np.ndarray] | None = None,
) -> Axes:
    """Draw a series (n,) and its averages, and return the axes, those given or those of a new figure.

    averages, corrected: beta -> (n,), without and with bias correction; captions: of x and y; the other arguments are
    as of `ewa`.
    """
    texts = {f"{beta}": _describe_beta(beta, window) for beta in averages}
    title = cut_to_width(title, current().title, 6.2 * current().scale)
    with panels.axes(ax, title, ["values", *texts.values(), CORRECTED if corrected else ""], height=0.85) as ax:
        lines = current().lines
        if len(values) <= _BINS:
            size = (2.6 if len(values) > 60 else 6.0) * lines
            ax.plot(x, values, color=_VALUES, label="values", zorder=1, marker=".", linestyle="none", markersize=size)
        else:
            ax.plot(*thin_out(x, values), color=_VALUES, label="values", zorder=1, linewidth=0.5 * lines)
        colors = {text: line_style(place)["color"] for place, text in enumerate(texts)}
        plain = {text: {"color": color, "marker": "", "dashes": ""} for text, color in colors.items()}
        panels.draw_lines(ax, _join_lines(x, zip(texts, averages.values(), strict=True)), "x", "y", plain, texts)
        for place, (text, average) in enumerate(zip(texts, (corrected or {}).values(), strict=False)):
            # Where they meet, each has a dash in turn.
            dashes = (4 * place, (4, 4 * max(1, len(averages) - 1)))
            ax.plot(*thin_out(x, average), color=colors[text], linestyle=dashes, linewidth=1.5 * lines, zorder=9)
        if corrected:
            ax.plot([], [], color=GRAY, linewidth=1.5 * lines, linestyle=(0, (4, 4)), label=CORRECTED)
        if np.asarray(x).dtype.kind == "M":
            locator = AutoDateLocator(minticks=3, maxticks=8)
            ax.xaxis.set_major_locator(locator)
            ax.xaxis.set_major_formatter(ConciseDateFormatter(locator, show_offset=False))
        elif np.asarray(x).dtype.kind in "iu":
            ax.xaxis.set_major_locator(MaxNLocator(5, integer=True))
            ax.xaxis.set_major_formatter("{x:,.0f}")
        ax.margins(x=0.01)
        ax.set_xlabel(captions[0])
        panels.set_ylabel(ax, captions[1])
    return ax


def _join_lines(x: np.ndarray, lines: Iterable[tuple[str, np.ndarray]]) -> pd.DataFrame:
    """Return several lines (name, y) along the same x, thinned out, as one table: optimizer (the name), x, y."""
    parts = [(name, *thin_out(x, y)) for name, y in lines]
    return pd.concat([pd.DataFrame({"optimizer": name, "x": at, "y": y}) for name, at, y in parts])


def ewa_weights(
    betas: float | Sequence[float] = (0.5, 0.9, 0.98),
    *,
    ages: int | None = None,
    unit: str = "steps",
    title: str = "Weights of an exponentially weighted average",
    ax: Axes | None = None,
) -> Axes:
    """Draw the weights (1 - beta) beta^k of the values k steps ago, with 1/e of the newest and the age 1 / (1 - beta).

    Dotted lines lead from the height of 1/e of the newest value's weight to the age 1 / (1 - beta), and down. The
    weight there is a little below that height; the two meet as beta goes to 1.

    Args:
        betas: one or several in [0, 1), a line each.
        ages: how many values back; by default a fifth further than the largest 1 / (1 - beta).
        unit: what ages are counted in, such as "days".
        title: of a new figure.
        ax: where to draw; by default a new figure.

    Returns:
        The axes, with a line of weights for each beta.

    Raises:
        OptbenchError: a beta is not in [0, 1), or ages is no whole number from 1.

    Example:
        >>> ax = optbench.figures.ewa_weights([0.9])
        >>> ax.lines[0].get_ydata()[:3].round(3).tolist()
        [0.1, 0.09, 0.081]

    Source:
        Lecture B3 and B4.
    """
    given: list[Any] = [betas] if np.isscalar(betas) else arguments.list_items("betas", betas)
    several = [arguments.check(Beta, beta, "ewa_weights: beta=") for beta in given]
    if not several:
        raise OptbenchError("ewa_weights: betas: name at least one")
    count = max(5, math.ceil(1.2 / (1 - max(several))))
    count = min(count, MOST_AGES) if ages is None else arguments.whole_number("ages", ages, 1, MOST_AGES)
    age = np.arange(count + 1)
    return draw_weights(ax, {beta: (1 - beta) * beta**age for beta in several}, title, unit)


def draw_weights(ax: Axes | None, weights: Mapping[float, np.ndarray], title: str, unit: str) -> Axes:
    """Draw a line of weights against the age for each beta, and return the axes.

    weights: beta -> its weights by age, from 0; unit: what ages are counted in.
    """
    texts = {f"{beta}": f"β = {beta:.6g}" for beta in weights}
    styles = {text: line_style(place) | {"dashes": ""} for place, text in enumerate(texts)}
    most = max(map(len, weights.values())) - 1
    parts = [pd.DataFrame({"optimizer": f"{beta}", "age": range(len(y)), "weight": y}) for beta, y in weights.items()]
    table, mark = pd.concat(parts), "1/e, 1/(1−β)"
    with panels.axes(ax, title, [*texts.values(), mark], height=0.85) as ax:
        panels.draw_lines(ax, table, "age", "weight", styles, texts, marks=6)
        for beta, style in zip(weights, styles.values(), strict=True):
            span, height = 1 / (1 - beta), (1 - beta) / math.e
            dots: dict[str, Any] = {"linewidth": current().lines, "linestyle": ":", "zorder": 2, "gid": "1/e"}
            ax.plot([0, span, span], [height, height, 0], color=style["color"], **dots)
        ax.lines[-1].set_label(mark)
        ax.set(xlabel=f"age in {unit}", ylabel="weight", xlim=(-0.01 * most, most))
        ax.set_ylim(0, 1.04 * table["weight"].max())
    return ax


def schedules(  # noqa: PLR0913  keywords of a public function
    names: str | Schedule | Iterable[str | Schedule] | Mapping[str, str],
    *,
    epochs: float | None = None,
    steps: int | None = None,
    steps_per_epoch: int = 20,
    along: str = "epochs",
    lr: float = 1.0,
    log: bool = False,
    title: str = "Learning-rate schedules",
    ax: Axes | None = None,
    plugin: str | Path | Iterable[str | Path] = (),
) -> Axes:
    """Draw the factor of the learning rate at every step of a run, a line for each schedule.

    Args:
        names: as a spec has them, with parameters if need be (``"warmup(cosine, fraction=0.1)"``), or records; a
            mapping has the text of the legend for each.
        epochs: the length of the run in passes over the data; by default 30.
        steps: its length in steps, instead.
        steps_per_epoch: the steps of an epoch.
        along: what is counted on the axis, "epochs" or "steps".
        lr: the first rate, which all factors are multiplied by.
        log: a logarithmic axis of the factor.
        title: of a new figure.
        ax: where to draw; by default a new figure.
        plugin: a file, or several, with schedules of your own.

    Returns:
        The axes, with a line for each schedule, in their order.

    Raises:
        OptbenchError: a schedule, a parameter of one or what to count does not exist, or both epochs and steps are
            given.

    Example:
        >>> ax = optbench.figures.schedules(["constant", "exponential(base=0.5)"], epochs=3, steps_per_epoch=1)
        >>> ax.lines[1].get_ydata().tolist()
        [1.0, 0.5, 0.25]
    """
    texts = _find_schedules(names, loader.load_all(plugin))
    per_epoch = arguments.whole_number("steps_per_epoch", steps_per_epoch, 1)
    arguments.one_of("along", along, _AXIS)
    if epochs is not None and steps is not None:
        raise OptbenchError("give one length: epochs or steps")
    if steps is None:
        wanted = arguments.real_number("epochs", 30 if epochs is None else epochs) * per_epoch
        total = arguments.whole_number("steps of these epochs", max(1, round(wanted)), 1, MOST_STEPS)
    else:
        total = arguments.whole_number("steps", steps, 1, MOST_STEPS)
    step = np.arange(1, total + 1)
    epoch = (step - 1) // per_epoch
    x = step if along == "steps" else (step - 1) / per_epoch
    factors = {text: lr * np.broadcast_to(record(step, epoch, total), step.shape) for record, text in texts}
    label = "factor of the learning rate" if lr == 1.0 else "learning rate"
    return draw_factors(ax, x, factors, title, _AXIS[along], label, log)


def draw_factors(
    ax: Axes | None, x: np.ndarray, factors: Mapping[str, np.ndarray], title: str, along: str, label: str,
    log: bool = False, level: float | None = None,
) -> Axes:  # fmt: skip
    """Draw the factors of schedules along the same x, and return the axes.

    factors: text of the legend -> factors (n,); along, label: the labels of the x and the y axis; log: a logarithmic y
    axis; level: a height that a dotted line marks, None for no such line.
    """
    styles = {text: line_style(place) for place, text in enumerate(factors)}
    table = _join_lines(x, factors.items())
    with panels.axes(ax, title, factors, height=0.9, left=0.9 if log else 0.75) as ax:
        panels.draw_lines(ax, table, "x", "y", styles, dict(zip(factors, factors, strict=True)), marks=8)
        ax.set_yscale("log" if log else "linear")
        low, high = ax.get_ylim()
        if log:
            if low < high / DECADES:
                # The margin above is a share of what is cut off.
                peak = float(table["y"].max())
                ax.set_ylim(peak / DECADES, 1.5 * peak)
            panels.set_log_ticks(ax.yaxis, *ax.get_ylim(), plain=True)
        else:
            ax.set_ylim(bottom=min(0.0, low))
        if level is not None:
            panels.draw_level(ax, level, f"{level:g}")
        ax.margins(x=0.01)
        ax.set(xlabel=along, ylabel=label)
    return ax


def thin_out(x: ArrayLike, y: ArrayLike, bins: int = _BINS) -> tuple[np.ndarray, np.ndarray]:
    """Return fewer points (x, y) that look the same as a line: of each bin the smallest and the largest y, in order.

    x, y: (n,), divided into `bins` of equal length. Returns both as they are up to 2 * bins points.
    """
    x, y = np.asarray(x), np.asarray(y)
    if len(y) <= 2 * bins:
        return x, y
    edges = np.linspace(0, len(y), bins + 1).astype(np.intp)
    ends = [(low + part.argmin(), low + part.argmax())
            for low, part in zip(edges[:-1], np.split(y, edges[1:-1]), strict=True)]  # fmt: skip
    places = np.unique(np.concatenate([[0, len(y) - 1], np.ravel(ends)]))
    return x[places], y[places]


def _describe_beta(beta: float, window: str) -> str:
    """Return the text of an average in the legend, with its window in that unit, if there is one."""
    span = 1 / (1 - beta)
    return f"β = {beta:.6g}" + (f" ({span:.3g} {window[:-1] if span == 1 else window})" if window else "")


def _find_schedules(names: Any, catalogue: loader.Catalogue) -> list[tuple[Schedule, str]]:
    """Return (schedule, its text in the legend) for each of the names, which are as of `schedules`.

    Raises OptbenchError if there is none, or for an unknown one.
    """
    if isinstance(names, Mapping):
        return [(catalogue.schedule(name), str(text)) for name, text in names.items()]
    several = [names] if isinstance(names, str | Schedule) else arguments.list_items("names", names)
    if not several:
        raise OptbenchError("names: name at least one schedule")
    records = [catalogue.schedule(name) for name in several]
    short = shorten_schedules([record.text for record in records])
    return [(record, short[record.text]) for record in records]
