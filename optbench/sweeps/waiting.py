"""The jobs that nobody runs yet, from the longest to the shortest."""

from bisect import insort
from collections.abc import Callable, Mapping

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

    def add(self, job: Job) -> None:
        """Let it wait, too."""
        first = job.planned[0]
        cost = sum(each.cost for each in job.planned)
        insort(self._jobs, (-self._rank(first), cost, -self._place_of[first.cohort_id], job))

    def longest(self) -> Job:
        """Take it; one that begins last would keep a core waiting. The tables are in the plan's order anyway."""
        return self._jobs.pop()[-1]

    def shortest(self) -> Job:
        """Take that one, of the last rank."""
        return self._jobs.pop(0)[-1]
