"""A whole sweep, from its spec to its folder: what the command and the Python function share."""

import os
from collections.abc import Callable
from pathlib import Path

from optbench.analysis.columns import comparable, lost
from optbench.catalogue.loader import Catalogue
from optbench.compiler import device as devices
from optbench.contract.errors import OptbenchError, shown
from optbench.engine import settings
from optbench.sweeps import executor, landscapes, stages
from optbench.sweeps.chosen import chosen_spec
from optbench.sweeps.failures import told
from optbench.sweeps.isolation import Isolation
from optbench.sweeps.plan import Plan, expand
from optbench.sweeps.provenance import provenance
from optbench.sweeps.spec import Spec
from optbench.sweeps.spec_files import to_toml
from optbench.sweeps.store import Store

MOST_WORKERS = 1024
"""Of threads: more are as good as so many."""


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def checked_workers(workers: int | None) -> int:
    """The number of threads; by default one a core. Raises OptbenchError below 1."""
    if workers is not None and not (settings.whole(workers) and workers >= 1):
        raise OptbenchError(f"workers={shown(workers)} must be at least 1, and a whole number")
    return cores() if workers is None else min(int(workers), MOST_WORKERS)


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
    isolation: Isolation | None = None,
    retry_failed: bool = False,
) -> executor.Status:
    """Run ``plan`` into ``directory``, or the rest of it; write the tables. Raises OptbenchError.

    ``isolation``: what runs in processes of its own. ``retry_failed``: what has failed before is tried again.
    """
    workers, isolation, plugins = checked_workers(workers), isolation or Isolation(), plan.spec.plugins
    store = Store(directory, plan.spec, provenance(command, plan))
    planned = list(plan.cohorts)
    with isolation.crew(workers, plugins) as crew:
        ways = isolation.ways(crew, plugins, again=retry_failed)
        status = executor.run_all(planned, store, workers, watch, ways=ways)
        for plan_stage in stages.STAGES.values() if plan.spec.blocks else ():
            runs = comparable(store.runs([each.cohort_id for each in planned]))
            if runs.empty:
                break  # nothing ran
            more = plan_stage(plan, runs)
            planned += more
            status = executor.run_all(more, store, workers, watch, status, ways)
    runs = store.runs([each.cohort_id for each in planned])
    status.failed = told(runs)
    if (left := chosen_spec(plan, runs)) is not None:
        store.leave("chosen.toml", to_toml(left))
    ran = set(runs["problem"][(runs["status"] != "failed").to_numpy()])
    problems = [problem for problem in plan.problems if problem.name in ran]
    store.finish([each.cohort_id for each in planned], landscapes.facts(problems, isolation.grids(problems, plugins)))
    if lost(runs).all():
        raise OptbenchError("; ".join(f"{pair}: {reason}" for pair, reason in status.failed.items()))
    return status
