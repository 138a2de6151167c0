"""A sweep within a time: what is complete by its end is compared, and all settings had the same.

What is complete is a seed, or a block of seeds, on which all settings of a problem have run. So seeds and blocks come
one after the other, each tuning seed with one that reports; the rest stays in the folder for whoever goes on.
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

_TABLES = 2.0
"""Seconds that tables, verdicts and the page take."""
_PROBLEM = 2.5
"""And those for each problem besides."""
_PATHS = 0.5
"""Of these, what paths take at most."""
_MOST = 0.4
"""Share of the budget that is kept for them at most."""
_UNKNOWN = 0.35
"""Share of the time for runs that is kept for the holdout's seeds before a block has told what they take."""
_ROOM = 1.3
"""What the holdout's seeds are given beyond their estimate."""
_OVER = 0.08
"""Share of the budget by which they may run over it."""

Run = Callable[[Sequence[PlannedCohort], Ways, Status], Status]


@dataclass(frozen=True)
class Budget:
    """The time of a sweep, from now on; None: as long as it takes."""

    seconds: float | None
    begin: float = field(default_factory=time.monotonic)

    @classmethod
    def of(cls, value: float | str | None) -> "Budget | None":
        """The budget that a number of seconds, or a text such as "10m", means."""
        return None if value is None else cls(settings.checked("time_limit", value))

    def end_of_runs(self, problems: int) -> float:
        """When runs must end, on time.monotonic, for tables and page to be there in time."""
        assert self.seconds is not None
        return self.begin + self.seconds - min(_TABLES + _PROBLEM * problems, _MOST * self.seconds)

    def end_of_paths(self, problems: int) -> float:
        """When no further path of a recommended run is begun."""
        return self.end_of_runs(problems) + _PATHS * problems


def run_within(budget: Budget, plan: Plan, store: Store, run: Run, ways: Ways) -> tuple[Status, frozenset[str]]:
    """Run what the budget allows. Returns the status, and the ids of the cohorts that count.

    Raises OptbenchError where no seed, or no block of seeds, has come to its end.
    """
    assert budget.seconds is not None
    end = budget.end_of_runs(len(plan.problems))
    if plan.spec.blocks:
        planned, status = _blocks(budget, end, plan, store, run, ways)
    else:
        planned = list(plan.cohorts)
        order = {seed: place for place, seed in enumerate(_interleaved(*plan.spec.split_seeds()))}
        rank = replace(ways, until=end, rank=lambda each: order[each.cohort.seed])
        status = run(store.begin(planned), rank, Status())
        store.complete(planned)
    counted = _complete(planned, store, bool(plan.spec.blocks))
    if not counted:
        unit = "block of seeds" if plan.spec.blocks else "seed"
        raise OptbenchError(
            f"the time limit of {budget.seconds:g} s ended before all settings of a problem had run on a first {unit}; "
            "what was finished is kept, run the same command again to go on"
        )
    return status, counted


def _blocks(
    budget: Budget, end: float, plan: Plan, store: Store, run: Run, ways: Ways
) -> tuple[list[PlannedCohort], Status]:
    """Screen and race block by block; then report on all blocks that came to the end of that."""
    planned = list(plan.cohorts)
    todo, done, status = store.begin(planned), list[int](), Status()
    begin, reserve = time.monotonic(), _UNKNOWN * (end - time.monotonic())
    for block in range(plan.spec.blocks):
        limited = replace(ways, until=end - reserve)
        status = run([each for each in todo if each.block == block], limited, status)
        store.complete(planned)
        if status.out_of_time:
            break
        first = len(planned)
        if (runs := _of(store, [block])) is None:
            continue
        planned += stages.race(plan, runs)
        status = run(store.begin(planned, first), limited, status)
        store.complete(planned, first)
        if status.out_of_time:
            break
        done.append(block)
        # The next block makes the holdout longer, too.
        cost = sum(each.cost for each in _holdout(plan, store, done)) * (len(done) + 1) / len(done)
        reserve = _ROOM * cost * (time.monotonic() - begin) / max(status.cost, 1.0)
    if done:
        assert budget.seconds is not None
        first = len(planned)
        planned += _holdout(plan, store, done)
        limited = replace(ways, until=end + _OVER * budget.seconds)
        late, status.out_of_time = status.out_of_time, False
        status = run(store.begin(planned, first), limited, status)
        store.complete(planned, first)
        status.out_of_time |= late
    return planned, status


def _of(store: Store, blocks: Iterable[int]) -> pd.DataFrame | None:
    """The runs of these blocks; None where none of them ran."""
    runs = store.runs()
    runs = comparable(runs[runs["block"].isin(list(blocks))].reset_index(drop=True))
    return None if runs.empty else runs


def _holdout(plan: Plan, store: Store, blocks: Sequence[int]) -> list[PlannedCohort]:
    runs = _of(store, blocks)
    return [] if runs is None else stages.holdout(plan, runs)


def _interleaved(tuning: Sequence[int], reporting: Sequence[int]) -> list[int]:
    """One that tunes, one that reports, and so on: both are there whenever the time is over."""
    pairs = chain.from_iterable(zip_longest(tuning, reporting))
    return [seed for seed in pairs if seed is not None]


def _complete(planned: Sequence[PlannedCohort], store: Store, blocks: bool) -> frozenset[str]:
    """The cohorts of each problem's seeds, or blocks, of which all cohorts are there."""
    units: dict[tuple, list[PlannedCohort]] = {}
    for each in planned:
        unit = each.block if blocks else each.cohort.seed
        units.setdefault((each.cohort.problem.name, unit), []).append(each)
    whole = [unit for unit in units.values() if all(store.has(each.cohort_id) for each in unit)]
    if blocks:  # a block that was not raced or confirmed on its holdout seeds is as good as not begun
        last = planned[-1].stage if planned else "screen"
        whole = [unit for unit in whole if any(each.stage == last == "holdout" for each in unit)]
    return frozenset(each.cohort_id for unit in whole for each in unit)
