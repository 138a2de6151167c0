"""The values of a spec as they are typed: numbers, texts with commas, grids and ranges, read into one form of each."""

import math
from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Any

import numpy as np

from optbench.contract import names
from optbench.contract.arguments import check, is_number, is_whole, one_of
from optbench.contract.errors import OptbenchError, shown
from optbench.contract.names import split_list
from optbench.contract.paths import path_of
from optbench.contract.search import SAME_MEANING, Range, parse_range
from optbench.engine.settings import Rate

COMMON, OWN = "common", "own"
"""The words of ``ranges``: one range for all optimizers that search a parameter of that meaning, or each its own."""
MOST_SEEDS = 100_000
"""Seeds: more are a typing error."""
_DEEPEST = 5
"""Depth of lists and mappings; a spec has three."""
# Ratio of neighbours in a grid: above it they differ in four digits, wherever the grid is moved to
_LEAST_RATIO = 1.001


def to_plain(value: Any, depth: int = 0) -> Any:
    """Return a value without types of NumPy and pandas: numbers, texts, lists and mappings. Raises OptbenchError."""
    if type(value).__name__ in ("Series", "Index"):
        value = value.to_numpy()
    if isinstance(value, str | int | float | PurePath | Range | None):
        return value.item() if isinstance(value, np.generic) else value
    if not isinstance(value, list | tuple | range | np.ndarray | np.generic | Mapping):
        raise OptbenchError(f"{shown(value)} must be a list, a number or a text")
    if depth == _DEEPEST:
        raise OptbenchError("its lists are nested too deeply")
    if isinstance(value, Mapping):
        return {key: to_plain(item, depth + 1) for key, item in value.items()}
    count = value.size if isinstance(value, np.ndarray | np.generic) else len(value)
    if count > MOST_SEEDS:
        raise OptbenchError(f"{count:,} entries are more than {MOST_SEEDS:,}")
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    return [to_plain(item, depth + 1) for item in value]


def to_list(value: Any) -> Any:
    """Return the items of a comma-separated text as a list, a number as a list of one, and a list or tuple unchanged.

    Raises OptbenchError for anything else.
    """
    if isinstance(value, str):
        return split_list(value)
    if is_number(value):
        return [value]
    if not isinstance(value, list | tuple):
        raise OptbenchError(f"{shown(value)} must be a list")
    return value


def read_texts(value: Any) -> Any:
    """Return texts as a list, whose commas do not part them: a text alone is a list of one."""
    return [value] if isinstance(value, str) else value


def read_rates(value: Any) -> Any:
    """Return learning rates: a tuple of numbers; of a grid, ``1e-4:1:9``, and of a range, its text; None of None.

    value: numbers, their text, a grid, or a range such as ``log_uniform(1e-4, 1)``. Raises OptbenchError for anything
    else, and for a grid that is too fine or too wide for its rates to be moved by half a step.
    """
    if found := parse_range(value[0] if isinstance(value, list | tuple) and len(value) == 1 else value):
        for end in found.ends:
            check(Rate, end, "")
        return found.text
    if value is None:
        return None
    if isinstance(value, str) and ":" in value:
        return _normalize_grid(value)
    return tuple(check(Rate, _read_number(item) if isinstance(item, str) else item, "") for item in to_list(value))


def _normalize_grid(text: str) -> str:
    """Return the text of a grid, ``low:high:count``, with its numbers in one form.

    Raises OptbenchError for a text that is no grid, for rates that are equal in four digits, and for a grid that leaves
    the range of numbers where it is moved by half a step.
    """
    low, high, count = names.read_grid(text)
    if count > 1 and math.log(high) - math.log(low) < (count - 1) * math.log(_LEAST_RATIO):
        raise OptbenchError(f"{shown(text)} has rates that do not differ in four digits")
    try:
        ends = names.grid(text, -0.5)[0], names.grid(text, 0.5)[-1]
    except OverflowError:
        ends = 0.0, math.inf
    if not 0 < ends[0] <= ends[1] < math.inf:
        raise OptbenchError(f"{shown(text)} reaches beyond all numbers when it is moved by half a step")
    return f"{names.number_text(low)}:{names.number_text(high)}:{count}"


def is_grid(text: str) -> bool:
    """Return True for the text of a grid, ``1e-4:1:9``, and False for numbers and ranges."""
    return ":" in text and "(" not in text


def _read_number(text: str) -> float:
    """Return the number that a text holds; raise OptbenchError for another text."""
    try:
        return float(text)
    except ValueError:
        raise OptbenchError(f"{shown(text)} must be a number, or a grid such as 1e-4:1:9") from None


def read_sizes(value: Any) -> list[Any]:
    """Return batch sizes as a list; whole numbers in a text become int, other texts such as "full" stay.

    Raises OptbenchError for what is no list, text or number.
    """
    return [_read_whole(item) if isinstance(item, str) else item for item in to_list(value)]


def _read_whole(text: str) -> int | str:
    """Return the whole number that a text holds; any other text unchanged."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 20 else text


def read_seeds(value: Any) -> Any:
    """Return seeds as a tuple: 0, 1, ... for a count of them, or those of a list; either may be text, "9" or "0,1,2".

    Items of a text must be whole numbers, those of another list are not checked here. Raises OptbenchError for anything
    else, and for a count out of range.
    """
    if isinstance(value, str):
        parts = [_read_whole(part.strip()) for part in value.split(",")]
        if not all(is_whole(part) for part in parts):
            raise OptbenchError(f"{shown(value)} must be how many seeds, or a list of them: 0,1,2")
        value = parts[0] if len(parts) == 1 else parts
    if is_whole(value):
        if not 1 <= value <= MOST_SEEDS:
            raise OptbenchError(
                f"{shown(value)} must be between 1 and {MOST_SEEDS} (how many seeds), or a list of seeds"
            )
        return tuple(range(int(value)))
    if not isinstance(value, list | tuple):
        raise OptbenchError(f"{shown(value)} must be how many seeds, or a list of them")
    return tuple(value)


def read_ranges(value: Any) -> Any:
    """Return the word "common" or "own", or the given ranges as text by the name of their parameter.

    value: one of the words; a mapping; or its text, "lr=log_uniform(1e-4, 1), beta1=uniform(0, 0.9)". Raises
    OptbenchError for anything else.
    """
    if isinstance(value, str) and "=" in value:
        value = names.parse(f"ranges({value})")[1]
    if not isinstance(value, Mapping):
        return one_of("word for ranges", value, (COMMON, OWN))
    found = {}
    for key, text in value.items():
        made = parse_range(text)
        if made is None:
            raise OptbenchError(f"{key}={shown(text)} must be a range, such as log_uniform(1e-4, 1)")
        found[SAME_MEANING.get(key, key)] = made.text
    return found


def read_problems(value: Any) -> Any:
    """Return a list of problem entries; a name alone becomes ``{"name": name}``, without a budget of its own."""
    return [{"name": item} if isinstance(item, str) else item for item in to_list(value)]


def read_plugins(value: Any) -> Any:
    """Return absolute paths: the spec is stored with the results, and must name the same files from there."""
    files = [value] if isinstance(value, Path) else to_list(value)
    return tuple(str(path_of("a plug-in", item).resolve()) for item in files)


def list_measures(value: Any) -> list[str]:
    """Return the measures that a list, or a text with commas, names; [] for what is neither."""
    try:
        measures = to_list(value)
    except OptbenchError:
        return []
    return list(measures) if all(isinstance(each, str) for each in measures) else []
