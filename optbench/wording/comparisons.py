"""Comparison of two results folders in sentences, the candidate against its baseline."""

from __future__ import annotations

import numpy as np
import pandas as pd

from optbench.analysis.texts import join_with_and
from optbench.analysis.verdicts import ALL
from optbench.wording.answers import format_ratio

SHOWN = 4
"""Optimizers of a sentence that are named with their ratio."""


def describe_comparison(table: pd.DataFrame, problem: str, a: str = "A", b: str = "B") -> str:
    """Return a sentence on one problem of `optbench.compare`, or on all: which optimizers are better or worse in b.

    table: what `optbench.compare` returns. a, b: the names of the two sides in the text.
    """
    rows = table[table["problem"] == problem].to_dict("records")
    if not rows:
        return ""
    if problem == ALL:
        row = rows[0]
        words = f"{b} is {_format_factor(row)}" if row["verdict"] in ("better", "worse") else _describe_open(row, a, b)
        return f"over all problems {words}"
    groups: dict[str, list[dict]] = {"clear": [], "identical in both": [], "equivalent": [], "undecided": []}
    for row in rows:
        kind = "clear" if row["verdict"] in ("better", "worse") else row["verdict"]
        groups["identical in both" if row["identical"] == 1 else kind].append(row)
    clear = groups.pop("clear")
    words = [f"{_name_optimizers(row)} is {_format_factor(row)} in {b}" for row in clear[:SHOWN]]
    words += [f"{len(clear) - SHOWN} more differ"] if len(clear) > SHOWN else []
    for kind, group in groups.items():
        names = [_name_optimizers(row) for row in group]
        if names:
            text = join_with_and(names) if len(names) <= SHOWN + 2 else f"{len(names)} optimizers"
            words.append(f"{text} {'is' if len(names) == 1 else 'are'} {kind}")
    return "; ".join(words)


def _name_optimizers(row: dict) -> str:
    """Return the optimizer of a row, or "b for a" if different ones are compared."""
    return row["b"] if row["a"] == row["b"] else f"{row['b']} for {row['a']}"


def _format_factor(row: dict) -> str:
    """Return the words that say how many times better or worse b is, with the interval."""
    ratio, low, high = row["ratio"], row["low"], row["high"]
    if row["verdict"] == "better":
        ratio, low, high = (1 / each if each else np.inf for each in (ratio, high, low))
    return f"{format_ratio(ratio)} times {row['verdict']} [{format_ratio(low)}, {format_ratio(high)}]"


def _describe_open(row: dict, a: str, b: str) -> str:
    """Return the verdict with the ratio of b over a and its interval, or with the reason why there is none."""
    if row["reason"]:
        return f"{row['verdict']} ({row['reason']})"
    if not np.isfinite(row["low"]):
        return row["verdict"]
    ends = f"[{format_ratio(row['low'])}, {format_ratio(row['high'])}]"
    return f"{row['verdict']}, {b} over {a} {format_ratio(row['ratio'])} {ends}"
