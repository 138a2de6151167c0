"""A whole sweep, from its spec to its folder: what the command and the Python function share."""

import os
from collections.abc import Callable
from pathlib import Path

from optbench.catalogue.loader import Catalogue
from optbench.compiler import device as devices
from optbench.contract.errors import OptbenchError
from optbench.sweeps import landscapes, stages
from optbench.sweeps.chosen import chosen_spec
from optbench.sweeps.crews.choice import crew_for
from optbench.sweeps.executor import Status, run_all
from optbench.sweeps.plan import Plan, expand
from optbench.sweeps.provenance import provenance
from optbench.sweeps.spec import Spec
from optbench.sweeps.spec_files import to_toml
from optbench.sweeps.store import Store


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def checked_workers(workers: int | None) -> int:
    """The number of threads; by default one a core. Raises OptbenchError below 1."""
    if workers is not None and workers < 1:
        raise OptbenchError(f"workers={workers} must be at least 1")
    return workers or cores()


def plan(spec: Spec, catalogue: Catalogue) -> Plan:
    """The cohorts of ``spec``, for the device that it asks for.

    Raises OptbenchError, and names the plug-in files that would not load.
    """
    device, note = devices.choose(spec.device)
    try:
        return expand(spec, catalogue, device, note)
    except OptbenchError as error:
        if catalogue.broken:
            files = ", ".join(path.name for path in catalogue.broken)
            raise OptbenchError(f"{error} (broken plug-in files: {files})") from None
        raise


def execute(
    plan: Plan,
    directory: str | Path,
    *,
    workers: int | None = None,
    executor: str = "threads",
    scheduler: str | None = None,
    command: str = "optbench.sweep",
    watch: Callable[[Status], None] = lambda status: None,
) -> Status:
    """Run ``plan`` into ``directory``, or the rest of it; write the tables. Raises OptbenchError.

    ``executor``: "threads", or "dask" for the workers of a ``scheduler``, by default of one on this machine.
    """
    if scheduler is not None and workers is not None:
        raise OptbenchError("workers are those of the scheduler: leave --workers out")
    workers = checked_workers(workers)
    store = Store(directory, plan.spec, provenance(command, plan))
    planned = list(plan.cohorts)
    with crew_for(plan, executor, scheduler, workers) as hired:
        status = run_all(planned, store, workers, watch, hired=hired)
        for plan_stage in stages.STAGES.values() if plan.spec.blocks and status.cohorts else ():
            more = plan_stage(plan, store.runs([each.cohort_id for each in planned]))
            planned += more
            status = run_all(more, store, workers, watch, status, hired)
    if status.failed and not status.cohorts:
        raise OptbenchError("; ".join(f"{pair}: {reason}" for pair, reason in status.failed.items()))
    if (left := chosen_spec(plan, store.runs([each.cohort_id for each in planned]))) is not None:
        store.leave("chosen.toml", to_toml(left))
    problems = [each.cohort.problem for each in planned if store.has(each.cohort_id)]
    store.finish([each.cohort_id for each in planned], landscapes.facts(problems))
    return status
