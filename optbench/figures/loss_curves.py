"""Loss curves: how fast the best setting of each optimizer comes down, and how sure that is."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from optbench.contract import arguments
from optbench.contract.errors import OptbenchError
from optbench.figures import panels, selection
from optbench.figures.data import ReportData, Tables, report_data
from optbench.wording import labels

START = "at the start"
CLOCKS = {
    "epoch": "epochs (passes over the data)",
    "samples": "samples (steps × batch size)",
    "steps": "steps",
    "seconds": "seconds",
}


def curves(
    results: Tables | ReportData,
    problem: str | None = None,
    *,
    optimizers: Iterable[str] | None = None,
    ax: Axes | None = None,
    x: str = "epoch",
    y: str | None = None,
) -> Axes:
    """Loss curves of the recommended settings: the median over the seeds that report, with its interval.

    A failed run counts as infinitely bad from its last point on, so a line ends where half of the runs have failed.

    Args:
        results: those of a sweep.
        problem: by default the only one.
        optimizers: those in color; by default all, or the best ten of more. The others are thin gray lines.
        ax: where to draw; by default on a new figure.
        x: "epoch", "samples", "steps" or "seconds" (steps times the median time of one).
        y: "suboptimality", "loss", "test_loss" or a metric such as "test_accuracy"; by default the suboptimality, or
            the loss where the minimum is not known.

    Returns:
        The axes.

    Raises:
        OptbenchError: there is no such problem, optimizer or quantity.

    Example:
        >>> small = {"problems": ["rosenbrock"], "optimizers": ["gd"], "learning_rates": [0.001], "steps": 50}
        >>> optbench.figures.curves(sweep(small, seeds=3)).get_ylabel()
        'suboptimality (loss − minimum)'
    """
    data = report_data(results)
    problem = selection.problem_of(data, problem)
    styles = selection.styles_of(data, problem, optimizers)
    arguments.one_of("x", x, CLOCKS)
    y = _quantity(data, problem, y)
    rows = {row["optimizer"]: row for row in data.best_of(problem).to_dict("records")}
    texts = {name: legend_text(data.names[name], rows[name]) for name in styles}
    legend = [*texts.values(), START, panels.others(len(rows) - len(texts))]
    with panels.axes(ax, panels.titled(_words(y), problem), legend) as ax:
        first = data.start(problem) if y == "suboptimality" else None
        _draw(ax, _bands(data, problem, x, y), styles, texts, first, "accuracy" not in y)
        ax.set(xlabel=CLOCKS[x], ylabel=_words(y, long=True))
    return ax


def _quantity(data: ReportData, problem: str, y: str | None) -> str:
    """Return what is drawn: "suboptimality", "loss" or a column of the curves."""
    known = data.minimum(problem) is not None
    if y is None:
        return "suboptimality" if known else "loss"
    arguments.one_of("y", y, ["suboptimality", "loss", *data.measured(problem)])
    if y == "suboptimality" and not known:
        raise OptbenchError(f"y: the minimum of {problem} is not known, so it has no suboptimality: take y='loss'")
    return y


def _words(y: str, long: bool = False) -> str:
    if y in ("suboptimality", "loss"):
        names = {"suboptimality": "suboptimality (loss − minimum)", "loss": "training loss"}
        return names[y] if long else "Loss over time"
    text = y.replace("_", " ")
    return text if long else f"{text[:1].upper()}{text[1:]} over time"


def _bands(data: ReportData, problem: str, x: str, y: str) -> pd.DataFrame:
    """Return the rows of `curve_bands` of this problem, with the clock as ``x``."""
    bands = data.bands_of("train_loss" if y in ("suboptimality", "loss") else y)
    bands = bands[bands["problem"] == problem]
    shift = data.minimum(problem) if y == "suboptimality" else 0.0
    bands = bands.assign(**{name: bands[name] - shift for name in ("median", "low", "high")})
    if x == "seconds":
        return bands.assign(x=bands["step"] * bands["optimizer"].map(data.step_seconds(problem)))
    return bands.assign(x=bands["step" if x == "steps" else x])


def _draw(ax: Axes, bands: pd.DataFrame, styles: dict, texts: dict, first: float | None, may_log: bool) -> None:
    """Draw the curves with their bands.

    first: the first suboptimality, None for other quantities; may_log: True where the y axis may be logarithmic.
    """
    start = float(bands.loc[bands["step"] == 0, "median"].median()) if (bands["step"] == 0).any() else np.nan
    floor = labels.floor(start) if first is not None else 0.0
    after = bands[bands["step"] > 0]
    log_x = len(after) > 0 and after["x"].min() > 0 and after["x"].max() >= 30 * after["x"].min()
    # The axes fit what is in color.
    front = bands[bands["optimizer"].isin(list(styles)) & np.isfinite(bands["median"])]
    medians = front["median"]
    log_y = may_log and (first is not None or (len(medians) > 0 and medians.min() > 0))
    top = _top(medians, start, log_y)
    drawn = (after if log_x else bands).sort_values("step")
    if log_y:
        drawn = drawn.assign(**{name: np.maximum(drawn[name], floor) for name in ("median", "low", "high")})
    draw_bands(ax, drawn, styles, texts, top * 10 if log_y else top)
    ax.set(xscale="log" if log_x else "linear", yscale="log" if log_y else "linear")
    if np.isfinite(start) and log_x:
        panels.draw_level(ax, start, START)
    if log_x:
        panels.log_ticks(ax.xaxis, after["x"].min(), after["x"].max(), plain=True)
    if len(medians):
        # A log axis shows all medians, and their bands as far as those do not flatten the medians.
        lowest = max(float(medians.min()), floor)
        bottom = max(float(front["low"].min()), floor, lowest / 100) / 2
        ax.set_ylim(bottom=bottom if log_y else None, top=top)
    if log_y:
        panels.log_ticks(ax.yaxis, *ax.get_ylim())


def draw_bands(ax: Axes, table: pd.DataFrame, styles: dict, texts: dict, top: float) -> None:
    """Draw medians as lines and intervals as bands.

    table: optimizer, x, median, low, high, a row a point; top: the height at which bands end.
    """
    table = table.assign(high=np.minimum(table["high"], top), low=np.minimum(table["low"], top))
    panels.draw_lines(ax, table, "x", "median", styles, texts, interval="band", marks=7)


def legend_text(name: str, row: dict) -> str:
    """Return an optimizer's text in a legend, with its failures where there are any."""
    return f"{name} ({labels.failure_text(row)} failed)" if row["failures"] else name


def _top(medians: pd.Series, start: float, log_y: bool) -> float:
    """Return the upper end of the axis: all medians, but one that blows up must not flatten the others."""
    if not len(medians):
        return 1.0
    highest = float(medians.max())
    if not log_y:
        return highest + 0.05 * (highest - float(medians.min()) or 1.0)
    if np.isfinite(start) and start > 0:
        highest = min(highest, 1e3 * start)
    return max(highest, 1e-300) * 2.0
