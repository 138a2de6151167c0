"""minimize for functions of one's own: results beside SciPy's, defaults that the message states, callbacks, tuning."""

import math

import numpy as np
import pytest
import scipy.optimize
from scipy.optimize import rosen, rosen_der

import optbench
from optbench.contract.errors import OptbenchError

START = np.array([-1.2, 1.0])


@pytest.mark.parametrize("f", [rosen, (rosen, rosen_der)], ids=["differences", "gradient"])
def test_without_an_optimizer_it_finds_what_scipy_finds(f):
    found = optbench.minimize(f, START)
    theirs = scipy.optimize.minimize(rosen, START, jac=rosen_der, method="L-BFGS-B")
    assert np.allclose(found.x, theirs.x, atol=1e-4) and found.fun <= theirs.fun + 1e-12
    assert 0.8 * theirs.nit <= found.nit <= 1.2 * theirs.nit and found.nit < found.nfev
    assert f is rosen or found.nfev == pytest.approx(theirs.nfev, abs=5)
    assert found.success and theirs.success and found.status == "ok" and np.isnan(found.suboptimality)
    assert found.x is found.w and found.fun == found.loss == rosen(found.x)
    assert "lbfgs (SciPy's L-BFGS-B)" in found.message and "it has converged" in found.message
    assert ("central differences" in found.message) == (f is rosen)


def test_success_is_not_claimed_where_there_is_none():
    found = optbench.minimize(rosen, START, "lbfgs", steps=5)
    assert not found.success and "its 5 evaluations are used up" in found.message and found.nfev == 5 * 5
    found = optbench.minimize(rosen, START, "gd", lr=10.0)
    assert not found.success and found.status == "diverged" and "it diverged at step" in found.message


def powell_singular(w):
    """Powell 1962: its minimum is 0 at 0, where the second derivatives are singular."""
    return (
        (w[0] + 10 * w[1]) ** 2 + 5 * (w[2] - w[3]) ** 2 + (w[1] - 2 * w[2]) ** 4 + 10 * (w[0] - w[3]) ** 4
    )  # fmt: skip


def test_the_gradient_decides_on_success_and_not_whether_a_budget_is_used_up():
    """After 60 evaluations the gradient is 3e-8. Whether the method ever ends by itself depends on the processor."""
    start = [3.0, -1.0, 0.0, 1.0]
    found = optbench.minimize(powell_singular, start, steps=10)
    assert not found.success and "its 10 evaluations are used up" in found.message
    for steps in (60, None):
        found = optbench.minimize(powell_singular, start, steps=steps)
        assert found.success and "it has converged" in found.message and found.fun < 1e-9
    found = optbench.minimize(powell_singular, start, "adam", lr=0.01, steps=10)
    assert not found.success and "it has not converged" in found.message


@pytest.mark.parametrize(("steps", "converged"), [(100, False), (120, True)])
def test_a_rule_succeeds_where_the_gradient_vanishes(steps, converged):
    """Gradient descent on w^2 / 2 at the rate 0.1 leaves the gradient 0.9^t: 2.7e-5 and 3.2e-6."""
    found = optbench.minimize((lambda w: 0.5 * w @ w, lambda w: w), [1.0, -1.0], "gd", lr=0.1, steps=steps)
    assert found.success == converged and ("it has converged" in found.message) == converged
    assert f"the largest component of the gradient is {0.9**steps:.2g}: " in found.message


def root(w):
    return math.sqrt(w[0]) + w[1] ** 2


def quotient(w):
    return 1.0 / float(w[0] > 0.0) + w[0] + w[1] ** 2


def power(w):
    return math.exp(800.0 * float(w[0] < 2.0)) + w[0] + w[1] ** 2


@pytest.mark.parametrize("f", [root, quotient, power], ids=lambda f: f.__name__)
def test_where_arithmetic_has_no_value_a_run_diverges(f):
    """So it does in a sweep, which compiles what it can."""
    found = optbench.minimize(f, [3.0, 2.0], "gd", lr=40.0, steps=5)
    assert found.status == "diverged" and found.nit == 1 and found.fun == np.inf
    spec = {"learning_rates": [40.0], "steps": 5, "seeds": 2, "tuning_seeds": 1}
    runs = optbench.sweep(spec, problems=[(f, [3.0, 2.0])], optimizers=["gd"]).runs
    assert set(runs["status"]) == {"diverged"} and set(runs["steps"]) == {1}
    optbench.minimize(f, [3.0, 2.0])  # a line search goes around


def test_gradient_descent_by_hand():
    w = START.copy()
    for _ in range(50):
        w -= 1e-3 * rosen_der(w)
    found = optbench.minimize((rosen, rosen_der), START, "gd", lr=1e-3, steps=50)
    assert np.allclose(found.x, w, rtol=1e-12) and found.nit == 50 and not found.success
    assert np.allclose(optbench.minimize(rosen, x0=START, optimizer="gd", learning_rate=1e-3, steps=50).x, w, atol=1e-9)
    slope = f"the largest component of the gradient is {np.abs(rosen_der(w)).max():.2g}: it has not converged"
    assert found.message.startswith(f"gd at lr=0.001; ran all 50 steps; {slope}; the loss went from ")


def test_the_optimizer_may_stand_behind_a_problem_that_has_a_start():
    usual = optbench.minimize("rosenbrock", "gd", lr=1e-3, steps=9)
    assert np.array_equal(usual.w, optbench.minimize("rosenbrock", optimizer="gd", lr=1e-3, steps=9).w)
    own = optbench.minimize("rosenbrock", START, "gd", lr=1e-3, steps=9)
    assert np.array_equal(own.w, optbench.minimize("rosenbrock", "gd", lr=1e-3, steps=9, start=START).w)
    assert not np.array_equal(own.w, usual.w)


def test_tuning_finds_the_rate_of_a_bowl():
    """Of a quadratic with curvatures 1 and 10 gradient descent's best rate is 2 / 11: Nesterov 2018, section 2.1."""
    scale = np.array([1.0, 10.0])
    bowl = (lambda w: 0.5 * scale @ w**2, lambda w: scale * w)
    found = optbench.minimize(bowl, [1.0, 1.0], "gd", tune=True, steps=60)
    rate = found.curve["lr"].iloc[-1]
    assert 0.9 * 2 / 11 <= rate <= 1.1 * 2 / 11
    assert "(the best of 19 rates from 0.001 to 30)" in found.message
    again = optbench.minimize(bowl, [1.0, 1.0], "gd", steps=60)
    assert np.array_equal(again.x, found.x), "a rate that is not given is tuned"


@pytest.mark.parametrize("optimizer", ["gd", "lbfgs"])
def test_a_callback_sees_the_weights_and_ends_the_run(optimizer):
    seen = []

    def watch(w):
        seen.append(w)
        if len(seen) == 4:
            raise StopIteration

    rate = {"lr": 1e-3} if optimizer == "gd" else {}
    found = optbench.minimize((rosen, rosen_der), START, optimizer, callback=watch, **rate)
    assert len(seen) == 4 and found.status == "stopped" and not found.success
    assert "the callback stopped it" in found.message
    assert np.array_equal(found.x, seen[-1])
    if optimizer == "gd":
        assert found.nit == 4 and np.array_equal(seen[0], START - 1e-3 * rosen_der(START))
    else:
        theirs = []
        scipy.optimize.minimize(rosen, START, jac=rosen_der, method="L-BFGS-B", callback=lambda w: theirs.append(w))
        assert np.allclose(seen, theirs[:4])


def test_a_callback_may_ask_for_scipys_result():
    losses = []
    optbench.minimize(
        rosen,
        START,
        "gd",
        lr=1e-3,
        steps=3,
        callback=lambda intermediate_result: losses.append(intermediate_result.fun),
    )
    assert len(losses) == 3 and losses == sorted(losses, reverse=True)


def test_an_error_of_the_function_is_told():
    def f(w):
        if w[0] < 0.5:
            raise ValueError("too low")
        return w @ w

    with pytest.raises(OptbenchError, match="f: evaluate fails: ValueError: too low"):
        optbench.minimize(f, [1.0, 1.0], "gd", lr=0.1)


def test_a_rule_goes_in_as_it_is():
    def rule(w, g, lr):
        """w = w - lr g."""
        return w - lr * g

    found = optbench.minimize((rosen, rosen_der), START, rule, lr=1e-3, steps=50)
    assert np.array_equal(found.x, optbench.minimize((rosen, rosen_der), START, "gd", lr=1e-3, steps=50).x)
    assert optbench.minimize("rosenbrock", rule, lr=1e-3, steps=5).message.startswith(
        "rule at lr=0.001; ran all 5 steps"
    )


def test_evaluations_are_those_that_scipy_counts():
    calls = []

    def f(w):
        calls.append(1)
        return rosen(w)

    problem = optbench.function(f, START)
    calls.clear()
    found = optbench.minimize(problem, "gd", lr=1e-3, steps=50, points=[0])
    more = found.nfev + 5 + 5
    assert found.nfev == 50 * 5 and found.nfev <= len(calls) <= more, "and the few at points, and a gradient at the end"


def test_words_of_scipy_are_understood_or_answered():
    usual = optbench.minimize(rosen, START, "adam", lr=0.1, steps=20)
    assert np.array_equal(optbench.minimize(rosen, START, method="adam", lr=0.1, steps=20).x, usual.x)
    assert "L-BFGS-B" in optbench.minimize(rosen, START, method="L-BFGS-B").message
    lines = repr(usual).splitlines()
    assert [line.split(":")[0].strip() for line in lines] == ["message", "success", "status", "fun", "x", "nit", "nfev"]


def test_a_list_of_arguments_is_taken_as_a_tuple():
    def f(w, a, b):
        return a * w @ w + b

    def of_list(w, values):
        return w @ w + sum(values)

    assert optbench.minimize(f, START, args=[2.0, 1.0]).fun == pytest.approx(1.0)
    assert optbench.minimize(of_list, START, args=[2.0, 1.0]).fun == pytest.approx(3.0)


@pytest.mark.parametrize("optimizer", ["sps", "average(sps_smooth)", "momo"])
def test_a_bound_above_the_loss_is_told_where_nothing_moves(optimizer):
    def below(w):
        return w @ w - 10, 2 * w

    told = "lr=0.1; no step moved: lower_bound=0 must lie below the loss; "
    assert told in optbench.minimize(below, START, optimizer, lr=0.1, steps=5, jac=True).message
    better = optbench.minimize(below, START, optimizer, lr=0.1, steps=5, jac=True, lower_bound=-10.0)
    assert "lower_bound" not in better.message and better.fun < below(START)[0]


def test_the_rate_of_the_lowest_loss_is_taken_and_not_of_the_one_nearest_to_0():
    """Below 0 the smallest number is the worst run: its rate is so small that nothing moves."""
    found = optbench.minimize(lambda w: float(w @ w) - 10.0, [1.0, -2.0], "gd", steps=50)
    assert found.fun == pytest.approx(-10.0, abs=1e-3)
