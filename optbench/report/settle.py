"""What would settle the verdicts that are open, and the choices at a limit of the search: commands with their time."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import NamedTuple

from optbench.analysis.answer import Answer
from optbench.analysis.protocol import WIDEN
from optbench.contract.names import count_noun
from optbench.wording import labels
from optbench.wording.certainty import (
    advise_measure,
    advise_more_runs,
    estimate_seconds,
    format_time,
    say_measure,
)
from optbench.wording.wider_search import advise_wider_search, say_wider_search

FOLDER = "."
"""Where the commands are to be run: in the folder of the results, for the page is read anywhere."""
NAMED = 4
"""Pairs that a row names."""
COLUMNS = {"--lr": "lr", "--batch-sizes": "batch_size"}
"""The columns of options that add values to a list."""


class Step(NamedTuple):
    """A row of the table."""

    what: str
    command: str
    time: str


def list_steps(answer: Answer) -> list[Step]:
    """Return what would settle what is open, the quickest first, then what lies at a limit; nothing for a shard."""
    made = answer.tables.provenance
    if made.get("shard"):
        return []
    steps: list[Step] = []
    named: set[tuple[str, str]] = set()
    for each in advise_more_runs(answer, answer.tables.timings, FOLDER, made):
        what = _name_pairs(answer, [key for key in each.pairs if key not in named])
        what = f"{'those above, and ' * bool(named)}{what}: {count_noun(each.more, f'more {each.unit}')}"
        steps.append(Step(what, shlex.join(each.command), format_time(each.seconds)))
        named.update(each.pairs)
    for each in advise_measure(answer, FOLDER):
        time = format_time(estimate_seconds(answer.runs, answer.tables.timings, made.get("cores") or 1))
        steps.append(Step(say_measure(answer, each), shlex.join(each.command), time * bool(each.command)))
    for each in advise_wider_search(answer.promising_edges, FOLDER, made):
        time = format_time(_estimate_wider(answer, each.command))
        steps.append(Step(say_wider_search(each, answer.label), shlex.join(each.command), time))
    return steps


def _estimate_wider(answer: Answer, command: Sequence[str]) -> float:
    """Return the seconds that a wider search takes here."""
    runs, timings, cores = answer.runs, answer.tables.timings, answer.tables.provenance.get("cores") or 1
    whole, (option, value) = estimate_seconds(runs, timings, cores), command[-2:]
    if option == "--widen":  # at most as much again as the rounds before
        widened = runs.loc[runs["stage"] == WIDEN, "cohort_id"].unique() if "stage" in runs else ()
        share = timings.loc[timings["cohort_id"].isin(widened), "seconds"].sum() if "seconds" in timings else 0.0
        return float(share) / max(cores, 1)
    if option in COLUMNS and "(" not in value:
        return whole * len(value.split(",")) / max(runs[COLUMNS[option]].nunique(), 1)
    return whole


def _name_pairs(answer: Answer, pairs: list[tuple[str, str]]) -> str:
    """Return "mlp: nesterov or adam; rosenbrock: rmsprop or gd": problems with their leader and who may be as good."""
    shown = labels.short_names(answer.best["problem"].unique(), answer.label)
    texts = [
        f"{shown[problem]}: {answer.label(answer.leader(problem))} or {answer.label(name)}" for problem, name in pairs
    ]
    if len(texts) > NAMED + 1:
        texts[NAMED:] = [f"{len(pairs) - NAMED} more pairs"]
    return "; ".join(texts)
