"""What one decides by a sweep on data: a quicker batch size, the range of good rates, and the length of a run."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pandas as pd

from optbench.analysis.answer import PAIR, Answer
from optbench.analysis.measures import TIME
from optbench.analysis.protocol import TUNES
from optbench.contract.errors import OptbenchError
from optbench.contract.names import parse

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
_LOSSES = 2.0
"""The factor in the loss within which rates that err as often are as good."""
_BIN = math.log(3)
"""The width of a bin of rates, in logarithms."""
_STEADY = 0.9
"""The share of runs whose loss must have moved in one direction."""


class Choice(NamedTuple):
    """A setting that one may use on a problem."""

    setting: dict
    """It, as a row of `best`."""
    value: float
    """What verdicts are about: its expected value, such as the share of errors."""
    seconds: float
    """About how long PyTorch trains it on one core; not finite where that is not known."""


class Rates(NamedTuple):
    """The range of rates that are as good as the best, the others of the setting being as recommended."""

    low: float
    high: float
    points: bool
    """Whether as good means within POINTS, and not within a factor of NEAR."""


class MovedRate(NamedTuple):
    """What the recommended rate of one problem costs on another that differs from it in a parameter."""

    parameter: str
    first: object
    """Its value on the problem whose rate it is, and on the other one."""
    second: object
    rate: float
    best: float
    """The recommended rate on the other problem."""
    cost: float
    """The value there at this rate over that at the best one: of a loss, of samples, or of errors."""


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


def find_quicker(answer: Answer, problem: str) -> Choice | None:
    """Return the batch size that trains quickest of those that may be best; None where it is not much quicker.

    Its optimizer and schedule are such that may be best, too, and its value is that of the recommended one within a
    factor of NEAR.
    """
    levels, recommended = answer.levels.get("batch_size"), _choose(answer, problem)
    if levels is None or recommended is None or not levels.in_common:
        return None
    best = levels.coded.name_best_in_common(1)
    best = best[(best["problem"] == problem) & best["level"].isin(levels.candidates(problem))]
    best = best[best["optimizer"].isin(answer.candidates(problem))]
    if schedules := answer.levels.get("schedule"):
        best = best[best["schedule"].isin(schedules.candidates(problem))]
    values = levels.rows(problem).set_index("batch_size")["value"]
    found = [
        _time(answer, {**each, "full_batch": each["level"] == "full"}, values[each["level"]])
        for each in best.to_dict("records")
        if values[each["level"]] <= NEAR * recommended.value
    ]
    quickest = min(found, key=lambda each: each.seconds, default=None)
    return quickest if quickest and QUICKER * quickest.seconds < recommended.seconds < math.inf else None


def find_start(answer: Answer, problem: str) -> Choice | None:
    """Return the setting to start with; None where nothing is recommended.

    It is the recommended one; of a model of the user's table the quickest of those that may be best (`find_quicker`).
    What the user has stays where nothing is shown to be better, nor is anything much lower (`find_kept`).
    """
    kept = find_kept(answer, problem)
    quicker = find_quicker(answer, problem) if not kept and learns_from_table(answer, problem) else None
    return quicker or _choose(answer, problem, kept)


def find_lowest(answer: Answer, problem: str) -> Choice | None:
    """Return the recommended setting where it has a lower value than the one to start with; else None."""
    start, recommended = find_start(answer, problem), _choose(answer, problem)
    # A quicker one was compared with other batch sizes, and its value there may be the lower one
    return recommended if start and recommended and recommended.value < start.value else None


def list_own(answer: Answer, problem: str) -> list[Choice]:
    """Return what the user has beside what is to be kept, if anything is."""
    kept = find_kept(answer, problem)
    own = [_choose(answer, problem, name) for name in answer.tables.incumbents if name != kept]
    return [each for each in own if each]


def list_starts_at_limit(answer: Answer) -> dict[str, dict]:
    """Return by problem the settings to start with that lie at a limit of the search."""
    keys = [*PAIR, "batch_size"]
    recommended = answer.best.merge(answer.edges[PAIR].drop_duplicates(), on=PAIR)
    at_limit = {*zip(*(recommended[key] for key in keys), strict=True)}
    starts = {problem: find_start(answer, problem) for problem in answer.best["problem"].unique()}
    return {
        problem: start.setting
        for problem, start in starts.items()
        if start and tuple(start.setting[key] for key in keys) in at_limit
    }


def find_kept(answer: Answer, problem: str) -> str:
    """Return what the user has, where it may be the best of a problem and is within a factor of NEAR of it; else "".

    Nothing is to be kept where nobody is better than a constant answer.
    """
    if problem in answer.unlearned:
        return ""
    candidates, values = answer.candidates(problem), answer.rows(problem).set_index("optimizer")["value"]
    near = [name for name in answer.tables.incumbents if name in candidates and values[name] <= NEAR * values.min()]
    return min(near, key=values.__getitem__, default="")


def find_lengths(answer: Answer, problem: str) -> tuple[float, float] | None:
    """Return the epochs of what the user has, the first if there are several, and of the others; None where equal."""
    runs = answer.runs[(answer.runs["problem"] == problem) & (answer.runs["status"] == "ok")]
    mine = runs["optimizer"] == answer.tables.incumbents[0]
    tuned = ~runs["optimizer"].isin(answer.tables.incumbents)
    own, others = float(runs.loc[mine, "epochs"].max()), float(runs.loc[tuned, "epochs"].max())
    return (own, others) if own > NEAR * others or others > NEAR * own else None


def learns_from_table(answer: Answer, problem: str) -> bool:
    """Return whether a problem is a model of a table of the user's."""
    return bool(answer.constants.get(problem, {}).get("digest"))


def _choose(answer: Answer, problem: str, optimizer: str = "") -> Choice | None:
    """Return what is recommended of an optimizer, by default the leader; None where nothing is."""
    row = _recommended(answer, problem, optimizer)
    if row is None:
        return None
    return _time(answer, row, float(answer.rows(problem).set_index("optimizer")["value"][row["optimizer"]]))


def _time(answer: Answer, row: dict, value: float) -> Choice:
    """Return a setting, a row of `best`, with its time: to the target, where verdicts are by that, else to the end."""
    if _ends_at_target(answer, row["problem"]):
        steps = value / row["batch_size"]
    else:
        steps = float(_select_runs(answer, row)["steps"].max())
    weights = answer.tables.problem(row["problem"]).get("dim", math.nan)
    return Choice(row, value, steps * step_seconds(weights, row["batch_size"]))


def _ends_at_target(answer: Answer, problem: str) -> bool:
    """Return whether verdicts on a problem are by the samples to a target."""
    return answer.judge_by == TIME and math.isfinite(answer.targets.get(problem, math.nan))


def _select_runs(answer: Answer, row: Mapping) -> pd.DataFrame:
    """Return the runs of a row of `best` at its batch size."""
    runs = answer.runs
    for key in ("problem", "optimizer", "batch_size"):
        runs = runs[runs[key] == row[key]]
    return runs


def find_good_rates(answer: Answer, problem: str) -> Rates | None:
    """Return the range around the best rate in which all are as good; None where too few were tried.

    It is that of the setting to start with.
    """
    start = find_start(answer, problem)
    if start is None:
        return None
    row = start.setting
    points = "accuracy" in answer.judge_by and problem not in answer.without
    means = _bin_rates(answer, row, np.exp) if points else _bin_rates(answer, row)
    if len(means) <= _LEAST:
        return None
    good = means["value"] <= means["value"].min() + (POINTS if points else math.log(NEAR))
    if points:  # a network may be right as often with weights that have blown up
        losses = _bin_rates(answer, row, column=_name_loss(answer.runs)).reindex(means.index)["value"]
        good &= losses <= _LOSSES * losses[good].min()
    place = int(np.argmin(means["value"]))
    first = last = place
    while first > 0 and good.iloc[first - 1]:
        first -= 1
    while last + 1 < len(means) and good.iloc[last + 1]:
        last += 1
    low, high = float(means["low"].iloc[first]), float(means["high"].iloc[last])
    return Rates(low, high, points) if low <= row["lr"] <= high else None


def find_moved_rates(answer: Answer) -> dict[tuple[str, str], MovedRate]:
    """Return what a rate costs on the next problem, for problems in a row that differ in one parameter: mlp(hidden).

    The optimizer is the one that leads on the first, its other settings are those recommended on the second, and values
    are means over the tuning runs of a bin of rates. By both problems; those without enough rates are left out.
    """
    problems, found = [*answer.best["problem"].unique()], {}
    for one, other in pairwise(problems):
        parameter, row = _find_difference(one, other), _recommended(answer, one)
        best = row and _recommended(answer, other, row["optimizer"])
        if parameter is None or row is None or best is None:
            continue
        means = _bin_rates(answer, best)["value"]
        at, lowest = round(math.log(row["lr"]) / _BIN), round(math.log(best["lr"]) / _BIN)
        if at in means.index and lowest in means.index:
            cost = math.exp(max(means[at] - means[lowest], 0.0))
            found[one, other] = MovedRate(*parameter, row["lr"], best["lr"], cost)
    return found


def _find_difference(one: str, other: str) -> tuple[str, object, object] | None:
    """Return the parameter in which two problems of a kind differ, with both values; None for other problems."""
    try:
        names, values = zip(*(parse(text) for text in (one, other)), strict=True)
    except OptbenchError:  # a name that optbench did not write
        return None
    if names[0] != names[1]:
        return None
    keys = [key for key in {**values[0], **values[1]} if values[0].get(key) != values[1].get(key)]
    return (keys[0], values[0].get(keys[0]), values[1].get(keys[0])) if len(keys) == 1 else None


def _name_loss(runs: pd.DataFrame) -> str:
    """Return the column of the loss that runs end with: on validation data, where they have it."""
    name = "validation_loss_final"
    return name if name in runs and runs[name].notna().any() else "loss_final"


def _bin_rates(
    answer: Answer, row: Mapping, scale: Callable[[pd.Series], pd.Series] = lambda value: value, column: str = ""
) -> pd.DataFrame:
    """Return the tuning runs at a row's setting but for its rate, by bin of rates: value (mean), low, high, count.

    scale: what the mean is taken of, a function of the logarithm of what verdicts are about. column: one of the runs in
    its place, such as a loss. Bins with a single run are left out.
    """
    coded = answer.coded
    tuning = coded.stage == TUNES
    runs = answer.runs.iloc[coded.row[tuning]]
    runs = runs.assign(value=runs[column] if column else coded.judged[tuning])
    for key in ("problem", "optimizer", "batch_size", "schedule"):
        runs = runs[runs[key] == row[key]]
    bins = runs[["lr"]].assign(bin=np.round(np.log(runs["lr"]) / _BIN), value=scale(runs["value"])).dropna()
    means = bins.groupby("bin").agg(
        value=("value", "mean"), low=("lr", "min"), high=("lr", "max"), count=("lr", "size")
    )
    return means[means["count"] >= _LEAST].sort_index()


def find_last_quarter(answer: Answer, problem: str, optimizer: str = "") -> LastQuarter | None:
    """Return what the loss did in the last quarter of an optimizer's recommended runs; None without curves.

    optimizer: by default the leader.
    """
    row = _recommended(answer, problem, optimizer)
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


def _recommended(answer: Answer, problem: str, optimizer: str = "") -> dict | None:
    """Return the row of `best` of an optimizer, by default the leader, on a problem; None without one."""
    optimizer = optimizer or answer.leader(problem)
    rows = answer.best[(answer.best["problem"] == problem) & (answer.best["optimizer"] == optimizer)]
    return None if rows.empty else rows.iloc[0].to_dict()
