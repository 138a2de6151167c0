"""Runs that are evaluated after every step, where the sweep's points are spaced in the logarithm of the step."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

import optbench


def every_step(
    problem: str,
    optimizer: str,
    rates: Sequence[float],
    *,
    seeds: Sequence[int],
    steps: int,
    batch_size: int | str = "full",
    schedule: str = "constant",
) -> pd.DataFrame:
    """The sweep's table `curves` with a row for each step from 0, and the columns lr0 (the rate), seed, status.

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
