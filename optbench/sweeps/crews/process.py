"""One worker process, as seen from outside: what it is asked, what it tells, and why it has died."""

import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from optbench.contract.errors import OptbenchError
from optbench.sweeps.crews.pipes import receive, send

_LOOK = 0.1
"""Seconds between two looks at a worker's memory and clock."""
_COMPILING = 300.0
"""Seconds that loading and compiling may take, where --stall is not longer."""
_WORDS = 2000
"""Bytes of its last words that are kept."""
_GIGABYTE = 1e9


class Died(Exception):
    """The worker has died, or had to be ended; the text says why."""


class Stopped(Exception):
    """The crew stops."""


@dataclass(frozen=True)
class Limits:
    """What a worker may take."""

    stall: float = 60.0
    """Seconds without a sign of progress."""
    memory: float = float("inf")
    """Bytes of its own, shared files aside."""


class Process:
    """A worker process. It is killed by :meth:`end`, or with this one."""

    def __init__(self, lock: Path, limits: Limits):
        self._limits, self._state, self._schedule = limits, "starting", ""
        paths = os.pathsep.join([str(Path(__file__).resolve().parents[3]), *filter(None, sys.path)])
        # -P: what lies in the working directory must not stand in for a module.
        command = [sys.executable, "-P", "-m", "optbench.sweeps.crews.worker", str(lock)]
        try:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                env={**os.environ, "PYTHONPATH": paths}, start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            raise OptbenchError(f"cannot start a worker process: {error.strerror}") from None
        self._heard: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._words: deque[bytes] = deque(maxlen=2)
        self._threads = [threading.Thread(target=each, daemon=True) for each in (self._read, self._drain)]
        for thread in self._threads:
            thread.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with contextlib.suppress(EOFError, OSError, ValueError):
            while True:
                self._heard.put(receive(self._process.stdout))  # type: ignore[arg-type]
        self._heard.put(None)

    def _drain(self) -> None:
        """Keep the last words: a worker whose standard error nobody reads would stand still."""
        assert self._process.stderr is not None
        with contextlib.suppress(OSError, ValueError):
            while words := self._process.stderr.read1(_WORDS):  # type: ignore[attr-defined]
                self._words.append(words)

    def ask(
        self, request: tuple, heard: Callable[[int], None] = lambda steps: None, stopping: Callable[[], bool] = bool
    ) -> tuple[str, Any]:
        """("done", answer) or ("failed", reason). Raises Died, and Stopped once ``stopping`` says yes."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            send(self._process.stdin, request)  # type: ignore[arg-type]
        begin = time.monotonic()
        while True:
            try:
                message = self._heard.get(timeout=_LOOK)
            except queue.Empty:
                self._check(time.monotonic() - begin)
                message = ("steps", 0) if stopping() else ()
            if stopping():
                raise Stopped
            if message is None:
                raise Died(self._last_words())
            if message:
                kind, content = message
                if kind in ("done", "failed"):
                    return kind, content
                if kind == "state":
                    self._state = content
                elif kind == "schedule":
                    self._schedule = content
                else:
                    heard(content)
                begin = time.monotonic()

    def _check(self, silent: float) -> None:
        limit = self._limits.stall if self._state == "running" else max(self._limits.stall, _COMPILING)
        if self._state.startswith(("loading ", "building ")):
            limit = self._limits.stall
        if self._state != "waiting" and silent > limit:
            what = "it showed no sign of progress" if self._state == "running" else f"{self._state} took more than"
            self.end()
            raise Died(f"{what}{' for' if self._state == 'running' else ''} {limit:g} s, and was ended (--stall)")
        if (size := _memory(self._process.pid)) > self._limits.memory:
            self.end()
            limit_text = f"{self._limits.memory / _GIGABYTE:.2g} GB"
            raise Died(f"it took more than {limit_text} of memory ({size / _GIGABYTE:.2g} GB), and was ended")

    @property
    def schedule(self) -> str:
        """The user's schedule that it was in when it was last heard of; "" for none."""
        return self._schedule

    @property
    def state(self) -> str:
        """What it said last that it was about to do."""
        return self._state

    def _last_words(self) -> str:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=5)
        self._threads[1].join(1)
        code = self._process.returncode
        if code is None:
            self.end()
            how = "its worker process sent what cannot be read"
        elif code < 0:
            how = f"its worker process died of {_signal_name(-code)}"
        else:
            how = f"its worker process ended by itself with exit code {code}"
        lines = b"".join(self._words).decode(errors="replace").strip().splitlines()
        return f"{how}; its last words: {lines[-1].strip()[:160]}" if lines else how

    def end(self) -> None:
        """Kill it, if it lives."""
        with contextlib.suppress(OSError):
            self._process.kill()
        with contextlib.suppress(OSError):
            self._process.stdin.close()  # type: ignore[union-attr]
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=5)
        for thread in self._threads:
            thread.join(1)
        for stream in (self._process.stdout, self._process.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.close()  # type: ignore[union-attr]


def _signal_name(number: int) -> str:
    try:
        return f"{signal.Signals(number).name} ({(signal.strsignal(number) or '').lower()})"
    except ValueError:
        return f"signal {number}"


def _memory(pid: int) -> float:
    """Bytes that a process has for itself, swapped ones among them; 0 where the system does not tell."""
    total = 0.0
    with contextlib.suppress(OSError, ValueError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(("RssAnon:", "RssShmem:", "VmSwap:")):
                total += 1024 * int(line.split()[1])
    return total
