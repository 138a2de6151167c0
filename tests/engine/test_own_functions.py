"""Functions of the user's own, compiled: the same numbers as without, and not compiled where these would be lost."""

import math

import numpy as np
import pytest
from quick import slow
from scipy.optimize import rosen

import optbench
from optbench.engine.own_functions import compile_function

CALLS = []
START = np.array([0.5, -1.2, 0.8])
MATRIX = np.arange(9.0).reshape(3, 3) / 10


def valley(w):
    return np.sum(100.0 * (w[1:] - w[:-1] ** 2) ** 2 + (1.0 - w[:-1]) ** 2)


def slope(w):
    return 2.0 * MATRIX.T @ (MATRIX @ w)


def by_helper(w, a):
    return a * valley(w)


def both(w):
    return np.sum((MATRIX @ w) ** 2), 2.0 * MATRIX.T @ (MATRIX @ w)


def bowl(w):
    return np.sum((MATRIX @ w) ** 2)


@pytest.mark.parametrize(
    ("f", "more", "dtype"),
    [
        slow(valley, {}, "float64"),
        slow(by_helper, {"args": (2.0,)}, "float64"),
        slow((bowl, slope), {}, "float64"),
        slow(both, {"jac": True}, "float32"),
        (lambda w: w @ w, {}, "float64"),
    ],
    ids=["differences", "args", "gradient", "both", "lambda"],
)
def test_compiled_runs_are_those_of_python(f, more, dtype):
    problem = optbench.function(f, START, **more)
    compiled = compile_function(problem)
    assert problem.eager and not compiled.eager
    rates = [{"lr": 1e-3}, {"lr": 2e-3}, {"lr": 1e-3, "schedule": "inverse"}]
    found = [optbench.cohort(each, "adam", rates, steps=30, dtype=dtype) for each in (problem, compiled)]
    assert np.allclose(found[0].w, found[1].w, rtol=1e-5 if dtype == "float32" else 1e-9)
    assert np.allclose(found[0].runs["loss_final"], found[1].runs["loss_final"], rtol=1e-4)


@pytest.mark.slow
def test_compiled_code_sees_the_values_of_the_call():
    def make(scale):
        return lambda w: scale * np.sum(w * w)

    one, two = (compile_function(optbench.function(make(scale), START)) for scale in (1.0, 2.0))
    assert not one.eager and not two.eager
    values = [optbench.objective(each)(START)[0][0] for each in (one, two)]
    assert values == pytest.approx([START @ START, 2.0 * START @ START])


def raising(w):
    if w[0] > 100.0:
        raise ValueError("too far")
    return w @ w


def counting(w):
    CALLS.append(1)
    return w @ w


def random(w):
    return w @ w + np.random.normal()


@pytest.mark.parametrize("f", [raising, counting, random, rosen, lambda w: max(w, key=abs)], ids=lambda f: f.__name__)
def test_what_compiled_code_would_lose_is_called_as_it_is(f):
    """rosen is SciPy's, and raises errors as well."""
    assert compile_function(optbench.function(f, START)).eager


def power_of_a_rounded_number(w):
    n = int(abs(w[0]) * 1000)
    return 1e-18 * n**6 + w[1] ** 2  # at w[0] = 2 it is 64; in 64 bits 8.5


def by_a_helper(w):
    return 1e-18 * floored(1000 * w[0]) ** 6 + w[1] ** 2


def floored(x):
    return math.floor(x)


def growing(w):
    n = 1
    while n < abs(w[0]):
        n *= 3
    return float(n) + w @ w


def shifted(w):
    n = 0
    for x in w:
        n += x > 0
    return float(1 << (30 * n)) + w @ w


@pytest.mark.parametrize("f", [power_of_a_rounded_number, by_a_helper, growing, shifted], ids=lambda f: f.__name__)
def test_integers_that_grow_are_pythons(f):
    problem = compile_function(optbench.function(f, START))
    assert problem.eager
    for w in ([2.0, 1.0, 1.0], [1e7, 0.0, 1.0]):
        assert optbench.objective(problem)(np.array(w))[0][0] == pytest.approx(f(np.array(w)))


def grid(w):
    total = 0.0
    for i in range(len(w) - 1):
        total += (i + 1) ** 2 * (w[2 * i % 3] - np.floor(w[i + 1])) ** 2
    return total + w[np.argmax(w)] + np.sum(w > 0.0)


def test_integers_that_count_are_compiled():
    assert not compile_function(optbench.function(grid, START)).eager


def far(w):
    place = 0
    while place < 4.0 * abs(w[0]):
        place += 1
    return w @ w + 0.0 * w[place]


@pytest.mark.slow
def test_an_index_out_of_range_fails_compiled_as_well():
    start = np.array([0.1, 0.2])
    assert not compile_function(optbench.function(far, start)).eager
    spec = {"learning_rates": [0.9, 1.1], "steps": 100, "seeds": 2}
    with pytest.warns(UserWarning, match="could not run far with gd: IndexError"):
        found = optbench.sweep(spec, problems=[(far, start), "rosenbrock"], optimizers=["gd"])
    failed = found.runs["problem"] == "far"
    assert set(found.runs["status"][failed]) == {"failed"}
    assert f"{failed.sum()} failed" in repr(found)
