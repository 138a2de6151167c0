"""What to do by the answer of a sweep, in one sentence, and where optimizers of one's own stand in it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence

from optbench.analysis import varied_hyperparameters
from optbench.analysis.answer import Answer
from optbench.analysis.decisions import find_kept, find_start, learns_from_table
from optbench.contract.columns import is_gain
from optbench.contract.names import join_with_and
from optbench.wording import labels
from optbench.wording.answers import compare_models
from optbench.wording.headlines import rank_candidates
from optbench.wording.judged import ERRORS, FEW_PROBLEMS, PLAIN_LOSS, SAMPLES, name_metric, name_unit, pair_behind

_MOST_OWN = 3
"""Optimizers of one's own that have a sentence each."""
_MOST_LISTED = 7
"""Problems that such a sentence names at most."""


def conclude(answer: Answer) -> str:
    """Return what to start with, or that one keeps what one has; "" where there is too little, or too much, to say.

    Of models of the user's table it is about the one with the lowest value, where values compare; about each where they
    do not, or where the user has something already. Of several problems it says what is recommended on most of them.
    """
    problems = [*answer.best["problem"].unique()]
    if answer.tables.missing or len(problems) >= FEW_PROBLEMS or answer.ranking["optimizer"].nunique() < 2:
        return ""
    if len(problems) > 1 and not all(learns_from_table(answer, each) for each in problems):
        text = "" if answer.tables.incumbents else _conclude_over(answer, problems)
        return f"In short: {text}." if text else ""
    if (model := choose_model(answer)) and not answer.tables.incumbents:
        problems = [model]
    texts = [*filter(None, (_conclude_on(answer, problem) for problem in problems))]
    return f"In short: {'; '.join(texts)}." if texts else ""


def describe_own(answer: Answer) -> list[str]:
    """Return a sentence for each optimizer from the user's files, the first _MOST_OWN: where it leads, ties and loses.

    None of an unfinished sweep, nor where it has nothing beside it.
    """
    ran = [*answer.ranking["optimizer"].unique()]
    if answer.tables.missing or len(ran) < 2:
        return []
    own = [name for name in answer.tables.provenance.get("own") or () if name in ran]
    tuned = [name for name in own if name not in answer.tables.incumbents]
    return [*filter(None, (_say_where_it_stands(answer, name) for name in tuned[:_MOST_OWN]))]


def _say_where_it_stands(answer: Answer, name: str) -> str:
    """Return on which problems an optimizer is best, may be, and is behind, by how much; "" where none has a result."""
    problems = [*answer.best["problem"].unique()]
    short = labels.short_names(problems, answer.label)
    leads, level, behind = list[str](), list[str](), dict[str, str]()
    for problem in problems:
        if name in (firsts := answer.candidates(problem)):
            (leads if firsts == [name] else level).append(short[problem])
        elif ratio := dict(pair_behind(answer, problem, intervals=0)).get(answer.label(name)):
            behind[short[problem]] = ratio

    def where(found: Sequence[str]) -> str:
        """Return on which of the problems: by their names, or how many they are."""
        if len(found) == len(problems) > 1 or len(found) > _MOST_LISTED:
            return f" on {labels.count_problems(len(found), len(problems))}"
        return f" on {join_with_and([*found])}" * (len(problems) > 1)

    parts = [f"{verb}{where(each)}" for verb, each in (("is best", leads), ("may be best", level)) if each]
    if behind:
        several = [f"{ratio} on {problem}" for problem, ratio in behind.items()] * (len(behind) <= _MOST_LISTED)
        ratios = join_with_and(several) if several and len(problems) > 1 else "".join(behind.values()) * bool(several)
        count = f" on {labels.count_problems(len(behind), len(problems))}" * (len(problems) > 1)
        parts.append(f"is shown to be behind{count}{f' ({ratios})' * bool(ratios)}")
    return f"Your optimizer {answer.label(name)} {join_with_and(parts)}." if parts else ""


def choose_model(answer: Answer) -> str:
    """Return the model of a table whose setting to start with has the lowest value; "" where values do not compare."""
    if not answer.is_one_table or not compare_models(answer):
        return ""
    starts = {problem: find_start(answer, problem) for problem in answer.best["problem"].unique()}
    return min(starts, key=lambda problem: start.value if (start := starts[problem]) else math.inf)


def _conclude_over(answer: Answer, problems: Sequence[str]) -> str:
    """Return what is recommended on more than half of several problems: optimizer, batch sizes, schedule; or ""."""
    counts, nearest = rank_candidates(answer, problems)
    first = max(nearest, key=lambda name: counts[name], default="")
    starts = [start.setting for problem in problems if (start := find_start(answer, problem))]
    if not starts or 2 * counts[first] <= len(problems):
        return ""
    parts = [answer.label(first)]
    sizes = sorted({int(row["batch_size"]) for row in starts if not row["full_batch"]})
    if "batch_size" in answer.levels and sizes and 2 * sum(row["full_batch"] for row in starts) < len(starts):
        parts.append(f"batch size {sizes[0]}" + f" to {sizes[-1]}" * (len(sizes) > 1))
    schedule, times = Counter(row["schedule"] for row in starts).most_common(1)[0]
    if "schedule" in answer.levels and 2 * times > len(starts):
        parts.append(f"schedule {labels.name_schedules(answer.runs['schedule'].unique())[schedule]}")
    return f"on these problems, start with {', '.join(parts)}"


def _conclude_on(answer: Answer, problem: str) -> str:
    """Return a sentence on a problem without its end; "" where there is nothing to start with."""
    start, firsts = find_start(answer, problem), answer.candidates(problem)
    if start is None or not firsts:
        return ""
    what = "for the model" if answer.is_one_table else "on"
    where = f"{what} {answer.label(problem)}, " * (answer.best["problem"].nunique() > 1)
    if problem in answer.unlearned:
        always = _say_value(answer, problem, answer.constant_of(problem))
        return f"{where}nothing is shown to be better than a constant answer ({always}{_say_own(answer, problem)})"
    if find_kept(answer, problem):
        return f"{where}keep what you have"
    text = f"{where}start with {_say_setting(answer, start.setting)}"
    if _say_own(answer, problem):
        return f"{text} ({say_start_value(answer, problem)})"
    others = len(answer.rows(problem)) - 1
    shown = "nothing tried is shown to be better"
    if len(firsts) == 1 and others:
        shown = f"it is shown to be better than {'the other one' if others == 1 else f'the {others} others'}"
    elif len(firsts) == others + 1 and not answer.list_open(problem):
        shown = f"{'both' if others == 1 else f'all {others + 1}'} optimizers are equal within 10%"
    if name_unit(answer, problem) in (SAMPLES, PLAIN_LOSS):
        return f"{text}; {shown}"
    constant = answer.constant_of(problem) if name_unit(answer, problem) == ERRORS else math.nan
    beside = f", {100 * constant:.2g}% if one always says the most frequent class" if math.isfinite(constant) else ""
    return f"{text} ({_say_value(answer, problem, start.value, ' of the test rows wrong')}{beside}); {shown}"


def say_start_value(answer: Answer, problem: str) -> str:
    """Return the value of what to start with, and of what the user has: "2.8% wrong; with what you have 34% wrong".

    "" where nothing is to start with, and for samples and losses with nothing beside them.
    """
    start, own = find_start(answer, problem), "" if find_kept(answer, problem) else _say_own(answer, problem)
    if start is None or (not own and name_unit(answer, problem) in (SAMPLES, PLAIN_LOSS)):
        return ""
    luck = ", which may be luck" * bool(own and answer.tables.incumbents[0] in answer.candidates(problem))
    return f"{_say_value(answer, problem, start.value)}{own}{luck}"


def _say_own(answer: Answer, problem: str) -> str:
    """Return the value of what the user has, "; with what you have 9.2% wrong"; "" where there is none."""
    mine = next(iter(answer.tables.incumbents), "")
    value = answer.rows(problem).set_index("optimizer")["value"].get(mine, math.nan)
    if not math.isfinite(value):
        return ""
    return f"; with what you have {_say_value(answer, problem, value)}"


def _say_setting(answer: Answer, row: Mapping) -> str:
    """Return a row of `best` as one says it: "adam at learning rate 0.01, batch size 16, schedule cosine"."""
    runs, varied = answer.runs, varied_hyperparameters(answer.runs, answer.tables.given)
    size = "full batch" if row["full_batch"] else f"batch size {int(row['batch_size'])}"
    schedule = labels.name_schedules(runs["schedule"].unique())[row["schedule"]]
    name = labels.optimizer_label(row, varied, answer.label)
    return f"{name} at learning rate {labels.number(row['lr'])}, {size}, schedule {schedule}"


def _say_value(answer: Answer, problem: str, value: float, wrong: str = " wrong") -> str:
    """Return a value that verdicts are about, in words: "2.9% wrong", "loss 0.31"."""
    unit = name_unit(answer, problem)
    if unit == ERRORS:
        return f"{100 * value:.2g}%{wrong}"
    if is_gain(answer.judge_by) and unit not in (SAMPLES, PLAIN_LOSS):
        return f"{name_metric(answer.judge_by, problem in answer.macro, '', '')} {labels.number(1 - value)}"
    return f"{unit} {labels.number(value)}"
