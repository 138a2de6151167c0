"""A sweep with a time limit: only what is complete by then is compared, so that all settings had the same.

The unit is a seed, or a block of seeds, on which all settings of a problem have run. So seeds and blocks run one after
the other, each tuning seed before one of the holdout; what is incomplete stays in the folder for a later sweep.
"""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain, zip_longest

import pandas as pd

from optbench.analysis.run_columns import drop_lost_runs
from optbench.contract.errors import Unfinished
from optbench.engine import settings
from optbench.plan import stages
from optbench.plan.planned_cohorts import Plan, PlannedCohort
from optbench.run.loop import SweepRun
from optbench.store.folder import Store

# Seconds for tables, verdicts and the page: so many, and so many more for each problem, of which paths take some; at
# most a share of the limit. Chosen by experience, not measured
_TABLES, _PER_PROBLEM, _PATHS_PER_PROBLEM = 2.0, 2.5, 0.5
_MOST = 0.4
_HOLDOUT = 0.35
"""Share of the time for runs that is kept for what follows the race until a first block has shown how long it takes."""
_MARGIN = 1.3
"""The time for what follows the race, in terms of its estimate."""
_OVERTIME = 0.08
"""Share of the limit by which the stages after the race may exceed the time for runs."""


@dataclass(frozen=True)
class TimeLimit:
    """The time that a sweep has, from now on."""

    seconds: float
    begin: float = field(default_factory=time.monotonic)

    @classmethod
    def of(cls, value: float | str | None) -> "TimeLimit | None":
        """Return the limit, which begins now, for a number of seconds or a text such as "10m"; None for None."""
        return None if value is None else cls(settings.checked("time_limit", value))

    def end_of_runs(self, problems: int) -> float:
        """Return the time.monotonic at which runs must end, so that tables and page are written within the limit."""
        return self.begin + self.seconds - min(_TABLES + _PER_PROBLEM * problems, _MOST * self.seconds)

    def end_of_paths(self, problems: int) -> float:
        """Return the time.monotonic after which no further path of a recommended run is computed."""
        return self.end_of_runs(problems) + _PATHS_PER_PROBLEM * problems


def run_within(limit: TimeLimit, sweep: SweepRun) -> frozenset[str]:
    """Run as many cohorts as the limit allows, and return the ids of those that count (see `_find_complete_cohorts`).

    Raises Unfinished if no seed, or no block of seeds, is complete.
    """
    spec, end = sweep.plan.spec, limit.end_of_runs(len(sweep.plan.problems))
    sweep.status.until = limit.begin + limit.seconds
    if spec.blocks:
        _run_blocks(limit, end, sweep)
    else:
        pairs = chain.from_iterable(zip_longest(*spec.split_seeds()))
        order = {seed: place for place, seed in enumerate(seed for seed in pairs if seed is not None)}
        sweep.run(sweep.add(sweep.plan.cohorts), until=end, priority=lambda each: order[each.cohort.seed])
    counted = _find_complete_cohorts(sweep.planned, sweep.store, bool(spec.blocks))
    if not counted:
        what = "ended before all settings of a problem had run on a first seed"
        if spec.blocks:
            what = "was too short, pauses included, for a first block of seeds with its holdout"
        kept = "what was finished is kept, run the same command again to go on"
        raise Unfinished(f"the time limit of {limit.seconds:g} s {what}; {kept}")
    return counted


def _run_blocks(limit: TimeLimit, end: float, sweep: SweepRun) -> None:
    """Run the screening and the race block by block, then the other stages of all blocks that were completed in time.

    end: the time.monotonic() at which runs must end.
    """
    plan, store, status, done = sweep.plan, sweep.store, sweep.status, list[int]()
    screens, every = sweep.add(plan.cohorts), stages.list_stages(plan)
    first = every.index(stages.plan_holdout)
    before, after = every[:first], every[first:]
    begin, reserve = time.monotonic(), _HOLDOUT * (end - time.monotonic())
    for block in range(plan.spec.blocks):
        until = end - reserve
        sweep.run([each for each in screens if each.block == block], until=until)
        if status.out_of_time:
            break
        if _read_block_runs(store, [block]).empty:
            continue
        for plan_stage in before:
            planned = plan_stage(plan, _read_block_runs(store, [block]))
            sweep.run(sweep.add(planned), until=until)
            if status.out_of_time:
                break
        if status.out_of_time:
            break
        done.append(block)
        cost = _estimate_rest(plan, after, _read_block_runs(store, done), len(done))
        reserve = _MARGIN * cost * (time.monotonic() - begin) / max(status.cost, 1.0)
    if done:
        late, status.out_of_time = status.out_of_time, False
        last = end + _OVERTIME * limit.seconds
        for plan_stage in after:
            if not status.out_of_time:
                sweep.run(sweep.add(plan_stage(plan, _read_block_runs(store, [*done, -1]))), until=last)
        status.out_of_time |= late


def _estimate_rest(plan: Plan, rest: Sequence[stages.PlanStage], runs: pd.DataFrame, blocks: int) -> float:
    """Return the cost of the stages after the race, the rest, with one block more than those that the runs are of."""
    total = 0.0
    for plan_stage in rest:
        cost = sum(each.cost for each in plan_stage(plan, runs))
        # The next block adds its choices to the holdout and to the start of the last race.
        total += cost if plan_stage in stages.IN_COMMON[1:] else cost * (blocks + 1) / blocks
    return total


def _read_block_runs(store: Store, blocks: Iterable[int]) -> pd.DataFrame:
    """Return the runs of these blocks, without pairs of problem and optimizer none of whose runs could run."""
    runs = store.runs()
    return drop_lost_runs(runs[runs["block"].isin(list(blocks))].reset_index(drop=True))


def _find_complete_cohorts(planned: Sequence[PlannedCohort], store: Store, blocks: bool) -> frozenset[str]:
    """Return the ids of the cohorts whose seed, or block of seeds, has run with all settings of their problem."""
    units: dict[tuple, list[PlannedCohort]] = {}
    for each in planned:
        unit = each.block if blocks else each.cohort.seed
        units.setdefault((each.cohort.problem.name, unit), []).append(each)
    complete = [unit for unit in units.values() if all(store.has(each.cohort_id) for each in unit)]
    if blocks:  # a block without race or holdout is as good as not begun; the last stages stand in none
        complete = [unit for unit in complete if any(each.stage == "holdout" or each.block < 0 for each in unit)]
    return frozenset(each.cohort_id for unit in complete for each in unit)
