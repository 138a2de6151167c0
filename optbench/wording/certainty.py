"""The certainty of an answer, its cost, and the seeds that would decide it, in words."""

from __future__ import annotations

import math

import pandas as pd

from optbench.analysis.costs import SHARES
from optbench.wording import labels
from optbench.wording.answers import MOST_BLOCKS, Answer, format_ratio

FIRST, EQUIVALENT, UNDECIDED, ALONE, FAILED = "better", "equivalent", "undecided", "alone", "failed"


def find_state(answer: Answer, problem: str) -> str:
    """Return the verdict of first place on a problem, one of the constants above.

    ALONE: there is nothing to compare with; FAILED: every run failed; FIRST: one is better than the rest; else several
    share it, EQUIVALENT or UNDECIDED.
    """
    rows = answer.ranking[answer.ranking["problem"] == problem]
    firsts = answer.firsts(problem)
    if len(rows) == 1:
        return ALONE
    if (rows["failures"] == 1).all():
        return FAILED
    if len(firsts) == 1:
        return FIRST
    verdicts = {answer.pair(problem, firsts[0], name)["verdict"] for name in firsts[1:]}
    return EQUIVALENT if verdicts == {"equivalent"} else UNDECIDED


def state_certainty(answer: Answer, problem: str, seeds: int) -> str:
    """Return in words how sure first place is, or what would decide it. seeds: the number of seeds in a block."""
    state, firsts = find_state(answer, problem), answer.firsts(problem)
    if state == FIRST:
        return _state_lead(answer, problem, firsts[0])
    if state == EQUIVALENT:
        return ", ".join(_format_interval(answer, problem, firsts[0], name) for name in firsts[1:])
    if state != UNDECIDED:
        return ""
    rows = {name: answer.pair(problem, firsts[0], name) for name in firsts[1:]}
    needed = {
        name: row["blocks_needed"] for name, row in rows.items()
        if row["verdict"] == "undecided" and pd.notna(row["blocks_needed"])
    }  # fmt: skip
    if not needed:
        return next(iter(answer.reasons(problem)), "")
    name = max(needed, key=needed.__getitem__)
    more = count_more_seeds(needed[name] - rows[name]["blocks"], seeds)
    return f"{_format_interval(answer, problem, firsts[0], name)}; {more} would tell"


def count_more_seeds(blocks: float, seeds: int) -> str:
    """Return a number of blocks with their seeds: "34 more blocks (238 more seeds)"."""
    if blocks > MOST_BLOCKS:
        return f"over {MOST_BLOCKS:,} more blocks of seeds"
    count = max(math.ceil(blocks), 1)
    return f"{count:,} more block{'s' if count > 1 else ''} ({count * seeds:,} more seeds)"


def state_cost(costs: dict) -> str:
    """Return in words the average cost of an easy target and of the hardest one reached; "" if there is none.

    costs: a row of `optbench.analysis.costs`. A target that not all runs reach costs more than a run is given, so the
    text says how many arrived.
    """
    spent = {share: costs.get(f"samples_to_{share:g}", math.nan) for share in SHARES}
    reached = [share for share, cost in spent.items() if cost is not None and math.isfinite(cost)]
    if not reached:
        return ""
    shown = reached[-2:] if len(reached) < 3 else [reached[1], reached[-1]]
    texts, runs = [], int(costs["runs"])
    for share in shown:
        arrived = round(costs[f"reached_{share:g}"] * runs)
        some = "" if arrived == runs else f" ({arrived} of {runs} runs arrived)"
        texts.append(f"{format_samples(spent[share])} samples{some} to {100 * share:g}%")
    return f"{', '.join(texts)} of the first suboptimality"


def format_samples(cost: float) -> str:
    """Return a number to three digits, below a million with commas: "5,680", "1.23e6"."""
    return f"{float(f'{cost:.3g}'):,.0f}" if cost < 1e6 else labels.number(cost)


def state_length(runs: pd.DataFrame) -> str:
    """Return the length of the runs of a table: "6 epochs, 6,144 samples a run"."""
    done = runs[runs["status"] == "ok"]
    rows = done if len(done) else runs
    epochs, samples = float(rows["epochs"].median()), float(rows["samples"].median())
    return f"{labels.number(epochs)} epoch{'' if epochs == 1 else 's'}, {samples:,.0f} samples a run"


def _state_lead(answer: Answer, problem: str, first: str) -> str:
    """Return how certain first place is if it is not shared: the rivals it beats, adjusted p, blocks; or ""."""
    names = answer.ranking.loc[answer.ranking["problem"] == problem, "optimizer"]
    rivals = [name for name in names if name != first]
    beaten = [name for name in rivals if answer.compare(problem, first, name)[3] == FIRST]
    if not beaten:
        return ""
    rest = f"each of the {len(rivals)} others" if len(beaten) == len(rivals) else f"{len(beaten)} of {len(rivals)}"
    text = f"better than {rivals[0] if len(rivals) == 1 else rest}"
    rows = [answer.pair(problem, first, name) for name in beaten]
    p, blocks = max(row["p_adjusted"] for row in rows), int(rows[0]["blocks"])
    if pd.notna(p):
        text += f", adjusted p {'< 0.001' if p < 0.001 else f'≤ {labels.number(p, 2)}'}"
    return text + (f", {blocks} {'problems' if problem == 'all' else 'blocks of seeds'}" if blocks else "")


def _format_interval(answer: Answer, problem: str, first: str, name: str) -> str:
    """Return the ratio of an optimizer over the first one with its interval: "adam over gd 1.2 [1.1, 1.3]"."""
    ratio, low, high, _ = answer.compare(problem, first, name)
    return f"{name} over {first} {format_ratio(ratio)} [{format_ratio(low)}, {format_ratio(high)}]"
