"""A whole sweep, from its spec to its folder: what the command and the Python function share."""

import os
import warnings
from collections.abc import Callable
from pathlib import Path

from optbench.catalogue.loader import Catalogue
from optbench.compiler import device as devices
from optbench.contract.errors import OptbenchError
from optbench.sweeps import executor, landscapes, stages
from optbench.sweeps.chosen import chosen_spec
from optbench.sweeps.plan import Plan, expand
from optbench.sweeps.provenance import provenance
from optbench.sweeps.spec import Spec
from optbench.sweeps.spec_files import to_toml
from optbench.sweeps.store import opened


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
    command: str = "optbench.sweep",
    watch: Callable[[executor.Status], None] = lambda status: None,
    tell: Callable[[str], None] = warnings.warn,
    extend: bool = False,
) -> executor.Status:
    """Run ``plan`` into ``directory``, or the rest of it; write the tables. Raises OptbenchError.

    ``tell`` hears what the user should know, a line each. extend: the folder may hold a part of the plan's sweep.
    """
    workers = checked_workers(workers)
    with opened(directory, plan.spec, provenance(command, plan), tell, plan.shard, extend) as store:
        planned, status = list(plan.cohorts), executor.Status()
        stage_plans = stages.STAGES.values() if plan.spec.blocks else ()
        for plan_stage in (None, *stage_plans):
            first = len(planned) if plan_stage else 0
            if plan_stage and status.cohorts:
                planned += plan_stage(plan, store.runs())
            status = executor.run_all(store.begin(planned, first), store, workers, watch, status)
            store.complete(planned, first)
        if status.failed and not status.cohorts:
            raise OptbenchError("; ".join(f"{pair}: {reason}" for pair, reason in status.failed.items()))
        if not plan.shard and (left := chosen_spec(plan, store.runs())) is not None:
            store.leave("chosen.toml", to_toml(left))
        problems = [each.cohort.problem for each in planned if store.has(each.cohort_id)]
        store.finish(landscapes.facts(problems))
        return status
