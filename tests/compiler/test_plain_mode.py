"""Plain mode, without numba's inside, and no compilation at all: everything works, and gives the same numbers."""

import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

import optbench
from optbench.compiler import numba_compat, numba_inside

ROOT = Path(__file__).parents[2]
SPEC = {
    "problems": ["rosenbrock", "logistic"],
    "optimizers": ["adam", "clip(momentum)"],
    "learning_rates": [0.01, 0.1],
    "batch_sizes": ["full", 200],
    "steps": 6,
    "seeds": [0, 1],
}
RUN = f"""
import sys
import numpy as np
import optbench
from optbench.compiler import numba_compat

assert numba_compat.is_plain() and (len(sys.argv) < 3 or not numba_compat.is_compiling())
results = optbench.sweep({SPEC}, out=sys.argv[1], workers=1)
results.runs.to_parquet(sys.argv[1] + ".parquet")
for name, size in (("rosenbrock", "full"), ("mlp", 20)):
    print(optbench.minimize(name, "adam", lr=0.01, steps=3, batch_size=size, points=[3]).w[:2].tolist())
"""


@pytest.mark.slow
@pytest.mark.parametrize(("variable", "more"), [("OPTBENCH_PLAIN", []), ("NUMBA_DISABLE_JIT", ["interpreted"])])
def test_a_sweep_and_a_run_give_the_same_numbers(variable, more, tmp_path):
    import pandas as pd

    environment = os.environ | {variable: "1", "PYTHONPATH": str(ROOT), "NUMBA_CACHE_DIR": str(tmp_path / "kernels")}
    command = [sys.executable, "-W", "ignore", "-c", RUN, str(tmp_path / "there"), *more]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=500, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    found = pd.read_parquet(tmp_path / "there.parquet").drop(columns="seconds", errors="ignore")
    here = optbench.sweep(SPEC, out=tmp_path / "here", workers=1).runs.drop(columns="seconds", errors="ignore")
    pd.testing.assert_frame_equal(found, here[found.columns], rtol=1e-9, atol=1e-12, check_dtype=False)
    for line, (name, size) in zip(done.stdout.splitlines()[-2:], (("rosenbrock", "full"), ("mlp", 20)), strict=True):
        w = optbench.minimize(name, "adam", lr=0.01, steps=3, batch_size=size, points=[3]).w
        np.testing.assert_allclose(np.array(eval(line)), w[:2], rtol=1e-9)


@pytest.mark.parametrize("missing", ["address", "noalias", "Vectors"])
def test_a_numba_whose_inside_has_changed_is_used_in_plain_mode_after_one_warning(missing, monkeypatch):
    monkeypatch.delattr(numba_inside, missing)
    numba_compat.inside.cache_clear()
    try:
        with pytest.warns(
            RuntimeWarning, match=f"not as optbench knows it .*{missing}.* compiled in plain mode"
        ) as told:
            assert numba_compat.is_plain()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert numba_compat.is_plain()
        assert len(told) == 1
    finally:
        monkeypatch.undo()
        numba_compat.inside.cache_clear()
    assert not numba_compat.is_plain(), "the numba of the tests is known: its inside passes the self-test"
