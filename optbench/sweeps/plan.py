"""A spec and the catalogue -> the cohorts to run, each with its lanes and their ids."""

import hashlib
import itertools
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from optbench.catalogue.loader import Catalogue
from optbench.contract import names
from optbench.contract.errors import OptbenchError, unknown
from optbench.contract.optimizers import Baseline, Optimizer
from optbench.contract.origins import Origin, digest
from optbench.contract.problems import Problem
from optbench.contract.schedules import Schedule
from optbench.contract.types import Device, Stage
from optbench.contract.version import __version__
from optbench.engine import settings
from optbench.engine.batches import steps_per_epoch
from optbench.engine.cohort import Cohort, Lane, full_or
from optbench.sweeps.spec import ProblemEntry, Spec
from optbench.sweeps.tables import Place

COHORT_COST = 4e6
"""Nanoseconds that a cohort takes beside its steps: preparations, evaluations, files."""


@dataclass(frozen=True)
class PlannedCohort:
    """A cohort of a sweep, with the ids that its tables carry."""

    cohort: Cohort
    place: Place
    run_ids: tuple[str, ...]

    @property
    def cohort_id(self) -> str:
        return self.place.cohort_id

    @property
    def runs(self) -> int:
        return len(self.run_ids)

    @property
    def step_cost(self) -> float:
        """About how many nanoseconds a run-step takes: a weight for progress, not a promise."""
        problem, slots = self.cohort.problem, len(self.cohort.optimizer.slots)
        rows = self.cohort.batch_size if problem.data is not None else 1
        return 1.0 + 0.15 * rows * problem.dim + (0.5 + 0.5 * slots) * problem.dim + 0.1 * len(problem.constants)

    @property
    def cost(self) -> float:
        return self.step_cost * self.cohort.steps * self.runs + COHORT_COST


@dataclass(frozen=True)
class Plan:
    """A sweep, expanded: what is to run, where, and which files it comes from."""

    spec: Spec
    cohorts: tuple[PlannedCohort, ...]
    """Of a sweep whose seeds stand in blocks, those of the first stage: stages.py plans the others from its tables."""
    device: Device = "cpu"
    """The device that was taken: "cpu" or "cuda"."""
    device_note: str = ""
    """The card's name, or why "auto" found none."""

    @property
    def runs(self) -> int:
        return sum(planned.runs for planned in self.cohorts)

    def origins(self) -> list[Origin]:
        """The files behind all names of the sweep, by key."""
        schedules = {lane.schedule.text: lane.schedule for each in self.cohorts for lane in each.cohort.lanes}
        records = [record for each in self.cohorts for record in (each.cohort.problem, each.cohort.optimizer)]
        origins = {origin.key: origin for record in (*records, *schedules.values()) for origin in record.origins}
        return [origins[key] for key in sorted(origins)]


def expand(spec: Spec, catalogue: Catalogue, device: Device = "cpu", device_note: str = "") -> Plan:
    """Expand ``spec`` for a device that was chosen, "cpu" or "cuda".

    Raises OptbenchError for a name, parameter or size that does not exist.
    """
    optimizers = _optimizers(spec, catalogue)
    schedules = [catalogue.schedule(text) for text in spec.schedules]
    _unique("schedules", [schedule.text for schedule in schedules])
    problems = [(catalogue.problem(entry.name), entry) for entry in spec.problems]
    _unique("problems", [problem.name for problem, _ in problems])
    _check_choice(spec.choose_by, [problem for problem, _ in problems])
    constant = catalogue.schedule("constant")
    stage: Stage = "screen" if spec.blocks else "grid"
    blocks = spec.block_of if spec.blocks else {}
    planned = [
        planned_cohort(cohort, stage, blocks.get(cohort.seed, -1), ids)
        for problem, entry in problems
        for optimizer, values in optimizers
        for cohort, ids in _cohorts(spec, entry, problem, _Tried(optimizer, values, schedules, constant), device)
    ]
    return Plan(spec, tuple(planned), device, device_note)


@dataclass(frozen=True)
class _Tried:
    """An optimizer with all that a sweep tries of it."""

    optimizer: Optimizer | Baseline
    values: list[dict[str, float]]
    schedules: list[Schedule]
    constant: Schedule

    def lanes(self, rates: tuple[float, ...]) -> list[Lane]:
        schedules = self.schedules
        if isinstance(self.optimizer, Baseline):  # its line search begins at the rate 1
            schedules, rates = [self.constant], (1.0,)
        return [Lane(lr, schedule, values) for values, schedule, lr in itertools.product(self.values, schedules, rates)]

    def sizes(self, spec: Spec, problem: Problem) -> list[int]:
        if isinstance(self.optimizer, Baseline):
            return [problem.examples]
        return list(dict.fromkeys(full_or(size, problem) for size in spec.batch_sizes))


def _cohorts(
    spec: Spec, entry: ProblemEntry, problem: Problem, tried: _Tried, device: Device
) -> Iterator[tuple[Cohort, list[str]]]:
    """Each cohort of one problem and optimizer, with the texts that identify its lanes."""
    lanes = tried.lanes(spec.learning_rates)
    identities = [_lane_identity(lane) for lane in lanes]
    first: Cohort | None = None
    seeds = [seed for block in spec.seeds_of("screen") for seed in block] if spec.blocks else spec.seeds
    for size, dtype, seed in itertools.product(tried.sizes(spec, problem), spec.dtypes, seeds):
        steps = _steps(spec, entry, steps_per_epoch(problem.examples, size))
        if first is None or (first.batch_size, first.dtype, first.steps) != (size, dtype, steps):
            first = Cohort(
                problem=problem, optimizer=tried.optimizer, lanes=lanes, batch_size=size, steps=steps, seed=seed,
                dtype=dtype, points=_points(spec, steps), deadline=spec.deadline, device=device,
            )  # fmt: skip
        yield (first if first.seed == seed else first.with_seed(seed)), identities


def _check_choice(column: str, problems: list[Problem]) -> None:
    metrics = {f"{part}_{name}" for problem in problems for name in problem.metrics for part in ("train", "test")}
    known = ["log_tail", "test_loss", *sorted(metrics)]
    if column not in known:
        raise unknown("measure to choose by", column, known)


def _unique(key: str, texts: list[str]) -> None:
    if len(set(texts)) < len(texts):
        raise OptbenchError(f"{key} has an entry twice")


def _optimizers(spec: Spec, catalogue: Catalogue) -> list[tuple[Optimizer | Baseline, list[dict[str, float]]]]:
    """Each optimizer once, with all its settings; a list as a value, adam(beta1=[0.8, 0.9]), stands for each."""
    tried: dict[str, tuple[Optimizer | Baseline, list[dict[str, float]]]] = {}
    for text in spec.optimizers:
        for plain in names.alternatives(text):
            optimizer, values = catalogue.optimizer(plain)
            known = tried.setdefault(optimizer.name, (optimizer, []))[1]
            if values in known:
                raise OptbenchError(f"optimizers has {text!r} twice, with the same hyperparameters")
            known.append(values)
    return list(tried.values())


def _steps(spec: Spec, entry: ProblemEntry, per_epoch: int) -> int:
    budget = spec if entry.epochs is None and entry.steps is None else entry
    return settings.step_count(budget.epochs, budget.steps, per_epoch)


def _points(spec: Spec, steps: int) -> Literal["every"] | tuple[int, ...] | None:
    """The spec's points, without those behind the end of a shorter run."""
    if not isinstance(spec.points, tuple):
        return spec.points
    return tuple(point for point in spec.points if point <= steps) or (steps,)


def _lane_identity(lane: Lane) -> str:
    return json.dumps(
        [lane.lr, lane.schedule.text, digest(lane.schedule.origins), dict(lane.hyperparameters)], sort_keys=True
    )


def planned_cohort(
    cohort: Cohort, stage: Stage = "grid", block: int = -1, identities: Sequence[str] | None = None
) -> PlannedCohort:
    """The cohort with its ids: hashes of all that its numbers depend on.

    identities: the texts that identify its lanes, where they are known already.
    """
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
    if cohort.device != "cpu":  # other rounding: other runs
        shared["device"] = cohort.device
    if cohort.points is not None:
        shared["points"] = cohort.points
    base = hashlib.sha256(json.dumps(shared, sort_keys=True).encode())
    run_ids = []
    for identity in identities or map(_lane_identity, cohort.lanes):
        own = base.copy()
        own.update(identity.encode())
        run_ids.append(own.hexdigest()[:16])
    base.update("".join(run_ids).encode())
    return PlannedCohort(cohort, Place(base.hexdigest()[:16], stage, block), tuple(run_ids))


def on_cpu(planned: PlannedCohort) -> PlannedCohort:
    """The same cohort, with the same ids, on the CPU: what a GPU cannot run runs there all the same."""
    return replace(planned, cohort=replace(planned.cohort, device="cpu"))
