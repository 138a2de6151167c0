"""Runs that several claims need: evaluated at every step, or at rates tuned on seeds that do not report."""

import tempfile
from collections.abc import Iterable, Mapping, Sequence

import pandas as pd

import optbench
from optbench.analysis import best_configurations, fixed_targets, time_to_target
from optbench.analysis.statistics import fastest_rate
from optbench.claims.record import Budget, split_seeds


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


def run_sweep(spec: Mapping, **changes) -> optbench.Results:
    """Run a sweep that shows no progress, for the lecture shows its own, and keeps no folder.

    spec: the keys of the sweep; changes: further keywords of `optbench.sweep`.
    """
    with tempfile.TemporaryDirectory() as folder:
        return optbench.sweep(spec, out=folder, progress=False, **changes).in_memory()


def find_best_rate(spec: Mapping, tuning: Iterable[int], **settings) -> float:
    """Return the learning rate that is best on the tuning seeds.

    spec: the keys of a sweep over one problem and optimizer; tuning: the seeds; settings: further keys.
    """
    trials = run_sweep(spec, seeds=list(tuning), tuning_seeds=0, **settings).runs
    return float(best_configurations(trials, tuning)["lr"].iloc[0])


def costs_to_loss(results: optbench.Results, loss: float) -> pd.DataFrame:
    """Return `time_to_target` of a sweep: what each run takes until its loss stays at or below `loss`, a row a run.

    Where the column `reached` is False, that of all steps of the run.
    """
    return time_to_target(results, fixed_targets(results.runs, loss, results.problems))


def tuned_costs(
    spec: Mapping, target: float, rates: Sequence[float], tuning: int, seeds: int, budget: Budget
) -> pd.DataFrame:
    """Return `costs_to_loss` at the fastest rate of each optimizer and batch size, a row a reporting run.

    spec: the keys of a sweep over one problem, without rates and seeds; target: the loss to reach; rates: those to
    choose from; tuning, seeds: how many seeds choose the rates, and how many others report.
    """
    (first, rest), groups = split_seeds(tuning, seeds), ["optimizer", "batch_size"]
    trials = costs_to_loss(run_sweep(spec, learning_rates=list(rates), seeds=first, workers=budget.workers), target)
    best = {key: fastest_rate(part) for key, part in trials.groupby(groups)}
    chosen = sorted(set(best.values()))
    table = costs_to_loss(run_sweep(spec, learning_rates=chosen, seeds=rest, workers=budget.workers), target)
    return table[table["lr"] == [best[key] for key in zip(*(table[name] for name in groups), strict=True)]]
