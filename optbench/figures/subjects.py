"""What figures over several problems ask: which problems and optimizers are meant, and in which look they stand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from optbench.analysis.comparison import ALL
from optbench.figures import frame, style
from optbench.figures.evidence import Evidence


def some_optimizers(evidence: Evidence, optimizers: Iterable[str] | None) -> list[str]:
    """Those that are meant, in the order of the sweep; by default all. Raises OptbenchError that names the others."""
    known = list(evidence.results.runs["optimizer"].unique())
    if optimizers is None:
        return known
    wanted = frame.named(optimizers, known)
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
    return _apart(rows["optimizer"].head(style.COLORS), evidence.looks)


def _apart(names: Iterable[str], looks: Mapping[str, Mapping[str, dict]]) -> dict[str, dict]:
    """Each in the look that it has on some problem, and no two in one color."""
    known: dict[str, dict] = {}
    for of_problem in looks.values():
        known = {**of_problem, **known}
    spare = [style.look(place, among_gray=True) for place in range(style.COLORS)]
    chosen: dict[str, dict] = {}
    for name in names:
        used = {look["color"] for look in chosen.values()}
        taken = {known[other]["color"] for other in names if other in known}
        free = [look for look in spare if look["color"] not in used]
        mine = known.get(name)
        if mine is None or mine["color"] in used:
            mine = next((look for look in free if look["color"] not in taken), free[0])
        chosen[name] = mine
    return chosen
