"""Tables of the page: costs counted by hand."""

import pandas as pd
from synthetic import make_tables, runs_table

from optbench.figures.data import report_data
from optbench.report.report_tables import SweepTables, write_tables
from optbench.results.results import Results

LOSSES = {"gd": [(1, 0.5, 0.05, 0.05), (1, 0.5, 0.5, 0.5)], "adam": [(1, 0.05, 0.0005, 1e-6), (1, 0.05, 0.0005, 1e-6)]}
"""Of each optimizer and seed, at steps 0, 10, 20, 30, of 16 samples each."""


def costly():
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
    table = SweepTables(report_data(costly())).costs["p"]
    rows = {row[0].text: [each.text for each in row[1:]] for row in table.rows}
    assert table.headings == ["optimizer", "10%", "1%", "0.1%", "0.001%"]
    # gd: one of two arrives at 10%, 0.699 of the way from ln 0.5 to ln 0.05: 160 + 112 samples, and 480 of the other.
    assert rows["gd"] == ["752 (1/2)", "never (0/2)", "never (0/2)", "never (0/2)"]
    # adam: 10% after ln 0.1 / ln 0.05 of 160 samples; 1% at 160 + 160 ln 5 / ln 100, 0.1% at 160 + 160 ln 50 / ln 100.
    assert rows["adam"][:3] == ["123", "216", "296"]


def test_tables_of_the_page_export_the_lines_of_the_files(tmp_path):
    sweep = report_data(Results(**make_tables(batch_sizes=(16, "full"), rates=(0.01, 0.1), points=8, epochs=6)))
    write_tables(sweep, tmp_path, ["csv", "tex"])
    tables, problems = SweepTables(sweep), list(sweep.files)
    parts = {
        "settings": [tables.settings(problem) for problem in problems],
        "verdicts": [tables.pairs()], "costs": [tables.costs[problem] for problem in problems],
    }  # fmt: skip
    parts["settings again"] = [tables.all_settings(dict.fromkeys(problems, "anchor"))]
    for name, each in parts.items():
        for kind in ("csv", "tex"):
            lines = (tmp_path / f"{name.split()[0]}.{kind}").read_text(encoding="utf-8").splitlines()
            found = [table.export[kind] for table in each]
            assert all(part["head"] == lines[: len(part["head"])] for part in found)
            assert all(part["foot"] == lines[len(lines) - len(part["foot"]) :] for part in found)
            rows = [row for part in found for row in part["rows"]]
            first = len(found[0]["head"])
            assert sorted(rows) == sorted(lines[first : len(lines) - len(found[0]["foot"])])
            for table in each:  # a line for each row of the table, in its order
                names = [
                    row[[*table.headings].index("optimizer" if name != "verdicts" else "better")].text
                    for row in table.rows
                ]
                assert all(text in row for text, row in zip(names, table.export[kind]["rows"], strict=True))
