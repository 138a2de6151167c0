"""The settings of each optimizer in a sweep: all combinations of the spec's lists, or random trials."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from optbench.catalogue.loader import Catalogue
from optbench.contract import names
from optbench.contract.eager import AnyOptimizer
from optbench.contract.errors import OptbenchError
from optbench.contract.optimizers import Baseline
from optbench.contract.problems import Problem
from optbench.contract.schedules import Schedule
from optbench.engine.cohort import Lane, full_or
from optbench.sweeps.search import Space, refuse_ranges, spaces
from optbench.sweeps.spec import Spec


@dataclass(frozen=True)
class Grid:
    """An optimizer with every combination of its hyperparameters, schedules and learning rates."""

    optimizer: AnyOptimizer
    values: Sequence[dict[str, float]]
    schedules: Sequence[Schedule]
    rates: Sequence[float]

    @cached_property
    def _every(self) -> tuple[Lane, ...]:
        every = itertools.product(self.values, self.schedules, self.rates)
        return tuple(Lane(lr, schedule, values) for values, schedule, lr in every)

    def lanes(self, sizes: Sequence[int]) -> dict[int, tuple[Lane, ...]]:
        """Return the settings by batch size; they are the same at all sizes."""
        return dict.fromkeys(sizes, self._every)


@dataclass(frozen=True)
class Fixed:
    """An optimizer with the settings that the ``chosen`` of a spec lists for a problem."""

    optimizer: AnyOptimizer
    by_size: dict[int, list[Lane]]

    def lanes(self, sizes: Sequence[int]) -> dict[int, tuple[Lane, ...]]:
        """Return the settings by batch size."""
        return {size: tuple(lanes) for size, lanes in self.by_size.items()}


def fixed(spec: Spec, problem: Problem, catalogue: Catalogue) -> list[Fixed]:
    """Return the settings that ``chosen`` lists for a problem, one item for each optimizer.

    Raises OptbenchError for an unknown name or value, and for a setting that is listed twice.
    """
    each: dict[str, Fixed] = {}
    for entry in spec.chosen:
        if catalogue.problem(entry.problem).name != problem.name:
            continue
        optimizer, values = catalogue.optimizer(entry.optimizer)
        size = full_or(entry.batch_size, problem)
        if isinstance(optimizer, Baseline) and size != problem.examples:
            raise OptbenchError(f"chosen: {optimizer.name} runs on the full batch")
        lanes = each.setdefault(optimizer.name, Fixed(optimizer, {})).by_size.setdefault(size, [])
        lane = Lane(entry.lr, catalogue.schedule(entry.schedule), values)
        if lane in lanes:
            raise OptbenchError(f"chosen has a setting of {optimizer.name} on {problem.name} twice, in other words")
        lanes.append(lane)
    return list(each.values())


def settings_of(spec: Spec, catalogue: Catalogue) -> list[Grid] | list[Space]:
    """Return for each optimizer of a spec its grid of settings, or with ``trials`` the space to draw them from.

    Raises OptbenchError for an unknown name or value, and for an entry that is listed twice.
    """
    if spec.trials is not None:
        return spaces(spec, catalogue)
    refuse_ranges(spec)
    assert isinstance(spec.learning_rates, tuple)
    optimizers = _optimizers(spec, catalogue)
    schedules = [catalogue.schedule(text) for text in spec.schedules]
    if len({schedule.text for schedule in schedules}) < len(schedules):
        raise OptbenchError("schedules has an entry twice")
    constant = [catalogue.schedule("constant")]
    return [
        Grid(optimizer, values, constant, (1.0,))  # its line search begins at the rate 1
        if isinstance(optimizer, Baseline)
        else Grid(optimizer, values, schedules, spec.learning_rates)
        for optimizer, values in optimizers
    ]


def batch_sizes(spec: Spec, problem: Problem, optimizer: AnyOptimizer) -> list[int]:
    """Return the batch sizes on a problem, each once; SciPy's methods take the full batch alone."""
    if isinstance(optimizer, Baseline):
        return [problem.examples]
    return list(dict.fromkeys(full_or(size, problem) for size in spec.batch_sizes))


def _optimizers(spec: Spec, catalogue: Catalogue) -> list[tuple[AnyOptimizer, list[dict[str, float]]]]:
    """Return each optimizer once, with all its settings; a list, adam(beta1=[0.8, 0.9]), stands for each value."""
    tried: dict[str, tuple[AnyOptimizer, list[dict[str, float]]]] = {}
    for text in spec.optimizers:
        for plain in names.alternatives(text):
            optimizer, values = catalogue.optimizer(plain)
            known = tried.setdefault(optimizer.name, (optimizer, []))[1]
            if values in known:
                raise OptbenchError(f"optimizers has {text!r} twice, with the same hyperparameters")
            known.append(values)
    return list(tried.values())
