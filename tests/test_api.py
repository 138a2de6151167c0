"""The Python interface: the names of the package, and the same words, defaults and errors as the commands."""

import ast
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import optbench
from optbench.contract.columns import CURVES
from optbench.contract.errors import OptbenchError
from optbench.plan.spec_files import read_spec

ROOT = Path(__file__).parent.parent
SMALL = {"problems": ["rosenbrock"], "optimizers": ["gd"], "learning_rates": [1e-4, 1e-3], "batch_sizes": [100],
         "seeds": 2, "tuning_seeds": 1, "steps": 5}  # fmt: skip
NAMES = [
    "Advised",
    "Agreement", "Baseline", "Best", "CohortResult", "EWA", "Eager", "Family", "Matrix", "Model", "Objective",
    "OptbenchError", "Optimizer", "PluginError", "Problem", "Range", "Ranked",
    "Result", "Results", "Schedule", "SecondGradient", "Stepper", "Wrapper", "advise",
    "agreement", "choice", "cohort", "compare",
    "ewa", "function", "info", "load", "log_uniform", "mini_batches", "minimize", "objective",
    "one_minus_log_uniform", "optax_optimizer", "optimizer", "optimizers", "problem", "problem_wrapper", "problems",
    "rank", "schedule", "schedule_wrapper", "schedules", "scipy_method", "stepper", "sweep", "to_torch",
    "torch_optimizer",
    "torch_problem", "trace", "training_code", "uniform", "variant", "with_data", "wrapper",
]  # fmt: skip


def test_these_names_are_there_and_no_others():
    assert sorted(optbench.__all__) == sorted([*NAMES, "__version__"]) and {*NAMES} <= {*dir(optbench)}
    assert all(callable(getattr(optbench, name)) for name in NAMES)


def test_type_checkers_see_the_same_names():
    stub = ast.parse((ROOT / "optbench" / "__init__.pyi").read_text(encoding="utf-8"))
    seen = {alias.asname for node in stub.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert seen == {*optbench.__all__, "figures"}


def test_no_function_shares_its_name_with_a_module():
    package = Path(optbench.__file__).parent
    modules = {path.stem for path in package.iterdir()}
    assert not modules & set(NAMES)


def test_catalogues_are_dictionaries_of_records():
    for function, kind, name in (
        (optbench.optimizers, optbench.Optimizer, "adam"),
        (optbench.schedules, optbench.Schedule, "inverse"),
        (optbench.problems, optbench.Family, "rosenbrock"),
    ):
        found = function()
        assert name in found and all(isinstance(record, kind) and record.name == key for key, record in found.items())


def test_minimize_gives_weights_curve_and_status():
    found = optbench.minimize("rosenbrock", "adam", lr=0.05, steps=2000)
    assert found.status == "ok" and found.w.shape == (2,) and found.w.dtype == np.float64
    x, y = found.w
    loss = (1 - x) ** 2 + 100 * (y - x**2) ** 2
    assert found.loss == pytest.approx(loss, rel=1e-12) == found.suboptimality and loss < 1e-6
    assert tuple(found.curve)[: len(CURVES) - 1] == CURVES[1:]
    assert found.curve["step"].iloc[[0, -1]].tolist() == [0, 2000] and found.curve["lr"].iloc[1:].eq(0.05).all()
    assert found.curve["train_loss"].iloc[-1] == found.loss and "run_id" not in found.curve


def test_names_with_parameters_keywords_and_records_are_the_same():
    def run(problem="rosenbrock(noise=2.0)", optimizer="adam(beta1=0.5)", schedule="inverse(decay_rate=0.5)", **more):
        return optbench.minimize(
            problem, optimizer, lr=0.01, epochs=2, batch_size=300, schedule=schedule, seed=3, **more
        )

    expected = run()
    assert expected.curve["step"].iloc[-1] == 8
    family, adam = optbench.problems()["rosenbrock"], optbench.optimizers()["adam"]
    inverse = optbench.schedules()["inverse"].with_values({"decay_rate": 0.5})
    for found in (
        run(optimizer="adam", beta1=0.5),
        run(optimizer="adam(beta1=0.1)", beta1=0.5),
        run(problem=family.build({"noise": 2.0})),
        run(optimizer=adam, beta1=0.5),
        run(schedule=inverse),
    ):
        pd.testing.assert_frame_equal(found.curve, expected.curve, check_exact=True)
        assert np.array_equal(found.w, expected.w)
    plain = optbench.minimize("rosenbrock", "gd", lr=0.001, steps=3)
    assert np.array_equal(optbench.minimize(family, "gd", lr=0.001, steps=3).w, plain.w), "a family at its defaults"


def test_a_diverged_run_is_no_error():
    found = optbench.minimize("rosenbrock", "gd", lr=10.0, steps=50)
    start = optbench.minimize("rosenbrock", "gd", lr=1e-300, steps=1).w
    assert (found.status, found.loss, found.suboptimality) == ("diverged", np.inf, np.inf)
    assert np.isfinite(found.curve["train_loss"]).all() and len(found.curve) < 10
    assert not np.allclose(found.w, start), "the weights are the last ones, not the first"


def test_float32():
    found = optbench.minimize("rosenbrock", "gd", lr=0.001, steps=9, dtype="float32")
    assert found.w.dtype == np.float32 and found.curve["lr"].iloc[-1] == pytest.approx(0.001, rel=1e-7)


@pytest.mark.slow
def test_a_broken_plugin_is_an_error_with_its_reason(tmp_path):
    (tmp_path / "broken.py").write_text("raise RuntimeError('spoilt')\n")
    for call in (
        lambda: optbench.minimize("rosenbrock", "gd", lr=0.1, steps=1, plugin=[tmp_path / "broken.py"]),
        lambda: optbench.optimizers([tmp_path / "broken.py"]),
        lambda: optbench.sweep(SMALL, plugins=[str(tmp_path / "broken.py")]),
    ):
        with pytest.raises((OptbenchError, Warning), match="broken.py does not load: RuntimeError: spoilt"):
            call()


def test_sweep_takes_a_mapping_a_file_and_changes(tmp_path):
    (tmp_path / "my.toml").write_text(
        'problems = ["rosenbrock"]\noptimizers = ["gd"]\nlearning_rates = [1e-4, 1e-3]\nbatch_sizes = [100]\n'
        "seeds = 2\ntuning_seeds = 1\nsteps = 5\n"
    )
    expected = optbench.sweep(SMALL)
    assert len(expected.runs) == 4 and len(expected.timings) == 2
    for found in (
        optbench.sweep(tmp_path / "my.toml"),
        optbench.sweep(str(tmp_path / "my.toml"), workers=2),
        optbench.sweep(SMALL | {"steps": 9}, steps=5),
        optbench.sweep(SMALL | {"problems": ["saddle"]}, problems="rosenbrock", out=tmp_path / "kept"),
    ):
        pd.testing.assert_frame_equal(found.runs, expected.runs, check_exact=True)
        pd.testing.assert_frame_equal(found.curves, expected.curves, check_exact=True)
    loaded = optbench.load(tmp_path / "kept")
    pd.testing.assert_frame_equal(loaded.runs, expected.runs, check_exact=True)
    assert loaded.path == tmp_path / "kept" and read_spec(tmp_path / "kept" / "spec.toml").steps == 5


@pytest.mark.slow
def test_a_sweep_warns_of_a_target_that_looks_like_none(tmp_path):
    path = tmp_path / "my.csv"
    pd.DataFrame({"a": np.arange(12) / 5, "id": range(12)}).to_csv(path, index=False)
    with pytest.warns(UserWarning, match="the last column, 'id', was taken as the target") as told:
        optbench.sweep(SMALL, problems=[f"softmax(data={path})", f"mlp(data={path})"])
    assert len(told) == 1 and told[0].filename == __file__
    pd.DataFrame({"a": np.arange(12) / 5, "b": np.arange(12) % 5}).to_csv(path, index=False)
    optbench.sweep(SMALL, problems=f"least_squares(data='file(path={path}, target=a)')")


@pytest.mark.slow
def test_a_sweep_without_a_folder_is_kept_among_temporary_files(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    with pytest.raises(OptbenchError):
        optbench.sweep(SMALL, optimizers="adm")
    with pytest.raises(OptbenchError, match="at least 1"):
        optbench.sweep(SMALL, workers=0)
    assert not list((tmp_path / "temporary").iterdir()), "what is refused leaves nothing behind"
    results = optbench.sweep(SMALL)
    assert capsys.readouterr().err == "", "neither a terminal nor a notebook"
    assert [results.path] == list((tmp_path / "temporary").iterdir()) and not list((tmp_path / "here").iterdir())
    assert optbench.load(results.path).curves.equals(results.curves)
    assert len(optbench.sweep(SMALL, out=results.path, seeds=4, extend=True).runs) > len(results.runs)
    results = optbench.sweep(SMALL, progress=True)
    assert capsys.readouterr().err == f"results are kept in {results.path}, as no folder was given with out=\n"


def test_betas_are_beta1_and_beta2_wherever_hyperparameters_are_given():
    how = {"lr": 0.01, "steps": 5}
    plain = optbench.minimize("rosenbrock", "adam", beta1=0.8, beta2=0.9, **how)
    for optimizer, given in (
        ("adam", {"betas": (0.8, 0.9)}),
        ("adam(betas=(0.8, 0.9))", {}),
        ("adam", {"betas": [0.8, 0.9]}),
    ):
        assert optbench.minimize("rosenbrock", optimizer, **given, **how).w.tolist() == plain.w.tolist()
    wrapped = SMALL | {"optimizers": "adam(betas=(0.8, 0.9)), adam, clip(adam(betas=(0.5, 0.6)), norm=1)"}
    rows = optbench.sweep(wrapped, learning_rates=[0.01]).runs[["optimizer", "beta1", "beta2"]].drop_duplicates()
    assert rows.values.tolist() == [["adam", 0.8, 0.9], ["adam", 0.9, 0.999], ["clip(adam)", 0.5, 0.6]]


def test_a_record_is_shown_as_a_line():
    """A notebook shows all optimizers and problems on a screen or two, and no array of a problem's data."""
    for records in (optbench.optimizers(), optbench.problems(), optbench.schedules()):
        assert all(name in repr(record) and len(repr(record)) < 200 for name, record in records.items())
    assert repr(optbench.problems()["mlp"].build()) == (
        "Problem(mlp, dim=2410, blocks=4, examples=1438, minimum=0, minimum_source='lower bound', target=0.1)"
    )
    assert repr(optbench.optimizers()["adamw"].search["lr"]) == "log_uniform(0.0001, 1)"


@pytest.mark.slow
def test_a_setting_and_a_model_are_shown_without_the_file_of_a_table():
    table = pd.DataFrame({"a": np.arange(60) % 7, "b": np.arange(60) % 2})
    best = optbench.sweep(SMALL, data=table, problems="logistic", batch_sizes=[10], progress=False).best()
    setting = "lr=0.001, batch_size=10, schedule=constant, steps=5)"
    assert repr(best).splitlines()[0] == f"Best(logistic(data='...'), gd, {setting}"
    assert repr(best.fit()).startswith("Model(logistic(data='...'), optimizer='gd', lr=")
