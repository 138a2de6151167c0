"""The tables of a report: on the page, and as CSV and LaTeX files.

On the page the template `table.html` writes a Table, and `tables.js` sorts and exports it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup

from optbench.analysis import hyperparameter_columns, metric_columns, timing_summary
from optbench.analysis.answer import Answer
from optbench.analysis.costs import SHARES
from optbench.analysis.ranking import FIRST
from optbench.analysis.verdicts import ALL, LOSES, TIE, WINS, exchange_sides
from optbench.analysis.verdicts import OPEN as OPEN_VERDICT
from optbench.contract.columns import spreadsheet_text
from optbench.figures.data import ReportData
from optbench.figures.style import sort_by_place
from optbench.report.report_files import digest_of, json_text, read_digests, write_digests, write_file
from optbench.wording import labels
from optbench.wording.answers import describe_unequal_trials
from optbench.wording.judged import name_scope
from optbench.wording.latex import LATEX_BOUNDS, bounded, build_results_table, latex_escaped, latex_number
from optbench.wording.verdict_texts import say, with_texts

BEST, OPEN = "best", "open"
"""Marks: in first place (bold), and not told apart from it (a dagger in LaTeX)."""
MARKS = {FIRST: (BEST,), TIE: (BEST,), OPEN_VERDICT: (OPEN,)}
"""By the state of an optimizer, its marks."""
MAX_ROWS = 500
"""Maximum rows of one table: about half a megabyte."""
ROWS_OF_PROBLEMS, MIN_ROWS = 900, 5
"""Rows of the tables of all problems together, and of each problem at least."""


@dataclass(frozen=True)
class Cell:
    """A cell: the text, the value it is sorted by and exported as, and small print below."""

    text: str
    value: float | str | None = None
    under: str = ""
    marks: tuple[str, ...] = ()
    link: str = ""
    title: str = ""

    @property
    def sorted_by(self) -> str:
        """The text of the attribute ``data-value``, by which the page sorts; "" if that is the shown text."""
        if isinstance(self.value, float | int):
            return "" if math.isnan(self.value) else repr(float(self.value)).removesuffix(".0")
        return self.value or ""


@dataclass(frozen=True)
class Table:
    """A table: the name of its files, a caption for screen readers, headings, and rows whose first cell heads them."""

    name: str
    caption: str
    headings: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    numbers: Sequence[str] = field(default=())
    """The headings of columns with numbers."""
    left_out: int = 0
    """Rows beyond the limit."""
    export: Mapping = field(default_factory=dict)
    """The same rows as `write_tables` writes them, by kind of file: `head`, `rows` and `foot`; empty without any."""

    @property
    def export_json(self) -> Markup:
        """`export` for the script of the page."""
        return Markup(json_text(self.export))


def text_cell(text: object, **more: Any) -> Cell:
    """Return a cell with a text; more: further fields of `Cell`."""
    return Cell(str(text), **more)


def _number(value: float | None, digits: int = 3) -> str:
    """Return the text of a number in a table: infinity as its sign."""
    return "∞" if value == math.inf else labels.number(value, digits)


def number_cell(value: float | None, digits: int = 3, **more: Any) -> Cell:
    """Return a cell that shows a number to so many digits, and sorts and exports it in full; more: fields of `Cell`."""
    return Cell(_number(value, digits), None if value is None else float(value), **more)


def interval_cell(low: float, high: float) -> Cell:
    """Return a cell with "[low, high]", sorted by low."""
    if math.isnan(low) or math.isnan(high):
        return Cell("–")
    return Cell(f"[{_number(low)}, {_number(high)}]", f"[{low:.6g}, {high:.6g}]")


def _find_states(answer: Answer, problems: Iterable[str]) -> dict[tuple[str, str], str]:
    """Return the states of the ranking by (problem, optimizer); "open", too, who loses to another than the leader."""
    ranking = answer.ranking[answer.ranking["problem"].isin(list(problems))]
    states = dict(zip(zip(ranking["problem"], ranking["optimizer"], strict=True), ranking["state"], strict=True))
    # A lead with unequal trials is not bold
    marked = ranking["problem"].isin(answer.unequal) & ranking["state"].isin([FIRST, TIE])
    states |= dict.fromkeys(zip(ranking["problem"][marked], ranking["optimizer"][marked], strict=True), "")
    open_ = {(problem, name) for problem in ranking["problem"].unique() for name in answer.list_open(problem)}
    return states | dict.fromkeys(open_, OPEN_VERDICT)


class SweepTables:
    """The tables of one sweep's page."""

    def __init__(self, sweep: ReportData):
        """Find the columns that all tables need, and the most rows that a table shows."""
        self.sweep, self.best, runs = sweep, measure_settings(sweep), sweep.results.runs
        self.states = _find_states(sweep.answer, sweep.answer.ranking["problem"].unique())
        self.short, self.label = sweep.short_schedules, sweep.label
        self.shortest = labels.name_schedules(self.short)
        self.hyperparameters = hyperparameter_columns(runs)
        self.metrics = ["test_loss", *sorted(metric_columns(runs), key=lambda name: not name.startswith("test"))]
        self.note = f". {describe_unequal_trials(sweep.answer)[:-1]}" * bool(sweep.answer.unequal)
        self.several_dtypes = runs["dtype"].nunique() > 1
        self.most = max(MIN_ROWS, ROWS_OF_PROBLEMS // max(runs["problem"].nunique(), 1))

    def settings(self, problem: str) -> Table:
        """Return the page's table of recommended settings on one problem: one row for each optimizer, by place."""
        rows = sort_by_place(self.best[self.best["problem"] == problem])
        metrics = [name for name in self.metrics if rows[name].notna().any()]
        kept = self._keep(rows, self.most)
        cells = [self._setting_cells(row, metrics) for row in kept.to_dict("records")]
        name = f"settings-{self.sweep.files[problem]}"
        caption = f"{self.label(problem)}: the recommended setting of each optimizer"
        headings, shown, numbers = self._arrange_columns(cells, metrics)
        left_out, export = len(rows) - len(cells), self._export("settings", kept)
        return Table(name, caption + self.note, headings, shown, numbers, left_out, export)

    def all_settings(self, links: Mapping[str, str]) -> Table:
        """Return the table of the recommended settings of all problems; links: the anchor of each problem."""
        metrics = [name for name in self.metrics if self.best[name].notna().any()]
        table = pd.concat([sort_by_place(self.best[self.best["problem"] == problem]) for problem in links])
        kept, names = self._keep(table, MAX_ROWS), labels.short_names(links, self.label)
        rows = [
            (
                text_cell(names[row["problem"]], link=links[row["problem"]], title=self.label(row["problem"])),
                *self._setting_cells(row, metrics, brief=True),
            )
            for row in kept.to_dict("records")
        ]
        caption = "The recommended setting of each optimizer on each problem"
        headings, shown, numbers = self._arrange_columns(rows, metrics, ["problem"])
        left_out, export = len(table) - len(rows), self._export("settings", kept)
        return Table("settings", caption + self.note, headings, shown, numbers, left_out, export)

    def _export(self, name: str, rows: pd.DataFrame) -> dict:
        """Return rows of the table of that name of `write_tables`, for `Table.export`; {} where a cell has two lines.

        rows: without the column `place` of the page, if the file has none.
        """
        texts = {"csv": csv_text(rows), "tex": write_latex(self.sweep, name, rows)}
        found = {}
        for kind, text in texts.items():
            lines = text.splitlines()
            first = lines.index("\\midrule") + 1 if kind == "tex" else 1
            last = lines.index("\\bottomrule") if kind == "tex" else len(lines)
            if last - first != len(rows):
                return {}
            found[kind] = {"head": lines[:first], "rows": lines[first:last], "foot": lines[last:]}
        return found

    def _keep(self, table: pd.DataFrame, most: int, columns: Sequence[str] = ("optimizer",)) -> pd.DataFrame:
        """Return at most so many rows of a table, in their order: those of the user's own optimizers, and the first.

        columns: those with the names of optimizers.
        """
        own = table[list(columns)].isin(self.sweep.results.own).any(axis=1).to_numpy()
        places = np.sort(np.argsort(~own, kind="stable")[:most])
        return table.iloc[places]

    def _arrange_columns(self, rows: list, metrics: list[str], before: Sequence[str] = ()) -> tuple:
        """Return (headings, rows, headings of number columns); the column note is left out if it is empty everywhere.

        rows: of `_setting_cells`; metrics: their last columns; before: headings of columns in front.
        """
        names = [name.replace("_", " ") for name in metrics]
        numbers = ["place", "rate", "median", "failed", *names]
        headings = [*before, "optimizer", "place", "batch", "schedule", "rate", "median", "interval", "failed"]
        note = len(headings)  # before the metrics, which are out of sight at first
        if any(row[note].text for row in rows):
            return [*headings, "note", *names], rows, numbers
        return [*headings, *names], [(*row[:note], *row[note + 1 :]) for row in rows], numbers

    def _setting_cells(self, row: dict, metrics: list[str], brief: bool = False) -> tuple[Cell, ...]:
        """Return the cells of a recommended setting. row: of `best`; metrics: its columns to show.

        brief: what few look for (hyperparameters, of schedules, too, and coverage) is said where one points at a cell.
        """
        place, schedule, several = int(row["place"]), row["schedule"], row["n"] > 1
        short = (self.shortest if brief else self.short)[schedule]
        marks = MARKS.get(self.states.get((row["problem"], row["optimizer"]), ""), ())
        given = labels.hyperparameter_text(row, self.hyperparameters)
        under = ["" if brief else given, row["dtype"] if self.several_dtypes else ""]
        under += ["(eager)"] * (row["optimizer"] in self.sweep.eager)
        covers = f"covers {labels.number(100 * row['coverage'])}%" if several else ""
        return (
            text_cell(
                labels.optimizer_label(row, self.sweep.varied, self.label),
                under=" ".join(filter(None, under)),
                title=given if brief else "",
                marks=marks,
            ),
            number_cell(place),
            text_cell(labels.batch_label(row["batch_size"], row["full_batch"])),
            text_cell(short, value=schedule, title=schedule if short != schedule else ""),
            number_cell(row["lr"]),
            self._value_cell(row, marks),
            self._ends_cell(row, covers, brief) if several and pd.notna(row["low"]) else text_cell("–"),
            text_cell(
                labels.failure_text(row), value=float(row["failures"]), marks=("bad",) if row["failures"] else ()
            ),
            text_cell("; ".join(labels.list_warnings(row)), marks=("bad",)),
            *(number_cell(row[name]) for name in metrics),
        )

    @cached_property
    def costs(self) -> dict[str, Table]:
        """Problem -> table of the samples to each target, a row an optimizer; none if no target was reached."""
        tables = {}
        for problem, part in self.sweep.answer.costs.groupby("problem", sort=False):
            kept = self._keep(part, self.most)
            rows = kept.to_dict("records")
            judged = self.sweep.answer.targets.get(problem, math.nan)
            shares = sorted({*SHARES, *filter(math.isfinite, [judged])}, reverse=True)
            heads = [labels.share_text(share) for share in shares]
            cells = [
                [text_cell(self.label(row["optimizer"])), *(_cost_cell(row, share) for share in shares)] for row in rows
            ]
            if any(each.text != "–" for row in cells for each in row[1:]):
                what = "samples until the gap stays below a share of its first value"
                caption = f"{self.label(problem)}: {what}{self.note}"
                name = f"costs-{self.sweep.files[problem]}"
                left_out, export = len(part) - len(rows), self._export("costs", kept)
                tables[problem] = Table(
                    name, caption + self.note, ["optimizer", *heads], cells, heads, left_out, export
                )
        return tables

    def pairs(self) -> Table | None:
        """Return the table of verdicts, a row for each pair of optimizers, the better first; None if there is only one.

        Its export has the lines of the file, of a against b.
        """
        verdicts, label = self.sweep.answer.verdicts, self.label
        if verdicts.empty:
            return None
        marks = {WINS: (BEST,), OPEN_VERDICT: (OPEN,)}
        kept = self._keep(verdicts, MAX_ROWS, ("a", "b"))
        turned = (kept["ratio"] < 1) | (kept["verdict"] == LOSES)
        rows = [
            (
                text_cell("all problems" if row["problem"] == ALL else label(row["problem"])),
                text_cell(label(row["a"])), text_cell(label(row["b"])),
                text_cell(row["verdict"], marks=marks.get(row["verdict"], ()) * (row["trials_a"] == row["trials_b"])),
                number_cell(row["ratio"], under=row["bound"]), interval_cell(row["low"], row["high"]),
                text_cell(say(row["known"] or row["reason"])), number_cell(row["p_adjusted"], 2),
                number_cell(row["blocks"]), number_cell(row["blocks_needed"]),
            )
            for row in pd.concat([kept[~turned], exchange_sides(kept[turned])]).loc[kept.index].to_dict("records")
        ]  # fmt: skip
        counted = "seeds" if self.sweep.answer.in_common else "blocks"
        headings = (
            "problem", "better", "other", "verdict", "ratio", "interval", "known", "adjusted p", counted,
            "blocks needed",
        )  # fmt: skip
        caption = (
            "Verdicts on every pair, the better one first: the ratio is how many times its value the other has. "
            f"Intervals hold for {name_scope(self.sweep.answer)}{self.note}"
        )
        numbers = ("ratio", "adjusted p", counted, "blocks needed")
        left_out = len(verdicts) - len(rows)
        return Table("verdicts", caption, headings, rows, numbers, left_out, self._export("verdicts", with_texts(kept)))

    def times(self) -> list[Table]:
        """Return two tables: the total time of each problem, and the time of a step by problem and optimizer."""
        results, heads = (
            self.sweep.results,
            ["problem", "steps, all runs", "seconds", "spent evaluating", "compile seconds"],
        )
        rows = [
            (
                text_cell(self.label(row.problem)), number_cell(row.run_steps), number_cell(row.seconds),
                _percent_cell(row.evaluation_share), number_cell(row.compile_seconds),
            )
            for row in timing_summary(results.timings, results.runs).itertuples(index=False)
        ]  # fmt: skip
        totals = Table("time", "Totals over all runs of a problem", heads, rows, heads[1:])
        pairs = timing_summary(results.timings, results.runs, by=("problem", "optimizer"))
        grid, kind = pairs.pivot_table("ns_per_run_step", "problem", "optimizer", sort=False), "problem"
        if len(grid.columns) > max(len(grid), 6):  # the longer side as rows
            grid, kind = grid.T, "optimizer"
        heads = [kind, *map(self.label, grid.columns)]
        steps = [(text_cell(self.label(row[0])), *map(number_cell, row[1:])) for row in grid.itertuples()]
        table = Table("time-of-a-step", "Nanoseconds per step", heads, steps, heads[1:])
        return [totals, table] if steps else [totals]

    def _value_cell(self, row: dict, marks: tuple[str, ...]) -> Cell:
        """Return the cell with the median of a recommended setting, its unit below. row: of `measure_settings`."""
        return Cell(self._value_text(row, "median"), float(row["median"]), under=row["unit"], marks=marks[:1])

    def _ends_cell(self, row: dict, covers: str, brief: bool) -> Cell:
        """Return the cell with the interval of a recommended setting; brief, covers: as of `_setting_cells`."""
        shown = f"[{self._value_text(row, 'low')}, {self._value_text(row, 'high')}]"
        under, title = ("", covers) if brief else (covers, "")
        return Cell(shown, f"[{row['low']:.6g}, {row['high']:.6g}]", under, title=title)

    def _value_text(self, row: dict, name: str) -> str:
        """Return a value of a recommended setting: samples with commas, or "never"; other numbers to 3 digits."""
        value = float(row[name])
        if not math.isfinite(self.sweep.target(row["problem"])):
            return _number(value)
        return labels.samples_text(value) if math.isfinite(value) else "never"


def measure_settings(sweep: ReportData) -> pd.DataFrame:
    """Return the recommended settings with `unit`, what their median, low and high are: "samples to 0.1%", "loss".

    Samples beyond the longest run are inf, as the target is not reached.
    """
    best = sweep.answer.best
    names = list(best["problem"].unique())
    limits = {name: sweep.budget(name) if math.isfinite(sweep.target(name)) else math.inf for name in names}
    limit = best["problem"].map(limits)
    ends = {end: best[end].mask(best[end] > limit, math.inf) for end in ("median", "low", "high")}
    return best.assign(**ends, unit=best["problem"].map({name: sweep.name_value(name) for name in names}))


def _cost_cell(row: dict, share: float) -> Cell:
    """Return the cell with the samples to a target, with the count of runs if not all reached it; "–" if unknown.

    row: of `costs`; share: the target, as a share of the first suboptimality.
    """
    reached, cost = row.get(f"reached_{share:g}"), row.get(f"samples_to_{share:g}")
    if reached is None or pd.isna(reached) or cost is None:
        return Cell("–")
    count = f"{round(reached * row['runs'])}/{row['runs']}"
    if not math.isfinite(cost):
        return Cell(f"never ({count})", math.inf)
    return Cell(labels.samples_text(cost) if reached == 1 else f"{labels.samples_text(cost)} ({count})", float(cost))


def _percent_cell(share: float) -> Cell:
    """Return the cell with a share in percent."""
    return Cell("–") if pd.isna(share) else Cell(f"{100 * share:.3g}%", float(share))


LATEX = {
    "winners": {
        "problem": "problem", "optimizer": "optimizer", "batch_size": "batch size", "schedule": "schedule",
        "lr": "rate", "value": "value", "low": "low", "high": "high", "rival": "rival", "ratio": "ratio",
        "samples_to_0.01": "samples to 1%",
    },
    "settings": {
        "problem": "problem", "optimizer": "optimizer", "place": "place", "batch_size": "batch size",
        "schedule": "schedule", "lr": "rate", "median": "median", "low": "low", "high": "high", "unit": "unit",
        "failures": "failed",
    },
    "verdicts": {
        "problem": "problem", "a": "a", "b": "b", "verdict": "verdict", "bound": "bound", "ratio": "ratio",
        "low": "low", "high": "high", "p_adjusted": "adjusted p", "known": "known", "blocks_needed": "blocks needed",
    },
    "ranking": {
        "problem": "problem", "optimizer": "optimizer", "state": "verdict", "value": "value", "low": "low",
        "high": "high", "ratio": "ratio", "ratio_low": "low", "ratio_high": "high", "failures": "failures",
        "seconds": "seconds", "state_bytes": "memory",
    },
    "costs": {
        "problem": "problem", "optimizer": "optimizer", "samples_to_0.1": "10%", "samples_to_0.01": "1%",
        "samples_to_0.001": "0.1%", "samples_to_1e-05": "0.001%", "failures": "failures",
    },
}  # fmt: skip
"""The columns of each table in LaTeX, with their headings; settings have hyperparameters besides."""
_AS_RESULTS, _OF_SETTINGS = "as in results.tex", "over the fresh seeds of the recommended setting"
ABOUT = {
    "winners": f"value, low and high are {_AS_RESULTS}; ratio is the rival's over the winner's; samples are expected "
    f"ones, {_OF_SETTINGS}",
    "settings": f"median, low and high are {_OF_SETTINGS}; results.tex has geometric means",
    "verdicts": "ratio, low and high are b over a; the intervals of a problem hold at once",
    "ranking": f"value, low and high are {_AS_RESULTS}, infinite where no run reaches the target, and bounds where "
    "some seed or block misses it (unreached of them), in the rows all the mean rank; ratio is that of values over the "
    "first's; seconds are of training, without evaluations; memory is bytes of state for each parameter",
    "costs": f"expected samples until so much of the first gap is left, {_OF_SETTINGS}",
}
"""What the numbers of each table are, for a comment."""


LIST = "tables.sha256"
"""The file that lists the tables beside it, as sha256sum does."""
NAMED = ("results", *ABOUT)
"""The tables, by their names without an ending."""


def write_answer_tables(answer: Answer, folder: Path) -> None:
    """Write winners.csv and verdicts.csv into `folder`, with the columns of `write_tables`."""
    for name, table in (("winners", answer.winners), ("verdicts", with_texts(answer.verdicts))):
        write_file(folder / f"{name}.csv", csv_text(table))


def write_tables(sweep: ReportData, folder: Path, formats: Sequence[str], columns: int = 1) -> None:
    """Write the tables winners, settings, verdicts, ranking and costs into `folder`, and the list of what it wrote.

    formats: "csv", "tex" or both; the files are NAME.csv and NAME.tex. For a paper there is results.tex besides, in so
    many of its columns.
    """
    answer = sweep.answer
    tables = {
        "winners": answer.winners,
        "settings": measure_settings(sweep),
        "verdicts": with_texts(answer.verdicts),
        "ranking": without_bounds(answer.ranking),
        "costs": answer.costs,
    }
    texts = {}
    if "tex" in formats:
        texts["results.tex"] = build_results_table(answer, sweep.results.own, sweep.results.foot, columns=columns)
    for name, table in tables.items():
        if "csv" in formats:
            texts[f"{name}.csv"] = csv_text(table)
        if "tex" in formats:
            texts[f"{name}.tex"] = write_latex(sweep, name, table)
    for name, text in texts.items():
        write_file(folder / name, text)
    write_digests(
        folder / LIST, _read_list(folder) | {name: digest_of(folder / name) for name in texts}, _name_look(answer)
    )


def remove_earlier_tables(answer: Answer, folder: Path) -> int:
    """Remove the tables of another look from `folder`, if they are as they were written; return how many.

    Only what the list names, and what has its sum: a file of the user's stays, and so does a table that was edited.
    """
    if not (sums := _read_list(folder)):
        return 0
    if (folder / LIST).read_text(encoding="utf-8").splitlines()[0] == _name_look(answer):
        return 0
    found = [folder / name for name, digest in sums.items() if digest_of(folder / name) == digest]
    for path in (*found, folder / LIST):
        path.unlink()
    return len(found)


def _name_look(answer: Answer) -> str:
    """Return the first line of the list of tables, a comment: what they follow from."""
    foot = answer.tables.foot
    return " ".join(f"# {foot} · {answer.judge_by} · {json_text(answer.labels)}".split())


def _read_list(folder: Path) -> dict[str, str]:
    """Return the sums of the tables that were written into `folder`, by name; empty without a list."""
    listed = read_digests(folder / LIST).items()
    return {name: digest for name, digest in listed if name.removesuffix(".csv").removesuffix(".tex") in NAMED}


def without_bounds(ranking: pd.DataFrame) -> pd.DataFrame:
    """Return the ranking with inf, as in `costs`, in place of the expected samples to a target that no run reached."""
    never = ranking["reached"] == 0
    names = [name for name in ("value", "low", "high", "seconds") if name in ranking]
    return ranking.assign(**{name: ranking[name].mask(never, math.inf) for name in names})


def write_latex(sweep: ReportData, name: str, table: pd.DataFrame) -> str:
    """Return rows of the table of that name in LaTeX: bold who is first, ties or is decided, with a dagger for open."""
    if name == "verdicts":
        equal = table["trials_a"] == table["trials_b"]
        bold, dagger = table["verdict"].isin([WINS, LOSES]) & equal, table["verdict"] == OPEN_VERDICT
    else:
        states = _find_states(sweep.answer, table["problem"].unique())
        marks = [MARKS.get(states.get(key, ""), ()) for key in zip(table["problem"], table["optimizer"], strict=True)]
        bold, dagger = (pd.Series([mark in each for each in marks], table.index, bool) for mark in (BEST, OPEN))
    comment = (f"{name}: {ABOUT[name]}", *filter(None, [describe_unequal_trials(sweep.answer)]), sweep.results.foot)
    marked = "verdict" if name == "verdicts" else "optimizer"
    heads = LATEX[name]
    if name == "settings":
        runs = sweep.results.runs
        own = runs[runs["optimizer"].isin(sweep.results.own)]  # nobody knows their defaults
        shown = {each for some in sweep.varied.values() for each in some}
        shown |= {each for each in hyperparameter_columns(runs) if own[each].notna().any()}
        varied = {each: each for each in hyperparameter_columns(runs) if each in shown}
        first = dict(list(heads.items())[: list(heads).index("lr") + 1])
        heads = first | varied | heads
    if name == "ranking":
        table = table.assign(value=table["value"].where(table["problem"] != ALL, table["mean_rank"]))
    names = [each for each in ("problem", "optimizer", "rival", "a", "b") if each in table]
    table = table.assign(**{each: table[each].map(sweep.label) for each in names})
    return latex_text(table, heads, comment, bold, dagger, marked)


def csv_text(table: pd.DataFrame) -> str:
    """Return the table as CSV, without an index. Names in it may come from anybody: none becomes a formula."""

    def plain(value: object) -> object:
        return spreadsheet_text(value) if isinstance(value, str) else value

    texts = {name: table[name].map(plain) for name in table.select_dtypes(["object", "string", "category"])}
    return table.assign(**texts).rename(columns=plain).to_csv(index=False, lineterminator="\n")


def latex_text(
    table: pd.DataFrame,
    columns: Mapping[str, str],
    comment: Iterable[str],
    bold: pd.Series,
    dagger: pd.Series,
    marked: str,
) -> str:
    """Return the table as a LaTeX tabular of these columns, by heading, with the rules of booktabs; texts are escaped.

    comment: its lines above; bold, dagger: True for the rows whose cell in the column `marked` is bold or has a dagger.
    """
    there = [name for name in columns if name in table]
    numeric = [pd.api.types.is_numeric_dtype(table[name]) and table[name].dtype != bool for name in there]
    cells = {
        name: [latex_number(value) if is_number else latex_escaped("–" if pd.isna(value) else str(value))
               for value in table[name]]
        for name, is_number in zip(there, numeric, strict=True)
    }  # fmt: skip
    for name in ("value", "low", "high", "seconds") if "unreached" in table else ():  # the ranking
        rows = zip(table.to_dict("records"), cells[name], strict=True)
        cells[name] = [text if name == "low" and row["reached"] else bounded(row, text) for row, text in rows]
    if "unreached" in table:
        ratios = zip(table["bound"], cells["ratio"], strict=True)
        cells["ratio"] = [LATEX_BOUNDS.get(bound, "") + text for bound, text in ratios]
    cells[marked] = [
        (rf"\textbf{{{text}}}" if is_bold else text) + (r"\textsuperscript{\textdagger}" if is_open else "")
        for text, is_bold, is_open in zip(cells[marked], bold, dagger, strict=True)
    ]
    lines = [[latex_escaped(columns[name]) for name in there], *zip(*(cells[name] for name in there), strict=True)]
    first, *rest = [" & ".join(line) + r" \\" for line in lines]
    marks = "bold: first, tied with it, or decided; dagger: open"
    head = "".join(f"% {' '.join(line.split())}\n" for line in (*comment, f"needs the package booktabs; {marks}"))
    layout = "".join("r" if is_number else "l" for is_number in numeric)
    inner = ["\\toprule", first, "\\midrule", *rest, "\\bottomrule"]
    return head + "\n".join([f"\\begin{{tabular}}{{{layout}}}", *inner, "\\end{tabular}", ""])
