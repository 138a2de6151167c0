"""The cost of a target with every rate tuned on seeds that do not report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

import optbench
from optbench.analysis import fixed_targets, time_to_target
from optbench.analysis.targets import fastest_rate
from optbench.claims.record import Budget, split_seeds


def costs(results: optbench.Results, loss: float) -> pd.DataFrame:
    """What each run spends until its loss stays at or below `loss`; all of its budget where it never does."""
    return time_to_target(results, fixed_targets(results.runs, loss, results.problems))


def tuned_costs(
    spec: Mapping, target: float, rates: Sequence[float], tuning: int, seeds: int, budget: Budget
) -> pd.DataFrame:
    """The `costs` of a sweep over one problem, each optimizer and batch size at its fastest rate.

    The first `tuning` seeds choose the rates, the next `seeds` report. `spec`: the sweep's keys, but for these two.
    """
    (first, rest), groups = split_seeds(tuning, seeds), ["optimizer", "batch_size"]
    trials = costs(optbench.sweep(spec, learning_rates=list(rates), seeds=first, workers=budget.workers), target)
    best = {key: fastest_rate(part) for key, part in trials.groupby(groups)}
    chosen = sorted(set(best.values()))
    table = costs(optbench.sweep(spec, learning_rates=chosen, seeds=rest, workers=budget.workers), target)
    return table[table["lr"] == [best[key] for key in zip(*(table[name] for name in groups), strict=True)]]
