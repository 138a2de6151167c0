"""The loss that a rule asks for: that of the mini-batch whose gradient it gets, in every loop over steps."""

import re
from dataclasses import replace

import numpy as np
import pytest
from eager_problems import TARGET, X, learned
from harness import CATALOGUE, Lane, drive_rule, run_cohort
from noise_twin import noise
from quick import slow
from scipy.optimize import minimize, rosen, rosen_der
from toy_problems import bowl

import optbench
from optbench import optimizer, wrapper
from optbench.contract.composition import wrap

STEPS, SIZES = 40, [300, 300, 300, 124]


@optimizer(source="a test")
def scaled(w, g, lr, loss):
    return w - lr * loss * g


def itself(loss):
    return loss


@optimizer(source="a test", shared=("mean",), total={"pull": itself}, beta1=0.5)
def averaged(w, g, mean, lr, pull, beta1, loss):
    """Its sum has the loss once for each parameter."""
    mean = beta1 * mean + (1 - beta1) * loss
    return w - lr * (mean + pull) * g, mean


@wrapper(source="a test")
def doubled(step, w, g, lr, loss):
    w = step(w, 2 * loss * g)
    return w


def descend(w, value, gradient, rates, seed=2, spread=1.0):
    """Return (runs, dim): `scaled` by hand along the finite sum's losses, weight f(w) + pull'w."""
    pulls, weights = noise(seed, STEPS, SIZES, np.full(w.size, spread))
    w = np.tile(w, (len(rates), 1))
    for pull, weight in zip(pulls, weights, strict=True):
        for r, rate in enumerate(rates):
            loss, g = weight * value(w[r]) + pull @ w[r], weight * gradient(w[r]) + pull
            w[r] = w[r] - rate * loss * g
    return w


def train(problem, record, rates, size=300, dtype="float64"):
    """Return the weights (runs, dim) of a cohort."""
    lanes = [Lane(rate, CATALOGUE.schedule("constant"), record.with_values({})) for rate in rates]
    return run_cohort(
        problem, record, lanes, seed=2, batch_size=size, steps=STEPS, dtype=dtype, points=np.array([0, STEPS])
    ).parts[0].w  # fmt: skip


@pytest.mark.parametrize(("dtype", "relative"), [("float64", 1e-11), slow("float32", 1e-4)])
@pytest.mark.parametrize("runs", [1, slow(3), 20])
def test_without_data_it_is_that_of_the_finite_sum(runs, dtype, relative):
    """In both forms, in vectors of lanes and one by one; the problem in plain Python, too."""
    rates = np.geomspace(1e-3, 1e-1, runs)
    problem = bowl(noise=0.3)
    start = optbench.objective(problem).start(2)
    expected = descend(start, lambda w: 0.5 * w @ w, lambda w: w, rates, spread=0.3)
    for each in (problem, replace(problem, eager=True)):
        np.testing.assert_allclose(train(each, scaled, rates, dtype=dtype), expected, rtol=relative, atol=relative)
    problem, rates = CATALOGUE.problem("rosenbrock"), np.geomspace(1e-8, 1e-6, runs)
    start = optbench.objective(problem).start(2)
    expected = descend(start, rosen, rosen_der, rates, spread=problem.noise)
    np.testing.assert_allclose(train(problem, scaled, rates, dtype=dtype), expected, rtol=relative, atol=relative)


@pytest.mark.parametrize("eager", [True, False])
def test_with_data_it_is_that_of_the_mini_batch(eager):
    problem = learned() if eager else CATALOGUE.problem("logistic")
    start, rates = optbench.objective(problem).start(2), [0.1, 0.5]
    expected = np.tile(start, (2, 1))
    for rows in optbench.mini_batches(problem, batch_size=16, steps=STEPS, seed=2):
        for r, rate in enumerate(rates):
            if eager:
                g = np.zeros(8)
                loss = problem.value_and_gradient(expected[r], g, X[rows], TARGET[rows])
            else:
                x, y = problem.data[0][rows], problem.data[1][rows]
                part = replace(problem, data=(x, y))
                (loss,), (g,) = optbench.objective(part)(expected[r])
            expected[r] -= rate * loss * g
    np.testing.assert_allclose(train(problem, scaled, rates, size=16), expected, rtol=1e-10)


def test_divergence_is_judged_by_the_exact_loss():
    """A pull of 1e6 makes the finite sum's loss negative or huge; the problem's own stays small."""
    found = optbench.cohort(
        bowl(noise=1e6), "gd", [{"lr": 1e-9}], steps=9, batch_size=300, points="every", seed=2
    ).curves["batch_loss"]  # fmt: skip
    assert found.between(0, 100).sum() == 9


@pytest.mark.slow
def test_sums_shared_slots_and_wrappers_see_it():
    rng = np.random.default_rng(0)
    w, gradients, losses = rng.standard_normal((2, 4)), rng.standard_normal((5, 4)), rng.random((5, 2)) + 1
    rates = np.full((5, 2), 0.1)
    expected, mean = w.copy(), np.zeros(2)
    for g, loss in zip(gradients, losses, strict=True):
        mean = 0.5 * mean + 0.5 * loss
        expected = expected - 0.1 * (mean + 4 * loss)[:, None] * g
    for order in ("rows", "lanes"):
        path = drive_rule(averaged, order, w, gradients, rates, [{"beta1": 0.5}] * 2, losses=losses)
        np.testing.assert_allclose(path[-1], expected, rtol=1e-12)
    expected = w - 0.1 * (2 * losses[:, :, None] * gradients[:, None]).sum(axis=0)
    around = wrap(doubled, CATALOGUE.optimizers["gd"])
    path = drive_rule(around, "lanes", w, gradients, rates, [{}] * 2, losses=losses)
    np.testing.assert_allclose(path[-1], expected, rtol=1e-12)


def test_a_stepper_is_given_it():
    w = [np.full((2, 2), 3.0), np.ones(3)]
    rule = optbench.stepper(scaled, w, lr=0.1)
    rule.step([np.ones((2, 2)), np.ones(3)], loss=2.0)
    rule.step([np.ones((2, 2)), None], loss=np.array(5.0))
    assert w[0][0].round(12).tolist() == [2.3, 2.3] and w[1].round(12).tolist() == [0.8] * 3
    runs = np.ones((2, 3))
    several = optbench.stepper(scaled, runs, lr=0.5)
    several.step(np.ones((2, 3)), loss=[1.0, 2.0])
    assert runs.tolist() == [[0.5] * 3, [0.0] * 3]
    several.step(np.ones((2, 3)), loss=1.0)
    assert runs.tolist() == [[0.0] * 3, [-0.5] * 3]
    alone = np.ones(2)
    optbench.stepper("gd", alone, lr=1.0).step(np.ones(2), loss=7.0)  # a loop for any rule
    assert alone.tolist() == [0.0, 0.0]


def test_a_stepper_without_it_says_so_and_stays_as_it_is():
    w = np.ones(2)
    rule = optbench.stepper(scaled, w, lr=0.1)
    with pytest.raises(optbench.OptbenchError, match=re.escape("scaled steps by the loss: give it, step(g, loss=...)")):
        rule.step(np.ones(2))
    for wrong in ("1", [1.0, 2.0], None, 1j, True, np.ones((1, 2))):
        with pytest.raises(optbench.OptbenchError, match="loss"):
            rule.step(np.ones(2), loss=wrong)
    assert rule.steps == 0 and w.tolist() == [1.0, 1.0]


def test_scipys_minimize_gives_its_function():
    found = minimize(
        rosen, [-1.2, 1.0], jac=rosen_der, method=optbench.scipy_method(scaled, lr=1e-5), options={"maxiter": 9}
    )
    w = np.array([-1.2, 1.0])
    for _ in range(9):
        w = w - 1e-5 * rosen(w) * rosen_der(w)
    np.testing.assert_allclose(found.x, w, rtol=1e-12)
    assert found.nfev == 10


@pytest.mark.torch
@pytest.mark.slow
def test_torch_gets_it_from_a_closure_or_as_an_argument():
    """The rate may be called a largest one."""
    import torch

    class Scaled(torch.optim.Optimizer):
        def __init__(self, params, lr=0.1):
            super().__init__(params, {"lr": lr})

        @torch.no_grad()
        def step(self, closure):
            loss = closure()
            for group in self.param_groups:
                for p in group["params"]:
                    p -= group["lr"] * loss * p.grad

    class Given(torch.optim.Optimizer):
        def __init__(self, params, max_lr=0.1):
            super().__init__(params, {"max_lr": max_lr})

        @torch.no_grad()
        def step(self, closure=None, loss=None):
            for group in self.param_groups:
                for p in group["params"]:
                    p -= group["max_lr"] * loss.detach() * p.grad

    rates = np.array([1e-3, 1e-1])
    problem = bowl(noise=0.3)
    settings = [{"lr": rate} for rate in rates]
    for kind in (Scaled, Given):
        record = optbench.torch_optimizer(kind)
        found = optbench.cohort(problem, record, settings, steps=STEPS, batch_size=300, seed=2).w
        np.testing.assert_allclose(found, train(problem, scaled, rates), rtol=1e-11)


@pytest.mark.optax
@pytest.mark.slow
def test_optax_gets_it_as_value():
    import optax

    def scaling(learning_rate):
        def update(g, state, params=None, *, value, **more):
            return [-learning_rate * value * part for part in g], state

        return optax.GradientTransformationExtraArgs(lambda params: optax.EmptyState(), update)

    rates = np.array([1e-8, 1e-6])
    problem = CATALOGUE.problem("rosenbrock")
    record = optbench.optax_optimizer(scaling)
    np.testing.assert_allclose(train(problem, record, rates), train(problem, scaled, rates), rtol=1e-10)
