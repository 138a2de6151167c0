"""Who is better than whom: every pair of the verdicts, in one table."""

from __future__ import annotations

from optbench.analysis.comparison import ALL
from optbench.report.tables.parts import BEST, MOST_ROWS, OPEN, Cell, Table, capped, cell, number, span
from optbench.wording.answers import Answer

HEADINGS = ("problem", "a", "b", "verdict", "ratio", "interval", "adjusted p", "blocks", "blocks needed")
NUMBERS = ("ratio", "adjusted p", "blocks", "blocks needed")


def pair_table(answer: Answer) -> Table | None:
    """A row a pair, told of `a`; None where there is nothing to compare."""
    if answer.verdicts.empty:
        return None
    rows, left = capped(answer.verdicts.to_dict("records"), MOST_ROWS)
    caption = "Verdicts of every pair: a against b, the ratio being b over a, so above 1 where a is better"
    return Table("verdicts", caption, HEADINGS, [_cells(row) for row in rows], NUMBERS, left)


def _cells(row: dict) -> tuple[Cell, ...]:
    marks = {"better": (BEST,), "undecided": (OPEN,)}.get(row["verdict"], ())
    return (
        cell("all problems" if row["problem"] == ALL else row["problem"]),
        cell(row["a"]),
        cell(row["b"]),
        cell(row["verdict"], marks=marks, title=row["reason"]),
        number(row["ratio"]),
        span(row["low"], row["high"]),
        number(row["p_adjusted"], 2),
        number(row["blocks"]),
        number(row["blocks_needed"]),
    )
