"""The chart of the first screen in numbers: where each mark and interval stands, in percent of the axis.

The template `forest.html` draws it as SVG, so that it is text of the page, prints, and needs no script.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import pandas as pd
from matplotlib.colors import to_hex
from matplotlib.markers import MarkerStyle
from matplotlib.path import Path

from optbench.analysis.verdicts import ALL
from optbench.figures.forest_plot import EQUAL, compare_with_leader, find_limits, list_ticks
from optbench.figures.style import COLORS, GRAY
from optbench.report.loaded import LoadedSweep
from optbench.wording import labels
from optbench.wording.answers import Answer
from optbench.wording.judged import format_ratio

MARK, ROW, LEAST = 9.0, 10, 50
"""Pixels: the size of a mark, from one to the next, and the height of a problem at least, for two lines of text."""
APART = 11.0
"""Percent of the axis from one label of a tick to the next: about as much as "1,000×" takes on a phone."""
GRAY_MARK = {"color": GRAY, "marker": "o"}


class Mark(NamedTuple):
    """One optimizer on one problem; places in percent of the axis, NaN where there is none."""

    name: str
    look: int
    """Its place in `Forest.looks`."""
    x: float
    low: float
    high: float
    hollow: bool
    """Not told apart from the leader."""
    note: str
    beyond: bool
    """The note is the ratio of a mark beyond the axis."""
    text: str
    """What the mark says in words."""


@dataclass(frozen=True)
class Row:
    """One problem."""

    marks: Sequence[Mark]
    height: int
    left_out: int
    """Optimizers without a mark."""

    @property
    def text(self) -> str:
        """What the row shows, in words."""
        first, *others = self.marks
        rest = [f"{labels.count_noun(self.left_out, 'optimizer')} not shown"] if self.left_out else []
        return f"Beside {first.name}: {'; '.join([mark.text for mark in others] + rest) or 'nobody'}"


class Look(NamedTuple):
    """Color and shape of an optimizer; shape: the path of an SVG around its middle."""

    name: str
    color: str
    shape: str


@dataclass(frozen=True)
class Forest:
    """The rows of all problems by one measure, on one axis."""

    rows: Mapping[str, Row]
    ticks: Sequence[tuple[float, str]]
    """Places in percent with their labels; "" for a line without one."""
    band: tuple[float, float]
    """Where the green band of a tie begins, and its width."""
    title: str
    looks: Sequence[Look] = field(default=())


def build_forest(sweep: LoadedSweep, answer: Answer, looks: Sequence[Look]) -> Forest:
    """Return the chart of all problems. answer: the verdicts by the measure; looks: of `find_looks`.

    A row has the leader and, of many optimizers, the best ten others.
    """
    judged, problems = answer.judged, list(answer.best["problem"].unique())
    places = {look.name: place for place, look in enumerate(looks)}
    own = sweep.results.own
    tables, left_out = {}, {}
    for problem in problems:
        names = judged.rows(problem)["optimizer"].tolist()
        shown = labels.keep_own(names, own, COLORS + 1)
        tables[problem] = compare_with_leader(judged, problem, shown)
        left_out[problem] = len(names) - len(tables[problem])
    begin, most, end = find_limits(pd.concat(tables.values()))

    def place(ratio: float) -> float:
        share = (math.log(ratio) - math.log(begin)) / (math.log(end) - math.log(begin)) if ratio > 0 else 0.0
        return round(100 * min(max(share, 0.0), 1.0), 2)

    rows = {}
    for problem, table in tables.items():
        marks = []
        for row in table.to_dict("records"):
            ratio, note = row["ratio"], row["note"]
            beyond = math.isfinite(ratio) and ratio > most and not note
            note = f"→ {format_ratio(ratio)}×" if beyond else note
            x = place(min(ratio, most)) if not math.isnan(ratio) else math.nan
            low, high = (place(max(row[end_], 0)) if not math.isnan(row[end_]) else x for end_ in ("low", "high"))
            where = places.get(row["optimizer"], len(looks) - 1)
            marks.append(Mark(row["optimizer"], where, x, low, high, row["open"], note, beyond, _say(row)))
        rows[problem] = Row(marks, max(LEAST, ROW * (len(marks) + 1)), left_out[problem])
    left = place(1 / EQUAL)
    units = dict.fromkeys(judged.unit(each) for each in problems)
    title = f"times the leader's {' or '.join(units)}"
    return Forest(rows, _label_ticks(list_ticks(begin, end), place), (left, place(EQUAL) - left), title, looks)


def find_looks(sweep: LoadedSweep) -> list[Look]:
    """Return the looks of all optimizers that figures show in color, as there, and last the gray one of the others."""
    styles: dict[str, dict] = {}
    for problem in (ALL, *sweep.files):
        styles = sweep.line_styles.get(problem, {}) | styles
    names = [name for name in sweep.best["optimizer"].unique() if name in styles]
    found = {name: styles[name] for name in names} | {"": GRAY_MARK}
    return [Look(name, to_hex(style["color"]), _draw_shape(style["marker"])) for name, style in found.items()]


def _draw_shape(marker: str) -> str:
    """Return a marker of matplotlib as the path of an SVG, MARK pixels wide around its middle."""
    style = MarkerStyle(marker)
    path = style.get_path().transformed(style.get_transform())
    letters = {Path.MOVETO: "M", Path.LINETO: "L", Path.CURVE3: "Q", Path.CURVE4: "C", Path.CLOSEPOLY: "Z"}
    parts = []
    for points, code in path.iter_segments(simplify=False):
        pixels = (points.reshape(-1, 2) * [MARK, -MARK]).ravel() if code != Path.CLOSEPOLY else []
        parts.append(letters[code] + " ".join(f"{value:.3g}" for value in pixels))
    return "".join(parts)


def _label_ticks(ticks: Sequence[float], place: Callable[[float], float]) -> list[tuple[float, str]]:
    """Return the place of each tick with its label, "" where labels would touch; that of the leader comes first."""
    found: dict[float, str] = {}
    for tick in sorted(ticks, key=lambda tick: (tick != 1, not math.log10(tick).is_integer(), tick)):
        free = all(abs(place(tick) - place(other)) >= APART for other, text in found.items() if text)
        found[tick] = ("leader" if tick == 1 else f"{tick:,g}×") if free else ""
    return [(place(tick), found[tick]) for tick in sorted(found)]


def _say(row: Mapping) -> str:
    """Return in words what the mark of a row of `compare_with_leader` shows."""
    name, ratio = row["optimizer"], row["ratio"]
    if row["note"]:
        return f"{name} {row['note']}"
    ends = f" [{format_ratio(row['low'])}, {format_ratio(row['high'])}]"
    return f"{name} {format_ratio(ratio)}×{ends}{', could be luck' if row['open'] else ''}"
