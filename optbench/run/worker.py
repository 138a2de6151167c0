"""A worker process: it runs a user's code, and may die of it. ``processes.py`` starts it."""

import contextlib
import os
import signal
import sys
import warnings
from multiprocessing.connection import Connection

from optbench.contract.errors import in_one_line, show_warning

_DEATH_SIGNAL = 1
"""Linux's PR_SET_PDEATHSIG."""


def main() -> None:
    """Call the functions that come by the pipe of this number, and send back what they return, until it is closed."""
    pipe: Connection = Connection(int(sys.argv[1]))
    warnings.showwarning = show_warning
    if sys.platform == "linux":  # die with the parent, even while a kernel holds the interpreter
        with contextlib.suppress(Exception):
            import ctypes

            ctypes.CDLL(None).prctl(_DEATH_SIGNAL, signal.SIGKILL)
    while True:
        try:
            function, arguments = pipe.recv()
        except EOFError:
            os._exit(0)
        try:
            answer = "done", function(lambda content: pipe.send(("report", content)), *arguments)
        except BaseException as error:  # whatever a plug-in raises, SystemExit among it, is an answer
            answer = "failed", in_one_line(error)
        pipe.send(answer)


if __name__ == "__main__":
    main()
