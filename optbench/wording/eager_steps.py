"""Eager optimizers of a sweep, stepped by another library or plain Python, and the time of their steps."""

from __future__ import annotations

import pandas as pd

from optbench.contract.eager import LIBRARIES
from optbench.contract.names import join_names
from optbench.wording import labels


def find_eager_optimizers(runs: pd.DataFrame, timings: pd.DataFrame) -> dict[str, str]:
    """Return eager optimizers with their library: {"torch:AdamW": "PyTorch"}; empty for older folders."""
    table = _join_libraries(runs, timings)
    table = table[table["eager"].isin(LIBRARIES.values())]
    return dict(zip(table["optimizer"], table["eager"], strict=True))


def describe_eager(runs: pd.DataFrame, timings: pd.DataFrame, label: labels.Label = str) -> str:
    """Return a sentence: the eager optimizers, and the time of their steps beside compiled ones; empty for none."""
    table = _join_libraries(runs, timings)
    table = table[table["ns_per_run_step"] > 0]  # of what has failed there is no time
    parts, beside = [], ""
    for library, group in table.groupby("eager", sort=False):
        time = _format_time(group["ns_per_run_step"].median())  # not the mean: a process's first cohort is slow
        if library == "":
            beside = f"; compiled steps took {time}"
            continue
        is_library = library in LIBRARIES.values()
        names = list(dict.fromkeys(group["optimizer" if is_library else "problem"].astype(str).map(label)))
        parts.append(f"{join_names(names, 3)} ({library if is_library else 'plain Python'}, {time} a step)")
    if not parts:
        return ""
    return (
        f"eager, stepped from Python: {', '.join(parts)}{beside}; so seconds compare implementations, and steps and "
        "samples the methods"
    )


def _join_libraries(runs: pd.DataFrame, timings: pd.DataFrame) -> pd.DataFrame:
    """Return the timings of cohorts with problem, optimizer, and the library of their steps, "" for compiled ones."""
    notes = timings["eager"] if "eager" in timings else pd.Series("", timings.index)
    place = runs.drop_duplicates("cohort_id")[["cohort_id", "problem", "optimizer"]]
    return timings.assign(eager=notes.fillna("").astype(str)).merge(place, on="cohort_id")


def _format_time(nanoseconds: float) -> str:
    """Return a duration in ms, us or ns, with two or three digits."""
    unit, size = next((pair for pair in (("ms", 1e6), ("us", 1e3)) if nanoseconds >= pair[1]), ("ns", 1.0))
    return f"{labels.number(nanoseconds / size, 2 if nanoseconds < 100 * size else 3)} {unit}"
