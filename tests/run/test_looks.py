"""The looks at a folder that grows: the numbers of complete blocks, or seeds, at which its tables were finished."""

import contextlib
import itertools
import json
import math

import pandas as pd
import pytest
from records import finished

import optbench
from optbench.analysis.protocol import find_targets
from optbench.engine import runner
from optbench.figures.data import report_data
from optbench.plan.spec_files import make_spec
from optbench.run import session
from optbench.run.loop import ExecutionOptions
from optbench.run.merging import merge_folders, select_shard
from optbench.wording.answers import describe_measure

pytestmark = pytest.mark.slow

BLOCKS = {"problems": ["rosenbrock", "saddle"], "optimizers": ["gd"], "learning_rates": [1e-4, 1e-3], "blocks": 2,
          "race": 1, "holdout": 1, "finalists": 1, "widen": 0, "final": 1, "report": 1, "steps": 5}  # fmt: skip
GRID = {"problems": ["rosenbrock"], "optimizers": ["gd"], "learning_rates": [1e-4, 1e-3], "seeds": 3, "steps": 5}


def looks(folder):
    kept = json.loads((folder / "provenance.json").read_text())["looks"]
    assert optbench.load(folder).provenance["looks"] == kept
    return kept


@pytest.fixture
def killed_after(monkeypatch):
    """killed_after(count): a context in which the sweep is interrupted when so many cohorts have run."""

    @contextlib.contextmanager
    def call(count):
        asked, original = itertools.count(), runner.Runner.run

        def stop(*given):
            if next(asked) == count:
                raise KeyboardInterrupt
            return original(*given)

        with monkeypatch.context() as patch:
            patch.setattr(runner.Runner, "run", stop)
            with pytest.raises(KeyboardInterrupt):
                yield

    return call


@pytest.mark.parametrize(("spec", "key", "first"), [(BLOCKS, "blocks", 2), (GRID, "seeds", 3)])
def test_each_number_at_which_tables_are_finished_is_a_look(spec, key, first, tmp_path):
    results = optbench.sweep(spec, out=tmp_path, workers=1)
    assert looks(tmp_path) == results.provenance["looks"] == [first]
    optbench.sweep(spec, out=tmp_path, workers=1)
    optbench.sweep(spec, out=tmp_path, workers=1, judge_by="loss")
    assert looks(tmp_path) == [first], "the same tables once more"
    optbench.sweep(out=tmp_path, extend=True, workers=1, optimizers="momentum")
    assert looks(tmp_path) == [first, first], "further runs at the same number"
    for number in (first + 1, first + 3):
        optbench.sweep(out=tmp_path, extend=True, workers=1, **{key: number})
    assert looks(tmp_path) == [first, first, first + 1, first + 3]
    assert optbench.sweep(out=tmp_path, extend=True, workers=1).provenance["looks"] == looks(tmp_path)


def test_a_wider_search_is_a_look(tmp_path):
    optbench.sweep(BLOCKS, out=tmp_path, workers=1)
    optbench.sweep(out=tmp_path, extend=True, workers=1, widen=2)
    assert looks(tmp_path) == [2, 2]
    optbench.sweep(out=tmp_path, extend=True, workers=1, widen=2)
    assert looks(tmp_path) == [2, 2], "no run was added"


def test_verdicts_stay_where_an_optimizer_is_added(tmp_path):
    """It pays for its own pairs; settings that another rate replaces count from the third look on."""

    def of(results, pair):
        rows = results.verdicts("loss").query("a == @pair[0] and b == @pair[1]")
        return rows[rows["problem"] != "all"].reset_index(drop=True)

    spec = LONG | FAST | {"optimizers": ["gd", "momentum"], "final": 4, "report": 8, "blocks": 3}
    before = optbench.sweep(spec, out=tmp_path, workers=1)
    after = optbench.sweep(out=tmp_path, extend=True, workers=1, optimizers="adam")
    pd.testing.assert_frame_equal(of(before, ("gd", "momentum")), of(after, ("gd", "momentum")))
    assert after.look == 2 and set(after.runs.groupby("optimizer")["first_look"].max().items()) == {
        ("gd", 1), ("momentum", 1), ("adam", 2)
    }  # fmt: skip
    more = optbench.sweep(out=tmp_path, extend=True, workers=1, learning_rates=[0.03])
    assert {1, 2, 3} >= set(more.runs.groupby(["problem", "optimizer"])["first_look"].max()) >= {3}
    problem = optbench.sweep(out=tmp_path, extend=True, workers=1, problems="quadratic")
    assert problem.look == 4 and (problem.runs.query("problem == 'quadratic'")["first_look"] == 1).all()


def test_a_folder_that_does_not_say_since_when_it_reports_counts_all_looks(tmp_path):
    optbench.sweep(GRID, out=tmp_path, workers=1)
    file = tmp_path / "provenance.json"
    file.write_text(json.dumps({key: each for key, each in json.loads(file.read_text()).items() if key != "reports"}))
    assert (optbench.sweep(out=tmp_path, extend=True, workers=1, seeds=5).runs["first_look"] == 2).all()


def test_the_command_is_the_first_one_and_what_extensions_added_is_named(tmp_path):
    first = optbench.sweep(GRID, out=tmp_path, workers=1)
    assert first.foot.endswith("optbench.sweep")
    text = "optbench.sweep  # extended by "
    for change, words in (
        ({"seeds": 5}, "seeds 3, 4"),
        ({"seeds": 5}, ""),  # nothing new
        ({"optimizers": "momentum, adam(beta1=[0.5, 0.9])"}, "optimizers momentum, adam(beta1=[0.5, 0.9])"),
        ({"problems": "saddle", "labels": {"saddle": "Saddle"}}, "problems saddle, labels saddle=Saddle"),
    ):
        text += "; then by " * (bool(words) and not text.endswith("by ")) + words
        assert optbench.sweep(out=tmp_path, extend=True, workers=1, **change).foot.endswith(text)


def targets(results):
    """The targets that verdicts are by, None where there is none; the folder keeps them."""
    found = {name: None if math.isnan(share) else share for name, share in find_targets(results.runs).items()}
    assert results.provenance["targets"].items() >= found.items()
    return found


BOWL = """from optbench import Problem, problem


def value_and_gradient(w, g):
    g[0] = {power} * w[0] ** ({power} - 1)
    return w[0] ** {power}


@problem(source="a test")
def bowl():
    return Problem(
        form="single", dim=1, value_and_gradient=value_and_gradient, start=lambda rng: rng.uniform(1, 2, 1),
        minimum=0.0, minimum_source="closed form: 0",
    )
"""
LONG = BLOCKS | {"steps": 200}
FAST = {"learning_rates": [1e-4, 1e-3, 0.1]}  # 0.1 brings saddle to its end


def test_the_target_of_the_first_look_stays(tmp_path):
    """Targets come from the best runs, so what an extension adds would move those of all."""
    first = targets(optbench.sweep(LONG, out=tmp_path, workers=1))
    assert first["saddle"] is None and first["rosenbrock"] > 0
    assert targets(optbench.sweep(LONG | FAST, workers=1))["saddle"] == 1e-8, "at once"
    results = optbench.sweep(out=tmp_path, extend=True, workers=1, **FAST)
    assert targets(results) == first
    assert "On saddle no target is reached in every block, as of the first look" in describe_measure(
        report_data(results).answer
    )
    more = targets(optbench.sweep(out=tmp_path, extend=True, workers=1, problems="quadratic", blocks=3))
    assert more.pop("quadratic") > 0 and more == first


def test_a_merge_keeps_the_targets_that_its_folders_share(tmp_path):
    a, b, c = (tmp_path / name for name in "abc")
    optbench.sweep(LONG, out=a, workers=1)
    optbench.sweep(out=a, extend=True, workers=1, **FAST)
    optbench.sweep(LONG | {"optimizers": ["momentum"]}, out=b, workers=1)
    optbench.sweep(LONG | FAST | {"optimizers": ["adam"]}, out=c, workers=1)
    assert [targets(optbench.load(folder))["saddle"] for folder in (a, b, c)] == [None, None, 1e-8]
    for others, wanted in (([b], None), ([c], 1e-8)):
        out = tmp_path / f"with {others[0].name}"
        merge_folders([a, *others], out, (), "a test", lambda text: None)
        assert find_targets(optbench.load(out).runs)["saddle"] == pytest.approx(wanted or math.nan, nan_ok=True)


def test_a_sweep_that_was_stopped_without_an_answer_has_no_target_yet(tmp_path, killed_after):
    with killed_after(3):
        optbench.sweep(LONG, out=tmp_path, workers=1)
    assert not json.loads((tmp_path / "provenance.json").read_text())["targets"]
    assert targets(optbench.sweep(out=tmp_path, extend=True, workers=1, **FAST))["saddle"] == 1e-8


def test_a_problem_that_has_changed_has_a_target_of_its_own(tmp_path):
    """Its runs are new, and so is what they reach."""
    file = tmp_path / "bowl.py"
    spec = LONG | FAST | {"problems": ["bowl"], "plugins": [str(file)]}
    file.write_text(BOWL.format(power=4))
    assert targets(optbench.sweep(spec, out=tmp_path / "out", workers=1)) == {"bowl": 1e-4}
    file.write_text(BOWL.format(power=2))
    with pytest.warns(UserWarning, match="problem bowl has changed"):
        assert targets(optbench.sweep(spec, out=tmp_path / "out", workers=1)) == {"bowl": 1e-8}


def test_a_damaged_target_is_none(tmp_path):
    whole = targets(optbench.sweep(LONG | FAST, out=tmp_path, workers=1))
    file = tmp_path / "provenance.json"
    for strange in (0.3, -1, 0, 10**400, math.nan, math.inf):
        text = json.loads(file.read_text()) | {"targets": {"saddle": strange, "nobody": 0.1}}
        file.write_text(json.dumps(text))
        results = optbench.sweep(LONG | FAST, out=tmp_path, workers=1)
        assert targets(results) == whole


def test_what_an_extension_of_blocks_and_trials_added_is_named(tmp_path):
    spec = BLOCKS | {"trials": 3, "learning_rates": "log_uniform(1e-4, 1e-3)"}
    optbench.sweep(spec, out=tmp_path, workers=1)
    results = optbench.sweep(out=tmp_path, extend=True, workers=1, trials=4, blocks=3, widen=1)
    assert results.foot.endswith("# extended by blocks 3, trials 4, widen 1")
    with pytest.warns(UserWarning, match="drawn anew"):
        results = optbench.sweep(out=tmp_path, extend=True, workers=1, learning_rates="log_uniform(1e-5, 1e-3)")
    assert "widen 1; then by learning_rates log_uniform(1e-5, 0.001)" in results.foot


@pytest.mark.parametrize("change", [{"blocks": 3}, {"optimizers": "momentum"}])
def test_an_extension_that_is_killed_is_no_look_and_loses_none(change, tmp_path, killed_after):
    optbench.sweep(BLOCKS, out=tmp_path, workers=1)
    with killed_after(2):
        optbench.sweep(out=tmp_path, extend=True, workers=1, **change)
    assert looks(tmp_path) == [2]
    optbench.sweep(out=tmp_path, extend=True, workers=1)
    assert looks(tmp_path) == [2, change.get("blocks", 2)]


def test_what_a_time_limit_leaves_complete_is_a_look(tmp_path, monkeypatch):
    """The problem counts that has most: its verdict is the one that was looked at so late."""
    monkeypatch.setattr(
        ExecutionOptions, "is_late", lambda ways: ways.until is not None and len(finished(tmp_path)) >= 2
    )
    spec = GRID | {"problems": ["rosenbrock", "saddle"], "seeds": 6}
    with pytest.warns(UserWarning, match="stopped by time_limit"):
        optbench.sweep(spec, out=tmp_path, workers=1, time_limit="1h")
    runs = optbench.load(tmp_path).runs
    most = int(runs.groupby("problem")["seed"].nunique().max())
    assert looks(tmp_path) == [most] and 1 <= most < 6
    monkeypatch.undo()
    optbench.sweep(spec, out=tmp_path, workers=1)
    assert looks(tmp_path) == [most, 6]


def test_parts_are_a_look_at_the_whole_when_they_are_merged(tmp_path):
    spec = make_spec({**BLOCKS, "problems": ["rosenbrock"], "optimizers": ["gd", "momentum"]})
    plan = session.load_and_plan(spec, session.Options().isolation)
    parts = [tmp_path / f"part-{number}" for number in (1, 2)]
    for number, folder in enumerate(parts, start=1):
        session.execute(select_shard(plan, f"{number}/2"), folder, session.Options(workers=1))
        assert looks(folder) == [1] and not optbench.load(folder).provenance["targets"], "each part is a block"
    for some, out, wanted in ((parts[:1], "one", [1]), (parts, "all", [2])):
        merge_folders(some, tmp_path / out, (), "a test", lambda text: None)
        assert looks(tmp_path / out) == wanted, "blocks of some parts have reported: a look"
