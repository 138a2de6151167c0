"""Ctrl-C and other signals: raised at safe points while jobs run, and obeyed within a second in any case.

An exception that a signal raises anywhere can hit a lock between its two ends. So while jobs run a signal is only
recorded, and the loop that runs them checks; at other times it ends the work at once, as Python does.
"""

import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress

ENDING = ("SIGINT", "SIGTERM", "SIGHUP")
"""The signals that end a command."""
_KILL_SECONDS = 1.0
"""Seconds after which a command is killed that a signal has not ended."""


def _signal_numbers(names: Sequence[str]) -> list[int]:
    """Return the numbers of the signals of these names that the system has."""
    return [int(getattr(signal, name)) for name in names if hasattr(signal, name)]


class Interrupted(KeyboardInterrupt):
    """A signal asked to end."""

    def __init__(self, signum: int):
        """Keep the number of the signal."""
        super().__init__()
        self.signum = signum


class _State:
    """The signals of one command or call."""

    def __init__(self, on_kill: Callable[[int], None] | None):
        """Begin without a signal. on_kill: called with the signal before the process is killed; None: it never is."""
        self.signum, self.deferred, self.on_kill = 0, 0, on_kill
        self.ended = threading.Event()

    def handle(self, signum: int, frame: object) -> None:
        """Record the first signal, and raise it unless it is deferred; a command ends anyhow at the first one."""
        again, self.signum = bool(self.signum), self.signum or signum
        if not self.deferred and not (again and self.on_kill):
            raise Interrupted(self.signum)

    def kill_if_late(self, receiver: socket.socket) -> None:
        """Kill the process some time after the first signal, in a thread of its own.

        Python runs handlers between two steps of the main thread, which may be in a kernel that loops for ever.
        """
        ending = _signal_numbers(ENDING)
        with receiver:
            while (data := receiver.recv(1)) and data[0] not in ending:
                pass
        if data and not self.ended.wait(_KILL_SECONDS) and self.on_kill:
            self.on_kill(data[0])
            for stream in (sys.stdout, sys.stderr):
                with suppress(OSError, ValueError):
                    stream.flush()
            os._exit(128 + data[0])


_current: _State | None = None


def _current_state() -> _State | None:
    """Return the current state, in the main thread."""
    return _current if threading.current_thread() is threading.main_thread() else None


@contextmanager
def handle_signals(names: Sequence[str] = ENDING, on_kill: Callable[[int], None] | None = None) -> Iterator[None]:
    """Raise Interrupted in the main thread at these signals; afterwards they do what they did before.

    Nothing changes in another thread, or within another such context. With ``on_kill`` the process ends within two
    seconds whatever it does, with the exit code of the signal; ``on_kill(signum)`` is called before it is killed.
    """
    global _current
    if threading.current_thread() is not threading.main_thread() or _current is not None:
        yield
        return
    state = _current = _State(on_kill)
    with ExitStack() as undo:
        undo.callback(_forget_state)
        for signum in _signal_numbers(names):
            before = signal.getsignal(signum)
            # A program's own handler stays, and what nohup and job control have switched off stays so.
            if before is signal.default_int_handler or (on_kill and before != signal.SIG_IGN):
                signal.signal(signum, state.handle)
                undo.callback(signal.signal, signum, before)
        if on_kill:
            _start_killer(state, undo)
        yield


def _start_killer(state: _State, undo: ExitStack) -> None:
    """Start the thread that kills the process if it does not end after a signal; ``undo`` ends the thread."""
    receiver, sender = socket.socketpair()
    sender.setblocking(False)
    undo.callback(sender.close)
    undo.callback(signal.set_wakeup_fd, signal.set_wakeup_fd(sender.fileno(), warn_on_full_buffer=False))
    undo.callback(_end_killer, state)
    threading.Thread(target=state.kill_if_late, args=(receiver,), daemon=True).start()


def _end_killer(state: _State) -> None:
    """End the thread that would kill the process; after a signal, only silence it, since the process has to end."""
    if state.signum:  # the command has told the user, and is still to end within its time
        state.on_kill = lambda signum: None
    else:
        state.ended.set()


def _forget_state() -> None:
    """Forget the signals of a command or call that has ended."""
    global _current
    _current = None


@contextmanager
def defer_signals() -> Iterator[None]:
    """Record signals instead of raising them; :func:`check_signals` raises."""
    state = _current_state()
    if state is None:
        yield
        return
    state.deferred += 1
    try:
        yield
    finally:
        state.deferred -= 1


def check_signals() -> None:
    """Raise Interrupted if a signal was recorded."""
    state = _current_state()
    if state is not None and state.signum:
        raise Interrupted(state.signum)
