"""A processor that has none of this one's vectors, such as an ARM one, or that LLVM does not know."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from llvmlite import binding

import optbench
from optbench.compiler import numba_inside

ROOT = Path(__file__).parent.parent.parent
RUNS = """
import sys

import numpy as np
from llvmlite import binding

binding.get_host_cpu_features = lambda: {}
import optbench

RATES = [{"lr": 0.001 + 1e-4 * place} for place in range(16)]
for name in sys.argv[2:]:
    problem, dtype = name.split("-")
    for settings in (RATES[:1], RATES):
        runs = optbench.cohort(problem, "momentum", settings, steps=30, batch_size=60, dtype=dtype)
        np.save(f"{sys.argv[1]}/{name}-{len(settings)}.npy", runs.w)
"""
NAMES = ["rosenbrock-float64", "least_squares-float64", "least_squares-float32", "mlp-float64"]


@pytest.mark.slow
def test_without_such_vectors_the_numbers_are_the_same_but_for_rounding(tmp_path):
    """Kernels for a processor of which nothing is known but that it is a 64-bit one of this kind."""
    alone = {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": "", "NUMBA_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, "-W", "ignore", "-c", RUNS, str(tmp_path), *NAMES]
    done = subprocess.run(command, env=os.environ | alone, capture_output=True, text=True, timeout=280, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    for found in sorted(tmp_path.glob("*.npy")):
        problem, dtype, runs = found.stem.split("-")
        settings = [{"lr": 0.001 + 1e-4 * place} for place in range(int(runs))]
        here = optbench.cohort(problem, "momentum", settings, steps=30, batch_size=60, dtype=dtype)
        near = {"rtol": 1e-9, "atol": 1e-12} if dtype == "float64" else {"rtol": 2e-3, "atol": 2e-5}
        np.testing.assert_allclose(np.load(found), here.w, err_msg=found.stem, **near)
    assert len(list(tmp_path.glob("*.npy"))) == 2 * len(NAMES)


def test_a_processor_that_llvm_does_not_know_has_nothing(monkeypatch):
    def unknown():
        raise RuntimeError("failed to get host cpu features")

    monkeypatch.setattr(binding, "get_host_cpu_features", unknown)
    assert numba_inside.host_features().get("avx2") is None
