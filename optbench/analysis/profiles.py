"""Comparisons over problems: performance profiles, and distributions of running times over problems and targets.

Both depend only on the given table: without an optimizer's rows, the others are compared among themselves.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from optbench.analysis.costs import CLOCKS
from optbench.analysis.resampling import expected_times, percentile_bounds, resample_counts, units
from optbench.analysis.running_times import simulated_restarts
from optbench.contract.errors import OptbenchError, unknown

OVER = ("problems", "seeds")
_RATIOS = np.geomspace(1.0, 100.0, 61)
# Times of a distribution: a smooth line at any width of a page; by eye
_MARKS = 100


def performance_profiles(
    times: pd.DataFrame,
    by: str = "optimizer",
    clock: str = "samples",
    ratios: ArrayLike | None = None,
    over: Sequence[str] = OVER,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Return the share of (problem, target) pairs that each optimizer solves within a multiple of the least time.

    rho(r) = share of pairs with ERT <= r min ERT, where ERT is the expected running time; at r = 1 it is the share of
    pairs that the optimizer wins, ties counted for all. Pairs that no optimizer solves are in the denominator.

    times: from `time_to_target`, one comparison's runs (each optimizer at its chosen setting, `chosen_runs`). by: the
    column of the names to compare. ratios: the r, by default 61 log-spaced ones from 1 to 100. over: the levels that
    the bands resample: "problems" (each with all its targets), "seeds" (of each problem, the same for all optimizers;
    or its blocks, where all runs are in one: `units`), or both.

    Returns rows of `by`, ratio, share, low, high. Bands are pointwise, and too narrow where problems are few: in a
    simulation, 84 to 94% of 95% bands covered the share at 7 problems, 92 to 97% at 20. Removing an optimizer can
    change the order of the others (Gould & Scott 2016), so it should be tried.

    Raises OptbenchError where an optimizer has no runs on a problem that another has.

    Source: Dolan & Moré 2002, Mathematical Programming 91, eq. 2.
    """
    ratios = _RATIOS if ratios is None else np.asarray(ratios, dtype=np.float64)
    names = _compared(times, by, clock)
    shares, sizes = [], []
    for place, _, spent, hits, _ in _cells(times, by, clock, names):
        counts = _counts(spent.shape[2], "seeds" in over, 1 + place)
        ert = expected_times(spent, hits, counts)  # (resamples, names, targets)
        best = ert.min(axis=1, keepdims=True)
        with np.errstate(invalid="ignore", divide="ignore"):
            ratio = np.where((ert == best) & np.isfinite(best), 1.0, np.where(np.isinf(ert), np.inf, ert / best))
        shares.append(np.stack([(ratio <= r).mean(axis=2) for r in ratios], axis=2))
        sizes.append(spent.shape[1])
    return _bands(shares, sizes, names, by, "ratio", ratios, over, confidence)


def runtime_distributions(
    times: pd.DataFrame,
    by: str = "optimizer",
    clock: str = "samples",
    at: ArrayLike | None = None,
    restarts: int = 0,
    over: Sequence[str] = OVER,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Return the share of (problem, target) pairs that each optimizer has solved by a time: COCO's ECDF.

    restarts=0: each run of a pair counts, also those that never reach the target. restarts=n: n simulated times with
    restarts until a run succeeds (`simulated_restarts`), as in COCO, so that an optimizer that sometimes fails is slow
    rather than unsuccessful; the bands then resample problems only.

    times, by, over: as for `performance_profiles`; all pairs weigh the same, however many runs they have.
    clock: "steps", "samples" or "seconds"; at: the times, by default 100 log-spaced ones over the range of the table.

    Returns rows of `by`, the clock, share, low, high; bands are pointwise.

    Source: Hansen et al. 2021, COCO, Optimization Methods and Software 36(1), section 4.
    """
    names = _compared(times, by, clock)
    if at is None:
        there = times[clock][(times[clock] > 0) & np.isfinite(times[clock])]
        at = np.geomspace(there.min(), there.max() * (1 + 1e-12), _MARKS) if len(there) else [1.0]
    at, shares, sizes = np.asarray(at, dtype=np.float64), [], []
    over = ("problems",) if restarts and "problems" in over else () if restarts else over
    for place, part, spent, _, runs in _cells(times, by, clock, names):
        solved = np.zeros((*spent.shape, len(at)))
        if restarts:
            pairs = part.groupby(["_name", "_target"], sort=False)
            for number, ((name, target), rows) in enumerate(pairs):
                drawn = simulated_restarts(rows[clock], rows["reached"], restarts, seed=number)
                solved[name, target, 0] = (drawn[:, None] <= at).mean(axis=0)
            shares.append(solved[None, :, :, 0].mean(axis=2))
        else:
            cell = tuple(part[name].to_numpy() for name in ("_name", "_target", "_seed"))
            done = part["reached"].to_numpy()[:, None] & (part[clock].to_numpy()[:, None] <= at)
            np.add.at(solved, cell, done)
            counts = _counts(spent.shape[2], "seeds" in over, 1 + place)
            summed = np.einsum("rs,ntsx->rntx", counts, solved, optimize=True)
            size = np.einsum("rs,nts->rnt", counts, runs)[..., None]
            shares.append(np.divide(summed, size, out=np.zeros_like(summed), where=size > 0).mean(axis=2))
        sizes.append(spent.shape[1])
    return _bands(shares, sizes, names, by, clock, at, over, confidence)


def _compared(times: pd.DataFrame, by: str, clock: str) -> pd.Index:
    """Return the names to compare, in order of appearance. Raises OptbenchError where one lacks runs on a problem."""
    if clock not in CLOCKS:
        raise unknown("clock", clock, CLOCKS)
    if by not in times.columns:
        raise unknown("column", by, times.columns)
    names = pd.Index(times[by].unique())
    pairs = times[[by, "problem"]].drop_duplicates()
    missing = pd.MultiIndex.from_product([names, times["problem"].unique()]).difference(pd.MultiIndex.from_frame(pairs))
    if len(missing):
        name, problem = missing[0]
        raise OptbenchError(f"{name} has no runs on {problem}, which others have: leave one of the two out")
    return names


def _cells(
    times: pd.DataFrame, by: str, clock: str, names: pd.Index
) -> Iterator[tuple[int, pd.DataFrame, np.ndarray, np.ndarray, np.ndarray]]:
    """Yield for each problem its index, its rows, and three arrays (names, targets, seeds).

    They hold total costs, the number of runs that reached the target, and the number of runs.
    """
    times = times.assign(_unit=units(times))
    for place, (_, part) in enumerate(times.groupby("problem", sort=False)):
        axes = [names, pd.Index(part["target"].unique()), pd.Index(np.sort(part["_unit"].unique()))]
        cell = [axis.get_indexer(part[name]) for axis, name in zip(axes, (by, "target", "_unit"), strict=True)]
        part = part.assign(_name=cell[0], _target=cell[1], _seed=cell[2])
        spent, hits, runs = (np.zeros([len(axis) for axis in axes]) for _ in range(3))
        for array, values in ((spent, part[clock]), (hits, part["reached"]), (runs, 1.0)):
            np.add.at(array, tuple(cell), values)
        yield place, part, spent, hits, runs


def _counts(n: int, resampled: bool, seed: int) -> np.ndarray:
    """Return the weights of a bootstrap, (1 + RESAMPLES, n), or without resampling a single row of ones, (1, n)."""
    return resample_counts(n, seed) if resampled else np.ones((1, n))


def _bands(
    shares: list[np.ndarray],
    sizes: list[int],
    names: pd.Index,
    by: str,
    axis: str,
    marks: np.ndarray,
    over: Sequence[str],
    confidence: float,
) -> pd.DataFrame:
    """Return the mean over pairs with its band, problems weighted by the number of their targets.

    shares: for each problem (resamples or 1, names, marks).
    """
    for name in over:
        if name not in OVER:
            raise unknown("level to resample", name, OVER)
    problems = _counts(len(shares), "problems" in over and len(shares) > 1, 0) * np.array(sizes)
    total: np.ndarray | float = 0.0
    for column, share in enumerate(shares):
        total = total + (problems[:, column] / problems.sum(axis=1))[:, None, None] * share
    total = np.asarray(total)
    middle, low, high = percentile_bounds(total, confidence) if len(total) > 1 else (total[0],) * 3
    grid = pd.MultiIndex.from_product([names, marks], names=[by, axis]).to_frame(index=False)
    return grid.assign(share=middle.ravel(), low=low.ravel(), high=high.ravel())
