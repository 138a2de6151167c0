"""The frozen record of another library's optimizer, PyTorch's or optax's, which steps outside the compiled kernels."""

import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from optbench.contract import values
from optbench.contract.optimizers import Baseline, Optimizer, Valued
from optbench.contract.origins import Origin
from optbench.contract.record_values import check_rule, check_search
from optbench.contract.search import Range

Library = Literal["torch", "optax"]
LIBRARIES: dict[Library, str] = {"torch": "PyTorch", "optax": "optax"}
"""The libraries whose optimizers run here, by the name of module and extra: how each is called."""

RANDOM_NUMBERS = threading.RLock()
"""Held by whoever sets the random numbers of a library: they are of the whole process."""


@dataclass(frozen=True, eq=False)
class Eager(Valued):
    """An optimizer of another library; :func:`optbench.torch_optimizer` and its like make it of a class or a function.

    Example:
        >>> def plain(learning_rate, decay=0.5):
        ...     ...
        >>> optax_optimizer(plain).hyperparameters
        {'decay': 0.5}
    """

    name: str
    """By which a spec asks for it: ``torch:AdamW``, with what differs from its defaults and is no number."""
    library: Library
    """"torch" or "optax"."""
    target: Callable
    """The class, or the function that gives the transformation."""
    hyperparameters: Mapping[str, float]
    """The defaults of all numbers; ``betas=(0.9, 0.999)`` are ``beta1`` and ``beta2``."""
    source: str
    """Where it is from, with the library's version."""
    doc: str = ""
    """What it says about itself."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """What it is given besides numbers, such as ``nesterov``."""
    tuples: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Arguments that are several numbers, and the hyperparameters that they are made of."""
    whole: tuple[str, ...] = ()
    """Hyperparameters whose defaults are whole numbers."""
    rate: str = "lr"
    """The argument of the learning rate."""
    limits: Mapping[str, str] = field(default_factory=dict)
    """Where a hyperparameter may lie; the library checks its own besides."""
    search: Mapping[str, Range] = field(default_factory=dict)
    """Where tuning looks for values of hyperparameters and of ``lr``, by name; the others keep their defaults."""
    search_source: str = ""
    """Where these ranges come from."""
    slots: tuple[str, ...] = ()
    """None: the library keeps the state."""
    origins: tuple[Origin, ...] = ()
    """The files that define it: its own, and the one that names the library's version."""

    def __post_init__(self) -> None:
        if self.library not in LIBRARIES:
            raise values.wrong("optimizer", "library", self.library, " or ".join(LIBRARIES))
        values.function("optimizer", "target", self.target)
        check_rule("optimizer", self)
        check_search(f"optimizer {self.name}", self)

    def arguments(self, given: Mapping[str, float]) -> dict[str, Any]:
        """What the class or the function is called with, besides parameters and the rate.

        Args:
            given: a number for each hyperparameter.

        Returns:
            Arguments by name.
        """
        # momentum=0 is the default of a real number; nobody writes 0.9 where a count is asked for, and is heard.
        whole = {key for key in self.whole if float(given[key]).is_integer()}
        numbers = {key: int(value) if key in whole else value for key, value in given.items()}
        joined = {key: tuple(numbers.pop(part) for part in parts) for key, parts in self.tuples.items()}
        return {**numbers, **joined, **self.options}


AnyOptimizer = Optimizer | Baseline | Eager
"""What a cohort can run."""


_NAME = re.compile(r"(torch|optax)[:.]([A-Za-z_][\w.]*)$")


def library_and_name(text: str) -> tuple[Library, str] | None:
    """The library and the name in it that a name such as ``torch:AdamW`` means.

    Args:
        text: a name, without parameters.

    Returns:
        Both, or None for a name of the catalogue's.
    """
    match = _NAME.match(text)
    if match is None:
        return None
    library: Library = "torch" if match[1] == "torch" else "optax"
    return library, match[2].removeprefix("optim.")
