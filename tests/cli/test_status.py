"""How far a sweep is, from its folder: of one that runs, one that was stopped, and one that has ended."""

import json
from pathlib import Path

import pytest

import optbench
from optbench.run import session
from optbench.run.loop import SweepRun
from optbench.store.atomic_files import folder_lock

SPEC = {"problems": ["rosenbrock", "quadratic(dim=3)"], "optimizers": ["gd", "adam"], "batch_sizes": ["full"],
        "learning_rates": "0.001:0.1:3", "steps": 50, "blocks": 4, "screen": 1, "race": 1, "holdout": 1,
        "final": 4, "report": 4, "finalists": 2}  # fmt: skip


@pytest.fixture
def stopped(tmp_path, monkeypatch):
    """A sweep that was stopped when the first two blocks had ended, and the runs that it had made."""
    runs, begun, go_on = [], [], SweepRun.run

    def stop(self, cohorts, **limits):
        begun.append(cohorts[0].stage)
        if begun.count("screen") == 2:
            raise KeyboardInterrupt
        go_on(self, cohorts, **limits)
        runs.append(self.store.runs())

    monkeypatch.setattr(session, "_GROUP", 2)
    monkeypatch.setattr(SweepRun, "run", stop)
    with pytest.raises(KeyboardInterrupt):
        optbench.sweep(SPEC, out=tmp_path / "f", workers=1)
    monkeypatch.setattr(SweepRun, "run", go_on)
    return runs[-1]


def test_a_stop_leaves_whole_blocks_and_the_best_so_far(run, stopped):
    code, out, err = run("status", "f")
    assert (code, err) == (0, "") and "f: stopped; the same command resumes it; 2 of 4 blocks are whole" in out
    counts = stopped.groupby("stage").size()
    assert set(stopped["block"]) == {0, 1}
    assert f"race {counts['race']} of {counts['race']} " in out
    assert f"screen {counts['screen']} of {2 * counts['screen']} " in out, "those of all blocks are planned"
    assert "final not planned yet report not planned yet" in out
    assert "Best so far" in out and out.count("gd") + out.count("adam") >= 4
    assert optbench.sweep(SPEC, out="f", workers=1).missing == ""
    assert "f: finished; 4 of 4 blocks are whole" in run("status", "f")[1]


def test_a_sweep_that_runs_says_what_and_how_long(run, stopped):
    with folder_lock(Path("f")) as note:
        assert "f: running (begins); " in run("status", "f")[1]
        note("race", 7200.0)
        assert "f: running (race), about 2.0 h left; 2 of 4" in run("status", "f")[1]
        note("a", None)
        found = json.loads(run("status", "f", "--json")[1])
    assert (found["stage"], found["seconds_left"], found["finished"], found["whole_blocks"]) == ("a", None, False, 2)
    assert found["stages"]["race"]["done"] == (stopped["stage"] == "race").sum()


def test_a_sweep_that_was_stopped_at_once_is_resumed(run, tmp_path, monkeypatch):
    def stop(self, cohorts, **limits):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(SweepRun, "run", stop)
        with pytest.raises(KeyboardInterrupt):
            optbench.sweep(SPEC, out=tmp_path / "f", workers=1)
    assert "f: stopped before its first result; the same command resumes it" in run("status", "f")[1]
    assert optbench.sweep(SPEC, out="f", workers=1).missing == ""


def test_without_a_sweep_it_is_one_line(run, tmp_path):
    (tmp_path / "torn").mkdir()
    (tmp_path / "torn" / "manifest.json").write_text("{")
    assert run("status", "torn")[0] == 2 and "damaged" in run("status", "torn")[2]
    (tmp_path / "begun" / "cohorts").mkdir(parents=True)
    assert "the sweep in 'begun' has just begun: the same command resumes it" in run("status", "begun")[2]
    code, out, err = run("status")
    assert (code, out) == (2, "") and "no sweep in 'results': optbench sweep --out results begins one" in err
