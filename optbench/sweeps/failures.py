"""Runs that could not run: their rows in the tables.

They are results like all others: they are kept, count as failures, and are not tried again unless that is asked for.
"""

from pathlib import Path

import pyarrow as pa

from optbench.sweeps.planned import PlannedCohort
from optbench.sweeps.reasons import in_short
from optbench.sweeps.store.cohort_files import encode
from optbench.sweeps.store.final_tables import whole
from optbench.sweeps.tables import empty_outcome, tables


def failed_tables(planned: PlannedCohort, reason: str) -> dict[str, pa.Table]:
    """The tables of a cohort none of whose runs has anything to show: failed rows, no curves, no time."""
    cohort = planned.cohort
    made = tables(cohort, empty_outcome(cohort, in_short(reason)), planned.place, planned.run_ids, 1)
    return {**made, "timings": made["timings"].slice(0, 0)}


def failed_file(planned: PlannedCohort, reason: str) -> bytes:
    """The same as the cohort's file."""
    return encode(planned.cohort_id, failed_tables(planned, reason))


def has_failed(cohorts: Path, cohort_id: str) -> bool:
    """Whether a run of the cohort, whose file is in the folder ``cohorts``, failed."""
    return "failed" in whole(cohorts, cohort_id)["runs"]["status"].to_pylist()
