"""What a library has once for the whole process, and foreign code may change: as it was, when that code has ended."""

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_FLAGS = "XLA_FLAGS"
_ONE_THREAD = "--xla_cpu_multi_thread_eigen=false"
_inside = threading.Lock()
_found: list[str | None] = []
"""What the environment had, once for everybody who is inside."""


@contextmanager
def libraries_as_they_were() -> Iterator[None]:
    """Around foreign code: PyTorch's default precision, gradients and determinism are put back.

    jax, which reads the environment when it first computes, hears that it has one thread: numbers are to be the same
    in this process, in a worker and at Dask's. Whoever has computed with it before keeps what it had.

    Returns:
        The context.
    """
    before = _settings(sys.modules.get("torch"))
    _enter()
    try:
        yield
    finally:
        _leave()
        _restore(sys.modules.get("torch"), before)


def _enter() -> None:
    with _inside:
        if not _found:
            flags = os.environ.get(_FLAGS)
            if "xla_cpu_multi_thread_eigen" not in (flags or ""):
                os.environ[_FLAGS] = f"{flags or ''} {_ONE_THREAD}".strip()
            _found.append(flags)
        else:
            _found.append(None)


def _leave() -> None:
    with _inside:
        if len(_found) > 1:
            _found.pop()
            return
        flags = _found.pop()
        if flags is None:
            os.environ.pop(_FLAGS, None)
        else:
            os.environ[_FLAGS] = flags


def _settings(torch: Any) -> tuple[Any, bool, bool, bool] | None:
    """Default precision, whether gradients are recorded, whether determinism is asked for, and only by a warning."""
    if not hasattr(torch, "is_deterministic_algorithms_warn_only_enabled"):  # not loaded, or not whole by now
        return None
    return (
        torch.get_default_dtype(),
        torch.is_grad_enabled(),
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
    )


def _restore(torch: Any, before: tuple[Any, bool, bool, bool] | None) -> None:
    """As it was; as the library begins where it was not loaded by then."""
    now = _settings(torch)
    if now is None:
        return
    wanted = before or (torch.float32, True, False, False)
    if now[0] != wanted[0]:
        torch.set_default_dtype(wanted[0])
    if now[1] != wanted[1]:
        torch.set_grad_enabled(wanted[1])
    if now[2:] != wanted[2:]:  # to set it takes time
        torch.use_deterministic_algorithms(wanted[2], warn_only=wanted[3])
