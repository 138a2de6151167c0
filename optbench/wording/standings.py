"""The table of all optimizers of a sweep, whatever is decided: value, ratio, verdict, seconds and memory."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from optbench.analysis.answer import Answer
from optbench.analysis.verdicts import ALL, OPEN, TIE
from optbench.wording import labels
from optbench.wording.judged import FEW_PROBLEMS, SAMPLES, describe_ratio, name_certainty, name_goal, name_unit
from optbench.wording.summary import Cell, lay_out, wrap


def tabulate_standings(answer: Answer, width: int = 80) -> list[str]:
    """Return the lines of a table for each problem, a row an optimizer, the lowest value first, with what it shows."""
    there = {*answer.ranking["state"]}
    texts = [f"Ratio: times the value of the leader [{name_certainty(answer)} interval]"]
    texts += ["open: not shown to differ from it by 5%"] * (OPEN in there) + ["tie: equal within 10%"] * (TIE in there)
    texts += ["seconds: of training, on the machine of the sweep", "memory: bytes of state for each parameter"]
    lines = [f"{'. '.join(text[:1].upper() + text[1:] for text in texts)}."]
    for problem in answer.ranking["problem"].unique():
        rows = answer.records[problem]
        if problem == ALL:
            if answer.rows(ALL)["mean_rank"].isna().all():
                continue
            count = int(answer.rows(ALL)["blocks"].max())
            untested = f", not tested below {FEW_PROBLEMS}" * (count < FEW_PROBLEMS)
            head = f"over all problems: mean of the ranks by value on {count}{untested}"
            columns = _list_ranks(answer, rows)
        else:
            unit = name_unit(answer, problem)
            goal = f"samples to {name_goal(answer, problem)} of the gap at the start" if unit == SAMPLES else unit
            head, columns = f"{answer.label(problem)}: {goal}", _list_values(answer, problem, rows)
        lines += ["", head, *lay_out(columns, width)]
    return [part for line in lines for part in wrap(line, width)]


def _list_values(answer: Answer, problem: str, rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Cell]]:
    """Return the columns of one problem. rows: of the ranking."""
    samples = name_unit(answer, problem) == SAMPLES
    columns: dict[str, list[Cell]] = {
        title: [] for title in ("optimizer", "value", "ratio", "verdict", "seconds", "memory")
    }
    for row in rows:
        value, ratio, seconds = labels.number(row["value"]), labels.number(None), labels.number(row["seconds"])
        if row["leader"]:
            ratio = "1×"
        elif row["ratio"] > 0:
            ratio = describe_ratio(answer, problem, row)
        if samples:
            value = labels.samples_text(row["value"]) if row["value"] > 0 else value
            if row["reached"] == 0:
                value, ratio, seconds = "never", labels.number(None), labels.number(None)
        cells = [value], [ratio], [row["state"]], [seconds], [labels.number(row["state_bytes"])]
        for column, cell in zip(columns.values(), (_name(answer, row), *cells), strict=True):
            column.append(cell)
    return columns


def _list_ranks(answer: Answer, rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Cell]]:
    """Return the columns over all problems. rows: of the ranking."""
    ends = [f" [{row['low']:.1f}–{row['high']:.1f}]" * math.isfinite(row["low"]) for row in rows]
    return {
        "optimizer": [_name(answer, row) for row in rows],
        "mean rank": [[f"{labels.number(row['mean_rank'])}{end}"] for row, end in zip(rows, ends, strict=True)],
        "verdict": [[row["state"]] for row in rows],
    }


def _name(answer: Answer, row: Mapping[str, Any]) -> Cell:
    """Return the name of an optimizer, whole and cut."""
    name = labels.write_math(answer.label(row["optimizer"]))
    return [name, labels.shorten(name, 24)]
