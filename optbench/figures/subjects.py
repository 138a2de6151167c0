"""What figures over several problems ask: which problems and optimizers are meant, and in which look they stand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from optbench.analysis.comparison import ALL
from optbench.contract.errors import OptbenchError, unknown
from optbench.figures import frame, style
from optbench.figures.evidence import Evidence


def some_optimizers(evidence: Evidence, optimizers: Iterable[str] | None) -> list[str]:
    """Those that are meant, in the order of the sweep; by default all. Raises OptbenchError that names the others."""
    known = list(evidence.results.runs["optimizer"].unique())
    if optimizers is None:
        return known
    wanted = [optimizers] if isinstance(optimizers, str) else list(optimizers)
    for name in wanted:
        if name not in known:
            raise unknown("optimizer", name, known)
    if not wanted:
        raise OptbenchError("optimizers: name at least one, or leave it out")
    return [name for name in known if name in wanted]


def some_problems(evidence: Evidence, problem: str | None) -> list[str]:
    """The one that is meant; by default all."""
    if problem is None:
        return list(evidence.results.runs["problem"].unique())
    return [frame.problem_of(evidence, problem)]


def looks_over(evidence: Evidence, problem: str, optimizers: Iterable[str] | None = None) -> Mapping[str, dict]:
    """As `frame.looks_of`, and for ALL, whose optimizers in color are those of the lowest mean ranks."""
    if problem != ALL:
        return frame.looks_of(evidence, problem, optimizers)
    names = some_optimizers(evidence, optimizers)
    places = {name: place for place, name in enumerate(some_optimizers(evidence, None))}
    if len(names) <= style.COLORS:
        return {name: style.look(places[name]) for name in names}
    rows = evidence.answer.ranking
    subject = ALL if ALL in set(rows["problem"]) else rows["problem"].iloc[0]
    rows = rows[(rows["problem"] == subject) & rows["optimizer"].isin(names)].sort_values("mean_rank", kind="stable")
    front = rows["optimizer"].head(style.COLORS)
    return {name: style.look(place, among_gray=True) for place, name in enumerate(front)}
