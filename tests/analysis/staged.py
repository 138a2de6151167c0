"""Tables of the protocol that tests fill with numbers of their own."""

import itertools

import numpy as np
import pandas as pd
from synthetic import runs_table


def staged_table(
    value, optimizers=("gd", "adam"), rates=(0.1, 0.2, 0.3), blocks=2, screen=1, race=2, report=2, problems=("p",)
):
    """All settings on all seeds of all stages. value: (problem, optimizer, rate, stage, block, seed) -> y, inf for a
    failure, None for a run cut by a deadline."""
    rows, seed = [], 0
    for block in range(blocks):
        for stage, count in (("screen", screen), ("race", race), ("report", report)):
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


def shuffled(runs, seed=0):
    """The same rows in another order."""
    order = np.random.default_rng(seed).permutation(len(runs))
    return runs.iloc[order].reset_index(drop=True)


def sorted_rows(table):
    """The same rows in one order, whatever theirs was."""
    keys = [name for name in ("problem", "optimizer", "block", "place") if name in table]
    return table.sort_values(keys, ignore_index=True)


def only(runs, keep) -> pd.DataFrame:
    """The rows for which `keep`, a function of a row, is true."""
    return runs[[bool(keep(row)) for row in runs.itertuples()]].reset_index(drop=True)
