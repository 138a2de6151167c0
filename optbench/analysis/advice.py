"""What further runs would tell more, as data: `optbench.wording` has the words."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

import pandas as pd


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
