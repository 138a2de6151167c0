"""The cohorts of a plan, each made when it is asked for, and the ids of their runs: a plan of any size is small."""

import hashlib
import itertools
import json
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import isfinite
from typing import overload

from optbench.contract.eager import Eager
from optbench.contract.schedules import Schedule
from optbench.contract.source_code import digest
from optbench.contract.types import Device, Stage
from optbench.contract.version import __version__
from optbench.engine.cohort import Cohort, Lane
from optbench.sweeps.tables import CohortKey

# Nanoseconds: what a cohort costs beside its steps, for progress and order.
COHORT_COST = 4e6
"""Nanoseconds that a cohort takes beside its steps: preparations, evaluations, files."""

_TORCH_STEP = 3e4
"""Nanoseconds that a step of PyTorch's takes for each parameter block, however small."""
_OPTAX_STEP = 3e3
"""Nanoseconds that a step of optax' takes for a run among others."""
_PYTHON_STEP = 1e4
"""Nanoseconds that a gradient in plain Python takes at least."""


class Identities:
    """The texts that identify lanes, made when the first is asked for and then kept."""

    def __init__(self, lanes: Sequence[Lane]):
        self.lanes = lanes

    @cached_property
    def texts(self) -> list[bytes]:
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
    """As JSON has it, in a tenth of the time."""
    return repr(number) if type(number) is float and isfinite(number) else json.dumps(number)


def _schedule_text(schedule: Schedule) -> str:
    return f"{json.dumps(schedule.text)}, {json.dumps(digest(schedule.origins))}"


@dataclass(frozen=True)
class PlannedCohort:
    """A cohort of a sweep, where it stands there, and the ids that its tables carry."""

    cohort: Cohort
    stage: Stage
    block: int
    identities: Identities = field(repr=False)
    """Of its lanes; cohorts that differ in their seed share them."""
    device: Device
    """The device that was asked for: ids depend on it, and not on where the cohort runs at last."""

    @property
    def run_ids(self) -> tuple[str, ...]:
        """Hashes of all that a run's numbers depend on, computed anew each time: few are ever asked for twice."""
        base = self._shared()
        run_ids = []
        for identity in self.identities.texts:
            own = base.copy()
            own.update(identity)
            run_ids.append(own.hexdigest()[:16])
        return tuple(run_ids)

    @cached_property
    def cohort_id(self) -> str:
        """A hash over all of its runs."""
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
        """About how many nanoseconds a run-step takes: a weight for progress, not a promise."""
        return step_cost(self.cohort)

    @property
    def cost(self) -> float:
        return cohort_cost(self.cohort)

    def _shared(self):
        """The hash of what all lanes share."""
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
    cohort: Cohort, stage: Stage = "grid", block: int = -1, identities: Identities | None = None
) -> PlannedCohort:
    """The cohort at its place; ``identities``: those of its lanes, where other cohorts have them too."""
    return PlannedCohort(cohort, stage, block, identities or Identities(cohort.lanes), cohort.device)


def on_cpu(planned: PlannedCohort) -> PlannedCohort:
    """The same cohort, with the same ids, on the CPU: what a GPU cannot run runs there all the same."""
    return replace(planned, cohort=replace(planned.cohort, device="cpu"))


def step_cost(cohort: Cohort) -> float:
    """About how many nanoseconds a run-step of the cohort takes."""
    problem, slots = cohort.problem, len(cohort.optimizer.slots)
    rows = cohort.batch_size if problem.data is not None else 1
    python = 0.0
    if isinstance(cohort.optimizer, Eager):
        python = _OPTAX_STEP if cohort.optimizer.library == "optax" else _TORCH_STEP * len(problem.blocks)
    if problem.eager:
        python += _PYTHON_STEP
    return python + 1.0 + 0.15 * rows * problem.dim + (0.5 + 0.5 * slots) * problem.dim + 0.1 * len(problem.constants)


def cohort_cost(cohort: Cohort) -> float:
    """The plan's weight of a cohort, about nanoseconds."""
    return step_cost(cohort) * cohort.steps * len(cohort.lanes) + COHORT_COST


@dataclass(frozen=True)
class Series:
    """Cohorts of one stage that differ in their seed alone."""

    cohort: Cohort
    """One of them."""
    seeds: Sequence[int]
    identities: Identities = field(repr=False)
    """Of its lanes."""
    stage: Stage = "grid"
    blocks: Mapping[int, int] = field(default_factory=dict, repr=False)
    """The block of each seed; -1 for one that stands in none."""

    @property
    def runs(self) -> int:
        return len(self.seeds) * len(self.cohort.lanes)

    def planned(self, place: int) -> PlannedCohort:
        """The cohort of the seed at that place."""
        seed = self.seeds[place]
        cohort = self.cohort if self.cohort.seed == seed else self.cohort.with_seed(seed)
        return planned_cohort(cohort, self.stage, self.blocks.get(seed, -1), self.identities)


class Cohorts(Sequence[PlannedCohort]):
    """The cohorts of some series, one after the other, each made when it is asked for."""

    def __init__(self, series: Iterable[Series] = ()):
        self.series = tuple(series)
        self._ends = list(itertools.accumulate(len(each.seeds) for each in self.series))

    @property
    def runs(self) -> int:
        return sum(each.runs for each in self.series)

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    @overload
    def __getitem__(self, place: int) -> PlannedCohort: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[PlannedCohort]: ...

    def __getitem__(self, place: int | slice) -> PlannedCohort | Sequence[PlannedCohort]:
        if isinstance(place, slice):
            return [self[i] for i in range(*place.indices(len(self)))]
        place = place + len(self) if place < 0 else place
        if not 0 <= place < len(self):
            raise IndexError(f"cohort {place} of {len(self)}")
        number = bisect_right(self._ends, place)
        series = self.series[number]
        return series.planned(place - self._ends[number] + len(series.seeds))

    def __iter__(self) -> Iterator[PlannedCohort]:
        for series in self.series:
            for place in range(len(series.seeds)):
                yield series.planned(place)
