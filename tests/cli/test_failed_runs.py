"""Runs that could not run, from their rows to the terminal and the page: what is chosen, compared and told."""

import pandas as pd
import pytest
from staged import ranking, verdicts

import optbench
from optbench.analysis import best_configurations, select_chosen_runs
from optbench.analysis.run_columns import drop_lost_runs, find_full_batch_runs, find_lost_runs
from tests.staged import plain_table, staged_table

PLUGIN = """
import numpy as np
from optbench import optimizer, schedule


@schedule(source="a test")
def late(step, epoch, total_steps):
    return np.where(step > 30, -1.0, 1.0)


@optimizer(source="a test")
def wrong(w, g, lr):
    return w - lr * no_such_name
"""
SWEEP = ("sweep", "--problems", "quadratic(dim=4)", "--lr", "0.01,0.02", "--steps", "60", "--seeds", "6",
         "--plugin", "plugin.py", "--workers", "1", "--batch-sizes", "full", "--optimizers")  # fmt: skip


@pytest.fixture
def plugin(tmp_path, own_kernels):
    (tmp_path / "plugin.py").write_text(PLUGIN)


@pytest.mark.slow
def test_a_bad_schedule_and_a_rule_that_does_not_compile_are_told_and_have_no_place(run, plugin, tmp_path):
    code, out, err = run(*SWEEP, "gd,momentum,wrong", "--schedules", "constant,late")
    assert code == 2 and "some cohorts could not run" in err and "Traceback" not in err
    told = " ".join(out.split())
    assert "quadratic(dim=4) with wrong: every run failed (24), so it is left out: " in told
    assert "24 runs of quadratic(dim=4) with gd, quadratic(dim=4) with momentum failed: schedule late" in told
    found = optbench.load(tmp_path / "results")
    assert len(found.runs) == 3 * 2 * 2 * 6
    bad = found.runs["status"] == "failed"
    assert bad.equals((found.runs["schedule"] == "late") | (found.runs["optimizer"] == "wrong"))
    assert found.verdicts()[["a", "b"]].values.tolist() == [["gd", "momentum"]]
    assert found.ranking(of="schedule")["schedule"].tolist() == ["constant"]
    assert "wrong" not in (tmp_path / "results" / "chosen.toml").read_text()
    page = (tmp_path / "results" / "report" / "index.html").read_text()
    assert "every run failed (24)" in page and "failed: schedule late" in page
    before = (tmp_path / "results" / "runs.parquet").read_bytes()
    again, _, err = run(*SWEEP, "gd,momentum,wrong", "--schedules", "constant,late", "--no-report")
    assert again == 2 and "some cohorts could not run" in err, "told again, and not tried again"
    assert "--retry-failed runs them again, otherwise they stay failed" in " ".join(err.split())
    assert (tmp_path / "results" / "runs.parquet").read_bytes() == before


@pytest.mark.slow
def test_a_sweep_of_which_nothing_ran_leaves_its_rows_and_an_error(run, plugin, tmp_path):
    code, _, err = run(*SWEEP, "wrong")
    assert code == 2 and "with wrong: " in err and "Traceback" not in err
    runs = pd.read_parquet(tmp_path / "results" / "runs.parquet")
    assert (runs["status"] == "failed").all() and len(runs) == 36
    code, _, err = run("report", "results")
    assert code == 2 and "every run failed: there is nothing to report" in err and "Traceback" not in err


def broken(runs, where):
    """Return the table with the runs of these rows failed."""
    nothing = ["loss_initial", "loss_final", "loss_best", "suboptimality_final", "log_tail"]
    runs = runs.assign(failure="").astype(dict.fromkeys(nothing, float))
    runs.loc[where, nothing] = float("nan")
    runs.loc[where, ["status", "failure"]] = "failed", "it broke"
    runs.loc[where, ["steps", "epochs", "samples"]] = 0
    return runs


def setting(runs, optimizer, rate):
    return (runs["optimizer"] == optimizer) & (runs["lr"] == rate)


def test_a_setting_that_failed_while_tuning_is_not_chosen_and_one_that_fails_later_is_a_failure():
    runs = plain_table(problems=("p",), spread=0.0)  # the larger rate is the better one
    cut = broken(runs, setting(runs, "gd", 0.2) & (runs["seed"] == 0))
    best = best_configurations(cut, [0, 1, 2], choose_by="loss").set_index("optimizer")
    assert best.at["gd", "lr"] == 0.1 and best.at["adam", "lr"] == 0.2
    late = broken(runs, setting(runs, "gd", 0.2) & (runs["seed"] == 5))
    best = best_configurations(late, [0, 1, 2], choose_by="loss").set_index("optimizer")
    assert best.at["gd", "lr"] == 0.2 and best.at["gd", "failures"] == 1
    whole = best_configurations(runs, [0, 1, 2], choose_by="loss").set_index("optimizer")
    assert whole.at["gd", "failures"] == 0 and (find_full_batch_runs(late) == find_full_batch_runs(runs)).all()


def test_in_blocks_too():
    def y(problem, optimizer, rate, stage, block, seed):
        return -rate

    runs = staged_table(y)
    tuned = broken(runs, setting(runs, "gd", 0.3) & (runs["block"] == 0) & (runs["stage"] == "screen"))
    chosen = select_chosen_runs(tuned)
    rates = chosen[chosen["optimizer"] == "gd"].groupby("block")["lr"].unique()
    assert rates[0].tolist() == [0.2] and rates[1].tolist() == [0.3]
    late = broken(runs, setting(runs, "gd", 0.3) & (runs["stage"] == "holdout") & (runs["block"] == 1))
    chosen = select_chosen_runs(late)
    assert set(chosen["lr"]) == {0.3} and (chosen["status"] == "failed").sum() == 2
    places = ranking(late).set_index("optimizer")
    assert places.at["gd", "failures"] == 0.5 and places.at["adam", "failures"] == 0.0


@pytest.mark.slow
def test_a_pair_of_which_nothing_ran_is_nobodys_rival():
    runs = plain_table(problems=("p", "q"))
    gone = broken(runs, (runs["optimizer"] == "gd") & (runs["problem"] == "p"))
    assert find_lost_runs(gone).sum() == 12 and len(drop_lost_runs(gone)) == len(runs) - 12
    table = ranking(gone)
    assert table.loc[table["problem"] == "p", "optimizer"].tolist() == ["adam"]
    assert set(table.loc[table["problem"] == "q", "optimizer"]) == {"gd", "adam"}
    both = verdicts(gone)
    assert set(both.loc[both["problem"] != "all", "problem"]) == {"q"}
