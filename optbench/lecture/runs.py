"""Runs that several claims need: evaluated at every step, or at rates tuned on seeds that do not report."""

import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

import optbench
from optbench.analysis import best_configurations, fixed_targets, time_to_target
from optbench.analysis.statistics import Interval, fastest_rate, median_interval, paired_ratios
from optbench.claims.claim import SECOND_SEED, Budget, split_seeds

BLOCKS, QUICK_BLOCKS = 9, 6
"""Blocks of seeds; six are the fewest whose median has a 95% interval."""
BLOCK_TUNES, BLOCK_REPORTS = 5, 3
"""Seeds of a block on which rates are tuned, and on which they are reported."""


def run_every_step(
    problem: str,
    optimizer: str,
    rates: Sequence[float],
    *,
    seeds: Sequence[int],
    steps: int,
    batch_size: int | str = "full",
    schedule: str = "constant",
) -> pd.DataFrame:
    """Return the sweep's table `curves` with a row for each step from 0, and the columns lr0 (the rate), seed, status.

    batch_loss of step t is the cost of its mini-batch at the weights before it, so train_loss of step t - 1 is the
    cost of all examples at the same weights. A diverged run ends with its last finite step.
    """
    settings, parts = [{"lr": float(rate), "schedule": schedule} for rate in rates], []
    for seed in seeds:
        cohort = optbench.cohort(
            problem, optimizer, settings, steps=steps, batch_size=batch_size, seed=int(seed), points="every"
        )
        runs = cohort.runs[["run_id", "lr", "seed", "status"]].rename(columns={"lr": "lr0"})
        parts.append(runs.merge(cohort.curves, on="run_id"))
    return pd.concat(parts, ignore_index=True).drop(columns="run_id")


def run_sweep(spec: Mapping, **changes: Any) -> optbench.Results:
    """Run a sweep that shows no progress, for the lecture shows its own, and keeps no folder.

    spec: the keys of the sweep; changes: further keywords of `optbench.sweep`.
    """
    with tempfile.TemporaryDirectory() as folder:
        return optbench.sweep(spec, out=folder, progress=False, **changes).in_memory()


def find_best_rate(spec: Mapping, tuning: Iterable[int], **settings: Any) -> float:
    """Return the learning rate that is best on the tuning seeds.

    spec: the keys of a sweep over one problem and optimizer; tuning: the seeds; settings: further keys.
    """
    trials = run_sweep(spec, seeds=list(tuning), tuning_seeds=0, **settings).runs
    return float(best_configurations(trials, tuning)["lr"].iloc[0])


def blocks_of_seeds(budget: Budget, first: int = SECOND_SEED) -> Iterator[tuple[int, list[int], list[int]]]:
    """Yield (block, tuning seeds, reporting seeds). No two blocks share a seed.

    A block tunes anew, so the spread between blocks has the luck of tuning in it. first: the first of all seeds.
    """
    size = BLOCK_TUNES + BLOCK_REPORTS
    for block in range(budget.count_seeds(QUICK_BLOCKS, BLOCKS)):
        yield block, *split_seeds(BLOCK_TUNES, BLOCK_REPORTS, first + block * size)


def shift_grid(low: float, high: float, count: int, block_seed: int) -> list[float]:
    """Return a log-spaced grid of rates, moved by up to half a step, as each block of a sweep moves its own.

    low, high, count: of the grid; block_seed: what the offset is drawn from.
    """
    step = np.log(high / low) / (count - 1)
    offset = np.random.default_rng(block_seed).uniform(-step / 2, step / 2)
    return [float(rate) for rate in np.geomspace(low, high, count) * np.exp(offset)]


def final_suboptimalities(
    problem: str, optimizer: str, settings: Sequence[Mapping], seeds: Iterable[int], *, steps: int, batch_size: int
) -> np.ndarray:
    """Return the last suboptimality of each seed and setting, (seeds, settings); inf for a run that diverged."""
    rows = []
    for seed in seeds:
        runs = optbench.cohort(
            problem, optimizer, settings, steps=steps, batch_size=batch_size, seed=seed, points=[steps]
        ).runs
        rows.append(runs["suboptimality_final"].where(runs["status"] == "ok", np.inf).to_numpy())
    return np.array(rows)


def tune_rates(
    problem: str, optimizer: str, settings: Sequence[Mapping], rates: Sequence[float], seeds: Iterable[int], **run: int
) -> list[float]:
    """Return the best rate of each setting, with the lowest median of `final_suboptimalities` over the tuning seeds.

    On ties the smaller rate. run: steps and batch_size.
    """
    tried = [{**setting, "lr": rate} for setting in settings for rate in rates]
    middle = np.median(final_suboptimalities(problem, optimizer, tried, seeds, **run), axis=0)
    return [rates[place] for place in middle.reshape(len(settings), len(rates)).argmin(axis=1)]


def block_ratio_interval(table: pd.DataFrame, column: str, ours: str, other: str) -> Interval:
    """Return the median over blocks of `ours` over `other`, with its distribution-free interval.

    A block's ratio is the median over its seeds of `paired_ratios`. table: a row a run, with block, seed, label and
    `column`, inf for a failure; ours, other: labels.
    """
    wide = table.pivot(index=["block", "seed"], columns="label", values=column)
    ratio = pd.Series(paired_ratios(wide[ours], wide[other]), wide.index)
    return median_interval(ratio.groupby("block").median())


def block_medians(table: pd.DataFrame, groups: list[str], column: str) -> pd.DataFrame:
    """Return the median of a column by block and `groups`, in their order of appearance."""
    return table.groupby([*groups, "block"], sort=False)[column].median().reset_index()


def costs_to_loss(results: optbench.Results, loss: float) -> pd.DataFrame:
    """Return `time_to_target` of a sweep: what each run takes until its loss stays at or below `loss`, a row a run.

    Where the column `reached` is False, that of all steps of the run.
    """
    return time_to_target(results, fixed_targets(results.runs, loss, results.problems))


def tuned_costs(
    spec: Mapping,
    target: float,
    rates: Sequence[float],
    seeds: tuple[list[int], list[int]],
    budget: Budget,
    largest: Mapping[str, float] | None = None,
) -> pd.DataFrame:
    """Return `costs_to_loss` at the fastest rate of each optimizer and batch size, a row a reporting run.

    spec: the keys of a sweep over one problem, without rates and seeds; target: the loss to reach; rates: those to
    choose from; seeds: those that choose the rates, and those that report; largest: optimizer -> the largest rate that
    it may choose.
    """
    (first, rest), groups = seeds, ["optimizer", "batch_size"]
    trials = costs_to_loss(run_sweep(spec, learning_rates=list(rates), seeds=first, workers=budget.workers), target)
    if largest:
        trials = trials[trials["lr"] <= trials["optimizer"].map(largest)]
    best = {key: fastest_rate(part) for key, part in trials.groupby(groups)}
    chosen = sorted(set(best.values()))
    table = costs_to_loss(run_sweep(spec, learning_rates=chosen, seeds=rest, workers=budget.workers), target)
    return table[table["lr"] == [best[key] for key in zip(*(table[name] for name in groups), strict=True)]]
