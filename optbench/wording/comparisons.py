"""Comparison of two results folders in sentences, the candidate against its baseline."""

from __future__ import annotations

import numpy as np
import pandas as pd

from optbench.analysis.verdicts import ALL
from optbench.wording.answers import format_ratio, join_names

SHOWN = 4
"""Optimizers of a sentence that are named with their ratio."""


def describe_comparison(table: pd.DataFrame, problem: str, a: str = "A", b: str = "B") -> str:
    """Describe one problem of `optbench.compare`, or all together: which optimizers are better or worse in b."""
    rows = table[table["problem"] == problem].to_dict("records")
    if not rows:
        return ""
    if problem == ALL:
        row = rows[0]
        clear = row["verdict"] in ("better", "worse")
        return (
            f"over all problems {b} is {_much(row)}"
            if clear
            else f"over all problems {row['verdict']}{_ratio(row, a, b)}"
        )
    same = [row for row in rows if row["identical"] == 1]
    clear = [row for row in rows if row["verdict"] in ("better", "worse") and row not in same]
    words = [f"{_name(row)} is {_much(row)} in {b}" for row in clear[:SHOWN]]
    words += [f"{len(clear) - SHOWN} more differ"] if len(clear) > SHOWN else []
    for group, what in ((same, "identical in both"), (_with(rows, "equivalent", same), "equivalent"),
                        (_with(rows, "undecided", same), "undecided")):  # fmt: skip
        if group:
            words.append(f"{_names(group)} {'is' if len(group) == 1 else 'are'} {what}")
    return "; ".join(words)


def _with(rows: list[dict], verdict: str, same: list[dict]) -> list[dict]:
    """Return the rows with this verdict that are not in ``same``."""
    return [row for row in rows if row["verdict"] == verdict and row not in same]


def _name(row: dict) -> str:
    """Return the optimizer of a row, or "b for a" if different ones are compared."""
    return row["b"] if row["a"] == row["b"] else f"{row['b']} for {row['a']}"


def _names(rows: list[dict]) -> str:
    """Return the names of the optimizers as a list in words, or only their number if there are many."""
    names = [_name(row) for row in rows]
    return join_names(names) if len(names) <= SHOWN + 2 else f"{len(names)} optimizers"


def _much(row: dict) -> str:
    """Return the words that say how many times better or worse b is, with the interval."""
    ratio, low, high = row["ratio"], row["low"], row["high"]
    if row["verdict"] == "better":
        ratio, low, high = (1 / each if each else np.inf for each in (ratio, high, low))
    return f"{format_ratio(ratio)} times {row['verdict']} [{format_ratio(low)}, {format_ratio(high)}]"


def _ratio(row: dict, a: str, b: str) -> str:
    """Return the words to append: the ratio of b over a with its interval, or the reason why there is none."""
    if row["reason"] or not np.isfinite(row["low"]):
        return f" ({row['reason']})" if row["reason"] else ""
    return f", {b} over {a} {format_ratio(row['ratio'])} [{format_ratio(row['low'])}, {format_ratio(row['high'])}]"
