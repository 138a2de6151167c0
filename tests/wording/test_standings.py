"""The table of all optimizers: every one has its row, decided or open, and what a run takes is computed by hand."""

import re

import numpy as np
import pandas as pd
import pytest
from staged import SAMPLES, add_times, staged_table

from optbench.results.results import Results
from optbench.wording.standings import tabulate_standings

NAMES = ("adam", "gd", "momentum")
STATE = {"adam": 16.0, "gd": 0.0}  # of momentum nothing is known
NANOSECONDS = {"adam": 3e6, "gd": 1e6, "momentum": 2e6}
STEPS = 100  # of runs_table


@pytest.fixture(scope="module")
def results():
    """A sweep in which gd is first on one problem, where momentum diverges, and nobody on the other."""
    luck = np.random.default_rng(0)
    spread = {}

    def fold(row):
        place = row.problem, row.optimizer, row.seed
        noise = spread.setdefault(place, np.exp(luck.normal(0, 1.5 if row.problem == "open" else 0.05)))
        return 20 * noise * (1 if row.optimizer == "gd" or row.problem == "open" else 3)

    def value(problem, optimizer, *setting):
        return np.inf if (problem, optimizer) == ("clear", "momentum") else -1.0

    runs = staged_table(value, NAMES, (0.1,), blocks=4, final=2, report=6, problems=("clear", "open"))
    runs = add_times(runs, fold)
    runs["cohort_id"] = runs["optimizer"]
    timings = pd.DataFrame({"cohort_id": NAMES, "ns_per_run_step": [NANOSECONDS[name] for name in NAMES]})
    timings["state_bytes"] = timings["cohort_id"].map(STATE)
    return Results(runs, None, timings, provenance={"choose_by": ["time", "loss"]})


@pytest.mark.parametrize("measure", ["time", "loss"])
def test_seconds_are_those_of_the_value(results, measure):
    table = results.ranking(measure)
    table = table[(table["problem"] != "all") & (table["state"] != "failed")]
    run = table["optimizer"].map(NANOSECONDS) * 1e-9 * STEPS
    wanted = run * table["value"] / SAMPLES if measure == "time" else run
    assert table["seconds"].tolist() == pytest.approx(wanted.tolist(), rel=1e-12) and len(table) == 5
    assert table["state_bytes"].tolist() == pytest.approx(table["optimizer"].map(STATE).tolist(), nan_ok=True)
    assert "seconds" not in results.ranking(measure, of="batch_size")


def test_every_optimizer_has_a_row_also_where_all_is_open(results):
    lines = tabulate_standings(results.ask(), 80)
    assert max(map(len, lines)) <= 80 and "Memory: bytes of state" in " ".join(" ".join(lines).split())
    tables = [part.split("\n") for part in "\n".join(lines).split("\n\n")[1:]]
    assert [table[0].partition(":")[0] for table in tables][:2] == ["clear", "open"]
    ranking = results.ranking().set_index(["problem", "optimizer"])
    for problem, (_, head, *rows) in zip(("clear", "open"), tables, strict=False):
        assert re.split(r" {2,}", head) == ["optimizer", "value", "ratio", "verdict", "seconds", "memory"]
        cells = {row[0]: row[1:] for row in (re.split(r" {2,}", row) for row in rows)}
        assert set(cells) == {*NAMES}
        for name, (value, ratio, verdict, seconds, memory) in cells.items():
            row = ranking.loc[problem, name]
            assert (verdict, memory) == (row["state"], f"{STATE[name]:g}" if name in STATE else "–")
            if verdict != "failed":
                assert float(value.replace(",", "")) == pytest.approx(row["value"], rel=0.01)
                assert float(seconds) == pytest.approx(row["seconds"], rel=0.01)
                assert float(ratio.partition("×")[0].lstrip("≥≤~")) == pytest.approx(row["ratio"], rel=0.06)
    assert tables[2][0] == "over all problems: mean of the ranks by value on 2, not tested below 20"
    states = ranking["state"].unstack()
    assert states.loc["clear"].to_dict() == {"adam": "behind", "gd": "first", "momentum": "failed"}
    assert states.loc["open"].to_dict() == dict.fromkeys(NAMES, "open")
