"""The code that trains the user's model on the user's table: its arrays, and the metrics that it prints."""

import ast
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from harness import CATALOGUE, save_arrays

import optbench
from optbench.engine.scores import score, scores_of
from optbench.translation.job import find_job

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


@pytest.mark.parametrize(("kind", "ending", "given"), CASES)
def test_its_arrays_are_those_of_the_problem(kind, ending, given, tmp_path):
    """The code's own statements, up to the network, with pandas and scikit-learn alone."""
    text = ending
    if ending.endswith(("csv", "tsv", "parquet", "array", "arrays")):
        text = f"file(path='{save(tmp_path, ending)}'{', ' * bool(given)}{given})"
    problem = optbench.problems()[kind].build({"data": text})
    code = optbench.training_code("adam_torch", problem=problem)
    found: dict = {}
    for node in ast.parse(code).body:
        line = ast.unparse(node)
        if line.startswith("torch.manual_seed"):
            break
        mine = isinstance(node, ast.Import | ast.ImportFrom) and "torch" not in line and "optbench" not in line
        if mine or isinstance(node, ast.Assign | ast.Expr):
            exec(compile(ast.Module([node], []), "<code>", "exec"), found)
    data = problem.data_set
    for part in ("train", "validation", "test"):
        ending = "" if part == "train" else f"_{part}"
        np.testing.assert_allclose(found[f"x_{part}"], getattr(data, f"x{ending}"), rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(found[f"y_{part}"], getattr(data, f"y{ending}"), rtol=1e-9, atol=1e-9)


def run_code(code, folder):
    """Run code in a process of its own, and return the numbers that it prints, by name."""
    path = folder / "carried.py"
    path.write_text(code, encoding="utf-8")
    done = subprocess.run([sys.executable, path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return {line.split()[0]: float(line.split()[1]) for line in done.stdout.splitlines() if line.startswith("test_")}


RUNS = [
    ("mlp(data={table}, hidden=(8,))", {"optimizer": "adam_torch", "lr": 0.01, "schedule": "cosine"}),
    ("mlp(data=breast_cancer, hidden=(4,), activation=tanh, initialization=xavier)", {"optimizer": "adam", "lr": 0.01}),
    ("logistic(l2=0.1)", {"optimizer": "heavy_ball", "lr": 0.05}),
    ("ridge", {"optimizer": "lbfgs"}),
]


@pytest.mark.torch
@pytest.mark.parametrize(("problem", "setting"), RUNS, ids=["table", "tanh", "logistic", "ridge"])
def test_it_prints_the_metrics_of_optbenchs_own_runs(problem, setting, tmp_path):
    """Within the runs of eight seeds, and as far beyond them as they spread."""
    problem = problem.format(table=f"\"file(path='{save(tmp_path, 'csv')}', target=team, drop='plan,value')\"")
    optimizer, values = setting["optimizer"], {key: value for key, value in setting.items() if key != "optimizer"}
    code = optbench.training_code(optimizer, problem=problem, batch_size=32, epochs=5, **values)
    found = run_code(code, tmp_path)
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


def test_no_code_claims_to_train_on_redrawn_labels():
    assert find_job(CATALOGUE.problem("softmax(data=digits)")) is not None
    assert find_job(CATALOGUE.problem("softmax(data=digits(label_noise=0.2))")) is None
