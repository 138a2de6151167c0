"""The settings of a run: a type of pydantic for each, for the spec, the Python functions and the engine."""

import math
import re
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BeforeValidator

from optbench.contract.arguments import (
    BatchSize,
    Rate,
    check,
    condition,
    is_number,
    is_real,
    is_whole,
    one_of,
    to_python,
)
from optbench.contract.errors import OptbenchError, shown
from optbench.contract.types import DtypeName

DTYPES = ("float32", "float64")
MOST_STEPS = 2**53
"""The largest number of a step that is exact in float64."""
MOST_POINTS = 1_000_000
"""The most steps in a list of steps to evaluate at."""
_SAME = 1e-12
"""Relative difference below which a number of steps counts as whole: 1.1 epochs of 100 steps are 110.00000000000001."""
_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0}
_NUMBER = r"\d+(?:\.\d+)?(?:e[+-]?\d+)?"
_TIME = rf"({_NUMBER}h)?({_NUMBER}m)?({_NUMBER}s?)?"


def _parse_time(value: Any) -> Any:
    """Return the seconds of a text with units, such as 1h30m; any other value unchanged."""
    if not isinstance(value, str):
        return value
    match = re.fullmatch(_TIME, value.replace(" ", "").lower())
    parts = [part for part in match.groups() if part] if match else []
    if not parts:
        raise OptbenchError(f"{shown(value)} must be a time such as 30s, 2m or 1h30m, or a number of seconds")
    return sum(float(part.rstrip("hms")) * _UNITS.get(part[-1], 1.0) for part in parts)


def _parse_points(value: Any) -> tuple[int, ...] | Literal["every"] | None:
    """Return the steps to evaluate at in order, each once; "every" and None unchanged. Raises OptbenchError."""
    if value is None:
        return None
    if isinstance(value, str) and value == "every":
        return "every"
    numbers = value.tolist() if isinstance(value, np.ndarray) and value.size <= MOST_POINTS else value
    if isinstance(numbers, Sequence | np.ndarray) and len(numbers) > MOST_POINTS:
        raise OptbenchError(f"{len(numbers):,} steps are more than {MOST_POINTS:,}: write 'every'")
    if not isinstance(numbers, Sequence) or isinstance(numbers, str) or not numbers or not all(map(is_whole, numbers)):
        raise OptbenchError(f"{shown(value)} must be 'every' or a list of steps, such as [0, 10, 100]")
    wrong = next((number for number in numbers if not 0 <= number <= MOST_STEPS), None)
    if wrong is not None:
        raise OptbenchError(f"step {shown(wrong)} must lie between 0 and {MOST_STEPS}")
    return tuple(sorted({int(number) for number in numbers}))


_seconds = condition(lambda value: is_real(value) and value > 0, "a positive number of seconds")
_seed = condition(lambda value: is_whole(value) and 0 <= value < 2**63, "a whole number between 0 and 2^63")
_in_budget = condition(lambda value: 0 < value <= MOST_STEPS, "positive, and finite")

# Of the conditions before a conversion, the last one is the first to be tried.
Seed = Annotated[int, BeforeValidator(to_python), _seed]
Dtype = Annotated[DtypeName, BeforeValidator(lambda value: one_of("dtype", value, DTYPES))]
Seconds = Annotated[float, BeforeValidator(to_python), _seconds, BeforeValidator(_parse_time)]
RunTimeout = Seconds | None
Points = Annotated[tuple[int, ...] | Literal["every"] | None, BeforeValidator(_parse_points)]
_Steps = Annotated[int, BeforeValidator(to_python), _in_budget, condition(is_whole, "a whole number of steps")]
_Epochs = Annotated[float, BeforeValidator(to_python), _in_budget, condition(is_number, "a number of epochs")]

_KINDS: dict[str, Any] = {
    "lr": Rate, "batch_size": BatchSize, "seed": Seed, "dtype": Dtype, "deadline": RunTimeout, "points": Points,
    "run_timeout": RunTimeout, "worker_timeout": Seconds, "check_timeout": Seconds, "time_limit": RunTimeout,
    "fit": Seconds,
}  # fmt: skip


def checked(key: str, value: Any) -> Any:
    """Return the value of a setting, converted to its type.

    ``key``: its name, which may have an owner before it: "stepper: lr". Raises OptbenchError, whose message begins with
    the key.
    """
    return check(_KINDS[key.rpartition(" ")[2]], value, f"{key}: ")


def rate_of_step(key: str, value: Any) -> float:
    """Return the learning rate of a single step, which a schedule may have brought to 0."""
    return 0.0 if is_real(value) and value == 0 else checked(key, value)


def check_budget(epochs: Any, steps: Any) -> None:
    """Raise OptbenchError unless exactly one of the two is given, and is a positive number."""
    if (epochs is None) == (steps is None):
        raise OptbenchError("give one budget: epochs or steps")
    if epochs is None:
        check(_Steps, steps, "steps: a budget of ")
    else:
        check(_Epochs, epochs, "epochs: a budget of ")


def step_count(epochs: float | None, steps: int | None, per_epoch: int) -> int:
    """Return the number of steps of a valid budget; an epoch that is begun is finished."""
    if steps is not None:
        return int(steps)
    assert epochs is not None
    count = epochs * per_epoch
    nearest = round(count)
    return nearest if nearest > 0 and math.isclose(count, nearest, rel_tol=_SAME) else math.ceil(count)
