"""The archive of the atlas: it says what the sweep said that it is a part of, and it is of the rules that ship."""

import numpy as np
import pandas as pd

import optbench
from optbench.atlas import archive, reruns
from optbench.wording.rank_texts import describe_reruns


def test_a_thinned_sweep_gives_the_same_answer(small_sweep, tmp_path):
    whole = optbench.load(small_sweep)
    archive.write(whole, tmp_path / "thin")
    thin = optbench.load(tmp_path / "thin")
    assert len(thin.runs) < len(whole.runs)
    pd.testing.assert_frame_equal(thin.verdicts(), whole.verdicts())
    same = ["problem", "optimizer", "place", "state", "value", "low", "high", "ratio", "failures", "reached"]
    pd.testing.assert_frame_equal(thin.ranking()[same], whole.ranking()[same])


def test_an_optimizer_has_the_same_rank_beside_a_thinned_sweep(small_sweep, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    archive.write(optbench.load(small_sweep), tmp_path / "thin")
    ranks = [optbench.rank("nesterov", folder, out=f"by_{name}") for name, folder in
             (("thin", tmp_path / "thin"), ("whole", small_sweep))]  # fmt: skip
    thin, whole = (each.table for each in ranks)
    pd.testing.assert_frame_equal(thin, whole)


def test_cells_that_run_again_tell_rounding_from_other_numbers(small_sweep):
    known, cells = optbench.load(small_sweep), (("rosenbrock", "momentum"),)
    assert [each[2:] for each in reruns.rerun_cells(known, cells)] == [(True, False)]
    assert describe_reruns([("rosenbrock", "momentum", True, False)]) == ""
    noise = np.random.default_rng(0).normal(scale=0.1, size=len(known.runs))
    rounded = known.with_runs(known.runs.assign(log_tail=known.runs["log_tail"] + noise))
    assert [each[2:] for each in reruns.rerun_cells(rounded, cells)] == [(False, False)]
    other = known.with_runs(rounded.runs.assign(log_tail=rounded.runs["log_tail"] + 0.5))
    found = reruns.rerun_cells(other, cells)
    assert [each[2:] for each in found] == [(False, True)]
    assert "momentum on rosenbrock" in describe_reruns(found)
