"""Worker processes for users' code, which may crash, hang, or take too much memory: one that dies is replaced.

A pool of ``concurrent.futures`` breaks with its first dead worker, unpickles what workers send, and kills no process
that they have started. So a worker is a command with pipes of JSON, in a session that is killed as a whole.
"""

import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from optbench.contract import resources
from optbench.contract.errors import OptbenchError
from optbench.engine.runner import Cancelled
from optbench.sweeps.run.executors import DaemonPool, Job, Result
from optbench.sweeps.run.pipes import Message, receive, send
from optbench.sweeps.serialization import cohort_to_json
from optbench.sweeps.store.cohort_files import Damaged, decode_cohort

_POLL_SECONDS = 0.1
"""Seconds between two checks of a worker's memory and clock."""
_COMPILE_SECONDS = 300.0
"""Seconds that loading and compiling may take, unless the worker's own limit is longer."""
_END_SECONDS = 5.0
"""Seconds that a killed process may take to end."""
_PIPE_SECONDS = 0.1
"""Seconds to read what is left in the pipes of a process that has ended."""
_STDERR_BYTES = 2000
"""Bytes of a worker's last output that are kept."""
_MOST_CRASHES = 3
"""Workers in a row that may die of a pair of problem and optimizer before it is skipped."""
_MEMORY_SHARE = 0.5
"""The share of the machine's memory that all workers together may take."""
# Bytes: a worker that has loaded everything has 0.25 GB of its own (measured)
_LEAST_MEMORY = 1e9
"""Bytes that each worker may take in any case."""
DIED = "its worker process died of"
"""Stands before the signal in the reason of a failed run."""


class Died(Exception):
    """Raised if a worker died or had to be killed; the text is the reason."""


@dataclass(frozen=True)
class Limits:
    """Limits of a worker."""

    stall: float = 60.0
    """Seconds without a sign of progress."""
    memory: float = float("inf")
    """Bytes of its own, without shared files."""
    check: float = 20.0
    """Seconds that quick checks of a record may take, on a busy machine, too; Python's part ends after half of one."""


def worker_limits(processes: int, stall: float, memory: float | None) -> Limits:
    """Return the limits of each of so many workers.

    stall: seconds without a sign of progress; memory: bytes, None: a share of the machine's.
    """
    share = max(resources.available_memory() * _MEMORY_SHARE / processes, _LEAST_MEMORY)
    return Limits(stall, share if memory is None else memory)


class WorkerProcess:
    """A worker process in a session of its own. :meth:`close` kills all that it has started; it dies with this process.

    Attributes:
        state: the work that it last announced, such as "compiling".
        schedule: the user's schedule that it was running when it last sent anything; "" for none.
    """

    def __init__(self, limits: Limits):
        """Start the process. Raises OptbenchError if the system gives none."""
        self._limits, self.state, self.schedule = limits, "starting", ""
        paths = os.pathsep.join([str(Path(__file__).resolve().parents[3]), *filter(None, sys.path)])
        # -P: a file in the working directory must not stand in for a module.
        command = [sys.executable, "-P", "-m", "optbench.sweeps.run.worker"]
        try:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                env={**os.environ, "PYTHONPATH": paths}, start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            raise OptbenchError(f"cannot start a worker process: {error.strerror}") from None
        self._answers: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        self._stderr = b""
        # A process that the plug-in has started may hold the pipes for ever, so nothing waits for these threads.
        self._readers = [threading.Thread(target=read, daemon=True) for read in (self._read_answers, self._read_stderr)]
        try:
            for reader in self._readers:
                reader.start()
        except RuntimeError:  # the system gives no thread
            self._process.kill()
            raise

    def _read_answers(self) -> None:
        """Put the worker's messages into the queue, and None at their end."""
        assert self._process.stdout is not None
        with self._process.stdout as stream:
            with contextlib.suppress(Exception):  # whatever a plug-in has written there
                while True:
                    self._answers.put(receive(stream))
            self._answers.put(None)

    def _read_stderr(self) -> None:
        """Keep the last bytes of the worker's output."""
        assert self._process.stderr is not None
        with self._process.stderr as stream:
            while chunk := os.read(stream.fileno(), _STDERR_BYTES):
                self._stderr = (self._stderr + chunk)[-_STDERR_BYTES:]

    def ask(
        self,
        kind: str,
        *arguments: Any,
        on_progress: Callable[[int], None] = lambda steps: None,
        should_stop: Callable[[], bool] = bool,
    ) -> tuple[bool, Any, tuple[bytes, ...]]:
        """Call the worker's method ``do_<kind>`` with arguments that JSON can hold.

        Returns:
            Whether it succeeded, its answer or the reason, and the files that it made.

        Raises:
            Died: the worker died, or was killed.
            Cancelled: ``should_stop`` returned True.
        """
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            send(self._process.stdin, [kind, *arguments])
        begin = time.monotonic()
        while True:
            try:
                message = self._answers.get(timeout=_POLL_SECONDS)
            except queue.Empty:
                if self._process.poll() is not None and self._answers.empty():
                    raise Died(self._cause_of_death()) from None
                self._check_limits(time.monotonic() - begin)
                if should_stop():
                    raise Cancelled from None
                continue
            if should_stop():
                raise Cancelled
            match message:
                case [("done" | "failed") as how, answer], files:
                    return how == "done", answer, files
                case ["state", str(text)], ():
                    self.state = text
                case ["schedule", str(text)], ():
                    self.schedule = text
                case ["steps", int(count)], ():
                    on_progress(count)
                case _:  # its end, or what no worker writes
                    raise Died(self._cause_of_death())
            begin = time.monotonic()

    def _check_limits(self, silent: float) -> None:
        """Kill the worker and raise Died if it was silent for too long, or takes too much memory."""
        limit = max(self._limits.stall, _COMPILE_SECONDS)
        if self.state == "running" or self.state.startswith(("loading ", "building ", "planning")):
            limit = self._limits.stall
        elif self.state.startswith("checking "):
            limit = self._limits.check
        if self.state != "waiting" and silent > limit:
            what = "it showed no sign of progress for" if self.state == "running" else f"{self.state} took more than"
            self.close()
            raise Died(f"{what} {limit:g} s, and was ended (--worker-timeout)")
        if (size := _private_memory(self._process.pid)) > self._limits.memory:
            self.close()
            took, share = map(resources.size_text, (size, self._limits.memory))
            raise Died(
                f"it took {took} of memory, and was ended: half of the machine's is shared by all workers, {share} for "
                "each; run it with fewer --workers, or where there is more"
            )

    def _cause_of_death(self) -> str:
        """Return how the worker died, and the last line of its output."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=_END_SECONDS)
        code = self._process.returncode
        self.close()
        if code is None:
            how = "its worker process sent what cannot be read"
        elif code < 0:
            how = f"{DIED} {_signal_name(-code)}"
        else:
            how = f"its worker process ended by itself with exit code {code}"
        lines = self.last_output.strip().splitlines()
        return f"{how}; its last words: {lines[-1].strip()[:160]}" if lines else how

    @property
    def last_output(self) -> str:
        """The last of what it has printed."""
        for reader in self._readers:
            reader.join(timeout=_PIPE_SECONDS)
        return self._stderr.decode(errors="replace")

    def close(self) -> None:
        """Kill the worker process and all that it has started in its session."""
        with contextlib.suppress(OSError):  # its group may be gone
            os.killpg(self._process.pid, signal.SIGKILL)
        with contextlib.suppress(OSError):
            self._process.stdin.close()  # type: ignore[union-attr]
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=_END_SECONDS)


def _signal_name(number: int) -> str:
    """Return a signal's name with a description, such as "SIGSEGV (segmentation fault)"."""
    try:
        return f"{signal.Signals(number).name} ({(signal.strsignal(number) or '').lower()})"
    except ValueError:
        return f"signal {number}"


def _private_memory(pid: int) -> float:
    """Return the bytes of memory that a process shares with no other, swapped ones included; 0 if unknown."""
    total = 0.0
    with contextlib.suppress(OSError, ValueError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(("RssAnon:", "RssShmem:", "VmSwap:")):
                total += 1024 * int(line.split()[1])
    return total


class ProcessExecutor:
    """Worker processes, started when there is work; each runs one cohort at a time.

    A worker that dies fails its cohort, and that alone. A pair of problem and optimizer of which workers die one after
    the other is skipped. If a worker dies in a user's schedule, the cohort runs again, and only the lanes of that
    schedule fail.
    """

    cohorts_per_job = 1

    def __init__(
        self, processes: int, plugins: Sequence[str], stall: float = Limits.stall, memory: float | None = None
    ):
        """Take the number of processes; none starts before there is work.

        plugins: paths of the user's files. stall: the seconds without a sign of progress after which a worker is
        killed. memory: the bytes that a worker may take; None: a share of the machine's.
        """
        self.limits = worker_limits(processes, stall, memory)
        self.capacity, self._processes, self._plugins = 2 * processes, processes, list(plugins)
        self._lock = threading.Lock()
        self._crashes: defaultdict[str, list[str]] = defaultdict(list)
        """By pair, the reasons of the crashes in a row."""
        self._bad_schedules: dict[str, str] = {}
        """Schedules in which a worker has died, with the reason: they are not called any more."""
        self._reset()

    def _reset(self) -> None:
        """Start anew without threads and workers."""
        self._pool, self._stopping = DaemonPool(self._processes), threading.Event()
        self._workers: set[WorkerProcess] = set()
        self._idle: list[WorkerProcess] = []
        """Those of the workers that run nothing."""

    def submit(self, job: Job, on_progress: Callable[[int], None]) -> "Future[Result]":
        """Start a job as soon as a worker is free, and return the future of its result."""
        return self._pool.submit(self._run_job, job, on_progress, self._stopping)

    def _run_job(self, job: Job, on_progress: Callable[[int], None], stopping: threading.Event) -> Result:
        """Run a job in a worker process; after a crash in a schedule, run it again without that schedule."""
        (planned,) = job.cohorts
        crashes = self._crashes[job.pair]
        if len(crashes) >= _MOST_CRASHES:
            return job.failed(f"skipped: {job.pair} crashed {len(crashes)} workers in a row; last error: {crashes[-1]}")
        while True:
            skipped = dict(self._bad_schedules)
            worker = self._take_worker(planned.cohort.deadline or 0.0, stopping)
            request = "run", self._plugins, cohort_to_json(planned), self._processes, skipped
            try:
                ok, reason, files = worker.ask(*request, on_progress=on_progress, should_stop=stopping.is_set)
                result = _check_files(job, files) if ok else job.failed(str(reason))
            except Died as error:
                self._close_worker(worker)
                schedule, text = worker.schedule, str(error)
                if not schedule or schedule in skipped:
                    crashes.append(text)
                    return job.failed(text)
                self._bad_schedules[schedule] = f"schedule {schedule}: {text}"
            else:
                crashes.clear()
                self._idle.append(worker)
                return result

    def _take_worker(self, run_timeout: float, stopping: threading.Event) -> WorkerProcess:
        """Return an idle worker, or start one. Raises Cancelled if the executor is being stopped."""
        with self._lock:
            if stopping.is_set():
                raise Cancelled
            if self._idle:
                return self._idle.pop()
            worker = WorkerProcess(replace(self.limits, stall=self.limits.stall + run_timeout))
            self._workers.add(worker)
            return worker

    def _close_worker(self, worker: WorkerProcess) -> None:
        """End a worker that has died."""
        with self._lock:
            self._workers.discard(worker)
        worker.close()

    def stop(self) -> None:
        """Kill all workers and end all jobs; a later job starts new workers.

        The futures of jobs that waited are never done; do not wait for them.
        """
        with self._lock:
            self._stopping.set()
            workers = list(self._workers)
        for worker in workers:
            worker.close()
        self._pool.stop()
        self._reset()


def _check_files(job: Job, files: tuple[bytes, ...]) -> Result:
    """Return the files if their checksums are right; raise Died if a plug-in has damaged one in memory."""
    try:
        for each, file in zip(job.cohorts, files, strict=True):
            decode_cohort(file, each.cohort_id)
    except (Damaged, TypeError, ValueError) as error:
        raise Died(f"its worker process made a file that is damaged: {error}") from None
    return files
