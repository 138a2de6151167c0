"""Workers of dask: processes of this machine, or of all machines of a cluster that somebody else has started.

A task is a job: a cohort, or several short ones, as plain data; their files come back. Bytes are those of threads
wherever workers have the same versions (which is checked) on the same kind of processor.
"""

import contextlib
import importlib.metadata
import json
import logging
import os
import platform
import signal
import subprocess
import sys
import tempfile
import threading
import uuid
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import CancelledError, Future
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from optbench.catalogue.loader import Catalogue, cached_catalogue
from optbench.catalogue.sources import files_of
from optbench.contract.errors import OptbenchError, in_one_line
from optbench.contract.version import __version__
from optbench.datasets.copies import recorded_files, use_copies
from optbench.engine.run_cohorts import compile_for, limited_threads
from optbench.engine.runner import Cancelled
from optbench.run.executors import Job, Result
from optbench.run.serialization import cohort_from_json, cohort_to_json

_CONNECT_SECONDS = 10
"""Seconds that a scheduler may take to answer."""
_START_SECONDS = 120
"""Seconds that the first worker of this machine may take to start."""
# A thread has one task at a time, which alone is suspected if its worker dies, and given up after the second one
_SETTINGS = {"distributed.scheduler.worker-saturation": 1.0, "distributed.scheduler.allowed-failures": 1}
# dask's statistics, which nobody reads here, take 7% of a core
_ENVIRONMENT = {"DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED": "False"}
_PREPARES = threading.Lock()
"""Held while a worker's thread loads files, builds problems and compiles."""


class DaskExecutor:
    """Jobs as tasks of the scheduler at ``address``, or of a new one with so many ``workers`` on this machine."""

    cohorts_per_job = 32
    """A task costs 10 ms of CPU, and a short cohort in it 0.3 ms (measured)."""

    def __init__(self, address: str | None, workers: int, plugins: Iterable[str], digests: Iterable[str]):
        """Connect to the workers, or start them, and send them the user's files; raise OptbenchError if that fails.

        address: of a scheduler that somebody else has started. plugins: paths. digests: of the problems' data.
        """
        try:
            from distributed import Client
            from distributed.utils import silence_logging_cmgr
        except ImportError:
            raise OptbenchError("the executor dask needs the extra 'dask': pip install -e '.[dask]'") from None
        self._running: set[Any] = set()
        self.capacity = 1
        """The number of jobs to hold at once: one that runs and one that waits for each thread."""
        with contextlib.ExitStack() as undo:
            undo.enter_context(silence_logging_cmgr(logging.CRITICAL + 1))
            self._address = address or undo.enter_context(_start_local_cluster(workers))
            try:
                self._client = Client(self._address, timeout=_CONNECT_SECONDS, set_as_default=False)
            except (OSError, ValueError, TypeError) as error:
                raise OptbenchError(f"no dask scheduler answers at {address!r}: {in_one_line(error)}") from None
            undo.callback(self._client.close, timeout=1)
            archive = Path(undo.enter_context(tempfile.TemporaryDirectory()), f"optbench-{uuid.uuid4().hex}.zip")
            self._run = partial(_run_cohorts, archive.name, pack(archive, plugins, digests), versions())
            try:
                if address is None:
                    self._client.wait_for_workers(1, timeout=_START_SECONDS)
                self._client.run(check_versions, versions())
                self._client.upload_file(str(archive), load=False)  # workers that join later get it, too
            except Exception as error:
                raise self._translate_error(error) from None
            self._undo = undo.pop_all()

    def submit(self, job: Job, on_progress: Callable[[int], None]) -> "Future[Result]":
        """Send a job to the cluster, and return the future of its result; progress comes with the result only."""
        future: Future[Result] = Future()
        cohorts = json.dumps([cohort_to_json(each) for each in job.cohorts])  # as text: dask looks into containers
        try:
            threads = max(sum(self._client.nthreads().values()), 1)
            self.capacity = 2 * threads
            task = self._client.submit(self._run, cohorts, job.note, threads, pure=False)
        except Exception as error:
            future.set_exception(self._translate_error(error))
        else:
            self._running.add(task)
            task.add_done_callback(partial(self._receive, job, future))
        return future

    def _receive(self, job: Job, future: "Future[Result]", task: Any) -> None:
        """Set the future of a job from its finished task; dask calls this in a thread of the client."""
        from distributed import KilledWorker

        if task not in self._running:
            return  # it was cancelled
        self._running.discard(task)
        try:
            future.set_result(task.result())
        except KilledWorker:
            if len(job.cohorts) == 1:
                future.set_result(job.failed("the dask workers that ran it died"))
            else:
                threading.Thread(target=self._run_separately, args=(job, future), daemon=True).start()
        except BaseException as error:
            future.set_exception(self._translate_error(error))

    def _run_separately(self, job: Job, future: "Future[Result]") -> None:
        """Run each cohort of a job again by itself, as one of them has killed workers; set the job's future."""
        parts = [self.submit(Job((each,), job.note), lambda steps: None) for each in job.cohorts]
        try:
            future.set_result(tuple(part.result()[0] for part in parts))
        except OptbenchError as error:
            future.set_exception(error)

    def _translate_error(self, error: BaseException) -> OptbenchError:
        """Return the error to report for an exception of dask: the scheduler has gone, or a worker raised it."""
        if isinstance(error, OptbenchError):
            return error
        if isinstance(error, CancelledError | OSError) or self._client.status != "running":
            return OptbenchError(
                f"the dask scheduler at {self._address} or its workers have gone; what was finished is kept, run the "
                "same command again to go on"
            )
        return OptbenchError(f"a dask worker: {in_one_line(error)}")

    def stop(self) -> None:
        """Cancel all jobs."""
        running, self._running = list(self._running), set()
        if running and self._client.status == "running":
            with contextlib.suppress(Exception):
                self._client.cancel(running, force=True)

    def close(self) -> None:
        """Cancel what runs, and leave; a scheduler that somebody else has started goes on."""
        self.stop()
        self._undo.close()


@contextlib.contextmanager
def _start_local_cluster(count: int) -> Iterator[str]:
    """Start a scheduler in this process, and workers of one thread each; yield the scheduler's address.

    The workers are those of a command, in the place of LocalCluster's: that needs no guard around a script's main part,
    as multiprocessing does, and in a session of its own Ctrl-C does not reach it.
    """
    import dask
    from distributed import LocalCluster
    from distributed.gc import disable_gc_diagnosis

    port = {"dashboard_address": "127.0.0.1:0"}
    with (
        dask.config.set(_SETTINGS),
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        LocalCluster(n_workers=0, dashboard_address=None, scheduler_kwargs=port) as cluster,
    ):
        # The scheduler watches the garbage collector by a callback: a Ctrl-C that falls into one is lost.
        disable_gc_diagnosis()
        process = subprocess.Popen(
            [
                sys.executable, "-m", "dask", "worker", cluster.scheduler_address, "--nworkers", str(count),
                "--nthreads", "1", "--memory-limit", "0", "--no-dashboard", "--host", "127.0.0.1",
                "--local-directory", folder, "--death-timeout", "30",
            ],
            env=os.environ | _ENVIRONMENT | {"PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path))},
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        try:
            yield cluster.scheduler_address
        finally:
            with contextlib.suppress(OSError):
                os.killpg(process.pid, signal.SIGKILL)  # asked to end they would take a second or more
            process.wait()


def pack(archive: Path, plugins: Iterable[str], digests: Iterable[str]) -> str:
    """Write a zip of plug-ins and of the files that data of these digests came from; return their places as JSON.

    Raises OptbenchError if one cannot be read; data of which a file has gone since is left out.
    """
    own = [files_of(Path(path).resolve()) for path in plugins]
    data = dict(each for digest in digests for each in recorded_files(digest).items())
    data = {name: files for name, files in data.items() if all(file.is_file() for file in files)}
    with zipfile.ZipFile(archive, "w", strict_timestamps=False) as content:
        for file in dict.fromkeys(file for files in (*own, *data.values()) for file in files):
            try:
                content.write(file)
            except OSError as error:
                raise OptbenchError(f"cannot read {str(file)!r}: {error.strerror}") from None
    places = {name: str(files[0] if len(files) == 1 else files[0].parent) for name, files in data.items()}
    return json.dumps([[str(files[0]) for files in own], places])


@lru_cache(maxsize=2)
def unpack(archive: Path, places: str) -> tuple[Catalogue, dict[str, Path]]:
    """Return the catalogue with the plug-ins of an archive, and the places of its data by name."""
    folder = archive.with_suffix("")
    with zipfile.ZipFile(archive) as content:
        content.extractall(folder)
    own, data = json.loads(places)
    copies = {name: folder / place.lstrip("/") for name, place in data.items()}
    return cached_catalogue([folder / place.lstrip("/") for place in own]), copies


def versions() -> dict[str, str]:
    """Return the versions that must be equal on all machines to give the same numbers, by package."""
    packages = {name: importlib.metadata.version(name) for name in ("numba", "numpy", "scipy")}
    return {"optbench": __version__, **packages, "Python": platform.python_version()}


def check_versions(wanted: Mapping[str, str]) -> None:
    """Raise OptbenchError if this process has other versions than the sweep."""
    differing = [f"{name} {here}, not {wanted[name]}" for name, here in versions().items() if here != wanted[name]]
    if differing:
        raise OptbenchError(
            f"the dask worker on {platform.node()} has {', '.join(differing)}: install the same versions everywhere"
        )


def _run_cohorts(archive: str, places: str, wanted: Mapping[str, str], cohorts: str, note: str, threads: int) -> Result:
    """Run cohorts one after another; return their records, or why they could not run.

    Args:
        archive: the name of the file that was uploaded. places: what :func:`pack` returned.
        wanted: the versions of the sweep; OptbenchError if this process has others.
        cohorts: a list of what :func:`cohort_to_json` returns, as JSON.
        note: the reason why the CPU runs them though a GPU was requested; "" otherwise.
        threads: the number of threads that the table of timings names.
    """
    from distributed import Status, get_worker

    check_versions(wanted)
    worker = get_worker()
    key = worker.get_current_task()

    def should_stop() -> bool:
        """Return True once this task is cancelled or its worker closes: dask stops no running thread."""
        task = worker.state.tasks.get(key)
        return task is None or task.state == "cancelled" or worker.status not in (Status.running, Status.paused)

    def run(data: Mapping[str, Any]) -> bytes | str:
        """Run one of the cohorts."""
        try:
            with _PREPARES:
                catalogue, copies = unpack(Path(worker.local_directory, archive), places)
                with use_copies(copies):
                    planned = cohort_from_json(data, catalogue)
                compile_for(planned.cohort)
            return Job((planned,), note).run(threads, lambda steps: None, should_stop)[0]
        except Cancelled:
            raise
        except (Exception, SystemExit) as error:  # a plug-in may raise anything, and the other cohorts go on
            return in_one_line(error)

    with limited_threads():
        return tuple(map(run, json.loads(cohorts)))
