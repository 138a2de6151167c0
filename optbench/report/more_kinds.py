"""Figures of a report beside those that every sweep has: each is there where its tables have something to tell."""

from __future__ import annotations

from typing import Any

import pandas as pd

from optbench import figures
from optbench.analysis import chosen_runs, every_setting, failed, full_batch
from optbench.analysis.comparison import ALL
from optbench.contract.errors import OptbenchError
from optbench.figures import (
    batch_steps,
    cost_wiggles,
    dimension_times,
    divergence_map,
    panels,
    profile_bands,
    rank_diagram,
    tuning_value,
)
from optbench.figures.evidence import Evidence

SIZES = 4
"""Batch sizes from which on a line against them tells something."""


def _runs(evidence: Evidence, problem: str) -> pd.DataFrame:
    runs = evidence.results.runs
    return every_setting(runs[runs["problem"] == problem])


def _some_diverged(evidence: Evidence, problem: str) -> bool:
    runs = _runs(evidence, problem)
    return runs["lr"].nunique() > 1 and bool(failed(runs).any())


def _tuned(evidence: Evidence, problem: str) -> bool:
    rows = evidence.answer.ranking
    return bool((rows.loc[rows["problem"] == problem, "trials"] > 2).any())


def _many_sizes(evidence: Evidence, problem: str) -> bool:
    return _runs(evidence, problem)["batch_size"].nunique() >= SIZES


def _many_mini_batches(evidence: Evidence, problem: str) -> bool:
    runs = _runs(evidence, problem)
    if runs.loc[~full_batch(runs), "batch_size"].nunique() < SIZES:
        return False
    try:
        return len(cost_wiggles.noises_of(evidence, problem, evidence.looks[problem])[0]) > 0
    except OptbenchError:  # evaluated too seldom, or all failed
        return False


def _compared(evidence: Evidence, problem: Any) -> bool:
    rows = evidence.answer.ranking
    return bool(rows.loc[rows["problem"] == ALL, "mean_rank"].notna().any())


def _all_together(evidence: Evidence, problem: Any) -> bool:
    """Whether every optimizer reports on every problem, as profiles need it."""
    of = evidence.results
    pairs = chosen_runs(of.runs, of.choose_by).groupby("problem")["optimizer"].nunique()
    everyone = of.runs["optimizer"].nunique()
    return len(pairs) == of.runs["problem"].nunique() > 1 and bool((pairs == everyone).all())


def _family(evidence: Evidence) -> str:
    """The family of problems with the most dimensions; empty where none has two."""
    problems = evidence.results.problems
    if "dim" not in problems or problems.empty:
        return ""
    counts = problems.groupby(problems["problem"].astype(str).str.partition("(")[0], sort=False)["dim"].nunique()
    return str(counts.idxmax()) if counts.max() > 1 else ""


def _of(name: str, caption: str):
    """(draw, caption) of a function of figures."""
    return (
        lambda evidence, problem: getattr(figures, name)(evidence, problem).figure,
        lambda evidence, problem: caption,
    )


MORE = {
    "best_of_n": ("value of the best of n trials", *_of("best_of_n", tuning_value.CAPTION), _tuned),
    "divergence": (
        "share of runs that diverged, by learning rate and batch size",
        panels.divergences, _of("", divergence_map.CAPTION)[1], _some_diverged,
    ),
    "batch_scaling": (
        "steps to a target against batch size", *_of("batch_scaling", batch_steps.CAPTION), _many_sizes,
    ),
    "noise": (
        "noise of the mini-batch cost against batch size", *_of("noise", cost_wiggles.CAPTION), _many_mini_batches,
    ),
    "critical_difference": (
        "mean ranks over all problems, and which are not told apart",
        *_of("critical_difference", rank_diagram.CAPTION), _compared, True,
    ),
    "profiles": (
        "performance profiles over all problems", *_of("profiles", profile_bands.CAPTION), _all_together, True,
    ),
    "time_per_step": (
        "time of a step against the number of parameters",
        lambda evidence, problem: figures.time_per_step(evidence, _family(evidence)).figure,
        lambda evidence, problem: dimension_times.CAPTION, lambda evidence, problem: _family(evidence) != "", True,
    ),
}  # fmt: skip
"""Name -> the fields of a kind, in the order of a page."""
