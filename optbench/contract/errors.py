"""The one exception that a user's mistake raises, and the nearest valid name for its message."""

import difflib
from collections.abc import Iterable


class OptbenchError(ValueError):
    """Bad input, told in one line that says what is wrong and how to mend it (the commands exit with code 2)."""


class PluginError(OptbenchError):
    """A plug-in that breaks the contract of its kind."""


def in_one_line(error: Exception) -> str:
    """What an exception of somebody else's code says, with its kind; ours speak for themselves."""
    text = " ".join(str(error).split())
    return text if isinstance(error, OptbenchError) else f"{type(error).__name__}: {text}"


def unknown(kind: str, name: str, valid: Iterable[str], shown_by: str = "") -> OptbenchError:
    """The error for a name that is not among ``valid``: it offers the nearest one, or else all of them.

    ``shown_by``: the command that lists them, for names too many for one line.
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
