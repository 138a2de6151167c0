"""The part of a sweep that runs in a dask worker: it unpacks the user's files, and runs cohorts given as plain data."""

import json
import platform
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from distributed import Status, WorkerPlugin, get_worker

from optbench.catalogue import loader
from optbench.catalogue.loader import cached_catalogue
from optbench.contract.errors import OptbenchError, in_one_line
from optbench.datasets.copies import use_copies
from optbench.engine.run import compile_for, limited_threads
from optbench.engine.runner import Cancelled
from optbench.sweeps.plan import PlannedCohort
from optbench.sweeps.run.executors import Job, Result
from optbench.sweeps.run.file_bundle import FileBundle, describe_differences
from optbench.sweeps.serialization import cohort_from_json


class FilesPlugin(WorkerPlugin):
    """Brings the files of a sweep to every worker, those that join later among them."""

    def __init__(self, key: str, bundle: FileBundle):
        """Take the files of a sweep; key: any text that no other sweep of the cluster has."""
        self.key, self.bundle = key, bundle

    def setup(self, worker: Any) -> None:
        """Make the files known to a worker; dask calls this when the worker starts."""
        _CONTEXTS[self.key] = _Context(self.bundle)

    def teardown(self, worker: Any) -> None:
        """Forget the files; dask calls this when the worker ends."""
        _CONTEXTS.pop(self.key, None)


@dataclass
class _Context:
    """The part of a sweep that a worker has: its files, the catalogue with its plug-ins, and compiled kernels."""

    bundle: FileBundle
    lock: threading.Lock = field(default_factory=threading.Lock)
    loaded: tuple[loader.Catalogue, dict[str, Path]] | None = None
    """The catalogue, and where the files of its data are."""
    compiled: set[tuple] = field(default_factory=set)
    """The kernels of this process, by pair, dtype and number of runs."""

    def prepare_cohort(self, data: Mapping[str, Any]) -> PlannedCohort:
        """Return the cohort, its kernels compiled. Raises OptbenchError if it differs from the sweep's."""
        with self.lock:
            if self.loaded is None:
                plugins, files = self.bundle.unpack()
                self.loaded = cached_catalogue(plugins), files
            catalogue, files = self.loaded
            with use_copies(files):
                planned = cohort_from_json(data, catalogue)
            cohort = planned.cohort
            if (kernels := (cohort.pair, cohort.dtype, planned.runs)) not in self.compiled:
                compile_for(cohort)
                self.compiled.add(kernels)
        return planned


_CONTEXTS: dict[str, _Context] = {}


def describe_refusal(versions: Mapping[str, str]) -> str:
    """Return the reason why this process cannot run the sweep, other versions of packages; "" if it can."""
    differing = describe_differences(versions)
    return f"on {platform.node()} has {differing}: install the same versions everywhere" if differing else ""


def run_cohorts(key: str, cohorts: str, note: str, threads: int) -> Result:
    """Run cohorts one after another.

    Args:
        key: that of the sweep's plug-in of files.
        cohorts: a list of what :func:`cohort_to_json` returns, as JSON.
        note: the reason why the CPU runs them though a GPU was requested; "" otherwise.
        threads: the number of threads that the table of timings names.

    Raises:
        OptbenchError: this process cannot work on that sweep at all.
    """
    context = _CONTEXTS[key]
    if reason := describe_refusal(context.bundle.versions):
        raise OptbenchError(f"the dask worker {get_worker().address} {reason}")
    should_stop = _make_stop_check()
    with limited_threads():
        return tuple(_run_cohort(context, cohort, note, threads, should_stop) for cohort in json.loads(cohorts))


def _run_cohort(
    context: _Context, data: Mapping[str, Any], note: str, threads: int, should_stop: Callable[[], bool]
) -> bytes | str:
    """Run a cohort and return the content of its file, or the reason why it could not run."""
    try:
        (file,) = Job((context.prepare_cohort(data),), note).run(threads, lambda run_steps: None, should_stop)
    except Cancelled:
        raise
    except (Exception, SystemExit) as error:  # a plug-in may raise anything, and the other cohorts go on
        return in_one_line(error)
    return file


def _make_stop_check() -> Callable[[], bool]:
    """Return a function that is True once this task is cancelled or its worker closes: dask stops no running thread."""
    worker = get_worker()
    key = worker.get_current_task()

    def should_stop() -> bool:
        """Return True once the task is cancelled or the worker closes."""
        task = worker.state.tasks.get(key)
        return task is None or task.state == "cancelled" or worker.status not in (Status.running, Status.paused)

    return should_stop
