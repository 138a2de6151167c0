"""Labels: the user's own names for problems and optimizers, in sentences, on pages and in figures.

Tables, plans, files and ids keep the names that `names` writes; whatever shows a name looks its label up.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from optbench.contract import names
from optbench.contract.errors import OptbenchError, shown, unknown
from optbench.contract.search import parse_range

LONGEST = 60
"""Characters of a label: a legend cuts names at 40."""
_TAKEN = ("all",)
"""Labels that tables use themselves."""


def to_canonical(text: str) -> str:
    """Return a name with its parameters in alphabetical order, and so of the optimizer that it wraps."""
    name, given = names.parse(text)
    inner = {names.INNER: to_canonical(given.pop(names.INNER))} if names.INNER in given else {}
    numbers = {key: float(v) if type(v) is int and abs(v) < 1e308 else v for key, v in given.items()}
    return names.canonical(name, {**inner, **dict(sorted(numbers.items()))})


def without_numbers(text: str) -> str:
    """Return the optimizer that a text names, without its numbers: ``clip(adam)``, ``torch:SGD(nesterov=True)``."""
    name, given = names.parse(text)
    inner = {names.INNER: without_numbers(given.pop(names.INNER))} if names.INNER in given else {}
    # A word or a truth value is a part of a library's optimizer, and no setting.
    words = {
        key: value
        for key, value in sorted(given.items())
        if isinstance(value, bool) or (isinstance(value, str) and ":" not in value and parse_range(value) is None)
    }
    return names.canonical(name, {**inner, **words})


def read_pairs(texts: Iterable[str], head: str = "--label: ") -> dict[str, str]:
    """Return {name: value} of texts ``NAME=VALUE``, cut at the first "=" outside brackets and quotes.

    head: the beginning of a message, what they were given as. Raises OptbenchError for a text without "=", or a name
    twice.
    """
    found: dict[str, str] = {}
    for text in texts:
        first = names.split_list(text.replace(",", "\0").replace("=", ","))[:1]  # "=" splits where "," does
        name = first[0].replace(",", "=").replace("\0", ",") if first else ""
        rest = text.lstrip()[len(name) :].lstrip()
        if not name or not rest.startswith("="):
            raise OptbenchError(f"{head}{shown(text)} must be NAME=VALUE, such as 'torch:Mine=Ours'")
        if name in found:
            raise OptbenchError(f"{head}{shown(name)} stands twice")
        found[name] = rest[1:].strip()
    return found


def read_labels(value: Any) -> dict[str, str]:
    """Return labels by name, checked; value: a mapping, or texts ``NAME=LABEL``. Raises OptbenchError."""
    if isinstance(value, str):
        value = [value]
    if isinstance(value, list | tuple) and all(isinstance(text, str) for text in value):
        value = read_pairs(value, "")
    if not isinstance(value, Mapping):
        raise OptbenchError(f"{shown(value)} must be a table of names and labels, such as {{'torch:Mine': 'Ours'}}")
    for name, label in value.items():
        if not isinstance(name, str):
            raise OptbenchError(f"{shown(name)} must be the name of a problem or an optimizer")
        check_label(name, label)
    _check_distinct(value)
    return dict(value)


def check_label(name: str, label: Any) -> str:
    """Return a label. Raises OptbenchError for one that is no short text in one line; name: what it stands for."""
    if not isinstance(label, str):
        raise OptbenchError(f"the label of {name}, {shown(label)}, must be a text")
    if not label.strip():
        raise OptbenchError(f"the label of {name} is empty")
    if not label.isprintable():
        raise OptbenchError(
            f"the label of {name}, {shown(label)}, must be text in one line, without control characters"
        )
    if label != label.strip():
        raise OptbenchError(f"the label of {name}, {shown(label)}, begins or ends with a blank")
    if len(label) > LONGEST:
        raise OptbenchError(f"the label of {name} has {len(label):,} characters: at most {LONGEST} fit a table")
    if label in _TAKEN:
        raise OptbenchError(f"the label of {name}, {shown(label)}, is a word of the tables: choose another")
    return label


def _check_distinct(labels: Mapping[str, str]) -> None:
    """Raise OptbenchError if two names have one label."""
    label, count = next(iter(Counter(labels.values()).most_common(1)), ("", 0))
    if count > 1:
        both = [name for name in labels if labels[name] == label]
        raise OptbenchError(f"{both[0]} and {both[1]} have one label, {shown(label)}: give each its own")


def _normalized(form: Callable[[str], str], text: str) -> str | None:
    """Return a name in a form; None where it cannot be read, as a label may not be."""
    try:
        return form(text)
    except OptbenchError:
        return None


_FORMS: tuple[Callable[[str], str], ...] = (to_canonical, without_numbers, lambda text: names.parse(text)[0])
"""Ever less of a name, by which it is found if it is not there as typed."""


def find_name(text: str, known: Iterable[str], kind: str = "problem or optimizer to label") -> str:
    """Return the one of the known names that a text means: parameters may be left out, or stand in another order.

    kind: what the names are of, for the message.

    Raises OptbenchError if it means none of them, or several.
    """
    known = list(dict.fromkeys(known))
    if text in known:
        return text
    several: list[str] = []
    for form in _FORMS:
        wanted = _normalized(form, text)
        found = [] if wanted is None else [name for name in known if _normalized(form, name) == wanted]
        if len(found) == 1:
            return found[0]
        several = several or found
    if several:
        raise OptbenchError(f"label: {shown(text)} may be {' or '.join(several[:3])}: write the name in full")
    raise unknown(kind, text, known)


def find_labels(labels: Mapping[str, str], known: Iterable[str]) -> dict[str, str]:
    """Return the labels by the names in tables. Raises OptbenchError for an unknown name and one with two labels.

    known: the names in tables, each with a text that may stand for it.
    """
    known, found = list(known), dict[str, str]()
    for text, label in labels.items():
        name = find_name(text, known)
        if found.setdefault(name, label) != label:
            raise OptbenchError(
                f"{name} has two labels, {shown(found[name])} and {shown(label)}: it is one in the tables"
            )
    return check_shown(found, known)


def check_shown(labels: Mapping[str, str], known: Iterable[str]) -> dict[str, str]:
    """Return the labels without those that are the name itself. Raises OptbenchError for one that another has as name.

    known: the names in tables.
    """
    _check_distinct(labels)
    for name, label in labels.items():
        if label != name and label in known and label not in labels:
            raise OptbenchError(f"the label of {name}, {shown(label)}, is the name of another: choose another")
    return {name: label for name, label in labels.items() if label != name}
