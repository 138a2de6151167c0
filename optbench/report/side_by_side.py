"""Several result folders on one page: versions, machines or sweeps beside the first of them, the baseline."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import ascii_uppercase

import pandas as pd

from optbench.analysis.folders import Comparison
from optbench.analysis.verdicts import ALL, LOSES, TIE, WINS
from optbench.analysis.verdicts import OPEN as OPEN_VERDICT
from optbench.contract.errors import OptbenchError
from optbench.report.forest import Look, build_comparison, find_looks
from optbench.report.loaded import LoadedSweep
from optbench.report.overlay import overlay
from optbench.report.report_files import Options, fill, write_file
from optbench.report.report_tables import BEST, MARKS, OPEN, Cell, Table, number_cell, text_cell
from optbench.results.candidates import compare
from optbench.results.results import load, share_labels, with_plain_labels
from optbench.wording import answers, labels
from optbench.wording.comparisons import (
    BETTER,
    IDENTICAL,
    MIXED,
    WORSE,
    count_cases,
    describe_over_all,
    find_states,
    headline_comparison,
    list_verdicts,
    name_state,
)
from optbench.wording.judged import SAMPLES
from optbench.wording.summary import count_runs

FACTS = ("optbench", "date", "cpu", "cores", "device", "python", "numpy", "numba", "budget", "command")
MAX_FOLDERS = 8
"""Folders of one page."""
MOST_TITLES = 3
"""Comparisons that the title of the page names."""
KINDS = {BETTER: "wins", WORSE: "failed", MIXED: "open", IDENTICAL: "tie", TIE: "tie", OPEN_VERDICT: "open"}
"""By what B is on a problem, the class of its text, which has its color."""


@dataclass(frozen=True)
class Side:
    """One folder."""

    letter: str
    sweep: LoadedSweep
    against: Comparison | None = None
    """`optbench.compare` with the first folder; None for the first, and where they share nothing."""
    why: str = ""
    """The reason why there is no comparison."""


def write_page(
    sources: Sequence[Path | LoadedSweep],
    options: Options,
    progress: Callable[[str], None],
    warn: Callable[[str], None],
) -> Path:
    """Write the page of several results folders and return its path; see `optbench.report.write_side_by_side`."""
    if options.formats or options.tables:
        raise OptbenchError("--format and --tables take one result folder: give the folders one by one")
    if len(sources) > MAX_FOLDERS:
        raise OptbenchError(f"{len(sources)} result folders are too many for one page: name at most {MAX_FOLDERS}")
    found = []
    for source in sources:
        progress(f"tables of {source if isinstance(source, Path) else source.directory}")
        found.append(load(source) if isinstance(source, Path) else source.everything)
    sides: list[Side] = []
    for results, letter in zip(share_labels(found), ascii_uppercase, strict=False):
        plain = with_plain_labels(results)
        sides.append(_compare_with_first(LoadedSweep(plain), letter, sides[0] if sides else None, warn))
    progress("page")
    page = options.page(sides[-1].sweep.directory / "report", "side-by-side.html")
    write_file(page, render(sides))
    return page


def render(sides: Sequence[Side]) -> str:
    """Return the HTML of the page; every value from the tables is escaped."""
    first, looks = sides[0], find_looks(sides[0].sweep)
    files = labels.file_names(list(dict.fromkeys(name for side in sides for name in side.sweep.files)))
    parts = [_describe_comparison(side, first, files, looks) for side in sides[1:]]
    facts = _list_facts(sides)
    titles = [part["title"] for part in parts if part["forest"]]
    if not titles:
        title = f"{len(sides)} result folders with nothing to compare"
    elif len(titles) <= MOST_TITLES:
        title = "; ".join([titles[0], *[part["shorter"] for part in parts if part["forest"]][1:]])
    else:
        title = f"{len(sides)} result folders, each against {first.letter}"
    forests = {part["letter"]: part["forest"] for part in parts if part["forest"]}
    marked = set().union(*(forest.drawn for forest in forests.values()))
    drawn = [(place, look) for place, look in enumerate(looks) if look.name or place in marked]
    return fill(
        "side_by_side.html",
        title=title,
        sides=[_describe_side(side) for side in sides],
        facts=facts,
        differing=", ".join(key for key, _, differ in facts if differ),
        parts=parts,
        places={look.name: f"o{place}" for place, look in enumerate(looks)},
        # What the macros of the forest read
        page={"drawn": drawn, "forests": forests, "measures": (), "own": ""},
    )


def _describe_comparison(side: Side, first: Side, files: Mapping[str, str], looks: Sequence[Look]) -> dict:
    """Return what the page says of a folder against the first: title, chart, and a row for each problem of the two.

    files: the problems' names in file names; looks: of the optimizers.
    """
    found, letters = side.against, (first.letter, side.letter)
    called = side.sweep.results.labels | first.sweep.results.labels

    def label(name: str) -> str:
        """Return what a problem or an optimizer is called."""
        return called.get(name, name)

    part = {"letter": side.letter, "why": side.why, "forest": None, "title": f"{side.letter} beside {first.letter}"}
    names = [look.name for look in looks if look.name]
    states, is_time, short = {}, False, {}
    if found is not None:
        table, units = found.table, _name_units(found, first)
        shown = found.labeled().table
        is_time = units == [SAMPLES]
        states = find_states(table)
        seeds = f"{int(table.loc[table['problem'] != ALL, 'seeds'].max()):,} seeds in common"
        kind = "the same settings in both" if found.by == "settings" else "each as it was tuned"
        # By the name that the optimizer has in the tables
        named = table.assign(name=table["b"].replace(found.names))
        part |= {
            "title": headline_comparison(shown, f"{side.letter} against {first.letter}", is_time),
            "shorter": headline_comparison(shown, side.letter, is_time),
            "forest": build_comparison(named, letters, units, looks, side.sweep.results.own, label),
            "ends": ("needs fewer", "needs more") if is_time else ("better", "worse"),
            "cases": count_cases(table, is_time),
            "over": describe_over_all(shown, *letters),
            "how": f"{kind}, on {seeds}",
            "differences": found.differences,
        }
        short = {problem: list_verdicts(named, problem, is_time, label) for problem in states}
    problems = [name for name in files if name in first.sweep.files or name in side.sweep.files]
    part["problems"] = [
        {
            "name": problem,
            "label": label(problem),
            "anchor": f"{side.letter}-{files[problem]}",
            "kind": KINDS.get(states.get(problem, ""), ""),
            "state": name_state(states[problem], is_time) if problem in states else _say_where(problem, first, side),
            "short": short.get(problem, ()),
            "sentences": [(each.letter, _answer_sentence(each, problem)) for each in (first, side)],
            "overlay": overlay(first.sweep, side.sweep, problem, names, letters) if problem in states else None,
            "table": _build_table(problem, f"{side.letter}-{files[problem]}", (first, side), label),
        }
        for problem in problems
    ]
    return part


def _name_units(found: Comparison, first: Side) -> list[str]:
    """Return what the ratios of a comparison are of, each once."""
    answer, measure = first.sweep.answer, found.judge_by
    judged = answer.judged if measure == answer.judge_by else answer.judge(measure)
    return list(dict.fromkeys(judged.unit(problem) for problem in find_states(found.table)))


def _say_where(problem: str, first: Side, side: Side) -> str:
    """Return why a problem is not compared: it is in one of the folders alone, or no optimizer is in both."""
    there = [each.letter for each in (first, side) if problem in each.sweep.files]
    return f"only in {there[0]}" if len(there) == 1 else "not compared"


def _describe_side(side: Side) -> dict:
    """Return the texts of one folder for the template."""
    sweep, results = side.sweep, side.sweep.results
    return {
        "letter": side.letter,
        "folder": str(sweep.directory),
        "version": f"optbench {results.provenance['optbench']}" if "optbench" in results.provenance else "",
        "counts": f"{count_runs(results.runs)}.",
        "overall": sweep.answer.overall(),
        "warnings": [*filter(None, [results.missing]), *sweep.failures],
        "measure": answers.describe_measure(sweep.answer),
    }


def _answer_sentence(side: Side, problem: str) -> str:
    """Return the answer of a folder on a problem in words."""
    if problem not in side.sweep.files:
        return "not in this folder"
    return side.sweep.answer.describe(problem)


def _compare_with_first(sweep: LoadedSweep, letter: str, first: Side | None, warn: Callable[[str], None]) -> Side:
    """Compare a results folder with the first one, if it is not the first.

    letter: its name on the page; first: None for the first; warn: called with a sentence about what the folder lacks.
    """
    if sweep.results.missing:
        warn(f"{sweep.directory}: {sweep.results.missing}")
    sweep.check()
    if first is None:
        return Side(letter, sweep)
    try:
        return Side(letter, sweep, compare(first.sweep.results, sweep.results))
    except OptbenchError as error:
        return Side(letter, sweep, why=f"not compared with {first.letter}: {error}")


def _list_facts(sides: Sequence[Side]) -> list[tuple[str, list[str], bool]]:
    """Return (key, the text of each folder, True if these differ) for the versions and machines."""
    found = [side.sweep.results.provenance for side in sides]
    rows = [(key, [str(each.get(key, "–")) for each in found]) for key in FACTS]
    return [(key, texts, len(set(texts)) > 1) for key, texts in rows if set(texts) != {"–"}]


def _build_table(problem: str, file: str, sides: Sequence[Side], label: labels.Label) -> Table:
    """Return a problem's table: the optimizers' values in each folder, ratios to the first if seeds are shared.

    file: the problem's name in file names.
    """
    headings, numbers, columns = ["optimizer"], [], []
    for side in sides:
        values = _select_problem(side.sweep.answer.ranking, problem).set_index("optimizer")
        headings.append(f"value in {side.letter}")
        numbers.append(headings[-1])
        columns.append((values, _value_cells))
        if side.against is not None and len(pairs := _select_problem(side.against.table, problem)):
            headings += [f"{side.letter} over {sides[0].letter}", f"verdict of {side.letter}"]
            numbers.append(headings[-2])
            # By the name that the optimizer has in the tables
            columns.append((pairs.set_index(pairs["b"].replace(side.against.names)), _ratio_cells))
    names = dict.fromkeys(name for table, cells in columns if cells is _value_cells for name in table.index)
    rows = [
        [
            text_cell(label(name), under=_list_tried(sides, name)),
            *(each for table, cells in columns for each in cells(table, name)),
        ]
        for name in names
    ]
    return Table(
        f"side-by-side-{file}",
        f"{label(problem)}: each optimizer in {' and '.join(side.letter for side in sides)}",
        headings,
        rows,
        numbers,
    )


def _list_tried(sides: Sequence[Side], name: str) -> str:
    """Return the settings of an optimizer where these differ: "A: adam(beta1=0.9); B: adam(beta1=0.5)"; else ""."""
    texts = [
        f"{letter}: {side.against.labels.get(long, long)}"
        for side in sides
        if side.against is not None
        for column, letter in (("a", sides[0].letter), ("b", side.letter))
        for long in side.against.table[column].unique()
        if long != name and side.against.names.get(long) == name
    ]
    return "; ".join(dict.fromkeys(texts))


def _select_problem(table: pd.DataFrame, problem: str) -> pd.DataFrame:
    """Return the rows of one problem."""
    return table[table["problem"] == problem]


def _value_cells(table: pd.DataFrame, name: str) -> list[Cell]:
    """Return a list of one cell: an optimizer's value and its interval; "never" where no run reached the target.

    "–" if the folder lacks the optimizer.

    table: of `ranking`, by optimizer.
    """
    if name not in table.index:
        return [Cell("–")]
    row = table.loc[name]
    if row["reached"] == 0:
        return [Cell("never", math.inf)]
    return [number_cell(row["value"], under=_format_interval(row), marks=MARKS.get(row["state"], ()))]


def _ratio_cells(pairs: pd.DataFrame, name: str) -> list[Cell]:
    """Return two cells: an optimizer's ratio to the first folder, and the verdict; "–" if there is none.

    pairs: of `optbench.compare`, by optimizer.
    """
    if name not in pairs.index:
        return [Cell("–"), Cell("–")]
    row = pairs.loc[name]
    marks = {OPEN_VERDICT: (OPEN,), WINS: (BEST,), LOSES: ("bad",)}.get(row["verdict"], ())
    word = "identical" if row["identical"] == 1 else row["verdict"]
    return [number_cell(row["ratio"], under=_format_interval(row)), text_cell(word, marks=marks, title=row["reason"])]


def _format_interval(row: pd.Series) -> str:
    """Return "[low, high]" of a row; "" if it has none."""
    return "" if math.isnan(row["low"]) else f"[{labels.number(row['low'])}, {labels.number(row['high'])}]"
