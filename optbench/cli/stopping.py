"""Ctrl-C, SIGTERM and SIGHUP, from the first import on: one line and the exit code 130, 143 or 129.

Imported before all else, so it imports nothing that takes time.
"""

import os
import shlex
import signal
import sys
from typing import NoReturn

_WORDS = {"SIGINT": "interrupted", "SIGTERM": "ended by SIGTERM", "SIGHUP": "ended by SIGHUP"}
_GO_ON = ("sweep", "lecture")
"""Commands that keep what they have finished."""
KEPT = "what was finished is kept, to go on:"
"""What is said before the command that goes on."""
_arrived: list[int] = []
"""The signals that came while a command was at work."""


class Stopped(KeyboardInterrupt):
    """What a signal raises in the main thread while a command is at work."""

    def __init__(self, signum: int):
        super().__init__(signum)
        self.signum = signum


def listen() -> None:
    """End at a signal, without a traceback whatever is being imported; one that is ignored, as by nohup, stays so."""
    for name in _WORDS:
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _end)
    sys.unraisablehook = _unraisable


def raise_from_now_on() -> None:
    """From now on the first signal raises :class:`Stopped`, so that a command can keep what it has."""
    for name in _WORDS:
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) == _end:
            signal.signal(number, _stop)


def line(number: int) -> str:
    """What is said at the end: which signal it was, and by which command that goes on which can."""
    text = f"optbench: {_WORDS[signal.Signals(number).name]}"
    return f"{text}; {KEPT} {go_on()}" if sys.argv[1:2] and sys.argv[1] in _GO_ON else text


def go_on() -> str:
    """The command that goes on, which is this one again."""
    program = os.path.basename(sys.argv[0])
    program = "python -m optbench" if program == "__main__.py" else shlex.quote(program)
    return f"{program} {shlex.join(sys.argv[1:])}"


def tell(number: int) -> None:
    """Say it."""
    print(line(number), file=sys.stderr)


def leave(error: BaseException | None) -> NoReturn:
    """End a command that was stopped by ``error``."""
    number = getattr(error, "signum", signal.SIGINT)
    tell(number)
    sys.exit(128 + number)


def arrived() -> Stopped | None:
    """The signal that came, whatever became of the exception that it raised."""
    return Stopped(_arrived[0]) if _arrived else None


def _stop(number, frame) -> None:
    if _arrived:
        _end(number, frame)
    _arrived.append(number)
    raise Stopped(number)


def _end(number, frame) -> NoReturn:
    try:
        shown = "\x1b[?25h" if os.isatty(2) else ""  # a progress bar hides the cursor
        os.write(2, f"{shown}{line(number)}\n".encode())
    except OSError:
        pass
    os._exit(128 + number)


def _unraisable(about) -> None:
    """A signal that came while Python was tidying up has stopped nothing: it ends the command here."""
    if isinstance(about.exc_value, KeyboardInterrupt):
        _end(getattr(about.exc_value, "signum", signal.SIGINT), None)
    sys.__unraisablehook__(about)
