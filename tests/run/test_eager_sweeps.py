"""Sweeps with optimizers of PyTorch: the same bytes however they are run, and their messages."""

import json
from pathlib import Path

import pandas as pd
import pytest

import optbench
from optbench.catalogue import loader
from optbench.plan.spec_files import make_spec
from optbench.run import session
from optbench.run.isolation import Isolation

pytestmark = [pytest.mark.torch, pytest.mark.slow]
FILE = """
import os
import torch

class Mine(torch.optim.Optimizer):
    def __init__(self, params, lr, beta=0.5, noise=1.0):
        super().__init__(params, dict(lr=lr, beta=beta, noise=noise))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                p.sub_(group["lr"] * (p.grad + group["noise"] * torch.randn_like(p)))

class Ends(Mine):
    def step(self):
        os._exit(3)
"""
SPEC = {"problems": ["rosenbrock"], "optimizers": ["torch:Mine(file=mine.py)", "torch:Adam", "gd"],
        "batch_sizes": [32], "learning_rates": [1e-4, 1e-3], "seeds": 2, "tuning_seeds": 0, "steps": 12}  # fmt: skip


@pytest.fixture
def swept(tmp_path, monkeypatch):
    """swept(folder, changes of the spec, mode, workers) -> the bytes of runs and curves."""
    (tmp_path / "mine.py").write_text(FILE)
    monkeypatch.chdir(tmp_path)

    def call(folder, mode="never", workers=1, extend=False, **changes):
        spec = make_spec({**SPEC, **changes}, {})
        plan = session.plan(spec, loader.load_all(spec.plugins))
        options = session.Options(workers=workers, isolation=Isolation(mode), extend=extend)
        session.execute(plan, folder, options)
        return [Path(folder, f"{name}.parquet").read_bytes() for name in ("runs", "curves")]

    return call


def test_the_same_bytes_in_processes_and_from_an_extended_folder(swept):
    whole = swept("whole")
    assert swept("isolated", "auto") == whole
    swept("part", learning_rates=[1e-3])
    assert swept("part", extend=True) == whole
    timings = pd.read_parquet("whole/timings.parquet").merge(
        pd.read_parquet("whole/runs.parquet").drop_duplicates("cohort_id"), on="cohort_id"
    )
    assert timings.groupby("optimizer")["eager"].unique().map(list).to_dict() == {
        "gd": [""], "torch:Adam": ["PyTorch"], "torch:Mine": ["PyTorch"],
    }  # fmt: skip
    assert timings.groupby("optimizer")["state_bytes"].unique().map(list).loc["torch:Adam"] == [16.0]
    assert timings["device"].eq("cpu").all() and timings["device_note"].eq("").all()
    plugins = json.loads(Path("whole/provenance.json").read_text())["plugins"]
    assert "optimizer torch:Mine" in plugins and any(key.startswith("library torch 2") for key in plugins)
    chosen = Path("whole/chosen.toml").read_text()
    assert "torch:Mine(beta=0.5, noise=1.0)" in chosen and str(Path("mine.py").resolve()) in chosen
    assert len(optbench.load("whole").winners())


def test_one_that_ends_its_process_fails_alone(swept):
    swept("ends", "auto", 1, optimizers=["torch:Ends(file=mine.py)", "gd"], seeds=1)
    runs = pd.read_parquet("ends/runs.parquet")
    assert runs.groupby("optimizer")["status"].unique().map(list).to_dict() == {"gd": ["ok"], "torch:Ends": ["failed"]}
    assert runs["failure"].str.contains("ended by itself with exit code 3").any()
