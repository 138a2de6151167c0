"""The design of a sweep: the checked record that a file, flags or keywords become."""

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath
from typing import Annotated, Any

import numpy as np
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, model_validator

from optbench.compiler import device as devices
from optbench.contract import names
from optbench.contract.arguments import Real, Whole, check, is_number, is_whole
from optbench.contract.errors import OptbenchError, shown
from optbench.contract.names import split_list
from optbench.contract.paths import path_of
from optbench.contract.search import Range, parse_range
from optbench.engine import settings
from optbench.engine.settings import BatchSize, Dtype, Points, Rate, RunTimeout, Seed

LISTS = ("optimizers", "batch_sizes", "schedules", "learning_rates")
"""Keys whose product a sweep runs, if ``chosen`` names no whole settings."""
STAGE_SEEDS = ("screen", "race", "holdout")
BLOCK_KEYS = ("blocks", *STAGE_SEEDS, "finalists")
"""Keys that mean nothing without blocks."""
MOST_TRIALS = 10_000
"""Trials of an optimizer: more are a typing error."""
MOST_SEEDS = 100_000
"""Seeds: more are a typing error."""
MOST_LANES = 1_000_000
"""Settings of an optimizer: a cohort of so many takes gigabytes of state."""
MOST_RUNS = 100_000_000
"""Runs of a sweep: at the speed of the default sweep, more than a day on two cores."""
_DEEPEST = 5
"""Depth of lists and mappings; a spec has three."""


def plain(value: Any, depth: int = 0) -> Any:
    """Return a value without types of NumPy and pandas: numbers, texts, lists and mappings. Raises OptbenchError."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, range) or type(value).__name__ in ("Series", "Index"):
        if len(value) > MOST_SEEDS:
            raise OptbenchError(f"{len(value):,} entries are more than {MOST_SEEDS:,}")
        return list(value) if isinstance(value, range) else plain(value.to_numpy(), depth)
    if isinstance(value, np.ndarray):
        if value.size > MOST_SEEDS:
            raise OptbenchError(f"{value.size:,} entries are more than {MOST_SEEDS:,}")
        return value.tolist()
    if isinstance(value, str | int | float | PurePath | Range | None):
        return value
    if not isinstance(value, list | tuple | Mapping):
        raise OptbenchError(f"{shown(value)} must be a list, a number or a text")
    if depth == _DEEPEST:
        raise OptbenchError("its lists are nested too deeply")
    if isinstance(value, Mapping):
        return {key: plain(item, depth + 1) for key, item in value.items()}
    if len(value) > MOST_SEEDS:
        raise OptbenchError(f"{len(value):,} entries are more than {MOST_SEEDS:,}")
    return [plain(item, depth + 1) for item in value]


def as_list(value: Any) -> Any:
    """Return a comma-separated text as a list, and a number as a list of one. Raises OptbenchError for no list."""
    if isinstance(value, str):
        return split_list(value)
    if is_number(value):
        return [value]
    if not isinstance(value, list | tuple):
        raise OptbenchError(f"{shown(value)} must be a list")
    return value


def _rates(value: Any) -> Any:
    """Return learning rates: numbers, or the text of a range. Raises OptbenchError."""
    if found := parse_range(value[0] if isinstance(value, list | tuple) and len(value) == 1 else value):
        for end in found.ends:
            check(Rate, end, "")
        return found.text
    if value is None:
        return None
    numbers = names.grid(value) if isinstance(value, str) and ":" in value else as_list(value)
    return tuple(check(Rate, _number(item) if isinstance(item, str) else item, "") for item in numbers)


def _number(text: str) -> float:
    """Return the number that a text holds; raise OptbenchError for another text."""
    try:
        return float(text)
    except ValueError:
        raise OptbenchError(f"{shown(text)} must be a number, or a grid such as 1e-4:1:9") from None


def _sizes(value: Any) -> list[Any]:
    """Return batch sizes, with the numbers of a text as numbers. Raises OptbenchError."""
    return [_whole(item) if isinstance(item, str) else item for item in as_list(value)]


def _seeds(value: Any) -> Any:
    """Return the seeds 0, 1, ... for a count of them, or the list of seeds itself. Raises OptbenchError."""
    if isinstance(value, str):
        parts = [_whole(part.strip()) for part in value.split(",")]
        if not all(is_whole(part) for part in parts):
            raise OptbenchError(f"{shown(value)} must be how many seeds, or a list of them: 0,1,2")
        value = parts[0] if len(parts) == 1 else parts
    if is_whole(value):
        if not 1 <= value <= MOST_SEEDS:
            raise OptbenchError(
                f"{shown(value)} must be between 1 and {MOST_SEEDS} (how many seeds), or a list of seeds"
            )
        return tuple(range(int(value)))
    if isinstance(value, Sequence) and len(value) > MOST_SEEDS:
        raise OptbenchError(f"{len(value):,} seeds are more than {MOST_SEEDS:,}")
    if not isinstance(value, list | tuple | range):
        raise OptbenchError(f"{shown(value)} must be how many seeds, or a list of them")
    return tuple(value)


def _whole(text: str) -> int | str:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 20 else text


def count_seeds(value: Any) -> int:
    """Return how many seeds a value stands for. Raises OptbenchError."""
    return len(_seeds(value))


def _problems(value: Any) -> Any:
    return [{"name": item} if isinstance(item, str) else item for item in as_list(value)]


def _plugins(value: Any) -> Any:
    """Return absolute paths: the spec is stored with the results, and must name the same files from there."""
    files = [value] if isinstance(value, Path) else as_list(value)
    return tuple(str(path_of("a plug-in", item).resolve()) for item in files)


_Texts = Annotated[tuple[str, ...], BeforeValidator(as_list)]


class ProblemEntry(BaseModel):
    """A problem, and its own budget if it differs from the sweep's."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    epochs: Real | None = None
    steps: Whole | None = None


class SettingEntry(BaseModel):
    """One setting of one optimizer on one problem."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    problem: str
    optimizer: str
    batch_size: BatchSize = "full"
    schedule: str = "constant"
    lr: Rate = 1.0


class Spec(BaseModel):
    """The design of a sweep, and its budget: exactly one of ``epochs`` and ``steps``.

    Without ``blocks`` every setting runs on every seed; the first ``tuning_seeds`` choose, the others report. With them
    seeds stand in blocks, in each of which every optimizer is tuned and reported on by itself: see stages.py.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    problems: Annotated[tuple[ProblemEntry, ...], BeforeValidator(_problems)]
    optimizers: _Texts = ()
    batch_sizes: Annotated[tuple[BatchSize, ...], BeforeValidator(_sizes)] = ("full",)
    schedules: _Texts = ("constant",)
    learning_rates: Annotated[tuple[float, ...] | str | None, BeforeValidator(_rates)] = None
    """Rates, or a range that trials are drawn from; trials need none, for each optimizer has its own range."""
    chosen: tuple[SettingEntry, ...] = ()
    """In the place of optimizers, batch sizes, schedules and rates: what runs on each problem, one by one."""
    seeds: Annotated[tuple[Seed, ...], BeforeValidator(_seeds)] = tuple(range(9))
    tuning_seeds: Whole = 3
    """Seeds that choose; by default a third, at most 3."""
    blocks: Whole = 0
    """Blocks of seeds; the numbers of the seeds follow from this and the next three."""
    screen: Whole = 1
    """Seeds of a block on which all settings run."""
    race: Whole = 2
    """Seeds of a block on which its ``finalists`` run besides."""
    holdout: Whole = 4
    """Seeds of a block on which the setting that it has chosen runs, and which no choice has seen."""
    finalists: Whole = 5
    choose_by: str = "log_tail"
    """The column that the choice is made by: log_tail (training loss), or a metric such as test_accuracy."""
    epochs: Real | None = None
    steps: Whole | None = None
    dtypes: Annotated[tuple[Dtype, ...], BeforeValidator(as_list)] = ("float64",)
    run_timeout: RunTimeout = None
    """Seconds that a run may take; or a text with units, such as "2m"."""
    points: Points = None
    """Steps to evaluate at, besides the first and the last, or "every"; without it, some, log-spaced."""
    device: Annotated[str, AfterValidator(devices.checked)] = "cpu"
    """cpu; cuda; or auto: a GPU where one can be used."""
    plugins: Annotated[tuple[str, ...], BeforeValidator(_plugins)] = ()
    trials: Whole | None = None
    """Settings of each optimizer, drawn from its search space; without it, all that the lists give."""
    search_seed: Seed = 0
    """The seed of the draw."""

    @model_validator(mode="before")
    @classmethod
    def _block_seeds(cls, raw):
        """Fill in the seeds of all blocks."""
        blocks = raw.get("blocks", 0)
        parts = [raw.get(key, cls.model_fields[key].default) for key in STAGE_SEEDS]
        idle = next((key for key in BLOCK_KEYS if key in raw and key != "blocks"), None)
        if not blocks and idle:
            raise ValueError(f"{idle} is for seeds in blocks: say how many, blocks = 8, or leave it out")
        if not all(isinstance(value, int) for value in (blocks, *parts)) or not blocks:
            return raw
        huge = next((key for key in BLOCK_KEYS if isinstance(raw.get(key), int) and raw[key] > MOST_SEEDS), None)
        if huge:
            raise OptbenchError(f"{huge}={shown(raw[huge])} must be at most {MOST_SEEDS:,}")
        for key, lowest in {"blocks": 2, "screen": 1, "race": 0, "holdout": 1, "finalists": 1}.items():
            value = raw.get(key, cls.model_fields[key].default)
            if isinstance(value, int) and value < lowest:
                raise ValueError(f"{key}={value} must be at least {lowest}")
        if blocks * sum(parts) > MOST_SEEDS:
            raise ValueError(f"blocks={blocks} takes {blocks * sum(parts):,} seeds, more than {MOST_SEEDS:,}")
        if "seeds" in raw:
            raise ValueError(f"seeds and blocks: give one; {blocks} blocks take {blocks * sum(parts)} seeds")
        return {**raw, "seeds": blocks * sum(parts), "tuning_seeds": 0}

    @model_validator(mode="after")
    def _whole(self):
        """Check what concerns several keys: no empty list, no entry twice, budgets, tuning seeds and the size."""
        lists = ("chosen",) if self.chosen else LISTS
        for key in ("problems", *lists, "seeds", "dtypes"):
            items = getattr(self, key)
            if key == "learning_rates" and (items is None or isinstance(items, str)):
                continue
            if not items:
                raise ValueError(f"{key} is empty: name at least one")
            if len(set(items)) < len(items):
                raise ValueError(f"{key} has an entry twice")
        if self.chosen:
            self._check_chosen()
        else:
            self._check_trials()
        settings.check_budget(self.epochs, self.steps)
        for entry in self.problems:
            if (entry.epochs, entry.steps) != (None, None):
                settings.check_budget(entry.epochs, entry.steps)
        if not 0 <= self.tuning_seeds <= len(self.seeds):
            raise ValueError(
                f"tuning_seeds={shown(self.tuning_seeds)} must be between 0 and the {len(self.seeds)} seeds"
            )
        self._check_size()
        return self

    def _check_size(self) -> None:
        """Raise OptbenchError for too many settings or runs."""
        sizes, others = len(self.batch_sizes), len(self.problems) * len(self.seeds) * len(self.dtypes)
        if self.chosen:
            _refuse_too_many(["chosen"] * len(self.chosen), ["constant"], 1, len(self.seeds) * len(self.dtypes))
        elif self.trials is not None:
            _refuse_too_many(self.optimizers, self.schedules, 1, 1)
            _refuse_too_many(["trials"] * len(self.optimizers), ["constant"], self.trials, others)
        else:
            rates = self.learning_rates or ()
            _refuse_too_many(self.optimizers, self.schedules, len(rates), sizes * others)

    def _check_chosen(self) -> None:
        """Raise ValueError if ``chosen`` stands beside keys that it replaces, or names another problem."""
        for key in (*LISTS, "trials", "blocks"):
            if getattr(self, key) != type(self).model_fields[key].default:
                raise ValueError(f"chosen names whole settings: leave {key} out")
        problems = {entry.name for entry in self.problems}
        strange = next((entry.problem for entry in self.chosen if entry.problem not in problems), None)
        if strange is not None:
            raise ValueError(f"chosen has the problem {shown(strange)}, which is not among problems")

    def _check_trials(self):
        """Raise ValueError if keys for trials and for grids are mixed, or one is missing."""
        if self.trials is None:
            if self.search_seed:
                raise ValueError("search_seed is for trials: say how many, trials = 20, or leave it out")
            if self.learning_rates is None:
                raise ValueError("learning_rates: is missing")
            if isinstance(self.learning_rates, str):
                raise ValueError(f"learning_rates: {without_trials(self.learning_rates)}")
        elif not 1 <= self.trials <= MOST_TRIALS:
            raise ValueError(f"trials={shown(self.trials)} must be between 1 and {MOST_TRIALS:,}")

    def seeds_of(self, stage: str) -> list[list[int]]:
        """Return the seeds of a stage, "screen", "race" or "holdout", block by block."""
        parts = [getattr(self, key) for key in STAGE_SEEDS]
        first = sum(parts[: STAGE_SEEDS.index(stage)])
        starts = [block * sum(parts) + first for block in range(self.blocks)]
        return [list(self.seeds[start : start + getattr(self, stage)]) for start in starts]

    @property
    def block_of(self) -> dict[int, int]:
        """The block of every seed."""
        return {seed: place * self.blocks // len(self.seeds) for place, seed in enumerate(self.seeds)}

    def split_seeds(self) -> tuple[list[int], list[int]]:
        """Return the seeds that choose and the seeds that report; with too few of them, the same ones do both."""
        if self.blocks:
            tuning, racing, reporting = ([s for block in self.seeds_of(key) for s in block] for key in STAGE_SEEDS)
            return sorted(tuning + racing), reporting
        chosen, rest = list(self.seeds[: self.tuning_seeds]), list(self.seeds[self.tuning_seeds :])
        return (chosen, rest) if chosen and rest else (list(self.seeds), [])


def without_trials(text: str) -> str:
    """Return the message for a range in a spec without a number of trials."""
    return f"{text} is a range: say how many settings are drawn, trials = 20 (--trials 20), or write a list"


def _refuse_too_many(optimizers: Sequence[str], schedules: Sequence[str], rates: int, others: int) -> None:
    """Raise OptbenchError if lists stand for too many settings or runs, without expanding them.

    ``others``: problems times batch sizes, seeds and precisions.
    """
    runs = 0
    for text in schedules:
        _count("schedules", text)
    for text in optimizers:
        lanes = _count("optimizers", text) * len(schedules) * rates
        if lanes > MOST_LANES:
            raise OptbenchError(
                f"optimizers: {shown(text)} stands for {lanes:,} settings with these schedules and learning_rates, "
                f"more than {MOST_LANES:,}"
            )
        runs += lanes * others
    if runs > MOST_RUNS:
        raise OptbenchError(f"the spec stands for {runs:,} runs, more than {MOST_RUNS:,}: shorten its lists, or seeds")


def _count(key: str, text: str) -> int:
    """Return the number of settings that a text with lists stands for; key: of the spec, for messages."""
    try:
        return names.count(text) or len(names.alternatives(text))  # raises for a parameter without values
    except OptbenchError as error:
        raise OptbenchError(f"{key}: {error}") from None
