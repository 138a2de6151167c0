"""How like orders that others have published that of a sweep is, in words."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from optbench.analysis.verdicts import ALL
from optbench.contract.names import join_with_and

LEVEL = 0.05
"""The probability with which chance alone may be said to be more."""


def headline_published(table: pd.DataFrame) -> str:
    """Return in one sentence whether the sweep's order is shown to agree with published ones, beyond what chance does.

    table: from `atlas.published.correlate`. With as many intervals as there are, the smallest p is multiplied by their
    number before anything is said to be shown.
    """
    known = table.dropna(subset="low")
    if known.empty:
        return "No published order has enough optimizers in common with this one to compare them."
    shown = known[(known["low"] > 0) & (known["p"] * len(known) < LEVEL)]
    if shown.empty:
        said = (
            f"The order is not shown to agree with a published one ({known['source'].nunique()} compared), on any kind"
        )
        return f"{said} of problem: {_count(known)}."
    found = [f"{row['source']} ({_name_scope(row['kind'])}, {write_rho(row)})" for row in shown.to_dict("records")]
    return f"The order is shown to agree with {join_with_and(found)}."


def describe_published(table: pd.DataFrame) -> list[str]:
    """Return a sentence on each published order, and on how many optimizers those have that cannot be compared.

    table: from `atlas.published.correlate`.
    """
    return [_describe_source(source, rows) for source, rows in table.groupby("source", sort=False)]


def _count(known: pd.DataFrame) -> str:
    """Return how many intervals lie on either side of 0, and how many would by chance."""
    above, below = int((known["low"] > 0).sum()), int((known["high"] < 0).sum())
    chance = f"of orders that have nothing to do with each other about {len(known) / 40:.1f} are on either side"
    lie = "lies" if above == 1 else "lie"
    return f"{above or 'none'} of {len(known)} intervals {lie} above 0, {below or 'none'} below; {chance}"


def _describe_source(source: str, rows: pd.DataFrame) -> str:
    """Return what was measured beside one published order."""
    overall, names = rows[rows["kind"] == ALL].iloc[0], rows["names"].max()
    if pd.isna(overall["low"]):
        return f"{source} has {names or 'no'} optimizers in common with this order, too few to compare them."
    kinds = rows[rows["kind"] != ALL].sort_values("rho", ascending=False)
    text = f"{source}, {names} optimizers in common: {write_rho(overall)} over all problems"
    ends = [kinds.iloc[0], kinds.iloc[-1]] if len(kinds) > 1 else []
    parts = [
        f"{word} {_name_scope(row['kind'])}, {write_rho(row)}"
        for word, row in zip(("most", "least"), ends, strict=False)
    ]
    return f"{'; '.join([text, *parts])}."


def _name_scope(kind: str) -> str:
    """Return what a row is about."""
    return "over all problems" if kind == ALL else f"on {kind}"


def write_rho(row: Mapping[str, Any] | pd.Series) -> str:
    """Return a rank correlation with its interval: "0.62 [0.05 to 0.88]"; "" for none."""
    if pd.isna(row["rho"]):
        return ""
    return f"{row['rho']:.2f}" + ("" if pd.isna(row["low"]) else f" [{row['low']:.2f} to {row['high']:.2f}]")
