"""The measures that runs are chosen and judged by, and the reference values of a problem's losses behind them.

A measure gives every run a number y: a natural logarithm, lower for better runs. "time" is the samples until a target
is reached, "loss" the loss at the end of the run, any other the value of a metric on test data. By a measure on test
data levels are judged only: settings are chosen by its twin on validation data.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np
import pandas as pd

from optbench.analysis.known import Known
from optbench.analysis.run_columns import (
    count_folds,
    find_failed_runs,
    find_standing_in,
    metric_columns,
    name_splits,
    read_floats,
)
from optbench.analysis.sampling import has_jackknife, is_jackknife, read_jackknife
from optbench.contract.columns import JACKKNIFE, SCORES, TARGETS, TEST, VALIDATION, is_gain, target_column
from optbench.contract.errors import OptbenchError, shown, unknown
from optbench.contract.problems import DIVERGENCE_FACTOR, FLOOR, is_bound

TIME, LOSS, TEST_LOSS = "time", "loss", "test_loss"
LOG_TAIL = "log_tail"
"""The column of `runs` with y of the measure "loss"."""
# Share of the first suboptimality below which two runs count as equal, "solved": the hardest target
SOLVED = min(TARGETS)
NEAR_LOWEST = 1e-2
"""The same where the lowest loss found stands for a minimum that is not known: below it a gap is that run's luck."""
ROUNDING_OF_LOSSES = {"float64": 1e-9, "float32": 1e-4}
"""The most by which rounding may put a loss below a minimum, relative to its size or to 1 if that is larger."""
# Shares of examples: far above the rounding of float32, and less than one of a million examples makes
ROUNDING_OF_ACCURACIES = 5e-7


# Below it a share of errors has steps of over 3%, and the jackknife too few groups for its variance: a choice
LEAST_TEST_ROWS = 30


class Times(NamedTuple):
    """The costs of runs up to the targets of their problems."""

    samples: np.ndarray
    """(runs,) the samples until the target was reached, or else all that the run was given."""
    reached: np.ndarray
    """(runs,) bool, True where the target was reached and kept."""


def tail_values(
    runs: pd.DataFrame, measure: str = LOSS, targets: np.ndarray | None = None, choosing: bool = False
) -> np.ndarray:
    """Return y of each run, (runs,) float64: lower is better, and all are finite.

    loss: the mean of ln max(f - f*, floor) over the tail of the run, floor = 1e-14 max(1, |f*|), from the table;
    without that column, the logarithm of the final suboptimality. time: ln of the samples until the target is reached;
    of a run that does not reach it, ln of twice the samples that it was given, and more the further its loss is from
    the target. A loss on test data: its logarithm. An accuracy, F1, AUC or R2: the logarithm of what it lacks of 1,
    such as the share of errors, at least half an example. exp of a difference is thus a ratio of losses, samples or
    errors. A problem without the metric, or without a target, is measured by loss.

    A failed run's loss is 1e6 times the first suboptimality, the limit at which runs are stopped; for an accuracy, all
    of its examples count as errors.

    targets: (runs,), the target of "time" of each run, a share of the first suboptimality (`protocol.find_targets`);
    where it is NaN, loss takes the place of time. choosing: True for y to choose settings by, which is that on
    validation data in place of test data, on problems that have them (`find_unvalidated`).
    """
    tail, worst = _measure_tails(runs)
    column, bad = metric_name(runs, measure), find_failed_runs(runs)
    tail = np.where(bad, worst, tail)
    if column == TIME:
        targets = np.full(len(runs), np.nan) if targets is None else targets
        times = read_times(runs, targets)
        missed = np.log(2 * np.maximum(times.samples, 1.0)) + np.maximum(tail - np.log(targets * first_gaps(runs)), 0.0)
        with np.errstate(divide="ignore"):
            y = np.where(times.reached, np.log(np.maximum(times.samples, 1.0)), missed)
        return np.where(np.isfinite(y), y, tail)
    if column == LOG_TAIL:
        return tail
    values, lost = read_floats(runs, column), np.where(is_gain(column) and not column.endswith("r2"), 0.0, worst)
    has = _problems_with(runs, column)
    if choosing and (chosen_by := validation_column(column)) in runs:
        values = np.where(_problems_with(runs, chosen_by), read_floats(runs, chosen_by), values)
    y = _log_values(values, _least_errors(name_splits(runs), values) if is_gain(column) else None)
    return np.where(has, np.where(bad | ~np.isfinite(y), lost, y), tail)


def pair_tail_values(
    runs: pd.DataFrame, measure: str, targets: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return y of each run to report, and y to choose settings by, (runs,) each: see `tail_values`."""
    reported = tail_values(runs, measure, targets)
    return reported, reported if measure in (TIME, LOSS) else tail_values(runs, measure, targets, choosing=True)


def _log_values(values: np.ndarray, least: np.ndarray | None) -> np.ndarray:
    """Return the logarithm of losses or, where there is a `least` share of errors, of what gains lack of 1."""
    return np.log(np.maximum(values, FLOOR) if least is None else np.maximum(1.0 - values, least))


def validation_column(column: str) -> str:
    """Return the column on validation data that belongs to one on test data, and any other column unchanged."""
    return re.sub(f"^{TEST}", VALIDATION, column)


def find_unvalidated(runs: pd.DataFrame, measure: str) -> list[str]:
    """Return the problems whose settings are chosen on the test data that judge them: they have no validation data."""
    column = metric_name(runs, measure)
    other = validation_column(column)
    if other == column:
        return []
    has = _problems_with(runs, column)
    validated = _problems_with(runs, other) if other in runs else np.zeros(len(runs), dtype=bool)
    return list(runs["problem"][has & ~validated].unique())


def jackknife_values(runs: pd.DataFrame, measure: str) -> np.ndarray | None:
    """Return y of each run without each group of test examples, (runs, groups); None for a measure without test data.

    NaN where it is not known, and for failed runs.
    """
    column = metric_name(runs, measure)
    values = read_jackknife(runs, column) if column not in (TIME, LOG_TAIL) else None
    if values is None or np.isnan(values).all():
        return None
    least = _least_errors(name_splits(runs), read_floats(runs, column)) if is_gain(column) else None
    y = _log_values(values, None if least is None else least[:, None])
    y[find_failed_runs(runs)] = np.nan
    return y


def holds_sampling_error(runs: pd.DataFrame, measure: str) -> bool:
    """Return whether `jackknife_values` are known, without computing them."""
    column = metric_name(runs, measure)
    return column not in (TIME, LOG_TAIL) and has_jackknife(runs, column)


def read_times(runs: pd.DataFrame, targets: np.ndarray) -> Times:
    """Return the samples that each run took to its target, and whether it reached it.

    targets: (runs,), the share of the first suboptimality; NaN is reached by no run. A run that does not reach its
    target counts with all samples that runs of its problem and batch size were given.
    """
    spent, given = np.full(len(runs), np.inf), find_budgets(runs)
    for target in np.unique(targets[~np.isnan(targets)]):
        if target_column(target) in runs:
            here = targets == target
            spent[here] = read_floats(runs, target_column(target))[here]
    reached = np.isfinite(spent) & ~find_failed_runs(runs)
    return Times(np.where(reached, spent, given), reached)


def find_budgets(runs: pd.DataFrame) -> np.ndarray:
    """Return the samples that each run was given, (runs,): the most that a run of its problem and batch size made."""
    groups = runs["samples"].groupby([runs["problem"], runs["batch_size"]], sort=False)
    return np.maximum(groups.transform("max").to_numpy(dtype=np.float64), 1.0)


def metric_name(runs: pd.DataFrame, measure: str) -> str:
    """Return the column behind a measure: "time" itself, log_tail, test_loss_final, or a loss or accuracy of `runs`.

    Raises OptbenchError for any other name.
    """
    if not isinstance(measure, str):
        raise OptbenchError(f"measure {shown(measure)} must be a text")
    scores = [name for name in SCORES if f"{TEST}{name}" in runs]
    columns = {TIME: TIME, LOSS: LOG_TAIL, TEST_LOSS: "test_loss_final"} | {name: f"{TEST}{name}" for name in scores}
    metrics = [name for name in metric_columns(runs) if "accuracy" in name or "loss" in name]
    if measure in SCORES and measure not in columns:
        raise OptbenchError(
            f"no run has the measure {measure!r}: it takes a sweep with --choose-by {measure}, or choose_by="
        )
    if measure not in (*columns, *metrics):
        raise unknown("measure", measure, [*columns, *metrics])
    return columns.get(measure, measure)


def clip_solved(y: np.ndarray, start: np.ndarray, runs: pd.DataFrame) -> np.ndarray:
    """Return y of "loss" with every run below 1e-8 of its first suboptimality at that value: those are "solved".

    Where the minimum is not known, below NEAR_LOWEST. start: (runs,) ln of the first suboptimality.
    """
    return np.maximum(y, np.log(solved_shares(runs, runs["problem"])) + start)


def solved_shares(runs: pd.DataFrame, problem: pd.Series) -> np.ndarray:
    """Return the share of the first suboptimality below which a run counts as "solved", for each of these problems."""
    return np.where(problem.isin(list(find_standing_in(runs))), NEAR_LOWEST, SOLVED)


def clip_intervals(table: pd.DataFrame, runs: pd.DataFrame, measure: str) -> pd.DataFrame:
    """Return a table with `low` and `high` of shares, which 1 - accuracy, 1 - F1 and 1 - AUC are, cut at 1.

    table: with the columns problem, low and high; failures stay inf, and so do losses of problems without the metric.
    """
    if not is_gain(measure) or measure.endswith("r2"):
        return table
    has = table["problem"].isin(runs.loc[_problems_with(runs, metric_name(runs, measure)), "problem"])
    ends = table[["low", "high"]]
    return table.assign(**ends.mask(ends.lt(np.inf) & ends.gt(1.0) & has.to_numpy()[:, None], 1.0))


def _problems_with(runs: pd.DataFrame, column: str) -> np.ndarray:
    """Return (runs,) bool, True where some finished run of the same problem has a value in the column."""
    has = pd.Series(~np.isnan(read_floats(runs, column)) & ~find_failed_runs(runs))
    return has.groupby(runs["problem"].to_numpy()).transform("any").to_numpy(dtype=bool)


def _least_errors(problem: pd.Series, accuracy: np.ndarray) -> np.ndarray:
    """Return for each run half the smallest difference between two accuracies of its problem, 0 and 1 among them.

    That is half a test example, or more where only few accuracies were seen.
    """
    least = {}
    for name, values in pd.Series(accuracy).groupby(problem.to_numpy()):
        steps = np.diff(np.unique([0.0, *values.dropna(), 1.0]))
        least[name] = steps[steps > ROUNDING_OF_ACCURACIES].min() / 2
    return problem.map(least).to_numpy(dtype=np.float64)


def first_gaps(runs: pd.DataFrame) -> np.ndarray:
    """Return the first suboptimality of each run, (runs,), at least the floor below which differences are rounding."""
    gap, loss, first = (read_floats(runs, name) for name in ("suboptimality_final", "loss_final", "loss_initial"))
    minimum = _find_minima(name_splits(runs), gap, loss)
    start = np.where(np.isfinite(first), first - minimum, 1.0)
    return np.maximum(start, FLOOR * np.maximum(1.0, np.abs(minimum)))


def below_minimum(runs: pd.DataFrame) -> pd.Series:
    """Return the largest distance of a loss below the stated minimum, by problem; only where it exceeds rounding."""
    final, best, gap = (read_floats(runs, name) for name in ("loss_final", "loss_best", "suboptimality_final"))
    with np.errstate(invalid="ignore"):
        depth = final - best - gap  # the minimum is final - gap
        below = np.flatnonzero(depth > 0)
    rounding = runs["dtype"].iloc[below].map(ROUNDING_OF_LOSSES).to_numpy(dtype=np.float64)
    size = np.maximum(1.0, np.maximum(np.abs(final[below]), np.abs(best[below])))
    below = below[depth[below] > rounding * size]
    return pd.Series(depth[below]).groupby(runs["problem"].to_numpy()[below], sort=False).max()


def find_problems_without(runs: pd.DataFrame, measure: str) -> frozenset[str]:
    """Return the problems of which no run has the measure, so that loss stands in."""
    if (column := metric_name(runs, measure)) in (TIME, LOG_TAIL):
        return frozenset()
    has = runs[column].notna().groupby(runs["problem"], sort=False).any()
    return frozenset(has.index[~has])


def explain_unmeasured(runs: pd.DataFrame, measure: str = LOSS) -> dict[str, Known]:
    """Return the problems whose runs y cannot compare, with the reason: losses lie below the stated minimum."""
    column = metric_name(runs, measure)
    if column not in (TIME, LOG_TAIL):
        has = runs[column].notna().groupby(runs["problem"]).transform("any")
        runs = runs[~has]
    return {name: Known("depth", (depth,)) for name, depth in below_minimum(runs).items()}


def explain_few_test_rows(runs: pd.DataFrame, measure: str) -> dict[str, Known]:
    """Return the problems that a measure on test data cannot judge, with the reason: their test rows are too few.

    Where the data are split repeatedly, the rows of all folds count. Runs without a jackknife, as those of other
    programs, do not say how many there are.
    """
    column = metric_name(runs, measure)
    name = f"{JACKKNIFE}{column}"
    if column in (TIME, LOG_TAIL) or name not in runs:
        return {}
    contents = runs[name][runs[name].map(is_jackknife)]
    rows = contents.map(len).groupby(runs["problem"]).max() // 4 * max(count_folds(runs), 1)
    return {
        str(problem): Known("few_rows", (count, LEAST_TEST_ROWS))
        for problem, count in rows.items()
        if count < LEAST_TEST_ROWS
    }


def _measure_tails(runs: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return y by log_tail, as if no run had failed, and the y that a failure of each run would have, (runs,) each."""
    gap, loss, first = (read_floats(runs, name) for name in ("suboptimality_final", "loss_final", "loss_initial"))
    minimum = _find_minima(name_splits(runs), gap, loss)
    scale = np.maximum(1.0, np.abs(minimum))
    gap = np.where(np.isnan(gap), loss - minimum, gap)
    y = np.log(np.maximum(np.where(np.isfinite(gap), gap, 1.0), FLOOR * scale))
    if LOG_TAIL in runs:
        tail = read_floats(runs, LOG_TAIL)
        y = np.where(np.isfinite(tail), tail, y)
    known = pd.Series(first - minimum).where(np.isfinite(first))
    usual = known.groupby(runs["problem"].to_numpy()).transform("median").fillna(0.0)  # of a run that could not run
    start = known.fillna(usual).to_numpy()
    return y, np.log(DIVERGENCE_FACTOR * np.maximum(start, scale / DIVERGENCE_FACTOR))


def _find_minima(problem: pd.Series, gap: np.ndarray, loss: np.ndarray) -> np.ndarray:
    """Return f* of each run's problem, (runs,): loss minus suboptimality, of the run with the smallest suboptimality.

    That run gives it most exactly. Where no run has a suboptimality, f* is 0, or the lowest loss if that is negative.
    problem, gap, loss: (runs,) name of the problem and fold, final suboptimality (NaN where unknown) and final loss.
    """
    code, names = pd.factorize(problem)
    lowest, least, loss_of_least = np.zeros(len(names)), *np.full((2, len(names)), np.inf)
    finite = np.isfinite(loss)
    np.minimum.at(lowest, code[finite], loss[finite])
    known = finite & np.isfinite(gap)
    np.minimum.at(least, code[known], gap[known])
    best = known & (gap == least[code])
    np.minimum.at(loss_of_least, code[best], loss[best])
    with np.errstate(invalid="ignore"):
        return np.where(np.isfinite(least), loss_of_least - least, lowest)[code]


def find_reference_values(runs: pd.DataFrame, problems: pd.DataFrame | None = None) -> pd.DataFrame:
    """Return one row for each problem of `runs`: problem, minimum, bound, first, floor, failure.

    minimum: f*, from the `problems` table; where that lacks it, a run's loss minus its suboptimality. `bound`: True
    where it is only a lower bound that no run need come near (as its source says, 0 for mlp), or not known at all; an
    unknown minimum is taken as 0 if no loss is negative, and NaN otherwise.
    first: the median over seeds of the suboptimality at the start, each seed once; at least the floor.
    floor: 1e-14 max(1, |f*|), below which differences are rounding.
    failure: ln of the suboptimality that a failed run counts as: 1e6 times the first, where runs are stopped, but at
    least max(1, |f*|).
    """
    names = pd.Index(runs["problem"].unique(), name="problem")
    minimum, bound = _read_minima(runs, problems, names)
    start = runs.groupby(["problem", "seed"], sort=False)["loss_initial"].median()
    start = start.where(np.isfinite(start)).groupby("problem").median().reindex(names).to_numpy(dtype=np.float64)
    size = np.maximum(1.0, np.abs(minimum))
    first = np.maximum(start - minimum, FLOOR * size)  # NaN stays NaN
    failure = np.log(np.maximum(DIVERGENCE_FACTOR * first, size))
    columns = {"problem": names, "minimum": minimum, "bound": bound, "first": first}
    return pd.DataFrame(columns | {"floor": FLOOR * size, "failure": failure})


def log_gap(loss: np.ndarray, minimum: np.ndarray, floor: np.ndarray) -> np.ndarray:
    """Return the natural logarithm of max(loss - minimum, floor); NaN and inf stay."""
    with np.errstate(invalid="ignore"):
        return np.log(np.maximum(loss - minimum, floor))


def _read_minima(runs: pd.DataFrame, problems: pd.DataFrame | None, names: pd.Index) -> tuple[np.ndarray, np.ndarray]:
    """Return the minimum of each problem in `names`, and True where it is only a bound, both (problems,)."""
    loss, gap = (runs[name].astype(np.float64) for name in ("loss_final", "suboptimality_final"))
    known = np.isfinite(loss) & np.isfinite(gap)
    minimum = (loss - gap)[known].groupby(runs["problem"][known]).median().reindex(names)
    bound = minimum.isna()
    lowest = runs.groupby("problem", sort=False)["loss_best"].min().reindex(names)
    minimum = minimum.where(~bound, lowest.where(lowest < 0, 0.0).where(lowest >= 0))
    if problems is not None and "minimum" in problems:
        table = problems.drop_duplicates("problem").set_index("problem").reindex(names)
        stated = table["minimum"].astype(np.float64)
        stated = stated.where(np.isfinite(stated))
        minimum = stated.fillna(minimum)
        source = table["minimum_source"] if "minimum_source" in table else pd.Series("", index=names)
        only = source.astype(object).fillna("").map(is_bound)  # a problem may be missing in the table
        bound = (stated.notna() & only) | (stated.isna() & bound)
    return minimum.to_numpy(dtype=np.float64), bound.to_numpy(dtype=bool)
