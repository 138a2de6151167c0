"""The rates of the explorer: what every setting gave, so that filters choose among them as tuning does."""

from __future__ import annotations

from typing import Any

from optbench.analysis import best_configurations
from optbench.figures.evidence import Evidence
from optbench.figures.learning_rates import without_rates
from optbench.report.explorer.curves import described, preferred
from optbench.report.explorer.names import Names
from optbench.report.explorer.numbers import short

# Settings: about 50 bytes each: 0.4 MB. The default sweep has 5,250
MOST_ROWS = 8_000


def rates(evidence: Evidence, names: Names) -> dict[str, Any]:
    """A row a setting, those of one problem, optimizer and rate together, the one that tuning prefers first.

    `whole`: whether every batch size and schedule is there; where they are too many, only the best of each rate is.
    `level`: the optimizer was given a single rate where others were given several.
    """
    of, whole = evidence.results, True
    keys = ["problem", "optimizer", "lr"]
    columns = [*keys, "batch_size", "schedule"]
    if len(of.runs.drop_duplicates(columns)) <= MOST_ROWS:
        table = best_configurations(of.runs, of.tuning_seeds, by=columns, choose_by=of.choose_by)
    else:
        table, whole = evidence.by_rate, False
    best = evidence.by_rate
    level = set(map(tuple, best.loc[without_rates(best), ["problem", "optimizer"]].to_numpy()))
    table = preferred(table, keys)
    pairs = zip(table["problem"], table["optimizer"], strict=True)
    return {
        **described(table, evidence, names),
        "level": [int(pair in level) for pair in pairs],
        "median": short(table["median"]),
        "low": short(table["low"]),
        "high": short(table["high"]),
        "whole": whole,
    }
