"""Runtimes: the share of targets that each optimizer has reached after so much work, over problems and runs."""

from __future__ import annotations

import numpy as np
import pandas as pd


def runtime_shares(times: pd.DataFrame, clock: str = "epochs") -> pd.DataFrame:
    """Return the empirical distribution of the runtimes of each optimizer: the share that it has reached by each cost.

    times: from `time_to_target`, with a column of that name. Each pair of problem and target counts alike, and so does
    each run at it; a run that misses never arrives.

    Returns columns optimizer, the clock and share: a row for each cost at which a run of the optimizer arrives, in
    order; none for an optimizer that reaches nothing.

    Source: Hansen et al. 2021, COCO, Optimization Methods and Software 36(1), section 5.
    """
    pairs = len(times[["problem", "target"]].drop_duplicates())
    runs = times.groupby(["optimizer", "problem", "target"], sort=False)["reached"].transform("size")
    rows = times.assign(share=1 / (runs * pairs))[times["reached"].to_numpy(dtype=bool)]
    rows = rows.groupby(["optimizer", clock], sort=False)["share"].sum().reset_index()
    rows = rows.sort_values(["optimizer", clock], kind="stable", ignore_index=True)
    return rows.assign(share=rows.groupby("optimizer", sort=False)["share"].cumsum().clip(upper=1.0))


def count_epochs(times: pd.DataFrame, problems: pd.DataFrame | None) -> np.ndarray:
    """Return the samples of each row, at least one, as epochs, (rows,): over the examples of its problem.

    problems: the table; where it does not know the examples, they are 1.
    """
    samples = np.maximum(times["samples"].to_numpy(dtype=np.float64), 1.0)  # a start may be there already
    if problems is None or "examples" not in problems:
        return samples
    examples = problems.drop_duplicates("problem").set_index("problem")["examples"]
    return samples / times["problem"].map(examples).fillna(1).clip(lower=1).to_numpy(dtype=np.float64)
