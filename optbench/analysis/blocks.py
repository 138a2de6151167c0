"""The division of runs into stages (tuning, reporting) and blocks, which are formed here where the sweep has none.

A block is a set of seeds that tunes and reports by itself; no two blocks share a seed. Their results are therefore
independent, and the spread between blocks includes the chance in tuning as well as that of the seeds.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from optbench.analysis.columns import configuration_columns, failed, full_batch, lost
from optbench.analysis.measures import LOG_TAIL, tail_values
from optbench.contract import arguments
from optbench.contract.errors import OptbenchError

# Blocks formed of a plain grid's seeds: the quantile of t at 7 degrees of freedom is 2.4; more blocks would leave
# fewer seeds to each
MOST_BLOCKS = 8
SCREEN, RACE, HOLDOUT = "screen", "race", "holdout"
LEVELS = ("optimizer", "batch_size", "schedule")


@dataclass(frozen=True)
class Coded:
    """A `runs` table as arrays: one entry for each run that takes part, with numbers in place of names."""

    y: np.ndarray
    """The value to compare, lower is better; failures have large values."""
    bad: np.ndarray
    """True where the run failed."""
    cut: np.ndarray
    """True where a deadline cut the run, or a tuning run could not run."""
    stage: np.ndarray
    """0 screen, 1 race, 2 report."""
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


def coded(runs: pd.DataFrame, choose_by: str = LOG_TAIL, of: str = "optimizer", screens: bool = False) -> Coded:
    """Return the table's runs with their stages and blocks. Raises OptbenchError where every run failed.

    of: the column whose levels are compared; all else is tuned. screens: take only the runs of the screening, in which
    every setting ran, and form new blocks of their seeds. This is always done where `of` is not the optimizer: a race
    is held among the settings of an optimizer, and can drop the best setting of a batch size or schedule.
    """
    if runs.empty:
        raise OptbenchError("there are no runs to choose from")
    arguments.one_of("column to compare", of, LEVELS)
    gone = lost(runs) | lost(runs, ["problem", of])
    if gone.all():
        raise OptbenchError("every run failed: there is nothing to choose from")
    if gone.any():
        rest = coded(runs[~gone], choose_by, of, screens)
        return replace(rest, row=np.flatnonzero(~gone)[rest.row])
    y, bad = tail_values(runs, choose_by), failed(runs)
    level = levels_of(runs, of)
    keys = ["problem", *configuration_columns(runs)]
    keys = ["problem", "optimizer", "lr", *[key for key in keys if key not in ("problem", "optimizer", "lr")]]
    groups = runs.groupby(keys, sort=True, dropna=False, observed=True)
    setting = groups.ngroup().to_numpy()
    first = np.unique(setting, return_index=True)[1]
    cell, cells = _cells(runs["problem"].to_numpy(), level)
    settings = runs.iloc[first][keys].reset_index(drop=True).assign(cell=cell[first])
    stage, block, used = _stages(runs, setting, cell, cells["problem"], screens or of != "optimizer")
    # One that could not run is not chosen; where it reports, it is a failure like others.
    cut = ((runs["status"] == "failed").to_numpy() & (stage <= 1)) | (runs["status"] == "deadline").to_numpy()
    y, bad, cut, stage, block, seed, row, setting = (
        array[used] for array in (y, bad, cut, stage, block, runs["seed"].to_numpy(), np.arange(len(runs)), setting)
    )
    return Coded(y, bad, cut, stage, block, seed, row, setting, settings, cells.rename(columns={"level": of}))


def levels_of(runs: pd.DataFrame, of: str) -> np.ndarray:
    """Return the level of each run as a text; a full batch is the same level, "full", on every problem."""
    text = runs[of].astype(str).to_numpy(dtype=object)
    return np.where(full_batch(runs), "full", text) if of == "batch_size" else text


def _cells(problem: np.ndarray, level: np.ndarray) -> tuple[np.ndarray, pd.DataFrame]:
    """Number the pairs of problem and level in order of appearance, problem by problem."""
    of_problem, problems = pd.factorize(problem)
    of_level, levels = pd.factorize(level)
    pairs, cell = np.unique(of_problem * len(levels) + of_level, return_inverse=True)
    names = {"problem": problems[pairs // len(levels)], "level": levels[pairs % len(levels)]}
    return cell, pd.DataFrame(names)


def _stages(runs, setting, cell, problems, screens: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the stage and the block of each run, and True for the runs that take part, each (runs,)."""
    name = runs["stage"].to_numpy(dtype=object) if "stage" in runs else np.full(len(runs), "grid", dtype=object)
    stage = np.select([name == SCREEN, name == RACE, name == HOLDOUT], [0, 1, 2], -1)
    block = runs["block"].to_numpy(dtype=np.int64).copy() if "block" in runs else np.full(len(runs), -1)
    of_problem = pd.factorize(problems.to_numpy()[cell])[0]
    staged = np.bincount(of_problem, weights=stage >= 0) > 0
    used = (stage >= 0) == staged[of_problem]
    if screens:
        used &= stage <= 0
    seed = runs["seed"].to_numpy()
    for problem in np.unique(of_problem) if screens else np.flatnonzero(~staged):
        here = np.flatnonzero((of_problem == problem) & used)
        tuned = len(np.unique(setting[here])) > len(np.unique(cell[here]))
        stage[here], block[here] = _formed(seed[here], tuned)
    return stage, block, used


def _formed(seed: np.ndarray, tuned: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return the stage and block of each run, from its seed, where every setting ran on every seed.

    Blocks are consecutive seeds, at least two each and MOST_BLOCKS at most; the first half of a block tunes. Where
    there is nothing to tune, each seed is a block that reports.
    """
    seeds, place = np.unique(seed, return_inverse=True)
    if not tuned:
        return np.full(len(seed), 2), place
    parts = np.array_split(np.arange(len(seeds)), max(1, min(MOST_BLOCKS, len(seeds) // 2)))
    block = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    stage = np.concatenate([np.where(np.arange(len(part)) < max(1, len(part) // 2), 0, 2) for part in parts])
    return stage[place], block[place]
