"""Figures against the batch size: steps to a target, and the noise of the cost of mini-batches (lecture A3)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from optbench.analysis import (
    batch_times,
    cost_noise,
    critical_batch_size,
    find_full_batch_runs,
    fixed_targets,
    grouped_intervals,
    select_screening_runs,
    targets_of,
)
from optbench.analysis.batch_scaling import Scaling
from optbench.analysis.costs import CLOCKS
from optbench.analysis.run_columns import final_suboptimality
from optbench.analysis.sweep_tables import Tables
from optbench.contract import arguments
from optbench.contract.errors import OptbenchError, unknown
from optbench.figures import panels
from optbench.figures.data import ReportData, report_data
from optbench.figures.shown_optimizers import select_problem, select_styles
from optbench.figures.style import current
from optbench.wording.labels import number

SCALING_CAPTION = (
    "Steps until the loss is at the target to stay, all but the batch size tuned for each size: the median over seeds "
    "and its interval. Dashed: perfect scaling, half the steps at twice the size. Thin: the fit S(B) = S (1 + C / B), "
    "with a bar at its critical size C."
)
NOISE_CAPTION = (
    "The standard deviation of successive mini-batch costs around their local mean, in the last fifth of runs at one "
    "rate: the median over seeds and its interval. Dashed: 1/sqrt(B). The full batch has no such noise."
)
PERFECT, ROOT = "perfect scaling", "1/sqrt(B)"


def batch_scaling(
    results: Tables | ReportData,
    problem: str | None = None,
    *,
    optimizers: Iterable[str] | None = None,
    ax: Axes | None = None,
    target: float | None = None,
    loss: float | None = None,
    clock: str = "steps",
) -> Axes:
    """Draw steps to a target against the batch size, on two logarithmic axes, with the critical size of each line.

    All but the batch size is tuned for each size, on seeds that do not report; in a plain grid for each target, too
    (``batch_times``). A size whose median run does not arrive has no point. The legend has a fitted critical size where
    it lies among the sizes.

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
        OptbenchError: a problem, an optimizer or a clock does not exist, there are both a target and a loss, or a
            sweep with blocks has no optimizer with reporting runs at two sizes.

    Example:
        >>> sizes = {"problems": ["rosenbrock"], "optimizers": ["gd"], "learning_rates": [1e-3], "batch_sizes": [8, 64]}
        >>> optbench.figures.batch_scaling(sweep(sizes, seeds=4, steps=50), loss=10).get_ylabel()
        'steps to loss 10'

    Source:
        McCandlish et al. 2018, arXiv:1812.06162; Shallue et al. 2019, JMLR 20, section 4.
    """
    data = report_data(results)
    problem = select_problem(data, problem)
    styles = select_styles(data, problem, optimizers)
    arguments.one_of("clock", clock, CLOCKS)
    if target is not None and loss is not None:
        raise OptbenchError("give one goal: target or loss")
    of = data.results
    if loss is not None:
        targets = fixed_targets(of.runs, loss, of.problems)
    elif target is not None:
        targets = targets_of(of.runs, of.problems, [arguments.real_number("target", target)])
    else:
        targets = targets_of(of.runs, of.problems)
    runs = of.runs[(of.runs["problem"] == problem) & of.runs["optimizer"].isin(list(styles))]
    times = batch_times(of, runs, of.tuning_seeds, targets[targets["problem"] == problem], clock, data.choose_by)
    cost = times[clock].where(times["reached"], np.inf)  # a run that does not arrive
    points = _find_medians(times, cost, ["optimizer", "target", "batch_size"])
    arrived = points["median"].map(np.isfinite).groupby(points["target"]).sum()
    goal = min(arrived.index[arrived == arrived.max()])
    points, times = points[points["target"] == goal], times[times["target"] == goal]
    names = styles if clock == "steps" else ()
    fits = {name: fit for name in names if (fit := _fit_critical_size(times[times["optimizer"] == name]))}
    sizes = points["batch_size"]
    texts = {
        name: data.short_names[name] + _describe_critical_size(fits.get(name), sizes.min(), sizes.max())
        for name in styles
    }
    with panels.axes(
        ax, panels.join_title("Steps against batch size", data.label(problem)), [*texts.values(), PERFECT]
    ) as ax:
        draw_scaling(ax, points, fits, styles, texts, PERFECT if clock == "steps" else "")
        what = f"loss {number(goal)}" if loss is not None else f"{number(goal)} of the gap at the start"
        ax.set(xlabel="batch size")
        panels.set_ylabel(ax, f"{clock} to {what}")
    return ax


def _find_medians(table: pd.DataFrame, values: pd.Series, by: list[str]) -> pd.DataFrame:
    """Return a row for each group of the table's rows: its keys, and `median`, `low` and `high` of the values in it."""
    groups = table.groupby(by, sort=True)
    keys = groups.size().reset_index()[by]
    found = grouped_intervals(values.to_numpy(dtype=np.float64), groups.ngroup().to_numpy(), len(keys))
    return keys.assign(**dict(zip(("median", "low", "high"), found, strict=False)))


def _fit_critical_size(times: pd.DataFrame) -> Scaling | None:
    """Return the fit of one optimizer and target; None where there are not two sizes, or not the same seeds, to fit."""
    try:
        fit = critical_batch_size(times) if len(times) else None
    except OptbenchError:
        return None
    return None if fit is None or np.isnan(fit.critical[0]) else fit


def _describe_critical_size(fit: Scaling | None, least: int, most: int) -> str:
    """Return the critical size in brackets, for a legend; "" without a fit.

    least, most: the range of the batch sizes that ran; for a critical size outside of it only the side is told.
    """
    if fit is None:
        return ""
    if not least <= fit.critical[0] <= most:
        return f" (critical above {most:,})" if fit.critical[0] > most else f" (critical below {least:,})"
    low, high = (f"{value:,.0f}" if np.isfinite(value) else "∞" for value in fit.critical[1:])
    return f" (critical {fit.critical[0]:,.0f} [{low}, {high}])"


def draw_scaling(
    ax: Axes, points: pd.DataFrame, fits: dict, styles: Mapping[str, dict], texts: dict, perfect: str = ""
) -> None:
    """Draw steps to a target against the batch size, with the fitted curves.

    points: optimizer, batch_size, median, low, high; fits: optimizer -> `Scaling`; styles, texts: optimizer -> line
    style, text of the legend; perfect: the legend's text for a guide proportional to 1/B, "" for no guide.
    """
    lines = current().lines
    arrived = points[np.isfinite(points["median"])]
    panels.draw_lines(ax, arrived, "batch_size", "median", styles, texts, interval="bars")
    ax.set_yscale("log" if len(arrived) else "linear")
    for name, fit in fits.items():
        sizes = arrived.loc[arrived["optimizer"] == name, "batch_size"]
        if np.isfinite(fit.critical[0]) and len(sizes):
            critical, least, color = fit.critical[0], fit.least_steps[0], styles[name]["color"]
            along = np.geomspace(sizes.min(), sizes.max(), 60)
            ax.plot(along, least * (1 + critical / along), color=color, linewidth=0.7 * lines, alpha=0.6, zorder=2)
            if along[0] <= critical <= along[-1]:
                ax.plot([critical], [2 * least], marker="|", markersize=15 * lines, markeredgewidth=1.6 * lines,
                        color=color, zorder=4, gid=f"critical {name}")  # fmt: skip
    if len(arrived) and perfect:
        ends = np.array([arrived["batch_size"].min(), arrived["batch_size"].max()], dtype=np.float64)
        first = np.exp(np.log(arrived.loc[arrived["batch_size"] == ends[0], "median"]).mean())
        panels.draw_guide(ax, ends, first * ends[0] / ends, perfect)
    panels.set_size_ticks(ax, points["batch_size"].unique())
    if len(arrived):
        ax.set_ylim(panels.find_limits(arrived, "median", log=True, reach=10))
        panels.set_log_ticks(ax.yaxis, *ax.get_ylim(), plain=True)
    else:
        panels.draw_note(ax, "no run stays at the target")


def noise(
    results: Tables | ReportData,
    problem: str | None = None,
    *,
    optimizers: Iterable[str] | None = None,
    ax: Axes | None = None,
    lr: float | None = None,
    schedule: str | None = None,
) -> Axes:
    """Draw the noise of the mini-batch cost against the batch size, at one rate for all sizes.

    It is measured in each run by itself, by what its costs differ from the line through their neighbors
    (``analysis.cost_noise``), so that the way down does not count. Runs that differ in hyperparameters count together.

    Args:
        results: of a sweep over several batch sizes.
        problem: one of its problems; by default the only one.
        optimizers: those to show; by default all.
        ax: where to draw; by default a new figure.
        lr: the rate; by default of each optimizer the one with the lowest median final loss over all sizes, among
            those that ran at the most sizes.
        schedule: by default "constant", or the first where that is not there.

    Returns:
        The axes, whose x is the batch size and whose y is the standard deviation.

    Raises:
        OptbenchError: a problem, an optimizer, a rate or a schedule does not exist, there are no mini-batches, runs
            were evaluated too seldom, or no rate ran at several sizes.

    Example:
        >>> sizes = {"problems": ["logistic"], "optimizers": ["gd"], "learning_rates": [0.1], "batch_sizes": [8, 32]}
        >>> optbench.figures.noise(sweep(sizes, seeds=2, epochs=4, points="every")).lines[0].get_xdata().tolist()
        [8.0, 32.0]

    Source:
        Lecture A3.
    """
    data = report_data(results)
    problem = select_problem(data, problem)
    styles = select_styles(data, problem, optimizers)
    runs, rates = _measure_noise(data, problem, list(styles), lr, schedule)
    texts = {name: f"{data.short_names[name]} (rate {number(rate, 2)})" for name, rate in rates.items()}
    with panels.axes(
        ax, panels.join_title("Noise of the mini-batch cost", data.label(problem)), [*texts.values(), ROOT]
    ) as ax:
        draw_noise(ax, runs, {name: styles[name] for name in texts}, texts)
        ax.set(xlabel="batch size B", ylabel="noise of the mini-batch cost")
    return ax


def _measure_noise(
    data: ReportData, problem: str, optimizers: Sequence[str], lr: float | None, schedule: str | None
) -> tuple[pd.DataFrame, dict[str, float]]:
    """Return the runs on mini-batches at one rate each, with the column `noise`, and the rate by optimizer.

    lr, schedule: as of `noise`, None for the default; raises as that does.
    """
    of = data.results
    runs = select_screening_runs(of.runs[of.runs["problem"] == problem])
    runs = runs[~find_full_batch_runs(runs) & runs["optimizer"].isin(optimizers)]
    if runs.empty:
        raise OptbenchError(f"noise: {problem} ran with no mini-batches of these optimizers")
    schedules = list(runs["schedule"].unique())
    schedule = schedule or ("constant" if "constant" in schedules else schedules[0])
    runs = runs[runs["schedule"] == arguments.one_of("schedule", schedule, schedules)]
    sizes = runs.groupby(["optimizer", "lr"])["batch_size"].transform("nunique")
    if sizes.max() == 1 < runs["batch_size"].nunique():
        raise OptbenchError(
            "noise: no rate ran at several batch sizes, as blocks draw their own: run a list of rates, or a plain grid"
        )
    if lr is None:
        runs = runs[sizes == sizes.groupby(runs["optimizer"]).transform("max")]
    found = {name: _select_rate(runs[runs["optimizer"] == name], lr) for name in optimizers}
    rates = {name: rate for name, rate in found.items() if rate is not None}
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


def has_noise(data: ReportData, problem: str, least: int = 1) -> bool:
    """Return True if `noise` can be drawn: if runs on mini-batches were evaluated often enough, and not all failed.

    least: the batch sizes that some optimizer must have at its rate.
    """
    try:
        runs = _measure_noise(data, problem, list(data.line_styles[problem]), None, None)[0]
    except OptbenchError:
        return False
    return bool(runs.groupby("optimizer")["batch_size"].nunique().max() >= least)


def _select_rate(runs: pd.DataFrame, lr: float | None) -> float | None:
    """Return the rate in `runs` that is nearly `lr`; without `lr`, that with the lowest median final loss.

    runs: of one optimizer. Returns None if no run has that rate, or at every rate half of the runs failed.
    """
    if lr is not None:
        near = runs["lr"][np.isclose(runs["lr"], arguments.real_number("lr", lr), rtol=1e-3)]
        return float(near.iloc[0]) if len(near) else None
    final = pd.Series(final_suboptimality(runs)).groupby(runs["lr"].to_numpy()).median()
    return float(final.idxmin()) if np.isfinite(final).any() else None


def draw_noise(ax: Axes, noises: pd.DataFrame, styles: dict, texts: dict) -> None:
    """Draw the noise of the mini-batch cost against the batch size.

    noises: optimizer, batch_size and noise, a row a run; styles, texts: optimizer -> line style, text of the legend.
    """
    shown = noises[(noises["noise"] > 0) & noises["optimizer"].isin(list(styles))]
    if shown.empty:
        panels.draw_note(ax, "no noise to be seen")
        return
    table = _find_medians(shown, shown["noise"], ["optimizer", "batch_size"])
    panels.draw_lines(ax, table, "batch_size", "median", styles, texts, interval="bars")
    ax.set_yscale("log")
    least = table.groupby("optimizer").first()
    first = np.exp(np.mean(np.log(least["median"] * np.sqrt(least["batch_size"]))))
    sizes = np.unique(shown["batch_size"]).astype(np.float64)
    panels.draw_guide(ax, sizes, first / np.sqrt(sizes), ROOT)
    panels.set_size_ticks(ax, sizes)
    panels.set_log_ticks(ax.yaxis, *ax.get_ylim(), plain=True)
