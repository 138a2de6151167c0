"""Checks of one value of a record. Each gives the value back or raises PluginError: whose it is, what it must be."""

import inspect
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from optbench.contract import names
from optbench.contract.errors import OptbenchError, PluginError, shown

MOST_EXAMPLES = 2**31 - 1
"""Of a problem: the kernels number examples in 32 bits."""


def wrong(owner: str, key: str, value: Any, wanted: str) -> PluginError:
    """The error for a value of a record.

    Args:
        owner: whose value it is: ``optimizer adam``.
        key: the field.
        value: as it was given.
        wanted: what it must be.

    Returns:
        The error, for the caller to raise.
    """
    return PluginError(f"{owner}: {key}={shown(value)} must be {wanted}")


def is_whole(value: Any) -> bool:
    """Whether a value is a whole number, and no truth value.

    Args:
        value: anything.

    Returns:
        True for Python's and NumPy's.
    """
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def is_number(value: Any) -> bool:
    """Whether a value is a real number, perhaps not a finite one, and no truth value.

    Args:
        value: anything.

    Returns:
        True for Python's and NumPy's.
    """
    return isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)


def is_real(value: Any) -> bool:
    """Whether a value is a finite real number, and no truth value.

    Args:
        value: anything.

    Returns:
        True for Python's and NumPy's, as far as float64 goes.
    """
    try:
        return is_number(value) and math.isfinite(value)
    except OverflowError:
        return False


def whole(owner: str, key: str, value: Any, least: int, most: int) -> int:
    """A whole number between two.

    Args:
        owner: as for :func:`wrong`, and so is ``key``.
        key: the field.
        value: as it was given.
        least: the smallest that it may be.
        most: the largest.

    Returns:
        An int.

    Raises:
        PluginError: it is none.
    """
    if is_whole(value) and least <= value <= most:
        return int(value)
    within = f"of at least {least:,}" if is_whole(value) and value < least else f"from {least:,} to {most:,}"
    raise wrong(owner, key, value, f"a whole number {within}")


def real(owner: str, key: str, value: Any, least: float = -math.inf) -> float:
    """A finite number.

    Args:
        owner: as for :func:`wrong`, and so is ``key``.
        key: the field.
        value: as it was given.
        least: the smallest that it may be.

    Returns:
        A float.

    Raises:
        PluginError: it is none, or lies below.
    """
    if is_real(value) and value >= least:
        return float(value)
    raise wrong(owner, key, value, f"a finite number{f' of at least {least:g}' if least > -math.inf else ''}")


def text(owner: str, key: str, value: Any) -> str:
    """A text.

    Args:
        owner: as for :func:`wrong`, and so is ``key``.
        key: the field.
        value: as it was given.

    Returns:
        The text.

    Raises:
        PluginError: it is none.
    """
    if isinstance(value, str):
        return value
    raise wrong(owner, key, value, "a text")


def words(owner: str, key: str, value: Any) -> tuple[str, ...]:
    """Names, each once.

    Args:
        owner: as for :func:`wrong`, and so is ``key``.
        key: the field.
        value: as it was given.

    Returns:
        A tuple of texts.

    Raises:
        PluginError: it is a bare text, holds something else, or one name twice.
    """
    if isinstance(value, tuple | list) and all(isinstance(each, str) and each.isidentifier() for each in value):
        if len(set(value)) == len(value):
            return tuple(value)
    raise wrong(owner, key, value, "a tuple of names, each of them once, such as ('accuracy',)")


def name(kind: str, value: Any) -> str:
    """The name of a record: a word as in Python, so that a spec can ask for it.

    Args:
        kind: of record.
        value: as it was given; composed names hold brackets.

    Returns:
        The text.

    Raises:
        PluginError: it cannot be typed in a spec.
    """
    try:
        if isinstance(value, str) and re.sub("[:.]", "_", names.parse(value)[0]).isidentifier():
            return value
    except OptbenchError:
        pass
    raise wrong(kind, "name", value, "a word such as my_name: letters, digits and underscores")


def function(owner: str, key: str, value: Any, arguments: int | None = None) -> Callable:
    """What can be called, with so many arguments.

    Args:
        owner: as for :func:`wrong`, and so is ``key``.
        key: the field.
        value: as it was given.
        arguments: how many it will get, by place; None where that does not matter.

    Returns:
        The value.

    Raises:
        PluginError: it cannot be called, or not so.
    """
    if not callable(value):
        raise wrong(owner, key, value, "a function")
    try:
        if arguments is not None:
            inspect.signature(value).bind(*[None] * arguments)
    except TypeError:
        count = f"{arguments} argument{'s' * (arguments != 1)}"
        raise PluginError(f"{owner}: {key} must be a function of {count}") from None
    except ValueError:
        pass  # some of C's have no signature
    return value


def source_function(owner: str, key: str, value: Any) -> Callable:
    """A function of Python's, whose source can be compiled.

    Args:
        owner: as for :func:`wrong`, and so is ``key``.
        key: the field.
        value: as it was given.

    Returns:
        The value.

    Raises:
        PluginError: it is none.
    """
    if inspect.isfunction(value):
        return value
    raise wrong(owner, key, value, "a function written with def")


def mapping(owner: str, key: str, value: Any) -> dict[str, Any]:
    """Values by name.

    Args:
        owner: as for :func:`wrong`, and so is ``key``.
        key: the field.
        value: as it was given; None is none.

    Returns:
        A dictionary.

    Raises:
        PluginError: it is something else.
    """
    value = {} if value is None else value
    if isinstance(value, Mapping) and all(isinstance(each, str) for each in value):
        return dict(value)
    raise wrong(owner, key, value, "a dictionary with names as keys")
