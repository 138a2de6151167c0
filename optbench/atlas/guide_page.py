"""The field guide as a page, one file to read without a script or a network, and its tables as CSV beside it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from optbench.analysis.answer import Answer
from optbench.analysis.ranking import BEHIND
from optbench.analysis.verdicts import OPEN
from optbench.atlas import advisor
from optbench.atlas.field_guide import FieldGuide, make_guide
from optbench.atlas.kinds import KINDS
from optbench.atlas.published import correlate
from optbench.contract.names import count_noun
from optbench.contract.version import __version__
from optbench.figures.forest_plot import list_ticks
from optbench.plan.optimizer_groups import FAMILY, find_family
from optbench.report.forest import label_ticks
from optbench.report.report_files import fill, write_file
from optbench.report.report_tables import Table, csv_text, number_cell, text_cell
from optbench.wording import guide_texts as texts
from optbench.wording.advice_texts import RECORD_HEADINGS, count_record
from optbench.wording.matrix import LEADS, Cell
from optbench.wording.published_texts import write_rho

FARTHEST = 1000.0
"""The factor at which an axis of ratios ends."""
VALUES = {
    "mean_ranks": ("mean_rank",), "tuning": ("one", "default"), "sensitivity": ("decades",), "rates": ("ratio",),
}  # fmt: skip
"""The columns of a table that its chart shows."""


class Mark(NamedTuple):
    """A mark with its interval, in percent of the axis."""

    hollow: bool
    x: float
    low: float
    high: float


@dataclass(frozen=True)
class Chart:
    """A row for each optimizer, with marks on one axis and numbers beside them."""

    heads: Sequence[str]
    ticks: Sequence[tuple[float, str]]
    rows: Sequence[tuple[str, str, Sequence[Mark], Sequence[str]]]
    """The name, more about it, the marks, and the numbers."""
    key: Sequence[tuple[str, str]] = ()
    """The classes of marks with their words, where there are several."""
    bars: bool = False
    """Whether marks are the ends of bars from the left."""


@dataclass(frozen=True)
class Section:
    """A section of the page: sentences, and a matrix, a table or a chart."""

    name: str
    """That of its table and of its anchor."""
    title: str
    short: str
    texts: Sequence[str]
    matrix: Sequence[tuple[str, Sequence[Cell]]] = ()
    columns: Sequence[str] = ()
    """The kinds above the matrix."""
    table: Table | None = None
    chart: Chart | None = None

    @property
    def states(self) -> set[str]:
        """The states that the cells of the matrix have."""
        return {cell.state for _, cells in self.matrix for cell in cells}


def write_guide(answer: Answer, folder: Path, command: str) -> Path:
    """Write the page, index.html, and its tables into a folder; return the page's path. command: what made them.

    Raises OptbenchError where the sweep is none that a guide can be made of, and OSError if writing fails.
    """
    guide = make_guide(answer)
    tables = {
        "ratios": guide.ratios, "kinds": guide.kinds, "mean_ranks": guide.ranks, "tuning": guide.tuning,
        "sensitivity": guide.sensitivity, "rates": guide.rates,
    }  # fmt: skip
    sections = [make_section(name, table, answer, guide) for name, table in tables.items() if len(table)]
    if set(KINDS) <= set(guide.kinds["kind"]):  # a sweep of all kinds, as the atlas is
        tried, _ = advisor.read_tried(answer)
        record = advisor.keep_record(advisor.measure_costs(tried), advisor.list_problems(tried))
        published = correlate(answer.ranking)
        tables |= {"advice": record, "published": published}
        sections += [_write_advice(record), _list_published(published)]
    files = {f"{name}.csv": csv_text(_as_text(table)) for name, table in tables.items()}
    sweep = answer.tables.command
    page = fill(
        "guide.html",
        title=texts.headline_guide(answer, guide.ranks),
        findings=texts.describe_findings(answer, guide.ranks, guide.kinds, guide.tuning),
        basis=texts.describe_basis(answer),
        sections=sections,
        legend=texts.LEGEND,
        signs=texts.SIGNS,
        foot=texts.describe_making(command, __version__, sweep, [*files]),
        count=count_noun(len(guide.ranks), "optimizer"),
        families={answer.label(name): _write_family(name) for name in guide.ranks["optimizer"]},
    )
    for name, text in {**files, "index.html": page}.items():
        write_file(folder / name, text)
    return folder / "index.html"


def _write_family(name: str) -> str:
    """Return the family of a shipped optimizer with any values, as a command names it; "" for another one."""
    family = find_family(name.partition("(")[0])
    return f"{FAMILY}{family}" if family else ""


def _as_text(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table with lists as text."""
    lists = [name for name in ("on_all", "on_most") if name in table]
    return table.assign(**{name: table[name].map(", ".join) for name in lists})


def make_section(name: str, table: pd.DataFrame, answer: Answer, guide: FieldGuide) -> Section:
    """Return the section of a table of the guide."""
    head = (name, texts.TITLES[name], texts.SHORT[name], texts.describe_section(name, answer, table))
    if name == "ratios":
        return Section(*head, matrix=list_cells(table, answer), columns=guide.kinds["kind"].tolist())
    if name == "kinds":
        return Section(*head, table=_list_kinds(table, answer))
    return Section(*head, chart=make_chart(name, table, answer))


def _write_advice(record: pd.DataFrame) -> Section:
    """Return the section on how often advice has held."""
    rows = [[text_cell(text) for text in row] for row in count_record(record)]
    table = Table("advice", texts.TITLES["advice"], RECORD_HEADINGS, rows, RECORD_HEADINGS[1:])
    return Section("advice", table.caption, texts.SHORT["advice"], texts.describe_advice(record), table=table)


def _list_published(table: pd.DataFrame) -> Section:
    """Return the section on orders that others have published. table: from `atlas.published.correlate`."""
    kinds = list(dict.fromkeys(table["kind"]))
    rows = []
    for source, part in table.groupby("source", sort=False):
        cells = [text_cell(write_rho(row)) for row in part.to_dict("records")]
        rows.append([text_cell(source), number_cell(part["names"].max()), *cells])
    title, heads = texts.TITLES["published"], [*texts.PUBLISHED_HEADINGS, *kinds]
    return Section(
        "published", title, texts.SHORT["published"], texts.describe_published_orders(table),
        table=Table("published", title, heads, rows, heads[1:2]),
    )  # fmt: skip


def list_cells(ratios: pd.DataFrame, answer: Answer) -> list[tuple[str, list[Cell]]]:
    """Return the rows of the picture: an optimizer with a cell for each kind of problem."""
    rows = []
    for name, part in ratios.groupby("optimizer", sort=False):
        label = answer.label(str(name))
        rows.append((label, [_make_cell(row, label) for row in part.to_dict("records")]))
    return rows


def _make_cell(row: Mapping[str, Any], label: str) -> Cell:
    """Return the cell of an optimizer and a kind."""
    count, of = row["may_be_best"], row["problems"]
    state = LEADS if count == of else OPEN if count > of / 2 else BEHIND
    text, words = texts.say_ratio(row, label)
    return Cell(state, row["ratio"], text, "", words)


def _list_kinds(kinds: pd.DataFrame, answer: Answer) -> Table:
    """Return the table of kinds for the page."""
    rows = [
        [text_cell(row["kind"]), number_cell(row["problems"]), number_cell(row["open"]),
         text_cell(texts.say_verdict(row, answer)), text_cell(texts.list_names(row["on_most"], answer))]
        for row in kinds.to_dict("records")
    ]  # fmt: skip
    return Table("kinds", texts.TITLES["kinds"], texts.KIND_HEADINGS, rows, texts.KIND_HEADINGS[1:3])


def make_chart(name: str, table: pd.DataFrame, answer: Answer) -> Chart:
    """Return the chart of a table of ranks, ratios or decades."""
    values, log = VALUES[name], name in ("tuning", "rates")
    ends = {each: _find_columns(each, table) for each in values}
    place, ticks = _lay_out(table[list(chain(*ends.values()))].to_numpy(dtype=float), log)
    rows = []
    for row in table.to_dict("records"):
        marks = [
            Mark(each != values[0], *(place(row[column]) for column in ends[each]))
            for each in values
            if math.isfinite(row[each])
        ]
        more = texts.describe_setting(row) if name == "tuning" else ""
        rows.append((answer.label(row["optimizer"]), more, marks, texts.say_values(name, row)))
    key = texts.TUNING_KEY if name == "tuning" else ()
    return Chart(texts.COLUMNS[name], ticks, rows, key, bars=name == "sensitivity")


def _find_columns(name: str, table: pd.DataFrame) -> tuple[str, str, str]:
    """Return the columns of a value and of the ends of its interval, the value itself where it has none."""
    low, high = ("low", "high") if name == "mean_rank" else (f"{name}_low", f"{name}_high")
    return (name, low, high) if low in table else (name, name, name)


def _lay_out(values: np.ndarray, log: bool) -> tuple[Callable[[float], float], list[tuple[float, str]]]:
    """Return what gives the place of a value on an axis that holds all, in percent, and the ticks with their places."""
    known = values[np.isfinite(values)]
    if log:
        begin, end = max(min(known.min(), 1.0), 1 / FARTHEST), min(max(known.max(), 2.0), FARTHEST)
    else:
        begin, end = min(float(known.min()), 0.0), float(known.max())
    scale = math.log if log else float

    def place(value: float) -> float:
        if not math.isfinite(value):
            return math.nan
        share = (scale(min(max(value, begin), end)) - scale(begin)) / ((scale(end) - scale(begin)) or 1.0)
        return round(100 * share, 2)

    if log:
        return place, label_ticks(list_ticks(begin, end), place, "1×")
    step = next((each for each in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50) if end / each <= 6), 100)
    return place, [(place(tick), f"{tick:g}") for tick in np.arange(0, end + step / 2, step) if tick <= end]
