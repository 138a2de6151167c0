"""What is said of suboptimalities that end at the floor of rounding, or below a minimum that is stated too high."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from optbench.analysis import landmarks
from optbench.analysis.measures import LOG_TAIL
from optbench.contract.bounds import FLOOR
from optbench.wording import labels

_ROUNDING = {"float64": 1e-9, "float32": 1e-4}
"""By which share of a minimum, or of 1, rounding may put a loss below it."""


def texts(runs: pd.DataFrame, choose_by: str) -> Iterator[str]:
    """Sentences on the table `runs` of a sweep that was compared by `choose_by`."""
    gap, floor = runs["suboptimality_final"].astype(np.float64), landmarks(runs).set_index("problem")["floor"]
    floor = runs["problem"].map(floor)
    tail = runs[LOG_TAIL].astype(np.float64) if LOG_TAIL in runs else np.nan  # which folders of before do not have
    if choose_by == LOG_TAIL and (tail <= np.log(floor) + 1e-9).any():
        yield (
            f"Below {labels.number(FLOOR)} (times the minimum, if that is more than 1) rounding decides: a run there "
            "counts as having that, and is better than another by at least the ratio."
        )
    below = gap * FLOOR / floor < -runs["dtype"].map(_ROUNDING).astype(np.float64)
    for problem, most in (-gap[below]).groupby(runs["problem"][below], sort=False).max().items():
        yield (
            f"Losses of {problem} lie up to {labels.number(most)} below the minimum that it states: what is said of it "
            "here is wrong until that is mended."
        )
