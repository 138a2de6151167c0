"""Warnings about a comparison: the limit of rounding, a stated minimum that is too high, and unequal search ranges."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from optbench.analysis import find_reference_values
from optbench.analysis.measures import LOG_TAIL, LOSS, below_minimum
from optbench.analysis.texts import join_names
from optbench.contract.problems import FLOOR
from optbench.wording import labels


def warn_of_limits(runs: pd.DataFrame, judge_by: str) -> Iterator[str]:
    """Yield the warnings about a table `runs` that was compared by `judge_by`, such as on rounding."""
    floor = runs["problem"].map(find_reference_values(runs).set_index("problem")["floor"])
    tail = runs[LOG_TAIL].astype(np.float64) if LOG_TAIL in runs else np.nan  # which folders of before do not have
    if judge_by == LOSS and (tail <= np.log(floor) + 1e-9).any():
        yield (
            f"Below {labels.number(FLOOR)} (times the minimum, if that is more than 1) rounding decides: a run there "
            "counts as having that, and is better than another by at least the ratio."
        )
    yield from name_standing_in(runs)
    yield from warn_of_high_minima(runs)


def name_standing_in(runs: pd.DataFrame) -> Iterator[str]:
    """Yield a sentence on the losses of the table `runs` that stand for minima which are not known."""
    if found := runs.attrs.get("standing_in"):
        each = ", ".join(f"{labels.number(loss)} for {problem}" for problem, loss in found.items())
        yield f"Where the minimum is not known, the smallest loss of all runs stands for it: {each}."


def warn_of_high_minima(runs: pd.DataFrame) -> Iterator[str]:
    """Yield a sentence for each problem whose stated minimum is above a loss of the table `runs`."""
    for problem, most in below_minimum(runs).items():
        yield (
            f"Losses of {problem} lie up to {labels.number(most)} below the minimum that it states: its "
            "suboptimalities are wrong, and decide nothing, until it states a lower one."
        )


def warn_of_unequal_ranges(searched: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    """Yield a sentence on parameters that several optimizers searched in different ranges.

    searched: by optimizer, the ranges that trials were drawn from, by parameter.
    """
    found: dict[str, dict[str, list[str]]] = {}
    for optimizer, parameters in searched.items():
        for name, text in parameters.items():
            found.setdefault(name, {}).setdefault(text, []).append(optimizer)
    unequal = [
        f"{name} ({'; '.join(f'{text} of {join_names(who)}' for text, who in by_range.items())})"
        for name, by_range in found.items()
        if len(by_range) > 1
    ]
    if unequal:
        yield f"Not all optimizers searched the same ranges: {', '.join(unequal)}."
