"""Metrics by name: scikit-learn's, on predictions made by hand and by problems."""

import numpy as np
import pytest
from harness import problem_of
from sklearn import metrics
from sklearn.dummy import DummyClassifier, DummyRegressor

import optbench
from optbench.analysis import metric_columns
from optbench.contract.columns import SCORES, is_gain
from optbench.engine.batches import start_point
from optbench.engine.scores import find_dead_units, score, score_constant, scores_of

RNG = np.random.default_rng(0)
TWO, MANY = (RNG.dirichlet(np.ones(k), 60).round(2) for k in (2, 4))
CLASSES = {
    "two": (RNG.integers(0, 2, 60).astype(float), TWO),
    "four": (RNG.integers(0, 4, 60).astype(float), MANY),
    "ties": (np.repeat([0.0, 1.0], 30), np.full((60, 2), 0.5)),
    "certain": (np.repeat([0.0, 1.0], 30), np.repeat([[0.0, 1.0], [1.0, 0.0]], 30, axis=0)),
}
THEIRS = {
    "log_loss": lambda y, made: metrics.log_loss(y, made / made.sum(axis=1, keepdims=True)),
    "accuracy": lambda y, made: metrics.accuracy_score(y, made.argmax(axis=1)),
    "balanced_accuracy": lambda y, made: metrics.balanced_accuracy_score(y, made.argmax(axis=1)),
    "f1": lambda y, made: metrics.f1_score(
        y, made.argmax(axis=1), average="binary" if made.shape[1] == 2 else "macro", zero_division=0
    ),
    "auc": lambda y, made: metrics.roc_auc_score(y, made[:, 1] if made.shape[1] == 2 else made, multi_class="ovr"),
}


@pytest.mark.parametrize("name", THEIRS)
@pytest.mark.parametrize("case", CLASSES)
def test_metrics_of_classes_are_those_of_scikit_learn(name, case):
    y, made = CLASSES[case]
    made = made / made.sum(axis=1, keepdims=True)
    assert score(name, y, made) == pytest.approx(THEIRS[name](y, made), rel=1e-9)


def test_metrics_of_real_targets_are_those_of_scikit_learn():
    y, made = RNG.standard_normal(50), RNG.standard_normal(50)
    assert score("r2", y, made) == pytest.approx(metrics.r2_score(y, made))
    assert score("mae", y, made) == pytest.approx(metrics.mean_absolute_error(y, made))
    assert np.isnan(score("r2", np.ones(5), made[:5]))


def test_what_is_no_metric_of_the_targets_or_not_finite_has_none():
    y, made = CLASSES["two"]
    assert np.isnan(score("mae", y, made)) and np.isnan(score("auc", y, made[:, 0]))
    assert np.isnan(score("auc", np.zeros(60), made)) and np.isnan(score("f1", y, made * np.nan))
    assert is_gain("test_auc") and is_gain("test_balanced_accuracy") and not is_gain("test_log_loss")


def test_problems_say_which_metrics_they_have():
    assert scores_of(problem_of("logistic")) == ("log_loss", "accuracy", "balanced_accuracy", "f1", "auc")
    assert scores_of(problem_of("ridge")) == ("r2", "mae")
    assert scores_of(problem_of("rosenbrock")) == scores_of(problem_of("autoencoder")) == ()
    assert {*scores_of(problem_of("logistic")), *scores_of(problem_of("ridge"))} == {*SCORES}


@pytest.mark.parametrize("name", ["logistic", "mlp", "ridge", "least_squares"])
def test_a_constant_answer_has_what_scikit_learns_dummy_has(name):
    problem = problem_of(name)
    data = problem.data_set
    answer, values = score_constant(problem)
    if data.classes:
        dummy = DummyClassifier(strategy="prior").fit(data.x, data.y)
        assert answer == data.preparation.classes[int(dummy.predict(data.x[:1])[0])]
        shares = dummy.predict_proba(data.x_test)
        assert values["accuracy"] == pytest.approx(dummy.score(data.x_test, data.y_test))
        assert values["log_loss"] == values["loss"] == pytest.approx(metrics.log_loss(data.y_test, shares))
        assert values["auc"] == 0.5 and values["balanced_accuracy"] == pytest.approx(1 / data.classes)
        if data.classes == 2:
            assert values["f1"] == pytest.approx(metrics.f1_score(data.y_test, np.ones(len(data.y_test))))
    else:
        made = DummyRegressor().fit(data.x, data.y).predict(data.x_test)
        assert float(answer) == pytest.approx(data.preparation.target_mean, rel=1e-3)
        assert values["r2"] == pytest.approx(metrics.r2_score(data.y_test, made))
        w = np.zeros(problem.dim)  # predicts the mean of the standardized target
        loss = optbench.minimize(problem, w, "gd", lr=1e-9, steps=1).curve["test_loss"].iloc[0]
        assert values["loss"] == pytest.approx(loss)


def test_problems_that_predict_nothing_have_no_constant_answer():
    assert score_constant(problem_of("rosenbrock")) == score_constant(problem_of("autoencoder")) == ("", {})


def test_a_sweep_chooses_and_judges_by_a_metric_by_name(tmp_path):
    spec = {"problems": ["logistic", "ridge"], "optimizers": ["gd"], "learning_rates": [0.01, 0.3], "batch_sizes": [64],
            "seeds": 4, "epochs": 3, "workers": 1}  # fmt: skip
    found = optbench.sweep(**spec, choose_by=["auc", "r2"])
    for problem, name in (("logistic", "auc"), ("ridge", "r2")):
        runs = found.runs[found.runs["problem"] == problem]
        row = runs.iloc[0]
        record = problem_of(problem)
        w = optbench.minimize(problem, "gd", lr=row["lr"], epochs=3, batch_size=64, seed=row["seed"]).w
        for part in ("validation", "test"):
            x, y = getattr(record, part)
            assert row[f"{part}_{name}"] == pytest.approx(score(name, y, record.predict(w, x)), rel=1e-9)
        left = np.frombuffer(row[f"jackknife_test_{name}"], np.float32)
        assert len(left) == min(len(record.test[1]), 50) and left.min() < row[f"test_{name}"] < left.max()
    table = found.ranking("auc")
    value = table[table["problem"] == "logistic"].iloc[0]
    assert value["low"] < value["value"] < value["high"] < 0.2
    assert "test_mae" not in found.runs and "test_log_loss" not in found.runs
    plain = optbench.sweep(**spec, choose_by=["loss"])
    assert not {f"test_{name}" for name in SCORES} - {"test_accuracy"} & {*plain.runs}
    assert len(plain.verdicts("accuracy")) == len(plain.verdicts("test_accuracy"))
    with pytest.raises(optbench.OptbenchError, match="no run has the measure 'auc': .* --choose-by auc"):
        plain.verdicts("auc")
    with pytest.raises(optbench.OptbenchError, match="unknown measure to choose by 'auc'"):
        optbench.sweep(**spec | {"problems": ["ridge"]}, choose_by=["auc"])


def test_predictions_at_the_start_are_scored():
    problem = problem_of("softmax")
    made = problem.predict(start_point(problem, 0), problem.test[0])
    assert 0.3 < score("auc", problem.test[1], made) < 0.7


def test_dead_units_are_counted_at_the_weights_of_each_run():
    """A network half of whose units biases silence, by hand; weights that are not finite tell nothing."""
    problem = problem_of("mlp")
    x, w = problem.data[0], start_point(problem, 0)
    hidden = w[: 64 * 32].reshape(64, 32)
    w[64 * 32 :][:32] = np.repeat([-1e6, 1e-3], 16)
    dead = ((x @ hidden + w[64 * 32 :][:32]).max(axis=0) <= 0).mean()
    found = find_dead_units(problem, np.stack([w, np.full_like(w, np.inf)]))
    assert 0.5 <= dead < 0.7 and found[0] == dead and np.isnan(found[1])
    assert find_dead_units(problem_of("mlp(activation=tanh)"), w[None]) is None
    assert find_dead_units(problem_of("rosenbrock"), np.zeros((1, 2))) is None


@pytest.mark.slow
def test_a_sweep_has_the_dead_units_of_the_runs_that_report():
    """Adam at a rate of 0.5 silences nearly all; the weights are those of the same run alone."""
    found = optbench.sweep(problems=["mlp", "logistic"], optimizers=["adam"], learning_rates=[0.5, 1e-3],
                           batch_sizes=[64], schedules=["constant"], seeds=2, epochs=1, workers=1)  # fmt: skip
    problem = problem_of("mlp")
    for row in found.runs[found.runs["problem"] == "mlp"].itertuples():
        w = optbench.minimize(problem, "adam", lr=row.lr, epochs=1, batch_size=64, seed=row.seed).w
        sums = problem.data[0] @ w[: 64 * 32].reshape(64, 32) + w[64 * 32 :][:32]
        assert row.train_dead_units == pytest.approx((sums.max(axis=0) <= 0).mean(), abs=1 / 64)
        assert (row.train_dead_units > 0.5) == (row.lr == 0.5)
    assert found.runs.loc[found.runs["problem"] == "logistic", "train_dead_units"].isna().all()
    assert "train_dead_units" not in metric_columns(found.runs)
