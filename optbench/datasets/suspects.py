"""Whether the last column of a table is likely to be no target: one of several dummies, or the number of the row."""

import re

import numpy as np
import pandas as pd

_DAYS = 1900_01_01, 2100_12_31
"""Between which a whole number may be a day."""


def suspicion(table: pd.DataFrame, column: str) -> str:
    """What a column of a whole table without gaps looks like, if that is no target; else ""."""
    group = _dummies(table, column)
    if group:
        return f"one of the dummies {', '.join(group[:3])}{', ...' if len(group) > 3 else ''}"
    return "the number of the row" if row_number(table[column].to_numpy(), column) else ""


def _dummies(table, column) -> list[str]:
    """The columns of 0 and 1 whose names begin alike, where no row has more than one 1; none without a second one."""
    for separator in re.finditer(r"[ _.:=-]", column):
        alike = [name for name in table.columns if name.startswith(column[: separator.end()])]
        group = [name for name in alike if table[name].dtype.kind in "biuf" and table[name].isin([0, 1]).all()]
        if column in group and len(group) > 1 and (table[group].astype(float).sum(axis=1) <= 1).all():
            return group
    return []


def day_numbers(values: np.ndarray) -> bool:
    """Whether these are whole numbers that are all days, such as 20240131. ``values``: (rows,), NaN where missing."""
    there = values[np.isfinite(values)]
    first, last = _DAYS
    if not len(there) or not ((there >= first) & (there <= last) & (there == np.floor(there))).all():
        return False
    days = pd.Series(np.unique(there).astype(int).astype(str))
    return bool(pd.to_datetime(days, format="%Y%m%d", errors="coerce").notna().all())


def row_number(values: np.ndarray, name: str) -> bool:
    """Whether these are whole numbers that all differ, and count from 0 or 1, or have a name that tells rows apart.

    ``values``: (rows,), NaN where one is missing.
    """
    if values.dtype.kind not in "iuf" or not (values == np.floor(values)).all() or len(np.unique(values)) < len(values):
        return False
    counts = values.max() - values.min() == len(values) - 1 and values.min() in (0, 1)
    return bool(counts) or re.fullmatch(r"unnamed: \d+|index|(.*[ _.-])?id", name.lower()) is not None
