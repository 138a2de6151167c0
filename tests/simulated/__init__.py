"""Kernels of the GPU in numba's simulator: in a process of its own, for it must be chosen before numba loads."""

import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
from shared import once

TESTS = Path(__file__).parent.parent


def environment() -> dict[str, str]:
    """Return the environment variables for a process that runs kernels in numba's CUDA simulator."""
    path = os.pathsep.join([str(TESTS.parent), str(TESTS)])
    return os.environ | {"NUMBA_ENABLE_CUDASIM": "1", "NUMBA_DISABLE_JIT": "1", "PYTHONPATH": path}


@cache
def results(name: str) -> dict[str, np.ndarray]:
    """Return the arrays that ``run`` of simulated/``name``.py returns in the simulator."""

    def simulate(file: Path):
        command = [sys.executable, "-m", "simulated", name, str(file)]
        done = subprocess.run(command, env=environment(), capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

    return once(name, simulate)
