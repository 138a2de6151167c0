"""Loss curves: how fast the best setting of each optimizer comes down, and how sure that is."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from optbench.contract import arguments
from optbench.contract.errors import OptbenchError
from optbench.figures import frame, style, styles
from optbench.figures.evidence import Evidence, Tables
from optbench.wording import labels

START = "at the start"
CLOCKS = {
    "epoch": "epochs (passes over the data)",
    "samples": "samples (steps × batch size)",
    "steps": "steps",
    "seconds": "seconds",
}


def curves(
    results: Tables | Evidence,
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
    evidence = frame.evidence_of(results)
    problem = frame.problem_of(evidence, problem)
    looks = frame.looks_of(evidence, problem, optimizers)
    arguments.word("x", x, CLOCKS)
    y = _quantity(evidence, problem, y)
    bands = _bands(evidence, problem, x, y)
    rows = {row["optimizer"]: row for row in evidence.best_of(problem).to_dict("records")}
    texts = {name: legend_text(evidence.names[name], rows[name]) for name in looks}
    gray = len(rows) - len(texts)
    legend = [*texts.values(), START, style.others(gray)]
    with frame.axes(ax, frame.titled(_words(y), problem), legend) as ax:
        _draw(ax, bands, looks, texts, gray, _levels(evidence, problem, y))
        ax.set(xlabel=CLOCKS[x], ylabel=_words(y, long=True))
    return ax


def _quantity(evidence: Evidence, problem: str, y: str | None) -> str:
    """What is drawn: "suboptimality", "loss" or a column of the curves."""
    known = evidence.minimum(problem) is not None
    if y is None:
        return "suboptimality" if known else "loss"
    valid = ["suboptimality", "loss", *evidence.measured(problem)]
    arguments.word("y", y, valid)
    if y == "suboptimality" and not known:
        raise OptbenchError(f"y: the minimum of {problem} is not known, so it has no suboptimality: take y='loss'")
    return y


def _words(y: str, long: bool = False) -> str:
    if y == "suboptimality":
        return "suboptimality (loss − minimum)" if long else "Loss over time"
    if y == "loss":
        return "training loss" if long else "Loss over time"
    text = y.replace("_", " ")
    return text if long else f"{text[:1].upper()}{text[1:]} over time"


def _bands(evidence: Evidence, problem: str, x: str, y: str) -> pd.DataFrame:
    """The rows of `curve_bands` of this problem, with the clock as ``x``."""
    column = "train_loss" if y in ("suboptimality", "loss") else y
    bands = evidence.bands_of(column)
    bands = bands[bands["problem"] == problem]
    shift = evidence.minimum(problem) if y == "suboptimality" else 0.0
    bands = bands.assign(**{name: bands[name] - shift for name in ("median", "low", "high")})
    if x == "seconds":
        return bands.assign(x=bands["step"] * bands["optimizer"].map(evidence.step_seconds(problem)))
    return bands.assign(x=bands["step" if x == "steps" else x])


def _levels(evidence: Evidence, problem: str, y: str) -> tuple[float | None, bool]:
    """(The size of a first suboptimality, None of other quantities; whether there may be a log axis)."""
    return (evidence.start(problem) if y == "suboptimality" else None), "accuracy" not in y


def _draw(ax: Axes, bands: pd.DataFrame, looks: dict, texts: dict, gray: int, levels: tuple) -> None:
    first, may_log = levels
    start = float(bands.loc[bands["step"] == 0, "median"].median()) if (bands["step"] == 0).any() else np.nan
    low = labels.floor(start) if first is not None else 0.0
    after = bands[bands["step"] > 0]
    log_x = len(after) > 0 and after["x"].min() > 0 and after["x"].max() >= 30 * after["x"].min()
    # The axes fit what is in color.
    front = bands[bands["optimizer"].isin(list(looks))]
    finite = front["median"].to_numpy()[np.isfinite(front["median"].to_numpy())]
    log_y = may_log and (first is not None or (len(finite) > 0 and finite.min() > 0))
    top = _top(finite, start, log_y)

    drawn = (after if log_x else bands).sort_values("step")
    if log_y:
        drawn = drawn.assign(**{name: np.maximum(drawn[name], low) for name in ("median", "low", "high")})
    parts = dict(iter(drawn.groupby("optimizer", sort=False)))
    for place, name in enumerate(looks):
        if name in parts:
            draw_band(ax, parts[name], looks[name], texts[name], (place, len(looks)), top * 10 if log_y else top)
    if gray:
        lines = [(part["x"], _finite(part["median"])) for name, part in parts.items() if name not in looks]
        style.draw_others(ax, lines, gray)
    if np.isfinite(start) and log_x:
        style.draw_level(ax, start, START)
    if log_x:
        ax.set_xscale("log")
        style.log_ticks(ax.xaxis, after["x"].min(), after["x"].max(), plain=True)
    if log_y:
        ax.set_yscale("log")
    if len(finite):
        ax.set_ylim(bottom=_bottom(front, finite, low) if log_y else None, top=top)
    if log_y:
        style.log_ticks(ax.yaxis, *ax.get_ylim())


def draw_band(ax: Axes, part: pd.DataFrame, look: dict, text: str, turn: tuple[int, int], top: float) -> None:
    """One optimizer: its median as a line, its interval as a band.

    part: x, median, low, high, a row a step; turn: (place, count), which staggers the markers; top: the band's end.
    """
    x, line, under = part["x"].to_numpy(), part["median"].to_numpy(), part["low"].to_numpy()
    over = np.minimum(part["high"].to_numpy(), top)
    seen, every = np.isfinite(line), max(1, len(part) // 7)
    first = min(turn[0] * every // turn[1], max(seen.sum() - 1, 0))
    style.draw_line(ax, x[seen], line[seen], look, text, markevery=(first, every), zorder=3)
    under = np.minimum(under, over)
    ax.fill_between(x, under, over, color=look["color"], alpha=0.1, linewidth=0, zorder=2)
    for side in (under, over):
        ax.plot(x, side, color=look["color"], alpha=0.45, linewidth=0.6 * styles.current().lines, zorder=2)


def _finite(values: pd.Series) -> np.ndarray:
    return np.where(np.isfinite(values), values, np.nan)


def legend_text(name: str, row: dict) -> str:
    """An optimizer in a legend, with its failures where there are any."""
    return f"{name} ({labels.failure_text(row)} failed)" if row["failures"] else name


def _top(finite: np.ndarray, start: float, log_y: bool) -> float:
    """The upper end of the axis: all medians, but one that blows up must not flatten the others."""
    if not len(finite):
        return 1.0
    highest = float(finite.max())
    if not log_y:
        return highest + 0.05 * (highest - float(finite.min()) or 1.0)
    if np.isfinite(start) and start > 0:
        highest = min(highest, 1e3 * start)
    return max(highest, 1e-300) * 2.0


def _bottom(bands: pd.DataFrame, finite: np.ndarray, floor: float) -> float:
    """The lower end of a log axis: all medians, and their bands as far as those do not flatten the medians."""
    lowest = max(float(finite.min()), floor)
    return max(float(bands["low"].min()), floor, lowest / 100) / 2
