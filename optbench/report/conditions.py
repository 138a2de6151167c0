"""Whether a figure of a report has something to tell, from the tables."""

from __future__ import annotations

from typing import Any

import pandas as pd

from optbench.analysis import every_setting, failed, full_batch
from optbench.analysis.comparison import ALL
from optbench.contract.errors import OptbenchError
from optbench.figures import cost_wiggles
from optbench.figures.evidence import Evidence

SIZES = 4
"""Batch sizes from which on a line against them tells something."""


def _runs(evidence: Evidence, problem: str) -> pd.DataFrame:
    runs = evidence.results.runs
    return every_setting(runs[runs["problem"] == problem])


def some_diverged(evidence: Evidence, problem: str) -> bool:
    """Whether some runs diverged, at one of several rates."""
    runs = _runs(evidence, problem)
    return runs["lr"].nunique() > 1 and bool(failed(runs).any())


def tuned(evidence: Evidence, problem: str) -> bool:
    """Whether some optimizer had trials to choose from."""
    rows = evidence.answer.ranking
    return bool((rows.loc[rows["problem"] == problem, "trials"] > 2).any())


def many_sizes(evidence: Evidence, problem: str) -> bool:
    """Whether there are enough batch sizes for a line against them."""
    return _runs(evidence, problem)["batch_size"].nunique() >= SIZES


def many_mini_batches(evidence: Evidence, problem: str) -> bool:
    """Whether there are enough mini-batch sizes, evaluated often enough, to see their noise."""
    runs = _runs(evidence, problem)
    if runs.loc[~full_batch(runs), "batch_size"].nunique() < SIZES:
        return False
    try:
        return len(cost_wiggles.noises_of(evidence, problem, evidence.looks[problem])[0]) > 0
    except OptbenchError:  # evaluated too seldom, or all failed
        return False


def compared(evidence: Evidence, problem: Any) -> bool:
    """Whether optimizers have ranks over all problems."""
    rows = evidence.answer.ranking
    return bool(rows.loc[rows["problem"] == ALL, "mean_rank"].notna().any())


def all_together(evidence: Evidence, problem: Any) -> bool:
    """Whether every optimizer reports on every problem, as profiles need it."""
    runs, pairs = evidence.results.runs, evidence.chosen.groupby("problem")["optimizer"].nunique()
    return len(pairs) == runs["problem"].nunique() > 1 and bool((pairs == runs["optimizer"].nunique()).all())


def family(evidence: Evidence) -> str:
    """The family of problems with the most dimensions; empty where none has two."""
    problems = evidence.results.problems
    if "dim" not in problems or problems.empty:
        return ""
    counts = problems.groupby(problems["problem"].astype(str).str.partition("(")[0], sort=False)["dim"].nunique()
    return str(counts.idxmax()) if counts.max() > 1 else ""


def with_path(evidence: Evidence, problem: str) -> bool:
    """Whether some run walked over a landscape."""
    return len(evidence.landscape(problem)) > 0 and bool(evidence.walks(problem))
