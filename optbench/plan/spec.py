"""The design of a sweep: the checked record that a file, flags or keywords become, and its text in TOML."""

import json
from typing import Annotated, Any

from annotated_types import Ge, Le
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    PrivateAttr,
    model_validator,
)

from optbench.compiler import device as devices
from optbench.contract import names
from optbench.contract.arguments import Real, Whole
from optbench.contract.errors import OptbenchError, shown
from optbench.contract.names import split_list
from optbench.contract.types import Stage
from optbench.engine import settings
from optbench.engine.settings import BatchSize, Dtype, Points, Rate, RunTimeout, Seed
from optbench.plan.display_names import read_labels
from optbench.plan.spec_values import (
    COMMON,
    MOST_SEEDS,
    is_grid,
    list_measures,
    read_plugins,
    read_problems,
    read_ranges,
    read_rates,
    read_seeds,
    read_sizes,
    read_texts,
    to_list,
)

LISTS = ("optimizers", "batch_sizes", "schedules", "learning_rates")
"""Keys whose product a sweep runs, if ``chosen`` names no whole settings."""
STAGE_SEEDS: tuple[Stage, ...] = ("screen", "race", "holdout")
"""The stages that have seeds of their own in each block, in order."""
COMMON_STAGES: tuple[Stage, ...] = ("final", "report")
"""The stages whose seeds all blocks share, in order."""
COMMON_SEED = 1_000_000
"""The first seed of the first common stage, above those of any number of blocks: more blocks change none of them."""
MOST_COMMON = 1_000
"""Seeds of a common stage: the next one's begin behind them."""
BLOCK_KEYS = ("blocks", *STAGE_SEEDS, "finalists", "widen", *COMMON_STAGES, "folds")
"""Keys that mean nothing without blocks."""
MOST_TRIALS = 10_000
"""Trials of an optimizer: more are a typing error."""
MOST_ROUNDS = 100
"""Rounds by which a screen goes on: more are a typing error."""
MOST_LANES = 1_000_000
"""Settings of an optimizer: a cohort of so many takes gigabytes of state."""
MOST_RUNS = 100_000_000
"""Runs of a sweep: at the speed of the default sweep, more than a day on two cores."""


_Texts = Annotated[tuple[str, ...], BeforeValidator(to_list)]
_Count = Annotated[Whole, Ge(1)]
_CommonCount = Annotated[Whole, Ge(1), Le(MOST_COMMON)]


class ProblemEntry(BaseModel):
    """A problem, and its own budget and batch sizes if they differ from the sweep's."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    epochs: Real | None = None
    steps: Whole | None = None
    batch_sizes: Annotated[tuple[BatchSize, ...], BeforeValidator(read_sizes)] | None = None


class SettingEntry(BaseModel):
    """One setting of one optimizer on one problem."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    problem: str
    optimizer: str
    batch_size: BatchSize = "full"
    schedule: str = "constant"
    lr: Rate = 1.0
    epochs: Real | None = None
    """The length of its runs; None for that of the problem."""


class Spec(BaseModel):
    """The design of a sweep, and its budget: exactly one of ``epochs`` and ``steps``.

    Without ``blocks`` every setting runs on every seed; the first ``tuning_seeds`` choose, the others report. With them
    seeds stand in blocks, in each of which every optimizer is tuned and reported on by itself: see stages.py.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    problems: Annotated[tuple[ProblemEntry, ...], BeforeValidator(read_problems)]
    optimizers: _Texts = ()
    batch_sizes: Annotated[tuple[BatchSize, ...], BeforeValidator(read_sizes)] = ("full",)
    schedules: _Texts = ("constant",)
    learning_rates: Annotated[tuple[float, ...] | str | None, BeforeValidator(read_rates)] = None
    """Rates; a grid, whose offset is drawn anew in each block; or a range that trials are drawn from, which need none,
    for each optimizer has its own."""
    have: Annotated[tuple[str, ...], BeforeValidator(read_texts)] = ()
    """Settings that run as they are beside what is tuned: "adam_torch, lr=0.001, batch 256, cosine"."""
    chosen: tuple[SettingEntry, ...] = ()
    """In the place of optimizers, batch sizes, schedules and rates: what runs on each problem, one by one."""
    seeds: Annotated[tuple[Seed, ...], BeforeValidator(read_seeds)] = tuple(range(9))
    tuning_seeds: Whole = 3
    """Seeds that choose; by default a third, at most 3."""
    blocks: Annotated[Whole, Ge(0)] = 0
    """Blocks of seeds; the numbers of the seeds follow from this and the next three."""
    screen: _Count = 1
    """Seeds of a block on which all settings run."""
    race: Annotated[Whole, Ge(0)] = 2
    """Seeds of a block on which its ``finalists`` run besides."""
    holdout: _Count = 4
    """Seeds of a block on which the setting that it has chosen runs, and which no choice has seen."""
    finalists: _Count = 5
    widen: Annotated[Whole, Ge(0), Le(MOST_ROUNDS)] = 4
    """Rounds at most by which a block's screen goes on around its best settings, beyond an end of what was tried and
    between the rates of a grid; 0: none."""
    final: _CommonCount = 20
    """Seeds in common on which what the blocks have chosen races, for the settings that are recommended: all on the
    first quarter, the best four of each level on the rest."""
    report: _CommonCount = 200
    """The most seeds in common on which recommended settings report: 20, then as many as their spread asks for."""
    folds: _Count = 1
    """Folds of the data, each of which is the test rows in some blocks: block b takes fold b modulo folds. 1: one split
    for all."""
    choose_by: _Texts = ("time", "loss")
    """The measures that settings are tuned for, each by itself: time (samples to a target), loss (at the end), or on
    held-out data test_loss, or a metric such as accuracy, auc or r2. By those on held-out data, settings are chosen on
    validation data and judged on test data."""
    judge_by: str = ""
    """The measure that verdicts are about, one of ``choose_by``; by default the first. Batch sizes and schedules race
    for it."""
    epochs: Real | None = None
    steps: Whole | None = None
    dtypes: Annotated[tuple[Dtype, ...], BeforeValidator(to_list)] = ("float64",)
    run_timeout: RunTimeout = None
    """Seconds that a run may take; or a text with units, such as "2m"."""
    points: Points = None
    """Steps to evaluate at, besides the first and the last, or "every"; without it, some, log-spaced."""
    device: Annotated[str, AfterValidator(devices.checked)] = "cpu"
    """cpu; cuda; or auto: a GPU where one can be used."""
    plugins: Annotated[tuple[str, ...], BeforeValidator(read_plugins)] = ()
    labels: Annotated[dict[str, str], BeforeValidator(read_labels)] = {}
    """Names of problems and optimizers, and what tables and figures call them; no number depends on it."""
    given: _Texts = ()
    """Kind and name of what was given as an object of Python: "problem f". To resume the sweep it is given again."""
    trials: Annotated[_Count, Le(MOST_TRIALS)] | None = None
    """Settings of each optimizer, drawn from its search space; without it, all that the lists give."""
    search_seed: Seed = 0
    """The seed of what is drawn: of trials, and of the offsets of a grid of rates in blocks."""
    ranges: Annotated[dict[str, str] | str, BeforeValidator(read_ranges)] = COMMON
    """Where trials are drawn from: "common", one range for all optimizers that search a parameter of the same meaning;
    "own", each optimizer's own; or the common ranges of some parameters, by name."""
    # What was typed, not what runs: specs that differ in nothing else are equal
    _lacks_rates: bool = PrivateAttr(False)
    _names_batches: bool = PrivateAttr(False)

    def __eq__(self, other: object) -> bool:
        """Return whether two specs ask for the same."""
        return isinstance(other, Spec) and self.model_dump() == other.model_dump()

    @property
    def lacks_rates(self) -> bool:
        """True if nobody named rates, and USUAL_RATES stand in their place."""
        return self._lacks_rates

    @property
    def names_batches(self) -> bool:
        """True if somebody named batch sizes, and they are not those of the default sweep."""
        return self._names_batches

    @model_validator(mode="before")
    @classmethod
    def _add_measures(cls, raw: Any) -> Any:
        """Return the raw keys with the measures that follow from each other; a list that is none stays as it is.

        The measure to judge by is the first to choose by, if none is named; one that is named alone is chosen by.
        """
        judge_by, usual = raw.get("judge_by"), cls.model_fields["choose_by"].default
        if "choose_by" not in raw and isinstance(judge_by, str) and judge_by not in usual:
            return {**raw, "choose_by": (judge_by,)}
        if judge_by is None and (measures := list_measures(raw.get("choose_by", usual))):
            return {**raw, "judge_by": measures[0]}
        return raw

    @model_validator(mode="before")
    @classmethod
    def _expand_grid(cls, raw: Any) -> Any:
        """Return the raw keys with the numbers of a grid of rates where no block moves it; raise ValueError."""
        text = raw.get("learning_rates")
        if not isinstance(text, str) or not is_grid(text) or (raw.get("blocks") and raw.get("trials") is None):
            return raw
        try:
            return {**raw, "learning_rates": names.grid(text)}
        except OptbenchError as error:
            raise ValueError(f"learning_rates: {error}") from None

    @model_validator(mode="before")
    @classmethod
    def _add_block_seeds(cls, raw: Any) -> Any:
        """Return the raw keys with the number of seeds that the blocks take; raise ValueError if keys conflict."""
        blocks = raw.get("blocks", 0)
        idle = next((key for key in BLOCK_KEYS if key in raw and key != "blocks"), None)
        if not blocks and idle:
            raise ValueError(f"{idle} is for seeds in blocks: say how many, blocks = 8, or leave it out")
        parts = [raw.get(key, cls.model_fields[key].default) for key in STAGE_SEEDS]
        if not all(type(value) is int and value >= 0 for value in (blocks, *parts)) or not blocks * sum(parts):
            return raw  # no blocks, or what the fields refuse
        if blocks == 1:
            raise ValueError("blocks: 1 must be at least 2")
        count = blocks * sum(parts)
        if count > MOST_SEEDS:
            raise ValueError(f"blocks={shown(blocks)} takes more than {MOST_SEEDS:,} seeds")
        if "seeds" in raw:
            raise ValueError(f"seeds and blocks: give one; {blocks} blocks take {count} seeds")
        return {**raw, "seeds": count, "tuning_seeds": 0}

    @model_validator(mode="after")
    def _check_together(self) -> "Spec":
        """Return the spec; raise ValueError for keys that conflict, empty lists, and entries that stand twice."""
        for key in ("problems", *(("chosen",) if self.chosen else LISTS), "choose_by", "seeds", "dtypes"):
            items = getattr(self, key)
            if key == "learning_rates" and (items is None or isinstance(items, str)):
                continue
            if not items:
                raise ValueError(f"{key} is empty: name at least one")
            if len(set(items)) < len(items):
                raise ValueError(f"{key} has an entry twice")
        if self.chosen:
            self._check_chosen()
        elif self.trials is None:
            self._check_grid()
        if self.trials is None and "ranges" in self.model_fields_set:
            raise ValueError("ranges is for trials: say how many, trials = 20 (--trials 20), or leave it out")
        if self.judge_by not in self.choose_by:
            raise ValueError(
                f"judge_by: {shown(self.judge_by)} is not among choose_by, {', '.join(self.choose_by)}: settings are "
                "judged by what they are tuned for"
            )
        if self.folds > max(self.blocks, 1):
            raise ValueError(f"folds: {self.folds} must be at most the number of blocks that take them, {self.blocks}")
        settings.check_budget(self.epochs, self.steps)
        for entry in self.problems:
            if (entry.epochs, entry.steps) != (None, None):
                settings.check_budget(entry.epochs, entry.steps)
        for chosen in self.chosen:
            if chosen.epochs is not None:
                settings.check_budget(chosen.epochs, None)
        if not 0 <= self.tuning_seeds <= len(self.seeds):
            raise ValueError(
                f"tuning_seeds={shown(self.tuning_seeds)} must be between 0 and the {len(self.seeds)} seeds"
            )
        self._check_size()
        return self

    def _check_chosen(self) -> None:
        """Raise ValueError if ``chosen`` stands beside keys that it replaces, or names another problem."""
        for key in (*LISTS, "have", "trials", "blocks"):
            if getattr(self, key) != type(self).model_fields[key].default:
                raise ValueError(f"chosen names whole settings: leave {key} out")
        problems = {entry.name for entry in self.problems}
        strange = next((entry.problem for entry in self.chosen if entry.problem not in problems), None)
        if strange is not None:
            raise ValueError(f"chosen has the problem {shown(strange)}, which is not among problems")

    def _check_grid(self) -> None:
        """Raise ValueError if keys for trials are given without a number of them, or no rates."""
        if self.search_seed and self.rate_grid is None:
            raise ValueError(
                "search_seed is for trials, or a grid of rates in blocks: say how many, trials = 20, or leave it out"
            )
        if self.learning_rates is None:
            raise ValueError("learning_rates: is missing")
        if isinstance(self.learning_rates, str) and self.rate_grid is None:
            raise ValueError(f"learning_rates: {advise_trials(self.learning_rates)}")

    def _check_size(self) -> None:
        """Raise OptbenchError for too many settings or runs, without expanding the lists."""
        for text in self.schedules:
            _count_settings("schedules", text)
        grid = self.rate_grid
        rates = 1 if self.trials else names.read_grid(grid)[2] if grid else len(self.learning_rates or ())
        total = len(self.chosen)
        for text in self.optimizers:
            lanes = _count_settings("optimizers", text) * len(self.schedules) * rates
            if lanes > MOST_LANES:
                raise OptbenchError(
                    f"optimizers: {shown(text)} stands for {lanes:,} settings with these schedules and "
                    f"learning_rates, more than {MOST_LANES:,}"
                )
            total += self.trials or lanes * max(len(self.sizes_of(entry)) for entry in self.problems)
        runs = total * (1 if self.chosen else len(self.problems)) * len(self.seeds) * len(self.dtypes)
        if runs > MOST_RUNS:
            raise OptbenchError(
                f"the spec stands for {runs:,} runs, more than {MOST_RUNS:,}: shorten its lists, or seeds"
            )

    def budget_of(self, entry: ProblemEntry) -> "Spec | ProblemEntry":
        """Return the record whose ``epochs`` and ``steps`` count for a problem: its own entry, or else this spec."""
        return self if entry.epochs is None and entry.steps is None else entry

    def sizes_of(self, entry: ProblemEntry) -> tuple[BatchSize, ...]:
        """Return the batch sizes on a problem: its own, or else those of this spec."""
        return self.batch_sizes if entry.batch_sizes is None else entry.batch_sizes

    def seeds_of(self, stage: Stage) -> list[list[int]]:
        """Return the seeds of a stage, block by block; of "final" and "report" one list, for they are in common.

        A screen is widened on its own seeds.
        """
        if stage in COMMON_STAGES:
            begin = COMMON_SEED + MOST_COMMON * COMMON_STAGES.index(stage)
            return [list(range(begin, begin + getattr(self, stage)))]
        if stage == "widen":
            stage = "screen"
        parts = [getattr(self, key) for key in STAGE_SEEDS]
        first = sum(parts[: STAGE_SEEDS.index(stage)])
        starts = [block * sum(parts) + first for block in range(self.blocks)]
        return [list(self.seeds[start : start + getattr(self, stage)]) for start in starts]

    @property
    def rate_grid(self) -> str | None:
        """The grid of rates whose offset is drawn anew in each block, as text; None if rates are exact, or trials'."""
        return self.learning_rates if isinstance(self.learning_rates, str) and is_grid(self.learning_rates) else None

    @property
    def block_of(self) -> dict[int, int]:
        """The block of every seed; empty if seeds stand in no blocks."""
        return {seed: place * self.blocks // len(self.seeds) for place, seed in enumerate(self.seeds) if self.blocks}

    @property
    def optimizer_texts(self) -> list[str]:
        """The texts of all optimizers, those of chosen settings among them."""
        return [
            *self.optimizers,
            *(split_list(text)[0] for text in self.have if split_list(text)),
            *(entry.optimizer for entry in self.chosen),
        ]

    def split_seeds(self) -> tuple[list[int], list[int]]:
        """Return the seeds that choose settings, and those that report; all seeds and [] if one of the two is empty."""
        if self.blocks:
            tuning, racing, reporting = ([s for block in self.seeds_of(key) for s in block] for key in STAGE_SEEDS)
            return sorted(tuning + racing), reporting
        chosen, rest = list(self.seeds[: self.tuning_seeds]), list(self.seeds[self.tuning_seeds :])
        return (chosen, rest) if chosen and rest else (list(self.seeds), [])

    def to_dict(self) -> dict[str, Any]:
        """Return the keys that make this spec, without those that mean nothing in it, as :func:`make_spec` takes them.

        Returns numbers, texts, lists and dictionaries.
        """
        hidden = {*(("seeds", "tuning_seeds") if self.blocks else BLOCK_KEYS), *(LISTS if self.chosen else ("chosen",))}
        hidden |= {key for key in ("have", "labels", "given") if not getattr(self, key)}
        hidden |= {"folds"} if self.folds == 1 else set()
        hidden |= {"ranges"} if self.trials is None else set()
        raw = self.model_dump(exclude_none=True, mode="json", exclude=hidden)
        problems = [item["name"] if set(item) == {"name"} else item for item in raw["problems"]]
        return {**raw, "problems": problems}

    def to_toml(self) -> str:
        """Return the text of a TOML file that :func:`read_spec` reads back."""
        return "".join(f"{key} = {_to_toml(value)}\n" for key, value in self.to_dict().items())


def _to_toml(value: Any) -> str:
    """Return a value in TOML. JSON is the same for texts and numbers but for one control character."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_to_toml_key(key)} = {_to_toml(item)}" for key, item in value.items()) + " }"
    if isinstance(value, list):
        if any(isinstance(item, dict) for item in value):
            return "[\n" + "".join(f"    {_to_toml(item)},\n" for item in value) + "]"
        return f"[{', '.join(map(_to_toml, value))}]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _to_toml_key(key: str) -> str:
    """Return a key in TOML, in quotes where it needs them."""
    return key if key.isascii() and key.isidentifier() else _to_toml(key)


def advise_trials(text: str) -> str:
    """Return the message for a range in a spec without a number of trials."""
    return f"{text} is a range: say how many settings are drawn, trials = 20 (--trials 20), or write a list"


def _count_settings(key: str, text: str) -> int:
    """Return the number of settings that a text with lists stands for; key: of the spec, for messages."""
    try:
        return names.count_alternatives(text) or len(
            names.expand_alternatives(text)
        )  # raises for a parameter without values
    except OptbenchError as error:
        raise OptbenchError(f"{key}: {error}") from None
