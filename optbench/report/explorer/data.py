"""All that the explorer knows of a sweep, in one dictionary that becomes JSON.

Rows of its tables stand as columns, `{"problem": [...], "rate": [...]}`; names are numbers that point into lists.
"""

from __future__ import annotations

from typing import Any

from matplotlib.colors import to_hex

from optbench.analysis.selection import staged
from optbench.figures.evidence import Evidence
from optbench.report.explorer.comparisons import profiles, ranks
from optbench.report.explorer.curves import curves, measures
from optbench.report.explorer.names import Names
from optbench.report.explorer.numbers import exact
from optbench.report.explorer.paths import paths
from optbench.report.explorer.rates import rates
from optbench.report.explorer.tuning import tuning
from optbench.wording import labels
from optbench.wording.answers import value_word

LINE = 2.0
"""The width in pixels of a line in color; matplotlib's dashes are told in widths."""


def explorer_data(evidence: Evidence) -> dict[str, Any]:
    """What the scripts of the explorer draw; see the functions that make each part."""
    results = evidence.results
    names = Names(evidence)
    return {
        "optimizers": [{"name": str(name), "short": evidence.names[name]} for name in names.optimizers],
        "problems": [_problem(name, evidence) for name in names.problems],
        "schedules": [{"name": str(name), "short": evidence.short[name]} for name in names.schedules],
        "batches": names.batches,
        "measures": measures(results.runs),
        "value": value_word(results.choose_by),
        "staged": staged(results.runs),
        **_looks(evidence, names),
        "curves": curves(evidence, names),
        "rates": rates(evidence, names),
        "tuning": tuning(evidence, names),
        "profiles": profiles(evidence, names),
        "ranks": ranks(evidence, names),
        "paths": paths(evidence, names),
    }


def _problem(name: str, evidence: Evidence) -> dict[str, Any]:
    """Its minimum, if it is known, its first suboptimality, and the height that smaller ones are drawn at."""
    minimum, start = evidence.minimum(name), evidence.start(name)
    return {
        "name": str(name),
        "short": labels.shorten(str(name), 60),
        "minimum": minimum,
        "start": exact(start),
        "floor": labels.floor(start),
    }


def _looks(evidence: Evidence, names: Names) -> dict[str, Any]:
    """`looks`: colors and dashes; `look`: for each problem the place among these of each optimizer, -1: gray.

    `everywhere` is the same for charts over all problems: the look that an optimizer has on the first one that shows it
    in color.
    """
    looks: list[dict[str, str]] = []
    each = []
    for problem in names.problems:
        row = [-1] * len(names.optimizers)
        for name, look in evidence.looks.get(problem, {}).items():
            entry = {"color": to_hex(look["color"]), "dash": _dash(look["dashes"]), "marker": look["marker"]}
            if entry not in looks:
                looks.append(entry)
            row[names.optimizer(name)] = looks.index(entry)
        each.append(row)
    everywhere = [next((row[place] for row in each if row[place] >= 0), -1) for place in range(len(names.optimizers))]
    return {"looks": looks, "look": each, "everywhere": everywhere}


def _dash(dashes: tuple[float, ...]) -> str:
    return ",".join(f"{LINE * length:g}px" for length in dashes) or "solid"
