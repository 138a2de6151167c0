"""What one decides by a sweep on data: a quicker batch size, the range of good rates, and the length of a run."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import pandas as pd

from optbench.analysis.answer import Answer
from optbench.analysis.measures import TIME
from optbench.analysis.protocol import TUNES

# Seconds of a step of PyTorch on one core: its fixed part, that of a weight, and that of a weight and an example. By
# benchmarks/torch_steps.py, of networks with 1 to 3 layers and up to 270,000 weights (a Xeon of 2026, AdamW); within a
# factor of 2 of what that measures
_STEP, _WEIGHT, _EXAMPLE = 5e-4, 3.4e-9, 6e-11
QUICKER = 1.5
"""The factor in time from which another batch size is worth a line."""
NEAR, POINTS = 1.1, 0.01
"""How far from the best rate others are as good: a ratio, or a share of errors."""
_LEAST = 2
"""Runs of a bin of rates, and bins beside that of the best."""
_BIN = math.log(3)
"""The width of a bin of rates, in logarithms."""
_STEADY = 0.9
"""The share of runs whose loss must have moved in one direction."""


class Quicker(NamedTuple):
    """A batch size that is not shown to be worse than the recommended one, and trains in less time."""

    setting: dict
    """The setting that is the best at this batch size, as a row of `best`."""
    seconds: float
    recommended_seconds: float


class Rates(NamedTuple):
    """The range of rates that are as good as the best, the others of the setting being as recommended."""

    low: float
    high: float
    points: bool
    """Whether as good means within POINTS, and not within a factor of NEAR."""


class LastQuarter(NamedTuple):
    """What the loss did in the last quarter of the recommended runs."""

    ratio: float
    """The median of the loss at the end over that before."""
    steady: bool
    """Whether nearly all runs moved in this direction."""
    validation: bool
    """Whether it is the loss on validation data."""


def step_seconds(weights: float, batch_size: float) -> float:
    """Return about how many seconds a training step of PyTorch takes on one core."""
    return _STEP + weights * (_WEIGHT + _EXAMPLE * batch_size)


def find_quicker(answer: Answer, problem: str) -> Quicker | None:
    """Return the batch size that trains quickest of those that may be best; None where it is not much quicker."""
    levels, row = answer.levels.get("batch_size"), _recommended(answer, problem)
    weights = answer.tables.problem(problem).get("dim", math.nan)
    if levels is None or row is None or not levels.in_common or not math.isfinite(weights):
        return None
    best = levels.coded.name_best_in_common(1)
    best = best[(best["problem"] == problem) & best["level"].isin(levels.firsts(problem))]
    values = levels.rows(problem).set_index("batch_size")["value"]
    mine = answer.rows(problem).set_index("optimizer")["value"][row["optimizer"]]
    recommended = _train_seconds(answer, problem, weights, row["batch_size"], mine)
    found = [
        Quicker(each, _train_seconds(answer, problem, weights, each["batch_size"], values[each["level"]]), recommended)
        for each in best.to_dict("records")
    ]
    quickest = min(found, key=lambda each: each.seconds, default=None)
    return quickest if quickest and QUICKER * quickest.seconds < recommended < math.inf else None


def _train_seconds(answer: Answer, problem: str, weights: float, batch_size: int, value: float) -> float:
    """Return the seconds of a run of PyTorch: to the target, where verdicts are by that, else to its end.

    value: the expected samples to the target.
    """
    if answer.judge_by == TIME and math.isfinite(answer.targets.get(problem, math.nan)):
        steps = value / batch_size
    else:
        rows = answer.runs[(answer.runs["problem"] == problem) & (answer.runs["batch_size"] == batch_size)]
        steps = float(rows["steps"].max())
    return steps * step_seconds(weights, batch_size)


def find_good_rates(answer: Answer, problem: str) -> Rates | None:
    """Return the range around the best rate in which all are as good; None where too few were tried."""
    row, coded = _recommended(answer, problem), answer.coded
    if row is None:
        return None
    tuning = coded.stage == TUNES
    runs = answer.runs.iloc[coded.row[tuning]].assign(value=coded.judged[tuning])
    for key in ("problem", "optimizer", "batch_size", "schedule"):
        runs = runs[runs[key] == row[key]]
    points = "accuracy" in answer.judge_by and problem not in answer.without
    values = np.exp(runs["value"]) if points else runs["value"]
    bins = pd.DataFrame({"bin": np.round(np.log(runs["lr"]) / _BIN), "lr": runs["lr"], "value": values}).dropna()
    means = bins.groupby("bin").agg(
        value=("value", "mean"), low=("lr", "min"), high=("lr", "max"), count=("lr", "size")
    )
    means = means[means["count"] >= _LEAST].sort_index()
    if len(means) <= _LEAST:
        return None
    good = means["value"] <= means["value"].min() + (POINTS if points else math.log(NEAR))
    place = int(np.argmin(means["value"]))
    first = last = place
    while first > 0 and good.iloc[first - 1]:
        first -= 1
    while last + 1 < len(means) and good.iloc[last + 1]:
        last += 1
    low, high = float(means["low"].iloc[first]), float(means["high"].iloc[last])
    return Rates(low, high, points) if low <= row["lr"] <= high else None


def find_last_quarter(answer: Answer, problem: str) -> LastQuarter | None:
    """Return what the loss did in the last quarter of the recommended runs; None without curves."""
    row = _recommended(answer, problem)
    if row is None:
        return None
    runs = answer.reported_runs
    runs = runs[(runs["problem"] == problem) & (runs["optimizer"] == row["optimizer"]) & (runs["status"] == "ok")]
    curves = answer.curves[answer.curves["run_id"].isin(runs["run_id"])]
    validation = "validation_loss" in curves and bool(curves["validation_loss"].notna().any())
    name = "validation_loss" if validation else "train_loss"
    groups = curves.dropna(subset=[name]).sort_values("step").groupby("run_id", sort=False)
    ratios = []
    for _, each in groups:
        before = each[each["step"] <= 0.75 * each["step"].iloc[-1]]
        if len(before) and before[name].iloc[-1] > 0:
            ratios.append(each[name].iloc[-1] / before[name].iloc[-1])
    if len(ratios) < _LEAST:
        return None
    middle = float(np.median(ratios))
    same = np.mean(np.array(ratios) < 1) if middle < 1 else np.mean(np.array(ratios) > 1)
    return LastQuarter(middle, bool(same >= _STEADY), validation)


def _recommended(answer: Answer, problem: str) -> dict | None:
    """Return the row of `best` of a problem's leader; None without one."""
    rows = answer.best[(answer.best["problem"] == problem) & (answer.best["optimizer"] == answer.leader(problem))]
    return None if rows.empty else rows.iloc[0].to_dict()
