"""The random parts of a run, drawn outside the kernels of a step: start points, mini-batches and gradient noise.

Each is a stream of its own below the run's seed, so that all optimizers, rates and schedules of a seed see the same
ones (common random numbers), however the work is cut into pieces.
"""

from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

import numpy as np

from optbench.catalogue import loader
from optbench.contract.errors import OptbenchError, PluginError, in_one_line, shown
from optbench.contract.problems import Family, Problem
from optbench.contract.types import DtypeName
from optbench.engine import settings
from optbench.engine.kept_draws import Drawn
from optbench.engine.noise import noise

_START, _ORDER, _NOISE = range(3)
MOST_BATCHES = 1_000_000
"""Mini-batches in one list."""


def _generator(*key: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence(key))


def start_point(problem: Problem, seed: int) -> np.ndarray:
    """The start point of a seed, (dim,) float64."""
    owner = f"problem {problem.name or '(unnamed)'}"
    try:
        w = np.asarray(problem.start(_generator(seed, _START)))
    except (Exception, SystemExit) as error:  # a plug-in may raise anything
        raise PluginError(f"{owner}: start(rng) fails: {in_one_line(error)}") from error
    if w.dtype.kind not in "iuf" or w.shape != (problem.dim,) or not np.isfinite(w).all():
        raise PluginError(f"{owner}: start(rng) must give {problem.dim} finite numbers, got {shown(w)}")
    return w.astype(np.float64)


def steps_per_epoch(examples: int, batch_size: int) -> int:
    return -(-examples // batch_size)


def drawn(problem: Problem, batch_size: int) -> tuple[bool, bool]:
    """Whether steps at that batch size take mini-batches of the data, and whether their gradients are given noise."""
    full = batch_size >= problem.examples
    return problem.data is not None and not full, problem.data is None and problem.noise > 0 and not full


class _Orders:
    """Draws the mini-batch of one step after the other, B example numbers, from epochs that are drawn whole."""

    def __init__(self, examples: int, size: int, seed: int):
        self.done, self.row = 0, (size, np.int32)
        self._per_epoch = steps_per_epoch(examples, size)
        self._examples, self._generator = examples, _generator(seed, _ORDER)
        self._left = np.zeros((0, size), np.int32)
        self.ahead = self._per_epoch * size * self._left.itemsize

    def draw(self, out: np.ndarray) -> None:
        """Write those of the next ``len(out)`` steps, (steps, B)."""
        self.done += len(out)
        if len(out) > len(self._left):
            epochs = steps_per_epoch(len(out) - len(self._left), self._per_epoch)
            drawn = np.zeros((epochs, self._per_epoch * out.shape[1]), np.int32)
            for row in drawn:
                row[: self._examples] = self._generator.permutation(self._examples)
            drawn = drawn.reshape(-1, out.shape[1])
            self._left = np.concatenate([self._left, drawn]) if len(self._left) else drawn
        out[:], self._left = self._left[: len(out)], self._left[len(out) :]


class Batches:
    """The mini-batches of one run, in order: each epoch is a fresh permutation, its last batch may be smaller.

    ``draw(count)`` gives the next ``count`` steps as ``(order, sizes, noise)`` in the driver's form: example numbers
    (count, batch_size) int32, or (0, 0) for the full batch; sizes (count,); noise (count, dim + 1), or (0, 0), as
    noise.py says. What is given is not to be written.
    """

    def __init__(self, problem: Problem, batch_size: int, seed: int, dtype: DtypeName):
        self.problem, self.batch_size, self.seed, self.dtype = problem, batch_size, seed, dtype
        self.mini, self.noisy = drawn(problem, batch_size)
        self.per_epoch = steps_per_epoch(problem.examples, batch_size)
        self.done = 0
        self._full = np.zeros(0, np.int64)
        self._nothing = np.zeros((0, 0), np.int32), np.zeros((0, 0), dtype)
        if self.mini:
            examples = problem.examples
            name = ("mini-batches", examples, batch_size, seed)
            self._drawn = Drawn(name, lambda: _Orders(examples, batch_size, seed))
        elif self.noisy:
            self._drawn = noise(problem, batch_size, (seed, _NOISE), dtype)

    def _sizes(self, count: int) -> np.ndarray:
        """(count,): as many examples a step as a batch has."""
        if len(self._full) < count:
            self._full = _same(self.batch_size, 1 << (count - 1).bit_length())
        return self._full[:count]

    def draw(self, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The next ``count`` steps, as the class says."""
        size, per_epoch = self.batch_size, self.per_epoch
        order, noisy = self._nothing
        sizes, last = self._sizes(count), self.problem.examples - (per_epoch - 1) * size
        if last < size:
            sizes = sizes.copy()
            sizes[per_epoch - 1 - self.done % per_epoch :: per_epoch] = last
        if self.noisy:
            noisy = self._drawn.draw(count)
        elif self.mini:
            order = self._drawn.draw(count)
        self.done += count
        return order, sizes, noisy


@lru_cache(maxsize=8)
def _same(size: int, count: int) -> np.ndarray:
    """(count,) of ``size``, kept for other runs: to write it takes as long as small steps, in fresh memory as many."""
    return np.full(count, size)


def mini_batches(
    problem: str | Problem | Family,
    *,
    batch_size: int | str,
    steps: int,
    seed: int = 0,
    plugin: str | Path | Iterable[str | Path] = (),
) -> list[np.ndarray]:
    """The example numbers of the mini-batches that runs of a seed see.

    Args:
        problem: a name, with parameters if need be, or a record; one with data.
        batch_size: examples of a step, or "full".
        steps: how many mini-batches; they go on over the epochs, and the last one of an epoch may be smaller.
        seed: of the order.
        plugin: a file, or several, with records of your own.

    Returns:
        An array (rows,) of integers for each step.

    Raises:
        OptbenchError: the problem has no data, or a value makes no sense.

    Example:
        >>> [len(rows) for rows in mini_batches("least_squares", batch_size=200, steps=3)]
        [200, 154, 200]
    """
    problem = loader.load_all(plugin).problem(problem)
    if problem.data is None:
        raise OptbenchError(f"problem {problem.name} has no data, and so no mini-batches")
    size, seed = settings.checked("batch_size", batch_size), settings.checked("seed", seed)
    settings.budget(None, steps)
    if steps > MOST_BATCHES:
        raise OptbenchError(f"steps={shown(steps)}: no more than {MOST_BATCHES:,} mini-batches at once")
    if isinstance(size, str) or size >= problem.examples:
        return [np.arange(problem.examples)] * steps
    order, sizes, _ = Batches(problem, size, seed, "float64").draw(steps)
    return [numbers[:count] for numbers, count in zip(order, sizes, strict=True)]
