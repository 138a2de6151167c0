"""Runs that several claims need: evaluated at every step, or at rates tuned on seeds that do not report."""

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


def find_best_rate(spec: Mapping, tuning: Iterable[int], **settings) -> float:
    """Return the rate of a sweep over one problem and optimizer that is best on the tuning seeds."""
    trials = optbench.sweep(spec, seeds=list(tuning), tuning_seeds=0, **settings).runs
    return float(best_configurations(trials, tuning)["lr"].iloc[0])


def costs_to_loss(results: optbench.Results, loss: float) -> pd.DataFrame:
    """Return the cost of each run until its loss stays at or below `loss`; that of all steps if it never does."""
    return time_to_target(results, fixed_targets(results.runs, loss, results.problems))


def tuned_costs(
    spec: Mapping, target: float, rates: Sequence[float], tuning: int, seeds: int, budget: Budget
) -> pd.DataFrame:
    """Return the `costs` of a sweep over one problem, each optimizer and batch size at its fastest rate.

    The first `tuning` seeds choose the rates, the next `seeds` report. `spec`: the sweep's keys, but for these two.
    """
    (first, rest), groups = split_seeds(tuning, seeds), ["optimizer", "batch_size"]
    trials = costs_to_loss(
        optbench.sweep(spec, learning_rates=list(rates), seeds=first, workers=budget.workers), target
    )
    best = {key: fastest_rate(part) for key, part in trials.groupby(groups)}
    chosen = sorted(set(best.values()))
    table = costs_to_loss(optbench.sweep(spec, learning_rates=chosen, seeds=rest, workers=budget.workers), target)
    return table[table["lr"] == [best[key] for key in zip(*(table[name] for name in groups), strict=True)]]
