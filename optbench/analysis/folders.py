"""A candidate against its baseline: two tables paired by seed, verdicts row by row and over all, and regressions.

Both runs of a pair have the same seed, and so the same start and mini-batches: only the two sides differ. Each row of a
matrix here stands for a problem and a pair of optimizers, each column for one observation: a block of seeds where the
sides are tuned, else a seed.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from optbench.analysis.held_out import held_out
from optbench.analysis.judging import judge
from optbench.analysis.known import Known, flip_known, select_known
from optbench.analysis.measures import (
    LOG_TAIL,
    LOSS,
    TIME,
    explain_few_test_rows,
    explain_unmeasured,
    find_problems_without,
    jackknife_values,
    tail_values,
)
from optbench.analysis.over_problems import LEAST_PROBLEMS
from optbench.analysis.pair_statistics import signed_ranks, spent_alpha
from optbench.analysis.protocol import HOLDOUT, SCREEN, CodedRuns, Targets, code_runs
from optbench.analysis.run_columns import count_folds, find_failed_runs, find_unfinished_runs, hyperparameter_columns
from optbench.analysis.sampling import Sampling, fold_sampling, sampling_variance
from optbench.analysis.verdicts import (
    ALL,
    LOSES,
    OPEN,
    WINS,
    count_needed,
    find_bounds,
    find_limits,
    find_more_trials,
    judge_differences,
    judge_problems,
    pair_cells,
    withhold_unequal,
)
from optbench.contract.columns import is_metric
from optbench.contract.errors import OptbenchError
from optbench.contract.names import join_names

# Of the logarithm of a loss: a sum in another order moves a loss by less; 10,000 times below what any verdict is about
ROUNDING = 1e-6
# Of SequenceMatcher: half of the letters are the same, as for names in messages (difflib's own default is 0.6)
ALIKE = 0.5
SETTINGS, TUNED, SECONDS = "settings", "tuned", "seconds"
COLUMNS = (
    "problem", "a", "b", "verdict", "ratio", "low", "high", "bound", "p", "p_adjusted", "regression", "p_regression",
    "regression_blocks", "known", "blocks_needed", "blocks", "seeds", "runs", "identical", "probability",
    "failures_a", "failures_b", "trials", "trials_a", "trials_b", "reason",
)  # fmt: skip
Pairs = Sequence[tuple[str, str]]
"""Pairs of optimizers to compare: (name in A, name in B)."""
Side = tuple[pd.DataFrame, pd.DataFrame]
"""The tables `runs` and `timings` of A or of B."""
SIDES = ("A", "B")
_BESIDE = -1
"""The pair of an optimizer that is not compared."""
_CELL = ["problem", "pair"]
_OUTCOME = (
    "status", "steps", "loss_initial", "loss_final", "loss_best", "suboptimality_final", "test_loss_final", LOG_TAIL,
)  # fmt: skip
"""The columns that must be equal, besides the metrics, for two runs to be identical."""


@dataclass(frozen=True, repr=False)
class Comparison:
    """A candidate B against its baseline A: the table of rows, and what is true of all of them."""

    table: pd.DataFrame
    by: str
    """The kind of comparison: "tuned", "settings" or "seconds"."""
    level: float = np.nan
    """Of the intervals; NaN of seconds."""
    judge_by: str = LOSS
    """The measure."""
    folds: int = 0
    """The number of folds that take the place of blocks and seeds; 0 without."""
    in_common: bool = False
    """Whether recommended settings are compared, on seeds in common that the rows count as blocks."""
    above: float | None = None
    """The share from which a regression is tested; None: none is."""
    sides: Sequence[Mapping[str, Any]] = ()
    """Of A and of B: folder, optimizer (where two are compared), the version of optbench, runs, and what is missing."""
    untuned: Collection[str] = ()
    """What stands in the columns a and b and runs as it is: tuning the others is what is asked, and no advantage."""
    without: Sequence[str] = ()
    """The problems that lack the measure, and are compared by loss."""
    names: Mapping[str, str] = field(default_factory=dict)
    """The optimizers by what the columns a and b call them: ``adam(beta1=0.5)`` is ``adam``."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """The user's own names for problems and for what stands in the columns a and b."""
    differences: Sequence[str] = ()
    """What else is not the same in A and B, a sentence each."""
    missing: Sequence[Mapping[str, Any]] = ()
    """What A alone has: problem, optimizer, a and b as in the rows, and the reason."""
    lost: Sequence[Mapping[str, Any]] = ()
    """Those of ``missing`` that B has, too, but of which no run could run; their reason is the first error."""
    provenance: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """What differs in provenance.json, by key."""
    time: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """The ratios of a "step" and of "evaluation", without a test."""

    def __repr__(self) -> str:
        """Return the verdicts on B with their ratios, a line a row."""
        names = ["problem", "a", "b", "verdict", "ratio", "low", "high"]
        return self.labeled().table[names].to_string(index=False, float_format="{:.3g}".format)

    @property
    def rows(self) -> pd.DataFrame:
        """The rows of ``table`` on single problems."""
        return self.table[self.table["problem"] != ALL]

    def labeled(self) -> Comparison:
        """Return the comparison as texts show it: with labels in place of names."""
        keys = ["problem", "optimizer", "a", "b"]
        texts = {key: self.table[key].replace(dict(self.labels)) for key in keys if key in self.table}
        missing, lost = (
            [{**row, **{key: self.labels.get(row[key], row[key]) for key in keys}} for row in rows]
            for rows in (self.missing, self.lost)
        )
        untuned = [self.labels.get(name, name) for name in self.untuned]
        return replace(self, table=self.table.assign(**texts), untuned=untuned, missing=missing, lost=lost)


class Beside(NamedTuple):
    """What the sweep has besides the two of its optimizers that are compared."""

    runs: pd.DataFrame
    """Of its other optimizers on the same problems: the luck of the search is estimated with theirs, too."""
    edges: pd.DataFrame
    """The recommended settings that lie at a limit of the search (`find_edges`)."""


class Effects(NamedTuple):
    """The differences of both sides, row by row."""

    rows: pd.DataFrame
    """problem, a and b (the optimizers), and the other columns of the result, without the verdict."""
    differences: np.ndarray
    """(rows, blocks or seeds) of y_B - y_A, NaN where a side has no run."""
    failed: np.ndarray | None = None
    """(rows, blocks, 2, 2), of A and of B the numbers of failed and of all reporting runs; None where failures are not
    compared."""
    sampling: Sampling | None = None
    """Of the mean difference of each row, by the choice of test examples and by the search."""
    in_common: ArrayLike = False
    """(rows,) bool, True where recommended settings are compared (`CodedRuns.reported_in_common`)."""


def compare_tables(
    runs_a: pd.DataFrame,
    runs_b: pd.DataFrame,
    pairs: Pairs | None = None,
    by: str | None = None,
    judge_by: str = LOSS,
    choose_by: tuple[str, str] | None = None,
    above: float | None = None,
    confidence: float = 0.95,
    look: int = 1,
    targets: tuple[Targets, Targets] | None = None,
    untuned: Collection[str] = (),
    beside: Beside | None = None,
) -> Comparison:
    """Return a row for each problem and pair of optimizers; with several problems, a row "all" at the end.

    runs_a, runs_b: the `runs` tables of the baseline A and the candidate B. pairs: the optimizers to compare; by
    default every name that both have, with itself. judge_by: the measure to compare by (`tail_values`). choose_by: the
    measures by which A and B chose their settings, for "tuned"; by default the same. look: how often the blocks were
    looked at (`compare_levels`). targets: those of "time" in all of A and of B (`code_runs`), if the tables hold a part
    of these; None: those of the tables. Values are compared at the easier one. untuned: as for `compare_levels`.
    beside: where A and B are two of one sweep, which then judges as where it answers. by: the kind of comparison; None:
    "tuned" where both are staged and report on the same seeds, or share no setting; else "settings".

    `optbench.compare` has the columns. ratio: its logarithm is the mean of y_B - y_A, paired by seed, over blocks
    ("tuned") or over seeds ("settings", after the mean over settings). Differences below a millionth are rounding and
    count as 0. verdict and known: as of `compare_levels`, but about B. regression, where `above` is given: "shown"
    where the whole interval lies above 1 + above, "ruled out" where it lies below or ends there, else "open"; so a tie
    may well be a regression above 0. It is shown as well where all runs of B fail, and open where A is shown to fail
    more often, or where unequal trials may be the reason. A row in which it is shown loses where it would be open:
    `above` takes the place of the verdict's 5%. p_regression: of the test against that limit.

    The row "all" takes each problem's mean over its rows and ranks problems as `compare_levels` does; its p-values are
    not adjusted, since it is a single test.

    Source: Sidak 1967, JASA 62, for intervals that hold at once.
    """
    pairs = _find_pairs(runs_a, runs_b, pairs)
    table = _join_sides(runs_a, runs_b, pairs)
    lacking = [find_problems_without(table[table["side"] == side], judge_by) for side in SIDES]
    if one := sorted(lacking[0] ^ lacking[1]):
        raise OptbenchError(f"only one side has {judge_by} of {join_names(one)}")
    choose_by, alike = choose_by or (judge_by, judge_by), all(a == b for a, b in pairs)
    if targets is None and TIME in (judge_by, *choose_by):
        targets = code_runs(runs_a, TIME).targets, code_runs(runs_b, TIME).targets
    if by == SETTINGS and not alike:
        raise OptbenchError("two optimizers have no settings in common: compare them as they are tuned")
    if by is None:
        by = TUNED if not alike or _have_shared_reports(table) or _join_settings(table).empty else SETTINGS
    if by == TUNED:
        effects = _pair_tuned(table, pairs, judge_by, choose_by, targets, beside)
    else:
        effects = _pair_settings(table, pairs, judge_by, targets)
    if effects.rows.empty:
        raise OptbenchError("A and B have no setting with a seed in common: compare them as they are tuned")
    why = explain_few_test_rows(table, judge_by) | explain_unmeasured(table, judge_by)
    spoiled = effects.rows["problem"].map(why)
    rows = effects.rows.assign(reason=effects.rows["reason"].mask(spoiled.notna(), spoiled))
    differences = np.where(spoiled.notna().to_numpy()[:, None], np.nan, effects.differences)
    judged = _judge_rows(effects._replace(rows=rows, differences=differences), by, above, confidence, look, untuned)
    level = float(1 - spent_alpha(look, 1 - confidence))
    common = bool(np.all(effects.in_common))
    return Comparison(judged, by, level, judge_by, count_folds(table), common, above, without=sorted(lacking[0]))


def compare_timings(a: Side, b: Side, pairs: Pairs | None = None) -> Comparison:
    """Return the rows of `compare_tables` for the seconds of a run: ratios, and no verdicts.

    Two processes at two times have what else the machine did in their seconds, and no number of seeds tells that from a
    change. a, b: `runs` and `timings` of each side. Cohorts are paired as by `_pair_timings`.
    """
    rows, differences = _pair_timings(a, b, _find_pairs(a[0], b[0], pairs), "seconds")
    if rows.empty:
        raise OptbenchError("A and B have no cohort in common whose time could be compared")
    table = rows.assign(ratio=np.exp(np.nanmean(differences, axis=1)))
    if table["problem"].nunique() > 1:
        over = _sum_up(table) | {"ratio": np.exp(np.log(table["ratio"]).groupby(table["problem"]).mean().mean())}
        table = pd.concat([table, pd.DataFrame([over])], ignore_index=True)
    table = table.assign(verdict=OPEN, known=None, reason=Known("seconds_vary")).reindex(columns=list(COLUMNS))
    table["regression"] = None
    return Comparison(table, SECONDS, judge_by=SECONDS)


def paired_times(a: Side, b: Side, pairs: Pairs | None = None) -> dict[str, dict[str, float]]:
    """Return the time of B over that of A, all rows together: {"step" or "evaluation": ratio, cohorts}.

    a, b: `runs` and `timings` of each side. Empty without shared cohorts.
    """
    pairs, found = _find_pairs(a[0], b[0], pairs), {}
    for name, column in (("step", "ns_per_run_step"), ("evaluation", "evaluation_seconds")):
        if column not in a[1] or column not in b[1]:
            continue
        rows, values = _pair_timings(a, b, pairs, column)
        if len(rows):
            # A seed that a row lacks is no observation of it: the mean is that of the rows which have it.
            each = np.nansum(values, axis=0) / np.sum(~np.isnan(values), axis=0)
            found[name] = {"ratio": float(np.exp(each.mean())), "cohorts": int(rows["runs"].sum())}
    return found


def join_targets(first: Targets, second: Targets) -> Targets:
    """Return the targets that two sweeps are compared by, the easier of theirs, and that the first one tunes for.

    There is none where one of them has none.
    """
    return Targets(pd.concat([first.shared, second.shared], axis=1).max(axis=1, skipna=False), first.by_block)


# The pairs of optimizers, and the runs of both sides


def _find_pairs(runs_a: pd.DataFrame, runs_b: pd.DataFrame, pairs: Pairs | None) -> Pairs:
    """Return the pairs of optimizers, one of A and one of B, that have a problem in common.

    pairs: those to consider; None: every name that both have, with itself. Raises OptbenchError where none is left.
    """
    a, b = (list(dict.fromkeys(runs["optimizer"])) for runs in (runs_a, runs_b))
    pairs = [(name, name) for name in a if name in b] if pairs is None else list(pairs)
    if not pairs:
        hint = "to compare two that differ, name one of each after the folders"
        raise OptbenchError(f"{_describe_nothing_shared('optimizer', a, b)} ({hint})")
    a, b = (list(dict.fromkeys(runs["problem"])) for runs in (runs_a, runs_b))
    if not set(a) & set(b):
        raise OptbenchError(_describe_nothing_shared("problem", a, b))
    problems = [runs.groupby("optimizer")["problem"].unique().map(set) for runs in (runs_a, runs_b)]
    shared = [pair for pair in pairs if problems[0].get(pair[0], set()) & problems[1].get(pair[1], set())]
    if not shared:
        raise OptbenchError("A and B have no problem in common on which the same optimizer ran")
    return shared


def _describe_nothing_shared(kind: str, a: list[str], b: list[str]) -> str:
    """Return the message that A and B have no name of a kind in common, with the two most similar names.

    kind: in the singular, such as "problem"; a, b: the names of each side.
    """
    alike = {(x, y): difflib.SequenceMatcher(None, x, y).ratio() for x in a for y in b}
    nearest = max(alike, key=lambda names: alike[names], default=("", ""))
    if alike.get(nearest, 0.0) > ALIKE:
        return f"A and B have no {kind} in common; nearest are {nearest[0]!r} in A and {nearest[1]!r} in B"
    return f"A and B have no {kind} in common: {join_names(a) or 'none'} in A, {join_names(b) or 'none'} in B"


def _join_sides(runs_a: pd.DataFrame, runs_b: pd.DataFrame, pairs: Pairs) -> pd.DataFrame:
    """Return the runs of both sides that can be paired: `pair` is the index of the pair of optimizers, `side` A or B.

    Only problems that both sides of a pair have are kept. Hyperparameters that only one side has, with a single value,
    are set to NaN: an update rule that has gained a hyperparameter keeps its settings.
    """
    counts = [count_folds(runs) for runs in (runs_a, runs_b)]
    if counts[0] != counts[1]:
        each = [f"the data of {side} have {max(count, 1)}" for side, count in zip(SIDES, counts, strict=True)]
        raise OptbenchError(f"A and B were judged on other test rows: {' and '.join(each)} folds")
    parts = []
    for place, names in enumerate(pairs):
        sides = [runs[runs["optimizer"] == name] for runs, name in zip((runs_a, runs_b), names, strict=True)]
        both = set(sides[0]["problem"]) & set(sides[1]["problem"])
        sides = [runs[runs["problem"].isin(both)] for runs in sides]
        if names[0] == names[1]:
            given = {name for runs in sides for name in hyperparameter_columns(runs)}
            values = [{name: runs[name].nunique() if name in runs else 0 for name in given} for runs in sides]
            new = [name for name in given if {values[0][name], values[1][name]} == {0, 1}]
            sides = [runs.assign(**{name: np.nan for name in new if name in runs}) for runs in sides]
        parts += [runs.assign(pair=place, side=side) for runs, side in zip(sides, SIDES, strict=True)]
    unlike = [LOG_TAIL] if len({LOG_TAIL in part for part in parts}) > 1 else []  # the same measure on both sides
    table = pd.concat(
        [part.drop(columns=["diverged_at", *unlike], errors="ignore") for part in parts], ignore_index=True
    )
    if "stage" not in table:
        table["stage"], table["block"] = "grid", -1
    return table.assign(stage=table["stage"].fillna("grid"), block=table["block"].fillna(-1).astype(np.int64))


def _have_shared_reports(table: pd.DataFrame) -> bool:
    """Return True if some problem's holdout runs have a block and seed in common on both sides."""
    runs = table.loc[table["stage"] == HOLDOUT, [*_CELL, "block", "seed", "side"]].drop_duplicates()
    return bool(runs.duplicated([*_CELL, "block", "seed"]).any())


def _number_outcomes(table: pd.DataFrame) -> np.ndarray:
    """Return a number for the outcome of each run, (runs,): the same for runs that are equal to the last bit.

    All columns that both sides recorded must be equal; y alone is the same for all failures and for all runs at the
    floor.
    """
    there = [name for name in (*_OUTCOME, *(name for name in table if is_metric(name))) if name in table]
    both = [name for name in there if table[name].notna().groupby(table["side"]).any().all()]
    return table.groupby(both, dropna=False, sort=False).ngroup().to_numpy()


# The same settings on both sides


def _list_setting_columns(table: pd.DataFrame) -> list[str]:
    """Return the columns of a joined table that identify a setting; the dtype is one only where the sides share one."""
    shared = set.intersection(*(set(table.loc[table["side"] == side, "dtype"]) for side in SIDES))
    names = hyperparameter_columns(table.drop(columns=["pair", "side"]))
    return [*names, *["dtype"] * bool(shared), "batch_size", "schedule", "lr"]


def _join_settings(table: pd.DataFrame, values: pd.DataFrame | None = None) -> pd.DataFrame:
    """Return the pairs of runs with the same setting and seed, one row each.

    Of a staged side only the runs of its screening count, as later stages have chosen settings only. values: columns
    for the rows of `table` to return besides; those of A end in _a, those of B in _b.
    """
    keys = [*_CELL, *_list_setting_columns(table), "seed"]
    runs = table[[*keys, "side"]] if values is None else table[[*keys, "side"]].join(values)
    runs = runs[table["stage"].isin(["grid", SCREEN])]
    a, b = (runs[runs["side"] == side].drop(columns="side").drop_duplicates(keys) for side in SIDES)
    return a.merge(b, on=keys, suffixes=("_a", "_b"))


def _pair_settings(table: pd.DataFrame, pairs: Pairs, measure: str, targets: tuple[Targets, Targets] | None) -> Effects:
    """Return the differences of the same settings on both sides: the mean over settings of y_B - y_A, seed by seed.

    Runs that fail on both sides are left out of the mean.
    """
    folds, common = count_folds(table), targets and join_targets(*targets).of_runs(table["problem"])
    values = {
        "y": tail_values(table, measure, common),
        "bad": find_failed_runs(table),
        "cut": find_unfinished_runs(table),
        "outcome": _number_outcomes(table),
        "at": np.arange(len(table)),
        "unit": table["fold"] if folds else table["seed"],
    }
    runs = _join_settings(table, pd.DataFrame(values, index=table.index))
    whole = runs[~(runs["cut_a"] | runs["cut_b"])].assign(difference=lambda each: each["y_b"] - each["y_a"])
    whole = whole.assign(same=whole["outcome_a"] == whole["outcome_b"])
    cells, settings = _list_cells(runs), _list_setting_columns(table)
    rows = _summarize_cells(
        whole, cells, pairs, identical=("same", "mean"), failures_a=("bad_a", "mean"), failures_b=("bad_b", "mean")
    )
    finished = whole[~(whole["bad_a"] & whole["bad_b"])]
    tried = table[table["stage"].isin(["grid", SCREEN])]
    counts = {"trials": whole, **{f"trials_{side.lower()}": tried[tried["side"] == side] for side in SIDES}}
    for name, part in counts.items():
        each = part.drop_duplicates([*_CELL, *settings]).groupby(_CELL).size()
        rows[name] = each.reindex(pd.MultiIndex.from_frame(cells), fill_value=0).to_numpy()
    rows["seeds"] = np.sum(~np.isnan(_average_seeds(finished, cells)), axis=1)
    sampling = fold_sampling(folds, len(cells)) if folds else _sample_seeds(table, measure, finished, cells)
    cases = [rows["runs"] == 0, rows["seeds"] == 0, rows["seeds"] == 1]
    reason = select_known(cases, [Known("all_cut"), Known("all_failed"), Known("one_seed")])
    return Effects(rows.assign(reason=reason), _average_seeds(finished, cells, "unit_a"), sampling=sampling)


def _list_cells(runs: pd.DataFrame) -> pd.DataFrame:
    """Return the distinct pairs of problem and pair, problems in order of appearance and pairs by their index."""
    cells = runs[_CELL].drop_duplicates()
    cells = cells.assign(place=pd.factorize(cells["problem"])[0])
    return cells.sort_values(["place", "pair"], ignore_index=True)[_CELL]


def _summarize_cells(runs: pd.DataFrame, cells: pd.DataFrame, pairs: Pairs, **aggregates: Any) -> pd.DataFrame:
    """Return a row for each cell (problem and pair of optimizers): their names, runs, probability and the aggregates.

    runs: pairs of runs with `difference`, y_B - y_A; probability: that B is lower, ties counting as halves. aggregates:
    further columns, as for `DataFrameGroupBy.agg`.
    """
    lower = np.select([runs["difference"] < 0, runs["difference"] == 0], [1.0, 0.5], 0.0)
    aggregates = {"runs": ("lower", "size"), "probability": ("lower", "mean"), **aggregates}
    numbers = runs.assign(lower=lower).groupby(_CELL).agg(**aggregates).reindex(pd.MultiIndex.from_frame(cells))
    numbers = numbers.reset_index(drop=True).assign(runs=lambda rows: rows["runs"].fillna(0).astype(np.int64))
    return pd.concat([_name_cells(cells, pairs), numbers], axis=1)


def _average_seeds(runs: pd.DataFrame, cells: pd.DataFrame, unit: str = "seed") -> np.ndarray:
    """Return the mean of `difference` for each cell and seed, (cells, seeds); NaN where there is none.

    unit: the column of the seed, or of the fold where the data are split repeatedly.
    """
    wide = runs.pivot_table(index=_CELL, columns=unit, values="difference", aggfunc="mean")
    return wide.reindex(pd.MultiIndex.from_frame(cells)).to_numpy(dtype=np.float64)


def _sample_seeds(table: pd.DataFrame, measure: str, runs: pd.DataFrame, cells: pd.DataFrame) -> Sampling | None:
    """Return the sampling error of the mean over seeds of what `_average_seeds` returns; None without a jackknife.

    runs: pairs of runs with the rows of both in the table, `at_a` and `at_b`.
    """
    jackknife = jackknife_values(table, measure)
    if jackknife is None or runs.empty:
        return None
    each = pd.DataFrame(jackknife[runs["at_b"]] - jackknife[runs["at_a"]])
    means = each.groupby([runs[key].to_numpy() for key in (*_CELL, "seed")]).mean()
    cell = pd.MultiIndex.from_frame(cells).get_indexer(means.index.droplevel(2))
    seed = pd.factorize(means.index.get_level_values(2))[0]
    values = np.full((len(cells), int(seed.max()) + 1, each.shape[1]), np.nan)
    values[cell, seed] = means.to_numpy()
    return sampling_variance(values)


def _name_cells(cells: pd.DataFrame, pairs: Pairs) -> pd.DataFrame:
    """Return the cells as a table of problem, a and b, with names in place of the pair's index; no ratio is a bound."""
    names = [pairs[place] for place in cells["pair"]]
    return pd.DataFrame(
        {"problem": cells["problem"], "a": [a for a, _ in names], "b": [b for _, b in names], "bound": ""}
    )


# Each side as it was tuned


def _pair_tuned(
    table: pd.DataFrame,
    pairs: Pairs,
    measure: str,
    choose_by: tuple[str, str],
    targets: tuple[Targets, Targets] | None,
    beside: Beside | None,
) -> Effects:
    """Return the differences y_B - y_A of the settings that both sides chose, block by block, as in `compare_levels`.

    Where the two do not report on the same seeds, or only one is staged, blocks are formed of the seeds that both have
    and on which all their settings ran. Arguments as of `compare_tables`.
    """
    if not _have_shared_reports(table):
        table = _keep_shared_seeds(table)
    label = table["pair"].astype(str) + " " + table["side"]  # each side of a pair is a level of its own
    runs = table.assign(optimizer=label).drop(columns=["pair", "side"])
    if beside is not None:
        others = beside.runs.assign(optimizer=f"{_BESIDE} " + beside.runs["optimizer"])
        runs = pd.concat([runs, others], ignore_index=True)
    coded = _code_sides(runs, measure, choose_by, targets)
    level = coded.cells["optimizer"].str.partition(" ")
    found = coded.cells.assign(pair=level[0].astype(np.int64), side=level[2], at=range(len(coded.cells)))
    one, two = (found.loc[found["side"] == side, [*_CELL, "at"]] for side in SIDES)
    cells = one.merge(two, on=_CELL)
    a, b = cells["at_x"].to_numpy(), cells["at_y"].to_numpy()
    trials, pair, outcome = coded.trials, pair_cells(coded, a, b), _number_outcomes(table)
    numbers = np.append(outcome, np.full(len(runs) - len(table), np.nan))
    ends = held_out(coded, values=numbers[coded.row]).y
    there = ~np.isnan(ends[a] + ends[b])
    with np.errstate(invalid="ignore"):
        same = np.sum((ends[a] == ends[b]) & there, axis=(1, 2)) / there.sum(axis=(1, 2))
    rows = _name_cells(cells, pairs).assign(
        seeds=pair.seeds, runs=there.sum(axis=(1, 2)), identical=same, probability=1 - pair.probability,
        failures_a=pair.failures_a, failures_b=pair.failures_b, trials=np.minimum(trials[a], trials[b]),
        trials_a=trials[a], trials_b=trials[b],
    )  # fmt: skip
    limits = [find_limits(rows.assign(optimizer=rows[side]), beside and beside.edges) for side in ("a", "b")]
    rows["bound"] = find_bounds(pair.missed, pair.partly, np.stack(limits))
    blocks = np.sum(~np.isnan(pair.differences), axis=1)
    most = count_folds(runs) or int(coded.block.max(initial=0)) + 1
    none = (trials[a] == 0) | (trials[b] == 0)
    missing = (blocks < most) & bool((runs["stage"] == HOLDOUT).any())
    missing &= (pair.failures_a != 1) & (pair.failures_b != 1)
    lost = np.array([Known("lost_blocks", (each, most)) for each in blocks.tolist()], dtype=object)
    told = [Known("no_setting"), Known("neither_reaches"), lost]
    rows["reason"] = select_known([none, pair.missed.all(axis=1), missing], told)
    sampling = pair.sampling
    if sampling is not None:
        equal = np.nan_to_num(np.abs(pair.differences)).max(axis=1) < ROUNDING
        alike = equal & (blocks > 0) & coded.reported_in_common[a] & _find_unchanged(table, outcome, cells)
        sampling = sampling._replace(variance=np.where(alike, 0.0, sampling.variance))
    return Effects(rows, pair.differences, pair.failed, sampling, coded.reported_in_common[a])


def _find_unchanged(table: pd.DataFrame, outcome: np.ndarray, cells: pd.DataFrame) -> np.ndarray:
    """Return the cells in which both sides screened the same settings on the same seeds, with the same outcomes.

    The rule is then the same one, and so is the luck of its search. Equal reports are not enough: a change that spares
    the recommended setting would show in another search.
    """
    runs = _join_settings(table, pd.DataFrame({"outcome": outcome}, index=table.index))
    same = (runs["outcome_a"] == runs["outcome_b"]).groupby([runs[key] for key in _CELL]).sum()
    screened = table[table["stage"].isin(["grid", SCREEN])].groupby([*_CELL, "side"]).size().groupby(_CELL).max()
    return same.eq(screened).reindex(pd.MultiIndex.from_frame(cells[_CELL]), fill_value=False).to_numpy()


def _code_sides(
    runs: pd.DataFrame, measure: str, choose_by: tuple[str, str], targets: tuple[Targets, Targets] | None
) -> CodedRuns:
    """Return `code_runs` of both sides, judged by `measure`; each side chooses by its own measure and targets."""
    coded = code_runs(runs, choose_by[0], judge_by=measure, targets=targets and join_targets(*targets))
    if targets is None and choose_by[0] == choose_by[1]:
        return coded
    side, y = coded.cells["optimizer"].str[-1].to_numpy(dtype=object)[coded.cell], coded.y.copy()
    for name, by, own in zip(SIDES, choose_by, targets or (None, None), strict=True):
        mine = side == name
        y[mine] = code_runs(runs, by, judge_by=measure, targets=own).y[mine]
    return replace(coded, y=y)


def _keep_shared_seeds(table: pd.DataFrame) -> pd.DataFrame:
    """Return the runs on which all settings ran, on seeds that both sides of a pair have, as a plain table.

    Raises OptbenchError where the sides have no seed in common.
    """
    runs = table[table["stage"].isin(["grid", SCREEN])]
    both = runs.groupby([*_CELL, "seed"])["side"].transform("nunique") == 2
    if not both.any():
        seeds = [_describe_seeds(table.loc[table["side"] == side, "seed"], side) for side in SIDES]
        raise OptbenchError(f"A and B have no seed in common: {seeds[0]} and {seeds[1]}")
    return runs[both].assign(stage="grid", block=-1)


def _describe_seeds(seeds: pd.Series, side: str) -> str:
    """Return the seeds of a side in words: "0 to 9 in A", or at most eight of them in a list."""
    each = np.unique(seeds)
    whole = len(each) > 1 and each[-1] - each[0] == len(each) - 1
    return f"{each[0]} to {each[-1]} in {side}" if whole else f"{', '.join(map(str, each[:8]))} in {side}"


# Seconds


def _pair_timings(a: Side, b: Side, pairs: Pairs, column: str) -> tuple[pd.DataFrame, np.ndarray]:
    """Return the rows (problem, a, b, runs, seeds), and the differences in time, ln of B's over A's, (rows, seeds).

    A difference is the mean over the cohorts of a seed. Cohorts are paired that have the same problem, stage, batch
    size, seed, lanes and steps, and dtype where the sides share one; those without a positive time are left out.

    column: of `timings`: "seconds" and "evaluation_seconds" are compared per lane, "ns_per_run_step" as it is.
    """
    dtypes = set(a[0]["dtype"]) & set(b[0]["dtype"])
    keys = [*_CELL, "batch_size", *(["dtype"] if dtypes else []), "seed", "stage", "lanes", "steps"]
    sides = []
    for place, (runs, timings) in enumerate((a, b)):
        runs = runs if "stage" in runs else runs.assign(stage="grid")
        cohorts = runs.drop_duplicates("cohort_id").drop(columns="steps").merge(timings, on="cohort_id")
        cohorts = pd.concat(
            [cohorts[cohorts["optimizer"] == names[place]].assign(pair=k) for k, names in enumerate(pairs)]
        )
        value = cohorts[column] / (1.0 if column == "ns_per_run_step" else cohorts["lanes"])
        sides.append(cohorts[keys].assign(value=value).groupby(keys, sort=False).median().reset_index())
    both = sides[0].merge(sides[1], on=keys, suffixes=("_a", "_b"))
    both = both[(both["value_a"] > 0) & (both["value_b"] > 0)]
    both = both.assign(difference=np.log(both["value_b"] / both["value_a"]))
    cells = _list_cells(both)
    differences = _average_seeds(both, cells) if len(cells) else np.empty((0, 1))
    rows = _summarize_cells(both, cells, pairs).assign(seeds=np.sum(~np.isnan(differences), axis=1))
    return rows, differences


# Verdicts


def _judge_rows(
    effects: Effects, by: str, above: float | None, confidence: float, look: int, untuned: Collection[str]
) -> pd.DataFrame:
    """Return the table of `compare_tables`: the rows of `effects` with verdicts and, at the end, the row "all".

    All rows are one family, whose intervals hold at once.
    """
    rows, family = effects.rows, np.zeros(len(effects.rows), dtype=np.int64)
    values = np.where(np.abs(effects.differences) < ROUNDING, 0.0, effects.differences)
    judged = judge_differences(
        values, family, None, effects.failed, confidence, look, effects.sampling, effects.in_common
    )
    reason = rows["reason"].where(rows["reason"].notna(), judged["reason"])
    new = [name for name in judged if name in COLUMNS and name not in rows]
    table = pd.concat([rows, judged[new]], axis=1).assign(reason=reason)
    unequal = [side & (by == TUNED) for side in find_more_trials(table, untuned)]
    over = _judge_over_all(table, above, confidence, unequal)
    table = withhold_unequal(table, *unequal)
    if above is not None:
        alpha = spent_alpha(look, 1 - confidence)
        against = judge(values - np.log1p(above), family, None, alpha, sampling=effects.sampling)
        low, high = (judged[name].to_numpy() for name in ("low", "high"))
        more = judged["more"].to_numpy() if "more" in judged else np.full(len(judged), "")
        all_fail = (more == "b") & (judged["verdict"] == WINS).to_numpy() & np.isnan(low)  # of B, the second
        shown = (low > 1 + above) & (more != "a") | all_fail
        same = ((low == 1) & (high == 1)) | (rows["identical"] == 1).to_numpy()
        cases = [shown & ~unequal[0], ((high <= 1 + above) | same) & ~unequal[1]]
        table["regression"] = np.select(cases, ["shown", "ruled out"], "open")
        # Where A fails more often, more blocks leave that as it is; nor do they make trials equal.
        open_ = (table["regression"] == "open").to_numpy() & ~np.asarray(effects.in_common) & (more != "a")
        needed = count_needed(judged, open_, family, None, confidence, look, effects.sampling, above)
        table["regression_blocks"] = np.where(unequal[0] | unequal[1], np.nan, needed)
        # runs that are equal in both are within any limit
        table["p_regression"] = np.where(same, 0.0, against["p_adjusted"])
    table = pd.concat([table, over], ignore_index=True) if len(over) else table
    table = table.reindex(columns=list(COLUMNS))
    table["regression"] = table["regression"].astype(object).where(table["regression"].notna(), None)
    settled = (table["regression"] == "shown") & (table["verdict"] == OPEN)
    return table.assign(
        verdict=table["verdict"].mask(settled, WINS).replace({WINS: LOSES, LOSES: WINS}),  # about B, after this
        known=flip_known(table["known"].mask(settled, None)), blocks_needed=table["blocks_needed"].mask(settled),
    )  # fmt: skip


def _judge_over_all(
    table: pd.DataFrame, above: float | None, confidence: float, more: Sequence[np.ndarray]
) -> pd.DataFrame:
    """Return one row, problem "all", with the verdict about A; an empty table where there is only one problem.

    table: the judged rows, of which each problem's mean log ratio is ranked; more: for A and B, (rows,) True where it
    had more trials than the other.
    """
    if table["problem"].nunique() < 2:
        return table.iloc[:0]
    logs = np.log(table["ratio"]).replace([np.inf, -np.inf], np.nan)
    each = logs.groupby(table["problem"], sort=False).mean().dropna().to_numpy()
    row = _sum_up(table)
    row |= {name: table[name].mean() for name in ("identical", "probability", "failures_a", "failures_b")}
    row |= {name: table[name].min() for name in ("trials", "trials_a", "trials_b")}
    if above is not None:
        against = signed_ranks(each - np.log1p(above), confidence)
        word = "shown" if against["estimate"] > 0 else "ruled out"
        enough = against["p"] < 1 - confidence and len(each) >= LEAST_PROBLEMS
        enough &= not more[0 if word == "shown" else 1].any()
        row |= {"regression": word if enough else "open", "p_regression": against["p"]}
    over = judge_problems(each[None], None, confidence).assign(**row)
    return withhold_unequal(over, *(np.array([side.any()]) for side in more))


def _sum_up(table: pd.DataFrame) -> dict[str, Any]:
    """Return what the row of all problems has of the rows of each, whatever is compared."""
    one = len(table[["a", "b"]].drop_duplicates()) == 1
    names = {side: table[side].iloc[0] if one else ALL for side in ("a", "b")}
    return {"problem": ALL, **names, "bound": "", **{name: table[name].sum() for name in ("seeds", "runs")}}
