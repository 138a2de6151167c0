"""A row of numbers as a small drawing inside a line of text."""

from __future__ import annotations

import math
from collections.abc import Sequence

# WIDTH, Pixels: a column of a table, by eye
# HEIGHT, Pixels: the height of a row of text
# EDGE, Pixels: room for the dot at the end
WIDTH, HEIGHT, EDGE = 84, 22, 3


def sparkline(values: Sequence[float | None]) -> str:
    """An SVG element: a line through the values on a log axis that spans a doubling at least, a dot at the last one.

    The axis is logarithmic so that the same factor is the same height in every row. None is a gap. Text, or "" where
    there are fewer than two numbers.
    """
    logs = {i: math.log2(value) for i, value in enumerate(values) if value is not None and value > 0}
    if len(logs) < 2:
        return ""
    middle = (max(logs.values()) + min(logs.values())) / 2
    span = max(max(logs.values()) - min(logs.values()), 1.0)
    step = (WIDTH - 2 * EDGE) / (len(values) - 1)
    points = [(EDGE + step * i, EDGE + (HEIGHT - 2 * EDGE) * (0.5 - (log - middle) / span)) for i, log in logs.items()]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    x, y = points[-1]
    return (
        f'<svg class="spark" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}" aria-hidden="true">'
        f'<polyline points="{line}"/><circle cx="{x:.1f}" cy="{y:.1f}" r="2.2"/></svg>'
    )
