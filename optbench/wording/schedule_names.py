"""Short labels of schedules; the tables hold the full text with every parameter."""

from __future__ import annotations

from collections.abc import Iterable

from optbench.contract.errors import OptbenchError
from optbench.contract.names import INNER, canonical, parse
from optbench.wording.labels import shorten

LONG = 30
"""Length up to which a schedule's text is its label."""
LONGEST = 48
"""Maximum length of a label: about the width of a table's column."""


def short_schedules(texts: Iterable[str]) -> dict[str, str]:
    """Return a different label for each text of a schedule.

    A text of at most LONG characters stands as it is. A longer one is left with the parameters that distinguish it from
    others of its form: "warmup(cosine(final=0.0), fraction=0.1, ...)" is "warmup(cosine)" if it is the only one, and
    "warmup(cosine, fraction=0.1)" beside one of another fraction.
    """
    levels = {text: _levels(text) for text in texts}
    short = {text: text if len(text) <= LONG else shorten(_telling(levels, text), LONGEST) for text in levels}
    names = list(short.values())
    return {text: name if names.count(name) == 1 else text for text, name in short.items()}


def _levels(text: str) -> list[tuple[str, dict]]:
    """Return (name, parameters) of the schedule and of those that it wraps, from outside in."""
    levels = []
    try:
        while text:
            name, given = parse(text)
            text = given.pop(INNER, "")
            levels.append((name, given))
    except OptbenchError:
        return [(text, {})]
    return levels


def _telling(levels: dict[str, list], text: str) -> str:
    """Return the text without the parameters that are equal in all texts of its form."""
    form = [name for name, _ in levels[text]]
    same_form = [other for other in levels.values() if [name for name, _ in other] == form]
    short = ""
    for place, (name, given) in reversed(list(enumerate(levels[text]))):
        kept = {
            key: value
            for key, value in given.items()
            if len({repr(other[place][1].get(key)) for other in same_form}) > 1
        }
        short = canonical(name, ({INNER: short} if short else {}) | kept)
    return short
