"""Networks put together of layers, with their losses and the records of their problems.

A plug-in names the layers of its network, and gets a problem whose gradient is compiled:

    @problem(source="an example")
    def deep(data="digits"):
        d = datasets.load_for("deep", data, classes=True)
        layers = [dense(64), relu, layer_norm, residual(dense(64), relu), dense(d.classes)]
        return network("deep", layers, d)
"""

from collections.abc import Callable, Sequence
from functools import cache
from math import prod
from types import FunctionType
from typing import Any

import numpy as np

from optbench.contract import arguments
from optbench.contract.architecture import Architecture
from optbench.contract.errors import OptbenchError, shown
from optbench.contract.problems import Problem
from optbench.datasets import Dataset
from optbench.kit import layers as kernels
from optbench.kit.layers import ACTIVATIONS, BARE, NORM, scratch
from optbench.kit.learning import data_fields

HIDDEN = ACTIVATIONS[:3]
relu, tanh, sigmoid = HIDDEN
"""Activations: each is that of the layer before it."""
layer_norm = "layer_norm"
"""A layer that gives each example's activations mean 0 and variance 1, then scales and shifts them (Ba et al. 2016)."""
_DEVIATIONS = {
    "he": lambda inputs, outputs: np.sqrt(2 / inputs),
    "xavier": lambda inputs, outputs: np.sqrt(2 / (inputs + outputs)),
    "zero": lambda inputs, outputs: 0.0,
    "large": lambda inputs, outputs: 1.0,
}
Row = tuple[int, int, int, str]
"""A layer as kernels see it: its kind as in layers.py, its inputs, its outputs, and its activation."""


def dense(units: int, bias: bool = True) -> tuple:
    """Return a layer for `network`: w'x + b with so many outputs, or w'x without ``bias``."""
    return "dense", units, bias


def residual(*layers: Any) -> tuple:
    """Return layers for `network` whose input is added to their output (He et al. 2016), of as many units."""
    return "residual", layers


def network(
    problem: str, layers: Sequence, data: Dataset, initialization: str = "he", loss: str = "cross_entropy"
) -> Problem:
    """Return the problem of a network of layers on a data set, one run at a time on BLAS.

    Args:
        problem: its name in messages.
        layers: from the first behind the input to the last: ``dense(units)``, ``residual(...)`` around layers,
            ``layer_norm``, and the activations ``relu``, ``tanh`` and ``sigmoid``, each behind its layer.
        data: such as ``datasets.load_for`` returns.
        initialization: normal weights, he (variance 2/in), xavier (2/(in + out)) or large (1), or zero; biases and
            shifts start at 0, gains at 1.
        loss: "cross_entropy", the softmax cross-entropy of the last layer's outputs, one for each class, with the
            metric accuracy; or "mse", the mean squared error of the last layer's single output.

    Returns:
        The problem; its parameters are those of the layers in order, weights (in, out), bias (out,).

    Raises:
        OptbenchError: the layers do not fit together, or not to the data.

    Example:
        >>> from optbench import datasets, minimize
        >>> layers = [dense(16), relu, layer_norm, residual(dense(16), relu), dense(10)]
        >>> problem = network("deep", layers, datasets.load("digits"))
        >>> minimize(problem, "adam", lr=0.01, steps=20, batch_size=64).status
        'ok'
    """
    arguments.one_of(f"loss of problem {problem}", loss, kernels.KERNELS)
    rows = layer_rows(problem, layers, data.x.shape[1])
    wanted = data.classes if loss == "cross_entropy" else 1
    if not rows or layers[0][0] != "dense" or rows[-1][2:] != (wanted, "linear"):
        raise OptbenchError(
            f"problem {problem}: the first layer must be dense(units), and the last one have {wanted} outputs, "
            f"as {loss} needs it, without an activation"
        )
    return Problem(
        **stack(loss, rows),
        start=start_of(problem, rows, initialization),
        architecture=Architecture(tuple(rows), loss, initialization=initialization),  # type: ignore[arg-type]
        minimum=0.0,
        minimum_source="lower bound",
        **data_fields(data),
    )


def layer_rows(problem: str, layers: Sequence, units: int) -> list[Row]:
    """Return a Row for each layer, (kind, inputs, outputs, activation).

    units: the number of inputs of the first one. Raises OptbenchError for layers that do not fit together.
    """
    rows: list[Row] = []
    for layer in layers:
        if layer in HIDDEN:
            if not rows or rows[-1][3] != "linear":
                raise OptbenchError(f"problem {problem}: {layer} must stand behind a layer without an activation")
            rows[-1] = (*rows[-1][:3], layer)
        elif layer == layer_norm:
            rows.append((NORM, units, units, "linear"))
        elif isinstance(layer, tuple) and layer[0] == "dense":
            arguments.whole_number(f"problem {problem}: units", layer[1], 1)
            rows.append((0 if layer[2] else 1, units, layer[1], "linear"))
        elif isinstance(layer, tuple) and layer[0] == "residual" and layer[1]:
            body = layer_rows(problem, layer[1], units)
            if body[-1][2] != units:
                made = f"{units} units to {body[-1][2]}"
                raise OptbenchError(f"problem {problem}: a residual connection leads from {made}: make them equal")
            rows += [*body, (NORM + len(body), units, units, "linear")]
        else:
            raise OptbenchError(
                f"problem {problem}: {shown(layer)} is no layer: give dense(units), residual(layers, ...), layer_norm, "
                f"{', '.join(HIDDEN)}"
            )
        units = rows[-1][2]
    return rows


def start_of(problem: str, rows: Sequence[Row], initialization: str) -> Callable[[np.random.Generator], np.ndarray]:
    """Return ``start(rng)``, which draws the weights of all layers, (dim,): see `network`."""
    arguments.one_of(f"initialization of problem {problem}", initialization, _DEVIATIONS)
    deviation = _DEVIATIONS[initialization]

    def start(rng: np.random.Generator) -> np.ndarray:
        """Return drawn weights; biases and shifts are 0, gains 1."""
        parts = [np.zeros(0)]
        for kind, inputs, outputs, _ in rows:
            if kind < NORM:
                weights = deviation(inputs, outputs) * rng.standard_normal(inputs * outputs)
                parts += [weights, np.zeros(outputs)][: 2 - kind]
            elif kind == NORM:
                parts += [np.ones(outputs), np.zeros(outputs)]
        return np.concatenate(parts)

    return start


def parameter_blocks(rows: Sequence[Row]) -> tuple[tuple[int, ...], ...]:
    """Return the shapes of all parameters of layers, in order: weights (in, out), bias (out,)."""
    blocks: list[tuple[int, ...]] = []
    for kind, inputs, outputs, _ in rows:
        if kind < NORM:
            blocks += [(inputs, outputs), (outputs,)][: 2 - kind]
        elif kind == NORM:
            blocks += [(outputs,), (outputs,)]
    return tuple(blocks)


def stack(loss: str, rows: Sequence[Row]) -> dict[str, Any]:
    """Return, by name, the fields of a Problem that follow from the layers of a network and its loss."""
    sizes, blocks = (rows[0][1], *(outputs for _, _, outputs, _ in rows)), parameter_blocks(rows)
    kernel, report = kernels.KERNELS[loss]
    if any(kind >= NORM for kind, *_ in rows):
        kernel, report = _composed(kernel), _composed(report)
    packed = sizes[0] if loss == "mse" and sizes[-1] > 1 else 0
    return {
        "form": "single",
        "dim": sum(map(prod, blocks)),
        "blocks": blocks,
        "layout": (*(kind * BARE + ACTIVATIONS.index(activation) for kind, _, _, activation in rows), *sizes),
        "work": lambda rows, runs: scratch(rows, sizes) + rows * (packed + sizes[-1]),
        "value_and_gradient": kernel,
        "evaluate": report,
        "metrics": ("accuracy",) if loss == "cross_entropy" else (),
        "draws_labels": int(loss == "cross_entropy"),
        "predict": None if packed else Architecture(tuple(rows), loss).predict,  # type: ignore[arg-type]
    }


@cache
def _composed(loss: Callable) -> Callable:
    """Return a loss of layers.py, or its report, compiled for networks that are not of dense layers alone.

    loss: a function of layers.py; it gets other versions of `forward` and `backward`.
    """

    def replaced(function: Callable, names: dict[str, Any]) -> Callable:
        """Return the function as if its file had other values for these names."""
        return FunctionType(function.__code__, function.__globals__ | names, function.__name__)

    passes = {each.__name__: replaced(each, {"COMPOSED": True}) for each in (kernels.forward, kernels.backward)}
    return replaced(loss, passes)
