"""Problems in plain Python beside the same ones compiled, and against closed forms."""

from dataclasses import replace

import numpy as np
import pytest
from eager_problems import TARGET, X, learned
from quick import slow
from toy_problems import bowl, quartic

import optbench

RATES = [{"lr": 0.3, "schedule": "exponential(base=0.9)"}, {"lr": 0.1, "schedule": "constant"}]


@pytest.mark.parametrize(
    ("optimizer", "dtype"),
    [*((each, "float64") for each in ("gd", "adam", "clip(momentum, norm=0.5)", "lbfgs")), slow("adam", "float32")],
)
def test_the_same_as_its_compiled_twin(optimizer, dtype):
    settings = [{"lr": 1.0}] if optimizer == "lbfgs" else RATES
    size = "full" if optimizer == "lbfgs" else 100
    found = {}
    for eager in (False, True):
        problem = replace(bowl(noise=0.1), eager=eager)
        found[eager] = optbench.cohort(problem, optimizer, settings, steps=25, batch_size=size, seed=2, dtype=dtype)
    np.testing.assert_allclose(found[True].w, found[False].w, rtol=1e-12 if dtype == "float64" else 1e-5)
    columns = ["train_loss", "gradient_norm", "batch_loss", "lr"]
    a, b = (found[eager].curves[columns].to_numpy() for eager in (True, False))
    np.testing.assert_allclose(a, b, rtol=1e-11 if dtype == "float64" else 1e-4, atol=1e-12)


def test_mini_batches_are_those_of_everybody():
    w = np.random.default_rng(1).standard_normal(8)
    problem, expected, g = learned(), w.copy(), np.zeros(8)
    for rows in optbench.mini_batches(problem, batch_size=16, steps=9, seed=4):
        problem.value_and_gradient(expected, g, X[rows], TARGET[rows])
        expected = expected - 0.05 * g
    result = optbench.minimize(problem, "gd", lr=0.05, steps=9, batch_size=16, seed=4, start=w)
    np.testing.assert_allclose(result.w, expected, rtol=1e-13)


def test_divergence_is_seen_at_the_same_step():
    found = [
        optbench.cohort(replace(quartic(), eager=eager), "gd", [{"lr": 1.0}, {"lr": 1e-3}], steps=20).runs
        for eager in (False, True)
    ]
    assert found[0]["status"].tolist() == found[1]["status"].tolist() == ["diverged", "ok"]
    assert found[0]["diverged_at"].iloc[0] == found[1]["diverged_at"].iloc[0]


def test_what_it_raises_is_one_line():
    def broken(w, g):
        raise RuntimeError("no\nluck")

    problem = replace(bowl(), value_and_gradient=broken, eager=True)
    with pytest.raises(optbench.OptbenchError) as error:
        optbench.minimize(problem, "gd", lr=0.1, steps=2)
    assert str(error.value) == "problem bowl: value_and_gradient fails: RuntimeError: no luck"


def test_evaluate_and_metrics():
    def evaluate(w, out):
        out[0], out[1] = 0.5 * float(w @ w), float(np.abs(w).max())

    problem = replace(bowl(), eager=True, evaluate=evaluate, metrics=("largest",))
    result = optbench.cohort(problem, "gd", [{"lr": 0.5}], steps=2, start=[4.0, -8.0, 0.0], points="every")
    assert result.curves["train_largest"].tolist() == [8.0, 4.0, 2.0]


def test_a_gpu_is_not_for_it():
    from optbench.catalogue import loader
    from optbench.engine.cuda.cohorts import refusal_reason

    rule = loader.load().optimizer("gd")[0]
    assert refusal_reason(replace(bowl(), eager=True), rule) == "what is not compiled runs on the CPU"
