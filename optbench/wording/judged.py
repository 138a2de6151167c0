"""Verdicts on the levels of one column by one measure, in words: who may be best, and who is behind, by how much."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import pandas as pd

from optbench.analysis.answer import Answer
from optbench.analysis.judging import MARGIN
from optbench.analysis.measures import LOSS, TIME
from optbench.analysis.pair_statistics import spent_alpha
from optbench.analysis.ranking import FAILED
from optbench.analysis.verdicts import ALL, WINS
from optbench.contract.columns import CONSTANT, SCORES, TEST, is_gain
from optbench.contract.names import join_with_and
from optbench.wording import labels
from optbench.wording.verdict_texts import say
from optbench.wording.wider_search import name_limits

MOST_BLOCKS = 1000
"""Beyond this number of blocks a difference is too small to matter."""
FEW_PROBLEMS = 20
"""Below this number of problems nothing is said about others (Demsar 2006)."""
SAMPLES, ERRORS, PLAIN_LOSS = "samples", "errors", "loss"
"""Units: what the ratios of a problem are ratios of, besides losses on test data."""
SIGNS = {"at least": "≥", "at most": "≤", "about": "~"}
"""What stands before a ratio that is a bound."""
FARTHEST = 1000.0
"""The ratio beyond which an interval is said to have no end."""
NEVER = "never"
"""Stands for the ratio of what never reaches the target."""
PERHAPS = f"perhaps by less than {MARGIN - 1:.0%}"
"""Said of a difference that is shown, if not to be larger than a win takes."""
_LISTED = 6
"""Levels that a sentence names at most."""


def explain_signs(lines: Iterable[str]) -> list[str]:
    """Return a line on what the signs of bounds that stand in some lines mean; none where there is no such sign."""
    text = "".join(lines)
    signs = [f"{sign} {word}" for word, sign in SIGNS.items() if sign in text]
    return [f"{', '.join(signs)}: a target was missed, or the search hit its limit"] if signs else []


def name_scope(answer: Answer) -> str:
    """Return what intervals hold for at once, in words."""
    return f"all {'comparisons with the best' if answer.in_common else 'pairs'} of a problem at once"


def name_certainty(answer: Answer, further: int = 0) -> str:
    """Return the level of the intervals: "97.5%", or "97.5–98.5%" where some of what is compared was added later.

    further: 1 for that at the next look.
    """
    looks = (answer.looks[1] + further,) * 2 if further else answer.looks
    return f"{'–'.join(dict.fromkeys(f'{100 * (1 - spent_alpha(look)):.4g}' for look in looks))}%"


def describe_further_look(answer: Answer) -> str:
    """Return what more runs mean: "a further look: intervals are then at 98.5% and not at 97.5%"."""
    return f"a further look: intervals are then at {name_certainty(answer, 1)} and not at {name_certainty(answer)}"


def tell_end(answer: Answer, problem: str, *levels: str) -> str:
    """Return how the runs of levels without a result ended: "diverged", "failed" or "diverged or failed"."""
    shares = [answer.crashed.get((problem, level), 0.0) for level in levels]
    return "failed" if min(shares) == 1 else "diverged or failed" if any(shares) else "diverged"


def explain_open(answer: Answer, problem: str) -> str:
    """Return why nothing is told apart on a problem, whatever its runs, such as a single block of seeds; or ""."""
    reasons = [answer.pairs[problem, answer.leader(problem), name].reason for name in answer.list_open(problem)]
    return say(reasons[0]) if reasons and all(reasons) else ""


def name_unit(answer: Answer, problem: str) -> str:
    """Return what ratios of a problem are of: "samples", "loss", "errors", or the name of a loss on test data."""
    if answer.judge_by == TIME:
        return SAMPLES if math.isfinite(answer.targets.get(problem, math.nan)) else PLAIN_LOSS
    if answer.judge_by == LOSS or problem in answer.without:
        return PLAIN_LOSS
    return ERRORS if "accuracy" in answer.judge_by else name_metric(answer.judge_by, problem in answer.macro, where="")


def name_goal(answer: Answer, problem: str) -> str:
    """Return what a problem is judged by: its target, "loss", or a measure on test data with the leader's value."""
    unit, rows = name_unit(answer, problem), answer.rows(problem)
    if unit == SAMPLES:
        return labels.share_text(answer.targets[problem])
    value = rows.loc[rows["leader"], "value"]
    return unit if unit == PLAIN_LOSS or value.empty else f"{unit} {labels.number(value.iloc[0])}"


def name_constant(answer: Answer, problems: Sequence[str]) -> str:
    """Return what always the same answer has on test data, "always the most frequent class: 0.37", or "" if unknown."""
    values = {each: value for each in problems if math.isfinite(value := answer.constant_of(each))}
    if not values or len(values) > _LISTED:
        return ""
    texts = {problem: labels.number(value) for problem, value in values.items()}
    listed = [f"{text} on {answer.label(problem)}" for problem, text in texts.items()]
    numbers = [*dict.fromkeys(texts.values())] if len({*texts.values()}) == 1 else listed
    of_numbers = all(math.isnan(answer.constants[each].get(f"{CONSTANT}accuracy", math.nan)) for each in values)
    of_errors = all(name_unit(answer, each) == ERRORS for each in values)
    what = "always the most frequent class" if of_errors else "always the mean" if of_numbers else "a constant answer"
    return f"{what}: {', '.join(numbers)}"


def name_level(answer: Answer, level: str) -> str:
    """Return what a level, or a problem, is called in a sentence."""
    name = labels.name_schedules(answer.schedules).get(level) if answer.of == "schedule" else None
    return name or answer.label(level)


def describe_verdict(answer: Answer, problem: str) -> str:
    """Return a sentence on one problem: who may be best, and who is behind, by how much."""
    head = "" if answer.of == "optimizer" else f"{answer.of.replace('_', ' ')} on "
    return f"{head}{name_level(answer, problem)}: {describe_result(answer, problem)}"


def describe_result(answer: Answer, problem: str) -> str:
    """Return the sentence of a problem without its name."""
    behind = [" ".join(pair) for pair in pair_behind(answer, problem, _LISTED, f" the {name_unit(answer, problem)}")]
    behind[_LISTED:] = [f"and {len(behind) - _LISTED} more"] * (len(behind) > _LISTED)
    reason = explain_open(answer, problem)
    parts = [describe_best(answer, problem), reason, f"behind: {', '.join(behind)}" if behind else ""]
    return "; ".join(filter(None, parts))


def describe_best(answer: Answer, problem: str, where: str = "") -> str:
    """Return who may be best on a problem: "nesterov is best", "gd or adam may be best"; or why there is nothing.

    where: words that name the problem, " on mlp".
    """
    rows, firsts = answer.rows(problem), answer.candidates(problem)
    if (rows["failures"] == 1).all():
        return f"every run {tell_end(answer, problem, *rows[answer.of])}{where}"
    if not firsts or (rows["blocks"] == 0).all():
        return f"no result on fresh seeds{where} yet"
    if len(rows) == 1:
        return f"{name_level(answer, firsts[0])} alone{where}, so there is nothing to compare"
    who, unit, close = list_best(answer, problem), name_unit(answer, problem), answer.list_close(problem)
    open_ = len(answer.list_open(problem)) > len(close)
    who[_LISTED:] = [f"or {len(who) - _LISTED} more"] * (len(who) > _LISTED)
    value = "" if unit in (SAMPLES, PLAIN_LOSS) else f" ({name_goal(answer, problem)})"
    limit = ", at a limit of the search" * bool(rows.loc[rows["leader"], "limit"].any())
    if limit and answer.of == "optimizer" and (ends := name_limits(answer.edges, problem, answer.leader(problem))):
        limit += f": {ends}"
    verb = " is best" if len(firsts) == 1 else " may be best" if open_ else " are equal within 10%"
    text = " ".join(who) if open_ else join_with_and([word.removeprefix("= ") for word in who])
    perhaps = f", {PERHAPS}" * bool(close and len(firsts) == 1)
    return f"{text}{verb}{where}{value}{perhaps}{limit}"


def list_best(answer: Answer, problem: str) -> list[str]:
    """Return who may be best in words to be joined: ["nesterov", "= gd", "or adam"]; gd ties with it."""
    open_ = {*answer.list_open(problem)}
    words: list[str] = []
    rows = {row[answer.of]: row for row in answer.records[problem]}
    for name in answer.candidates(problem):
        sign = ("or " if name in open_ else "= ") * bool(words)
        fails = describe_failures(rows[name])
        words.append(f"{sign}{name_level(answer, name)}{f' ({fails})' * bool(fails)}")
    return words


def pair_behind(answer: Answer, problem: str, intervals: int = 1, unit: str = "") -> list[tuple[str, str]]:
    """Return who is behind, the nearest first, and how many times what the leader needs: "gd", "1.9× [1.1–3.3]".

    intervals: how many of them have their interval; unit: what the first ratio is of, " the samples".
    """
    words: list[tuple[str, str]] = []
    lost = []
    rows, candidates = answer.records[problem], answer.candidates(problem)
    if not candidates:
        return []
    behind = [row for row in rows if row[answer.of] not in candidates]
    for row in sorted(behind, key=lambda row: row["ratio"] if row["ratio"] > 0 else math.inf):
        name = name_level(answer, row[answer.of])
        if row["state"] == FAILED:
            lost.append((name, tell_end(answer, problem, row[answer.of])))
        elif row["trials"] == 0 or row["blocks"] == 0:
            lost.append((name, "without a result"))
        elif name_unit(answer, problem) == SAMPLES and row["reached"] == 0:
            lost.append((name, NEVER))
        else:
            words.append((name, describe_ratio(answer, problem, row, len(words) < intervals, unit * (not words))))
    return [*words, *lost]


def describe_ratio(answer: Answer, problem: str, row: Mapping, interval: bool = True, unit: str = "") -> str:
    """Return how many times what the leader needs a row of the ranking has: "≥1.9× [1.1–3.3] (25% fail)".

    "(perhaps <5%)" where it is shown to be behind, and not by how much.

    unit: what the ratio is of, with which its interval has its level.
    """
    pair = answer.pairs.get((problem, answer.leader(problem), row[answer.of]))
    capped = bool(pair and pair.known and pair.known.kind == "both_small")
    text = f"{'≥' if capped else SIGNS.get(row['bound'], '')}{format_ratio(row['ratio'])}×{unit}"
    if interval and not capped and math.isfinite(row["ratio_low"]):
        text += f" {format_interval(row['ratio_low'], row['ratio_high'], name_certainty(answer) * bool(unit))}"
    perhaps = f"perhaps <{MARGIN - 1:.0%}" * (row[answer.of] in answer.list_close(problem))
    remarks = ", ".join(filter(None, [perhaps, describe_failures(row)]))
    return text + f" ({remarks})" * bool(remarks)


def describe_order(answer: Answer) -> str:
    """Return a sentence on the order over all problems; "" where it is not tested, and of models of one table.

    It is not tested over fewer than FEW_PROBLEMS.
    """
    rows = answer.rows(ALL)
    rows = rows[rows["mean_rank"].notna()]
    if rows.empty or rows["blocks"].max() < FEW_PROBLEMS or answer.is_one_table:
        return ""
    top = rows.iloc[0]
    best = rows.loc[rows["mean_rank"] <= top["mean_rank"] + 1e-9, answer.of].tolist()
    ends = f" [{top['low']:.1f}–{top['high']:.1f}]" if math.isfinite(top["low"]) else ""
    text = (
        f"over {int(rows['blocks'].max())} problems, {join_with_and([*(name_level(answer, each) for each in best)])} "
        f"{'has' if len(best) == 1 else 'share'} the best mean rank: {top['mean_rank']:.1f} of {len(rows)}{ends}"
    )
    fragile = pd.notna(top["stays_first"]) and len(best) == 1 and not top["stays_first"]
    text += "; leaving out one problem changes who leads" if fragile else ""
    return f"{text}; {tested_over_all(answer).rpartition(' over ')[0] or 'no difference is shown'}"


def tested_over_all(answer: Answer) -> str:
    """Return who wins over all problems, for a title; "" where no test shows a difference."""
    rows = answer.rows(ALL)
    names = rows.loc[rows["mean_rank"].notna(), answer.of].tolist()
    beaten = [name for name in names[1:] if answer.pairs[ALL, names[0], name].verdict == WINS]
    if not beaten:
        return ""
    others = len(names) - 1
    whom = (
        f"{'both' if others == 2 else 'all'} others"
        if len(beaten) == others > 1
        else (name_level(answer, beaten[0]) if others == 1 else f"{len(beaten)} of {others} others")
    )
    return f"{name_level(answer, names[0])} wins against {whom} over {int(rows['blocks'].max())} problems"


def name_metric(measure: str, macro: bool = False, error: str = "1 - ", where: str = " on test data") -> str:
    """Return a measure on test data in words: "test loss" for "test_loss_final", "1 - F1 on test data".

    macro: there are several classes. error, where: what stands before a metric that is better where it is higher, and
    behind all of them; "" for the metric itself.
    """
    name = measure.removesuffix("_final")
    short = name.removeprefix(TEST)
    if short not in SCORES or "accuracy" in short:
        return name.replace("_", " ")
    return f"{error * is_gain(short)}{'macro ' * (macro and short == 'f1')}{SCORES[short]}{where}"


def format_ratio(ratio: float) -> str:
    """Return the text of a ratio: "1.3", "25", "140"; within 20% of 1 to two decimals, within 1% to three."""
    if abs(ratio - 1) < 0.2:
        return labels.number(round(ratio, 2 if abs(ratio - 1) >= 0.01 else 3), 4)
    return f"{float(f'{ratio:.2g}'):,.0f}" if 10 <= ratio < 1e5 else labels.number(ratio, 2)


def format_ends(low: float, high: float) -> str:
    """Return the ends of a ratio's interval: "1.2–3.1"; beyond a factor of FARTHEST it has none, "0–∞"."""
    return f"{'0' if low < 1 / FARTHEST else format_ratio(low)}–{'∞' if high > FARTHEST else format_ratio(high)}"


def format_interval(low: float, high: float, level: str = "") -> str:
    """Return the interval of a ratio: "[1.2–3.1]", or "[97.5% CI 1.2–3.1]" with its level."""
    return f"[{f'{level} CI ' * bool(level)}{format_ends(low, high)}]"


def describe_failures(row: Mapping) -> str:
    """Return "25% fail" of a row of the ranking; "" where no run failed."""
    share = row["failures"]
    return f"{'<1' if share < 0.01 else f'{100 * share:.0f}'}% fail" if 0 < share < 1 else ""
