"""Batch sizes against the budget, as the page says it: small batches that are quick at first and then stop."""

import numpy as np
import pandas as pd
from synthetic import runs_table

from optbench.report.tables.budgets import budget_tables
from optbench.sweeps.results import Results


def results(sizes=(16, 100)):
    """Batches of 16 fall to 1e-2 soon and stay there; the full batch of 100 is slow and reaches 1e-4."""
    rng = np.random.default_rng(0)
    rows, curves = [], []
    for size in sizes:
        steps = 2000 // size
        for seed in range(16):
            luck = np.exp(0.1 * rng.standard_normal())
            losses = {step: luck * (max(1e-2, 0.5**step) if size == 16 else 0.6**step) for step in range(steps + 1)}
            rows.append({"batch_size": size, "seed": seed, "steps": steps, "samples": steps * size,
                         "epochs": steps * size / 100 if size == 16 else float(steps),
                         "suboptimality_final": losses[steps]})  # fmt: skip
            curves += [
                {"run_id": f"r{len(rows) - 1}", "step": step, "samples": step * size, "epoch": step * size / 100,
                 "train_loss": loss} for step, loss in losses.items()
            ]  # fmt: skip
    timings = pd.DataFrame({"cohort_id": ["c"], "ns_per_run_step": [1.0], "steps": [2000 // min(sizes)]})
    problems = pd.DataFrame({"problem": ["p"], "minimum": [0.0], "minimum_source": ["closed form"]})
    return Results(runs_table(rows), pd.DataFrame(curves), timings, problems)


def test_the_best_batch_size_changes_with_the_budget():
    texts = [tuple(each.text for each in row) for row in budget_tables(results(), {"p": "p"})["p"].rows]
    assert len(texts) == 4 and texts[0][1] == "16" and texts[-1] == ("2,000", "full")


def test_one_batch_size_is_no_question():
    assert budget_tables(results(sizes=(16,)), {"p": "p"}) == {}
