"""A results folder, read once for all that print or draw it, and the runs in it that failed."""

from __future__ import annotations

import copy
from collections.abc import Collection
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from optbench.analysis.columns import comparable, lost
from optbench.contract.errors import OptbenchError
from optbench.sweeps.results import Results, load
from optbench.sweeps.tables import summarize_reasons
from optbench.wording import labels
from optbench.wording.answers import Answer, answer_of
from optbench.wording.eager import find_eager_optimizers

if TYPE_CHECKING:
    from optbench.figures.data import ReportData

_SHOWN = 5
"""Reasons of failures that are listed."""


class LoadedSweep:
    """The tables of a sweep and what follows from them, computed when it is first needed.

    of: a results folder, or its tables. Raises OptbenchError, in one line, if the folder cannot be read.
    """

    def __init__(self, of: Path | Results):
        everything = load(of) if isinstance(of, Path) else of
        self.directory = of if isinstance(of, Path) else of.directory or Path()
        self.failures = failure_texts(everything.runs)
        """Texts about runs that failed."""
        self.results = everything
        """The tables without pairs of problem and optimizer all of whose runs failed."""
        if len(runs := comparable(everything.runs)) < len(everything.runs):
            self.results = copy.copy(everything)
            self.results.runs = runs

    @cached_property
    def answer(self) -> Answer:
        """The verdicts, and the settings behind them."""
        of = self.results
        return answer_of(of.runs, of.tuning_seeds, of.choose_by, of.searched)

    @cached_property
    def data(self) -> ReportData:
        """The data that figures are drawn from, computed when first needed."""
        from optbench.figures.data import ReportData

        return ReportData(self.results, self.answer)

    @cached_property
    def files(self) -> dict[str, str]:
        """Each problem's name in file names and anchors."""
        return labels.file_names(self.results.runs["problem"].unique())

    @cached_property
    def eager(self) -> Collection[str]:
        """Optimizers that another library steps."""
        return find_eager_optimizers(self.results.runs, self.results.timings)

    def check(self) -> None:
        """Raise OptbenchError if no run is left to report on."""
        if self.results.runs.empty:
            raise OptbenchError(
                f"{str(self.directory)!r}: every run failed: there is nothing to report; {self.failures[0]}"
            )


def failure_texts(runs: pd.DataFrame) -> list[str]:
    """Describe failed runs: pairs of problem and optimizer that never ran, and other failures by their reasons."""
    bad = runs[runs["status"] == "failed"] if "failure" in runs else runs[:0]
    if bad.empty:
        return []
    never, texts = lost(runs)[bad.index], []
    for (problem, optimizer), part in bad[never].groupby(["problem", "optimizer"], sort=False):
        texts.append(
            f"{problem} with {optimizer}: every run failed ({len(part):,}), so it is left out: "
            f"{summarize_reasons(part)}"
        )
    rest = bad[~never]
    for reason, part in list(rest.groupby("failure", sort=False))[:_SHOWN]:
        where = list(dict.fromkeys(part["problem"] + " with " + part["optimizer"]))
        more = f" and {len(where) - 3:,} more" if len(where) > 3 else ""
        texts.append(f"{len(part):,} runs of {', '.join(where[:3])}{more} failed: {reason}")
    if (more := rest["failure"].nunique() - _SHOWN) > 0:
        texts.append(f"{more:,} other reasons stand in the column failure of the table runs")
    return texts
