"""The answer of a sweep in one line, and that of a problem in a few words: what the first screen of a page says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from optbench.analysis.texts import join_with_and
from optbench.analysis.verdicts import WINS
from optbench.wording import labels
from optbench.wording.answers import Answer
from optbench.wording.certainty import ALONE, EQUIVALENT, FAILED, FIRST, UNDECIDED, find_state
from optbench.wording.judged import Judged

MOST = 6
"""Optimizers with losses that a line names at most."""
NAMED = 2
"""Optimizers that a line names; of more it says how many."""
FEW = 5
"""Losses on fewer than one problem in so many are left out of a title."""
TIED, LEADS = "ties", "leads"


def headline(answer: Answer) -> str:
    """Return the title of a sweep: who wins, ties or leads, and on how many of its problems.

    Nobody "wins" where a verdict is open. Where a test over all problems tells optimizers apart, that comes first,
    unless one of them is best on every problem. Problems without the measure, where the loss stands in, do not count
    unless all are.
    """
    judged = answer.judged
    everything = list(answer.best["problem"].unique())
    problems = [name for name in everything if name not in judged.without] or everything
    states = {problem: find_state(answer, problem) for problem in problems}
    if answer.runs["optimizer"].nunique() == 1:
        return f"Only {answer.label(answer.runs['optimizer'].iloc[0])} ran: there is nothing to compare it with"
    if set(states.values()) == {FAILED}:
        ends = {judged.tell_end(problem, *judged.rows(problem)["optimizer"]) for problem in problems}
        end = ends.pop() if len(ends) == 1 else "diverged or failed"
        return f"Every run {end}: there is nothing to compare"
    if len(problems) == 1:
        return _describe_one(answer, problems[0])
    done: dict[str, list[str]] = {}
    for problem, state in states.items():
        verb = LEADS if judged.is_at_limit(problem) else {FIRST: WINS, EQUIVALENT: TIED}.get(state, LEADS)
        for name in judged.list_ahead(problem) if state != ALONE else ():
            done.setdefault(name, []).append(verb)
    some = judged.name_data() if len(problems) < len(everything) else ""
    every = f"{'both' if len(problems) == 2 else f'all {len(problems)}'} problems{some}"
    open_ = [problem for problem, state in states.items() if state == UNDECIDED]
    behind = _describe_losers(judged, problems) if len(open_) == len(problems) else ""
    most = max(map(len, done.values()), default=0)
    if most < len(problems) and not answer.is_one_table and (tested := judged.tested_over_all()):
        return tested + "; on no single one is a lead sure" * (len(open_) == len(problems))
    if not done:
        return f"{'Too close to call' if len(open_) == len(problems) else 'Nothing to compare'} on {every}{behind}"
    best = [name for name in done if len(done[name]) == most]
    called = [*map(answer.label, best)]
    if most == len(problems):
        if len(best) > 1:
            everyone = NAMED < len(best) == answer.runs["optimizer"].nunique()
            who = f"All {len(best)} optimizers" if everyone else _join(called)
            return f"{who} tie on {every}"
        return f"{called[0]} {_join_verbs(done[best[0]])} on {every}"
    head = "No winner yet" if len(open_) == len(problems) else "No single winner"
    where = f"on {most} of {len(problems)} problems{some}"
    shown = {verb for name in best for verb in done[name]} - {LEADS}
    if len(best) > 3 or (not shown and 2 * most < len(problems)):  # leads that may be luck are no reason to name one
        if len(open_) == len(problems):
            text = f"No clear winner on any of {len(problems)} problems{some}"
            return text + (behind or ": every lead may be luck")
        return f"{head}: no optimizer wins, ties or leads on more than {most} of {len(problems)} problems{some}"
    if len(best) > 1:
        verbs = _join_verbs([verb for name in best for verb in done[name]], several=True)
        return f"{head}: {join_with_and(called)} each {verbs} {where}{behind}"
    return f"{head}: {called[0]} {_join_verbs(done[best[0]])} {where}{behind}"


def describe_shortly(answer: Answer, problem: str) -> str:
    """Return a problem's verdict in a few words: "nesterov leads; momentum may be as good"."""
    judged, state = answer.judged, find_state(answer, problem)
    rows, firsts = judged.rows(problem), judged.firsts(problem)
    called = [*map(answer.label, firsts)]
    if state == ALONE:
        return f"{answer.label(rows['optimizer'].iloc[0])} alone: nothing to compare"
    if state == FAILED:
        return f"every run {judged.tell_end(problem, *rows['optimizer'])}"
    if not firsts or (rows["blocks"] == 0).all():
        return "no result on fresh seeds yet"
    if state == FIRST:
        return f"{called[0]} {'leads, at a limit of the search' if judged.is_at_limit(problem) else 'wins'}"
    if state == EQUIVALENT:
        return f"{'all ' * (len(firsts) == len(rows) > NAMED)}{_join(called)} tie"
    if not judged.first(problem):
        rest = [name for name in rows["optimizer"] if name not in firsts]
        every = f"all {len(rows)} optimizers" if not rest else f"{len(firsts)} of the {len(rows)} optimizers"
        if len(rest) == 1:
            wins = [name for name in firsts if judged.pairs[problem, name, rest[0]].verdict == WINS]
            every = f"all but {answer.label(rest[0])}" + (f", which {answer.label(wins[0])} beats" if wins else "")
        return f"too close to call: {_join(called) if len(firsts) <= NAMED else every}"
    open_ = judged.list_open(problem)
    return f"{called[0]} leads; {answer.label(open_[0]) if len(open_) == 1 else f'{len(open_)} others'} may be as good"


def _describe_one(answer: Answer, problem: str) -> str:
    """Return the title of a sweep of one problem."""
    state, name = find_state(answer, problem), labels.shorten(labels.short_name(answer.label(problem)), 60)
    firsts = [*map(answer.label, answer.judged.firsts(problem))]
    if state == FIRST:
        return f"{firsts[0]} {'leads' if answer.judged.is_at_limit(problem) else 'wins'} on {name}"
    if state == EQUIVALENT:
        every = len(firsts) == len(answer.judged.rows(problem))
        return f"{f'All {len(firsts)} optimizers' if every and len(firsts) > NAMED else _join(firsts)} tie on {name}"
    if not firsts or (answer.judged.rows(problem)["blocks"] == 0).all():
        return f"No result on {name} yet"
    if answer.judged.first(problem):
        return f"No winner on {name} yet: {describe_shortly(answer, problem)}"
    return f"Too close to call on {name}: {_join(firsts)}"


def list_losers(answer: Answer) -> str:
    """Return on how many problems each optimizer is clearly behind: "adam on 3, gd and rmsprop on 2"; "" of many."""
    problems = [name for name in answer.best["problem"].unique() if name not in answer.judged.without]
    lost = _count_losses(answer.judged, problems)
    if len(problems) < 2 or not 0 < len(lost) <= MOST:
        return ""
    counts = sorted(set(lost.values()), reverse=True)
    parts = [
        f"{join_with_and([answer.label(name) for name in lost if lost[name] == count])} on {count}" for count in counts
    ]
    return f"clearly behind a leader: {', '.join(parts)}"


def _count_losses(judged: Judged, problems: Sequence[str]) -> Counter[str]:
    """Return on how many problems each optimizer is clearly behind the leader."""
    lost: Counter[str] = Counter()
    for problem in problems:
        beside = {
            name: judged.pairs.get((problem, judged.leader(problem), name)) for name in judged.rows(problem)[judged.of]
        }
        lost.update(name for name, pair in beside.items() if pair and pair.verdict == WINS)
    return lost


def _describe_losers(judged: Judged, problems: Sequence[str]) -> str:
    """Return who is clearly behind most leaders of problems: "; adam clearly loses on 3"; "" if none or many are.

    A title that names no winner would else hide what is certain.
    """
    lost = _count_losses(judged, problems)
    names = [name for name in lost if lost[name] == max(lost.values())]
    verb = "clearly loses" if len(names) == 1 else "each clearly lose"
    often = 0 < len(names) <= NAMED and FEW * lost[names[0]] >= len(problems)
    return f"; {join_with_and([*map(judged.name, names)])} {verb} on {lost[names[0]]}" if often else ""


def _join_verbs(verbs: Sequence[str], several: bool = False) -> str:
    """Return the verbs that occur, each once, from the strongest to the weakest: "wins or leads"."""
    counts = Counter(verbs)
    found = [verb for verb in (WINS, TIED, LEADS) if counts[verb]]
    found = [{WINS: "win", TIED: "tie", LEADS: "lead"}[verb] if several else verb for verb in found]
    return join_with_and(found).replace(" and ", " or ")


def _join(names: Sequence[str]) -> str:
    """Return a few names, or how many of them there are: "adam and lion", "5 optimizers"."""
    return join_with_and(list(names)) if len(names) <= NAMED else f"{len(names)} optimizers"
