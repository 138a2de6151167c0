"""Random numbers inside rules: their law, and that a run, a step and a parameter have the same ones everywhere."""

import itertools

import numpy as np
import pytest
from harness import run_cohort
from noisy import noisy, noisy_by_block, noisy_matrix
from quick import slow
from scipy import stats

from optbench import Problem, stepper, wrapper
from optbench.catalogue import loader
from optbench.checks.interpreter import Interpreter
from optbench.contract.composition import wrap
from optbench.contract.errors import OptbenchError, PluginError
from optbench.engine.arrays import StepInputs
from optbench.engine.cohort import Lane
from optbench.engine.cpu.update import Update
from optbench.kit import random

NAMES = ("noisy", "noisy_by_block", "noisy_matrix")
SHAPES = ((2, 3), (3,), (3, 2, 1), (1,))
DIM = sum(int(np.prod(shape)) for shape in SHAPES)
STEPS, SEED = 4, 7


def draws(name, seed, t, count, first=0):
    key = random.key_of(seed, t, first)
    return np.array([getattr(random, name)(key, i) for i in range(count)])


def expected(rule, seed=SEED, steps=STEPS):
    """w after each step from 1, along a gradient of 0.5, at the rate 0.1."""
    w, path = np.ones(DIM), []
    edges = np.cumsum([0, *(int(np.prod(shape)) for shape in SHAPES)])
    blocks = {"noisy": [slice(0, DIM)]}.get(rule.name, [slice(*pair) for pair in itertools.pairwise(edges)])
    for t in range(1, steps + 1):
        n, r = draws("normal", seed, t, DIM), draws("rademacher", seed, t, DIM)
        along = np.concatenate([r[part] * 0.5 * r[part].sum() for part in blocks])
        n = n * (t if rule.name == "noisy_by_block" else 1)
        w = w - 0.1 * (0.5 + n + (0 if rule is noisy_matrix else along))
        path.append(w)
    return np.array(path)


def close(found, wanted, dtype="float64"):
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-12 if dtype == "float64" else 2e-6)


def test_the_numbers_have_their_laws():
    for seed, t in ((0, 1), (0, 2), (1, 1), (9, 1000)):
        assert stats.kstest(draws("uniform", seed, t, 5000), "uniform").pvalue > 1e-3
        assert stats.kstest(draws("normal", seed, t, 5000), "norm").pvalue > 1e-3
        signs = draws("rademacher", seed, t, 5000)
        assert set(signs) == {-1.0, 1.0} and stats.binomtest(int((signs > 0).sum()), 5000).pvalue > 1e-3


def test_places_steps_and_seeds_have_numbers_of_their_own():
    base = draws("normal", 3, 5, 3000)
    others = [draws("normal", 3, 6, 3000), draws("normal", 4, 5, 3000), draws("normal", 3, 5, 3000, first=1)]
    for other in (*others, draws("rademacher", 3, 5, 3000)):
        assert abs(np.corrcoef(base, other)[0, 1]) < 4 / np.sqrt(3000)
    np.testing.assert_array_equal(draws("normal", 3, 5, 100, first=40), base[40:140])
    few = np.array([draws("normal", seed, t, 4) for seed in range(40) for t in range(1, 51)])
    assert np.abs(np.corrcoef(few.T) - np.eye(4)).max() < 4 / np.sqrt(2000)
    assert stats.kstest(few.ravel(), "norm").pvalue > 1e-3


@pytest.mark.parametrize(("order", "dtype"), [("lanes", "float64"), slow("rows", "float32")])
@pytest.mark.parametrize("rule", [noisy, slow(noisy_by_block)], ids=NAMES[:2])
def test_a_rule_gets_them_in_both_orders(rule, order, dtype):
    check_steps(rule, order, dtype)


@pytest.mark.slow
def test_a_rule_on_matrices_gets_them_in_rows_and_has_no_lanes():
    check_steps(noisy_matrix, "rows", "float32")
    with pytest.raises(PluginError, match="a rule on matrices steps one run at a time"):
        Update(noisy_matrix, "lanes", SHAPES, "float64", [{}], seed=SEED)


def check_steps(rule, order, dtype):
    """Compare the kernel's steps, three runs at once where it can, with the expected ones."""
    runs = 1 if rule.matrix else 3
    update = Update(rule, order, SHAPES, dtype, [{}] * runs, seed=SEED)
    w = np.ones((runs, DIM) if order == "rows" else (DIM, runs), dtype)
    for t, wanted in enumerate(expected(rule), start=1):
        update.step(w, np.full_like(w, 0.5), StepInputs(t, 0.1))
        close(w if order == "rows" else w.T, np.tile(wanted, (runs, 1)), dtype)


@pytest.mark.parametrize("rule", [noisy, slow(noisy_by_block), slow(noisy_matrix)], ids=NAMES)
def test_lists_arrays_and_plain_python_have_the_same_ones(rule):
    arrays, whole, plain = [np.ones(shape) for shape in SHAPES], np.ones(DIM), np.ones(DIM)
    listed = stepper(rule, arrays, lr=0.1, seed=SEED)
    one = stepper(rule, whole, lr=0.1, blocks=SHAPES, seed=SEED)
    python = Interpreter(rule, SHAPES, seed=SEED)
    for t, wanted in enumerate(expected(rule), start=1):
        listed.step([np.full(shape, 0.5) for shape in SHAPES])
        one.step(np.full(DIM, 0.5))
        plain = python.step(plain, np.full(DIM, 0.5), 0.1)
        for found in (np.concatenate([array.ravel() for array in arrays]), whole, plain):
            close(found, wanted)
        if t == 2:
            state, listed = listed.state_dict(), stepper(rule, arrays, lr=1.0, seed=SEED)
            listed.load_state_dict(state)
    with pytest.raises(OptbenchError, match="of seed 7, and this stepper of 0"):
        stepper(rule, arrays, lr=1.0).load_state_dict(state)


def slope(w, g):
    for i in range(w.shape[0]):
        g[i] = 0.5
    return 0.5 * np.sum(w)


def slopes(w, g, f):
    for r in range(w.shape[1]):
        f[r] = 0.0
        for i in range(w.shape[0]):
            g[i, r] = 0.5
            f[r] += 0.5 * w[i, r]


@pytest.mark.parametrize(("form", "function"), [("single", slope), ("lanes", slopes)])
@pytest.mark.parametrize("rule", [noisy, slow(noisy_by_block)], ids=NAMES[:2])
def test_all_lanes_of_a_run_have_those_of_its_seed(form, function, rule):
    problem = Problem(
        form=form, dim=DIM, start=lambda rng: np.ones(DIM), value_and_gradient=function, blocks=SHAPES, name="slope"
    )
    flat = loader.load().schedule("constant")
    lanes = [Lane(0.1, flat, {}), Lane(0.2, flat, {})]
    found = run_cohort(
        problem, rule, lanes, seed=SEED, batch_size=1, steps=STEPS, dtype="float64", points=np.array([0, STEPS])
    )
    wanted = expected(rule)[-1]
    close(np.concatenate([part.w for part in found.parts]), [wanted, 2 * wanted - 1])


@wrapper(source="a test")
def shaken(step, w, g, lr, normal):
    """Normal noise on the gradient."""
    new = step(w, g + normal)
    return new


def test_a_wrapper_may_draw_around_a_rule_that_does_not():
    wrapped = wrap(shaken, loader.load().optimizer("gd")[0])
    w = np.zeros(DIM)
    stepper(wrapped, w, lr=0.1, seed=SEED).step(np.zeros(DIM))
    close(w, -0.1 * draws("normal", SEED, 1, DIM))
    assert wrapped.is_random and not loader.load().optimizer("gd")[0].is_random
