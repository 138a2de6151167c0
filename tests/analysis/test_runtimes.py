"""The distribution of runtimes against a count by hand."""

import numpy as np
import pandas as pd
import pytest

from optbench.analysis import runtime_shares


def test_each_problem_and_target_counts_alike_however_many_runs_it_has():
    rng = np.random.default_rng(0)
    rows = [
        (problem, name, target, spent, spent < 20)
        for problem, runs in (("p", 3), ("q", 8))
        for target in (0.1, 0.01)
        for name, factor in (("a", 1.0), ("b", 2.0), ("never", 1e9))
        for spent in factor * rng.integers(1, 15, runs)
    ]
    times = pd.DataFrame(rows, columns=["problem", "optimizer", "target", "samples", "reached"])
    shares = runtime_shares(times, "samples")
    assert set(shares["optimizer"]) == {"a", "b"} and not times["reached"].all()
    for row in shares.itertuples():
        mine = times[times["optimizer"] == row.optimizer]
        there = (mine["reached"] & (mine["samples"] <= row.samples)).groupby([mine["problem"], mine["target"]]).mean()
        assert row.share == pytest.approx(np.mean(list(there)))
    assert (
        shares.equals(shares.sort_values(["optimizer", "samples"])) and not shares.duplicated(shares.columns[:2]).any()
    )
