"""The certainty of an answer, its cost, and the seeds that would decide it, in words."""

from __future__ import annotations

import math

import pandas as pd

from optbench.analysis.costs import SHARES
from optbench.wording import labels
from optbench.wording.answers import MOST_BLOCKS, Answer, format_ratio

FIRST, EQUIVALENT, UNDECIDED, ALONE, FAILED = "better", "equivalent", "undecided", "alone", "failed"


def find_state(answer: Answer, problem: str) -> str:
    """Return the state of first place: one is better than the rest, several are equivalent, or it is undecided.

    "alone" if there is nothing to compare with, "failed" if every run failed.
    """
    rows = answer.ranking[answer.ranking["problem"] == problem]
    firsts = answer.firsts(problem)
    if len(rows) > 1 and (rows["failures"] == 1).all():
        return FAILED
    if len(rows) == 1:
        return ALONE
    if len(firsts) == 1:
        return FIRST
    verdicts = {answer.pair(problem, firsts[0], name)["verdict"] for name in firsts[1:]}
    return EQUIVALENT if verdicts == {"equivalent"} else UNDECIDED


def state_certainty(answer: Answer, problem: str, seeds: int) -> str:
    """Describe how sure first place is, or what would decide it; seeds: the number in a block."""
    known = find_state(answer, problem)
    if known in (ALONE, FAILED):
        return ""
    firsts = answer.firsts(problem)
    if known == FIRST:
        return _state_lead(answer, problem, firsts[0])
    rows = [answer.pair(problem, firsts[0], name) for name in firsts[1:]]
    if known == EQUIVALENT:
        spans = [f"{name} over {firsts[0]} {_format_interval(answer, problem, firsts[0], name)}" for name in firsts[1:]]
        return ", ".join(spans)
    open_ = [row for row in rows if row["verdict"] == "undecided"]
    needed = [row for row in open_ if pd.notna(row["blocks_needed"])]
    if not needed:
        reasons = answer.reasons(problem)
        return reasons[0] if reasons else ""
    row = max(needed, key=lambda row: row["blocks_needed"])
    name = row["b"] if row["a"] == firsts[0] else row["a"]
    text = f"{name} over {firsts[0]} {_format_interval(answer, problem, firsts[0], name)}"
    return f"{text}; {count_more_seeds(row['blocks_needed'] - row['blocks'], seeds)} would tell"


def count_more_seeds(blocks: float, seeds: int) -> str:
    """Return a number of blocks with their seeds: "34 more blocks (238 more seeds)"."""
    if blocks > MOST_BLOCKS:
        return f"over {MOST_BLOCKS:,} more blocks of seeds"
    count = max(int(math.ceil(blocks)), 1)
    return f"{count:,} more block{'s' if count > 1 else ''} ({count * seeds:,} more seeds)"


def state_cost(costs: dict) -> str:
    """Describe the average cost of an easy target and of the hardest one reached, from a row of the table of costs.

    A target that not all runs reach costs more than a run is given, so the text says how many arrived. Empty if no
    target is known or none is reached.
    """
    spent = {share: costs.get(f"samples_to_{share:g}", math.nan) for share in SHARES}
    reached = [share for share, cost in spent.items() if cost is not None and math.isfinite(cost)]
    if not reached:
        return ""
    shown = reached[-2:] if len(reached) < 3 else [reached[1], reached[-1]]
    texts = [
        f"{format_samples(spent[share])} samples{_count_arrivals(costs, share)} to {100 * share:g}%" for share in shown
    ]
    return f"{', '.join(texts)} of the first suboptimality"


def _count_arrivals(costs: dict, share: float) -> str:
    """Return how many runs reached a target, in words; "" if all did."""
    runs = int(costs["runs"])
    arrived = round(costs[f"reached_{share:g}"] * runs)
    return "" if arrived == runs else f" ({arrived} of {runs} runs arrived)"


def format_samples(cost: float) -> str:
    """Return a number to two digits with commas: "5,700", "1.2e6"."""
    return f"{float(f'{cost:.3g}'):,.0f}" if cost < 1e6 else labels.number(cost)


def state_length(runs: pd.DataFrame) -> str:
    """Return the length of these runs: "6 epochs, 6,144 samples a run"."""
    done = runs[runs["status"] == "ok"]
    rows = done if len(done) else runs
    epochs, samples = float(rows["epochs"].median()), float(rows["samples"].median())
    return f"{labels.number(epochs)} epoch{'' if epochs == 1 else 's'}, {samples:,.0f} samples a run"


def _state_lead(answer: Answer, problem: str, first: str) -> str:
    """Return how certain first place is if it is not shared: the rivals it beats, adjusted p, blocks; or ""."""
    rows = answer.ranking[answer.ranking["problem"] == problem]
    rivals = [name for name in rows["optimizer"] if name != first]
    beaten = [answer.pair(problem, first, name) for name in rivals if answer.compare(problem, first, name)[3] == FIRST]
    if not beaten:
        return ""
    rest = f"each of the {len(rivals)} others" if len(beaten) == len(rivals) > 1 else f"{len(beaten)} of {len(rivals)}"
    rest = rivals[0] if len(rivals) == 1 else rest
    text = f"better than {rest}"
    p, blocks = max(row["p_adjusted"] for row in beaten), int(beaten[0]["blocks"])
    if pd.notna(p):
        text += f", adjusted p {'< 0.001' if p < 0.001 else f'≤ {labels.number(p, 2)}'}"
    return text + (f", {blocks} {'problems' if problem == 'all' else 'blocks of seeds'}" if blocks else "")


def _format_interval(answer: Answer, problem: str, first: str, name: str) -> str:
    """Return the ratio of two optimizers with its interval."""
    ratio, low, high, _ = answer.compare(problem, first, name)
    return f"{format_ratio(ratio)} [{format_ratio(low)}, {format_ratio(high)}]"
