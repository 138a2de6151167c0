"""Sets drawn from a seed, of any size."""

import numpy as np

from optbench.contract import resources
from optbench.contract.errors import OptbenchError
from optbench.datasets.record import Dataset, Entry, Raw

_PIECE = 1 << 16
"""Examples drawn from one stream: a larger set of the same seed begins with a smaller one."""
_MOST_HELD_OUT = 100_000
"""Validation and test examples: the standard error of an accuracy is then below 0.25%."""


def require(name: str, condition: bool, what: str) -> None:
    """Raise OptbenchError unless the condition holds: ``data set NAME: WHAT``."""
    if not condition:
        raise OptbenchError(f"data set {name}: {what}")


def require_memory(name: str, examples: int, columns: int) -> None:
    """Raise OptbenchError if (examples, columns) numbers do not fit into memory, drawn and scaled at once.

    name: of the data set, for the message.
    """
    size = 2 * resources.REAL * examples * columns
    resources.need_memory(f"data set {name}: {examples:,} examples of {columns:,} numbers", size)


def _gaussian(examples: int, features: int, classes: int, seed: int) -> Raw:
    """Normal features, a linear teacher with noise."""
    require_memory("gaussian", examples, features + max(classes, 1))
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((examples, features))
    scores = x @ rng.standard_normal((features, max(classes, 1))) / np.sqrt(features)
    scores += 0.5 * rng.standard_normal(scores.shape)
    return _raw_with_targets(
        "gaussian", x, scores, classes, f"generated: {examples} normal examples, linear teacher with noise"
    )


def _teacher(examples: int, features: int, hidden: int, classes: int, noise: float, seed: int) -> Raw:
    """Normal features x; a random teacher with ``hidden`` tanh units says y = argmax_c (V' tanh(U'x))_c, the class of
    the largest softmax probability. ``noise``: standard deviation added to its outputs, in units of theirs.
    ``classes=0``: its one output itself.
    """
    require_memory("teacher", max(examples, hidden), features + hidden + max(classes, 1))
    rng = np.random.default_rng(seed)
    first = rng.standard_normal((features, hidden)) / np.sqrt(features)
    second = rng.standard_normal((hidden, max(classes, 1))) / np.sqrt(hidden)
    x = rng.standard_normal((examples, features))
    scores = np.tanh(x @ first) @ second
    scores += noise * scores.std() * rng.standard_normal(scores.shape)
    source = f"generated after Saad & Solla 1995: {examples} normal examples, a random teacher of {hidden} tanh units"
    return _raw_with_targets("teacher", x, scores, classes, source)


def _spirals(examples: int, arms: int, turns: float, noise: float, seed: int) -> Raw:
    """Arm c of a spiral: (r cos a, r sin a) with a = 2 pi (turns r + c / arms) and r even in [0.1, 1]; ``noise`` is the
    standard deviation added to each coordinate.
    """
    require("spirals", examples >= arms, f"arms={arms} must be at most examples={examples}")
    require_memory("spirals", examples, 3)
    rng = np.random.default_rng(seed)
    y = np.arange(examples) % arms
    radius = rng.uniform(0.1, 1.0, examples)
    angle = 2 * np.pi * (turns * radius + y / arms)
    x = radius[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])
    x += noise * rng.standard_normal(x.shape)
    source = f"generated after Lang & Witbrock 1988: {examples} points of {arms} intertwined spirals"
    return Raw(x, y, arms, source, target="target: the arm")


def _logistic_model(examples: int, features: int, seed: int) -> Dataset:
    """Normal features x, and y = 1 with probability 1 / (1 + exp(-x'v)) for a random v of length 2. They are not
    standardized. A fifth as many are held out, at most 100,000: half to validate, half to test.
    """
    rows = examples + min(max(examples // 5, 1), _MOST_HELD_OUT)
    require_memory("logistic_model", rows, features + 1)
    teacher = np.random.default_rng([seed, 0]).standard_normal(features)
    teacher *= 2 / np.linalg.norm(teacher)
    x, y = np.empty((rows, features)), np.empty(rows)
    for number, first in enumerate(range(0, rows, _PIECE), start=1):
        rng, count = np.random.default_rng([seed, number]), min(_PIECE, rows - first)
        piece = rng.standard_normal((_PIECE, features))
        x[first : first + count] = piece[:count]
        y[first : first + count] = (rng.random(_PIECE) < 1 / (1 + np.exp(-(piece @ teacher))))[:count]
    middle = examples + (rows - examples) // 2
    validation = (x[examples:middle], y[examples:middle]) if middle > examples else (None, None)
    return Dataset(
        x[:examples], y[:examples], x[middle:], y[middle:], 2,
        f"generated: {examples:,} normal examples, labels from a logistic model",
        x_validation=validation[0], y_validation=validation[1],
        target="target: drawn from a logistic model (2 classes)",
    )  # fmt: skip


def _raw_with_targets(name: str, x: np.ndarray, scores: np.ndarray, classes: int, source: str) -> Raw:
    """Return examples whose targets are the class of the largest score, or the first score if classes is 0.

    name, source: of the data set; scores: (n, outputs).
    """
    require(name, classes == 0 or classes >= 2, "classes must be 0, for real targets, or at least 2")
    y = scores.argmax(axis=1) if classes else scores[:, 0]
    return Raw(x, y, classes, source, name=name, target="target: what the teacher says")


SETS = {
    "gaussian": Entry(
        _gaussian, {"examples": 1000, "features": 20, "classes": 2, "seed": 0}, 1000, 20, "2 classes",
        "normal features, a linear teacher with noise; classes=0: real",
    ),
    "teacher": Entry(
        _teacher, {"examples": 2000, "features": 20, "hidden": 16, "classes": 4, "noise": 0.0, "seed": 0}, 2000, 20,
        "4 classes", "normal features, a random network as the teacher; classes=0: real",
    ),
    "logistic_model": Entry(
        _logistic_model, {"examples": 20_000, "features": 20, "seed": 0}, 24_000, 20, "2 classes",
        "normal features, labels drawn from a logistic model",
    ),
    "spirals": Entry(
        _spirals, {"examples": 1000, "arms": 2, "turns": 1.5, "noise": 0.02, "seed": 0}, 1000, 2, "2 classes",
        "points of intertwined spirals, a class an arm",
    ),
}  # fmt: skip
