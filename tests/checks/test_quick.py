"""Quick checks find records that run without an error and give results that mean nothing."""

import itertools
import time

import numpy as np
import pytest
from harness import CATALOGUE
from quick import slow

from optbench import Problem, optimizer, schedule
from optbench.checks.quick import find_faults

_COUNT = itertools.count()


def bowl(w, g):
    g[0], g[1] = w[0], w[1]
    return 0.5 * (w[0] * w[0] + w[1] * w[1])


def unwritten(w, g):
    g[0] = w[0]
    return 0.5 * (w[0] * w[0] + w[1] * w[1])


def accumulated(w, g):
    for i in range(2):
        g[i] += w[i]
    return 0.5 * (w[0] * w[0] + w[1] * w[1])


def beyond(w, g):
    g[0], g[1], g[2] = w[0], w[1], 0.0
    return 0.0


def moves_its_input(w, g):
    g[0], g[1] = w[0], w[1]
    w[0] = 0.0
    return 0.0


def drawn(rng):
    return np.full(2, float(next(_COUNT)))


def problem(value_and_gradient=bowl, start=lambda rng: rng.uniform(1, 2, 2)):
    return Problem(form="single", dim=2, value_and_gradient=value_and_gradient, start=start, minimum=0.0,
                   minimum_source="a test", name="mine")  # fmt: skip


@optimizer(source="a test")
def wandering(w, g, lr):
    return w - lr * g * next(_COUNT)


@optimizer(source="a test")
def idle(w, g, m, lr):
    return w, m + lr * g


@schedule(source="a test")
def jumping(step, epoch, total_steps):
    return np.full(len(step), float(next(_COUNT)))


@schedule(source="a test")
def endless(step, epoch, total_steps):
    while True:
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("record", "words"),
    [
        (problem(unwritten), "1 of the numbers in g are not written"),
        (problem(accumulated), "2 of the numbers in g are not written"),
        (problem(beyond), "index 2 is out of bounds"),
        (problem(moves_its_input), "writes to or beyond w"),
        (problem(start=drawn), "different points"),
        (wandering, "give other weights"),
        (idle, "10 steps change no weight"),
        (jumping, "a step alone against all together"),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_what_is_wrong_is_found(record, words):
    found = find_faults(record)
    assert len(found) == 1 and words in found[0], found


def test_what_takes_long_or_raises_is_left_to_its_runs():
    begin = time.monotonic()
    assert find_faults(endless) == []
    assert time.monotonic() - begin < 10
    assert find_faults(problem(start=lambda rng: 1 / 0)) == []


@pytest.mark.parametrize("kind", [slow("problems"), "optimizers", "schedules"])
def test_nothing_is_wrong_with_what_ships(kind):
    for name, record in getattr(CATALOGUE, kind).items():
        if kind == "problems" and record.parameters.get("data") not in (None, "digits", "diabetes"):
            continue
        built = record.build() if kind == "problems" else record
        assert find_faults(built) == [], name
