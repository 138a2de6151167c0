"""The choices that lie at a limit of the search, in words, and the commands that search wider."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import pandas as pd

from optbench.analysis.advice import Advice
from optbench.contract.names import join_names, join_with_and
from optbench.contract.search import RATE, SAME_MEANING, join_ranges, parse_range
from optbench.wording import labels

_WORDS = {"lr": "rate", "batch_size": "batch"}
_ENDS = {"low": "at the lower end", "high": "at the upper end"}
WIDEN_BY = 4
"""Rounds by which a screen is advised to go on further: as many as the default of ``--widen``."""


def describe_limits(edges: pd.DataFrame, problem: str, optimizer: str) -> str:
    """Return the values of a recommended setting at which the search ended, and the next ones; "" inside.

    "at a limit of the search: rate 1 at the upper end; try rate 10".
    """
    rows = _select(edges, problem, optimizer)
    return f"at a limit of the search: {_join_limits(rows)}; try {_join_values(rows, 'wider')}" if len(rows) else ""


def name_limits(edges: pd.DataFrame, problem: str, optimizer: str) -> str:
    """Return the values of a recommended setting at which the search ended: "rate 1 at the upper end"; "" inside."""
    return _join_limits(_select(edges, problem, optimizer))


def name_ends(edges: pd.DataFrame, pairs: Iterable[tuple[str, str]]) -> str:
    """Return at which ends the settings of some problems and optimizers lie: "rate at the upper end"."""
    rows = [row for pair in pairs for row in _select(edges, *pair).drop_duplicates("parameter").to_dict("records")]
    sides: dict[str, list[str]] = {}
    for row in rows:
        sides.setdefault(_WORDS.get(row["parameter"], row["parameter"]), []).append(_ENDS[row["side"]])
    ends = [f"{word} {each[0] if len({*each}) == 1 else 'at either end'}" for word, each in sides.items()]
    return join_with_and(ends) if ends else ""


def _select(edges: pd.DataFrame, problem: str, optimizer: str) -> pd.DataFrame:
    """Return the rows of a problem and an optimizer."""
    return edges[(edges["problem"] == problem) & (edges["optimizer"] == optimizer)]


def _join_limits(rows: pd.DataFrame, with_ends: bool = True) -> str:
    """Return the parameters of some edges with their values and ends: "rate 30 at the upper end"."""
    if not with_ends:
        return _join_values(rows, "value")
    sides = rows.drop_duplicates("parameter").groupby("side", sort=False) if len(rows) else ()
    ends = [f"{_join_values(part, 'value')} {_ENDS[side]}" for side, part in sides]
    return join_with_and(ends) if ends else ""


def _join_values(rows: pd.DataFrame, column: str) -> str:
    """Return the parameters of some edges with the values of a column: "batch 4 and rate 30"."""
    digits = {"batch_size": 15}  # a batch of 1024, not of 1.02e3
    pairs = rows.drop_duplicates("parameter")[["parameter", column]].itertuples(index=False, name=None)
    return join_with_and(
        [f"{_WORDS.get(name, name)} {labels.number(value, digits.get(name, 3))}" for name, value in pairs]
    )


def advise_wider_search(table: pd.DataFrame, directory: str | Path, provenance: Mapping) -> list[Advice]:
    """Return the commands that search wider than the limits at which choices lie.

    table: `Answer.edges`. directory: that of the results. provenance: of the results. A sweep with blocks goes on
    further by itself, so one command is enough for all; so is one for all ranges that trials are drawn from. A list has
    one for each parameter and side. A shard has none: it is for the whole to be extended.
    """
    if provenance.get("shard"):
        return []
    begin = begin_extension(directory, provenance)
    drawn = table[table["range"] != ""]
    if "block" in table and (table["block"] >= 0).any() and len(drawn) == 0:
        widen = provenance.get("widen")
        further = (WIDEN_BY if widen is None else widen) + WIDEN_BY
        return [Advice((*begin, "--widen", str(further)), edges=table)]
    found = []
    if len(drawn):
        options = _widen_ranges(drawn, provenance.get("ranges"), provenance.get("searched") or {})
        found.append(Advice((*begin, *itertools.chain.from_iterable(options)), edges=drawn))
    for (name, _), part in table[table["range"] == ""].groupby(["parameter", "side"], sort=False):
        found.append(Advice((*begin, *_add_values(name, part)), edges=part))
    return found


def begin_extension(directory: str | Path, provenance: Mapping) -> tuple[str, ...]:
    """Return the command that extends the results of a folder, with the files of plug-ins that it needs."""
    files = [word for file in provenance.get("plugin_files") or () for word in ("--plugin", file)]
    return ("optbench", "sweep", "--extend", "--out", str(directory), *files)


def say_wider_search(advice: Advice, label: labels.Label = str) -> str:
    """Return the limits of an advice: "at the upper end of the search: p (gd: rate 0.3; adam: rate 1), q (gd: rate 1)".

    Where they lie at both ends, "at a limit of the search" and each with its end.

    label: returns what a problem or an optimizer is called.
    """
    sides, where = advice.edges["side"].unique(), []
    for problem, rows in advice.edges.groupby("problem", sort=False):
        groups = rows.groupby("optimizer", sort=False)
        each = [f"{label(name)}: {_join_limits(part, len(sides) > 1)}" for name, part in groups]
        where.append(f"{label(problem)} ({'; '.join(each)})")
    anew = " (all trials are then drawn anew, and it is a further look)" * bool((advice.edges["range"] != "").any())
    return f"{'at a limit' if len(sides) > 1 else _ENDS[sides[0]]} of the search: {join_names(where)}{anew}"


def _widen_ranges(
    drawn: pd.DataFrame, shared: object, searched: Mapping[str, Mapping[str, str]]
) -> Iterator[tuple[str, str]]:
    """Yield the options of a command that draws trials from wider ranges, which hold all that was searched.

    drawn: rows of `Answer.edges` with a range; shared: the ranges that optimizers share, by the meaning of a parameter;
    searched: those of each optimizer.
    """
    alike: dict[str, str] = {}
    alone: dict[str, list[str]] = {}
    for name, rows in drawn.groupby("parameter", sort=False):
        if name == RATE:
            yield "--lr", rows["range"].iloc[0]
            continue
        meaning, common = SAME_MEANING.get(name, name), shared if isinstance(shared, Mapping) else {}
        for optimizer, part in rows.groupby("optimizer", sort=False):
            made = _join_texts(part["range"])
            if common.get(meaning) == searched.get(optimizer, {}).get(name):
                alike[meaning] = _join_texts([alike[meaning], made]) if meaning in alike else made
            else:
                alone.setdefault(optimizer, []).append(f"{name}={made}")
    if alike:
        yield "--ranges", ", ".join(f"{key}={text}" for key, text in alike.items())
    if alone:
        texts = [labels.with_values(optimizer, values) for optimizer, values in alone.items()]
        yield "--optimizers", ", ".join(texts)


def _join_texts(texts: Iterable[str]) -> str:
    """Return the text of the range that holds some ranges of one kind."""
    ranges = [made for made in map(parse_range, texts) if made is not None]
    made = join_ranges(ranges)
    return (made or ranges[0]).text


def _add_values(name: str, part: pd.DataFrame) -> tuple[str, str]:
    """Return the option of a command that adds the next values to a list. part: rows of `Answer.edges` of a side."""
    values = list(dict.fromkeys(part["wider"]))
    if name == RATE:
        return "--lr", ",".join(labels.number(value, 4) for value in values)
    if name == "batch_size":
        return "--batch-sizes", ",".join(str(int(value)) for value in values)
    rows = part.drop_duplicates(["optimizer", "wider"])
    texts = [
        labels.with_values(optimizer, [f"{name}={labels.value_text(value)}"])
        for optimizer, value in zip(rows["optimizer"], rows["wider"], strict=True)
    ]
    return "--optimizers", ", ".join(texts)
