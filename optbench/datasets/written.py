"""Texts that are no levels: dates, and numbers that are written so that no reader takes them for numbers."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from optbench.contract.errors import OptbenchError, shown
from optbench.datasets.asking import asked_for

# Numbers among texts: 1, 2, 3+ are levels; a column of measured numbers with a word in it has more; a choice
_MOST_NUMBERS = 10
"""Different numbers among texts that can be levels, such as 1, 2, 3+; more are a column of numbers with a few words."""
_MONTH = r"(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
_DATE = re.compile(
    r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}([ T].*)?|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}( .*)?|\d{1,2}:\d{2}(:\d{2}(\.\d*)?)?"
    rf"|\d{{1,2}}[-. ]+{_MONTH}[-, ]+\d{{2,4}}( .*)?|{_MONTH}[- ]+\d{{1,2}}[-, ]+\d{{2,4}}( .*)?"
    r"|\d{4}[-/](0[1-9]|1[0-2])|(0?[1-9]|1[0-2])[-/]\d{4}|\d{8}[ T]\d{4}(\d{2}(\.\d*)?)?(Z|[-+]\d{2}:?(\d{2})?)?"
    rf"|{_MONTH}[-, ]+\d{{4}}",
    re.IGNORECASE,
)
_DECIMAL_COMMA = re.compile(r"[-+]?\d*,\d+")
_GROUPS = r"\d{1,3}([.,'’ \u00a0\u202f]\d{3})+([.,]\d+)?"
"""Digits in threes; 1.2.3, a version, is no number."""
_UNIT = r"(%|[$€£¥]|EUR|USD|GBP|CHF|JPY)"
_DRESSED = re.compile(rf"\(?[-+−]?\s*{_UNIT}?\s*[-+−]?({_GROUPS}|\d*[.,]?\d+|\d+[.,])\s*{_UNIT}?\)?", re.IGNORECASE)
WAYS = "turn it into numbers (a year, a month, days since the first)"
"""What to do with dates."""


def number(text: str, decimal: str = "") -> float | None:
    """What a text says, if it is a plain number. ``decimal``: "," where that stands for the decimal point."""
    if decimal == ",":
        if "." in text:  # which parts thousands there, or is a mistake
            return None
        text = text.replace(",", ".")
    try:
        return None if "_" in text else float(text)
    except ValueError:
        return None


def refuse_dates_and_numbers(given: Mapping[str, Any], who: str, way: str, levels: Sequence[str]) -> None:
    """Raise OptbenchError where the texts of a column are dates, or numbers that were not read as such.

    ``given``: the parameters of the set ``file``. ``who``, ``way``: the message's begin, and how to do without the
    column. ``levels``: the different texts, without blanks around them.
    """
    decimal, text_file = given.get("decimal", ""), re.search(r"[.][ct]sv([.]gz)?$", given["path"].lower()) is not None
    dates = [each for each in levels if _DATE.fullmatch(each)]
    if 10 * len(dates) >= 9 * len(levels) > 0:
        raise OptbenchError(f"{who} holds dates or times, such as {shown(dates[0])}: {WAYS}, or {way}")
    numeric = {each for each in levels if number(each, decimal) is not None}
    dressed = [each for each in levels if each not in numeric and _DRESSED.fullmatch(each)]
    words = [each for each in levels if each not in numeric and not _DRESSED.fullmatch(each)]
    pointed = [each for each in dressed if decimal == "," and number(each) is not None]
    if pointed and not words:
        raise OptbenchError(
            f"{who} holds numbers with a point, such as {shown(pointed[0])}, and decimal=',': write thousands "
            f"without it and decimals with a comma, or {way}"
        )
    if dressed and not words and all(_DECIMAL_COMMA.fullmatch(each) for each in dressed):
        told = f"{who} holds numbers with a comma, such as {shown(dressed[0])}: "
        if not text_file:
            raise OptbenchError(f"{told}write them with a decimal point, or {way}")
        raise OptbenchError(
            f"{told}if it stands for the decimal point, {asked_for(given, decimal=',')}; else write the numbers "
            "without it"
        )
    most = len(numeric) + len(dressed) > max(_MOST_NUMBERS, len(levels) // 2)
    if dressed and (most or not any(map(str.isalnum, "".join(words)))):
        comma = text_file and decimal != "," and any(map(_DECIMAL_COMMA.fullmatch, dressed))
        told = f"{', and ' * bool(words)}{_told(words)}"
        raise OptbenchError(
            f"{who} holds numbers written as {shown(dressed[0])}{told}: write plain ones, such as "
            f"{'1234,5' if decimal == ',' else '1234.5'}{f' (or say decimal={chr(44)!r})' * comma}"
            f"{', leave the fields empty where a value is missing' * bool(words)}, or {way}"
        )
    if len(numeric) > max(_MOST_NUMBERS, len(levels) // 2):
        raise OptbenchError(
            f"{who} holds numbers, and {_told(words)}: "
            f"write numbers, leave the fields empty where a value is missing, or {way}"
        )


def _told(words) -> str:
    """The first, and how many more."""
    return f"{shown(words[0])}{f' and {len(words) - 1:,} more texts' * (len(words) > 1)}" if words else ""
