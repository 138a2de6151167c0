"""What targets cost, as the page says it: runs whose losses are counted by hand."""

import pandas as pd
from synthetic import runs_table

from optbench.figures.evidence import Evidence
from optbench.report.tables.costs import cost_tables, share_texts
from optbench.sweeps.results import Results

LOSSES = {"gd": [(1, 0.5, 0.05, 0.05), (1, 0.5, 0.5, 0.5)], "adam": [(1, 0.05, 0.0005, 1e-6), (1, 0.05, 0.0005, 1e-6)]}
"""Of each optimizer and seed, at steps 0, 10, 20, 30, of 16 samples each."""


def results():
    rows, curves = [], []
    for optimizer, runs in LOSSES.items():
        for seed, losses in enumerate(runs):
            rows.append({"optimizer": optimizer, "seed": seed, "steps": 30, "samples": 480, "loss_final": losses[-1],
                         "suboptimality_final": losses[-1]})  # fmt: skip
            for step, loss in zip((0, 10, 20, 30), losses, strict=True):
                curves.append({"run_id": f"r{len(rows) - 1}", "step": step, "samples": 16 * step, "epoch": step / 10,
                               "train_loss": loss})  # fmt: skip
    timings = pd.DataFrame({"cohort_id": ["c"], "ns_per_run_step": [1.0], "steps": [30]})
    problems = pd.DataFrame({"problem": ["p"], "minimum": [0.0], "minimum_source": ["closed form"]})
    return Results(runs_table(rows), pd.DataFrame(curves), timings, problems)


def test_expected_running_times_and_how_many_arrived():
    tables = results()
    table = cost_tables(Evidence(tables).costs, {"p": "p"})["p"]
    rows = {row[0].text: [each.text for each in row[1:]] for row in table.rows}
    assert share_texts() == ["10%", "1%", "0.1%", "0.001%"]
    # gd: one of two arrives at 10%, 0.699 of the way from ln 0.5 to ln 0.05: 160 + 112 samples, and 480 of the other.
    assert rows["gd"] == ["752 (1/2)", "never (0/2)", "never (0/2)", "never (0/2)"]
    # adam: 10% after ln 0.1 / ln 0.05 of 160 samples; 1% at 160 + 160 ln 5 / ln 100, 0.1% at 160 + 160 ln 50 / ln 100.
    assert rows["adam"][:3] == ["123", "216", "296"]
