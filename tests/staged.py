"""Tables of the protocol, and plain ones, that tests fill with numbers of their own."""

import itertools
import math

import numpy as np
import pandas as pd
from synthetic import runs_table

from optbench.analysis.answer import Answer, Question, ask
from optbench.analysis.measures import clip_intervals
from optbench.analysis.protocol import code_runs
from optbench.analysis.ranking import measure_levels, rank_levels
from optbench.analysis.sweep_tables import Tables
from optbench.analysis.verdicts import check_levels, compare_levels
from optbench.contract.columns import TARGETS, target_column
from optbench.figures.data import report_data
from optbench.results.results import Results
from optbench.wording.verdict_texts import with_texts

FAILED = math.log(1e6 * 1.0)  # runs_table: the first loss is 1, the minimum 0
SAMPLES = 1600  # of a run of runs_table


def staged_table(
    value, optimizers=("gd", "adam"), rates=(0.1, 0.2, 0.3), blocks=2, screen=1, race=2, holdout=2, problems=("p",),
    final=0, report=0,
):  # fmt: skip
    """All settings on all seeds of all stages. value: (problem, optimizer, rate, stage, block, seed) -> y, inf for a
    failure, None for a run cut by a deadline. rates: numbers, or {optimizer: numbers}"""
    rows, seed = [], 0
    stages = [(stage, block, count) for block in range(blocks)
              for stage, count in (("screen", screen), ("race", race), ("holdout", holdout))]  # fmt: skip
    for stage, block, count in [*stages, ("final", -1, final), ("report", -1, report)]:
        for _ in range(count):
            for problem, optimizer in itertools.product(problems, optimizers):
                for rate in rates[optimizer] if isinstance(rates, dict) else rates:
                    y = value(problem, optimizer, rate, stage, block, seed)
                    row = {"problem": problem, "optimizer": optimizer, "lr": rate, "seed": seed}
                    row |= {"stage": stage, "block": block, "log_tail": -1.0 if y is None else y}
                    row["status"] = "deadline" if y is None else "diverged" if np.isinf(y) else "ok"
                    row["suboptimality_final"] = np.inf if row["status"] == "diverged" else 0.5
                    rows.append(row)
            seed += 1
    return runs_table(rows)


def add_times(runs, fold):
    """Return the runs with their samples to each target: a loss falls by e in fold(row) samples, and ends above what
    it does not reach in time. A failed run reaches none that it would reach in the second half."""
    columns, tails = {target_column(share): [] for share in TARGETS}, []
    for row in runs.itertuples():
        end = SAMPLES / 2 if row.status == "diverged" else SAMPLES
        for share in TARGETS:
            samples = fold(row) * math.log(1 / share)
            columns[target_column(share)].append(samples if samples <= end else math.inf)
        tails.append(row.log_tail if row.status == "diverged" else -SAMPLES / fold(row))
    return runs.assign(**columns, log_tail=tails)


def plain_table(
    factor=1.0, seeds=6, rates=(0.1, 0.2), optimizers=("gd", "adam"), problems=("p", "q"), spread=0.5, seed=0
):
    """Return a plain table; `factor`, a number or {optimizer: number}, makes losses worse. The noise is of the seed."""
    rng = np.random.default_rng(seed)
    rows = []
    for problem, optimizer, rate, number in itertools.product(problems, optimizers, rates, range(seeds)):
        worse = factor.get(optimizer, 1.0) if isinstance(factor, dict) else factor
        loss = worse * math.exp(spread * rng.normal() - rate)
        rows.append({"problem": problem, "optimizer": optimizer, "lr": rate, "seed": number, "log_tail": math.log(loss),
                     "suboptimality_final": loss})  # fmt: skip
    return runs_table(rows)


def with_effects(effects, seeds=8):
    """Tables of one setting on a problem p0, p1, ... each, whose B - A has these means and standard deviations."""
    rows = {"A": [], "B": []}
    for place, (mean, spread) in enumerate(effects):
        noise = np.random.default_rng(place).normal(size=seeds)
        y = mean + spread * (noise - noise.mean()) / noise.std(ddof=1)
        for seed in range(seeds):
            for side, value in (("A", 0.0), ("B", y[seed])):
                gap = math.exp(value)
                row = {"problem": f"p{place}", "seed": seed, "log_tail": value, "suboptimality_final": gap}
                rows[side].append(row)
    return runs_table(rows["A"]), runs_table(rows["B"])


def shuffled(runs, seed=0):
    """Return the same rows in another order."""
    order = np.random.default_rng(seed).permutation(len(runs))
    return runs.iloc[order].reset_index(drop=True)


def sorted_rows(table):
    """Return the same rows in one order, whatever theirs was."""
    keys = [name for name in ("problem", "optimizer", "block", "place") if name in table]
    return table.sort_values(keys, ignore_index=True)


def only(runs, keep) -> pd.DataFrame:
    """Return the rows for which `keep`, a function of a row, is true."""
    return runs[[bool(keep(row)) for row in runs.itertuples()]].reset_index(drop=True)


def loss_of(row):
    """Return y of a record of runs_table by its loss."""
    return FAILED if row["status"] == "diverged" else row["log_tail"]


def time_of(row, target):
    """Return y of a record of `add_times` by the samples to a target; by its loss where there is none."""
    if target is None:
        return loss_of(row)
    samples = row[target_column(target)]
    if math.isfinite(samples) and row["status"] != "diverged":
        return math.log(samples)
    return math.log(2 * SAMPLES) + max(loss_of(row) - math.log(target), 0.0)


def naive_choices(runs, count, y=loss_of, screened=None):
    """Choose by the protocol: {(problem, optimizer, block): ([rates of the finalists], chosen rate)}

    y: of a record; screened: the same for the choice of the finalists.
    """
    cells, screened = {}, screened or y
    for row in runs.to_dict("records"):
        if row["block"] >= 0:
            cell = cells.setdefault((row["problem"], row["optimizer"], row["block"]), {})
            cell.setdefault(row["lr"], {"screen": [], "race": [], "holdout": []})[row["stage"]].append(row)

    def key(rate, rows, y):
        bad = sum(row["status"] == "diverged" for row in rows)
        return sum(sorted(y(row) for row in rows)) / len(rows), bad, rate

    result = {}
    for name, cell in cells.items():
        first = sorted(cell, key=lambda rate: key(rate, cell[rate]["screen"], screened))[:count]
        result[name] = first, min(first, key=lambda rate: key(rate, cell[rate]["screen"] + cell[rate]["race"], y))
    return result


def naive_targets(runs, least=3):
    """Return the hardest target of each problem, and of each of its blocks: {problem: share}, {(problem, block): share}

    Some optimizer reaches it with `least` settings, on all seeds that these have tuned on; in all blocks for the first.
    """
    cells = {}
    for row in runs.to_dict("records"):
        if row["stage"] in ("screen", "race"):
            settings = cells.setdefault((row["problem"], row["block"]), {}).setdefault(row["optimizer"], {})
            settings.setdefault(row["lr"], []).append(row)

    def reaches(settings, share):
        most = max(map(len, settings.values()))
        whole = [rows for rows in settings.values() if len(rows) == most]
        good = [all(row["status"] != "diverged" and math.isfinite(row[target_column(share)]) for row in rows)
                for rows in whole]  # fmt: skip
        return sum(good) >= min(least, len(whole))

    in_block = {
        place: min((share for share in TARGETS if any(reaches(each, share) for each in cell.values())), default=None)
        for place, cell in cells.items()
    }
    shared = {}
    for problem in {problem for problem, _ in cells}:
        blocks = [cell for (name, _), cell in cells.items() if name == problem]
        names = {name for cell in blocks for name in cell}
        each = [share for share in TARGETS for name in names
                if all(name in cell and reaches(cell[name], share) for cell in blocks)]  # fmt: skip
        shared[problem] = min(each, default=None)
    return shared, in_block


def verdicts(runs, judge_by="time", of="optimizer", confidence=0.95, choose_by=None, look=1, edges=None):
    """Return the verdicts on a table `runs`, in words; settings are chosen by the measure that judges, or another."""
    return with_texts(compare_levels(_code(runs, judge_by, of, choose_by), confidence, look, edges))


def ranking(runs, judge_by="time", of="optimizer", confidence=0.95, choose_by=None, look=1, edges=None):
    """Return the ranking that belongs to `verdicts`."""
    pairs = verdicts(runs, judge_by, of, confidence, choose_by, look, edges)
    values = measure_levels(_code(runs, judge_by, of, choose_by), confidence, edges)
    return rank_levels(pairs, clip_intervals(values, runs, judge_by), of)


def _code(runs, judge_by, of, choose_by):
    return check_levels(code_runs(runs, choose_by or judge_by, of, judge_by), runs)


def answer_of(
    runs, tuning_seeds=(), judge_by="time", searched=None, choose_by=("time", "loss"), look=1, problems=None, **others
):  # fmt: skip
    """Return the answer of a table `runs`, of a sweep with this provenance."""
    made = {"tuning_seeds": list(tuning_seeds), "searched": searched, "choose_by": choose_by, "looks": [""] * look}
    return ask(Results(runs, problems=problems, provenance=made | others), judge_by)


def planted_sweep(factors, luck=(), far=4.0):
    """Return a sweep of problems whose losses differ by these factors; those in `luck` by much more between seeds."""
    names = list(next(iter(factors.values())))

    def value(problem, optimizer, rate, stage, block, seed):
        spread = far if optimizer in luck else 0.004
        return math.log(factors[problem][optimizer]) + spread * math.sin(17 * seed + names.index(optimizer))

    runs = staged_table(value, names, rates=(0.1,), blocks=8, problems=tuple(factors), holdout=3)
    timings = pd.DataFrame({"cohort_id": ["c"], "seconds": [360.0]})
    return report_data(Results(runs, pd.DataFrame(), timings, provenance={"choose_by": ["loss"], "cores": 2}))


def planted_answer(ranking, verdicts, of="optimizer", judge_by="time", **parts):
    """Return an answer with this ranking and these verdicts, and other parts of it."""
    usual = {"targets": {}, "crashed": {}, "in_common": False, "looks": (1, 1), "without": frozenset()}
    answer = Answer(Tables(runs_table([{}])), Question(judge_by, judge_by, of))
    return with_parts(answer, ranking=ranking, verdicts=verdicts, **usual | parts)


def with_parts(answer, **parts):
    """Return an answer with other parts, from which all that follows is computed anew."""
    changed = Answer(answer.everything, answer.question)
    vars(changed).update(parts)
    return changed
