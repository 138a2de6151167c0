"""The code that trains the user's model on the user's table: its arrays, and the metrics that it prints."""

import ast
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from harness import CATALOGUE, save_arrays

import optbench
from optbench import OptbenchError, datasets
from optbench.engine.scores import score, scores_of
from optbench.translation.code import render
from optbench.translation.job import describe_job
from optbench.translation.setting import Setting

TEXTS = ["Oslo", "Rome ", "Lima", "?"]


def make_table(rows=120):
    """Numbers with gaps and with a word among them, truth values, texts of two and of four levels, and two targets."""
    rng = np.random.default_rng(1)
    table = pd.DataFrame({
        "age": rng.integers(18, 80, rows).astype(float), "city": rng.choice(TEXTS, rows),
        "member": rng.random(rows) < 0.5, "team": rng.choice(["a", "b"], rows),
        "spent": rng.exponential(50, rows).round(2),
    })  # fmt: skip
    table.loc[::9, "age"] = np.nan
    table["plan"] = rng.choice(["basic", "gold", "plus"], rows)
    table["grade"] = rng.integers(1, 4, rows)
    table["value"] = rng.normal(size=rows).round(3)
    table.loc[5, "plan"] = table.loc[6, "value"] = None
    return table


def save(folder, kind):
    """Write the table in a format, or arrays of numbers, and return the data set's name."""
    table, path = make_table(), folder / f"mine.{kind}"
    if kind.startswith("copies."):
        table = table.loc[np.random.default_rng(2).integers(60, size=len(table))].reset_index(drop=True)
        kind = kind.removeprefix("copies.")
    x, y = table[["age", "spent"]].to_numpy(), table["grade"].to_numpy()
    if kind == "arrays":
        return save_arrays(x[:90], y[:90], (x[90:], y[90:]), folder)
    if kind == "one array":
        return save_arrays(x, y, folder=folder)
    if kind == "parquet":
        table.to_parquet(path)
    else:
        table.to_csv(path, index=False, sep="," if kind == "csv" else "\t")
    return path


CASES = [
    ("softmax", "csv", "target=plan"),
    ("softmax", "csv", "target=grade, missing=mean, drop=value"),
    ("softmax", "csv", "target=grade, missing=drop"),
    ("logistic", "csv", "target=plan, positive=gold"),
    ("logistic", "csv", "target=member"),
    ("least_squares", "csv", "target=value"),
    ("mlp", "csv", "target=value"),
    ("softmax", "tsv", "target=plan"),
    ("huber", "parquet", "target=value"),
    ("softmax", "copies.csv", "target=plan"),
    ("logistic", "copies.csv", "target=plan, positive=gold"),
    ("least_squares", "copies.parquet", "target=value, missing=drop"),
    ("softmax", "copies.arrays", ""),
    ("softmax", "arrays", ""),
    ("softmax", "one array", "missing=drop"),
    ("softmax", "digits", ""),
    ("ridge", "diabetes", ""),
    ("squared_hinge", "breast_cancer", ""),
]


@pytest.mark.parametrize("library", ["torch", "keras"])
@pytest.mark.parametrize("kind, ending, given", CASES)
def test_its_arrays_are_those_of_the_problem(kind, ending, given, library, tmp_path):
    """The code's own statements, up to the network, with pandas and scikit-learn alone."""
    text = ending
    if ending.endswith(("csv", "tsv", "parquet", "array", "arrays")):
        text = f"file(path='{save(tmp_path, ending)}'{', ' * bool(given)}{given})"
    problem = optbench.problems()[kind].build({"data": text})
    code = optbench.training_code("adam_torch", library, problem=problem)
    found: dict = {}
    for node in ast.parse(code).body:
        line = ast.unparse(node)
        if line.startswith(("torch.manual_seed", "keras.utils")):
            break
        mine = isinstance(node, ast.Import | ast.ImportFrom) and not any(
            name in line for name in ("torch", "keras", "optbench")
        )
        if mine or isinstance(node, ast.Assign | ast.Expr):
            exec(compile(ast.Module([node], []), "<code>", "exec"), found)
    data = problem.data_set
    for part in ("train", "validation", "test"):
        ending = "" if part == "train" else f"_{part}"
        np.testing.assert_allclose(found[f"x_{part}"], getattr(data, f"x{ending}"), rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(found[f"y_{part}"], getattr(data, f"y{ending}"), rtol=1e-9, atol=1e-9)


def run_code(code, folder, backend):
    """Run code in a process of its own, and return the numbers that it prints, by name."""
    path = folder / "carried.py"
    path.write_text(code, encoding="utf-8")
    environment = {**os.environ, "KERAS_BACKEND": backend}
    done = subprocess.run([sys.executable, path], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return {line.split()[0]: float(line.split()[1]) for line in done.stdout.splitlines() if line.startswith("test_")}


RUNS = [
    ("mlp(data={table}, hidden=(8,))", {"optimizer": "adam_torch", "lr": 0.01, "schedule": "cosine"}),
    ("mlp(data=breast_cancer, hidden=(4,), activation=tanh, initialization=xavier)", {"optimizer": "adam", "lr": 0.01}),
    ("logistic(l2=0.1)", {"optimizer": "heavy_ball", "lr": 0.05}),
    ("ridge", {"optimizer": "lbfgs"}),
]


@pytest.mark.parametrize("library", [
    pytest.param("torch", marks=pytest.mark.torch), pytest.param("keras", marks=pytest.mark.keras),
])  # fmt: skip
@pytest.mark.parametrize("problem, setting", RUNS, ids=["table", "tanh", "logistic", "ridge"])
def test_it_prints_the_metrics_of_optbenchs_own_runs(problem, setting, library, tmp_path):
    """Within the runs of eight seeds, and as far beyond them as they spread."""
    problem = problem.format(table=f"\"file(path='{save(tmp_path, 'csv')}', target=team, drop='plan,value')\"")
    optimizer, values = setting["optimizer"], {key: value for key, value in setting.items() if key != "optimizer"}
    code = optbench.training_code(optimizer, library, problem=problem, batch_size=32, epochs=5, **values)
    found = run_code(code, tmp_path, "torch")
    runs = []
    for seed in range(8):
        batch = {} if optimizer == "lbfgs" else {"batch_size": 32}
        made = optbench.minimize(problem, optimizer, epochs=5, seed=seed, **batch, **values)
        runs.append(made.curve.iloc[-1].to_dict())
        record = CATALOGUE.problem(problem)
        predicted = record.predict(made.w, record.test[0])
        runs[-1] |= {f"test_{name}": score(name, record.test[1], predicted) for name in scores_of(record)}
    for name, value in found.items():
        known = np.array([run[name] for run in runs])
        spread = known.max() - known.min()
        assert known.min() - spread - 1e-4 <= value <= known.max() + spread + 1e-4, name
    assert found.keys() == {"test_loss", *(f"test_{name}" for name in scores_of(CATALOGUE.problem(problem)))}


@pytest.mark.parametrize("library, optimizer", [
    pytest.param(library, optimizer, marks=getattr(pytest.mark, library))
    for library, optimizer in [("torch", "adam_torch"), ("torch", "adam"), ("keras", "rmsprop"), ("keras", "adam")]
])  # fmt: skip
def test_it_stops_where_the_validation_loss_is_least(library, optimizer, tmp_path):
    """On labels of pure chance, which the network learns by heart: in the end the test loss is far higher."""
    rng = np.random.default_rng(0)
    path = save_arrays(rng.normal(size=(150, 5)), rng.integers(0, 2, 150), folder=tmp_path)
    problem = CATALOGUE.problem(f"mlp(data='{path}', hidden=(32,))")
    record, values = CATALOGUE.optimizer(optimizer)
    asked = Setting(record, values, 0.1, CATALOGUE.schedule("constant"), 16, 12, problem=problem)
    last, best = (run_code(render(replace(asked, stops=stops), library), tmp_path, "torch") for stops in (False, True))
    assert best["test_loss"] < 1 < 1.5 * best["test_loss"] < last["test_loss"]


def test_what_has_no_table_is_refused():
    for problem in ("rosenbrock", "mlp(data=spirals)", "convolution"):
        with pytest.raises(OptbenchError, match="is no network of dense layers on a table"):
            optbench.training_code("adam", problem=problem)
    with pytest.raises(OptbenchError, match="in PyTorch or Keras"):
        optbench.training_code("adam", "optax", problem="mlp")
    assert datasets.load("spirals").classes == 2


@pytest.mark.parametrize("optimizer", ["rmsprop", "adam_torch", "lbfgs"])
@pytest.mark.parametrize("problem", [None, "softmax"])
def test_code_for_keras_chooses_a_backend_before_it_imports_keras(optimizer, problem):
    head, _, _ = optbench.training_code(optimizer, "keras", problem=problem).partition("import keras")
    assert "KERAS_BACKEND" in head and head.count("import os") == 1


def test_no_code_claims_to_train_on_redrawn_labels():
    assert describe_job(CATALOGUE.problem("softmax(data=digits)")) is not None
    assert describe_job(CATALOGUE.problem("softmax(data=digits(label_noise=0.2))")) is None
