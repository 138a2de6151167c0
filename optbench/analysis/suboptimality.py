"""The reference values of a problem's losses: minimum, first suboptimality, floor, and the value of a failed run.

They belong to the problem and are the same for all optimizers, so that leaving one out changes no other's numbers.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from optbench.contract.problems import DIVERGENCE_FACTOR, FLOOR, is_bound


def landmarks(runs: pd.DataFrame, problems: pd.DataFrame | None = None) -> pd.DataFrame:
    """Return one row for each problem of `runs`: problem, minimum, bound, first, floor, failure.

    minimum: f*, from the `problems` table; where that lacks it, a run's loss minus its suboptimality. `bound`: True
    where it is only a lower bound that no run need come near (as its source says, 0 for mlp), or not known at all; an
    unknown minimum is taken as 0 if no loss is negative, and NaN otherwise.
    first: the median over seeds of the suboptimality at the start, each seed once; at least the floor.
    floor: 1e-14 max(1, |f*|), below which differences are rounding.
    failure: ln of the suboptimality that a failed run counts as: 1e6 times the first, where runs are stopped, but at
    least max(1, |f*|).
    """
    names = pd.Index(runs["problem"].unique(), name="problem")
    minimum, bound = _minima(runs, problems, names)
    start = runs.groupby(["problem", "seed"], sort=False)["loss_initial"].median()
    start = start.where(np.isfinite(start)).groupby("problem").median().reindex(names).to_numpy(dtype=np.float64)
    size = np.maximum(1.0, np.abs(minimum))
    first = np.maximum(start - minimum, FLOOR * size)  # NaN stays NaN
    failure = np.log(np.maximum(DIVERGENCE_FACTOR * first, size))
    columns = {"problem": names, "minimum": minimum, "bound": bound, "first": first}
    return pd.DataFrame(columns | {"floor": FLOOR * size, "failure": failure})


def log_gap(loss: np.ndarray, minimum: np.ndarray, floor: np.ndarray) -> np.ndarray:
    """Return the natural logarithm of max(loss - minimum, floor); NaN and inf stay."""
    with np.errstate(invalid="ignore"):
        return np.log(np.maximum(loss - minimum, floor))


def _minima(runs: pd.DataFrame, problems: pd.DataFrame | None, names: pd.Index) -> tuple[np.ndarray, np.ndarray]:
    """Return the minimum of each problem in `names`, and True where it is only a bound, both (problems,)."""
    loss, gap = (runs[name].astype(np.float64) for name in ("loss_final", "suboptimality_final"))
    known = np.isfinite(loss) & np.isfinite(gap)
    minimum = (loss - gap)[known].groupby(runs["problem"][known]).median().reindex(names)
    bound = minimum.isna()
    lowest = runs.groupby("problem", sort=False)["loss_best"].min().reindex(names)
    minimum = minimum.where(~bound, lowest.where(lowest < 0, 0.0).where(lowest >= 0))
    if problems is not None and "minimum" in problems:
        table = problems.drop_duplicates("problem").set_index("problem").reindex(names)
        stated = table["minimum"].astype(np.float64)
        stated = stated.where(np.isfinite(stated))
        minimum = stated.fillna(minimum)
        source = table["minimum_source"] if "minimum_source" in table else pd.Series("", index=names)
        only = source.astype(object).fillna("").map(is_bound)  # a problem may be missing in the table
        bound = (stated.notna() & only) | (stated.isna() & bound)
    return minimum.to_numpy(dtype=np.float64), bound.to_numpy(dtype=bool)
