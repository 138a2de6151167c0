"""The estimated duration of a sweep: by the size of its work, whatever the sweep is."""

import time

import pytest
from harness import plan_of

import optbench
from optbench.cli import dry_run
from optbench.plan import fitting
from optbench.plan.estimate import estimate_duration
from optbench.plan.spec_files import make_spec
from optbench.plan.stages import plan_largest_stages

SMALL = {"problems": ["rosenbrock"], "optimizers": ["gd"], "learning_rates": [1e-4, 1e-3], "batch_sizes": [100],
         "seeds": 2, "tuning_seeds": 1, "steps": 50_000}  # fmt: skip


def series_of(**changes):
    plan = plan_of(make_spec(SMALL, changes))
    return [*plan.series, *(each for stage in plan_largest_stages(plan).values() for each in stage.series)]


def test_an_estimate_grows_with_the_work():
    (series,) = series_of()
    one = estimate_duration([series], 1)
    assert estimate_duration([series], 2) == pytest.approx(one / 2)
    assert estimate_duration([series, series], 1) == pytest.approx(2 * one)
    assert estimate_duration(series_of(seeds=2000), 1) == pytest.approx(1000 * one)
    longer = [estimate_duration(series_of(steps=steps, points=[1]), 1) for steps in (10**6, 2 * 10**6)]
    assert longer[1] == pytest.approx(2 * longer[0], rel=0.05)
    assert estimate_duration(series_of(steps=10**9, run_timeout=0.5), 1) == pytest.approx(2 * 0.5, rel=0.05)


def test_every_stage_counts():
    """In each of three blocks 25 settings on one seed, and for each of two measures the best five on two and the best
    on four; then about 7 choices of all blocks on 20 seeds, and the best two of each measure on 20."""
    wide = {"problems": ["quadratic(dim=100)"], "steps": 10**5}
    series = series_of(**wide, learning_rates="1e-5:1e-3:25", blocks=3, seeds=None)
    assert [(each.stage, each.block) for each in series[:3]] == [("screen", block) for block in range(3)]
    (one,) = series_of(**wide, learning_rates=[1e-4], seeds=1, tuning_seeds=0)
    runs = 3 * (25 + 2 * 5 * 2 + 2 * 4) + 7 * 20 + 4 * 20
    assert estimate_duration(series, 1) == pytest.approx(runs * estimate_duration([one], 1), rel=0.2)


def test_it_is_within_a_factor_of_ten_of_what_a_sweep_takes(catalogue):
    """Of CPU, but for compilation: the second of two cohorts is timed."""
    (series,) = series_of(steps=10**6)
    settings = [{"lr": lane.lr} for lane in series.cohort.lanes]
    for _ in range(2):
        begin = time.process_time()
        optbench.cohort("rosenbrock", "gd", settings, steps=10**6, batch_size=100, seed=0)
        spent = time.process_time() - begin
    found = estimate_duration([series], 1) / len(series.seeds)
    assert spent / 10 < found < spent * 10


@pytest.mark.parametrize(
    ("seconds", "length", "text"),
    [
        (599.0, {}, ""),
        (25_000.0, {}, "about 6.9 h with 2 workers: --steps 5000 shortens the runs, "),
        (2_500.0, {"epochs": 3}, "about 42 min with 2 workers: --epochs 0.3 shortens the runs, "),
    ],
)
def test_a_long_sweep_says_so_first(catalogue, monkeypatch, capsys, tmp_path, seconds, length, text):
    monkeypatch.setattr(fitting, "estimate_duration", lambda series, workers: seconds)
    plan = plan_of(make_spec(SMALL, length))
    text += "--time-limit 10m ends earlier, --dry-run shows more\n" * bool(text)
    dry_run.print_estimate_if_long(plan, 2, tmp_path)
    assert capsys.readouterr() == ("", text)
    (tmp_path / "cohorts").mkdir()
    dry_run.print_estimate_if_long(plan, 2, tmp_path)
    assert capsys.readouterr().err == text.replace(":", " from the beginning:")


def test_what_has_other_ways_to_be_shorter_names_them(catalogue, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(fitting, "estimate_duration", lambda series, workers: 300.0)
    dry_run.print_estimate_if_long(plan_of(make_spec(SMALL)), 2, tmp_path, 180, "--fast takes eight problems")
    assert capsys.readouterr().err == "about 5 min with 2 workers: --fast takes eight problems\n"
