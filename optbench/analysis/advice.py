"""What further runs would tell more, as data: `optbench.wording` has the words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import pandas as pd

from optbench.analysis.answer import Answer
from optbench.analysis.held_out import held_out
from optbench.analysis.judging import find_decided


@dataclass(frozen=True)
class Advice:
    """A command, and what it would settle."""

    command: tuple[str, ...]
    """Its words, for `shlex.join`."""
    pairs: tuple[tuple[str, str], ...] = ()
    """Problems, each with an optimizer that is not told apart from the leader, which more runs would decide."""
    more: int = 0
    """How many further blocks or seeds they are."""
    unit: Literal["block", "seed"] = "block"
    edges: pd.DataFrame = field(default_factory=pd.DataFrame, repr=False)
    """The choices at a limit of the search, rows of `find_edges`, that a wider one would settle."""
    seconds: float = math.nan
    """Those that the runs take here; 0 where none was measured."""


def find_limited_by_rows(answer: Answer, pairs: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the open pairs that no number of blocks decides: the sampling error of the test rows is too large.

    pairs: problems, each with a level that is not told apart from the leader. The interval without all that further
    runs make smaller, their spread and the luck of the search, would still be open.
    """
    if answer.coded.jackknife is None or not pairs:
        return []
    tuned = held_out(answer.coded)
    cells = pd.MultiIndex.from_frame(answer.coded.cells[["problem", answer.of]])
    a, b = (
        cells.get_indexer(list(each)) for each in (((problem, answer.leader(problem)) for problem, _ in pairs), pairs)
    )
    differences, _ = tuned.differences(a, b)
    whole, rows = (each.sampling_of_differences(a, b) for each in (tuned, replace(tuned, spread=None)))
    if whole is None or rows is None:
        return []
    spread = pd.DataFrame(differences).sem(axis=1).to_numpy() ** 2
    found = [answer.pairs[problem, answer.leader(problem), name] for problem, name in pairs]
    ratio, low, high = np.log([[each.ratio, each.low, each.high] for each in found]).T
    half = (high - low) / 2 * np.sqrt(rows.variance / (whole.variance + spread))
    open_ = ~np.any(find_decided(ratio - half, ratio + half), axis=0) & np.isfinite(half)
    return [pair for pair, limited in zip(pairs, open_, strict=True) if limited]
