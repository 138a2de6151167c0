"""How much slower or larger one commit is than another, and whether that is more than the noise."""

from __future__ import annotations

from dataclasses import dataclass

from optbench.report.history.files import Measured, Series

THRESHOLD = 0.10
"""What a regression exceeds: a tenth more."""


@dataclass(frozen=True)
class Change:
    """Of one measured value against an earlier one; ratios above 1 are worse."""

    ratio: float
    verdict: str
    """"worse" or "better": by more than the threshold, and the intervals do not meet; "unclear": by more than the
    threshold, and they do or there are none; "same": by less."""


def change(new: Measured, old: Measured, more_is_better: bool, exact: bool = False) -> Change | None:
    """None where a ratio makes no sense. exact: sizes, which have no noise; the ratio alone decides."""
    worse, best = (old, new) if more_is_better else (new, old)
    if not (worse.value > 0 and best.value > 0):
        return None
    ratio = worse.value / best.value
    if 1 / (1 + THRESHOLD) <= ratio <= 1 + THRESHOLD:
        return Change(ratio, "same")
    if not exact and not (new.low > old.high or new.high < old.low):
        return Change(ratio, "unclear")
    return Change(ratio, "worse" if ratio > 1 else "better")


@dataclass(frozen=True)
class Course:
    """A series with its changes: of each commit against the one before it, and of the last against the best before."""

    series: Series
    steps: dict[str, Change | None]
    """By commit, those that have a value and one before them."""
    last: str
    """The last commit that has a value."""
    before: str
    """The one before it that has one, or the last itself where there is no other."""
    best: str
    """The best one before it, or the last itself where there is no other."""
    against_best: Change | None


def course(series: Series, commits: list[str]) -> Course | None:
    """Compare the values of a series in the order of `commits`; None where there is no value."""
    had = [commit for commit in commits if commit in series.values]
    if not had:
        return None
    steps = {}
    for before, commit in zip(had, had[1:], strict=False):
        steps[commit] = change(series.values[commit], series.values[before], series.more_is_better, series.exact)
    choose = max if series.more_is_better else min
    best = choose(had[:-1] or had, key=lambda commit: series.values[commit].value)
    against = (
        change(series.values[had[-1]], series.values[best], series.more_is_better, series.exact) if had[:-1] else None
    )
    return Course(series, steps, had[-1], (had[-2:-1] or had)[0], best, against)
