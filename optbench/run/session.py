"""Run a whole sweep, from its spec to its folder: the common part of the command and the Python function."""

import contextlib
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path

import pandas as pd

from optbench.analysis.answer import Answer, Question
from optbench.analysis.measures import TIME
from optbench.analysis.protocol import digest_reports
from optbench.analysis.run_columns import find_lost_runs
from optbench.analysis.sweep_tables import Tables
from optbench.catalogue import loader
from optbench.catalogue.loader import Catalogue
from optbench.compiler import device as devices
from optbench.contract import names
from optbench.contract.arguments import is_whole, one_of
from optbench.contract.eager import Eager
from optbench.contract.errors import OptbenchError, join_sentences, shown
from optbench.contract.resources import cores
from optbench.plan import stages
from optbench.plan.own_records import OwnRecords
from optbench.plan.planned_cohorts import Plan, cohort_cost, expand, sort_for_tables
from optbench.plan.spec import Spec
from optbench.run import recorded_paths
from optbench.run.chosen import SNIPPETS, make_chosen_spec, make_snippets, recommend
from optbench.run.isolation import Isolation, UserCode
from optbench.run.loop import ExecutionOptions, Status, SweepRun
from optbench.run.time_limit import TimeLimit, run_within
from optbench.store.atomic_files import Note
from optbench.store.cohort_files import CohortFiles
from optbench.store.final_tables import TableReader
from optbench.store.folder import Store, open_store, read_provenance
from optbench.store.provenance import make_provenance
from optbench.store.rows import describe_failures, join_failures, make_problem_tables

_LONG = 2e10
"""Nanoseconds of other libraries' steps from which on they run in processes of their own."""
MOST_WORKERS = 1024
"""Most threads: more are no quicker."""
EXECUTORS = ("threads", "dask")
_NOTE_SECONDS = 1.0
"""Seconds between two notes on how far a sweep is."""
# A group costs a round of planning, and threads that wait at the end of its stages
_GROUP = 4
"""Blocks that go through their stages together."""


@dataclass(frozen=True)
class Options:
    """Options of a sweep that its numbers do not depend on."""

    workers: int | None = None
    """The number of threads, or worker processes; None: one for each core."""
    executor: str = "threads"
    """Or "dask": the workers of ``scheduler``, by default of a new one on this machine."""
    scheduler: str | None = None
    isolation: Isolation = field(default_factory=Isolation)
    """The choice of what runs in worker processes."""
    extend: bool = False
    """Accept a folder that holds a part of the sweep."""
    retry_failed: bool = False
    """Run cohorts again that failed before."""
    time_limit: TimeLimit | None = None
    """The time limit; the tables then have the seeds or blocks that all settings have finished."""
    records: Path | None = None
    """A folder whose records of cohorts are taken over before anything runs."""


def checked_workers(workers: int | None) -> int:
    """Return the number of threads, by default one for each core. Raises OptbenchError below 1."""
    if workers is not None and not (is_whole(workers) and workers >= 1):
        raise OptbenchError(f"workers={shown(workers)} must be at least 1, and a whole number")
    return cores() if workers is None else min(int(workers), MOST_WORKERS)


def load_and_plan(spec: Spec, isolation: Isolation, given: OwnRecords | None = None, check: bool = False) -> Plan:
    """Load the user's files and expand ``spec``; a worker process looks for faults of what they define.

    given: what came as objects of Python; check: run all checks of the user's optimizers. Raises OptbenchError, also
    for a file that does not load, even if no name of it is used, and with ``check`` for an optimizer of no use.
    """
    given = given or OwnRecords()
    given.check(spec.given)
    catalogue = loader.load(spec.plugins)
    for path, trace in catalogue.broken.items():
        loader.refuse_broken(path, trace)
    given.add_to(catalogue)
    expanded = plan(spec, catalogue)
    return replace(expanded, given=given, findings=() if given.records else isolation.find_faults(expanded, check))


def plan(spec: Spec, catalogue: Catalogue) -> Plan:
    """Return the cohorts of ``spec``, for the device that it asks for. Raises OptbenchError."""
    device, note = devices.choose(spec.device)
    try:
        return expand(spec, catalogue, device, note)
    except OptbenchError as error:
        if not _is_about_a_name(error):
            raise
        found = _list_unknown(spec, catalogue) or [str(error)]
        text = join_sentences(found)
        if not spec.plugins:
            asked = "Is it in a file" if len(found) == 1 else "Are they in files"
            text += f"{'' if text[-1] in '.?' else '.'} {asked} of yours? Add --plugin FILE or plugins="
        raise OptbenchError(text) from None


def _is_about_a_name(error: OptbenchError) -> bool:
    """Return whether an error says that an optimizer, a schedule or a problem is unknown."""
    return error.unknown in ("optimizer", "problem", "schedule")


def _list_unknown(spec: Spec, catalogue: Catalogue) -> list[str]:
    """Return what is said of each name of a spec that the catalogue does not know, in order, each name once."""
    problems = [each.name for each in spec.problems if names.parse(each.name)[0] not in catalogue.problems]
    texts: dict[str, None] = {}
    for find, given in (
        (catalogue.optimizer, spec.optimizers), (catalogue.schedule, spec.schedules), (catalogue.problem, problems),
    ):  # fmt: skip
        for text in given:
            try:
                find(text)
            except OptbenchError as error:
                if _is_about_a_name(error):
                    texts[str(error)] = None
    return list(texts)


def execute(
    plan: Plan,
    directory: str | Path,
    options: Options | None = None,
    *,
    command: str = "optbench.sweep",
    watch: Callable[[Status], None] = lambda status: None,
    tell: Callable[[str], None] = warnings.warn,
) -> Status:
    """Run ``plan`` into ``directory``, or what is missing there, and write the tables; return the final progress.

    A folder that has all of it stays as it is.
    ``command`` is what provenance.json records as such. ``watch`` is called with the progress, ``tell`` with what the
    user should know, a line each. Raises OptbenchError, also if no optimizer could run on any problem.
    """
    options = options or Options()
    if options.scheduler is not None and options.workers is not None:
        raise OptbenchError("workers are those of the scheduler: leave workers out")
    workers, isolation, limit = checked_workers(options.workers), options.isolation, options.time_limit
    plan.given.check_known(read_provenance(Path(directory)).get("plugins") or {})
    made = make_provenance(command, plan) | ({"targets": plan.targets} if plan.targets else {})
    with (
        # First: what it refuses leaves no folder behind, which would be in the way of the next sweep.
        _choose_executor(plan, options, workers) as execution,
        open_store(directory, plan.spec, made, tell, plan.shard, options.extend) as store,
    ):
        if options.records:
            store.copy_missing(CohortFiles(options.records))
        if not options.retry_failed and plan.beside is None and store.is_finished(plan.cohorts):
            ended = TableReader(directory).read("runs")
            last = f"{ended['optimizer'].iloc[-1]} on {ended['problem'].iloc[-1]}"
            status = Status.of_finished(len(ended), ended["cohort_id"].nunique(), last)
            watch(status)
            return _add_failures(status, ended, plan.labels)
        plan = replace(plan, reported=store.provenance.get("report_seeds", {}))
        sweep, counted = SweepRun(plan, store, workers, _note_progress(store.note, watch), execution), None
        if limit:
            counted = run_within(limit, sweep)
        else:
            run_stages(sweep)
        store.arrange(sort_for_tables(sweep.planned))
        until = limit.end_of_paths(len(plan.problems)) if limit else None
        ended = write_tables(plan, store, isolation, only=counted, until=until)
        return _add_failures(sweep.status, ended, plan.labels)


def _add_failures(status: Status, ended: pd.DataFrame, labels: Mapping[str, str]) -> Status:
    """Return the status of a sweep with why runs failed; ended: all runs. Raises OptbenchError."""
    status.failed = describe_failures(ended, labels)
    if find_lost_runs(ended).all():
        raise OptbenchError(join_failures(status.failed))
    return status


def _note_progress(note: Note, watch: Callable[[Status], None]) -> Callable[[Status], None]:
    """Return what calls ``watch`` with each status, and from time to time notes how far the sweep is."""
    begin = noted = time.monotonic()

    def call(status: Status) -> None:
        """Pass a status on; note it if it is time for that."""
        nonlocal noted
        watch(status)
        if (now := time.monotonic()) - noted >= _NOTE_SECONDS:
            noted, made = now, status.cost - status.found
            note(status.stage, status.left * (now - begin) / made if made > 0 else None)

    return call


@contextlib.contextmanager
def _choose_executor(plan: Plan, options: Options, workers: int) -> Iterator[ExecutionOptions]:
    """Yield the options of running a plan, with the executor of the cohorts that threads of this process must not run.

    Raises OptbenchError if that cannot be had.
    """
    one_of("executor", options.executor, EXECUTORS)
    isolation, retry = options.isolation, options.retry_failed
    if options.executor == "dask":
        if plan.device != "cpu":
            raise OptbenchError("the executor dask runs on CPUs: leave device out, or take the executor threads")
        from optbench.run.dask import DaskExecutor

        digests = [problem.digest for problem in plan.problems]
        with contextlib.closing(DaskExecutor(options.scheduler, workers, _list_files(plan), digests)) as executor:
            yield ExecutionOptions(executor, retry_failed=retry)
        return
    if options.scheduler is not None:
        raise OptbenchError("a scheduler needs the executor dask: name it, too (--executor dask)")
    if isolation.mode != "never" and (plan.spec.plugins or isolation.mode == "always" or has_long_eager_runs(plan)):
        processes = isolation.executor(workers, _list_files(plan))
        try:
            yield ExecutionOptions(processes, isolation.isolates_cohort, retry)
        finally:
            processes.stop()
    else:
        yield ExecutionOptions(retry_failed=retry)


def _list_files(plan: Plan) -> tuple[str, ...]:
    """Return the files that worker processes load: the plug-ins, and one with objects of this process, if any."""
    return (*plan.spec.plugins, str(plan.given.file)) if plan.given.records else plan.spec.plugins


def write_tables(
    plan: Plan,
    store: Store,
    isolation: Isolation,
    *,
    begun: bool = True,
    only: frozenset[str] | None = None,
    until: float | None = None,
) -> pd.DataFrame:
    """Write the final tables, and what the sweep recommends.

    Args:
        plan: the sweep.
        store: the results folder.
        isolation: where the user's code runs.
        begun: whether all stages have begun, so that there is something to recommend.
        only: the ids of the cohorts that count; None: all.
        until: the value of time.monotonic() after which no further path begins.

    Returns:
        Problem, optimizer, status and failure of all runs.
    """
    runs = store.runs(only)
    settings, targets, reports = None, dict[str, float](), dict[str, dict[str, str]]()
    # By `ask` the tables would keep the answers, which take as much memory as the runs
    tables, by = Tables(runs, provenance=store.provenance), plan.spec.judge_by
    answer = Answer(tables, Question(by, by))
    if not answer.runs.empty:
        # Of a plain grid all runs count: to find its choices would take a third of a small sweep's time
        judged = answer.coded.row[answer.coded.reporting["at"]] if plan.spec.blocks else slice(None)
        reports = digest_reports(answer.runs.iloc[judged])
        if TIME in plan.spec.choose_by:
            targets = (answer if by == TIME else Answer(tables, Question(TIME, TIME))).targets
        settings = recommend(plan, answer) if begun and not plan.shard else None
    del answer, tables
    if settings and (left := make_chosen_spec(plan, settings)) is not None:
        store.write_text("chosen.toml", left.to_toml())
    ran = set(runs["problem"][(runs["status"] != "failed").to_numpy()])
    problems = [problem for problem in plan.problems if problem.name in ran]
    paths, code = recorded_paths.SCHEMA.empty_table(), SNIPPETS.empty_table()
    files = _list_files(plan) if isolation.mode == "always" or plan.spec.plugins else ()
    with contextlib.closing(UserCode(isolation, files)) as user_code:
        if settings:
            paths = recorded_paths.make_paths_table(settings, runs, user_code.run_trajectory, until)
            code = make_snippets(settings, runs, user_code.write_codes)
        problems = recorded_paths.fit_domains(problems, paths)
        grids = user_code.compute_grids(problems)
    ended = runs[["problem", "optimizer", "status", "failure"]]
    del runs, settings  # a million take as much memory as what puts the tables together
    store.finish(
        {**make_problem_tables(problems, grids), "paths": paths, "snippets": code}, begun, only, targets, reports
    )
    return ended


def has_long_eager_runs(plan: Plan) -> bool:
    """Return whether the steps of other libraries take so long that processes, which do not share a GIL, pay."""
    eager = [each for each in plan.series if isinstance(each.cohort.optimizer, Eager)]
    return sum(len(each.seeds) * cohort_cost(each.cohort) for each in eager) > _LONG


def run_stages(sweep: SweepRun) -> None:
    """Run all stages to their end, each planned from the tables of those before it.

    A group of blocks after the other goes through its stages, so that a stop leaves whole blocks.
    """
    plan, later = sweep.plan, sweep.status.later
    largest = stages.plan_largest_stages(plan).values()
    for each in chain(plan.series, *(cohorts.series for cohorts in largest)):
        later[each.stage] = later.get(each.stage, 0.0) + len(each.seeds) * cohort_cost(each.cohort)
    first, every = sweep.add(plan.cohorts), stages.list_stages(plan)
    inside = [plan_stage for plan_stage in every if plan_stage not in stages.IN_COMMON]
    blocks = sorted({each.block for each in first})
    for start in range(0, len(blocks), _GROUP):
        group = blocks[start : start + _GROUP]
        sweep.run([each for each in first if each.block in group])
        for plan_stage in inside:
            runs = stages.join_beside(plan, sweep.store.runs())
            if planned := plan_stage(plan, runs[runs["block"].isin(group)].reset_index(drop=True)):
                sweep.run(sweep.add(planned))
    for plan_stage in every[len(inside) :]:
        if planned := plan_stage(plan, stages.join_beside(plan, sweep.store.runs())):
            sweep.run(sweep.add(planned))
