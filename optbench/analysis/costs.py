"""The cost of runs: steps, samples and seconds until the suboptimality stays below a share of the first one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from optbench.analysis.columns import configuration_columns, failed, metric_columns
from optbench.analysis.intervals import grouped_intervals
from optbench.analysis.points import Part, Tables, Trajectories, pieces
from optbench.analysis.suboptimality import landmarks
from optbench.analysis.trajectories import log_area, log_tail, pace, planned_steps
from optbench.contract import arguments
from optbench.contract.errors import OptbenchError

# Shares of the first suboptimality: what a short run, a usual one and a sharp one reach; two decades between the last
# two, as few runs with noise end between them; estimate
SHARES = (1e-1, 1e-2, 1e-3, 1e-5)
CLOCKS = ("steps", "samples", "seconds")


def targets_of(
    runs: pd.DataFrame, problems: pd.DataFrame | None = None, shares: Sequence[float] = SHARES
) -> pd.DataFrame:
    """Return the targets of each problem: f - f* at most a share of the first suboptimality.

    The first one is the median over seeds, so that all optimizers and all runs of a problem have the same targets.
    Where f* is only a bound (mlp: 0), the bound takes its place: with 0 the targets are shares of the first loss. A
    target that is below the true minimum for that reason is reached by no run of any optimizer.

    Returns one row for each (problem, target): problem, target (the share), loss (to be reached), minimum (f* or the
    bound), floor, bound. Where no minimum is known and losses are negative, there is no target: its loss is NaN.
    """
    facts = landmarks(runs, problems)
    parts = [facts.assign(target=share, loss=facts["minimum"] + share * facts["first"]) for share in shares]
    table = pd.concat(parts).sort_index(kind="stable").reset_index(drop=True)
    return table[["problem", "target", "loss", "minimum", "floor", "bound"]]


def fixed_targets(
    runs: pd.DataFrame, losses: float | Mapping[str, float], problems: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Return targets that are losses: one for all problems, or one for each by name. Columns as in `targets_of`."""
    facts = landmarks(runs, problems)
    for loss in losses.values() if isinstance(losses, Mapping) else [losses]:
        arguments.real_number("losses", loss)
    for name in losses if isinstance(losses, Mapping) else ():
        arguments.one_of("problem of losses", name, facts["problem"])
    each = facts["problem"].map(losses) if isinstance(losses, Mapping) else losses
    table = facts.assign(target=each, loss=each)
    return table[["problem", "target", "loss", "minimum", "floor", "bound"]]


def time_to_target(
    results: Tables, targets: pd.DataFrame | None = None, runs: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Return the cost of each run until its loss reaches a target and stays there.

    A run has reached a target if its loss lies at or below it from some evaluation to the end; if it rises above again,
    only the last arrival counts. Between the last evaluation above and the first one below, the clocks are
    interpolated, linear in the clock and in ln max(f - f*, floor), except within the first step.

    A run that has not reached the target is censored and counts with all that it was given: a failed one (diverged)
    with the whole budget, not only the steps until it failed. COCO counts only these, as a failed trial is restarted
    there at once; here no run is restarted, and early failures would seem cheap. A run that a deadline stopped is
    censored at its own end; targets that it had reached by then count.

    results: `runs`, `curves`, `timings`, `problems` of a sweep. targets: rows of problem, target, loss, minimum,
    floor; by default `targets_of` all runs. runs: the rows of `results.runs` to use, such as `chosen_runs`, whose
    blocks are then those of the result; by default all.

    Returns one row for each (run, target), runs in their order: run_id, problem, the configuration, seed (and stage,
    block where there are any), target, reached, steps, samples, seconds (of the steps, without evaluations).

    Source: Hansen et al. 2021, COCO, Optimization Methods and Software 36(1), section 4 (runtimes to targets).
    """
    targets = targets_of(results.runs, results.problems) if targets is None else targets
    runs = results.runs if runs is None else runs
    results = Part(runs, results)
    if targets.empty:
        raise OptbenchError("there are no targets")
    names = pd.Index(targets["problem"].unique())
    number = targets.groupby("problem", sort=False).cumcount().to_numpy()
    shape = (len(names), int(number.max()) + 1)
    row = names.get_indexer(targets["problem"])
    grids = {}
    for name in ("target", "loss", "minimum", "floor"):
        grids[name] = np.full(shape, np.nan)
        grids[name][row, number] = targets[name]
    place = names.get_indexer(runs["problem"])
    whole = _budget(results)
    reached = np.zeros((len(runs), shape[1]), dtype=bool)
    clocks = {name: np.repeat(whole[name][:, None], shape[1], axis=1) for name in ("steps", "samples")}
    alive = ~failed(runs)
    for rows, points in pieces(results):
        for column in range(shape[1]):
            level, minimum, floor = (
                np.where(place[rows] >= 0, grids[name][place[rows], column], np.nan)
                for name in ("loss", "minimum", "floor")
            )
            here, before, share = _arrivals(points, level, minimum, floor)
            arrived = np.flatnonzero((here < points.end) & alive[rows])
            reached[rows, column] = np.isin(np.arange(len(rows)), arrived)
            at, last, part = here[arrived], before[arrived], share[arrived]
            for name, clock in (("steps", points.step), ("samples", points.samples)):
                clocks[name][rows, column] = whole[name][rows]
                clocks[name][rows[arrived], column] = clock[last] + part * (clock[at] - clock[last])
    counts = np.where(place >= 0, np.bincount(row, minlength=len(names))[place], 0)
    mine = (np.arange(shape[1]) < counts[:, None]).ravel()
    which = np.repeat(np.arange(len(runs)), shape[1])[mine]
    table = runs[_identity(runs)].take(which).reset_index(drop=True)
    table["target"] = np.where(place[:, None] >= 0, grids["target"][place], np.nan).ravel()[mine]
    table["reached"] = reached.ravel()[mine]
    for name, clock in clocks.items():
        table[name] = clock.ravel()[mine]
    table["seconds"] = table["steps"] * pace(runs, results.timings)[which]
    return table


def _identity(runs: pd.DataFrame) -> list[str]:
    wanted = ["run_id", "problem", *configuration_columns(runs), "seed", "stage", "block"]
    return list(dict.fromkeys(name for name in wanted if name in runs.columns))


def _arrivals(
    points: Trajectories, level: np.ndarray, minimum: np.ndarray, floor: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return three arrays (runs,): the first point from which on the loss is at most `level` (`end` if there is none),
    the point before it to interpolate from, and the share of the way between the two."""
    above = np.flatnonzero(~(points.loss <= level[points.run]))
    last = points.start - 1
    last[points.run[above]] = above  # the last one that is written stays
    here = last + 1
    share = np.ones(len(here))
    between = np.flatnonzero((here > points.start) & (here < points.end))
    between = between[points.step[here[between]] > 1]  # nothing happens within the first step
    low = floor[between]
    high, below = (np.maximum(points.loss[at[between]] - minimum[between], low) for at in (last, here))
    aim = np.maximum(level[between] - minimum[between], low)
    clear = np.isfinite(high) & (high > below)
    part = np.log(high[clear] / aim[clear]) / np.log(high[clear] / below[clear])
    share[between[clear]] = np.clip(part, 0.0, 1.0)
    return here, np.where(here > points.start, last, here), share


def _budget(results: Tables) -> dict[str, np.ndarray]:
    """Return the steps and samples, (runs,) each, of runs that do not reach a target."""
    runs, problems = results.runs, results.problems
    made, samples = (runs[name].to_numpy(dtype=np.float64) for name in ("steps", "samples"))
    bad = failed(runs)
    steps = np.where(bad, planned_steps(runs, results.timings), made)
    with np.errstate(invalid="ignore", divide="ignore"):
        size = np.where(made > 0, samples / made, runs["batch_size"])
    given = np.where(steps > made, steps * size, samples)
    if problems is not None and "examples" in problems:
        examples = problems.drop_duplicates("problem").set_index("problem")["examples"]
        examples = runs["problem"].map(examples).to_numpy(dtype=np.float64)
        batch = np.minimum(runs["batch_size"].to_numpy(dtype=np.float64), examples)
        per_epoch = np.ceil(examples / batch)
        exact = steps // per_epoch * examples + steps % per_epoch * batch
        given = np.where((steps > made) & np.isfinite(exact), exact, given)
    return {"steps": steps, "samples": given}


def costs(
    results: Tables,
    by: Sequence[str] | None = None,
    runs: pd.DataFrame | None = None,
    targets: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Return all costs of each configuration, or of each group, in one table.

    by: columns that name a group; by default problem and configuration. runs: those rows of `results.runs` that
    count, such as the reported ones; by default all. targets: as for `time_to_target`.

    Returns one row for each group, in order of appearance, with
      `by`, runs, seeds, failures (their share, 0 to 1), unfinished (the share that a deadline stopped);
      log_tail: the median over runs of the mean of ln max(f - f*, floor) over the last fifth of the steps;
      log_area: the same over log-spaced steps of the whole budget; in both, a failure counts as 1e6 times the first;
      test_loss and the metrics: medians over runs, a failed one counting as the worst (accuracy 0, else inf);
      and for each target, by its share: reached_0.1 (share of runs), samples_to_0.1, seconds_to_0.1 (expected running
      times; `running_times` has their intervals).
    """
    every = results.runs
    by = ["problem", *configuration_columns(every)] if by is None else list(by)
    chosen = np.ones(len(every), dtype=bool) if runs is None else every["run_id"].isin(runs["run_id"]).to_numpy()
    mine, bad = every[chosen], failed(every)[chosen]
    table = mine[by].drop_duplicates(ignore_index=True)
    count = len(table)
    code = mine[by].merge(table.assign(_group=np.arange(count)), on=by, how="left")["_group"].to_numpy()
    table["runs"] = size = np.bincount(code, minlength=count)
    table["seeds"] = mine["seed"].groupby(code).nunique().to_numpy()
    table["failures"] = np.bincount(code, weights=bad, minlength=count) / size
    late = (mine["status"] == "deadline").to_numpy() & ~bad
    table["unfinished"] = np.bincount(code, weights=late, minlength=count) / size
    for name, each in (("log_tail", log_tail), ("log_area", log_area)):
        table[name] = _median(each(results, chosen), code, count)
    for name, column in [("test_loss", "test_loss_final"), *((name, name) for name in metric_columns(mine))]:
        values = mine[column].to_numpy(dtype=np.float64, na_value=np.nan)
        there = np.bincount(code, weights=~np.isnan(values), minlength=count) > 0
        worst = 0.0 if "accuracy" in name else np.inf
        table[name] = _median(np.where(bad & there[code], worst, values), code, count)
    times = time_to_target(results, targets, mine)
    wide = times.groupby([*by, "target"], sort=False, dropna=False, observed=True)
    sums = wide[["reached", "samples", "seconds"]].sum()
    sums["share"] = wide["reached"].mean()
    for target in times["target"].unique():
        here = table[by].merge(sums.xs(target, level="target").reset_index(), on=by, how="left")
        table[f"reached_{target:g}"] = here["share"]
        for clock in ("samples", "seconds"):
            with np.errstate(divide="ignore", invalid="ignore"):
                ert = np.where(here["reached"] == 0, np.inf, here[clock] / here["reached"])
            table[f"{clock}_to_{target:g}"] = np.where(here["share"].isna(), np.nan, ert)
    return table


def _median(values: np.ndarray, code: np.ndarray, count: int) -> np.ndarray:
    known = ~np.isnan(values)
    return grouped_intervals(values[known], code[known], count)[0]
