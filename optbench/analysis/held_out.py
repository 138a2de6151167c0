"""The results of tuned levels on seeds that were not used for tuning, block by block."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from optbench.analysis.protocol import HOLDS_OUT, CodedRuns
from optbench.analysis.sampling import Sampling, fold_sampling, sampling_variance

# Half a run: an expected running time without a success is then at least twice the samples that were spent
LEAST_HITS = 0.5
# The variance of a recommended setting by the luck of its search, in squares of its gap to the runner-up. Measured on
# sweeps drawn from recorded runs (`tests/analysis/test_calibration.py`), by time: with it, some of five clones are told
# apart in at most 5% of sweeps, whatever the problem; with 0.05 in up to 21%
SEARCH = 0.3
# Standard error, of the logarithm of a ratio, down to which seeds report
ERROR = 0.06
# Degrees of freedom of the variance by the search, and the levels that the usual gap of a problem stands for: choices,
# with which SEARCH was measured
SEARCH_FREEDOM = 8.0
_PRIOR = 2.0
# Pairs whose values without each group of test examples are in memory at once
_PAIRS = 256


@dataclass(frozen=True)
class HeldOut:
    """The results of each tuned cell on the reporting seeds of each block."""

    y: np.ndarray
    """(cells, blocks, seeds), the judged value; NaN where there is no run, or it failed. A block's seeds are the same
    for all cells of a problem. Where the split of the data is repeated, a fold with all of its blocks is one of them:
    these have the same data."""
    bad: np.ndarray
    """(cells, blocks, seeds), 1 for a failure, 0 for a run that finished, NaN where there is none."""
    spent: np.ndarray
    """(cells, blocks, seeds), the samples until the target was reached, or all that the run was given."""
    reached: np.ndarray
    """(cells, blocks, seeds), 1 where the target was reached, else 0; NaN where there is no run."""
    start: np.ndarray
    """(cells, blocks, seeds), ln of the first suboptimality."""
    timed: np.ndarray
    """(cells,) bool, True where results are expected running times."""
    trials: np.ndarray
    """(cells,), the most trials that a block could choose from."""
    jackknife: np.ndarray | None = None
    """(cells, blocks, seeds, groups), y without each group of test examples; None where it is not on test data."""
    folds: int = 0
    """The number of folds; 0 where the data are split once."""
    spread: np.ndarray | None = None
    """(cells,) the variance by the search that found the setting (`_spread_of_choices`); None where each block has
    searched by itself, so that the blocks show it."""

    @property
    def failures(self) -> np.ndarray:
        """The share of reporting runs that failed, (cells,); NaN for a cell without any."""
        return _mean_known(self.bad.reshape(len(self.bad), -1))

    @property
    def counts(self) -> np.ndarray:
        """The numbers of failed and of all reporting runs of each block, (cells, blocks, 2)."""
        return np.stack([np.nansum(self.bad, axis=2), (~np.isnan(self.bad)).sum(axis=2)], axis=2)

    @property
    def reached_share(self) -> np.ndarray:
        """The share of reporting runs that reached the target, (cells,)."""
        return _mean_known(self.reached.reshape(len(self.reached), -1))

    @property
    def unreached(self) -> np.ndarray:
        """The number of blocks whose every run missed the target, (cells,): their expected times are bounds."""
        hits, ran = np.nansum(self.reached, axis=2), (~np.isnan(self.reached)).any(axis=2)
        return self.timed * ((hits == 0) & ran).sum(axis=1)

    @property
    def depths(self) -> tuple[np.ndarray, np.ndarray]:
        """The mean and the largest of y - start over the reporting runs that finished, (cells,) each; NaN without any.

        Where y is the logarithm of a loss, these are logarithms of the share of the first suboptimality that is left.
        """
        each = (self.y - self.start).reshape(len(self.y), -1)
        return _mean_known(each), np.fmax.reduce(each, axis=1, initial=np.nan)

    @property
    def values(self) -> np.ndarray:
        """The result of each block, (cells, blocks).

        It is ln of the expected running time (samples spent by all runs over the number that reached the target) where
        cells are judged by time, else the mean over the runs that finished.
        """
        there = ~np.isnan(self.reached)
        hits = np.where(there, self.reached, 0.0).sum(axis=2)
        with np.errstate(divide="ignore", invalid="ignore"):
            spent = np.maximum(np.where(there, self.spent, 0.0).sum(axis=2), 1.0)  # the start may be there already
            times = np.log(spent / np.maximum(hits, LEAST_HITS))
        times = np.where(there.any(axis=2), times, np.nan)
        return np.where(self.timed[:, None], times, _mean_known(self.y))

    def differences(self, a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the difference of b and a in each block, (pairs, blocks), and the number of shared seeds, (pairs,).

        a, b: (pairs,) the two cells of each pair, as rows of `y`. Of results that are no times, the mean over the seeds
        on which both finished.
        """
        each, values = self.y[b] - self.y[a], self.values
        differences = np.where(self.timed[a][:, None], values[b] - values[a], _mean_known(each))
        shared = ~np.isnan(self.bad[a] + self.bad[b])
        return differences, shared.sum(axis=(1, 2))

    def sampling(self) -> Sampling | None:
        """Return the variance of the mean of `values` over blocks by the choice of test examples; None without any."""
        if self.folds:
            return fold_sampling(self.folds, len(self.y))
        if self.jackknife is None:
            return _add_search(None, self.spread)
        return _add_search(sampling_variance(_mean_known(np.moveaxis(self.jackknife, 2, -1))), self.spread)

    def sampling_of_differences(self, a: np.ndarray, b: np.ndarray) -> Sampling | None:
        """Return the same of the mean of `differences`; a, b: (pairs,) as there."""
        if self.folds:
            return fold_sampling(self.folds, len(a))
        search = None if self.spread is None else self.spread[a] + self.spread[b]
        if self.jackknife is None:
            return _add_search(None, search)
        found = Sampling(np.zeros(len(a)), np.ones(len(a)))
        for first in range(0, len(a), _PAIRS):  # all at once would take a gigabyte where every optimizer is compared
            rows = slice(first, first + _PAIRS)
            each = self.jackknife[b[rows]] - self.jackknife[a[rows]]
            own = sampling_variance(_mean_known(np.moveaxis(each, 2, -1)))
            found.variance[rows], found.freedom[rows] = own.variance, own.freedom
        return _add_search(found, search)

    def probability(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Return the share of the shared seeds on which a has the better run, (pairs,); ties count as halves.

        A run that failed is worse than one that did not. a, b: (pairs,) the two cells of each pair, as rows of `y`.
        """
        timed = self.timed[:, None, None]
        worth = np.where(timed, np.where(self.reached == 1, self.spent, 2 * self.spent), self.y)
        worth = np.where(self.bad == 1, np.inf, worth)
        first, second = worth[a], worth[b]
        there = ~np.isnan(first + second)  # of a problem that cannot be measured no run has a value
        with np.errstate(invalid="ignore"):
            won = np.where(first < second, 1.0, np.where(first == second, 0.5, 0.0))
            return np.where(there, won, 0.0).sum(axis=(1, 2)) / there.sum(axis=(1, 2))


def _add_search(data: Sampling | None, search: np.ndarray | None) -> Sampling | None:
    """Return the sampling error of the test examples with the variance by the search, (rows,); None without both."""
    if search is None:
        return data
    if data is None:
        return Sampling(search, np.full(len(search), SEARCH_FREEDOM))
    total = data.variance + search
    with np.errstate(invalid="ignore", divide="ignore"):
        freedom = total**2 / (data.variance**2 / data.freedom + search**2 / SEARCH_FREEDOM)
    return Sampling(total, np.where(total > 0, freedom, data.freedom))


def choice_weights(trials: np.ndarray | int, of: np.ndarray | int, place: np.ndarray | int) -> np.ndarray:
    """Return the probability that the i-th best of N trials is the best of n that are drawn without replacement.

    C(N - i, n - 1) / C(N, n), with i from 1; all trials are drawn where n > N.

    trials: N, of: n, place: i; they are broadcast.

    Source: Dodge et al. 2019, Show Your Work, in the form without replacement (Tang et al. 2020).
    """
    total, place = np.asarray(trials, dtype=np.int64), np.asarray(place, dtype=np.int64)
    drawn = np.minimum(np.asarray(of, dtype=np.int64), total)
    # The product of the shares that are left: n / N times (N - i)! (N - n)! / ((N - 1)! (N - n - i + 1)!).
    total, drawn, place = np.broadcast_arrays(total, drawn, place)
    most = int(total.max(initial=1))
    log = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, most + 1)))])  # log k!
    rest = total - drawn - place + 1
    inside = (rest >= 0) & (place <= total) & (place >= 1)
    rest, left = np.maximum(rest, 0), np.maximum(total - place, 0)
    value = log[left] + log[total - drawn] - log[np.maximum(total - 1, 0)] - log[rest]
    return np.where(inside, np.exp(value) * drawn / total, 0.0)


def held_out(table: CodedRuns, values: np.ndarray | None = None) -> HeldOut:
    """Return the results of the setting that each cell and block chose, on the block's reporting seeds.

    values: (runs,) numbers to return in place of the judged ones.
    """
    names = ("seed", "judged", "bad", "start")
    columns = {name: getattr(table, name) for name in names} | table.times._asdict()
    if table.unmeasured:
        spoiled = table.cells["problem"].isin(list(table.unmeasured)).to_numpy()[table.cell]
        columns |= {name: np.where(spoiled, np.nan, columns[name]) for name in ("judged", "samples")}
    if values is not None:
        columns["judged"] = values
    runs = table.reporting.join(pd.DataFrame(columns), on="at")
    if table.fold is not None:
        runs["block"] = table.fold[runs["at"]] - 1
    # The seeds of a block, numbered within it; a seed is the same one for all cells of a problem.
    problem = table.cells["problem"].to_numpy()[runs["cell"]]
    runs["slot"] = runs.groupby([problem, "block"])["seed"].rank(method="dense").astype(np.int64) - 1
    shape = (len(table.cells), *(int(runs[name].max()) + 1 if len(runs) else 1 for name in ("block", "slot")))
    best = _fill(table, runs[runs["place"] == 1], shape)
    if not table.reported_in_common.any():
        return best
    second = _fill(table, runs[runs["place"] == 2], shape)
    return replace(best, spread=_spread_of_choices(table, best, second))


def _fill(table: CodedRuns, runs: pd.DataFrame, shape: tuple[int, ...]) -> HeldOut:
    """Return the results of runs, each at its cell, block and slot. shape: (cells, blocks, seeds)."""
    place = (runs["cell"], runs["block"], runs["slot"])
    arrays = {name: np.full(shape, np.nan) for name in ("judged", "bad", "samples", "reached", "start")}
    for name, array in arrays.items():
        array[place] = runs[name].to_numpy(dtype=np.float64)
    y, bad, spent, reached, start = arrays.values()
    jackknife = None
    if table.jackknife is not None:
        jackknife = np.full((*shape, table.jackknife.shape[1]), np.nan)
        jackknife[place] = table.jackknife[runs["at"]]
    folds = 0 if table.fold is None else int(table.fold.max(initial=0))
    return HeldOut(y, bad, spent, reached, start, table.timed, table.trials, jackknife, folds)


def _spread_of_choices(table: CodedRuns, best: HeldOut, second: HeldOut) -> np.ndarray:
    """Return the variance of each cell's result by the luck of the search that found its setting, (cells,).

    It is estimated from the gap between the recommended setting and its runner-up on the same seeds: what another
    search might have found lies about as far away. A squared gap is drawn towards the square of the mean gap of the
    problem's levels, as if two more had it; of those that were there at the first look at it, so that what is added
    later does not change it. 0 where there is no runner-up, as there was nothing to choose.
    """
    gap = np.abs(_mean_known(second.values - best.values))
    chosen, gap = ~np.isnan(gap), np.nan_to_num(gap)
    problem = pd.factorize(table.cells["problem"])[0]
    usual = np.zeros(len(gap))
    for look in np.unique(table.looks):
        there = table.looks <= look
        means = np.bincount(problem, gap * there) / np.maximum(np.bincount(problem, chosen & there), 1)
        usual = np.where(table.looks == look, means[problem], usual)
    return np.where(chosen, SEARCH * (gap**2 + _PRIOR * usual**2) / (1 + _PRIOR), 0.0)


def count_report_seeds(table: CodedRuns) -> dict[str, int]:
    """Return by problem the number of seeds on which its recommended settings should report.

    It brings the standard error of every difference to the leader down to `ERROR`. 0 where a problem has not reported
    in common.
    """
    values, needed = held_out(table).values, {}
    for problem, cells in table.cells.groupby("problem", sort=False).indices.items():
        means = _mean_known(values[cells])
        needed[problem] = 0
        if table.reported_in_common[cells[0]] and not np.isnan(means).all():
            differences = values[cells] - values[cells[np.nanargmin(means)]]
            spread = [np.var(each, ddof=1) for row in differences if len(each := row[~np.isnan(row)]) > 1]
            needed[problem] = int(np.ceil(max(spread, default=0.0) / ERROR**2))
    return needed


def best_of(table: CodedRuns, counts: Iterable[np.ndarray | int]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield for each count the expected result of the best of so many trials of a block, and the failures.

    Results are those on the block's reporting seeds where all of its settings ran there, as in a plain grid; else the
    mean y on its tuning seeds, which is a little too good. counts: of each one number, or (cells,).

    Yields the result, (cells, blocks), and the expected share of failures, (cells,).
    """
    ranked = table.ranked
    size = ranked.groupby(["cell", "block"])["setting"].transform("size").to_numpy()
    value, failed = ranked["score"].to_numpy(), (ranked["failures"] / ranked["n"].clip(lower=1)).to_numpy()
    runs = pd.DataFrame({"block": table.block, "setting": table.setting, "y": table.reported, "bad": table.bad})
    runs = runs[(table.stage == HOLDS_OUT) & ~table.cut].groupby(["block", "setting"])[["y", "bad"]].mean()
    fresh = runs.reindex(pd.MultiIndex.from_frame(ranked[["block", "setting"]]))
    if fresh["y"].notna().all():
        value, failed = fresh["y"].to_numpy(), fresh["bad"].to_numpy(dtype=np.float64)
    place = ranked["cell"].to_numpy(), ranked["block"].to_numpy()
    shape = (len(table.cells), int(ranked["block"].to_numpy().max(initial=-1)) + 1)
    for count in counts:
        drawn = np.broadcast_to(count, len(table.cells))[place[0]]
        weight = choice_weights(size, drawn, ranked["place"].to_numpy())
        sums, failures, total = (np.zeros(shape) for _ in range(3))
        for array, each in ((sums, value), (failures, failed), (total, np.ones(len(ranked)))):
            np.add.at(array, place, weight * each)
        with np.errstate(invalid="ignore", divide="ignore"):
            yield sums / total, failures.sum(axis=1) / total.sum(axis=1)


def _mean_known(values: np.ndarray) -> np.ndarray:
    """Return the mean of the last axis without NaN; NaN where a row has nothing else."""
    there = ~np.isnan(values)
    with np.errstate(invalid="ignore"):
        return np.where(there, values, 0.0).sum(axis=-1) / np.where(there.any(axis=-1), there.sum(axis=-1), np.nan)
