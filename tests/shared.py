"""Files that the workers of a test session share: compiled kernels, and results that are computed only once."""

import os
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path

import numpy as np


@contextmanager
def locked(file: Path):
    """Wait until no other process holds the lock ``file``; without locks on this system, do not wait."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    with file.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # until it is closed, or the process ends
        yield


def once(name: str, compute: Callable[[Path], None]) -> dict[str, np.ndarray]:
    """Return the arrays in the file that ``compute`` writes; it is called once in a session for each ``name``."""
    file = Path(os.environ["OPTBENCH_TESTS_SHARED"]) / f"{name}.npz"
    with locked(file.with_suffix(".lock")):
        if not file.exists():
            compute(file)
    with np.load(file) as arrays:
        return dict(arrays)
