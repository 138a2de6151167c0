"""What a user has already: settings that run as they are in a sweep, beside those that are tuned.

``adam_torch(beta2=0.99), lr=0.001, batch 256, cosine`` is an optimizer and, in any order, its rate, its batch size, its
schedule, and ``epochs 5`` where its runs have a length of their own; ``SGD(lr=0.01, momentum=0.9), batch 32`` is one as
PyTorch writes it. In the tables it is a variant of its optimizer, so that the optimizer itself may be tuned beside it.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from optbench.catalogue.loader import Catalogue, find_base, name_variant
from optbench.contract import names
from optbench.contract.arguments import BatchSize, check
from optbench.contract.eager import AnyOptimizer, Eager
from optbench.contract.errors import OptbenchError, shown, unknown
from optbench.contract.optimizers import Baseline
from optbench.contract.problems import Problem
from optbench.engine.cohort import Lane, batch_size_of
from optbench.engine.settings import Rate, check_budget
from optbench.plan.spec_values import read_sizes
from optbench.plan.trials import SettingList, has_equal_batches
from optbench.translation.setting import Setting, describe_in_torch
from optbench.translation.torch_calls import TorchCall, read_torch, read_torch_schedule

_EXAMPLE = "'adam_torch, lr=0.001, batch 256, cosine'"
_WORDS = {"lr": "lr", "learning_rate": "lr", "batch": "batch", "batch_size": "batch", "epochs": "epochs"}


@dataclass(frozen=True)
class Incumbent:
    """A setting that runs as it is on every problem."""

    optimizer: AnyOptimizer
    lane: Lane
    batch_size: BatchSize
    epochs: float | None = None
    """The length of its runs; None for that of the others."""

    def on(self, problem: Problem) -> SettingList:
        """Return its setting on a problem; a batch of more examples than there are is the full one."""
        size = problem.examples if has_equal_batches(problem) else batch_size_of(self.batch_size, problem)
        return SettingList(self.optimizer, {size: (self.lane,)}, self.epochs)

    def describe(self) -> str:
        """Return what was understood, and what that is in PyTorch, in one line."""
        lane, schedule = self.lane, self.lane.schedule
        name = names.parse(self.optimizer.name)[1][names.INNER]
        text = f"what you have: {name}, lr={names.number_text(lane.lr)}, batch {self.batch_size}, {schedule.text}"
        text += ", as many epochs as the others" if self.epochs is None else f", epochs {self.epochs:g}"
        if isinstance(self.optimizer, Eager):  # its name says what it is
            return text
        setting = Setting(find_base(self.optimizer), lane.hyperparameters, lane.lr, schedule, self.batch_size, epochs=1)
        return f"{text}: {describe_in_torch(setting)}"


def read_incumbents(texts: Iterable[str], catalogue: Catalogue, sizes: Collection[BatchSize]) -> list[Incumbent]:
    """Return the incumbents of a spec.

    sizes: the batch sizes of what is tuned; a single one is meant where a text names none. Raises OptbenchError for an
    unknown name or value, for a text without a rate, and for one without a batch size where there are several.
    """
    found: dict[str, Incumbent] = {}
    for text in texts:
        given, *parts = names.split_list(text) or [""]
        name = given.partition("(")[0].strip()
        if not name or " " in name or "=" in name:
            raise OptbenchError(f"have: {shown(text)} is no optimizer, rate and batch between commas: write {_EXAMPLE}")
        try:
            asked = read_torch(given, catalogue) or TorchCall(given, None, 1.0)
            optimizer, values = catalogue.optimizer(name_variant(asked.optimizer))
        except OptbenchError as error:
            named = OptbenchError(f"have: {error}")
            named.unknown = error.unknown
            raise named from None
        if isinstance(optimizer, Baseline):
            raise OptbenchError(f"have: {given} is SciPy's and has no setting: name it in optimizers")
        if optimizer.name in found:
            raise OptbenchError(f"have names {given} twice: give one setting of each optimizer")
        parts += [] if asked.lr is None else [f"lr={asked.lr}"]
        rate, batch_size, schedule, epochs = _read_setting(text, parts, sizes)
        schedule = read_torch_schedule(schedule, rate, epochs)
        rate = rate if asked.share == 1 else float(f"{rate / asked.share:.12g}")
        lane = Lane(rate, catalogue.schedule(schedule), values)
        found[optimizer.name] = Incumbent(optimizer, lane, batch_size, epochs)
    return list(found.values())


def _read_setting(
    text: str, parts: Iterable[str], sizes: Collection[BatchSize]
) -> tuple[float, BatchSize, str, float | None]:
    """Return rate, batch size, schedule and epochs of the parts behind an optimizer; text: all of it, for errors.

    sizes: as in `read_incumbents`.
    """
    found: dict[str, str] = {}
    for part in parts:
        words = part.replace("=", " ").split()
        key, value = "schedule", part
        if len(words) == 2 and words[0] in _WORDS:
            key, value = _WORDS[words[0]], words[1]
        elif len(words) == 2 and words[1] in ("epoch", "epochs"):
            key, value = "epochs", words[0]
        elif part == "full" or (part[0] == "b" and part[1:].isdecimal()):
            key, value = "batch", part.removeprefix("b")
        elif len(words) == 2 and words[0].isidentifier():  # no schedule is written like this
            raise OptbenchError(f"have: {unknown('word', words[0], _WORDS)}")
        if key in found:
            raise OptbenchError(f"have: {shown(text)} has two of what may be its {key}: write {_EXAMPLE}")
        found[key] = value
    if "lr" not in found:
        raise OptbenchError(f"have: {shown(text)} lacks its learning rate: write {_EXAMPLE}")
    numbers: dict[str, float] = {}
    for key in ("lr", "epochs"):
        try:
            numbers |= {key: float(found[key])} if key in found else {}
        except ValueError:
            raise OptbenchError(f"have: {key}={shown(found[key])} must be a number") from None
    if "epochs" in numbers:
        check_budget(numbers["epochs"], None)
    if "batch" not in found and len(sizes) > 1:
        raise OptbenchError(f"have: {shown(text)} lacks its batch size: add batch 32, or batch full")
    (size,) = read_sizes(found["batch"]) if "batch" in found else sizes or ["full"]
    rate, size = check(Rate, numbers["lr"], "have: lr="), check(BatchSize, size, "have: batch ")
    return rate, size, found.get("schedule", "constant"), numbers.get("epochs")


def label_variants(optimizers: Iterable[AnyOptimizer], incumbents: Iterable[str]) -> dict[str, str]:
    """Return what variants are called: those of incumbents "yours: adam", others by what they fix, adam(beta1=0.5).

    incumbents: their names.
    """
    found, mine = {}, set(incumbents)
    for name in (each.name for each in optimizers):
        inner = names.parse(name)[1].get(names.INNER, "")
        if name == name_variant(inner) and (name in mine or names.parse(inner)[1]):
            found[name] = f"{names.YOURS}: {inner}" if name in mine else inner
    return found
