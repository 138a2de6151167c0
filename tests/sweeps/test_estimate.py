"""The estimated duration of a sweep: within a few seconds, whatever the sweep is."""

import time
from types import SimpleNamespace

import pytest
from harness import plan_of

from optbench.cli import dry_run
from optbench.engine.runner import Cancelled
from optbench.sweeps import estimate
from optbench.sweeps.spec import make_spec
from optbench.sweeps.stages import plan_largest_stages

SMALL = {"problems": ["rosenbrock"], "optimizers": ["gd"], "learning_rates": [1e-4, 1e-3], "batch_sizes": [100],
         "seeds": 2, "tuning_seeds": 1, "steps": 50_000}  # fmt: skip


def series_of(**changes):
    plan = plan_of(make_spec(SMALL, changes))
    return [*plan.series, *(each for stage in plan_largest_stages(plan).values() for each in stage.series)]


@pytest.fixture
def slow(monkeypatch):
    """An engine that takes 100 microseconds a run-step and 10 ms an evaluation of a lane; the cohorts it was given."""
    given = []

    def run(cohort, stop):
        given.append(cohort)
        evaluating = 0.01 * len(cohort.evaluated) * len(cohort.lanes)
        stepping = 1e-4 * cohort.steps * len(cohort.lanes)
        return SimpleNamespace(seconds=stepping + evaluating, evaluation_seconds=evaluating)

    monkeypatch.setattr(estimate, "run", run)
    return given


def test_an_estimate_is_what_the_work_takes(slow):
    (series,) = series_of()
    evaluations = len(series.cohort.evaluated)
    one = estimate.estimate_duration([series], 1)
    assert one.seconds == pytest.approx(2 * 2 * (5 + 0.01 * evaluations), rel=0.05)
    assert one.share == 1.0
    assert estimate.estimate_duration([series], 2).seconds == pytest.approx(one.seconds / 2)
    assert estimate.estimate_duration([series, series], 1).seconds == pytest.approx(2 * one.seconds)
    assert estimate.estimate_duration(series_of(seeds=2000), 1).seconds == pytest.approx(1000 * one.seconds)
    assert estimate.estimate_duration(series_of(run_timeout=0.5), 1).seconds == pytest.approx(2 * 0.5, rel=0.05)
    assert max(cohort.steps for cohort in slow) < 50_000 and all(len(cohort.evaluated) == 2 for cohort in slow)


def test_every_stage_counts(slow):
    """In each of three blocks 25 settings on one seed, and for each of two measures the best five on two and the best
    on four; then the choices of all blocks on three seeds, and the best of them on eight."""
    changes = {"learning_rates": "1e-5:1e-3:25", "steps": 1000, "blocks": 3}
    series = series_of(**changes, seeds=None)
    assert [(each.stage, each.block) for each in series[:3]] == [("screen", block) for block in range(3)]
    whole = estimate.estimate_duration(series, 1)
    evaluations = len(series[0].cohort.evaluated)
    runs = 3 * (25 + 2 * 5 * 2 + 2 * 4) + 2 * 3 * 3 + 2 * 8
    assert whole.seconds == pytest.approx(runs * (0.1 + 0.01 * evaluations), rel=0.1)
    assert whole.share == 1.0


def test_work_that_was_not_probed_is_scaled_by_what_was(slow, monkeypatch):
    """Of two batch sizes that take the same, one is probed."""
    both = series_of(batch_sizes=[100, 64])
    all_probed = estimate.estimate_duration(both, 1)
    monkeypatch.setattr(estimate, "_PATIENCE", -1.0)
    assert estimate.estimate_duration(both, 1).share == 0
    clock = iter([0.0, 0.0, 0.0, 0.0, 100.0, 100.0, 100.0])
    monkeypatch.setattr(estimate, "_PATIENCE", 3.0)
    monkeypatch.setattr(estimate.time, "perf_counter", lambda: next(clock))
    half = estimate.estimate_duration(both, 1)
    assert half.share == pytest.approx(0.5)
    assert half.seconds == pytest.approx(all_probed.seconds)


def test_a_probe_that_takes_too_long_is_stopped(monkeypatch):
    def run(cohort, stop):
        end = time.monotonic() + 60
        while not stop():
            assert time.monotonic() < end
        raise Cancelled

    monkeypatch.setattr(estimate, "_LIMIT", 0.1)
    monkeypatch.setattr(estimate, "run", run)
    found = estimate.estimate_duration(series_of(), 2)
    assert found.share == 0 and found.seconds == pytest.approx(estimate.model_duration(series_of(), 2))


def test_a_probe_of_the_engine(catalogue):
    """Of a real problem, within a factor that a busy machine cannot reach."""
    (series,) = series_of(steps=10**6, seeds=1000, learning_rates=[1e-5, 10.0])
    found = estimate.estimate_duration([series], 1)
    assert found.share == 1 and 1 < found.seconds < 1e5


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (estimate.Estimate(50.0, 1.0), "about 50 s with 2 workers, by short probes of 100% of the work"),
        (
            estimate.Estimate(5e4, 0.75),
            "about 13.9 h with 2 workers, by short probes of 75% of the work and",
        ),
        (estimate.Estimate(5e4, 0.0), "by the size of the work alone: it may be ten times as much"),
    ],
)
def test_an_estimate_says_how_rough_it_is(found, words):
    assert words in dry_run._describe_estimate(found, 2)


@pytest.mark.parametrize(
    ("modelled", "seconds", "length", "text"),
    [
        (50.0, None, {}, ""),
        (1000.0, 500.0, {}, ""),
        (1000.0, 25_000.0, {}, "about 6.9 h with 2 workers: --steps 5000 shortens the runs, "),
        (1000.0, 2_500.0, {"epochs": 3}, "about 42 min with 2 workers: --epochs 0.3 shortens the runs, "),
    ],
)
def test_a_long_sweep_says_so_first(catalogue, monkeypatch, capsys, tmp_path, modelled, seconds, length, text):
    """And measures nothing if the model says that it is short."""
    found = estimate.Estimate(seconds, 1.0) if seconds else None
    monkeypatch.setattr(estimate, "model_duration", lambda series, workers: modelled)
    monkeypatch.setattr(estimate, "estimate_duration", lambda series, workers: found)
    plan = plan_of(make_spec(SMALL, length))
    text += "--time-limit 10m ends earlier, --dry-run shows more\n" * bool(text)
    dry_run.print_if_long(plan, 2, tmp_path)
    assert capsys.readouterr() == ("", text)
    (tmp_path / "cohorts").mkdir()
    dry_run.print_if_long(plan, 2, tmp_path)
    assert capsys.readouterr().err == text.replace(":", " from the beginning:")
