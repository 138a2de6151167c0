"""The random parts of a run, drawn outside the kernels: start points, mini-batches and gradient noise.

Each is a stream of its own below the run's seed. All optimizers, rates and schedules of a seed see the same numbers
(common random numbers), however the steps are cut into calls.

A problem without data is a finite sum of nominal examples f_i(w) = weight_i f(w) + b_i'w. The weights have the mean 1
and the b_i the mean 0, both normal. What is drawn are their means over each mini-batch; the mean over an epoch is f.
"""

import math
import threading
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from optbench.catalogue import loader
from optbench.compiler import finite_sums
from optbench.contract.arguments import BatchSize, checked
from optbench.contract.errors import OptbenchError, PluginError, in_one_line, shown
from optbench.contract.problems import Family, Problem
from optbench.contract.process_state import forgotten_by_forks
from optbench.contract.types import DtypeName
from optbench.engine import settings
from optbench.engine.arrays import owner_of
from optbench.engine.settings import Seed
from optbench.kit.random import SEEDS, key_of, uniform

_Steps = TypeVar("_Steps", int, np.ndarray)

_START, _ORDER, _NOISE, _STRESS, _DRIFT = range(5)
_LABELS = 1 << 30
"""The place of the first example's random number among those of kit/random.py: rules use the places before it."""
MOST_BATCHES = 1_000_000
"""Mini-batches in one list."""
# Normal numbers drawn at a time: 32 KiB, which stay in the L1 cache. Measured, Rosenbrock gd 50 lanes, ns a step: 187,
# and 196 where a whole chunk of steps is drawn at once
_NORMALS = 1 << 12
# Bytes: 50,000 steps of noise of 20 parameters, 32,000 mini-batches of 64; beyond, a run draws for itself. What others
# have drawn takes a third off the time of a run of Poisson regression
_SHARED_BYTES = 1 << 23
"""The largest run whose random numbers are kept for other runs of the same seed."""
# Measured on the default sweep's quadratic and rosenbrock: 53 s of CPU with 2^25 bytes, 44 s with 2^27, and 42 s where
# the jobs of a seed follow each other (run/loop.py)
_CACHE_BYTES, _CACHE_ENTRIES = 1 << 27, 1024
"""The most bytes, and entries, of the cache; estimates."""


def _generator(*key: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence(key))


def start_point(problem: Problem, seed: int) -> np.ndarray:
    """Return the start point of a seed, (dim,) float64. Raises PluginError."""
    owner = owner_of(problem)
    try:
        w = np.asarray(problem.start(_generator(seed, _START)))
    except (Exception, SystemExit) as error:  # a plug-in may raise anything
        raise PluginError(f"{owner}: start(rng) fails: {in_one_line(error)}") from error
    if w.dtype.kind not in "iuf" or w.shape != (problem.dim,) or not np.isfinite(w).all():
        raise PluginError(f"{owner}: start(rng) must give {problem.dim} finite numbers, got {shown(w)}")
    return w.astype(np.float64)


def path_of(problem: Problem, seed: int, dtype: DtypeName) -> Callable[[np.ndarray], np.ndarray] | None:
    """Return the function of numbers of steps (n,) that gives where the objective has moved, (n, dim); None: it stays.

    Raises PluginError.
    """
    if problem.drift is None:
        return None
    path = problem.drift(_generator(seed, _DRIFT), start_point(problem, seed))
    return lambda steps: np.asarray(path(np.asarray(steps)), dtype)


def steps_per_epoch(examples: int, batch_size: int) -> int:
    """Return the number of mini-batches of an epoch; the last one may be smaller."""
    return -(-examples // batch_size)


def count_gradients(steps: _Steps, second_every: int) -> _Steps:
    """Return the gradients of the first ``steps`` steps: one each, and a second one as `Tunable.second_every` says."""
    return steps - -steps // second_every if second_every else steps


def count_samples(steps: _Steps, second_every: int, examples: int, batch_size: int) -> _Steps:
    """Return the samples that these gradients take: a second one those of its step, whose mini-batch may be smaller."""
    per_epoch = steps_per_epoch(examples, batch_size)
    samples = steps // per_epoch * examples + steps % per_epoch * batch_size
    second = count_gradients(steps, second_every) - steps
    if second_every and math.gcd(second_every, per_epoch) == 1:  # else none falls on the last mini-batch of an epoch
        first = pow(-second_every, -1, per_epoch)  # the number of the second gradient that does first
        samples = samples - (second + per_epoch - 1 - first) // per_epoch * (per_epoch * batch_size - examples)
    return samples + second * batch_size


def affordable_steps(steps: int, second_every: int, examples: int, batch_size: int) -> int:
    """Return the most steps, at least 1, that take no more samples than ``steps`` of one gradient each."""
    samples = count_samples(steps, 0, examples, batch_size)
    count = partial(count_samples, second_every=second_every, examples=examples, batch_size=batch_size)
    return max(1, bisect_right(range(1, steps + 1), samples, key=count)) if second_every else steps


def needed_draws(problem: Problem, batch_size: int) -> tuple[bool, bool]:
    """Return two flags: whether steps draw mini-batches of data at that batch size, and whether they draw noise."""
    full = batch_size >= problem.examples
    return problem.data is not None and not full, problem.data is None and problem.noise > 0 and not full


class _Orders:
    """A source of mini-batches, rows of B example numbers, from a new permutation for each epoch."""

    def __init__(self, examples: int, size: int, seed: int):
        """Begin the stream of a seed, for batches of that size."""
        self._per_epoch = steps_per_epoch(examples, size)
        self._examples, self._generator = examples, _generator(seed, _ORDER)
        self._left = np.zeros((0, size), np.int32)

    def draw(self, out: np.ndarray) -> None:
        """Fill the rows of the next ``len(out)`` steps."""
        if len(out) > len(self._left):
            epochs = steps_per_epoch(len(out) - len(self._left), self._per_epoch)
            numbers = np.zeros((epochs, self._per_epoch * out.shape[1]), np.int32)
            for row in numbers:
                row[: self._examples] = self._generator.permutation(self._examples)
            self._left = np.concatenate([self._left, numbers.reshape(-1, out.shape[1])])
        out[:], self._left = self._left[: len(out)], self._left[len(out) :]


class _Noise:
    """A source of the gradient noise of steps, rows of dim + 1 numbers: the mean of b_i and of weights in a mini-batch.

    spread: (dim + 1,), the standard deviations of one example's b_i and weight.
    """

    def __init__(self, spread: np.ndarray, examples: int, size: int, seed: int, dtype: DtypeName):
        """Begin the stream of a seed, for mini-batches of that size."""
        numbers = len(spread)
        self._examples, self._size, self._means = examples, size, finite_sums.means(dtype)
        self._random, self._done = _generator(seed, _NOISE), 0
        self._left, self._example_spread = np.zeros(numbers), spread
        self._normal = np.empty((max(1, _NORMALS // numbers), numbers))
        self._centre = np.zeros(numbers)
        self._centre[-1] = 1.0

    def draw(self, out: np.ndarray) -> None:
        """Fill the rows of the next ``len(out)`` steps."""
        per_epoch = steps_per_epoch(self._examples, self._size)
        for at in range(0, len(out), len(self._normal)):
            part, done = out[at : at + len(self._normal)], self._done
            self._done += len(part)
            lasts = self._done // per_epoch - done // per_epoch
            z = self._random.standard_normal(out=self._normal[: len(part) - lasts])
            self._means(z, self._centre, self._example_spread, self._left, self._examples, self._size, done, part)


def _example_spread(problem: Problem) -> np.ndarray:
    """Return the standard deviation of an example's gradient, (dim,), and of its weight behind that."""
    curvature = np.ones(problem.dim) if problem.curvature is None else np.asarray(problem.curvature, float)
    return np.append(problem.noise * np.sqrt(curvature / curvature.mean()), problem.weight_spread)


_cache: OrderedDict[tuple, np.ndarray] = OrderedDict()
_lock = forgotten_by_forks(threading.Lock())


def _draw_or_reuse(source: partial, steps: int, numbers: int, dtype: np.dtype) -> np.ndarray:
    """Return the rows (steps, numbers) that a source draws, from the cache if a run with an equal source drew them.

    The numbers depend on the source's arguments only.
    """
    arguments = (each.tobytes() if isinstance(each, np.ndarray) else each for each in source.args)
    key = source.func, *arguments, steps
    with _lock:
        if key in _cache:
            _cache.move_to_end(key)
            return _cache[key]
        rows = np.empty((steps, numbers), dtype)
        source().draw(rows)
        _cache[key] = rows  # once drawn: a process may fork before
        total = sum(each.nbytes for each in _cache.values())
        while len(_cache) > 1 and (len(_cache) > _CACHE_ENTRIES or total > _CACHE_BYTES):
            total -= _cache.popitem(last=False)[1].nbytes
    return rows


class Batches:
    """The mini-batches of one run, in order: each epoch is a new permutation, its last batch may be smaller.

    Args:
        problem: the record.
        batch_size: examples of a step; at least the number of the problem's examples for the full batch.
        seed: of the run.
        dtype: of the noise.
        steps: of the run. Runs of the same seed and number of steps share their draws; None: nothing is shared.
        labels_every: the steps from one to the next whose labels are drawn, of which the first is one; 0: none are.

    Attributes:
        path: as of `path_of`.
        numbers_per_step: the numbers that a step takes.
    """

    def __init__(
        self,
        problem: Problem,
        batch_size: int,
        seed: int,
        dtype: DtypeName,
        steps: int | None = None,
        labels_every: int = 0,
    ):
        """Begin at the first step, and draw the random numbers of all steps if they are to be shared."""
        examples = problem.examples
        self.examples, self.batch_size = examples, min(batch_size, examples)
        self.per_epoch = steps_per_epoch(examples, batch_size)
        self.mini, self.noisy = needed_draws(problem, batch_size)
        self._done, self._dim, self._seed, self.labels_every = 0, problem.dim, seed % SEEDS, labels_every
        self._changes = [
            change(_generator(seed, _STRESS, place), problem.dim) for place, change in enumerate(problem.stress)
        ]
        self._rows: np.ndarray | None = None
        self._nothing = np.zeros((0, 0), np.int32), np.zeros((0, 0), dtype)
        source: partial
        self._dtype: np.dtype = np.dtype(dtype)
        self._real = self._dtype
        self.path = path_of(problem, seed, dtype)
        mini, noise = self.batch_size * (self.mini or labels_every > 0), (problem.dim + 1) * self.noisy
        changes = problem.dim * (2 * bool(self._changes) + (self.path is not None))
        self.numbers_per_step = max(1, mini, noise, changes)
        if self.mini:
            source = partial(_Orders, examples, batch_size, seed)
            self._numbers, self._dtype = batch_size, np.dtype(np.int32)
        elif self.noisy:
            source = partial(_Noise, _example_spread(problem), examples, batch_size, seed, dtype)
            self._numbers, self._dtype = problem.dim + 1, np.dtype(dtype)
        else:
            return
        if steps is not None and steps * self._numbers * self._dtype.itemsize <= _SHARED_BYTES:
            self._rows = _draw_or_reuse(source, steps, self._numbers, self._dtype)
        else:
            self._source = source()

    def draw(self, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return ``(order, sizes, noise)`` of the next ``count`` steps for the driver; the arrays are read-only.

        order: example numbers (count, batch_size) int32, or (0, 0) for the full batch; sizes: examples in each batch
        (count,); noise: (count, dim + 1), or (0, 0) without noise.
        """
        first, self._done = self._done, self._done + count
        sizes, last = np.full(count, self.batch_size), self.examples % self.batch_size
        if last:
            sizes[self.per_epoch - 1 - first % self.per_epoch :: self.per_epoch] = last
        order, noise = self._nothing
        if self.mini or self.noisy:
            if self._rows is not None:
                rows = self._rows[first : self._done]
            else:
                rows = np.empty((count, self._numbers), self._dtype)
                self._source.draw(rows)
            order, noise = (rows, noise) if self.mini else (order, rows)
        return order, sizes, noise

    def draw_steps(self, count: int) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
        """Return order and sizes of the next ``count`` steps, as `draw` does, and what their stages take.

        That is arrays with a row for each step, by their names in StageArguments.
        """
        now = np.arange(self._done, self._done + count)
        rows = {} if self.path is None else {"path": self.path(now)}
        if self.labels_every:
            rows["labels"] = self._draw_labels(now)
        if self._changes:
            rows["stress"] = self.draw_stress(count)
        order, sizes, noise = self.draw(count)
        return order, sizes, rows | {"noise": noise} if self.noisy else rows

    def _draw_labels(self, now: np.ndarray) -> np.ndarray:
        """Return what stands for labels where they are drawn from the model, (steps, batch_size), behind these steps.

        It is -1 times a number between 0 and 1 at the steps of a second gradient, 0 at the others.
        """
        labels = np.zeros((len(now), self.batch_size), self._real)
        examples: Any = np.arange(self.batch_size) + _LABELS
        for s in np.flatnonzero(now % self.labels_every == 0).tolist():
            drawn = uniform(key_of(self._seed, int(now[s]) + 1, 0), examples)
            labels[s] = -np.ceil(drawn * SEEDS) / SEEDS  # the same numbers in float32
        return labels

    def draw_stress(self, count: int) -> np.ndarray:
        """Return what changes the gradients of the next ``count`` steps.

        (count, 2 dim): g becomes factor * g + term * s, the factors first; of several changes, in one.
        """
        both = np.zeros((count, 2, self._dim))
        both[:, 0] = 1
        for change in self._changes:
            factors, terms = change(count)
            both *= np.broadcast_to(factors, (count, self._dim))[:, None]
            both[:, 1] += terms
        return both.reshape(count, -1).astype(self._real)


@checked
def mini_batches(
    problem: str | Problem | Family,
    *,
    batch_size: BatchSize,
    steps: int,
    seed: Seed = 0,
    plugin: str | Path | Iterable[str | Path] = (),
) -> list[np.ndarray]:
    """Return the example numbers of the mini-batches that runs of a seed see.

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
    settings.check_budget(None, steps)
    if steps > MOST_BATCHES:
        raise OptbenchError(f"steps={shown(steps)}: no more than {MOST_BATCHES:,} mini-batches at once")
    if isinstance(batch_size, str) or batch_size >= problem.examples:
        return [np.arange(problem.examples)] * steps
    order, sizes, _ = Batches(problem, batch_size, seed, "float64").draw(steps)
    return [numbers[:count] for numbers, count in zip(order, sizes, strict=True)]
