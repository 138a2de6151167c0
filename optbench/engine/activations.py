"""The activation that the lecture's notation a^[l]{t}(i) names: layer l, mini-batch t, example i."""

import itertools
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from annotated_types import Ge, Le

from optbench.catalogue import loader
from optbench.contract import arguments
from optbench.contract.arguments import BatchSize, Whole
from optbench.contract.errors import OptbenchError
from optbench.contract.problems import Family, Problem
from optbench.engine.batches import MOST_BATCHES, mini_batches, start_point
from optbench.kit.layers import ACTIVATIONS

_APPLY: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "relu": lambda z: np.maximum(z, 0.0),
    "tanh": np.tanh,
    "sigmoid": lambda z: 0.5 * (1.0 + np.tanh(0.5 * z)),
    "linear": lambda z: z,
}


@arguments.checked
def trace(  # noqa: PLR0913  keywords of a public function
    problem: str | Problem | Family,
    *,
    layer: int,
    batch: Annotated[Whole, Ge(1), Le(MOST_BATCHES)],
    example: int,
    what: Literal["a", "z"] = "a",
    batch_size: BatchSize = 64,
    w: np.ndarray | None = None,
    seed: int = 0,
    plugin: str | Path | Iterable[str | Path] = (),
) -> np.ndarray:
    """Return the activation a^[layer]{batch}(example) that the lecture's notation names, of a network of dense layers.

    z^[l] = W^[l]' a^[l-1] + b^[l] and a^[l] = h(z^[l]), with a^[0] = x. All three count from 1, as the notation does,
    and layer 0 is the input. The mini-batches are those of a run with this seed and batch size; they go on over the
    epochs, and the last one of an epoch may be smaller. The last layer of a classifier gives the probabilities
    (softmax).

    Args:
        problem: a name, with parameters if need be, or a record; a stack of dense layers such as mlp.
        layer: from 0, the input, to the last one.
        batch: from 1.
        example: from 1, within its mini-batch.
        what: "a"; or "z", z^[layer] before the activation.
        batch_size: examples of a mini-batch.
        w: (dim,), the weights, such as a Result's; without them, the start point of that seed, so that
            ``minimize(problem, ..., steps=batch - 1).w`` gives what the run itself has there.
        seed: of the mini-batches and the start point.
        plugin: a file, or several, with records of your own.

    Returns:
        (units,)

    Raises:
        OptbenchError: the problem is no stack of dense layers, or a number is out of range.

    Example:
        >>> trace("mlp(hidden=(32, 16, 8))", layer=3, batch=8, example=7).shape
        (8,)

    Source:
        Lecture A2.
    """
    problem = loader.load_all(plugin).problem(problem)
    sizes = _layer_sizes(problem)
    x, _ = mini_batch(problem, batch, batch_size, seed)
    arguments.whole_number("trace: layer", layer, 0, len(sizes) - 1)
    arguments.whole_number("trace: example", example, 1, len(x))
    if what == "z" and layer == 0:
        raise OptbenchError("trace: what='z' is for a layer from 1")
    a = x[example - 1, : sizes[0]]  # targets may stand behind the features
    at, w = 0, _weights_or_start(problem, w, seed)
    for number in range(1, layer + 1):
        wide, tall = sizes[number - 1], sizes[number]
        weights, bias = w[at : at + wide * tall].reshape(wide, tall), w[at + wide * tall : at + (wide + 1) * tall]
        z, at = a @ weights + bias, at + (wide + 1) * tall
        a = _apply_activation(problem, number, z)
    return z if what == "z" else a


def mini_batch(
    problem: Problem, batch: int, batch_size: BatchSize = 64, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Return (X{t}, Y{t}), the examples of a run's t-th mini-batch, counted from 1, (rows, features) and (rows,)."""
    rows = mini_batches(problem, batch_size=batch_size, seed=seed, steps=batch)[-1]
    assert problem.data is not None  # mini_batches refuses a problem without
    x, y = (np.asarray(part) for part in problem.data)
    return x[rows], y[rows]


def _layer_sizes(problem: Problem) -> tuple[int, ...]:
    """Return the number of units of all layers, the input's first."""
    sizes = problem.layout[len(problem.layout) // 2 :]
    blocks = [block for wide, tall in itertools.pairwise(sizes) for block in ((wide, tall), (tall,))]
    if len(sizes) < 2 or problem.blocks != tuple(blocks):
        raise OptbenchError(f"trace: problem {problem.name} is no stack of dense layers, such as mlp")
    return sizes


def _apply_activation(problem: Problem, layer: int, z: np.ndarray) -> np.ndarray:
    """Return the activation of a layer: the probabilities for the last one of a classifier."""
    if layer == len(problem.layout) // 2 and problem.metrics == ("accuracy",):
        share = np.exp(z - z.max())
        return share / share.sum()
    return _APPLY[ACTIVATIONS[problem.layout[layer - 1]]](z)


def _weights_or_start(problem: Problem, w: np.ndarray | None, seed: int) -> np.ndarray:
    """Return the given weights, or the start point of the seed. Raises OptbenchError for another shape."""
    if w is None:
        return start_point(problem, seed)
    return arguments.real_array("trace: w", w, problem.dim)
