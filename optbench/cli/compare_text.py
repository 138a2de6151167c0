"""The output of ``optbench compare``: sentences, then a table that fits into 80 columns."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from optbench.analysis.folders import SECONDS, SETTINGS
from optbench.analysis.verdicts import ALL
from optbench.cli.console import counted, filled, print_lines

# Letters: with it a line of the table has 80 columns; longer names have a line to themselves
_NAME = 20
# Rows: the widest that a regression is not ruled out in; the table has all
_OPEN = 4


def print_comparison(table: pd.DataFrame, sides: list[dict[str, Any]], above: float | None) -> None:
    """Print a comparison: both sides, the measure, other differences, a sentence for each problem, table, regressions.

    above: the share from which a regression is reported; None for no check.
    """
    one = len(table[["a", "b"]].drop_duplicates()) == 1 and table["a"].iloc[0] != table["b"].iloc[0]
    rows, over = table[table["problem"] != ALL], table[table["problem"] == ALL]
    for line in _head(table, rows, sides):
        print_lines(filled(line, 2))
    print_lines("")
    same = bool((rows["identical"] == 1).all())
    if same:
        count = int(rows["runs"].sum())
        print_lines(f"all {count:,} pairs of runs are identical" if count > 1 else "the only pair of runs is identical")
    for problem, part in () if same else rows.groupby("problem", sort=False):
        print_lines(filled(f"{problem}: {_sentence(part, one)}", 2))
    for row in () if same else over.to_dict("records"):
        several = "" if one or row["b"] != ALL else f" and {len(rows[['a', 'b']].drop_duplicates())} optimizers"
        print_lines(filled(f"over all {counted(int(row['blocks']), 'problem')}{several}: {_overall(row, one)}", 2))
    print_lines("", *_table(rows if same else table, one), "")
    for line in _foot(table, rows, above, one):
        print_lines(filled(line, 2))


def _head(table: pd.DataFrame, rows: pd.DataFrame, sides: list[dict[str, Any]]) -> Iterator[str]:
    """Yield the lines above the table: both sides, the measure, unequal trials and other differences."""
    for name, side in zip("AB", sides, strict=True):
        what = f"{side['optimizer']} of {side['folder']}" if side["optimizer"] else side["folder"]
        yield f"{name}: {what} (optbench {side['optbench'] or 'of unknown version'}, {counted(side['runs'], 'run')})"
    if table.attrs["by"] == SECONDS:
        cohorts = counted(int(rows["runs"].sum()), "cohort")
        yield f"compared: seconds of a run, by {cohorts} in common; what else the machine had to do is in them"
    elif table.attrs["by"] == SETTINGS:
        what = f"the same settings in both, {_span(rows['trials'])} a row"
        yield (
            f"compared: {what}, by {table.attrs['measure']}, on the {_some(rows['seeds'], 'seed')} "
            "on which both ran all of them"
        )
    else:
        yield (
            f"compared: each side as it was tuned, by {table.attrs['measure']}, in {_some(rows['blocks'], 'block')}, "
            f"on {_some(rows['seeds'], 'seed')} in common that chose nothing"
        )
    unequal = rows[rows["trials_a"] != rows["trials_b"]]
    if len(unequal) and table.attrs["by"] != SETTINGS:
        row = unequal.iloc[0]
        more = f", and {len(unequal) - 1} more" if len(unequal) > 1 else ""
        yield (
            f"unequal trials: {row['trials_a']:.0f} in A, {row['trials_b']:.0f} in B, compared at {row['trials']:.0f} "
            f"({row['problem']}{more})"
        )
    for line in table.attrs["differences"]:
        yield f"note: {line}"


def _some(values: pd.Series, word: str) -> str:
    """Return the range of some counts with the word for it: ``1 seed``, ``4 seeds``, ``3 to 4 seeds``."""
    return f"{_span(values)} {word}{'' if values.max() == 1 else 's'}"


def _span(values: pd.Series) -> str:
    low, high = int(values.min()), int(values.max())
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def _sentence(part: pd.DataFrame, one: bool) -> str:
    """Describe a problem: each clear row, and the others together."""
    rows = part.to_dict("records")
    if one:
        return _of_pair(rows[0])
    clear = [row for row in rows if row["verdict"] in ("better", "worse")]
    words = [f"{_names([row])} is {_times(row)} in B {_interval(row)}" for row in clear]
    same = [row for row in rows if row["identical"] == 1.0]
    near = [row for row in rows if row["verdict"] == "equivalent" and row not in same]
    rest = [row for row in rows if row["verdict"] == "undecided" and row not in same]
    reasons = {row["reason"] for row in rest}
    why = f" ({reasons.pop()})" if len(reasons) == 1 and "" not in reasons else ""
    groups = [(same, "identical in both"), (near, "equivalent"), (rest, f"undecided{why}")]
    words += [f"{_names(group)} {'is' if len(group) == 1 else 'are'} {what}" for group, what in groups if group]
    return "; ".join(words)


def _of_pair(row: dict[str, Any]) -> str:
    """Return the verdict on a pair of optimizers in words."""
    if row["verdict"] in ("better", "worse"):
        return f"{row['b']} is {_times(row)} than {row['a']} {_interval(row)}"
    if row["verdict"] == "equivalent":
        return f"{row['a']} and {row['b']} are equivalent {_interval(row)}"
    return f"undecided between {row['a']} and {row['b']}{_open(row)}"


def _overall(row: dict[str, Any], one: bool) -> str:
    """Return the verdict over all problems in words; one: a single pair of optimizers is compared."""
    if one:
        return _of_pair(row)
    if row["verdict"] in ("better", "worse"):
        return f"B is {_times(row)} {_interval(row)}"
    return "A and B are equivalent " + _interval(row) if row["verdict"] == "equivalent" else "undecided" + _open(row)


def _open(row: dict[str, Any]) -> str:
    """Describe an undecided row."""
    if row["reason"]:
        return f" ({row['reason']})"
    needed = row["blocks_needed"]
    more = f"; about {needed:,.0f} blocks would decide" if np.isfinite(needed) else ""
    return f", B over A {number(row['ratio'])} {_interval(row, turned=False)}{more}"


def _names(rows: list[dict[str, Any]]) -> str:
    names = [row["b"] if row["a"] == row["b"] else f"{row['b']} for {row['a']}" for row in rows]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _times(row: dict[str, Any]) -> str:
    ratio = row["ratio"] if row["verdict"] == "worse" else 1 / row["ratio"] if row["ratio"] else np.inf
    return f"{number(ratio)} times {row['verdict']}"


def _interval(row: dict[str, Any], turned: bool = True) -> str:
    """Describe the interval as the verdict does: how many times better, or B over A."""
    low, high = row["low"], row["high"]
    if np.isnan(low):
        return ""
    if turned and row["verdict"] == "better":
        low, high = (1 / end if end else np.inf for end in (high, low))
    return f"[{number(low)}, {number(high)}]"


def number(value: float) -> str:
    """Return a number to three digits, or more if it would read as 1."""
    if np.isnan(value):
        return "-"
    if np.isfinite(value) and value != 1 and f"{value:.3g}" == "1":
        return f"{value:.6g}"
    return f"{value:.3g}"


def _table(table: pd.DataFrame, one: bool) -> Iterator[str | tuple[str, str]]:
    """Yield a line per row below its problem's; a long name gets a line of its own."""
    failed = bool((table[["failures_a", "failures_b"]].max(axis=None)) > 0)
    names = table["problem"] if one else table["b"]
    width = min(_NAME, max(9, *(len(name) + 2 for name in names)))
    head = f"{'problem' if one else 'optimizer':<{width}} {'B / A':>8} {'95% interval':<20} {'verdict':<10} seeds"
    yield (head + "  failed A, B" * failed, "bold")
    before = None
    for row in table.to_dict("records"):
        problem = "over all" if row["problem"] == ALL else row["problem"]
        if not one and problem != before:
            yield problem
        before = problem
        name = problem if one else f"  {_names([row])}"
        if len(name) > width:
            yield name
            name = ""
        cells = f"{name:<{width}} {number(row['ratio']):>8} {_interval(row, turned=False):<20} {row['verdict']:<10} "
        shares = f"  {_percent(row['failures_a'])}, {_percent(row['failures_b'])}" if failed else ""
        yield f"{cells}{row['seeds']:>5,.0f}{shares}"


def _percent(share: float) -> str:
    return "<1%" if 0 < share < 0.01 else f"{share:.0%}" if np.isfinite(share) else "-"


def _foot(table: pd.DataFrame, rows: pd.DataFrame, above: float | None, one: bool) -> Iterator[str]:
    """Why a verdict is not what its interval lets expect; the time; and the regressions."""
    tests = int(rows["p"].notna().sum())
    beyond = rows[(rows["verdict"] == "undecided") & ((rows["low"] > 1) | (rows["high"] < 1))].to_dict("records")
    if beyond:
        words = [f"{_place(row, one)}, p = {number(row['p_adjusted'])}" for row in beyond[:_OPEN]]
        more = f" and {len(beyond) - _OPEN} more" if len(beyond) > _OPEN else ""
        yield (
            f"undecided though the interval leaves 1 out: {'; '.join(words)}{more} (an interval is of its row alone, "
            f"and p of all {tests} rows together, by Holm's correction)"
        )
    time = table.attrs["time"]
    if time and table.attrs["by"] != SECONDS:
        articles = {"step": "a step", "evaluation": "an evaluation"}
        parts = [
            f"{articles[name]} {number(part['ratio'])} {_interval(part, turned=False)}" for name, part in time.items()
        ]
        cohorts = counted(next(iter(time.values()))["cohorts"], "cohort")
        times = f"{', '.join(parts)} times as long in B ({cohorts} in common; --cost seconds tests it)"
        yield f"time (not tested): {times}"
    if above is None:
        return
    limit = f"{100 * above:.4g}%"
    shown, still = (table[table["regression"] == word].to_dict("records") for word in ("shown", "open"))
    if shown:
        words = [f"{_place(row, one)}, {number(row['ratio'])} times {_interval(row, turned=False)}" for row in shown]
        yield f"regression above {limit} shown: {'; '.join(words)}"
    else:
        yield f"no regression above {limit} is shown"
    still = [row for row in still if row["problem"] != ALL or not row["reason"]]
    if still:
        still = sorted(still, key=lambda row: -np.nan_to_num(row["high"], nan=np.inf, posinf=np.inf))
        words = [f"{_place(row, one)} ({_most(row, above, tests)})" for row in still[:_OPEN]]
        more = f" and {len(still) - _OPEN} more" if len(still) > _OPEN else ""
        yield f"not ruled out in {len(still)} of {counted(len(rows), 'row')}: {', '.join(words)}{more}"


def _most(row: dict[str, Any], above: float, tests: int) -> str:
    """Describe how much worse B may be, or why an interval within the limit is not enough."""
    if row["low"] > 1 + above or row["high"] < 1 + above:
        p = f"p = {number(row['p_regression'])} for {tests} rows together, by Holm's correction"
        return f"{number(row['ratio'])} times {_interval(row, turned=False)}, but {p}"
    return f"up to {number(row['high'])} times" if np.isfinite(row["high"]) else row["reason"] or "no limit is known"


def _place(row: dict[str, Any], one: bool) -> str:
    """Return the words for the problem of a row, with the optimizers unless only one pair is compared."""
    if row["problem"] == ALL:
        return "over all problems"
    return row["problem"] if one else f"{_names([row])} on {row['problem']}"
