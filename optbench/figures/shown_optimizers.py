"""The problem and the optimizers that a figure shows, and each optimizer's line style.

All optimizers are in color; of more than ten the best are, and the others are gray.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

import pandas as pd

from optbench.analysis.verdicts import ALL
from optbench.contract import arguments
from optbench.contract.errors import OptbenchError, unknown
from optbench.figures.data import ReportData
from optbench.figures.style import style_optimizers
from optbench.wording.labels import list_optimizers, name_of


def select_problem(data: ReportData, problem: str | None) -> str:
    """Return the full name of a problem of the sweep: of the only one for None; its parameters may be left out.

    Raises OptbenchError, which names the problems, if it is unknown, or for None among several.
    """
    names = list(data.results.runs["problem"].unique())
    if problem is None:
        if len(names) == 1:
            return names[0]
        raise OptbenchError(f"problem: the results are of {len(names)}, name one: {', '.join(names)}")
    problem = name_of(problem, data.results.labels)
    if problem in names:
        return problem
    alike = [name for name in names if isinstance(problem, str) and name.split("(")[0] == problem]
    if len(alike) == 1:
        return alike[0]
    raise unknown("problem", problem, names)


def select_problems(data: ReportData, problem: str | None) -> list[str]:
    """Return a list: of the one problem that is named, or of all for None."""
    return list(data.results.runs["problem"].unique()) if problem is None else [select_problem(data, problem)]


def select_rows(data: ReportData, problem: str | Iterable[str] | None) -> list[str]:
    """Return the problems that are the rows of a figure: the one that is named, several, or all for None."""
    if problem is None or isinstance(problem, str):
        return select_problems(data, problem)
    return [select_problem(data, each) for each in arguments.list_items("problem", problem)]


def select_optimizers(data: ReportData, optimizers: Iterable[str] | None) -> list[str]:
    """Return the names of the optimizers to show, in the order of the sweep; all for None.

    Raises OptbenchError for one that did not run.
    """
    known = list(data.results.runs["optimizer"].unique())
    wanted = known if optimizers is None else list_optimizers(optimizers, known, data.results.labels)
    return [name for name in known if name in wanted]


def select_styles(data: ReportData, problem: str, optimizers: Iterable[str] | None = None) -> Mapping[str, dict]:
    """Return the line style of each optimizer in color, in the order of a legend; by default those of the page.

    problem: ALL for a figure over all problems. Raises OptbenchError for an optimizer that did not run on the problem.
    """
    known = data.line_styles[problem]
    if optimizers is None:
        return known
    runs = data.results.runs
    mine = runs if problem == ALL else runs[runs["problem"] == problem]
    wanted = list_optimizers(optimizers, list(mine["optimizer"].unique()), data.results.labels)
    own = {name: style for name, style in known.items() if name not in data.results.colors}
    return data.color_by_user(style_optimizers(wanted, own))


def describe_selection(shown: Iterable, best: pd.DataFrame, own: Collection[str] = ()) -> str:
    """Return the words of a caption that say which optimizers are in color; "" if all are.

    shown: the optimizers in color; best: the recommended settings, a row for each optimizer; own: those of the user.
    """
    shown, total = list(shown), len(best)
    count, mine = len(shown), sum(name in own for name in shown)
    if count >= total:
        return ""
    if mine:
        others = f"the best {count - mine} of {total - mine} others, as the table above ranks them"
        return f"your own or labeled ones and {others} (by place, then by the median)"
    return f"the best {count} of {total} optimizers, as the table above ranks them (by place, then by the median)"
