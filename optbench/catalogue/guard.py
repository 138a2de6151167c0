"""What a file may change in the process while it loads, put back afterwards: its author's wishes end with the file."""

import os
import signal
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout, suppress

import numpy as np

from optbench.contract.whole_process import libraries_as_they_were

_ONE_AT_A_TIME = threading.RLock()  # or one thread would put back what another has set; a file may load others
_SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


@contextmanager
def put_back() -> Iterator[None]:
    """Around foreign code: working folder, streams, warnings, NumPy's errors, signals, and settings of libraries.

    These are matplotlib's and PyTorch's. What it prints goes to standard error: standard output is for answers, which
    other programs read.
    """
    with _ONE_AT_A_TIME, libraries_as_they_were(), _put_back():
        yield


@contextmanager
def _put_back() -> Iterator[None]:
    with suppress(OSError):
        folder = os.getcwd()
    streams = sys.stdin, sys.stdout, sys.stderr
    deepest, numeric = sys.getrecursionlimit(), np.geterr()
    handlers = {number: signal.getsignal(number) for number in _SIGNALS}
    plotting = sys.modules.get("matplotlib")
    settings = None if plotting is None else dict.copy(plotting.rcParams)  # to ask for some of them has effects
    try:
        with warnings.catch_warnings(), redirect_stdout(sys.stderr):
            yield
    finally:
        sys.stdin, sys.stdout, sys.stderr = streams
        sys.setrecursionlimit(deepest)
        np.seterr(**numeric)
        with suppress(OSError, NameError):  # a folder that is gone
            os.chdir(folder)
        for number, handler in handlers.items():
            if handler is not None and signal.getsignal(number) is not handler:
                with suppress(ValueError):  # beside the main thread nobody could have changed it
                    signal.signal(number, handler)
        _restore_plotting(settings)


def _restore_plotting(settings: dict | None) -> None:
    """matplotlib's settings as they were; as its own file has them where the foreign code was the first to load it."""
    plotting = sys.modules.get("matplotlib")
    if plotting is None or not hasattr(plotting, "rcParams"):
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some are out of date, and say so
        if settings is None:
            plotting.rc_file_defaults()
        else:
            dict.update(plotting.rcParams, settings)
