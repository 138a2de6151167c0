"""Several result folders on one page: versions, machines or sweeps beside the first of them, the baseline."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import ascii_uppercase

import pandas as pd

from optbench.analysis.verdicts import ALL
from optbench.contract.errors import OptbenchError
from optbench.report.loaded import LoadedSweep
from optbench.report.output import Options, fill, write_file
from optbench.report.page import count_runs
from optbench.report.tables import BEST, OPEN, Cell, Table, cell, number
from optbench.sweeps.candidates import compare
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
    directories: Sequence[Path], options: Options, progress: Callable[[str], None], warn: Callable[[str], None]
) -> Path:
    """Read the folders and write the page; see `optbench.report.write_side_by_side`."""
    if options.formats or options.tables:
        raise OptbenchError("--format and --tables take one result folder: give the folders one by one")
    if len(directories) > MAX_FOLDERS:
        raise OptbenchError(f"{len(directories)} result folders are too many for one page: name at most {MAX_FOLDERS}")
    sides: list[Side] = []
    for directory, letter in zip(directories, ascii_uppercase, strict=False):
        progress(f"tables of {directory}")
        sides.append(_side(directory, letter, sides[0] if sides else None, warn))
    progress("page")
    page = options.page(Path(directories[-1]) / "report", "side-by-side.html")
    write_file(page, render(sides))
    return page


def render(sides: Sequence[Side]) -> str:
    """Return the page as text; every value from the tables is escaped."""
    problems = list(dict.fromkeys(name for side in sides for name in side.sweep.files))
    files = labels.file_names(problems)
    return fill(
        "side_by_side.html",
        sides=[_card(side, sides[0]) for side in sides],
        facts=_facts(sides),
        problems=[
            {
                "name": problem,
                "anchor": f"problem-{files[problem]}",
                "table": _table(problem, files[problem], sides),
                "sentences": [(side.letter, _sentence(side, problem)) for side in sides],
                "against": [
                    (side.letter, describe_comparison(side.against, problem, sides[0].letter, side.letter))
                    for side in sides
                    if side.against is not None
                ],
            }
            for problem in problems
        ],
    )


def _card(side: Side, first: Side) -> dict:
    """Return the texts of one folder, and of its comparison with the first."""
    sweep, results, table = side.sweep, side.sweep.results, side.against
    return {
        "letter": side.letter,
        "folder": str(sweep.directory),
        "counts": count_runs(results),
        "overall": sweep.answer.overall(),
        "warnings": [*filter(None, [results.missing]), *sweep.failures],
        "why": side.why,
        "against": "" if table is None else describe_comparison(table, ALL, first.letter, side.letter),
        "how": "" if table is None else _how(table),
        "differences": [] if table is None else table.attrs["differences"],
        "measure": answers.describe_measure(sweep.answer, results.choose_by, results.runs),
    }


def _sentence(side: Side, problem: str) -> str:
    """Return the answer of a folder on a problem in words."""
    if problem not in side.sweep.files:
        return "not in this folder"
    return side.sweep.answer.sentence(problem).removeprefix(f"{problem}: ")


def _side(directory: Path, letter: str, first: Side | None, warn: Callable[[str], None]) -> Side:
    """Load a results folder and compare it with the first one, if it is not the first; letter: its name on the page."""
    sweep = LoadedSweep(directory)
    if sweep.results.missing:
        warn(f"{directory}: {sweep.results.missing}")
    sweep.check()
    if first is None:
        return Side(letter, sweep)
    try:
        return Side(letter, sweep, compare(first.sweep.results, sweep.results))
    except OptbenchError as error:
        return Side(letter, sweep, why=f"not compared with {first.letter}: {error}")


def _how(table: pd.DataFrame) -> str:
    """Describe what was paired."""
    rows = table[table["problem"] != ALL]
    seeds = f"{int(rows['seeds'].max()):,} seeds in common"
    return (
        f"the same settings in both, on {seeds}"
        if table.attrs["by"] == "settings"
        else f"each as it was tuned, on {seeds}"
    )


def _facts(sides: Sequence[Side]) -> list[tuple[str, list[str], bool]]:
    """Return (key, a text a side, whether they differ) of versions and machines."""
    found = [side.sweep.results.provenance for side in sides]
    rows = [(key, [str(each.get(key, "–")) for each in found]) for key in FACTS]
    return [(key, texts, len(set(texts)) > 1) for key, texts in rows if set(texts) != {"–"}]


def _table(problem: str, file: str, sides: Sequence[Side]) -> Table:
    """Return the optimizers' values in each folder, and their ratios to the first where seeds are shared."""
    ranked = [_of(side.sweep.answer.ranking, problem).set_index("optimizer") for side in sides]
    compared = [None if side.against is None else _by_name(side.against, problem) for side in sides]
    headings, numbers = ["optimizer"], []
    for side, pairs in zip(sides, compared, strict=True):
        headings.append(f"value in {side.letter}")
        numbers.append(headings[-1])
        if pairs is not None and len(pairs):
            headings += [f"{side.letter} over {sides[0].letter}", f"verdict of {side.letter}"]
            numbers.append(headings[-2])
    rows = []
    for name in dict.fromkeys(name for table in ranked for name in table.index):
        row = [cell(name)]
        for table, pairs in zip(ranked, compared, strict=True):
            row.append(_value(table, name))
            if pairs is not None and len(pairs):
                row += _ratio(pairs, name)
        rows.append(row)
    return Table(f"side-by-side-{file}", f"{problem}: each optimizer in each folder", headings, rows, numbers)


def _by_name(against: pd.DataFrame, problem: str) -> pd.DataFrame:
    """Return the rows of a problem by the name that the optimizer has in the tables."""
    rows = _of(against, problem)
    return rows.set_index(rows["b"].replace(against.attrs["names"]))


def _of(table: pd.DataFrame, problem: str) -> pd.DataFrame:
    return table[table["problem"] == problem]


def _value(table: pd.DataFrame, name: str) -> Cell:
    """Return the cell with an optimizer's value and its interval; "–" if the folder lacks it."""
    if name not in table.index:
        return Cell("–")
    row = table.loc[name]
    return number(row["value"], under=_interval(row), marks=(BEST,) if row["first"] else ())


def _ratio(pairs: pd.DataFrame, name: str) -> list[Cell]:
    """Return the cells with an optimizer's ratio to the first folder, and the verdict; "–" if there is none."""
    if name not in pairs.index:
        return [Cell("–"), Cell("–")]
    row = pairs.loc[name]
    marks = {"undecided": (OPEN,), "better": (BEST,), "worse": ("bad",)}.get(row["verdict"], ())
    word = "identical" if row["identical"] == 1 else row["verdict"]
    return [number(row["ratio"], under=_interval(row)), cell(word, marks=marks, title=row["reason"])]


def _interval(row: pd.Series) -> str:
    return "" if math.isnan(row["low"]) else f"[{labels.number(row['low'])}, {labels.number(row['high'])}]"
