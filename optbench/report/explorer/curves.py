"""The curves of the explorer: every cell of optimizer, batch size and schedule at the rate that is best there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from optbench.analysis import curve_bands, metric_columns, reported_runs, varied_hyperparameters
from optbench.analysis.trajectories import pace
from optbench.figures.evidence import Evidence
from optbench.report.explorer.names import Names
from optbench.report.explorer.numbers import short
from optbench.wording import labels

CELL = ["problem", "optimizer", "batch_size", "schedule"]
# Curves in the page: of the default sweep's seven problems there are 525; more than a hundred of one problem nobody
# tells apart
MOST_CURVES = 1_000
MOST_NUMBERS = 160_000
"""Medians and ends of intervals in the page, which take about 8 bytes each."""


class Band(NamedTuple):
    """A curve over seeds: arrays with an entry a step; `numbers` has columns of medians, lower and upper ends."""

    step: np.ndarray
    epoch: np.ndarray
    samples: np.ndarray
    numbers: np.ndarray


def measures(runs: pd.DataFrame) -> list[dict[str, Any]]:
    """What curves show: the training loss, the test loss and the metrics that any run has."""
    has = {"test_loss": runs["test_loss_final"], **{name: runs[name] for name in metric_columns(runs)}}
    names = ["train_loss", *(name for name, values in has.items() if values.notna().any())]
    return [
        {"key": name, "name": "training loss" if name == "train_loss" else name.replace("_", " ")} for name in names
    ]


def curves(evidence: Evidence, names: Names) -> dict[str, Any]:
    """A row a cell, the one that is chosen first: of each problem and optimizer that is the recommended setting.

    `axis` points into `axes`, the steps, epochs and samples that curves share (a curve may end before its axis);
    `values` has for each measure medians, lower and upper ends, or null. Losses are told as suboptimality where the
    minimum is known: the sum of two numbers of four digits has four digits, their difference may have none.
    `pace` is the seconds that a step takes, the median over all runs of the problem, optimizer and batch size: a run
    that had a cohort to itself shared its work with nobody, and would look slow beside others.
    `left_out` counts the cells that the page has no room for.
    """
    results = evidence.results
    cells = settings(evidence)
    every = len(cells)
    cells = cells[_turns(cells) < MOST_CURVES].reset_index(drop=True)
    columns = [measure["key"] for measure in measures(results.runs)]
    runs = reported_runs(results.runs, cells, results.tuning_seeds)
    rows = results.curves_of(runs["run_id"], [name for name in columns if name != "train_loss"])
    bands = {name: _by_cell(_bands(rows, runs, name), cells) for name in columns if name in rows}
    kept = _room(cells, bands)
    cells = cells[kept].reset_index(drop=True)
    minima = {problem: evidence.minimum(problem) for problem in names.problems}
    axes, places = _axes(cells, [part for part, keep in zip(bands["train_loss"], kept, strict=True) if keep])
    values = [
        [
            _values(parts[place], bands["train_loss"][place], minima[cell[0]] if name == "train_loss" else None)
            for name, parts in bands.items()
        ]
        for place, cell in zip(np.flatnonzero(kept), cells[CELL].itertuples(index=False), strict=True)
    ]
    every_run = results.runs[CELL[:3]].assign(pace=pace(results.runs, results.timings))
    seconds = every_run.groupby(CELL[:3], sort=False)["pace"].median()
    return {
        **described(cells, evidence, names),
        "recommended": cells["recommended"].astype(int).tolist(),
        "pace": short(seconds.reindex(pd.MultiIndex.from_frame(cells[CELL[:3]]))),
        "axes": axes,
        "axis": places,
        "values": values,
        "left_out": every - len(cells),
    }


def settings(evidence: Evidence) -> pd.DataFrame:
    """The best setting of each cell, in the order in which an optimizer's cells are preferred; `recommended` first.

    The recommended setting stands for its cell, for it has been run on the seeds that report.
    """
    best = evidence.best.assign(recommended=True)
    table = pd.concat([best, evidence.by_cell.assign(recommended=False)], ignore_index=True)
    table = table[~table.duplicated(CELL)]  # the first of two stays
    return preferred(table, ["problem", "optimizer"])


def preferred(table: pd.DataFrame, groups: Sequence[str]) -> pd.DataFrame:
    """The rows, those of a group together, and in it in the order in which `best_configurations` prefers them."""
    code = table.groupby(list(groups), sort=False).ngroup()
    first = ~table["recommended"] if "recommended" in table else False
    order = table.assign(_group=code, _later=first, _cut=table["tuning_unfinished"] > 0)
    order = order.sort_values(["_group", "_later", "_cut", "tuning_median", "tuning_failures"], kind="stable")
    return order.drop(columns=["_group", "_later", "_cut"]).reset_index(drop=True)


def described(table: pd.DataFrame, evidence: Evidence, names: Names) -> dict[str, list]:
    """What tells the settings of a table apart, and what their numbers come from. `text`: varied hyperparameters."""
    varied = varied_hyperparameters(evidence.results.runs)
    texts = [
        ", ".join(f"{key}={labels.number(row[key])}" for key in varied[row["optimizer"]] if pd.notna(row[key]))
        for row in (table.to_dict("records") if any(varied.values()) else ())
    ]
    return {
        **names.coded(table),
        "rate": short(table["lr"]),
        "text": texts,
        "n": table["n"].tolist(),
        "failures": table["failures"].tolist(),
        "held": table["held_out"].astype(int).tolist(),
    }


def _bands(rows: pd.DataFrame, runs: pd.DataFrame, name: str) -> pd.DataFrame:
    """The bands of a measure; of an accuracy a failed run counts as the worst, too."""
    if "accuracy" not in name:
        return curve_bands(rows, runs, name, by=CELL)
    turned = curve_bands(rows.assign(**{name: -rows[name]}), runs, name, by=CELL)
    return turned.assign(median=-turned["median"], low=-turned["high"], high=-turned["low"])


def _turns(cells: pd.DataFrame) -> np.ndarray:
    """(cells,) the place of each where the first of every optimizer come first, then the second, and so on."""
    turn = cells.groupby(["problem", "optimizer"], sort=False).cumcount().to_numpy()
    return np.argsort(np.argsort(turn, kind="stable"), kind="stable")


def _room(cells: pd.DataFrame, bands: dict[str, list[Band]]) -> np.ndarray:
    """(cells,) bool: which of them the page has room for, in their turns; at least one."""
    numbers = np.array([sum(3 * len(parts[place].step) for parts in bands.values()) for place in range(len(cells))])
    order = np.argsort(_turns(cells), kind="stable")
    kept = np.zeros(len(cells), dtype=bool)
    kept[order] = np.cumsum(numbers[order]) <= MOST_NUMBERS
    kept[order[:1]] = True
    return kept


def _by_cell(table: pd.DataFrame, cells: pd.DataFrame) -> list[Band]:
    """The band of each cell."""
    place = pd.MultiIndex.from_frame(cells[CELL]).get_indexer(pd.MultiIndex.from_frame(table[CELL]))
    order = np.argsort(place, kind="stable")
    clocks = [table[name].to_numpy()[order] for name in ("step", "epoch", "samples")]
    numbers = table[["median", "low", "high"]].to_numpy(dtype=np.float64)[order]
    ends = np.cumsum(np.bincount(place, minlength=len(cells)))
    slices = [slice(start, end) for start, end in zip([0, *ends[:-1]], ends, strict=True)]
    return [Band(*(clock[part] for clock in clocks), numbers[part]) for part in slices]


def _axes(cells: pd.DataFrame, bands: list[Band]) -> tuple[list[dict], list[int]]:
    """The different axes, and for each curve its own: one that the curve is the first part of."""
    axes: list[dict[str, list]] = []
    mine: dict[tuple, list[int]] = {}
    places = [0] * len(bands)
    keys = list(zip(cells["problem"], cells["batch_size"], strict=True))
    for place in sorted(range(len(bands)), key=lambda place: -len(bands[place].step)):
        band = bands[place]
        steps = band.step.tolist()
        near = mine.setdefault(keys[place], [])
        same = [axis for axis in near if axes[axis]["step"][: len(steps)] == steps]
        if not same:
            same = [len(axes)]
            near.append(len(axes))
            axes.append({"step": steps, "epoch": short(band.epoch, 6), "samples": band.samples.tolist()})
        places[place] = same[0]
    return axes, places


def _values(band: Band, axis: Band, minimum: float | None) -> list[list]:
    """Medians, lower and upper ends at the steps of `axis`; no lists where there is nothing."""
    if not len(band.step):
        return []
    numbers = band.numbers
    if not np.array_equal(band.step, axis.step):
        rows = pd.Index(band.step).get_indexer(axis.step)
        numbers = np.where((rows >= 0)[:, None], numbers[rows], np.nan)
    if minimum is not None:
        numbers = numbers - minimum
    return [short(column) for column in numbers.T]
