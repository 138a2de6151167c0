"""Arrays from a PyTorch user's X and y: checked and split, but not scaled."""

from contextlib import suppress
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from optbench.contract.arguments import MOST_ITEMS
from optbench.contract.errors import OptbenchError, in_one_line, shown
from optbench.datasets.record import (
    FEWEST_EXAMPLES,
    FIXED_SHARES,
    OWN_SHARES,
    SPLITS,
    describe_equal_rows,
    find_equal_rows,
    split_rows,
)

_EXACT = 2**24
"""Whole numbers up to it are exact in float32."""


@dataclass(frozen=True)
class Examples:
    """Training, validation and test examples, rows of numbers."""

    x: np.ndarray
    """(n, features)"""
    y: np.ndarray
    """(n, ...)"""
    x_validation: np.ndarray
    y_validation: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    shape: tuple[int, ...]
    """The shape of one example of X."""
    whole: tuple[bool, bool]
    """Two flags: True if X holds whole numbers, and True if y does."""
    split: str
    """The origin of validation and test examples, in words."""

    @property
    def targets(self) -> tuple[int, ...]:
        """The shape of an example's target; () for one number."""
        return self.y.shape[1:]

    def pairs(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return (x, y) for training, validation and test; targets of several numbers follow the features in x."""
        parts = (self.x, self.y), (self.x_validation, self.y_validation), (self.x_test, self.y_test)
        return [_join_targets(*part) for part in parts]

    @property
    def classes(self) -> int:
        """The number of classes: the largest target plus 1."""
        return int(max(self.y.max(), self.y_validation.max(), self.y_test.max())) + 1

    @property
    def text(self) -> str:
        """The data in words: numbers of rows, features and targets, and how they were split."""
        size = f"{len(self.x):,} training, {len(self.x_validation):,} validation and {len(self.x_test):,} test rows"
        shape = " x ".join(f"{side:,}" for side in self.shape)
        count = f"{shape} feature{'s' * (self.shape != (1,))}"
        kind = "whole" if self.whole[1] else "real"
        one = f"{self.classes} classes" if self.whole[1] else "real"
        each = f"{prod(self.targets)} {kind} targets a row" if self.targets else f"target: {one}"
        return f"{size}, {count}, {each}; {self.split}; not standardized"


def examples(X: Any, y: Any, test: Any = None) -> Examples:
    """Return the checked and split examples; X, y, test: as of :func:`torch_problem`.

    Raises OptbenchError for arguments that are no valid examples.
    """
    x, targets = _as_numbers("X", X), _as_numbers("y", y)
    _check_rows("X", x, targets)
    if len(x) < FEWEST_EXAMPLES:
        raise OptbenchError(f"torch_problem: {len(x)} examples are too few; it takes at least {FEWEST_EXAMPLES}")
    shares = OWN_SHARES if test is None else FIXED_SHARES
    equal = find_equal_rows(x.reshape(len(x), -1), targets)
    note = describe_equal_rows("of torch_problem", equal)
    rows = split_rows(len(x), shares, equal)
    if test is not None:
        if not isinstance(test, tuple | list) or len(test) != 2:
            raise OptbenchError(f"torch_problem: test={shown(test)} must be X and y of the test rows, a pair")
        x_test, last = _as_numbers("X of test", test[0]), _as_numbers("y of test", test[1])
        _check_rows("X of test", x_test, last)
        if x_test.shape[1:] != x.shape[1:]:
            raise OptbenchError(
                f"torch_problem: X is {x.shape}, and that of test {x_test.shape}: give both the same features"
            )
    else:
        x_test, last = x[rows.test], targets[rows.test]
    parts = (x[rows.training], targets[rows.training], x[rows.validation], targets[rows.validation], x_test, last)
    whole = tuple(all(part.dtype.kind in "biu" for part in pair) for pair in (parts[::2], parts[1::2]))
    flat = [np.ascontiguousarray(part.reshape(len(part), -1), np.float64) for part in parts[::2]]
    values = [_flatten_targets(np.asarray(part, np.float64)) for part in parts[1::2]]
    if values[0].shape[1:] != values[2].shape[1:]:
        raise OptbenchError(f"torch_problem: y is {targets.shape}, and that of test {values[2].shape}")
    shape = x.shape[1:] or (1,)
    (x, x_validation, x_test), (y, y_validation, y_test) = flat, values
    whole_targets, split = (whole[0], whole[1]), "; ".join([SPLITS[shares], *note])
    return Examples(x, y, x_validation, y_validation, x_test, y_test, shape, whole_targets, split)


def _flatten_targets(y: np.ndarray) -> np.ndarray:
    """Return targets (n, 1) as (n,), others unchanged."""
    return y[:, 0] if y.shape[1:] == (1,) else y


def _join_targets(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return (x, y) for a problem: targets of several numbers go behind the features."""
    if y.ndim == 1:
        return x, y
    return np.ascontiguousarray(np.hstack([x, y.reshape(len(y), -1)])), np.zeros(len(y))


def _as_numbers(name: str, value: Any) -> np.ndarray:
    """Return an array, tensor or table as a NumPy array. Raises OptbenchError unless it holds finite numbers."""
    if type(value).__module__.startswith("torch.utils.data"):
        kind = type(value).__name__
        raise OptbenchError(f"torch_problem: {name} must be an array or a tensor, not a {kind}: give the tensors in it")
    if isinstance(value, range) and len(value) > MOST_ITEMS:  # which NumPy would write out first
        raise OptbenchError(f"torch_problem: {name} must be an array or a tensor of numbers, not {shown(value)}")
    try:
        if hasattr(value, "detach"):
            value = value.detach().cpu().numpy()
        found = np.asarray(value)
    except Exception as error:  # ragged lists, tensors on a device that is gone
        raise OptbenchError(f"torch_problem: {name} must be an array or a tensor: {in_one_line(error)}") from None
    if found.dtype.kind == "O" and found.ndim == 2:  # a table of mixed columns
        with suppress(TypeError, ValueError):
            found = found.astype(float)
    if found.dtype.kind not in "biuf" or not found.ndim or not found.size:
        kind = f" of {found.dtype}" if found.ndim else ""
        raise OptbenchError(f"torch_problem: {name} must be an array or a tensor of numbers, not {shown(value)}{kind}")
    if not np.isfinite(found).all():
        raise OptbenchError(f"torch_problem: {name} holds numbers that are missing or not finite")
    if found.dtype.kind in "iu" and np.abs(found).max() > _EXACT:
        raise OptbenchError(
            f"torch_problem: {name} holds whole numbers beyond {_EXACT:,}, which float32 cannot tell apart"
        )
    return found


def _check_rows(name: str, x: np.ndarray, y: np.ndarray) -> None:
    """Raise OptbenchError if x and y have different numbers of rows; name: that of x."""
    if len(x) != len(y):
        raise OptbenchError(f"torch_problem: {name} has {len(x):,} rows, and y {len(y):,}: give as many")
