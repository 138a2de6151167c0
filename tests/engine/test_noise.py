"""The noise of problems without data: that of a finite sum whose examples each epoch takes in another order."""

import tracemalloc
from collections import OrderedDict
from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
from harness import CATALOGUE, drawn_in_turns, lane, problem_of, run_cohort
from noise_twin import covariance, noise
from toy_problems import bowl

from optbench.contract.schedules import Schedule
from optbench.engine import batches
from optbench.engine.batches import Batches, start_point

SHAPED = "hilbert(dim=4, noise=0.3)"
CURVATURE = np.array([1, 1 / 3, 1 / 5, 1 / 7])


def draw(problem, batch_size, pieces, seed=0, dtype="float64"):
    """Pulls (steps, dim), weights (steps,), sizes (steps,)."""
    problem = problem_of(problem) if isinstance(problem, str) else problem
    one = Batches(problem, batch_size, seed, dtype)
    drawn = [one.draw(count)[1:] for count in pieces]
    sizes, numbers = (np.concatenate(parts) for parts in zip(*drawn, strict=True))
    return numbers[:, :-1], numbers[:, -1], sizes


def test_the_closed_form_is_that_of_samples_without_replacement():
    """By all 720 orders of six numbers of mean 0 and variance 1 (divisor 5), in samples of 2, 3 and 1."""
    numbers = np.array([-3.0, 1.0, 4.0, -1.0, 0.0, -1.0])
    numbers /= numbers.std(ddof=1)
    means = [(order[:2].mean(), order[2:5].mean(), order[5]) for order in map(np.array, permutations(numbers))]
    np.testing.assert_allclose(np.cov(np.transpose(means), ddof=0), covariance([2, 3, 1]), atol=1e-14)


@pytest.mark.parametrize("size", [1, 2, 16, 100, 300, 511, 1000, 1023])
@pytest.mark.parametrize(("text", "shape"), [("plateau(dim=4, noise=0.3)", np.ones(4)), (SHAPED, CURVATURE)])
def test_every_number_follows_the_covariance(size, text, shape):
    sizes = [size] * (1023 // size) + [1024 - 1023 // size * size]
    steps = 2 * len(sizes) + 1
    pulls, weights, found = draw(text, size, [steps], seed=5)
    np.testing.assert_array_equal(found, (3 * sizes)[:steps])
    expected = noise(5, steps, sizes, 0.3 * np.sqrt(shape / shape.mean()))
    np.testing.assert_allclose(pulls, expected[0], rtol=1e-9, atol=1e-13)
    np.testing.assert_allclose(weights, expected[1], rtol=1e-11)


def test_many_draws_have_the_covariance():
    """200,000 coordinates, whose covariances are off by up to six standard errors: 6 sqrt(2 / 200,000) of the largest.

    A weight is drawn once a step: 4,000 epochs of them."""
    problem = replace(bowl(200_000, noise=0.5), examples=10)
    pulls, _, sizes = draw(problem, 4, [6])
    expected = 0.25 * covariance([4, 4, 2])
    assert sizes.tolist() == [4, 4, 2, 4, 4, 2]
    for epoch in (pulls[:3], pulls[3:]):
        np.testing.assert_allclose(np.cov(epoch), expected, atol=0.02 * expected.max())
    assert np.abs(np.corrcoef(pulls)[:3, 3:]).max() < 6 / np.sqrt(200_000), "an epoch is not drawn anew"
    weights = draw(replace(bowl(1, noise=0.5), examples=10), 4, [12_000])[1].reshape(-1, 3)
    np.testing.assert_allclose(np.cov(weights.T), 0.25 * covariance([4, 4, 2]), atol=0.14 * expected.max())


@pytest.mark.parametrize(("dtype", "rounding"), [("float64", 1e-14), ("float32", 1e-7)])
@pytest.mark.parametrize("size", [1, 100, 512, 1000])
def test_the_mean_over_an_epoch_is_the_full_gradient(size, dtype, rounding):
    """Weighted with their sizes, to rounding of the largest: the last mini-batch takes what is left."""
    per_epoch = -(-1024 // size)
    pulls, weights, sizes = draw(SHAPED, size, [7] * per_epoch, dtype=dtype)
    assert pulls.dtype == weights.dtype == dtype
    for epoch in range(7):
        part = slice(epoch * per_epoch, (epoch + 1) * per_epoch)
        share = sizes[part] / 1024
        mean, largest = share @ pulls[part].astype(float), np.abs(share[:, None] * pulls[part]).max(axis=0)
        assert (np.abs(mean) <= per_epoch * rounding * largest).all()
        assert share @ weights[part].astype(float) == pytest.approx(1, rel=rounding)


def test_epochs_and_seeds_differ():
    pulls, weights, _ = draw(SHAPED, 512, [4])
    assert (pulls[:2] != pulls[2:]).all() and weights[0] != weights[2]
    again, other = draw(SHAPED, 512, [4])[0], draw(SHAPED, 512, [4], seed=1)[0]
    np.testing.assert_array_equal(pulls, again)
    assert (pulls != other).all()


def test_both_dtypes_see_the_same_noise():
    for made, expected in zip(draw(SHAPED, 100, [25], dtype="float32")[:2], draw(SHAPED, 100, [25])[:2], strict=True):
        np.testing.assert_allclose(made, expected, rtol=1e-6, atol=1e-7)


def test_a_step_of_many_parameters_takes_no_memory_for_its_epoch():
    """An epoch of 1,024 steps would take 820 MB."""
    one = Batches(bowl(100_000, noise=1.0), 1, 0, "float64", 1024)
    tracemalloc.start()
    for _ in range(3):
        one.draw(1)
    assert tracemalloc.get_traced_memory()[1] < 1e7
    tracemalloc.stop()


@pytest.mark.parametrize("shared_bytes", [0, 1 << 23])
def test_runs_that_share_their_noise_see_the_same_as_alone(monkeypatch, shared_bytes):
    whole = draw(SHAPED, 100, [40], seed=11)[0]
    monkeypatch.setattr(batches, "_cache", OrderedDict())
    monkeypatch.setattr(batches, "_SHARED_BYTES", shared_bytes)
    one, other = (Batches(problem_of(SHAPED), 100, 11, "float64", 40) for _ in range(2))
    for pulls in drawn_in_turns(one, other, 2):
        np.testing.assert_array_equal(pulls[:, :-1], whole)


def test_noise_is_cached_within_bounds(monkeypatch):
    monkeypatch.setattr(batches, "_cache", OrderedDict())
    monkeypatch.setattr(batches, "_CACHE_BYTES", 10_000)
    for seed in range(20):
        Batches(problem_of(SHAPED), 100, seed, "float64", 50)
    assert len(batches._cache) == 5, "2,000 bytes each"


@pytest.mark.parametrize(("level", "size"), [(0.0, 16), (0.3, 1024), (0.3, 5000)])
def test_no_noise_is_drawn_where_there_is_none(level, size):
    assert Batches(bowl(noise=level), size, 0, "float64").draw(3)[2].size == 0


def stored(problem, size, rate, epochs, count):
    """Ends of gradient descent on 1,024 stored examples f_i = weight_i f + b_i'w, reshuffled, at a falling rate."""
    rng, dim = np.random.default_rng(0), problem.dim
    hessian = problem.constants[: dim * dim].reshape(dim, dim)
    h = np.diag(hessian)
    per_epoch, ends = 1024 // size, []
    for seed in range(count):
        pulls = problem.noise * np.sqrt(h / h.mean()) * rng.standard_normal((1024, dim))
        weights = 1 + 0.5 * rng.standard_normal(1024)
        pulls, weights = pulls - pulls.mean(axis=0), weights - weights.mean() + 1
        w = start_point(problem, seed) - problem.minimizer
        for step in range(epochs * per_epoch):
            if step % per_epoch == 0:
                order = rng.permutation(1024).reshape(per_epoch, size)
            batch = order[step % per_epoch]
            factor = 1 - step / (epochs * per_epoch)
            w = w - factor * rate * (weights[batch].mean() * (hessian @ w) + pulls[batch].mean(axis=0))
        ends.append(w @ hessian @ w / 2)
    return np.log(ends)


def test_runs_end_where_those_on_stored_examples_do():
    """Within four standard errors, 0.4 of a natural logarithm; independent noise ends e^3 as high."""
    problem, steps, count = problem_of("quadratic(dim=8, condition=30.0)"), 20 * 64, 60
    falling = Schedule("falling", lambda step, epoch, total: 1 - (step - 1) / total, {}, "a test")
    one = replace(lane("gd", 0.8), schedule=falling)
    made = [
        run_cohort(problem, CATALOGUE.optimizer("gd")[0], [one], batch_size=16, steps=steps, seed=seed, points=[steps])
        for seed in range(count)
    ]
    ends = np.log([outcome.parts[0].train[-1, 0, 0] for outcome in made])
    expected = stored(problem, 16, 0.8, 20, count)
    assert abs(ends.mean() - expected.mean()) < 4 * np.sqrt((ends.var() + expected.var()) / count) < 0.45
