"""What of a sweep runs in processes of its own: what comes from a user's file, unless all or nothing is asked for."""

import contextlib
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa

from optbench.contract import arguments
from optbench.contract.errors import OptbenchError
from optbench.contract.problems import Problem
from optbench.contract.source_code import SourceFile
from optbench.engine import settings
from optbench.engine.cohort import Cohort, Lane
from optbench.engine.run import side_by_side
from optbench.sweeps import walks
from optbench.sweeps.crews.process import Died, Limits, Process
from optbench.sweeps.crews.processes import ProcessCrew, limits_for
from optbench.sweeps.executor import Ways
from optbench.sweeps.isolated import foreign
from optbench.sweeps.planned import PlannedCohort, planned_cohort
from optbench.sweeps.recipes import recipe_of, to_json
from optbench.sweeps.snippets import Code, codes
from optbench.sweeps.spec import Spec
from optbench.sweeps.spec_files import to_toml

Mode = Literal["auto", "always", "never"]
MODES = ("auto", "always", "never")
_DEATHS = 2
"""So often a process may die of what the tables need beside the runs."""


@dataclass(frozen=True)
class Isolation:
    """Which cohorts run in worker processes, and what those may take. Raises OptbenchError for a word it is not."""

    mode: str = "auto"
    stall: float | str = Limits.stall
    """Seconds without a sign of progress after which a worker is ended."""
    memory: float | None = None
    """Bytes that a worker may take; by default a share of the machine's."""

    _known: dict[int, tuple[object, bool]] = field(default_factory=dict, repr=False, compare=False)
    """By the identity of lanes, which cohorts that differ in their seed share: the lanes, and what was found."""

    def __post_init__(self) -> None:
        arguments.word("isolate", self.mode, MODES)
        object.__setattr__(self, "stall", settings.checked("worker_timeout", self.stall))

    @property
    def patience(self) -> float:
        """``stall`` as a number."""
        return float(self.stall)

    def ways(self, crew: ProcessCrew, plugins: Sequence[str], long: bool = False, **more: Any) -> Ways:
        """How a sweep with these plug-ins is run; long: whether other libraries' steps take so long that processes of
        their own pay, for threads would take turns at them; more: further fields."""
        if not plugins and not long and self.mode != "always":
            return Ways(**more)
        return Ways(apart=self.apart, processes=crew, **more)

    def apart(self, planned: PlannedCohort) -> bool:
        """Whether the cohort runs in a worker process. A GPU's stay here: its memory is shared by all."""
        cohort = planned.cohort
        if self.mode != "auto" or cohort.device != "cpu":
            return self.mode == "always" and cohort.device == "cpu"
        lanes = cohort.lanes
        if id(lanes) not in self._known:
            schedules = {id(lane.schedule): lane.schedule for lane in lanes}
            self._known[id(lanes)] = lanes, any(foreign(schedule.origins) for schedule in schedules.values())
        return foreign(cohort.problem.origins) or foreign(cohort.optimizer.origins) or self._known[id(lanes)][1]

    @contextmanager
    def crew(self, workers: int, plugins: Sequence[str]) -> Iterator[ProcessCrew]:
        """The processes; none is started before there is work for it."""
        crew = ProcessCrew(workers, plugins, self.patience, self.memory)
        try:
            yield crew
        finally:
            crew.stop()

    def plans_apart(self, spec: Spec) -> bool:
        """Return whether the user's files are loaded in worker processes only."""
        return self.mode != "never" and bool(spec.plugins)

    def plan_data(self, spec: Spec) -> Mapping[str, Any]:
        """Return what a worker process gives of the sweep: its plan as data, and what is wrong with the user's files.

        Raises OptbenchError where that process dies, is silent for too long or takes too much memory.
        """
        files = ", ".join(Path(file).name for file in spec.plugins)
        with self._process() as process:
            try:
                ok, answer, _ = process.ask("plan", to_toml(spec))
            except Died as error:
                raise OptbenchError(f"the plug-in {files}: while {process.state}: {error}") from None
            if not ok:
                raise OptbenchError(f"the plug-in {files}: {answer}")
            if "plan" in answer:
                with contextlib.suppress(Died):  # its runs will say why
                    answer["findings"] = process.ask("findings")[1]
        return answer

    def is_apart(self, origins: tuple[SourceFile, ...]) -> bool:
        """Return whether a record with these files runs in worker processes."""
        return self.mode == "always" or (self.mode == "auto" and foreign(origins))

    @contextmanager
    def user_code(self, plugins: Sequence[str]) -> Iterator["UserCode"]:
        """Give what runs the user's code for a sweep's tables, beside its runs."""
        with contextlib.ExitStack() as processes:
            yield UserCode(self, plugins, lambda: processes.enter_context(self._process()))

    @contextmanager
    def _process(self) -> Iterator[Process]:
        limits = limits_for(1, self.patience, self.memory)
        with tempfile.TemporaryDirectory(prefix="optbench-", ignore_cleanup_errors=True) as folder:
            process = Process(Path(folder) / "compiling", limits)
            try:
                yield process
            finally:
                process.end()


class UserCode:
    """Runs what a sweep's tables need beside its runs; where that is a user's code, in a worker process.

    The process is started when it is needed, and again after it has died. After a few deaths nothing more is tried:
    the runs are there, and what is missing in the tables is a figure's, or a snippet's.
    """

    def __init__(self, isolation: Isolation, plugins: Sequence[str], start: Callable[[], Process]):
        self._isolation, self._plugins, self._start = isolation, list(plugins), start
        self._process: Process | None = None
        self._deaths = 0

    def _ask(self, kind: str, *arguments: Any) -> Any | None:
        if self._deaths >= _DEATHS:
            return None
        self._process = self._process or self._start()
        try:
            ok, answer, _ = self._process.ask(kind, *arguments)
        except Died:
            self._deaths, self._process = self._deaths + 1, None
            return None
        return answer if ok else None

    def grids(self, problems: Iterable[Problem]) -> Mapping[str, pa.Table | None]:
        """Return the landscapes of the users' problems, by name; None where there is none."""
        made: dict[str, pa.Table | None] = {}
        for problem in problems:
            if self._isolation.is_apart(problem.origins):
                flat = problem.dim == 2 and problem.domain is not None
                columns = self._ask("grid", self._plugins, problem.name) if flat else None
                made[problem.name] = None if columns is None else pa.table(columns)
        return made

    def curves_of(self, planned: PlannedCohort) -> pa.Table | None:
        """Run a cohort and return the rows of ``curves`` of its first lane; None where it could not run."""
        if self._isolation.apart(planned):
            columns = self._ask("path", to_json(recipe_of(planned, self._plugins)))
            return None if columns is None else pa.table(columns)
        try:
            with side_by_side():
                return walks.curves_of(planned)
        except (Exception, SystemExit):  # its runs are there; the steps between their points are not
            return None

    def codes_of(self, cohort: Cohort, lane: Lane, epochs: int, remark: str) -> Code:
        """Return the code of a setting for each library that can express it."""
        if not self._isolation.is_apart(cohort.optimizer.origins + lane.schedule.origins):
            return codes(cohort, lane, epochs, remark)
        one = planned_cohort(replace(cohort, lanes=(lane,)))
        return self._ask("codes", to_json(recipe_of(one, self._plugins)), epochs, remark) or []
