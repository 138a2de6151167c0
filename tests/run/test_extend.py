"""A folder's sweep with more in it: what was run is kept, what is missing runs, the tables are those of a new sweep."""

import shlex
import shutil

import pandas as pd
import pytest
from quick import slow
from staged import answer_of
from typer.testing import CliRunner

import optbench
from optbench.cli.app import app
from optbench.contract.errors import OptbenchError
from optbench.plan import stages
from optbench.plan.spec_files import read_spec, refuse_unnamed
from optbench.run import executors, loop
from optbench.store.folder import Store
from optbench.wording.wider_search import advise_wider_search, say_wider_search

GRID = {"problems": ["rosenbrock", "saddle"], "optimizers": ["gd"], "learning_rates": [1e-4, 1e-3], "seeds": 3,
        "tuning_seeds": 1, "steps": 10}  # fmt: skip
BLOCKS = {"problems": ["rosenbrock"], "optimizers": ["gd", "momentum"], "learning_rates": "1e-4:1e-2:3", "blocks": 2,
          "screen": 1, "race": 1, "holdout": 2, "finalists": 2, "steps": 20}  # fmt: skip
LISTED = {**BLOCKS, "learning_rates": [1e-4, 1e-3, 1e-2]}
RULE = """
from optbench import optimizer


@optimizer(source="a test")
def mine(w, g, lr):
    return w - {factor} * lr * g
"""


@pytest.fixture
def ran(monkeypatch):
    """The number of runs that the engine is asked for, as they come."""
    counts, run = [], executors.run_together

    def counted(cohorts, *rest):
        counts.append(sum(len(each.lanes) for each in cohorts))
        return run(cohorts, *rest)

    monkeypatch.setattr(executors, "run_together", counted)
    return counts


@pytest.fixture(scope="module")
def grid(tmp_path_factory):
    """The folder of GRID, which tests leave as it is."""
    folder = tmp_path_factory.mktemp("grid")
    optbench.sweep(GRID, out=folder, workers=1)
    return folder


def same_tables(folder, other):
    """Check that rows are equal up to rounding: the last bits of a run may depend on the number of runs in vectors."""
    for name in ("runs.parquet", "curves.parquet"):
        mine, right = pd.read_parquet(folder / name), pd.read_parquet(other / name)
        pd.testing.assert_frame_equal(mine, right, rtol=1e-9)


@pytest.mark.parametrize(
    ("base", "more", "whole", "new"),
    [
        (GRID, {"learning_rates": "0.01, 1e-4"}, {"learning_rates": [1e-4, 1e-3, 0.01]}, 6),
        slow(GRID, {"seeds": 5}, {"seeds": 5}, 8),
        slow(GRID, {"optimizers": ["gd", "adam(beta1=[0.8, 0.9])"]}, {"optimizers": "gd, adam(beta1=[0.8, 0.9])"}, 24),
        slow(LISTED, {"learning_rates": 0.1}, {"learning_rates": [1e-4, 1e-3, 1e-2, 0.1]}, None),
        slow({**BLOCKS, "report": 20}, {"blocks": 3}, {"blocks": 3}, None),
    ],
)
def test_what_is_added_runs_and_nothing_else(base, more, whole, new, ran, tmp_path):
    optbench.sweep(base, out=tmp_path / "out", workers=1)
    first = sum(ran)
    optbench.sweep({**base, **whole}, out=tmp_path / "whole", workers=1)
    everything = sum(ran) - first
    ran.clear()
    optbench.sweep(out=tmp_path / "out", extend=True, workers=1, **more)
    assert sum(ran) == new if new else 0 < sum(ran) < everything
    same_tables(tmp_path / "out", tmp_path / "whole")
    ran.clear()
    optbench.sweep(out=tmp_path / "out", extend=True, workers=1, **more)
    optbench.sweep({**base, **whole}, out=tmp_path / "out", workers=1)
    assert not ran, "nothing is missing"


@pytest.mark.slow
def test_the_same_sweep_written_otherwise_goes_on(ran, grid, tmp_path):
    changes = {"problems": [" saddle ", "rosenbrock( )"], "optimizers": "gd()", "learning_rates": "1e-3,  0.0001"}
    optbench.sweep({**GRID, **changes}, out=grid, workers=1)
    assert not ran
    optbench.sweep({**GRID, **changes}, out=tmp_path / "fresh", workers=1)
    same_tables(grid, tmp_path / "fresh")


REFUSED = {
    "another budget": ({"steps": 20}, "cannot extend .* they differ in steps; choose another --out or out="),
    "fewer seeds": ({"seeds": 2}, "seeds: .* has others, and extending takes none away"),
    "less tuning": ({"tuning_seeds": 0}, "tuning_seeds=0: .* has 1, and extending takes nothing away"),
    "seeds in blocks": ({"blocks": 2}, "one has its seeds in blocks"),
    "a wrong name": ({"optimizers": "adm"}, "did you mean 'adam'"),
    "trials": ({"trials": 5}, "they differ in trials"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_added_is_refused_in_a_line(case, grid):
    changes, message = REFUSED[case]
    before = (grid / "runs.parquet").read_bytes(), (grid / "spec.toml").read_bytes()
    with pytest.raises(OptbenchError, match=message) as told:
        optbench.sweep(out=grid, extend=True, **changes)
    assert "\n" not in str(told.value)
    assert before == ((grid / "runs.parquet").read_bytes(), (grid / "spec.toml").read_bytes())


def test_another_sweep_is_refused_and_the_way_to_join_them_is_told(grid):
    with pytest.raises(
        OptbenchError, match=r"\(different: seeds\).*; choose another --out or out=, extend it \(--extend\) to keep"
    ):
        optbench.sweep(GRID, out=grid, seeds=4)
    with pytest.raises(OptbenchError, match=r"\(different: steps\); choose another --out or out=, or delete it"):
        optbench.sweep(GRID, out=grid, steps=11)


@pytest.mark.slow
def test_runs_of_a_changed_rule_are_counted_and_run_again(ran, tmp_path):
    file = tmp_path / "rule.py"
    file.write_text(RULE.format(factor="1.0"))
    spec = {**GRID, "optimizers": ["gd", "mine"], "plugins": [str(file)]}
    optbench.sweep(spec, out=tmp_path / "out", workers=1, isolate="never")
    shutil.copytree(tmp_path / "out", tmp_path / "earlier")
    file.write_text(RULE.format(factor="2.0"))
    ran.clear()
    text = (
        f"12 of 24 runs are kept; 12 of mine are not: optimizer mine has changed. They stay in {tmp_path}/out/cohorts, "
        "and with the earlier file the same command writes the earlier tables again; "
        "choose another --out or out= to have both"
    )
    dry = ["--extend", "--out", str(tmp_path / "out"), "--plugin", str(file), "--isolate", "never", "--dry-run"]
    assert f"warning: {text}" in " ".join(CliRunner().invoke(app, ["sweep", *dry]).stderr.split())
    assert not ran
    with pytest.warns(UserWarning, match="writes the earlier tables again") as told:
        optbench.sweep(spec, out=tmp_path / "out", workers=1, isolate="never")
    assert [str(each.message) for each in told] == [text]
    assert sum(ran) == 12
    optbench.sweep(spec, out=tmp_path / "fresh", workers=1, isolate="never")
    same_tables(tmp_path / "out", tmp_path / "fresh")
    file.write_text(RULE.format(factor="1.0"))
    ran.clear()
    with pytest.warns(UserWarning, match="has changed"):
        optbench.sweep(spec, out=tmp_path / "out", workers=1, isolate="never")
    assert not ran
    same_tables(tmp_path / "out", tmp_path / "earlier")


@pytest.mark.slow
def test_the_command_that_an_edge_prints_works_as_printed(ran, tmp_path):
    out = tmp_path / "my results"
    optbench.sweep(GRID, out=out, workers=1)
    results = optbench.load(out)
    answer = answer_of(results.runs, results.tuning_seeds, results.judge_by, results.searched)
    advised = advise_wider_search(answer.edges, out, results.provenance)
    (command,) = [shlex.join(each.command) for each in advised if "rate 0.001)" in say_wider_search(each)]
    program, *arguments = shlex.split(command)
    assert program == "optbench"
    ran.clear()
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    assert sum(ran) == 6 and set(optbench.load(out).runs["lr"]) == {1e-4, 1e-3, 1e-2}
    assert read_spec(out / "spec.toml").learning_rates == (1e-4, 1e-3, 1e-2)


@pytest.mark.slow
def test_a_wider_range_of_trials_is_a_command_too(tmp_path):
    spec = {**GRID, "trials": 3, "learning_rates": "log_uniform(1e-5, 1e-4)", "optimizers": ["gd"]}
    optbench.sweep(spec, out=tmp_path, workers=1)
    with pytest.warns(
        UserWarning, match="0 of 18 runs are kept; 18 of gd are not: their trials are drawn anew, from other ranges"
    ):
        found = optbench.sweep(out=tmp_path, extend=True, learning_rates="log_uniform(1e-5, 1e-3)", workers=1)
    assert len(found.runs) == 18 and found.runs["lr"].max() > 1e-4
    assert optbench.sweep(out=tmp_path, extend=True, trials=5, workers=1).runs["lr"].nunique() == 5


def test_an_extension_that_is_killed_shows_what_was_there_and_goes_on(ran, tmp_path, monkeypatch):
    out = tmp_path / "out"
    optbench.sweep(GRID, out=out, workers=1)
    with monkeypatch.context() as patch:
        patch.setattr(loop.SweepRun, "run", stop)
        with pytest.raises(KeyboardInterrupt):
            optbench.sweep(out=out, extend=True, learning_rates=0.01, workers=1)
    found = optbench.load(out)
    assert len(found.runs) == 12 and set(found.runs["lr"]) == {1e-4, 1e-3}
    assert found.missing == "unfinished: 6 of 6 cohorts are missing (rosenbrock: gd; saddle: gd)"
    ran.clear()
    with monkeypatch.context() as patch:
        patch.setattr(Store, "complete", stop)
        with pytest.raises(KeyboardInterrupt):
            optbench.sweep(out=out, extend=True, workers=1)
    assert sum(ran) == 6
    ran.clear()
    assert optbench.sweep(out=out, extend=True, workers=1).missing == "" and not ran
    optbench.sweep({**GRID, "learning_rates": [1e-4, 1e-3, 0.01]}, out=tmp_path / "whole", workers=1)
    same_tables(out, tmp_path / "whole")


@pytest.mark.slow
def test_report_seeds_that_ran_stay(tmp_path, monkeypatch):
    """Beside another leader fewer may do, and what was concluded on all of them would be open again."""
    spec, out = {**BLOCKS, "widen": 0, "final": 2}, tmp_path / "out"

    def count_seeds(folder):
        runs = optbench.load(folder).runs.query("stage == 'report'")
        return runs.groupby("optimizer")["seed"].nunique().to_dict()

    for needed, added, seeds in ((24, "", 24), (21, "adam", 24), (26, "gd, nesterov", 26)):
        monkeypatch.setattr(stages, "count_report_seeds", lambda coded, needed=needed: {"rosenbrock": needed})
        if added:
            with monkeypatch.context() as patch:
                patch.setattr(loop.SweepRun, "run", stop)
                with pytest.raises(KeyboardInterrupt):
                    optbench.sweep(out=out, extend=True, optimizers=added, workers=1)
        optbench.sweep(spec | read_spec(out / "spec.toml").to_dict() if added else spec, out=out, workers=1)
        assert {*count_seeds(out).values()} == {seeds}
    monkeypatch.setattr(stages, "count_report_seeds", lambda coded: {"rosenbrock": 21})
    optbench.sweep({**spec, "optimizers": ["gd", "momentum", "adam"]}, out=tmp_path / "at once", workers=1)
    assert count_seeds(tmp_path / "at once") == {"gd": 21, "momentum": 21, "adam": 21}


def stop(*arguments, **named):
    raise KeyboardInterrupt


def test_what_is_finished_is_loaded_and_not_planned_again(tmp_path, monkeypatch):
    out, shown = tmp_path / "out", []
    before = optbench.sweep(GRID, out=out, workers=1)
    content = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    with monkeypatch.context() as patch:
        patch.setattr(loop.SweepRun, "run", stop)
        again = optbench.sweep(GRID, out=out, workers=1, callback=lambda *numbers: shown.append(numbers))
        pd.testing.assert_frame_equal(again.runs, before.runs)
        assert shown == [(12, 12, "gd on saddle")]
        assert content == {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
        with pytest.raises(KeyboardInterrupt):
            optbench.sweep(GRID, out=out, workers=1, retry_failed=True)
    (out / "curves.parquet").write_bytes(b"")
    optbench.sweep(GRID, out=out, workers=1)
    assert content[out / "curves.parquet"] == (out / "curves.parquet").read_bytes()


def test_plugins_at_another_path_are_told_what_to_do(tmp_path):
    old, new = tmp_path / "old" / "own.py", str(tmp_path / "own.py")
    with pytest.raises(OptbenchError, match=f"--plugin {old}; {new} is not {old}, which is gone: put the file there"):
        refuse_unnamed([str(old)], [new])
    old.parent.mkdir()
    old.touch()
    with pytest.raises(OptbenchError, match=f"--plugin {old}; {new} is not {old}$"):
        refuse_unnamed([str(old)], [new])
    with pytest.raises(OptbenchError, match=f"--plugin {old}$"):
        refuse_unnamed([str(old)], [str(tmp_path / "other.py")])
