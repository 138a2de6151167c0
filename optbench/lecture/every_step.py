"""Runs that are evaluated after every step, where the sweep's points are spaced in the logarithm of the step."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd


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
    from optbench.catalogue import loader
    from optbench.engine.cohort import run_cohort
    from optbench.engine.lanes import Lane
    from optbench.sweeps.executor import one_blas_thread
    from optbench.sweeps.plan import CohortPlan
    from optbench.sweeps.tables import tables

    catalogue = loader.load()
    made, (rule, values) = catalogue.problem(problem), catalogue.optimizer(optimizer)
    factor = catalogue.schedule(schedule)
    lanes = tuple(Lane(float(rate), factor, values) for rate in rates)
    size = made.examples if batch_size == "full" else min(int(batch_size), made.examples)
    parts = []
    with one_blas_thread():
        for seed in seeds:
            setting = {"seed": seed, "batch_size": size, "steps": steps, "dtype": "float64"}
            cohort = run_cohort(made, rule, lanes, points=np.arange(steps + 1), **setting)
            ids = tuple(f"{seed}-{place}" for place in range(len(lanes)))
            plan = CohortPlan("", ids, made, rule, lanes, size, seed, "float64", steps)
            frames = {name: table.to_pandas() for name, table in tables(plan, cohort, 1).items()}
            runs = frames["runs"][["run_id", "lr", "seed", "status"]].rename(columns={"lr": "lr0"})
            parts.append(runs.merge(frames["curves"], on="run_id"))
    return pd.concat(parts, ignore_index=True).drop(columns="run_id")
