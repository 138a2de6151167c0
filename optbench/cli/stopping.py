"""Ctrl-C, SIGTERM and SIGHUP: one line and the exit code 130, 143 or 129, from the first import on.

Imported before everything else, so it imports nothing slow.
"""

import os
import shlex
import signal
import sys
from collections.abc import Callable
from typing import Any, NoReturn

from optbench.cli import output

_WORDS = {"SIGINT": "interrupted", "SIGTERM": "ended by SIGTERM", "SIGHUP": "ended by SIGHUP"}
_RESUMABLE = ("sweep", "lecture")
"""Commands that keep what they have finished."""
RESUME_HINT = "what was finished is kept; resume with:"
"""Stands before the command that resumes."""
_received: list[int] = []
"""Signals that came while a command ran."""


class Stopped(KeyboardInterrupt):
    """Raised in the main thread by a signal that comes while a command runs."""

    def __init__(self, signum: int):
        """Keep the number of the signal."""
        super().__init__(signum)
        self.signum = signum


def handle_signals() -> None:
    """End the process at a signal, without a traceback from what is being imported; nohup stays in force."""
    _replace_handlers(lambda handler: handler != signal.SIG_IGN, _end_process)
    sys.unraisablehook = _end_after_signal


def raise_on_signals() -> None:
    """Raise :class:`Stopped` at the first signal from now on, so that a command can keep what it has finished."""
    _replace_handlers(lambda handler: handler == _end_process, _raise_stopped)


def _replace_handlers(applies: Callable[[Any], bool], handler: Callable[[int, Any], None]) -> None:
    """Set ``handler`` for each ending signal whose current handler fulfills the predicate ``applies``."""
    for name in _WORDS:
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        if number is not None and applies(signal.getsignal(number)):
            signal.signal(number, handler)


def exit_text(number: int) -> str:
    """Return how a command was stopped: the signal, and the command that resumes, if there is one."""
    text = _WORDS[signal.Signals(number).name]
    return f"{text}; {RESUME_HINT} {resume_command()}" if sys.argv[1:2] and sys.argv[1] in _RESUMABLE else text


def resume_command() -> str:
    """Return the command that resumes, which is the one that was typed."""
    program = os.path.basename(sys.argv[0])
    program = "python -m optbench" if program == "__main__.py" else shlex.quote(program)
    return f"{program} {shlex.join(sys.argv[1:])}"


def print_exit_text(number: int) -> None:
    """Print the last line of a command that a signal has stopped."""
    print(f"optbench: {exit_text(number)}", file=sys.stderr)


def exit_with_signal(error: BaseException | None) -> NoReturn:
    """Print the last line of a command and end it with the signal's exit code. error: the `Stopped` that ended it."""
    number = getattr(error, "signum", signal.SIGINT)
    print_exit_text(number)
    output.print_error(exit_text(number), 128 + number)
    sys.exit(128 + number)


def received_signal() -> Stopped | None:
    """Return the signal that came, even if its exception was swallowed or replaced."""
    return Stopped(_received[0]) if _received else None


def _raise_stopped(number: int, frame: object) -> None:
    """Handle the first signal by raising Stopped, and a second one by ending the process."""
    if _received:
        _end_process(number, frame)
    _received.append(number)
    raise Stopped(number)


def _end_process(number: int, frame: object) -> NoReturn:
    """Print why the command ends, and end the process at once."""
    try:
        show_cursor = "\x1b[?25h" if os.isatty(2) else ""  # a progress bar hides it
        os.write(2, f"{show_cursor}optbench: {exit_text(number)}\n".encode())
    except OSError:
        pass
    os._exit(128 + number)


def _end_after_signal(about: "sys.UnraisableHookArgs") -> None:
    """End the command if a signal came during clean-up, where Python drops exceptions.

    about: as for `sys.unraisablehook`.
    """
    if isinstance(about.exc_value, KeyboardInterrupt):
        _end_process(getattr(about.exc_value, "signum", signal.SIGINT), None)
    sys.__unraisablehook__(about)
