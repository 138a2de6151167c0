"""The data that figures and pages are drawn from, computed when first needed and then cached."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from optbench.analysis import (
    best_configurations,
    best_of_n,
    configuration_columns,
    curve_bands,
    metric_columns,
    reported_runs,
    select_screening_runs,
    varied_hyperparameters,
)
from optbench.analysis.answer import Answer, ask
from optbench.analysis.measures import LOSS, TIME
from optbench.analysis.runtimes import count_epochs
from optbench.analysis.selection import is_staged
from optbench.analysis.sweep_tables import Tables
from optbench.contract.errors import OptbenchError
from optbench.contract.problems import FLOOR
from optbench.wording import labels
from optbench.wording.eager_steps import find_eager_optimizers
from optbench.wording.judged import ERRORS, PLAIN_LOSS, name_metric
from optbench.wording.labels import shorten_schedules

COUNTS = (1, 2, 3, 4, 5, 7, 10, 14, 20, 30, 50, 70, 100, 140, 200, 300, 500, 700, 1000)
"""Numbers of trials at which the value of the best is computed."""
HALF_DECADE = math.log(10) / 2
"""Step between the middles of the bins of rates that were drawn from a range: by eye."""
RATES = ["problem", "optimizer", "lr"]


@dataclass(frozen=True)
class Trajectory:
    """The path of one run on a problem of two parameters."""

    step: np.ndarray
    w: np.ndarray
    """(steps, 2)"""
    failed: bool
    seed: int
    run_id: str = ""

    @property
    def every_step(self) -> bool:
        """True if the path has every step of the run, and not only some."""
        return bool((np.diff(self.step) == 1).all())


class ReportData:
    """The tables of a sweep and their analysis, for figures and pages; computed when first needed."""

    def __init__(self, answer: Answer):
        """Keep the answer; nothing is computed yet."""
        self.answer, self.results = answer, answer.tables
        self.choose_by = answer.question.choose_by
        """The measure that the recommended settings were chosen by."""
        self._bands: dict[str, pd.DataFrame] = {}

    @cached_property
    def eager(self) -> Collection[str]:
        """The names of the optimizers that another library steps."""
        return find_eager_optimizers(self.results.runs, self.results.timings)

    @property
    def shown_measure(self) -> str:
        """The measure of figures of rates, cells and trials: loss where settings are chosen by "time".

        Most of these settings never reach the target, and so have no number of samples.
        """
        return LOSS if self.choose_by == TIME else self.choose_by

    @cached_property
    def rate_step(self) -> float:
        """The step, a difference of logarithms, between rates that figures tell apart; 0: all rates are told apart."""
        return find_rate_step(self.results.runs, bool(self.results.searched))

    @cached_property
    def binned_runs(self) -> pd.DataFrame:
        """The rows of ``runs``; where each block drew its rates, the screens alone, with rates rounded (`round_rates`).

        A setting then has a run in each block, as in a sweep whose blocks share their rates.
        """
        runs = self.results.runs
        return round_rates(select_screening_runs(runs), self.rate_step) if self.rate_step else runs

    @cached_property
    def by_rate(self) -> pd.DataFrame:
        """The best settings by `shown_measure`: a row for each problem, optimizer and rate that ran.

        Where blocks drew their own rates, those of all screens, each on the seed of its block: all trials, and of a
        grid those with the recommended batch size and schedule.
        """
        runs = select_screening_runs(self.results.runs) if self.rate_step else self.results.runs
        if self.rate_step and not self.results.searched:
            keys = ["problem", "optimizer", "batch_size", "schedule"]
            runs = runs.merge(self.answer.best[keys], on=keys)
        return best_configurations(runs, self.results.tuning_seeds, RATES, choose_by=self.shown_measure)

    @cached_property
    def recommended_rates(self) -> pd.DataFrame:
        """The recommended settings, measured by `shown_measure` on the seeds that report; columns as of `by_rate`."""
        table = best_configurations(self.answer.reported_runs, [], RATES, choose_by=self.shown_measure)
        return table.drop(columns="held_out").merge(self.answer.best[[*RATES, "held_out"]], on=RATES)

    @cached_property
    def by_cell(self) -> pd.DataFrame:
        """The best settings by `shown_measure`: a row for each problem, optimizer, batch size and schedule."""
        by = ("problem", "optimizer", "batch_size", "schedule")
        return best_configurations(self.binned_runs, self.results.tuning_seeds, by, choose_by=self.shown_measure)

    @cached_property
    def judged_cells(self) -> pd.DataFrame:
        """The rows of `by_cell` by the measure of the verdicts, with `few`: fewer runs than in other cells.

        Where verdicts are by samples to a target, these are its numbers; a miss counts at least two budgets.
        """
        by, table = ("problem", "optimizer", "batch_size", "schedule"), self.by_cell
        if self.choose_by == TIME:
            table = best_configurations(self.binned_runs, self.results.tuning_seeds, by, choose_by=TIME)
        return table.assign(few=table["n"] < table.groupby("problem")["n"].transform("max"))

    def runs_of_cells(self, cells: pd.DataFrame) -> pd.DataFrame:
        """Return the rows of ``runs`` behind rows of `Answer.best` and of `by_cell`, whose rate may be rounded.

        cells: has the column recommended, True for rows of `Answer.best`.
        """
        seeds = self.results.tuning_seeds
        if not self.rate_step:
            return reported_runs(self.results.runs, cells, seeds)
        sources = ((self.results.runs, cells["recommended"]), (self.binned_runs, ~cells["recommended"]))
        return pd.concat([reported_runs(runs, cells[rows], seeds) for runs, rows in sources], ignore_index=True)

    def target(self, problem: str) -> float:
        """Return the target, a share of the first suboptimality, that settings were chosen by; NaN where there is none.

        It is NaN, too, on every problem of a sweep that chose by another measure than "time".
        """
        return self.answer.targets.get(problem, math.nan) if self.choose_by == TIME else math.nan

    def name_value(self, problem: str) -> str:
        """Return what the numbers of a recommended setting are on a problem: "samples to 0.1%", "loss", "errors"."""
        target = self.target(problem)
        if math.isfinite(target):
            return f"samples to {labels.share_text(target)}"
        if self.shown_measure == LOSS:
            return PLAIN_LOSS
        return ERRORS if "accuracy" in self.shown_measure else name_metric(self.shown_measure)

    def budget(self, problem: str) -> float:
        """Return the most samples of a run on a problem."""
        runs = self.results.runs
        return float(runs.loc[runs["problem"] == problem, "samples"].max())

    @cached_property
    def best_of_n(self) -> pd.DataFrame:
        """`analysis.best_of_n` at COUNTS by `shown_measure`, of all problems."""
        return best_of_n(self.results.runs, COUNTS, self.shown_measure)

    def bands_of(self, column: str) -> pd.DataFrame:
        """Return the median and interval over reported runs of a column of ``curves``: see `analysis.curve_bands`.

        Failed runs count as the worst, of an accuracy too. A row is a problem, an optimizer and a step.
        """
        if column not in self._bands:
            curves = self.answer.curves
            if column not in curves:
                curves = self.results.curves_of(self.answer.reported_runs["run_id"], [column])
            self._bands[column] = mirrored_bands(curves, self.answer.reported_runs, column, self.minima_of(column))
        return self._bands[column]

    def best_of(self, problem: str) -> pd.DataFrame:
        """Return the rows of `Answer.best` of one problem: its recommended settings."""
        return self.answer.best[self.answer.best["problem"] == problem]

    def minimum(self, problem: str) -> float | None:
        """Return the minimum of a problem; None where it is not known."""
        return self._minima.get(problem)

    @cached_property
    def _minima(self) -> dict[str, float]:
        """The minimum of each problem that has a known one."""
        found = {problem: self.results.problem(problem).get("minimum") for problem in self.files}
        return {problem: float(value) for problem, value in found.items() if value is not None and not pd.isna(value)}

    def minima_of(self, column: str) -> Mapping[str, float]:
        """Return by problem the minimum of a column of ``curves``; none of another than the training loss."""
        return self._minima if column == "train_loss" else {}

    def minimizers(self, problem: str) -> list[tuple[float, float]]:
        """Return (w_1, w_2) of each known minimizer of a problem of two parameters."""
        facts = self.results.problem(problem)
        pairs = [(facts.get(f"w_{i}", np.nan), facts.get(f"w_{i + 1}", np.nan)) for i in range(1, len(facts), 2)]
        return [(float(x), float(y)) for x, y in pairs if pd.notna(x) and pd.notna(y)]

    def start(self, problem: str) -> float:
        """Return the median suboptimality at the start; NaN where the minimum is not known."""
        runs, minimum = self.results.runs, self.minimum(problem)
        first = runs.loc[runs["problem"] == problem, "loss_initial"]
        return math.nan if minimum is None else float((first - minimum).median())

    def floor(self, problem: str) -> float:
        """Return the suboptimality at which smaller ones are drawn: where they count as rounding noise in scores."""
        return FLOOR * max(1.0, abs(self.minimum(problem) or 0.0))

    def measured(self, problem: str) -> list[str]:
        """Return the names of the columns of ``curves`` that the problem has beside its training loss."""
        runs = self.results.runs[self.results.runs["problem"] == problem]
        there = [name for name in metric_columns(runs) if runs[name].notna().any()]
        losses = [f"{part}_loss" for part in ("test", "validation") if f"{part}_loss_final" in runs]
        return [*(name for name in losses if runs[f"{name}_final"].notna().any()), *there]

    def landscape(self, problem: str) -> pd.DataFrame:
        """Return the rows of ``landscapes`` of one problem; none if it has no two parameters."""
        return self.results.landscapes[self.results.landscapes["problem"] == problem]

    def surface(self, problem: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the landscape of a problem of two parameters: w_1 (columns,), w_2 (rows,), and the losses as a grid.

        From the losses (rows, columns) the minimum is subtracted; where it is not known, the lowest of the grid.
        """
        value = self.landscape(problem).pivot(index="w_2", columns="w_1", values="value")
        losses, minimum = value.to_numpy(dtype=np.float64), self.minimum(problem)
        lowest = np.min(losses, where=np.isfinite(losses), initial=np.inf) if minimum is None else minimum
        return value.columns.to_numpy(), value.index.to_numpy(), losses - (lowest if np.isfinite(lowest) else 0.0)

    def trajectories(self, problem: str) -> dict[str, Trajectory]:
        """Return by optimizer the path of its first reported run.

        It has all steps, or of a run whose steps are not kept, such as one of over 20,000, the points of its curve.
        """
        return self._trajectories.get(problem, {})

    @cached_property
    def _trajectories(self) -> dict[str, dict[str, Trajectory]]:
        """By problem what `trajectories` returns."""
        columns, names = ["run_id", "step", "w_1", "w_2"], ["problem", "optimizer"]
        reported = self.answer.reported_runs[["run_id", *names, "seed", "status"]]
        found: dict[tuple[str, str], Trajectory] = {}
        for table in (self.answer.curves, self.results.paths):  # every step comes last, and takes the place of few
            if set(columns) <= set(table.columns):
                rows = table.loc[np.isfinite(table[["w_1", "w_2"]].astype(float)).all(axis=1), columns]
                rows = rows.merge(reported, on="run_id").sort_values("step")
                rows = rows[rows["seed"] == rows.groupby("problem")["seed"].transform("min")]
                found |= {
                    pair: Trajectory(
                        part["step"].to_numpy(), part[["w_1", "w_2"]].to_numpy(),
                        part["status"].iloc[0] == "diverged", int(part["seed"].iloc[0]), part["run_id"].iloc[0],
                    )
                    for pair, part in rows.groupby(names, sort=False)
                }  # fmt: skip
        by_problem: dict[str, dict[str, Trajectory]] = {}
        for problem, name in reported[names].drop_duplicates().itertuples(index=False):
            if (problem, name) in found:
                by_problem.setdefault(problem, {})[name] = found[problem, name]
        return by_problem

    def step_seconds(self, problem: str) -> dict[str, float]:
        """Return, by optimizer, the median seconds that a step of its reported runs takes."""
        runs = self.answer.reported_runs[self.answer.reported_runs["problem"] == problem]
        cost = self.results.timings.set_index("cohort_id")["ns_per_run_step"]
        return (runs["cohort_id"].map(cost) * 1e-9).groupby(runs["optimizer"]).median().to_dict()

    @cached_property
    def times(self) -> pd.DataFrame:
        """The table `Answer.times` with `epochs`."""
        times = self.answer.times
        return times.assign(epochs=count_epochs(times, self.results.problems))

    @cached_property
    def line_styles(self) -> dict[str, dict[str, dict]]:
        """Problem, or ALL -> optimizers in color -> line style: see `style.assign_line_styles`."""
        from optbench.figures.style import assign_line_styles  # a sweep that is only summed up needs no matplotlib

        found = assign_line_styles(self.answer.best, self.answer.ranking, self.results.own)
        return {problem: self.color_by_user(styles) for problem, styles in found.items()}

    def color_by_user(self, styles: Mapping[str, dict]) -> dict[str, dict]:
        """Return line styles with the colors that the user has given to optimizers."""
        colors = self.results.colors
        return {name: style | {"color": colors.get(name, style["color"])} for name, style in styles.items()}

    def label(self, name: str) -> str:
        """Return what a problem or an optimizer is called."""
        return self.answer.label(name)

    @cached_property
    def files(self) -> dict[str, str]:
        """Problem -> its name in file names and anchors."""
        return labels.file_names(self.results.runs["problem"].unique(), self.label)

    @cached_property
    def short_names(self) -> dict[str, str]:
        """Optimizer -> its label in legends, shortened to 40 characters."""
        return {name: labels.shorten(self.label(name), 40) for name in self.results.runs["optimizer"].unique()}

    @cached_property
    def varied(self) -> dict[str, list[str]]:
        """Optimizer -> the hyperparameters that its short label has: see `analysis.varied_hyperparameters`."""
        return varied_hyperparameters(self.results.runs, self.results.given)

    @cached_property
    def short_schedules(self) -> dict[str, str]:
        """Schedule -> its short name in labels."""
        return shorten_schedules(self.results.runs["schedule"].unique())

    def name_setting(self, row: labels.Row) -> tuple[str, str, str]:
        """Return the batch size, the schedule and the rate of a row of `best` in words."""
        batch = "full batch" if row["full_batch"] else f"batch {int(row['batch_size'])}"
        return batch, self.short_schedules[row["schedule"]], f"rate {labels.number(row['lr'])}"


def find_rate_step(runs: pd.DataFrame, drawn: bool = False) -> float:
    """Return the step between the rates of a sweep whose blocks drew their own, a difference of logarithms; else 0.

    It is that of the grid that each block has moved, or HALF_DECADE of rates from a range. runs: the table; drawn: True
    for trials from ranges.
    """
    if not is_staged(runs) or runs["block"].nunique() < 2:
        return 0.0
    screen = runs[runs["stage"] == "screen"]
    keys = ["problem", "optimizer", "batch_size", "schedule"]
    in_block = screen.groupby([*keys, "block"])["lr"].nunique().groupby(keys).max()
    if not (screen.groupby(keys)["lr"].nunique() > in_block).any():
        return 0.0
    if drawn:
        return HALF_DECADE
    rates = screen[[*keys, "block", "lr"]].drop_duplicates().sort_values("lr", kind="stable")
    steps = np.log(rates["lr"]).groupby([rates[key] for key in (*keys, "block")]).diff()
    return float(steps.median()) if steps.notna().any() else HALF_DECADE


def round_rates(runs: pd.DataFrame, step: float) -> pd.DataFrame:
    """Return runs with each rate rounded to the nearest of a grid; of runs that are alike then, the first alone.

    Of a grid that a block has moved by a part of its step, one rate falls in each bin. The grid has a rate of 1, as
    most have; an optimizer with a single rate keeps it. step: the grid's, a difference of logarithms.
    """
    single = runs.groupby(["problem", "optimizer"])["lr"].transform("nunique") == 1
    middles = np.exp(step * np.floor(np.log(runs["lr"]) / step + 0.5))
    distinct = {value: float(f"{value:.3g}") for value in middles.unique()}
    runs = runs.assign(lr=runs["lr"].where(single, middles.map(distinct)))
    return runs.drop_duplicates(["problem", *configuration_columns(runs), "block", "seed"])


def mirrored_bands(
    curves: pd.DataFrame,
    runs: pd.DataFrame,
    column: str,
    minima: Mapping[str, float],
    by: Sequence[str] = ("problem", "optimizer"),
) -> pd.DataFrame:
    """Return `analysis.curve_bands` of a column; of an accuracy, too, a failed run counts as the worst.

    minima: those of `ReportData.minima_of`; by: the columns that identify a curve.
    """
    if "accuracy" not in column:
        return curve_bands(curves, runs, column, by=by, minima=minima)
    bands = curve_bands(curves.assign(**{column: -curves[column]}), runs, column, by=by, minima=minima)
    return bands.assign(median=-bands["median"], low=-bands["high"], high=-bands["low"])


def report_data(results: Tables | Answer | ReportData) -> ReportData:
    """Return the ReportData of results, which their answer keeps: several figures share the computing."""
    if isinstance(results, ReportData):
        return results
    if not hasattr(results, "runs"):
        raise OptbenchError(f"results must be those of a sweep or of load(), not {type(results).__name__}")
    answer = results if isinstance(results, Answer) else ask(results)
    if answer.runs.empty:
        raise OptbenchError("no run of these results finished: there is nothing to show")
    if answer.drawn is None:
        answer.drawn = ReportData(answer)
    return answer.drawn
