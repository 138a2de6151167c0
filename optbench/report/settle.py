"""What would settle the verdicts that are open, and the choices at a limit of the search: commands with their time."""

from __future__ import annotations

import shlex
from typing import NamedTuple

from optbench.analysis.protocol import WIDEN
from optbench.contract.names import count_noun
from optbench.figures.data import ReportData
from optbench.wording import labels
from optbench.wording.certainty import count_blocks, estimate_seconds, format_time
from optbench.wording.wider_search import advise_wider_search, begin_extension

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


def list_steps(sweep: ReportData) -> list[Step]:
    """Return what would settle what is open, the quickest first, then what lies at a limit; nothing for a shard."""
    made = sweep.results.provenance
    if made.get("shard"):
        return []
    return [*_list_more_runs(sweep), *_list_wider_searches(sweep)]


def _list_more_runs(sweep: ReportData) -> list[Step]:
    """Return how many blocks, or seeds, half of what is open takes, and all of it (`count_blocks`)."""
    answer, made = sweep.answer, sweep.results.provenance
    needed = count_blocks(answer)
    there, unit = answer.seeds or answer.blocks, "seed" if answer.seeds else "block"
    counts = sorted(needed.values())
    steps, named = [], []
    for more in dict.fromkeys([counts[(len(counts) - 1) // 2], counts[-1]]) if counts else ():
        settled = [key for key in needed if needed[key] <= more]
        seconds = estimate_seconds(answer.runs, sweep.results.timings, made.get("cores") or 1, more / max(there, 1))
        amount = count_noun(more, f"more {unit}")
        also = [key for key in settled if key not in named]
        above = "those above, and " if named else ""
        what = f"{above}{_name_pairs(sweep, also)}: {amount}"
        named = settled
        steps.append(Step(what, f"{begin_extension(FOLDER, made)} --{unit}s {there + more}", format_time(seconds)))
    return steps


def _list_wider_searches(sweep: ReportData) -> list[Step]:
    """Return the searches beyond the limits at which choices lie."""
    answer, made = sweep.answer, sweep.results.provenance
    runs, timings, cores = sweep.results.runs, sweep.results.timings, made.get("cores") or 1
    whole, steps = estimate_seconds(answer.runs, timings, cores), []
    for text in advise_wider_search(answer.promising_edges, FOLDER, made):
        what, _, command = text.partition("; wider: ")
        words = shlex.split(command)
        option, value = words[-2:]
        seconds = whole
        if option == "--widen":  # at most as much again as the rounds before
            widened = runs.loc[runs["stage"] == WIDEN, "cohort_id"].unique() if "stage" in runs else ()
            share = timings.loc[timings["cohort_id"].isin(widened), "seconds"].sum() if "seconds" in timings else 0.0
            seconds = float(share) / max(cores, 1)
        elif option in COLUMNS and "(" not in value:
            seconds = whole * len(value.split(",")) / max(runs[COLUMNS[option]].nunique(), 1)
        steps.append(Step(what, command, format_time(seconds)))
    return steps


def _name_pairs(sweep: ReportData, pairs: list[tuple[str, str]]) -> str:
    """Return "mlp: nesterov or adam; rosenbrock: rmsprop or gd": problems with their leader and who may be as good."""
    shown = labels.short_names(sweep.answer.best["problem"].unique(), sweep.label)
    texts = [
        f"{shown[problem]}: {sweep.label(sweep.answer.leader(problem))} or {sweep.label(name)}"
        for problem, name in pairs
    ]
    if len(texts) > NAMED + 1:
        texts[NAMED:] = [f"{len(pairs) - NAMED} more pairs"]
    return "; ".join(texts)
