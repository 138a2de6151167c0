"""Steps to a target against the batch size, and the critical batch size: up to there, larger batches save steps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from optbench.analysis.costs import time_to_target
from optbench.analysis.measures import TIME
from optbench.analysis.protocol import HOLDOUT, select_chosen_runs
from optbench.analysis.run_columns import configuration_columns
from optbench.analysis.selection import is_staged
from optbench.analysis.statistics import Interval, percentile_interval, resample_counts
from optbench.analysis.sweep_tables import Tables
from optbench.contract.errors import OptbenchError


class Scaling(NamedTuple):
    """S(B) = least_steps (1 + critical / B), each with its interval over seeds."""

    critical: Interval
    """The critical batch size, at which a run takes twice the least steps and twice the least examples: inf where
    steps fall as 1 / B up to the largest batch, 0 where they do not fall, NaN for fewer than two fitted sizes."""
    least_steps: Interval
    """The least steps, the limit for large batches."""
    least_examples: Interval
    """The least examples, the limit for small batches: least_steps times critical."""
    sizes: int
    """The number of batch sizes whose median run reached the target; only these are fitted."""


def tuned_times(
    times: pd.DataFrame,
    tuning_seeds: Iterable[int],
    by: Sequence[str] = ("problem", "target", "batch_size"),
    clock: str = "steps",
) -> pd.DataFrame:
    """Return the rows of each group's fastest configuration, on the seeds that were not used to choose it.

    times: from `time_to_target`. tuning_seeds: those to choose on; where they are all, their own rows are returned. by:
    the columns that name a group. clock: "steps", "samples" or "seconds", by which the fastest is found.

    The fastest has the lowest expected running time on the tuning seeds; on ties, or where none reaches the target, it
    is the one with the smallest rate.

    Source: Shallue et al. 2019, JMLR 20, section 4: the rate is tuned for each batch size by itself.
    """
    runs = times.drop(columns=["target", "reached", "seconds"], errors="ignore")
    setting = [name for name in configuration_columns(runs) if name not in by]
    tuning = times["seed"].isin(list(tuning_seeds))
    if not tuning.any():
        raise OptbenchError("none of the tuning seeds has a run")
    keys = [*by, *setting]
    sums = times[tuning].groupby(keys, sort=False, dropna=False, observed=True)[[clock, "reached"]].sum()
    ert = np.where(sums["reached"] > 0, sums[clock] / sums["reached"].clip(lower=1), np.inf)
    ranked = sums.assign(_ert=ert).reset_index().sort_values([*by, "_ert", "lr"], kind="stable")
    best = ranked.drop_duplicates(list(by))[keys]
    rest = times if tuning.all() else times[~tuning]
    return rest.merge(best, on=keys, how="inner")


def batch_times(
    results: Tables,
    runs: pd.DataFrame,
    tuning_seeds: Iterable[int] = (),
    targets: pd.DataFrame | None = None,
    clock: str = "steps",
    choose_by: str = TIME,
) -> pd.DataFrame:
    """Return the cost of reaching each target, by optimizer and batch size, with all else tuned.

    Of a plain grid, every size is tuned for each target by itself. tuning_seeds: the seeds to choose on, the others
    report; where they are none or all of the seeds, the first half of the seeds takes their place. clock: the cost to
    tune by, "steps", "samples" or "seconds". Of a sweep with blocks, the runs are those of `select_batch_runs`, whose
    settings the blocks have chosen by `choose_by`.

    runs: the rows of `results.runs` to use; of a sweep with blocks only their problems and optimizers count.

    Returns rows of `time_to_target`: `tuned_times` by problem, optimizer, target and batch size.
    """
    if is_staged(runs):
        mine = results.runs[results.runs["problem"].isin(runs["problem"].unique())]
        return time_to_target(results, targets, select_batch_runs(mine, runs["optimizer"].unique(), choose_by))
    times = time_to_target(results, targets, runs)
    seeds = np.unique(times["seed"])
    tuning = np.intersect1d(seeds, list(tuning_seeds))
    if len(tuning) in (0, len(seeds)):
        tuning = seeds[: max(1, len(seeds) // 2)]
    return tuned_times(times, tuning, ("problem", "optimizer", "target", "batch_size"), clock)


def select_batch_runs(
    runs: pd.DataFrame, optimizers: Iterable[str] | None = None, choose_by: str = TIME
) -> pd.DataFrame:
    """Return the runs of a sweep with blocks that measure an optimizer at several batch sizes, on fresh seeds.

    A setting of the screen has a single seed, on which it was chosen, too. Fresh seeds has the best of each batch size
    and block alone, of whatever optimizer it is. So there is a size of an optimizer where it was the best in all blocks
    with a holdout, as it is in a sweep of one optimizer.

    runs: all runs of some problems. optimizers: those that count; by default all. choose_by: the measure that the
    settings were chosen by.

    Raises OptbenchError if no optimizer has two sizes.
    """
    chosen = select_chosen_runs(runs, choose_by, "batch_size")
    if optimizers is not None:
        chosen = chosen[chosen["optimizer"].isin(list(optimizers))]
    total = runs[runs["stage"] == HOLDOUT].groupby("problem")["block"].nunique()
    blocks = chosen.groupby(["problem", "optimizer", "batch_size"])["block"].transform("nunique")
    chosen = chosen[blocks == chosen["problem"].map(total)]
    sizes = chosen.groupby(["problem", "optimizer"])["batch_size"].transform("nunique")
    if not (sizes > 1).any():
        raise OptbenchError(
            "no optimizer has reporting runs at two batch sizes in all blocks: "
            "sweep one optimizer at a time, or a plain grid, with seeds instead of blocks"
        )
    return chosen[sizes > 1]


def critical_batch_size(times: pd.DataFrame) -> Scaling:
    """Fit S(B) = S_min (1 + B_crit / B) to the median steps of each batch size, with a bootstrap over seeds.

    The fit is least squares of the relative error, (S(B) / S - 1)^2 summed over sizes, as steps range over decades and
    scatter in proportion; neither S_min nor B_crit goes below 0. A run that does not reach the target counts as inf,
    and sizes whose median run does not reach it are left out. The interval covers the scatter of seeds, which batch
    sizes share, but not that of tuning.

    times: one problem and target, one row a (batch_size, seed) with `steps` and, if there is such a column, `reached`.

    Source: McCandlish et al. 2018, arXiv:1812.06162, eq. 2.11; Shallue et al. 2019, JMLR 20, section 4.
    """
    steps = times["steps"].astype(np.float64)
    if "reached" in times:
        steps = steps.where(times["reached"].astype(bool), np.inf)
    table = times.assign(_steps=steps).groupby(["seed", "batch_size"])["_steps"].median().unstack()
    if table.isna().any(axis=None):
        raise OptbenchError("critical_batch_size: every batch size needs a run on each of the same seeds")
    values, size = table.to_numpy(), table.columns.to_numpy(dtype=np.float64)
    fits = _fit_scaling(size, _resample_medians(values, resample_counts(len(values))))
    critical, steps_left, examples = map(percentile_interval, fits.T)
    return Scaling(critical, steps_left, examples, int(np.isfinite(np.median(values, axis=0)).sum()))


def _resample_medians(values: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return the medians (resamples, columns) over the rows of `values`; `counts` says how often a row is drawn."""
    out = np.empty((len(counts), values.shape[1]))
    half = len(values)  # a resample has as many rows as there are: twice the middle's rank
    for column, each in enumerate(values.T):
        order = np.argsort(each, kind="stable")
        cumulated = np.cumsum(counts[:, order], axis=1)
        low, high = (each[order[np.argmax(2 * cumulated >= half + more, axis=1)]] for more in (0, 1))
        out[:, column] = low / 2 + high / 2
    return out


def _fit_scaling(size: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """Return the fitted (B_crit, S_min, B_crit S_min) of each resample, (resamples, 3); NaN for fewer than two sizes.

    size: (sizes,) batch sizes; steps: (resamples, sizes) median steps, those that are not finite left out.

    S = a + b / B with weights 1 / S^2 is linear in a and b: two normal equations. Where one would be negative, it is 0
    and the other is fitted alone.
    """
    use = np.isfinite(steps)
    ones = np.where(use, 1.0 / np.where(use, steps, 1.0), 0.0)  # the columns of the design, divided by S
    inverse = ones / size
    aa, ab, bb = (ones * ones).sum(1), (ones * inverse).sum(1), (inverse * inverse).sum(1)
    ya, yb = ones.sum(1), inverse.sum(1)
    with np.errstate(invalid="ignore", divide="ignore"):
        a, b = (ya * bb - yb * ab, yb * aa - ya * ab) / (aa * bb - ab * ab)
        a, b = np.where(a < 0, 0.0, a), np.where(a < 0, yb / bb, b)
        a, b = np.where(b < 0, ya / aa, a), np.where(b < 0, 0.0, b)
        critical = np.where(a > 0, b / a, np.inf)
    fits = np.column_stack([critical, a, b])
    fits[use.sum(axis=1) < 2] = np.nan
    return fits
