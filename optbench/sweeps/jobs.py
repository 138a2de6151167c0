"""Planned cohorts -> jobs, each one call of the engine: a cohort on the CPU, or many cohorts at once on a GPU."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from optbench.engine.outcome import CohortOutcome
from optbench.engine.run import run_together
from optbench.sweeps.planned import PlannedCohort
from optbench.sweeps.store.cohort_files import encode
from optbench.sweeps.tables import tables


@dataclass(frozen=True)
class Job:
    """Cohorts that differ in nothing but their seed and ids; on the CPU it is one."""

    planned: tuple[PlannedCohort, ...]
    note: str = ""
    """Why the CPU must do what a GPU was meant to do."""

    @property
    def device(self) -> str:
        return self.planned[0].cohort.device

    @property
    def pair(self) -> str:
        return self.planned[0].cohort.pair

    def run(self, progress: Callable[[int], None], stop: Callable[[], bool]) -> list[CohortOutcome]:
        """The outcomes of the cohorts, in order. Raises runner.Cancelled once ``stop`` says yes."""
        outcomes = run_together([planned.cohort for planned in self.planned], progress, stop)
        for outcome in outcomes:
            outcome.device_note = self.note or outcome.device_note
        return outcomes

    def files(self, threads: int, progress: Callable[[int], None], stop: Callable[[], bool]) -> tuple[bytes, ...]:
        """Run them, and the content of the file of each. ``threads``: how many the timings' table names."""
        outcomes = zip(self.planned, self.run(progress, stop), strict=True)
        return tuple(
            encode(each.cohort_id, tables(each.cohort, outcome, each.key, each.run_ids, threads))
            for each, outcome in outcomes
        )


def grouped(
    planned: Iterable[PlannedCohort], key: Callable[[PlannedCohort], object] = lambda each: None
) -> list[list[PlannedCohort]]:
    """The cohorts of one problem, optimizer and dtype for which ``key`` says the same, together; in order."""
    groups: dict[tuple, list[PlannedCohort]] = {}
    for each in planned:
        cohort = each.cohort
        groups.setdefault((cohort.problem.name, cohort.optimizer.name, cohort.dtype, key(each)), []).append(each)
    return list(groups.values())


def same_launch(planned: PlannedCohort) -> tuple:
    """What cohorts must share, besides problem, optimizer and dtype, to run in one launch of a GPU."""
    cohort = planned.cohort
    return cohort.batch_size, cohort.steps, cohort.deadline
