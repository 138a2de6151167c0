"""Isolation: which parts of a sweep run in worker processes, by default what comes from a user's file."""

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from optbench.contract import arguments
from optbench.contract.errors import OptbenchError
from optbench.contract.problems import Problem
from optbench.contract.source_code import SourceFile
from optbench.engine import settings
from optbench.engine.cohort import Cohort, Lane
from optbench.engine.run import limited_threads
from optbench.sweeps import trajectories
from optbench.sweeps.chosen import Code, write_code
from optbench.sweeps.plan import PlannedCohort, has_user_code, plan_cohort
from optbench.sweeps.run.processes import Died, Limits, ProcessExecutor, WorkerProcess, worker_limits
from optbench.sweeps.serialization import cohort_to_json
from optbench.sweeps.spec import Spec

MODES = ("auto", "always", "never")
_MOST_CRASHES = 2
"""Processes that may die of what the tables need beside the runs."""


@dataclass(frozen=True)
class Isolation:
    """A choice of cohorts that run in worker processes, and their limits. Raises OptbenchError for an unknown mode."""

    mode: str = "auto"
    stall: float | str = Limits.stall
    """Seconds without a sign of progress after which a worker is killed."""
    memory: float | None = None
    """Bytes that a worker may take; by default a share of the machine's."""

    def __post_init__(self) -> None:
        """Check the mode, and read the time without progress. Raises OptbenchError."""
        arguments.one_of("isolate", self.mode, MODES)
        object.__setattr__(self, "stall", settings.checked("worker_timeout", self.stall))

    def isolates_cohort(self, planned: PlannedCohort) -> bool:
        """Return whether the cohort runs in a worker process. A GPU's do not: all share its memory."""
        cohort = planned.cohort
        schedules = {id(lane.schedule): lane.schedule for lane in cohort.lanes}.values()
        records = (cohort.problem, cohort.optimizer, *schedules)
        return cohort.device == "cpu" and any(self.isolates_record(record.origins) for record in records)

    def isolates_record(self, origins: tuple[SourceFile, ...]) -> bool:
        """Return whether a record with these files is used in worker processes only."""
        return self.mode == "always" or (self.mode == "auto" and has_user_code(origins))

    def isolates_plan(self, spec: Spec) -> bool:
        """Return whether the user's files are loaded in worker processes only."""
        return self.mode != "never" and bool(spec.plugins)

    def executor(self, workers: int, plugins: Sequence[str]) -> ProcessExecutor:
        """Return an executor of worker processes; none starts before there is work for it."""
        return ProcessExecutor(workers, plugins, float(self.stall), self.memory)

    def worker(self) -> WorkerProcess:
        """Start a worker process by itself, which may take the memory of all."""
        return WorkerProcess(worker_limits(1, float(self.stall), self.memory))

    def plan_data(self, spec: Spec) -> Mapping[str, Any]:
        """Return the sweep's plan, made in a worker process, as data without the user's objects.

        Keys: "broken", the tracebacks of files that do not load; either "error", its text, or "plan" and "files", the
        files of its data sets; and "findings", a line for each fault of the user's records, unless the process died.

        Raises OptbenchError if that process dies, gives no sign of life for too long, or takes too much memory.
        """
        files = ", ".join(Path(file).name for file in spec.plugins)
        with contextlib.closing(self.worker()) as worker:
            try:
                ok, answer, _ = worker.ask("plan", spec.to_toml())
            except Died as error:
                raise OptbenchError(f"the plug-in {files}: while {worker.state}: {error}") from None
            if not ok:
                raise OptbenchError(f"the plug-in {files}: {answer}")
            if "plan" in answer:
                with contextlib.suppress(Died):  # its runs will say why
                    answer["findings"] = worker.ask("findings")[1]
        return answer


class UserCode:
    """Runs what the tables of a sweep need beside its runs; a user's code in a worker process.

    The process starts when it is needed, and again after it has died. After a few crashes nothing more is tried: the
    runs are there, and only a figure or a snippet is missing.
    """

    def __init__(self, isolation: Isolation, plugins: Sequence[str]):
        """Take what runs isolated, and the paths of the plug-ins; no process starts before the first request."""
        self._isolation, self._plugins, self._crashes = isolation, list(plugins), 0
        self._worker: WorkerProcess | None = None

    def _ask(self, kind: str, *arguments: Any) -> Any | None:
        """Return the worker's answer to a request; None if it fails, dies, or has died too often before."""
        if self._crashes >= _MOST_CRASHES:
            return None
        self._worker = self._worker or self._isolation.worker()
        try:
            ok, answer, _ = self._worker.ask(kind, self._plugins, *arguments)
        except Died:
            self._crashes += 1
            self.close()
            return None
        return answer if ok else None

    def close(self) -> None:
        """End the worker process, if there is one."""
        if self._worker is not None:
            self._worker.close()
            self._worker = None

    def compute_grids(self, problems: Iterable[Problem]) -> Mapping[str, pa.Table | None]:
        """Return the landscapes of the user's problems by name, as tables; None for those that have none."""
        grids: dict[str, pa.Table | None] = {}
        for problem in problems:
            if self._isolation.isolates_record(problem.origins):
                flat = problem.dim == 2 and problem.domain is not None
                columns = self._ask("grid", problem.name, problem.domain) if flat else None
                grids[problem.name] = None if columns is None else pa.table(columns)
        return grids

    def run_trajectory(self, planned: PlannedCohort) -> pa.Table | None:
        """Run a cohort and return the trajectory of its first lane, a table; None if it could not run."""
        if self._isolation.isolates_cohort(planned):
            columns = self._ask("trajectory", cohort_to_json(planned))
            return None if columns is None else pa.table(columns)
        try:
            with limited_threads():
                return trajectories.run_trajectory(planned)
        except (Exception, SystemExit):  # its runs are there; the steps between their points are not
            return None

    def write_codes(self, cohort: Cohort, lane: Lane, epochs: int, remark: str) -> Code:
        """Return the code of a setting for each library that can express it."""
        if not self._isolation.isolates_record(cohort.optimizer.origins + lane.schedule.origins):
            return write_code(cohort, lane, epochs, remark)
        one = plan_cohort(replace(cohort, lanes=(lane,)))
        return self._ask("codes", cohort_to_json(one), epochs, remark) or []
