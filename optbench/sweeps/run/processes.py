"""Worker processes for users' code, which may crash, hang, or take too much memory: one that dies is replaced.

A pool of ``concurrent.futures`` breaks with its first dead worker, unpickles what workers send, and kills no process
that they have started. So a worker is a command with pipes of JSON, in a session that is killed as a whole.
"""

import contextlib
import os
import queue
import selectors
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from optbench.contract import resources
from optbench.contract.errors import OptbenchError
from optbench.sweeps.run.executors import Job, Result
from optbench.sweeps.run.pipes import Decoder, Message, send
from optbench.sweeps.serialization import cohort_to_json
from optbench.sweeps.store.cohort_files import Damaged, decode

_POLL_SECONDS = 0.1
"""Seconds between two checks of a worker's memory and clock."""
_COMPILE_SECONDS = 300.0
"""Seconds that loading and compiling may take, unless the worker's own limit is longer."""
_CHECK_SECONDS = 5.0
"""Seconds that quick checks of a record may take; Python's part of them ends after half of one."""
_END_SECONDS = 5.0
"""Seconds that a killed process may take to end."""
_STOP_SECONDS = 0.6
"""Seconds that a stopped executor waits for its threads."""
_STDERR_BYTES = 2000
"""Bytes of a worker's last output that are kept."""
_CHUNK = 1 << 20
"""Bytes of an answer that are read at once."""
_MOST_CRASHES = 3
"""Workers in a row that may die of a pair of problem and optimizer, or of a schedule, before it is skipped."""
_MEMORY_SHARE = 0.5
"""The share of the machine's memory that all workers together may take."""
# Bytes: a worker that has loaded everything has 0.25 GB of its own (measured)
_LEAST_MEMORY = 1e9
"""Bytes that each worker may take in any case."""
# Bytes: the unit of messages
_GIGABYTE = 1e9


class Died(Exception):
    """Raised if a worker died or had to be killed; the text is the reason."""


class Stopped(Exception):
    """Raised if the executor is being stopped."""


@dataclass(frozen=True)
class Limits:
    """Limits of a worker."""

    stall: float = 60.0
    """Seconds without a sign of progress."""
    memory: float = float("inf")
    """Bytes of its own, without shared files."""


def limits_for(processes: int, stall: float, memory: float | None) -> Limits:
    """Return the limits of each of so many workers; memory: bytes, by default a share of the machine's."""
    share = max(resources.available_memory() * _MEMORY_SHARE / processes, _LEAST_MEMORY)
    return Limits(stall, share if memory is None else memory)


class WorkerProcess:
    """A worker process in a session of its own. :meth:`end` kills all that it has started; it dies with this process.

    Attributes:
        state: the work that it last announced, such as "compiling".
        schedule: the user's schedule that it was running when it last sent anything; "" for none.
    """

    def __init__(self, lock: Path, limits: Limits):
        """Start the process. lock: a file that it locks while it compiles, for kernel caches are not shared safely."""
        self._limits, self.state, self.schedule = limits, "starting", ""
        paths = os.pathsep.join([str(Path(__file__).resolve().parents[3]), *filter(None, sys.path)])
        # -P: a file in the working directory must not stand in for a module.
        command = [sys.executable, "-P", "-m", "optbench.sweeps.run.worker", str(lock)]
        try:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                env={**os.environ, "PYTHONPATH": paths}, start_new_session=True,
            )  # fmt: skip
            wake, self._closing = (os.fdopen(end, mode, 0) for end, mode in zip(os.pipe(), ("rb", "wb"), strict=True))
        except OSError as error:
            raise OptbenchError(f"cannot start a worker process: {error.strerror}") from None
        self._answers: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        self._stderr = b""
        self._reader = threading.Thread(target=self._read, args=(wake,), daemon=True)
        try:
            self._reader.start()
        except RuntimeError:  # the system gives no thread
            self._process.kill()
            raise

    def _read(self, wake: IO[bytes]) -> None:
        """Collect messages and the last output until both pipes end, or :meth:`end` closes the other end of ``wake``.

        A process that the plug-in has started may hold the pipes for ever, so nothing here waits for their end alone.
        """
        out, err = self._process.stdout, self._process.stderr
        assert out is not None and err is not None
        decoder, open_pipes = Decoder(), {out, err}
        with selectors.DefaultSelector() as selector, out, err, wake:
            for pipe in (out, err, wake):
                selector.register(pipe, selectors.EVENT_READ)
            while open_pipes:
                for key, _ in selector.select():
                    if key.fileobj is wake:
                        return
                    chunk = os.read(key.fd, _CHUNK)
                    if key.fd == err.fileno():
                        self._stderr = (self._stderr + chunk)[-_STDERR_BYTES:]
                    try:
                        for message in decoder.feed(chunk) if key.fd == out.fileno() else ():
                            self._answers.put(message)
                    except Exception:  # whatever a plug-in has written there
                        chunk = b""
                    if not chunk:
                        selector.unregister(key.fileobj)
                        open_pipes.discard(key.fileobj)
                        if key.fileobj is out:
                            self._answers.put(None)

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
            Stopped: ``should_stop`` returned True.
        """
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            send(self._process.stdin, [kind, *arguments])  # type: ignore[arg-type]
        begin = time.monotonic()
        while True:
            try:
                message = self._answers.get(timeout=_POLL_SECONDS)
            except queue.Empty:
                if self._process.poll() is not None and self._answers.empty():
                    raise Died(self._obituary()) from None
                self._check_limits(time.monotonic() - begin)
                if should_stop():
                    raise Stopped from None
                continue
            if should_stop():
                raise Stopped
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
                    raise Died(self._obituary())
            begin = time.monotonic()

    def _check_limits(self, silent: float) -> None:
        """Kill the worker and raise Died if it was silent for too long, or takes too much memory."""
        limit = max(self._limits.stall, _COMPILE_SECONDS)
        if self.state == "running" or self.state.startswith(("loading ", "building ", "planning")):
            limit = self._limits.stall
        elif self.state.startswith("checking "):
            limit = _CHECK_SECONDS
        if self.state != "waiting" and silent > limit:
            what = "it showed no sign of progress for" if self.state == "running" else f"{self.state} took more than"
            self.end()
            raise Died(f"{what} {limit:g} s, and was ended (--worker-timeout)")
        if (size := _memory(self._process.pid)) > self._limits.memory:
            self.end()
            most = f"{self._limits.memory / _GIGABYTE:.2g} GB"
            raise Died(f"it took more than {most} of memory ({size / _GIGABYTE:.2g} GB), and was ended")

    def _obituary(self) -> str:
        """Return how the worker died, and the last line of its output."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=_END_SECONDS)
        code = self._process.returncode
        self.end()
        if code is None:
            how = "its worker process sent what cannot be read"
        elif code < 0:
            how = f"its worker process died of {_signal_name(-code)}"
        else:
            how = f"its worker process ended by itself with exit code {code}"
        lines = self._stderr.decode(errors="replace").strip().splitlines()
        return f"{how}; its last words: {lines[-1].strip()[:160]}" if lines else how

    def end(self) -> None:
        """Kill the worker process and all that it has started in its session, and close the pipes."""
        with contextlib.suppress(OSError):  # its group may be gone
            os.killpg(self._process.pid, signal.SIGKILL)
        with contextlib.suppress(OSError):
            self._process.stdin.close()  # type: ignore[union-attr]
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=_END_SECONDS)
        self._closing.close()
        self._reader.join()


def _signal_name(number: int) -> str:
    """Return a signal's name with a description, such as "SIGSEGV (segmentation fault)"."""
    try:
        return f"{signal.Signals(number).name} ({(signal.strsignal(number) or '').lower()})"
    except ValueError:
        return f"signal {number}"


def _memory(pid: int) -> float:
    """Return the bytes that a process has for itself, swapped ones included; 0 if the system does not tell."""
    total = 0.0
    with contextlib.suppress(OSError, ValueError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(("RssAnon:", "RssShmem:", "VmSwap:")):
                total += 1024 * int(line.split()[1])
    return total


class ProcessExecutor:
    """Worker processes, started when there is work; each runs one cohort at a time.

    A worker that dies fails its cohort, and that alone. A pair of problem and optimizer of which workers die one after
    the other is skipped. Where a worker dies in a user's schedule, the cohort runs again, and only the lanes of that
    schedule fail.
    """

    def __init__(
        self, processes: int, plugins: Sequence[str], stall: float = Limits.stall, memory: float | None = None
    ):
        self.limits = limits_for(processes, stall, memory)
        self.capacity, self._most, self._plugins = 2 * processes, processes, list(plugins)
        self._lock = threading.Lock()
        self._crashes: dict[str, list[str]] = {}
        """The reasons of the crashes in a row, by pair."""
        self._schedule_crashes: Counter[str] = Counter()
        self._bad_schedules: dict[str, str] = {}
        """Schedules that are not called any more, with the reason."""
        self._reset()

    def _reset(self) -> None:
        """Start anew with an empty queue, and no threads or workers."""
        self._stopping = threading.Event()
        self._tasks: queue.SimpleQueue[tuple[Job, Callable[[int], None], Future[Result]] | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._workers: dict[int, WorkerProcess] = {}
        """Workers by the identifier of their thread."""
        self._folder: tempfile.TemporaryDirectory | None = None

    def submit(self, job: Job, on_progress: Callable[[int], None]) -> "Future[Result]":
        self._folder = self._folder or tempfile.TemporaryDirectory(prefix="optbench-", ignore_cleanup_errors=True)
        if len(self._threads) < self._most:
            arguments = (self._tasks, self._stopping, Path(self._folder.name) / "compiling")
            thread = threading.Thread(target=self._work, args=arguments, daemon=True)
            thread.start()
            self._threads.append(thread)
        future: Future[Result] = Future()
        self._tasks.put((job, on_progress, future))
        return future

    def _work(self, tasks: queue.SimpleQueue, stopping: threading.Event, lock: Path) -> None:
        """Run jobs, in a thread with a worker of its own."""
        try:
            while (task := tasks.get()) is not None and not stopping.is_set():
                job, on_progress, future = task
                try:
                    result = self._result(job, on_progress, stopping, lock)
                except Stopped:
                    return
                except Exception as error:  # the system gives no process, or no thread
                    future.set_exception(error)
                else:
                    future.set_result(result)
        finally:
            self._discard()

    def _result(self, job: Job, on_progress: Callable[[int], None], stopping: threading.Event, lock: Path) -> Result:
        """Run a job in a worker process; after a crash in a schedule, run it again without that schedule."""
        (planned,) = job.cohorts
        crashes = self._crashes.setdefault(job.pair, [])
        if len(crashes) >= _MOST_CRASHES:
            return job.failed(f"skipped: {job.pair} crashed {len(crashes)} workers in a row; last error: {crashes[-1]}")
        skipped = dict(self._bad_schedules)
        limits = Limits(self.limits.stall + (planned.cohort.deadline or 0.0), self.limits.memory)
        while True:
            process = None
            try:
                process = self._worker(lock, limits, stopping)
                request = "run", self._plugins, cohort_to_json(planned), self._most, skipped
                ok, reason, files = process.ask(*request, on_progress=on_progress, should_stop=stopping.is_set)
                result = _checked(job, files) if ok else job.failed(str(reason))
                crashes.clear()
                return result
            except Died as error:
                schedule, text = process.schedule if process else "", str(error)
                self._discard()
                if not schedule or schedule in skipped:
                    crashes.append(text)
                    return job.failed(text)
                skipped[schedule] = f"schedule {schedule}: {text}"
                self._record_schedule_crash(schedule, skipped[schedule])

    def _record_schedule_crash(self, schedule: str, reason: str) -> None:
        """Count a crash in a schedule, which is skipped after several; reason: that of the crash."""
        with self._lock:
            self._schedule_crashes[schedule] += 1
            if self._schedule_crashes[schedule] >= _MOST_CRASHES:
                self._bad_schedules[schedule] = reason

    def _worker(self, lock: Path, limits: Limits, stopping: threading.Event) -> WorkerProcess:
        """Return this thread's worker; a new one if it has none."""
        with self._lock:
            if stopping.is_set():
                raise Stopped
            thread = threading.get_ident()
            if thread not in self._workers:
                self._workers[thread] = WorkerProcess(lock, limits)
            return self._workers[thread]

    def _discard(self) -> None:
        """End this thread's worker."""
        with self._lock:
            process = self._workers.pop(threading.get_ident(), None)
        if process is not None:
            process.end()

    def stop(self) -> None:
        with self._lock:
            self._stopping.set()
            workers = list(self._workers.values())
        for process in workers:
            process.end()
        for _ in self._threads:
            self._tasks.put(None)
        end = time.monotonic() + _STOP_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))
        if self._folder is not None:
            with contextlib.suppress(OSError):
                self._folder.cleanup()
        self._reset()


def _checked(job: Job, files: tuple[bytes, ...]) -> Result:
    """Return the files; a plug-in that writes where it must not may have hit anything."""
    try:
        for each, file in zip(job.cohorts, files, strict=True):
            decode(file, each.cohort_id)
    except (Damaged, TypeError, ValueError) as error:
        raise Died(f"its worker process made a file that is damaged: {error}") from None
    return files
