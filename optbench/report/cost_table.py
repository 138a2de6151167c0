"""What each optimizer's setting costs to reach the targets of a problem, as text for the page."""

from __future__ import annotations

import math

import pandas as pd

from optbench.analysis import costs
from optbench.analysis.costs import SHARES
from optbench.analysis.selection import reported_runs
from optbench.sweeps.results import Results
from optbench.wording import labels


def cost_tables(results: Results, best: pd.DataFrame) -> dict[str, list[tuple[str, list[str]]]]:
    """For each problem its rows, in the order of `best`: an optimizer, and a text for each of SHARES.

    best: an answer's. A text is the expected running time in samples, and how many runs arrived where not all did.
    """
    reported = reported_runs(results.runs, best, results.tuning_seeds)
    table = costs(results, ("problem", "optimizer"), runs=reported)
    out: dict[str, list[tuple[str, list[str]]]] = {}
    for row in table.to_dict("records"):
        out.setdefault(row["problem"], []).append((row["optimizer"], [_text(row, share) for share in SHARES]))
    return {problem: rows for problem, rows in out.items() if any(text != "–" for _, texts in rows for text in texts)}


def share_texts() -> list[str]:
    """The targets in words: "10%", ..., "0.001%"."""
    return [f"{100 * share:g}%" for share in SHARES]


def _text(row: dict, share: float) -> str:
    reached, cost = row.get(f"reached_{share:g}"), row.get(f"samples_to_{share:g}")
    if reached is None or pd.isna(reached) or cost is None:
        return "–"
    count = f"{round(reached * row['runs'])}/{row['runs']}"
    if not math.isfinite(cost):
        return f"never ({count})"
    samples = f"{float(f'{cost:.3g}'):,.0f}" if cost < 1e6 else labels.number(cost)
    return samples if reached == 1 else f"{samples} ({count})"
