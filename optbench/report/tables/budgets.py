"""Which batch size is best at which budget, as text for the page: the best at the end need not be the best before."""

from __future__ import annotations

from optbench.analysis.budget import against_budget
from optbench.figures.evidence import Tables
from optbench.report.tables.parts import Table, cell

# Budgets of a problem: a table that fits the page; measured: with them 0.7 s on the default sweep
BUDGETS = 4


def budget_tables(results: Tables, files: dict[str, str]) -> dict[str, Table]:
    """For each problem with several batch sizes, of log-spaced budgets: the samples, and the sizes that none beats."""
    sizes = results.runs.groupby("problem")["batch_size"].nunique()
    if (sizes < 2).all():
        return {}
    table = against_budget(results, "batch_size", "samples", BUDGETS)
    rows: dict[str, list] = {}
    for (problem, budget), part in table.groupby(["problem", "budget"], sort=False):
        firsts = part[part["first"]].sort_values("value", kind="stable")["batch_size"].tolist()
        if sizes[problem] > 1:
            text = f"{float(f'{budget:.2g}'):,.0f}"
            rows.setdefault(problem, []).append((cell(text, value=float(budget)), cell(" or ".join(firsts))))
    return {
        problem: Table(f"budgets-{files[problem]}", f"{problem}: batch size against the budget",
                       ("samples", "batch size"), each, ("samples",))
        for problem, each in rows.items()
    }  # fmt: skip
