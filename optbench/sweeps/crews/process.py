"""One worker process, as seen from outside: what it is asked, what it answers, and why it has died."""

import contextlib
import os
import queue
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from optbench.contract.errors import OptbenchError
from optbench.sweeps.crews.pipes import Decoder, Message, send

_LOOK = 0.1
"""Seconds between two looks at a worker's memory and clock."""
_COMPILING = 300.0
"""Seconds that loading and compiling may take, where --worker-timeout is not longer."""
_CHECKING = 5.0
"""Seconds that quick checks of a record may take; Python's part of them ends after half of one."""
_WORDS = 2000
"""Bytes of its last words that are kept."""
_CHUNK = 1 << 20
"""Bytes of an answer that are read at once."""
# Bytes: the unit of messages
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
    """A worker process in a session of its own. :meth:`end` kills it and all it has started; it dies with this one."""

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
            wake, self._closing = (os.fdopen(end, mode, 0) for end, mode in zip(os.pipe(), ("rb", "wb"), strict=True))
        except OSError as error:
            raise OptbenchError(f"cannot start a worker process: {error.strerror}") from None
        self._answers: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        self._words = b""
        self._reader = threading.Thread(target=self._read, args=(wake,), daemon=True)
        try:
            self._reader.start()
        except RuntimeError:  # the system gives no thread
            self._process.kill()
            raise

    def _read(self, wake: IO[bytes]) -> None:
        """Pass messages on, and keep the last words, until both pipes end or :meth:`end` closes the other end of wake.

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
                        self._words = (self._words + chunk)[-_WORDS:]
                    try:
                        messages = decoder.feed(chunk) if key.fd == out.fileno() else ()
                        for message in messages:
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
        stopping: Callable[[], bool] = bool,
    ) -> tuple[bool, Any, tuple[bytes, ...]]:
        """Ask for what the worker's method ``do_<kind>`` gives of these arguments, which JSON can hold.

        Returns whether it succeeded, its answer or the reason, and the files that it made. Raises Died, and Stopped
        once ``stopping`` says yes.
        """
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            send(self._process.stdin, [kind, *arguments])  # type: ignore[arg-type]
        begin = time.monotonic()
        while True:
            try:
                message = self._answers.get(timeout=_LOOK)
            except queue.Empty:
                if self._process.poll() is not None and self._answers.empty():
                    raise Died(self._last_words()) from None
                self._check(time.monotonic() - begin)
                if stopping():
                    raise Stopped from None
                continue
            if stopping():
                raise Stopped
            match message:
                case [("done" | "failed") as how, answer], files:
                    return how == "done", answer, files
                case ["state", str(text)], ():
                    self._state = text
                case ["schedule", str(text)], ():
                    self._schedule = text
                case ["steps", int(count)], ():
                    on_progress(count)
                case _:  # its end, or what no worker writes
                    raise Died(self._last_words())
            begin = time.monotonic()

    def _check(self, silent: float) -> None:
        limit = self._limits.stall if self._state == "running" else max(self._limits.stall, _COMPILING)
        if self._state.startswith(("loading ", "building ", "planning")):
            limit = self._limits.stall
        elif self._state.startswith("checking "):
            limit = _CHECKING
        if self._state != "waiting" and silent > limit:
            what = "it showed no sign of progress" if self._state == "running" else f"{self._state} took more than"
            self.end()
            raise Died(
                f"{what}{' for' if self._state == 'running' else ''} {limit:g} s, and was ended (--worker-timeout)"
            )
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
        code = self._process.returncode
        self.end()
        if code is None:
            how = "its worker process sent what cannot be read"
        elif code < 0:
            how = f"its worker process died of {_signal_name(-code)}"
        else:
            how = f"its worker process ended by itself with exit code {code}"
        lines = self._words.decode(errors="replace").strip().splitlines()
        return f"{how}; its last words: {lines[-1].strip()[:160]}" if lines else how

    def end(self) -> None:
        """Kill it and whatever it has started in its session."""
        with contextlib.suppress(OSError):  # its group may be gone
            os.killpg(self._process.pid, signal.SIGKILL)
        with contextlib.suppress(OSError):
            self._process.stdin.close()  # type: ignore[union-attr]
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=5)
        self._closing.close()
        self._reader.join()


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
