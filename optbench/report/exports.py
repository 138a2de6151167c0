"""The tables behind the page as files: CSV with all columns as they are, LaTeX with those that a paper prints."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from optbench.analysis import hyperparameter_columns
from optbench.contract.columns import spreadsheet_text
from optbench.figures.evidence import Evidence
from optbench.report import latex
from optbench.report.filling import write_file
from optbench.wording.certainty import UNDECIDED, state
from optbench.wording.winners import winners_table

LATEX = {
    "winners": {
        "problem": "problem", "optimizer": "optimizer", "batch_size": "batch size", "schedule": "schedule",
        "lr": "rate", "value": "value", "low": "low", "high": "high", "rival": "rival", "ratio": "ratio",
        "samples_to_0.01": "samples to 1%",
    },
    "settings": {
        "problem": "problem", "optimizer": "optimizer", "place": "place", "batch_size": "batch size",
        "schedule": "schedule", "lr": "rate", "median": "median", "low": "low", "high": "high", "failures": "failed",
    },
    "verdicts": {
        "problem": "problem", "a": "a", "b": "b", "verdict": "verdict", "ratio": "ratio", "low": "low", "high": "high",
        "p_adjusted": "adjusted p", "blocks_needed": "blocks needed",
    },
    "ranking": {
        "problem": "problem", "optimizer": "optimizer", "place": "place", "value": "value", "low": "low",
        "high": "high", "mean_rank": "mean rank", "probability": "probability", "failures": "failures",
    },
    "costs": {
        "problem": "problem", "optimizer": "optimizer", "samples_to_0.1": "10%", "samples_to_0.01": "1%",
        "samples_to_0.001": "0.1%", "samples_to_1e-05": "0.001%", "failures": "failures",
    },
}  # fmt: skip
"""Of each table, the columns that LaTeX gets, with their headings."""
MARKED = {name: ("verdict",) if name == "verdicts" else ("optimizer",) for name in LATEX}
"""Where bold and daggers stand."""


def write_tables(evidence: Evidence, folder: Path, formats: Sequence[str]) -> list[Path]:
    """Write winners, settings, verdicts, ranking and costs into `folder` in these formats: "csv", "tex"."""
    tables, written = frames(evidence), []
    for name, table in tables.items():
        bold, dagger = _marks(name, table, evidence)
        for kind in formats:
            path = folder / f"{name}.{kind}"
            if kind == "csv":
                content = csv_text(table)
            else:
                comment = f"{name}: {evidence.results.foot}"
                content = latex.tabular(table, LATEX[name], comment, bold, dagger, MARKED[name])
            write_file(path, content)
            written.append(path)
    return written


def csv_text(table: pd.DataFrame) -> str:
    """Return the table as CSV, without an index. Names in it may come from anybody: none becomes a formula."""

    def plain(value: object) -> object:
        return spreadsheet_text(value) if isinstance(value, str) else value

    texts = {name: table[name].map(plain) for name in table.select_dtypes(["object", "string", "category"])}
    return table.assign(**texts).rename(columns=plain).to_csv(index=False, lineterminator="\n")


def frames(evidence: Evidence) -> dict[str, pd.DataFrame]:
    """The tables by name."""
    answer = evidence.answer
    return {
        "winners": winners_table(answer, evidence.costs, hyperparameter_columns(evidence.results.runs)),
        "settings": answer.best,
        "verdicts": answer.verdicts,
        "ranking": answer.ranking,
        "costs": evidence.costs,
    }


def _marks(name: str, table: pd.DataFrame, evidence: Evidence) -> tuple[pd.Series, pd.Series]:
    """Which rows are bold (first place, or a clear verdict) and which have a dagger (undecided)."""
    answer = evidence.answer
    if name == "verdicts":
        return table["verdict"].isin(["better", "worse"]), table["verdict"] == "undecided"
    known = {problem: state(answer, problem) for problem in answer.ranking["problem"].unique()}
    first = set(
        answer.ranking.loc[answer.ranking["first"], ["problem", "optimizer"]].itertuples(index=False, name=None)
    )
    bold = pd.Series([pair in first for pair in zip(table["problem"], table["optimizer"], strict=True)], dtype=bool)
    return bold, bold & (table["problem"].map(known) == UNDECIDED).to_numpy(dtype=bool)
