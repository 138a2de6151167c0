"""What a sweep shall run: the checked record that a file, flags or keywords become."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Strict, StrictInt, field_validator, model_validator

from optbench.compiler import device as devices
from optbench.contract.errors import OptbenchError, shown
from optbench.contract.paths import path_of
from optbench.contract.search import parse_range
from optbench.contract.types import DtypeName
from optbench.engine import settings
from optbench.sweeps import spec_plugins
from optbench.sweeps import spec_values as values
from optbench.sweeps.spec_values import MOST_SEEDS

Real = Annotated[float, Strict()]  # a number: neither a text nor True
LISTS = ("optimizers", "batch_sizes", "schedules", "learning_rates")
"""Keys whose product a sweep runs, where it is not told whole settings."""
STAGE_SEEDS = ("screen", "race", "holdout")
BLOCK_KEYS = ("blocks", *STAGE_SEEDS, "finalists")
"""Keys that mean nothing without blocks."""
# Trials of an optimizer: beyond, a typing error is more likely than a wish
MOST_TRIALS = 10_000


class ProblemEntry(BaseModel):
    """A problem, and its own budget where it differs from the sweep's."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    epochs: Real | None = None
    steps: StrictInt | None = None


class SettingEntry(BaseModel):
    """One setting of one optimizer on one problem."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    problem: str
    optimizer: str
    batch_size: StrictInt | str = "full"
    schedule: str = "constant"
    lr: Real = 1.0

    @field_validator("batch_size")
    @classmethod
    def _size(cls, value):
        return settings.batch_size(value)

    @field_validator("lr")
    @classmethod
    def _rate(cls, value):
        return settings.learning_rate(value)


class Spec(BaseModel):
    """The design of a sweep, and its budget: exactly one of ``epochs`` and ``steps``.

    Without ``blocks`` every setting runs on every seed; the first ``tuning_seeds`` choose, the others report. With them
    seeds stand in blocks, in each of which every optimizer is tuned and reported on by itself: see stages.py.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    problems: tuple[ProblemEntry, ...]
    optimizers: tuple[str, ...] = ()
    batch_sizes: tuple[StrictInt | str, ...] = ("full",)
    schedules: tuple[str, ...] = ("constant",)
    learning_rates: tuple[Real, ...] | str | None = None
    """Rates, or a range that trials are drawn from; trials need none, for each optimizer has its own range."""
    chosen: tuple[SettingEntry, ...] = ()
    """In the place of optimizers, batch sizes, schedules and rates: what runs on each problem, one by one."""
    seeds: tuple[StrictInt, ...] = tuple(range(9))
    tuning_seeds: StrictInt = 3
    """Where it is not given: a third of the seeds, at most 3."""
    blocks: StrictInt = 0
    """How many blocks of seeds; the numbers of the seeds follow from this and the next three."""
    screen: StrictInt = 1
    """Seeds of a block on which all settings run."""
    race: StrictInt = 2
    """Seeds of a block on which its ``finalists`` run besides."""
    holdout: StrictInt = 4
    """Seeds of a block on which the setting that it has chosen runs, and which no choice has seen."""
    finalists: StrictInt = 5
    choose_by: str = "log_tail"
    """The column that the choice is made by: log_tail (training loss), or a metric such as test_accuracy."""
    epochs: Real | None = None
    steps: StrictInt | None = None
    dtypes: tuple[DtypeName, ...] = ("float64",)
    run_timeout: Real | None = None
    """Seconds that a run may take; or a text with units, such as "2m"."""
    points: Literal["every"] | tuple[StrictInt, ...] | None = None
    """Steps to evaluate at, besides the first and the last, or "every"; without it, some, log-spaced."""
    device: str = "cpu"
    """cpu; cuda; or auto: a GPU where one can be used."""
    plugins: tuple[str, ...] = ()
    trials: StrictInt | None = None
    """Settings of each optimizer, drawn from its search space; without it, all that the lists give."""
    search_seed: StrictInt = 0
    """What the draw depends on, and nothing else."""

    @field_validator("problems", mode="before")
    @classmethod
    def _problems(cls, value):
        return [{"name": item} if isinstance(item, str) else item for item in values.listed(value)]

    @field_validator("optimizers", "schedules", mode="before")
    @classmethod
    def _texts(cls, value):
        return values.listed(value)

    @field_validator("plugins", mode="before")
    @classmethod
    def _absolute(cls, value):
        # The spec is kept with the results, and must name the same files from there.
        files = [value] if isinstance(value, Path) else values.listed(value)
        return tuple(str(path_of("a plug-in", item).resolve()) for item in files)

    @field_validator("batch_sizes", mode="before")
    @classmethod
    def _sizes(cls, value):
        return values.sizes(value)

    @field_validator("device")
    @classmethod
    def _device(cls, value):
        return devices.checked(value)

    @field_validator("learning_rates", mode="before")
    @classmethod
    def _rates(cls, value):
        return values.rates(value)

    @field_validator("learning_rates")
    @classmethod
    def _positive(cls, value):
        if isinstance(value, str):
            made = parse_range(value)
            for end in made.ends if made else ():
                settings.learning_rate(end)
            return value
        return value and tuple(settings.learning_rate(rate) for rate in value)

    @field_validator("seeds", mode="before")
    @classmethod
    def _seeds(cls, value):
        return values.seeds(value)

    @field_validator("seeds")
    @classmethod
    def _not_negative(cls, value):
        return tuple(settings.seed(seed) for seed in value)

    @field_validator("search_seed")
    @classmethod
    def _search_seed(cls, value):
        return settings.seed(value)

    @field_validator("points", mode="before")
    @classmethod
    def _points(cls, value):
        return settings.points(value)

    @model_validator(mode="before")
    @classmethod
    def _block_seeds(cls, raw):
        """The seeds of all blocks, in the place of ``seeds``; files that optimizers name, among ``plugins``."""
        raw = spec_plugins.drawn_out(raw)
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
        settings.budget(self.epochs, self.steps)
        for entry in self.problems:
            if (entry.epochs, entry.steps) != (None, None):
                settings.budget(entry.epochs, entry.steps)
        if not 0 <= self.tuning_seeds <= len(self.seeds):
            raise ValueError(
                f"tuning_seeds={shown(self.tuning_seeds)} must be between 0 and the {len(self.seeds)} seeds"
            )
        self._refuse_too_many()
        return self

    def _refuse_too_many(self) -> None:
        sizes, others = len(self.batch_sizes), len(self.problems) * len(self.seeds) * len(self.dtypes)
        if self.chosen:
            values.refuse_too_many(["chosen"] * len(self.chosen), ["constant"], 1, len(self.seeds) * len(self.dtypes))
        elif self.trials is not None:
            values.refuse_too_many(self.optimizers, self.schedules, 1, 1)
            values.refuse_too_many(["trials"] * len(self.optimizers), ["constant"], self.trials, others)
        else:
            rates = self.learning_rates or ()
            values.refuse_too_many(self.optimizers, self.schedules, len(rates), sizes * others)

    def _check_chosen(self) -> None:
        for key in (*LISTS, "trials", "blocks"):
            if getattr(self, key) != type(self).model_fields[key].default:
                raise ValueError(f"chosen names whole settings: leave {key} out")
        problems = {entry.name for entry in self.problems}
        strange = next((entry.problem for entry in self.chosen if entry.problem not in problems), None)
        if strange is not None:
            raise ValueError(f"chosen has the problem {shown(strange)}, which is not among problems")

    def _check_trials(self):
        if self.trials is None:
            if self.search_seed:
                raise ValueError("search_seed is for trials: say how many, trials = 20, or leave it out")
            if self.learning_rates is None:
                raise ValueError("learning_rates: is missing")
            if isinstance(self.learning_rates, str):
                raise ValueError(f"learning_rates: {without_trials(self.learning_rates)}")
        elif not 1 <= self.trials <= MOST_TRIALS:
            raise ValueError(f"trials={shown(self.trials)} must be between 1 and {MOST_TRIALS:,}")

    @field_validator("dtypes", mode="before")
    @classmethod
    def _dtypes(cls, value):
        return tuple(settings.dtype(dtype) for dtype in values.listed(value))

    @field_validator("run_timeout", mode="before")
    @classmethod
    def _run_timeout(cls, value):
        return settings.run_timeout(value)

    def seeds_of(self, stage: str) -> list[list[int]]:
        """The seeds of a stage, "screen", "race" or "holdout", block by block."""
        parts = [getattr(self, key) for key in STAGE_SEEDS]
        first = sum(parts[: STAGE_SEEDS.index(stage)])
        starts = [block * sum(parts) + first for block in range(self.blocks)]
        return [list(self.seeds[start : start + getattr(self, stage)]) for start in starts]

    @property
    def block_of(self) -> dict[int, int]:
        """The block of every seed."""
        return {seed: place * self.blocks // len(self.seeds) for place, seed in enumerate(self.seeds)}

    def split_seeds(self) -> tuple[list[int], list[int]]:
        """The seeds that choose and the seeds that report; with too few of them, the same ones do both."""
        if self.blocks:
            tuning, racing, reporting = ([s for block in self.seeds_of(key) for s in block] for key in STAGE_SEEDS)
            return sorted(tuning + racing), reporting
        chosen, rest = list(self.seeds[: self.tuning_seeds]), list(self.seeds[self.tuning_seeds :])
        return (chosen, rest) if chosen and rest else (list(self.seeds), [])


def without_trials(text: str) -> str:
    """What is wrong with a range in a spec that does not say how many trials are drawn from it."""
    return f"{text} is a range: say how many settings are drawn, trials = 20 (--trials 20), or write a list"
