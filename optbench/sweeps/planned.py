"""The cohorts of a plan, made one by one when they are needed, and the ids of their runs: any plan is small."""

import hashlib
import itertools
import json
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from math import isfinite
from pathlib import Path
from typing import overload

from optbench.catalogue.loader import shipped_files
from optbench.contract.eager import Eager
from optbench.contract.schedules import Schedule
from optbench.contract.source_code import SourceFile, digest
from optbench.contract.types import Device, Stage
from optbench.contract.version import __version__
from optbench.engine.cohort import Cohort, Lane
from optbench.sweeps.tables import CohortKey

COHORT_COST = 4e6
"""Nanoseconds that a cohort takes beside its steps, for preparations, evaluations and files."""

_TORCH_STEP = 3e4
"""Nanoseconds that a step of PyTorch takes for each parameter block, however small."""
_OPTAX_STEP = 3e3
"""Nanoseconds that a step of optax takes for a run among others."""
_PYTHON_STEP = 1e4
"""Nanoseconds that a gradient in plain Python takes at least."""


@cache
def _shipped() -> frozenset[Path]:
    return frozenset(path.resolve() for path in shipped_files())


@cache
def has_user_code(origins: tuple[SourceFile, ...]) -> bool:
    """Return whether one of the files is not part of this package."""
    return any(origin.file.resolve() not in _shipped() for origin in origins)


class LaneHashes:
    """The parts of run ids that lanes contribute, computed when they are first needed."""

    def __init__(self, lanes: Sequence[Lane]):
        self.lanes = lanes

    @cached_property
    def texts(self) -> list[bytes]:
        """Rate, schedule and hyperparameters of each lane, as text to be hashed."""
        schedules: dict[int, str] = {}
        hyperparameters: dict[int, str] = {}
        texts = []
        for lane in self.lanes:  # thousands share a schedule and the values of the hyperparameters
            schedule, values = id(lane.schedule), id(lane.hyperparameters)
            if schedule not in schedules:
                schedules[schedule] = _schedule_text(lane.schedule)
            if values not in hyperparameters:
                hyperparameters[values] = json.dumps(dict(lane.hyperparameters), sort_keys=True)
            texts.append(f"[{_number_text(lane.lr)}, {schedules[schedule]}, {hyperparameters[values]}]".encode())
        return texts


def _number_text(number: float) -> str:
    """Return the text of a number as JSON has it, in a tenth of the time."""
    return repr(number) if type(number) is float and isfinite(number) else json.dumps(number)


def _schedule_text(schedule: Schedule) -> str:
    return f"{json.dumps(schedule.text)}, {json.dumps(digest(schedule.origins))}"


@dataclass(frozen=True)
class PlannedCohort:
    """A cohort of a sweep, its stage and block, and the ids that its tables carry."""

    cohort: Cohort
    stage: Stage
    block: int
    hashes: LaneHashes = field(repr=False)
    """The hashes of its lanes; cohorts that differ only in their seed share them."""
    device: Device
    """The requested device: ids depend on it, and not on where the cohort runs in the end."""

    @property
    def run_ids(self) -> tuple[str, ...]:
        """The id of each lane's run: a hash of all that its numbers depend on; not cached, few are needed twice."""
        base = self._shared()
        run_ids = []
        for text in self.hashes.texts:
            own = base.copy()
            own.update(text)
            run_ids.append(own.hexdigest()[:16])
        return tuple(run_ids)

    @cached_property
    def cohort_id(self) -> str:
        """The id of the cohort: a hash of its run ids."""
        base = self._shared()
        base.update("".join(self.run_ids).encode())
        return base.hexdigest()[:16]

    @property
    def key(self) -> CohortKey:
        return CohortKey(self.cohort_id, self.stage, self.block)

    @property
    def runs(self) -> int:
        return len(self.cohort.lanes)

    @property
    def step_cost(self) -> float:
        """Nanoseconds that a run-step takes, roughly: a weight for progress and order."""
        return step_cost(self.cohort)

    @property
    def cost(self) -> float:
        """Nanoseconds that the cohort takes, roughly."""
        return cohort_cost(self.cohort)

    def _shared(self):
        """Return the hash object of the settings that all lanes share; each lane's text is still to be added."""
        cohort = self.cohort
        shared = {
            "version": __version__,
            "problem": cohort.problem.name,
            "optimizer": cohort.optimizer.name,
            "files": [digest(cohort.problem.origins), digest(cohort.optimizer.origins)],
            "data": cohort.problem.digest,
            "batch_size": cohort.batch_size,
            "seed": cohort.seed,
            "dtype": cohort.dtype,
            "steps": cohort.steps,
            "deadline": cohort.deadline,
        }
        if self.device != "cpu":  # other rounding: other runs
            shared["device"] = self.device
        if cohort.points is not None:
            shared["points"] = cohort.points
        return hashlib.sha256(json.dumps(shared, sort_keys=True).encode())


def planned_cohort(
    cohort: Cohort, stage: Stage = "grid", block: int = -1, hashes: LaneHashes | None = None
) -> PlannedCohort:
    """Return the cohort of a stage and block; hashes: those of its lanes, if other cohorts share them."""
    return PlannedCohort(cohort, stage, block, hashes or LaneHashes(cohort.lanes), cohort.device)


def on_cpu(planned: PlannedCohort) -> PlannedCohort:
    """Return the same cohort, with the same ids, for the CPU: there runs what a GPU cannot run."""
    return replace(planned, cohort=replace(planned.cohort, device="cpu"))


def step_cost(cohort: Cohort) -> float:
    """Return the nanoseconds that a run-step of the cohort takes, roughly."""
    problem, slots = cohort.problem, len(cohort.optimizer.slots)
    rows = cohort.batch_size if problem.data is not None else 1
    python = 0.0
    if isinstance(cohort.optimizer, Eager):
        python = _OPTAX_STEP if cohort.optimizer.library == "optax" else _TORCH_STEP * len(problem.blocks)
    if problem.eager:
        python += _PYTHON_STEP
    return python + 1.0 + 0.15 * rows * problem.dim + (0.5 + 0.5 * slots) * problem.dim + 0.1 * len(problem.constants)


def cohort_cost(cohort: Cohort) -> float:
    """Return the nanoseconds that a cohort takes, roughly."""
    return step_cost(cohort) * cohort.steps * len(cohort.lanes) + COHORT_COST


@dataclass(frozen=True)
class Series:
    """Cohorts of one stage that differ only in their seed."""

    cohort: Cohort
    """One of them."""
    seeds: Sequence[int]
    hashes: LaneHashes = field(repr=False)
    """Those of its lanes."""
    stage: Stage = "grid"
    blocks: Mapping[int, int] = field(default_factory=dict, repr=False)
    """The block of each seed; -1 for a seed of no block."""

    @property
    def runs(self) -> int:
        return len(self.seeds) * len(self.cohort.lanes)

    def planned(self, index: int) -> PlannedCohort:
        """Return the cohort of the seed at that index."""
        seed = self.seeds[index]
        cohort = self.cohort if self.cohort.seed == seed else self.cohort.with_seed(seed)
        return planned_cohort(cohort, self.stage, self.blocks.get(seed, -1), self.hashes)


class Cohorts(Sequence[PlannedCohort]):
    """The cohorts of some series, one after the other, each made when it is accessed."""

    def __init__(self, series: Iterable[Series] = ()):
        self.series = tuple(series)
        self._ends = list(itertools.accumulate(len(each.seeds) for each in self.series))

    @property
    def runs(self) -> int:
        return sum(each.runs for each in self.series)

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    @overload
    def __getitem__(self, index: int) -> PlannedCohort: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[PlannedCohort]: ...

    def __getitem__(self, index: int | slice) -> PlannedCohort | Sequence[PlannedCohort]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        index = index + len(self) if index < 0 else index
        if not 0 <= index < len(self):
            raise IndexError(f"cohort {index} of {len(self)}")
        number = bisect_right(self._ends, index)
        series = self.series[number]
        return series.planned(index - self._ends[number] + len(series.seeds))

    def __iter__(self) -> Iterator[PlannedCohort]:
        for series in self.series:
            for index in range(len(series.seeds)):
                yield series.planned(index)
