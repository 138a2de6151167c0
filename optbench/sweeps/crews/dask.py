"""Workers of dask: processes of this machine, or of all machines of a cluster that somebody else has started.

A task is one cohort, or several where they are short. Plug-ins and data are scattered to the workers once; a cohort
travels as a recipe, and comes back as its file. Bytes are those of threads wherever workers have the same versions
(which is checked) on the same kind of processor.

Without a scheduler's address a sweep starts its own workers on this machine (dask_local.py) and ends them. Workers of
others stay: what a sweep has given them is cancelled when it ends early, and a run notices that within a tenth of a
second. They may come and go while it runs; a cluster that dask-jobqueue asks a batch system for is one of these.
"""

import threading
from collections import Counter, deque
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from optbench.contract.errors import OptbenchError, in_one_line
from optbench.sweeps.crews.contract import Finished
from optbench.sweeps.crews.dask_connection import Connection
from optbench.sweeps.crews.dask_worker import Answer, Order, work
from optbench.sweeps.jobs import Job
from optbench.sweeps.parcels import Parcel
from optbench.sweeps.recipes import recipe_of

# Seconds: of a task of several short cohorts. Measured on two cores, a task costs 10 ms of CPU time over client,
# scheduler and worker, and a cohort in it 0.3 ms: 2%; and a core waits so long at most when a sweep ends
_TASK_SECONDS = 0.5
"""How long a task of several short cohorts takes, about."""
_MOST_JOBS = 32
"""How many jobs a task takes at most."""
# Runs in a task: a run's setting takes some 100 bytes on the way; by reasoning, not measured
_MOST_RUNS = 5000
"""How many runs it takes, unless one job has more: their settings travel with it."""
_DEPTH = 2
"""Tasks a thread: one that runs and one that waits for it."""
_FIRST_GUESS = 1e-9
"""Seconds a unit of the plan's cost, before any cohort has come back."""
_MEMORY = 0.25
"""The weight of the newest task in what a unit of cost takes."""
_GATHERING = 0.005
"""Seconds to wait for more jobs that could share a task."""
_DEATHS = 2
"""How many workers may die of a cohort that runs alone before it is given up."""
_LOSSES = 5
"""How often tasks may be lost with all copies of the scattered files before the sweep ends."""


@dataclass(frozen=True, eq=False)
class Taken:
    """A job in this crew's hands, and whom to tell."""

    job: Job
    heard: Callable[[int], None]
    done: Callable[[Finished], None]

    @cached_property
    def cost(self) -> float:
        return sum(each.cost for each in self.job.planned)

    @cached_property
    def runs(self) -> int:
        return sum(each.runs for each in self.job.planned)

    @property
    def key(self) -> str:
        return self.job.planned[0].cohort_id


class DaskCrew:
    """Jobs as tasks of a scheduler."""

    def __init__(self, connection: Connection, parcel: Parcel):
        self._connection, self._parcel = connection, parcel
        self._count()
        self._change = threading.Condition()
        """Held to touch what stands below."""
        self._waiting: deque[Taken] = deque()
        self._suspects: deque[Taken] = deque()
        self._running: set[Any] = set()
        self._deaths: Counter[str] = Counter()
        self._losses = 0
        self._scattered: Any = None
        self._rate = _FIRST_GUESS
        self._stopping = False
        self._feeder = threading.Thread(target=self._feed, name="optbench-dask", daemon=True)
        self._feeder.start()

    def submit(self, job: Job, heard: Callable[[int], None], done: Callable[[Finished], None]) -> None:
        with self._change:
            self._waiting.append(Taken(job, heard, done))
            self._change.notify_all()

    def stop(self) -> None:
        with self._change:
            self._stopping = True
            running = list(self._running)
            self._change.notify_all()
        self._connection.close(running)

    def _feed(self) -> None:
        while (batch := self._next()) is not None:
            alone = bool(self._suspects) and batch[0] is self._suspects[0]
            try:
                self._count()
                self._send(batch, alone)
            except BaseException as error:
                self._failed(batch, alone, error)

    def _count(self) -> None:
        self._threads = self._connection.threads()
        self.width = _DEPTH * self._threads * _MOST_JOBS

    def _next(self) -> list[Taken] | None:
        """What the next task takes; None at the end.

        What may have killed a worker runs alone, while nothing else does: a worker that dies then has died of it.
        """
        with self._change:
            while not self._stopping:
                if self._suspects and not self._running:
                    return [self._suspects[0]]
                if self._waiting and not self._suspects and len(self._running) < _DEPTH * self._threads:
                    if self._is_enough() or not self._change.wait(_GATHERING):
                        return self._batch()
                else:
                    self._change.wait()
        return None

    def _is_enough(self) -> bool:
        waiting = self._waiting
        return len(waiting) >= _MOST_JOBS or sum(each.cost for each in waiting) * self._rate >= _TASK_SECONDS

    def _batch(self) -> list[Taken]:
        batch = [self._waiting.popleft()]
        cost, runs = batch[0].cost, batch[0].runs
        while self._waiting and len(batch) < _MOST_JOBS:
            cost, runs = cost + self._waiting[0].cost, runs + self._waiting[0].runs
            if cost * self._rate > _TASK_SECONDS or runs > _MOST_RUNS:
                break
            batch.append(self._waiting.popleft())
        return batch

    def _send(self, batch: list[Taken], alone: bool) -> None:
        if self._scattered is None:
            self._scattered = self._connection.scatter(self._parcel, lambda: self._stopping)
        orders = [Order(tuple(recipe_of(each, ()) for each in taken.job.planned), taken.job.note) for taken in batch]
        future = self._connection.client.submit(work, self._scattered, orders, self._threads, pure=False)
        with self._change:
            self._running.add(future)
        future.add_done_callback(lambda ended: self._receive(ended, batch, alone))

    def _receive(self, future: Any, batch: list[Taken], alone: bool) -> None:
        """A task has ended, in whatever way; called in a thread of the client's."""
        try:
            answers = future.result()
            if not self._stopping:
                self._succeeded(batch, alone, answers)
        except BaseException as error:
            self._failed(batch, alone, error)
        with self._change:
            self._running.discard(future)
            self._change.notify_all()
        future.release()

    def _succeeded(self, batch: Sequence[Taken], alone: bool, answers: Sequence[Answer]) -> None:
        spent, cost = sum(answer.seconds for answer in answers), sum(taken.cost for taken in batch)
        with self._change:
            self._rate += _MEMORY * (spent / cost - self._rate)
            if alone:
                self._suspects.popleft()
        for taken, answer in zip(batch, answers, strict=True):
            taken.heard(sum(each.cohort.steps * each.runs for each in taken.job.planned))
            taken.done(Finished(taken.job, answer.files, answer.failure))

    def _failed(self, batch: Sequence[Taken], alone: bool, error: BaseException) -> None:
        """A task did not come back, or could not be sent."""
        from distributed import KilledWorker

        if self._stopping:
            return
        if isinstance(error, KilledWorker):
            self._blame(batch, alone, getattr(error, "allowed_failures", 0) + 1)
            return
        if isinstance(error, CancelledError | OSError):
            self._losses += 1
            if self._losses <= _LOSSES and self._connection.is_open:
                with self._change:
                    self._scattered = None
                    if not alone:
                        self._waiting.extendleft(reversed(batch))
                return
            error = self._connection.gone()
        told = error if isinstance(error, OptbenchError) else OptbenchError(f"a dask worker: {in_one_line(error)}")
        for taken in batch:
            taken.done(Finished(taken.job, error=told))

    def _blame(self, batch: Sequence[Taken], alone: bool, deaths: int) -> None:
        if not alone:
            with self._change:
                self._suspects.extend(batch)
            return
        key = batch[0].key
        self._deaths[key] += deaths
        if self._deaths[key] >= _DEATHS:
            with self._change:
                self._suspects.popleft()
            told = f"the worker that ran it died, and so did the next one ({self._deaths[key]} times alone)"
            batch[0].done(Finished(batch[0].job, failure=told))
