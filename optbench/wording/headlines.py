"""The answer of a sweep in one line: what the terminal and the page begin with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

import numpy as np

from optbench.analysis.answer import Answer, Beside
from optbench.analysis.decisions import find_kept, find_lengths
from optbench.analysis.ranking import FAILED
from optbench.analysis.verdicts import ALL
from optbench.contract.names import join_with_and
from optbench.wording import labels
from optbench.wording.answers import compare_models, name_reported_blocks
from optbench.wording.judged import (
    PERHAPS,
    SAMPLES,
    describe_best,
    format_interval,
    format_ratio,
    name_unit,
    tell_end,
    tested_over_all,
)

NAMED = 2
"""Optimizers that a line names; of more it says how many."""
MORE = 1.25
"""By this factor another choice must cost more than that of the optimizer to come first in the title; a choice."""


def headline(answer: Answer, short: bool = False, levels: bool = True, without: Collection[str] = ()) -> str:
    """Return the title of a sweep: the most useful thing that it shows.

    From 20 problems on the tested order of the optimizers; before, what the worst batch size and schedule cost, where
    that is more than the worst optimizer costs (`weigh`), and which optimizer may be best on most problems; short: only
    the first of the two. Of models of one table, which is better. levels: False leaves batch size and schedule
    out; without: problems that it says nothing of. Of an unfinished sweep it begins with what there is so far.
    """
    title = _find_title(answer, short, levels, without)
    return f"{_describe_progress(answer)}: {title}" if answer.tables.missing else title


def _describe_progress(answer: Answer) -> str:
    """Return what there is of an unfinished sweep: the blocks that have reported of those that it is to have."""
    there, planned = answer.reported_blocks[0], answer.tables.provenance.get("blocks") or 0
    some = f"with {name_reported_blocks(answer)} of {planned} blocks" if there < planned else "with runs missing"
    return f"So far, {some}"


def _find_title(answer: Answer, short: bool, levels: bool, without: Collection[str]) -> str:
    """Return the title of what there is; arguments as for `headline`."""
    problems = [each for each in answer.best["problem"].unique() if each not in without]
    rows = answer.ranking[answer.ranking["problem"].isin(problems)]
    if (rows["failures"] == 1).all():
        ends = {tell_end(answer, problem, *answer.rows(problem)["optimizer"]) for problem in problems}
        return f"Every run {ends.pop() if len(ends) == 1 else 'diverged or failed'}: there is nothing to compare"
    costs = {
        of.replace("_", " "): weigh(each)
        for of, each in {"optimizer": answer, **(answer.levels if levels else {})}.items()
    }
    if rows["optimizer"].nunique() == 1:
        most = max(costs, key=costs.__getitem__)
        shown = f"its {most} matters most" if costs[most] > 1 else "there is nothing to compare it with"
        return f"Only {answer.label(rows['optimizer'].iloc[0])} ran: {shown}"
    if answer.tables.incumbents and not short:
        return compare_with_incumbent(answer)
    if answer.is_one_table and (models := compare_models(answer)):
        return models
    if tested := "" if without else tested_over_all(answer):
        return f"{tested}, by signed ranks"
    best = _name_best(answer, problems)
    found = {of: cost for of, cost in costs.items() if cost >= MORE * costs["optimizer"]}
    if not found:
        return best
    worst = _name_worst(found | {"optimizer": costs["optimizer"]}, answer, problems)
    best = f"{best[0].lower()}{best[1:]}" if best.startswith(("All ", "No ")) else best
    return worst if short else f"{worst}; {best}"


def _name_worst(costs: Mapping[str, float], answer: Answer, problems: Sequence[str]) -> str:
    """Return what the worst choices cost: "The worst batch size costs 5.4× the samples, the worst optimizer 2.2×"."""
    units = {name_unit(answer, problem) for problem in problems}
    verb = "costs" if units == {SAMPLES} else "has"
    unit = f" the {units.pop()}" if len(units) == 1 else ""
    mean = " on average" * (len(problems) > 1)
    (first, most), *others = sorted(costs.items(), key=lambda each: -each[1])
    rest = [f"the worst {of} {format_ratio(cost)}×" for of, cost in others if cost > 1]
    return ", ".join([f"The worst {first} {verb} {format_ratio(most)}×{unit}{mean}", *rest])


def compare_with_incumbent(answer: Answer) -> str:
    """Return how many times what the user's own setting needs the best on each problem needs, as far as that is shown.

    And how long it ran, where the others ran longer or shorter. Where several are the user's, the first one counts.
    """
    mine = answer.tables.incumbents[0]
    found: list[str] = []
    ends: dict[str, list[str]] = {}
    ran: dict[str, list[str]] = {}
    for problem in answer.best["problem"].unique():
        name = labels.shorten(labels.short_name(answer.label(problem)), 60)
        row = next((each for each in answer.records[problem] if each["optimizer"] == mine), None)
        leader, unit = answer.leader(problem), name_unit(answer, problem)
        pair = answer.pairs.get((problem, leader, mine))
        if row is None or pair is None or mine in answer.candidates(problem):
            though = ""
            if pair and mine != find_kept(answer, problem):
                though = f" (though {answer.label(leader)} has {_invert(pair)} its {unit})"
            ends.setdefault("nothing is shown to be better than what you have", []).append(name + though)
        elif row["state"] == FAILED:
            ends.setdefault(f"what you have {tell_end(answer, problem, mine)}", []).append(name)
        elif unit == SAMPLES and row["reached"] == 0:
            ends.setdefault("what you have never reaches the target", []).append(name)
        else:
            perhaps = f", {PERHAPS}" * (mine in answer.list_close(problem))
            verb = "needs" if unit == SAMPLES else "has"
            found.append(
                f"{answer.label(leader)} {verb} {_invert(pair)} the {unit} of what you have on {name}{perhaps}"
            )
        if lengths := find_lengths(answer, problem):
            own, others = map(labels.number, lengths)
            text = f"what you have runs {own} epochs, the others {others} (--epochs {own}: all of them as long)"
            ran.setdefault(text, []).append(name)
    found += [f"{text} on {join_with_and(where)}" for text, where in ends.items()]
    found += [f"{text}{f' on {join_with_and(where)}' * (len(ran) > 1)}" for text, where in ran.items()]
    text = "; ".join(found)
    return text[0].upper() + text[1:] if text.startswith(tuple(ends)) else text


def _invert(pair: Beside) -> str:
    """Return how many times what a rival needs the leader needs, with the interval: "0.87× [0.7–1.1]"."""
    return f"{format_ratio(1 / pair.ratio)}× {format_interval(1 / pair.high, 1 / pair.low)}"


def weigh(answer: Answer) -> float:
    """Return how many times what the leader needs the worst level needs, as far as that is shown.

    The geometric mean over problems; 1 on a problem where no level is shown to be behind.
    """
    rows = answer.ranking[answer.ranking["problem"] != ALL]
    behind = rows["ratio"].where(~rows["may_be_best"] & np.isfinite(rows["ratio"].astype(float)), 1.0)
    worst = behind.clip(lower=1.0).groupby(rows["problem"]).max()
    return float(np.exp(np.log(worst).mean()))


def rank_candidates(answer: Answer, problems: Sequence[str]) -> tuple[Counter[str], list[str]]:
    """Return on how many problems each optimizer may be best, and all by their mean distance, the nearest first.

    The distance is the logarithm of the ratio to the leader of a problem.
    """
    counts = Counter(name for problem in problems for name in answer.candidates(problem))
    rows = answer.ranking[answer.ranking["problem"].isin(problems)]
    logs = np.log(rows["ratio"].astype(float).clip(lower=1.0))
    return counts, [*logs.groupby(rows["optimizer"], sort=False).mean().sort_values(kind="stable").index]


def _name_best(answer: Answer, problems: Sequence[str]) -> str:
    """Return which optimizers may be best on most problems, or that nothing is told apart."""
    every = labels.count_problems(len(problems), len(problems))
    if len(problems) == 1:
        every = labels.shorten(labels.short_name(answer.label(problems[0])), 60)
    rows = answer.ranking[answer.ranking["problem"].isin(problems)]
    count = rows["optimizer"].nunique()
    sets = {problem: answer.candidates(problem) for problem in problems}
    counts, nearest = rank_candidates(answer, problems)
    if sum(map(len, sets.values())) == len(rows) and any(map(answer.list_open, problems)) and count > NAMED:
        return f"All {count} optimizers may be best on {every}: nothing is told apart"
    if len(problems) == 1:
        return describe_best(answer, problems[0], f" on {every}")
    most = max(counts.values(), default=0)
    ranked = [name for name in nearest if counts[name] == most]
    if all(names == ranked[:1] for names in sets.values()):
        return f"{answer.label(ranked[0])} is best on {every}{f', {PERHAPS}' * any(map(answer.list_close, problems))}"
    alike = len({frozenset(names) for names in sets.values()}) == 1
    if alike and not any(map(answer.list_open, problems)):
        return f"{join_with_and([*map(answer.label, ranked)])} are equal within 10% on {every}"
    where = labels.count_problems(most, len(problems))
    if len(ranked) <= NAMED:
        leads = Counter(map(answer.leader, problems))
        first = max(nearest, key=lambda name: leads[name])  # a noisy one is seldom shown to be behind
        ahead = labels.count_problems(leads[first], len(problems))
        before = "" if first in ranked else f"{answer.label(first)} leads on {ahead}; "
        names = join_with_and([*map(answer.label, ranked)])
        return f"{before}{names}{' each' * (len(ranked) > 1)} may be best on {where}"
    if most < len(problems):
        return f"No optimizer may be best on {every if len(problems) == 2 else f'more than {where}'}"
    return f"{'All ' * (len(ranked) == count)}{len(ranked)} optimizers may be best on {where}"
