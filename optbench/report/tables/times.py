"""Where the time of a sweep went: totals of each problem, and the cost of a step by problem and optimizer."""

from __future__ import annotations

import pandas as pd

from optbench.analysis import timing_summary
from optbench.figures.evidence import Tables
from optbench.report.tables.parts import Cell, Table, cell, number

HEADINGS = ["problem", "run-steps", "seconds", "of it evaluation", "compile seconds"]


def time_tables(results: Tables) -> list[Table]:
    """The totals; then nanoseconds for a step of a run, the longer of optimizers and problems as rows."""
    total = timing_summary(results.timings, results.runs)
    rows = [
        (
            cell(row.problem),
            number(row.run_steps),
            number(row.seconds),
            _percent(row.evaluation_share),
            number(row.compile_seconds),
        )
        for row in total.itertuples(index=False)
    ]
    totals = Table("time", "Totals over all runs of a problem", HEADINGS, rows, HEADINGS[1:])
    pairs = timing_summary(results.timings, results.runs, by=("problem", "optimizer"))
    grid = pairs.pivot_table("ns_per_run_step", "problem", "optimizer", sort=False)
    kind = "problem"
    if len(grid.columns) > max(len(grid), 6):
        grid, kind = grid.T, "optimizer"
    heads = [kind, *map(str, grid.columns)]
    steps = [
        (cell(name), *(number(value) for value in line)) for name, line in zip(grid.index, grid.to_numpy(), strict=True)
    ]
    return (
        [totals, Table("time-of-a-step", "Nanoseconds for a step of a run", heads, steps, heads[1:])]
        if steps
        else [totals]
    )


def _percent(share: float) -> Cell:
    return Cell("–") if pd.isna(share) else Cell(f"{100 * share:.3g}%", float(share))
