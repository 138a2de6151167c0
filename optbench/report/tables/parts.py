"""What a table of the page is made of: the template `table.html` writes it, and `tables.js` sorts and exports it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from optbench.wording import labels

BEST, OPEN = "best", "open"
"""Marks: in first place (bold), and undecided (a dagger in LaTeX)."""

MOST_ROWS = 500
"""Rows of one table: more than anybody reads, and about half a megabyte."""


@dataclass(frozen=True)
class Cell:
    """One cell: what is read, what is sorted by and exported, and what stands below in small."""

    text: str
    value: float | str | None = None
    under: str = ""
    marks: tuple[str, ...] = ()
    link: str = ""
    title: str = ""

    @property
    def sorted_by(self) -> str:
        """The value for ``data-value``; empty where the text is the value."""
        if isinstance(self.value, float | int):
            return "" if math.isnan(self.value) else repr(float(self.value)).removesuffix(".0")
        return self.value or ""


@dataclass(frozen=True)
class Table:
    """A table: the name of its files, a caption for screen readers, headings, and rows whose first cell heads them."""

    name: str
    caption: str
    headings: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    numbers: Sequence[str] = field(default=())
    """The headings of columns with numbers."""
    left_out: int = 0
    """How many rows more there would be."""


def cell(text: object, **more) -> Cell:
    """A cell with a text."""
    return Cell(str(text), **more)


def number(value: float | None, digits: int = 3, **more) -> Cell:
    """A cell with a number, which is shown with so many digits and sorted and exported as it is."""
    return Cell(labels.number(value, digits), None if value is None else float(value), **more)


def span(low: float, high: float, under: str = "") -> Cell:
    """A cell with an interval, sorted by its lower end."""
    if math.isnan(low) or math.isnan(high):
        return Cell("–")
    return Cell(f"[{labels.number(low)}, {labels.number(high)}]", f"[{low:.6g}, {high:.6g}]", under)


def capped(rows: list, most: int) -> tuple[list, int]:
    """At most so many rows, and how many are left out."""
    return rows[:most], max(len(rows) - most, 0)
