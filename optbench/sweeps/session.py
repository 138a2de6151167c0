"""A whole sweep, from its spec to its folder: what the command and the Python function share."""

import os
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

from optbench.analysis.columns import comparable, lost
from optbench.catalogue.loader import Catalogue
from optbench.compiler import device as devices
from optbench.contract.errors import OptbenchError, shown
from optbench.engine import settings
from optbench.sweeps import landscapes, stages
from optbench.sweeps.budget import Budget, Run, run_within
from optbench.sweeps.chosen import chosen_spec
from optbench.sweeps.crews.choice import crew_for
from optbench.sweeps.executor import Status, Ways, run_all
from optbench.sweeps.failures import told
from optbench.sweeps.isolation import Isolation
from optbench.sweeps.plan import Plan, expand
from optbench.sweeps.planned import PlannedCohort
from optbench.sweeps.provenance import provenance
from optbench.sweeps.spec import Spec
from optbench.sweeps.spec_files import to_toml
from optbench.sweeps.store import Store, opened

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
    executor: str = "threads",
    scheduler: str | None = None,
    command: str = "optbench.sweep",
    watch: Callable[[Status], None] = lambda status: None,
    tell: Callable[[str], None] = warnings.warn,
    extend: bool = False,
    isolation: Isolation | None = None,
    retry_failed: bool = False,
    budget: Budget | None = None,
) -> Status:
    """Run ``plan`` into ``directory``, or the rest of it; write the tables. Raises OptbenchError.

    ``executor``: "threads", or "dask" for the workers of a ``scheduler``, by default of one on this machine. ``tell``
    hears what the user should know, a line each. extend: the folder may hold a part of the plan's sweep.
    ``isolation``: what runs in processes of its own. ``retry_failed``: what has failed before is tried again.
    ``budget``: the time that there is; the tables then are of what came to its end, and all settings had the same.
    """
    if scheduler is not None and workers is not None:
        raise OptbenchError("workers are those of the scheduler: leave --workers out")
    workers, isolation, plugins = checked_workers(workers), isolation or Isolation(), plan.spec.plugins
    with (
        opened(directory, plan.spec, provenance(command, plan), tell, plan.shard, extend) as store,
        crew_for(plan, executor, scheduler, workers) as hired,
        isolation.crew(workers, plugins) as processes,
    ):
        ways = Ways(again=retry_failed) if hired else isolation.ways(processes, plugins, again=retry_failed)

        def run(planned: Sequence[PlannedCohort], ways: Ways, status: Status) -> Status:
            return run_all(planned, store, workers, watch, status, hired, ways)

        status, counted = run_within(budget, plan, store, run, ways) if budget else _whole(plan, store, run, ways)
        runs = store.runs(counted)
        status.failed = told(runs)
        if not plan.shard and (left := chosen_spec(plan, runs)) is not None:
            store.leave("chosen.toml", to_toml(left))
        ran = set(runs["problem"][(runs["status"] != "failed").to_numpy()])
        problems = [problem for problem in plan.problems if problem.name in ran]
        store.finish(landscapes.facts(problems, isolation.grids(problems, plugins)), only=counted)
        if lost(runs).all():
            raise OptbenchError("; ".join(f"{pair}: {reason}" for pair, reason in status.failed.items()))
        return status


def _whole(plan: Plan, store: Store, run: Run, ways: Ways) -> tuple[Status, None]:
    """Run all stages, each to its end."""
    planned, status = list(plan.cohorts), Status()
    stage_plans = stages.STAGES.values() if plan.spec.blocks else ()
    for plan_stage in (None, *stage_plans):
        first = len(planned) if plan_stage else 0
        if plan_stage:
            runs = comparable(store.runs())
            if runs.empty:
                break  # nothing ran
            planned += plan_stage(plan, runs)
        status = run(store.begin(planned, first), ways, status)
        store.complete(planned, first)
    return status, None
