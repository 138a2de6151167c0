"""The output of ``optbench compare``: sentences, then a table that fits into 80 columns."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from optbench.analysis.folders import SECONDS, SETTINGS, TUNED, Comparison
from optbench.analysis.measures import LOSS
from optbench.analysis.verdicts import ALL, LOSES, OPEN, TIE, WINS
from optbench.cli.console import command, filled, print_lines, write_plainly
from optbench.contract.names import count_noun, join_names, join_with_and
from optbench.wording.answers import name_measure
from optbench.wording.judged import MOST_BLOCKS
from optbench.wording.verdict_texts import BEST_OF_MORE, SECONDS_VARY

Row = dict[str, Any]
"""A row of the table of `optbench.compare`, by column."""
# Letters: with it a line of the table has 80 columns; longer names have a line to themselves
_NAME = 20
# Rows: the widest that a regression is not ruled out in; the table has all
_OPEN = 4
# Ratio: an interval beyond it on both sides is not written
_WIDEST = 1000.0
_NOISY = "too noisy to place"


def print_comparison(
    found: Comparison, sides: list[Row], above: float | None, strict: bool = False, steps: Sequence[Row] = ()
) -> None:
    """Print a comparison: both sides, the measure, other differences, a sentence for each problem, table, regressions.

    above: the share from which a regression is reported; None for no check. strict: whether rows in which it is not
    ruled out, and what B lacks, fail as well. steps: of `compare_next.list_steps`.
    """
    table, missing = found.table, found.missing
    single_pair = len(table[["a", "b"]].drop_duplicates()) == 1 and table["a"].iloc[0] != table["b"].iloc[0]
    for line in describe_sides(found, sides):
        print_lines(filled(line, 2))
    found = drop_gaps(found)
    table = found.table
    rows, over = table[table["problem"] != ALL], table[table["problem"] == ALL]
    print_lines("")
    same = len(rows) > 0 and bool((rows["identical"] == 1).all())
    if same:
        count, there = int(rows["runs"].sum()), " that are there in both" * bool(missing)
        all_ = f"all {count:,} pairs of runs{there} are" if count > 1 else f"the only pair of runs{there} is"
        print_lines(f"{all_} identical")
    silent = same or found.by == SECONDS
    for problem, part in () if silent else rows.groupby("problem", sort=False):
        by = " (by loss)" if part["measure"].iloc[0] == LOSS != found.judge_by else ""
        print_lines(filled(f"{problem}{by}: {_describe_problem(part, single_pair)}", 2))
    for row in () if silent else over.to_dict("records"):
        several = "" if single_pair or row["b"] != ALL else f" and {len(rows[['a', 'b']].drop_duplicates())} optimizers"
        problems = count_noun(int(row["blocks"]), "problem")
        print_lines(filled(f"over all {problems}{several}: {describe_row(row, single_pair)}", 2))
    for row in missing:
        print_lines(filled(f"{name_row(row, single_pair)}: {describe_gap(row, found)}", 2))
    print_lines("", *_format_table(replace(found, table=rows if same else table), single_pair), "")
    for line in _describe_notes(found, rows, above, single_pair):
        print_lines(filled(line, 2))
    for step in steps:
        print_lines(filled(step["text"] + ":" * bool(step["commands"]), 2))
        for line in step["commands"]:
            command(line)
    gaps = [(len(list_unsettled(table)), "not ruled out"), (len(missing) - len(found.lost), "missing in B")]
    if strict and (words := [f"{count_noun(count, 'row')} {what}" for count, what in gaps if count]):
        print_lines(f"--strict: fails for {' and '.join(words)}")
    if above is not None and (lost := [name_row(row, single_pair) for row in found.lost]):
        print_lines(filled(f"fails: could not run in B: {join_names(lost, 20)}", 2))


def describe_sides(found: Comparison, sides: list[Row]) -> Iterator[str]:
    """Yield the lines above the table: both sides, the measure, unequal trials and other differences.

    sides: folder, optimizer, version and runs of A and of B.
    """
    rows = found.table[found.table["problem"] != ALL]
    for name, side in zip("AB", sides, strict=True):
        what = f"{side['optimizer']} of {side['folder']}" if side["optimizer"] else side["folder"]
        yield f"{name}: {what} (optbench {side['optbench'] or 'of unknown version'}, {count_noun(side['runs'], 'run')})"
    by, seeds = found.by, _format_range(rows["seeds"], "seed")
    measure = name_measure(found.judge_by)
    if by == SECONDS:
        cohorts = count_noun(int(rows["runs"].sum()), "cohort")
        yield f"compared: seconds of a run, by {cohorts} in common; {SECONDS_VARY}"
    elif by == SETTINGS:
        settings = f"the same settings in both, {_format_range(rows['trials'])} a row"
        yield f"compared: {settings}, by {measure}, on the {seeds} on which both ran all of them"
    else:
        blocks = _format_range(rows["blocks"], "fold" if found.folds else "block")
        yield f"compared: each side as it was tuned, by {measure}, in {blocks}, on {seeds} in common that chose nothing"
    if by != SECONDS:
        which = "for all rows at once" if len(rows) > 1 else "of one row"
        yield f"intervals of {100 * found.level:.4g}%, {which}"
    unequal = rows[rows["trials_a"] != rows["trials_b"]]
    if len(unequal) and by == TUNED:
        row = unequal.iloc[0]
        more = f", and {len(unequal) - 1} more" if len(unequal) > 1 else ""
        trials = f"{row['trials_a']:.0f} in A, {row['trials_b']:.0f} in B ({row['problem']}{more})"
        yield f"unequal trials: {trials}; {BEST_OF_MORE}"
    yield from (f"note: {line}" for line in found.differences)


def _format_range(values: pd.Series, word: str = "") -> str:
    """Return the range of some counts, with the word for it if any: ``1 seed``, ``4 seeds``, ``3 to 4 seeds``."""
    low, high = int(values.min()), int(values.max())
    numbers = f"{low:,}" if low == high else f"{low:,} to {high:,}" if low else f"up to {high:,}"
    return f"{numbers} {word}{'s' * (high != 1)}" if word else numbers


def _describe_problem(part: pd.DataFrame, single_pair: bool) -> str:
    """Return the verdicts on a problem in words: each clear one, and the others together.

    part: the problem's rows. single_pair: the table compares one pair of optimizers only, here as below.
    """
    rows = part.to_dict("records")
    if single_pair:
        return _describe_pair(rows[0])
    clear = [row for row in rows if row["verdict"] in (WINS, LOSES)]
    words = [f"{_join_optimizers([row])} {_format_factor(row, ' in B')}" for row in clear]
    same = [row for row in rows if row["identical"] == 1.0]
    near = [row for row in rows if row["verdict"] == TIE and row not in same]
    rest = [row for row in rows if row["verdict"] == OPEN and row not in same]
    groups = [(same, "is identical in both", "are identical in both"), (near, "ties", "tie")]
    words += [f"{_join_optimizers(group)} {one if len(group) == 1 else more}" for group, one, more in groups if group]
    by_why: dict[str, list[Row]] = {}
    for row in rest:
        by_why.setdefault(row["reason"] or row["known"], []).append(row)
    for why, group in by_why.items():
        verb = "is" if len(group) == 1 else "are"
        words.append(f"{_join_optimizers(group)} {verb} open{f' ({why})' if why else ''}")
    return "; ".join(words)


def _describe_pair(row: Row) -> str:
    """Return the verdict on B against A in words, without the problem: ``adam wins against gd by a factor of 3``."""
    if row["verdict"] in (WINS, LOSES):
        verb, rest = _format_factor(row).split(" ", 1)
        return f"{row['b']} {verb} {'against' if row['verdict'] == WINS else 'to'} {row['a']} {rest}"
    if row["verdict"] == TIE:
        return f"{row['a']} and {row['b']} tie (within 10%) {_format_interval(row)}".rstrip()
    return f"open between {row['a']} and {row['b']}{_explain_open(row)}"


def describe_row(row: Row, single_pair: bool = False) -> str:
    """Return the verdict of a row in words, such as "B loses by a factor of 2 [1.9, 2.1]"; its name is not in them."""
    if single_pair:
        return _describe_pair(row)
    if row["verdict"] == OPEN:
        return f"open{_explain_open(row)}"
    return f"A and B tie {_format_interval(row)}" if row["verdict"] == TIE else f"B {_format_factor(row)}"


def _explain_open(row: Row) -> str:
    """Return the words behind "open": the reason, or the ratio, what is known, and the blocks that would decide."""
    if row["reason"]:
        return f" ({row['reason']})"
    more = row["blocks_needed"] - row["blocks"] if np.isfinite(row["blocks_needed"]) else row["blocks_needed"]
    ratio = f", B over A {format_number(row['ratio'])} {_format_interval(row, as_factor=False)}".rstrip()
    texts = [f": {_NOISY}"] if _is_noisy(row) else [ratio, *([row["known"]] if row["known"] else [])]
    if 0 < more <= MOST_BLOCKS:
        texts.append(f"needs {count_noun(math.ceil(more), 'more block')}")
    return "; ".join(texts)


def _is_noisy(row: Row) -> bool:
    """Return True if the interval of a ratio is so wide that its ends say nothing."""
    return bool(row["low"] < 1 / _WIDEST and row["high"] > _WIDEST)


def _join_optimizers(rows: list[Row]) -> str:
    """Return the optimizers of some rows as an enumeration: ``gd``, ``gd and adam for nesterov``."""
    return join_with_and([_join_pair(row["a"], row["b"]) for row in rows])


def _join_pair(a: str, b: str) -> str:
    """Return the words for the optimizer of both sides: ``gd``, ``adam for gd``, ``adam (beta1=0.9 in A)``."""
    if a == b:
        return b
    for side, long, short in (("A", a, b), ("B", b, a)):
        if long.startswith(f"{short}(") and long.endswith(")"):
            return f"{short} ({long[len(short) + 1 : -1]} in {side})"
    return f"{b} for {a}"


def _find_factor(row: Row) -> float:
    """Return the factor by which B wins or loses, above 1."""
    return row["ratio"] if row["verdict"] == LOSES else 1 / row["ratio"] if row["ratio"] else np.inf


def _format_factor(row: Row, where: str = "") -> str:
    """Return the verdict with the factor by which B wins or loses: ``loses by a factor of 2 in B [1.9, 2.1]``.

    where: words behind the factor, such as " in B".
    """
    if np.isnan(row["ratio"]):
        return f"{row['verdict']} as every run of {'B' if row['verdict'] == LOSES else 'A'} failed"
    return f"{row['verdict']} by a factor of {format_number(_find_factor(row))}{where} {_format_interval(row)}"


def _format_interval(row: Row, as_factor: bool = True) -> str:
    """Return the interval of the ratio B over A, ``[1.1, 1.5]``; empty if unknown.

    as_factor: invert it where B wins, so that it is around the number of `_format_factor`.
    """
    low, high = row["low"], row["high"]
    if np.isnan(low):
        return ""
    if as_factor and row["verdict"] == WINS:
        low, high = (1 / end if end else np.inf for end in (high, low))
    return f"[{format_number(low)}, {format_number(high)}]"


def format_number(value: float) -> str:
    """Return a number to three digits, or more if it would read as 1; "-" for NaN."""
    if np.isnan(value):
        return "-"
    return f"{value:.6g}" if value != 1 and f"{value:.3g}" == "1" else f"{value:.3g}"


def _format_table(found: Comparison, single_pair: bool) -> Iterator[str | tuple[str, str]]:
    """Yield the lines of the table, a row each below its problem's; a long name gets a line of its own."""
    table, missing, before = found.table, found.missing, None
    failed = bool((table[["failures_a", "failures_b"]].max(axis=None)) > 0)
    rows = [
        *table[table["problem"] != ALL].to_dict("records"),
        *missing,
        *table[table["problem"] == ALL].to_dict("records"),
    ]
    names = [write_plainly(row["problem" if single_pair else "b"]) for row in rows]
    width = min(_NAME, max([9, *(len(name) + 2 for name in names)]))
    head = f"{'problem' if single_pair else 'optimizer':<{width}} {'B / A':>8} {'interval':<20} {'verdict':<10} seeds"
    yield (head + "  failed A, B" * failed, "bold")
    places = list(dict.fromkeys(row["problem"] for row in rows))
    for row in sorted(rows, key=lambda row: places.index(row["problem"])):
        problem = "over all" if row["problem"] == ALL else write_plainly(row["problem"])
        if not single_pair and problem != before:
            yield problem
        before = problem
        name = problem if single_pair else f"  {write_plainly(_join_optimizers([row]))}"
        if len(name) > width:
            yield name
            name = ""
        if row in missing:
            yield f"{name:<{width}} {'-':>8} {'could not run in B' if row in found.lost else 'missing in B'}"
            continue
        noisy, interval = _is_noisy(row), _format_interval(row, as_factor=False)
        ratio, interval = ("-", _NOISY) if noisy else (format_number(row["ratio"]), interval)
        verdict = "-" if found.by == SECONDS else row["verdict"]
        cells = f"{name:<{width}} {ratio:>8} {interval:<20} {verdict:<10} "
        shares = f"  {_format_share(row['failures_a'])}, {_format_share(row['failures_b'])}" if failed else ""
        yield f"{cells}{row['seeds']:>5,.0f}{shares}"


def _format_share(share: float) -> str:
    """Return a share in percent; "<1%" for less than one, "-" where it is not known."""
    return "<1%" if 0 < share < 0.01 else f"{share:.0%}" if np.isfinite(share) else "-"


def _describe_notes(found: Comparison, rows: pd.DataFrame, above: float | None, single_pair: bool) -> Iterator[str]:
    """Yield the lines below the table: the time and the regressions.

    rows: those about single problems; above: the share from which a regression is reported, None for none.
    """
    table, time = found.table, found.time
    if time and found.by != SECONDS:
        names = {"step": "a step", "evaluation": "an evaluation"}
        parts = [f"{names[name]} {format_number(part['ratio'])}" for name, part in time.items()]
        cohorts = count_noun(int(next(iter(time.values()))["cohorts"]), "cohort")
        times = f"{', '.join(parts)} times as long in B ({cohorts} in common)"
        yield f"time (not tested): {times}"
    if above is None:
        return
    limit = f"{100 * above:.4g}%"
    shown = table[table["regression"] == "shown"].to_dict("records")
    words = [f"{name_row(row, single_pair)}, {format_times(row)}" for row in shown]
    where = " where both ran" * bool(found.lost)
    if len(rows):
        yield (
            f"regression above {limit} shown: {'; '.join(words)}"
            if shown
            else f"no regression above {limit} is shown{where}"
        )
    if still := list_open(found, above):
        words = [f"{name_row(row, single_pair)} ({bound_regression(row)})" for row in still]
        yield f"not ruled out in {len(still)} of {count_noun(len(rows), 'row')}: {join_names(words, _OPEN)}"


def format_times(row: Row) -> str:
    """Return the ratio of B over A with its interval in words: "2.02 times [1.99, 2.05]"."""
    if np.isnan(row["ratio"]):
        return "every run of B failed"
    return f"{format_number(row['ratio'])} times {_format_interval(row, as_factor=False)}"


def list_open(found: Comparison, above: float | None) -> list[Row]:
    """Return the rows in which a regression is not ruled out (above=None: no verdict is reached), the widest first."""
    if found.by == SECONDS:
        return []
    column = "verdict" if above is None else "regression"
    rows = [row for row in found.table.to_dict("records") if row[column] == OPEN]
    rows = [row for row in rows if row["problem"] != ALL or not row["reason"]]
    return sorted(rows, key=lambda row: -np.nan_to_num(row["high"], nan=np.inf, posinf=np.inf))


def list_unsettled(table: pd.DataFrame) -> list[Row]:
    """Return the rows of single problems in which a regression is neither shown nor ruled out: --strict fails for them.

    The row of all problems is left out: a gain on one of few problems alone makes its interval wide.
    """
    return [row for row in table.to_dict("records") if row["regression"] == OPEN and row["problem"] != ALL]


def bound_regression(row: Row) -> str:
    """Return in words how much worse B may be, or why that is not known."""
    if _is_noisy(row):
        return _NOISY
    if np.isfinite(row["high"]):
        return f"up to {format_number(row['high'])} times"
    return row["reason"] or row["known"] or "no limit is known"


def list_missing(found: Comparison) -> list[str]:
    """Return the words for what A alone has, such as "adam on rosenbrock", so that B was not compared there."""
    return [
        name_row(each) + (f" ({describe_gap(each, found)})" if each in found.lost else "") for each in found.missing
    ]


def drop_gaps(found: Comparison) -> Comparison:
    """Return the comparison without its rows of what is ``missing``; without any if nothing else is there."""
    keys, table = ["problem", "a", "b"], found.table
    gaps = {tuple(each[key] for key in keys) for each in found.missing}
    kept = table[[row not in gaps for row in table[keys].itertuples(index=False, name=None)]]
    return replace(found, table=kept if (kept["problem"] != ALL).any() else kept.iloc[:0])


def describe_gap(row: Mapping[str, Any], found: Comparison) -> str:
    """Return why B was not compared in a record of what is ``missing``: "could not run in B: ValueError: no"."""
    return f"could not run in B: {row['reason']}" if row in found.lost else "missing in B"


def name_row(row: Mapping[str, Any], single_pair: bool = False) -> str:
    """Return the words for the problem of a row, with the optimizers unless only one pair is compared."""
    if row["problem"] == ALL:
        return "over all problems"
    return row["problem"] if single_pair else f"{_join_optimizers([dict(row)])} on {row['problem']}"
