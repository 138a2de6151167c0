"""The values of a spec as they come, from TOML, a flag or Python, made plain; and what stands for too many runs."""

from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

import numpy as np

from optbench.contract import names
from optbench.contract.arguments import is_number, is_whole
from optbench.contract.errors import OptbenchError, shown
from optbench.contract.names import split_list
from optbench.contract.search import Range, parse_range
from optbench.engine import settings

# Seeds: beyond, a typing error is more likely than a wish
MOST_SEEDS = 100_000
# Settings of an optimizer: a cohort of so many takes gigabytes of state; a sweep of them never ends
MOST_LANES = 1_000_000
# Runs of a sweep: at the default sweep's speed, more than a day on two cores
MOST_RUNS = 100_000_000
_DEEPEST = 5
"""Lists and mappings inside each other; a spec has three."""


def plain(value: Any, depth: int = 0) -> Any:
    """A value without NumPy's and pandas' kinds: numbers, texts, lists and mappings. Raises OptbenchError."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, range) or type(value).__name__ in ("Series", "Index"):
        if len(value) > MOST_SEEDS:
            raise OptbenchError(f"{len(value):,} entries are more than {MOST_SEEDS:,}")
        return list(value) if isinstance(value, range) else plain(value.to_numpy(), depth)
    if isinstance(value, np.ndarray):
        if value.size > MOST_SEEDS:
            raise OptbenchError(f"{value.size:,} entries are more than {MOST_SEEDS:,}")
        return value.tolist()
    if isinstance(value, str | int | float | PurePath | Range | None):
        return value
    if not isinstance(value, list | tuple | Mapping):
        raise OptbenchError(f"{shown(value)} must be a list, a number or a text")
    if depth == _DEEPEST:
        raise OptbenchError("its lists stand too deep inside each other")
    if isinstance(value, Mapping):
        return {key: plain(item, depth + 1) for key, item in value.items()}
    if len(value) > MOST_SEEDS:
        raise OptbenchError(f"{len(value):,} entries are more than {MOST_SEEDS:,}")
    return [plain(item, depth + 1) for item in value]


def listed(value: Any) -> Any:
    """A comma-separated text as a list, and a number as a list of one; raises OptbenchError for what is no list."""
    if isinstance(value, str):
        return split_list(value)
    if is_number(value):
        return [value]
    if not isinstance(value, list | tuple):
        raise OptbenchError(f"{shown(value)} must be a list")
    return value


def rates(value: Any) -> Any:
    """Learning rates: numbers, or the text of a range. Raises OptbenchError."""
    if found := parse_range(value[0] if isinstance(value, list | tuple) and len(value) == 1 else value):
        return found.text
    if isinstance(value, str) and ":" in value:
        return names.grid(value)
    return value if value is None else [_number(item) if isinstance(item, str) else item for item in listed(value)]


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise OptbenchError(f"{shown(text)} must be a number, or a grid such as 1e-4:1:9") from None


def sizes(value: Any) -> list[Any]:
    """Batch sizes, checked. Raises OptbenchError."""
    return [settings.batch_size(_whole(item) if isinstance(item, str) else item) for item in listed(value)]


def seeds(value: Any) -> Any:
    """How many seeds, as their numbers from 0 on, or a list of them. Raises OptbenchError."""
    if isinstance(value, str):
        parts = [_whole(part.strip()) for part in value.split(",")]
        if not all(is_whole(part) for part in parts):
            raise OptbenchError(f"{shown(value)} must be how many seeds, or a list of them: 0,1,2")
        value = parts[0] if len(parts) == 1 else parts
    if is_whole(value):
        if not 1 <= value <= MOST_SEEDS:
            raise OptbenchError(
                f"{shown(value)} must be between 1 and {MOST_SEEDS} (how many seeds), or a list of seeds"
            )
        return tuple(range(int(value)))
    if isinstance(value, Sequence) and len(value) > MOST_SEEDS:
        raise OptbenchError(f"{len(value):,} seeds are more than {MOST_SEEDS:,}")
    if not isinstance(value, list | tuple | range):
        raise OptbenchError(f"{shown(value)} must be how many seeds, or a list of them")
    return tuple(value)


def _whole(text: str) -> int | str:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 20 else text


def refuse_too_many(optimizers: Sequence[str], schedules: Sequence[str], rates: int, others: int) -> None:
    """Raise OptbenchError where lists stand for more settings, or runs, than can be meant; nothing is spread out.

    ``others``: problems times batch sizes, seeds and precisions.
    """
    runs = 0
    for text in schedules:
        _count("schedules", text)
    for text in optimizers:
        lanes = _count("optimizers", text) * len(schedules) * rates
        if lanes > MOST_LANES:
            raise OptbenchError(
                f"optimizers: {shown(text)} stands for {lanes:,} settings with these schedules and learning_rates, "
                f"more than {MOST_LANES:,}"
            )
        runs += lanes * others
    if runs > MOST_RUNS:
        raise OptbenchError(f"the spec stands for {runs:,} runs, more than {MOST_RUNS:,}: shorten its lists, or seeds")


def _count(key: str, text: str) -> int:
    try:
        return names.count(text) or len(names.alternatives(text))  # which says what has no value
    except OptbenchError as error:
        raise OptbenchError(f"{key}: {error}") from None
