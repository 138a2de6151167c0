"""Several result folders on one page: versions, machines or sweeps beside the first of them, the baseline."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import ascii_uppercase
from typing import Any, cast

import pandas as pd

from optbench.analysis.answer import Answer, ask
from optbench.analysis.folders import Comparison
from optbench.analysis.verdicts import LOSES, TIE, WINS
from optbench.analysis.verdicts import OPEN as OPEN_VERDICT
from optbench.contract.errors import OptbenchError
from optbench.figures.data import ReportData
from optbench.report.forest import Look, build_comparison, find_looks
from optbench.report.overlay import overlay
from optbench.report.report_files import Options, check_runs, fill, write_file
from optbench.report.report_tables import BEST, MARKS, OPEN, Cell, Table, number_cell, text_cell
from optbench.results.candidates import compare
from optbench.results.results import Results, load, share_labels, with_plain_labels
from optbench.wording import answers, comparisons, labels
from optbench.wording.comparisons import BETTER, IDENTICAL, MIXED, WORSE
from optbench.wording.failed_runs import describe_failures
from optbench.wording.judged import SAMPLES, describe_order, name_unit
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
    sweep: ReportData
    against: Comparison | None = None
    """`optbench.compare` with the first folder; None for the first, and where they share nothing."""
    why: str = ""
    """The reason why there is no comparison."""

    def describe(self, problem: str) -> str:
        """Return the answer of the folder on a problem in words."""
        there = problem in self.sweep.files
        return answers.describe_without_name(self.sweep.answer, problem) if there else "not in this folder"


def write_page(
    sources: Sequence[Path | Answer], options: Options, progress: Callable[[str], None], warn: Callable[[str], None]
) -> Path:
    """Write the page of several results folders and return its path; see `optbench.report.write_side_by_side`."""
    if options.formats or options.tables:
        raise OptbenchError("pictures and tables (--format, --tables) take one folder: give the folders one by one")
    if len(sources) > MAX_FOLDERS:
        raise OptbenchError(f"{len(sources)} result folders are too many for one page: name at most {MAX_FOLDERS}")
    found = []
    for source in sources:
        progress(f"tables of {source if isinstance(source, Path) else source.tables.path}")
        found.append(load(source).ask() if isinstance(source, Path) else source)
    sides: list[Side] = []
    labeled = share_labels([cast(Results, answer.everything) for answer in found])  # they were loaded
    for results, answer, letter in zip(labeled, found, ascii_uppercase, strict=False):
        asked = ReportData(ask(with_plain_labels(results), answer.judge_by))
        sides.append(_compare_with_first(asked, letter, sides[0] if sides else None, warn))
    progress("page")
    page = options.page((sides[-1].sweep.results.path or Path()) / "report", "side-by-side.html")
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

    part: dict[str, Any] = {
        "letter": side.letter,
        "why": side.why,
        "forest": None,
        "title": f"{side.letter} beside {first.letter}",
    }
    names = [look.name for look in looks if look.name]
    states, is_time, short = {}, False, {}
    if found is not None:
        table, shown = found.table, found.labeled().table
        states = comparisons.find_states(table)
        answer = first.sweep.answer.ask(found.judge_by)
        units = list(dict.fromkeys(name_unit(answer, problem) for problem in states))
        is_time = units == [SAMPLES]
        seeds = f"{int(found.rows['seeds'].max()):,} seeds in common"
        kind = "the same settings in both" if found.by == "settings" else "each as it was tuned"
        # By the name that the optimizer has in the tables
        named = table.assign(name=table["b"].replace(found.names))
        part |= {
            "title": comparisons.headline_comparison(shown, f"{side.letter} against {first.letter}", is_time),
            "shorter": comparisons.headline_comparison(shown, side.letter, is_time),
            "forest": build_comparison(named, letters, units, looks, side.sweep.results.own, label),
            "ends": ("needs fewer", "needs more") if is_time else ("better", "worse"),
            "cases": comparisons.count_cases(table, is_time),
            "over": comparisons.describe_over_all(shown, *letters),
            "how": f"{kind}, on {seeds}",
            "differences": found.differences,
        }
        short = {problem: comparisons.list_verdicts(named, problem, is_time, label) for problem in states}
    problems = [name for name in files if name in first.sweep.files or name in side.sweep.files]
    part["problems"] = [
        {
            "name": problem,
            "label": label(problem),
            "anchor": f"{side.letter}-{files[problem]}",
            "kind": KINDS.get(states.get(problem, ""), ""),
            "state": comparisons.name_state(states[problem], is_time)
            if problem in states
            else _say_where(problem, first, side),
            "short": short.get(problem, ()),
            "sentences": [(each.letter, each.describe(problem)) for each in (first, side)],
            "overlay": overlay(first.sweep, side.sweep, problem, names, letters) if problem in states else None,
            "table": _build_table(problem, f"{side.letter}-{files[problem]}", first, side, label),
        }
        for problem in problems
    ]
    return part


def _say_where(problem: str, first: Side, side: Side) -> str:
    """Return why a problem is not compared: it is in one of the folders alone, or no optimizer is in both."""
    there = [each.letter for each in (first, side) if problem in each.sweep.files]
    return f"only in {there[0]}" if len(there) == 1 else "not compared"


def _describe_side(side: Side) -> dict:
    """Return the texts of one folder for the template."""
    sweep, results = side.sweep, side.sweep.results
    return {
        "letter": side.letter,
        "folder": str(results.path),
        "version": f"optbench {results.provenance['optbench']}" if "optbench" in results.provenance else "",
        "counts": f"{count_runs(results.runs)}.",
        "overall": describe_order(sweep.answer),
        "warnings": [*filter(None, [results.missing]), *describe_failures(sweep.answer)],
        "measure": answers.describe_measure(sweep.answer),
    }


def _compare_with_first(sweep: ReportData, letter: str, first: Side | None, warn: Callable[[str], None]) -> Side:
    """Compare a results folder with the first one, if it is not the first.

    letter: its name on the page; first: None for the first; warn: called with a sentence about what the folder lacks.
    """
    if sweep.results.missing:
        warn(f"{sweep.results.path}: {sweep.results.missing}")
    check_runs(sweep.answer)
    if first is None:
        return Side(letter, sweep)
    try:
        measures = {first.sweep.answer.judge_by, sweep.answer.judge_by}
        by = measures.pop() if len(measures) == 1 else None
        whole = (cast(Results, each.results) for each in (first.sweep, sweep))
        return Side(letter, sweep, compare(*whole, judge_by=by))
    except OptbenchError as error:
        return Side(letter, sweep, why=f"not compared with {first.letter}: {error}")


def _list_facts(sides: Sequence[Side]) -> list[tuple[str, list[str], bool]]:
    """Return (key, the text of each folder, True if these differ) for the versions and machines."""
    found = [side.sweep.results.provenance for side in sides]
    rows = [(key, [str(each.get(key, "–")) for each in found]) for key in FACTS]
    return [(key, texts, len(set(texts)) > 1) for key, texts in rows if set(texts) != {"–"}]


def _build_table(problem: str, file: str, first: Side, side: Side, label: labels.Label) -> Table:
    """Return a problem's table: the optimizers' values in both folders, and ratios to the first if seeds are shared.

    file: the problem's name in file names.
    """
    tables = [each.sweep.answer.ranking for each in (first, side)]
    values = [table[table["problem"] == problem].set_index("optimizer") for table in tables]
    headings = ["optimizer", *(f"value in {each.letter}" for each in (first, side))]
    numbers, pairs = headings[1:], pd.DataFrame()
    if side.against is not None:  # by the name that the optimizer has in the tables
        pairs = side.against.table[side.against.table["problem"] == problem]
        pairs = pairs.set_index(pairs["b"].replace(side.against.names))
    if len(pairs):
        headings += [f"{side.letter} over {first.letter}", f"verdict of {side.letter}"]
        numbers = [*numbers, headings[-2]]
    rows = [
        [
            text_cell(label(name), under=_list_tried(first, side, name)),
            *(_value_cell(table, name) for table in values),
            *(_ratio_cells(pairs, name) if len(pairs) else ()),
        ]
        for name in dict.fromkeys(name for table in values for name in table.index)
    ]
    caption = f"{label(problem)}: each optimizer in {first.letter} and {side.letter}"
    return Table(f"side-by-side-{file}", caption, headings, rows, numbers)


def _list_tried(first: Side, side: Side, name: str) -> str:
    """Return the settings of an optimizer where these differ: "A: adam(beta1=0.9); B: adam(beta1=0.5)"; else ""."""
    found = side.against
    texts = [
        f"{letter}: {found.labels.get(long, long)}"
        for column, letter in (("a", first.letter), ("b", side.letter))
        for long in (found.table[column].unique() if found else ())
        if found and long != name and found.names.get(long) == name
    ]
    return "; ".join(dict.fromkeys(texts))


def _value_cell(table: pd.DataFrame, name: str) -> Cell:
    """Return the cell with an optimizer's value and interval; "never" where no run reached the target, "–" without it.

    table: of `ranking`, by optimizer.
    """
    if name not in table.index:
        return Cell("–")
    row = table.loc[name]
    if row["reached"] == 0:
        return Cell("never", math.inf)
    return number_cell(row["value"], under=_format_interval(row), marks=MARKS.get(row["state"], ()))


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
