"""Which crew runs a sweep: threads of this process, or workers of dask."""

import contextlib
from collections.abc import Iterator

from optbench.contract.errors import OptbenchError, unknown
from optbench.sweeps.crews.contract import Crew
from optbench.sweeps.plan import Plan

EXECUTORS = ("threads", "dask")


@contextlib.contextmanager
def crew_for(plan: Plan, executor: str, scheduler: str | None, workers: int) -> Iterator[Crew | None]:
    """The crew that was asked for, for all stages of a sweep; None for threads. Raises OptbenchError."""
    if executor not in EXECUTORS:
        raise unknown("executor", executor, EXECUTORS)
    if executor == "threads":
        if scheduler is not None:
            raise OptbenchError("a scheduler needs the executor dask: --executor dask --scheduler ADDRESS")
        yield None
        return
    if plan.device != "cpu":
        raise OptbenchError("the executor dask runs on CPUs: leave --device out, or take --executor threads")
    from optbench.sweeps.crews.dask import DaskCrew
    from optbench.sweeps.crews.dask_connection import Connection
    from optbench.sweeps.parcels import pack

    parcel = pack(plan.spec.plugins, [problem.digest for problem in plan.problems])
    crew = DaskCrew(Connection(scheduler, workers, parcel.versions), parcel)
    try:
        yield crew
    finally:
        crew.stop()
