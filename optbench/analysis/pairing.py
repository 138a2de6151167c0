"""Two tables, a baseline A and a candidate B: the differences of their runs, paired by seed.

Both runs of a pair have the same seed, and so the same start and mini-batches: only the two sides differ. Each row of a
matrix here stands for a problem and a pair of optimizers, each column for one observation: a block of seeds where the
sides are tuned, else a seed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pandas as pd

from optbench.analysis.blocks import HOLDOUT, SCREEN, Coded, coded
from optbench.analysis.columns import failed, hyperparameter_columns, unfinished
from optbench.analysis.comparison import Sides, paired
from optbench.analysis.held_out import held_out
from optbench.analysis.measures import LOG_TAIL, metric_name, tail_values
from optbench.contract.columns import is_metric
from optbench.contract.errors import OptbenchError

Pairs = Sequence[tuple[str, str]]
"""Pairs of optimizers to compare: (name in A, name in B)."""
SIDES = ("A", "B")
_OUTCOME = (
    "status", "steps", "loss_initial", "loss_final", "loss_best", "suboptimality_final", "test_loss_final", LOG_TAIL,
)  # fmt: skip
"""The columns that must be equal, besides the metrics, for two runs to be identical."""


class Effects(NamedTuple):
    """The differences of both sides, row by row."""

    rows: pd.DataFrame
    """problem, a and b (the optimizers), and the other columns of the result, without the verdict."""
    differences: np.ndarray
    """(rows, blocks or seeds) of y_B - y_A, NaN where a side has no run."""
    common: np.ndarray | float = 0.0
    """(rows,) the variance that all blocks of a row share (`mean_effects`), due to unequal numbers of trials."""


def joined(runs_a: pd.DataFrame, runs_b: pd.DataFrame, pairs: Pairs) -> pd.DataFrame:
    """Return the runs of both sides that can be paired: `pair` is the index of the pair of optimizers, `side` A or B.

    Only problems that both sides of a pair have are kept. Hyperparameters that only one side has, with a single value,
    are set to NaN: an update rule that has gained a hyperparameter keeps its settings.
    """
    parts = []
    for place, names in enumerate(pairs):
        sides = [runs[runs["optimizer"] == name] for runs, name in zip((runs_a, runs_b), names, strict=True)]
        both = set(sides[0]["problem"]) & set(sides[1]["problem"])
        sides = [runs[runs["problem"].isin(both)] for runs in sides]
        if names[0] == names[1]:
            sides = _same_columns(*sides)
        parts += [runs.assign(pair=place, side=side) for runs, side in zip(sides, SIDES, strict=True)]
    unlike = [LOG_TAIL] if len({LOG_TAIL in part for part in parts}) > 1 else []  # the same measure on both sides
    parts = [part.drop(columns=["diverged_at", *unlike], errors="ignore") for part in parts]
    table = pd.concat(parts, ignore_index=True)
    if "stage" not in table:
        table["stage"], table["block"] = "grid", -1
    return table.assign(stage=table["stage"].fillna("grid"), block=table["block"].fillna(-1).astype(np.int64))


def _same_columns(a: pd.DataFrame, b: pd.DataFrame) -> list[pd.DataFrame]:
    """Return both sides of one optimizer, with NaN for hyperparameters that only one side has and never varies."""
    names = {name for runs in (a, b) for name in hyperparameter_columns(runs)}
    counts = [{name: runs[name].nunique() if name in runs else 0 for name in names} for runs in (a, b)]
    new = [name for name in names if {counts[0][name], counts[1][name]} == {0, 1}]
    return [runs.assign(**{name: np.nan for name in new if name in runs}) for runs in (a, b)]


def without_metric(table: pd.DataFrame, measure: str) -> tuple[list[str], list[str]]:
    """Return the problems on which neither side has the measure, and those on which only one side has it."""
    column = metric_name(table.drop(columns=["pair", "side"]), measure)
    if column == LOG_TAIL:
        return [], []
    has = table.assign(has=table[column].notna()).groupby(["problem", "side"], sort=False)["has"].any().unstack()
    return list(has.index[~has["A"] & ~has["B"]]), list(has.index[has["A"] != has["B"]])


def settings_in_common(table: pd.DataFrame) -> pd.DataFrame:
    """Return the pairs of runs with the same setting and seed, one row each: columns of A end in _a, of B in _b.

    Of a staged side only the runs of its screening count, as later stages have chosen settings only.
    """
    runs = table[table["stage"].isin(["grid", SCREEN])]
    keys = ["problem", "pair", *_setting_columns(runs), "seed"]
    a, b = (runs[runs["side"] == side].drop_duplicates(keys) for side in SIDES)
    values = [name for name in ("y", "bad", "cut", "outcome") if name in runs]
    return a[[*keys, *values]].merge(b[[*keys, *values]], on=keys, suffixes=("_a", "_b"))


def _setting_columns(runs: pd.DataFrame) -> list[str]:
    """Return the columns that identify a setting; the dtype is among them only where the sides share one."""
    names = [
        name for name in hyperparameter_columns(runs) if name not in ("pair", "side", "y", "bad", "cut", "outcome")
    ]
    sides = [set(runs.loc[runs["side"] == side, "dtype"]) for side in SIDES]
    return [*names, *(["dtype"] if sides[0] & sides[1] else []), "batch_size", "schedule", "lr"]


def reports_in_common(table: pd.DataFrame) -> bool:
    """Return True where both sides are staged and report on a common seed in the same block."""
    runs = table.loc[table["stage"] == HOLDOUT, ["problem", "pair", "block", "seed", "side"]].drop_duplicates()
    return bool(runs.duplicated(["problem", "pair", "block", "seed"]).any())


def of_settings(table: pd.DataFrame, pairs: Pairs, measure: str) -> Effects:
    """Return the differences of the same settings on both sides: the mean over settings of y_B - y_A, seed by seed.

    Runs that fail on both sides are left out of the mean.
    """
    y = tail_values(table.drop(columns=["pair", "side"]), measure)
    runs = settings_in_common(table.assign(y=y, bad=failed(table), cut=unfinished(table), outcome=outcomes(table)))
    whole = runs[~(runs["cut_a"] | runs["cut_b"])].assign(difference=lambda each: each["y_b"] - each["y_a"])
    whole = whole.assign(same=whole["outcome_a"] == whole["outcome_b"], lower=_lower(whole["difference"].to_numpy()))
    whole["difference"] = whole["difference"].mask(whole["bad_a"] & whole["bad_b"])
    cells = _cells(runs)
    groups = whole.groupby(["problem", "pair"])
    differences = _by_seed(whole, cells)
    means = groups[["same", "lower", "bad_a", "bad_b"]].mean()
    keys = pd.MultiIndex.from_frame(cells)
    names = [name for name in runs if name not in ("problem", "pair", "seed") and not name.endswith(("_a", "_b"))]
    settings = whole.drop_duplicates(["problem", "pair", *names]).groupby(["problem", "pair"]).size()
    trials = [
        side.drop_duplicates(["problem", "pair", *names]).groupby(["problem", "pair"]).size()
        for side in (table[(table["side"] == which) & table["stage"].isin(["grid", SCREEN])] for which in SIDES)
    ]
    rows = _named(cells, pairs).assign(
        seeds=np.sum(~np.isnan(differences), axis=1),
        runs=groups.size().reindex(keys, fill_value=0).to_numpy(),
        identical=means["same"].reindex(keys).to_numpy(),
        probability=means["lower"].reindex(keys).to_numpy(),
        failures_a=means["bad_a"].reindex(keys).to_numpy(),
        failures_b=means["bad_b"].reindex(keys).to_numpy(),
        trials=settings.reindex(keys, fill_value=0).to_numpy(),
        trials_a=trials[0].reindex(keys).to_numpy(),
        trials_b=trials[1].reindex(keys).to_numpy(),
    )
    why = [
        "every run was cut by a deadline, or could not run",
        "every run failed on both sides",
        "a single seed: 2 are needed",
    ]
    cases = [rows["runs"] == 0, rows["seeds"] == 0, rows["seeds"] == 1]
    return Effects(rows.assign(reason=np.select(cases, why, "")), differences)


def outcomes(table: pd.DataFrame) -> np.ndarray:
    """Return a number for the outcome of each run of `joined`, (runs,): the same for runs equal to the last bit.

    All columns that both sides recorded must be equal; y alone is the same for all failures and for all runs at the
    floor.
    """
    there = [name for name in (*_OUTCOME, *(name for name in table if is_metric(name))) if name in table]
    both = [name for name in there if table[name].notna().groupby(table["side"]).any().all()]
    return table.groupby(both, dropna=False, sort=False).ngroup().to_numpy()


def _cells(runs: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of problem and pair, problems in order of appearance and pairs by their index."""
    cells = runs[["problem", "pair"]].drop_duplicates()
    order = pd.Series(range(cells["problem"].nunique()), index=cells["problem"].unique())
    return cells.assign(place=cells["problem"].map(order)).sort_values(["place", "pair"], ignore_index=True)[
        ["problem", "pair"]
    ]


def _by_seed(runs: pd.DataFrame, cells: pd.DataFrame) -> np.ndarray:
    """Return the mean of `difference` for each cell and seed, (cells, seeds); NaN where there is none."""
    wide = runs.pivot_table(index=["problem", "pair"], columns="seed", values="difference", aggfunc="mean")
    return wide.reindex(pd.MultiIndex.from_frame(cells)).to_numpy(dtype=np.float64)


def _lower(difference: np.ndarray) -> np.ndarray:
    """Return 1 where B is lower, 0.5 where both are equal, and 0 elsewhere."""
    return np.where(difference < 0, 1.0, np.where(difference == 0, 0.5, 0.0))


def _named(cells: pd.DataFrame, pairs: Pairs) -> pd.DataFrame:
    """Return the cells as a table of problem, a and b, with names in place of the pair's index."""
    names = [pairs[place] for place in cells["pair"]]
    return pd.DataFrame({"problem": cells["problem"], "a": [a for a, _ in names], "b": [b for _, b in names]})


def of_tuned(table: pd.DataFrame, pairs: Pairs, measure: str, choose_by: tuple[str, str]) -> Effects:
    """Return the differences y_B - y_A of the settings that both sides chose, block by block, as in `verdicts`.

    Where the two do not report on the same seeds, or only one is staged, blocks are formed of the seeds that both have
    and on which all their settings ran. choose_by: the measures by which A and B choose; measure: the one to compare.
    """
    if not reports_in_common(table):
        table = _as_grid(table)
    label = table["pair"].astype(str) + " " + table["side"]
    runs = table.assign(optimizer=label).drop(columns=["pair", "side"])
    levels = _levels(runs, measure, choose_by)
    sides = Sides(levels, held_out(levels), levels)
    place = {cell: number for number, cell in enumerate(levels.cells.itertuples(index=False, name=None))}
    found = [
        (problem, pair, place[problem, f"{pair} A"], place[problem, f"{pair} B"])
        for problem in levels.cells["problem"].unique()
        for pair in range(len(pairs))
        if (problem, f"{pair} A") in place and (problem, f"{pair} B") in place
    ]
    cells = pd.DataFrame(found, columns=["problem", "pair", "a", "b"])
    a, b = (cells.pop(name).to_numpy(dtype=np.int64) for name in ("a", "b"))
    trials = sides.full.trials
    if (trials[a] != trials[b]).any() and (runs["stage"] == SCREEN).any():
        sides = Sides(levels, sides.full, _levels(runs, measure, choose_by, screens=True))
    pair = paired(sides, a, b)
    y = sides.full.y[b] - sides.full.y[a]
    with np.errstate(invalid="ignore"):
        count = np.sum(~np.isnan(y), axis=(1, 2))
        bad = [np.sum(np.where(np.isnan(y), 0.0, sides.full.bad[side]), axis=(1, 2)) / count for side in (a, b)]
        ends = held_out(levels, outcomes(table)[levels.row].astype(np.float64)).y
        same = np.sum(ends[a] == ends[b], axis=(1, 2)) / count
    rows = _named(cells, pairs).assign(
        seeds=pair.seeds, runs=count, identical=same, probability=1 - pair.probability, failures_a=bad[0],
        failures_b=bad[1], trials=pair.trials, trials_a=trials[a], trials_b=trials[b],
    )  # fmt: skip
    none = (rows["trials_a"] == 0) | (rows["trials_b"] == 0)
    blocks, most = np.sum(~np.isnan(pair.differences), axis=1), int(levels.block.max(initial=0)) + 1
    missing = (blocks < most) & (trials[a] == trials[b]) & bool((runs["stage"] == HOLDOUT).any())
    lost = [
        f"{each} of {most} blocks: elsewhere what was chosen did not run on shared reporting seeds" for each in blocks
    ]
    reason = np.select(
        [none, missing], ["no setting without a stopped or failed run", np.array(lost, dtype=object)], ""
    )
    return Effects(rows.assign(reason=reason), pair.differences, pair.common)


def _levels(runs: pd.DataFrame, measure: str, choose_by: tuple[str, str], screens: bool = False) -> Coded:
    """Return the runs with y by the measure where they report, and by the side's `choose_by` where they tune."""
    levels = coded(runs, measure, screens=screens)
    y, side = levels.y.copy(), levels.cells["optimizer"].str[-1].to_numpy(dtype=object)[levels.cell]
    for name, by in zip(SIDES, choose_by, strict=True):
        if by != measure:
            tuning = (levels.stage <= 1) & (side == name)
            y[tuning] = coded(runs, by, screens=screens).y[tuning]
    return replace(levels, y=y)


def _as_grid(table: pd.DataFrame) -> pd.DataFrame:
    """Return the runs on which all settings ran, on seeds that both sides of a pair have, as a plain table.

    Raises OptbenchError where the sides have no seed in common.
    """
    runs = table[table["stage"].isin(["grid", SCREEN])]
    sides = runs[["problem", "pair", "seed", "side"]].drop_duplicates().groupby(["problem", "pair", "seed"]).size()
    both = sides[sides == 2].index
    runs = runs[pd.MultiIndex.from_frame(runs[["problem", "pair", "seed"]]).isin(both)]
    if runs.empty:
        raise OptbenchError(f"A and B have no seed in common: {_seeds(table, 'A')} and {_seeds(table, 'B')}")
    return runs.assign(stage="grid", block=-1)


def _seeds(table: pd.DataFrame, side: str) -> str:
    """Return the seeds of a side in words: "0 to 9 in A", or at most eight of them in a list."""
    seeds = np.unique(table.loc[table["side"] == side, "seed"])
    whole = len(seeds) > 1 and seeds[-1] - seeds[0] == len(seeds) - 1
    return f"{seeds[0]} to {seeds[-1]} in {side}" if whole else f"{', '.join(map(str, seeds[:8]))} in {side}"


def of_timings(
    a: tuple[pd.DataFrame, pd.DataFrame], b: tuple[pd.DataFrame, pd.DataFrame], pairs: Pairs, column: str = "seconds"
) -> Effects:
    """Return the differences in time: ln of B's seconds over A's per lane, cohort by cohort, averaged over each seed.

    a, b: `runs` and `timings` of each side. column: "seconds", "evaluation_seconds" or "ns_per_run_step". Cohorts are
    paired that have the same problem, batch size, seed, lanes and steps, and dtype where the sides share one.
    """
    dtypes = set(a[0]["dtype"]) & set(b[0]["dtype"])
    keys = ["problem", "pair", "batch_size", *(["dtype"] if dtypes else []), "seed", "stage", "lanes", "steps"]
    sides = []
    for place, (runs, timings) in enumerate((a, b)):
        runs = runs if "stage" in runs else runs.assign(stage="grid")
        cohorts = runs.drop_duplicates("cohort_id").drop(columns="steps").merge(timings, on="cohort_id")
        parts = [cohorts[cohorts["optimizer"] == names[place]].assign(pair=k) for k, names in enumerate(pairs)]
        cohorts = pd.concat(parts)
        share = 1.0 if column == "ns_per_run_step" else cohorts["lanes"]
        sides.append(
            cohorts[keys].assign(value=cohorts[column] / share).groupby(keys, sort=False).median().reset_index()
        )
    both = sides[0].merge(sides[1], on=keys, suffixes=("_a", "_b"))
    both = both[(both["value_a"] > 0) & (both["value_b"] > 0)]
    both = both.assign(difference=np.log(both["value_b"] / both["value_a"]))
    cells = _cells(both)
    groups = both.assign(lower=_lower(both["difference"].to_numpy())).groupby(["problem", "pair"])
    index = pd.MultiIndex.from_frame(cells)
    differences = _by_seed(both, cells) if len(cells) else np.empty((0, 1))
    rows = _named(cells, pairs).assign(
        seeds=np.sum(~np.isnan(differences), axis=1), runs=groups.size().reindex(index).to_numpy(), identical=np.nan,
        probability=groups["lower"].mean().reindex(index).to_numpy(), failures_a=np.nan, failures_b=np.nan,
        trials=0, trials_a=0, trials_b=0,
    )  # fmt: skip
    return Effects(rows.assign(reason=np.where(rows["seeds"] == 1, "a single seed: 2 are needed", "")), differences)
