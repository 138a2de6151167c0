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

WIDEN_BY = 4
"""Rounds by which a screen is advised to go on further: as many as the default of ``--widen``."""


def describe_limits(edges: pd.DataFrame, problem: str, optimizer: str) -> str:
    """Return the values of a recommended setting at which the search ended: "at the limit of the search: batch 4"."""
    rows = edges[(edges["problem"] == problem) & (edges["optimizer"] == optimizer)]
    return f"at the limit of the search: {_join_limits(rows)}" if len(rows) else ""


def _join_limits(rows: pd.DataFrame) -> str:
    """Return the parameters of some edges with their values: "batch 4 and rate 30"."""
    words, digits = {"lr": "rate", "batch_size": "batch"}, {"batch_size": 15}  # a batch of 1024, not of 1.02e3
    pairs = rows.drop_duplicates("parameter")[["parameter", "value"]].itertuples(index=False, name=None)
    return join_with_and(
        [f"{words.get(name, name)} {labels.number(value, digits.get(name, 3))}" for name, value in pairs]
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
    """Return the limits of an advice: "at a limit of the search: p (gd: rate 0.3; adam: batch 4), q (gd: rate 1)".

    label: returns what a problem or an optimizer is called.
    """
    where = []
    for problem, rows in advice.edges.groupby("problem", sort=False):
        groups = rows.groupby("optimizer", sort=False)
        each = [f"{label(name)}: {_join_limits(part)}" for name, part in groups]
        where.append(f"{label(problem)} ({'; '.join(each)})")
    anew = " (all trials are then drawn anew, and it is a further look)" * bool((advice.edges["range"] != "").any())
    return f"at a limit of the search: {join_names(where)}{anew}"


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
