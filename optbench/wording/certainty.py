"""The runs that what is open needs, and how long runs are, in words."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from optbench.analysis.advice import Advice, find_limited_by_rows
from optbench.analysis.answer import Answer, Beside
from optbench.analysis.folders import SECONDS, TUNED, Comparison
from optbench.analysis.sweep_tables import Tables
from optbench.analysis.verdicts import ALL, OPEN
from optbench.contract.columns import TEST
from optbench.contract.names import count_noun
from optbench.wording import labels
from optbench.wording.judged import MOST_BLOCKS
from optbench.wording.wider_search import begin_extension


def advise_more_runs(
    answer: Answer, timings: pd.DataFrame, directory: str | Path, provenance: Mapping[str, Any]
) -> list[Advice]:
    """Return how many more blocks, or seeds, half of what is open takes, and all of it (`count_blocks`).

    timings, provenance: of the sweep; directory: that of its results.
    """
    needed, there = count_blocks(answer), answer.seeds or answer.blocks
    unit: Literal["block", "seed"] = "seed" if answer.seeds else "block"
    return [
        Advice(
            (*begin_extension(directory, provenance), f"--{unit}s", str(there + more)),
            tuple(key for key in needed if needed[key] <= more), more, unit,
            seconds=estimate_seconds(answer.runs, timings, provenance.get("cores") or 1, more / max(there, 1)),
        )
        for more in _pick_counts(needed.values())
    ]  # fmt: skip


def advise_measure(answer: Answer, directory: str | Path) -> list[Advice]:
    """Return the sweep that judges what the test rows leave open by the log loss; without a command for other measures.

    directory: that of the results.
    """
    pairs = find_limited_by_rows(answer, list(_find_undecided(answer)))
    if not pairs:
        return []
    command: tuple[str, ...] = ()
    if answer.judge_by.removeprefix(TEST) in ("accuracy", "balanced_accuracy", "f1", "auc"):
        spec, out = (str(Path(directory) / name) for name in ("spec.toml", "log_loss"))
        command = ("optbench", "sweep", spec, "--judge-by", "log_loss", "--out", out)
    return [Advice(command, tuple(pairs))]


def say_measure(answer: Answer, advice: Advice) -> str:
    """Return how many open pairs no further blocks decide, whether the user's own is among them, and what does."""
    count, mine = len(advice.pairs), {name for _, name in advice.pairs} & {*answer.tables.incumbents}
    text = f"{count_noun(count, 'open pair')}{', what you have among them,' * bool(mine)} stay{'s' * (count == 1)} open"
    way = "by the log loss each row tells more" if advice.command else "more rows of the table tell more"
    return f"{text} however many blocks run, as the test rows are too few: {way}"


def advise_both(found: Comparison, sides: Sequence[Tables]) -> list[dict[str, Any]]:
    """Return what would settle the open rows of a comparison: its "text" and the "commands", which may be none.

    More blocks are to show or rule out a regression, or, where none is tested, to give a verdict. sides: the folders,
    one where two of its optimizers are compared. Nothing for times, parts, and folders that are unfinished.
    """
    what, column = ("verdict", "blocks_needed") if found.above is None else ("regression", "regression_blocks")
    rows = found.rows[(found.rows[what] == OPEN) & found.rows[column].notna()]
    if found.by == SECONDS or any(side.missing or not side.path or side.provenance.get("shard") for side in sides):
        return []
    subject = f"{len(rows):,} open row{'s' * (len(rows) > 1)}"
    if found.above is not None:
        subject = f"a regression above {100 * found.above:.4g}% is open in {count_noun(len(rows), 'row')}"
    steps = []
    for most in _pick_counts(rows.loc[np.isfinite(rows[column]), column].unique()):
        settled = rows[rows[column] <= most]
        times = float((settled[column] / settled["blocks"]).max())  # of the runs that there are
        who = "it" if len(rows) == 1 else "all" if len(settled) == len(rows) else f"{len(settled):,} of them"
        verb = "need" if who == "all" or len(settled) > 1 else "needs"
        text, commands = _plan_extension(found.by, sides, most, times)
        steps.append({"text": f"{subject}: {who} {verb} at most {text}", "commands": commands})
    return steps


def _plan_extension(by: str, sides: Sequence[Tables], most: float, times: float) -> tuple[str, list[str]]:
    """Return how many blocks or seeds each folder is to have, with the time, and the commands that extend them.

    by: the kind of comparison; most: the blocks in all, where blocks are compared; times: as many times the runs that
    there are, for seeds.
    """
    commands, seconds, counts = [], 0.0, []
    versions = {side.provenance.get("optbench") for side in sides}
    for side in sides:
        made = side.provenance
        blocks = int(made.get("blocks") or 0)
        there, unit = blocks or len(made.get("seeds") or ()), "block" if blocks else "seed"
        total = math.ceil((most if blocks and by == TUNED else there * times) - 1e-9)
        counts.append((total, unit))
        if total > there:
            version = f"  # with optbench {made.get('optbench')}" * (len(versions) > 1)
            words = (*begin_extension(side.path or "", made), f"--{unit}s", str(total))
            commands.append(f"{shlex.join(words)}{version}")
            more = (total - there) / max(there, 1)
            seconds += estimate_seconds(side.runs, side.timings, made.get("cores") or 1, more)
    total, unit = max(counts)
    where = " in both folders" * (len(commands) > 1)
    took = f" (about {format_time(seconds)} here)" * (seconds > 0)
    return f"{total:,} {unit}s in all{where}{took}", commands


def _pick_counts(counts: Iterable) -> list:
    """Return the numbers of blocks that half of what is open takes, and all of it: one where they are the same."""
    each = sorted(counts)
    return list(dict.fromkeys([each[(len(each) - 1) // 2], each[-1]] if each else ()))


def say_more_runs(answer: Answer, advice: Advice) -> str:
    """Return how many of the open pairs so many more blocks, or seeds, decide at most, and the time."""
    count, time = len(find_open_pairs(answer)), format_time(advice.seconds)
    which = f"{len(advice.pairs):,} of {count:,} open pairs need" if count > 1 else "the open pair needs"
    text = f"{which} at most {count_noun(advice.more, f'more {advice.unit}')}"
    if answer.in_common:
        text = f"{count_noun(count, 'open pair')}: twice the blocks make intervals about a fifth narrower"
    return text + f" (about {time} here)" * bool(time)


def count_blocks(answer: Answer) -> dict[tuple[str, str], int]:
    """Return by open pair (`find_open_pairs`) the further blocks, or seeds, that decide it, MOST_BLOCKS at most.

    Where settings are compared on seeds in common, it is as many blocks as there are, for want of a number that
    decides. Measured on sweeps drawn from recorded runs, five levels each: intervals after 16 blocks, at the second
    look, are 23% narrower than after 8, and those of a default sweep were 20% narrower; 51% of pairs are decided whose
    ratio is 1.1, in place of 37%. Four times the report seeds make intervals no narrower, for what is left is the luck
    of the search.
    """
    pairs = find_open_pairs(answer)
    if answer.in_common:
        return dict.fromkeys(pairs, answer.blocks)
    seeds = answer.seeds / max(answer.verdicts.loc[answer.verdicts["problem"] != ALL, "blocks"].max(), 1)
    needed = {key: pair.blocks_needed - pair.blocks for key, pair in pairs.items()}
    return {key: max(1, math.ceil(more * (seeds or 1) - 1e-9)) for key, more in needed.items() if more <= MOST_BLOCKS}


def find_open_pairs(answer: Answer) -> dict[tuple[str, str], Beside]:
    """Return by problem and optimizer the pairs with the leader that are open, and that more runs would decide."""
    pairs = _find_undecided(answer)
    limited = find_limited_by_rows(answer, list(pairs))
    return {key: pair for key, pair in pairs.items() if key not in limited}


def _find_undecided(answer: Answer) -> dict[tuple[str, str], Beside]:
    """Return the open pairs of `find_open_pairs`, and those that the test rows leave open."""
    pairs = {
        (problem, name): answer.pairs[problem, answer.leader(problem), name]
        for problem in answer.ranking["problem"].unique()
        if problem != ALL and problem not in answer.unlearned
        for name in answer.list_open(problem)
    }
    return {
        key: pair for key, pair in pairs.items()
        if (not math.isnan(pair.blocks_needed) or (answer.in_common and not pair.reason))
        and not (pair.known and pair.known.kind == "fails")
    }  # fmt: skip


def estimate_seconds(runs: pd.DataFrame, timings: pd.DataFrame, cores: int, times: float = 1.0) -> float:
    """Return the seconds that the sweep's blocks or seeds take once more, `times` as many; 0 if none was measured."""
    used = timings[timings["cohort_id"].isin(runs["cohort_id"].unique())] if "seconds" in timings else timings[:0]
    return float(used["seconds"].sum()) * times / max(cores, 1) if len(used) else 0.0


def format_time(seconds: float) -> str:
    """Return "20 s", "4 min" or "1.5 h"; "" where nothing was measured."""
    if not seconds > 0:
        return ""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{seconds / 60:,.0f} min" if seconds < 5400 else f"{seconds / 3600:,.1f} h"


def state_length(runs: pd.DataFrame) -> str:
    """Return the length of the runs of a table: "6 epochs, 6,144 samples a run"; of a function "300 steps a run"."""
    done = runs[runs["status"] == "ok"]
    rows = done if len(done) else runs
    epochs, samples = float(rows["epochs"].median()), float(rows["samples"].median())
    if samples == epochs:  # of a function, whose only example is the function itself
        return f"{samples:,.0f} step{'' if samples == 1 else 's'} a run"
    return f"{labels.number(epochs)} epoch{'' if epochs == 1 else 's'}, {samples:,.0f} samples a run"
