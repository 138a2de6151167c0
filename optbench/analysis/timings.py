"""Where the time of a sweep went."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd


def timing_summary(timings: pd.DataFrame, runs: pd.DataFrame, by: Sequence[str] = ("problem",)) -> pd.DataFrame:
    """Totals of the `timings` table per group of runs.

    Returns columns `by`, runs, run_steps, seconds, ns_per_run_step (mean over run-steps, so that long cohorts weigh
    more), evaluation_share (of the seconds, 0 to 1; NaN where no time was recorded), compile_seconds.
    """
    by = list(by)
    place = runs.drop_duplicates("cohort_id")[["cohort_id", *by]]
    table = timings.merge(place, on="cohort_id", how="inner")
    table["run_steps"] = table["lanes"].astype(np.float64) * table["steps"]
    table["weighted"] = table["ns_per_run_step"] * table["run_steps"]
    sums = ["lanes", "run_steps", "weighted", "seconds", "evaluation_seconds", "compile_seconds"]
    total = table.groupby(by, sort=False)[sums].sum().reset_index()
    out = total[by].assign(runs=total["lanes"].astype(np.int64), run_steps=total["run_steps"].astype(np.int64))
    out["seconds"] = total["seconds"]
    out["ns_per_run_step"] = total["weighted"] / total["run_steps"].where(total["run_steps"] > 0)
    out["evaluation_share"] = total["evaluation_seconds"] / total["seconds"].where(total["seconds"] > 0)
    out["compile_seconds"] = total["compile_seconds"]
    return out
