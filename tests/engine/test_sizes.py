"""The examples of a mini-batch and of an epoch, for rules that ask for them: in every loop over steps."""

from dataclasses import replace

import numpy as np
import pytest
from eager_problems import learned
from harness import CATALOGUE, Lane, drive_rule, run_cohort
from scipy.optimize import minimize, rosen, rosen_der
from toy_problems import bowl

import optbench
from optbench import Matrix, OptbenchError, SecondGradient, optimizer, wrapper
from optbench.checks.interpreter import Interpreter
from optbench.compiler.scalar_rows import scalar_rows
from optbench.compiler.update_text import kernel_text
from optbench.contract.composition import wrap
from optbench.contract.optimizers import Sizes


@optimizer(source="a test")
def by_sizes(w, g, lr, batch_size, examples):
    return w - lr * (batch_size / 8 + examples / 4096) * g


def factor(size, examples):
    return size / 8 + examples / 4096


def shares(batch_size, examples):
    return batch_size / examples


@optimizer(source="a test", total={"one": shares})
def summed(w, g, lr, one):
    return w - lr * one * g


def gradient(g):
    return g


def enlarge(block, memory, batch_size):
    block *= batch_size


@optimizer(source="a test", matrix={"direction": Matrix(gradient, enlarge)})
def enlarged(w, g, lr, direction):
    return w - lr * direction


def beyond(w, g, examples):
    return w + examples * g


@optimizer(source="a test", second_gradient=SecondGradient(beyond))
def looking(w, g, ahead, lr):
    return w - lr * ahead, ahead


@wrapper(source="a test")
def doubled(step, w, g, lr, examples):
    w = step(w, examples * g)
    return w


def train(problem, record, rates, size, dtype="float64"):
    """Return the weights (runs, dim) of a cohort."""
    lanes = [Lane(rate, CATALOGUE.schedule("constant"), record.with_values({})) for rate in rates]
    found = run_cohort(problem, record, lanes, seed=2, batch_size=size, steps=9, dtype=dtype, points=np.array([0, 9]))
    return np.concatenate([part.w for part in found.parts])


@pytest.mark.parametrize(
    ("problem", "size", "sizes", "runs", "dtype"),
    [
        (bowl(noise=0.3), 300, (300, 1024), 1, "float64"),
        (replace(bowl(noise=0.3), eager=True), 300, (300, 1024), 3, "float64"),
        (replace(bowl(), examples=7), 5, (5, 7), 20, "float32"),  # lane by lane
        ("rosenbrock", "full", (1024, 1024), 3, "float64"),
        (learned(), 16, (16, 40), 2, "float64"),
        ("logistic", 16, None, 3, "float64"),
        ("logistic", 10**6, None, 2, "float64"),
    ],
)  # fmt: skip
def test_a_run_gives_those_of_its_problem(problem, size, sizes, runs, dtype):
    """At all steps: the last mini-batch of an epoch is smaller, and counts as the others do."""
    problem = CATALOGUE.problem(problem) if isinstance(problem, str) else problem
    rows = len(problem.data[0]) if problem.data is not None else problem.examples
    given = sizes or (min(size, rows), rows)
    assert given[1] == rows
    rates = np.geomspace(1e-7, 1e-5, runs)
    found = train(problem, by_sizes, rates, size, dtype)
    expected = train(problem, CATALOGUE.optimizers["gd"], rates * factor(*given), size, dtype)
    np.testing.assert_allclose(found, expected, rtol=1e-12 if dtype == "float64" else 1e-5)
    assert (found != optbench.objective(problem).start(2)).any()


@pytest.mark.slow
def test_sums_matrices_second_gradients_and_wrappers_see_them():
    w, gradients, rates = np.ones((1, 4)), np.full((2, 4), 0.5), np.full((2, 1), 0.1)
    around = wrap(doubled, CATALOGUE.optimizers["gd"])
    blocks = ((2, 2),)
    for rule, moved in ((summed, 4 * 8 / 32), (enlarged, 8), (around, 32), (looking, 1 + 32)):
        plain, python = w[0], Interpreter(rule, blocks, sizes=Sizes(8, 32))
        path = drive_rule(rule, "rows", w, gradients, rates, [{}], blocks=blocks, sizes=Sizes(8, 32))
        for found in path[1:, 0]:
            plain = python.step(plain, gradients[0], 0.1, second=lambda at, w=plain: gradients[0] + (at - w))
            np.testing.assert_allclose(found, plain, rtol=1e-12)
        np.testing.assert_allclose(path[2, 0], 1 - 2 * 0.1 * 0.5 * moved, rtol=1e-12)


def test_other_rules_have_no_row_for_them():
    assert scalar_rows(by_sizes) == ("lr", "batch_size", "examples") and scalar_rows(enlarged)[-1] == "batch_size"
    assert scalar_rows(CATALOGUE.optimizers["gd"]) == ("lr",)
    assert "_c2" in kernel_text(by_sizes) and "_c1" not in kernel_text(CATALOGUE.optimizers["gd"])


def test_a_stepper_is_given_them():
    w, runs = [np.ones((2, 2)), np.ones(3)], np.ones((2, 3), "float32")
    listed = optbench.stepper(by_sizes, w, lr=0.1, batch_size=24, examples=4096)
    listed.step([np.ones((2, 2)), np.ones(3)])
    state, listed = listed.state_dict(), optbench.stepper(by_sizes, w, lr=1.0, batch_size=24, examples=4096)
    listed.load_state_dict(state)
    listed.step([np.ones((2, 2)), None])
    np.testing.assert_allclose(w[0], 0.2, rtol=1e-12)
    np.testing.assert_allclose(w[1], 0.6, rtol=1e-12)
    optbench.stepper(by_sizes, runs, lr=0.5, batch_size=np.int64(99), examples=4).step(np.ones((2, 3), "float32"))
    np.testing.assert_allclose(runs, 1 - 0.5 * factor(4, 4), rtol=1e-6)  # all of them
    at = np.ones(2)
    look = optbench.stepper(looking, at, lr=0.1, examples=3).second_point(at.copy())
    assert look.tolist() == [4.0, 4.0]
    optbench.stepper("gd", at, lr=1.0, batch_size=8, examples=9).step(at.copy())  # a loop for any rule
    assert at.tolist() == [0.0, 0.0]


def test_to_scipy_a_step_is_an_epoch_of_one_example():
    method = optbench.scipy_method(by_sizes, lr=1e-3)
    found = minimize(rosen, [-1.2, 1.0], jac=rosen_der, method=method, options={"maxiter": 9})
    w = np.array([-1.2, 1.0])
    for _ in range(9):
        w = w - 1e-3 * factor(1, 1) * rosen_der(w)
    np.testing.assert_allclose(found.x, w, rtol=1e-12)


def test_minimize_takes_the_full_batch_by_default():
    for given, size in (({}, 1024), ({"batch_size": 64}, 64)):
        found = optbench.minimize("rosenbrock", by_sizes, lr=1e-7, steps=5, **given)
        plain = optbench.minimize("rosenbrock", "gd", lr=1e-7 * factor(size, 1024), steps=5, **given)
        np.testing.assert_allclose(found.w, plain.w, rtol=1e-12)


def test_a_state_keeps_them():
    saved = optbench.stepper("sps_smooth", np.ones(3), lr=0.1, batch_size=8, examples=32).state_dict()
    other = optbench.stepper("sps_smooth", np.ones(3), lr=0.1, batch_size=4, examples=32)
    with pytest.raises(OptbenchError, match="the state is of batch_size 8, and this stepper of 4"):
        other.load_state_dict(saved)
