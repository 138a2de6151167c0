"""The one exception that a user's mistake raises, and the nearest valid name for its message."""

import difflib
import reprlib
import sys
import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TextIO

WARNING = "optbench: warning:"
"""Prefix of a warning on standard error; an error that ends the command begins with ``optbench:``."""
_HEAD, _TAIL, _GAP = 600, 250, " ... "
"""Characters kept of a message that is too long: its start names the key, its end says how to mend it."""
_SHOWN = 60
"""Characters of a value in a message."""


class OptbenchError(ValueError):
    """Bad input: one line says what is wrong and how to mend it.

    The commands print that line and exit with code 2. It is shortened if it would echo a long input, and what a
    terminal would not print, line breaks among it, is spelled out.

    Args:
        message: the line.

    Example:
        >>> minimize("rosenbrock", "adm", lr=0.1, steps=1)
        Traceback (most recent call last):
        optbench.contract.errors.OptbenchError: unknown optimizer 'adm': did you mean 'adam'?
    """

    exit_code = 2
    """That of the command."""
    unknown = ""
    """The kind of a name that there is not, such as "optimizer"; "" of other errors."""

    def __init__(self, message: object = ""):
        """Take the message in one line, with unprintable characters escaped; a long one loses its middle."""
        super().__init__(_shorten(_escape_unprintable(str(message).replace("\n", " "))))


class Unfinished(OptbenchError):
    """What is there is too little to report on; the same command goes on."""

    exit_code = 3


class PluginError(OptbenchError):
    """A plug-in that breaks the contract of its kind.

    Example:
        >>> optimizer(source="a rule without lr", name="mine")(lambda w, g: w)
        Traceback (most recent call last):
        optbench.contract.errors.PluginError: optimizer mine: arguments must be (w, g, slots..., lr, ...)
    """


def _shorten(text: str) -> str:
    """Return a message without its middle if it is too long."""
    return text if len(text) <= _HEAD + len(_GAP) + _TAIL else f"{text[:_HEAD]}{_GAP}{text[-_TAIL:]}"


def _escape_unprintable(text: str) -> str:
    """Return a text with its unprintable characters as escapes, such as \\x1b."""
    return text if text.isprintable() else "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)


class _Shown(reprlib.Repr):
    """The text of a value of any type and size in a message, at low cost."""

    def __init__(self) -> None:
        """Limit texts, whole numbers and other types to one length."""
        super().__init__()
        self.maxstring = self.maxother = self.maxlong = _SHOWN

    def repr_instance(self, x: object, level: int) -> str:
        """Return the text of a type that reprlib does not know; its ``__repr__`` may raise anything."""
        try:
            text = " ".join(repr(x).split())
        except Exception:
            return f"a {type(x).__name__}"
        return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."

    repr_int = repr_instance  # Python writes none of more than 4,300 digits

    def repr_function(self, x: Any, level: int) -> str:
        """Return the name of a function, without its address."""
        return x.__name__


_repr = _Shown()


def shown(value: object) -> str:
    """Return the text of any value that a user may have given, short enough for a message."""
    return _repr.repr(value)


def in_one_line(error: BaseException) -> str:
    """Return the message of an exception in one line, with its type unless it is ours."""
    try:
        text = _shorten(" ".join(str(error).split()))
    except Exception:  # the exception of a plug-in may have a broken __str__
        text = "(its text cannot be shown)"
    return text if isinstance(error, OptbenchError) else f"{type(error).__name__}: {text}"


def near(name: str, valid: Iterable[str]) -> str:
    """Return the hint behind a name that is not among ``valid``, ": did you mean 'adam'?"; "" if none is near."""
    found = nearest(name, list(valid))
    return f": did you mean {found!r}?" if found else ""


def nearest(name: str, valid: list[str], cutoff: float = 0.5) -> str:
    """Return the same name in other letters, or else the nearest one; empty if none is as near as difflib's cutoff.

    A name of the same letters in another order is nearer than any other: difflib counts swapped letters as two errors.
    """
    name = name[:_HEAD]
    same = [each for each in valid if each.lower() == name.lower()]
    swapped = [each for each in valid if sorted(each.lower()) == sorted(name.lower())]
    return next(iter(same or swapped or difflib.get_close_matches(name, valid, n=1, cutoff=cutoff)), "")


def unknown(kind: str, name: Any, valid: Iterable[str], shown_by: str = "") -> OptbenchError:
    """Return the error for a name that is not among ``valid``: it offers the nearest one, or else all of them.

    ``kind``: such as "optimizer". ``shown_by``: the command that lists the names if one line cannot.
    """
    valid = sorted(map(str, valid))
    name = name if isinstance(name, str) else shown(name)
    if found := nearest(name, valid):
        hint = f"did you mean {found!r}?"
    elif shown_by:
        hint = f"{shown_by!r} shows what there is"
    else:
        hint = f"valid names: {', '.join(valid) or 'none'}"
    return refuse_name(kind, name, hint)


def refuse_name(kind: str, name: str, hint: str) -> OptbenchError:
    """Return the error for a name that there is not; ``hint``: what to write in its place, or why there is none."""
    error = OptbenchError(f"unknown {kind} {shown(name) if len(name) > _HEAD else repr(name)}: {hint}")
    error.unknown = kind
    return error


def join_sentences(texts: Sequence[str]) -> str:
    """Return messages as one: a single one as it is, of several each as a sentence."""
    first, *rest = texts if len(texts) == 1 else [f"{text}{'' if text.endswith(('?', '.')) else '.'}" for text in texts]
    return " ".join([first, *(text[0].upper() + text[1:] for text in rest)])


def find_all(find: Callable[[Any], Any], names: Iterable[Any]) -> dict[Any, Any]:
    """Return what ``find`` finds by name; raise one OptbenchError with the messages of all names that it refuses."""
    found: dict[Any, Any] = {}
    wrong: dict[str, None] = {}
    for name in names:
        try:
            found[name] = find(name)
        except OptbenchError as error:
            wrong[str(error)] = None
    if wrong:
        raise OptbenchError(join_sentences(list(wrong)))
    return found


def show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Print a warning of this package without its line of source, and others as Python does."""
    if category.__module__.startswith("optbench."):
        print(f"{WARNING} {message}", file=sys.stderr)
    else:
        print(warnings.formatwarning(message, category, filename, lineno, line), file=file or sys.stderr, end="")
