"""The certainty of an answer, its cost, and the blocks that would decide what is open, in words."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import pandas as pd

from optbench.analysis.costs import SHARES
from optbench.analysis.verdicts import ALL, OPEN, TIE, WINS
from optbench.contract.names import count_noun
from optbench.wording import labels
from optbench.wording.answers import Answer, format_ratio
from optbench.wording.judged import MOST_BLOCKS, Beside, Judged, describe_settling, format_interval

FIRST, EQUIVALENT, UNDECIDED, ALONE, FAILED = WINS, TIE, OPEN, "alone", "failed"


def find_state(answer: Answer, problem: str) -> str:
    """Return the state of first place on a problem: FIRST, EQUIVALENT, UNDECIDED, ALONE or FAILED.

    ALONE: there is nothing to compare with; FAILED: every run failed; FIRST: one wins against all that do not tie with
    it; EQUIVALENT: all tie, or several do in first place; UNDECIDED: somebody may be as good as the leader, or better.
    """
    judged = answer.judged
    rows = judged.rows(problem)
    if len(rows) == 1:
        return ALONE
    if (rows["failures"] == 1).all():
        return FAILED
    first = judged.first(problem)
    if not first or judged.list_open(problem):
        return UNDECIDED
    return EQUIVALENT if (rows["state"] == TIE).any() else FIRST


def state_certainty(answer: Answer, problem: str, seeds: int) -> str:
    """Return in words how sure first place is, or what would decide it. seeds: the number of seeds in a block."""
    state, judged = find_state(answer, problem), answer.judged
    if state in (ALONE, FAILED):
        return ""
    firsts = judged.firsts(problem)
    if state == FIRST:
        return _state_lead(judged, problem, firsts[0])
    if state == EQUIVALENT:
        return ", ".join(_format_interval(judged, problem, firsts[0], name) for name in firsts[1:])
    pairs = {name: judged.pairs[problem, firsts[0], name] for name in judged.list_open(problem)}
    needed = {name: pair.more for name, pair in pairs.items() if not math.isnan(pair.more)}
    if not needed:
        return next(iter(judged.reasons(problem)), "")
    name = max(needed, key=needed.__getitem__)
    more = describe_settling(count_more_seeds(needed[name], seeds))
    return f"{_format_interval(judged, problem, firsts[0], name)}; {more}"


def count_more_seeds(blocks: float, seeds: int) -> str:
    """Return a number of blocks with their seeds, "34 more blocks (238 seeds)"; "" of more than MOST_BLOCKS."""
    if blocks > MOST_BLOCKS:
        return ""
    count = max(math.ceil(blocks), 1)
    return f"{count_noun(count, 'more block')} ({count * seeds:,} seeds)"


class MoreRuns(NamedTuple):
    """What a sweep needs to tell more."""

    text: str
    option: str
    """The option of ``sweep --extend`` that runs it: "--blocks 22"; "" where no number of runs is advised."""


def plan_more_runs(answer: Answer, timings: pd.DataFrame, cores: int = 1) -> MoreRuns | None:
    """Return how many more blocks, or seeds, would probably decide what is open; None where nothing is.

    It counts the optimizers that are not told apart from a problem's leader. The advised number decides half of those
    that at most MOST_BLOCKS can decide, each with the probability of four in five that `blocks_needed` has. timings:
    the table of the sweep; cores: those of its machine, for an estimate of the time.
    """
    judged, known = answer.judged, list(find_open_pairs(answer).values())
    if not known:
        return None
    unit = "seed" if judged.seeds else "block"
    counts = sorted(judged.count_more(pair) for pair in known if pair.more <= MOST_BLOCKS)
    total = f"{len(known):,} pair{'s' * (len(known) > 1)} with a leader {'are' if len(known) > 1 else 'is'} open"
    if not counts:
        return MoreRuns(f"{total}: {describe_settling(what='it' if len(known) == 1 else 'them')}", "")
    more = counts[(len(counts) - 1) // 2]
    settled = int(np.sum(np.array(counts) <= more))
    there = judged.seeds or answer.blocks
    minutes = state_minutes(estimate_seconds(answer.runs, timings, cores, more / max(there, 1)))
    what = "it" if len(known) == 1 else "all" if settled == len(known) else f"{settled:,} of them"
    text = f"{total}: {describe_settling(count_noun(more, f'more {unit}') + minutes, what)}"
    if settled < len(counts):
        most = count_noun(counts[-1], f"more {unit}")
        text += f", {most} {'all' if len(counts) == len(known) else f'{len(counts):,}'}"
    if left := len(known) - len(counts):
        text += f"; {describe_settling(what=f'the other {left:,}' if left > 1 else 'the last')}"
    text += f"; more {unit}s are {judged.describe_further_look()}"
    return MoreRuns(text, f"--{unit}s {there + more}")


def find_open_pairs(answer: Answer) -> dict[tuple[str, str], Beside]:
    """Return by problem and optimizer the pairs with the leader that are open, and that more runs would decide."""
    judged = answer.judged
    pairs = {
        (problem, name): judged.pairs[problem, judged.leader(problem), name]
        for problem in judged.ranking["problem"].unique()
        if problem != ALL and problem not in answer.unlearned
        for name in judged.list_open(problem)
    }
    return {key: pair for key, pair in pairs.items() if not math.isnan(pair.more) and "fails in" not in pair.known}


def estimate_seconds(runs: pd.DataFrame, timings: pd.DataFrame, cores: int, times: float = 1.0) -> float:
    """Return the seconds that the sweep's blocks or seeds take once more, `times` as many; 0 if none was measured."""
    used = timings[timings["cohort_id"].isin(runs["cohort_id"].unique())] if "seconds" in timings else timings[:0]
    return float(used["seconds"].sum()) * times / max(cores, 1) if len(used) else 0.0


def state_minutes(seconds: float) -> str:
    """Return " (about 3 minutes here)"; "" where no time was measured."""
    if not seconds > 0:
        return ""
    if seconds < 90:
        return f" (about {max(1, round(seconds))} s here)"
    return f" (about {seconds / 60:,.0f} minutes here)" if seconds < 5400 else f" (about {seconds / 3600:,.1f} h here)"


def state_cost(costs: dict, target: float = math.nan) -> str:
    """Return in words the average cost of an easy target and of the judged one; "" if there is none.

    costs: a row of `optbench.analysis.costs`; target: that of the verdicts; NaN: the hardest one reached. A target that
    not all runs reach costs more than a run is given, so the text says how many arrived.
    """
    spent = {share: costs.get(f"samples_to_{share:g}", math.nan) for share in (*SHARES, target)}
    arrived_at = [share for share, cost in spent.items() if cost is not None and math.isfinite(cost)]
    reached = [share for share in arrived_at if share in SHARES]
    if not arrived_at:
        return ""
    shown = reached[-2:] if len(reached) < 3 else [reached[1], reached[-1]]
    if target in arrived_at and target not in shown:
        far = max(shown, key=lambda share: abs(math.log(share / target)), default=target)
        shown = sorted({far, target}, reverse=True)
    texts, runs = [], int(costs["runs"])
    for share in shown:
        arrived = round(costs[f"reached_{share:g}"] * runs)
        some = "" if arrived == runs else f" ({arrived} of {runs} runs arrived)"
        texts.append(f"{labels.samples_text(spent[share])} samples{some} to {labels.share_text(share)}")
    return f"{', '.join(texts)} of the gap at the start"


def state_length(runs: pd.DataFrame) -> str:
    """Return the length of the runs of a table: "6 epochs, 6,144 samples a run"; of a function "300 steps a run"."""
    done = runs[runs["status"] == "ok"]
    rows = done if len(done) else runs
    epochs, samples = float(rows["epochs"].median()), float(rows["samples"].median())
    if samples == epochs:  # of a function, whose only example is the function itself
        return f"{samples:,.0f} step{'' if samples == 1 else 's'} a run"
    return f"{labels.number(epochs)} epoch{'' if epochs == 1 else 's'}, {samples:,.0f} samples a run"


def _state_lead(judged: Judged, problem: str, first: str) -> str:
    """Return how certain first place is if it is not shared: the rivals it wins against, adjusted p, blocks; or ""."""
    names = judged.ranking.loc[judged.ranking["problem"] == problem, judged.of]
    rivals = [name for name in names if name != first]
    beaten = [name for name in rivals if judged.pairs[problem, first, name].verdict == WINS]
    if not beaten:
        return ""
    rest = f"all {len(rivals)} others" if len(beaten) == len(rivals) else f"{len(beaten)} of {len(rivals)} others"
    text = f"wins against {judged.name(rivals[0]) if len(rivals) == 1 else rest}"
    rows = judged.verdicts[judged.verdicts["problem"] == problem]
    rows = rows[(rows["a"].eq(first) & rows["b"].isin(beaten)) | (rows["b"].eq(first) & rows["a"].isin(beaten))]
    p, blocks = rows["p_adjusted"].max(), int(rows["blocks"].max())
    facts = []
    if pd.notna(p):
        which = "largest adjusted p" if len(beaten) > 1 else "adjusted p"
        facts.append(f"{which} {'< 0.001' if p < 0.001 else f'= {labels.number(p, 2)}'}")
    unit = "problems" if problem == ALL else "blocks of seeds"
    facts += [f"{blocks} {unit}"] if blocks else []
    return f"{text} ({'; '.join(facts)})" if facts else text


def _format_interval(judged: Judged, problem: str, first: str, name: str) -> str:
    """Return the ratio of an optimizer over the first one with its interval: "adam: 1.2× gd's samples [1.1–1.3]"."""
    pair = judged.pairs[problem, first, name]
    of = f"{judged.name(first)}'s {judged.unit(problem)}"
    return f"{judged.name(name)}: {format_ratio(pair.ratio)}× {of} {format_interval(pair.low, pair.high)}"
