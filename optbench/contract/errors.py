"""The one exception that a user's mistake raises, and the nearest valid name for its message."""

import difflib
from collections.abc import Iterable

_LONGEST = 500
"""Letters of what other code says."""


class OptbenchError(ValueError):
    """Bad input, told in one line that says what is wrong and how to mend it.

    The commands print that line and exit with code 2.

    Example:
        >>> minimize("rosenbrock", "adm", lr=0.1, steps=1)
        Traceback (most recent call last):
        optbench.contract.errors.OptbenchError: unknown optimizer 'adm': did you mean 'adam'?
    """


class PluginError(OptbenchError):
    """A plug-in that breaks the contract of its kind.

    Example:
        >>> optimizer(source="a rule without lr")(lambda w, g: w)
        Traceback (most recent call last):
        optbench.contract.errors.PluginError: optimizer <lambda>: arguments must be (w, g, slots..., lr, ...)
    """


def in_one_line(error: BaseException) -> str:
    """What an exception says, in one line; that of other code with its kind.

    Args:
        error: any exception.

    Returns:
        The line.
    """
    try:
        text = " ".join(str(error).split())
    except Exception:  # a plug-in's own kind
        text = "(its text cannot be shown)"
    return text if isinstance(error, OptbenchError) else f"{type(error).__name__}: {text[:_LONGEST]}"


def unknown(kind: str, name: str, valid: Iterable[str], shown_by: str = "") -> OptbenchError:
    """The error for a name that is not among ``valid``: it offers the nearest one, or else all of them.

    Args:
        kind: what the name was to name, such as "optimizer".
        name: the name, as it was typed.
        valid: the names that exist.
        shown_by: the command that lists them, where they are too many for one line.

    Returns:
        The error, for the caller to raise.
    """
    valid = sorted(valid)
    near = difflib.get_close_matches(name, valid, n=1, cutoff=0.5)
    if near:
        hint = f"did you mean {near[0]!r}?"
    elif shown_by:
        hint = f"{shown_by!r} shows what there is"
    else:
        hint = f"valid names: {', '.join(valid) or 'none'}"
    return OptbenchError(f"unknown {kind} {name!r}: {hint}")
