"""The problems of the cases as optbench's own records, with the case's data and an evaluation that costs nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

import optbench
from benchmarks.sides.kinds import Kind


def no_evaluation(w, out):
    """1 for the loss on all training data, whatever it is.

    A run evaluates it at its start and at its end, which no other side does. By the first value, minus the minimum of
    0, it also judges divergence: a million times as much, which no case comes near.
    """
    out[:] = 1.0


def rosenbrock() -> Any:
    return _ours("rosenbrock", {"noise": 0.0})


def logistic(x: np.ndarray, y: np.ndarray) -> Any:
    """The linear model's intercept is a column of ones behind the features: one feature less, and it is the case's."""
    data = f"gaussian(examples=100, features={x.shape[1] - 1})"
    return _ours("logistic", {"data": data, "l2": 0.0}, x, y)


def of_kind(kind: Kind, dtype: str) -> Any:
    """A kind's problem: as in the catalogue, on as many of its examples as whole mini-batches take."""
    record = optbench.problems()[kind.problem].build(kind.parameters)
    if record.data is None:
        return replace(record, minimum=0.0, metrics=(), evaluate=no_evaluation)
    x, y = (np.ascontiguousarray(part[: len(record.data[0]) // 64 * 64], dtype) for part in record.data)
    return replace(record, data=(x, y), test=None, minimum=0.0, metrics=(), evaluate=no_evaluation)


def mlp(layers: tuple[int, ...], x: np.ndarray, y: np.ndarray, activation: str = "relu") -> Any:
    inside, *hidden, classes = layers
    data = f"gaussian(examples=100, features={inside}, classes={classes})"
    return _ours("mlp", {"data": data, "hidden": tuple(hidden), "activation": activation}, x, y)


def _ours(name: str, parameters: dict[str, Any], x: np.ndarray | None = None, y: np.ndarray | None = None) -> Any:
    """The catalogue's problem on generated data of the case's sizes, and then on the case's data instead."""
    record = optbench.problems()[name].build(parameters)
    data = None if x is None else (x, y.astype(x.dtype))
    return replace(record, data=data, test=None, minimum=0.0, metrics=(), evaluate=no_evaluation)
