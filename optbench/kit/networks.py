"""Parts of the records of network problems: checked choices, start points, the parts of a stack of dense layers."""

from math import prod

import numpy as np

from optbench.contract.errors import OptbenchError
from optbench.kit.layers import ACTIVATIONS, scratch

HIDDEN = ACTIVATIONS[:3]
_DEVIATIONS = {
    "he": lambda inputs, outputs: np.sqrt(2 / inputs),
    "xavier": lambda inputs, outputs: np.sqrt(2 / (inputs + outputs)),
    "zero": lambda inputs, outputs: 0.0,
    "large": lambda inputs, outputs: 1.0,
}


def check_choice(problem: str, what: str, value: str, valid) -> None:
    """Raise OptbenchError where a problem's parameter, called `what`, is not one of the valid values."""
    if value not in valid:
        raise OptbenchError(f"problem {problem}: {what}={value!r} must be one of {', '.join(valid)}")


def check_widths(problem: str, what: str, value: tuple) -> None:
    """Raise OptbenchError where a problem's parameter, called `what`, is not a tuple of positive whole numbers."""
    if not all(isinstance(width, int) and width > 0 for width in value):
        raise OptbenchError(f"problem {problem}: {what}={value!r} must be a tuple of positive widths")


def layered(problem: str, shapes: list[tuple[int, int]], initialization: str) -> dict:
    """Return `dim`, `blocks` and `start` for layers of weights (in, out) and biases (out,), in that order.

    ``shapes``: (in, out) of each layer; ``initialization``: normal weights, he (variance 2/in), xavier
    (2/(in + out)) or large (1), or zero; biases start at 0. Raises OptbenchError for another one.
    """
    check_choice(problem, "initialization", initialization, _DEVIATIONS)
    deviation = _DEVIATIONS[initialization]

    def start(rng):
        parts = [(deviation(*shape) * rng.standard_normal(prod(shape)), np.zeros(shape[1])) for shape in shapes]
        return np.concatenate([block for part in parts for block in part])

    blocks = tuple(block for shape in shapes for block in (shape, shape[1:]))
    return {"dim": sum(map(prod, blocks)), "blocks": blocks, "start": start}


def dense(problem: str, sizes: tuple[int, ...], hidden: str, output: str, initialization: str) -> dict:
    """Return the fields of ``layered``, and `layout` and `work` as in layers.py, for dense layers.

    ``sizes``: from the input to the output; ``hidden``, ``output``: the activations.
    """
    check_choice(problem, "activation", hidden, HIDDEN)
    shapes = list(zip(sizes[:-1], sizes[1:], strict=True))
    kinds = [ACTIVATIONS.index(hidden)] * (len(sizes) - 2) + [ACTIVATIONS.index(output)]
    return layered(problem, shapes, initialization) | {
        "layout": (*kinds, *sizes),
        "work": lambda rows, runs: scratch(rows, sizes),
    }
