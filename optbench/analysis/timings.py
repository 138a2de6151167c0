"""The time that a sweep took, by groups of runs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd


def timing_summary(timings: pd.DataFrame, runs: pd.DataFrame, by: Sequence[str] = ("problem",)) -> pd.DataFrame:
    """Return the totals of the `timings` table per group of runs.

    Returns columns `by`, runs, run_steps (the steps made: fewer for a run that diverged), seconds, ns_per_run_step
    (mean over the timed steps, so that long cohorts weigh more), evaluation_share (of the seconds, 0 to 1; NaN where no
    time was recorded), compile_seconds.
    """
    by = list(by)
    place = runs.drop_duplicates("cohort_id")[["cohort_id", *by]]
    table = timings.merge(place, on="cohort_id", how="inner")
    table["run_steps"] = table["cohort_id"].map(runs.groupby("cohort_id")["steps"].sum())
    table["stepping"] = table["seconds"] - table["evaluation_seconds"]
    table["timed"] = table["stepping"] / table["ns_per_run_step"].where(table["ns_per_run_step"] > 0)
    sums = ["lanes", "run_steps", "stepping", "timed", "seconds", "evaluation_seconds", "compile_seconds"]
    total = table.groupby(by, sort=False)[sums].sum().reset_index()
    out = total[by].assign(runs=total["lanes"].astype(np.int64), run_steps=total["run_steps"].astype(np.int64))
    out["seconds"] = total["seconds"]
    out["ns_per_run_step"] = total["stepping"] / total["timed"].where(total["timed"] > 0)
    out["evaluation_share"] = total["evaluation_seconds"] / total["seconds"].where(total["seconds"] > 0)
    out["compile_seconds"] = total["compile_seconds"]
    return out
