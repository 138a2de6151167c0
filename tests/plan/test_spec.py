"""A sweep's spec: what it accepts and refuses, and how it is written and read back."""

import tomllib
from pathlib import Path

import pytest

from optbench.catalogue.loader import load
from optbench.contract.errors import OptbenchError
from optbench.plan.joined_specs import find_differences, join_specs
from optbench.plan.spec import Spec
from optbench.plan.spec_files import make_spec, read_spec
from optbench.run.session import plan
from optbench.store.provenance import describe_budget

BASE = {"problems": ["rosenbrock"], "optimizers": ["gd"], "learning_rates": [0.1], "steps": 3}


def test_a_grid_of_rates_in_blocks_stays_a_grid():
    """Each block moves it; without blocks, and beside trials, it is its numbers."""
    blocks = make_spec(BASE, {"learning_rates": " 1e-3: 1.0 :4", "blocks": 2})
    assert blocks.learning_rates == blocks.rate_grid == "0.001:1:4"
    listed = make_spec(BASE, {"learning_rates": "0.1,1", "blocks": 2})
    assert listed.learning_rates == (0.1, 1.0) and listed.rate_grid is None
    drawn = make_spec(BASE, {"learning_rates": "1e-3:1:4", "blocks": 2, "trials": 3})
    plain = make_spec(BASE, {"learning_rates": "1e-3:1:4"})
    assert drawn.learning_rates == plain.learning_rates == (0.001, 0.01, 0.1, 1.0)
    assert drawn.rate_grid is plain.rate_grid is None
    assert find_differences(blocks, make_spec(BASE, {"learning_rates": "0.001:1:4", "blocks": 2})) == []


@pytest.mark.parametrize("other", ["1e-3:1:5", [0.001, 0.01, 0.1, 1.0]])
def test_a_grid_in_blocks_is_joined_with_itself_alone(other):
    grid, more = (make_spec(BASE, {"learning_rates": "1e-3:1:4", "blocks": blocks}) for blocks in (2, 3))
    assert join_specs(grid, more) == join_specs(more, grid) == more
    rest = make_spec(BASE, {"learning_rates": other, "blocks": 2})
    assert find_differences(grid, rest) == ["learning_rates"]


SPECS = [
    BASE,
    BASE
    | {
        "learning_rates": [1e-5, 1 / 3, 5e-324, 1.7976931348623157e308],
        "run_timeout": 0.1,
        "dtypes": "float32,float64",
    },
    BASE | {"problems": ["mlp(activation='tanh')", 'logistic(data="a b")', {"name": "saddle", "epochs": 0.25}]},
    BASE | {"problems": [{"name": "saddle", "steps": 7}, {"name": "mlp(hidden=(8, 4))", "epochs": 1e-9}]},
    BASE | {"problems": ["saddle", {"name": "mlp", "batch_sizes": [16, "full"]}]},
    BASE | {"plugins": ["/a b/c.py", "C:\\users\\new\\täst\t'\"#.py", "/tmp/\u2028\x7f\x01.py"], "steps": 2**53},
    BASE | {"seeds": [9, 3, 0], "tuning_seeds": 0, "batch_sizes": ["full", 7, 10**9]},
    BASE | {"device": "cuda"},
    BASE | {"device": "auto"},
    BASE | {"choose_by": "test_accuracy, loss", "judge_by": "loss"},
    BASE | {"blocks": 3, "widen": 0, "final": 5, "report": 1},
    BASE | {"blocks": 3, "learning_rates": "1e-3:31.6228:10", "search_seed": 4},
]


@pytest.mark.parametrize("raw", SPECS, ids=range(len(SPECS)))
def test_a_written_spec_is_read_back(raw, tmp_path):
    spec = make_spec(raw)
    file = tmp_path / "spec.toml"
    file.write_text(spec.to_toml(), encoding="utf-8", newline="\n")
    assert read_spec(file) == spec


def test_flags_go_over_the_file_and_none_leaves_it(tmp_path):
    file = tmp_path / "my.toml"
    file.write_text(
        'problems = ["rosenbrock", { name = "mlp", epochs = 2 }]\noptimizers = ["gd"]\nlearning_rates = [0.5]\n'
        'batch_sizes = [16, "full"]\nschedules = ["constant"]\nseeds = 6\ntuning_seeds = 2\nepochs = 5\n'
    )
    plain = read_spec(file)
    assert plain.problems[1].epochs == 2 and plain.seeds == tuple(range(6)) and plain.batch_sizes == (16, "full")
    assert read_spec(file, dict.fromkeys(Spec.model_fields)) == plain
    flags = {
        "problems": "quadratic(dim=3, condition=1e4), saddle", "optimizers": "gd, adam(beta1=[0.8, 0.9])",
        "batch_sizes": "32,full", "schedules": "constant, inverse(decay_rate=0.1)", "learning_rates": "0.1,1e-2",
        "dtypes": "float64,float32", "run_timeout": 2.5,
    }  # fmt: skip
    spec = read_spec(file, flags)
    assert [entry.name for entry in spec.problems] == ["quadratic(dim=3, condition=1e4)", "saddle"]
    assert spec.optimizers == ("gd", "adam(beta1=[0.8, 0.9])") and spec.schedules[1] == "inverse(decay_rate=0.1)"
    assert spec.batch_sizes == (32, "full") and spec.learning_rates == (0.1, 0.01)
    assert spec.dtypes == ("float64", "float32") and spec.run_timeout == 2.5
    assert (spec.epochs, spec.steps, spec.tuning_seeds) == (5, None, 2)


@pytest.mark.parametrize(("budget", "flag"), [({"epochs": 5}, {"steps": 40}), ({"steps": 5}, {"epochs": 0.5})])
def test_a_budget_by_flag_replaces_every_budget_of_the_file(budget, flag):
    raw = {key: value for key, value in BASE.items() if key != "steps"}
    spec = make_spec(raw | budget | {"problems": ["rosenbrock", {"name": "mlp", "epochs": 2}]}, flag)
    assert {"epochs": spec.epochs, "steps": spec.steps} == {"epochs": None, "steps": None} | flag
    assert all(entry.epochs is None and entry.steps is None for entry in spec.problems)


def test_batch_sizes_of_a_problem_are_its_own_until_a_flag_names_others():
    raw = BASE | {"problems": ["saddle", {"name": "logistic", "steps": 9, "batch_sizes": "64, full"}], "batch_sizes": 4}
    spec = make_spec(raw, {})
    assert [spec.sizes_of(entry) for entry in spec.problems] == [(4,), (64, "full")]
    found = {(each.cohort.problem.name, each.cohort.batch_size) for each in plan(spec, load()).series}
    assert found == {("saddle", 4), ("logistic", 64), ("logistic", 455)}
    typed = make_spec(raw, {"batch_sizes": "16"})
    assert [typed.sizes_of(entry) for entry in typed.problems] == [(16,), (16,)] and typed.problems[1].steps == 9
    assert make_spec(raw, {"epochs": 1}).sizes_of(spec.problems[1]) == (64, "full")
    assert find_differences(spec, typed) == ["batch_sizes", "problems"]
    with pytest.raises(OptbenchError, match="batch_sizes"):
        make_spec(BASE | {"problems": [{"name": "mlp", "batch_sizes": [0]}]}, {})


@pytest.mark.parametrize(
    ("problems", "text"),
    [(["rosenbrock", "saddle"], "3 steps"),
     (["mlp", {"name": "rosenbrock", "epochs": 60}, {"name": "saddle", "epochs": 60}], "60 epochs (mlp: 3 steps)"),
     ([{"name": "mlp", "epochs": 0.5}, "saddle", "rosenbrock", {"name": "plateau", "epochs": 0.5},
       {"name": "logistic", "steps": 9}, "quadratic"], "3 steps (mlp, plateau: 0.5 epochs; logistic: 9 steps)")],
)  # fmt: skip
def test_the_budget_in_words_is_that_of_most_problems_and_then_of_each_other(problems, text):
    assert describe_budget(make_spec(BASE | {"problems": problems})) == text


@pytest.mark.parametrize(
    ("seeds", "found", "tuning"),
    [("9", range(9), 3), (6, range(6), 2), ("4", range(4), 1), ("2", range(2), 1), ("1", range(1), 0),
     ("5,6", (5, 6), 1), ([7], (7,), 0), ("0,1,2", range(3), 1), (range(30), range(30), 3)],
)  # fmt: skip
def test_fewer_seeds_by_flag_take_their_share_for_tuning(seeds, found, tuning):
    spec = make_spec(BASE | {"seeds": 12, "tuning_seeds": 3}, {"seeds": seeds})
    assert (spec.seeds, spec.tuning_seeds) == (tuple(found), tuning)
    assert make_spec(BASE, {"seeds": "4", "tuning_seeds": 2}).tuning_seeds == 2


@pytest.mark.parametrize(
    ("seeds", "tuning", "split"),
    [(5, 2, ([0, 1], [2, 3, 4])), ([7, 3, 5], 1, ([7], [3, 5])), (3, 0, ([0, 1, 2], [])), (3, 3, ([0, 1, 2], []))],
)
def test_split_of_the_seeds(seeds, tuning, split):
    assert make_spec(BASE | {"seeds": seeds, "tuning_seeds": tuning}).split_seeds() == split


def test_plugins_of_a_file_are_relative_to_it(tmp_path, monkeypatch):
    folder = tmp_path / "specs"
    folder.mkdir()
    (folder / "my.toml").write_text(
        'problems = ["rosenbrock"]\noptimizers = ["gd"]\nlearning_rates = [0.5]\nsteps = 3\n'
        'plugins = ["mine.py", "/x/y.py"]\n'
    )
    monkeypatch.chdir(tmp_path)
    for path in (folder / "my.toml", Path("specs/my.toml")):
        mine, absolute = read_spec(path).plugins
        assert Path(mine).resolve() == folder / "mine.py" and absolute == "/x/y.py"


@pytest.mark.parametrize(
    ("raw", "changes", "choose_by", "judge_by"),
    [
        ({}, {}, ("time", "loss"), "time"),
        ({"choose_by": "loss, test_loss"}, {}, ("loss", "test_loss"), "loss"),
        ({"judge_by": "loss"}, {}, ("time", "loss"), "loss"),
        ({"judge_by": "test_accuracy"}, {}, ("test_accuracy",), "test_accuracy"),
        ({}, {"judge_by": "test_accuracy"}, ("test_accuracy",), "test_accuracy"),
        ({"choose_by": ["test_loss"]}, {"judge_by": "test_accuracy"}, ("test_accuracy",), "test_accuracy"),
        ({"choose_by": ["test_loss"]}, {"judge_by": "loss"}, ("time", "loss"), "loss"),
        ({"choose_by": ["test_loss", "loss"]}, {"judge_by": "loss"}, ("test_loss", "loss"), "loss"),
        ({"judge_by": "loss"}, {"choose_by": "time"}, ("time",), "time"),
        ({"judge_by": "loss"}, {"choose_by": "time,loss"}, ("time", "loss"), "loss"),
        ({"judge_by": "loss"}, {"choose_by": "time,loss", "judge_by": "time"}, ("time", "loss"), "time"),
    ],
)
def test_the_measure_to_judge_by_is_one_that_is_tuned_for(raw, changes, choose_by, judge_by):
    spec = make_spec(BASE | raw, changes)
    assert (spec.choose_by, spec.judge_by) == (choose_by, judge_by)
    assert make_spec(tomllib.loads(spec.to_toml())) == spec


def test_common_seeds_stay_the_same_whatever_the_blocks():
    """And no block has one of them, not even of the most seeds that there may be."""
    few, many = (make_spec(BASE | {"blocks": blocks, "final": 4, "report": 8}) for blocks in (2, 100_000 // 7))
    common = [few.seeds_of(stage) for stage in ("final", "report")]
    assert common == [[[1_000_000, 1_000_001, 1_000_002, 1_000_003]], [list(range(1_001_000, 1_001_008))]]
    assert [many.seeds_of(stage) for stage in ("final", "report")] == common
    assert max(many.seeds) < 1_000_000 and make_spec(BASE | {"blocks": 2, "final": 1000}).seeds_of("final")[0][-1] < (
        1_001_000
    )
    assert few.seeds_of("widen") == few.seeds_of("screen") == [[0], [7]] and few.seeds_of("race") == [[1, 2], [8, 9]]


NAMED = {"problems": ["rosenbrock"], "batch_sizes": ["full"], "learning_rates": [0.1], "seeds": 3, "steps": 5}


@pytest.mark.parametrize(
    ("text", "name", "files"),
    [
        ("torch:Mine(file=mine.py)", "torch:Mine", ["mine.py"]),
        ("torch:Mine(file='my own/mine.py', beta=[0.8, 0.9])", "torch:Mine(beta=[0.8, 0.9])", ["my own/mine.py"]),
        ("optax:mine(b1=0.5, file=~/mine.py)", "optax:mine(b1=0.5)", ["~/mine.py"]),
        ("torch:Mine(eps=1e-8:1e-2:3, file=mine.py)", "torch:Mine(eps='1e-8:1e-2:3')", ["mine.py"]),
        ("adam(beta1=0.8)", "adam(beta1=0.8)", []),
    ],
)
def test_a_file_leaves_the_name_for_the_plugins(text, name, files, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    expected = [str(tmp_path / file.replace("~", "home")) for file in files]
    for optimizers in (text, [text]):
        spec = make_spec({**NAMED, "optimizers": optimizers})
        assert (list(spec.optimizers), list(spec.plugins)) == ([name], expected)
        again = make_spec(tomllib.loads(spec.to_toml()))
        assert not find_differences(spec, again)  # what the folder keeps says the same


def test_whole_settings_and_plugins_that_are_there_already(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    entry = {"problem": "rosenbrock", "optimizer": "torch:Mine(file=mine.py, beta=0.5)", "lr": 0.1}
    raw = {"problems": ["rosenbrock"], "chosen": [entry], "plugins": ["other.py", "mine.py"], "seeds": 2, "steps": 5}
    spec = make_spec(raw)
    assert spec.chosen[0].optimizer == "torch:Mine(beta=0.5)"
    assert spec.plugins == (str(tmp_path / "other.py"), str(tmp_path / "mine.py"))


def test_a_file_of_a_spec_stands_beside_it_and_one_of_a_flag_where_the_command_was_given(tmp_path, monkeypatch):
    (tmp_path / "specs").mkdir()
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "specs" / "mine.toml"
    file.write_text(
        'problems = ["rosenbrock"]\noptimizers = ["torch:Mine(file=mine.py)", "adam"]\nbatch_sizes = ["full"]\n'
        "learning_rates = [0.1]\nseeds = 2\nsteps = 5\n"
    )
    assert read_spec(file).plugins == (str(tmp_path / "specs" / "mine.py"),)
    changed = read_spec(file, {"optimizers": "torch:Mine(file=mine.py)"})
    assert changed.plugins == (str(tmp_path / "mine.py"),)


RULES = """
from optbench import optimizer

@optimizer(source="a test")
def mine(w, g, lr):
    return w - lr * g

@optimizer(source="a test", beta=0.9)
def other(w, g, m, lr, beta):
    m = beta * m + g
    return w - lr * m, m
"""


def test_the_optimizers_of_a_plugin_run_beside_the_usual_ones_where_none_are_named(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(RULES)
    (tmp_path / "table.csv").write_text("a,b,y\n" + "".join(f"{i},{i * i % 7},{i % 2}\n" for i in range(60)))
    table = {"data": str(tmp_path / "table.csv"), "target": "y"}
    for usual in ({}, table):
        alone = read_spec(None, usual).optimizers
        assert read_spec(None, {**usual, "plugins": [file]}).optimizers == (*alone, "mine", "other")
        assert read_spec(None, {**usual, "plugins": [file], "optimizers": "adam, mine"}).optimizers == ("adam", "mine")
    ablated = read_spec(None, {"plugins": [file], "ablate": "other(beta=0.5|0.9)"}).optimizers
    assert ablated == ("variant(other(beta=0.5))", "variant(other(beta=0.9))")
    assert make_spec(BASE, {"plugins": [file]}).optimizers == ("gd",), "a spec names its own"


def test_a_plugin_without_optimizers_leaves_the_usual_ones(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text("")
    assert read_spec(None, {"plugins": file}).optimizers == read_spec().optimizers
