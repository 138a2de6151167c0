"""A spec and the catalogue -> the cohorts to run, each with its lanes and their ids."""

import hashlib
import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from optbench.catalogue.loader import Catalogue
from optbench.contract.errors import OptbenchError, unknown
from optbench.contract.origins import Origin, digest
from optbench.contract.problems import Problem
from optbench.contract.types import Device, Stage
from optbench.contract.version import __version__
from optbench.engine import settings
from optbench.engine.batches import steps_per_epoch
from optbench.engine.cohort import Cohort, Lane
from optbench.sweeps.search import Space
from optbench.sweeps.spec import ProblemEntry, Spec
from optbench.sweeps.tables import Place
from optbench.sweeps.trials import Fixed, Grid, batch_sizes, fixed, settings_of

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
    searched: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """By optimizer, the ranges that its trials are drawn from, by name; empty without trials."""
    shard: str = ""
    """Which part of the sweep it is, such as "2/8"; empty for the whole."""

    @property
    def runs(self) -> int:
        return sum(planned.runs for planned in self.cohorts)

    @property
    def trials(self) -> dict[tuple[str, str], int]:
        """How many settings, batch sizes among them, each pair of a problem and an optimizer tries."""
        found: dict[tuple[str, str], set[tuple]] = {}
        seen: set[tuple] = set()
        for cohort in (planned.cohort for planned in self.cohorts):
            pair, part = (cohort.problem.name, cohort.optimizer.name), (cohort.batch_size, id(cohort.lanes))
            if (pair, part) not in seen:  # cohorts that differ in their seed share their lanes
                seen.add((pair, part))
                identities = {(cohort.batch_size, _lane_identity(lane)) for lane in cohort.lanes}
                found.setdefault(pair, set()).update(identities)
        return {pair: len(each) for pair, each in found.items()}

    @property
    def problems(self) -> list[Problem]:
        """Each problem once."""
        return list({each.cohort.problem.name: each.cohort.problem for each in self.cohorts}.values())

    @property
    def warnings(self) -> list[str]:
        """What looks wrong with the user's data, a line a file."""
        return list(dict.fromkeys(problem.data_warning for problem in self.problems if problem.data_warning))

    @property
    def unequal(self) -> str:
        """In words, on which problem optimizers try unequal numbers of settings; empty where there is none."""
        trials = self.trials
        for problem in dict.fromkeys(problem for problem, _ in trials):
            numbers = {optimizer: number for (where, optimizer), number in trials.items() if where == problem}
            if len(set(numbers.values())) > 1:
                told = ", ".join(f"{optimizer} {number:,}" for optimizer, number in numbers.items())
                return f"unequal numbers of trials, and the best of more is better: {told}"
        return ""

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
    tried = [] if spec.chosen else settings_of(spec, catalogue)
    problems = [(catalogue.problem(entry.name), entry) for entry in spec.problems]
    _unique("problems", [problem.name for problem, _ in problems])
    _check_choice(spec.choose_by, [problem for problem, _ in problems])
    stage: Stage = "screen" if spec.blocks else "grid"
    blocks = spec.block_of if spec.blocks else {}
    planned = [
        planned_cohort(cohort, stage, blocks.get(cohort.seed, -1), ids)
        for problem, entry in problems
        for each in (fixed(spec, problem, catalogue) if spec.chosen else tried)
        for cohort, ids in _cohorts(spec, entry, problem, each, device)
    ]
    searched = {each.optimizer.name: each.searched for each in tried if isinstance(each, Space)}
    return Plan(spec, tuple(planned), device, device_note, searched)


def _cohorts(
    spec: Spec, entry: ProblemEntry, problem: Problem, tried: Grid | Space | Fixed, device: Device
) -> Iterator[tuple[Cohort, list[str]]]:
    """Each cohort of one problem and optimizer, with the texts that identify its lanes."""
    by_size = tried.lanes(batch_sizes(spec, problem, tried.optimizer))
    lanes: list[Lane] | None = None
    identities: list[str] = []
    first: Cohort | None = None
    seeds = [seed for block in spec.seeds_of("screen") for seed in block] if spec.blocks else spec.seeds
    for size, dtype, seed in itertools.product(by_size, spec.dtypes, seeds):
        if lanes is not by_size[size]:
            lanes = by_size[size]
            identities = [_lane_identity(lane) for lane in lanes]
        steps = _steps(spec, entry, steps_per_epoch(problem.examples, size))
        if first is None or (first.batch_size, first.dtype, first.steps) != (size, dtype, steps):
            first = Cohort(
                problem=problem, optimizer=tried.optimizer, lanes=lanes, batch_size=size, steps=steps, seed=seed,
                dtype=dtype, points=_points(spec, steps), deadline=spec.deadline, device=device,
            )  # fmt: skip
        yield (first if first.seed == seed else first.with_seed(seed)), identities


def _check_choice(column: str, problems: list[Problem]) -> None:
    metrics = {f"{part}_{name}" for problem in problems for name in problem.metrics for part in ("train", "test")}
    known = ["log_tail", "test_loss", *sorted(name for name in metrics if "accuracy" in name or "loss" in name)]
    if column not in known:
        raise unknown("measure to choose by", column, known)


def _unique(key: str, texts: list[str]) -> None:
    if len(set(texts)) < len(texts):
        raise OptbenchError(f"{key} has an entry twice")


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
