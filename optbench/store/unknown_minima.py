"""Where nobody knows a problem's minimum, the smallest loss of all its runs stands for it, whenever tables are read.

The files keep NaN: what a run is measured against depends on the other runs, and these may become more.
"""

from collections.abc import Callable, Iterable, Mapping
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd

from optbench.analysis.measures import NEAR_LOWEST
from optbench.contract.columns import STANDING_IN, TARGETS, target_column
from optbench.engine.outcome import log_tail, samples_to_targets

COLUMNS = ("run_id", "step", "samples", "train_loss")
"""What is read of ``curves``."""
_GAP, _TAIL = "suboptimality_final", "log_tail"

ReadCurves = Callable[[Iterable[str], pd.Series], pd.DataFrame]
"""Returns COLUMNS of these problems' runs, at least those with these ids."""


def find_unknown(runs: pd.DataFrame) -> list[str]:
    """Return the problems with a loss and without a suboptimality, in order of appearance."""
    if _GAP not in runs or runs.empty:
        return []
    known = runs[_GAP].notna().groupby(runs["problem"], sort=False).any()
    measured = np.isfinite(runs["loss_initial"].astype(np.float64)).groupby(runs["problem"], sort=False).any()
    return [str(name) for name in known.index[(~known & measured).to_numpy()]]


def lowest_losses(runs: pd.DataFrame, problems: Iterable[str]) -> dict[str, float]:
    """Return the smallest finite ``loss_best`` of each of these problems."""
    best = runs["loss_best"].astype(np.float64)
    found = best[np.isfinite(best)].groupby(runs["problem"]).min()
    return {name: float(found[name]) for name in problems if name in found.index}


def fill_unknown(
    runs: pd.DataFrame, read_curves: ReadCurves, minima: Mapping[str, float] | None = None
) -> pd.DataFrame:
    """Return ``runs`` with what is measured from a minimum, where it is not known: from the smallest loss of all runs.

    The run that has it reaches every target at its own last step, so those below NEAR_LOWEST are NaN. minima: what to
    measure from, by problem; None: those losses.
    """
    minima = lowest_losses(runs, find_unknown(runs)) if minima is None else minima
    if not minima:
        return runs
    runs = runs.copy()
    here = runs["problem"].isin(list(minima)).to_numpy()
    runs.loc[here, STANDING_IN] = runs.loc[here, "problem"].map(minima).astype(np.float64)
    targets = [target_column(share) for share in TARGETS]
    runs.loc[here, _GAP] = runs.loc[here, "loss_final"] - runs.loc[here, STANDING_IN]
    runs.loc[here & (runs["status"] == "diverged").to_numpy(), [_TAIL, *targets]] = np.inf
    ended = runs[here & runs["status"].isin(["ok", "deadline"]).to_numpy()]
    wanted = ended.drop_duplicates("run_id").set_index("run_id")
    curves = read_curves(minima, ended["run_id"])
    curves = curves[curves["run_id"].isin(wanted.index)].drop_duplicates(["run_id", "step"])
    found: dict[str, np.ndarray] = {}
    by_run = dict(list(curves.groupby("run_id", sort=False)))
    points = pd.Series({key: part[["step", "samples"]].to_numpy(np.int64).tobytes() for key, part in by_run.items()})
    keys = [wanted["problem"].reindex(points.index), wanted["status"].reindex(points.index), points]
    for (problem, status, _), part in points.groupby([key.to_numpy() for key in keys], sort=False):
        tables = [by_run[run_id] for run_id in part.index]
        loss = np.stack([table["train_loss"].to_numpy(np.float64) for table in tables], axis=1)
        measured = _measure(loss, tables[0], minima[problem], status == "deadline")
        found |= dict(zip(part.index, measured.T, strict=True))
    rows = runs.index[here & runs["run_id"].isin(list(found)).to_numpy()]
    if len(rows):
        runs.loc[rows, [_TAIL, *targets]] = np.stack([found[run_id] for run_id in runs.loc[rows, "run_id"]])
    runs.loc[here, [target_column(share) for share in TARGETS if share < NEAR_LOWEST]] = np.nan
    return runs


def _measure(loss: np.ndarray, points: pd.DataFrame, minimum: float, is_late: bool) -> np.ndarray:
    """Return log_tail and the samples to each target of runs with the same steps and samples, (1 + targets, runs).

    loss: (points, runs); is_late: whether a deadline stopped them.
    """
    steps, last = points["step"].to_numpy(np.int64), int(points["step"].iloc[-1])
    cohort: Any = SimpleNamespace(problem=SimpleNamespace(minimum=minimum), steps=last + is_late)
    part: Any = SimpleNamespace(
        train=loss[:, None], points=steps, steps=last, diverged_at=np.zeros(loss.shape[1], np.int64)
    )
    times = samples_to_targets(cohort, part, points["samples"].to_numpy(np.float64))
    return np.concatenate([log_tail(cohort, part)[None], times])
