"""The sweep of a table: what follows from its target and size, what is refused, and that it runs and is resumed."""

import numpy as np
import pandas as pd
import pytest
from quick import slow

import optbench
from optbench import datasets
from optbench.catalogue import loader
from optbench.contract.names import parse, split_levels
from optbench.plan.data_sweep import OPTIMIZERS, describe_sweep
from optbench.plan.spec_files import make_spec, parse_spec, read_spec
from optbench.translation.setting import Setting, find_equal

ROWS = 200
RNG = np.random.default_rng(11)
X = pd.DataFrame(RNG.standard_normal((ROWS, 3)), columns=["a", "b", "c"])
PRICE = (X["a"] - X["b"] + RNG.standard_normal(ROWS) / 4).round(3)
STATUS = np.array(["active", "churned", "paused"])[np.argmax(X.to_numpy(), axis=1)]
CUSTOMERS = X.assign(
    customer_id=RNG.permutation(ROWS) + 9000, name=[f"n{i}" for i in range(ROWS)], day="2024-01-01", currency="EUR",
    plan=np.where(np.arange(ROWS) % 9 == 0, None, "plus"), status=STATUS, price=PRICE,
)  # fmt: skip
FEW = {"blocks": 2, "epochs": 2, "optimizers": ["gd", "adamw"], "widen": 1}


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPTBENCH_DATA", str(tmp_path / "data"))
    CUSTOMERS.to_csv("customers.csv", index=False)


def problems_of(spec):
    return [parse(entry.name)[0] for entry in spec.problems]


@pytest.mark.parametrize(
    ("target", "problems", "measure", "words"),
    [
        ("status", ["softmax", "mlp"], "test_accuracy", "status has 3 classes: softmax regression and an MLP, "),
        ("plan", ["logistic", "mlp"], "test_accuracy", "plan has 2 classes: logistic regression and an MLP, "),
        (None, ["least_squares", "mlp"], "r2", "price is a number: least squares "),
    ],
)
def test_the_target_chooses_problems_and_measure(target, problems, measure, words):
    table = CUSTOMERS.assign(plan=CUSTOMERS["plan"].fillna("none"))
    table.to_csv("customers.csv", index=False)
    spec = read_spec(None, {"data": "customers.csv", "target": target})
    assert problems_of(spec) == problems and list(spec.labels.values()) == problems
    assert (spec.judge_by, spec.choose_by[1:], spec.blocks) == (measure, ("time",), 8)
    assert parse_spec(spec.to_toml()) == spec
    *facts, kind = describe_sweep(spec)
    assert kind.startswith(words) and kind.endswith(f"60 epochs each, judged by {measure}")
    assert "customer_id (numbers the rows), name (200 different texts), day (dates or times, " in " ".join(facts)


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ([0, 1], "logistic"), ([0.0, 1.0], "logistic"), ([True, False], "logistic"), (["a", "b"], "logistic"),
        ([1, 2, 3], "softmax"), (range(20), "softmax"), (range(21), "least_squares"), ([0.5, 1.5], "least_squares"),
    ],
)  # fmt: skip
def test_what_is_a_class_and_what_a_number(values, problem):
    table = X.assign(y=[list(values)[i % len(values)] for i in range(ROWS)])
    spec = make_spec({"data": table})
    assert problems_of(spec) == [problem, "mlp"]
    if problem == "softmax":
        assert describe_sweep(spec)[-1].endswith("if it is a number: --problems 'least_squares, mlp(loss=mse)'")
        as_number = make_spec({"data": table, "problems": "least_squares, mlp(loss=mse)"})
        assert as_number.judge_by == "test_loss" and problems_of(as_number) == ["least_squares", "mlp"]


@pytest.mark.parametrize(("rare", "told"), [(4, True), (24, False)])
def test_a_rare_class_is_told_that_accuracy_says_little(rare, told):
    table = X.assign(y=[int(i * rare // ROWS != (i + 1) * rare // ROWS) for i in range(ROWS)])
    assert table["y"].sum() == rare
    lines = describe_sweep(make_spec({"data": table}))
    assert lines[-1].endswith("% of the rows: --judge-by balanced_accuracy, f1 or auc tells more than accuracy") == told
    assert "tells more" not in " ".join(describe_sweep(make_spec({"data": table, "judge_by": "auc"})))


def test_files_tables_and_pairs_are_the_same_data():
    specs = [
        make_spec({"data": CUSTOMERS, "target": "status"}),
        make_spec({"data": (CUSTOMERS.drop(columns="status"), CUSTOMERS["status"])}),
        read_spec(None, {"data": "customers.csv", "target": "status"}),
    ]
    loaded = [datasets.load(parse(spec.problems[0].name)[1]["data"]) for spec in specs]
    for each in loaded[1:]:
        np.testing.assert_allclose(np.sort(each.x), np.sort(loaded[0].x), atol=1e-12)
        np.testing.assert_array_equal(each.y, loaded[0].y)


def test_columns_may_be_called_by_numbers_tuples_and_dates():
    """As pandas makes them of an array; a number counted as x0, which no user had written."""
    plain = X.assign(y=np.where(X["a"] > 0, 2, 5))
    for labels in (range(4), [0.5, 1, "b", True], pd.date_range("2024", periods=4), [("u", i) for i in range(4)]):
        table = plain.set_axis(pd.Index(labels), axis=1)
        target = list(table.columns)[3]
        names = [parse(make_spec({"data": table, **given}).problems[0].name)[1]["data"] for given in
                 ({"target": target}, {"target": str(target)}, {})]  # fmt: skip
        assert len(set(names)) == 1
        loaded = datasets.load(names[0])
        assert loaded.preparation.numbers == tuple(map(str, labels[:3]))
        assert loaded.target.startswith(f"target column {str(target)!r}, 2 classes: 0 is 2 (")
        np.testing.assert_array_equal(loaded.preparation.apply(table.iloc[loaded.rows.test]), loaded.x_test)
    numbered = plain.set_axis(range(4), axis=1)
    dropped = optbench.with_data("logistic", numbered, 3, drop=1)
    assert optbench.with_data("logistic", numbered, np.int64(3), drop=[1]) == dropped
    assert loader.load().problem(dropped).data[0].shape[1] == 3  # two of them, and the intercept


def test_other_keys_go_on_top_and_a_file_may_hold_all():
    changes = {"data": "customers.csv", "target": "status", "problems": "mlp(hidden=(4,)), softmax(data=digits)"}
    spec = read_spec(None, {**changes, "seeds": 3, "steps": 7, "batch_sizes": "8", "judge_by": "loss"})
    assert [parse(entry.name)[1]["data"] for entry in spec.problems][1] == "digits"
    assert (len(spec.seeds), spec.blocks, spec.steps, spec.epochs, spec.batch_sizes) == (3, 0, 7, None, (8,))
    assert spec.judge_by == "loss" and spec.labels[spec.problems[0].name] == "mlp(hidden=(4,))"
    assert read_spec(None, {"data": "customers.csv", "trials": 5}).learning_rates is None
    with open("my.toml", "w") as file:
        file.write('data = "customers.csv"\ntarget = "status"\nblocks = 3\noptimizers = ["gd", "adam"]\n')
    spec = read_spec("my.toml", {"epochs": 2})
    assert (spec.blocks, spec.epochs, spec.optimizers) == (3, 2, ("gd", "adam")) and problems_of(spec)[0] == "softmax"


def test_a_wrapped_problem_learns_from_the_table():
    spec = read_spec(None, {"data": "customers.csv", "target": "status", "problems": "noisy(delayed(mlp), law=cauchy)"})
    (noisy, delayed, (inner, given)) = split_levels(spec.problems[0].name)
    assert (noisy, delayed, inner) == (("noisy", {"law": "cauchy"}), ("delayed", {}), "mlp")
    assert "customers.csv" in given["data"] and list(spec.labels.values()) == ["noisy(delayed(mlp), law=cauchy)"]
    assert (
        spec.judge_by == "test_accuracy" and "status has 3 classes: noisy(delayed(mlp)), " in describe_sweep(spec)[-1]
    )
    name = optbench.with_data("noisy(mlp)", X, STATUS, hidden=(4,), folder="arrays")
    assert split_levels(name)[1][0] == "mlp" and loader.load().problem(name).data is not None


def test_the_optimizers_are_those_of_pytorch():
    found = loader.load_all(())
    for name in OPTIMIZERS:
        record, values = found.optimizer(name)
        for schedule in ("constant", "cosine"):
            setting = Setting(record, {**record.hyperparameters, **values}, 0.1, found.schedules[schedule], 16, 2)
            assert find_equal(setting, "torch").call is not None
    assert make_spec({"data": CUSTOMERS}).optimizers == OPTIMIZERS


@pytest.mark.parametrize(
    ("rows", "sizes", "epochs"),
    [(300, (16, 64), 60), (30_000, (32, 256), None), slow(250_000, (32, 256), None), (20, ("full",), 60)],
)
def test_the_size_chooses_batches_and_length(rows, sizes, epochs):
    x = RNG.standard_normal((rows, 4))
    spec = make_spec({"data": (x, x[:, 0] > 0)})
    assert spec.batch_sizes == sizes and (spec.epochs == epochs if epochs else 0 < spec.epochs < 10)
    assert ("--time-limit" in describe_sweep(spec)[-1]) == (spec.epochs < 1)
    wide = RNG.standard_normal((rows, 40))
    assert make_spec({"data": (wide, x[:, 0] > 0)}).epochs <= spec.epochs


@pytest.mark.slow
def test_a_real_target_in_python():
    results = optbench.sweep(data=CUSTOMERS, target="price", **FEW)
    assert {"least_squares", "mlp"} <= {*map(results.label_of, results.winners()["problem"])}
    assert (results.runs["test_loss_final"] > 0).any()


NETS = """
from torch import nn


class Wide(nn.Module):
    def __init__(self, inputs, outputs, width=4):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(inputs, width), nn.GELU(), nn.Linear(width, outputs))

    def forward(self, x):
        return self.layers(x)


def plain(inputs, outputs):
    return nn.Sequential(nn.Linear(inputs, 4), nn.ReLU(), nn.Linear(4, outputs))
"""


@pytest.mark.torch
def test_networks_of_a_file_are_the_problems(tmp_path):
    file = tmp_path / "nets" / "net.py"
    file.parent.mkdir()
    file.write_text(NETS)
    spec = read_spec(None, {"data": "customers.csv", "target": "status", "model": "nets/net.py"})
    assert problems_of(spec) == list(spec.labels.values()) == ["Wide", "plain"]
    assert spec.judge_by == "test_accuracy" and spec.plugins == (str(file),) and parse_spec(spec.to_toml()) == spec
    (file.parent / "mine.toml").write_text("data = '../customers.csv'\ntarget = 'status'\nmodel = 'net.py'\n")
    assert read_spec("nets/mine.toml").plugins == spec.plugins
    beside = {"data": "customers.csv", "model": "nets/net.py", "problems": "Wide(width=8), mlp"}
    assert problems_of(make_spec(beside)) == ["Wide", "mlp"]
    assert make_spec(beside).judge_by == "test_loss"  # the last column, a price


@pytest.mark.slow
@pytest.mark.torch
def test_networks_run_in_worker_processes_and_are_resumed(tmp_path):
    (tmp_path / "net.py").write_text(NETS)
    given = {"data": CUSTOMERS, "target": "status", "model": "net.py", **FEW, "final": 2, "report": 2, "out": "out"}
    first = optbench.sweep(**given, isolate="always")
    assert set(first.runs["status"]) == {"ok"} and {*map(first.label_of, first.runs["problem"])} == {"Wide", "plain"}
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("out/cohorts/*")}
    pd.testing.assert_frame_equal(optbench.sweep(**given).runs, first.runs)
    assert before and before == {path: path.stat().st_mtime_ns for path in tmp_path.glob("out/cohorts/*")}


@pytest.mark.slow
def test_what_is_left_out_of_a_table_stands_in_the_printed_answer():
    """The command says it before it begins; from Python nobody would know of dropped columns and rows."""
    table = CUSTOMERS.assign(status=CUSTOMERS["status"].where(np.arange(ROWS) % 9 > 0))
    found = optbench.sweep(data=table, target="status", problems=["softmax"], **FEW)
    text = " ".join(str(found).split())
    for words in ("customer_id (numbers the rows)", "of 200 rows left out, where the target is missing", "test rows"):
        assert words in text, words
    assert "customer_id (numbers" in found._repr_html_()
