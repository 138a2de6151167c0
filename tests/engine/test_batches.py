"""Mini-batches, start points and points of evaluation; test_noise.py has the noise."""

from collections import OrderedDict

import numpy as np
import pytest
from harness import drawn_in_turns, problem_of

from optbench.engine import batches
from optbench.engine.batches import Batches, steps_per_epoch
from optbench.engine.cohort import evaluation_points

DATA = "logistic(data=gaussian(examples=125, features=2, classes=2))"  # 100 of them for training


def draw(text, batch_size, pieces, seed=0, dtype="float64"):
    one = Batches(problem_of(text), batch_size, seed, dtype)
    drawn = [one.draw(count) for count in pieces]
    return [np.concatenate(parts) for parts in zip(*drawn, strict=True)]


@pytest.mark.parametrize(("batch_size", "per_epoch"), [(32, 4), (25, 4), (99, 2), (1, 100)])
def test_each_epoch_visits_each_example_once(batch_size, per_epoch):
    assert steps_per_epoch(100, batch_size) == per_epoch
    order, sizes, noise = draw(DATA, batch_size, [3 * per_epoch])
    assert noise.size == 0 and order.dtype == np.int32
    epochs = [
        np.concatenate([order[s, : sizes[s]] for s in range(e * per_epoch, (e + 1) * per_epoch)]) for e in range(3)
    ]
    for epoch in epochs:
        np.testing.assert_array_equal(np.sort(epoch), np.arange(100))
    assert not (epochs[0] == epochs[1]).all() and not (epochs[1] == epochs[2]).all()
    last = 100 - (per_epoch - 1) * batch_size
    np.testing.assert_array_equal(sizes, ([batch_size] * (per_epoch - 1) + [last]) * 3)


@pytest.mark.parametrize(
    ("text", "batch_size"),
    [
        (DATA, 32),
        (DATA, 100),
        ("plateau", 5000),
        *[(f"plateau(dim={dim})", size) for dim in (3, 3000) for size in (48, 600)],
    ],
)
def test_batches_do_not_depend_on_the_pieces_they_are_drawn_in(text, batch_size):
    whole = draw(text, batch_size, [60])
    for pieces in ([1] * 60, [7, 13, 40], [59, 1]):
        for made, expected in zip(draw(text, batch_size, pieces), whole, strict=True):
            np.testing.assert_array_equal(made, expected)


@pytest.mark.parametrize("shared_bytes", [0, 1 << 23])
def test_runs_that_share_their_mini_batches_see_the_same_as_alone(monkeypatch, shared_bytes):
    alone = np.random.default_rng(np.random.SeedSequence((11, 1)))
    epochs = [np.append(alone.permutation(100), np.zeros(28, int)).reshape(4, 32) for _ in range(10)]
    monkeypatch.setattr(batches, "_cache", OrderedDict())
    monkeypatch.setattr(batches, "_SHARED_BYTES", shared_bytes)
    one, other = (Batches(problem_of(DATA), 32, 11, "float64", 40) for _ in range(2))
    for orders in drawn_in_turns(one, other, 0):
        np.testing.assert_array_equal(orders, np.concatenate(epochs))
    assert bool(batches._cache) == bool(shared_bytes)


@pytest.mark.parametrize("batch_size", [100, 101, 5000])
def test_the_full_batch_is_not_drawn(batch_size):
    order, sizes, noise = draw(DATA, batch_size, [3])
    assert order.size == noise.size == 0
    np.testing.assert_array_equal(sizes, [100, 100, 100])


@pytest.mark.parametrize("steps", [0, 1, 7, 96, 97, 1000, 10**6])
@pytest.mark.parametrize("text", [DATA, "plateau"])
@pytest.mark.parametrize("batch_size", [1, 32, 10**6])
def test_points_of_evaluation(text, steps, batch_size):
    problem = problem_of(text)
    points = evaluation_points(problem, steps, batch_size)
    assert points[0] == 0 and points[-1] == steps and (np.diff(points) > 0).all()
    assert len(points) <= 2 + 2 * 24 + 12, "more points than the bound"
    epochs = np.arange(0, steps + 1, steps_per_epoch(problem.examples, batch_size))
    if len(epochs) <= (24 if problem.data is None else 6):
        assert np.isin(epochs, points).all()
    inner = points[points >= 1]
    assert len(inner) < 2 or (inner[1:] / inner[:-1]).max() <= 2 * steps ** (1 / 5), "a gap among the log-spaced"
