"""Kernels of the GPU in numba's simulator: in a process of its own, for it must be chosen before numba loads."""

import os
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

import numpy as np

TESTS = Path(__file__).parent.parent


def environment() -> dict[str, str]:
    """What a process needs to run kernels in the simulator."""
    path = os.pathsep.join([str(TESTS.parent), str(TESTS)])
    return os.environ | {"NUMBA_ENABLE_CUDASIM": "1", "NUMBA_DISABLE_JIT": "1", "PYTHONPATH": path}


@cache
def results(name: str) -> dict[str, np.ndarray]:
    """What ``run`` of simulated/``name``.py gave there."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "results.npz"
        command = [sys.executable, "-m", "simulated", name, str(out)]
        done = subprocess.run(command, env=environment(), capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        with np.load(out) as found:
            return dict(found)
