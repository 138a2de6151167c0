"""What of a sweep runs in processes of its own: what comes from a user's file, unless all or nothing is asked for."""

import contextlib
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa

from optbench.contract import arguments
from optbench.contract.errors import OptbenchError
from optbench.contract.problems import Problem
from optbench.engine import settings
from optbench.engine.run import side_by_side
from optbench.sweeps import walks
from optbench.sweeps.crews.process import Died, Limits, Process
from optbench.sweeps.crews.processes import ProcessCrew, limits_for
from optbench.sweeps.executor import Ways
from optbench.sweeps.isolated import foreign
from optbench.sweeps.planned import PlannedCohort
from optbench.sweeps.recipes import recipe_of
from optbench.sweeps.spec import Spec

Mode = Literal["auto", "always", "never"]
MODES = ("auto", "always", "never")
_DEATHS = 2
"""So often a process may die of paths."""


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
        object.__setattr__(self, "stall", settings.checked("stall", self.stall))

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

    def probe(self, spec: Spec) -> None:
        """Load the user's files and build the problems in a process of its own first, for what they do to one.

        Raises OptbenchError where that process dies, is silent for too long or takes too much memory. What is wrong
        with a file otherwise is found when it is loaded here.
        """
        if self.mode == "never" or not spec.plugins:
            return
        with self._process() as process:
            try:
                process.ask(("probe", spec.plugins, tuple(entry.name for entry in spec.problems)))
            except Died as error:
                files = ", ".join(Path(file).name for file in spec.plugins)
                raise OptbenchError(f"the plug-in {files}: while {process.state}: {error}") from None

    def grids(self, problems: Sequence[Problem], plugins: Sequence[str]) -> Mapping[str, pa.Table | None]:
        """The landscapes of the users' problems, by name, made in a process of its own; None where it died of one."""
        mine = [each for each in problems if self.mode == "always" or (self.mode == "auto" and foreign(each.origins))]
        made: dict[str, pa.Table | None] = {}
        for problem in mine:
            made[problem.name] = None
            if problem.dim == 2 and problem.domain is not None:
                with self._process() as process:
                    try:
                        kind, content = process.ask(("grid", tuple(plugins), problem.name))
                        made[problem.name] = content if kind == "done" else None
                    except Died:
                        pass  # its runs are there; a figure of it is not
        return made

    @contextmanager
    def reruns(self, plugins: Sequence[str]) -> Iterator[Callable[[PlannedCohort], pa.Table | None]]:
        """What runs a cohort once more and gives the rows of ``curves`` of its first lane; None where it could not.

        What comes from a user's file runs in a process of its own, as it did before; when that has died a few times
        of such cohorts, the others are not tried any more.
        """
        deaths, open_ones = 0, contextlib.ExitStack()
        process: Process | None = None

        def apart(planned: PlannedCohort) -> pa.Table | None:
            nonlocal deaths, process
            if deaths >= _DEATHS:
                return None
            process = process or open_ones.enter_context(self._process())
            try:
                kind, content = process.ask(("path", recipe_of(planned, plugins)))
            except Died:
                deaths, process = deaths + 1, None
                return None
            return content if kind == "done" else None

        def here(planned: PlannedCohort) -> pa.Table | None:
            try:
                with side_by_side():
                    return walks.curves_of(planned)
            except (Exception, SystemExit):  # its runs are there; the steps between their points are not
                return None

        with open_ones:
            yield lambda planned: (apart if self.apart(planned) else here)(planned)

    @contextmanager
    def _process(self) -> Iterator[Process]:
        limits = limits_for(1, self.patience, self.memory)
        with tempfile.TemporaryDirectory(prefix="optbench-", ignore_cleanup_errors=True) as folder:
            process = Process(Path(folder) / "compiling", limits)
            try:
                yield process
            finally:
                process.end()
