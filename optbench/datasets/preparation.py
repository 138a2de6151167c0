"""What the preparation of a table learned from its training rows, as plain data, and its application to other rows.

Numbers: gaps filled, then standardized. Texts: a column of 0 and 1 for each level, or one for two levels.
"""

import dataclasses
import re
import warnings
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from optbench.contract.errors import OptbenchError, shown
from optbench.contract.names import join_names

if TYPE_CHECKING:
    import pandas as pd

MISSING = "missing"
"""The level of a missing text."""
NO_TEXT = ("", "?", ".")
"""Texts that stand for a missing value, besides those that pandas knows: of the UCI archive, and of SAS."""
_WITH_THOUSANDS = re.compile(r"[-+]?[1-9]\d{0,2}(,\d{3})+([.]\d*)?")
"""A number with commas between its thousands: 1,009.00."""
THOUSANDS = "commas between thousands are read as such"
"""How a note on the columns of such numbers begins."""
_MOST_NAMES = 6
"""Columns that a message names before it counts the others."""


@dataclass(frozen=True)
class Feature:
    """A column of a table: numbers, or texts if it has levels."""

    name: str
    fill: float = 0.0
    """The number that a gap becomes, before it is standardized."""
    mean: float = 0.0
    scale: float = 1.0
    """(value - mean) / scale is learned from."""
    levels: tuple[str, ...] = ()
    """Texts of the training rows, sorted; "missing" is that of a gap. Each is a column of x, of two only the second."""

    @property
    def width(self) -> int:
        """The number of columns that it takes in x."""
        return 1 if len(self.levels) in (0, 2) else len(self.levels)


@dataclass(frozen=True)
class Preparation:
    """The preparation of a table: what its training rows taught, enough to prepare any other row."""

    features: tuple[Feature, ...]
    """In the order of the columns of x: first those of numbers, then those of texts."""
    target: str = ""
    """The name of the target column; of arrays "y"."""
    classes: tuple[str, ...] = ()
    """The names of the classes 0, 1, ...; () for a real target, which is (value - target_mean) / target_scale."""
    target_mean: float = 0.0
    target_scale: float = 1.0
    decimal: str = ""
    """The decimal point of numbers that are written as texts, by default ``"."``."""

    @property
    def numbers(self) -> tuple[str, ...]:
        """The names of the features that are numbers."""
        return tuple(each.name for each in self.features if not each.levels)

    @property
    def texts(self) -> tuple[str, ...]:
        """The names of the features that are texts."""
        return tuple(each.name for each in self.features if each.levels)

    def to_dict(self) -> dict[str, Any]:
        """Return the record as dictionaries, lists, texts and numbers, for JSON."""
        return dataclasses.asdict(self, dict_factory=_to_plain)

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> "Preparation":
        """Return the record that ``to_dict`` gave, also after JSON."""
        features = [Feature(**{**each, "levels": tuple(each["levels"])}) for each in plain["features"]]
        return cls(**{**plain, "features": tuple(features), "classes": tuple(plain["classes"])})

    def apply(self, rows: Any) -> np.ndarray:
        """Return x (rows, columns) of other rows, as the problem takes it, without the column of the intercept.

        Args:
            rows: a DataFrame with the columns of the features, in any order and among others; or an array (rows,
                features), whose columns are called x0, x1, ... A text that no training row has is none of the levels:
                0 in each of their columns, of which a warning tells.

        Returns:
            x, float64, as the training rows were prepared.

        Raises:
            OptbenchError: a column is missing, or holds what is no number.
        """
        table = rows.to_pandas() if hasattr(rows, "to_pandas") else rows
        if hasattr(table, "columns"):
            columns = {name: table[label] for name, label in zip(column_names(table), table.columns, strict=True)}
        else:
            array = np.asarray(table)
            if array.ndim != 2:
                raise OptbenchError(f"rows to prepare must be a table or (rows, features), not {array.shape}")
            columns = {f"x{i}": array[:, i] for i in range(array.shape[1])}
        for feature in self.features:
            if feature.name not in columns:
                raise OptbenchError(f"the rows to prepare have no column {feature.name!r}")
        numbers = [to_numbers(name, columns[name], self.decimal) for name in self.numbers]
        texts = [to_texts(columns[name]) for name in self.texts]
        for name, new in find_unknown(self.features, texts).items():
            warnings.warn(f"column {name!r}: {name_some(map(shown, new))} in no training row: none of its levels",
                          stacklevel=2)  # fmt: skip
        count = len(table)
        return transform(
            self.features,
            np.column_stack(numbers) if numbers else np.empty((count, 0)),
            np.column_stack(texts) if texts else np.empty((count, 0), object),
        )


def _to_plain(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Return the fields of a record as a dictionary, its tuples as lists."""
    return {key: list(value) if isinstance(value, tuple) else value for key, value in pairs}


def to_numbers(name: str, values: Any, decimal: str = "") -> np.ndarray:
    """Return a column as float64, NaN where a value is missing; raise OptbenchError where none of it is a number.

    name: of the column, for messages; decimal: the decimal point of texts.
    """
    import pandas as pd

    column = pd.Series(values).reset_index(drop=True)
    if not (pd.api.types.is_numeric_dtype(column.dtype) or pd.api.types.is_bool_dtype(column.dtype)):
        texts = strip_texts(column)
        numbers = {each: read_number(each, decimal) for each in texts.dropna().unique()}
        column = texts.map(numbers).astype(float)
        wrong = texts[texts.map(lambda each: numbers[each] is None, na_action="ignore").eq(True)]
        if len(wrong):
            text = f"column {name!r} holds {shown(str(wrong.iloc[0]))}, which is no number"
            if column.isna().all():
                raise OptbenchError(text)
            warnings.warn(f"{text}: it counts as missing", stacklevel=3)  # as in the training rows
    found = column.to_numpy(float, na_value=np.nan)
    if np.isinf(found).any():
        raise OptbenchError(f"column {name!r} holds values that are not finite")
    return found


def parse_number(text: str, decimal: str = "") -> float | None:
    """Return the number that a text is, None if it is no plain one; with decimal="," a point is no part of it."""
    if decimal == ",":
        text = "" if "." in text else text.replace(",", ".")
    try:
        return None if "_" in text else float(text)
    except ValueError:
        return None


def read_number(text: str, decimal: str = "") -> float | None:
    """Return the number that a text is in a column of numbers, also of "True" and "1,009.00"; None if it is none.

    decimal: as of `parse_number`.
    """
    if has_thousands(text, decimal):
        text = text.replace(",", "")
    return {"True": 1.0, "False": 0.0}.get(text, parse_number(text, decimal))


def has_thousands(text: str, decimal: str = "") -> bool:
    """Return True for a number with commas between its thousands; decimal: as of `parse_number`."""
    return decimal != "," and _WITH_THOUSANDS.fullmatch(text) is not None


def to_texts(values: Any) -> np.ndarray:
    """Return a column as stripped texts, MISSING where there is none; whole numbers of a column with gaps as 1."""
    import pandas as pd

    texts = strip_texts(pd.Series(values).reset_index(drop=True))
    return texts.where(texts.notna(), MISSING).to_numpy(object)


def strip_texts(column: "pd.Series") -> "pd.Series":
    """Return a column's values as stripped texts, 1 for 1.0; missing are those of NO_TEXT, too."""
    texts = column.astype(object).map(text_of, na_action="ignore")
    return texts.where(~texts.isin(NO_TEXT))


def class_name(value: object) -> str:
    """Return the name of a class: 1 for 1.0."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def text_of(value: object) -> str:
    """Return a value as a stripped text, 1 for 1.0."""
    return class_name(value).strip()


def column_names(table: "pd.DataFrame") -> list[str]:
    """Return the names of a table's columns, stripped; x0 for a column that is called 0, as those of arrays are.

    Raises OptbenchError where several columns have one name.
    """
    names = [name.strip() if isinstance(name, str) else f"x{name}" for name in table.columns]
    refuse_repeated(names)
    return names


def refuse_repeated(names: Sequence[str], head: str = "") -> None:
    """Raise OptbenchError, which begins with `head`, where a name stands over several columns."""
    if len(set(names)) < len(names):
        twice = Counter(names).most_common(1)[0][0]
        raise OptbenchError(f"{head}the name {shown(twice)} stands over several columns; rename them")


def learn(
    names: Sequence[str], numbers: np.ndarray, texts: np.ndarray, center: str = "median", scaled: bool = False
) -> tuple[Feature, ...]:
    """Return what the training rows teach about features: (rows, features) numbers, NaN for gaps, and texts.

    names: of the columns of both, numbers first; center: "median" or "mean" fills gaps; scaled: numbers share one scale
    already and stay as they are. A constant number becomes 0. Values may be too large: mean and scale are not finite
    then.
    """
    gaps = np.isnan(numbers)
    middle = np.mean if center == "mean" else np.median
    fill = np.zeros(numbers.shape[1])
    for i in np.flatnonzero(gaps.any(axis=0)) if center == "mean" else range(len(fill)):
        there = numbers[~gaps[:, i], i]
        with np.errstate(over="ignore"):
            fill[i] = middle(there) if len(there) else 0.0
    filled = np.where(gaps, fill, numbers)
    mean, scale = np.zeros(len(fill)), np.ones(len(fill))
    if not scaled and len(fill):
        with np.errstate(over="ignore", invalid="ignore"):
            mean, scale = filled.mean(axis=0), filled.std(axis=0)
        # By its values, not by the deviation, which rounding makes 1e-17 where all are 0.1.
        constant = filled.min(axis=0) == filled.max(axis=0)
        mean, scale = np.where(constant, filled[0], mean), np.where(constant | (scale == 0), 1.0, scale)
    if center == "mean" and not scaled:
        fill = np.where(gaps.any(axis=0), fill, mean)
    count = len(fill)
    return (
        *(Feature(name, *map(float, each)) for name, *each in zip(names[:count], fill, mean, scale, strict=True)),
        *(
            Feature(name, levels=tuple(sorted(set(column))))
            for name, column in zip(names[count:], texts.T, strict=True)
        ),
    )


def transform(features: Sequence[Feature], numbers: np.ndarray, texts: np.ndarray) -> np.ndarray:
    """Return x (rows, columns) of rows, by what was learned; numbers, texts: as of `learn`."""
    plain = [each for each in features if not each.levels]
    fill, mean, scale = (np.array([getattr(each, key) for each in plain]) for key in ("fill", "mean", "scale"))
    parts = [(np.where(np.isnan(numbers), fill, numbers) - mean) / scale] if plain else []
    for feature, column in zip(features[len(plain) :], texts.T, strict=True):
        levels = feature.levels[1:] if len(feature.levels) == 2 else feature.levels
        parts.append((column[:, None] == np.array(levels, object)).astype(float))
    return np.concatenate(parts, axis=1) if parts else np.empty((len(numbers), 0))


def find_unknown(features: Sequence[Feature], texts: Iterable[np.ndarray]) -> dict[str, list[str]]:
    """Return by name the texts of a column that are none of its levels, sorted; nothing for columns without any.

    texts: a column for each feature that is one of texts.
    """
    pairs = zip((each for each in features if each.levels), texts, strict=True)
    found = {each.name: sorted(set(column) - set(each.levels)) for each, column in pairs}
    return {name: new for name, new in found.items() if new}


def name_some(parts: Iterable[str]) -> str:
    """Return the first few parts with commas between them, and the number of the others."""
    return join_names(parts, _MOST_NAMES)
