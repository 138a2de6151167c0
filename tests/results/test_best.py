"""The recommended setting of a problem, and the model that it trains."""

import shutil

import numpy as np
import pandas as pd
import pytest
from quick import slow
from sklearn.linear_model import LinearRegression
from sklearn.metrics import accuracy_score

import optbench
from optbench import Best, OptbenchError
from optbench.report.page import list_provenance

SMALL = {"learning_rates": [0.003, 0.03], "batch_sizes": [32], "schedules": ["cosine"], "epochs": 8, "seeds": 4}


def make_table(rows=240):
    """A table with numbers, texts and gaps, whose target is a word."""
    rng = np.random.default_rng(3)
    age, city = rng.integers(18, 80, rows).astype(float), rng.choice(["Oslo", "Rome", "Lima"], rows)
    table = pd.DataFrame({"age": age, "city": city, "spent": rng.exponential(50, rows).round(2)})
    says = (age > 45).astype(int) + (city == "Rome") + rng.normal(0, 0.2, rows)
    table["left"] = np.where(says > 0.9, "yes", "no")
    table.loc[::17, "age"] = np.nan
    table.loc[::23, "city"] = None
    return table


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """The path of that table, and the table as it is read from it."""
    path = tmp_path_factory.mktemp("table") / "customers.csv"
    make_table().to_csv(path, index=False)
    return path, pd.read_csv(path)


@pytest.fixture(scope="module")
def results(table):
    problems = [f"mlp(data='{table[0]}', hidden=(8,))", "least_squares", "rosenbrock"]
    return optbench.sweep(problems=problems, optimizers=["momentum", "adam_torch"], **SMALL)


def test_the_data_of_a_relative_path_are_found_from_anywhere(table, tmp_path, monkeypatch):
    for name in ("here", "away", "far"):
        (tmp_path / name).mkdir()
    shutil.copy(table[0], tmp_path / "here" / "customers.csv")
    monkeypatch.chdir(tmp_path / "here")
    optbench.sweep(problems="logistic(data=customers.csv)", optimizers="gd", **SMALL, out=tmp_path / "far" / "kept")
    known = optbench.load("../far/kept").best().fit(seed=1).w
    monkeypatch.chdir(tmp_path / "away")
    shown = list_provenance(optbench.load("../far/kept").provenance)
    assert str(tmp_path / "here") not in str(shown), "a page is for others"
    assert (optbench.load("../far/kept").best().fit(seed=1).w == known).all()
    shutil.move(tmp_path / "here" / "customers.csv", tmp_path / "far" / "customers.csv")
    assert (optbench.load("../far/kept").best().fit(seed=1).w == known).all(), "both have moved"
    (tmp_path / "far" / "customers.csv").unlink()
    with pytest.raises(OptbenchError, match=r"fit: data set customers.csv: no such file in .*away"):
        optbench.load("../far/kept").best().fit()
    make_table(rows=300).to_csv("customers.csv", index=False)
    with pytest.raises(OptbenchError, match="have changed since the sweep"):
        optbench.load("../far/kept").best().fit()


def test_it_is_the_setting_of_the_winner(results):
    best, row = results.best("mlp"), results.winners().iloc[0]
    assert (best.optimizer, best.lr, best.batch_size, best.schedule) == (row.optimizer, row.lr, 32, row.schedule)
    assert best.params["epochs"] == 8 and "beta1" in best.hyperparameters
    end, further = {0.003: ("lower", 0.0003), 0.03: ("upper", 0.3)}[best.lr]
    limit = f"at a limit of the search: rate {best.lr} at the {end} end; try rate {further}"
    assert repr(best).splitlines()[1] == f"  {limit}" == f"  {best.limits}"
    assert f"lr={best.lr}" in repr(best) and best.code("PyTorch") == best.code("torch") != best.code("optax")
    assert all(word in best.code("pytorch") for word in ("customers.csv", "SimpleImputer"))
    assert "\noptimizer = optax." in best.code("optax")
    assert results.best("least_squares", "momentum").optimizer == "momentum"
    one = optbench.sweep(
        problems="rosenbrock", optimizers=["gd"], learning_rates=[0.001], batch_sizes="full", steps=5, seeds=2
    )
    assert one.best().limits == "", "nothing is at a limit of one rate"
    assert results.best_params[best.problem] == best.params
    assert best.params["optimizer"] == best.optimizer
    again = optbench.minimize("rosenbrock", **results.best("rosenbrock").params)
    assert again.status == "ok"


def test_of_the_models_of_a_table_it_is_the_one_that_the_answer_names(table):
    rows = table[1][["age", "spent"]].dropna()
    rows["bill"] = 2 * rows["age"] + rows["spent"]
    found = optbench.sweep(data=rows, target="bill", optimizers=["gd", "momentum"], **SMALL | {"epochs": 60})
    said = " ".join(str(found).split()).partition("In short: for the model ")[2]
    best = found.best()
    assert found.judge_by == "r2" and {"least_squares", "mlp"} == {*map(found.label_of, found.runs["problem"].unique())}
    assert said.startswith(f"{found.label_of(best.problem)}, start with {best.optimizer} at learning rate {best.lr:g}")


@pytest.mark.parametrize("seed", [0, slow(3)])
def test_a_model_is_the_sweeps_run_of_that_seed(results, table, seed):
    """And predicts for rows of the user's table what the run was measured by."""
    best = results.best("mlp")
    run = results.runs.query("problem == @best.problem and optimizer == @best.optimizer and lr == @best.lr")
    run = run[run["seed"] == seed].iloc[0]
    model = best.fit(seed=seed)
    rows = optbench.datasets.load(str(table[0])).rows.test
    held_out = table[1].iloc[rows]
    accuracy = accuracy_score(held_out["left"], model.predict(held_out))
    assert accuracy == pytest.approx(run["test_accuracy"])
    chance = model.predict_proba(held_out)[np.arange(len(rows)), (held_out["left"] == "yes").astype(int)]
    assert -np.log(chance).mean() == pytest.approx(run["test_loss_final"], rel=1e-9)


@pytest.mark.slow
def test_real_targets_come_in_their_own_unit():
    results = optbench.sweep(
        problems=["least_squares"], optimizers=["lbfgs"], epochs=100, batch_sizes=["full"], seeds=3
    )
    model, data = results.best().fit(), optbench.datasets.load("diabetes")
    from sklearn.datasets import load_diabetes

    X, y = load_diabetes(return_X_y=True)
    train, test = data.rows.training, data.rows.test
    expected = LinearRegression().fit(X[train], y[train]).predict(X[test])
    np.testing.assert_allclose(model.predict(X[test]), expected, rtol=1e-3)
    with pytest.raises(OptbenchError, match="predicts real numbers, not classes"):
        model.predict_proba(X)


@pytest.mark.slow
def test_other_data_than_the_sweeps_are_refused(tmp_path):
    path = tmp_path / "mine.csv"
    make_table(60).to_csv(path, index=False)
    best = optbench.sweep(problems=[f"logistic(data='{path}')"], optimizers=["gd"], **SMALL).best()
    make_table(61).to_csv(path, index=False)
    with pytest.raises(OptbenchError, match="have changed since the sweep"):
        best.fit()


def test_another_file_does_not_let_it_run(tmp_path):
    (tmp_path / "theirs.py").write_text("raise SystemExit('it ran')")
    (tmp_path / "mine.py").write_text("")
    named = f"torch:Theirs(file={str(tmp_path / 'theirs.py')!r})"
    with pytest.raises(OptbenchError, match="runs that file"):
        Best("logistic", named, 0.1, 32, "constant", {}, {"epochs": 1}).fit(plugin=tmp_path / "mine.py")


@pytest.mark.slow
def test_a_sweep_without_a_run_that_worked_has_no_best_setting():
    results = optbench.sweep(problems=["logistic"], optimizers=["gd"], **{**SMALL, "learning_rates": [1e12]})
    assert (results.runs["status"] == "diverged").all()
    with pytest.raises(OptbenchError, match="ended as 'diverged'|has failed"):
        results.best().fit()


@pytest.mark.slow
def test_labels_are_names_too():
    results = optbench.sweep(problems=["logistic"], optimizers=["adam_torch"], labels={"adam_torch": "Ours"}, **SMALL)
    for problem, optimizer in (("logistic", "Ours"), (None, "adam_torch"), ("Mine", None)):
        shown = results.labeled({"logistic": "Mine"})
        best = (shown if problem == "Mine" else results).best(problem, optimizer)
        assert (best.problem, best.optimizer) == ("logistic", "adam_torch") and best.code() and best.fit().classes
