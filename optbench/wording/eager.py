"""Eager optimizers of a sweep, stepped by another library or plain Python, and the time of their steps."""

from __future__ import annotations

import pandas as pd

from optbench.contract.eager import LIBRARIES
from optbench.wording import labels


def find_eager_optimizers(runs: pd.DataFrame, timings: pd.DataFrame) -> dict[str, str]:
    """Return eager optimizers with their library: {"torch:AdamW": "PyTorch"}; empty for older folders."""
    table = _joined(runs, timings)
    table = table[table["eager"].isin(LIBRARIES.values())]
    return dict(zip(table["optimizer"], table["eager"], strict=True))


def describe_eager(runs: pd.DataFrame, timings: pd.DataFrame) -> str:
    """Return a sentence: the eager optimizers, and the time of their steps beside compiled ones; empty for none."""
    table = _joined(runs, timings)
    table = table[table["ns_per_run_step"] > 0]  # of what has failed there is no time
    parts = []
    for kind, group in table[table["eager"] != ""].groupby("eager", sort=False):
        what = "optimizer" if kind in LIBRARIES.values() else "problem"
        by = kind if kind in LIBRARIES.values() else "plain Python"
        parts.append(f"{_few(group[what])} ({by}, {_time(_middle(group))} a step)")
    if not parts:
        return ""
    rest = table[table["eager"] == ""]
    beside = f"; compiled steps took {_time(_middle(rest))}" if len(rest) else ""
    return (
        f"eager, stepped from Python: {', '.join(parts)}{beside}; so seconds compare implementations, and steps and "
        "samples the methods"
    )


def _joined(runs: pd.DataFrame, timings: pd.DataFrame) -> pd.DataFrame:
    """Return the timings of cohorts with problem, optimizer, and the library of their steps, "" for compiled ones."""
    notes = timings["eager"] if "eager" in timings else pd.Series("", timings.index)
    place = runs.drop_duplicates("cohort_id")[["cohort_id", "problem", "optimizer"]]
    return timings.assign(eager=notes.fillna("").astype(str)).merge(place, on="cohort_id")


def _few(names: pd.Series) -> str:
    """Return the first three different names as a text, with the number of the others."""
    each = list(dict.fromkeys(names.astype(str)))
    return ", ".join(each[:3]) + (f" and {len(each) - 3} more" if len(each) > 3 else "")


def _middle(group: pd.DataFrame) -> float:
    """Return the median nanoseconds of a run-step over cohorts: the first cohort of a process is slow."""
    return float(group["ns_per_run_step"].median())


def _time(nanoseconds: float) -> str:
    """Return a duration in ms, us or ns, with two or three digits."""
    for unit, size in (("ms", 1e6), ("us", 1e3)):
        if nanoseconds >= size:
            return f"{labels.number(nanoseconds / size, 2 if nanoseconds < 100 * size else 3)} {unit}"
    return f"{labels.number(nanoseconds, 2 if nanoseconds < 100 else 3)} ns"
