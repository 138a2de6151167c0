"""What profiles and mean ranks are made of, so that a script can leave an optimizer out and compare the rest anew."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from optbench.analysis import time_to_target
from optbench.analysis.comparison import ALL
from optbench.analysis.costs import CLOCKS
from optbench.analysis.ranking import critical_difference
from optbench.contract.errors import OptbenchError
from optbench.figures.evidence import Evidence
from optbench.report.explorer.names import Names
from optbench.report.explorer.numbers import exact


def profiles(evidence: Evidence, names: Names) -> dict[str, Any]:
    """Expected running times: `problem` and `target` of each pair; `times`: for each clock and pair, by optimizer.

    null: never reached. The pairs are those of `optbench.analysis.performance_profiles`: of the runs that verdicts
    compare, each optimizer at what its blocks chose. `missing`: problem and optimizer without such runs.
    """
    results = evidence.results
    try:
        times = time_to_target(results, None, evidence.chosen)
    except OptbenchError:
        times = pd.DataFrame(columns=["problem", "target", "optimizer", "reached", *CLOCKS])
    pairs = times[["problem", "target"]].drop_duplicates(ignore_index=True)
    row = pd.MultiIndex.from_frame(pairs).get_indexer(pd.MultiIndex.from_frame(times[["problem", "target"]]))
    place = row, pd.Index(names.optimizers).get_indexer(times["optimizer"])
    sums = {name: np.zeros((len(pairs), len(names.optimizers))) for name in ("reached", *CLOCKS)}
    for name, total in sums.items():
        np.add.at(total, place, times[name].to_numpy(dtype=np.float64))
    with np.errstate(divide="ignore", invalid="ignore"):
        spent = {clock: sums[clock] / sums["reached"] for clock in CLOCKS}
    there = set(map(tuple, times[["problem", "optimizer"]].drop_duplicates().to_numpy()))
    return {
        "problem": [names.problems.index(problem) for problem in pairs["problem"]],
        "target": [exact(target) for target in pairs["target"]],
        "times": {clock: [[exact(value) for value in line] for line in table] for clock, table in spent.items()},
        "missing": [
            [row, column]
            for row, problem in enumerate(names.problems)
            for column, name in enumerate(names.optimizers)
            if (problem, name) not in there
        ],
    }


def ranks(evidence: Evidence, names: Names) -> dict[str, Any]:
    """`ahead`: for each problem a matrix, 1 where the row's optimizer has the lower value, 0.5 for a tie, else 0.

    null: the two were not compared. A rank is 1 + the sum of what others are ahead, as in `optbench.analysis.ranking`;
    `critical` has for k = 0, 1, 2, ... optimizers the critical difference of mean ranks on one problem (that on N
    problems is smaller by the root of N). `value`: for each problem and optimizer what tuning and then running gives.
    """
    table = evidence.answer.verdicts
    table = table[table["problem"] != ALL]
    count = len(names.optimizers)
    ahead = np.full((len(names.problems), count, count), np.nan)
    row = pd.Index(names.problems).get_indexer(table["problem"])
    a, b = (pd.Index(names.optimizers).get_indexer(table[side]) for side in ("a", "b"))
    with np.errstate(divide="ignore", invalid="ignore"):
        ahead[row, a, b] = np.sign(np.nan_to_num(np.log(table["ratio"].to_numpy(dtype=np.float64)))) / 2 + 0.5
    ahead[row, b, a] = 1 - ahead[row, a, b]
    value = evidence.answer.ranking.set_index(["problem", "optimizer"])["value"]
    grid = pd.MultiIndex.from_product([names.problems, names.optimizers])
    return {
        "ahead": [[[exact(cell) for cell in line] for line in matrix] for matrix in ahead],
        "value": [exact(number) for number in value.reindex(grid)],
        "critical": [0.0, 0.0, *(critical_difference(k, 1) for k in range(2, count + 1))],
    }
