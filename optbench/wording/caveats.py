"""Warnings about a comparison: the limit of rounding, a stated minimum that is too high, and search ranges."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from types import MappingProxyType

import numpy as np
import pandas as pd

from optbench.analysis import find_reference_values
from optbench.analysis.measures import (
    LOG_TAIL,
    LOSS,
    below_minimum,
    find_unvalidated,
    holds_sampling_error,
    metric_name,
    validation_column,
)
from optbench.analysis.run_columns import count_folds, find_standing_in
from optbench.contract.columns import DEAD_UNITS
from optbench.contract.names import join_names, join_with_and
from optbench.contract.problems import FLOOR
from optbench.contract.search import SAME_MEANING
from optbench.wording import labels
from optbench.wording.labels import Label

RISEN = 0.1
"""Share by which a validation loss that has risen is said to overfit; a choice."""

DEAD = 1 / 3
"""Share of dead units from which on it is said; a choice."""


def describe_smallest_gaps(runs: pd.DataFrame, judge_by: str, label: Label = str) -> Iterator[str]:
    """Yield sentences on the smallest gaps of a table `runs` that was compared by `judge_by`, such as on rounding."""
    floor = runs["problem"].map(find_reference_values(runs).set_index("problem")["floor"])
    tail = runs[LOG_TAIL].astype(np.float64) if LOG_TAIL in runs else np.nan  # which folders of before do not have
    if judge_by == LOSS and (tail <= np.log(floor) + 1e-9).any():
        yield (
            f"A gap below {labels.number(FLOOR)} (times the minimum, if that is more than 1) is rounding noise and "
            f"counts as {labels.number(FLOOR)}, so the ratio to such a run is a lower bound."
        )
    yield from name_standing_in(runs, label)


def name_standing_in(runs: pd.DataFrame, label: Label = str) -> Iterator[str]:
    """Yield a sentence on the losses of the table `runs` that stand for minima which are not known."""
    if found := find_standing_in(runs):
        each = ", ".join(f"{labels.number(loss)} for {label(problem)}" for problem, loss in found.items())
        yield (
            f"Where the minimum is not known, gaps are those above the lowest loss found: {each}; below 1% of the "
            "first gap runs count as equal."
        )


def warn_of_high_minima(runs: pd.DataFrame, label: Label = str) -> Iterator[str]:
    """Yield a sentence for each problem whose stated minimum is above a loss of the table `runs`."""
    for problem, most in below_minimum(runs).items():
        yield (
            f"Losses of {label(problem)} lie up to {labels.number(most)} below the minimum that it states: its "
            "suboptimalities are wrong, and decide nothing, until it states a lower one."
        )


def warn_of_few_steps(problems: Collection[str], label: Label = str) -> Iterator[str]:
    """Yield a sentence on the problems whose leader reaches the target within ten steps, and what tells more."""
    if problems:
        on = join_names(labels.short_names(problems, label).values(), 5)
        yield (
            f"Within ten steps the leader reaches its target on {on}, so this compares first steps more than training: "
            "more epochs, or --judge-by loss, tell more."
        )


def warn_of_overfitting(best: pd.DataFrame, label: Label = str) -> Iterator[str]:
    """Yield a sentence on the recommended settings whose validation loss has risen by RISEN since its best.

    best: those settings, with the columns of `optbench.analysis.measure_overfitting` where they are known.
    """
    found = best[best["risen"] >= RISEN] if "risen" in best else best[:0]
    shown = labels.short_names(best["problem"].unique(), label)
    each = [
        f"{label(row['optimizer'])} on {shown[row['problem']]} by {100 * min(row['risen'], 99):,.0f}% since epoch "
        f"{row['lowest_epoch']:.3g}"
        for row in found.to_dict("records")
    ]
    if each:
        text = f"Overfitting: the validation loss of recommended settings has risen, of {join_names(each)}."
        yield f"{text} Fewer epochs would do."


def warn_of_dead_units(runs: pd.DataFrame, label: Label = str) -> Iterator[str]:
    """Yield a sentence on the networks of which DEAD or more of the hidden ReLU units never fire.

    runs: those of the recommended settings; folders of before 0.22 do not have the column.
    """
    if DEAD_UNITS not in runs:
        return
    dead = runs.groupby(["problem", "optimizer"], sort=False)[DEAD_UNITS].median()
    dead = dead[dead >= DEAD]
    shown = labels.short_names(dead.index.unique("problem"), label)
    each = [f"{100 * share:.0f}% with {label(rule)} on {shown[name]}" for (name, rule), share in dead.items()]
    if each:
        yield (
            f"Dead units: many hidden ReLU units end up at 0 on every training row, {join_names(each)}. A smaller rate "
            "or a leaky ReLU may keep them alive."
        )


def warn_of_chosen_on_test(runs: pd.DataFrame, choose_by: str, label: Label = str) -> Iterator[str]:
    """Yield a sentence on the problems whose settings were chosen on the test data that judge them."""
    shown = labels.short_names(runs["problem"].unique(), label)
    if without := [shown[name] for name in find_unvalidated(runs, choose_by)]:
        yield (
            f"Settings of {join_names(without)} were chosen on the test data that judge them, as there are no "
            "validation data: these results are too good."
        )


def describe_choice(runs: pd.DataFrame, judge_by: str, choose_by: str) -> Iterator[str]:
    """Yield sentences on the data that settings were chosen and judged on, for measures on held-out data."""
    column = metric_name(runs, choose_by)
    if validation_column(column) != column and len(find_unvalidated(runs, choose_by)) < runs["problem"].nunique():
        yield "Settings were chosen on validation data, and are judged on test data."
    if folds := count_folds(runs):
        yield (
            f"The split is repeated in {folds} folds, and its variance is in every interval. The number beside a "
            "recommended setting is what tuning gives: each fold's own choice on its test rows; curves are of the "
            "setting itself, which all rows had a part in choosing."
        )
    elif holds_sampling_error(runs, judge_by):
        yield "Intervals hold the sampling error of the test examples, on which all are compared."


def describe_gradients(runs: pd.DataFrame, label: Label = str) -> Iterator[str]:
    """Yield a sentence on the optimizers that take more than one gradient a step, beside others that take one."""
    made = runs[runs["steps"] > 0]
    of_step = made["epochs"] / made["steps"]
    least = of_step.groupby([made["problem"], made["batch_size"]]).transform("min")
    count = (of_step / least).groupby(made["optimizer"], sort=False).max()
    # A quotient of rounded numbers may be off 1
    if more := [f"{label(name)} ({count[name]:.2g})" for name in count.index[count > 1.001]]:
        yield f"More than one gradient a step: {join_names(more)}; of as many samples they make fewer steps."


def describe_ranges(
    searched: Mapping[str, Mapping[str, str]],
    hyperparameters: Mapping[str, Collection[str]] = MappingProxyType({}),
    label: Label = str,
) -> Iterator[str]:
    """Yield sentences on the ranges that trials were drawn from, and on what was fixed though others searched it.

    searched: by optimizer, the ranges by parameter. hyperparameters: by optimizer, all that it has.
    """
    found: dict[str, dict[str, list[str]]] = {}
    called: dict[str, dict[str, None]] = {}  # the names of each meaning
    fixed: dict[str, list[str]] = {}
    for optimizer, parameters in searched.items():
        for name, text in parameters.items():
            if name != "schedule":
                meaning = SAME_MEANING.get(name, name)
                found.setdefault(meaning, {}).setdefault(text, []).append(label(optimizer))
                called.setdefault(meaning, {})[name] = None
    for optimizer, parameters in searched.items():
        for name in hyperparameters.get(optimizer, ()):
            if name not in parameters and SAME_MEANING.get(name, name) in found:
                fixed.setdefault(name, []).append(label(optimizer))
    each = []
    for meaning, by_range in found.items():
        ranges = [
            f"{text} by {'all' if len(who) == len(searched) else join_names(who)}" for text, who in by_range.items()
        ]
        each.append(f"{join_with_and([*called[meaning]])} in {' and '.join(ranges)}")
    if each:
        yield f"Searched: {'; '.join(each)}."
    if fixed:
        each = [f"{name} of {join_names(who, 5)}" for name, who in fixed.items()]
        yield f"Fixed, though others searched it: {'; '.join(each)}."
