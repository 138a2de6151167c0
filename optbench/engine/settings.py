"""The settings of a run: one check of each, for the spec, the Python functions and the engine.

A function returns the value as it is used, or raises OptbenchError without the name of its key; :func:`checked` puts
that before. The types at the end are for pydantic.
"""

import math
import re
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BeforeValidator

from optbench.contract.arguments import is_number, is_real, is_whole
from optbench.contract.errors import OptbenchError, shown, unknown
from optbench.contract.types import DtypeName

DTYPES = ("float32", "float64")
MOST_STEPS = 2**53
"""The largest number of a step that is exact in float64."""
MOST_POINTS = 1_000_000
"""The most steps in a list of steps to evaluate at."""
_SAME = 1e-12
"""Relative difference below which a number of steps counts as whole: 1.1 epochs of 100 steps are 110.00000000000001."""


def learning_rate(value: Any) -> float:
    """Return a positive finite number."""
    if not (is_real(value) and value > 0):
        raise OptbenchError(f"{shown(value)} must be a positive finite number")
    return float(value)


def rate_of_step(key: str, value: Any) -> float:
    """Return the learning rate of a single step, which a schedule may have brought to 0."""
    return 0.0 if is_real(value) and value == 0 else checked(key, value)


def batch_size(value: Any) -> int | Literal["full"]:
    """Return a number of examples, or "full"."""
    if isinstance(value, str) and value == "full":
        return "full"
    if not (is_whole(value) and value >= 1):
        raise OptbenchError(f"{shown(value)} must be a positive whole number or 'full'")
    return min(int(value), MOST_STEPS)


def seed(value: Any) -> int:
    """Return a whole number that SeedSequence takes and the tables hold."""
    if not (is_whole(value) and 0 <= value < 2**63):
        raise OptbenchError(f"a seed must be between 0 and 2^63, and a whole number, got {shown(value)}")
    return int(value)


def dtype(value: Any) -> DtypeName:
    """Return the precision of a run."""
    if not isinstance(value, str) or value not in DTYPES:
        raise unknown("dtype", value, DTYPES)
    return "float32" if value == "float32" else "float64"


def seconds(value: Any) -> float:
    """Return a time in seconds: a positive number of seconds, or a text with units, such as 30s, 2m or 1h30m."""
    number = value
    if isinstance(value, str):
        match = re.fullmatch(_TIME, value.replace(" ", "").lower())
        parts = [part for part in match.groups() if part] if match else []
        if not parts:
            raise OptbenchError(f"{shown(value)} must be a time such as 30s, 2m or 1h30m, or a number of seconds")
        number = sum(float(part.rstrip("hms")) * _UNITS.get(part[-1], 1.0) for part in parts)
    if not (is_real(number) and number > 0):
        raise OptbenchError(f"{shown(value)} must be a positive number of seconds")
    return float(number)


def run_timeout(value: Any) -> float | None:
    """Return seconds, or None."""
    return None if value is None else seconds(value)


def budget(epochs: Any, steps: Any) -> None:
    """Raise OptbenchError unless exactly one of the two is given, and makes sense."""
    if (epochs is None) == (steps is None):
        raise OptbenchError("give one budget: epochs or steps")
    value = steps if epochs is None else epochs
    key = "steps" if epochs is None else "epochs"
    if not (is_whole(value) if epochs is None else is_number(value)):
        kind = "whole number of steps" if epochs is None else "number of epochs"
        raise OptbenchError(f"{key}: a budget of {shown(value)} must be a {kind}")
    if not 0 < value <= MOST_STEPS:
        raise OptbenchError(f"{key}: a budget of {shown(value)} must be positive, and finite")


def step_count(epochs: float | None, steps: int | None, per_epoch: int) -> int:
    """Return the number of steps of a budget that :func:`budget` took; an epoch that is begun is finished."""
    if steps is not None:
        return int(steps)
    assert epochs is not None
    count = epochs * per_epoch
    nearest = round(count)
    return nearest if nearest > 0 and math.isclose(count, nearest, rel_tol=_SAME) else math.ceil(count)


def points(value: Any, steps: int | None = None) -> tuple[int, ...] | Literal["every"] | None:
    """Return the steps to evaluate at, in order: a sequence of them, "every", or None for the engine's own choice.

    ``steps``: the last step of the run, where it is known, beyond which no point may lie.
    """
    if value is None:
        return None
    if isinstance(value, str) and value == "every":
        return "every"
    numbers = value.tolist() if isinstance(value, np.ndarray) and value.size <= MOST_POINTS else value
    if isinstance(numbers, Sequence | np.ndarray) and len(numbers) > MOST_POINTS:
        raise OptbenchError(f"{len(numbers):,} steps are more than {MOST_POINTS:,}: write 'every'")
    if not isinstance(numbers, Sequence) or isinstance(numbers, str) or not numbers or not all(map(is_whole, numbers)):
        raise OptbenchError(f"{shown(value)} must be 'every' or a list of steps, such as [0, 10, 100]")
    last = MOST_STEPS if steps is None else steps
    wrong = next((number for number in numbers if not 0 <= number <= last), None)
    if wrong is not None:
        raise OptbenchError(f"step {shown(wrong)} must lie between 0 and {last}")
    return tuple(sorted({int(number) for number in numbers}))


_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0}
_NUMBER = r"\d+(?:\.\d+)?(?:e[+-]?\d+)?"
_TIME = rf"({_NUMBER}h)?({_NUMBER}m)?({_NUMBER}s?)?"

_CHECKS: dict[str, Callable[..., Any]] = {
    "lr": learning_rate, "batch_size": batch_size, "seed": seed, "dtype": dtype, "deadline": run_timeout,
    "points": points, "run_timeout": run_timeout, "worker_timeout": seconds, "check_timeout": seconds,
    "time_limit": run_timeout,
}  # fmt: skip


def checked(key: str, value: Any, *limits: int) -> Any:
    """Return the value of that key, checked; the error begins with the key, which may have an owner before it."""
    try:
        return _CHECKS[key.rpartition(" ")[2]](value, *limits)
    except OptbenchError as error:
        raise OptbenchError(f"{key}: {error}") from None


Rate = Annotated[float, BeforeValidator(learning_rate)]
BatchSize = Annotated[int | Literal["full"], BeforeValidator(batch_size)]
Seed = Annotated[int, BeforeValidator(seed)]
Dtype = Annotated[DtypeName, BeforeValidator(dtype)]
Seconds = Annotated[float | None, BeforeValidator(run_timeout)]
Points = Annotated[tuple[int, ...] | Literal["every"] | None, BeforeValidator(points)]
