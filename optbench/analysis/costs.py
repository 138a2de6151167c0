"""The cost of runs: steps, samples and seconds to a target, all costs of a setting in one row, and the time of a sweep.

A target is reached once the suboptimality stays below a share of the run's first one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from optbench.analysis.measures import find_reference_values
from optbench.analysis.run_columns import (
    configuration_columns,
    find_failed_runs,
    metric_medians,
    number_groups,
    read_floats,
)
from optbench.analysis.sweep_tables import Tables
from optbench.analysis.trajectories import (
    Trajectories,
    log_area,
    log_tail,
    planned_steps,
    read_trajectories,
    step_seconds,
)
from optbench.contract import arguments
from optbench.contract.errors import OptbenchError

# Shares of the first suboptimality: what a short run, a usual one and a sharp one reach; two decades between the last
# two, as few runs with noise end between them; nobody has measured it
SHARES = (1e-1, 1e-2, 1e-3, 1e-5)
CLOCKS = ("steps", "samples", "seconds")
_TARGET_COLUMNS = ["problem", "target", "share", "loss", "minimum", "floor", "bound"]


def targets_of(
    runs: pd.DataFrame, problems: pd.DataFrame | None = None, shares: Sequence[float] = SHARES
) -> pd.DataFrame:
    """Return the targets of each problem: f - f* at most a share of the run's first suboptimality.

    A seed's start point, and so its targets, are the same for all optimizers. Where f* is only a bound (mlp: 0), the
    bound takes its place: with 0 the targets are shares of the first loss. A target that is below the true minimum for
    that reason is reached by no run of any optimizer.

    Returns one row for each (problem, target): problem, target and share (the same), loss (to be reached from the
    median first suboptimality, to be shown), minimum (f* or the bound), floor, bound. Where no minimum is known and
    losses are negative, there is no target: its loss is NaN.
    """
    table = find_reference_values(runs, problems).merge(pd.DataFrame({"target": shares}), how="cross")
    loss = table["minimum"] + table["target"] * table["first"]
    return table.assign(share=table["target"], loss=loss)[_TARGET_COLUMNS]


def fixed_targets(
    runs: pd.DataFrame, losses: float | Mapping[str, float], problems: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Return targets that are losses: one for all problems, or one for each by name.

    Columns as in `targets_of`, without a share (NaN).
    """
    facts = find_reference_values(runs, problems)
    for loss in losses.values() if isinstance(losses, Mapping) else [losses]:
        arguments.real_number("losses", loss)
    for name in losses if isinstance(losses, Mapping) else ():
        arguments.one_of("problem of losses", name, facts["problem"])
    each = facts["problem"].map(losses) if isinstance(losses, Mapping) else losses
    return facts.assign(target=each, share=np.nan, loss=each)[_TARGET_COLUMNS]


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

    results: `runs`, `curves`, `timings`, `problems` of a sweep. targets: rows of problem, target, share, loss, minimum,
    floor, whose loss counts where the share is NaN; by default `targets_of` all runs. runs: the rows of `results.runs`
    to use, such as `select_chosen_runs`, whose blocks are then those of the result; by default all.

    Returns one row for each (run, target), runs in their order: run_id, problem, the configuration, seed (and stage,
    block where there are any), target, reached, steps, samples, seconds (of the steps, without evaluations).

    Source: Hansen et al. 2021, COCO, Optimization Methods and Software 36(1), section 4 (runtimes to targets).
    """
    targets = targets_of(results.runs, results.problems) if targets is None else targets
    runs = results.runs if runs is None else runs
    results = results.with_runs(runs)
    if targets.empty:
        raise OptbenchError("there are no targets")
    names = ["run_id", "problem", *configuration_columns(runs), "seed", "stage", "block"]
    table = runs[[name for name in names if name in runs]].assign(_run=np.arange(len(runs)))
    table = table.merge(targets[["problem"]].assign(_target=np.arange(len(targets))), on="problem")
    run, target = table.pop("_run").to_numpy(), table.pop("_target").to_numpy()
    loss, minimum, floor, part = (read_floats(targets, name)[target] for name in ("loss", "minimum", "floor", "share"))
    own = minimum + part * np.maximum(read_floats(runs, "loss_initial")[run] - minimum, floor)
    limits = [np.where(np.isnan(part), loss, own), minimum, floor]
    number = pd.Series(run).groupby(run).cumcount().to_numpy()
    row_of = np.full((len(runs), int(number.max(initial=-1)) + 1), -1)  # the table's row of each run and target
    row_of[run, number] = np.arange(len(table))
    planned, alive = _find_censored_costs(results), ~find_failed_runs(runs)
    reached = np.zeros(len(table), dtype=bool)
    clocks = {name: values[run] for name, values in planned.items()}
    for places, points in read_trajectories(results):
        for rows in row_of[places].T:
            level, minimum, floor = (np.where(rows >= 0, values[rows], np.nan) for values in limits)
            here, before, share = _find_arrivals(points, level, minimum, floor)
            arrived = (here < points.end) & alive[places]
            there = rows >= 0
            reached[rows[there]] = arrived[there]
            at, last, part, mine = here[arrived], before[arrived], share[arrived], rows[arrived]
            for name, clock in (("steps", points.step), ("samples", points.samples)):
                clocks[name][rows[there]] = planned[name][places[there]]
                clocks[name][mine] = clock[last] + part * (clock[at] - clock[last])
    table = table.assign(target=targets["target"].to_numpy()[target], reached=reached, **clocks)
    return table.assign(seconds=table["steps"] * step_seconds(runs, results.timings)[run])


def _find_arrivals(
    points: Trajectories, level: np.ndarray, minimum: np.ndarray, floor: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the point from which on each run's loss is at most its level, the one before it, and the place between.

    points: the evaluations of all runs; level, minimum, floor: (runs,) the loss to reach, f* and the rounding limit.

    Returns three arrays (runs,): the index of the first such point in `points` (`points.end` if there is none), that of
    the point before it, and the share of the way between the two at which the level is crossed, 0 to 1.
    """
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


def _find_censored_costs(results: Tables) -> dict[str, np.ndarray]:
    """Return "steps" and "samples", (runs,) each: what each run counts for a target that it does not reach.

    For a failed run these are the steps of its whole budget and their samples, else those that it made.
    """
    runs, problems = results.runs, results.problems
    made, samples = read_floats(runs, "steps"), read_floats(runs, "samples")
    bad = find_failed_runs(runs)
    steps = np.where(bad, planned_steps(runs, results.timings), made)
    with np.errstate(invalid="ignore", divide="ignore"):
        size = np.where(made > 0, samples / made, runs["batch_size"])
    given = np.where(steps > made, steps * size, samples)
    if problems is not None and "examples" in problems:
        examples = problems.drop_duplicates("problem").set_index("problem")["examples"]
        examples = runs["problem"].map(examples).to_numpy(dtype=np.float64)
        batch = np.minimum(read_floats(runs, "batch_size"), examples)
        per_epoch = np.ceil(examples / batch)
        exact, seen = (each // per_epoch * examples + each % per_epoch * batch for each in (steps, made))
        with np.errstate(invalid="ignore", divide="ignore"):
            of_step = pd.Series(samples / seen).groupby(runs["optimizer"].to_numpy()).transform("max")
        gradients = of_step.round().clip(lower=1).fillna(1)  # a failed run made no step
        given = np.where((steps > made) & np.isfinite(exact), gradients * exact, given)
    return {"steps": steps, "samples": given}


def costs(
    results: Tables,
    by: Sequence[str] | None = None,
    runs: pd.DataFrame | None = None,
    targets: pd.DataFrame | None = None,
    times: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Return all costs of each configuration, or of each group, in one table.

    by: columns that name a group; by default problem and configuration. runs: those rows of `results.runs` that
    count, such as the reported ones; by default all. targets: as for `time_to_target`. times:
    what that returns, where it is there already.

    Returns one row for each group, in order of appearance, with
      `by`, runs, seeds, failures (their share, 0 to 1), unfinished (the share that a deadline stopped);
      log_tail: the median over runs of the mean of ln max(f - f*, floor) over the last fifth of the steps;
      log_area: the same over log-spaced steps of the whole budget; in both, a failure counts as 1e6 times the first;
      test_loss and the metrics: medians over runs, a failed one counting as the worst (accuracy 0, else inf);
      and for each target, by its share: reached_0.1 (share of runs), samples_to_0.1, seconds_to_0.1 (expected running
      times: the cost of all runs over the number that reached it, or inf).
    """
    every = results.runs
    by = ["problem", *configuration_columns(every)] if by is None else list(by)
    chosen = np.ones(len(every), dtype=bool) if runs is None else every["run_id"].isin(runs["run_id"]).to_numpy()
    mine = every[chosen].reset_index(drop=True)
    group, table = number_groups(mine, by)
    bad = pd.Series(find_failed_runs(mine))
    table = table.assign(
        runs=mine.groupby(group).size(),
        seeds=mine["seed"].groupby(group).nunique(),
        failures=bad.groupby(group).mean(),
        unfinished=((mine["status"] == "deadline") & ~bad).groupby(group).mean(),
        log_tail=pd.Series(log_tail(results, chosen)).groupby(group).median(),
        log_area=pd.Series(log_area(results, chosen)).groupby(group).median(),
        **metric_medians(mine, group, len(table)),
    )
    times = time_to_target(results, targets, mine) if times is None else times
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


def timing_summary(timings: pd.DataFrame, runs: pd.DataFrame, by: Sequence[str] = ("problem",)) -> pd.DataFrame:
    """Return the totals of the `timings` table per group of runs.

    Returns columns `by`, runs, run_steps (the steps made: fewer for a run that diverged), seconds, ns_per_run_step
    (mean over the timed steps, so that long cohorts weigh more), evaluation_share (of the seconds, 0 to 1; NaN where no
    time was recorded), compile_seconds.
    """
    by = list(by)
    place = runs.drop_duplicates("cohort_id")[["cohort_id", *by]]
    table = timings.merge(place, on="cohort_id", how="inner")
    table["run_steps"] = table["cohort_id"].map(runs.groupby("cohort_id")["steps"].sum())
    table["stepping"] = table["seconds"] - table["evaluation_seconds"]
    table["timed"] = table["stepping"] / table["ns_per_run_step"].where(table["ns_per_run_step"] > 0)
    sums = ["lanes", "run_steps", "stepping", "timed", "seconds", "evaluation_seconds", "compile_seconds"]
    total = table.groupby(by, sort=False)[sums].sum().reset_index()
    out = total[by].assign(runs=total["lanes"].astype(np.int64), run_steps=total["run_steps"].astype(np.int64))
    out["seconds"] = total["seconds"]
    out["ns_per_run_step"] = total["stepping"] / total["timed"].where(total["timed"] > 0)
    out["evaluation_share"] = total["evaluation_seconds"] / total["seconds"].where(total["seconds"] > 0)
    out["compile_seconds"] = total["compile_seconds"]
    return out
