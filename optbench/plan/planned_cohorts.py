"""Expand a spec to the cohorts to run, each with its lanes and the ids of its runs.

Cohorts are made one by one when they are needed: a plan of any size is small.
"""

import copy
import hashlib
import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import pandas as pd

from optbench.analysis.measures import TIME
from optbench.catalogue.loader import Catalogue, shipped_files
from optbench.contract.arguments import one_of
from optbench.contract.columns import FIRST_TARGET, SCORES
from optbench.contract.eager import AnyOptimizer, Eager
from optbench.contract.errors import OptbenchError
from optbench.contract.optimizers import Baseline
from optbench.contract.paths import path_of
from optbench.contract.problems import Problem
from optbench.contract.schedules import Schedule
from optbench.contract.source_code import SourceFile, files_digest
from optbench.contract.types import Device, DtypeName, Stage
from optbench.contract.version import __version__
from optbench.datasets.copies import recorded_files
from optbench.engine import settings
from optbench.engine.batches import affordable_steps, steps_per_epoch
from optbench.engine.cohort import Cohort, Lane
from optbench.engine.scores import scores_of
from optbench.plan.common_ranges import SharedRanges, share_ranges
from optbench.plan.display_names import find_labels
from optbench.plan.incumbents import label_variants, read_incumbents
from optbench.plan.own_records import OwnRecords
from optbench.plan.spec import MOST_COMMON, ProblemEntry, Spec
from optbench.plan.spec_files import USUAL_RATES
from optbench.plan.spec_values import OWN
from optbench.plan.trials import (
    MovingGrid,
    SettingList,
    Space,
    expand_settings,
    has_equal_batches,
    list_batch_sizes,
    list_chosen_settings,
)

_REPORTING = ("grid", "holdout", "report")
"""Stages of runs that are judged; those of the others only choose."""
COHORT_COST = 4e6
"""Nanoseconds that a cohort takes beside its steps, for preparations, evaluations and files."""
_TORCH_STEP = 3e4
"""Nanoseconds that a step of PyTorch takes for each parameter block, however small."""
_OPTAX_STEP = 3e3
"""Nanoseconds that a step of optax takes for a run among others."""
_PYTHON_STEP = 1e4
"""Nanoseconds that a gradient in plain Python takes at least."""


@cache
def _shipped_files() -> frozenset[Path]:
    """Return the files of this package with problems, optimizers and schedules."""
    return frozenset(path.resolve() for path in shipped_files())


@cache
def has_user_code(origins: tuple[SourceFile, ...]) -> bool:
    """Return True if one of a record's source files is not part of this package; an object of Python has none."""
    return any(not each.in_memory and each.file.resolve() not in _shipped_files() for each in origins)


def step_cost(cohort: Cohort) -> float:
    """Return the nanoseconds that a run-step of the cohort takes, roughly."""
    problem, slots = cohort.problem, len(cohort.optimizer.slots)
    rows: float = cohort.batch_size if problem.data is not None else 1
    python = 0.0
    if isinstance(cohort.optimizer, Eager):
        python = _OPTAX_STEP if cohort.optimizer.library == "optax" else _TORCH_STEP * len(problem.blocks)
    if problem.eager:
        python += _PYTHON_STEP
    rows *= cohort.optimizer.gradients
    return python + 1.0 + 0.15 * rows * problem.dim + (0.5 + 0.5 * slots) * problem.dim + 0.1 * len(problem.constants)


def cohort_cost(cohort: Cohort) -> float:
    """Return the nanoseconds that a cohort takes, roughly."""
    return step_cost(cohort) * cohort.steps * len(cohort.lanes) + COHORT_COST


class LaneHashes:
    """The parts of run ids that lanes contribute, computed when they are first needed."""

    def __init__(self, lanes: Sequence[Lane]):
        """Take the lanes of a cohort; nothing is computed yet."""
        self.lanes = lanes

    @cached_property
    def texts(self) -> list[bytes]:
        """Rate, schedule and hyperparameters of each lane, as text to be hashed."""
        return [
            json.dumps(
                [lane.lr, lane.schedule.text, files_digest(lane.schedule.origins), dict(lane.hyperparameters)],
                sort_keys=True,
            ).encode()
            for lane in self.lanes
        ]


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
    late: bool = False
    """True in a screen if it was planned from the results of others."""

    @property
    def run_ids(self) -> tuple[str, ...]:
        """The id of each lane's run: a hash of all that its numbers depend on; not cached, few are needed twice."""
        base = self._hash_shared()
        run_ids = []
        for text in self.hashes.texts:
            own = base.copy()
            own.update(text)
            run_ids.append(own.hexdigest()[:16])
        return tuple(run_ids)

    @cached_property
    def cohort_id(self) -> str:
        """The id of the cohort: a hash of its run ids."""
        base = self._hash_shared()
        base.update("".join(self.run_ids).encode())
        return base.hexdigest()[:16]

    @property
    def runs(self) -> int:
        """The number of runs, one a lane."""
        return len(self.cohort.lanes)

    @property
    def step_cost(self) -> float:
        """Nanoseconds that a run-step takes, roughly: a weight for progress and order."""
        return step_cost(self.cohort)

    @property
    def cost(self) -> float:
        """Nanoseconds that the cohort takes, roughly."""
        return cohort_cost(self.cohort)

    def on_cpu(self) -> "PlannedCohort":
        """Return the same cohort, with the same ids, for the CPU: there runs what a GPU cannot run."""
        return replace(self, cohort=replace(self.cohort, device="cpu"))

    def _hash_shared(self) -> "hashlib._Hash":
        """Return the hash object of the settings that all lanes share; each lane's text is still to be added."""
        cohort = self.cohort
        shared = {
            "version": __version__,
            "problem": cohort.problem.name,
            "optimizer": cohort.optimizer.name,
            "files": [files_digest(cohort.problem.origins), files_digest(cohort.optimizer.origins)],
            "data": cohort.problem.digest,
            "batch_size": cohort.batch_size,
            "seed": cohort.seed,
            "dtype": cohort.dtype,
            "steps": cohort.steps,
            "deadline": cohort.deadline,
        }
        if self.device != "cpu":  # other rounding: other runs
            shared["device"] = self.device
        if cohort.scores:  # more columns
            shared["scores"] = cohort.scores
        if cohort.points is not None:
            shared["points"] = cohort.points
        if cohort.problem.fold[1] > 1:  # other rows
            shared["fold"] = cohort.problem.fold
        return hashlib.sha256(json.dumps(shared, sort_keys=True).encode())


def plan_cohort(
    cohort: Cohort, stage: Stage = "grid", block: int = -1, hashes: LaneHashes | None = None
) -> PlannedCohort:
    """Return the cohort of a stage and block; hashes: those of its lanes, if other cohorts share them.

    Blocks take the folds of a problem in turn, and so do the seeds that they have in common.
    """
    cohort = cohort.with_reports(stage in _REPORTING)
    if cohort.problem.other_folds:
        cohort = cohort.in_fold(cohort.seed % MOST_COMMON if block < 0 else block)
    return PlannedCohort(cohort, stage, block, hashes or LaneHashes(cohort.lanes), cohort.device)


def sort_for_tables(planned: Sequence[PlannedCohort]) -> list[PlannedCohort]:
    """Return cohorts in the order of the tables, in whatever order their stages were planned, block by block or not.

    planned: those of the first stage come first, and stay as they are; of the others the rounds of a pair in a block
    must stand in order.
    """
    problems = {name: place for place, name in enumerate(dict.fromkeys(each.cohort.problem.name for each in planned))}
    names = dict.fromkeys(each.cohort.optimizer.name for each in planned)
    optimizers = {name: place for place, name in enumerate(names)}
    stages = get_args(Stage)

    def key(each: PlannedCohort) -> tuple:
        """Return what a cohort is sorted by."""
        if each.stage in ("grid", "screen") and not each.late:
            return (-1,)
        cohort = each.cohort
        place = problems[cohort.problem.name], optimizers[cohort.optimizer.name]
        return (stages.index(each.stage), *place, cohort.batch_size, cohort.dtype, each.block)

    return sorted(planned, key=key)


@dataclass(frozen=True)
class SeedSeries:
    """Cohorts of one stage that differ only in their seed."""

    cohort: Cohort
    """One of them."""
    seeds: Sequence[int]
    hashes: LaneHashes = field(repr=False)
    """The hashes of its lanes."""
    stage: Stage = "grid"
    blocks: Mapping[int, int] = field(default_factory=dict, repr=False)
    """The block of each seed; -1 for a seed of no block."""

    @property
    def runs(self) -> int:
        """The number of runs of all its cohorts."""
        return len(self.seeds) * len(self.cohort.lanes)

    @property
    def block(self) -> int:
        """The block of its first seed; -1 for one of no block."""
        return self.blocks.get(self.seeds[0], -1)

    def __iter__(self) -> Iterator[PlannedCohort]:
        """Yield the planned cohort of each seed, made when it is reached."""
        for seed in self.seeds:
            cohort = self.cohort if self.cohort.seed == seed else self.cohort.with_seed(seed)
            yield plan_cohort(cohort, self.stage, self.blocks.get(seed, -1), self.hashes)


@dataclass(frozen=True)
class Cohorts:
    """The planned cohorts of some series, one series after the other; each cohort is made when it is reached."""

    series: tuple[SeedSeries, ...] = ()

    @property
    def runs(self) -> int:
        """The number of runs of all cohorts."""
        return sum(each.runs for each in self.series)

    def __len__(self) -> int:
        """Return the number of cohorts."""
        return sum(len(each.seeds) for each in self.series)

    def __iter__(self) -> Iterator[PlannedCohort]:
        """Yield the cohorts, series by series."""
        return itertools.chain.from_iterable(self.series)


@dataclass(frozen=True)
class Plan:
    """An expanded sweep: its cohorts, their device, and the files that they come from."""

    spec: Spec
    cohorts: Cohorts
    """If seeds form blocks, those of the first stage: stages.py plans the others from its tables."""
    device: Device = "cpu"
    """The chosen device, "cpu" or "cuda"."""
    device_note: str = ""
    """The card's name, or why "auto" found none."""
    searched: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """By optimizer, the ranges that its trials are drawn from, by name; empty without trials."""
    notes: tuple[str, ...] = ()
    """The ranges that optimizers share, who keeps its own, and what the user has, a line each."""
    doubts: tuple[str, ...] = ()
    """What makes the ranges less fair than they could be, a line each."""
    shard: str = ""
    """The part of the sweep that this is, such as "2/8"; empty for the whole."""
    findings: tuple[str, ...] = ()
    """Faults of the user's records that quick checks found, a line each."""
    names: tuple[str, ...] = ()
    """The problems of the spec by name, in its order; a part of the plan has them all."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """The labels of problems and optimizers, by their names in tables."""
    incumbents: tuple[str, ...] = ()
    """The names of the optimizers that run as they are, and are not tuned."""
    lengths: Mapping[tuple[str, str], float] = field(default_factory=dict)
    """The epochs of runs that have a length of their own, by problem and optimizer."""
    given: OwnRecords = field(default_factory=OwnRecords)
    """What was given as objects of Python."""
    reported: Mapping[str, int] = field(default_factory=dict)
    """The seeds on which recommended settings have reported in the sweep that this one extends, by problem."""
    beside: pd.DataFrame | None = field(default=None, compare=False, repr=False)
    """The runs of a finished sweep to which this one adds optimizers: they choose and report as if they had been part
    of it, and its own do not run again."""

    @property
    def targets(self) -> dict[str, float | None]:
        """The targets of the sweep that this one adds to, by problem; None where there was none."""
        if self.beside is None or FIRST_TARGET not in self.beside:
            return {}
        found = self.beside.groupby("problem")[FIRST_TARGET].first().dropna()
        return {str(name): float(share) if np.isfinite(share) else None for name, share in found.items()}

    @property
    def series(self) -> tuple[SeedSeries, ...]:
        """The cohorts grouped by all but their seeds: few groups, however large the plan is."""
        return self.cohorts.series

    @property
    def runs(self) -> int:
        """The number of runs of all cohorts."""
        return self.cohorts.runs

    @cached_property
    def trials(self) -> dict[tuple[str, str], int]:
        """The number of settings, batch sizes included, that a block tries of each pair of problem and optimizer."""
        trials: dict[tuple[str, str], dict[int, dict[int, int]]] = {}
        for each in self.series:
            by_block = trials.setdefault((each.cohort.problem.name, each.cohort.optimizer.name), {})
            # The same for every dtype; no setting stands there twice.
            by_block.setdefault(each.block, {})[each.cohort.batch_size] = len(each.cohort.lanes)
        return {pair: max(sum(by_size.values()) for by_size in by_block.values()) for pair, by_block in trials.items()}

    @property
    def problems(self) -> list[Problem]:
        """Each problem once."""
        return list({each.cohort.problem.name: each.cohort.problem for each in self.series}.values())

    @property
    def warnings(self) -> list[str]:
        """Doubts about the user's data and records, and about the ranges that trials are drawn from."""
        every = [fold for problem in self.problems for fold in (problem, *problem.other_folds)]
        data = dict.fromkeys(problem.data_warning for problem in every if problem.data_warning)
        texts = [*data, *self.findings, *self.doubts]
        if self.spec.lacks_rates and not all(isinstance(each, Baseline) for each in self.optimizers):
            low, high, count = USUAL_RATES.split(":")
            texts.append(
                f"no learning rates are given: {count} from {low} to {high} are tried; --lr 1e-3:1:5, or "
                'learning_rates = "1e-3:1:5", names others'
            )
        equal = [problem.name for problem in self.problems if has_equal_batches(problem)]
        if equal and self.spec.names_batches and [*self.spec.batch_sizes] != ["full"]:
            texts.append(f"{', '.join(equal)}: without data and noise every batch is the same, so only full ones run")
        return texts

    @property
    def unequal(self) -> str:
        """A sentence on optimizers that try unequal numbers of settings on a problem; "" if there is none."""
        numbers: dict[str, dict[str, int]] = {}
        for (problem, optimizer), number in self.trials.items():
            if optimizer in self.incumbents:
                continue
            numbers.setdefault(problem, {})[self.labels.get(optimizer, optimizer)] = number
        for each in numbers.values():
            if len(set(each.values())) > 1:
                counts = ", ".join(f"{optimizer} {number:,}" for optimizer, number in each.items())
                return f"unequal numbers of trials, and the best of more is better: {counts}"
        return ""

    @property
    def own_optimizers(self) -> list[str]:
        """The names of the optimizers that files of the user's define, or that were given as objects."""
        files, given = set(self.spec.plugins), {name for kind, name in self.given.records if kind == "optimizer"}
        return [
            each.name
            for each in self.optimizers
            if each.name in given or any(str(of.file.resolve()) in files for of in each.origins)
        ]

    @property
    def data_files(self) -> dict[str, str]:
        """Where the user's data files lie whose path is relative, by that path."""
        names = {problem.digest: problem.name for problem in self.problems if problem.data is not None}
        paths = {path for digest, name in names.items() for path in recorded_files(digest) if path in name}
        places = {path: path_of("data", path) for path in sorted(paths)}
        return {path: str(place.absolute()) for path, place in places.items() if not place.is_absolute()}

    @property
    def optimizers(self) -> list[AnyOptimizer]:
        """Each optimizer once."""
        return list({each.cohort.optimizer.name: each.cohort.optimizer for each in self.series}.values())

    def problem(self, name: str) -> Problem:
        """Return the problem of this name."""
        return next(each.cohort.problem for each in self.series if each.cohort.problem.name == name)

    def entry(self, problem: str) -> ProblemEntry:
        """Return what the spec says of the problem of this name."""
        return self.spec.problems[self.names.index(problem)]

    def make_cohort(
        self, problem: str, optimizer: AnyOptimizer, lanes: tuple[Lane, ...], batch_size: int, dtype: DtypeName
    ) -> Cohort:
        """Return a cohort of settings of an optimizer on a problem of the plan, with the plan's first seed."""
        like = next(each.cohort for each in self.series if each.cohort.problem.name == problem)
        epochs = self.lengths.get((problem, optimizer.name))
        steps = _count_steps(self.spec, self.entry(problem), like.problem, optimizer, batch_size, epochs)
        points = _cut_points(self.spec, steps)
        return replace(
            like, optimizer=optimizer, lanes=lanes, batch_size=batch_size, dtype=dtype, steps=steps, points=points
        )

    def records(self) -> list[Problem | AnyOptimizer | Schedule]:
        """Return the problems, optimizers and schedules of the sweep, each once."""
        lanes = {id(each.cohort.lanes): each.cohort.lanes for each in self.series}.values()
        records = [record for each in self.series for record in (each.cohort.problem, each.cohort.optimizer)]
        schedules = [lane.schedule for each in lanes for lane in each]
        return list({id(record): record for record in (*records, *schedules)}.values())

    def origins(self) -> list[SourceFile]:
        """Return the files that the records of the sweep come from, by key."""
        origins = {origin.key: origin for record in self.records() for origin in record.origins}
        return [origins[key] for key in sorted(origins)]


def find_problem(catalogue: Catalogue, name: str, folds: int) -> Problem:
    """Return the problem of a name; with several folds that on the first one, which has those on the others with it."""
    if folds == 1:
        return catalogue.problem(name)
    first, *others = (catalogue.problem(name, fold, folds) for fold in range(folds))
    whole = copy.copy(first)  # its values are checked
    object.__setattr__(whole, "other_folds", tuple(others))
    return whole


def expand(spec: Spec, catalogue: Catalogue, device: Device = "cpu", device_note: str = "") -> Plan:
    """Return the plan of ``spec`` for a device that was chosen, "cpu" or "cuda".

    device_note: the GPU's name, or why "auto" found none. Raises OptbenchError for a name, parameter or size that does
    not exist.
    """
    tried = [] if spec.chosen else expand_settings(spec, catalogue)
    shared = SharedRanges((), {})
    if spec.trials is not None:
        shared = share_ranges([each for each in tried if isinstance(each, Space)], spec.ranges)
        tried, ranges = [*shared.spaces], spec.ranges if spec.ranges == OWN else dict(shared.ranges)
        spec = spec.model_copy(update={"ranges": ranges})
    problems = [(find_problem(catalogue, entry.name, spec.folds), entry) for entry in spec.problems]
    if len({problem.name for problem, _ in problems}) < len(problems):
        raise OptbenchError("problems has an entry twice")
    sizes = {size for problem, entry in problems if not has_equal_batches(problem) for size in spec.sizes_of(entry)}
    incumbents = read_incumbents(spec.have, catalogue, sizes)
    for measure in spec.choose_by:
        _check_measure(measure, [problem for problem, _ in problems])
    pairs = [
        (problem, entry, setting)
        for problem, entry in problems
        for setting in (
            list_chosen_settings(spec, problem, catalogue)
            if spec.chosen
            else [*tried, *(each.on(problem) for each in incumbents)]
        )
    ]
    lengths = {
        (problem.name, setting.optimizer.name): setting.epochs
        for problem, _, setting in pairs
        if isinstance(setting, SettingList) and setting.epochs is not None
    }
    spec = _without_times(spec) if lengths else spec
    cohorts = [
        found for problem, entry, setting in pairs for found in _expand_pair(spec, entry, problem, setting, device)
    ]
    hashes = {id(cohort.lanes): LaneHashes(cohort.lanes) for cohort, _ in cohorts}
    stage: Stage = "screen" if spec.blocks else "grid"
    blocks = spec.block_of
    series = tuple(SeedSeries(cohort, seeds, hashes[id(cohort.lanes)], stage, blocks) for cohort, seeds in cohorts)
    searched = {each.optimizer.name: each.searched for each in tried if isinstance(each, Space)}
    names = tuple(problem.name for problem, _ in problems)
    plan = Plan(
        spec, Cohorts(series), device, device_note, searched,
        (*shared.notes, *(each.describe() for each in incumbents)), shared.doubts, names=names,
        incumbents=tuple(each.optimizer.name for each in incumbents), lengths=lengths,
    )  # fmt: skip
    return replace(plan, labels=_find_labels(plan))


def _without_times(spec: Spec) -> Spec:
    """Return a spec whose runs have several lengths without the measure "time": a miss counts two budgets of all.

    Raises OptbenchError if verdicts are about it.
    """
    if spec.judge_by == TIME:
        raise OptbenchError(
            'runs of several lengths are compared at their end, not by samples to a target: say judge_by = "loss" '
            "(--judge-by loss), or leave epochs out of have"
        )
    return spec.model_copy(update={"choose_by": tuple(each for each in spec.choose_by if each != TIME)})


def _find_labels(plan: Plan) -> dict[str, str]:
    """Return the labels of the spec by the names in tables. Raises OptbenchError for the label of an unknown name."""
    typed = {entry.name: name for entry, name in zip(plan.spec.problems, plan.names, strict=True)}
    given = {typed.get(text, text): label for text, label in plan.spec.labels.items()}
    found = find_labels(given, [*plan.names, *(optimizer.name for optimizer in plan.optimizers)])
    return label_variants(plan.optimizers, plan.incumbents) | found


def _expand_pair(
    spec: Spec, entry: ProblemEntry, problem: Problem, tried: SettingList | MovingGrid | Space, device: Device
) -> Iterator[tuple[Cohort, Sequence[int]]]:
    """Yield the cohort of the first seed, and the seeds, for each batch size, precision and block of a pair.

    entry: the problem as the spec names it, perhaps with a budget and batch sizes of its own; tried: the
    optimizer and its settings.
    """
    sizes = list_batch_sizes(spec.sizes_of(entry), problem, tried.optimizer)
    numbers: Sequence[int | None] = range(spec.blocks) or (None,)
    by_block = [tried.lanes(sizes, block) for block in numbers]
    seeds: Sequence[Sequence[int]] = spec.seeds_of("screen") if spec.blocks else [spec.seeds]
    epochs = tried.epochs if isinstance(tried, SettingList) else None
    for size, dtype in itertools.product({size: "" for each in by_block for size in each}, spec.dtypes):
        steps = _count_steps(spec, entry, problem, tried.optimizer, size, epochs)
        first = None
        for lanes, own in zip((each.get(size) for each in by_block), seeds, strict=True):
            if lanes and first:
                yield first.with_lanes(lanes, own[0]), own
            elif lanes:
                first = Cohort(
                    problem=problem, optimizer=tried.optimizer, lanes=lanes, batch_size=size, steps=steps, seed=own[0],
                    dtype=dtype, points=_cut_points(spec, steps), deadline=spec.run_timeout, device=device,
                    scores=sorted({*spec.choose_by, spec.judge_by}.intersection(SCORES)),
                )  # fmt: skip
                yield first, own


def _count_steps(
    spec: Spec, entry: ProblemEntry, problem: Problem, optimizer: AnyOptimizer, size: int, epochs: float | None
) -> int:
    """Return the steps of a run: all optimizers get the same samples, and second gradients take theirs of these.

    epochs: where its runs have a length of their own.
    """
    budget = spec.budget_of(entry) if epochs is None else ProblemEntry(name=entry.name, epochs=epochs)
    steps = settings.step_count(budget.epochs, budget.steps, steps_per_epoch(problem.examples, size))
    return affordable_steps(steps, optimizer.second_every, problem.examples, size)


def _check_measure(measure: str, problems: list[Problem]) -> None:
    """Raise OptbenchError unless a measure to choose by is time, loss, test_loss or a loss or accuracy of a problem."""
    parts = ("train_", "test_")
    metrics = {f"{part}{name}" for problem in problems for name in problem.metrics for part in parts}
    known = ["time", "loss", "test_loss", *sorted(name for name in metrics if "accuracy" in name or "loss" in name)]
    scores = {name for problem in problems for name in scores_of(problem)} if measure in SCORES else set(SCORES)
    known += [name for name in SCORES if name in scores]
    one_of("measure to choose by", measure, known)


def _cut_points(spec: Spec, steps: int) -> Literal["every"] | tuple[int, ...] | None:
    """Return the steps at which runs are evaluated, the spec's up to their last one; "every" and None unchanged."""
    if not isinstance(spec.points, tuple):
        return spec.points
    return tuple(point for point in spec.points if point <= steps) or (steps,)
