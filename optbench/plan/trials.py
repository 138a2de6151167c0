"""The settings of each optimizer in a sweep: all combinations of the spec's lists, or trials from a search space.

In blocks of seeds, a grid of rates and trials are drawn anew for each optimizer in each block, so that the luck of the
draw is part of what blocks differ by. A draw is a hash of what it belongs to, the spec's ``search_seed`` included: it
depends on nothing else in the spec, and stays what it was when the sweep grows. Lists of rates stay as they are.

Without blocks all optimizers see the same points of one scrambled Sobol sequence: two with the same range for their
rate get the same rates. With blocks or without, the first n of N trials are those of n.
"""

import hashlib
import itertools
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from optbench.catalogue.library_optimizers import find_equal_rule, find_search_space
from optbench.catalogue.loader import Catalogue
from optbench.contract import names
from optbench.contract.arguments import BatchSize
from optbench.contract.eager import AnyOptimizer, Eager, library_and_name
from optbench.contract.errors import OptbenchError
from optbench.contract.optimizers import Baseline
from optbench.contract.problems import Problem
from optbench.contract.schedules import Schedule
from optbench.contract.search import RATE, SAME_MEANING, Range, choice, parse_range
from optbench.engine.cohort import Lane, batch_size_of
from optbench.plan.spec import Spec, advise_trials

COLUMNS = 32
"""Ranges that can be searched at once: coordinates of a point."""
_POINTS = 1 << 16
"""The most points that are looked at for settings that differ."""
_PATIENCE = 16
"""The points that are looked at for each setting of a space that holds a finite number of them."""
_BITS = 53
"""Bits of a number that is drawn: those of a float's digits."""


@dataclass(frozen=True)
class SettingList:
    """An optimizer with the settings that a spec lists for it."""

    optimizer: AnyOptimizer
    by_size: Mapping[int | None, tuple[Lane, ...]]
    """The settings by batch size; under None those that run at every size."""
    epochs: float | None = None
    """The length of their runs; None for that of the others on the problem."""

    def lanes(self, sizes: Mapping[int, str], block: int | None = None) -> dict[int, tuple[Lane, ...]]:
        """Return the settings by batch size, the same ones in every block.

        sizes: the batch sizes of settings that run at every size.
        """
        everywhere = self.by_size.get(None)
        if everywhere is not None:
            return dict.fromkeys(sizes, everywhere)
        return {size: lanes for size, lanes in self.by_size.items() if size is not None}


@dataclass(frozen=True, eq=False)
class MovingGrid:
    """An optimizer with a grid of rates whose offset is drawn anew for each block, schedule and batch size."""

    optimizer: AnyOptimizer
    hyperparameters: Sequence[Mapping[str, float]]
    """Its settings, each of which runs at all rates."""
    schedules: Sequence[Schedule]
    rates: str
    """The grid as text."""
    seed: int
    """The spec's ``search_seed``."""
    _drawn: dict[tuple[str, int], tuple[Lane, ...]] = field(default_factory=dict, repr=False)
    """The settings by batch size, as a text, and block: problems share them."""

    def lanes(self, sizes: Mapping[int, str], block: int | None = None) -> dict[int, tuple[Lane, ...]]:
        """Return the settings of a block, which must be one, by batch size.

        sizes: the text of each batch size, as the spec has it: the draw of "full" is the same for all problems.
        """
        assert block is not None
        return {size: self._lay_lanes(text, block) for size, text in sizes.items()}

    def _lay_lanes(self, size: str, block: int) -> tuple[Lane, ...]:
        """Return the settings at a batch size, a text, in a block."""
        if (size, block) not in self._drawn:
            moved = [(each, names.grid(self.rates, self._draw_offset(size, block, each))) for each in self.schedules]
            self._drawn[size, block] = tuple(
                Lane(lr, schedule, values)
                for values in self.hyperparameters for schedule, rates in moved for lr in rates
            )  # fmt: skip
        return self._drawn[size, block]

    def _draw_offset(self, size: str, block: int, schedule: Schedule) -> float:
        """Return the offset of the grid in steps, in [-1/2, 1/2)."""
        return draw_number(self.seed, block, self.optimizer.name, schedule.text, size) * 2.0**-_BITS - 0.5


@dataclass(frozen=True, eq=False)
class ScheduleSpace:
    """A schedule whose parameters may be ranges: ``inverse(decay_rate=log_uniform(0.01, 10))``."""

    text: str
    ranges: tuple[Range, ...]
    """The ranges in the order of the text."""
    catalogue: Catalogue

    def schedule(self, values: Sequence[object]) -> Schedule:
        """Return the schedule with values in place of its ranges, in order; raise OptbenchError if it refuses one."""
        return self.catalogue.schedule(_fill_ranges(self.text, iter(values))) if self.ranges else self._fixed

    @cached_property
    def _fixed(self) -> Schedule:
        """The schedule of a text without ranges; parsed once, not for every trial."""
        return self.catalogue.schedule(self.text)


@dataclass(frozen=True, eq=False)
class Space:
    """The search space of one optimizer's trials."""

    optimizer: AnyOptimizer
    fixed: Mapping[str, float | int | str]
    """The hyperparameters that the spec gives."""
    ranges: Mapping[str, Range]
    """Search ranges of the others; those in neither keep their defaults."""
    rates: Range
    schedules: tuple[ScheduleSpace, ...]
    count: int
    """The number of trials."""
    seed: int
    """The spec's ``search_seed``."""
    meanings: Mapping[str, str] = field(default_factory=dict)
    """By parameter whose range nobody has given: the name under which other optimizers have the same one."""
    rate_means: str = ""
    """What the rate is, where it is no usual step size."""
    _drawn: dict[tuple[int, int | None], list[tuple[Lane, ...]]] = field(default_factory=dict, repr=False)
    """The settings of each batch size by its index, by the number of batch sizes and the block."""

    def lanes(self, sizes: Mapping[int, str], block: int | None = None) -> dict[int, tuple[Lane, ...]]:
        """Return ``count`` different settings by batch size, or all if the space has fewer.

        block: whose settings are drawn for this optimizer alone; None: those that all optimizers share. Raises
        OptbenchError if ranges are too narrow for settings of four digits to differ.
        """
        key = len(sizes), block
        if key not in self._drawn:
            by_place: list[list[Lane]] = [[] for _ in sizes]
            for place, lane in self._draw(len(sizes), block):
                by_place[place].append(lane)
            self._drawn[key] = [tuple(lanes) for lanes in by_place]
        return {size: lanes for size, lanes in zip(sizes, self._drawn[key], strict=True) if lanes}

    @property
    def searched(self) -> dict[str, str]:
        """The ranges and choices that trials are drawn from, by parameter, as text; without the batch size."""
        ranges = {RATE: self.rates, **self.ranges}
        found = {key: made.text for key, made in ranges.items() if made.count != 1}
        if len(self.schedules) > 1 or self.schedules[0].ranges:
            found["schedule"] = ", ".join(each.text for each in self.schedules)
        return found

    def _draw(self, sizes: int, block: int | None) -> list[tuple[int, Lane]]:
        """Return `self.count` different settings, or all of a smaller space, each with the index of its batch size.

        sizes: the number of batch sizes. block: whose settings are drawn, None: those of all. Raises OptbenchError if
        ranges are too narrow, as in `lanes`.
        """
        seed = self.seed if block is None else draw_number(self.seed, block, self.optimizer.name)
        # What all optimizers share comes first, so that it reads the same coordinates for each of them.
        shared = [(self.rates,), (choice(*range(sizes)),), (choice(*range(len(self.schedules))),)]
        inner = itertools.zip_longest(*(each.ranges for each in self.schedules))  # one schedule at a time is in use
        axes = [*shared, *(tuple(filter(None, each)) for each in inner), *((each,) for each in self.ranges.values())]
        widths = [math.lcm(*(each.count for each in axis)) for axis in axes]
        found: dict[tuple, tuple[int, Lane]] = {}
        for point in self._lay_points(widths, seed):
            place, lane = self._read_point(point, sizes, len(axes) - len(self.ranges))
            found.setdefault((place, lane.lr, lane.schedule.text, *lane.hyperparameters.values()), (place, lane))
            if len(found) == self.count:
                break
        if len(found) < self.count and 0 in widths:
            raise OptbenchError(
                f"optimizer {self.optimizer.name}: its ranges hold no more than {len(found)} settings that differ in "
                f"four digits, not {self.count}: widen them, or ask for fewer trials"
            )
        return list(found.values())

    def _lay_points(self, widths: Sequence[int], seed: int) -> Iterator[list[float]]:
        """Yield points with a coordinate in [0, 1) for each axis: quasi-random ones, then a finite space's full grid.

        widths: the number of values on each axis, 0 for an interval. An axis of one value has the coordinate 0. seed:
        of the quasi-random points.
        """
        columns = [i for i, width in enumerate(widths) if width != 1]
        if len(columns) > COLUMNS:
            raise OptbenchError(f"optimizer {self.optimizer.name}: no more than {COLUMNS} ranges can be searched")
        held = math.prod(widths)
        for point in itertools.islice(_sobol_points(seed), min(_PATIENCE * held, _POINTS) if held else _POINTS):
            row = [0.0] * len(widths)
            for column, u in zip(columns, point, strict=False):
                row[column] = float(u)
            yield row
        if held:
            yield from map(list, itertools.product(*([(i + 0.5) / width for i in range(width)] for width in widths)))

    def _read_point(self, point: Sequence[float], sizes: int, own: int) -> tuple[int, Lane]:
        """Return the index of the batch size and the lane at a point.

        point: coordinates from `_lay_points`; sizes: the number of batch sizes; own: the index of the first coordinate
        that belongs to a hyperparameter.
        """
        chosen = self.schedules[int(point[2] * len(self.schedules))]
        inner = [made.of(u) for made, u in zip(chosen.ranges, point[3:own], strict=False)]
        values = {key: made.of(u) for (key, made), u in zip(self.ranges.items(), point[own:], strict=True)}
        hyperparameters = self.optimizer.with_values({**self.fixed, **values})
        return int(point[1] * sizes), Lane(float(self.rates.of(point[0])), chosen.schedule(inner), hyperparameters)


def list_chosen_settings(spec: Spec, problem: Problem, catalogue: Catalogue) -> list[SettingList]:
    """Return the settings that ``chosen`` of a spec lists for a problem: a `SettingList` for each optimizer among them.

    Raises OptbenchError for an unknown name or value, and for a setting that is listed twice.
    """
    optimizers: dict[str, AnyOptimizer] = {}
    lanes: dict[str, dict[int | None, tuple[Lane, ...]]] = {}
    epochs: dict[str, float | None] = {}
    for entry in spec.chosen:
        if catalogue.problem(entry.problem).name != problem.name:
            continue
        optimizer, values = catalogue.optimizer(entry.optimizer)
        size = batch_size_of(entry.batch_size, problem)
        if isinstance(optimizer, Baseline) and size != problem.examples:
            raise OptbenchError(f"chosen: {optimizer.name} runs on the full batch")
        by_size = lanes.setdefault(optimizers.setdefault(optimizer.name, optimizer).name, {})
        lane = Lane(entry.lr, catalogue.schedule(entry.schedule), values)
        if lane in by_size.get(size, ()):
            raise OptbenchError(f"chosen has a setting of {optimizer.name} on {problem.name} twice, in other words")
        by_size[size] = (*by_size.get(size, ()), lane)
        if epochs.setdefault(optimizer.name, entry.epochs) != entry.epochs:
            raise OptbenchError(f"chosen has {optimizer.name} on {problem.name} with two lengths: give it one")
    return [SettingList(optimizer, lanes[name], epochs[name]) for name, optimizer in optimizers.items()]


def expand_settings(spec: Spec, catalogue: Catalogue) -> list[SettingList | MovingGrid | Space]:
    """Return for each optimizer of a spec all its settings, or what they are drawn from: a grid, or a search space.

    Raises OptbenchError for an unknown name or value, and for an entry that is listed twice.
    """
    if spec.trials is not None:
        return [*read_spaces(spec, catalogue)]
    refuse_ranges(spec)
    grid = spec.rate_grid
    optimizers = _read_optimizers(spec, catalogue)
    schedules = [catalogue.schedule(text) for text in spec.schedules]
    if len({schedule.text for schedule in schedules}) < len(schedules):
        raise OptbenchError("schedules has an entry twice")
    search_by_line = [catalogue.schedule("constant")], (1.0,)  # a line search begins at the rate 1
    rates = spec.learning_rates if isinstance(spec.learning_rates, tuple) else ()
    found: list[SettingList | MovingGrid | Space] = []
    for optimizer, values in optimizers:
        if grid and not isinstance(optimizer, Baseline):
            found.append(MovingGrid(optimizer, values, schedules, grid, spec.search_seed))
            continue
        axes = search_by_line if isinstance(optimizer, Baseline) else (schedules, rates)
        every = itertools.product(values, *axes)
        found.append(SettingList(optimizer, {None: tuple(Lane(lr, schedule, each) for each, schedule, lr in every)}))
    return found


def find_meaning(optimizer: AnyOptimizer, key: str) -> str:
    """Return the name under which other optimizers have a hyperparameter of the same meaning; else its own name."""
    if key not in SAME_MEANING or SAME_MEANING[key] in optimizer.hyperparameters:
        return key
    return key if names.INNER in names.parse(optimizer.name)[1] else SAME_MEANING[key]  # average(adam) has a beta


def has_equal_batches(problem: Problem) -> bool:
    """Return True for a problem without data and noise: a smaller batch would be the same for fewer samples."""
    return problem.data is None and problem.noise == 0


def list_batch_sizes(given: Iterable[BatchSize], problem: Problem, optimizer: AnyOptimizer) -> dict[int, str]:
    """Return the batch sizes on a problem, each with its text in a spec. given: those that the spec has for it.

    SciPy's methods take the full batch alone, and so do all others where every batch is the problem itself.
    """
    if isinstance(optimizer, Baseline) or has_equal_batches(problem):
        return {problem.examples: "full"}
    sizes = [batch_size_of(size, problem) for size in given]
    return {size: "full" if size == problem.examples else str(size) for size in sizes}


def _read_optimizers(spec: Spec, catalogue: Catalogue) -> list[tuple[AnyOptimizer, list[dict[str, float]]]]:
    """Return each optimizer once, with all its settings; a list, adam(beta1=[0.8, 0.9]), stands for each value."""
    tried: dict[str, tuple[AnyOptimizer, list[dict[str, float]]]] = {}
    for text in spec.optimizers:
        for plain in names.expand_alternatives(text):
            optimizer, values = catalogue.optimizer(plain)
            known = tried.setdefault(optimizer.name, (optimizer, []))[1]
            if values in known:
                raise OptbenchError(f"optimizers has {text!r} twice, with the same hyperparameters")
            known.append(values)
    return list(tried.values())


def read_spaces(spec: Spec, catalogue: Catalogue) -> list[Space]:
    """Return the search space of each optimizer of a spec with trials: the ranges of the spec, or else its own.

    Raises OptbenchError for an unknown name, an optimizer that is named twice, and a range with values outside the
    limits of its parameter.
    """
    schedules = tuple(_read_schedule(text, catalogue) for text in spec.schedules)
    keys = [(each.schedule(_first_ends(each)).text, each.ranges) for each in schedules]
    if len(set(keys)) < len(keys):
        raise OptbenchError("schedules has an entry twice")
    found: dict[str, Space] = {}
    for text in spec.optimizers:
        space = _read_space(text, spec, schedules, catalogue)
        if found.setdefault(space.optimizer.name, space) is not space:
            raise OptbenchError(
                f"optimizers has {space.optimizer.name} twice: with trials each is named once, and a hyperparameter "
                "takes a list, beta1=[0.8, 0.9], or a range"
            )
    return list(found.values())


def draws_schedules(spec: Spec) -> bool:
    """Return True if trials draw parameters of a schedule, so that nearly every trial has a schedule of its own."""
    return spec.trials is not None and any(True for text in spec.schedules for _ in _find_ranges(text, "schedule"))


def refuse_ranges(spec: Spec) -> None:
    """Raise OptbenchError if a spec without trials has a range."""
    for key in ("optimizers", "schedules"):
        for text in getattr(spec, key):
            for made in _find_ranges(text, key[:-1]):
                raise OptbenchError(f"{key}: {advise_trials(made.text)}")


def _read_space(text: str, spec: Spec, schedules: tuple[ScheduleSpace, ...], catalogue: Catalogue) -> Space:
    """Return the search space of the optimizer that a text names, perhaps with ranges."""
    assert spec.trials is not None
    bare = _without_hyperparameters(text)
    optimizer, _ = catalogue.optimizer(bare)
    said = names.find_values(bare) if isinstance(optimizer, Eager) else {}
    given: dict[str, Range] = {}
    for key, value in names.find_values(text).items():
        if key in said and key not in optimizer.hyperparameters:
            continue  # no number: a part of the name
        made = _parse_range(f"optimizer {optimizer.name}", key, value) or choice(*names.expand_values(value))
        for end in made.ends:
            try:
                optimizer.with_values({key: end})
            except OptbenchError as error:
                raise OptbenchError(f"{error}{f', and {made.text} reaches it' * (made.count != 1)}") from None
        given[key] = made
    ranges, equal, meanings, rules = dict(optimizer.space), None, dict[str, str](), catalogue.optimizers.values()
    if isinstance(optimizer, Eager):
        values = optimizer.with_values({key: made.ends[-1] for key, made in given.items()})
        ranges, _ = find_search_space(optimizer, values, rules)
        equal, meanings = find_equal_rule(optimizer, values, rules)
    rates = ranges.pop(RATE, choice(1.0))
    fixed = {key: made.values[0] for key, made in given.items() if made.count == 1}
    ranges = {key: made for key, made in ranges.items() if key not in given}
    meanings = {key: meanings.get(key) or find_meaning(optimizer, key) for key in ranges}
    ranges |= {key: made for key, made in given.items() if made.count != 1}
    if isinstance(optimizer, Baseline):  # its line search begins at the rate 1
        rates, schedules = choice(1.0), (_read_schedule("constant", catalogue),)
        return Space(optimizer, fixed, ranges, rates, schedules, spec.trials, spec.search_seed, meanings)
    if isinstance(spec.learning_rates, str):
        rates = parse_range(spec.learning_rates) or rates
    elif spec.learning_rates is not None:
        rates = choice(*spec.learning_rates)
    else:
        meanings = {RATE: RATE, **meanings}
    rate_means = optimizer.rate_means or (equal.rate_means if equal else "")
    return Space(
        optimizer, fixed, ranges, rates, schedules, spec.trials, spec.search_seed, meanings, rate_means
    )  # fmt: skip


def _read_schedule(text: str, catalogue: Catalogue) -> ScheduleSpace:
    """Return the space of a schedule's text; raise OptbenchError if a range has an end that the schedule refuses."""
    space = ScheduleSpace(text, tuple(_find_ranges(text, "schedule")), catalogue)
    firsts = _first_ends(space)
    for i, made in enumerate(space.ranges):
        for end in made.ends:
            space.schedule([*firsts[:i], end, *firsts[i + 1 :]])
    return space


def _first_ends(space: ScheduleSpace) -> list[object]:
    """Return the first end of each range of a schedule, in order."""
    return [made.ends[0] for made in space.ranges]


def draw_number(*key: int | str) -> int:
    """Return a whole number in [0, 2^53) that is drawn for a key: the first bits of its hash."""
    digest = hashlib.sha256(json.dumps(key).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> (64 - _BITS)


def _sobol_points(seed: int) -> Iterator[np.ndarray]:
    """Yield the points of a scrambled Sobol sequence, (COLUMNS,) each, computed in blocks that double in size."""
    from scipy.stats import qmc

    sequence = qmc.Sobol(COLUMNS, scramble=True, seed=np.random.default_rng(seed))
    size = 64
    while True:
        yield from sequence.random(size)
        size = sequence.num_generated


def _without_hyperparameters(text: str) -> str:
    """Return a text without hyperparameters; of another library's optimizer, those with a single value stay."""
    name, given = names.parse(text)
    inner = given.pop(names.INNER, None)
    kept = {} if inner is None else {names.INNER: _without_hyperparameters(inner)}
    if library_and_name(name):
        kept |= {key: value for key, value in given.items() if _is_single(name, key, value)}
    return names.canonical(name, kept)


def _is_single(owner: str, key: str, value: object) -> bool:
    """Return True for a single value, neither a list nor a range. owner, key: of the value, for messages."""
    several = isinstance(value, list | tuple) or (isinstance(value, str) and ":" in value)
    return not several and _parse_range(owner, key, value) is None


def _find_ranges(text: str, kind: str) -> Iterator[Range]:
    """Yield the ranges in the text of an optimizer or schedule, those of a wrapped one included, in order.

    kind: "optimizer" or "schedule", for messages.
    """
    name, given = names.parse(text)
    for key, value in given.items():
        if key == names.INNER:
            yield from _find_ranges(value, kind)
        elif made := _parse_range(f"{kind} {name}", key, value):
            yield made


def _parse_range(owner: str, key: str, value: object) -> Range | None:
    """Return the range that a value is; None if it is no range; raise OptbenchError, with the owner, if it is wrong."""
    try:
        return parse_range(value)
    except OptbenchError as error:
        raise OptbenchError(f"{owner}: {key}: {error}") from None


def _fill_ranges(text: str, values: Iterator) -> str:
    """Return the text of a schedule with the next of the values in place of each of its ranges."""
    name, given = names.parse(text)
    for key, value in given.items():
        if key == names.INNER:
            given[key] = _fill_ranges(value, values)
        elif parse_range(value):
            given[key] = next(values)
    return names.canonical(name, given)
