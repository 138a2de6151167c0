"""Runs the cohorts of a plan over threads, cohort by cohort into the store."""

import contextlib
import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from optbench.contract.types import Stage
from optbench.engine.run import refusal, side_by_side
from optbench.sweeps import interrupts
from optbench.sweeps.compilation import Compilation
from optbench.sweeps.crews.contract import Crew, Finished
from optbench.sweeps.crews.threads import ThreadCrew
from optbench.sweeps.failures import failed_file
from optbench.sweeps.jobs import Job, grouped, same_launch
from optbench.sweeps.planned import COHORT_COST, PlannedCohort, on_cpu
from optbench.sweeps.reasons import shortened
from optbench.sweeps.saving import Saving
from optbench.sweeps.store.folder import Store
from optbench.sweeps.waiting import Waiting

_LAUNCHERS = 2
"""Threads that drive a GPU: while one evaluates on the host, the other's kernels run."""
_APART, _SMALL = "apart", "small"
_WATCH_SECONDS = 0.1
"""How often the caller hears how far the sweep is."""
# Seconds: a small cohort takes 2 ms, and what wakes the thread that hands them out holds up those that run.
_GATHERING = 0.003
"""Seconds in which events come together: for each of them alone, whoever runs a cohort would be held up."""
_Event = Job | list[Job] | BaseException | None
"""A job that has ended, those that may begin, what ends the sweep; None: files are saved."""


@dataclass(frozen=True)
class Ways:
    """How cohorts are run, beside the number of threads."""

    apart: Callable[[PlannedCohort], bool] = lambda each: False
    """Whether a cohort comes from a user's file, and so is neither compiled nor run in this process."""
    processes: Crew | None = None
    """What runs those cohorts. Its owner stops it, as for ``hired``."""
    hired: Crew | None = None
    """What runs all cohorts for the CPU, in the place of threads and processes."""
    again: bool = False
    """Whether what has failed before is tried again."""
    rank: Callable[[PlannedCohort], int] = lambda each: 0
    """What comes first; of the same rank the longest."""
    until: float | None = None
    """On time.monotonic: when nothing runs any more, whatever is missing."""

    def late(self) -> bool:
        """Whether the time is over."""
        return self.until is not None and time.monotonic() > self.until


@dataclass
class Status:
    """How far a sweep is. ``cost`` is the plan's weight of work; ``runs`` and ``cohorts`` count finished ones."""

    total_cost: float = 0.0
    total_runs: int = 0
    cost: float = 0.0
    runs: int = 0
    cohorts: int = 0
    stage: Stage = "grid"
    """The stage that runs: it begins where the last one has ended, and has no part in what failed before it."""
    stage_begin: tuple[float, int] = (0.0, 0)
    """``cost`` and ``runs`` when it began."""
    stage_total: tuple[float, int] = (0.0, 0)
    """The cost and the runs of the stage alone."""
    compiled: int = 0
    to_compile: int = 0
    out_of_time: bool = False
    """Whether a budget ended the last stage before all of it had run."""
    failed: dict[str, str] = field(default_factory=dict)
    """What would not compile or run, by problem and optimizer, with the reason; those runs are rows all the same."""

    def ended(self, planned: Sequence[PlannedCohort], heard: float, failure: str = "") -> None:
        """Count a job that has ended, of which so much ``cost`` was counted while it ran."""
        if failure:
            self.failed[planned[0].cohort.pair] = shortened(failure)
            self.cost += sum(each.cost for each in planned) - heard
        else:
            self.cost += COHORT_COST * len(planned)
        self.runs += sum(each.runs for each in planned)
        self.cohorts += len(planned)

    def begin(self, planned: Sequence[PlannedCohort]) -> None:
        """Count what one more stage has to do."""
        self.stage = planned[0].stage if planned else self.stage
        self.stage_begin = self.cost, self.runs
        self.stage_total = sum(each.cost for each in planned), sum(each.runs for each in planned)
        self.total_cost += self.stage_total[0]
        self.total_runs += self.stage_total[1]
        self.compiled = self.to_compile = 0


def run_all(
    planned: Sequence[PlannedCohort],
    store: Store,
    workers: int,
    watch: Callable[[Status], None] = lambda status: None,
    status: Status | None = None,
    ways: Ways | None = None,
) -> Status:
    """Run what the store does not have yet. ``watch`` is called about ten times a second, in this thread.

    ``status``: how far the stages before this one came; it is counted on. ``ways``: who else runs what, what is tried
    again, and until when. KeyboardInterrupt stops the cohorts in flight within about a tenth of a second; finished ones
    are in the store. Raises OptbenchError where it cannot be written.
    """
    status, lock, ways = status or Status(), threading.Lock(), ways or Ways()
    missing = []
    status.begin(planned)
    for each in planned:
        if store.has(each.cohort_id) and not (ways.again and store.has_failed(each.cohort_id)):
            status.cost += each.cost
            status.runs += each.runs
            status.cohorts += 1
        else:
            missing.append(each)
    apart = [each for each in missing if ways.apart(each)]
    here = [each for each in missing if not ways.apart(each)] if apart else missing
    launched, refused = _launches(here, status, watch)
    reasons = {each.cohort_id: reason for each, reason in refused}
    rest = [*(each for each in here if each.cohort.device == "cpu"), *(on_cpu(each) for each, _ in refused)]
    place_of = {each.cohort_id: i for i, each in enumerate(planned)}
    spent: dict[int, float] = {}
    events: queue.SimpleQueue[_Event] = queue.SimpleQueue()

    def save(ended: Finished) -> None:
        try:
            if ended.error:
                raise ended.error
            files = ended.files or [failed_file(each, ended.failure) for each in ended.job.planned]
            for each, content in zip(ended.job.planned, files, strict=True):
                store.save(each.cohort_id, content)
        except BaseException as error:
            events.put(error)
            return
        with lock:
            status.ended(ended.job.planned, spent.pop(id(ended.job), 0.0), ended.failure)

    def done(ended: Finished) -> None:
        saving.put(ended)
        events.put(ended.job)

    def compiled(group: Sequence[PlannedCohort], reason: str) -> None:
        if reason:
            for each in group:
                store.save(each.cohort_id, failed_file(each, reason))
        with lock:
            status.compiled += 1
            if reason:
                status.ended(group, 0.0, reason)
        events.put([] if reason else [Job((each,), reasons.get(each.cohort_id, "")) for each in group])

    saving, compilation = Saving(save, lambda: events.put(None)), Compilation(rest, compiled, events.put)
    to_come = len(compilation.groups)
    status.to_compile = status.compiled + to_come

    def submit(crew: Crew, job: Job) -> None:
        step_cost = job.planned[0].step_cost

        def heard(run_steps: int) -> None:
            with lock:
                status.cost += run_steps * step_cost
                spent[id(job)] = spent.get(id(job), 0.0) + run_steps * step_cost

        crew.submit(job, heard, done)

    threads = ThreadCrew(workers, workers)
    with side_by_side(), interrupts.noted():
        crews: dict[str, Crew] = {
            "cpu": ways.hired or threads,
            "cuda": ThreadCrew(_LAUNCHERS, workers),
        }
        if ways.processes:
            crews[_APART] = ways.processes
        outside = {each.cohort_id for each in apart}

        def place(job: Job) -> str:
            return _APART if ways.processes and job.planned[0].cohort_id in outside else job.device

        waiting = {name: Waiting(ways.rank, place_of) for name in crews}
        # Within a budget all threads do what comes first.
        small = threads.small if ways.hired is None and ways.until is None else None
        if small is not None:
            crews[_SMALL] = small

        def ready(jobs: Iterable[Job]) -> None:
            for job in jobs:
                waiting[place(job)].add(job)

        held, held_by = dict.fromkeys(crews, 0), dict[int, str]()
        try:
            ready([*launched, *(Job((each,)) for each in apart)])
            compilation.begin()
            compilation.start()
            # Within a budget what comes first counts: all must be there to choose from. Hired workers compile for
            # themselves.
            if ways.until is not None or ways.hired is not None:
                compilation.wait()
            while to_come or any(waiting.values()) or any(held.values()) or saving.unsaved:
                if ways.late():
                    status.out_of_time = True
                    break
                for name, crew in crews.items():
                    if name == _APART and (to_come or waiting["cpu"] or held["cpu"] or held.get(_SMALL)):
                        continue  # the cores are taken
                    queued = waiting["cpu" if name == _SMALL else name]
                    # Few at a time: a hundred thousand that wait would slow each other down.
                    while queued and held[name] < crew.width:
                        job = queued.shortest() if name == _SMALL else queued.longest()
                        held[name] += 1
                        held_by[id(job)] = name
                        submit(crew, job)
                for event in _heard_from(events, sum(held.values()) > workers):
                    if isinstance(event, BaseException):
                        raise event
                    if isinstance(event, Job):
                        held[held_by.pop(id(event))] -= 1
                    elif event is not None:
                        to_come -= 1
                        ready(event)
                watch(status)
                interrupts.look()
        finally:
            compilation.stop()
            for name, crew in crews.items():
                if status.out_of_time or (
                    crew is not ways.hired and name != _APART
                ):  # those two serve the next stage, too
                    crew.stop()
            saving.finish()
    watch(status)
    return status


def _heard_from(events: queue.SimpleQueue[_Event], gather: bool) -> Iterator[_Event]:
    """What has come by now; the first is waited for, and a moment for more, where all have enough to do meanwhile."""
    with contextlib.suppress(queue.Empty):
        yield events.get(timeout=_WATCH_SECONDS)
        if gather:
            time.sleep(_GATHERING)
        while True:
            yield events.get_nowait()


def _launches(
    planned: Sequence[PlannedCohort], status: Status, watch: Callable[[Status], None]
) -> tuple[list[Job], list[tuple[PlannedCohort, str]]]:
    """Compile what a GPU runs: the jobs, and the cohorts that it refuses, with the reason."""
    launches = grouped((each for each in planned if each.cohort.device == "cuda"), same_launch)
    status.to_compile = len(launches)
    jobs, refused = list[Job](), list[tuple[PlannedCohort, str]]()
    for group in launches:
        reason = refusal(group[0].cohort)
        if reason is None:
            jobs.append(Job(tuple(group)))
        else:
            refused += [(each, reason) for each in group]
        status.compiled += 1
        watch(status)
    return jobs, refused
