"""What the training rows taught about features: a fitted preparation of rows, those of training and any other.

Numbers: gaps filled, then standardized. Texts: a column of 0 and 1 for each level, or one for two levels. A user's own
rows are prepared by scikit-learn.
"""

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
NUMBER_TYPES = ("integer", "floating", "mixed-integer-float", "decimal", "empty", "boolean")
"""The kinds of values, in pandas' words, that are numbers."""
_LARGEST = 1e150
"""Larger numbers have no variance: the square is infinite."""
_MOST_NAMES = 6
"""Columns that a message names before it counts the others."""


@dataclass(frozen=True)
class Standardizer:
    """(x - mean) / scale of each feature: scikit-learn's of that name, without its import of half a second."""

    mean: np.ndarray
    scale: np.ndarray

    @classmethod
    def fit(cls, x: np.ndarray) -> "Standardizer":
        """Return the standardization by rows (rows, features), which a constant makes 0."""
        # By its values, not by the deviation, which rounding makes 1e-17 where all are 0.1.
        constant = x.min(axis=0) == x.max(axis=0)
        scale = x.std(axis=0)
        return cls(np.where(constant, x[0], x.mean(axis=0)), np.where(constant | (scale == 0), 1.0, scale))

    def transform(self, rows: Any) -> np.ndarray:
        """Return rows (rows, features) standardized."""
        return (np.asarray(rows, float) - self.mean) / self.scale


@dataclass(frozen=True, eq=False)
class Preparation:
    """The preparation of rows, as of the training rows: features, and the meaning of the target."""

    transformer: Any
    """Fitted: its ``transform`` takes a table of numbers and texts; None where numbers stay as they are."""
    numbers: tuple[str, ...]
    """The names of the features that are numbers, of an array x0, x1, ..."""
    levels: Mapping[str, tuple[str, ...]]
    """The levels of the features that are texts."""
    target: str = "y"
    """The name of the target column; of arrays "y"."""
    classes: tuple[str, ...] = ()
    """The names of the classes 0, 1, ...; () for a real target, which is (value - target_mean) / target_scale."""
    target_mean: float = 0.0
    target_scale: float = 1.0

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
        import pandas as pd

        table, hint = rows.to_pandas() if hasattr(rows, "to_pandas") else rows, ""
        names = (*self.numbers, *self.levels)
        if hasattr(table, "columns"):
            table = table.add_prefix("x") if names[:1] == ("x0",) and 0 in table.columns else table  # once an array
            table = table.set_axis(column_names(table), axis=1)
        else:
            array = np.asarray(table)
            if array.ndim != 2:
                raise OptbenchError(f"rows to prepare must be a table or (rows, features), not {array.shape}")
            table = pd.DataFrame(array).set_axis([f"x{i}" for i in range(array.shape[1])], axis=1)
            hint = f": an array has {name_some(table.columns)}; pass a DataFrame with {name_some(names)}"
        for name in names:
            if name not in table.columns:
                raise OptbenchError(f"the rows to prepare have no column {name!r}{hint}")
        table = pd.DataFrame(
            {name: to_numbers(name, table[name]) for name in self.numbers}
            | {name: strip_texts(table[name]) for name in self.levels}
        )
        for name, new in find_unknown(self.levels, table).items():
            warnings.warn(f"column {name!r}: {name_some(map(shown, new))} in no training row: none of its levels",
                          stacklevel=2)  # fmt: skip
        return transform(self.transformer, table)


def fit_transformer(rows: "pd.DataFrame", fill: str) -> tuple[Any, dict[str, tuple[str, ...]]]:
    """Return (transformer, levels): fitted to training rows, and the levels of each text.

    rows: columns of floats are numbers, all others texts; fill: "median" or "mean" of a number fills its gaps. Raises
    OptbenchError for numbers that are too large to be standardized.
    """
    from sklearn.compose import make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    numbers, texts = split_kinds(rows)
    if large := [name for name in numbers if rows[name].abs().max() > _LARGEST]:
        raise OptbenchError(f"feature {large[0]!r} has values too large to be standardized")
    encoder = OneHotEncoder(drop="if_binary", handle_unknown="ignore", sparse_output=False)
    parts = [
        (make_pipeline(SimpleImputer(strategy=fill, keep_empty_features=True), StandardScaler()), numbers),
        (make_pipeline(SimpleImputer(strategy="constant", fill_value=MISSING), encoder), texts),
    ]
    fitted = make_column_transformer(*(part for part in parts if part[1])).fit(rows)
    found = fitted.transformers_[bool(numbers)][1][-1].categories_ if texts else ()
    return fitted, {name: tuple(each) for name, each in zip(texts, found, strict=True)}


def transform(transformer: Any, rows: "pd.DataFrame") -> np.ndarray:
    """Return x (rows, columns) of rows by a fitted transformer, None: as they are; unknown texts are no levels."""
    if transformer is None:
        return rows.to_numpy(float)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Found unknown categories")
        return transformer.transform(rows)


def split_kinds(table: "pd.DataFrame") -> tuple[list[str], list[str]]:
    """Return the names of the columns of numbers, which are floats, and those of texts."""
    numbers = [name for name in table if table[name].dtype.kind == "f"]
    return numbers, [name for name in table if name not in numbers]


def to_numbers(name: str, values: Any) -> "pd.Series":
    """Return a column as floats, NaN where a value is missing; raise OptbenchError where none of it is a number.

    name: of the column, for messages.
    """
    import pandas as pd

    numbers, wrong = read_numbers(pd.Series(values))
    if wrong:
        text = f"column {name!r} holds {shown(wrong[0])}, which is no number"
        if numbers.isna().all():
            raise OptbenchError(text)
        warnings.warn(f"{text}: it counts as missing", stacklevel=3)  # as in the training rows
    if np.isinf(numbers).any():
        raise OptbenchError(f"column {name!r} holds values that are not finite")
    return numbers


def read_numbers(column: "pd.Series") -> tuple["pd.Series", list[str]]:
    """Return (floats, words): a column's numbers, NaN for all else, and the texts in it that are none, sorted."""
    import pandas as pd

    if pd.api.types.infer_dtype(column, skipna=True) in NUMBER_TYPES:
        return column.astype("Float64" if column.dtype == object else column.dtype).astype(float), []
    texts = strip_texts(column)
    numbers = pd.to_numeric(texts, errors="coerce").astype(float)
    return numbers, sorted(texts[numbers.isna()].dropna().unique())


def strip_texts(column: "pd.Series") -> "pd.Series":
    """Return a column's values as stripped texts, 1 for 1.0, NaN where there is none, as for those of NO_TEXT."""
    texts = column.astype(object).map(text_of, na_action="ignore")
    return texts.where(texts.notna() & ~texts.isin(NO_TEXT), np.nan).astype(object)


def parse_number(text: str) -> float | None:
    """Return the number that a text is, None if it is no plain one."""
    try:
        return None if "_" in text else float(text)
    except ValueError:
        return None


def class_name(value: object) -> str:
    """Return the name of a class: 1 for 1.0."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def text_of(value: object) -> str:
    """Return a value as a stripped text, 1 for 1.0."""
    return class_name(value).strip()


def column_names(table: "pd.DataFrame") -> list[str]:
    """Return the names of a table's columns as stripped texts.

    Raises OptbenchError where several columns have one name.
    """
    names = [str(name).strip() for name in table.columns]
    refuse_repeated(names)
    return names


def refuse_repeated(names: Sequence[str], head: str = "") -> None:
    """Raise OptbenchError, which begins with `head`, where a name stands over several columns."""
    if len(set(names)) < len(names):
        twice = Counter(names).most_common(1)[0][0]
        raise OptbenchError(f"{head}the name {shown(twice)} stands over several columns; rename them")


def find_unknown(levels: Mapping[str, Iterable[str]], table: "pd.DataFrame") -> dict[str, list[str]]:
    """Return by name the texts of a column that are none of its levels, sorted; nothing for columns without any."""
    found = {name: sorted(set(table[name].fillna(MISSING)) - set(known)) for name, known in levels.items()}
    return {name: new for name, new in found.items() if new}


def name_some(parts: Iterable[str]) -> str:
    """Return the first few parts with commas between them, and the number of the others."""
    return join_names(parts, _MOST_NAMES)
