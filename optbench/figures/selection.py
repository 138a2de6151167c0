"""The problem and the optimizers that a figure shows, and each optimizer's line style.

All optimizers are in color; of more than ten the best are, and the others are gray.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from optbench.analysis.comparison import ALL
from optbench.contract import arguments
from optbench.contract.errors import OptbenchError, unknown
from optbench.figures.data import ReportData
from optbench.figures.style import COLORS, line_style


def problem_of(data: ReportData, problem: str | None) -> str:
    """Return the name in the tables of the problem: by default the only one; its parameters may be left out.

    Raises OptbenchError that names the problems.
    """
    names = list(data.results.runs["problem"].unique())
    if problem is None:
        if len(names) == 1:
            return names[0]
        raise OptbenchError(f"problem: the results are of {len(names)}, name one: {', '.join(names)}")
    if problem in names:
        return problem
    alike = [name for name in names if isinstance(problem, str) and name.split("(")[0] == problem]
    if len(alike) == 1:
        return alike[0]
    raise unknown("problem", problem, names)


def problems_of(data: ReportData, problem: str | None) -> list[str]:
    """Return the one problem that is named, or by default all."""
    return list(data.results.runs["problem"].unique()) if problem is None else [problem_of(data, problem)]


def optimizers_of(data: ReportData, optimizers: Iterable[str] | None) -> list[str]:
    """Return the optimizers that are named, or by default all, in the order of the sweep.

    Raises OptbenchError for one that there is not.
    """
    known = list(data.results.runs["optimizer"].unique())
    if optimizers is None:
        return known
    wanted = _named(optimizers, known)
    return [name for name in known if name in wanted]


def styles_of(data: ReportData, problem: str, optimizers: Iterable[str] | None = None) -> Mapping[str, dict]:
    """Return the line style of each optimizer in color, in the order of a legend; by default those of `highlighted`.

    Raises OptbenchError for one that did not run on the problem.
    """
    known = data.line_styles[problem]
    if optimizers is None:
        return known
    runs = data.results.runs
    wanted = _named(optimizers, list(runs.loc[runs["problem"] == problem, "optimizer"].unique()))
    # One that is gray by default has the style of its place in the sweep.
    places = {name: place for place, name in enumerate(runs["optimizer"].unique())}
    return {name: known.get(name) or line_style(places[name]) for name in dict.fromkeys(wanted)}


def styles_over(data: ReportData, problem: str, optimizers: Iterable[str] | None = None) -> Mapping[str, dict]:
    """Return the same over all problems where `problem` is ALL: in color are those of the lowest mean ranks."""
    if problem != ALL:
        return styles_of(data, problem, optimizers)
    names = optimizers_of(data, optimizers)
    if len(names) <= COLORS:
        places = {name: place for place, name in enumerate(optimizers_of(data, None))}
        return {name: line_style(places[name]) for name in names}
    rows = data.answer.ranking
    subject = ALL if ALL in set(rows["problem"]) else rows["problem"].iloc[0]
    rows = rows[(rows["problem"] == subject) & rows["optimizer"].isin(names)].sort_values("mean_rank", kind="stable")
    return _different(rows["optimizer"].head(COLORS).tolist(), data.line_styles)


def _named(optimizers: Iterable[str], there: list[str]) -> list[str]:
    wanted = [optimizers] if isinstance(optimizers, str) else arguments.list_items("optimizers", optimizers)
    for name in wanted:
        if name not in there:
            raise unknown("optimizer", name, there)
    if not wanted:
        raise OptbenchError("optimizers: name at least one, or leave it out")
    return wanted


def _different(names: list[str], styles: Mapping[str, Mapping[str, dict]]) -> dict[str, dict]:
    """Return for each name the style that it has on some problem, and no two of one color."""
    known: dict[str, dict] = {}
    for of_problem in styles.values():
        known = {**of_problem, **known}
    spare = [line_style(place, among_gray=True) for place in range(COLORS)]
    chosen: dict[str, dict] = {}
    for name in names:
        used = {each["color"] for each in chosen.values()}
        mine = known.get(name)
        if mine is None or mine["color"] in used:
            taken = {known[other]["color"] for other in names if other in known}
            free = [each for each in spare if each["color"] not in used]
            mine = next((each for each in free if each["color"] not in taken), free[0])
        chosen[name] = mine
    return chosen
