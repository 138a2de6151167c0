"""Why runs failed, in words: what the tables keep, and what a sweep and its report say in the end."""

import pandas as pd

_LONGEST = 300
"""Characters of a reason in the tables."""


def in_short(reason: str) -> str:
    """A reason in one line that a table and a terminal hold."""
    line = " ".join(reason.split()) or "it gave no reason"
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 3]}..."


def told(runs: pd.DataFrame) -> dict[str, str]:
    """What failed, by problem and optimizer: the first reason, and how many runs it is where not all."""
    bad = (runs["status"] == "failed").to_numpy()
    if not bad.any():
        return {}
    marked = runs.assign(bad=bad)
    texts = {}
    for (problem, optimizer), part in marked.groupby(["problem", "optimizer"], sort=False):
        lost = part[part["bad"]]
        if len(lost):
            count = "" if len(lost) == len(part) else f"{len(lost):,} of {len(part):,} runs failed: "
            texts[f"{problem} with {optimizer}"] = count + why(lost)
    return texts


def together(texts: dict[str, str]) -> str:
    """What :func:`told` says, in one line: a reason that several have once."""
    pairs: dict[str, list[str]] = {}
    for pair, reason in texts.items():
        pairs.setdefault(reason, []).append(pair)
    return "; ".join(f"{', '.join(names)}: {reason}" for reason, names in pairs.items())


def why(lost: pd.DataFrame) -> str:
    """The first reason of runs that failed, and how many others there are."""
    reasons = lost["failure"].unique()
    more = len(reasons) - 1
    return reasons[0] + (f" (and {more:,} other reason{'s' * (more > 1)})" if more else "")
