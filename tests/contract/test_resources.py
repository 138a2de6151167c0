"""The number of cores: those of the machine, or fewer if a container's CPU quota allows fewer."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from optbench.contract import resources

ROOT = Path(__file__).parents[2]

NEW, QUOTA, PERIOD = "cpu.max", "cpu.cfs_quota_us", "cpu.cfs_period_us"


@pytest.mark.parametrize(
    ("files", "wanted"),
    [
        ({NEW: "400000 100000\n"}, 4),
        ({NEW: "150000 100000\n"}, 2),
        ({NEW: "5000 100000\n"}, 1),
        ({NEW: "max 100000\n"}, 8),
        ({QUOTA: "300000\n", PERIOD: "100000\n"}, 3),
        ({QUOTA: "-1\n", PERIOD: "100000\n"}, 8),
        ({}, 8),
    ],
)
def test_a_quota_of_time_is_so_many_cores(files, wanted, tmp_path, monkeypatch):
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(resources, "_QUOTAS", ((tmp_path / NEW,), (tmp_path / QUOTA, tmp_path / PERIOD)))
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(8)), raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    resources._quota.cache_clear()
    try:
        assert resources.cores() == wanted
    finally:
        resources._quota.cache_clear()


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems count addresses in other ways")
@pytest.mark.parametrize(("limit", "code"), [(1.0e9, 2), (1.25e9, 2), (1.3e9, 0), (2.1e9, 0)])
def test_a_limit_of_addresses_suffices_or_is_one_line(limit, code, tmp_path):
    """2.1 GB gave tracebacks, for one library began with 1 GiB of it; below 1 GB some wait for ever."""
    import resource

    command = ["sweep", "--problems", "rosenbrock,mlp", "--optimizers", "gd", "--lr", "1e-3", "--batch-sizes", "64",
               "--schedules", "constant", "--seeds", "3", "--steps", "3", "--no-report"]  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "optbench", *command], cwd=tmp_path, capture_output=True, text=True, timeout=300,
        env=os.environ | {"PYTHONPATH": str(ROOT)}, check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (int(limit), int(limit))),
    )  # fmt: skip
    assert done.returncode == code, done.stderr
    line = r"optbench: out of memory: ulimit -v allows [0-9.]+ [MG]iB, and optbench sweep needs about 1.2 GiB: .*"
    assert not code or re.fullmatch(line, done.stderr.strip())


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems count addresses in other ways")
def test_a_command_that_runs_nothing_needs_less():
    import resource

    done = subprocess.run(
        [sys.executable, "-m", "optbench", "list", "schedules"], capture_output=True, text=True, timeout=300,
        env=os.environ | {"PYTHONPATH": str(ROOT)}, check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (2**29, 2**29)),
    )  # fmt: skip
    assert done.returncode == 0 and "cosine" in done.stdout, done.stderr
