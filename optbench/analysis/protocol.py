"""The protocol: the stages and blocks of a table's runs, and the settings that race, are chosen and recommended.

A block is a set of seeds that tunes and reports by itself; no two blocks share a seed. Their results are therefore
independent, and the spread between blocks includes the chance in tuning as well as that of the seeds. Where the sweep
has no blocks, they are formed here.

A sweep plans its next stage by these functions, and an analysis uses the same ones, so that the two cannot differ and a
killed sweep resumes to the same bytes. No choice depends on the order of rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from optbench.analysis.columns import configuration_columns, find_failed_runs, find_full_batch_runs, find_lost_runs
from optbench.analysis.measures import LOG_TAIL, tail_values
from optbench.analysis.statistics import grouped_intervals
from optbench.contract import arguments
from optbench.contract.errors import OptbenchError

# Blocks formed of a plain grid's seeds: the quantile of t at 7 degrees of freedom is 2.4; more blocks would leave
# fewer seeds to each
MOST_BLOCKS = 8
# Settings that race: measured: such a race brings the 90th percentile of the chosen setting's loss over the best
# one's from 1.2 to 4.0 down to 1.0 to 1.4, for a fifth more runs
FINALISTS = 10
SCREEN, RACE, HOLDOUT = "screen", "race", "holdout"
LEVELS = ("optimizer", "batch_size", "schedule")


@dataclass(frozen=True)
class CodedRuns:
    """A `runs` table as arrays: one entry for each run that takes part, with numbers in place of names."""

    y: np.ndarray
    """The value to compare, lower is better; failures have large values."""
    bad: np.ndarray
    """True where the run failed."""
    cut: np.ndarray
    """True where a deadline cut the run, or a tuning run could not run."""
    stage: np.ndarray
    """0 screen, 1 race, 2 holdout."""
    block: np.ndarray
    """The block, from 0."""
    seed: np.ndarray
    """The seed."""
    row: np.ndarray
    """The row in the table."""
    setting: np.ndarray
    """The row in `settings`."""
    settings: pd.DataFrame
    """The distinct settings of each problem, sorted as ties are broken, with `cell`, their row in `cells`."""
    cells: pd.DataFrame
    """The pairs of problem and level, in order of appearance."""

    @property
    def cell(self) -> np.ndarray:
        """The row in `cells` of each run."""
        return self.settings["cell"].to_numpy()[self.setting]

    @cached_property
    def ranked(self) -> pd.DataFrame:
        """All settings of each cell and block by the screening, as `rank_settings` returns them.

        Where a cell has a single setting, it is there for each block that reports (`add_only_settings`).
        """
        return add_only_settings(self, rank_settings(self, len(self.settings)), self.block)


def code_runs(runs: pd.DataFrame, choose_by: str = LOG_TAIL, of: str = "optimizer", screens: bool = False) -> CodedRuns:
    """Return the table's runs with their stages and blocks. Raises OptbenchError where every run failed.

    of: the column whose levels are compared; all else is tuned. screens: take only the runs of the screening, in which
    every setting ran, and form new blocks of their seeds. This is always done where `of` is not the optimizer: a race
    is held among the settings of an optimizer, and can drop the best setting of a batch size or schedule.
    """
    if runs.empty:
        raise OptbenchError("there are no runs to choose from")
    arguments.one_of("column to compare", of, LEVELS)
    gone = find_lost_runs(runs) | find_lost_runs(runs, ["problem", of])
    if gone.all():
        raise OptbenchError("every run failed: there is nothing to choose from")
    place = np.flatnonzero(~gone)
    runs = runs.iloc[place] if gone.any() else runs
    y, bad, level = tail_values(runs, choose_by), find_failed_runs(runs), levels_of(runs, of)
    keys = ["problem", *configuration_columns(runs)]
    keys = ["problem", "optimizer", "lr", *[key for key in keys if key not in ("problem", "optimizer", "lr")]]
    setting = runs.groupby(keys, sort=True, dropna=False, observed=True).ngroup().to_numpy()
    first = np.unique(setting, return_index=True)[1]
    cell, cells = _number_cells(runs["problem"].to_numpy(), level)
    settings = runs.iloc[first][keys].reset_index(drop=True).assign(cell=cell[first])
    stage, block, used = _divide_runs(runs, setting, cell, screens or of != "optimizer")
    # One that could not run is not chosen; where it reports, it is a failure like others.
    cut = ((runs["status"] == "failed").to_numpy() & (stage <= 1)) | (runs["status"] == "deadline").to_numpy()
    y, bad, cut, stage, block, seed, row, setting = (
        each[used] for each in (y, bad, cut, stage, block, runs["seed"].to_numpy(), place, setting)
    )
    return CodedRuns(y, bad, cut, stage, block, seed, row, setting, settings, cells.rename(columns={"level": of}))


def levels_of(runs: pd.DataFrame, of: str) -> np.ndarray:
    """Return the level of each run, its text in the column `of`, (runs,); "full" for every full batch."""
    text = runs[of].astype(str).to_numpy(dtype=object)
    return np.where(find_full_batch_runs(runs), "full", text) if of == "batch_size" else text


def _number_cells(problem: np.ndarray, level: np.ndarray) -> tuple[np.ndarray, pd.DataFrame]:
    """Return the number of each run's cell, (runs,), and the cells: a table of problem and level, problem by problem.

    problem, level: (runs,) names; problems, and levels within each, are numbered in order of appearance.
    """
    of_problem, problems = pd.factorize(problem)
    of_level, levels = pd.factorize(level)
    pairs, cell = np.unique(of_problem * len(levels) + of_level, return_inverse=True)
    names = {"problem": problems[pairs // len(levels)], "level": levels[pairs % len(levels)]}
    return cell, pd.DataFrame(names)


def _divide_runs(
    runs: pd.DataFrame, setting: np.ndarray, cell: np.ndarray, screens: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the stage and the block of each run, and True for the runs that take part, each (runs,).

    Stages are 0 screen, 1 race, 2 holdout. setting, cell: (runs,) the numbers of each run's setting and cell. screens:
    True to take the screening alone, and to form new blocks of its seeds.
    """
    name = runs["stage"].to_numpy(dtype=object) if "stage" in runs else np.full(len(runs), "grid", dtype=object)
    stage = np.select([name == SCREEN, name == RACE, name == HOLDOUT], [0, 1, 2], -1)
    block = runs["block"].to_numpy(dtype=np.int64).copy() if "block" in runs else np.full(len(runs), -1)
    problem = pd.factorize(runs["problem"])[0]
    staged = np.bincount(problem, weights=stage >= 0) > 0
    used = (stage >= 0) == staged[problem]
    if screens:
        used &= stage <= 0
    seed = runs["seed"].to_numpy()
    for each in np.unique(problem) if screens else np.flatnonzero(~staged):
        here = np.flatnonzero((problem == each) & used)
        tuned = len(np.unique(setting[here])) > len(np.unique(cell[here]))
        stage[here], block[here] = _form_blocks(seed[here], tuned)
    return stage, block, used


def _form_blocks(seed: np.ndarray, tuned: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return the stage (0 tunes, 2 reports) and the block of each run, (runs,) each, from its seed.

    Every setting ran on every seed. Blocks are consecutive seeds, at least two each and MOST_BLOCKS at most; the first
    half of a block tunes. tuned: False where there is nothing to tune: then each seed is a block that reports.
    """
    seeds, place = np.unique(seed, return_inverse=True)
    if not tuned:
        return np.full(len(seed), 2), place
    parts = np.array_split(np.arange(len(seeds)), max(1, min(MOST_BLOCKS, len(seeds) // 2)))
    block = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    stage = np.concatenate([np.where(np.arange(len(part)) < max(1, len(part) // 2), 0, 2) for part in parts])
    return stage[place], block[place]


def select_finalists(
    runs: pd.DataFrame, count: int = FINALISTS, choose_by: str = LOG_TAIL, of: str = "optimizer"
) -> pd.DataFrame:
    """Return the settings that race: the `count` best of each problem, optimizer and block.

    The best have the lowest mean of y (`tail_values`) over the seeds on which the block screened all settings; the mean
    and not the median, so that a setting which sometimes fails does not win (y of a failure is finite). Ties go to
    fewer failures, then to the smaller rate, then to the order of the remaining columns. A setting that a deadline cut
    on one of these seeds, or that has not run on all of them, is not considered.

    Returns one row for each (problem, optimizer, block, place): place from 1, the setting, score (the mean), failures,
    n (its runs), trials (settings screened) and left_out (those not considered). A block without any setting to
    consider has no row.
    """
    table = code_runs(runs, choose_by, of)
    return _name_rows(table, rank_settings(table, count), of)


def choose_settings(runs: pd.DataFrame, choose_by: str = LOG_TAIL, of: str = "optimizer") -> pd.DataFrame:
    """Return the setting that each block chose: of those that raced, the best by mean y over all its tuning seeds.

    Tuning seeds are those of the screening and of the race; without a race all settings that were screened may be
    chosen. Ties, cuts and columns: `select_finalists`.
    """
    table = code_runs(runs, choose_by, of)
    return _name_rows(table, choose_coded_settings(table), of).drop(columns="place")


def select_chosen_runs(runs: pd.DataFrame, choose_by: str = LOG_TAIL, of: str = "optimizer") -> pd.DataFrame:
    """Return the rows of `runs` that `verdicts` compares: each block's chosen setting on the block's reporting seeds.

    Costs and profiles of these rows are thus those of the whole procedure, tuning included, on seeds that were not used
    for the choice. choose_by, of: as for `verdicts`; a plain table is divided into blocks as there. Runs that a
    deadline cut are left out.

    Returns rows of `runs` in their order, with `stage` "holdout" and the `block` that each belongs to; where every
    level has a single setting, each seed is a block.
    """
    table = code_runs(runs, choose_by, of)
    best = pd.MultiIndex.from_frame(choose_coded_settings(table)[["setting", "block"]])
    used = pd.MultiIndex.from_arrays([table.setting, table.block]).isin(best) & (table.stage == 2) & ~table.cut
    return runs.iloc[table.row[used]].assign(stage=HOLDOUT, block=table.block[used])


def choose_coded_settings(table: CodedRuns) -> pd.DataFrame:
    """Return the rows of `choose_settings` with numbers in place of names.

    Returns columns cell, block, setting, score, failures, n, place, trials and left_out.
    """
    # A setting that has not raced has fewer runs than the others, and so is not considered.
    best = rank_settings(table, 1, table.stage <= 1).drop(columns=["trials", "left_out"])
    totals = rank_settings(table, 1)[["cell", "block", "trials", "left_out"]]
    return add_only_settings(table, best.merge(totals, on=["cell", "block"]), table.block)


def recommend_settings(runs: pd.DataFrame, choose_by: str = LOG_TAIL, confidence: float = 0.95) -> pd.DataFrame:
    """Return one setting for each problem and optimizer: the best by mean y over the tuning seeds of all blocks.

    Settings that some block has not screened, or that a deadline cut, are not considered; ties: `select_finalists`.

    Returns one row for each (problem, optimizer): the setting, score, failures_tuning, n_tuning; and from the reporting
    seeds of all blocks, which are not used for the choice, median, low, high, coverage (exp of y, failures as inf), n
    and failures.
    """
    table = code_runs(runs, choose_by)
    rows = pd.DataFrame({"setting": table.setting, "block": table.block})[(table.stage == 0)]
    seen = rows.groupby("setting")["block"].nunique().reindex(range(len(table.settings)), fill_value=0).to_numpy()
    most = pd.Series(seen).groupby(table.settings["cell"].to_numpy()).transform("max").to_numpy()
    every = seen == most  # all blocks, or one where settings are drawn anew in each
    best = rank_settings(table, 1, (table.stage <= 1) & every[table.setting], pooled=True)
    best = add_only_settings(table, best, np.zeros_like(table.block))
    result = _name_rows(table, best, "optimizer").drop(columns=["block", "place", "left_out"])
    result = result.rename(columns={"failures": "failures_tuning", "n": "n_tuning"})
    place = np.full(len(table.settings), -1)
    place[best["setting"]] = np.arange(len(best))
    used = (table.stage == 2) & (place[table.setting] >= 0) & ~table.cut
    y, at = np.where(table.bad, np.inf, table.y)[used], place[table.setting[used]]
    median, low, high, coverage, n = grouped_intervals(y, at, len(best), confidence)
    failures = np.bincount(at, weights=table.bad[used], minlength=len(best)).astype(np.int64)
    with np.errstate(over="ignore"):
        values = {"median": np.exp(median), "low": np.exp(low), "high": np.exp(high)}
    return result.assign(**values, coverage=coverage, n=n, failures=failures)


def rank_settings(table: CodedRuns, count: int, used: np.ndarray | None = None, pooled: bool = False) -> pd.DataFrame:
    """Return the `count` best settings of each cell and block, a row each, in order of their place.

    used: (runs,) bool, the runs to rank by; by default those of the screening. pooled: all blocks count as one, 0.

    Returns columns cell, block, setting (numbers), score (mean y), failures, n, trials, left_out, place (from 1).
    """
    used = table.stage == 0 if used is None else used
    runs = pd.DataFrame(
        {
            "cell": table.cell[used],
            "block": 0 if pooled else table.block[used],
            "setting": table.setting[used],
            "y": table.y[used],
            "failures": table.bad[used].astype(np.int64),
            "cut": table.cut[used],
        }
    ).sort_values("y")  # added in order of size, so that the order of rows does not change the last bits
    groups = runs.groupby(["cell", "block", "setting"])
    rows = groups.agg(score=("y", "mean"), failures=("failures", "sum"), n=("y", "size"), cut=("cut", "any"))
    rows = rows.reset_index()
    groups = rows.groupby(["cell", "block"])
    out = rows["cut"] if pooled else rows["cut"] | (rows["n"] < groups["n"].transform("max"))
    rows = rows.assign(trials=groups["n"].transform("size"), out=out)
    rows["left_out"] = rows.groupby(["cell", "block"])["out"].transform("sum").astype(np.int64)
    rows = rows[~out].drop(columns=["cut", "out"]).sort_values(["cell", "block", "score", "failures", "setting"])
    rows["place"] = rows.groupby(["cell", "block"]).cumcount() + 1
    return rows[rows["place"] <= count].reset_index(drop=True)


def add_only_settings(table: CodedRuns, best: pd.DataFrame, block: np.ndarray) -> pd.DataFrame:
    """Return `best` with a row more for each cell and block without one whose cell has a single setting.

    Such a cell needs no tuning seed. best: from `rank_settings`; block: (runs,) the block that each run counts in.
    """
    settings = np.bincount(table.settings["cell"], minlength=len(table.cells))
    rows = pd.DataFrame({"cell": table.cell, "block": block, "setting": table.setting})
    rows = rows[(settings[table.cell] == 1) & (table.stage == 2)].drop_duplicates()
    there = pd.MultiIndex.from_frame(best[["cell", "block"]])
    rows = rows[~pd.MultiIndex.from_frame(rows[["cell", "block"]]).isin(there)]
    if rows.empty:
        return best
    rows = rows.assign(score=np.nan, failures=0, n=0, trials=1, left_out=0, place=1)
    return pd.concat([best, rows]).sort_values(["cell", "block"], ignore_index=True)


def _name_rows(table: CodedRuns, best: pd.DataFrame, of: str) -> pd.DataFrame:
    """Return `best` with the names of problems, levels and settings in place of their numbers.

    best: rows of `choose_coded_settings` or `rank_settings`; of: the column of the levels.
    """
    cells = table.cells.iloc[best["cell"]].reset_index(drop=True)
    names = table.settings.iloc[best["setting"]].reset_index(drop=True)
    rest = names.drop(columns=[name for name in ("problem", "optimizer") if name in cells] + ["cell"])
    rest = rest.drop(columns=[of], errors="ignore")
    numbers = best[["score", "failures", "n", "trials", "left_out"]].reset_index(drop=True)
    return pd.concat([cells, best[["block", "place"]].reset_index(drop=True), rest, numbers], axis=1)
