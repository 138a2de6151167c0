"""benchmarks/gpu.py: what it says without a GPU, and the whole of it in numba's simulator."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from simulated import environment

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "gpu.py"


def run(out: Path, env) -> subprocess.CompletedProcess:
    command = [sys.executable, str(SCRIPT), "--quick", "--out", str(out)]
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False)


def test_without_a_gpu_it_says_what_is_missing_and_writes_nothing(tmp_path):
    done = run(tmp_path / "gpu.json", {**os.environ, "CUDA_VISIBLE_DEVICES": "-1"})
    assert done.returncode == 2 and not done.stdout
    assert done.stderr.startswith("gpu.py: ") and done.stderr.count("\n") == 1
    assert "driver" in done.stderr or "toolkit" in done.stderr or "pip install" in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.xdist_group("simulated benchmark")
def test_in_the_simulator_it_runs_whole_and_is_marked_as_no_measurement(tmp_path):
    out = tmp_path / "gpu.json"
    done = run(out, environment())
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("numba's simulator: no measurement\n")
    content = json.loads(out.read_text())
    assert content["warning"] == "numba's simulator: no measurement" and content["card"] == "numba's simulator"
    assert {"command", "date", "optbench", "cuda_driver"} <= set(content)
    rows = content["rows"]
    parts = {part: [row for row in rows if row["part"] == part] for part in ("copy", "ewa", "sweep")}
    assert [len(part) for part in parts.values()] == [1, 2, 4]
    for row in rows:
        assert row["speed"] is not None
        assert any(line.startswith(f"{row['part']:6}  {row['case']} ") for line in done.stdout.splitlines())
