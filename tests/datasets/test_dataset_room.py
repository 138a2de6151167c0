"""Data sets that no machine has room for, or whose parameters make no sense, are refused before anything is begun."""

import time

import numpy as np
import pytest
from harness import CATALOGUE, save_arrays

import optbench
from optbench import datasets
from optbench.contract import resources
from optbench.contract.errors import OptbenchError


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("logistic_model(examples=1e12)", "logistic_model: .* examples of 21 numbers needs 306 TiB of memory"),
        ("gaussian(examples=1e12)", "gaussian: 1,000,000,000,000 examples of 22 numbers needs 320 TiB of memory"),
        ("teacher(noise=1e999)", "data set teacher: noise=inf must be finite"),
    ],
)
def test_what_there_is_no_room_for_is_refused(text, words, data_cache):
    begin = time.monotonic()
    with pytest.raises(OptbenchError, match=words) as told:
        CATALOGUE.problem(f"logistic(data={text})")
    assert time.monotonic() - begin < 20 and not data_cache.exists() and "\n" not in str(told.value)


def test_a_disk_that_is_too_small_is_told_with_both_sizes(data_cache, monkeypatch):
    monkeypatch.setattr(resources, "free_disk", lambda folder: 1 << 10)
    words = "with_data: the file of X and y needs 2.34 KiB on disk, and 1 KiB are free in .*arrays"
    with pytest.raises(OptbenchError, match=words):
        optbench.with_data("logistic", np.ones((100, 2)), np.arange(100) % 2)
    assert not data_cache.exists()


def test_a_file_larger_than_the_memory_is_not_read(tmp_path, monkeypatch):
    path = save_arrays(np.ones((10, 2)), np.arange(10) % 2, folder=tmp_path)
    monkeypatch.setattr(resources, "available_memory", lambda: 100)
    with pytest.raises(
        OptbenchError, match="data: 10 rows of 3 columns needs 720 B of memory, and this machine has 100 B"
    ):
        datasets.load(path)


def test_a_table_larger_than_the_memory_is_not_read(tmp_path, monkeypatch):
    (tmp_path / "d.csv").write_text("a,b,y\n" + "0,0,0\n" * 100_000)
    monkeypatch.setattr(resources, "available_memory", lambda: 2 << 20)
    with pytest.raises(OptbenchError, match="d.csv: its table needs 2.29 MiB of memory"):
        datasets.load(str(tmp_path / "d.csv"))
