"""The number of cores: those of the machine, or fewer if a container's CPU quota allows fewer."""

import os

import pytest

from optbench.contract import resources

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
