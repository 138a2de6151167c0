"""The curves of two folders over each other, a panel for each optimizer that both have: the points of SVG lines."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

import numpy as np
import pandas as pd

from optbench.figures.data import ReportData
from optbench.wording import labels

WIDTH, HEIGHT = 200, 90
"""Of a panel, in units of its SVG."""
SHARE = 1e-12
"""The lowest point of a logarithmic axis, as a share of the highest: below, curves are rounding."""


class Panel(NamedTuple):
    """One optimizer: lines of A and of B, and the settings that they are of."""

    name: str
    label: str
    lines: tuple[str, str]
    settings: list[str]
    text: str
    """What the panel shows, in words."""


class Overlay(NamedTuple):
    """The panels of a problem, which share both axes."""

    panels: list[Panel]
    what: str
    """Of the y axis: "suboptimality" or "training loss"."""
    lowest: str
    highest: str
    is_log: bool
    samples: str


def overlay(
    a: ReportData, b: ReportData, problem: str, names: Collection[str], letters: tuple[str, str]
) -> Overlay | None:
    """Return the median curves of the recommended settings on a problem; None where no optimizer has two.

    names: of the optimizers to draw; letters: of both folders.
    """
    minima = [each.minimum(problem) for each in (a, b)]
    known = None not in minima
    low = min(each for each in minima if each is not None) if known else 0.0
    curves = [_select_medians(each, problem, low) for each in (a, b)]
    there = [name for name in a.best_of(problem)["optimizer"] if name in names]
    both = [name for name in there if all(name in each for each in curves)]
    if not both:
        return None
    shown = [each[name] for each in curves for name in both]
    values = np.concatenate([curve["median"].to_numpy() for curve in shown])
    highest, longest = float(values.max()), max(float(curve["samples"].max()) for curve in shown)
    is_log = highest > 0 and (known or values.min() > 0)
    lowest = max(float(values.min()), SHARE * highest) if is_log else float(values.min())
    scale = np.log if is_log else np.asarray
    span = float(scale(highest) - scale(lowest)) or 1.0

    def draw(curve: pd.DataFrame) -> str:
        heights = (scale(np.maximum(curve["median"], lowest)) - scale(lowest)) / span
        points = zip(WIDTH * curve["samples"] / max(longest, 1.0), HEIGHT * (1 - heights), strict=True)
        return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)

    panels = []
    for name in both:
        one, two = (each[name] for each in curves)
        ends = [
            f"{letter} ends at {labels.number(each['median'].iloc[-1])}"
            for letter, each in zip(letters, (one, two), strict=True)
        ]
        label, rows = a.label(name), [each.best_of(problem).set_index("optimizer").loc[name] for each in (a, b)]
        settings = [", ".join(each.name_setting(row)) for each, row in zip((a, b), rows, strict=True)]
        panels.append(Panel(name, label, (draw(one), draw(two)), settings, f"{label}: {', '.join(ends)}"))
    what = "suboptimality" if known else "training loss"
    return Overlay(panels, what, labels.number(lowest), labels.number(highest), is_log, labels.samples_text(longest))


def _select_medians(sweep: ReportData, problem: str, minimum: float) -> dict[str, pd.DataFrame]:
    """Return by optimizer the median of its loss over the seeds, minus the minimum, where it is finite, by samples."""
    bands = sweep.bands_of("train_loss")
    bands = bands[(bands["problem"] == problem) & np.isfinite(bands["median"])]
    bands = bands.assign(median=bands["median"] - minimum)
    return {name: part for name, part in bands.groupby("optimizer") if len(part) > 1}
