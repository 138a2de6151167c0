"""Numbers for a page: short, and never NaN or Infinity, which JSON does not have."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from typing import Any

# Significant digits: a thousandth of a chart's height is below a pixel
DIGITS = 4


def short(values: Iterable[float], digits: int = DIGITS) -> list[float | int | None]:
    """The values to so many significant digits; None for one that is not finite."""
    return [_short(float(value), digits) for value in values]


def exact(value: float) -> float | None:
    """The value in full; None for one that is not finite."""
    return float(value) if math.isfinite(value) else None


def json_text(data: Any) -> str:
    """The data as JSON that may stand in a script element: nothing in it ends the element or opens a comment."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _short(value: float, digits: int) -> float | int | None:
    if not math.isfinite(value):
        return None
    value = float(f"{value:.{digits}g}")
    return int(value) if value.is_integer() and abs(value) < 1e15 else value
