"""The answer of a sweep: who may be best on each problem, by how much, with which setting, and what that rests on."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
import pandas as pd

from optbench.analysis.answer import Answer
from optbench.analysis.measures import LOSS, TEST_LOSS, TIME
from optbench.analysis.run_columns import hyperparameter_columns
from optbench.contract.columns import CONSTANT, TARGETS, TEST
from optbench.contract.names import join_with_and
from optbench.wording import caveats, labels
from optbench.wording.judged import (
    PLAIN_LOSS,
    SAMPLES,
    describe_result,
    describe_verdict,
    name_certainty,
    name_metric,
    name_scope,
    name_unit,
)
from optbench.wording.verdict_texts import BEST_OF_MORE

_FEW_STEPS = 10
"""Steps up to which samples to a target say more of the start than of training."""


def describe_unequal_trials(answer: Answer) -> str:
    """Return a sentence on unequal numbers of trials, for every caption; "" where all are equal."""
    if not answer.unequal:
        return ""
    rows = answer.best[answer.best["problem"].isin(answer.unequal)].drop_duplicates("optimizer")
    trials = zip(rows["optimizer"], rows["trials"].fillna(0).astype(int), strict=True)
    numbers = join_with_and([f"{answer.label(name)} {count:,}" for name, count in trials])
    return f"Trials were unequal ({numbers}): {BEST_OF_MORE}."


def compare_models(answer: Answer) -> str:
    """Return which model of a table has the least errors, by the best optimizer of each; "" without such a measure.

    Losses of two models may be different ones, and are not compared.
    """
    problems = list(answer.best["problem"].unique())
    units = {name_unit(answer, problem) for problem in problems}
    rows = pd.DataFrame([answer.rows(problem).iloc[0] for problem in problems]).sort_values("value")
    (unit, *others), comparable = units, not units & {SAMPLES, PLAIN_LOSS, "test loss"}
    if others or not comparable or not np.isfinite(rows[["value", "low", "high"]].to_numpy(float)).all():
        return ""
    called = rows["problem"].map(answer.label)
    texts = [
        f"{name} {labels.number(row.value)} [{labels.number(row.low)}, {labels.number(row.high)}]"
        for name, row in zip(called, rows.itertuples(), strict=True)
    ]
    apart = rows["high"].iloc[0] < rows["low"].iloc[1:].min()
    better = called.iloc[0] if apart else "Neither model" if len(rows) == 2 else "No model"
    return f"{better} is {'' if apart else 'shown to be '}better on this table ({unit}: {', '.join(texts)})"


def describe_problem(answer: Answer, problem: str) -> str:
    """Return a sentence: who may be best on a problem, by how much the others are behind, and what spoils that."""
    return f"{answer.label(problem)}: {describe_without_name(answer, problem)}"


def describe_without_name(answer: Answer, problem: str) -> str:
    """Return the sentence of a problem without its name."""
    remarks = list_reached_at_once(answer).get(problem), list_remarks(answer).get(problem)
    return "; ".join(filter(None, (describe_result(answer, problem), *remarks)))


def list_remarks(answer: Answer) -> dict[str, str]:
    """Return by problem who diverges at one step whatever the rate, and that nothing was learned; others are out."""
    found: dict[str, list[str]] = {}
    for row in answer.broken.itertuples():
        text = f"{answer.label(row.optimizer)} diverges at step {row.step:,} at any rate (optbench check tests rules)"
        found.setdefault(row.problem, []).append(text)
    for problem, (measure, value) in answer.unlearned.items():
        name = measure.removesuffix("_final").removeprefix(TEST)
        unit = name_metric(name if "accuracy" in name else measure, problem in answer.macro, "", "")
        text = f"by {unit}, as far as the test data tell, no better than a constant answer ({labels.number(value)})"
        if measure != TEST_LOSS and answer.ask(TEST_LOSS).beats_constant(problem):
            text += "; its test loss is better than that answer's: --judge-by test_loss"
        found.setdefault(problem, []).append(text)
    return {problem: "; ".join(texts) for problem, texts in found.items()}


def list_reached_at_once(answer: Answer) -> dict[str, str]:
    """Return by problem whose leader reaches the target within ten steps, in how many: that says little of training."""
    if answer.judge_by != TIME or answer.question.choose_by != TIME:  # else the medians are no samples
        return {}
    rows = answer.best.assign(steps=answer.best["median"] / answer.best["batch_size"])
    return {
        row.problem: f"careful: {answer.label(row.optimizer)} reaches the target of {labels.share_text(target)} in "
        + ("its first step" if row.steps <= 1 else f"{row.steps:.2g} steps")
        for row in rows[rows["steps"] <= _FEW_STEPS].itertuples()
        if min(TARGETS) < (target := answer.targets.get(row.problem, math.nan)) < math.inf
        and row.optimizer == answer.leader(row.problem)
    }


def describe_levels(answer: Answer, problem: str) -> list[str]:
    """Return a sentence on the batch sizes, and one on the schedules, of a problem that has several."""
    levels = answer.levels.items()
    return [describe_verdict(each, problem) for of, each in levels if answer.level_counts[of][problem] > 1]


def describe_measure(answer: Answer) -> str:
    """Return all sentences of `split_measure`."""
    return " ".join(filter(None, split_measure(answer)))


def split_measure(answer: Answer) -> tuple[str, str, str]:
    """Return what verdicts rest on (measure, tuning, intervals), what spoils them, and the rest, such as ranges."""
    runs = answer.runs
    name = name_measure(answer.judge_by, answer.macro >= {*answer.best["problem"]})
    chosen = answer.question.choose_by
    look = f" (look {answer.tables.look} at this growing sweep)" * (answer.looks[1] > 1)
    basis = [f"Compared by {name}.", _describe_tuning(answer)]
    basis.append(f"Intervals cover {name_certainty(answer)}, for {name_scope(answer)}{look}.")
    spoils: list[str] = []
    more: list[str] = []
    if answer.judge_by == TIME:
        more += _describe_targets(answer)
    elif answer.without:
        where = join_with_and(sorted(map(answer.label, answer.without)))
        more.append(f"There is none on {where}, where the loss at the end stands in.")
    spoils += filter(None, [_warn_of_scales(answer)])
    spoils += caveats.warn_of_few_steps(list_reached_at_once(answer), answer.label)
    spoils += caveats.warn_of_chosen_on_test(runs, chosen, answer.label)
    spoils += filter(None, [describe_unequal_trials(answer)])
    spoils += caveats.warn_of_overfitting(answer.best, answer.label)
    spoils += caveats.warn_of_dead_units(answer.reported_runs, answer.label)
    spoils += caveats.warn_of_high_minima(runs, answer.label)
    more += [
        *caveats.describe_choice(runs, answer.judge_by, chosen),
        *caveats.describe_gradients(runs, answer.label),
        *caveats.describe_ranges(answer.tables.searched, _list_hyperparameters(runs), answer.label),
        *caveats.describe_smallest_gaps(runs, answer.judge_by, answer.label),
    ]
    return " ".join(basis), " ".join(spoils), " ".join(more)


def _warn_of_scales(answer: Answer) -> str:
    """Return a sentence on models of a number whose losses are not on one scale, as an MLP's and least squares'."""
    rows = answer.constants.values()
    losses = {row[f"{CONSTANT}loss"] for row in rows if math.isfinite(row.get(f"{CONSTANT}r2", math.nan))}
    if answer.judge_by not in (LOSS, TEST_LOSS) or not answer.is_one_table or len(losses) < 2:
        return ""
    return (
        "Losses of the models are on scales of their own, such as half the mean squared error and all of it: a sweep "
        "with --judge-by r2 compares them."
    )


def _list_hyperparameters(runs: pd.DataFrame) -> dict[str, list[str]]:
    """Return by optimizer the hyperparameters that its runs have."""
    there = runs.groupby("optimizer", sort=False)[hyperparameter_columns(runs)].count() > 0
    return {str(name): [key for key in there if there.loc[name, key]] for name in there.index}


def _describe_targets(answer: Answer) -> list[str]:
    """Return sentences on the targets of the measure "time", problem by problem, and on those that have none."""
    targets, when = answer.targets, ", as of the first look" * (answer.tables.look > 1)
    by_share: dict[float, list[str]] = {}
    names = labels.short_names(targets, answer.label)
    for problem, share in targets.items():
        by_share.setdefault(share if math.isfinite(share) else math.inf, []).append(names[problem])
    texts, none = [], by_share.pop(math.inf, [])
    if by_share:
        each = [f"{labels.share_text(share)} on {join_with_and(by_share[share])}" for share in sorted(by_share)]
        texts = [
            "A run reaches its target once the gap, its loss above the minimum, stays below a share of the gap at the "
            f"start: {', '.join(each)}. Each is the one that its problem states, or the hardest that some optimizer "
            f"reaches in every block{when}."
        ]
    if none:
        where = join_with_and(none)
        texts.append(f"On {where} no target is reached in every block{when}, so the loss at the end stands in.")
    return texts


def _describe_tuning(answer: Answer) -> str:
    """Return the sentence on how settings were found, and so on what the verdicts depend."""
    if (answer.best["trials"] <= 1).all():
        return "Every optimizer has one setting, and nothing was tuned."
    chosen = answer.question.choose_by
    by = "" if chosen == answer.judge_by else f", by {name_measure(chosen)}"
    count = name_reported_blocks(answer) if answer.blocks else ""
    if answer.drawn_anew:
        each = "The one block" if count == "1" else f"Each of {count} blocks"
        compared = (
            "The best of all met on seeds in common; those that are recommended are compared on fresh ones, and the "
            "gaps to their runners-up stand for the luck of the search."
            if answer.in_common
            else "Each reported on fresh seeds, so every interval includes the luck of the draw and of tuning."
        )
        return f"{each} of seeds drew its own settings and tuned them{by}. {compared}"
    where = "on some of the seeds"
    if count:
        where = "in a single block of seeds" if count == "1" else f"separately in each of {count} blocks of seeds"
    fresh = bool(answer.best["held_out"].all())
    how = "reported on fresh ones" if fresh else "where there are no others, reported on the same"
    return f"Every optimizer was tuned {where}{by} and {how}; verdicts are given the settings that were tried."


def name_reported_blocks(answer: Answer) -> str:
    """Return the number of blocks that have reported: of an unfinished sweep "2 to 3" where problems differ."""
    low, high = answer.reported_blocks if answer.tables.missing else (answer.blocks, answer.blocks)
    return f"{low} to {high}" if low < high else str(high)


def describe_data(problems: Iterable[tuple[str, str]]) -> list[str]:
    """Return a text per data set with the problems that learn from it: its rows, features and target.

    problems: pairs of a problem's name and the text of its data, "" without data.
    """
    learners: dict[str, dict[str, None]] = {}
    problems = list(problems)
    shown = labels.short_names(name for name, _ in problems)
    for name, text in problems:
        if isinstance(text, str) and text:
            learners.setdefault(text.partition("; ")[0], {})[shown[name]] = None
    return [f"{join_with_and(list(names))} on {text}" for text, names in learners.items()]


def list_own_data(problems: pd.DataFrame | None) -> list[str]:
    """Return what was done with each table of the user's: its size, what was left out or filled in, the split.

    problems: the table of results, or None.
    """
    if problems is None or not {"data", "digest"} <= {*problems}:
        return []
    own = problems.loc[problems["digest"].fillna("") != "", "data"].dropna().unique()
    return [part for text in own for part in text.split("; ")]


def name_measure(measure: str, macro: bool = False) -> str:
    """Return a measure in a sentence, such as "the share of errors on test data"; macro: there are several classes."""
    name = label_measure(measure, macro)
    return name if measure == TIME or name.startswith("1 - ") else f"the {name}"


def label_measure(measure: str, macro: bool = False) -> str:
    """Return a measure in words, such as "share of errors on test data"."""
    if measure == TIME:
        return "expected samples to a target"
    if measure == LOSS:
        return "loss at the end of a run, above the minimum"
    return "share of errors on test data" if "accuracy" in measure else name_metric(measure, macro)
