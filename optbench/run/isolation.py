"""Isolation: which parts of a sweep run in worker processes, by default what comes from a user's file."""

import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa

from optbench.checks import find_failures
from optbench.checks.quick import find_faults
from optbench.contract import arguments
from optbench.contract.errors import OptbenchError
from optbench.contract.problems import Problem
from optbench.contract.schedules import Schedule
from optbench.contract.source_code import SourceFile
from optbench.engine import settings
from optbench.engine.cohort import Cohort, Lane
from optbench.engine.run_cohorts import compile_for, limited_threads
from optbench.plan.planned_cohorts import Plan, PlannedCohort, has_user_code, plan_cohort
from optbench.run import recorded_paths
from optbench.run.chosen import Code, write_code
from optbench.run.processes import COMPILE_SECONDS, Died, ProcessExecutor, Report, WorkerProcess, load_plugins
from optbench.run.serialization import cohort_from_json, cohort_to_json
from optbench.store.rows import make_landscape

MODES = ("auto", "always", "never")
_MOST_CRASHES = 2
"""Processes that may die of what the tables need beside the runs."""


@dataclass(frozen=True)
class Isolation:
    """A choice of cohorts that run in worker processes, and their limit. Raises OptbenchError for an unknown mode."""

    mode: str = "auto"
    stall: float | str = 60.0
    """Seconds without a sign of progress after which a worker is killed."""

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

    def executor(self, workers: int, plugins: Sequence[str]) -> ProcessExecutor:
        """Return an executor of worker processes; none starts before there is work for it."""
        return ProcessExecutor(workers, plugins, float(self.stall))

    def find_faults(self, plan: Plan, whole: bool = False) -> tuple[str, ...]:
        """Return what quick checks in a worker process find wrong with the user's records of a plan, a line each.

        Nothing if that process dies: the runs will say why. whole: of optimizers by all checks, which compile; then
        raises OptbenchError for one of no use.
        """
        own = [
            ("problem", record.name, *record.fold) if isinstance(record, Problem)
            else ("schedule", record.text) if isinstance(record, Schedule) else ("optimizer", record.name)
            for record in plan.records() if has_user_code(record.origins)
        ]  # fmt: skip
        if own and self.mode != "never":
            ignored = (Died,) if whole else (Died, OptbenchError)
            with contextlib.closing(WorkerProcess()) as worker, contextlib.suppress(*ignored):
                return tuple(worker.call(_find_faults, plan.spec.plugins, own, whole, seconds=COMPILE_SECONDS))
        return ()


def _find_faults(report: Report, plugins: tuple[str, ...], own: list[tuple], whole: bool) -> list[str]:
    """Return the faults of these records (kind, name and the arguments of its builder), as `Isolation.find_faults`."""
    catalogue, found = load_plugins(plugins), []
    for kind, name, *fold in own:
        made = getattr(catalogue, kind)(name, *fold)
        record = made[0] if kind == "optimizer" else made
        texts = find_failures(record) if whole and kind == "optimizer" else find_faults(record)
        found += [f"{text} (optbench check {record.origins[0].file.name})" for text in texts]
    return found


class UserCode:
    """Runs what the tables of a sweep need beside its runs; a user's code in a worker process.

    The process starts when it is needed, and again after it has died. After a few crashes nothing more is tried: the
    runs are there, and only a figure or a snippet is missing.
    """

    def __init__(self, isolation: Isolation, plugins: Sequence[str]):
        """Take what runs isolated, and the paths of the plug-ins; no process starts before the first request."""
        self._isolation, self._plugins, self._crashes = isolation, tuple(plugins), 0
        self._seconds = max(float(isolation.stall), COMPILE_SECONDS)
        self._worker: WorkerProcess | None = None

    def _ask(self, function: Callable[..., Any], *arguments: Any) -> Any | None:
        """Return what a function returns in the worker; None if it fails, dies, or has died too often before."""
        if self._crashes >= _MOST_CRASHES:
            return None
        self._worker = self._worker or WorkerProcess()
        try:
            return self._worker.call(function, self._plugins, *arguments, seconds=self._seconds)
        except OptbenchError:
            return None
        except Died:
            self._crashes += 1
            self.close()
            return None

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
                grids[problem.name] = self._ask(_make_grid, problem.name, problem.domain) if flat else None
        return grids

    def run_trajectory(self, planned: PlannedCohort) -> pa.Table | None:
        """Run a cohort and return the trajectory of its first lane, a table; None if it could not run."""
        if self._isolation.isolates_cohort(planned):
            return self._ask(_run_trajectory, cohort_to_json(planned))
        try:
            with limited_threads():
                return recorded_paths.run_trajectory(planned)
        except (Exception, SystemExit):  # its runs are there; the steps between their points are not
            return None

    def write_codes(self, cohort: Cohort, lane: Lane, epochs: int, remark: str) -> Code:
        """Return the code of a setting for each library that can express it."""
        if not self._isolation.isolates_record(cohort.optimizer.origins + lane.schedule.origins):
            return write_code(cohort, lane, epochs, remark)
        one = plan_cohort(replace(cohort, lanes=(lane,)))
        return self._ask(_write_codes, cohort_to_json(one), epochs, remark) or []


def _make_grid(report: Report, plugins: tuple[str, ...], name: str, domain: Any) -> pa.Table:
    """Return the landscape over a domain of a problem of this name."""
    return make_landscape(replace(load_plugins(plugins).problem(name), domain=domain))


def _run_trajectory(report: Report, plugins: tuple[str, ...], data: Mapping[str, Any]) -> pa.Table:
    """Return the trajectory of the first lane of a cohort."""
    planned = cohort_from_json(data, load_plugins(plugins))
    compile_for(planned.cohort)
    with limited_threads():
        return recorded_paths.run_trajectory(planned)


def _write_codes(report: Report, plugins: tuple[str, ...], data: Mapping[str, Any], epochs: int, remark: str) -> Code:
    """Return the code of the setting of a cohort's first lane, library by library."""
    cohort = cohort_from_json(data, load_plugins(plugins)).cohort
    return write_code(cohort, cohort.lanes[0], epochs, remark)
