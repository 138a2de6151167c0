"""The measure y that runs are chosen and compared by, and the reference values of a problem's losses behind it.

y is lower for better runs, on a log scale, and finite for failures. Reference values (minimum, first suboptimality,
floor, the value of a failed run) belong to the problem, so that leaving an optimizer out changes no other's numbers.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from optbench.analysis.columns import find_failed_runs, metric_columns, read_floats
from optbench.analysis.texts import describe_depth
from optbench.contract.errors import OptbenchError, shown, unknown
from optbench.contract.problems import DIVERGENCE_FACTOR, FLOOR, is_bound

# Share of errors: none of 360 test examples (digits) is then a third of one error, so that the logarithm stays finite
LEAST_ERROR = 1e-3
LOG_TAIL = "log_tail"
ROUNDING_OF_LOSSES = {"float64": 1e-9, "float32": 1e-4}
"""The most by which rounding may put a loss below a minimum, relative to its size or to 1 if that is larger."""


def tail_values(runs: pd.DataFrame, choose_by: str = LOG_TAIL) -> np.ndarray:
    """Return y of each run, (runs,) float64: lower is better, and all are finite.

    log_tail: the mean of ln max(f - f*, floor) over the tail of the run, floor = 1e-14 max(1, |f*|), from the table;
    without that column, the logarithm of the final suboptimality. A loss on test data: its logarithm. An accuracy: the
    logarithm of the share of errors, at least 0.001. exp of a difference is thus a ratio of suboptimalities, losses or
    errors. A problem that does not have the metric is measured by log_tail.

    A failed run's y is ln(1e6 * first suboptimality), the limit at which runs are stopped; for an accuracy, all of its
    examples count as errors.
    """
    tail, worst = _measure_tails(runs)
    column, bad = metric_name(runs, choose_by), find_failed_runs(runs)
    tail = np.where(bad, worst, tail)
    if column == LOG_TAIL:
        return tail
    values = read_floats(runs, column)
    has = pd.Series(~np.isnan(values) & ~bad).groupby(runs["problem"].to_numpy()).transform("any").to_numpy(dtype=bool)
    if "accuracy" in column:
        y, lost = np.log(np.maximum(1.0 - values, LEAST_ERROR)), np.zeros(len(runs))
    else:
        y, lost = np.log(np.maximum(values, FLOOR)), worst
    return np.where(has, np.where(bad | ~np.isfinite(y), lost, y), tail)


def metric_name(runs: pd.DataFrame, choose_by: str) -> str:
    """Return the column that `choose_by` names: log_tail, test_loss_final, or a loss or accuracy of `runs`.

    "test_loss" stands for test_loss_final. Raises OptbenchError for any other name.
    """
    if not isinstance(choose_by, str):
        raise OptbenchError(f"choose_by={shown(choose_by)} must be a text")
    if choose_by in (LOG_TAIL, "test_loss", "test_loss_final"):
        return LOG_TAIL if choose_by == LOG_TAIL else "test_loss_final"
    metrics = [name for name in metric_columns(runs) if "accuracy" in name or "loss" in name]
    if choose_by not in metrics:
        raise unknown("measure to choose by", choose_by, [LOG_TAIL, "test_loss", *metrics])
    return choose_by


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


def explain_unmeasured(runs: pd.DataFrame, choose_by: str = LOG_TAIL) -> dict[str, str]:
    """Return the problems whose runs y cannot compare, with the reason: losses lie below the stated minimum."""
    column = metric_name(runs, choose_by)
    if column != LOG_TAIL:
        has = runs[column].notna().groupby(runs["problem"]).transform("any")
        runs = runs[~has]
    return {name: describe_depth(depth) for name, depth in below_minimum(runs).items()}


def _measure_tails(runs: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return y by log_tail, as if no run had failed, and the y that a failure of each run would have, (runs,) each."""
    gap, loss, first = (read_floats(runs, name) for name in ("suboptimality_final", "loss_final", "loss_initial"))
    minimum = _find_minima(runs["problem"], gap, loss)
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
    problem, gap, loss: (runs,) name of the problem, final suboptimality (NaN where unknown) and final loss.
    """
    table = pd.DataFrame({"problem": problem.to_numpy(dtype=object), "gap": gap, "loss": loss})
    names, table = table["problem"], table[np.isfinite(loss)]
    lowest = table.groupby("problem")["loss"].min().clip(upper=0.0)
    best = table[np.isfinite(table["gap"])].sort_values(["gap", "loss"]).drop_duplicates("problem").set_index("problem")
    minimum = (best["loss"] - best["gap"]).reindex(lowest.index).fillna(lowest)
    return names.map(minimum).fillna(0.0).to_numpy(dtype=np.float64)


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
