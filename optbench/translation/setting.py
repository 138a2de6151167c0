"""What is to be said in another library: an optimizer with its values, rate, schedule, batch size and epochs."""

import ast
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from optbench.contract.equals import read
from optbench.contract.equals_around import rate
from optbench.contract.errors import OptbenchError
from optbench.contract.names import number_text
from optbench.contract.optimizers import Baseline
from optbench.contract.schedules import Schedule
from optbench.translation.numbers import Numbers
from optbench.translation.places import HOMES, WORDS, dotted_name, owner

WIDTH = 100
"""Letters of a line of comment: what is pasted must fit beside what is there."""


@dataclass(frozen=True)
class Setting:
    """An optimizer with all that a run of it needs.

    Example:
        >>> Setting(optimizers()["gd"], {}, 0.1, schedules()["constant"], 64, 10).constant
        True
    """

    optimizer: Any
    """An Optimizer, a Baseline, or the record of an eager optimizer, with ``library`` and ``name``."""
    values: Mapping[str, Any]
    """All of its hyperparameters."""
    lr: float
    """The rate as optbench means it."""
    schedule: Schedule
    """The rate's factor."""
    batch_size: int | Literal["full"]
    """Examples in a batch."""
    epochs: int
    """Passes over the data."""
    remark: str = ""
    """A sentence more about them, for the comment that the code begins with."""

    @property
    def constant(self) -> bool:
        """Whether the rate stays as it is."""
        return self.schedule.name == "constant" and self.schedule.inner is None

    @property
    def name(self) -> str:
        """The optimizer and its values, in words."""
        values = ", ".join(f"{key}={number_text(value)}" for key, value in self.values.items())
        return f"{self.optimizer.name} with {values}" if values else self.optimizer.name

    @property
    def plugins(self) -> tuple[Path, ...]:
        """The user's own files that the optimizer is made of."""
        shipped = Path(__file__).parents[1]
        files = [origin.file for origin in getattr(self.optimizer, "origins", ())]
        return tuple(dict.fromkeys(path for path in files if shipped not in path.parents))


@dataclass(frozen=True)
class Choice:
    """What a library has for a setting."""

    call: ast.expr | None
    """The call with its values, ``lr`` left as a name; None where the library has no equal."""
    why: str
    """Why it has none."""


def equal_of(setting: Setting, library: str) -> Choice:
    """What the library has for an optimizer with these values.

    Args:
        setting: what is to be said.
        library: of LIBRARIES.

    Returns:
        The call, or why there is none.
    """
    record = setting.optimizer
    if hasattr(record, "library"):  # an eager optimizer is its own equal
        return _eager(setting, library)
    if isinstance(record, Baseline):
        return Choice(None, f"SciPy's {record.method} takes the steps")
    stated = read(f"optimizer {record.name}", library, getattr(record, "equals", {}).get(library, "#"))
    numbers = Numbers(dict(setting.values) | {"constant": setting.constant})
    for branch in stated.branches:
        if numbers.holds(branch.condition):
            return Choice(numbers.placed(branch.call), "")
    return Choice(None, stated.why or "it has no such rule")


def _eager(setting: Setting, library: str) -> Choice:
    record = setting.optimizer
    if record.library != library:
        home = WORDS[record.library]
        raise OptbenchError(f"{record.name} is an optimizer of {home}: only {record.library} can say it")
    given = {record.rate: "lr", **{key: repr(value) for key, value in record.arguments(setting.values).items()}}
    values = ", ".join(f"{key}={value}" for key, value in given.items())
    return Choice(ast.parse(f"{dotted_name(record)}({values})", mode="eval").body, "")


def header(setting: Setting, library: str, choice: Choice) -> str:
    """The comment that code begins with.

    Args:
        setting: what is said.
        library: of LIBRARIES.
        choice: what the library has for it.

    Returns:
        Lines of comment.
    """
    size = "the full batch" if setting.batch_size == "full" else f"batches of {setting.batch_size}"
    epochs = f"{setting.epochs} epoch{'s' * (setting.epochs != 1)}"
    what = f"{setting.name}, at the rate {number_text(setting.lr)}, {size}, {epochs}, "
    what += f"schedule {setting.schedule.text}: optbench's setting, for {WORDS[library]}."
    what += f" {setting.remark}" * bool(setting.remark)
    if isinstance(setting.optimizer, Baseline):
        what = f"{setting.name}, on all examples, for {WORDS[library]}; SciPy searches every step's length."
        return "\n".join(comment(what)) + "\n"
    if choice.call is not None:
        # What sees whole blocks sees a matrix of one column as a vector, and what has more sides as one matrix.
        shapes = " for vectors and matrices of several columns" * bool(getattr(setting.optimizer, "matrix", None))
        how = f"{owner(setting.optimizer, library)} takes the same steps{_at(setting, choice.call)}{shapes}."
    else:
        how = f"{HOMES[library]} has no equal: {choice.why}. So optbench's own kernel takes the steps, on the CPU."
    return "\n".join(comment(what) + comment(how)) + "\n"


def _at(setting: Setting, call: ast.expr) -> str:
    """The rate, where it is translated."""
    stated = rate(call)
    plain = stated is None or isinstance(stated, ast.Name)
    return "" if plain or stated is None else f" at the rate {Numbers({'lr': setting.lr}).code(stated)}"


def comment(text: str, indent: int = 0) -> list[str]:
    """A text as lines of comment.

    Args:
        text: one paragraph.
        indent: blanks before each line.

    Returns:
        The lines.
    """
    lead = " " * indent + "# "
    return textwrap.wrap(text, WIDTH, initial_indent=lead, subsequent_indent=lead, break_long_words=False)
