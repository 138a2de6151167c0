"""The table paths: every step of the recommended runs on problems of two parameters, and of nothing else."""

import numpy as np
import pandas as pd
import pytest
from harness import plan_of

import optbench
from optbench.plan.spec_files import make_spec
from optbench.run import isolation, recorded_paths
from optbench.run.isolation import Isolation
from optbench.run.processes import Died
from optbench.store.manifest import read_manifest

SPEC = {"problems": ["rosenbrock", "saddle", "logistic"], "optimizers": ["gd", "adam"],
        "learning_rates": [1e-4, 1e-3, 1e3], "batch_sizes": [64, "full"], "seeds": 4, "tuning_seeds": 2,
        "steps": 40}  # fmt: skip


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trajectories") / "sweep"
    return optbench.sweep(SPEC, out=folder, workers=1), folder


def test_every_step_is_there_and_is_that_of_the_run(finished):
    results, _ = finished
    paths = results.paths
    assert list(paths) == ["run_id", "problem", "optimizer", "step", "w_1", "w_2", "train_loss"]
    pairs = [(problem, name) for problem in ("rosenbrock", "saddle") for name in ("gd", "adam")]
    assert list(paths.groupby(["problem", "optimizer"], sort=False).groups) == pairs
    for _, rows in paths.groupby("run_id"):
        assert rows["step"].tolist() == list(range(41))
    seen = results.curves[results.curves["run_id"].isin(paths["run_id"])].merge(paths, on=["run_id", "step"])
    assert len(seen) > 4 * 20
    for name in ("w_1", "w_2", "train_loss"):
        np.testing.assert_allclose(seen[f"{name}_y"], seen[f"{name}_x"], rtol=1e-9)
    runs = results.runs.set_index("run_id").loc[paths["run_id"].unique()]
    assert (runs["seed"] == 2).all() and (runs["status"] == "ok").all()


def test_a_path_is_what_the_rule_does_by_hand():
    spec = {**SPEC, "problems": ["rosenbrock"], "optimizers": ["gd"], "learning_rates": [1e-3], "batch_sizes": ["full"]}
    paths = optbench.sweep(spec, workers=1).paths
    x, y = paths[["w_1", "w_2"]].iloc[0]
    for row in paths.itertuples():
        assert (row.w_1, row.w_2) == pytest.approx((x, y), rel=1e-9)
        assert row.train_loss == pytest.approx((1 - x) ** 2 + 100 * (y - x * x) ** 2, rel=1e-9)
        x, y = x - 1e-3 * (-2 * (1 - x) - 400 * x * (y - x * x)), y - 1e-3 * 200 * (y - x * x)


@pytest.mark.slow
def test_the_folder_has_it_and_knows_its_checksum(finished, tmp_path):
    results, folder = finished
    assert "paths.parquet" in read_manifest(folder).files
    pd.testing.assert_frame_equal(optbench.load(folder).paths, results.paths)
    again = optbench.sweep(SPEC, out=tmp_path / "again", workers=2).path
    assert (again / "paths.parquet").read_bytes() == (folder / "paths.parquet").read_bytes()
    (again / "paths.parquet").write_bytes(b"no table")
    with pytest.raises(optbench.OptbenchError, match="paths.parquet.* is damaged"):
        optbench.load(again)
    extended = optbench.sweep({**SPEC, "seeds": 5}, out=folder, workers=1, extend=True)
    assert set(extended.paths["problem"]) == {"rosenbrock", "saddle"}


def test_a_path_ends_before_its_run_diverges():
    spec = {**SPEC, "problems": ["rosenbrock"], "learning_rates": [0.02, 0.05], "batch_sizes": [64]}
    results = optbench.sweep(spec, workers=1)
    (run,) = results.runs[results.runs["run_id"].isin(results.paths["run_id"])].query("optimizer == 'gd'").itertuples()
    path = results.paths[results.paths["run_id"] == run.run_id]
    assert run.status == "diverged" and path["step"].tolist() == list(range(run.diverged_at))
    seen = results.curves.merge(path, on=["run_id", "step"])
    assert len(seen) == run.diverged_at and (seen["train_loss_x"] == seen["train_loss_y"]).all()


@pytest.mark.slow
def test_in_blocks_too_every_pair_has_its_path(tmp_path):
    """Whose reported runs had fewer lanes beside them than those that tuned."""
    spec = {key: value for key, value in SPEC.items() if key not in ("seeds", "tuning_seeds")}
    results = optbench.sweep({**spec, "learning_rates": [1e-4, 1e-3], "steps": 400}, blocks=2, workers=1)
    pairs = {(problem, name) for problem in ("rosenbrock", "saddle") for name in ("gd", "adam")}
    assert set(results.paths[["problem", "optimizer"]].itertuples(index=False, name=None)) == pairs
    runs = results.runs.set_index("run_id").loc[results.paths["run_id"].unique()]
    assert set(runs["stage"]) == {"report"}
    seen = results.curves.merge(results.paths, on=["run_id", "step"])
    assert len(seen) > 4 * 20 and (seen["w_1_x"] == seen["w_1_y"]).all() and (seen["w_2_x"] == seen["w_2_y"]).all()


@pytest.mark.slow
def test_a_slow_path_ends_in_time(monkeypatch):
    monkeypatch.setattr(recorded_paths, "_SECONDS", 1e-9)
    monkeypatch.setattr(recorded_paths, "has_user_code", lambda origins: True)
    spec = {**SPEC, "problems": ["rosenbrock"], "optimizers": ["gd"], "steps": 2000}
    assert optbench.sweep(spec, workers=1).paths.empty


@pytest.mark.slow
def test_all_paths_together_have_a_limit(monkeypatch):
    monkeypatch.setattr(recorded_paths, "MOST_IN_ALL", 3 * 40)
    assert optbench.sweep(SPEC, workers=1).paths["run_id"].nunique() == 3


@pytest.mark.slow
def test_a_long_run_and_one_of_other_numbers_are_left_out(monkeypatch):
    spec = {**SPEC, "problems": ["rosenbrock"], "optimizers": ["gd"]}
    monkeypatch.setattr(recorded_paths, "MOST_STEPS", 40)
    assert optbench.sweep(spec, workers=1).paths["step"].tolist() == list(range(41))
    monkeypatch.setattr(recorded_paths, "MOST_STEPS", 39)
    none = optbench.sweep(spec, workers=1).paths
    assert none.empty and list(none) == recorded_paths.SCHEMA.names
    monkeypatch.undo()
    monkeypatch.setattr(recorded_paths, "_is_same_run", lambda row, loss: False)
    assert optbench.sweep(spec, workers=1).paths.empty


class Dying:
    asked = 0

    def call(self, *request, **limits):
        Dying.asked += 1
        raise Died("it did")

    def close(self):
        pass


def test_a_file_that_kills_its_process_costs_its_paths_alone(monkeypatch):
    monkeypatch.setattr(isolation, "WorkerProcess", Dying)
    user_code = isolation.UserCode(Isolation(mode="always"), ())
    planned = next(iter(plan_of(make_spec({**SPEC, "problems": ["rosenbrock"]}, {})).cohorts))
    assert [user_code.run_trajectory(planned) for _ in range(5)] == [None] * 5
    assert Dying.asked == 2


@pytest.mark.slow
def test_a_users_rule_runs_again_in_a_process_of_its_own(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(
        "from optbench import optimizer\n@optimizer(source='a test')\ndef mine(w, g, lr):\n    return w - 2 * lr * g\n"
    )
    spec = {**SPEC, "problems": ["rosenbrock"], "optimizers": ["gd", "mine"], "learning_rates": [1e-4]}
    results = optbench.sweep(spec, plugins=[file], workers=1)
    assert set(results.paths["optimizer"]) == {"gd", "mine"}
    seen = results.curves.merge(results.paths, on=["run_id", "step"])
    assert len(seen) > 30 and (seen["w_1_x"] == seen["w_1_y"]).all()
