"""What a dask worker does for a sweep: it unpacks the files, makes the cohorts from their recipes, and runs them."""

import contextlib
import platform
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from optbench.catalogue import loader
from optbench.catalogue.loader import cached_catalogue
from optbench.contract.errors import OptbenchError, in_one_line
from optbench.datasets.cache import cache_folder
from optbench.datasets.copies import copies
from optbench.engine.run import compile_for, side_by_side
from optbench.engine.runner import Cancelled
from optbench.sweeps.jobs import Job
from optbench.sweeps.parcels import Parcel, difference
from optbench.sweeps.planned import PlannedCohort
from optbench.sweeps.recipes import Recipe, cohort_of
from optbench.sweeps.store.files import alone

_PARCELS = 4
"""Sweeps whose files and problems a worker keeps."""


@dataclass(frozen=True)
class Order:
    """A job as plain data."""

    recipes: tuple[Recipe, ...]
    note: str


@dataclass(frozen=True)
class Answer:
    """What became of an order: the files of its cohorts, or why there are none."""

    files: tuple[bytes, ...] = ()
    failure: str = ""
    seconds: float = 0.0
    """How long it took, but for building problems and kernels."""


@dataclass
class Workshop:
    """The catalogue with a sweep's plug-ins, the places of its data, and what was built from them."""

    catalogue: loader.Catalogue
    places: Mapping[str, Path]
    lock: threading.Lock = field(default_factory=threading.Lock)
    ready: set[tuple] = field(default_factory=set)
    """The kernels that this process has, by pair, dtype and lanes."""

    def planned(self, recipe: Recipe) -> PlannedCohort:
        """The cohort of a recipe, its kernels ready. Raises OptbenchError where it is another one here."""
        with self.lock:
            with copies(self.places):
                planned = cohort_of(recipe, self.catalogue)
            cohort = planned.cohort
            if (kernels := (cohort.pair, cohort.dtype, planned.runs)) not in self.ready:
                with _one_writer():
                    compile_for(cohort)
                self.ready.add(kernels)
        return planned


_WORKSHOPS: dict[str, Workshop] = {}
_OPENING = threading.Lock()


def refusal(versions: Mapping[str, str]) -> str:
    """Why this process cannot take part, "" where it can: other versions compute other numbers."""
    differing = difference(versions)
    return f"on {platform.node()} has {differing}: install the same versions everywhere" if differing else ""


def work(parcel: Parcel, orders: Sequence[Order], threads: int) -> list[Answer]:
    """Run jobs one after another. ``threads``: how many the timings' table names.

    Raises OptbenchError where this process cannot work on that sweep at all.
    """
    from distributed import get_worker

    with _OPENING:
        if parcel.key not in _WORKSHOPS:
            if reason := refusal(parcel.versions):
                raise OptbenchError(f"the dask worker {get_worker().address} {reason}")
            files, places = parcel.unpacked()
            while len(_WORKSHOPS) >= _PARCELS:
                _WORKSHOPS.pop(next(iter(_WORKSHOPS)))
            _WORKSHOPS[parcel.key] = Workshop(cached_catalogue(files), places)
        workshop = _WORKSHOPS[parcel.key]
    stop = _stop()
    with side_by_side():
        return [_answer(workshop, order, threads, stop) for order in orders]


def _answer(workshop: Workshop, order: Order, threads: int, stop: Callable[[], bool]) -> Answer:
    try:
        job = Job(tuple(map(workshop.planned, order.recipes)), order.note)
        begin = time.perf_counter()
        files = job.files(threads, _unheard, stop)
        return Answer(files, seconds=time.perf_counter() - begin)
    except Cancelled:
        raise
    except (Exception, SystemExit) as error:  # a plug-in may raise anything; the others go on
        return Answer(failure=in_one_line(error))


def _unheard(run_steps: int) -> None:
    pass


def _stop() -> Callable[[], bool]:
    """Whether the task that runs here was cancelled, or its worker closes: dask itself ends nothing in a thread."""
    from distributed import Status, get_worker

    worker = get_worker()
    key = worker.get_current_task()

    def stop() -> bool:
        task = worker.state.tasks.get(key)
        return task is None or task.state == "cancelled" or worker.status not in (Status.running, Status.paused)

    return stop


@contextlib.contextmanager
def _one_writer() -> Iterator[None]:
    """Wait until no other worker of this user, here or on hosts with the same home, compiles.

    numba replaces the files of its cache whole, but of two writers at once one loses its entry in the index, or both
    take one name for two kernels. And what one has compiled, the next one finds.
    """
    with contextlib.ExitStack() as held:
        with contextlib.suppress(OSError):  # a home that cannot be written
            cache_folder().mkdir(parents=True, exist_ok=True)
            held.enter_context(alone(cache_folder() / "kernels.lock"))
        yield
