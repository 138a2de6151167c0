"""Process-wide state: limits while runs go in parallel, and its restoration after a user's code."""

import gc
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stdout, suppress
from functools import lru_cache
from typing import Any

import numpy as np

# A thread holds the interpreter between two kernels, for less than this. Measured with two workers, a quadratic's sweep
# of 458 cohorts, seconds of its runs at 20, 5 (Python's own), 0.5 and 0.1 ms: 3.25, 3.35, 2.65, 2.67
_SWITCH_SECONDS = 5e-4
# numba makes millions of objects while it compiles, and few cycles. CPU seconds of a first start of `minimize` on
# logistic, rosenbrock and quadratic with adam and prodigy at 700 (Python's own), 5,000, 10,000, 20,000 and 100,000:
# 7.27, 6.66, 6.72, 6.73, 6.44 (AMD Zen 4). The last would cost memory where a user's steps make cycles that hold arrays
_GC_THRESHOLD = 10_000
_XLA_FLAGS = "XLA_FLAGS"
_XLA_ONE_THREAD = "--xla_cpu_multi_thread_eigen=false"
_SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


def forgotten_by_forks(lock: Any) -> Any:
    """Return a lock of `threading` that a forked child finds free: the thread that held it is not there any more."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=lock._at_fork_reinit)
    return lock


_LOADING = forgotten_by_forks(threading.RLock())
"""Held while a user's file loads: two threads would restore each other's state. A file may load others."""


class _SharedContext:
    """A setting of the whole process that all open contexts share: the first one sets it, the last one restores it.

    A context of its own for each would restore the setting of an outer one where contexts overlap. ``enter`` gets the
    stack on which it puts what restores the setting.
    """

    def __init__(self, enter: Callable[[ExitStack], None]) -> None:
        """Make a context that nobody has entered yet."""
        self._enter, self._restore, self._lock = enter, ExitStack(), threading.RLock()
        self._open: dict[object, int] = {}
        """The thread of each open context."""
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(
                before=lambda: self._lock.acquire(),
                after_in_parent=lambda: self._lock.release(),
                after_in_child=self._after_fork,
            )

    @contextmanager
    def apply(self) -> Iterator[None]:
        """Return a context in which the process has the setting."""
        context = object()
        with self._lock:
            if not self._open:
                self._enter(self._restore)
            self._open[context] = threading.get_ident()
        try:
            yield
        finally:
            with self._lock:
                if self._open.pop(context, None) is not None and not self._open:
                    self._restore.close()

    def _after_fork(self) -> None:
        """In a forked child, forget the contexts of other threads; restore the setting if no context is left."""
        self._lock = threading.RLock()
        here = threading.get_ident()
        self._open = {context: thread for context, thread in self._open.items() if thread == here}
        if not self._open:
            self._restore.close()


@lru_cache(maxsize=1)
def _blas_controller(modules: int) -> Any:
    """Return the controller of the BLAS libraries that are loaded; modules: the number of Python's loaded modules."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def _limit_threads(restore: ExitStack) -> None:
    """Limit BLAS to one thread, shorten Python's switch interval, and collect garbage less often."""
    # To look for libraries takes 2.5 ms, as long as a short run: only after imports.
    restore.callback(_blas_controller(len(sys.modules)).limit(limits=1, user_api="blas").restore_original_limits)
    seconds, thresholds = sys.getswitchinterval(), gc.get_threshold()
    restore.callback(sys.setswitchinterval, seconds)
    sys.setswitchinterval(min(seconds, _SWITCH_SECONDS))
    restore.callback(gc.set_threshold, *thresholds)
    if 0 < thresholds[0] < _GC_THRESHOLD:  # 0: the collector is off
        gc.set_threshold(_GC_THRESHOLD, *thresholds[1:])


def _limit_xla(restore: ExitStack) -> None:
    """Set the environment variable with which jax computes in one thread, unless the user has set it."""
    before = os.environ.get(_XLA_FLAGS)
    restore.callback(_set_xla_flags, before)
    if "xla_cpu_multi_thread_eigen" not in (before or ""):
        _set_xla_flags(f"{before or ''} {_XLA_ONE_THREAD}".strip())


def _set_xla_flags(text: str | None) -> None:
    """Set the environment variable that jax reads at its first computation; delete it if the text is None."""
    if text is None:
        os.environ.pop(_XLA_FLAGS, None)
    else:
        os.environ[_XLA_FLAGS] = text


limited_threads = _SharedContext(_limit_threads).apply
"""A context for runs in parallel: BLAS uses one thread, Python's threads take short turns, and the cyclic garbage
collector runs less often. Contexts may overlap in any threads; the last one restores what was set before the first."""
_one_xla_thread = _SharedContext(_limit_xla).apply


@contextmanager
def restored_libraries() -> Iterator[None]:
    """Restore PyTorch's default precision, gradient mode and determinism after a user's code.

    jax is told to use one thread, so that numbers are the same in this process, in a worker and on a cluster. A process
    that has computed with jax before keeps its setting.
    """
    before = _torch_settings()
    with _one_xla_thread():
        try:
            yield
        finally:
            _restore_torch(before or ("float32", True, False, False))


def _torch_settings() -> tuple[str, bool, bool, bool] | None:
    """Return default precision, gradient mode, determinism, and whether that only warns; None without PyTorch."""
    torch: Any = sys.modules.get("torch")
    if not hasattr(torch, "is_deterministic_algorithms_warn_only_enabled"):  # not loaded, or only in part
        return None
    return (
        str(torch.get_default_dtype()).removeprefix("torch."),
        torch.is_grad_enabled(),
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
    )


def _restore_torch(wanted: tuple[str, bool, bool, bool]) -> None:
    """Set PyTorch's settings to ``wanted``, as `_torch_settings` returns them; do nothing without PyTorch."""
    torch: Any = sys.modules.get("torch")
    now = _torch_settings()
    if now is None or now == wanted:  # setting them takes time
        return
    torch.set_default_dtype(getattr(torch, wanted[0]))
    torch.set_grad_enabled(wanted[1])
    torch.use_deterministic_algorithms(wanted[2], warn_only=wanted[3])


@contextmanager
def restored_process() -> Iterator[None]:
    """Restore the state of the process after a user's file was loaded.

    That is the working folder, streams, warnings, NumPy's error handling, signal handlers, and settings of matplotlib
    and PyTorch. What the file prints goes to standard error: standard output is for answers that programs read.
    """
    with _LOADING, restored_libraries(), warnings.catch_warnings():
        with suppress(OSError):
            folder = os.getcwd()
        streams = sys.stdin, sys.stdout, sys.stderr
        recursion, numeric = sys.getrecursionlimit(), np.geterr()
        handlers = {number: signal.getsignal(number) for number in _SIGNALS}
        plotting: Any = sys.modules.get("matplotlib")
        settings = None if plotting is None else dict.copy(plotting.rcParams)  # reading some of them has effects
        try:
            with redirect_stdout(sys.stderr):
                yield
        finally:
            sys.stdin, sys.stdout, sys.stderr = streams
            sys.setrecursionlimit(recursion)
            np.seterr(**numeric)
            with suppress(OSError, NameError):  # the folder is gone
                os.chdir(folder)
            for number, handler in handlers.items():
                if handler is not None and signal.getsignal(number) is not handler:
                    with suppress(ValueError):  # only the main thread could have changed it
                        signal.signal(number, handler)
            _restore_matplotlib(settings)


def _restore_matplotlib(settings: dict | None) -> None:
    """Restore its settings; to those of its own file if the user's code was the first to load it."""
    plotting: Any = sys.modules.get("matplotlib")
    if not hasattr(plotting, "rcParams"):
        return
    warnings.simplefilter("ignore")  # some settings are deprecated; the caller restores the filters
    if settings is None:
        plotting.rc_file_defaults()
    else:
        dict.update(plotting.rcParams, settings)
