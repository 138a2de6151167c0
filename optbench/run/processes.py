"""Worker processes for a user's code, which may crash or hang: one that dies, or is silent for too long, is replaced.

A pool of ``concurrent.futures`` breaks with its first dead worker, and its workers run a script without a guard again.
So a worker is a command with one pipe, in a session of its own, which Ctrl-C does not reach.
"""

import contextlib
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from functools import cache
from pathlib import Path
from typing import Any

from optbench.catalogue.loader import Catalogue, cached_catalogue
from optbench.contract.errors import OptbenchError
from optbench.engine.run_cohorts import compile_for, limited_threads
from optbench.engine.runner import Cancelled
from optbench.run.executors import DaemonPool, Job, Result
from optbench.run.serialization import cohort_from_json, cohort_to_json

_POLL_SECONDS = 0.1
"""Seconds between two looks at a silent worker."""
COMPILE_SECONDS = 300.0
"""Seconds that loading and compiling may take, unless the worker's own limit is longer."""
_END_SECONDS = 5.0
"""Seconds that a killed process may take to end."""
_OUTPUT_BYTES = 2000
"""Bytes of a worker's last output that are kept."""
_MOST_CRASHES = 3
"""Workers in a row that may die of a pair of problem and optimizer before it is skipped."""
_ENVIRONMENT = {"JAX_PLATFORMS": "cpu", "OMP_NUM_THREADS": "1"}
"""What a worker has unless the user says otherwise; jax' threads: contract/process_state.py, as in every process."""
DIED = "its worker process died of"
"""Stands before the signal in the reason of a failed run."""

Report = Callable[[Any], None]


class Died(Exception):
    """Raised if a worker died; the text is the reason."""


class TimedOut(Died):
    """Raised if a worker was silent for too long, and was killed."""


class WorkerProcess:
    """A worker process, which dies with this one. :meth:`close` kills it, and all that it has started.

    Attributes:
        last_output: once it is closed, the last of what it has printed.
    """

    last_output = ""

    def __init__(self) -> None:
        """Start the process. Raises OptbenchError if the system gives none."""
        paths = os.pathsep.join([str(Path(__file__).resolve().parents[2]), *filter(None, sys.path)])
        self._pipe, theirs = multiprocessing.Pipe()
        self._output = tempfile.TemporaryFile()  # noqa: SIM115
        try:
            self._process = subprocess.Popen(
                # -P: a file in the working directory must not stand in for a module.
                [sys.executable, "-u", "-P", "-m", "optbench.run.worker", str(theirs.fileno())],
                env={**_ENVIRONMENT, **os.environ, "PYTHONPATH": paths}, pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL, stdout=self._output, stderr=self._output, start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            raise OptbenchError(f"cannot start a worker process: {error.strerror}") from None
        finally:
            theirs.close()

    def call(
        self,
        function: Callable[..., Any],
        *arguments: Any,
        seconds: float = float("inf"),
        first: float = 0.0,
        watch: Report = lambda report: None,
        should_stop: Callable[[], bool] = bool,
    ) -> Any:
        """Return what a module's function returns in the worker, where it is called with a function and the arguments.

        Args:
            function: its first argument is a function that sends a report, which ``watch`` receives.
            arguments: anything that can be pickled.
            seconds: that the worker may be silent for; ``first``: before the first report, if that is longer.
            watch: called with each report.
            should_stop: called about ten times a second.

        Raises:
            Died: the worker died, or was killed.
            OptbenchError: the function raised an error.
            Cancelled: ``should_stop`` returned True.
        """
        try:
            self._pipe.send((function, arguments))
            limit = max(first, seconds)
            while True:
                begin = time.monotonic()
                while not self._pipe.poll(_POLL_SECONDS):
                    if should_stop():
                        raise Cancelled
                    if self._process.poll() is not None:  # something that it has started may hold the pipe
                        raise EOFError
                    if time.monotonic() - begin > limit:
                        self.close()
                        silent = f"it showed no sign of progress for {limit:g} s"
                        raise TimedOut(f"{silent}, and was ended (--worker-timeout)")
                kind, content = self._pipe.recv()
                if should_stop():
                    raise Cancelled
                if kind != "report":
                    break
                watch(content)
                limit = seconds
        except (EOFError, OSError, pickle.UnpicklingError):
            raise Died(self._cause_of_death()) from None
        if kind == "failed":
            raise OptbenchError(content)
        return content

    def _cause_of_death(self) -> str:
        """Return how the worker died, and the last line of its output."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=_END_SECONDS)
        code = self._process.returncode
        self.close()
        if code is None:
            how = "its worker process has closed its pipe"
        elif code < 0:
            names = {each.value: each.name for each in signal.Signals}
            how = f"{DIED} {names.get(-code, f'signal {-code}')} ({(signal.strsignal(-code) or '').lower()})"
        else:
            how = f"its worker process ended by itself with exit code {code}"
        lines = self.last_output.strip().splitlines()
        return f"{how}; its last words: {lines[-1].strip()[:160]}" if lines else how

    def close(self) -> None:
        """Kill the worker process and all that it has started in its session, and read its last output."""
        with contextlib.suppress(OSError):  # its group may be gone
            os.killpg(self._process.pid, signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=_END_SECONDS)
        if not self._pipe.closed:
            self._pipe.close()
            with self._output as output:
                output.seek(max(output.seek(0, os.SEEK_END) - _OUTPUT_BYTES, 0))
                self.last_output = output.read().decode(errors="replace")


@cache
def load_plugins(plugins: tuple[str, ...]) -> Catalogue:
    """Return the catalogue with these plug-ins, in a worker process, which keeps it."""
    return cached_catalogue(plugins)


def _run_cohort(report: Report, plugins: tuple[str, ...], data: Mapping[str, Any], threads: int) -> Result:
    """Run a cohort in a worker process, and return its record; report the run-steps made since the last time.

    plugins: paths of the user's files; data: from `cohort_to_json`; threads: for ``timings``.
    """
    planned, made = cohort_from_json(data, load_plugins(plugins)), 0
    compile_for(planned.cohort)

    def count(run_steps: int) -> None:
        """Add to the run-steps made since the last report."""
        nonlocal made
        made += run_steps

    def go_on() -> bool:
        """Return False, and report; the engine asks ten times a second whether to stop."""
        nonlocal made
        report(made)
        made = 0
        return False

    go_on()
    with limited_threads():
        return Job((planned,)).run(threads, count, go_on)


class ProcessExecutor:
    """Worker processes, started when there is work; each runs one cohort at a time.

    A worker that dies, or is silent for too long, fails its cohort, and that alone. A pair of problem and optimizer of
    which workers die one after the other is skipped.
    """

    cohorts_per_job = 1

    def __init__(self, processes: int, plugins: Sequence[str], stall: float):
        """Take the number of processes; none starts before there is work.

        plugins: paths of the user's files. stall: the seconds without a sign of progress after which a worker is
        killed.
        """
        self.capacity, self._processes, self._plugins, self._stall = 2 * processes, processes, tuple(plugins), stall
        self._crashes: defaultdict[str, list[str]] = defaultdict(list)
        """By pair, the reasons of the crashes in a row."""
        self._reset()

    def _reset(self) -> None:
        """Start anew without threads and workers."""
        self._pool, self._stopping = DaemonPool(self._processes), threading.Event()
        self._idle: list[WorkerProcess] = []

    def submit(self, job: Job, on_progress: Callable[[int], None]) -> "Future[Result]":
        """Start a job as soon as a worker is free, and return the future of its result."""
        return self._pool.submit(self._run_job, job, on_progress, self._stopping, self._idle)

    def _run_job(
        self, job: Job, on_progress: Callable[[int], None], stopping: threading.Event, idle: list[WorkerProcess]
    ) -> Result:
        """Run a job in a worker process, one of ``idle`` or a new one."""
        (planned,), crashes = job.cohorts, self._crashes[job.pair]
        if len(crashes) >= _MOST_CRASHES:
            return job.failed(f"skipped: {job.pair} crashed {len(crashes)} workers in a row; last error: {crashes[-1]}")
        worker = idle.pop() if idle else WorkerProcess()
        try:
            result: Result = worker.call(
                _run_cohort, self._plugins, cohort_to_json(planned), self._processes, first=COMPILE_SECONDS,
                seconds=self._stall + (planned.cohort.deadline or 0.0), watch=on_progress, should_stop=stopping.is_set,
            )  # fmt: skip
        except OptbenchError as error:
            result = job.failed(str(error))
        except Died as error:
            worker.close()
            crashes.append(str(error))
            return job.failed(str(error))
        except BaseException:
            worker.close()
            raise
        crashes.clear()
        idle.append(worker)
        return result

    def stop(self) -> None:
        """Kill all workers and end all jobs; a later job starts new workers.

        The futures of jobs that waited are never done; do not wait for them.
        """
        self._stopping.set()
        self._pool.stop()
        for worker in self._idle:
            worker.close()
        self._reset()
