"""Which batch size is best at which budget, as text for the page: the best at the end need not be the best before."""

from __future__ import annotations

from optbench.analysis.budget import against_budget
from optbench.sweeps.results import Results

BUDGETS = 4


def budget_tables(results: Results) -> dict[str, list[tuple[str, str]]]:
    """For each problem with several batch sizes, of log-spaced budgets: the samples, and the sizes that none beats."""
    sizes = results.runs.groupby("problem")["batch_size"].nunique()
    if (sizes < 2).all():
        return {}
    table = against_budget(results, "batch_size", "samples", BUDGETS)
    out: dict[str, list[tuple[str, str]]] = {}
    for (problem, budget), rows in table.groupby(["problem", "budget"], sort=False):
        firsts = rows[rows["first"]].sort_values("value", kind="stable")["batch_size"].tolist()
        if sizes[problem] > 1:
            out.setdefault(problem, []).append((f"{float(f'{budget:.2g}'):,.0f}", " or ".join(firsts)))
    return out
