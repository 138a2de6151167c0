"""Ctrl-C and its kin, heard at moments when nothing is left half done, and never waited for in vain.

An exception that a signal throws anywhere can hit a lock between its two ends. So while jobs run, a signal is only
noted, and the loop that runs them looks; at other times it ends the work at once, as Python does.
"""

import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

ENDING = ("SIGINT", "SIGTERM", "SIGHUP")
"""What ends a command alike."""
_PATIENCE = 1.0
"""Seconds after which a command that does not come to its end is ended."""


class Interrupted(KeyboardInterrupt):
    """A signal asked to end."""

    def __init__(self, signum: int):
        super().__init__()
        self.signum = signum


class _Listener:
    """The signals of one command or call. ``last_word``: is called before a process is ended that does not end."""

    def __init__(self, last_word: Callable[[int], None] | None):
        self.signum, self.held, self.last_word = 0, 0, last_word
        self.over = threading.Event()

    def handle(self, signum: int, frame: object) -> None:
        """The handler: only the first signal counts where the process ends anyhow."""
        again, self.signum = bool(self.signum), self.signum or signum
        if self.held or (again and self.last_word):
            return
        raise Interrupted(self.signum)

    def watch(self, receiver: socket.socket) -> None:
        """In a thread: end the process some time after the first signal, unless the listener is over by then.

        Python runs handlers between two steps of the main thread, which may be in a kernel that loops for ever.
        """
        ending = {int(getattr(signal, name)) for name in ENDING if hasattr(signal, name)}
        heard = 0
        with receiver:
            while heard not in ending:
                data = receiver.recv(1)
                if not data:
                    return
                heard = data[0]
        if not self.over.wait(_PATIENCE) and self.last_word:
            self.last_word(heard)
            for stream in (sys.stdout, sys.stderr):
                try:
                    stream.flush()
                except (OSError, ValueError):
                    pass
            os._exit(128 + heard)


def _nothing(signum: int) -> None:
    pass


_current: _Listener | None = None


def _mine() -> _Listener | None:
    """The listener, in the thread that it belongs to."""
    return _current if threading.current_thread() is threading.main_thread() else None


@contextmanager
def listening(names: Sequence[str] = ENDING, last_word: Callable[[int], None] | None = None) -> Iterator[None]:
    """Within it, these signals raise Interrupted in the main thread; afterwards, they do what they did before.

    Nothing happens in another thread, or within another such context. With a ``last_word`` the process ends in any
    case, within two seconds, with the exit code of the signal; ``last_word(signum)`` is to tell why.
    """
    global _current
    if threading.current_thread() is not threading.main_thread() or _current is not None:
        yield
        return
    listener = _current = _Listener(last_word)
    before: dict[int, Any] = {}
    ends: tuple[socket.socket, socket.socket] | None = None
    wakeup = -1
    try:
        for signum in (int(getattr(signal, name)) for name in names if hasattr(signal, name)):
            handler = signal.getsignal(signum)
            # A program's own handler stays, and what nohup and job control have switched off stays so.
            if handler is signal.default_int_handler or (last_word and handler != signal.SIG_IGN):
                before[signum] = signal.signal(signum, listener.handle)
        if last_word:
            ends = socket.socketpair()
            for end in ends:
                end.setblocking(end is ends[0])
            wakeup = signal.set_wakeup_fd(ends[1].fileno(), warn_on_full_buffer=False)
            threading.Thread(target=listener.watch, args=(ends[0],), daemon=True).start()
        yield
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)
        if ends:
            signal.set_wakeup_fd(wakeup)
            if listener.signum:  # the command has told it, and is still to end within its time
                listener.last_word = _nothing
            else:
                listener.over.set()
            ends[1].close()
        _current = None


@contextmanager
def noted(long: bool = False) -> Iterator[None]:
    """Within it a signal is only noted; :func:`look` raises. long: what may take long is noted only in a command, which
    ends by then in any case."""
    listener = _mine()
    if listener is None or (long and not listener.last_word):
        yield
        return
    listener.held += 1
    try:
        yield
    finally:
        listener.held -= 1


def look() -> None:
    """Raise Interrupted where a signal was noted."""
    listener = _mine()
    if listener is not None and listener.signum:
        raise Interrupted(listener.signum)
