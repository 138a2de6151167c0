"""The design of a sweep: the checked record that a file, flags or keywords become, read and written.

A file that an optimizer names, ``torch:Mine(file=mine.py)``, becomes a plug-in of the spec.
"""

import json
import math
import shlex
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePath
from typing import Annotated, Any

import numpy as np
from annotated_types import Ge, Le
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    PrivateAttr,
    ValidationError,
    model_validator,
)

from optbench.catalogue.library_optimizers import find_unasked
from optbench.compiler import device as devices
from optbench.contract import names
from optbench.contract.arguments import Real, Whole, check, is_number, is_whole, one_of, refusal
from optbench.contract.errors import OptbenchError, in_one_line, near, shown, unknown
from optbench.contract.names import COMMAS, split_list
from optbench.contract.paths import is_file, is_folder, path_of
from optbench.contract.search import RATES, SAME_MEANING, Range, parse_range
from optbench.contract.types import Stage
from optbench.datasets.files import ENDINGS
from optbench.engine import settings
from optbench.engine.settings import BatchSize, Dtype, Points, Rate, RunTimeout, Seed
from optbench.plan.data_sweep import design_sweep
from optbench.plan.display_names import find_name, read_labels

DATA_KEYS = ("data", "target")
"""Keys of a file, flags and keywords that stand for others; a spec has those."""
SHIPPED = {file.stem: file for file in sorted(Path(__file__).parent.glob("*.toml"))}
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
COMMON, OWN = "common", "own"
"""The words of ``ranges``: one range for all optimizers that search a parameter of that meaning, or each its own."""
FORMER = {"search": "sobol", "weigh_by": "problem"}
"""Keys that 0.19 took out, with the only value that a spec may still give them: that of the folders before."""
MOST_TRIALS = 10_000
"""Trials of an optimizer: more are a typing error."""
MOST_SEEDS = 100_000
"""Seeds: more are a typing error."""
MOST_ROUNDS = 100
"""Rounds by which a screen goes on: more are a typing error."""
MOST_LANES = 1_000_000
"""Settings of an optimizer: a cohort of so many takes gigabytes of state."""
MOST_RUNS = 100_000_000
"""Runs of a sweep: at the speed of the default sweep, more than a day on two cores."""
_DEEPEST = 5
"""Depth of lists and mappings; a spec has three."""
# Ratio of neighbours in a grid: above it they differ in four digits, wherever the grid is moved to
_LEAST_RATIO = 1.001
_SYNONYMS = {"lr": "learning_rates", "learning_rate": "learning_rates"}
"""Other words for keys of a spec: those of the command, and of a single run."""
USUAL_RATES = ":".join([*(names.number_text(float(end)) for end in RATES.ends), "11"])
"""The grid of a spec without rates: the range from which trials of most optimizers are drawn, in half decades."""
_FILE = "file"
"""The parameter of another library's optimizer that names its file."""


def _to_plain(value: Any, depth: int = 0) -> Any:
    """Return a value without types of NumPy and pandas: numbers, texts, lists and mappings. Raises OptbenchError."""
    if type(value).__name__ in ("Series", "Index"):
        value = value.to_numpy()
    if isinstance(value, str | int | float | PurePath | Range | None):
        return value.item() if isinstance(value, np.generic) else value
    if not isinstance(value, list | tuple | range | np.ndarray | np.generic | Mapping):
        raise OptbenchError(f"{shown(value)} must be a list, a number or a text")
    if depth == _DEEPEST:
        raise OptbenchError("its lists are nested too deeply")
    if isinstance(value, Mapping):
        return {key: _to_plain(item, depth + 1) for key, item in value.items()}
    count = value.size if isinstance(value, np.ndarray | np.generic) else len(value)
    if count > MOST_SEEDS:
        raise OptbenchError(f"{count:,} entries are more than {MOST_SEEDS:,}")
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    return [_to_plain(item, depth + 1) for item in value]


def _to_list(value: Any) -> Any:
    """Return the items of a comma-separated text as a list, a number as a list of one, and a list or tuple unchanged.

    Raises OptbenchError for anything else.
    """
    if isinstance(value, str):
        return split_list(value)
    if is_number(value):
        return [value]
    if not isinstance(value, list | tuple):
        raise OptbenchError(f"{shown(value)} must be a list")
    return value


def _read_rates(value: Any) -> Any:
    """Return learning rates: a tuple of numbers; of a grid, ``1e-4:1:9``, and of a range, its text; None of None.

    value: numbers, their text, a grid, or a range such as ``log_uniform(1e-4, 1)``. Raises OptbenchError for anything
    else, and for a grid that is too fine or too wide for its rates to be moved by half a step.
    """
    if found := parse_range(value[0] if isinstance(value, list | tuple) and len(value) == 1 else value):
        for end in found.ends:
            check(Rate, end, "")
        return found.text
    if value is None:
        return None
    if isinstance(value, str) and ":" in value:
        return _read_grid(value)
    return tuple(check(Rate, _read_number(item) if isinstance(item, str) else item, "") for item in _to_list(value))


def _read_grid(text: str) -> str:
    """Return the text of a grid with its numbers in one form. Raises OptbenchError as `_read_rates` does."""
    low, high, count = names.read_grid(text)
    if count > 1 and math.log(high) - math.log(low) < (count - 1) * math.log(_LEAST_RATIO):
        raise OptbenchError(f"{shown(text)} has rates that do not differ in four digits")
    try:
        ends = names.grid(text, -0.5)[0], names.grid(text, 0.5)[-1]
    except OverflowError:
        ends = 0.0, math.inf
    if not 0 < ends[0] <= ends[1] < math.inf:
        raise OptbenchError(f"{shown(text)} reaches beyond all numbers when it is moved by half a step")
    return f"{names.number_text(low)}:{names.number_text(high)}:{count}"


def is_grid(text: str) -> bool:
    """Return True for the text of a grid, ``1e-4:1:9``, and False for numbers and ranges."""
    return ":" in text and "(" not in text


def _read_number(text: str) -> float:
    """Return the number that a text holds; raise OptbenchError for another text."""
    try:
        return float(text)
    except ValueError:
        raise OptbenchError(f"{shown(text)} must be a number, or a grid such as 1e-4:1:9") from None


def _read_sizes(value: Any) -> list[Any]:
    """Return batch sizes as a list; whole numbers in a text become int, other texts such as "full" stay.

    Raises OptbenchError for what is no list, text or number.
    """
    return [_read_whole(item) if isinstance(item, str) else item for item in _to_list(value)]


def _read_whole(text: str) -> int | str:
    """Return the whole number that a text holds; any other text unchanged."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 20 else text


def _read_seeds(value: Any) -> Any:
    """Return seeds as a tuple: 0, 1, ... for a count of them, or those of a list; either may be text, "9" or "0,1,2".

    Items of a text must be whole numbers, those of another list are not checked here. Raises OptbenchError for anything
    else, and for a count out of range.
    """
    if isinstance(value, str):
        parts = [_read_whole(part.strip()) for part in value.split(",")]
        if not all(is_whole(part) for part in parts):
            raise OptbenchError(f"{shown(value)} must be how many seeds, or a list of them: 0,1,2")
        value = parts[0] if len(parts) == 1 else parts
    if is_whole(value):
        if not 1 <= value <= MOST_SEEDS:
            raise OptbenchError(
                f"{shown(value)} must be between 1 and {MOST_SEEDS} (how many seeds), or a list of seeds"
            )
        return tuple(range(int(value)))
    if not isinstance(value, list | tuple):
        raise OptbenchError(f"{shown(value)} must be how many seeds, or a list of them")
    return tuple(value)


def _read_ranges(value: Any) -> Any:
    """Return the word "common" or "own", or the given ranges as text by the name of their parameter.

    value: one of the words; a mapping; or its text, "lr=log_uniform(1e-4, 1), beta1=uniform(0, 0.9)". Raises
    OptbenchError for anything else.
    """
    if isinstance(value, str) and "=" in value:
        value = names.parse(f"ranges({value})")[1]
    if not isinstance(value, Mapping):
        return one_of("word for ranges", value, (COMMON, OWN))
    found = {}
    for key, text in value.items():
        made = parse_range(text)
        if made is None:
            raise OptbenchError(f"{key}={shown(text)} must be a range, such as log_uniform(1e-4, 1)")
        found[SAME_MEANING.get(key, key)] = made.text
    return found


def _read_problems(value: Any) -> Any:
    """Return a list of problem entries; a name alone becomes ``{"name": name}``, without a budget of its own."""
    return [{"name": item} if isinstance(item, str) else item for item in _to_list(value)]


def _read_plugins(value: Any) -> Any:
    """Return absolute paths: the spec is stored with the results, and must name the same files from there."""
    files = [value] if isinstance(value, Path) else _to_list(value)
    return tuple(str(path_of("a plug-in", item).resolve()) for item in files)


_Texts = Annotated[tuple[str, ...], BeforeValidator(_to_list)]
_Count = Annotated[Whole, Ge(1)]
_CommonCount = Annotated[Whole, Ge(1), Le(MOST_COMMON)]


class ProblemEntry(BaseModel):
    """A problem, and its own budget and batch sizes if they differ from the sweep's."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    epochs: Real | None = None
    steps: Whole | None = None
    batch_sizes: Annotated[tuple[BatchSize, ...], BeforeValidator(_read_sizes)] | None = None


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

    problems: Annotated[tuple[ProblemEntry, ...], BeforeValidator(_read_problems)]
    optimizers: _Texts = ()
    batch_sizes: Annotated[tuple[BatchSize, ...], BeforeValidator(_read_sizes)] = ("full",)
    schedules: _Texts = ("constant",)
    learning_rates: Annotated[tuple[float, ...] | str | None, BeforeValidator(_read_rates)] = None
    """Rates; a grid, whose offset is drawn anew in each block; or a range that trials are drawn from, which need none,
    for each optimizer has its own."""
    chosen: tuple[SettingEntry, ...] = ()
    """In the place of optimizers, batch sizes, schedules and rates: what runs on each problem, one by one."""
    seeds: Annotated[tuple[Seed, ...], BeforeValidator(_read_seeds)] = tuple(range(9))
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
    dtypes: Annotated[tuple[Dtype, ...], BeforeValidator(_to_list)] = ("float64",)
    run_timeout: RunTimeout = None
    """Seconds that a run may take; or a text with units, such as "2m"."""
    points: Points = None
    """Steps to evaluate at, besides the first and the last, or "every"; without it, some, log-spaced."""
    device: Annotated[str, AfterValidator(devices.checked)] = "cpu"
    """cpu; cuda; or auto: a GPU where one can be used."""
    plugins: Annotated[tuple[str, ...], BeforeValidator(_read_plugins)] = ()
    labels: Annotated[dict[str, str], BeforeValidator(read_labels)] = {}
    """Names of problems and optimizers, and what tables and figures call them; no number depends on it."""
    given: _Texts = ()
    """Kind and name of what was given as an object of Python: "problem f". To resume the sweep it is given again."""
    trials: Annotated[_Count, Le(MOST_TRIALS)] | None = None
    """Settings of each optimizer, drawn from its search space; without it, all that the lists give."""
    search_seed: Seed = 0
    """The seed of what is drawn: of trials, and of the offsets of a grid of rates in blocks."""
    ranges: Annotated[dict[str, str] | str, BeforeValidator(_read_ranges)] = COMMON
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
        if judge_by is None and (measures := _list_measures(raw.get("choose_by", usual))):
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
        if not 0 <= self.tuning_seeds <= len(self.seeds):
            raise ValueError(
                f"tuning_seeds={shown(self.tuning_seeds)} must be between 0 and the {len(self.seeds)} seeds"
            )
        self._check_size()
        return self

    def _check_chosen(self) -> None:
        """Raise ValueError if ``chosen`` stands beside keys that it replaces, or names another problem."""
        for key in (*LISTS, "trials", "blocks"):
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
        return [*self.optimizers, *(entry.optimizer for entry in self.chosen)]

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
        hidden |= {key for key in ("labels", "given") if not getattr(self, key)}
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


def _list_measures(value: Any) -> list[str]:
    """Return the measures that a list, or a text with commas, names; [] for what is neither."""
    try:
        measures = _to_list(value)
    except OptbenchError:
        return []
    return list(measures) if all(isinstance(each, str) for each in measures) else []


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


def read_spec(
    path: str | Path | None = None, changes: Mapping[str, Any] | None = None, out: str | Path | None = None
) -> Spec:
    """Return the spec of a TOML file, with ``changes`` on top; None is the default one, a plain name one of SHIPPED.

    With ``data`` among the changes, the sweep of that data set takes the place of the default one. out: where results
    go. Raises OptbenchError in one line for a file that cannot be read, an unknown key or a bad value, and for a spec
    in a results folder that runs code which ``changes`` do not name.
    """
    if path is None and (changes or {}).get("data") is not None:
        return make_spec({}, changes, "")
    source = SHIPPED["default"] if path is None else path_of("spec", path)
    if not source.suffix and not is_file(source) and not is_folder(source) and source.parent == Path():
        if source.name not in SHIPPED:
            hint = "" if near(source.name, SHIPPED) else f"; {COMMAS}"
            raise OptbenchError(f"{unknown('spec', source.name, SHIPPED)}{hint}")
        source = SHIPPED[source.name]
    if source.suffix.lower() in ENDINGS:
        raise OptbenchError(f"{source.name} is a table, and no spec: optbench sweep --data {source.name}, or data=")
    try:
        with source.open("rb") as file:
            raw = tomllib.load(file)
    except OSError as error:
        raise OptbenchError(f"cannot read the spec {str(source)!r}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise OptbenchError(f"{source.name} is not valid TOML: {error}") from None
    except (RecursionError, ValueError) as error:  # brackets without end, or a number of thousands of digits
        raise OptbenchError(f"{source.name} cannot be read: {in_one_line(error)}") from None
    if path is None and (changes or {}).get("trials") is not None:
        raw.pop("learning_rates")  # trials are drawn from each optimizer's own range, if no other is asked for
    spec = make_spec(raw, changes or {}, "" if path is None else source.name, source.parent)
    if path is not None and _lies_in_results(source, out):
        given = {key: value for key, value in (changes or {}).items() if value is not None}
        files = [*_take_files(given, Path()), *_read_plugins(given.get("plugins") or ())]
        typed = _to_list(given["optimizers"]) if "optimizers" in given else ()
        refuse_unnamed(spec.plugins, files, spec.optimizer_texts, typed)
    return spec


def parse_spec(text: str) -> Spec | None:
    """Return the spec that a text gives; None if it gives none."""
    try:
        return make_spec(tomllib.loads(text))
    except (ValueError, RecursionError):  # of TOML, or of the keys in it
        return None


def make_spec(raw: Mapping, changes: Mapping | None = None, label: str = "spec", folder: str | Path = "") -> Spec:
    """Return the spec of ``raw`` with the non-None values of ``changes``; a changed budget replaces the old one.

    Either may have ``data`` and ``target``, which stand for other keys: see data_sweep.py. label: the file of ``raw``,
    for errors; empty without one. folder: what paths in ``raw`` are relative to.
    """
    raw, changes = dict(raw), dict(changes or {})
    place = Path() if changes.get("data") is not None else Path(folder)
    old, new = [raw.pop(key, None) for key in DATA_KEYS], [changes.pop(key, None) for key in DATA_KEYS]
    data, target = (second if first is None else first for first, second in zip(new, old, strict=True))
    if data is None and target is not None:
        raise OptbenchError("target names a column of a table: name that, too, data = 'customers.csv' (--data)")
    raw, changes = _check_keys(raw, label), _check_keys(changes, "")
    changes = {key: value for key, value in changes.items() if value is not None}
    names_batches = "batch_sizes" in (raw | changes if label else changes)
    raw = {key: value for key, value in raw.items() if key == "labels" or key not in changes}
    files = [*_take_files(raw, Path(folder)), *_take_files(changes, Path())]
    labels = _join_labels(raw, changes, label)
    if isinstance(raw.get("plugins"), list):
        raw["plugins"] = [str(folder / Path(item)) if isinstance(item, str) else item for item in raw["plugins"]]
    if data is not None:
        changes = raw | changes
        raw = design_sweep(data, target, changes, place)
        changes.pop("problems", None)
        labels |= {text: labels.pop(short, short) for text, short in raw.pop("labels").items()}
    replaced = {key for group in ({"epochs", "steps"}, {"batch_sizes"}) if group & changes.keys() for key in group}
    raw = {key: value for key, value in raw.items() if key not in replaced}
    if isinstance(raw.get("problems"), list):  # what was typed counts for all of them
        raw["problems"] = [
            {key: value for key, value in item.items() if key not in replaced} if isinstance(item, dict) else item
            for item in raw["problems"]
        ]
    if {"seeds", "tuning_seeds"} & changes.keys() and "blocks" not in changes:
        for key in BLOCK_KEYS:
            raw.pop(key, None)  # seeds of one's own are a plain grid
    if changes.get("blocks") == 0:
        raise OptbenchError("blocks: 0 must be at least 2; seeds = 8 is a plain grid")
    if changes.get("blocks"):
        if "tuning_seeds" in changes:
            raise OptbenchError("tuning_seeds and blocks: give one")
        raw.pop("seeds", None)
    if "judge_by" in changes and "choose_by" not in changes:
        if changes["judge_by"] not in _list_measures(raw.get("choose_by", ())):
            raw.pop("choose_by", None)
    elif "choose_by" in changes and raw.get("judge_by") not in _list_measures(changes["choose_by"]):
        raw.pop("judge_by", None)
    raw.update(changes)
    if labels:
        raw["labels"] = labels
    if raw.get("blocks"):
        raw.pop("tuning_seeds", None)
    elif "tuning_seeds" not in changes and ("seeds" in changes or "tuning_seeds" not in raw):
        most = raw.get("tuning_seeds", 3)
        raw["tuning_seeds"] = min(most, _share_for_tuning(raw.get("seeds", 9))) if isinstance(most, int) else most
    try:
        if files:
            raw["plugins"] = list(dict.fromkeys([*_read_plugins(raw.get("plugins") or ()), *files]))
        lacks_rates = all(raw.get(key) is None for key in ("learning_rates", "trials", "chosen"))
        spec = Spec.model_validate({**raw, "learning_rates": USUAL_RATES} if lacks_rates else raw)
        spec._lacks_rates, spec._names_batches = lacks_rates, names_batches
        return spec
    except ValidationError as error:
        line = refusal(error, "", {"problems": ProblemEntry.model_fields, "chosen": SettingEntry.model_fields})
        file = f"{label}: " if label and line.partition(":")[0].partition(".")[0] not in changes else ""
        raise OptbenchError(f"{file}{line}") from None


def _check_keys(raw: Mapping, label: str) -> dict:
    """Return the values with NumPy's types as Python's; label: the file, for messages.

    Raises OptbenchError for an unknown key.
    """
    found = {}
    for key, value in raw.items():
        if key in _SYNONYMS:
            if _SYNONYMS[key] in raw:
                raise OptbenchError(f"{key} and {_SYNONYMS[key]} are the same: give one")
            key = _SYNONYMS[key]
        if key in FORMER and value == FORMER[key]:
            continue
        if key not in Spec.model_fields:
            raise unknown(f"key in {label}" if label else "key", key, [*Spec.model_fields, *DATA_KEYS])
        try:
            found[key] = _to_plain(value)
        except OptbenchError as error:
            raise OptbenchError(f"{f'{label}: ' if label else ''}{key}: {error}") from None
    return found


def _share_for_tuning(seeds: Any) -> int:
    """Return a third of the number of seeds; 1 of two seeds, and 0 of a single seed, which then tunes and reports."""
    try:
        count = len(_read_seeds(seeds))
    except (TypeError, ValueError):
        return 0  # the field's own check raises
    return max(count // 3, min(count - 1, 1))


def refuse_unnamed(
    found: Iterable[str],
    named: Iterable[str | Path],
    optimizers: Iterable[str] = (),
    typed: Iterable[str] | None = None,
) -> None:
    """Refuse code that a results folder names but the caller does not: a folder may come from anybody.

    Args:
        found: the folder's plug-ins.
        named: the caller's plug-ins; without ``typed`` also the names of modules.
        optimizers: the folder's optimizers, which may be those of an installed module, ``torch:module.Class``.
        typed: the caller's optimizers; None where there is no way to name any.

    Raises:
        OptbenchError: the message says how to name them.
    """
    named, files, optimizers = list(named), list(found), list(optimizers)
    modules: dict[str, str] = {}
    for text in optimizers:
        more, imported = find_unasked(text)
        files += [str(path_of("a plug-in", file).resolve()) for file in more]
        modules |= dict.fromkeys(imported, text)
    known = {str(path_of("a plug-in", file).resolve()) for file in named}
    if strange := [file for file in files if file not in known]:
        listed = " ".join(f"--plugin {shlex.quote(file)}" for file in strange)
        text = f"nothing that a results folder names is run: to use its plug-ins, name them: {listed}"
        for file in strange:
            gone = "" if Path(file).is_file() else f", which is gone: put the file there again, and name {file}"
            text += "".join(f"; {each} is not {file}{gone}" for each in known if Path(each).name == Path(file).name)
        raise OptbenchError(text)
    mine = {*map(str, named)} if typed is None else {module for text in typed for module in find_unasked(text)[1]}
    for module, text in modules.items():
        if module not in mine:
            every = f"--optimizers {shlex.quote(', '.join(optimizers))}, or run a copy of the spec in another folder"
            raise OptbenchError(
                f"nothing that a results folder names is run: {text} imports {module}: to use it, name it: "
                f"{f'--plugin {module}' if typed is None else every}"
            )


def _lies_in_results(source: Path, out: str | Path | None) -> bool:
    """Return whether a spec's file lies in the folder ``out`` or in another one that holds a sweep."""
    folders = {*source.resolve().parents, *(folder.resolve() for folder in source.absolute().parents)}
    held = any(all(is_file(folder / name) for name in ("manifest.json", "provenance.json")) for folder in folders)
    return held or (out is not None and Path(out).resolve() in folders)


def _take_files(raw: dict[str, Any], folder: Path) -> list[str]:
    """Leave the files out of the optimizers' texts, so that names are the same from any folder, and return their paths.

    folder: what their paths are relative to. Values that are of a wrong type stay.
    """
    files: list[str] = []

    def leave_out(text: Any) -> Any:
        """Return an optimizer's text without its file, which is added to the list."""
        if not isinstance(text, str):
            return text
        try:
            levels = names.split_levels(text)
        except OptbenchError:
            return text  # reported where names are read
        own = [(name, given.pop(_FILE)) for name, given in levels if ":" in name and _FILE in given]
        for name, file in own:
            if not isinstance(file, str):
                raise OptbenchError(f"{name}: file={shown(file)} must be one path")
            files.append(str((folder / path_of(_FILE, file)).resolve()))
        return names.join_levels(levels) if own else text

    if isinstance(texts := raw.get("optimizers"), str | list | tuple):
        raw["optimizers"] = [leave_out(text) for text in _to_list(texts)]
    if isinstance(entries := raw.get("chosen"), list | tuple):
        raw["chosen"] = [dict(each) if isinstance(each, dict) else each for each in entries]
        for entry in raw["chosen"]:
            if isinstance(entry, dict) and "optimizer" in entry:
                entry["optimizer"] = leave_out(entry["optimizer"])
    return files


def _join_labels(raw: dict[str, Any], changes: dict[str, Any], label: str = "") -> dict[str, str]:
    """Take the labels out of both, and return them together; those of ``raw`` only of what the sweep still has.

    label: the file of ``raw``, for errors.
    """
    found = []
    for values, file in ((raw, label), (changes, "")):
        try:
            found.append(read_labels(values.pop("labels", None) or {}))
        except OptbenchError as error:
            raise OptbenchError(f"{file}: labels: {error}" if file else f"labels: {error}") from None
    old, new = found
    if not {"problems", "optimizers"} & changes.keys():
        return {**old, **new}
    lists = [changes.get(key, raw.get(key)) for key in ("problems", "optimizers")]
    texts = [text for each in lists if isinstance(each, str | list | tuple) for text in _to_list(each)]
    there = [text.get("name") if isinstance(text, dict) else text for text in texts]

    def is_there(name: str) -> bool:
        """Return True if a text of the sweep is meant."""
        try:
            return bool(find_name(name, [text for text in there if isinstance(text, str)]))
        except OptbenchError:
            return False

    return {**{name: text for name, text in old.items() if is_there(name)}, **new}
