"""The noise of mini-batch costs from step to step, without their trend."""

from __future__ import annotations

import numpy as np
import pandas as pd

# Share of a run, its end: where losses are read, too: the way down is over
LAST = 0.2
# Evaluations there: three differences: fewer say nothing of a spread
LEAST_POINTS = 5


def cost_noise(curves: pd.DataFrame, last: float = LAST) -> pd.Series:
    """Return the standard deviation of successive mini-batch costs around their local mean, by run_id.

    The local mean at a point is the line between its two neighbors: d = f - (the line there). For independent noise of
    variance s^2 around a straight line, d has the variance s^2 (1 + a^2 + b^2), where a and b are the weights of the
    neighbors, so s^2 is the mean of d^2 / (1 + a^2 + b^2). A slow trend has no effect.

    curves: rows of run_id, step and batch_loss; last: the share of a run's steps, at its end, to use. NaN for a run
    with fewer than 5 points there.

    Source: Gasser, Sroka & Jennen-Steinmetz 1986, Biometrika 73(3), eq. 4.
    """
    rows = curves[["run_id", "step", "batch_loss"]].dropna().sort_values(["run_id", "step"], kind="stable")
    names = curves["run_id"].unique()
    ends = rows.groupby("run_id", sort=False)["step"].transform("max")
    rows = rows[rows["step"] >= (1 - last) * ends]
    run = rows["run_id"].to_numpy()
    step, cost = (rows[name].to_numpy(dtype=np.float64) for name in ("step", "batch_loss"))
    inner = np.flatnonzero((run[2:] == run[:-2]) if len(run) > 2 else np.zeros(0, dtype=bool)) + 1
    right = (step[inner] - step[inner - 1]) / (step[inner + 1] - step[inner - 1])
    with np.errstate(over="ignore", invalid="ignore"):
        away = cost[inner] - (1 - right) * cost[inner - 1] - right * cost[inner + 1]
        squares = pd.Series(away**2 / (1 + right**2 + (1 - right) ** 2), index=run[inner]).groupby(level=0)
        noise = np.sqrt(squares.mean()).where(squares.size() >= LEAST_POINTS - 2)
    return noise.reindex(names).rename_axis("run_id")
