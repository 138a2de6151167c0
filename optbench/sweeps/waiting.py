"""The jobs that nobody runs yet, from the longest to the shortest."""

from collections.abc import Callable, Iterable, Mapping

from optbench.sweeps.jobs import Job
from optbench.sweeps.planned import PlannedCohort


class Waiting:
    """``rank``: what comes first, whatever it costs. ``place_of``: where a cohort stands in the plan, by its id."""

    def __init__(self, rank: Callable[[PlannedCohort], int], place_of: Mapping[str, int]):
        self._rank, self._place_of = rank, place_of
        self._jobs = list[tuple[int, float, int, Job]]()
        """What comes first at the end."""

    def __len__(self) -> int:
        return len(self._jobs)

    def add(self, jobs: Iterable[Job]) -> None:
        """Let these wait, too."""
        self._jobs += [(*self._order(job), job) for job in jobs]
        self._jobs.sort(reverse=True)

    def longest(self) -> Job:
        """Take it; one that begins last would keep a core waiting. The tables are in the plan's order anyway."""
        return self._jobs.pop()[-1]

    def shortest(self) -> Job:
        """Take that one, of the last rank."""
        return self._jobs.pop(0)[-1]

    def _order(self, job: Job) -> tuple[int, float, int]:
        first = job.planned[0]
        return self._rank(first), -sum(each.cost for each in job.planned), self._place_of[first.cohort_id]
