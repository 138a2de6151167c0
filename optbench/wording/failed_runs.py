"""Runs that failed, in words."""

from __future__ import annotations

import pandas as pd

from optbench.analysis.answer import Answer
from optbench.analysis.run_columns import find_lost_runs

_SHOWN = 5
"""Reasons of failures that are listed."""


def describe_failures(answer: Answer) -> list[str]:
    """Return sentences about failed runs; none if no run failed.

    First the pairs of problem and optimizer that never ran, then the most frequent other reasons.
    """
    runs, label = answer.everything.runs, answer.label
    bad = runs[runs["status"] == "failed"] if "failure" in runs else runs[:0]
    if bad.empty:
        return []
    never, texts = find_lost_runs(runs)[bad.index], []
    for (problem, optimizer), part in bad[never].groupby(["problem", "optimizer"], sort=False):
        texts.append(
            f"{label(problem)} with {label(optimizer)}: every run failed ({len(part):,}), so it is left out: "
            f"{summarize_reasons(part)}"
        )
    rest = bad[~never]
    for reason, part in list(rest.groupby("failure", sort=False))[:_SHOWN]:
        where = list(dict.fromkeys(part["problem"].map(label) + " with " + part["optimizer"].map(label)))
        more = f" and {len(where) - 3:,} more" if len(where) > 3 else ""
        texts.append(f"{len(part):,} runs of {', '.join(where[:3])}{more} failed: {reason}")
    if (more := rest["failure"].nunique() - _SHOWN) > 0:
        texts.append(f"{more:,} other reasons stand in the column failure of the table runs")
    return texts


def summarize_reasons(lost: pd.DataFrame) -> str:
    """Return the first reason of failed runs, and the number of other reasons. lost: their rows of ``runs``."""
    reasons = lost["failure"].unique()
    more = len(reasons) - 1
    return reasons[0] + (f" (and {more:,} other reason{'s' * (more > 1)})" if more else "")
