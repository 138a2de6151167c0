"""Workers of dask: processes of this machine, or of all machines of a cluster that somebody else has started.

A task is a job: a cohort, or several short ones. A worker plug-in brings the user's files to every worker; cohorts
travel as plain data, and come back as files. Bytes are those of threads wherever workers have the same versions (which
is checked) on the same kind of processor. Workers may come and go while a sweep runs.
"""

import contextlib
import json
import logging
import math
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future
from functools import partial
from pathlib import Path
from typing import Any

from optbench.contract.errors import OptbenchError, in_one_line
from optbench.sweeps.run.executors import DaemonPool, Job, Result
from optbench.sweeps.run.file_bundle import FileBundle
from optbench.sweeps.serialization import cohort_to_json

_CONNECT_SECONDS = 10
"""Seconds that a scheduler may take to answer."""
_COUNT_SECONDS = 2
"""Seconds between two counts of a cluster's workers."""
_CLOSE_SECONDS = 1
"""Seconds that leaving a scheduler may take."""
_TASKS_PER_THREAD = 2
"""Tasks that a worker's thread holds: the one that runs, and one that waits for it."""
_COHORTS_PER_JOB = 32
"""Most cohorts of a job, which are short ones: a task costs 10 ms of CPU, and a cohort in it 0.3 ms (measured)."""
_ATTEMPTS = 2
"""Workers that may die of a task before it is given up."""
_SETTINGS = {
    "distributed.scheduler.allowed_failures": _ATTEMPTS - 1,
    # dask's statistics, which nobody reads here, take 7% of a core.
    "distributed.worker.profile.enabled": False,
    "distributed.admin.tick.interval": "1s",
}
_ANY_PORT = "127.0.0.1:0"


class DaskExecutor:
    """Jobs as tasks of the scheduler at ``address``, or of a new one with so many ``workers`` on this machine.

    Raises OptbenchError if dask is not installed, no scheduler answers, or a worker has other versions.
    """

    cohorts_per_job = _COHORTS_PER_JOB

    def __init__(self, address: str | None, workers: int, bundle: FileBundle):
        """Connect to the workers, or start them, and send them the files. Raises OptbenchError if that fails.

        address: of a scheduler that somebody else has started; None: `workers` processes of this machine are started.
        """
        try:
            import distributed  # noqa: F401
        except ImportError:
            raise OptbenchError("--executor dask needs the extra 'dask': pip install -e '.[dask]'") from None
        self._lock = threading.RLock()
        """Held to use what stands below."""
        self._waiting: deque[tuple[Job, Future[Result]]] = deque()
        self._suspects: deque[tuple[Job, Future[Result]]] = deque()
        """Jobs of one cohort that may have killed a worker: each runs while nothing else does."""
        self._running: dict[Any, Future[Result]] = {}
        """The futures of dask, each with the one of the job."""
        self._failure = ""
        """The reason why no further job can run."""
        self._key = uuid.uuid4().hex
        self._threads, self._counted = workers, -math.inf if address else math.inf
        """The number of threads of all workers, and when they were counted."""
        with contextlib.ExitStack() as undo:
            undo.enter_context(_silence_dask())
            local = None if address else _start_local_cluster(workers, self._fail_jobs)
            self._address = undo.enter_context(local) if local else str(address)
            self._client = _connect(self._address, direct=local is not None)
            undo.callback(self._client.close, timeout=_CLOSE_SECONDS)
            if local is None:
                undo.callback(self._forget_files)
            self._send_files(bundle)
            self._undo = undo.pop_all()

    def _send_files(self, bundle: FileBundle) -> None:
        """Send the bundle to all workers, present and future; raise OptbenchError if one cannot run this sweep."""
        from optbench.sweeps.run.dask_worker import FilesPlugin, describe_refusal

        for worker, answer in sorted(self._client.run(describe_refusal, bundle.versions, on_error="return").items()):
            if isinstance(answer, BaseException):
                raise OptbenchError(f"the dask worker {worker} cannot run optbench: {in_one_line(answer)}")
            if answer:
                raise OptbenchError(f"the dask worker {worker} {answer}")
        self._client.register_plugin(FilesPlugin(self._key, bundle), name=f"optbench-{self._key}")

    def _forget_files(self) -> None:
        """Remove the sweep's files from workers that others started; wait at most a second for their answer."""
        if self._client.status == "running":
            with contextlib.suppress(Exception):
                removed = DaemonPool(1).submit(self._client.unregister_worker_plugin, f"optbench-{self._key}")
                removed.result(timeout=_CLOSE_SECONDS)

    def _thread_count(self) -> int:
        """Return the threads of all workers, at least 1; of a cluster that others started, counted now and then."""
        if (now := time.monotonic()) > self._counted + _COUNT_SECONDS:
            try:
                self._threads, self._counted = sum(self._client.nthreads().values()), now
            except Exception as error:
                raise self._translate_error(error) from None
        return max(self._threads, 1)

    @property
    def capacity(self) -> int:
        """The number of jobs to hold at once: those that run, and a few that wait."""
        return _TASKS_PER_THREAD * self._thread_count()

    def submit(self, job: Job, on_progress: Callable[[int], None]) -> "Future[Result]":
        """Send a job to the cluster, and return the future of its result; progress comes with the result only."""
        future: Future[Result] = Future()
        with self._lock:
            self._waiting.append((job, future))
            self._start_waiting()
        return future

    def _start_waiting(self) -> None:
        """Send the waiting jobs; a suspect is sent only while nothing else runs, so that a dead worker is its fault."""
        with self._lock:
            if self._suspects:
                if not self._running:
                    self._send(*self._suspects.popleft(), is_suspect=True)
                return
            while self._waiting:
                self._send(*self._waiting.popleft(), is_suspect=False)

    def _send(self, job: Job, future: "Future[Result]", is_suspect: bool) -> None:
        """Submit a job to dask. future: gets the result; is_suspect: it may have killed a worker, and runs alone."""
        from optbench.sweeps.run.dask_worker import run_cohorts

        cohorts = json.dumps([cohort_to_json(each) for each in job.cohorts])  # as text: dask looks into containers
        try:
            if self._failure:
                raise OptbenchError(self._failure)
            task = self._client.submit(run_cohorts, self._key, cohorts, job.note, self._thread_count(), pure=False)
        except Exception as error:
            future.set_exception(self._translate_error(error))
            return
        self._running[task] = future
        task.add_done_callback(partial(self._receive, job, future, is_suspect))

    def _receive(self, job: Job, future: "Future[Result]", is_suspect: bool, task: Any) -> None:
        """Set the future of a job from its finished task; dask calls this in a thread of the client.

        is_suspect: as for `_send`. A job whose worker died runs again, cohort by cohort; a suspect has failed.
        """
        from distributed import KilledWorker

        with self._lock:
            if self._running.pop(task, None) is None:
                return  # it was cancelled
        try:
            future.set_result(task.result())
        except KilledWorker:
            if is_suspect:
                future.set_result(job.failed("the worker that ran it died, and so did the next one"))
            else:
                self._rerun_separately(job, future)
        except BaseException as error:
            future.set_exception(self._translate_error(error))
        task.release()
        self._start_waiting()

    def _rerun_separately(self, job: Job, future: "Future[Result]") -> None:
        """Run each cohort of a job again by itself, to find the one that killed the job's worker."""
        parts: list[Future[Result]] = [Future() for _ in job.cohorts]

        def complete(ended: "Future[Result]") -> None:
            """Once all parts are done, set the job's future to their results in order, or to the first one's error."""
            if all(part.done() for part in parts) and not future.done():
                errors = [error for part in parts if (error := part.exception())]
                if errors:
                    future.set_exception(errors[0])
                else:
                    future.set_result(tuple(content for part in parts for content in part.result()))

        for part in parts:
            part.add_done_callback(complete)
        with self._lock:
            self._suspects.extend((Job((each,), job.note), part) for each, part in zip(job.cohorts, parts, strict=True))

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

    def _fail_jobs(self, reason: str) -> None:
        """Give all running and later jobs an OptbenchError with this text, which ends the sweep."""
        with self._lock:
            self._failure = reason
            running, self._running = self._running, {}
            for future in running.values():
                future.set_exception(OptbenchError(reason))

    def stop(self) -> None:
        """Cancel all jobs."""
        with self._lock:
            running, self._running = list(self._running), {}
            self._waiting.clear()
            self._suspects.clear()
        if running and self._client.status == "running":
            with contextlib.suppress(Exception):
                self._client.cancel(running, force=True)

    def close(self) -> None:
        """Cancel what runs, and leave; a scheduler that somebody else has started goes on."""
        self.stop()
        self._undo.close()


def _connect(address: str, direct: bool) -> Any:
    """Return a dask client. Raises OptbenchError if no scheduler answers.

    direct: fetch results from the workers; False: by way of the scheduler, as workers may be out of reach.
    """
    from distributed import Client

    try:
        return Client(
            address, timeout=_CONNECT_SECONDS, set_as_default=False, name="optbench", direct_to_workers=direct
        )
    except (OSError, ValueError, TypeError) as error:
        raise OptbenchError(f"no dask scheduler answers at {address!r}: {in_one_line(error)}") from None


@contextlib.contextmanager
def _silence_dask() -> Iterator[None]:
    """Keep dask's own messages from the terminal: the sweep has its own."""
    levels = {}
    for name in list(logging.root.manager.loggerDict):
        logger = logging.getLogger(name)
        if name.split(".")[0] in ("distributed", "tornado", "asyncio"):
            levels[logger] = logger.level
            logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for logger, level in levels.items():
            logger.setLevel(level)


@contextlib.contextmanager
def _start_local_cluster(count: int, on_end: Callable[[str], None]) -> Iterator[str]:
    """Start a scheduler in this process, and workers of one thread each; yield the scheduler's address.

    The workers are those of a command: that needs no guard around a script's main part, as multiprocessing does, and in
    a session of its own Ctrl-C does not reach it. Its nannies replace workers that die. on_end: called with its last
    words if it ends by itself.
    """
    import dask
    from distributed import LocalCluster
    from distributed.gc import disable_gc_diagnosis

    with contextlib.ExitStack() as undo:
        folder = undo.enter_context(tempfile.TemporaryDirectory(prefix="optbench-dask-", ignore_cleanup_errors=True))
        with dask.config.set(_SETTINGS):
            cluster = undo.enter_context(
                LocalCluster(
                    n_workers=0, processes=True, silence_logs=False, dashboard_address=None,
                    scheduler_kwargs={"dashboard_address": _ANY_PORT},
                )
            )  # fmt: skip
        # The scheduler watches this process's garbage collector by a callback: a Ctrl-C that falls into one is lost.
        disable_gc_diagnosis()
        log = Path(folder, "log")
        process = _start_workers(cluster.scheduler_address, count, log)
        stopping = threading.Event()

        def wait() -> None:
            """Wait until the command ends, and report it unless it was killed."""
            process.wait()
            if not stopping.is_set():
                lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
                on_end(f"the workers of dask have ended: {lines[-1] if lines else 'they give no reason'}")

        def kill() -> None:
            """Kill all workers: asked to end they would take a second or more."""
            stopping.set()
            with contextlib.suppress(OSError):
                os.killpg(process.pid, signal.SIGKILL)
            waiting.join()

        waiting = threading.Thread(target=wait, name="optbench-dask-workers", daemon=True)
        waiting.start()
        undo.callback(kill)
        yield cluster.scheduler_address


def _start_workers(address: str, count: int, log: Path) -> subprocess.Popen:
    """Start the command that runs workers of one thread each; its errors go to ``log``, other files beside that."""
    command = [
        sys.executable, "-m", "dask", "worker", address, "--nworkers", str(count), "--nthreads", "1", "--no-dashboard",
        "--memory-limit", "0", "--host", "127.0.0.1", "--local-directory", str(log.parent), "--death-timeout", "30",
    ]  # fmt: skip
    environment = {f"DASK_{key.upper().replace('.', '__')}": f"{value}" for key, value in _SETTINGS.items()}
    environment |= {"PYTHONWARNINGS": "ignore", "DASK_LOGGING__DISTRIBUTED": "error"}
    environment["PYTHONPATH"] = os.pathsep.join(str(Path(entry).absolute()) for entry in sys.path)
    with log.open("wb") as errors:
        return subprocess.Popen(
            command, env=os.environ | environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors,
            start_new_session=True,
        )  # fmt: skip
