"""The last fifth of a run, by which runs are compared: against the losses of every step, kept one by one."""

import numpy as np
import pytest
from harness import CATALOGUE, lane, problem_of

from optbench.engine.cohort import Cohort
from optbench.engine.points import ENOUGH, EXACT, evaluation_points, first_of_tail, tail_is_evaluated
from optbench.engine.run import run
from optbench.engine.tail import log_tail, tail_source

CHEAP, COSTLY = "quadratic(dim=4)", "mlp(data=gaussian(examples=150, features=4, classes=3), hidden=(5,))"
REACHED = "logistic(data=gaussian(examples=150, features=4))"
"""On data as dear as COSTLY, but with a minimum that runs come near, not a bound."""
GD = CATALOGUE.optimizers["gd"]


def cohort(text, rates=(0.01, 0.05), steps=60, **more):
    lanes = tuple(lane("gd", rate) for rate in rates)
    return Cohort(problem_of(text), GD, lanes, batch_size=32, steps=steps, seed=2, **more)


@pytest.mark.parametrize("steps", [1, 2, 4, 5, 6, 10, 99, 100, 12345])
def test_the_last_fifth(steps):
    first = first_of_tail(steps)
    assert steps - first + 1 == max(1, steps // 5) and 1 <= first <= steps


@pytest.mark.parametrize("steps", [1, 7, 60, 1000, 30_000])
def test_ten_evaluations_lie_in_it_or_the_steps_own_losses_stand_in(steps):
    for text in (CHEAP, COSTLY):
        points = evaluation_points(problem_of(text), steps, 32)
        tail = points[points >= first_of_tail(steps)]
        enough = len(tail) >= min(ENOUGH, max(1, steps // 5))
        assert tail_is_evaluated(problem_of(text), points, steps) == enough and (enough or text == COSTLY)
        start = first_of_tail(steps)
        assert cohort(text, steps=steps).heard_from == (None if enough else start)


@pytest.mark.parametrize("steps", [1, 7, 60, 1000])
def test_near_a_known_minimum_the_tail_is_evaluated_whatever_it_costs(steps):
    points = evaluation_points(problem_of(REACHED), steps, 32)
    assert (points >= first_of_tail(steps)).sum() >= min(EXACT, max(1, steps // 5))
    for some in (None, [1]):
        assert cohort(REACHED, steps=steps, points=some).heard_from is None


@pytest.mark.parametrize("batch_size", [16, 64])
def test_batches_below_the_minimum_of_all_make_no_run_seem_to_have_reached_it(batch_size):
    """The rest of an epoch is a batch of seven examples, whose loss is often below f*."""
    lanes, problem = tuple(lane("gd", rate) for rate in (0.3, 1.0, 3.0)), problem_of("logistic")
    steps, few, every = 5 * -(-problem.examples // batch_size), [], []
    for seed in range(10):
        for points, values in ((None, few), ("every", every)):
            each = Cohort(problem, GD, lanes, batch_size=batch_size, steps=steps, seed=seed, points=points)
            values.append(log_tail(each, run(each).parts[0]))
    assert np.corrcoef(np.ravel(few), np.ravel(every))[0, 1] > 0.97
    np.testing.assert_allclose(few, every, atol=1.0)


def test_from_evaluations_it_is_the_mean_of_the_logarithms():
    whole = cohort(CHEAP, steps=300)
    part = run(whole).parts[0]
    every = run(cohort(CHEAP, steps=300, points="every")).parts[0]
    at = [point for point in part.points if point > 240]
    gaps = every.train[at, 0] - problem_of(CHEAP).minimum
    assert tail_source(whole) == "evaluations" and len(at) >= ENOUGH
    np.testing.assert_allclose(log_tail(whole, part), np.log(gaps).mean(axis=0), rtol=1e-12)


@pytest.mark.parametrize("batch", [8, 32, 150])
def test_from_batches_it_is_the_logarithm_of_their_mean(batch):
    sparse, dense = (
        Cohort(problem_of(COSTLY), GD, (lane("gd", 0.1), lane("gd", 0.3)), batch_size=batch, steps=35, seed=1, points=p)
        for p in ([3], "every")
    )
    losses = run(dense).parts[0].batch_loss[29:36]
    assert tail_source(sparse) == "batches" and tail_source(dense) == "evaluations"
    np.testing.assert_allclose(log_tail(sparse, run(sparse).parts[0]), np.log(losses.mean(axis=0)), rtol=1e-12)


def test_runs_that_diverged_were_cut_or_reached_the_bottom():
    wild = cohort(CHEAP, rates=(0.05, 1e3), steps=300)
    value = np.concatenate([log_tail(wild, part) for part in run(wild).parts])
    assert np.isfinite(value[0]) and value[1] == np.inf
    there = cohort("quadratic(dim=2, condition=1, noise=0)", rates=(1.0,), steps=50)
    np.testing.assert_allclose(log_tail(there, run(there).parts[0]), np.log(1e-14))
    cut = cohort(COSTLY, steps=10**6, deadline=1e-9)
    assert np.isnan(log_tail(cut, run(cut).parts[0])).all()


def test_a_method_of_scipy_has_one_too():
    lbfgs = CATALOGUE.optimizer("lbfgs")[0]
    for text in (CHEAP, COSTLY):
        alone = Cohort(problem_of(text), lbfgs, (lane("lbfgs", 1.0),), batch_size=10**6, steps=40)
        part = run(alone).parts[0]
        value = log_tail(alone, part)
        late = part.train[part.points > 32, 0] - problem_of(text).minimum
        assert np.isfinite(value).all() and np.exp(value[0]) <= late.max() + 1e-13
