"""Runs that could not run: their rows in the tables, and what a sweep says of them in the end.

They are results like all others: they are kept, count as failures, and are not tried again unless that is asked for.
"""

from pathlib import Path

import pandas as pd
import pyarrow as pa

from optbench.sweeps.assembly import whole
from optbench.sweeps.cohort_file import encode
from optbench.sweeps.planned import PlannedCohort
from optbench.sweeps.tables import empty_outcome, tables

_LONGEST = 300
"""Characters of a reason in the tables."""


def in_short(reason: str) -> str:
    """A reason in one line that a table and a terminal hold."""
    line = " ".join(reason.split()) or "it gave no reason"
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 3]}..."


def failed_tables(planned: PlannedCohort, reason: str) -> dict[str, pa.Table]:
    """The tables of a cohort none of whose runs has anything to show: failed rows, no curves, no time."""
    cohort = planned.cohort
    made = tables(cohort, empty_outcome(cohort, in_short(reason)), planned.place, planned.run_ids, 1)
    return {**made, "timings": made["timings"].slice(0, 0)}


def failed_file(planned: PlannedCohort, reason: str) -> bytes:
    """The same as the cohort's file."""
    return encode(planned.cohort_id, failed_tables(planned, reason))


def told(runs: pd.DataFrame) -> dict[str, str]:
    """What failed, by problem and optimizer: the first reason, and how many runs it is where not all."""
    bad = (runs["status"] == "failed").to_numpy()
    if not bad.any():
        return {}
    marked = runs.assign(bad=bad)
    texts = {}
    for (problem, optimizer), part in marked.groupby(["problem", "optimizer"], sort=False):
        lost = part[part["bad"]]
        if len(lost):
            reasons = lost["failure"].unique()
            more = f" (and {len(reasons) - 1:,} other reason{'s' * (len(reasons) > 2)})" if len(reasons) > 1 else ""
            count = "" if len(lost) == len(part) else f"{len(lost):,} of {len(part):,} runs failed: "
            texts[f"{problem} with {optimizer}"] = f"{count}{reasons[0]}{more}"
    return texts


def has_failed(cohorts: Path, cohort_id: str) -> bool:
    """Whether a run of the cohort, whose file is in the folder ``cohorts``, failed."""
    return "failed" in whole(cohorts, cohort_id)["runs"]["status"].to_pylist()
