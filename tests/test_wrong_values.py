"""An argument of a wrong kind is refused in one short line that names it, whatever it is: no other error comes out."""

import warnings

import pytest
from quick import some_quick
from wrong_values import SPEC, VALUES, calls

import optbench

SAID = {
    "plugin": "plug-in", "plugins": "plug-in", "out": "cannot write", "path": "finished sweep", "settings": "lane",
    "problems": "problem", "optimizers": "optimizer", "schedules": "schedule", "choose_by": "measure",
    "judge_by": "measure",
    "of": "column to compare",
    "a": "finished sweep", "b": ("finished sweep", "second result folder"), "value": "choice", "theta": "EWA",
}  # fmt: skip
"""The word for an argument, where it is not its name."""
FUNCTIONS = [
    "minimize", "cohort", "sweep", "objective", "Objective", "stepper", "training_code", "scipy_method",
    "mini_batches", "trace", "with_data", "ewa", "EWA", "EWA.update", "load", "compare", "verdicts", "ranking",
    "costs", "best_of_n", "curves_of", "optimizers", "problems", "schedules", "uniform", "log_uniform",
    "one_minus_log_uniform", "choice",
]  # fmt: skip


@pytest.fixture(scope="module")
def every_call(tmp_path_factory):
    folder = tmp_path_factory.mktemp("swept")
    optbench.sweep(SPEC | {"optimizers": ["gd", "momentum"]}, out=folder)
    return calls(str(folder))


def test_none_is_left_out(every_call):
    assert list(every_call) == FUNCTIONS


def refuse_all(call):
    for argument in call.arguments:
        for kind, make in VALUES.items():
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    call.function(**(call.given | {argument: make()}))
            except optbench.OptbenchError as error:
                words = SAID.get(argument, ())
                words = (argument, words) if isinstance(words, str) else (argument, *words)
                said = str(error)
                assert any(word in said for word in words), f"{argument} is {kind}: {said}"
                assert len(said) < 1000 and said.isprintable(), f"{argument} is {kind}: {said}"
            except Exception as error:
                raise AssertionError(f"{argument} is {kind}: {error!r:.300}") from error


@pytest.mark.parametrize("name", some_quick(FUNCTIONS, {"minimize", "load"}))
def test_wrong_values_are_refused(name, every_call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPTBENCH_DATA", str(tmp_path / "cache"))
    every_call[name].function(**every_call[name].given)
    refuse_all(every_call[name])


def test_numbers_and_lists_of_other_packages_serve():
    import numpy as np
    import pandas as pd

    plain = optbench.sweep(SPEC | {"learning_rates": [0.001, 0.01], "seeds": [1, 2]})
    for rates, seeds in ((np.array([0.001, 0.01]), np.array([1, 2])), (pd.Series([0.001, 0.01]), range(1, 3))):
        found = optbench.sweep(SPEC | {"learning_rates": rates, "seeds": seeds, "steps": np.int64(2)})
        pd.testing.assert_frame_equal(found.runs, plain.runs, check_exact=True)
