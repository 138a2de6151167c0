"""How much the cost of mini-batches wiggles, against their size (lecture A3)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from optbench.analysis import cost_noise, every_setting, full_batch, grouped_intervals
from optbench.analysis.columns import final_suboptimality
from optbench.contract import arguments
from optbench.contract.errors import OptbenchError, unknown
from optbench.figures import frame, style, styles
from optbench.figures.evidence import Evidence, Tables
from optbench.wording.labels import number

CAPTION = (
    "The standard deviation of successive mini-batch costs around their local mean, in the last fifth of runs at one "
    "rate: the median over seeds and its interval. Dashed: 1/sqrt(B). The full batch has no such noise."
)
ROOT = "1/sqrt(B)"


def noise(
    results: Tables | Evidence,
    problem: str | None = None,
    *,
    optimizers: Iterable[str] | None = None,
    ax: Axes | None = None,
    lr: float | None = None,
    schedule: str | None = None,
) -> Axes:
    """The noise of the mini-batch cost against the batch size, at one rate for all sizes, a line an optimizer.

    It is measured in each run by itself, by what its costs differ from the line through their neighbors
    (``analysis.cost_noise``), so that the way down does not count. Runs that differ in hyperparameters count together.

    Args:
        results: of a sweep over several batch sizes.
        problem: one of its problems; by default the only one.
        optimizers: those to show; by default all.
        ax: where to draw; by default a new figure.
        lr: the rate; by default of each optimizer the one with the lowest median final loss over all sizes.
        schedule: by default "constant", or the first where that is not there.

    Returns:
        The axes, whose x is the batch size and whose y is the standard deviation.

    Raises:
        OptbenchError: a problem, an optimizer, a rate or a schedule does not exist, there are no mini-batches, or runs
            were evaluated too seldom.

    Example:
        >>> sizes = {"problems": ["logistic"], "optimizers": ["gd"], "learning_rates": [0.1], "batch_sizes": [8, 32]}
        >>> optbench.figures.noise(sweep(sizes, seeds=2, epochs=4, points="every")).lines[0].get_xdata().tolist()
        [8, 32]

    Source:
        Lecture A3.
    """
    evidence = frame.evidence_of(results)
    problem = frame.problem_of(evidence, problem)
    looks = frame.looks_of(evidence, problem, optimizers)
    runs, rates = noises_of(evidence, problem, looks, lr, schedule)
    texts = {name: f"{evidence.names[name]} (rate {number(rate, 2)})" for name, rate in rates.items()}
    with frame.axes(ax, frame.titled("Noise of the mini-batch cost", problem), [*texts.values(), ROOT]) as ax:
        draw_noise(ax, runs, {name: looks[name] for name in texts}, texts)
        ax.set(xlabel="batch size B", ylabel="noise of the mini-batch cost")
    return ax


def noises_of(
    evidence: Evidence, problem: str, optimizers: Iterable[str], lr: float | None = None, schedule: str | None = None
) -> tuple[pd.DataFrame, dict[str, float]]:
    """The runs on mini-batches with their `noise`, and the rate of each optimizer. Raises OptbenchError as `noise`."""
    key = problem, tuple(optimizers), lr, schedule
    if key not in evidence.noises:
        evidence.noises[key] = _noises_of(evidence, *key)
    return evidence.noises[key]


def _noises_of(
    evidence: Evidence, problem: str, optimizers: Sequence[str], lr: float | None, schedule: str | None
) -> tuple[pd.DataFrame, dict[str, float]]:
    of = evidence.results
    runs = every_setting(of.runs[of.runs["problem"] == problem])
    runs = runs[~full_batch(runs) & runs["optimizer"].isin(list(optimizers))]
    runs = runs[runs["schedule"] == _schedule(runs, schedule)]
    if runs.empty:
        raise OptbenchError(f"noise: {problem} ran with no mini-batches of these optimizers")
    rates = {name: rate for name in optimizers if (rate := _rate(runs[runs["optimizer"] == name], lr)) is not None}
    if lr is not None and not rates:
        raise unknown("rate", number(lr, 4), [number(rate, 4) for rate in np.unique(runs["lr"])])
    if not rates:
        raise OptbenchError(f"noise: at every rate half of the runs on {problem} failed: name one as lr")
    runs = runs[runs["lr"] == runs["optimizer"].map(rates)]
    curves = of.curves_of(runs["run_id"], ["batch_loss"])
    runs = runs.assign(noise=runs["run_id"].map(cost_noise(curves))).dropna(subset=["noise"])
    if runs.empty:
        raise OptbenchError('noise: runs have too few evaluations near their end: let the sweep have points = "every"')
    return runs, rates


def _schedule(runs: pd.DataFrame, schedule: str | None) -> str:
    there = list(runs["schedule"].unique())
    if schedule is None:
        return "constant" if "constant" in there or not there else there[0]
    return schedule if schedule in there else arguments.word("schedule", schedule, there)


def _rate(runs: pd.DataFrame, lr: float | None) -> float | None:
    """The rate that is asked for, or that of the lowest median final loss; None where there is none such."""
    if lr is not None:
        near = runs["lr"][np.isclose(runs["lr"], arguments.number("lr", lr), rtol=1e-3)]
        return float(near.iloc[0]) if len(near) else None
    final = pd.Series(final_suboptimality(runs)).groupby(runs["lr"].to_numpy()).median()
    return float(final.idxmin()) if np.isfinite(final).any() else None


def draw_noise(ax: Axes, noises: pd.DataFrame, looks: dict, texts: dict) -> None:
    """noises: optimizer, batch_size and noise of each run; looks, texts: of those shown, in the order of the legend."""
    lines, shown = styles.current().lines, noises[noises["noise"] > 0]
    first = []
    for name, look in looks.items():
        part = shown[shown["optimizer"] == name]
        sizes, code = np.unique(part["batch_size"], return_inverse=True)
        median, low, high, _, _ = grouped_intervals(part["noise"].to_numpy(), code, len(sizes))
        style.draw_line(ax, sizes, median, look, texts[name], zorder=3)
        ax.vlines(sizes, low, high, color=look["color"], linewidth=lines, alpha=0.5, zorder=2)
        first += list(np.log(median[:1] * np.sqrt(sizes[:1])))
    if shown.empty:
        style.draw_words(ax, "no noise to be seen")
        return
    ax.set_yscale("log")
    sizes = np.unique(shown["batch_size"]).astype(np.float64)
    style.draw_guide(ax, sizes, np.exp(np.mean(first)) / np.sqrt(sizes), ROOT)
    style.size_ticks(ax, sizes)
    style.log_ticks(ax.yaxis, *ax.get_ylim(), plain=True)
