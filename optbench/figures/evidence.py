"""What figures and pages are made of, computed when it is first asked for and then kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import pandas as pd

from optbench.analysis import best_configurations, costs, curve_bands, reported_runs
from optbench.figures import highlights
from optbench.wording import labels
from optbench.wording.answers import Answer, answer_of
from optbench.wording.schedule_names import short_schedules


class Tables(Protocol):
    """What a figure asks of the results of a sweep: `optbench.Results` has it all."""

    runs: pd.DataFrame
    timings: pd.DataFrame
    problems: pd.DataFrame
    landscapes: pd.DataFrame
    provenance: Mapping[str, Any]
    directory: Path | None
    tuning_seeds: list[int]
    choose_by: str
    searched: Mapping[str, Mapping[str, str]]
    foot: str

    def problem(self, name: str) -> dict[str, Any]: ...

    def curves_of(self, run_ids: Iterable[str], columns: Iterable[str] = ()) -> pd.DataFrame: ...


class Evidence:
    """The tables of a sweep, and what analysis makes of them for all who draw or write."""

    def __init__(self, results: Tables):
        self.results = results

    @cached_property
    def answer(self) -> Answer:
        """The verdicts, and the settings behind them."""
        of = self.results
        return answer_of(of.runs, of.tuning_seeds, of.choose_by, of.searched)

    @property
    def best(self) -> pd.DataFrame:
        """The recommended setting of each problem and optimizer."""
        return self.answer.best

    @cached_property
    def by_rate(self) -> pd.DataFrame:
        """The best setting of each problem, optimizer and rate."""
        return self._best_by("problem", "optimizer", "lr")

    @cached_property
    def by_cell(self) -> pd.DataFrame:
        """The best setting of each problem, optimizer, batch size and schedule."""
        return self._best_by("problem", "optimizer", "batch_size", "schedule")

    @cached_property
    def reported(self) -> pd.DataFrame:
        """The rows of ``runs`` that report on `best`."""
        return reported_runs(self.results.runs, self.best, self.results.tuning_seeds)

    @cached_property
    def curves(self) -> pd.DataFrame:
        """The rows of ``curves`` of `reported`."""
        return self.results.curves_of(self.reported["run_id"])

    @cached_property
    def bands(self) -> pd.DataFrame:
        """The median and its interval of these at every step."""
        return curve_bands(self.curves, self.reported)

    @cached_property
    def costs(self) -> pd.DataFrame:
        """What `best` costs to reach the targets of each problem: `optbench.analysis.costs` of `reported`."""
        return costs(self.results, ("problem", "optimizer"), runs=self.reported)

    @cached_property
    def looks(self) -> dict[str, dict[str, dict]]:
        """For each problem the optimizers in color, each with its look: see `highlights.looks`."""
        return highlights.looks(self.best)

    @cached_property
    def names(self) -> dict[str, str]:
        """What legends call each optimizer."""
        return {name: labels.shorten(str(name), 40) for name in self.results.runs["optimizer"].unique()}

    @cached_property
    def short(self) -> dict[str, str]:
        """What labels call each schedule."""
        return short_schedules(self.results.runs["schedule"].unique())

    def _best_by(self, *columns: str) -> pd.DataFrame:
        of = self.results
        return best_configurations(of.runs, of.tuning_seeds, by=columns, choose_by=of.choose_by)
