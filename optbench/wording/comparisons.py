"""Comparison of two results folders in sentences, the candidate against its baseline."""

from __future__ import annotations

import numpy as np
import pandas as pd

from optbench.analysis.texts import join_with_and
from optbench.analysis.verdicts import ALL, LOSES, OPEN, TIE, WINS
from optbench.wording.judged import format_ratio

_GROUPS = {
    "identical": ("is identical in both", "are identical in both"),
    TIE: ("ties (within 10%)", "tie (within 10%)"),
    OPEN: ("is open", "are open"),
}
"""What is said of one optimizer, and of several."""
SHOWN = 4
"""Optimizers of a sentence that are named with their ratio."""


def describe_comparison(table: pd.DataFrame, problem: str, a: str = "A", b: str = "B") -> str:
    """Return a sentence on one problem of `optbench.compare`, or on all: which optimizers win or lose in b.

    table: what `optbench.compare` returns. a, b: the names of the two sides in the text.
    """
    rows = table[table["problem"] == problem].to_dict("records")
    if not rows:
        return ""
    if problem == ALL:
        row = rows[0]
        words = f"{b} {_format_factor(row)}" if row["verdict"] in (WINS, LOSES) else _describe_open(row, a, b)
        return f"over all problems {words}"
    groups: dict[str, list[dict]] = {"clear": [], "identical": [], TIE: [], OPEN: []}
    for row in rows:
        kind = "clear" if row["verdict"] in (WINS, LOSES) else row["verdict"]
        groups["identical" if row["identical"] == 1 else kind].append(row)
    clear = groups.pop("clear")
    words = [f"{_name_optimizers(row)} {_format_factor(row)} in {b}" for row in clear[:SHOWN]]
    words += [f"{len(clear) - SHOWN} more differ"] if len(clear) > SHOWN else []
    for kind, group in groups.items():
        names = [_name_optimizers(row) for row in group]
        if names:
            text = join_with_and(names) if len(names) <= SHOWN + 2 else f"{len(names)} optimizers"
            words.append(f"{text} {_GROUPS[kind][len(names) > 1]}")
    return "; ".join(words)


def _name_optimizers(row: dict) -> str:
    """Return the optimizer of a row, or "b for a" if different ones are compared."""
    return row["b"] if row["a"] == row["b"] else f"{row['b']} for {row['a']}"


def _format_factor(row: dict) -> str:
    """Return the words that say by what factor b wins or loses, with the interval."""
    ratio, low, high = row["ratio"], row["low"], row["high"]
    if np.isnan(ratio):
        return f"{row['verdict']}, as every run of one side failed,"
    if row["verdict"] == WINS:
        ratio, low, high = (1 / each if each else np.inf for each in (ratio, high, low))
    return f"{row['verdict']} by a factor of {format_ratio(ratio)} [{format_ratio(low)}, {format_ratio(high)}]"


def _describe_open(row: dict, a: str, b: str) -> str:
    """Return the verdict with the ratio of b over a and its interval, or with the reason why there is none."""
    word = "is open" if row["verdict"] == OPEN else "is a tie"
    if row["reason"]:
        return f"it {word} ({row['reason']})"
    if not np.isfinite(row["low"]):
        return f"it {word}"
    ends = f"[{format_ratio(row['low'])}, {format_ratio(row['high'])}]"
    return f"it {word}, {b} over {a} {format_ratio(row['ratio'])} {ends}"
