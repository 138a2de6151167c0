"""The columns of a table as numbers: texts become columns of 0 and 1, and what is no number is refused."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from optbench.contract.errors import OptbenchError, shown
from optbench.datasets.asking import asked_for
from optbench.datasets.written import WAYS, number, refuse_dates_and_numbers

# Levels of a text: a feature each: beyond it, names and numbers of tickets; as many as classes
MOST_LEVELS = 100
_FEW_LEVELS = 10
"""Different texts that are levels however few rows there are."""
_DATES = ("datetime", "datetime64", "date", "timedelta", "timedelta64", "time", "period", "interval")


@dataclass(frozen=True)
class Column:
    """A column as it will be learned from: its numbers, NaN where one is missing, or of its texts the level each is."""

    name: str
    numbers: np.ndarray | None = None
    whole: bool = False
    """Whether the numbers are stored as whole ones, or would be without gaps."""
    truth: bool = False
    """Whether they are True and False."""
    codes: np.ndarray | None = None
    """The place of each row's text among the levels, -1 where it is missing."""
    levels: tuple[str, ...] = ()

    @property
    def missing(self) -> np.ndarray:
        """Where it has no value."""
        return np.isnan(self.numbers) if self.codes is None else self.codes < 0

    @property
    def width(self) -> int:
        """How many features it makes."""
        return 1 if self.codes is None or len(self.levels) == 2 else len(self.levels)

    def features(self, rows: np.ndarray) -> np.ndarray:
        """(rows, width): one feature for two levels, 1 for the second; otherwise one for each; NaN where missing."""
        if self.codes is None:
            return self.numbers[rows][:, None]
        codes = self.codes[rows]
        made = (codes[:, None] == np.arange(len(self.levels))).astype(float)[:, -self.width :]
        made[codes < 0] = np.nan
        return made


def column(given: Mapping[str, Any], name: str, values: Any, target: bool = False) -> Column:
    """A column of a table by what it holds, whatever the table calls it. values: a pandas Series. given: the parameters
    of the set ``file``.

    Raises OptbenchError, with its name and what to do, for dates, for lists and the like, for infinite numbers, for
    numbers that were read as texts, and for a feature with as many texts as rows.
    """
    who = f"data set {given['path']}: {'the target' if target else 'feature'} {name!r}"
    way = "name another target" if target else f"leave it out: {asked_for(given, drop=[name])}"
    kind = _kind(values)
    if kind == "date":
        first = shown(str(values.dropna().iloc[0]))
        raise OptbenchError(f"{who} holds dates or times, such as {first}: {WAYS}, or {way}")
    if kind == "other":
        held = type(values.dropna().iloc[0]).__name__
        raise OptbenchError(f"{who} holds values of the kind {held}, neither numbers nor texts: {way}")
    if kind == "text":
        return _texts(given, who, way, name, values, target)
    try:
        numbers = pd.to_numeric(values).to_numpy(float, na_value=np.nan)
    except (OverflowError, TypeError, ValueError):
        numbers = np.array([np.nan if pd.isna(each) else float(each) for each in values], float)
    _refuse_infinite(who, way, numbers)
    gaps = bool(np.isnan(numbers).any())
    return Column(name, numbers, gaps or pd.api.types.is_integer_dtype(values.dtype), kind == "truth")


def _refuse_infinite(who, way, numbers):
    infinite = int(np.isinf(numbers).sum())
    if infinite:
        raise OptbenchError(f"{who} has {infinite:,} values that are not finite: mend them, or {way}")


def _kind(values) -> str:
    """number, truth, text, date or other."""
    types, dtype = pd.api.types, values.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return "text"
    if types.is_bool_dtype(dtype):
        return "truth"
    if types.is_complex_dtype(dtype):
        return "other"
    if types.is_numeric_dtype(dtype):
        return "number"
    held = types.infer_dtype(values, skipna=True)
    if held in _DATES or types.is_datetime64_any_dtype(dtype):
        return "date"
    known = {
        "boolean": "truth", "string": "text", "mixed-integer": "text", "categorical": "text", "integer": "number",
        "floating": "number", "mixed-integer-float": "number", "decimal": "number", "empty": "number",
    }  # fmt: skip
    kind = known.get(held, "other")
    if kind == "text" and held == "mixed-integer":  # numbers and texts, or numbers and anything
        return "text" if all(isinstance(each, str | int | float) for each in values.dropna()) else "other"
    return kind


def _texts(given, who, way, name, values, target) -> Column:
    category = isinstance(values.dtype, pd.CategoricalDtype)
    texts = values.astype(object).to_numpy(object, na_value=None).copy()
    there = ~pd.isna(texts)
    texts[~there] = None
    texts[there] = [str(each).strip() for each in texts[there]]
    texts[(texts == "") | (texts == "?")] = None
    levels = sorted(set(texts[~pd.isna(texts)]))
    said = {each: number(each, given.get("decimal", "")) for each in levels}
    if None not in said.values() and not (category and levels):
        numbers = np.array([np.nan if each is None else said[each] for each in texts], float)
        _refuse_infinite(who, way, numbers)
        return Column(name, numbers, whole=True)
    if not category:
        refuse_dates_and_numbers(given, who, way, levels)
    many = len(levels) > MOST_LEVELS or len(levels) > max(_FEW_LEVELS, (~pd.isna(texts)).sum() // 2)
    if many and not target:
        raise OptbenchError(
            f"{who} has {len(levels):,} different texts in {len(texts):,} rows, such as {shown(levels[0])}: too many "
            f"for a weight each; group them, or {way}"
        )
    return Column(name, codes=np.asarray(pd.Categorical(texts, categories=levels).codes), levels=tuple(levels))
