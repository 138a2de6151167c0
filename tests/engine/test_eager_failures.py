"""An exception of one lane's optimizer or problem, or a stray write of a library, changes no other lane."""

import math
from dataclasses import replace

import numpy as np
import pytest
from toy_problems import bowl

from optbench.catalogue import loader
from optbench.contract.problems import Problem
from optbench.engine.cohort import Cohort, Lane
from optbench.engine.outcome import Outcome
from optbench.engine.run_cohorts import run

START = np.array([4.0, -3.0, 2.0])


def outcome(problem, optimizer, rates, file=None, **more) -> Outcome:
    """Return the outcome of a cohort that runs in one call."""
    catalogue = loader.load((file,) if file else ())
    record, values = catalogue.optimizer(optimizer)
    lanes = [Lane(rate, catalogue.schedule("constant"), values) for rate in rates]
    problem = problem if isinstance(problem, Problem) else catalogue.problem(problem)
    return run(Cohort(problem, record, lanes, 64, **more)).parts[0]


def steep(w, g):
    """sum cosh w, whose derivative overflows far out: Python's math raises where NumPy gives inf."""
    g[:] = [math.sinh(value) for value in w]
    return sum(math.cosh(value) for value in w)


def far(w, out):
    if np.abs(w).max() > 50:
        raise RuntimeError("too far\nout")
    out[0] = 0.5 * float(w @ w)


@pytest.mark.parametrize(
    ("fields", "rates", "message"),
    [
        ({"value_and_gradient": steep}, [0.01, 100.0], "value_and_gradient fails: OverflowError: math range error"),
        ({"evaluate": far}, [0.01, 20.0], "evaluate fails: RuntimeError: too far out"),
    ],
)
def test_a_lane_of_a_problem_in_plain_python_fails_alone(fields, rates, message):
    problem = replace(bowl(), eager=True, **fields)
    more = {"steps": 6, "start": START, "points": "every"}
    both, alone = outcome(problem, "gd", rates, **more), outcome(problem, "gd", rates[:1], **more)
    assert both.failures == ("", f"problem bowl: {message}")
    np.testing.assert_array_equal(both.w[0], alone.w[0])


FILE = """
import torch

class Mine(torch.optim.SGD):
    asked = 0

    def train(self):
        pass

    def eval(self):
        if self.param_groups[0]["lr"] == 0.1:
            Mine.asked += 1
            raise ValueError(f"no point, asked {Mine.asked} times")
"""


@pytest.mark.torch
@pytest.mark.slow
def test_a_point_for_evaluation_that_raises_is_one_lanes(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(FILE)
    failures = outcome("rosenbrock", "torch:Mine", [0.001, 0.1, 0.01], file, steps=4, points="every").failures
    assert failures == ("", "torch:Mine: ValueError: no point, asked 1 times", "")


OPTAX = """
import jax
import numpy as np
import optax

def mine(learning_rate, late=0):
    def checked(rate, count):
        if rate > 0.05 and count >= late:
            raise ValueError("too fast")
        return rate

    def update(updates, state, params=None):
        rate = jax.pure_callback(checked, jax.ShapeDtypeStruct((), updates[0].dtype), learning_rate, state,
                                 vmap_method="sequential")
        return jax.tree.map(lambda g: -rate * g, updates), state + 1

    return optax.GradientTransformation(lambda params: jax.numpy.zeros((), int), update)
"""


@pytest.mark.optax
@pytest.mark.slow
@pytest.mark.parametrize("late", [0, 3])
def test_a_transformation_that_raises_fails_alone(late, tmp_path):
    file = tmp_path / f"mine{late}.py"
    file.write_text(OPTAX)
    found = outcome(bowl(), f"optax:mine(late={late})", [0.001, 0.1, 0.01], file, steps=6, start=START)
    assert found.failures == ("", "optax:mine: ValueError: too fast", "")
    np.testing.assert_allclose(found.w[[0, 2]], [START * 0.999**6, START * 0.99**6], rtol=1e-6)
