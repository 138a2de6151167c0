"""How like orders that others have published that of a sweep is, in words."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from optbench.analysis.verdicts import ALL
from optbench.contract.names import join_with_and


def headline_published(table: pd.DataFrame) -> str:
    """Return in one sentence with how many published orders the sweep's is shown to agree, over all and by kind.

    table: from `atlas.published.correlate`.
    """
    known = table.dropna(subset="low")
    if known.empty:
        return "No published order has enough optimizers in common with this one to compare them."
    agree = (known["low"] > 0).groupby(known["kind"], sort=False).sum()
    of = f"{agree[ALL] or 'none'} of {known['source'].nunique()} published orders"
    overall = f"Over all problems the order of the optimizers is shown to agree with {of}"
    best = agree.drop(ALL).sort_values(ascending=False, kind="stable")
    if best.empty or not best.iloc[0]:
        return f"{overall}, and on no kind of problem with any."
    kinds = [str(kind) for kind in best.index[best == best.iloc[0]]]
    return f"{overall}, on {join_with_and(kinds)} with {best.iloc[0]}."


def describe_published(table: pd.DataFrame) -> list[str]:
    """Return sentences on each published order, then on how many intervals there are, and what chance would do.

    table: from `atlas.published.correlate`.
    """
    texts = [_describe_source(source, rows) for source, rows in table.groupby("source", sort=False)]
    known = table.dropna(subset="low")
    if len(known):
        above, below = int((known["low"] > 0).sum()), int((known["high"] < 0).sum())
        texts.append(
            f"Of {len(known)} intervals {above or 'none'} lie above 0 and {below or 'none'} below; of orders that have "
            f"nothing to do with each other {len(known) / 40:.1f} would on either side."
        )
    return texts


def _describe_source(source: str, rows: pd.DataFrame) -> str:
    """Return what is known of one published order."""
    overall, names = rows[rows["kind"] == ALL].iloc[0], rows["names"].max()
    if pd.isna(overall["low"]):
        return f"{source} has {names or 'no'} optimizers in common with this order, too few to compare them."
    if overall["low"] > 0:
        said = "agrees with"
    else:
        said = "is opposed to" if overall["high"] < 0 else "is not shown to agree with"
    text = f"Over all problems the order {said} {source}, for {names} optimizers: {write_rho(overall)}"
    kinds = rows[rows["kind"] != ALL]
    found = {"it agrees on": kinds[kinds["low"] > 0], "it is opposed on": kinds[kinds["high"] < 0]}
    parts = [f"{words} {_list_kinds(some)}" for words, some in found.items() if len(some)]
    return f"{text}; {join_with_and(parts) if parts else 'on no kind of problem is it shown to'}."


def _list_kinds(rows: pd.DataFrame) -> str:
    """Return the kinds with what was measured on them."""
    return join_with_and([f"{row['kind']}, {write_rho(row)}" for row in rows.to_dict("records")])


def write_rho(row: Mapping[str, Any] | pd.Series) -> str:
    """Return a rank correlation with its interval: "0.62 [0.05 to 0.88]"; "" for none."""
    if pd.isna(row["rho"]):
        return ""
    return f"{row['rho']:.2f}" + ("" if pd.isna(row["low"]) else f" [{row['low']:.2f} to {row['high']:.2f}]")
