"""A results folder, read once for all that print or draw it, and the runs in it that failed."""

from __future__ import annotations

from collections.abc import Collection
from functools import cached_property
from pathlib import Path

import pandas as pd

from optbench.analysis.run_columns import find_lost_runs
from optbench.contract.errors import OptbenchError
from optbench.figures.data import ReportData
from optbench.results.results import Results, load
from optbench.store.rows import summarize_reasons
from optbench.wording.eager_steps import find_eager_optimizers
from optbench.wording.labels import Label

_SHOWN = 5
"""Reasons of failures that are listed."""


class LoadedSweep(ReportData):
    """A results folder and what follows from its tables, computed when it is first needed.

    source: the folder, or its tables. Raises OptbenchError, in one line, if the folder cannot be read.
    """

    results: Results

    def __init__(self, source: Path | Results):
        """Load the folder, unless its tables are given, and describe its failed runs."""
        everything = load(source) if isinstance(source, Path) else source
        super().__init__(everything)
        self.everything = everything
        """The tables, failed runs included."""
        self.directory = source if isinstance(source, Path) else source.path or Path()
        self.failures = describe_failures(everything.runs, everything.label_of)
        """Texts about runs that failed."""

    @cached_property
    def eager(self) -> Collection[str]:
        """The names of the optimizers that another library steps."""
        return find_eager_optimizers(self.results.runs, self.results.timings)

    def check(self) -> None:
        """Raise OptbenchError if the sweep has no run left to report on."""
        if self.results.runs.empty:
            raise OptbenchError(
                f"{str(self.directory)!r}: every run failed: there is nothing to report; {self.failures[0]}"
            )


def describe_failures(runs: pd.DataFrame, label: Label = str) -> list[str]:
    """Return sentences about failed runs; none if no run failed.

    First the pairs of problem and optimizer that never ran, then the most frequent other reasons.
    """
    bad = runs[runs["status"] == "failed"] if "failure" in runs else runs[:0]
    if bad.empty:
        return []
    never, texts = find_lost_runs(runs)[bad.index], []
    for (problem, optimizer), part in bad[never].groupby(["problem", "optimizer"], sort=False):
        texts.append(
            f"{label(problem)} with {label(optimizer)}: every run failed ({len(part):,}), so it is left out: "
            f"{summarize_reasons(part)}"
        )
    rest = bad[~never]
    for reason, part in list(rest.groupby("failure", sort=False))[:_SHOWN]:
        where = list(dict.fromkeys(part["problem"].map(label) + " with " + part["optimizer"].map(label)))
        more = f" and {len(where) - 3:,} more" if len(where) > 3 else ""
        texts.append(f"{len(part):,} runs of {', '.join(where[:3])}{more} failed: {reason}")
    if (more := rest["failure"].nunique() - _SHOWN) > 0:
        texts.append(f"{more:,} other reasons stand in the column failure of the table runs")
    return texts
