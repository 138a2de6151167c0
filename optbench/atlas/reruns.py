"""Runs of the atlas made again, before another optimizer is ranked beside them: does this machine get the same numbers?

The last bits of a sum differ between processors, and training amplifies them. What is paired by seeds then is a little
less alike, but its means are the same; where they differ, the archive is not one of this version, or of this machine.
"""

import tempfile
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import wilcoxon

from optbench.plan.spec_files import make_spec
from optbench.results.results import Results, load
from optbench.run import session

CELLS = (("quadratic", "gd"), ("logistic", "momentum"), ("mlp", "adam"))
"""Problem and optimizer of what runs again: a second of work, in three kinds of arithmetic."""
_SAME = 1e-6
"""Difference of the logarithms of two losses that are the same."""
_CHANCE = 0.01
"""The probability with which a cell whose numbers differ in their last bits alone is said to differ."""


class Rerun(NamedTuple):
    """What came of the runs of one recommended setting, again."""

    problem: str
    optimizer: str
    same: bool
    """True if the end of every run is the same to six digits: the last ones go with what shares a product."""
    differs: bool
    """True if they differ by more than chance explains."""


def rerun_cells(known: Results, cells: tuple[tuple[str, str], ...] = CELLS) -> list[Rerun]:
    """Run recommended settings of the archive again on the seeds that they report on, and compare them.

    known: the results of the atlas, or of a part of it: of cells that it lacks there is nothing.
    """
    runs = known.runs[known.runs["stage"] == "report"]
    found = []
    for problem, optimizer in cells:
        rows = runs[(runs["problem"] == problem) & (runs["optimizer"] == optimizer)]
        if len(rows):
            found.append(_rerun(rows[rows["lr"] == rows["lr"].iloc[0]]))
    return found


def _rerun(rows: pd.DataFrame) -> Rerun:
    """Run the setting of these rows, which differ by their seeds alone, again."""
    first = rows.iloc[0]
    setting = {"problem": first["problem"], "optimizer": first["optimizer"], "schedule": first["schedule"],
               "batch_size": int(first["batch_size"]), "lr": float(first["lr"])}  # fmt: skip
    entry = {"name": first["problem"], "epochs": float(rows["epochs"].max())}
    raw = {"problems": [entry], "chosen": [setting], "seeds": [int(seed) for seed in rows["seed"]], "tuning_seeds": 0}
    spec = make_spec({**raw, "epochs": entry["epochs"]})
    options = session.Options()
    with tempfile.TemporaryDirectory() as folder:
        session.execute(session.load_and_plan(spec, options.isolation), folder, options)
        again = load(folder).runs
    both = rows.merge(again, on="seed", suffixes=("", "_again"))
    first_time, again_now = (both[name].to_numpy() for name in ("log_tail", "log_tail_again"))
    with np.errstate(invalid="ignore"):  # what failed is infinite
        change = np.where(first_time == again_now, 0.0, again_now - first_time)
    same = len(both) == len(rows) and bool((abs(change) < _SAME).all())
    differs = not same and not wilcoxon(change).pvalue > _CHANCE
    return Rerun(first["problem"], first["optimizer"], same, differs)
