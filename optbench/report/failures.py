"""What of a sweep could not run, in words; and the sweep without what never ran, which has no place there."""

from __future__ import annotations

import copy

import pandas as pd

from optbench.analysis.columns import comparable, lost
from optbench.sweeps.reasons import first_reason
from optbench.sweeps.results import Results

_SHOWN = 5
"""Reasons that are told one by one."""


def without_lost(results: Results) -> Results:
    """The results without the pairs of problem and optimizer all of whose runs failed."""
    runs = comparable(results.runs)
    if len(runs) == len(results.runs):
        return results
    rest = copy.copy(results)
    rest.runs = runs
    return rest


def failure_texts(runs: pd.DataFrame) -> list[str]:
    """Which pairs never ran, and how many other runs failed, with the reasons; no text where all ran."""
    bad = runs[runs["status"] == "failed"] if "failure" in runs else runs[:0]
    if bad.empty:
        return []
    never, texts = lost(runs)[bad.index], []
    for (problem, optimizer), part in bad[never].groupby(["problem", "optimizer"], sort=False):
        texts.append(
            f"{problem} with {optimizer}: every run failed ({len(part):,}), so it has no place: {first_reason(part)}"
        )
    rest = bad[~never]
    for reason, part in list(rest.groupby("failure", sort=False))[:_SHOWN]:
        where = list(dict.fromkeys(part["problem"] + " with " + part["optimizer"]))
        more = f" and {len(where) - 3:,} more" if len(where) > 3 else ""
        texts.append(f"{len(part):,} runs of {', '.join(where[:3])}{more} failed: {reason}")
    if (more := rest["failure"].nunique() - _SHOWN) > 0:
        texts.append(f"{more:,} other reasons stand in the column failure of the table runs")
    return texts
