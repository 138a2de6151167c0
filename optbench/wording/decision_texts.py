"""What one decides by a sweep on data, in sentences: which batch size, how exact the rate, how long to train."""

from __future__ import annotations

import math
from collections.abc import Mapping

from optbench.analysis import varied_hyperparameters
from optbench.analysis.answer import Answer
from optbench.analysis.decisions import (
    NEAR,
    POINTS,
    LastQuarter,
    MovedRate,
    find_good_rates,
    find_kept,
    find_last_quarter,
    find_lengths,
    find_lowest,
    find_moved_rates,
    find_start,
    learns_from_table,
    list_own,
    list_starts_at_limit,
)
from optbench.contract.names import YOURS
from optbench.wording import labels
from optbench.wording.certainty import advise_measure, find_open_pairs
from optbench.wording.judged import name_unit

_SMALL = 0.05
"""The change of a loss that is worth training longer or shorter for."""


def describe_decisions(answer: Answer) -> list[str]:
    """Return a sentence for each model of a user's table, and on rates that move from problem to problem."""
    found = [_describe_moved(answer, moved) for moved in find_moved_rates(answer).values()]
    for problem in answer.best["problem"].unique():
        if not learns_from_table(answer, problem):
            continue
        parts = _describe_own(answer, problem)
        if not find_kept(answer, problem):
            parts += [*_describe_rates(answer, problem), *_describe_length(find_last_quarter(answer, problem))]
        if parts:
            first, *others = parts
            sentences = [first, *(f"{part[0].upper()}{part[1:]}" for part in others)]
            found.append(f"{answer.label(problem)}: {'. '.join(sentences)}.")
    return found


def tabulate_choices(answer: Answer, short: Mapping[str, str]) -> dict[str, list[list[str]]]:
    """Return a table of what one may use on each model of the user's table, as columns; {} of other problems.

    A row is what to start with or to keep, what has a lower value, or what one has. short: the names of problems. A
    star is at a setting to start with that lies at a limit of the search.
    """
    if not all(learns_from_table(answer, problem) for problem in short):
        return {}
    value = " or ".join(dict.fromkeys(name_unit(answer, problem) for problem in short))
    rows, at_limit = list[dict[str, str]](), list_starts_at_limit(answer)
    for problem, name in short.items():
        first = "keep" if find_kept(answer, problem) else "start with"
        found = [(first, find_start(answer, problem)), ("lowest", find_lowest(answer, problem))]
        for role, choice in [*found, *(("yours", each) for each in list_own(answer, problem))]:
            if choice is None:
                continue
            setting = name_setting(answer, choice.setting)
            setting["optimizer"] = setting["optimizer"].removeprefix(f"{YOURS}: ")
            setting["rate"] += "*" * (role == first and problem in at_limit)
            seconds = labels.number(choice.seconds, 2) if 0 < choice.seconds < math.inf else "–"
            rows.append(
                {"problem": name, "choice": role, **setting, value: labels.number(choice.value), "seconds": seconds}
            )
    return {title: [[row[title]] for row in rows] for title in rows[0]} if rows else {}


def name_setting(answer: Answer, row: Mapping) -> dict[str, str]:
    """Return the parts of a setting, a row of `best`, by name, without what all settings of a sweep have in common."""
    runs = answer.runs
    varied, short = varied_hyperparameters(runs, answer.tables.given), labels.name_schedules(runs["schedule"].unique())
    parts = {"optimizer": labels.optimizer_label(row, varied, answer.label)}
    if runs.groupby("problem")["batch_size"].nunique().max() > 1:
        parts["batch"] = labels.batch_label(row["batch_size"], row["full_batch"])
    if len(short) > 1:
        parts["schedule"] = short[row["schedule"]]
    return parts | {"rate": labels.number(row["lr"])}


def write_setting(answer: Answer, row: Mapping) -> str:
    """Return a setting in a few words: "adam, batch size 16, cosine, learning rate 0.01"."""
    parts = name_setting(answer, row) | {"rate": f"learning rate {labels.number(row['lr'])}"}
    if "batch" in parts:
        parts["batch"] = "full batch" if row["full_batch"] else f"batch size {parts['batch']}"
    return ", ".join(parts.values())


def _describe_moved(answer: Answer, moved: MovedRate) -> str:
    """Return what the rate of one problem costs on one that differs in a parameter, such as the width."""
    first, second = (f"{moved.parameter}={_write_value(each)}" for each in (moved.first, moved.second))
    rate, best, cost = labels.number(moved.rate, 2), labels.number(moved.best, 2), moved.cost - 1
    lost = f"costs about {100 * cost:.0f}%" if cost >= _SMALL else "is as good"
    return f"the rate of {first}, {rate}, {lost} on {second}, where {best} is recommended (means of tuning runs)."


def _write_value(value: object) -> str:
    """Return the value of a problem's parameter, a tuple of one without its brackets."""
    return str(value[0]) if isinstance(value, tuple) and len(value) == 1 else str(value)


def _describe_own(answer: Answer, problem: str) -> list[str]:
    """Return whether to keep what the user has, and whether its runs were too short for it; [] where there is none."""
    if not answer.tables.incumbents:
        return []
    mine, leader = find_kept(answer, problem) or answer.tables.incumbents[0], answer.leader(problem)
    values, unit = answer.rows(problem).set_index("optimizer")["value"], name_unit(answer, problem)
    own, best = (labels.number(values.get(name, math.nan), 3) for name in (mine, leader))
    if find_kept(answer, problem):
        beside = "" if mine == leader else f"; lowest: {answer.label(leader)}, {best}"
        parts = [f"keep what you have, as nothing is shown to be better ({unit} {own}{beside})"]
    else:
        not_shown = ", which is not shown to be better" * (mine in answer.candidates(problem))
        parts = [f"{unit} {own} with what you have, {best} with {answer.label(leader)}{not_shown}"]
        parts += _say_what_decides(answer, problem, mine)
    last = find_last_quarter(answer, problem, mine)
    if last and last.steady and last.ratio < 1 - _SMALL:
        epochs = answer.runs.loc[answer.runs["optimizer"] == mine, "epochs"].max()
        option = "its epochs in --have" if find_lengths(answer, problem) else "--epochs"
        parts.append(
            f"its loss still falls by {100 * (1 - last.ratio):.0f}% in the last quarter of {labels.number(epochs)} "
            f"epochs: it may need longer runs ({option})"
        )
    return parts


def _say_what_decides(answer: Answer, problem: str, mine: str) -> list[str]:
    """Return what may tell what the user has from the leader, if anything does. mine: its name."""
    if (problem, mine) in find_open_pairs(answer):
        count, unit = 2 * (answer.seeds or answer.blocks), "seeds" if answer.seeds else "blocks"
        return [f"more {unit} may tell (--extend --{unit} {count})"]
    limited = [each for each in advise_measure(answer, "") if (problem, mine) in each.pairs]
    way = "a sweep with --judge-by log_loss" if any(each.command for each in limited) else "more rows"
    return [f"the test rows are too few to tell, however many blocks run: {way} may"] * bool(limited)


def _describe_rates(answer: Answer, problem: str) -> list[str]:
    """Return the range of rates that are as good as the best, if it is known."""
    rates = find_good_rates(answer, problem)
    if rates is None or rates.low == rates.high:
        return []
    near = f"{100 * POINTS:.0f} percentage point" if rates.points else f"{100 * (NEAR - 1):.0f}%"
    return [f"rates from {labels.number(rates.low, 2)} to {labels.number(rates.high, 2)} are within {near} of the best"]


def _describe_length(last: LastQuarter | None) -> list[str]:
    """Return whether longer runs would help, if the runs tell: where some fall and others rise, they do not."""
    if last is None:
        return []
    loss, change = f"the {'validation' if last.validation else 'training'} loss", abs(last.ratio - 1)
    if change < _SMALL:
        return [f"{loss} has settled by the last quarter of a run, so longer ones would hardly help"]
    if not last.steady:
        return []
    if last.ratio < 1:
        return [f"{loss} still falls by {100 * change:.0f}% in the last quarter of a run, so longer ones may help"]
    return [f"{loss} rises by {100 * change:.0f}% in the last quarter of a run, so shorter ones may be better"]
