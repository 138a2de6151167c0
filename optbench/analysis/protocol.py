"""The protocol: the stages and blocks of a table's runs, and the settings that race, are chosen and recommended.

A block is a set of seeds that draws its settings, tunes and reports by itself; no two blocks share a seed. Their
results are therefore independent, and the spread between blocks includes the luck of the draw and of tuning as well as
that of the seeds. Where the sweep has no blocks, they are formed here of its seeds; all of them then share settings.

A sweep plans its next stage by these functions, and an analysis uses the same ones, so that the two cannot differ and a
killed sweep resumes to the same bytes. No choice depends on the order of rows.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from optbench.analysis.known import Known
from optbench.analysis.measures import (
    LOSS,
    TIME,
    Times,
    clip_solved,
    first_gaps,
    jackknife_values,
    metric_name,
    pair_tail_values,
    read_times,
    solved_shares,
    tail_values,
)
from optbench.analysis.run_columns import (
    configuration_columns,
    count_folds,
    find_failed_runs,
    find_full_batch_runs,
    find_lost_runs,
)
from optbench.contract import arguments
from optbench.contract.columns import FIRST_LOOK, FIRST_TARGET, TARGETS, target_column
from optbench.contract.errors import OptbenchError

# Blocks formed of a plain grid's seeds: the quantile of t at 7 degrees of freedom is 2.4; more blocks would leave
# fewer seeds to each
MOST_BLOCKS = 8
# Settings that race: measured: such a race brings the 90th percentile of the chosen setting's loss over the best
# one's from 1.2 to 4.0 down to 1.0 to 1.4, for a fifth more runs
FINALISTS = 10
SCREEN, WIDEN, RACE, HOLDOUT, FINAL, REPORT = "screen", "widen", "race", "holdout", "final", "report"
TUNES, RACES, HOLDS_OUT, IN_COMMON, REPORTS = range(5)
_NUMBERS = {SCREEN: TUNES, WIDEN: TUNES, RACE: RACES, HOLDOUT: HOLDS_OUT, FINAL: IN_COMMON, REPORT: REPORTS}
# Settings of an optimizer that must reach a target in every block: of the best of many settings on few seeds one may
# do so by luck. Measured on the default sweep: with one, the leader misses its target in up to a fifth of fresh runs
REACHING = 3
# Report seeds of a setting below which its problem is judged by blocks
LEAST_REPORTS = 4
_LATER = [stage for stage in _NUMBERS if stage != SCREEN]
LEVELS = ("optimizer", "batch_size", "schedule")


class Targets(NamedTuple):
    """The targets of the measure "time", shares of the first suboptimality; NaN where there is none."""

    shared: pd.Series
    """By problem: the target that levels are judged by."""
    by_block: pd.Series
    """By problem and block: the target that settings race for."""

    def of_runs(self, problem: pd.Series) -> np.ndarray:
        """Return the shared target of each run, (runs,); problem: theirs."""
        return problem.map(self.shared).to_numpy(dtype=np.float64)

    def of_blocks(self, problem: pd.Series, block: np.ndarray) -> np.ndarray:
        """Return the target of each run's block, (runs,); problem, block: theirs."""
        return self.by_block.reindex(pd.MultiIndex.from_arrays([problem, block])).to_numpy(dtype=np.float64)


@dataclass(frozen=True)
class CodedRuns:
    """A `runs` table as arrays: one entry for each run that takes part, with numbers in place of names."""

    y: np.ndarray
    """The value that settings are chosen by, lower is better; failures have large values."""
    reported: np.ndarray
    """The same on test data where y is on validation data, for reports of what was chosen; else y."""
    screened: np.ndarray
    """The same for the choice of what races: "time" is then that to the target of the block."""
    judged: np.ndarray
    """The value that levels are judged by; NaN for a run that failed, whose failure is counted by itself."""
    bad: np.ndarray
    """True where the run failed."""
    cut: np.ndarray
    """True where a deadline cut the run, or a tuning run could not run."""
    stage: np.ndarray
    """TUNES for a screen, widened or not; RACES, HOLDS_OUT; IN_COMMON for the last race of the blocks' choices, REPORTS
    for the runs of the one that it recommends."""
    block: np.ndarray
    """The block, from 0; -1 for the last two stages."""
    seed: np.ndarray
    """The seed."""
    row: np.ndarray
    """The row in the table."""
    setting: np.ndarray
    """The row in `settings`."""
    widened: np.ndarray
    """True where the setting was added to the screen, beyond an end of it or between its rates."""
    start: np.ndarray
    """ln of the first suboptimality."""
    times: Times
    """The samples to the target, and whether it was reached."""
    settings: pd.DataFrame
    """The distinct settings of each problem, sorted as ties are broken, with `cell`, their row in `cells`."""
    cells: pd.DataFrame
    """The pairs of problem and level, in order of appearance."""
    targets: Targets
    """The targets of the measure "time"; NaN where there is none, and "loss" takes its place, and where no measure is
    "time"."""
    solved: np.ndarray
    """(cells,), the share of the first suboptimality below which runs count as equal."""
    looks: np.ndarray
    """(cells,), the first look at what they report; of levels that are no optimizers the latest one at their problem;
    inf where that is not known."""
    judge_by: str = LOSS
    """The measure of `judged`."""
    fold: np.ndarray | None = None
    """The fold of its data, from 1; None where the data are split once."""
    jackknife: np.ndarray | None = None
    """(runs, groups), `judged` without each group of test examples; None where it is not on test data, and with folds,
    whose variance has the test data's in it."""
    unmeasured: Mapping[str, Known] = field(default_factory=dict)
    """By problem, the reason why its values mean nothing (`explain_unmeasured`)."""
    unjudged: Mapping[str, Known] = field(default_factory=dict)
    """By problem, the reason why its values give no verdict (`explain_few_test_rows`)."""

    def judged_by(self, measure: str, runs: pd.DataFrame) -> CodedRuns:
        """Return the runs of a table with their choices, judged by another measure; nothing is chosen anew."""
        judged, jackknife = _judge_runs(runs, measure, self.targets, self.fold is not None)
        jackknife = None if jackknife is None else jackknife[self.row]
        return self.with_values(judge_by=measure, judged=judged[self.row], jackknife=jackknife)

    def with_values(self, **values: Any) -> CodedRuns:
        """Return a copy with other values of fields on which no choice depends: what has been chosen stays."""
        coded = copy.copy(self)
        coded.__dict__.update(values)
        return coded

    @property
    def cell(self) -> np.ndarray:
        """The row in `cells` of each run."""
        return self.settings["cell"].to_numpy()[self.setting]

    @property
    def timed(self) -> np.ndarray:
        """(cells,) bool, True where levels are judged by the samples to a target."""
        has = self.cells["problem"].map(self.targets.shared).notna().to_numpy(dtype=bool)
        return has if self.judge_by == TIME else np.zeros(len(self.cells), dtype=bool)

    @cached_property
    def trials(self) -> np.ndarray:
        """(cells,) the most settings that a block screened, those beyond its edges not counted.

        0 where a deadline cut every one of them, so that there is no choice.
        """
        screened = (self.stage == TUNES) & ~self.widened
        rows = {"cell": self.cell, "block": self.block, "setting": self.setting, "cut": self.cut}
        rows = pd.DataFrame(rows)[screened].groupby(["cell", "block", "setting"])["cut"].any().reset_index("setting")
        counts = rows.groupby(["cell", "block"]).agg(tried=("setting", "size"), none=("cut", "all"))
        counts = counts["tried"].where(~counts["none"].groupby("cell").transform("all"), 0).groupby("cell").max()
        only = np.bincount(self.settings["cell"], minlength=len(self.cells)) == 1  # needs no tuning
        return np.maximum(counts.reindex(range(len(self.cells)), fill_value=0).to_numpy(), only)

    @cached_property
    def choices(self) -> pd.DataFrame:
        """The setting that each cell and block chose, with numbers in place of names.

        Columns cell, block, setting, score, failures, n, place, trials and left_out.
        """
        # A setting that has not raced has fewer runs than the others, and so is not considered.
        best = rank_settings(self, 1, self.stage <= RACES).drop(columns=["trials", "left_out"])
        totals = rank_settings(self, 1)[["cell", "block", "trials", "left_out"]]
        return add_only_settings(self, best.merge(totals, on=["cell", "block"]))

    def rank_in_common(self, count: int) -> pd.DataFrame:
        """Return the `count` best settings of each cell in the last race.

        Where the race has not been run (a shard, or a time limit), and in a plain table, it is only the choice with the
        lowest mean y on tuning seeds. Columns: cell, setting, score, failures, n and place, from 1.
        """
        raced = rank_settings(self, count, self.stage == IN_COMMON, pooled=True)
        best = self.choices.sort_values(["cell", "score", "failures", "setting"]).drop_duplicates("cell")
        rest = best[~best["cell"].isin(raced["cell"])].assign(place=1)
        return pd.concat([raced, rest]).sort_values(["cell", "place"], ignore_index=True)

    def name_finalists(self, count: int) -> pd.DataFrame:
        """Return the table of `select_finalists`."""
        return _name_rows(self, rank_settings(self, count))

    def name_choices(self) -> pd.DataFrame:
        """Return the table of `choose_settings`."""
        return _name_rows(self, self.choices).drop(columns="place")

    def name_best_in_common(self, count: int) -> pd.DataFrame:
        """Return rows as `select_finalists` of the settings of `rank_in_common`, with block -1."""
        best = self.rank_in_common(count)
        return _name_rows(self, best.assign(block=-1, trials=self.trials[best["cell"]], left_out=0))

    @cached_property
    def recommended(self) -> pd.DataFrame:
        """The best setting of each cell and its runner-up (`rank_in_common`)."""
        return self.rank_in_common(2)

    @cached_property
    def reporting(self) -> pd.DataFrame:
        """The runs that levels are judged by: columns at (their place in the arrays), cell, block, place.

        On a problem whose recommended settings and runners-up have all reported on seeds in common, these runs: each
        seed is a block, and place is 1 for the recommended setting, 2 for the runner-up. Else those of what each block
        chose, on the seeds of the block that no choice has seen; place is then 1.
        """
        runs = pd.DataFrame({"at": np.arange(len(self.y)), "cell": self.cell, "setting": self.setting})
        fresh = runs[(self.stage == REPORTS) & ~self.cut].merge(self.recommended[["setting", "place"]], on="setting")
        needed = self.recommended[["cell", "place"]].merge(
            fresh.groupby(["cell", "place"], as_index=False).size(), on=["cell", "place"], how="left"
        )
        problem = self.cells["problem"].to_numpy()
        short = set(problem[needed.loc[~(needed["size"] >= LEAST_REPORTS), "cell"]])
        short |= set(problem) if self.fold is not None else set()  # a fold judges its own choice
        by_block = np.isin(problem, list(short))
        held = (self.stage == HOLDS_OUT) & ~self.cut & by_block[self.cell]
        held = (
            runs[held].assign(block=self.block[held]).merge(self.choices[["setting", "block"]], on=["setting", "block"])
        )
        held, fresh = held.assign(place=1), fresh[~by_block[fresh["cell"]]]
        block = fresh.assign(seed=self.seed[fresh["at"]]).groupby(problem[fresh["cell"]])["seed"].rank(method="dense")
        both = pd.concat([held, fresh.assign(block=block.astype(np.int64) - 1)], ignore_index=True)
        return both[["at", "cell", "block", "place"]].astype(np.int64)

    @cached_property
    def reported_in_common(self) -> np.ndarray:
        """(cells,) bool, True where levels are judged by recommended settings on seeds in common (`reporting`)."""
        fresh = self.reporting.loc[self.stage[self.reporting["at"]] == REPORTS, "cell"]
        return np.isin(self.cells["problem"], self.cells["problem"].to_numpy()[fresh.unique()])

    @cached_property
    def ranked(self) -> pd.DataFrame:
        """All settings of each cell and block by the screening, as `rank_settings` returns them.

        Where a cell has a single setting, it is there for each block that reports (`add_only_settings`).
        """
        return add_only_settings(self, rank_settings(self, len(self.settings), self.stage == TUNES))


def code_runs(
    runs: pd.DataFrame,
    choose_by: str = LOSS,
    of: str = "optimizer",
    judge_by: str | None = None,
    targets: Targets | None = None,
) -> CodedRuns:
    """Return the table's runs with their stages and blocks. Raises OptbenchError where every run failed.

    choose_by, judge_by: the measures that settings are chosen and levels are judged by (`tail_values`); the second is
    by default the first. of: the column whose levels are compared; all else is tuned. targets: those of all runs, for
    a table that holds a part of a sweep; None: those that follow from the table.
    """
    if runs.empty:
        raise OptbenchError("there are no runs to choose from")
    arguments.one_of("column to compare", of, LEVELS)
    judge_by = choose_by if judge_by is None else judge_by
    for measure in (choose_by, judge_by):
        metric_name(runs, measure)
    gone = find_lost_runs(runs) | find_lost_runs(runs, ["problem", of])
    if gone.all():
        raise OptbenchError("every run failed: there is nothing to choose from")
    if of != "optimizer" and "stage" in runs:  # a batch size beyond the edge of a screen was tried in few settings
        screened, keys = ~runs["stage"].isin(_LATER), [runs["problem"], levels_of(runs, of)]
        there = screened.groupby(keys, sort=False).transform("any").to_numpy()
        if "block" in runs:
            in_block = screened.groupby([*keys, runs["block"]], sort=False).transform("any").to_numpy()
            there = np.where(runs["block"] < 0, there, in_block)
        gone |= ~there
    place = np.flatnonzero(~gone)
    timed = TIME in (choose_by, judge_by)
    if targets is None and timed and of != "optimizer":
        targets = code_runs(runs, TIME).targets  # of all runs, whatever is compared
    runs = (runs.iloc[place] if gone.any() else runs).reset_index(drop=True)
    bad, level = find_failed_runs(runs), levels_of(runs, of)
    keys = ["problem", *configuration_columns(runs)]
    keys = ["problem", "optimizer", "lr", *[key for key in keys if key not in ("problem", "optimizer", "lr")]]
    setting = runs.groupby(keys, sort=True, dropna=False, observed=True).ngroup().to_numpy()
    first = np.unique(setting, return_index=True)[1]
    cell, cells = _number_cells(runs["problem"].to_numpy(), level)
    settings = runs.iloc[first][keys].reset_index(drop=True).assign(cell=cell[first])
    stage, block, used = _divide_runs(runs, setting, cell)
    widened = (runs["stage"] == WIDEN).to_numpy() if "stage" in runs else np.zeros(len(runs), dtype=bool)
    # One that could not run is not chosen; where it reports, it is a failure like others.
    cut = ((runs["status"] == "failed").to_numpy() & (stage <= RACES)) | (runs["status"] == "deadline").to_numpy()
    if targets is None and timed:
        targets = _find_targets(runs, setting, stage, block, used & ~cut)
    targets = targets or Targets(pd.Series(np.nan, index=runs["problem"].unique()), pd.Series(dtype=np.float64))
    shared = targets.of_runs(runs["problem"])
    reported, y = pair_tail_values(runs, choose_by, shared)
    screened = tail_values(runs, choose_by, targets.of_blocks(runs["problem"], block)) if choose_by == TIME else y
    fold = runs["fold"].to_numpy() if count_folds(runs) else None
    judged, jackknife = _judge_runs(runs, judge_by, targets, fold is not None)
    entries = {
        "y": y, "reported": reported, "screened": screened, "judged": judged, "bad": bad, "cut": cut, "stage": stage,
        "block": block, "seed": runs["seed"].to_numpy(), "row": place, "setting": setting, "widened": widened,
        "start": np.log(first_gaps(runs)),
    }  # fmt: skip
    spent = Times(*(each[used] for each in read_times(runs, shared)))
    return CodedRuns(
        **{name: values[used] for name, values in entries.items()}, times=spent, settings=settings,
        cells=cells.rename(columns={"level": of}), targets=targets, judge_by=judge_by,
        jackknife=None if jackknife is None else jackknife[used], solved=solved_shares(runs, cells["problem"]),
        looks=_find_looks(runs, cells, cell, of),
        fold=None if fold is None else fold[used],
    )  # fmt: skip


def _judge_runs(
    runs: pd.DataFrame, measure: str, targets: Targets, folds: bool
) -> tuple[np.ndarray, np.ndarray | None]:
    """Return `judged` and `jackknife` of `CodedRuns` by a measure, for all rows. folds: the data are split by folds."""
    if measure in (TIME, LOSS):
        judged = clip_solved(tail_values(runs, LOSS), np.log(first_gaps(runs)), runs)
    else:
        judged = tail_values(runs, measure, targets.of_runs(runs["problem"]))
    jackknife = None if folds else jackknife_values(runs, measure)
    return np.where(find_failed_runs(runs), np.nan, judged), jackknife


def find_targets(runs: pd.DataFrame) -> pd.Series:
    """Return by problem the target of the measure "time", a share of the first suboptimality; NaN where there is none.

    It is that of the first look (`keep_targets`). Before, it is the one that the problem states, or an easier one: the
    hardest that at least one optimizer reaches in all blocks, with three settings, on all seeds that these have tuned
    on. It follows from tuning runs alone. What races in a block is chosen for the hardest target that an optimizer
    reaches in it, so that a block can screen and race by itself.
    """
    return code_runs(runs, TIME).targets.shared


def keep_targets(runs: pd.DataFrame, targets: Mapping[str, float | None]) -> pd.DataFrame:
    """Return the runs with the targets of an earlier look, by problem, that stay; None: there was none.

    Other numbers than `TARGETS` are left out.
    """
    kept = {name: np.inf if each is None else each for name, each in targets.items() if each in (None, *TARGETS)}
    return runs.assign(**{FIRST_TARGET: runs["problem"].map(kept).astype(np.float64)}) if kept else runs


def _find_targets(
    runs: pd.DataFrame, setting: np.ndarray, stage: np.ndarray, block: np.ndarray, used: np.ndarray
) -> Targets:
    """Return the targets of all problems (`find_targets`).

    used: (runs,) bool, the runs that count; the other arrays are their numbers, (runs,).
    """
    names = [target_column(share) for share in TARGETS if target_column(share) in runs]
    shares = [share for share in TARGETS if target_column(share) in runs]
    problem, problems = pd.factorize(runs["problem"])
    tunes = used & (stage <= RACES)
    tunes |= used & (stage == HOLDS_OUT) & (np.bincount(problem, weights=tunes, minlength=len(problems)) == 0)[problem]
    reached = np.isfinite(runs.loc[tunes, names].to_numpy(dtype=np.float64)) & ~find_failed_runs(runs)[tunes, None]
    optimizer = pd.factorize(runs["optimizer"])[0]
    keys = {"problem": problem, "optimizer": optimizer, "block": block, "setting": setting}
    table = pd.DataFrame({key: values[tunes] for key, values in keys.items()})
    groups = pd.DataFrame(reached, columns=shares).groupby([table[key] for key in keys])
    every, count = groups.all(), groups.size()
    every = every[count == count.groupby(["problem", "optimizer", "block"]).transform("max")]  # those that have raced
    by_block = every.groupby(["problem", "optimizer", "block"])
    by_block = by_block.sum().ge(by_block.size().clip(upper=REACHING), axis=0)
    total = by_block.reset_index().groupby("problem")["block"].nunique()
    in_all = by_block.groupby(["problem", "optimizer"]).sum()
    in_all = in_all.eq(total.reindex(in_all.index.get_level_values("problem")).to_numpy(), axis=0)
    solved = in_all.groupby("problem").any()
    stated = np.zeros(len(problems))
    if "target" in runs:
        stated[problem] = np.nan_to_num(runs["target"].to_numpy(dtype=np.float64))
    found = _find_hardest(solved).reindex(range(len(problems))).to_numpy()
    targets = pd.Series(np.maximum(found, stated), index=problems)  # NaN stays
    if FIRST_TARGET in runs:
        first = runs.groupby("problem", observed=True)[FIRST_TARGET].first().reindex(problems)
        targets = targets.where(first.isna(), first).replace(np.inf, np.nan)
    own = _find_hardest(by_block.groupby(["problem", "block"]).any())
    own = own.clip(lower=pd.Series(stated[own.index.get_level_values(0)], index=own.index))
    own.index = pd.MultiIndex.from_arrays([problems[own.index.get_level_values(0)], own.index.get_level_values(1)])
    return Targets(targets, own)


def _find_hardest(reached: pd.DataFrame) -> pd.Series:
    """Return the smallest share of each row that is reached, NaN for none; reached: bool, a column for each share."""
    shares = reached.columns.to_numpy(dtype=np.float64)
    least = np.where(reached.to_numpy(dtype=bool), shares, np.inf).min(axis=1, initial=np.inf)
    return pd.Series(np.where(np.isfinite(least), least, np.nan), index=reached.index)


def keep_looks(runs: pd.DataFrame, reports: Mapping[str, Mapping[str, Mapping[str, int]]]) -> pd.DataFrame:
    """Return the runs with the first look at which the reports were these, by problem, optimizer and digest."""
    looks = {
        (problem, name): max(found.values()) for problem, names in reports.items()
        for name, found in names.items() if found
    }  # fmt: skip
    if not looks:
        return runs
    keys = pd.MultiIndex.from_frame(runs[["problem", "optimizer"]])
    return runs.assign(**{FIRST_LOOK: pd.Series(looks, dtype=np.float64).reindex(keys).to_numpy()})


def digest_reports(runs: pd.DataFrame) -> dict[str, dict[str, str]]:
    """Return a digest of each optimizer's runs, by problem and optimizer. runs: those that verdicts are about."""
    found: dict[str, dict[str, str]] = {}
    for (problem, optimizer), ids in runs.groupby(["problem", "optimizer"], sort=False)["run_id"]:
        found.setdefault(problem, {})[optimizer] = hashlib.sha256(" ".join(sorted(ids)).encode()).hexdigest()[:16]
    return found


def _find_looks(runs: pd.DataFrame, cells: pd.DataFrame, cell: np.ndarray, of: str) -> np.ndarray:
    """Return `CodedRuns.looks`. cell: (runs,) the rows in `cells`; of: the column of their levels."""
    if FIRST_LOOK not in runs:
        return np.full(len(cells), np.inf)
    look = pd.Series(runs[FIRST_LOOK].fillna(np.inf).to_numpy())
    if of == "optimizer":
        return look.groupby(cell).max().to_numpy()
    return cells["problem"].map(look.groupby(runs["problem"].to_numpy()).max()).to_numpy()


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
    runs: pd.DataFrame, setting: np.ndarray, cell: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the stage and the block of each run, and True for the runs that take part, each (runs,).

    setting, cell: (runs,) the numbers of each run's setting and cell.
    """
    name = runs["stage"] if "stage" in runs else pd.Series("grid", index=runs.index)
    stage = name.map(_NUMBERS).fillna(-1).to_numpy(dtype=np.int64)
    block = runs["block"].to_numpy(dtype=np.int64).copy() if "block" in runs else np.full(len(runs), -1)
    problem = pd.factorize(runs["problem"])[0]
    staged = np.bincount(problem, weights=stage >= 0) > 0
    used, seed = (stage >= 0) == staged[problem], runs["seed"].to_numpy()
    for each in np.flatnonzero(~staged):
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
    runs: pd.DataFrame, count: int = FINALISTS, choose_by: str = LOSS, targets: Targets | None = None
) -> pd.DataFrame:
    """Return the settings that race: the `count` best of each problem, optimizer and block.

    The best have the lowest mean of y (`tail_values`) over the seeds on which the block screened its settings; the mean
    and not the median, so that a setting which sometimes fails does not win (y of a failure is finite). Ties go to
    fewer failures, then to the smaller rate, then to the order of the remaining columns. A setting that a deadline cut
    on one of these seeds, or that has not run on all of them, is not considered. targets: as for `code_runs`.

    Returns one row for each (problem, block, setting): place from 1, the setting, score (the mean), failures,
    n (its runs), trials (settings screened) and left_out (those not considered). A block without any setting to
    consider has no row.
    """
    return code_runs(runs, choose_by, targets=targets).name_finalists(count)


def choose_settings(runs: pd.DataFrame, choose_by: str = LOSS) -> pd.DataFrame:
    """Return the setting that each block chose: of those that raced, the best by mean y over all its tuning seeds.

    Tuning seeds are those of the screening and of the race; without a race all settings that were screened may be
    chosen. Ties, cuts and columns: `select_finalists`.
    """
    return code_runs(runs, choose_by).name_choices()


def select_best_draws(runs: pd.DataFrame, tuning_seeds: Iterable[int], choose_by: str = LOSS) -> pd.DataFrame:
    """Return the best settings of what was drawn at random, by which chance is told from a trend.

    These are the choices of all blocks, which have drawn independently; of a table without blocks, the best quarter of
    the settings by their mean y over the tuning seeds, three at least.

    Returns rows of problem, optimizer and the setting.
    """
    if "stage" in runs and (runs["stage"] == SCREEN).any():
        return choose_settings(runs, choose_by)
    tunes = runs["seed"].isin(list(tuning_seeds))
    tunes |= ~tunes.groupby([runs["problem"], runs["optimizer"]]).transform("any")
    table = code_runs(runs[tunes], choose_by)
    ranked = rank_settings(table, len(table.settings), np.ones(len(table.y), dtype=bool), pooled=True)
    return _name_rows(table, ranked[ranked["place"] <= (ranked["trials"] // 4).clip(lower=3)])


def select_chosen_runs(runs: pd.DataFrame, choose_by: str = LOSS, of: str = "optimizer") -> pd.DataFrame:
    """Return the rows of `runs` that verdicts compare: each block's chosen setting on the block's reporting seeds.

    Costs of these rows are thus those of the whole procedure, tuning included, on seeds that were not used
    for the choice. choose_by, of: as of a `Question`; a plain table is divided into blocks as there. Runs that a
    deadline cut are left out.

    Returns rows of `runs` in their order, with `stage` "holdout" and the `block` that each belongs to; where every
    level has a single setting, each seed is a block.
    """
    table = code_runs(runs, choose_by, of)
    used = table.reporting[table.reporting["place"] == 1].sort_values("at")
    return runs.iloc[table.row[used["at"]]].assign(stage=HOLDOUT, block=used["block"].to_numpy())


def recommend_settings(runs: pd.DataFrame, choose_by: str = LOSS, coded: CodedRuns | None = None) -> pd.DataFrame:
    """Return one setting for each problem and optimizer: the best of the blocks' choices in their last race.

    In a sweep with blocks the race is held on seeds that the choices have in common, and which no block has tuned on.
    Where it has not been run (a shard, or a time limit), and in a plain table, the choice with the lowest mean y over
    the tuning seeds is taken. Ties: `select_finalists`. coded: what `code_runs` returns, where it is there already.

    Returns one row for each (problem, optimizer): the setting; block, the one that drew it (-1 in a plain table);
    score, failures and n of the race or the tuning seeds; trials. `best_configurations` measures it on fresh seeds.
    """
    table = coded or code_runs(runs, choose_by)
    best = table.recommended[table.recommended["place"] == 1].reset_index(drop=True)
    tried = pd.DataFrame({"setting": table.setting, "block": table.block})[table.stage == TUNES]
    drew = pd.concat([each.sort_values("block") for each in (table.choices[["setting", "block"]], tried)])
    drew = drew.groupby("setting", sort=False)["block"].first()
    best = best.assign(
        block=drew.reindex(best["setting"]).fillna(-1).astype(np.int64).to_numpy(),
        trials=table.trials[best["cell"]], left_out=0,
    )  # fmt: skip
    return _name_rows(table, best).drop(columns=["place", "left_out"])


def rank_settings(table: CodedRuns, count: int, used: np.ndarray | None = None, pooled: bool = False) -> pd.DataFrame:
    """Return the `count` best settings of each cell and block, a row each, in order of their place.

    used: (runs,) bool, the runs to rank by; by default those of the screening, for the choice of what races. pooled:
    all blocks count as one, 0.

    Returns columns cell, block, setting (numbers), score (mean y), failures, n, trials, left_out, place (from 1).
    """
    screens = used is None
    used = table.stage == TUNES if used is None else used
    runs = pd.DataFrame(
        {
            "cell": table.cell[used],
            "block": 0 if pooled else table.block[used],
            "setting": table.setting[used],
            "y": (table.screened if screens else table.y)[used],
            "failures": table.bad[used].astype(np.int64),
            "cut": table.cut[used],
        }
    ).sort_values("y")  # added in order of size, so that the order of rows does not change the last bits
    groups = runs.groupby(["cell", "block", "setting"])
    rows = groups.agg(score=("y", "mean"), failures=("failures", "sum"), n=("y", "size"), cut=("cut", "any"))
    rows = rows.reset_index()
    groups = rows.groupby(["cell", "block"])
    out = rows["cut"] | (rows["n"] < groups["n"].transform("max"))
    rows = rows.assign(trials=groups["n"].transform("size"), out=out)
    rows["left_out"] = rows.groupby(["cell", "block"])["out"].transform("sum").astype(np.int64)
    rows = rows[~out].drop(columns=["cut", "out"]).sort_values(["cell", "block", "score", "failures", "setting"])
    rows["place"] = rows.groupby(["cell", "block"]).cumcount() + 1
    return rows[rows["place"] <= count].reset_index(drop=True)


def add_only_settings(table: CodedRuns, best: pd.DataFrame) -> pd.DataFrame:
    """Return `best` with a row more for each cell and block without one whose cell has a single setting.

    Such a cell needs no tuning seed. best: from `rank_settings`.
    """
    settings = np.bincount(table.settings["cell"], minlength=len(table.cells))
    rows = pd.DataFrame({"cell": table.cell, "block": table.block, "setting": table.setting})
    rows = rows[(settings[table.cell] == 1) & (table.stage == HOLDS_OUT)].drop_duplicates()
    there = pd.MultiIndex.from_frame(best[["cell", "block"]])
    rows = rows[~pd.MultiIndex.from_frame(rows[["cell", "block"]]).isin(there)]
    if rows.empty:
        return best
    rows = rows.assign(score=np.nan, failures=0, n=0, trials=1, left_out=0, place=1)
    return pd.concat([best, rows]).sort_values(["cell", "block"], ignore_index=True)


def _name_rows(table: CodedRuns, best: pd.DataFrame) -> pd.DataFrame:
    """Return `best` with the names of problems and settings in place of their numbers, and of levels in `level`.

    best: rows of `rank_settings`. Where the levels are the optimizers, these are in the setting.
    """
    of = table.cells.columns[1]
    names = table.settings.iloc[best["setting"]].reset_index(drop=True).drop(columns="cell")
    level = {} if of == "optimizer" else {"level": table.cells[of].to_numpy()[best["cell"]]}
    numbers = best[["block", "place", "score", "failures", "n", "trials", "left_out"]].reset_index(drop=True)
    return pd.concat([names.assign(**level), numbers], axis=1)
