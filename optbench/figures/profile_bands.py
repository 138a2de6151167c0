"""Performance profiles: the share of problems and targets that each optimizer solves within a multiple of the best."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from optbench.analysis import chosen_runs, fixed_targets, performance_profiles, time_to_target
from optbench.analysis.comparison import ALL
from optbench.contract.errors import OptbenchError
from optbench.figures import frame, style, styles
from optbench.figures.evidence import Evidence, Tables
from optbench.figures.subjects import looks_over, some_optimizers, some_problems

CAPTION = (
    "The share of pairs of problem and target that an optimizer solves within a multiple of the least expected cost "
    "among all; at 1 it is the share that it solves at the least cost. Bands are 95% of bootstrap samples, of problems "
    "and of seeds."
)


def profiles(
    results: Tables | Evidence,
    problem: str | None = None,
    *,
    optimizers: Iterable[str] | None = None,
    ax: Axes | None = None,
    clock: str = "samples",
    losses: float | Mapping[str, float] | None = None,
    choose_by: str | None = None,
    confidence: float = 0.95,
) -> Axes:
    """Performance profiles of the tuned optimizers over pairs of problem and target, with bootstrap bands.

    A line is the share of pairs whose target the optimizer is expected to reach within r times the least expected cost
    of all, which is that of the best one of those shown. It is right of all ratios a share of what it reaches at all.

    Args:
        results: of a sweep.
        problem: one of its problems, whose targets alone then count; by default all of them.
        optimizers: those to compare, anew among themselves; by default all.
        ax: where to draw; by default a new figure.
        clock: the cost, "samples", "steps" or "seconds".
        losses: targets as for ``results.costs``; by default shares of the first suboptimality.
        choose_by: what settings are chosen by, as for ``results.verdicts``.
        confidence: of the bands, at each ratio by itself.

    Returns:
        The axes, whose x is the ratio and whose y is the share.

    Raises:
        OptbenchError: a problem, an optimizer or a clock does not exist, or an optimizer has no runs on a
            problem, or no run reports.

    Example:
        >>> two = {"problems": ["rosenbrock"], "optimizers": ["gd", "adam"], "learning_rates": [0.001], "steps": 50}
        >>> [line.get_label() for line in optbench.figures.profiles(sweep(two, seeds=8)).lines[::3]]
        ['gd', 'adam']

    Source:
        Dolan & Moré 2002, Mathematical Programming 91.
    """
    evidence = frame.evidence_of(results)
    names, problems = some_optimizers(evidence, optimizers), some_problems(evidence, problem)
    of = evidence.results
    if optimizers is None and choose_by in (None, of.choose_by):
        runs = evidence.chosen
    else:
        runs = chosen_runs(of.runs[of.runs["optimizer"].isin(names)], choose_by or of.choose_by)
    runs = runs[runs["problem"].isin(problems)]
    if runs.empty:
        raise OptbenchError("profiles: no run reports on a chosen setting: more seeds are needed")
    targets = None if losses is None else fixed_targets(of.runs, losses, of.problems)
    table = performance_profiles(time_to_target(of, targets, runs), clock=clock, confidence=confidence)
    looks = looks_over(evidence, problems[0] if len(problems) == 1 else ALL, optimizers)
    texts = {name: evidence.names[name] for name in looks}
    rest = len(names) - len(looks)
    title = frame.titled("Performance profiles", problems[0] if len(problems) == 1 else f"{len(problems)} problems")
    with frame.axes(ax, title, [*texts.values(), style.others(rest)]) as ax:
        draw_profiles(ax, table, looks, texts)
        ax.set(xlabel=f"{clock}, as a multiple of the least", ylabel="share of targets reached")
    return ax


def draw_profiles(ax: Axes, table: pd.DataFrame, looks: dict, texts: dict) -> None:
    """table: of `performance_profiles`; looks: of those in color, the others are gray."""
    parts = dict(iter(table.groupby("optimizer", sort=False)))
    width = styles.current().lines
    gray = [(part["ratio"].to_numpy(), part["share"].to_numpy()) for name, part in parts.items() if name not in looks]
    for place, (name, look) in enumerate(looks.items()):
        part = parts[name]
        style.draw_line(
            ax, part["ratio"], part["share"], look, texts[name], drawstyle="steps-post", zorder=3,
            markevery=(place % 12, 12),
        )  # fmt: skip
        band = {"step": "post", "color": look["color"], "alpha": 0.08, "linewidth": 0}
        ax.fill_between(part["ratio"], part["low"], part["high"], zorder=2, gid=f"band {name}", **band)
        for side in ("low", "high"):
            ax.plot(part["ratio"], part[side], color=look["color"], alpha=0.35, linewidth=0.5 * width, zorder=2,
                    drawstyle="steps-post")  # fmt: skip
    if gray:
        style.draw_others(ax, gray, len(gray))
    ends = table["ratio"].min(), table["ratio"].max()
    ax.set(xscale="log", xlim=ends, ylim=(-0.02, 1.02))
    style.log_ticks(ax.xaxis, *ends, plain=True)
    ax.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
