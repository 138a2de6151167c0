"""Figures that compare optimizers: the value of tuning, runtimes, and the time of a step."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import NullLocator, PercentFormatter

from optbench.analysis import best_of_n as trials_table
from optbench.analysis import runtime_shares, timing_summary
from optbench.analysis.best_of_n import DEFAULTS, TRIALS
from optbench.analysis.measures import LOSS
from optbench.analysis.selection import is_staged
from optbench.analysis.sweep_tables import Tables
from optbench.analysis.verdicts import ALL
from optbench.contract import arguments
from optbench.contract.arguments import one_of
from optbench.contract.columns import TARGETS
from optbench.contract.errors import OptbenchError, unknown
from optbench.figures import panels
from optbench.figures.data import COUNTS, ReportData, report_data
from optbench.figures.shown_optimizers import select_optimizers, select_problem, select_problems, select_styles
from optbench.figures.style import GRAY, current
from optbench.wording import labels
from optbench.wording.answers import label_measure

RUNTIMES_CAPTION = (
    "The share of all problems, targets (50% to 1e-8 of the gap at the start) and runs that the recommended setting of "
    "an optimizer has reached after so many epochs, which are samples over the examples of a problem; each problem and "
    "target counts alike, and a run that misses never arrives. It describes: settings were tuned for the verdicts' "
    "target alone."
)
TIME_CAPTION = (
    "Nanoseconds of one step of one run against the number of parameters, evaluations left out. Dashed: slope 1, the "
    "same time for every parameter."
)
LINEAR = "slope 1"
# Place on the axis of trials: left of 1, where the first trial stands
_DEFAULTS = 0.6


def best_of_n(
    results: Tables | ReportData,
    problem: str | None = None,
    *,
    optimizers: Iterable[str] | None = None,
    ax: Axes | None = None,
    counts: Sequence[int] = COUNTS,
    defaults: pd.DataFrame | Sequence[Mapping[str, Any]] | None = None,
    choose_by: str | None = None,
    confidence: float = 0.95,
) -> Axes:
    """Draw the expected value of the best of n trials, a line for each optimizer, and of defaults.

    With few trials an optimizer that is easy to tune lies low, with many one that is good where it is tuned. In a plain
    grid values are of fresh seeds; in a sweep with blocks of the seeds that tune, which alone have all trials, and so a
    little too good.

    Args:
        results: of a sweep.
        problem: one of its problems; by default the only one.
        optimizers: those to show; by default all.
        ax: where to draw; by default a new figure.
        counts: the numbers n of trials; all the trials that were made come last.
        defaults: settings to mark, as for ``results.best_of_n``: a row or mapping an optimizer.
        choose_by: the measure that settings are chosen by, whose values are drawn; by default that of the sweep, and
            "loss" in place of "time": most trials do not reach the target.
        confidence: of the intervals.

    Returns:
        The axes, whose x is n, with defaults at 0.6, and whose y is the value.

    Raises:
        OptbenchError: a problem, an optimizer or a column does not exist.

    Example:
        >>> three = {"problems": ["rosenbrock"], "optimizers": ["gd"], "learning_rates": "1e-5:1e-3:3", "steps": 50}
        >>> optbench.figures.best_of_n(sweep(three, seeds=8)).lines[0].get_xdata().tolist()
        [1.0, 2.0, 3.0]
    """
    data = report_data(results)
    problem = select_problem(data, problem)
    styles = select_styles(data, problem, optimizers)
    of, by = data.results, choose_by or data.shown_measure
    counts = tuple(arguments.list_items("counts", counts))
    if defaults is None and (by, counts, confidence) == (data.shown_measure, COUNTS, 0.95):
        table = data.best_of_n[data.best_of_n["problem"] == problem]
    else:
        runs = of.runs[of.runs["problem"] == problem]
        settings = None if defaults is None else pd.DataFrame(defaults)
        table = trials_table(runs, counts, by, confidence=confidence, defaults=settings)
    texts = {name: data.short_names[name] for name in styles}
    rest = table["optimizer"].nunique() - len(styles) if optimizers is None else 0
    if not rest:
        table = table[table["optimizer"].isin(list(styles))]
    legend = [*texts.values(), panels.count_others(rest)]
    with panels.axes(ax, panels.join_title("Best of n trials", data.label(problem)), legend) as ax:
        _draw_best_of_n(ax, table, styles, texts)
        ax.set(xlabel="n, trials that the best is chosen from")
        known = np.isfinite(data.start(problem))  # as in the figure of rates
        loss = "suboptimality, last fifth" if known else "training loss, last fifth"
        panels.set_ylabel(ax, loss if by == LOSS else label_measure(by))
    return ax


def describe_best_of_n(data: ReportData, problem: str) -> str:
    """Return the caption of `best_of_n`."""
    staged = is_staged(data.results.runs)
    where = "on the seed of its block that it was tuned on, a little too good," if staged else "on fresh seeds,"
    return (
        f"What the best of so many trials is expected to give {where} with its 95% interval over blocks of seeds: low "
        "at the left is what is easy to tune, low at the right what is good once it is tuned."
    )


def _draw_best_of_n(ax: Axes, table: pd.DataFrame, styles: Mapping[str, dict], texts: dict) -> None:
    """Draw the value against the number of trials, with bands, and that of the defaults left of all trials.

    table: of `analysis.best_of_n`; styles, texts: optimizer -> line style, text of the legend.
    """
    trials, marks = table[table["kind"] == TRIALS], table[table["kind"] == DEFAULTS]
    marks = marks[marks["optimizer"].isin(list(styles))]
    if trials.empty:
        panels.draw_note(ax, "no setting without a run cut short")
        return
    log = bool((table["value"] > 0).all())
    # Not whole bands: one of a setting that fails now and then is hundreds of decades tall.
    limits = panels.find_limits(table, "value", log)
    panels.draw_lines(ax, trials, "n", "value", styles, texts, interval="band", marks=6)
    ax.set(xscale="log", yscale="log" if log else "linear", ylim=limits)
    for row in marks.itertuples():
        form = {"marker": styles[row.optimizer]["marker"], "color": styles[row.optimizer]["color"], "markersize": 6.5}
        ax.plot([_DEFAULTS], [row.value], "", markeredgecolor="white", zorder=4, gid=f"default {row.optimizer}", **form)
    if len(marks):
        ax.axvspan(0.45, 0.8, color="#f1f1f1", zorder=0, linewidth=0)
        where: dict[str, Any] = {"x": _DEFAULTS, "y": 0.03, "rotation": 90, "transform": ax.get_xaxis_transform()}
        ax.text(s="defaults", ha="center", va="bottom", color=GRAY, fontsize=current().tick, **where)
    ticks = [n for n in (1, 3, 10, 30, 100, 300, 1000, 3000, 10000) if n <= trials["n"].max()]
    most = int(trials["n"].max())
    ticks += [most] * (most > 1.5 * ticks[-1])  # where the curves end
    ax.set_xticks(ticks, [f"{n:,}" for n in ticks])
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_xlim(0.45 if len(marks) else 0.9, trials["n"].max() * 1.1)
    if log:
        panels.set_log_ticks(ax.yaxis, *limits)


def runtimes(
    results: Tables | ReportData,
    problem: str | None = None,
    *,
    optimizers: Iterable[str] | None = None,
    ax: Axes | None = None,
    target: float | None = None,
) -> Axes:
    """Draw the empirical distribution of runtimes: the share of targets reached against the epochs spent.

    A line is the share of problems, targets and runs of the recommended setting that the optimizer has reached, each
    problem and target counting alike. Where it ends is the share that it reaches at all. An optimizer that is quick to
    an easy target and slow to a sharp one crosses the others.

    Args:
        results: of a sweep.
        problem: one of its problems; by default all of them.
        optimizers: those to show; by default all.
        ax: where to draw; by default a new figure, with the names at the ends of the lines.
        target: one share of the first suboptimality, such as 0.01; by default all that runs have times of.

    Returns:
        The axes, whose x is samples over the examples of the problem, and whose y is the share.

    Raises:
        OptbenchError: a problem or an optimizer does not exist, or runs have no time to the target.

    Example:
        >>> two = {"problems": ["rosenbrock"], "optimizers": ["gd", "adam"], "learning_rates": [0.001], "steps": 50}
        >>> [line.get_gid() for line in optbench.figures.runtimes(sweep(two, seeds=8)).lines]
        ['runtime gd', 'runtime adam']

    Source:
        Hansen et al. 2021, COCO, Optimization Methods and Software 36(1), section 5.
    """
    data = report_data(results)
    names, problems = select_optimizers(data, optimizers), select_problems(data, problem)
    times = data.times[data.times["problem"].isin(problems) & data.times["optimizer"].isin(names)]
    if target is not None:
        one_of("target", f"{target:g}", [f"{share:g}" for share in TARGETS])
        times = times[times["target"] == float(f"{target:g}")]
    table, most = runtime_shares(times), times["epochs"].max()
    styles = select_styles(data, problems[0] if len(problems) == 1 else ALL, optimizers)
    texts = {name: data.short_names[name] for name in styles}
    where = data.label(problems[0]) if len(problems) == 1 else f"{len(problems)} problems"
    what = "all targets" if target is None else labels.share_text(target)
    ends = dict.fromkeys(names, 0.0) | table.groupby("optimizer")["share"].max().to_dict()
    first = 0.9 * table["epochs"].min()
    edges = [pd.DataFrame({"optimizer": names, "epochs": first, "share": 0.0}),
             pd.DataFrame({"optimizer": names, "epochs": most, "share": [ends[name] for name in names]})]  # fmt: skip
    title = panels.join_title("Runtimes", f"{where}, {what}")
    with panels.axes(ax, title, ends=texts.values()) as drawn:
        if table.empty:
            drawn.set(xticks=[], yticks=[])
            panels.draw_note(drawn, "no run reached a target")
            return drawn
        marks: dict[str, Any] = {"marks": 8, "drawstyle": "steps-post"}
        panels.draw_lines(drawn, pd.concat([table, *edges]), "epochs", "share", styles, texts, **marks)
        drawn.set(xscale="log", xlim=(first, most), ylim=(-0.02, 1.02))
        panels.set_log_ticks(drawn.xaxis, first, most, plain=True)
        drawn.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        drawn.set(xlabel="epochs (samples over examples)", ylabel="share of targets reached")
        for name, line in zip(styles, drawn.lines, strict=False):
            line.set_gid(f"runtime {name}")
        if ax is None:
            panels.name_ends(drawn, {texts[name]: (ends[name], styles[name]) for name in styles})
    return drawn


def time_per_step(
    results: Tables | ReportData,
    problem: str | None = None,
    *,
    optimizers: Iterable[str] | None = None,
    ax: Axes | None = None,
    batch_size: int | None = None,
) -> Axes:
    """Draw nanoseconds of a step of a run against the dimension, a line for each optimizer, for one family of problems.

    The times are those that the sweep took itself (``timings``): the mean over all steps of all runs that shared a
    kernel. Problems of one dimension count together.

    Args:
        results: of a sweep over several dimensions, such as ``quadratic(dim=10)`` and ``quadratic(dim=1000)``.
        problem: the family, ``"quadratic"``; by default the only one.
        optimizers: those to show; by default all.
        ax: where to draw; by default a new figure.
        batch_size: only runs of this size; by default all of them.

    Returns:
        The axes, whose x is the dimension and whose y is nanoseconds.

    Raises:
        OptbenchError: the family, an optimizer or a batch size does not exist, or there are several families and none
            is named.

    Example:
        >>> dims = {"problems": ["quadratic(dim=2)", "quadratic(dim=20)"], "optimizers": ["gd"], "learning_rates": [1]}
        >>> optbench.figures.time_per_step(sweep(dims, seeds=1, steps=50)).lines[0].get_xdata().tolist()
        [2.0, 20.0]
    """
    data = report_data(results)
    names = select_optimizers(data, optimizers)
    runs, problems = data.results.runs, data.results.problems
    families = runs["problem"].astype(str).str.partition("(")[0]
    known = list(families.unique())
    if problem is None and len(known) > 1:
        raise OptbenchError(f"problem: the results are of {len(known)} families, name one: {', '.join(known)}")
    family = known[0] if problem is None else problem.partition("(")[0]
    arguments.one_of("family of problems", family, known)
    dims = problems.drop_duplicates("problem").set_index("problem")["dim"] if "dim" in problems else {}
    mine = runs[runs["optimizer"].isin(names) & (families == family)]
    mine = mine.assign(dim=mine["problem"].map(dims)).dropna(subset=["dim"])
    if mine.empty:
        raise OptbenchError(f"the dimension of {family} does not stand in the table of problems")
    if batch_size is not None:
        if batch_size not in set(mine["batch_size"]):
            raise unknown("batch size", batch_size, map(str, np.unique(mine["batch_size"])))
        mine = mine[mine["batch_size"] == batch_size]
    table = timing_summary(data.results.timings, mine, ("optimizer", "dim")).dropna(subset=["ns_per_run_step"])
    styles = select_styles(data, ALL, optimizers)
    texts = {name: data.short_names[name] for name in styles}
    legend = [*texts.values(), LINEAR, panels.count_others(len(names) - len(styles))]
    with panels.axes(ax, panels.join_title("Time of a step", family), legend) as ax:
        _draw_times(ax, table, styles, texts)
        ax.set(xlabel="parameters", ylabel="nanoseconds a step of a run")
    return ax


def _draw_times(ax: Axes, table: pd.DataFrame, styles: Mapping[str, dict], texts: dict) -> None:
    """Draw the time of a step against the dimension, a line for each optimizer, and a guide of linear growth.

    table: optimizer, dim, ns_per_run_step; styles, texts: optimizer -> line style, text of the legend.
    """
    panels.draw_lines(ax, table, "dim", "ns_per_run_step", styles, texts)
    ax.set(xscale="log", yscale="log")
    if table.empty:
        return
    dims, times = table["dim"].to_numpy(), table["ns_per_run_step"].to_numpy()
    # Through the fastest at the largest dimension, so that the line lies below where a step has a cost of its own.
    ends, last = np.array([dims.min(), dims.max()]), times[dims == dims.max()].min()
    if ends[0] < ends[1]:
        panels.draw_guide(ax, ends, last * ends / ends[1], LINEAR)
        ax.set_xlim(ends[0] / 1.3, ends[1] * 1.3)
        panels.set_log_ticks(ax.xaxis, *ax.get_xlim(), plain=True)
    ax.set_ylim(times.min() / 2, times.max() * 2)
    panels.set_log_ticks(ax.yaxis, *ax.get_ylim(), plain=True)
