"""Settings run again: those of the atlas, to see whether this machine gets its numbers, and all on other seeds.

The last bits of a sum differ between processors, and training amplifies them. What is paired by seeds then is a little
less alike, but its means are the same; where they differ, the archive is not one of this version, or of this machine.
Whoever ranks version after version of an optimizer on the same seeds gets one at last that suits them: other seeds,
which no version has met, tell.
"""

import tempfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import wilcoxon

from optbench.analysis.answer import Answer
from optbench.analysis.placing import Placing, place
from optbench.analysis.protocol import keep_targets
from optbench.analysis.run_columns import hyperparameter_columns
from optbench.contract.names import canonical, parse
from optbench.contract.source_code import files_digest
from optbench.plan.planned_cohorts import Plan
from optbench.plan.spec import Spec
from optbench.results.results import Results, load
from optbench.run import session
from optbench.run.chosen import make_settings_spec
from optbench.run.loop import Status

CELLS = (("quadratic", "gd"), ("logistic", "momentum"), ("mlp", "adam"))
"""Problem and optimizer of what runs again: a second of work, in three kinds of arithmetic."""
NEAREST = 5
"""Rivals beside which an optimizer is confirmed."""
FRESH_SEEDS = 20
_FIRST_FRESH = 10_000_000
"""Beyond the seeds of blocks and of reports."""
_SAME = 1e-6
"""Difference of the logarithms of two losses that are the same."""
_CHANCE = 0.01
"""The probability with which a cell whose numbers differ in their last bits alone is said to differ."""


class Rerun(NamedTuple):
    """What came of the runs of one recommended setting, again."""

    problem: str
    optimizer: str
    same: bool
    """True if the end of every run is the same to six digits: the last ones go with what shares a product."""
    differs: bool
    """True if they differ by more than chance explains."""


class Confirmed(NamedTuple):
    """Where an optimizer stands beside its nearest rivals on seeds that none of them has met."""

    placing: Placing
    answer: Answer


def rerun_cells(known: Results, plan: Plan, cells: Sequence[tuple[str, str]] = CELLS) -> list[Rerun]:
    """Run recommended settings of the archive again on the seeds that they report on, and compare them.

    known: the results of the atlas, or of a part of it: of cells that it lacks there is nothing; plan: of another
    optimizer in it.
    """
    answer, runs = known.ask(), known.runs[known.runs["stage"] == "report"]
    found = []
    for problem, optimizer in cells:
        setting = _select(answer.settings, problem, optimizer)
        rows = _select(runs, problem, optimizer).merge(setting[["batch_size", "schedule", "lr"]])
        if len(rows):
            spec = _make_spec(setting, answer, plan, [int(seed) for seed in rows["seed"]])
            with tempfile.TemporaryDirectory() as folder:
                again = _run(spec, plan, folder, session.Options()).runs
            found.append(_compare(rows, again))
    return found


def place_on_fresh_seeds(
    placing: Placing,
    answer: Answer,
    plan: Plan,
    out: str | Path,
    options: session.Options,
    watch: Callable[[Status], None] = lambda status: None,
) -> Confirmed:
    """Run an optimizer, the rivals nearest to it and the reference on fresh seeds, with the recommended settings.

    The nearest are those whose ratio to it over all problems is nearest to 1. The seeds go with the optimizer's source,
    so that the same file meets the same ones, and another version others.

    placing, answer: of the optimizer; plan: of its runs; out: the folder in which those of these runs has its place,
    one for each version; watch: called with the progress. Raises OptbenchError.
    """
    last = placing.pairs[placing.pairs["problem"] == placing.pairs["problem"].iloc[-1]]
    far = np.abs(np.log(last.set_index("b")["ratio"]))
    names = {placing.name, *far.nsmallest(NEAREST).index, *filter(None, [placing.against])}
    settings = answer.settings[answer.settings["optimizer"].isin(names)]
    first = _FIRST_FRESH + FRESH_SEEDS * (zlib.crc32(files_digest(plan.optimizers[0].origins).encode()) % 10**6)
    spec = _make_spec(settings, answer, plan, range(first, first + FRESH_SEEDS))
    fresh = _run(spec, plan, Path(out) / f"fresh-{zlib.crc32(spec.to_toml().encode()):08x}", options, watch)
    targets = answer.coded.targets.shared
    same = {str(name): None if np.isnan(target) else float(target) for name, target in targets.items()}
    found = fresh.with_runs(keep_targets(fresh.runs, same)).ask()
    return Confirmed(place(found, placing.name, placing.against), found)


def _select(table: pd.DataFrame, problem: str, optimizer: str) -> pd.DataFrame:
    """Return the rows of an optimizer on a problem."""
    return table[(table["problem"] == problem) & (table["optimizer"] == optimizer)]


def _make_spec(settings: pd.DataFrame, answer: Answer, plan: Plan, seeds: Sequence[int]) -> Spec:
    """Return the spec of settings on seeds, as long as they ran in the sweep that an answer is about.

    settings: rows of `Answer.settings`; plan: of an optimizer in that sweep.
    """
    names = hyperparameter_columns(answer.tables.runs)
    entries = [_write_entry(row, names) for _, row in settings.iterrows()]
    return make_settings_spec(plan, entries, list(seeds), set(settings["problem"]))


def _run(
    spec: Spec,
    plan: Plan,
    out: str | Path,
    options: session.Options,
    watch: Callable[[Status], None] = lambda status: None,
) -> Results:
    """Run a spec with the objects of Python that a plan has."""
    session.execute(session.load_and_plan(spec, options.isolation, plan.given), out, options, watch=watch)
    return load(out)


def _write_entry(row: pd.Series, hyperparameters: Sequence[str]) -> dict[str, Any]:
    """Return a row of `Answer.settings` as an entry of ``chosen`` in a spec."""
    name, inner = parse(row["optimizer"])
    values = {each: row[each] for each in hyperparameters if pd.notna(row.get(each))}
    return {
        "problem": row["problem"], "optimizer": canonical(name, {**inner, **values, **inner}),
        "batch_size": "full" if row["full_batch"] else int(row["batch_size"]), "schedule": row["schedule"],
        "lr": float(row["lr"]),
    }  # fmt: skip


def _compare(before: pd.DataFrame, again: pd.DataFrame) -> Rerun:
    """Compare the runs of a setting with those that were made again."""
    both = before.merge(again, on="seed", suffixes=("", "_again"))
    first, second = (both[name].to_numpy() for name in ("log_tail", "log_tail_again"))
    with np.errstate(invalid="ignore"):  # what failed is infinite
        change = np.where(first == second, 0.0, second - first)
    same = len(both) == len(before) and bool((abs(change) < _SAME).all())
    differs = not same and not wilcoxon(change).pvalue > _CHANCE
    return Rerun(before["problem"].iloc[0], before["optimizer"].iloc[0], same, differs)
