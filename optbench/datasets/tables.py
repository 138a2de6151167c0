"""A table with a target among its columns -> examples: what is left out, gaps, classes, and words for it all."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from optbench.contract import resources
from optbench.contract.errors import OptbenchError, unknown
from optbench.datasets.asking import asked_for, several
from optbench.datasets.columns import Column, column
from optbench.datasets.record import Raw, label
from optbench.datasets.suspects import day_numbers, row_number, suspicion
from optbench.datasets.written import WAYS

_TOLD = 6
"""Columns that a text names before it only counts."""


def examples(table: Any, given: Mapping[str, Any]) -> Raw:
    """The examples of a table. given: the parameters of the set ``file``. Raises OptbenchError."""
    path = given["path"]
    columns = list(table.columns)
    if not len(table):
        raise OptbenchError(f"data set {path}: the file holds no examples")
    numbers = [name for name in columns if _is_number(name)]
    # Years may be names, and 0.2 may not: of a file without names the last column is often the class in words.
    if len(numbers) == len(columns) or (len(numbers) == len(columns) - 1 > 0 and any("." in name for name in numbers)):
        raise OptbenchError(f"data set {path}: the first line must name the columns; it holds numbers")
    if len(set(columns)) < len(columns):
        twice = Counter(columns).most_common(1)[0][0]
        raise OptbenchError(f"data set {path}: the name {twice!r} stands over several columns; rename them")
    target, left_out = _chosen(columns, given)
    others = {target, *left_out}
    features = [name for name in columns if name not in others]
    if not features:
        raise OptbenchError(f"data set {path}: there is no column but the target {target!r}")
    kept = _columns(given, table, features)
    aim = column(given, target, table[target], target=True)
    rows, gaps = _rows(given, [*kept, aim])
    width = sum(each.width for each in kept)
    resources.need_memory(
        f"data set {path}: {len(rows):,} rows of {width:,} features", 3 * resources.REAL * len(rows) * width
    )
    y, labels = _targets(path, aim, given["positive"], rows)
    x = np.empty((len(rows), width))
    place = 0
    for each in kept:
        x[:, place : place + each.width] = each.features(rows)
        place += each.width
    named = bool(given["target"])
    ask = asked_for(given, target="NAME")
    likely = "" if named else suspicion(table, target)
    taken = f"the last column, {target!r}, was taken as the target"
    return Raw(
        x, y, 2 if labels else None, f"{path}, target {target}", name=path, labels=labels,
        target=f"target column {target!r}{' (the last one)' * (not named)}",
        suspicion=f"{taken} and looks like {likely}; name another: {ask}" if likely else "",
        hint="" if named else f"{taken}; name another: {ask}",
        columns=tuple(name for each in kept for name in [each.name] * each.width),
        fill=bool(gaps), notes=_notes(given["missing"], table, kept, left_out, rows, gaps),
        warnings=(*_row_numbers(given, kept), *_days(kept)),
    )  # fmt: skip


def _columns(given, table, features) -> list[Column]:
    """The features. Raises OptbenchError for the first that cannot be one, with the names of all such."""
    kept, refused = [], {}
    for name in features:
        try:
            kept.append(column(given, name, table[name]))
        except OptbenchError as error:
            refused[name] = error
    if not refused:
        return kept
    first, *others = refused
    if not others:
        raise refused[first]
    text = str(refused[first])
    alone, all_of_them = asked_for(given, drop=[first]), asked_for(given, drop=refused)
    if len(refused) <= _TOLD and alone in text:
        raise OptbenchError(f"{text.replace(alone, all_of_them)}, which also leaves out {listed(map(repr, others))}")
    raise OptbenchError(f"{text}; and so with {listed(map(repr, others))}")


def _chosen(columns, given):
    """The target, by default the last column, and the columns that are left out."""
    path, left_out = given["path"], several(given["drop"], columns)
    for name in left_out:
        if name not in columns:
            raise unknown(f"column of data set {path}", name, columns)
    others = [name for name in columns if name not in left_out]
    target = given["target"] or (others[-1] if others else "")
    if target not in columns:
        raise unknown(f"column of data set {path}", target, columns)
    if target in left_out:
        raise OptbenchError(f"data set {path}: drop= leaves out {target!r}, which is the target")
    return target, left_out


def _rows(given, columns: list[Column]):
    """The rows that are learned from, and how many values in them are missing, by column. Raises OptbenchError."""
    path, missing = given["path"], given["missing"]
    gaps = {each.name: each.missing for each in columns}
    count = {name: int(where.sum()) for name, where in gaps.items() if where.any()}
    rows = np.arange(len(gaps[columns[-1].name]))
    if not count:
        return rows, {}
    lost = np.any(list(gaps.values()), axis=0)
    if not missing:
        name = next(iter(count))
        all_of_them = f" ({len(count):,} columns have some, in {int(lost.sum()):,} of {len(rows):,} rows)" * (
            len(count) > 1
        )
        ask = asked_for(given)[:-1]
        raise OptbenchError(
            f"data set {path}: column {name!r} has {count[name]:,} missing values{all_of_them}: "
            f"{ask}, missing=drop) leaves those rows out, missing=mean fills in the mean of the training rows"
            + " and leaves out those without a target"
            * bool(gaps[columns[-1].name].any())
        )
    if missing == "drop":
        for name, where in gaps.items():
            if where.all():
                raise OptbenchError(
                    f"data set {path}: column {name!r} has no value in any row: "
                    f"{asked_for(given, drop=[name])} leaves it out"
                )
        if lost.all():
            raise OptbenchError(
                f"data set {path}: every row misses a value: say missing=mean, or leave columns out: drop="
            )
        return rows[~lost], {}
    there = ~gaps[columns[-1].name]
    if not there.any():
        raise OptbenchError(f"data set {path}: the target {columns[-1].name!r} has no value in any row")
    rows = rows[there]
    held = {each.name: int(gaps[each.name][rows].sum()) for each in columns[:-1]}
    return rows, {name: number for name, number in held.items() if number}


def _targets(path, aim: Column, positive: str, rows):
    """The targets of these rows as ``prepare`` takes them; 0, 1 and what they are called where one is named."""
    if aim.codes is not None:
        y = np.array(aim.levels, object)[aim.codes[rows]]
    else:
        y = aim.numbers[rows]
        whole = aim.whole and bool((y == np.floor(y)).all() and (np.abs(y) < 2**53).all())
        y = y.astype(bool) if aim.truth else y.astype(int) if whole else y
    return named_class(path, aim.name, y, positive)


def named_class(path: str, name: str, y: np.ndarray, positive: str) -> tuple[np.ndarray, tuple[str, ...]]:
    """``y`` itself, or where one class is named: 1 for it and 0 for all others, and what the two are called."""
    if not positive:
        return y, ()
    values, place = np.unique(y, return_inverse=True)
    called = [label(value) for value in values.tolist()]
    wanted = positive if positive in called else label(_as_number(positive))
    if wanted not in called:
        raise unknown(f"value of the target {name!r} in data set {path}: positive", positive, called)
    if len(called) < 2:
        raise OptbenchError(f"data set {path}: all examples are of one class, {wanted!r}")
    rest = called[called.index(wanted) - 1] if len(called) == 2 else f"not {wanted}"
    return (place.reshape(-1) == called.index(wanted)).astype(int), (rest, wanted)


def _as_number(text):
    try:
        return float(text)
    except ValueError:
        return text


def _notes(missing, table, kept, left_out, rows, gaps) -> tuple[str, ...]:
    """What was done to rows and columns, a text each."""
    notes = []
    why = "values are missing" if missing == "drop" else "the target is missing"
    if len(rows) < len(table):
        notes.append(f"{len(table) - len(rows):,} of {len(table):,} rows left out, where {why}")
    if gaps:
        told = listed(f"{name} ({number:,})" for name, number in gaps.items())
        notes.append(f"missing values filled in with the mean of the training rows: {told}")
    texts = [each for each in kept if each.codes is not None]
    if texts:
        told = listed(f"{each.name} ({len(each.levels)})" for each in texts)
        notes.append(f"texts as columns of 0 and 1, with the levels of all rows: {told}")
    if left_out:
        notes.append(f"columns left out: {listed(left_out)}")
    return tuple(notes)


def listed(parts: Iterable[str], between: str = ", ") -> str:
    """The first few, and how many more."""
    parts = list(parts)
    more = f" and {len(parts) - _TOLD:,} more" if len(parts) > _TOLD else ""
    return between.join(parts[:_TOLD]) + more


def _row_numbers(given, kept) -> tuple[str, ...]:
    """A warning of features that only tell rows apart."""
    numbers = (each for each in kept if each.numbers is not None)
    found = [each.name for each in numbers if row_number(each.numbers, each.name)]
    if not found:
        return ()
    many = len(found) > 1
    words = f"feature{'s' * many} {listed(map(repr, found))} look{'s' * (not many)} like the number of the row"
    leave = f"{asked_for(given, drop=found)} leaves {'them' if many else 'it'} out"
    return (f"{words}, which tells nothing about new rows: {leave}",)


def _days(kept) -> tuple[str, ...]:
    """A warning of features whose numbers are days as they are written, 20240131."""
    found = [each.name for each in kept if each.numbers is not None and day_numbers(each.numbers)]
    if not found:
        return ()
    words = f"feature{'s' * (len(found) > 1)} {listed(map(repr, found))} hold{'s' * (len(found) == 1)} dates"
    return (f"{words} written as numbers, such as 20240131, between which distances mean nothing: {WAYS}",)


def _is_number(text):
    try:
        return bool(np.isfinite(float(text)))
    except ValueError:
        return False
