"""What a step costs against the number of parameters."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from optbench.analysis import timing_summary
from optbench.analysis.comparison import ALL
from optbench.contract.errors import OptbenchError, unknown
from optbench.figures import frame, style
from optbench.figures.evidence import Evidence, Tables
from optbench.figures.subjects import looks_over, some_optimizers

CAPTION = (
    "Nanoseconds of one step of one run against the number of parameters, evaluations left out. Dashed: slope 1, the "
    "same time for every parameter."
)
LINEAR = "slope 1"


def time_per_step(
    results: Tables | Evidence,
    problem: str | None = None,
    *,
    optimizers: Iterable[str] | None = None,
    ax: Axes | None = None,
    batch_size: int | None = None,
) -> Axes:
    """Nanoseconds a run-step against the dimension, a line an optimizer, over the problems of one family.

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
        [2, 20]
    """
    evidence = frame.evidence_of(results)
    names = some_optimizers(evidence, optimizers)
    runs, problems = evidence.results.runs, evidence.results.problems
    family = _family(list(runs["problem"].unique()), problem)
    dim = (
        problems.drop_duplicates("problem").set_index("problem")["dim"] if "dim" in problems else pd.Series(dtype=float)
    )
    mine = runs[runs["optimizer"].isin(names) & (runs["problem"].map(_head) == family)]
    mine = mine.assign(dim=mine["problem"].map(dim)).dropna(subset=["dim"])
    if mine.empty:
        raise OptbenchError(f"the dimension of {family} does not stand in the table of problems")
    if batch_size is not None:
        if batch_size not in set(mine["batch_size"]):
            raise unknown("batch size", batch_size, map(str, np.unique(mine["batch_size"])))
        mine = mine[mine["batch_size"] == batch_size]
    table = timing_summary(evidence.results.timings, mine, ("optimizer", "dim")).dropna(subset=["ns_per_run_step"])
    looks = looks_over(evidence, ALL, optimizers)
    texts = {name: evidence.names[name] for name in looks}
    rest = len(names) - len(looks)
    legend = [*texts.values(), LINEAR, style.others(rest)]
    with frame.axes(ax, frame.titled("Time of a step", family), legend) as ax:
        draw_times(ax, table, looks, texts)
        ax.set(xlabel="parameters", ylabel="nanoseconds a step of a run")
    return ax


def _head(problem: str) -> str:
    return str(problem).partition("(")[0]


def _family(problems: list[str], family: str | None) -> str:
    known = list(dict.fromkeys(map(_head, problems)))
    if family is None:
        if len(known) > 1:
            raise OptbenchError(f"problem: the results are of {len(known)} families, name one: {', '.join(known)}")
        return known[0]
    if _head(family) not in known:
        raise unknown("family of problems", family, known)
    return _head(family)


def draw_times(ax: Axes, table: pd.DataFrame, looks: dict, texts: dict) -> None:
    """table: optimizer, dim, ns_per_run_step."""
    parts = {name: part.sort_values("dim") for name, part in table.groupby("optimizer", sort=False)}
    for name, look in looks.items():
        if name in parts:
            style.draw_line(ax, parts[name]["dim"], parts[name]["ns_per_run_step"], look, texts[name], zorder=3)
    if gray := [(part["dim"], part["ns_per_run_step"]) for name, part in parts.items() if name not in looks]:
        style.draw_others(ax, gray, len(gray))
    dims, times = table["dim"].to_numpy(), table["ns_per_run_step"].to_numpy()
    ax.set(xscale="log", yscale="log")
    if not len(table):
        return
    # Through the fastest at the largest dimension, so that the line lies below where a step has a cost of its own.
    ends, last = np.array([dims.min(), dims.max()]), times[dims == dims.max()].min()
    bottom, top = times.min() / 2, times.max() * 2
    if ends[0] < ends[1]:
        style.draw_guide(ax, ends, last * ends / ends[1], LINEAR)
        ax.set_xlim(ends[0] / 1.3, ends[1] * 1.3)
        style.log_ticks(ax.xaxis, *ax.get_xlim(), plain=True)
    ax.set_ylim(bottom, top)
    style.log_ticks(ax.yaxis, bottom, top, plain=True)
