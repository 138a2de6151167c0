"""What tuning buys: the expected value of the best of n trials."""

from __future__ import annotations

from typing import Any

import pandas as pd

from optbench.contract.errors import OptbenchError
from optbench.figures.evidence import Evidence
from optbench.report.explorer.names import Names
from optbench.report.explorer.numbers import short


def tuning(evidence: Evidence, names: Names) -> dict[str, Any]:
    """A row a problem, optimizer and number n of trials, as `optbench.analysis.best_of_n` has them, in that order."""
    try:
        table = evidence.trials
    except OptbenchError:  # no seed tells of any choice
        table = pd.DataFrame(columns=["problem", "optimizer", "n", "value", "low", "high", "blocks"])
    return {
        "problem": [names.problems.index(problem) for problem in table["problem"]],
        "optimizer": [names.optimizer(name) for name in table["optimizer"]],
        "n": [int(n) for n in table["n"]],
        "blocks": [int(count) for count in table["blocks"]],
        "value": short(table["value"]),
        "low": short(table["low"]),
        "high": short(table["high"]),
    }
