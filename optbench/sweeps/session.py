"""A whole sweep, from its spec to its folder: what the command and the Python function share."""

import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pandas as pd

from optbench.analysis.columns import lost
from optbench.catalogue import loader
from optbench.catalogue.loader import Catalogue
from optbench.compiler import device as devices
from optbench.contract.arguments import is_whole
from optbench.contract.eager import Eager
from optbench.contract.errors import OptbenchError, shown
from optbench.contract.resources import cores
from optbench.datasets import copies
from optbench.sweeps import landscapes, snippets, stages, walks
from optbench.sweeps.chosen import chosen_spec, recommended
from optbench.sweeps.crews.choice import crew_for
from optbench.sweeps.executor import Status, Ways, run_all
from optbench.sweeps.isolation import Isolation
from optbench.sweeps.plan import Plan, expand
from optbench.sweeps.plan_data import from_data
from optbench.sweeps.planned import PlannedCohort, cohort_cost
from optbench.sweeps.provenance import provenance
from optbench.sweeps.reasons import failures, joined_failures
from optbench.sweeps.spec import Spec
from optbench.sweeps.spec_files import to_toml
from optbench.sweeps.store.folder import Store, opened
from optbench.sweeps.time_limit import Run, TimeLimit, run_within

_LONG = 2e10
"""Nanoseconds of other libraries' steps from which on they run in processes of their own."""
MOST_WORKERS = 1024
"""Of threads: more are as good as so many."""


@dataclass(frozen=True)
class Options:
    """How a sweep is run: nothing that its numbers depend on."""

    workers: int | None = None
    """Threads, or worker processes; None: one a core."""
    executor: str = "threads"
    """Or "dask", for the workers of ``scheduler``, by default of one on this machine."""
    scheduler: str | None = None
    isolation: Isolation = field(default_factory=Isolation)
    """What runs in processes of its own."""
    extend: bool = False
    """Whether the folder may hold a part of the plan's sweep."""
    retry_failed: bool = False
    """Whether what has failed before is tried again."""
    time_limit: TimeLimit | None = None
    """The time that there is; the tables then are of what came to its end, and all settings had the same."""


def checked_workers(workers: int | None) -> int:
    """The number of threads; by default one a core. Raises OptbenchError below 1."""
    if workers is not None and not (is_whole(workers) and workers >= 1):
        raise OptbenchError(f"workers={shown(workers)} must be at least 1, and a whole number")
    return cores() if workers is None else min(int(workers), MOST_WORKERS)


def planned(spec: Spec, isolation: Isolation, on_broken: Callable[[Path, str], None]) -> Plan:
    """Expand ``spec``; a worker process does so where it names files of the user's, which stay out of this process.

    on_broken: called with each file that does not load, and its traceback. Raises OptbenchError.
    """
    apart = isolation.plans_apart(spec)
    data = isolation.plan_data(spec) if apart else {}
    catalogue = loader.load(() if apart else spec.plugins)
    broken = {Path(path): trace for path, trace in data["broken"].items()} if apart else catalogue.broken
    for path, trace in broken.items():
        on_broken(path, trace)
    if "error" in data:
        raise _naming(broken, OptbenchError(data["error"]))
    device, note = devices.choose(spec.device)
    if not apart or device == "cuda":  # a GPU's memory is shared by all: its cohorts run in this process
        expanded = plan(spec, loader.load(spec.plugins))
    else:
        expanded = from_data(data["plan"], spec, catalogue, device, note)
        for digest, sets in data["files"].items():
            for name, files in sets.items():
                copies.remember(digest, name, list(map(Path, files)))
    return replace(expanded, findings=tuple(data.get("findings", ())))


def plan(spec: Spec, catalogue: Catalogue) -> Plan:
    """The cohorts of ``spec``, for the device that it asks for.

    Raises OptbenchError, and names the plug-in files that would not load.
    """
    device, note = devices.choose(spec.device)
    try:
        return expand(spec, catalogue, device, note)
    except OptbenchError as error:
        raise _naming(catalogue.broken, error) from None


def _naming(broken: Iterable[Path], error: OptbenchError) -> OptbenchError:
    """Return the error with the files that do not load, which may be why a name is unknown."""
    files = ", ".join(path.name for path in broken if path.name not in str(error))
    return OptbenchError(f"{error} (broken plug-in files: {files})") if files else error


def execute(
    plan: Plan,
    directory: str | Path,
    options: Options | None = None,
    *,
    command: str = "optbench.sweep",
    watch: Callable[[Status], None] = lambda status: None,
    tell: Callable[[str], None] = warnings.warn,
) -> Status:
    """Run ``plan`` into ``directory``, or the rest of it; write the tables. Raises OptbenchError.

    ``tell`` hears what the user should know, a line each.
    """
    options, plugins = options or Options(), plan.spec.plugins
    if options.scheduler is not None and options.workers is not None:
        raise OptbenchError("workers are those of the scheduler: leave --workers out")
    workers, isolation = checked_workers(options.workers), options.isolation
    with (
        # First: what it refuses leaves no folder behind, which would be in the way of the next sweep.
        crew_for(plan, options.executor, options.scheduler, workers) as hired,
        opened(directory, plan.spec, provenance(command, plan), tell, plan.shard, options.extend) as store,
        isolation.crew(workers, plugins) as processes,
    ):
        again = options.retry_failed
        ways = (
            Ways(hired=hired, apart=isolation.apart, again=again)
            if hired
            else isolation.ways(processes, plugins, long_eager(plan), again=again)
        )

        def run(planned: Sequence[PlannedCohort], ways: Ways, status: Status) -> Status:
            return run_all(planned, store, workers, watch, status, ways)

        within = options.time_limit
        status, counted = run_within(within, plan, store, run, ways) if within else _whole(plan, store, run, ways)
        until = within.end_of_paths(len(plan.problems)) if within else None
        runs = write_tables(plan, store, isolation, only=counted, until=until)
        status.failed = failures(runs)
        if lost(runs).all():
            raise OptbenchError(joined_failures(status.failed))
        return status


def write_tables(
    plan: Plan,
    store: Store,
    isolation: Isolation,
    *,
    begun: bool = True,
    only: frozenset[str] | None = None,
    until: float | None = None,
) -> pd.DataFrame:
    """Write the final tables, and what the whole sweep recommends where all its stages have ``begun``.

    Returns of all runs what tells which have failed.

    only: the cohorts that count; until: on time.monotonic, when no further path is begun.
    """
    runs = store.runs(only)
    settings = recommended(plan, runs) if begun and not plan.shard else None
    if settings and (left := chosen_spec(plan, settings)) is not None:
        store.write_text("chosen.toml", to_toml(left))
    ran = set(runs["problem"][(runs["status"] != "failed").to_numpy()])
    problems = [problem for problem in plan.problems if problem.name in ran]
    paths, code = walks.SCHEMA.empty_table(), snippets.SCHEMA.empty_table()
    with isolation.user_code(plan.spec.plugins) as user_code:
        grids = user_code.grids(problems)
        if settings:
            paths = walks.walks(settings, runs, plan.spec.split_seeds()[0], user_code.curves_of, until)
            code = snippets.snippets(settings, runs, user_code.codes_of)
    ended = runs[["problem", "optimizer", "status", "failure"]]
    del runs, settings  # a million take as much memory as what puts the tables together
    store.finish({**landscapes.facts(problems, grids), "paths": paths, "snippets": code}, begun, only)
    return ended


def long_eager(plan: Plan) -> bool:
    """Whether the steps of other libraries take long enough for processes of their own, which load these anew."""
    eager = [each for each in plan.series if isinstance(each.cohort.optimizer, Eager)]
    return sum(len(each.seeds) * cohort_cost(each.cohort) for each in eager) > _LONG


def _whole(plan: Plan, store: Store, run: Run, ways: Ways) -> tuple[Status, None]:
    """Run all stages, each to its end."""
    planned, status = list(plan.cohorts), Status()
    stage_plans = stages.STAGES.values() if plan.spec.blocks else ()
    for plan_stage in (None, *stage_plans):
        first = len(planned) if plan_stage else 0
        if plan_stage:
            planned += plan_stage(plan, store.runs())
        status = run(store.begin(planned, first), ways, status)
        store.complete(planned, first)
    return status, None
