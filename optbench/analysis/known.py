"""What is known of a pair beside its verdict: what its interval still says, or why nothing could be decided."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

Kind = Literal[
    "within", "leads", "bounded", "noisy", "few_blocks", "solved", "near_lowest", "both_small", "fails",
    "no_seeds", "one_block", "one_seed", "no_setting", "no_two_problems", "all_cut", "all_failed", "all_diverged",
    "one_diverged", "neither_reaches", "unequal_trials", "seconds_vary", "few_problems", "few_rows", "lost_blocks",
    "left_blocks", "depth",
]  # fmt: skip
"""The first nine say what is known of an open pair or a tie, the others why a pair is open."""
_OTHER = {"a": "b", "b": "a", "": ""}


@dataclass(frozen=True)
class Known:
    """What is known of a beside b; `optbench.wording.verdict_texts` has the words."""

    kind: Kind
    numbers: tuple[float, ...] = ()
    """The ratio of "within", "bounded" and "leads"; of "fails" the share of runs and its interval; of "few_problems"
    how many are needed, of "few_rows" how many there are and are needed, of lost and left blocks how many there are,
    and of how many; of "depth" how far losses lie below the minimum."""
    side: str = ""
    """The side, "a" or "b", that leads, may be better by that ratio, or fails more often."""

    def flipped(self) -> Known:
        """Return what is known of b beside a."""
        return replace(self, side=_OTHER[self.side])


def select_known(cases: Sequence[ArrayLike], given: Sequence[object], otherwise: object = None) -> np.ndarray:
    """Return for each row what belongs to the first case that holds: a Known, or those of a column."""
    choices = [np.asarray(each, dtype=object) for each in (*given, otherwise)]
    return np.select([np.asarray(case) for case in cases], choices[:-1], choices[-1])


def flip_known(known: pd.Series) -> pd.Series:
    """Return the column of what is known of a beside b, None for nothing, for b beside a."""
    return known.map(lambda each: each.flipped() if isinstance(each, Known) else None).astype(object)
