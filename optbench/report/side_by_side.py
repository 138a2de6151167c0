"""Several result folders on one page: versions, machines or sweeps beside the first of them, the baseline."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import ascii_uppercase

import pandas as pd

from optbench.analysis.verdicts import ALL, LOSES, WINS
from optbench.analysis.verdicts import OPEN as OPEN_VERDICT
from optbench.contract.errors import OptbenchError
from optbench.report.loaded import LoadedSweep
from optbench.report.output import Options, fill, write_file
from optbench.report.page import count_runs
from optbench.report.tables import BEST, MARKS, OPEN, Cell, Table, number_cell, text_cell
from optbench.sweeps.candidates import compare
from optbench.sweeps.results import load, share_labels
from optbench.wording import answers, labels
from optbench.wording.comparisons import describe_comparison

FACTS = ("optbench", "date", "cpu", "cores", "device", "python", "numpy", "numba", "budget", "command")
MAX_FOLDERS = 8
"""Folders of one page."""


@dataclass(frozen=True)
class Side:
    """One folder."""

    letter: str
    sweep: LoadedSweep
    against: pd.DataFrame | None = None
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
        sides.append(_compare_with_first(LoadedSweep(results), letter, sides[0] if sides else None, warn))
    progress("page")
    page = options.page(sides[-1].sweep.directory / "report", "side-by-side.html")
    write_file(page, render(sides))
    return page


def render(sides: Sequence[Side]) -> str:
    """Return the HTML of the page; every value from the tables is escaped."""
    problems = list(dict.fromkeys(name for side in sides for name in side.sweep.files))
    files = labels.file_names(problems)
    return fill(
        "side_by_side.html",
        sides=[_describe_side(side, sides[0]) for side in sides],
        facts=_list_facts(sides),
        problems=[
            {
                "name": problem,
                "anchor": f"problem-{files[problem]}",
                "table": _build_table(problem, files[problem], sides),
                "sentences": [(side.letter, _answer_sentence(side, problem)) for side in sides],
                "against": [
                    (side.letter, describe_comparison(side.against, problem, sides[0].letter, side.letter))
                    for side in sides
                    if side.against is not None
                ],
            }
            for problem in problems
        ],
    )


def _describe_side(side: Side, first: Side) -> dict:
    """Return the texts of one folder, and of its comparison with the first, for the template."""
    sweep, results, table = side.sweep, side.sweep.results, side.against
    how = ""
    if table is not None:
        seeds = f"{int(table.loc[table['problem'] != ALL, 'seeds'].max()):,} seeds in common"
        kind = "the same settings in both" if table.attrs["by"] == "settings" else "each as it was tuned"
        how = f"{kind}, on {seeds}"
    return {
        "letter": side.letter,
        "folder": str(sweep.directory),
        "counts": count_runs(results),
        "overall": sweep.answer.overall(),
        "warnings": [*filter(None, [results.missing]), *sweep.failures],
        "why": side.why,
        "against": "" if table is None else describe_comparison(table, ALL, first.letter, side.letter),
        "how": how,
        "differences": [] if table is None else table.attrs["differences"],
        "measure": answers.describe_measure(sweep.answer, results.search),
    }


def _answer_sentence(side: Side, problem: str) -> str:
    """Return the answer of a folder on a problem in words."""
    if problem not in side.sweep.files:
        return "not in this folder"
    return side.sweep.answer.sentence(problem).removeprefix(f"{problem}: ")


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


def _build_table(problem: str, file: str, sides: Sequence[Side]) -> Table:
    """Return a problem's table: the optimizers' values in each folder, ratios to the first if seeds are shared.

    file: the problem's name in file names.
    """
    headings, numbers, columns = ["optimizer"], [], []
    for side in sides:
        values = _select_problem(side.sweep.answer.ranking, problem).set_index("optimizer")
        headings.append(f"value in {side.letter}")
        numbers.append(headings[-1])
        columns.append((values, _value_cells))
        if side.against is not None and len(pairs := _select_problem(side.against, problem)):
            headings += [f"{side.letter} over {sides[0].letter}", f"verdict of {side.letter}"]
            numbers.append(headings[-2])
            # By the name that the optimizer has in the tables
            columns.append((pairs.set_index(pairs["b"].replace(side.against.attrs["names"])), _ratio_cells))
    names = dict.fromkeys(name for table, cells in columns if cells is _value_cells for name in table.index)
    rows = [
        [
            text_cell(name, under=_list_tried(sides, name)),
            *(each for table, cells in columns for each in cells(table, name)),
        ]
        for name in names
    ]
    return Table(f"side-by-side-{file}", f"{problem}: each optimizer in each folder", headings, rows, numbers)


def _list_tried(sides: Sequence[Side], name: str) -> str:
    """Return the settings of an optimizer where these differ: "A: adam(beta1=0.9); B: adam(beta1=0.5)"; else ""."""
    texts = [
        f"{letter}: {long}"
        for side in sides
        if side.against is not None
        for column, letter in (("a", sides[0].letter), ("b", side.letter))
        for long in side.against[column].unique()
        if long != name and side.against.attrs["names"].get(long) == name
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
