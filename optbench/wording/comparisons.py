"""Comparison of two results folders in sentences, the candidate against its baseline."""

from __future__ import annotations

import numpy as np
import pandas as pd

from optbench.analysis.verdicts import ALL, LOSES, OPEN, TIE, WINS
from optbench.wording import labels
from optbench.wording.judged import format_interval, format_ratio
from optbench.wording.labels import Label

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
        factor = 1 / row["ratio"] if state == BETTER and row["ratio"] > 0 else row["ratio"]
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
    verdict, *factor = (rows[0][name] for name in ("verdict", "ratio", "low", "high"))
    if verdict == WINS:
        factor = [1 / rows[0][name] for name in ("ratio", "high", "low")]
    who = f"{a} and {b} tie, {b} over {a}" if verdict == TIE else f"{b} {verdict} by a factor of"
    return f"over all problems {who} {format_ratio(factor[0])} {format_interval(*factor[1:])}"
