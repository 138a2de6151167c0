"""The ladder of difficulty: its rule on a planted table, and one step of the committed table, measured again."""

import numpy as np
import pandas as pd
import pytest

from benchmarks import ladder
from optbench.catalogue import loader


def test_a_step_belongs_to_the_ladder_if_some_baselines_solve_it_and_others_not():
    """Twice the samples are solved, anything more is not; of the easy and the hopeless ones the nearest are kept."""
    times = {"a": [1.0, 1.9, 2.0, 2.1, np.inf, np.inf], "b": [1.0, 2.0, 2.1, 1.5, 3.0, np.inf]}
    rows = [("p", f"w(p, k={k})", name, 0.1, times[name][k]) for k in range(6) for name in times]
    table = ladder.classify(pd.DataFrame(rows, columns=["base", "step", "optimizer", "target", "times"]))
    assert table["kind"].tolist() == ["easy", "easy", "ladder", "ladder", "nightmare", "nightmare"]
    assert table["kept"].tolist() == [False, True, True, True, True, False]
    assert table["solved"].tolist() == [2, 2, 1, 1, 0, 0]


def test_expected_samples_count_those_of_runs_that_did_not_come():
    """Rates are chosen on seeds 0 and 1, where the first is quicker; of its others one run did not come in 100."""
    runs = pd.DataFrame({
        "problem": "p", "optimizer": "o", "lr": [0.1] * 4 + [0.2] * 4, "seed": [0, 1, 2, 3] * 2, "samples": 100,
        "to": [10.0, 20.0, 30.0, np.inf, 15.0, 20.0, 1.0, 1.0],
    })  # fmt: skip
    (row,) = ladder.expected_samples(runs, "to", [0, 1]).itertuples(index=False)
    assert row.samples == 130 and not row.all


def test_no_kept_step_is_solved_by_all_or_by_nobody_but_the_ends():
    table = ladder.read_table()
    solved = (table[list(ladder.BASELINES)] <= ladder.SLOWER).sum(axis=1)
    pd.testing.assert_series_equal(solved, table["solved"], check_names=False)
    assert (table["kind"] == np.select([solved == 4, solved == 0], ["easy", "nightmare"], "ladder")).all()
    assert table.loc[table["kind"] == "ladder", "kept"].all()
    per_wrapper = table.assign(wrapper=table["step"].str.split("(").str[0]).groupby(["base", "wrapper"])
    assert len(per_wrapper) == 6 and (per_wrapper["kind"].agg(lambda kinds: (kinds == "ladder").sum()) > 0).all()
    assert [loader.load().problem(step).name for step in table["step"]] == table["step"].tolist()


@pytest.mark.slow
def test_a_step_of_the_committed_table_is_measured_again():
    step = "delayed(quadratic, steps=2)"
    again = ladder.classify(ladder.measure("quadratic", [step], ladder.BASELINES)).iloc[0]
    kept = ladder.read_table().set_index("step").loc[step]
    assert again["target"] == kept["target"] and again["kind"] == kept["kind"]
    for name in ladder.BASELINES:
        assert again[name] == pytest.approx(kept[name], rel=0.01)
