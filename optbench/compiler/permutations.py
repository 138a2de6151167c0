"""The permutations of NumPy's generators, from the same random bits and in a third of the time."""

from collections.abc import Callable
from functools import cache

import numpy as np

from optbench.compiler.contracts import Shorts2, Whole, Wholes1, Words1
from optbench.compiler.numba_inside import noalias
from optbench.compiler.signatures import signature
from optbench.compiler.translator import jit


def _shuffle(words: Words1, numbers: Shorts2, examples: Whole, place: Wholes1) -> None:
    """Go on with the shuffling of the first ``examples`` of each row until they or the random ``words`` are used up.

    Fisher & Yates's method as ``numpy.random.Generator.permutation`` has it, from the last number to the first: the
    i-th changes places with one up to itself, which the low bits of a word give, as many as i has; where they give a
    larger one, the next word is asked. That is every fourth of them, by chance, so that a branch would often be guessed
    wrong: such a word changes places with none instead. ``place``: the next word, the row, and the last number of it
    that is to be placed yet.
    """
    at, line, i = place[0], place[1], place[2]
    while line < numbers.shape[0]:
        row = numbers[line]
        while i > 0 and at < words.shape[0]:
            half = 1
            while 2 * half <= i:
                half *= 2
            while i >= half and at < words.shape[0]:
                given = np.int64(words[at]) & (2 * half - 1)
                fits = given <= i
                j = given if fits else i
                row[i], row[j] = row[j], row[i]
                i -= fits
                at += 1
        if i > 0:
            break
        line, i = line + 1, examples - 1
    place[0], place[1], place[2] = at, line, i


@cache
def shuffle() -> Callable[..., None]:
    """The compiled kernel."""
    return jit(_shuffle, signature(_shuffle, "float64"), fastmath=False, **noalias())


class Permutations:
    """What ``generator.permutation(examples)`` gives time after time, of a generator that nobody has used before."""

    def __init__(self, generator: np.random.Generator, examples: int):
        self.examples = examples
        self._bits = generator.bit_generator
        self._words, self._place = np.zeros(0, np.uint32), np.zeros(3, np.int64)

    def draw(self, numbers: np.ndarray) -> None:
        """The next ones, one in each row of ``numbers``, int32, where what is behind the examples stays as it is."""
        numbers[:, : self.examples] = np.arange(self.examples)
        self._place[1:] = 0, self.examples - 1
        shuffle()(self._words, numbers, self.examples, self._place)
        while self._place[1] < len(numbers):
            # A generator of 64 bits gives 32 of them at a time, the lower ones first.
            self._words, self._place[0] = self._bits.random_raw(_AT_ONCE).view(np.uint32), 0
            shuffle()(self._words, numbers, self.examples, self._place)


_AT_ONCE = 1 << 11
"""Random numbers drawn at a time."""
