"""The files of cohorts that could not run."""

from optbench.sweeps.planned import PlannedCohort
from optbench.sweeps.reasons import shortened
from optbench.sweeps.store.cohort_files import encode
from optbench.sweeps.tables import failed_tables


def failed_file(planned: PlannedCohort, reason: str) -> bytes:
    """Return the file of a cohort none of whose runs could run."""
    made = failed_tables(planned.cohort, planned.key, planned.run_ids, shortened(reason))
    return encode(planned.cohort_id, made)
