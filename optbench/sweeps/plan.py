"""Expand a spec to the cohorts to run, each with its lanes."""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from optbench.catalogue.loader import Catalogue
from optbench.contract.eager import AnyOptimizer
from optbench.contract.errors import OptbenchError, unknown
from optbench.contract.problems import Problem
from optbench.contract.schedules import Schedule
from optbench.contract.search import RATE, RATES
from optbench.contract.source_code import SourceFile
from optbench.contract.types import Device, Stage
from optbench.engine import settings
from optbench.engine.batches import steps_per_epoch
from optbench.engine.cohort import Cohort
from optbench.sweeps.planned import Cohorts, LaneHashes, Series
from optbench.sweeps.search import Space
from optbench.sweeps.spec import ProblemEntry, Spec
from optbench.sweeps.trials import Fixed, Grid, batch_sizes, fixed, settings_of


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
    shard: str = ""
    """The part of the sweep that this is, such as "2/8"; empty for the whole."""
    findings: tuple[str, ...] = ()
    """Faults of the user's records that quick checks found, a line each."""

    @property
    def series(self) -> tuple[Series, ...]:
        """The cohorts without their seeds: few, however large the plan is."""
        return self.cohorts.series

    @property
    def runs(self) -> int:
        return self.cohorts.runs

    @cached_property
    def trials(self) -> dict[tuple[str, str], int]:
        """The number of settings, batch sizes included, that each pair of a problem and an optimizer tries."""
        trials: dict[tuple[str, str], dict[int, int]] = {}
        for cohort in (each.cohort for each in self.series):
            by_size = trials.setdefault((cohort.problem.name, cohort.optimizer.name), {})
            by_size[cohort.batch_size] = len(cohort.lanes)  # the same for every dtype; no setting stands there twice
        return {pair: sum(by_size.values()) for pair, by_size in trials.items()}

    @property
    def problems(self) -> list[Problem]:
        """Each problem once."""
        return list({each.cohort.problem.name: each.cohort.problem for each in self.series}.values())

    @property
    def warnings(self) -> list[str]:
        """Doubts about the user's data and records, and optimizers whose range of rates nobody chose."""
        data = dict.fromkeys(problem.data_warning for problem in self.problems if problem.data_warning)
        return [*data, *self.findings, *self._unstated()]

    def _unstated(self) -> Iterator[str]:
        """Yield the optimizers without a range of rates of their own, if others have one."""
        rates = {name: ranges[RATE] for name, ranges in self.searched.items() if RATE in ranges}
        usual = [name for name, text in rates.items() if text == RATES.text]
        if usual and len(usual) < len(rates) and self.spec.learning_rates is None:
            yield (
                f"no range of rates is stated for {', '.join(usual)}: searched is {RATES.text}, and for the other "
                "optimizers their own; learning_rates, or --lr, is one for all"
            )

    @property
    def unequal(self) -> str:
        """A problem on which optimizers try unequal numbers of settings, as text; empty if there is none."""
        numbers: dict[str, dict[str, int]] = {}
        for (problem, optimizer), number in self.trials.items():
            numbers.setdefault(problem, {})[optimizer] = number
        for each in numbers.values():
            if len(set(each.values())) > 1:
                counts = ", ".join(f"{optimizer} {number:,}" for optimizer, number in each.items())
                return f"unequal numbers of trials, and the best of more is better: {counts}"
        return ""

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


def expand(spec: Spec, catalogue: Catalogue, device: Device = "cpu", device_note: str = "") -> Plan:
    """Expand ``spec`` for a device that was chosen, "cpu" or "cuda".

    Raises OptbenchError for a name, parameter or size that does not exist.
    """
    tried = [] if spec.chosen else settings_of(spec, catalogue)
    problems = [(catalogue.problem(entry.name), entry) for entry in spec.problems]
    _unique("problems", [problem.name for problem, _ in problems])
    _check_choice(spec.choose_by, [problem for problem, _ in problems])
    cohorts = [
        cohort
        for problem, entry in problems
        for setting in (fixed(spec, problem, catalogue) if spec.chosen else tried)
        for cohort in _cohorts(spec, entry, problem, setting, device)
    ]
    hashes = {id(cohort.lanes): LaneHashes(cohort.lanes) for cohort in cohorts}
    seeds = [seed for block in spec.seeds_of("screen") for seed in block] if spec.blocks else spec.seeds
    stage: Stage = "screen" if spec.blocks else "grid"
    series = [Series(cohort, seeds, hashes[id(cohort.lanes)], stage, spec.block_of) for cohort in cohorts]
    searched = {each.optimizer.name: each.searched for each in tried if isinstance(each, Space)}
    return Plan(spec, Cohorts(series), device, device_note, searched)


def _cohorts(
    spec: Spec, entry: ProblemEntry, problem: Problem, tried: Grid | Space | Fixed, device: Device
) -> Iterator[Cohort]:
    """Yield the cohorts of one problem and optimizer, for the first of all seeds."""
    by_size = tried.lanes(batch_sizes(spec, problem, tried.optimizer))
    for size, dtype in itertools.product(by_size, spec.dtypes):
        steps = _steps(spec, entry, steps_per_epoch(problem.examples, size))
        yield Cohort(
            problem=problem, optimizer=tried.optimizer, lanes=by_size[size], batch_size=size, steps=steps,
            seed=spec.seeds[0], dtype=dtype, points=_points(spec, steps), deadline=spec.run_timeout, device=device,
        )  # fmt: skip


def _check_choice(column: str, problems: list[Problem]) -> None:
    """Raise OptbenchError unless ``choose_by`` is log_tail, test_loss or a loss or accuracy of some problem."""
    metrics = {f"{part}_{name}" for problem in problems for name in problem.metrics for part in ("train", "test")}
    known = ["log_tail", "test_loss", *sorted(name for name in metrics if "accuracy" in name or "loss" in name)]
    if column not in known:
        raise unknown("measure to choose by", column, known)


def _unique(key: str, texts: list[str]) -> None:
    """Raise OptbenchError if a text is in the list twice; key: of the spec, for the message."""
    if len(set(texts)) < len(texts):
        raise OptbenchError(f"{key} has an entry twice")


def _steps(spec: Spec, entry: ProblemEntry, per_epoch: int) -> int:
    """Return the number of steps of a run, from the budget of the problem's entry or else of the spec."""
    budget = spec if entry.epochs is None and entry.steps is None else entry
    return settings.step_count(budget.epochs, budget.steps, per_epoch)


def _points(spec: Spec, steps: int) -> Literal["every"] | tuple[int, ...] | None:
    """Return the spec's points, without those after the end of a shorter run."""
    if not isinstance(spec.points, tuple):
        return spec.points
    return tuple(point for point in spec.points if point <= steps) or (steps,)
