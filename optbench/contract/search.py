"""Search ranges of tuning, as a spec has them: ``log_uniform(1e-4, 1)``."""

import ast
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from optbench.contract.arguments import ByName, condition, is_real, one_of
from optbench.contract.errors import OptbenchError, PluginError, shown, unknown
from optbench.contract.limits import enforce
from optbench.contract.names import number_text

KINDS = ("uniform", "log_uniform", "one_minus_log_uniform", "choice")
RATE = "lr"
"""The name of the learning rate among the ranges of a search space."""
SAME_MEANING = {"beta": "beta1", "momentum": "beta1", "b1": "beta1", "b2": "beta2"}
"""Names of hyperparameters that mean the same as another name, where the catalogue's ``equals`` says nothing."""


@dataclass(frozen=True)
class Range:
    """Values and how tuning spreads its trials over them; the functions below make it.

    Example:
        >>> log_uniform(1e-4, 1).of(0.5)
        0.01
        >>> log_uniform(1e-4, 1).text
        'log_uniform(0.0001, 1)'
    """

    kind: str
    """``uniform``, ``log_uniform``, ``one_minus_log_uniform`` or ``choice``."""
    values: tuple[float | int | str, ...]
    """The two numbers in the brackets, the lower one first; of a choice, what there is to choose from."""

    def __post_init__(self) -> None:
        """Raise OptbenchError for an unknown kind, or values that make no sense."""
        one_of("range", self.kind, KINDS)
        if self.kind == "choice":
            if not isinstance(self.values, tuple):
                raise OptbenchError(f"choice: {shown(self.values)} must be a tuple of values")
            for value in self.values:
                if not isinstance(value, str) and not is_real(value):
                    raise OptbenchError(f"choice: {shown(value)} must be a finite number or a word")
            if not self.values or len(set(self.values)) < len(self.values):
                raise OptbenchError(f"choice{shown(self.values)}: name at least one value, and each of them once")
            return
        if not isinstance(self.values, tuple) or len(self.values) != 2:
            raise OptbenchError(
                f"{self.kind}: {shown(self.values)} must hold two numbers, such as {self.kind}(1e-3, 0.1)"
            )
        for key, value in zip(("low", "high"), self.values, strict=True):
            if not is_real(value):
                raise OptbenchError(f"{self.kind}: {key}: {shown(value)} must be a finite number")
        low, high = map(float, self.values)
        if not low < high or (self.kind != "uniform" and low <= 0):
            positive = ", both above 0" * (self.kind != "uniform")
            raise OptbenchError(f"{self.text} must go from a lower to a higher number{positive}")

    def __repr__(self) -> str:
        """Return the text that a spec has."""
        return self.text

    @property
    def text(self) -> str:
        """The text of the range in a spec; :func:`parse_range` reads it back."""
        return f"{self.kind}({', '.join(repr(v) if isinstance(v, str) else number_text(v) for v in self.values)})"

    @property
    def ends(self) -> tuple[float | int | str, ...]:
        """The least and the largest value that it gives; of a choice, all of them."""
        if self.kind == "one_minus_log_uniform":
            low, high = map(float, self.values)
            return _one_minus(high), _one_minus(low)
        return self.values

    @property
    def count(self) -> int:
        """The number of values of a choice; 0 for the other ranges."""
        return len(self.values) if self.kind == "choice" else 0

    def of(self, u: float) -> float | int | str:
        """Return the value at a share of the range.

        Numbers have four significant digits, so that a setting can be read and typed again; of ``1 - x`` it is x that
        has them.

        Args:
            u: in [0, 1).

        Returns:
            The value, inside the range; those of evenly spread ``u`` are spread as the range's name says.
        """
        if self.kind == "choice":
            return self.values[min(int(u * len(self.values)), len(self.values) - 1)]
        low, high = map(float, self.values)
        exact = low + u * (high - low) if self.kind == "uniform" else low * (high / low) ** u
        value = min(max(float(f"{exact:.4g}"), low), high)
        return _one_minus(value) if self.kind == "one_minus_log_uniform" else value

    def share(self, value: float | int | str) -> float:
        """Return the position of a value in the range: 0 at one end and 1 at the other.

        Args:
            value: inside the range; of a choice, one of its values.

        Returns:
            The ``u`` for which :meth:`of` gives that value, apart from rounding; of a choice, the middle of its part.
        """
        if self.kind == "choice":
            return (self.values.index(value) + 0.5) / len(self.values)
        low, high = map(float, self.values)
        if self.kind == "uniform":
            return (float(value) - low) / (high - low)
        x = 1 - float(value) if self.kind == "one_minus_log_uniform" else float(value)
        return math.log(x / low) / math.log(high / low)


def uniform(low: float, high: float) -> Range:
    """Return the range of the numbers between two, spread evenly.

    Args:
        low: the least.
        high: the largest.

    Returns:
        The range.

    Raises:
        OptbenchError: not two finite numbers, the lower one first.

    Example:
        >>> uniform(0, 2).of(0.25)
        0.5
    """
    return Range("uniform", (low, high))


def log_uniform(low: float, high: float) -> Range:
    """Return the range of the numbers between two, spread evenly on a logarithmic axis: as many in each decade.

    Args:
        low: the least, above 0.
        high: the largest.

    Returns:
        The range.

    Raises:
        OptbenchError: not two finite numbers above 0, the lower one first.

    Example:
        >>> [log_uniform(0.01, 100).of(u) for u in (0, 0.25, 0.5)]
        [0.01, 0.1, 1.0]
    """
    return Range("log_uniform", (low, high))


def one_minus_log_uniform(low: float, high: float) -> Range:
    """Return the range of 1 - x, where x is spread evenly on a logarithmic axis between two numbers.

    For betas: 0.9 and 0.99 differ as much as 0.99 and 0.999.

    Args:
        low: the least x, above 0.
        high: the largest x.

    Returns:
        The range, from ``1 - high`` to ``1 - low``.

    Raises:
        OptbenchError: not two finite numbers above 0, the lower one first.

    Example:
        >>> [one_minus_log_uniform(0.001, 0.1).of(u) for u in (0, 0.5)]
        [0.999, 0.99]
    """
    return Range("one_minus_log_uniform", (low, high))


def choice(*values: float | int | str) -> Range:
    """Return the range of some values, each as often as the others.

    Args:
        *values: numbers or words, each once.

    Returns:
        The range.

    Raises:
        OptbenchError: there is none, one of them twice, or one that is neither a finite number nor a word.

    Example:
        >>> [choice(2, 5, 10).of(u) for u in (0, 0.5, 0.9)]
        [2, 5, 10]
    """
    return Range("choice", values)


_is_range = condition(lambda value: isinstance(value, Range), "a range, such as log_uniform(1e-4, 1)")
Ranges = ByName[Annotated[Range, _is_range]]
"""The type of a search space: ranges by the name of what is tuned."""


def parse_range(value: object) -> Range | None:
    """Return the range for a text such as ``log_uniform(1e-4, 1)``, or for a range; None for what is none.

    Raises OptbenchError for an unknown kind of range, or values that make no sense.
    """
    if isinstance(value, Range):
        return value
    if not isinstance(value, str) or "(" not in value:
        return None
    try:
        node = ast.parse(value.strip(), mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return None
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
        return None
    try:
        if node.keywords:
            raise ValueError
        values = tuple(_parse_literal(each) for each in node.args)
    except (ValueError, TypeError, MemoryError, RecursionError):
        raise OptbenchError(f"{shown(value)} must hold plain values, such as log_uniform(1e-4, 1)") from None
    return Range(node.func.id, values)


def join_ranges(ranges: Sequence[Range]) -> Range | None:
    """Return the range that holds all values of some ranges; None if these spread trials in different ways.

    Choices that differ have no such range: more values would be others than anybody asked for.
    """
    kinds = {each.kind for each in ranges}
    if len(kinds) > 1 or "choice" in kinds:
        return ranges[0] if len(set(ranges)) == 1 else None
    lows, highs = zip(*(map(float, each.values) for each in ranges), strict=True)
    return Range(ranges[0].kind, (min(lows), max(highs)))


def read_search(search: Any) -> Any:
    """Return a search space with its texts as ranges; the record refuses what else stands there."""
    if not isinstance(search, Mapping):
        return search
    return {key: parse_range(each) or each for key, each in search.items()}


def check_search(owner: str, record: Any) -> None:
    """Raise PluginError unless a search space names hyperparameters of the record, and stays within their limits."""
    try:
        check_space(owner, record.search, record.hyperparameters, record.all_limits)
    except OptbenchError as error:
        raise PluginError(str(error)) from None


def check_space(owner: str, search: Mapping, hyperparameters: Mapping, limits: Mapping) -> None:
    """Raise OptbenchError for a search space with an unknown name, or a range outside its limits.

    ``owner``: the words for the optimizer, with which the message begins.
    """
    for key, range_ in search.items():
        if key != RATE and key not in hyperparameters:
            raise unknown(f"hyperparameter in the search space of {owner}", key, [RATE, *hyperparameters])
        for end in range_.ends:
            if not is_real(end):
                raise OptbenchError(f"{owner}: {key}={range_.text} must hold numbers")
            try:
                enforce(owner, {key: end}, {RATE: "(0, inf)", **limits})
            except OptbenchError as error:
                raise OptbenchError(f"{error}, and {range_.text} reaches it") from None


def _parse_literal(node: ast.expr) -> Any:
    """Return the value of an argument in the brackets; a bare word is a text, as in a spec."""
    return node.id if isinstance(node, ast.Name) else ast.literal_eval(node)


def _one_minus(x: float) -> float:
    """Return 1 - x to 12 significant digits."""
    return float(f"{1 - x:.12g}")  # 0.998766, not 0.9987659999999999


RATES = log_uniform(1e-4, 10)
"""The learning rates of an optimizer that does not say where it wants to be tuned."""
