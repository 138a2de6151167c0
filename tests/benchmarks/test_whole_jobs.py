"""Whole jobs of ``peers.py --jobs``, tiny ones: what they take is no matter here, that the sides agree is."""

import importlib.util
import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def checkout(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))


def tiny(name):
    from benchmarks.jobs.cases import jobs

    return next(job for job in jobs(tiny=True) if job.name == name)


def test_the_jobs_have_the_optimizers_of_the_default_sweep():
    """Their rates, blocks and epochs stay those of 0.14, so that times of versions can be compared."""
    import tomllib

    import optbench
    from benchmarks.jobs.cases import DEFAULT

    default = tomllib.loads((Path(optbench.__file__).parent / "plan" / "default.toml").read_text())
    assert default["optimizers"] == DEFAULT["optimizers"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["digits-mlp", "quadratic"])
def test_optbench_makes_a_job_and_the_plan_that_the_others_are_given(name, tmp_path):
    import optbench
    from benchmarks.jobs import jax_side
    from benchmarks.jobs.cases import agreement, write_plan

    job = tiny(name)
    results = optbench.sweep(dict(job.spec))
    write_plan(job, results, tmp_path)
    facts = json.loads((tmp_path / "job.json").read_text())
    runs = pd.read_parquet(tmp_path / "runs.parquet")
    with np.load(tmp_path / "arrays.npz") as arrays:
        assert len(arrays["starts"]) == len(facts["seeds"])
    assert len(runs) == len(results.runs)
    for size, part in runs.groupby("batch_size"):
        assert part["steps"].nunique() == 1 and part["steps"].iloc[0] % facts["evaluations"][str(size)] == 0
        assert jax_side.rates_of(part, facts["examples"]).shape == (len(part), part["steps"].iloc[0])
    known = results.curves.merge(results.runs[["run_id", "batch_size", "schedule"]], on="run_id")
    first = known[(known["step"] == known["step"].max()) & (known["schedule"] == "sqrt_epoch(k=1.0)")].iloc[0]
    one = runs[runs["run_id"] == first["run_id"]]
    assert jax_side.rates_of(one, facts["examples"])[0, -1] == pytest.approx(first["lr"])
    assert not agreement(job, results.runs, results.runs)["wrong"]
    other = results.runs.assign(loss_final=results.runs["loss_final"] * 1.01)
    assert agreement(job, results.runs, other)["wrong"]


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="needs JAX")
@pytest.mark.parametrize("name", ["quadratic", "digits-mlp"] if os.environ.get("FUZZ") else ["quadratic"])
def test_jax_ends_where_optbench_does(name, tmp_path):
    from benchmarks.jobs import measure

    rows = list(measure._of_job(tiny(name), [1], ("JAX",), tmp_path, 1))
    assert [row["start"] for row in rows] == ["first", "warm"]
    for row in rows:
        assert row["agreement"]["share"] == 1.0 and not row["wrong"]
        assert row["optbench_seconds"] > 0 and row["ratio"] > 0
        assert measure.show(row).startswith(name)
