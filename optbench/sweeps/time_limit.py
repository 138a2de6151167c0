"""A sweep with a time limit: only what is complete by then is compared, so that all settings had the same.

The unit is a seed, or a block of seeds, on which all settings of a problem have run. So seeds and blocks run one after
the other, each tuning seed before one of the holdout; what is incomplete stays in the folder for a later sweep.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, zip_longest

import pandas as pd

from optbench.analysis.columns import comparable
from optbench.contract.errors import OptbenchError
from optbench.engine import settings
from optbench.sweeps import stages
from optbench.sweeps.executor import Status, Ways
from optbench.sweeps.plan import Plan
from optbench.sweeps.planned import PlannedCohort
from optbench.sweeps.store.folder import Store

# Seconds for tables, verdicts and the page: so many, and so many more for each problem, of which paths take some; at
# most a share of the limit. Chosen by experience, not measured
_TABLES, _PER_PROBLEM, _PATHS_PER_PROBLEM = 2.0, 2.5, 0.5
_MOST = 0.4
_HOLDOUT = 0.35
"""Share of the time for runs that is kept for the holdout until a first block has shown how long it takes."""
_MARGIN = 1.3
"""The time for the holdout, in terms of its estimate."""
_OVERTIME = 0.08
"""Share of the limit by which the holdout may exceed the time for runs."""

Run = Callable[[Sequence[PlannedCohort], Ways, Status], Status]


@dataclass(frozen=True)
class TimeLimit:
    """The time that a sweep has, from now on."""

    seconds: float
    begin: float = field(default_factory=time.monotonic)

    @classmethod
    def of(cls, value: float | str | None) -> "TimeLimit | None":
        """Return the limit of a number of seconds, or a text such as "10m"; None for None."""
        return None if value is None else cls(settings.checked("time_limit", value))

    def end_of_runs(self, problems: int) -> float:
        """Return when runs must end, on time.monotonic, for tables and page to be there in time."""
        return self.begin + self.seconds - min(_TABLES + _PER_PROBLEM * problems, _MOST * self.seconds)

    def end_of_paths(self, problems: int) -> float:
        """Return when no further path of a recommended run is begun."""
        return self.end_of_runs(problems) + _PATHS_PER_PROBLEM * problems


def run_within(limit: TimeLimit, plan: Plan, store: Store, run: Run, ways: Ways) -> tuple[Status, frozenset[str]]:
    """Run as much as the limit allows. Return the status, and the ids of the cohorts that count.

    Raises OptbenchError where no seed, or no block of seeds, is complete.
    """
    end = limit.end_of_runs(len(plan.problems))
    if plan.spec.blocks:
        planned, status = _run_blocks(limit, end, plan, store, run, ways)
    else:
        planned = list(plan.cohorts)
        pairs = chain.from_iterable(zip_longest(*plan.spec.split_seeds()))
        order = {seed: place for place, seed in enumerate(seed for seed in pairs if seed is not None)}
        rank = replace(ways, until=end, rank=lambda each: order[each.cohort.seed])
        status = run(store.begin(planned), rank, Status())
        store.complete(planned)
    counted = _complete(planned, store, bool(plan.spec.blocks))
    if not counted:
        unit = "block of seeds" if plan.spec.blocks else "seed"
        raise OptbenchError(
            f"the time limit of {limit.seconds:g} s ended before all settings of a problem had run on a first {unit}; "
            "what was finished is kept, run the same command again to go on"
        )
    return status, counted


def _run_blocks(
    limit: TimeLimit, end: float, plan: Plan, store: Store, run: Run, ways: Ways
) -> tuple[list[PlannedCohort], Status]:
    """Screen and race block by block; then run the holdout of all blocks that came so far."""
    planned = list(plan.cohorts)
    todo, done, status = store.begin(planned), list[int](), Status()
    begin, reserve = time.monotonic(), _HOLDOUT * (end - time.monotonic())
    for block in range(plan.spec.blocks):
        limited = replace(ways, until=end - reserve)
        status = run([each for each in todo if each.block == block], limited, status)
        store.complete(planned)
        if status.out_of_time:
            break
        first = len(planned)
        if (runs := _runs_of(store, [block])) is None:
            continue
        planned += stages.race(plan, runs)
        status = run(store.begin(planned, first), limited, status)
        store.complete(planned, first)
        if status.out_of_time:
            break
        done.append(block)
        # The next block adds to the holdout, too.
        cost = sum(each.cost for each in _holdout(plan, store, done)) * (len(done) + 1) / len(done)
        reserve = _MARGIN * cost * (time.monotonic() - begin) / max(status.cost, 1.0)
    if done:
        first = len(planned)
        planned += _holdout(plan, store, done)
        limited = replace(ways, until=end + _OVERTIME * limit.seconds)
        late, status.out_of_time = status.out_of_time, False
        status = run(store.begin(planned, first), limited, status)
        store.complete(planned, first)
        status.out_of_time |= late
    return planned, status


def _runs_of(store: Store, blocks: Iterable[int]) -> pd.DataFrame | None:
    """Return the runs of these blocks; None where none of them ran."""
    runs = store.runs()
    runs = comparable(runs[runs["block"].isin(list(blocks))].reset_index(drop=True))
    return None if runs.empty else runs


def _holdout(plan: Plan, store: Store, blocks: Sequence[int]) -> list[PlannedCohort]:
    runs = _runs_of(store, blocks)
    return [] if runs is None else stages.holdout(plan, runs)


def _complete(planned: Sequence[PlannedCohort], store: Store, blocks: bool) -> frozenset[str]:
    """Return the ids of the cohorts of each problem's complete seeds, or blocks."""
    units: dict[tuple, list[PlannedCohort]] = {}
    for each in planned:
        unit = each.block if blocks else each.cohort.seed
        units.setdefault((each.cohort.problem.name, unit), []).append(each)
    complete = [unit for unit in units.values() if all(store.has(each.cohort_id) for each in unit)]
    if blocks:  # a block without race or holdout is as good as not begun
        last = planned[-1].stage if planned else "screen"
        complete = [unit for unit in complete if any(each.stage == last == "holdout" for each in unit)]
    return frozenset(each.cohort_id for unit in complete for each in unit)
