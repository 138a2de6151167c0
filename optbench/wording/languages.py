"""Another language: texts by their English, with numbered gaps, "{1}", where numbers and names stand.

Results are computed, kept and tested in English; a text is looked up when a page or a figure is written.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from functools import cache, cached_property
from pathlib import Path

from markupsafe import Markup, escape

from optbench.contract.errors import unknown

_GAP = re.compile(r"\{(\d+)\}")
_WORD = re.compile("[A-Za-z]{2}")
*_MARKS, _BLANK = (re.compile(rf"({mark})(?![^\[]*\]|[^(]*\))") for mark in (r"(?<=\.) ", "; ", ", ", " "))
"""What stands between sentences, parts of a list and words, but not within an interval's brackets."""


class Language:
    """The texts of a language.

    code: of ISO 639, as HTML has it; name: in its own letters; tables: English -> text, by the name of the table.
    """

    def __init__(self, code: str, name: str, tables: Mapping[str, Mapping[str, str]]) -> None:
        self.code, self.name, self.tables = code, name, tables
        self.texts = {english: text for table in tables.values() for english, text in table.items()}
        self._find = cache(self._look_up)

    def __call__(self, english: str) -> str:
        """Return a finished text in this language, or as it is where there is none."""
        return self._find(english) or english

    def markup(self, english: str, *values: object) -> Markup:
        """Return a template's text with its gaps filled by values, which are escaped unless they are markup."""
        text = self.texts.get(english, english)
        return Markup(_fill(text, [*map(escape, values)]))

    def _look_up(self, text: str) -> str | None:
        """Return the text for a finished English one; None if there is none, or for a part of it."""
        body = text.strip()
        if not body:
            return text
        if body != text:
            found = self._find(body)
            return found and text.replace(body, found)
        if text in self.texts:
            return self.texts[text]
        return (
            self._find_list(text, _MARKS)
            or next(filter(None, (self._find_gaps(text, *each) for each in self._patterns)), None)
            or self._find_list(text, [_BLANK])
            or (None if _WORD.search(text) else text)
        )

    def _find_list(self, text: str, marks: Iterable[re.Pattern]) -> str:
        """Return the text for a list, or for several sentences; "" if it is none, or has a part without a text."""
        for mark in marks:
            if (parts := mark.split(text))[1:] and (found := self._find_all(parts)):
                return "".join(found)
        return ""

    def _find_gaps(self, text: str, pattern: re.Pattern, key: str) -> str:
        """Return the text of a key with what stands in its gaps; "" if `text` is not of its pattern."""
        found = pattern.fullmatch(text)
        gaps = self._find_all(found.groups()) if found else []
        return _fill(self.texts[key], gaps) if gaps else ""

    def _find_all(self, parts: Sequence[str]) -> list[str]:
        """Return the texts for the parts of one; [] if there is none for any of them."""
        found = []
        for part in parts:
            if (text := self._find(part)) is None:
                return []
            found.append(text)
        return found

    @cached_property
    def _patterns(self) -> list[tuple[re.Pattern, str]]:
        """The English texts with gaps, each as a pattern and as it is; those that begin with words first, by length."""
        keys = sorted(filter(_GAP.search, self.texts), key=lambda key: (bool(_GAP.match(key)), -len(_GAP.sub("", key))))
        return [(re.compile("(.*?)".join(map(re.escape, _GAP.split(key)[::2])), re.DOTALL), key) for key in keys]


def _fill(text: str, values: Sequence[str]) -> str:
    """Return a text with its gaps filled; one that has no value stays as it is."""
    return _GAP.sub(lambda gap: str(values[int(gap[1]) - 1]) if 0 < int(gap[1]) <= len(values) else gap[0], text)


ENGLISH = Language("en", "English", {})


def read_language(code: str, folder: Path) -> Language:
    """Return the language of the file CODE.toml in a folder; OptbenchError, which names those there are, if none is."""
    names = {path.stem: path for path in folder.glob("*.toml")}
    if code == ENGLISH.code:
        return ENGLISH
    if code not in names:
        raise unknown("language", code, {ENGLISH.code, *names})
    tables = tomllib.loads(names[code].read_text(encoding="utf-8"))
    return Language(code, tables.pop("name"), tables)
