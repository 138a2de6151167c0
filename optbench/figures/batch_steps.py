"""Steps to a target against the batch size, and up to which size larger batches save steps."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from optbench.analysis import batch_times, critical_batch_size, fixed_targets, grouped_intervals, targets_of
from optbench.analysis.batch_scaling import Scaling
from optbench.analysis.costs import CLOCKS
from optbench.contract import arguments
from optbench.contract.errors import OptbenchError
from optbench.figures import frame, style, styles
from optbench.figures.evidence import Evidence, Tables
from optbench.wording.labels import number

CAPTION = (
    "Steps until the loss is at the target to stay, all but the batch size tuned for each size: the median over seeds "
    "and its interval. Dashed: perfect scaling, half the steps at twice the size. Thin: the fit S(B) = S (1 + C / B), "
    "with a bar at its critical size C."
)
PERFECT = "perfect scaling"


def batch_scaling(
    results: Tables | Evidence,
    problem: str | None = None,
    *,
    optimizers: Iterable[str] | None = None,
    ax: Axes | None = None,
    target: float | None = None,
    loss: float | None = None,
    clock: str = "steps",
) -> Axes:
    """Steps to a target against the batch size, on two logarithmic axes, with the critical batch size of each line.

    All but the batch size is tuned for each size and target, on seeds that do not report (``batch_times``). A size
    whose median run does not arrive has no point. A fitted critical size is told where it lies among the sizes.

    Args:
        results: of a sweep over several batch sizes.
        problem: one of its problems; by default the only one.
        optimizers: those to show; by default all.
        ax: where to draw; by default a new figure.
        target: a share of the first suboptimality; by default the smallest of 0.1, 0.01, 0.001 and 1e-5 at which as
            many optimizers and sizes arrive as at any of them.
        loss: a training loss as the target, instead.
        clock: "steps", "samples" or "seconds"; perfect scaling and the critical size are of steps.

    Returns:
        The axes, whose x is the batch size and whose y is the clock.

    Raises:
        OptbenchError: a problem, an optimizer or a clock does not exist, or there are both a target and a loss.

    Example:
        >>> sizes = {"problems": ["rosenbrock"], "optimizers": ["gd"], "learning_rates": [1e-3], "batch_sizes": [8, 64]}
        >>> optbench.figures.batch_scaling(sweep(sizes, seeds=4, steps=50), loss=10).get_ylabel()
        'steps to loss 10'

    Source:
        McCandlish et al. 2018, arXiv:1812.06162; Shallue et al. 2019, JMLR 20, section 4.
    """
    evidence = frame.evidence_of(results)
    problem = frame.problem_of(evidence, problem)
    looks = frame.looks_of(evidence, problem, optimizers)
    arguments.word("clock", clock, CLOCKS)
    if target is not None and loss is not None:
        raise OptbenchError("give one goal: target or loss")
    of = evidence.results
    if loss is not None:
        targets = fixed_targets(of.runs, loss, of.problems)
    elif target is not None:
        targets = targets_of(of.runs, of.problems, [arguments.number("target", target)])
    else:
        targets = targets_of(of.runs, of.problems)
    runs = of.runs[(of.runs["problem"] == problem) & of.runs["optimizer"].isin(list(looks))]
    times = batch_times(of, runs, of.tuning_seeds, targets[targets["problem"] == problem], clock)
    points = _medians(times, clock)
    arrived = points["median"].map(np.isfinite).groupby(points["target"]).sum()
    goal = min(arrived.index[arrived == arrived.max()])
    points, times = points[points["target"] == goal], times[times["target"] == goal]
    fits = {name: _fit(times[times["optimizer"] == name]) for name in looks if clock == "steps"}
    fits = {name: fit for name, fit in fits.items() if fit}
    sizes = points["batch_size"]
    texts = {name: evidence.names[name] + _critical(fits.get(name), sizes.min(), sizes.max()) for name in looks}
    with frame.axes(ax, frame.titled("Steps against batch size", problem), [*texts.values(), PERFECT]) as ax:
        draw_scaling(ax, points, fits, looks, texts, PERFECT if clock == "steps" else "")
        what = f"loss {number(goal)}" if loss is not None else f"{number(goal)} of the first suboptimality"
        ax.set(xlabel="batch size", ylabel=style.label_along(ax, f"{clock} to {what}"))
    return ax


def _medians(times: pd.DataFrame, clock: str) -> pd.DataFrame:
    """Median over seeds and its interval, a run that does not arrive counting as inf."""
    groups = times.groupby(["optimizer", "target", "batch_size"], sort=True)
    cost = times[clock].where(times["reached"], np.inf).to_numpy(dtype=np.float64)
    table = groups.size().reset_index()[["optimizer", "target", "batch_size"]]
    median, low, high, _, _ = grouped_intervals(cost, groups.ngroup().to_numpy(), len(table))
    return table.assign(median=median, low=low, high=high)


def _fit(times: pd.DataFrame) -> Scaling | None:
    """The fit of one optimizer and target; None where there are not two sizes, or not the same seeds, to fit."""
    try:
        fit = critical_batch_size(times) if len(times) else None
    except OptbenchError:
        return None
    return None if fit is None or np.isnan(fit.critical[0]) else fit


def _critical(fit: Scaling | None, least: int, most: int) -> str:
    """What the legend says of it: outside of the sizes that ran it is no more than a side."""
    if fit is None:
        return ""
    if not least <= fit.critical[0] <= most:
        return f" (critical above {most:,})" if fit.critical[0] > most else f" (critical below {least:,})"
    low, high = (f"{value:,.0f}" if np.isfinite(value) else "∞" for value in fit.critical[1:])
    return f" (critical {fit.critical[0]:,.0f} [{low}, {high}])"


def draw_scaling(ax: Axes, points: pd.DataFrame, fits: dict, looks: dict, texts: dict, perfect: str = "") -> None:
    """points: optimizer, batch_size, median, low, high; fits: optimizer -> `Scaling`; perfect: names a line of 1/B."""
    lines = styles.current().lines
    seen = points[np.isfinite(points["median"])]
    for name, look in looks.items():
        part = seen[seen["optimizer"] == name]
        style.draw_line(ax, part["batch_size"], part["median"], look, texts[name], zorder=3)
        high = part["high"].where(np.isfinite(part["high"]), part["median"])
        ax.vlines(part["batch_size"], part["low"], high, color=look["color"], linewidth=lines, alpha=0.5, zorder=2)
        if name in fits and np.isfinite(fits[name].critical[0]) and len(part):
            critical, least = fits[name].critical[0], fits[name].least_steps[0]
            sizes = np.geomspace(part["batch_size"].min(), part["batch_size"].max(), 60)
            ax.plot(
                sizes, least * (1 + critical / sizes), color=look["color"], linewidth=0.7 * lines, alpha=0.6, zorder=2
            )
            if sizes[0] <= critical <= sizes[-1]:
                ax.plot([critical], [2 * least], marker="|", markersize=15 * lines, markeredgewidth=1.6 * lines,
                        color=look["color"], zorder=4, gid=f"critical {name}")  # fmt: skip
    if len(seen) and perfect:
        ends = np.array([seen["batch_size"].min(), seen["batch_size"].max()], dtype=np.float64)
        first = np.exp(np.log(seen.loc[seen["batch_size"] == ends[0], "median"]).mean())
        style.draw_guide(ax, ends, first * ends[0] / ends, perfect)
    elif not len(seen):
        style.draw_words(ax, "no run stays at the target")
    style.size_ticks(ax, points["batch_size"].unique())
    ax.set_yscale("log" if len(seen) else "linear")
    if len(seen):
        # Bars are shown whole as far as those do not flatten the medians.
        least, most = seen["median"].min(), seen["median"].max()
        bottom, top = seen["low"].min(), seen["high"].where(np.isfinite(seen["high"]), most).max()
        ax.set_ylim(max(min(least / 2, bottom / 1.2), least / 10), min(max(most * 2, top * 1.2), most * 10))
        style.log_ticks(ax.yaxis, *ax.get_ylim(), plain=True)
