"""The stages race and holdout of a sweep in blocks, planned from the tables of the earlier stages.

In each block of seeds every optimizer is tuned and tested by itself, so that the luck of tuning is part of what is
compared. All settings run on the first seeds of a block (``screen``), its best on some more (``race``); the one that
is chosen then runs on seeds that no choice has seen (``holdout``), beside the one setting that all blocks recommend.
"""

from collections.abc import Iterator
from dataclasses import replace

import pandas as pd

from optbench.analysis import protocol
from optbench.analysis.columns import configuration_columns, drop_lost_runs
from optbench.contract.types import Stage
from optbench.engine.cohort import Cohort, Lane
from optbench.sweeps.plan import Cohorts, LaneHashes, Plan, PlannedCohort, SeedSeries, plan_cohort
from optbench.sweeps.spec import column_of_measure


def plan_race(plan: Plan, runs: pd.DataFrame) -> list[PlannedCohort]:
    """Return the cohorts of the race: the best settings of each block's screen, on its race seeds.

    runs: those of the screen.
    """
    runs = drop_lost_runs(runs)
    if runs.empty:
        return []  # nothing ran
    return _plan_settings(
        plan, runs, "race", protocol.select_finalists(runs, plan.spec.finalists, column_of_measure(plan.spec.judge_by))
    )


def plan_holdout(plan: Plan, runs: pd.DataFrame) -> list[PlannedCohort]:
    """Return the cohorts of the holdout: what each block chose and all recommend, on the block's holdout seeds.

    runs: those of the screen and the race.
    """
    spec, runs = plan.spec, drop_lost_runs(runs)
    if runs.empty:
        return []
    chosen = protocol.choose_settings(runs, column_of_measure(spec.judge_by))
    if plan.shard:  # what all blocks recommend is known where all blocks are
        return _plan_settings(plan, runs, "holdout", chosen)
    recommended = protocol.recommend_settings(runs, column_of_measure(spec.judge_by))
    everywhere = recommended.merge(pd.DataFrame({"block": sorted(set(runs["block"]))}), how="cross")
    return _plan_settings(plan, runs, "holdout", pd.concat([chosen, everywhere]))


STAGES = {"race": plan_race, "holdout": plan_holdout}
"""The stages after the screen, in order."""


def plan_largest_stages(plan: Plan) -> dict[Stage, Cohorts]:
    """Return the later stages at their largest possible size, before anything has run.

    Their settings are not known yet: an even selection from those of the screen stands for them.
    """
    spec = plan.spec
    # A block's holdout runs what it has chosen, and what all of them recommend.
    most: dict[Stage, int] = {"race": spec.finalists, "holdout": 2}
    pairs: dict[tuple[str, str], dict[int, list[Cohort]]] = {}
    for each in plan.series if spec.blocks else ():
        by_block = pairs.setdefault((each.cohort.problem.name, each.cohort.optimizer.name), {})
        by_block.setdefault(each.block, []).append(each.cohort)
    firsts = [next(iter(by_block.values())) for by_block in pairs.values()]  # one block stands for all
    stages = {}
    for stage, count in most.items():
        series = [each for cohorts in firsts for each in _select_evenly(plan, stage, count, cohorts)]
        stages[stage] = Cohorts(tuple(series))
    return stages


def _select_evenly(plan: Plan, stage: Stage, count: int, cohorts: list[Cohort]) -> Iterator[SeedSeries]:
    """Yield series of ``count`` settings, evenly spread over the lanes of the cohorts, on all seeds of the stage.

    cohorts: those of one problem and optimizer.
    """
    seeds, blocks = [seed for block in plan.spec.seeds_of(stage) for seed in block], plan.spec.block_of
    total = sum(len(cohort.lanes) for cohort in cohorts)
    count = min(count, total)
    places = [i * total // count for i in range(count)]
    first = 0  # of the pair's settings, which stand cohort by cohort
    for cohort in cohorts:
        lanes = tuple(cohort.lanes[i - first] for i in places if first <= i < first + len(cohort.lanes))
        first += len(cohort.lanes)
        if lanes:
            yield SeedSeries(replace(cohort, lanes=lanes), seeds, LaneHashes(lanes), stage, blocks)


def _plan_settings(plan: Plan, runs: pd.DataFrame, stage: Stage, settings: pd.DataFrame) -> list[PlannedCohort]:
    """Return the cohorts of distinct settings (problem, block, configuration) on the stage's seeds of their block."""
    rows, places = find_in_plan(plan, runs, settings)
    groups: dict[tuple, tuple[Cohort, list[Lane]]] = {}
    for block, (cohort, lane) in zip(rows["block"], places, strict=True):
        key = (cohort.problem.name, cohort.optimizer.name, cohort.batch_size, cohort.dtype, int(block))
        groups.setdefault(key, (cohort, []))[1].append(lane)
    seeds, planned = plan.spec.seeds_of(stage), []
    for (*_, block), (cohort, lanes) in groups.items():
        first = replace(cohort, lanes=tuple(lanes))
        planned += [plan_cohort(first.with_seed(seed), stage, block) for seed in seeds[block]]
    return planned


def find_in_plan(
    plan: Plan, runs: pd.DataFrame, settings: pd.DataFrame
) -> tuple[pd.DataFrame, list[tuple[Cohort, Lane]]]:
    """Return the settings, each once a block, and for each its (cohort, lane) of the plan.

    settings: rows with the columns that make a setting, such as ``problem`` and ``lr``. The cohort has the seed of the
    setting's first run in ``runs``.
    """
    keys = ["problem", *configuration_columns(runs)]
    first = runs[runs["stage"].isin(["screen", "grid"])].drop_duplicates(keys)
    rows = settings.merge(first[[*keys, "run_id"]], on=keys).drop_duplicates(
        ["run_id", "block"] if "block" in settings else "run_id"
    )
    wanted = set(rows["run_id"])
    # The ids of a run are a hash: those of all cohorts would take longer than what is done with a few of them.
    of_them = first[first["run_id"].isin(wanted)]
    cohorts = set(of_them[["problem", "optimizer", "batch_size", "seed"]].itertuples(index=False, name=None))
    known = {
        run_id: (each.cohort, lane)
        for each in plan.cohorts
        if (each.cohort.problem.name, each.cohort.optimizer.name, each.cohort.batch_size, each.cohort.seed) in cohorts
        for run_id, lane in zip(each.run_ids, each.cohort.lanes, strict=True)
        if run_id in wanted
    }
    return rows, [known[run_id] for run_id in rows["run_id"]]
