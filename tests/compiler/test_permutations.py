"""Permutations from the bits of a generator: those that it gives itself."""

import numpy as np
import pytest

from optbench.compiler import permutations
from optbench.compiler.permutations import Permutations


def generators(seed):
    return [np.random.default_rng(np.random.SeedSequence([seed, 1])) for _ in range(2)]


@pytest.mark.parametrize("examples", [1, 2, 3, 4, 5, 63, 64, 65, 1000, 1797, 20_000])
def test_they_are_those_of_numpys_generator(examples):
    """One after the other: bits that the first has left are the next one's."""
    ours, theirs = generators(examples)
    drawn = Permutations(ours, examples)
    for count in (1, 3):
        numbers = np.full((count, examples + 2), -1, np.int32)
        drawn.draw(numbers)
        for row in numbers:
            np.testing.assert_array_equal(row[:examples], theirs.permutation(examples))
        assert (numbers[:, examples:] == -1).all()


def test_bits_that_run_out_at_any_place(monkeypatch):
    monkeypatch.setattr(permutations, "_AT_ONCE", 1)
    for examples in range(2, 30):
        ours, theirs = generators(examples)
        drawn = Permutations(ours, examples)
        for count in (2, 1, 3):
            numbers = np.zeros((count, examples), np.int32)
            drawn.draw(numbers)
            np.testing.assert_array_equal(numbers, [theirs.permutation(examples) for _ in range(count)])
