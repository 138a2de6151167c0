"""What each optimizer's setting costs to reach the targets of a problem."""

from __future__ import annotations

import math

import pandas as pd

from optbench.analysis.costs import SHARES
from optbench.report.tables.parts import MOST_ROWS, Cell, Table, capped, cell
from optbench.wording.certainty import samples_text


def cost_tables(spent: pd.DataFrame, files: dict[str, str], most: int = MOST_ROWS) -> dict[str, Table]:
    """For each problem a row an optimizer, a column each of SHARES: the expected running time in samples.

    spent: `Evidence.costs`; files: the name of each problem in file names; most: rows of a table. What
    nobody has reached has no table.
    """
    heads, out = share_texts(), {}
    for problem, part in spent.groupby("problem", sort=False):
        rows = [[cell(row["optimizer"]), *(_cell(row, share) for share in SHARES)] for row in part.to_dict("records")]
        rows, left = capped(rows, most)
        if any(each.text != "–" for row in rows for each in row[1:]):
            caption = f"{problem}: samples to reach a share of the first suboptimality"
            out[problem] = Table(f"costs-{files[problem]}", caption, ["optimizer", *heads], rows, heads, left)
    return out


def share_texts() -> list[str]:
    """The targets in words: "10%", ..., "0.001%"."""
    return [f"{100 * share:g}%" for share in SHARES]


def _cell(row: dict, share: float) -> Cell:
    reached, cost = row.get(f"reached_{share:g}"), row.get(f"samples_to_{share:g}")
    if reached is None or pd.isna(reached) or cost is None:
        return Cell("–")
    count = f"{round(reached * row['runs'])}/{row['runs']}"
    if not math.isfinite(cost):
        return Cell(f"never ({count})", math.inf)
    return Cell(samples_text(cost) if reached == 1 else f"{samples_text(cost)} ({count})", float(cost))
