"""The runs of the choices: what verdicts compare, row by row."""

import numpy as np
import pytest
from staged import shuffled, staged_table
from synthetic import runs_table

from optbench.analysis import chosen, chosen_runs, verdicts


def value(problem, optimizer, rate, stage, block, seed):
    """Another rate is best in each block; on the reporting seeds all are alike."""
    luck = np.random.default_rng([seed, int(10 * rate), len(optimizer)]).normal()
    return luck if stage == "holdout" else luck - 9 * (round(10 * rate) == 1 + block % 3)


RUNS = staged_table(value, blocks=4, screen=2, race=1, holdout=3, problems=("p", "q"))


@pytest.mark.parametrize("table", [RUNS, shuffled(RUNS)], ids=["in order", "shuffled"])
def test_of_each_block_the_chosen_rate_reports(table):
    found = chosen_runs(table)
    assert found["run_id"].tolist() == table.loc[found.index, "run_id"].tolist() and found.index.is_monotonic_increasing
    assert len(found) == 4 * 3 * 2 * 2 and (found["stage"] == "holdout").all()
    assert (np.round(10 * found["lr"]) == 1 + found["block"] % 3).all()
    pairs = found.merge(chosen(table), on=["problem", "optimizer", "block"])
    assert (pairs["lr_x"] == pairs["lr_y"]).all()


def test_verdicts_follow_from_these_runs():
    found = chosen_runs(RUNS)
    wide = found.pivot(index=["problem", "block", "seed"], columns="optimizer", values="log_tail")
    blocks = (wide["adam"] - wide["gd"]).groupby(["problem", "block"]).median()
    ratio = np.exp(blocks.groupby("problem").mean())
    rows = verdicts(RUNS).set_index("problem").loc[["p", "q"]]
    assert rows["a"].tolist() == ["gd", "gd"]
    np.testing.assert_allclose(rows["ratio"], ratio)


def test_a_plain_table_gets_its_blocks():
    """Eight seeds make four blocks of two: the second of each reports what was best on the first."""
    rows = [{"lr": lr, "seed": seed, "suboptimality_final": 10.0 ** -(seed // 2 % 2 == (lr == 0.2)), "optimizer": name}
            for name in ("gd", "adam") for lr in (0.1, 0.2) for seed in range(8)]  # fmt: skip
    found = chosen_runs(runs_table(rows))
    assert found["seed"].tolist() == [1, 5, 3, 7] * 2 and found["block"].tolist() == [0, 2, 1, 3] * 2
    assert found["lr"].tolist() == [0.1, 0.1, 0.2, 0.2] * 2
    single = chosen_runs(runs_table(row for row in rows if row["lr"] == 0.1))
    assert len(single) == 16 and (single["block"] == single["seed"]).all()  # nothing to tune


def test_a_full_batch_is_a_level_of_its_own():
    rows = [{"batch_size": size, "seed": seed, "steps": 2, "epochs": 2.0 if size == 64 else 1.0}
            for size in (16, 64) for seed in range(4)]  # fmt: skip
    assert chosen_runs(runs_table(rows), of="batch_size")["batch_size"].tolist() == [16] * 4 + [64] * 4


def test_what_a_deadline_cut_is_left_out():
    table = RUNS.copy()
    cut = chosen_runs(RUNS).index[0]
    table.loc[cut, "status"] = "deadline"
    assert chosen_runs(table).index.tolist() == [place for place in chosen_runs(RUNS).index if place != cut]
