"""Comparison of two results folders, the candidate against its baseline, in sentences: terminal, CI and the page."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from optbench.analysis.folders import SECONDS, SETTINGS, TUNED, Comparison
from optbench.analysis.measures import LOSS
from optbench.analysis.verdicts import ABOUT, ALL, AT_LEAST, AT_MOST, LOSES, OPEN, TIE, WINS
from optbench.contract.names import count_noun, join_names, join_with_and
from optbench.wording import labels
from optbench.wording.answers import name_measure
from optbench.wording.judged import MOST_BLOCKS, SIGNS, format_interval, format_ratio
from optbench.wording.labels import Label
from optbench.wording.verdict_texts import BEST_OF_MORE, SECONDS_VARY, TOO_NOISY

Row = Mapping[str, Any]
"""A row of the table of `optbench.compare`, by column."""
# Rows: the widest that a regression is not ruled out in; the table has all
_OPEN = 4
# Ratio: an interval beyond it on both sides is not written
_WIDEST = 1000.0
BETTER, WORSE, MIXED, IDENTICAL = "better", "worse", "mixed", "identical"
_STATES = {
    BETTER: "better", WORSE: "worse", MIXED: "better and worse", IDENTICAL: "identical", TIE: "tied", OPEN: "open",
}  # fmt: skip
"""What is said of b on a problem."""


def find_states(table: pd.DataFrame) -> dict[str, str]:
    """Return what b is on each problem of `optbench.compare`, all optimizers together.

    BETTER, WORSE: some optimizers win or lose, and none does the other; MIXED: both happen; IDENTICAL, TIE: all are;
    OPEN: nothing is shown.
    """
    found = {}
    for problem, rows in table[table["problem"] != ALL].groupby("problem", sort=False):
        verdicts = {*rows["verdict"]}
        clear = MIXED if {WINS, LOSES} <= verdicts else BETTER if WINS in verdicts else WORSE
        same = IDENTICAL if (rows["identical"] == 1).all() else TIE
        found[problem] = clear if verdicts & {WINS, LOSES} else same if verdicts == {TIE} else OPEN
    return found


def name_state(state: str, is_time: bool) -> str:
    """Return a state of `find_states` in words; is_time: what is compared is the way to a target."""
    return _STATES[state].replace("better", "faster").replace("worse", "slower") if is_time else _STATES[state]


def headline_comparison(table: pd.DataFrame, who: str, is_time: bool) -> str:
    """Return the title of a comparison: "B against A: faster on 3 of 7 problems, slower on 1, open on 3".

    who: the candidate, and what it is compared with, "B against A".
    """
    states = find_states(table)
    counts = {state: sum(each == state for each in states.values()) for state in _STATES}
    parts = [(name_state(state, is_time), count) for state, count in counts.items() if count]
    (word, count), *others = parts
    where = next(iter(states)) if len(states) == 1 else labels.count_problems(count, len(states))
    return ", ".join([f"{who}: {word} on {where}", *(f"{word} on {count}" for word, count in others)])


def list_verdicts(table: pd.DataFrame, problem: str, is_time: bool, label: Label = str) -> list[tuple[str, str]]:
    """Return what b is on a problem, each with its optimizers: [("faster", "adam 3.1×, gd 1.2×"), ("open", "rmsprop")].

    table: of `optbench.compare`, with the optimizers' names in a column "name".
    """
    found: dict[str, list[str]] = {}
    for row in table[table["problem"] == problem].to_dict("records"):
        state = IDENTICAL if row["identical"] == 1 else {WINS: BETTER, LOSES: WORSE}.get(row["verdict"], row["verdict"])
        factor = _find_factor(row)[0]
        is_clear = state in (BETTER, WORSE) and np.isfinite(factor)
        text = f"{label(row['name'])} {format_ratio(factor)}×" if is_clear else label(row["name"])
        found.setdefault(state, []).append(text)
    return [(name_state(state, is_time), ", ".join(found[state])) for state in _STATES if state in found]


def count_cases(table: pd.DataFrame, is_time: bool) -> str:
    """Return how many pairs of a problem and an optimizer have which verdict; "" if each problem has one."""
    rows = table[table["problem"] != ALL]
    if len(rows) == rows["problem"].nunique():
        return ""
    verdicts = rows["verdict"].mask(rows["identical"] == 1, IDENTICAL).replace({WINS: BETTER, LOSES: WORSE})
    counts = [(name_state(state, is_time), int((verdicts == state).sum())) for state in _STATES]
    parts = [(word, count) for word, count in counts if count]
    listed = ", ".join(f"{count if len(parts) > 1 else 'all'} {word}" for word, count in parts)
    return f"{len(rows)} cases, each an optimizer on a problem: {listed}"


def describe_over_all(table: pd.DataFrame, a: str, b: str) -> str:
    """Return which side wins over all problems of `optbench.compare`, by what factor, or that they tie; "" if open."""
    rows = table[(table["problem"] == ALL) & (table["verdict"] != OPEN)].to_dict("records")
    if not rows:
        return ""
    verdict, factor = rows[0]["verdict"], _find_factor(rows[0])
    who = f"{a} and {b} tie, {b} over {a}" if verdict == TIE else f"{b} {verdict} by a factor of"
    return f"over all problems {who} {format_ratio(factor[0])} {format_interval(*factor[1:])}"


def describe_sides(found: Comparison) -> Iterator[str]:
    """Yield the lines above the table: both sides, the measure, unequal trials and other differences."""
    rows = found.rows
    for name, side in zip("AB", found.sides, strict=True):
        what = f"{side['optimizer']} of {side['folder']}" if side["optimizer"] else side["folder"]
        yield f"{name}: {what} (optbench {side['optbench'] or 'of unknown version'}, {count_noun(side['runs'], 'run')})"
    by, seeds = found.by, _format_range(rows["seeds"], "seed")
    measure = _name_measures(found)
    if by == SECONDS:
        cohorts = count_noun(int(rows["runs"].sum()), "cohort")
        yield f"compared: seconds of a run, by {cohorts} in common; {SECONDS_VARY}"
    elif by == SETTINGS:
        settings = f"the same settings in both, {_format_range(rows['trials'])} a row"
        yield f"compared: {settings}, by {measure}, on the {seeds} on which both ran all of them"
    else:
        blocks = f"in {_format_range(rows['blocks'], 'fold' if found.folds else 'block')}, " * (not found.in_common)
        yield f"compared: each side as it was tuned, by {measure}, {blocks}on {seeds} in common that chose nothing"
    if by != SECONDS:
        which = "for all rows at once" if len(rows) > 1 else "of one row"
        a, b = found.sides
        pair = by == TUNED and a["folder"] == b["folder"]
        beside = ", if this pair was chosen before its results were seen; else quote the answer's, which are for all "
        beside = f"{beside}comparisons with the best" * pair
        yield f"intervals of {100 * found.level:.4g}%, {which}{beside}"
    unequal = rows[(rows["trials_a"] != rows["trials_b"]) & ~rows[["a", "b"]].isin(found.untuned).any(axis=1)]
    if len(unequal) and by == TUNED:
        row = unequal.iloc[0]
        more = f", and {len(unequal) - 1} more" if len(unequal) > 1 else ""
        trials = f"{row['trials_a']:.0f} in A, {row['trials_b']:.0f} in B ({row['problem']}{more})"
        yield f"unequal trials: {trials}; {BEST_OF_MORE}"
    yield from (f"note: {line}" for line in found.differences)


def _name_measures(found: Comparison) -> str:
    """Return the measure in a sentence, with the problems on which the loss stands in for it."""
    rows = found.rows[found.rows["measure"] != found.judge_by]
    if 0 < len(rows) == len(found.rows):
        return name_measure(LOSS)
    return name_measure(found.judge_by) + (f" ({join_names([*rows['problem'].unique()])} by loss)" if len(rows) else "")


def _format_range(values: pd.Series, word: str = "") -> str:
    """Return the range of some counts, with the word for it if any: ``1 seed``, ``4 seeds``, ``3 to 4 seeds``."""
    low, high = int(values.min()), int(values.max())
    numbers = f"{low:,}" if low == high else f"{low:,} to {high:,}" if low else f"up to {high:,}"
    return f"{numbers} {word}{'s' * (high != 1)}" if word else numbers


def describe_problem(part: pd.DataFrame, single_pair: bool) -> str:
    """Return the verdicts on a problem in words: each clear one, and the others together.

    part: the problem's rows. single_pair: the table compares one pair of optimizers only, here as below.
    """
    rows = part.to_dict("records")
    if single_pair:
        return describe_row(rows[0], single_pair)
    clear = [row for row in rows if row["verdict"] in (WINS, LOSES)]
    words = [f"{join_optimizers([row])} {row['verdict']} {_format_factor(row, ' in B')}" for row in clear]
    same = [row for row in rows if row["identical"] == 1.0]
    near = [row for row in rows if row["verdict"] == TIE and row not in same]
    rest = [row for row in rows if row["verdict"] == OPEN and row not in same]
    groups = [(same, "is identical in both", "are identical in both"), (near, "ties", "tie")]
    words += [f"{join_optimizers(group)} {one if len(group) == 1 else more}" for group, one, more in groups if group]
    by_why: dict[str, list[Row]] = {}
    for row in rest:
        by_why.setdefault(row["reason"] or row["known"], []).append(row)
    for why, group in by_why.items():
        verb = "is" if len(group) == 1 else "are"
        words.append(f"{join_optimizers(group)} {verb} open{f' ({why})' if why else ''}")
    return "; ".join(words)


def describe_row(row: Row, single_pair: bool = False) -> str:
    """Return the verdict of a row in words, such as "B loses by a factor of 2 [1.9, 2.1]"; its name is not in them.

    single_pair: with the optimizers: "adam wins against gd by a factor of 3".
    """
    a, b = (row["a"], row["b"]) if single_pair else ("A", "B")
    if row["verdict"] == OPEN:
        return f"open{f' between {a} and {b}' * single_pair}{_explain_open(row)}"
    if row["verdict"] == TIE:
        tie = f"{a} and {b} tie{' (within 10%)' * single_pair} {bracket(row)}"
        return tie.rstrip() if single_pair else tie
    whom = f" {'against' if row['verdict'] == WINS else 'to'} {a}" * single_pair
    return f"{b} {row['verdict']}{whom} {_format_factor(row)}"


def _explain_open(row: Row) -> str:
    """Return the words behind "open": the reason, or the ratio, what is known, and the blocks that would decide."""
    if row["reason"]:
        return f" ({row['reason']})"
    more = row["blocks_needed"] - row["blocks"] if np.isfinite(row["blocks_needed"]) else row["blocks_needed"]
    ratio = f", B over A {write_ratio(row)} {bracket(row, as_factor=False)}".rstrip()
    texts = [f": {TOO_NOISY}"] if is_noisy(row) else [ratio, *([row["known"]] if row["known"] else [])]
    if 0 < more <= MOST_BLOCKS:
        texts.append(f"needs {count_noun(math.ceil(more), 'more block')}")
    return "; ".join(texts)


def is_noisy(row: Row) -> bool:
    """Return True if the interval of a ratio is so wide that its ends say nothing."""
    return bool(row["low"] < 1 / _WIDEST and row["high"] > _WIDEST)


def join_optimizers(rows: Sequence[Row]) -> str:
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


def _format_factor(row: Row, where: str = "") -> str:
    """Return the factor by which B wins or loses, above 1: "by a factor of 2 in B [1.9, 2.1]".

    where: words behind the factor, such as " in B".
    """
    if np.isnan(row["ratio"]):
        return f"as every run of {'B' if row['verdict'] == LOSES else 'A'} failed"
    return f"by a factor of {write_ratio(row, as_factor=True)}{where} {bracket(row)}"


def _find_factor(row: Row) -> tuple[float, float, float]:
    """Return the ratio of a row with its interval: B over A, or, where B wins, A over B."""
    if row["verdict"] != WINS:
        return row["ratio"], row["low"], row["high"]
    ratio, low, high = (1 / row[name] if row[name] else np.inf for name in ("ratio", "high", "low"))
    return ratio, low, high


def bracket(row: Row, as_factor: bool = True) -> str:
    """Return the interval of the ratio B over A, ``[1.1, 1.5]``; empty if unknown.

    as_factor: invert it where B wins, so that it is around the number of `_format_factor`.
    """
    _, low, high = _find_factor(row) if as_factor else (0.0, row["low"], row["high"])
    if np.isnan(row["low"]):
        return ""
    return f"[{format_number(low)}, {format_number(high)}]"


def write_ratio(row: Row, as_factor: bool = False) -> str:
    """Return the ratio B over A, with the sign of a bound: "≤0.507"; as_factor: inverted where B wins, as `bracket`."""
    if not as_factor or row["verdict"] != WINS:
        return SIGNS.get(row["bound"], "") + format_number(row["ratio"])
    inverse = {AT_LEAST: AT_MOST, AT_MOST: AT_LEAST, ABOUT: ABOUT}.get(row["bound"], "")
    return SIGNS.get(inverse, "") + format_number(_find_factor(row)[0])


def format_number(value: float) -> str:
    """Return a number to three digits, or more if it would read as 1; "-" for NaN."""
    if np.isnan(value):
        return "-"
    return f"{value:.6g}" if value != 1 and f"{value:.3g}" == "1" else f"{value:.3g}"


def describe_notes(found: Comparison, single_pair: bool) -> Iterator[str]:
    """Yield the lines below the table: the time and the regressions."""
    table, time, count = found.table, found.time, len(found.rows)
    if time and found.by != SECONDS:
        names = {"step": "a step", "evaluation": "an evaluation"}
        parts = [f"{names[name]} {format_number(part['ratio'])}" for name, part in time.items()]
        cohorts = count_noun(int(next(iter(time.values()))["cohorts"]), "cohort")
        times = f"{', '.join(parts)} times as long in B ({cohorts} in common)"
        yield f"time (not tested): {times}"
    if found.above is None:
        return
    limit = f"{100 * found.above:.4g}%"
    shown = table[table["regression"] == "shown"].to_dict("records")
    words = [f"{name_row(row, single_pair)}, {format_times(row)}" for row in shown]
    where = " where both ran" * bool(found.lost)
    if count:
        yield (
            f"regression above {limit} shown: {'; '.join(words)}"
            if shown
            else f"no regression above {limit} is shown{where}"
        )
    if still := list_open(found):
        words = [f"{name_row(row, single_pair)} ({bound_regression(row)})" for row in still]
        yield f"not ruled out in {len(still)} of {count_noun(count, 'row')}: {join_names(words, _OPEN)}"


def format_times(row: Row) -> str:
    """Return the ratio of B over A with its interval in words: "2.02 times [1.99, 2.05]"."""
    if np.isnan(row["ratio"]):
        return "every run of B failed"
    return f"{write_ratio(row)} times {bracket(row, as_factor=False)}"


def list_open(found: Comparison) -> list[Row]:
    """Return the rows in which a regression is not ruled out, or, where none is tested, no verdict is reached.

    The widest come first.
    """
    if found.by == SECONDS:
        return []
    column = "verdict" if found.above is None else "regression"
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
    if is_noisy(row):
        return TOO_NOISY
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


def name_row(row: Row, single_pair: bool = False) -> str:
    """Return the words for the problem of a row, with the optimizers unless only one pair is compared."""
    if row["problem"] == ALL:
        return "over all problems"
    return row["problem"] if single_pair else f"{join_optimizers([row])} on {row['problem']}"
