"""The last fifth of a run, by which runs are compared: evaluations of what a rule reports, the same for all rules."""

import numpy as np
import pytest
from harness import CATALOGUE, lane, problem_of

from optbench.engine.cohort import Cohort, evaluation_points, first_tail_step
from optbench.engine.outcome import log_tail
from optbench.engine.run_cohorts import run

CHEAP, COSTLY = "quadratic(dim=4)", "mlp(data=gaussian(examples=150, features=4, classes=3), hidden=(5,))"
REACHED = "logistic(data=gaussian(examples=150, features=4))"
"""On data as dear as COSTLY, but with a minimum that runs come near, not a bound."""
LINEAR = "mlp(data=gaussian(examples=150, features=4, classes=3), hidden=())"


def cohort(text, rates=(0.01, 0.05), steps=60, rule="gd", batch_size=32, **more):
    lanes = tuple(lane(rule, rate) for rate in rates)
    optimizer = CATALOGUE.optimizer(rule)[0]
    return Cohort(problem_of(text), optimizer, lanes, batch_size=batch_size, steps=steps, seed=2, **more)


def tail_of(cohort):
    return np.concatenate([log_tail(cohort, part) for part in run(cohort).parts])


@pytest.mark.parametrize("steps", [1, 2, 4, 5, 6, 10, 99, 100, 12345])
def test_the_last_fifth(steps):
    first = first_tail_step(steps)
    assert steps - first + 1 == max(1, steps // 5) and 1 <= first <= steps


@pytest.mark.parametrize("steps", [1, 7, 60, 1000, 30_000])
@pytest.mark.parametrize("text", [CHEAP, COSTLY, REACHED])
def test_five_evaluations_lie_in_it_whatever_they_cost(text, steps):
    points = evaluation_points(problem_of(text), steps, 32)
    assert (points >= first_tail_step(steps)).sum() >= min(5, max(1, steps // 5))


def loss_and_gradient(w):
    """Return loss and gradient of LINEAR on all training examples, from its formula."""
    x, y = problem_of(LINEAR).data
    scores, right = x @ w[:12].reshape(4, 3) + w[12:], np.eye(3)[y.astype(int)]
    total = np.logaddexp.reduce(scores, axis=1)
    errors = (np.exp(scores - total[:, None]) - right) / len(x)
    return np.mean(total - (scores * right).sum(axis=1)), np.concatenate([(x.T @ errors).ravel(), errors.sum(axis=0)])


def loss_at(w):
    return loss_and_gradient(w)[0]


def weights_after(steps, rule, **more):
    return run(cohort(LINEAR, (1.0,), steps=steps, rule=rule, **more)).parts[0].w[0]


@pytest.mark.parametrize("batch_size", [8, 32, 150])
def test_what_is_compared_is_the_iterate_that_is_reported(batch_size):
    """The average's from its formula, out of the iterates of gd, which runs that end at each step leave."""
    steps, beta = 35, 0.99
    averaged = cohort(LINEAR, (1.0,), steps, "average(gd)", batch_size)
    late = [step for step in run(averaged).parts[0].points if step > 28]
    iterates = np.array([weights_after(step, "gd", batch_size=batch_size) for step in range(1, steps + 1)])
    shares = (1 - beta) * beta ** np.arange(steps)[::-1]
    means = [shares[-step:] @ iterates[:step] / (1 - beta**step) for step in late]
    assert len(late) >= 5
    np.testing.assert_allclose(tail_of(averaged), np.log([*map(loss_at, means)]).mean(), rtol=1e-11)
    plain = np.log([loss_at(iterates[step - 1]) for step in late]).mean()
    np.testing.assert_allclose(tail_of(cohort(LINEAR, (1.0,), steps, "gd", batch_size)), plain, rtol=1e-11)


def test_it_is_the_mean_of_the_logarithms():
    whole = cohort(CHEAP, steps=300)
    late = [point for point in whole.evaluated if point > 240]
    every = run(cohort(CHEAP, steps=300, points="every")).parts[0]
    gaps = every.train[late, 0] - problem_of(CHEAP).minimum
    np.testing.assert_allclose(tail_of(whole), np.log(gaps).mean(axis=0), rtol=1e-12)


def test_runs_that_diverged_were_cut_or_reached_the_bottom():
    value = tail_of(cohort(CHEAP, rates=(0.05, 1e3), steps=300))
    assert np.isfinite(value[0]) and value[1] == np.inf
    there = cohort("quadratic(dim=2, condition=1, noise=0)", rates=(1.0,), steps=50)
    np.testing.assert_allclose(tail_of(there), np.log(1e-14))
    assert np.isnan(tail_of(cohort(COSTLY, steps=10**6, deadline=1e-9))).all()
