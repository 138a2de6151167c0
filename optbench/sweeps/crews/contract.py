"""What the executor asks of whoever runs its jobs."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from optbench.sweeps.jobs import Job


@dataclass(frozen=True)
class Finished:
    """A job that has ended: the files of its cohorts, in order, or why there are none."""

    job: Job
    files: tuple[bytes, ...] = ()
    failure: str = ""
    error: BaseException | None = None
    """What ends the sweep, and not the job alone."""


class Crew(Protocol):
    """Runs jobs side by side."""

    width: int
    """How many jobs it wants to hold at once, those that run and a few that wait."""

    def submit(self, job: Job, heard: Callable[[int], None], done: Callable[[Finished], None]) -> None:
        """Take a job. From any thread ``heard`` is told of run-steps made, and ``done`` once, when it has ended.

        A job that :meth:`stop` cuts off is not ``done``.
        """

    def stop(self) -> None:
        """Cut off what runs, forget what waits, and return when nothing runs any more; harmless when nothing does."""
