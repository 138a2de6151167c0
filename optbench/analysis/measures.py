"""The measure y that runs are chosen and compared by: lower is better, on a log scale, finite for failures."""

from __future__ import annotations

import numpy as np
import pandas as pd

from optbench.analysis.columns import failed, metric_columns
from optbench.contract.errors import OptbenchError, shown, unknown
from optbench.contract.problems import DIVERGENCE_FACTOR, FLOOR

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
    tail, worst = _tail(runs)
    column = metric_name(runs, choose_by)
    if column == LOG_TAIL:
        return np.where(failed(runs), worst, tail)
    values = runs[column].to_numpy(dtype=np.float64, na_value=np.nan)
    bad = failed(runs)
    has = pd.Series(~np.isnan(values) & ~bad).groupby(runs["problem"].to_numpy()).transform("any").to_numpy(dtype=bool)
    if "accuracy" in column:
        y, lost = np.log(np.maximum(1.0 - values, LEAST_ERROR)), np.zeros(len(runs))
    else:
        y, lost = np.log(np.maximum(values, FLOOR)), worst
    y = np.where(bad | ~np.isfinite(y), lost, y)
    return np.where(has, y, np.where(bad, worst, tail))


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
    """Return, by problem, the most by which a loss lies below the stated minimum, where that exceeds rounding."""
    final, best, gap = (
        runs[name].to_numpy(dtype=np.float64, na_value=np.nan)
        for name in ("loss_final", "loss_best", "suboptimality_final")
    )
    with np.errstate(invalid="ignore"):
        depth = final - best - gap  # the minimum is final - gap
        below = np.flatnonzero(depth > 0)
    rounding = runs["dtype"].iloc[below].map(ROUNDING_OF_LOSSES).to_numpy(dtype=np.float64)
    size = np.maximum(1.0, np.maximum(np.abs(final[below]), np.abs(best[below])))
    below = below[depth[below] > rounding * size]
    return pd.Series(depth[below]).groupby(runs["problem"].to_numpy()[below], sort=False).max()


def unmeasured(runs: pd.DataFrame, choose_by: str = LOG_TAIL) -> dict[str, str]:
    """Return the problems whose runs y cannot compare, with the reason: losses lie below the stated minimum."""
    column = metric_name(runs, choose_by)
    if column != LOG_TAIL:
        has = runs[column].notna().groupby(runs["problem"]).transform("any")
        runs = runs[~has]
    depths = below_minimum(runs)
    return {name: f"losses lie up to {depth:.3g} below the stated minimum" for name, depth in depths.items()}


def _tail(runs: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return y by log_tail, as if no run had failed, and the y that a failure of each run would have, (runs,) each."""
    gap, loss, first = (
        runs[name].to_numpy(dtype=np.float64, na_value=np.nan)
        for name in ("suboptimality_final", "loss_final", "loss_initial")
    )
    minimum = _minimum(runs["problem"], gap, loss)
    scale = np.maximum(1.0, np.abs(minimum))
    gap = np.where(np.isnan(gap), loss - minimum, gap)
    y = np.log(np.maximum(np.where(np.isfinite(gap), gap, 1.0), FLOOR * scale))
    if LOG_TAIL in runs:
        tail = runs[LOG_TAIL].to_numpy(dtype=np.float64, na_value=np.nan)
        y = np.where(np.isfinite(tail), tail, y)
    start = np.where(np.isfinite(first), first - minimum, _usual(runs["problem"], first - minimum))
    return y, np.log(DIVERGENCE_FACTOR * np.maximum(start, scale / DIVERGENCE_FACTOR))


def _usual(problem: pd.Series, start: np.ndarray) -> np.ndarray:
    """Return the median first suboptimality of each run's problem, (runs,), for runs that could not run."""
    known = pd.Series(np.where(np.isfinite(start), start, np.nan)).groupby(problem.to_numpy()).transform("median")
    return known.fillna(0.0).to_numpy()


def _minimum(problem: pd.Series, gap: np.ndarray, loss: np.ndarray) -> np.ndarray:
    """Return f* of each run's problem, (runs,): loss minus suboptimality, of the run with the smallest suboptimality.

    That run gives it most exactly. Where no run has a suboptimality, f* is 0, or the lowest loss if that is negative.
    """
    code, names = pd.factorize(problem)
    lowest = np.zeros(len(names))
    finite = np.isfinite(loss)
    np.minimum.at(lowest, code[finite], loss[finite])
    told = np.flatnonzero(finite & np.isfinite(gap))
    order = told[np.lexsort((loss[told], gap[told]))[::-1]]
    lowest[code[order]] = loss[order] - gap[order]  # of several, the last one stays: the smallest gap
    return lowest[code]
