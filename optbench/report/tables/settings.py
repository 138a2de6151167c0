"""The settings that are recommended, a row each: for one problem, or for all of them in one table."""

from __future__ import annotations

import pandas as pd

from optbench.analysis import hyperparameter_columns, metric_columns, varied_hyperparameters
from optbench.figures import highlights
from optbench.figures.evidence import Evidence
from optbench.report.tables.parts import BEST, MOST_ROWS, OPEN, Cell, Table, capped, cell, number, span
from optbench.wording import labels
from optbench.wording.certainty import UNDECIDED, state
from optbench.wording.eager import eager_optimizers

ROWS_OF_PROBLEMS, FEWEST_ROWS = 900, 5
"""Rows of the tables of all problems together, and of each at least."""


class SettingsTables:
    """Writes rows of an answer's `best` for one sweep."""

    def __init__(self, evidence: Evidence):
        runs = evidence.results.runs
        self.evidence, self.short = evidence, evidence.short
        self.varied, self.hyperparameters = varied_hyperparameters(runs), hyperparameter_columns(runs)
        self.eager = eager_optimizers(runs, evidence.results.timings)
        self.metrics = ["test_loss", *sorted(metric_columns(runs), key=lambda name: not name.startswith("test"))]
        self.several = runs["dtype"].nunique() > 1
        self.most = max(FEWEST_ROWS, ROWS_OF_PROBLEMS // max(runs["problem"].nunique(), 1))

    def of_problem(self, problem: str, file: str) -> Table:
        """The optimizers of one problem, in the order of their places."""
        rows = highlights.ranked(self.evidence.best[self.evidence.best["problem"] == problem])
        metrics = [name for name in self.metrics if rows[name].notna().any()]
        open_ = state(self.evidence.answer, problem) == UNDECIDED
        rows, left = capped(rows.to_dict("records"), self.most)
        cells = [self._cells(row, metrics, open_) for row in rows]
        caption = f"{problem}: the recommended setting of each optimizer"
        return Table(f"settings-{file}", caption, *self._columns(cells, metrics), left)

    def of_all(self, links: dict[str, str]) -> Table:
        """The same of all problems in one table; links: the anchor of each problem."""
        best = self.evidence.best
        metrics = [name for name in self.metrics if best[name].notna().any()]
        open_ = {problem: state(self.evidence.answer, problem) == UNDECIDED for problem in links}
        cells, left = capped([
            (cell(problem, link=links[problem]), *self._cells(row, metrics, open_[problem]))
            for problem in links
            for row in highlights.ranked(best[best["problem"] == problem]).to_dict("records")
        ], MOST_ROWS)  # fmt: skip
        headings, cells, numbers = self._columns(cells, metrics, ["problem"])
        return Table(
            "settings", "The recommended setting of each optimizer on each problem", headings, cells, numbers, left
        )

    def _columns(self, rows: list, metrics: list[str], before: list[str] | None = None) -> tuple:
        names = [name.replace("_", " ") for name in metrics]
        numbers = ["place", "rate", "median", "failed", *names]
        headings = [*(before or []), "optimizer", "place", "batch", "schedule", "rate", "median", "interval", "failed"]
        place = len(headings)  # of the note, before the metrics: what stands behind them is out of sight at first
        headings += ["note", *names]
        if all(not row[place].text for row in rows):
            return [*headings[:place], *names], [(*row[:place], *row[place + 1 :]) for row in rows], numbers
        return headings, rows, numbers

    def _cells(self, row: dict, metrics: list[str], undecided: bool) -> tuple[Cell, ...]:
        place, schedule = int(row["place"]), row["schedule"]
        marks = () if place > 1 else (BEST, OPEN) if undecided else (BEST,)
        under = [labels.hyperparameter_text(row, self.hyperparameters), row["dtype"] if self.several else ""]
        under += ["(eager)"] * (row["optimizer"] in self.eager)
        batch = labels.batch_label(row["batch_size"], row["full_batch"])
        covers = f"covers {labels.number(100 * row['coverage'])}%" if row["n"] > 1 else ""
        several = row["n"] > 1
        return (
            cell(labels.optimizer_label(row, self.varied), under=" ".join(filter(None, under)), marks=marks),
            number(place),
            cell(batch),
            cell(self.short[schedule], value=schedule, title=schedule if self.short[schedule] != schedule else ""),
            number(row["lr"], 4),
            number(row["median"], marks=marks[:1]),
            span(row["low"], row["high"], covers) if several and pd.notna(row["low"]) else cell("–"),
            cell(labels.failure_text(row), value=float(row["failures"]), marks=("bad",) if row["failures"] else ()),
            cell("; ".join(labels.notes(row)), marks=("bad",)),
            *(number(row[name]) for name in metrics),
        )
