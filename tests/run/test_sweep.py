"""The content of a sweep's tables, against formulas, counts by hand, and `optbench.minimize`."""

import itertools
from functools import cache
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import optbench
from optbench.analysis import select_chosen_runs, targets_of, time_to_target
from optbench.analysis.run_columns import hyperparameter_columns, metric_columns
from optbench.contract.columns import TARGETS, target_column

# Hyperparameters stand behind the optimizer, metrics behind everything.
RUNS = ["run_id", "cohort_id", "problem", "optimizer", "beta1", "schedule", "lr", "batch_size", "seed", "dtype",
        "stage", "block", "fold", "steps", "epochs", "samples", "status", "failure", "diverged_at", "loss_initial",
        "loss_final", "loss_best", "suboptimality_final", "validation_loss_final", "test_loss_final", "log_tail",
        "target", "samples_to_0.5", "samples_to_0.2", "samples_to_0.1", "samples_to_0.05", "samples_to_0.02",
        "samples_to_0.01", "samples_to_0.001", "samples_to_0.0001", "samples_to_1e-05", "samples_to_1e-06",
        "samples_to_1e-08"]  # fmt: skip
CURVES = ["run_id", "step", "epoch", "samples", "lr", "batch_loss", "train_loss", "validation_loss", "test_loss",
          "gradient_norm"]  # fmt: skip
TIMINGS = ["cohort_id", "lanes", "steps", "seconds", "evaluation_seconds", "ns_per_run_step", "compile_seconds", "host",
           "threads", "device", "device_note", "eager", "state_bytes"]  # fmt: skip

# 16 lanes: the form that vectorizes. The largest rate diverges on both problems.
SPEC = {"problems": ["rosenbrock", "logistic"], "optimizers": ["gd", "momentum"],
        "batch_sizes": [100, "full"], "schedules": ["constant", "exponential(base=0.5)"],
        "learning_rates": "1e-4:1e3:8", "seeds": [0, 5], "tuning_seeds": 1, "epochs": 4}  # fmt: skip


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    """The tables by name, and ``joined``: curves with the columns of their runs."""
    folder = tmp_path_factory.mktemp("swept")
    found = optbench.sweep(SPEC, out=folder, workers=1)
    joined = found.curves.merge(found.runs, on="run_id", suffixes=("", "_run"))
    more = {name: pd.read_parquet(folder / f"{name}.parquet") for name in ("problems", "landscapes")}
    return SimpleNamespace(
        runs=found.runs, curves=found.curves, timings=found.timings, joined=joined, folder=folder, **more
    )


@pytest.mark.slow
def test_samples_to_targets_are_those_of_the_cost_table(swept):
    """From the curves, one run after the other in the analysis; in the table, as the cohort's runs ended."""
    found = optbench.load(swept.folder)
    times = time_to_target(found, targets_of(found.runs, found.problems, TARGETS))
    own = times["samples"].where(times["reached"], np.inf).to_numpy().reshape(-1, len(TARGETS))
    table = found.runs[[target_column(share) for share in TARGETS]].to_numpy()
    np.testing.assert_allclose(table, own, rtol=1e-9)
    assert 0.04 < np.isfinite(table).mean() < 0.9
    costs = found.costs().set_index(["problem", "optimizer"])
    chosen = select_chosen_runs(found.runs)
    for name, runs in chosen.groupby(["problem", "optimizer"]):
        reached = runs["samples_to_0.1"] < np.inf
        spent = runs["samples_to_0.1"].where(reached, runs["samples"]).sum()
        assert costs.loc[name, "samples_to_0.1"] == pytest.approx(spent / reached.sum() if reached.any() else np.inf)


def rosenbrock(x, y):
    return (1 - x) ** 2 + 100 * (y - x**2) ** 2


def test_columns(swept):
    metrics = ["train_accuracy", "validation_accuracy", "test_accuracy"]
    held_out = ["jackknife_test_loss_final", "jackknife_test_accuracy"]
    coordinates = ["w_1", "w_2"]
    assert list(swept.runs)[: len(RUNS)] == RUNS and list(swept.curves)[: len(CURVES)] == CURVES
    assert set(list(swept.runs)[len(RUNS) :]) == {*metrics, *held_out, *coordinates, "first_target", "first_look"}
    assert set(list(swept.curves)[len(CURVES) :]) == {*metrics, *coordinates}
    assert list(swept.timings) == TIMINGS
    assert hyperparameter_columns(swept.runs) == ["beta1"] and set(metric_columns(swept.runs)) >= set(metrics)
    for column in ("lr", "epochs", "loss_initial", "loss_final", "loss_best", "test_loss_final", "beta1", "w_1"):
        assert swept.runs[column].dtype == np.float64, column
    for column in ("batch_size", "seed", "steps", "samples"):
        assert swept.runs[column].dtype == np.int64, column
    assert pd.api.types.is_integer_dtype(swept.runs["diverged_at"])
    assert swept.curves["step"].dtype == swept.curves["samples"].dtype == np.int64


def test_one_row_a_run_and_a_column_empty_where_it_has_no_use(swept):
    runs = swept.runs
    cells = ["problem", "optimizer", "schedule", "lr", "batch_size", "seed", "dtype"]
    assert len(runs) == 2 * 2 * 2 * 2 * 8 * 2 == runs["run_id"].nunique() == len(runs.drop_duplicates(cells))
    assert (runs["beta1"].notna() == (runs["optimizer"] == "momentum")).all()
    assert (runs["train_accuracy"].notna() <= (runs["problem"] == "logistic")).all()
    fine = runs[runs["status"] == "ok"]
    assert (fine["w_1"].notna() == (fine["problem"] == "rosenbrock")).all()
    assert set(runs["schedule"]) == {"constant", "exponential(base=0.5)"} and set(runs["dtype"]) == {"float64"}
    assert runs.groupby("cohort_id").size().eq(16).all() and set(runs["status"]) == {"ok", "diverged"}


def test_curves_tell_what_runs_sum_up(swept):
    assert set(swept.curves["run_id"]) == set(swept.runs["run_id"])
    assert not swept.curves.duplicated(["run_id", "step"]).any()
    for _, row in swept.runs.iterrows():
        curve = swept.curves[swept.curves["run_id"] == row["run_id"]]
        first, last = curve.iloc[0], curve.iloc[-1]
        assert curve["step"].is_monotonic_increasing and np.isfinite(curve["train_loss"]).all()
        assert first["step"] == first["samples"] == first["epoch"] == 0 and first["train_loss"] == row["loss_initial"]
        assert first[["lr", "batch_loss", "gradient_norm"]].isna().all()
        assert curve.iloc[1:][["lr", "batch_loss", "gradient_norm"]].notna().all(axis=None)
        assert row["loss_best"] == curve["train_loss"].min()
        if row["status"] == "ok":
            assert last["train_loss"] == row["loss_final"] and last["step"] == row["steps"] == last[
                "epoch"
            ] * per_epoch(row)
            assert (last["samples"], last["epoch"]) == (row["samples"], row["epochs"]) and pd.isna(row["diverged_at"])
            for part in ("validation", "test"):
                np.testing.assert_equal(last[f"{part}_loss"], row[f"{part}_loss_final"])
        else:
            assert last["step"] < row["diverged_at"] == row["steps"] <= 4 * per_epoch(row)
            assert row["loss_final"] == row["suboptimality_final"] == np.inf
            np.testing.assert_equal(row["test_loss_final"], np.nan if row["problem"] == "rosenbrock" else np.inf)


def test_a_jackknife_has_the_values_without_each_group_of_test_examples(swept):
    """Against the problem's own functions on the examples that are left, at weights that are trained again."""
    runs = swept.runs[(swept.runs["problem"] == "logistic") & (swept.runs["status"] == "ok")]
    problem = optbench.problems()["logistic"].build()
    x, y = problem.test
    ends = np.linspace(0, len(y), 51).astype(int)
    for row in runs.iloc[:: len(runs) // 4].to_dict("records"):
        beta = {} if np.isnan(row["beta1"]) else {"beta1": row["beta1"]}
        setting = {"lr": row["lr"], "epochs": 4, "batch_size": row["batch_size"], "schedule": row["schedule"]}
        w = optbench.minimize("logistic", row["optimizer"], seed=row["seed"], **beta, **setting).w
        loss, right = np.logaddexp(0, (1 - 2 * y) * (x @ w)), (x @ w > 0) == y
        left = [np.r_[: ends[k], ends[k + 1] : len(y)] for k in range(50)]
        found = {name: np.frombuffer(row[f"jackknife_test_{name}"], np.float32) for name in ("loss_final", "accuracy")}
        penalty = 0.005 * w @ w
        np.testing.assert_allclose(found["loss_final"], [loss[rows].mean() + penalty for rows in left], rtol=1e-5)
        np.testing.assert_allclose(found["accuracy"], [right[rows].mean() for rows in left], rtol=1e-6)


def test_what_runs_are_compared_by_is_the_mean_of_their_curves_last_fifth():
    """Curves show the iterate that a rule reports, and so does what verdicts are made of, whatever a sweep holds."""
    network = "mlp(data=gaussian(examples=150, features=4, classes=3), hidden=(5,))"
    rules = ["gd", "average(gd)", "lookahead(gd)", "schedule_free_sgd", "lbfgs"]
    settings = {"learning_rates": [0.3], "schedules": ["constant"], "batch_sizes": [16, "full"], "epochs": 20}
    found = optbench.sweep(problems=[network, "rosenbrock"], optimizers=rules, seeds=2, **settings, workers=1)
    problems, runs = found.problems.set_index("problem"), found.runs[found.runs["status"] == "ok"]
    curves = dict(iter(found.curves.groupby("run_id")))
    for row in runs.itertuples():
        curve, minimum = curves[row.run_id], problems.loc[row.problem, "minimum"]
        late = curve.loc[curve["step"] > row.steps - row.steps // 5, "train_loss"]
        assert len(late) >= min(5, row.steps // 5)
        np.testing.assert_allclose(row.log_tail, np.log(np.fmax(late - minimum, 1e-14)).mean(), rtol=1e-12)
    assert set(runs["optimizer"]) == {*rules} and runs["batch_size"].nunique() == 3
    means = runs[(runs["problem"] != "rosenbrock") & (runs["batch_size"] == 16)].groupby("optimizer")["log_tail"].mean()
    assert abs(means["average(gd)"] - means["gd"]) > 0.01


@cache
def logistic():
    return optbench.problems()["logistic"].build()


def examples(row):
    return 1024 if row["problem"] == "rosenbrock" else len(logistic().data[0])


def per_epoch(row):
    return -(-examples(row) // row["batch_size"])


def test_samples_and_epochs_by_counting(swept):
    """The last mini-batch of an epoch is smaller: 100 divides none of the data sets."""
    cells = swept.joined.drop_duplicates(["problem", "batch_size", "step"])
    assert (cells["batch_size"] == 100).any()
    for (_, size), group in cells.groupby(["problem", "batch_size"]):
        count = examples(group.iloc[0])
        batches = [min(size, count - at) for at in range(0, count, size)]
        assert sum(batches) == count and (size == count or batches[-1] < size)
        seen = [0, *itertools.accumulate(itertools.islice(itertools.cycle(batches), int(group["step"].max())))]
        assert group["samples"].tolist() == [seen[step] for step in group["step"]]
        assert np.allclose(group["epoch"], group["step"] / len(batches), rtol=1e-15)
    assert (swept.runs["epochs"] <= 4).all()


def test_rates_follow_the_schedule(swept):
    rows = swept.joined[swept.joined["step"] > 0]
    passes = (rows["step"] - 1) // rows.apply(per_epoch, axis=1)
    factor = np.where(rows["schedule"] == "constant", 1.0, 0.5**passes)
    assert np.allclose(rows["lr"], rows["lr_run"] * factor, rtol=1e-12)


def test_the_coordinates_are_those_that_the_loss_was_taken_at(swept):
    plane = swept.joined[swept.joined["problem"] == "rosenbrock"]
    assert np.allclose(rosenbrock(plane["w_1"], plane["w_2"]), plane["train_loss"], rtol=1e-12, atol=0)
    ends = swept.runs[(swept.runs["problem"] == "rosenbrock") & (swept.runs["status"] == "ok")]
    assert np.allclose(rosenbrock(ends["w_1"], ends["w_2"]), ends["loss_final"], rtol=1e-12, atol=0)


def test_runs_of_a_seed_are_paired(swept):
    """Same start point and same mini-batches whatever the optimizer, rate and schedule."""
    starts = swept.runs.groupby(["problem", "seed"])["loss_initial"]
    assert starts.nunique().eq(1).all() and swept.runs.groupby("problem")["loss_initial"].nunique().eq(2).all()
    first = swept.joined[swept.joined["step"] == 1]
    losses = first.groupby(["problem", "batch_size", "seed"])["batch_loss"]
    assert np.allclose(losses.transform("min"), losses.transform("max"), rtol=1e-12)


def test_suboptimality_is_the_loss_above_the_minimum(swept):
    minimum = swept.problems.set_index("problem")["minimum"]
    fine = swept.runs[swept.runs["status"] == "ok"]
    assert np.array_equal(fine["suboptimality_final"], fine["loss_final"] - fine["problem"].map(minimum))
    assert (fine["suboptimality_final"] > -1e-9).all() and (fine["loss_best"] <= fine["loss_initial"]).all()


def test_problems(swept):
    table = swept.problems.set_index("problem")
    assert list(table.index) == SPEC["problems"]
    assert table.loc["rosenbrock", ["minimum", "dim", "examples", "w_1", "w_2"]].tolist() == [0, 2, 1024, 1, 1]
    assert table.loc["logistic", ["w_1", "w_2"]].isna().all() and table.loc["logistic", "dim"] == 31
    assert table["minimum_source"].str.len().gt(3).all() and table["source"].str.len().gt(3).all()


def test_landscapes_are_the_formula_on_a_grid_row_by_row(swept):
    land = swept.landscapes
    assert list(land) == ["problem", "w_1", "w_2", "value"] and set(land["problem"]) == {"rosenbrock"}
    across, up = np.unique(land["w_1"]), np.unique(land["w_2"])
    assert len(land) == len(across) * len(up) and len(across) > 50
    assert np.allclose(np.diff(across), np.diff(across)[0]) and np.allclose(np.diff(up), np.diff(up)[0])
    assert land["w_1"].tolist() == np.tile(across, len(up)).tolist()
    assert land["w_2"].tolist() == np.repeat(up, len(across)).tolist()
    assert np.allclose(land["value"], rosenbrock(land["w_1"], land["w_2"]), rtol=1e-12)


def test_timings(swept):
    timings = swept.timings
    assert timings["cohort_id"].tolist() == list(dict.fromkeys(swept.runs["cohort_id"]))
    assert timings["lanes"].eq(16).all() and timings["threads"].eq(1).all()
    assert timings["device"].eq("cpu").all() and timings["device_note"].eq("").all()
    rules = swept.runs.drop_duplicates("cohort_id").set_index("cohort_id")["optimizer"]
    numbers = timings["cohort_id"].map(rules).map({"gd": 0, "momentum": 1})
    assert timings["state_bytes"].tolist() == (8 * numbers).tolist()
    made = swept.runs[swept.runs["status"] == "ok"].groupby("cohort_id")["steps"].max()
    assert timings["steps"].tolist() == timings["cohort_id"].map(made).tolist()
    assert (timings["seconds"] >= timings["evaluation_seconds"]).all() and (timings["ns_per_run_step"] > 0).all()


def test_a_run_is_what_minimize_gives(swept):
    """One run alone, in the other memory layout, with the engine's other update kernel."""
    picked = swept.runs.groupby(["problem", "optimizer", "status"]).sample(2, random_state=0)
    assert len(picked) >= 12
    for _, row in picked.iterrows():
        values = {} if row["optimizer"] == "gd" else {"beta1": row["beta1"]}
        alone = optbench.minimize(
            row["problem"], row["optimizer"], lr=row["lr"], epochs=4, batch_size=row["batch_size"],
            schedule=row["schedule"], seed=row["seed"], **values,
        )  # fmt: skip
        assert alone.status == row["status"] and alone.loss == pytest.approx(row["loss_final"], rel=1e-9)
        assert alone.suboptimality == pytest.approx(row["suboptimality_final"], rel=1e-9)
        curve = swept.curves[swept.curves["run_id"] == row["run_id"]].drop(columns="run_id").reset_index(drop=True)
        pd.testing.assert_frame_equal(alone.curve, curve[list(alone.curve)], rtol=1e-9, atol=0)
