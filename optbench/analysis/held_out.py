"""The results of tuned levels on seeds not used for tuning, block by block, at any number of trials."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from optbench.analysis.pair_statistics import row_medians
from optbench.analysis.protocol import CodedRuns, choose_coded_settings


@dataclass(frozen=True)
class HeldOut:
    """The values y of each tuned cell on the reporting seeds of each block."""

    y: np.ndarray
    """(cells, blocks, seeds), NaN where there is no run; a block's seeds are the same for all cells of a problem."""
    bad: np.ndarray
    """(cells, blocks, seeds), the probability of a failure."""
    trials: np.ndarray
    """(cells,), the most trials that a block could choose from."""
    draw: np.ndarray
    """(cells,), the variance of y due to the choice of trials; 0 where a cell has all of its trials."""

    @property
    def failures(self) -> np.ndarray:
        """The share of reporting runs that failed, (cells,); NaN for a cell without any."""
        there = ~np.isnan(self.y)
        with np.errstate(invalid="ignore"):
            return np.where(there, self.bad, 0.0).sum(axis=(1, 2)) / there.sum(axis=(1, 2))

    def differences(self, a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the median of y_b - y_a over the shared seeds of each block, and the number of those seeds.

        a, b: (pairs,) the two cells of each pair, as rows of `y`. Returns (pairs, blocks) and, over all blocks,
        (pairs,).
        """
        each = self.y[b] - self.y[a]
        return row_medians(each), np.sum(~np.isnan(each), axis=(1, 2))

    def probability(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Return the share of the shared seeds on which a has the lower y, (pairs,); ties count as halves.

        a, b: (pairs,) the two cells of each pair, as rows of `y`.
        """
        each = self.y[b] - self.y[a]
        with np.errstate(invalid="ignore"):
            count = np.sum(~np.isnan(each), axis=(1, 2))
            return (np.sum(each > 0, axis=(1, 2)) + 0.5 * np.sum(each == 0, axis=(1, 2))) / count


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

    values: (runs,) numbers to return in place of y; settings are chosen by y in any case.
    """
    best = choose_coded_settings(table)
    weights = best[["setting", "block"]].assign(weight=1.0)
    trials = best.groupby("cell")["trials"].max().reindex(range(len(table.cells)), fill_value=0)
    reported = table if values is None else replace(table, y=values)
    return HeldOut(*_average_reports(reported, weights), trials.to_numpy(), np.zeros(len(table.cells)))


def held_out_at(table: CodedRuns, count: np.ndarray | int) -> HeldOut:
    """Return the expected y of the best of `count` trials drawn from those of a block; count: one number, or (cells,).

    All settings must have run on the reporting seeds: a plain grid, or the screening seeds in blocks formed anew.
    """
    ranked = table.ranked
    size = ranked.groupby(["cell", "block"])["setting"].transform("size").to_numpy()
    drawn = np.broadcast_to(count, len(table.cells))[ranked["cell"]]
    weights = ranked[["setting", "block"]].assign(weight=choice_weights(size, drawn, ranked["place"].to_numpy()))
    trials = pd.Series(size).groupby(ranked["cell"].to_numpy()).max().reindex(range(len(table.cells)), fill_value=0)
    y, bad = _average_reports(table, weights[weights["weight"] > 0])
    return HeldOut(y, bad, np.minimum(trials.to_numpy(), count), _draw_variance(table, count))


def _draw_variance(table: CodedRuns, count: np.ndarray | int) -> np.ndarray:
    """Return the variance of y, (cells,), due to the random choice of `count` trials, over all blocks together."""
    runs = pd.DataFrame({"setting": table.setting, "y": table.y})[~table.cut]
    stage = table.stage[~table.cut]
    score, y = (runs[stage == used].groupby("setting")["y"].mean() for used in (0, 2))
    rows = pd.DataFrame({"cell": table.settings["cell"], "score": score, "y": y}).dropna()
    rows = rows.sort_values(["cell", "score"], kind="stable")
    groups = rows.groupby("cell")
    drawn = np.broadcast_to(count, len(table.cells))[rows["cell"]]
    weight = choice_weights(groups["y"].transform("size").to_numpy(), drawn, groups.cumcount().to_numpy() + 1)
    cell, y = rows["cell"].to_numpy(), rows["y"].to_numpy()
    mean = np.bincount(cell, weights=weight * y, minlength=len(table.cells))
    return np.bincount(cell, weights=weight * (y - mean[cell]) ** 2, minlength=len(table.cells))


def _average_reports(table: CodedRuns, weights: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return y and the share of failures on each reporting seed, (cells, blocks, seeds): weighted means over settings.

    weights: columns setting, block and weight, the probability that the block chooses the setting.
    """
    if weights.empty:
        nothing = np.full((len(table.cells), 1, 1), np.nan)
        return nothing, nothing
    columns = {name: getattr(table, name) for name in ("cell", "block", "seed", "setting", "y", "bad")}
    runs = pd.DataFrame(columns)[(table.stage == 2) & ~table.cut].merge(weights, on=["setting", "block"])
    # The seeds of a block, numbered within it; a seed is the same one for all cells of a problem.
    problem = table.cells["problem"].to_numpy()[runs["cell"]]
    slot = runs.groupby([problem, "block"])["seed"].rank(method="dense").astype(np.int64) - 1
    place = (runs["cell"], runs["block"], slot)
    shape = (len(table.cells), *(int(each.to_numpy().max(initial=0)) + 1 for each in (runs["block"], slot)))
    total, y, bad = (np.zeros(shape) for _ in range(3))
    for array, values in ((total, 1.0), (y, runs["y"]), (bad, runs["bad"])):
        np.add.at(array, place, runs["weight"] * values)
    with np.errstate(divide="ignore", invalid="ignore"):
        return y / total, bad / total
