"""Tables of the protocol, and plain ones, that tests fill with numbers of their own."""

import itertools
import math

import numpy as np
import pandas as pd
from synthetic import runs_table

FAILED = math.log(1e6 * 1.0)  # runs_table: the first loss is 1, the minimum 0


def staged_table(
    value, optimizers=("gd", "adam"), rates=(0.1, 0.2, 0.3), blocks=2, screen=1, race=2, holdout=2, problems=("p",)
):
    """All settings on all seeds of all stages. value: (problem, optimizer, rate, stage, block, seed) -> y, inf for a
    failure, None for a run cut by a deadline."""
    rows, seed = [], 0
    for block in range(blocks):
        for stage, count in (("screen", screen), ("race", race), ("holdout", holdout)):
            for _ in range(count):
                for problem, optimizer, rate in itertools.product(problems, optimizers, rates):
                    y = value(problem, optimizer, rate, stage, block, seed)
                    row = {"problem": problem, "optimizer": optimizer, "lr": rate, "seed": seed}
                    row |= {"stage": stage, "block": block, "log_tail": -1.0 if y is None else y}
                    row["status"] = "deadline" if y is None else "diverged" if np.isinf(y) else "ok"
                    row["suboptimality_final"] = np.inf if row["status"] == "diverged" else 0.5
                    rows.append(row)
                seed += 1
    return runs_table(rows)


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


def naive_choices(runs, count):
    """Choose by the protocol: {(problem, optimizer, block): ([rates of the finalists], chosen rate)}"""
    cells = {}
    for row in runs.itertuples():
        y = FAILED if math.isinf(row.log_tail) else row.log_tail
        cell = cells.setdefault((row.problem, row.optimizer, row.block), {})
        cell.setdefault(row.lr, {"screen": [], "race": [], "holdout": []})[row.stage].append(
            (y, math.isinf(row.log_tail))
        )

    def key(rate, runs):
        return sum(sorted(y for y, _ in runs)) / len(runs), sum(bad for _, bad in runs), rate

    result = {}
    for name, cell in cells.items():
        first = sorted(cell, key=lambda rate: key(rate, cell[rate]["screen"]))[:count]
        result[name] = first, min(first, key=lambda rate: key(rate, cell[rate]["screen"] + cell[rate]["race"]))
    return result
