"""The noise of problems without data: that of a finite sum whose examples each epoch takes in another order."""

import tracemalloc
from itertools import permutations

import numpy as np
import pytest
from harness import problem_of
from noise_twin import covariance, noise
from toy_problems import bowl

from optbench.engine.batches import Batches

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


def test_a_step_of_many_parameters_takes_no_memory_for_its_epoch():
    """An epoch of 1,024 steps would take 820 MB."""
    one = Batches(bowl(100_000, noise=1.0), 1, 0, "float64", 1024)
    tracemalloc.start()
    for _ in range(3):
        one.draw(1)
    assert tracemalloc.get_traced_memory()[1] < 1e7
    tracemalloc.stop()


@pytest.mark.parametrize(("level", "size"), [(0.0, 16), (0.3, 1024), (0.3, 5000)])
def test_no_noise_is_drawn_where_there_is_none(level, size):
    assert Batches(bowl(noise=level), size, 0, "float64").draw(3)[2].size == 0
