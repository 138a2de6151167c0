"""The stages of a sweep in blocks after its screen, each planned from the tables of those before it.

In each block of seeds every optimizer draws its settings, is tuned and tested by itself, so that the luck of the draw
and of tuning is part of what is compared. All settings run on the first seeds of a block (``screen``), then others
around the best of them (``widen``, several rounds): beyond an end of what was tried, and between the rates of a grid.
The best run on some more seeds (``race``), and the one that is chosen on seeds that no choice has seen (``holdout``).
The choices of all blocks meet on seeds that they have in common (``final``), the best of them on more. The best of all
is recommended; it and its runner-up run on fresh seeds (``report``), which verdicts are about.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from optbench.analysis import protocol
from optbench.analysis.edges import find_edges
from optbench.analysis.held_out import count_report_seeds
from optbench.analysis.measures import TIME
from optbench.analysis.run_columns import configuration_columns, drop_lost_runs, find_full_batch_runs
from optbench.contract.errors import OptbenchError
from optbench.contract.optimizers import Baseline
from optbench.contract.problems import Problem
from optbench.contract.search import RATE
from optbench.contract.types import Stage
from optbench.engine.cohort import Cohort, Lane
from optbench.plan.planned_cohorts import Cohorts, LaneHashes, Plan, PlannedCohort, SeedSeries, plan_cohort
from optbench.plan.spec import COMMON_STAGES
from optbench.plan.trials import draws_schedules, list_batch_sizes

PlanStage = Callable[[Plan, pd.DataFrame], list[PlannedCohort]]
"""Returns the cohorts of a stage, planned from the runs of those before it."""
# Best settings of a block around which the screen goes on. The luck of where a grid's rates lie is the largest of all:
# simulated on recorded runs, a factor of 2 was found in 53% of sweeps by a grid of two rates a decade, in 72% if two
# rounds halve the steps around the best setting, and in 86% around the best three
_WIDENED = 2
# Settings of a level that end the last race, and the seeds on which what is recommended reports before its spread tells
# how many it takes
_LAST_RIVALS = 4
FIRST_REPORTS = 20
# Ratio of two rates between which no other is tried: two halvings of a grid of one and a half rates a decade
_FINEST = 1.6
_AXIS = ["problem", "optimizer", "block", "batch_size", "schedule"]
"""Columns of the settings whose rates make one axis."""
_KEYS = ("problem", "optimizer", "batch_size", "dtype", "block")


def join_beside(plan: Plan, runs: pd.DataFrame) -> pd.DataFrame:
    """Return the runs of a sweep with those of the sweep that it adds to, if any."""
    return runs if plan.beside is None else pd.concat([plan.beside, runs], ignore_index=True)


def list_stages(plan: Plan) -> list[PlanStage]:
    """Return the functions that plan the stages after the screen, in order; none for a sweep without blocks.

    A shard ends with its holdout, for the target that its own blocks share: the choices of all blocks, and in the end
    the target, are known where all blocks are.
    """
    if not plan.spec.blocks:
        return []
    in_blocks: list[PlanStage] = [*[plan_widening] * plan.spec.widen, plan_race, plan_holdout]
    return in_blocks if plan.shard else [*in_blocks, *IN_COMMON]


def plan_widening(plan: Plan, runs: pd.DataFrame) -> list[PlannedCohort]:
    """Return the cohorts of one more round of the screen, around the best settings of each block.

    They lie beyond the ends at which these lie, and where a grid of rates is drawn, between their rates and the next
    ones. runs: those of the screen, and of the rounds before.
    """
    runs = drop_lost_runs(runs)
    if runs.empty:
        return []  # nothing ran
    coded = {measure: protocol.code_runs(runs, measure) for measure in plan.spec.choose_by}
    best = [each.name_finalists(_WIDENED) for each in coded.values()]
    keys = ["problem", *configuration_columns(runs), "block"]
    rows = pd.concat(best)[keys].assign(best=True)
    if plan.spec.rate_grid is not None:  # at a smaller batch size another schedule may be the best
        rows = pd.concat([rows, *(each[keys].assign(best=False) for each in _select_by_schedule(coded, runs))])
    rows = _select_own(plan, rows[~rows["optimizer"].isin(plan.incumbents)]).drop_duplicates(keys, ignore_index=True)
    full = runs[["problem", "batch_size"]].assign(full_batch=find_full_batch_runs(runs)).drop_duplicates()
    rows = rows.merge(full, on=["problem", "batch_size"], how="left")
    limits = {each.name: each.all_limits for each in plan.optimizers}
    edges = find_edges(runs, rows, plan.searched, limits.get).drop_duplicates()
    edges = edges.merge(rows, on=["problem", "optimizer", "block"])
    edges = edges[edges["best"] | (edges["parameter"] == "batch_size") & (edges["side"] == "low")]
    axes = runs[[*_AXIS, RATE]].drop_duplicates().merge(rows[_AXIS].drop_duplicates(), on=_AXIS)
    rates = {key: np.sort(part) for key, part in axes.groupby(_AXIS, sort=False)[RATE].agg(list).items()}
    near = [
        each
        for edge in edges.to_dict("records") if edge["value"] == edge[edge["parameter"]]
        for each in _step_over(plan, {key: edge[key] for key in keys}, edge, rates)
    ]  # fmt: skip
    if plan.spec.rate_grid is not None:
        near += [each for row in rows.loc[rows["best"], keys].to_dict("records") for each in _step_between(row, rates)]
    if not near:
        return []
    tried = runs[runs["stage"].isin([protocol.SCREEN, protocol.WIDEN])][keys]
    found = pd.DataFrame(near)[keys].drop_duplicates()
    found = found.merge(tried.assign(tried=True), on=keys, how="left")
    return _plan_settings(plan, "widen", [found[found["tried"].isna()].drop(columns="tried")])


def _select_own(plan: Plan, settings: pd.DataFrame) -> pd.DataFrame:
    """Return the settings of the plan's own optimizers, not of those that it is beside."""
    return settings[settings["optimizer"].isin([each.name for each in plan.optimizers])]


def _select_by_schedule(coded: dict[str, protocol.CodedRuns], runs: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """Yield the best settings of each block with each schedule, for each measure.

    coded: by measure, the coded runs; runs: those of the screen.
    """
    for measure, each in coded.items():
        for _, part in runs.groupby("schedule", sort=False):
            yield protocol.select_finalists(part.reset_index(drop=True), 1, measure, targets=each.targets)


def _step_over(
    plan: Plan, setting: dict[str, Any], edge: dict[str, Any], rates: dict[tuple, np.ndarray]
) -> Iterator[dict[str, Any]]:
    """Yield the settings beyond an edge: the chosen one with its next value; with a batch size two rates come along.

    setting: the chosen one; edge: a row of `find_edges`; rates: those that were tried, by `_AXIS`.
    """
    name, wider = edge["parameter"], edge["wider"]
    if name != "batch_size":
        optimizer = next(each for each in plan.optimizers if each.name == edge["optimizer"])
        with suppress(OptbenchError):  # a whole number that has none beyond it
            if name != RATE:
                optimizer.with_values({name: wider})
            yield {**setting, name: wider}
        return
    size = min(int(wider), plan.problem(setting["problem"]).examples)
    tried, rate = rates[tuple(setting[key] for key in _AXIS)], setting[RATE]
    place = int(np.searchsorted(tried, rate))
    for near in tried[max(place - 1, 0) : place + 2]:
        yield {**setting, "batch_size": size, RATE: float(near)}


def _step_between(setting: dict[str, Any], rates: dict[tuple, np.ndarray]) -> Iterator[dict[str, Any]]:
    """Yield a setting with the rates between its own and the next ones that were tried, where these are far apart.

    rates: those that were tried, by `_AXIS`.
    """
    tried, rate = rates[tuple(setting[key] for key in _AXIS)], setting[RATE]
    place = int(np.searchsorted(tried, rate))
    for near in (*tried[max(place - 1, 0) : place], *tried[place + 1 : place + 2]):
        if max(near / rate, rate / near) > _FINEST:
            yield {**setting, RATE: float(f"{np.sqrt(near * rate):.4g}")}


def plan_race(plan: Plan, runs: pd.DataFrame) -> list[PlannedCohort]:
    """Return the cohorts of the race: the best settings of each block's screen, on its race seeds.

    runs: those of the screen.
    """
    return _plan_settings(plan, "race", [coded.name_finalists(plan.spec.finalists) for coded in _divide(plan, runs)])


def plan_holdout(plan: Plan, runs: pd.DataFrame) -> list[PlannedCohort]:
    """Return the cohorts of the holdout: what each block chose, on the block's holdout seeds.

    runs: those of the screen and the race.
    """
    return _plan_settings(plan, "holdout", [coded.name_choices() for coded in _divide(plan, runs)])


def plan_final(plan: Plan, runs: pd.DataFrame) -> list[PlannedCohort]:
    """Return the cohorts of the last race: what the blocks chose, on the first quarter of its seeds in common.

    runs: those of the screen and the race.
    """
    chosen = [coded.name_choices().assign(block=-1) for coded in _divide(plan, runs)]
    return _plan_settings(plan, "final", chosen, stop=_count_first(plan))


def plan_end_of_final(plan: Plan, runs: pd.DataFrame) -> list[PlannedCohort]:
    """Return the rest of the last race: the best of its first quarter, on its other seeds. runs: all before."""
    best = [coded.name_best_in_common(_LAST_RIVALS) for coded in _divide(plan, runs)]
    return _plan_settings(plan, "final", best, start=_count_first(plan))


def plan_report(plan: Plan, runs: pd.DataFrame) -> list[PlannedCohort]:
    """Return the cohorts of the recommended settings and their runners-up, on fresh seeds. runs: all before."""
    best = [coded.name_best_in_common(2) for coded in _divide(plan, runs)]
    return _plan_settings(plan, "report", best, stop=FIRST_REPORTS)


def plan_more_reports(plan: Plan, runs: pd.DataFrame) -> list[PlannedCohort]:
    """Return more cohorts of the recommended settings: on as many seeds as tell them from the leader. runs: all before.

    All of a problem report on the same seeds. Their number follows from the spread of what has reported, and not from
    what seems to be ahead, so verdicts stay valid (Stein 1945, Annals of Mathematical Statistics 16). An extension
    takes none away, as the spread beside another leader would.
    """
    found, needed = list[pd.DataFrame](), dict(plan.reported)
    for coded in _divide(plan, runs):
        found.append(coded.name_best_in_common(1))
        for problem, count in count_report_seeds(coded).items():
            needed[problem] = max(count, needed.get(problem, 0))
    if plan.beside is not None:  # as many as those that it is compared with
        reported = plan.beside[plan.beside["stage"] == protocol.REPORT]
        needed = reported.groupby("problem")["seed"].nunique().to_dict()
    planned = []
    for seeds in sorted({each for each in needed.values() if each > FIRST_REPORTS}):
        best = [each[each["problem"].map(needed) == seeds] for each in found]
        planned += _plan_settings(plan, "report", best, FIRST_REPORTS, seeds)
    return planned


IN_COMMON: tuple[PlanStage, ...] = (plan_final, plan_end_of_final, plan_report, plan_more_reports)
"""What follows where all blocks have run: on seeds that they have in common."""


def _count_first(plan: Plan) -> int:
    """Return the number of seeds on which all choices of the blocks meet, a quarter of those of the last race."""
    return -(-plan.spec.final // 4)


def _divide(plan: Plan, runs: pd.DataFrame) -> Iterator[protocol.CodedRuns]:
    """Yield the runs that race and report, coded for each measure to choose by and each column of levels.

    Nothing where no run could run. Optimizers choose by every measure; batch sizes and schedules, on the problems that
    have several, by the one that verdicts are about.
    """
    runs = drop_lost_runs(runs)
    if runs.empty:
        return
    by, targets = plan.spec.judge_by, None
    for measure in plan.spec.choose_by:
        yield (coded := protocol.code_runs(runs, measure, judge_by=by))
        targets = coded.targets if by == TIME else None
    levels = runs["problem"].map({problem.name: _list_levels(plan, problem) for problem in plan.problems})
    tuned = ~runs["optimizer"].isin(plan.incumbents).to_numpy()
    for name in ("batch_size", "schedule"):
        there = tuned & levels.map(lambda found, name=name: name in found).to_numpy(dtype=bool)
        if there.any():
            yield protocol.code_runs(runs[there].reset_index(drop=True), by, name, targets=targets)


def _list_levels(plan: Plan, problem: Problem) -> list[str]:
    """Return "batch_size" and "schedule" where the sweep tries several on a problem.

    SciPy's methods, which take the full batch and no schedule, do not count, nor does a schedule that trials draw: it
    is another one in each of them.
    """
    free = next((each for each in plan.optimizers if not isinstance(each, Baseline)), None)
    if free is None:
        return []
    several = len(plan.spec.schedules) > 1 and not draws_schedules(plan.spec)
    sizes = list_batch_sizes(plan.spec.sizes_of(plan.entry(problem.name)), problem, free)
    return ["batch_size"] * (len(sizes) > 1) + ["schedule"] * several


def plan_largest_stages(plan: Plan) -> dict[Stage, Cohorts]:
    """Return the later stages at about their largest size, before anything has run.

    Their settings are not known yet: an even selection from those of the screen stands for them.
    """
    spec = plan.spec
    if not spec.blocks:
        return {}
    pairs: dict[tuple[str, str], dict[int, list[Cohort]]] = {}
    for series in plan.series:
        pair = series.cohort.problem.name, series.cohort.optimizer.name
        pairs.setdefault(pair, {}).setdefault(series.block, []).append(series.cohort)
    found: dict[Stage, list[SeedSeries]] = {}
    for by_block in pairs.values():
        cohorts = next(iter(by_block.values()))  # one block stands for all
        each = len(spec.choose_by) + len(_list_levels(plan, cohorts[0].problem))
        most: dict[Stage, int] = {"race": spec.finalists * each, "holdout": each}
        if not plan.shard:
            most |= {"final": each * (spec.blocks + 3 * _LAST_RIVALS) // 4, "report": 2 * each}
        for stage, count in most.items():
            parts = spec.seeds_of(stage)
            parts = parts if stage in COMMON_STAGES else [parts[block] for block in by_block]
            seeds = [seed for part in parts for seed in part][: FIRST_REPORTS if stage == "report" else None]
            if seeds:
                found.setdefault(stage, []).extend(_select_evenly(plan, stage, count, cohorts, seeds))
    return {stage: Cohorts(tuple(series)) for stage, series in found.items()}


def _select_evenly(
    plan: Plan, stage: Stage, count: int, cohorts: list[Cohort], seeds: list[int]
) -> Iterator[SeedSeries]:
    """Yield series of ``count`` settings, evenly spread over the lanes of the cohorts, on these seeds.

    cohorts: those of one problem and optimizer.
    """
    blocks = plan.spec.block_of
    total = sum(len(cohort.lanes) for cohort in cohorts)
    count = min(count, total)
    places = [i * total // count for i in range(count)]
    first = 0  # of the pair's settings, which stand cohort by cohort
    for cohort in cohorts:
        lanes = tuple(cohort.lanes[i - first] for i in places if first <= i < first + len(cohort.lanes))
        first += len(cohort.lanes)
        if lanes:
            yield SeedSeries(replace(cohort, lanes=lanes), seeds, LaneHashes(lanes), stage, blocks)


def _plan_settings(
    plan: Plan, stage: Stage, settings: Sequence[pd.DataFrame], start: int = 0, stop: int | None = None
) -> list[PlannedCohort]:
    """Return the cohorts of settings on the stage's seeds of their block: for each seed one with all that it can hold.

    settings: rows (problem, block, configuration); those of block -1 run on the seeds that all blocks have in common,
    which `Spec.seeds_of` has as its first list. start, stop: the part of the seeds that is meant.
    """
    if not settings:
        return []
    seeds = [each[start:stop] for each in plan.spec.seeds_of(stage)]
    rows, places = find_places(plan, _select_own(plan, pd.concat(settings)))
    groups: dict[tuple, tuple[Cohort, list[Lane]]] = {}
    for row, (cohort, lane) in zip(rows.to_dict("records"), places, strict=True):
        groups.setdefault(tuple(row[key] for key in _KEYS), (cohort, []))[1].append(lane)
    planned = []
    for (*_, block), (cohort, lanes) in groups.items():
        first = replace(cohort, lanes=tuple(lanes))
        planned += [plan_cohort(first.with_seed(seed), stage, int(block)) for seed in seeds[max(block, 0)]]
    return planned


def find_places(plan: Plan, settings: pd.DataFrame) -> tuple[pd.DataFrame, list[tuple[Cohort, Lane]]]:
    """Return the settings, each once a block, and for each its (cohort, lane).

    settings: rows with problem, the columns that make a configuration, and perhaps block. The cohort has the first seed
    of the sweep, and some lane.
    """
    names = [name for each in plan.optimizers for name in each.hyperparameters]
    keys = ["problem", "optimizer", "batch_size", "dtype", "schedule", "lr", *dict.fromkeys(names), "block"]
    keys = [key for key in keys if key in settings]
    rows = settings.drop_duplicates(keys).reset_index(drop=True)
    optimizers = {each.name: each for each in plan.optimizers}
    schedules = {lane.schedule.text: lane.schedule for each in plan.series for lane in each.cohort.lanes}
    records = rows.to_dict("records")
    wanted = [
        (
            row["optimizer"],
            row["schedule"],
            row["lr"],
            *(row[name] for name in optimizers[row["optimizer"]].hyperparameters),
        )
        for row in records
    ]
    lanes, every = dict[tuple, Lane](), set(wanted)
    for cohort in {id(each.cohort.lanes): each.cohort for each in plan.series}.values():
        for lane in cohort.lanes:
            key = (cohort.optimizer.name, lane.schedule.text, lane.lr, *lane.hyperparameters.values())
            if key in every:
                lanes[key] = lane
    cohorts, places = dict[tuple, Cohort](), list[tuple[Cohort, Lane]]()
    for row, key in zip(records, wanted, strict=True):
        optimizer = optimizers[row["optimizer"]]
        if key not in lanes:  # beyond an edge of the screen
            values = optimizer.with_values({name: float(row[name]) for name in optimizer.hyperparameters})
            lanes[key] = Lane(float(row["lr"]), schedules[row["schedule"]], values)
        kind = row["problem"], optimizer.name, int(row["batch_size"]), row["dtype"]
        if kind not in cohorts:
            cohorts[kind] = plan.make_cohort(row["problem"], optimizer, (lanes[key],), kind[2], row["dtype"])
        places.append((cohorts[kind], lanes[key]))
    return rows, places
