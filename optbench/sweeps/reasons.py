"""The reasons of failed runs as text: in the tables, at the end of a sweep, and in the report."""

import pandas as pd

_LONGEST = 300
"""Characters of a reason in the tables."""


def shortened(reason: str) -> str:
    """Return a reason as one line that a table and a terminal hold."""
    line = " ".join(reason.split()) or "it gave no reason"
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 3]}..."


def failures(runs: pd.DataFrame) -> dict[str, str]:
    """Return the failures by problem and optimizer: the first reason, and the number of runs if not all failed."""
    lost = runs[runs["status"] == "failed"]
    if lost.empty:
        return {}
    texts, pair = {}, ["problem", "optimizer"]
    size = runs.groupby(pair).size()
    for (problem, optimizer), part in lost.groupby(pair, sort=False):
        total = size[problem, optimizer]
        count = "" if len(part) == total else f"{len(part):,} of {total:,} runs failed: "
        texts[f"{problem} with {optimizer}"] = count + first_reason(part)
    return texts


def joined_failures(texts: dict[str, str]) -> str:
    """Return failures in one line: a reason that several share stands once."""
    pairs: dict[str, list[str]] = {}
    for pair, reason in texts.items():
        pairs.setdefault(reason, []).append(pair)
    return "; ".join(f"{', '.join(names)}: {reason}" for reason, names in pairs.items())


def first_reason(lost: pd.DataFrame) -> str:
    """Return the first reason of runs that failed, and the number of other reasons."""
    reasons = lost["failure"].unique()
    more = len(reasons) - 1
    return reasons[0] + (f" (and {more:,} other reason{'s' * (more > 1)})" if more else "")
