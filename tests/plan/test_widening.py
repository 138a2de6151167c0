"""Screens that go on around their best settings: which steps they take, against steps by hand, and where none."""

import math

import numpy as np
import pytest
from tuning_twin import Twin

import optbench

pytestmark = pytest.mark.slow

LOGISTIC = "logistic(data=gaussian(examples=60, features=3, classes=2), l2=0.1)"
FULL = 48
"""Its training examples."""
GRID = {"problems": ["quadratic(dim=3)", LOGISTIC],
        "optimizers": ["nesterov(beta1=[0.5, 0.9])", "momentum(beta1=[0.5, 0.9])"],
        "batch_sizes": [2, 4], "learning_rates": "1e-3:1e-2:3", "epochs": 6, "blocks": 2, "race": 1, "holdout": 1,
        "finalists": 1, "final": 1, "report": 1, "widen": 3}  # fmt: skip
RANGES = {**GRID, "optimizers": ["gd", "momentum(beta1=one_minus_log_uniform(0.1, 0.5))"], "trials": 10,
          "learning_rates": "log_uniform(1e-3, 1e-2)", "batch_sizes": [16]}  # fmt: skip
AXES = ("lr", "batch_size", "beta1")


@pytest.fixture(scope="module", params=["grid", "ranges"])
def widened(request, tmp_path_factory):
    spec = {"grid": GRID, "ranges": RANGES}[request.param]
    return request.param, optbench.sweep(spec, out=tmp_path_factory.mktemp("widened"), workers=1)


def next_value(axis, values, value, full):
    """The value beyond one that lies at an end of a list, at the ratio of the last two; None inside or at a limit."""
    values = sorted(values)
    if len(values) < 2 or value not in (values[0], values[-1]):
        return None
    before = values[-2] if value == values[-1] else values[1]
    if axis == "batch_size":
        limit = 1 if value < before else full
        return None if value == limit else min(max(round(value**2 / before), 1), full)
    if axis == "beta1":
        return max(1 - (1 - value) ** 2 / (1 - before), 0) if value else None
    return value**2 / before


def next_drawn(axis, values, value):
    """The value a tenth of the range beyond its end, or beyond one outside, of a setting in its outer twentieths."""
    low, high = {"lr": (1e-3, 1e-2), "beta1": (0.5, 0.1)}[axis]  # of 1 - beta1, the lowest beta1 first
    to, back = (lambda x: 1 - x, lambda x: 1 - x) if axis == "beta1" else (lambda x: x, lambda x: x)
    share = (math.log(to(value)) - math.log(low)) / (math.log(high) - math.log(low))
    inside = -1e-9 <= share <= 1 + 1e-9
    if (0.05 <= share <= 0.95) if inside else value not in (min(values), max(values)):
        return None
    upper = value > np.median(sorted(values))
    place = max(share, 1) + 0.1 if upper else min(share, 0) - 0.1
    beyond = back(low * (high / low) ** place)
    return beyond if axis != "beta1" or 0 <= beyond < 1 else None


def beyond(twin, tried, runs, kind):
    """The settings of one more round in a block, as dictionaries: beyond an edge, and between two rates of a grid.

    tried: those so far; runs: of all rounds by setting.

    The first seed of a block screens it: a setting has one run.
    """
    found = []
    now = [runs[setting] for setting in tried]
    target = twin.target(now)
    for measure in ("time", "loss"):
        for name in {run["optimizer"] for run in now}:
            mine = [run for run in now if run["optimizer"] == name]
            for setting in twin.rank(mine, measure, target)[:2]:
                best = dict(zip(twin.keys, setting, strict=True))
                near = sorted({run["lr"] for run in mine if run["batch_size"] == best["batch_size"]})
                place = near.index(best["lr"])
                near = near[max(place - 1, 0) : place + 2]
                if kind == "grid":
                    between = [lr for lr in near if max(lr / best["lr"], best["lr"] / lr) > 1.6]
                    found += [{**best, "lr": math.sqrt(lr * best["lr"])} for lr in between]
                for axis in AXES:
                    like = mine
                    if kind == "grid" and axis == "lr":
                        like = [run for run in mine if run["batch_size"] == best["batch_size"]]
                    values = {run[axis] for run in like}
                    if best[axis] is None or any(map(math.isnan, values)):
                        continue
                    if kind == "ranges" and axis != "batch_size":
                        wider = next_drawn(axis, values, best[axis])
                    else:
                        wider = next_value(axis, values, best[axis], FULL if "logistic" in setting[0] else math.inf)
                    if wider is None:
                        continue
                    rates = near if axis == "batch_size" else [best["lr"]]
                    found += [{**best, "lr": rate, axis: wider} for rate in rates]
    return found


def close(setting, wanted, keys):
    """Whether a setting of the tables is the wanted one; rates and the like have few digits."""
    return all(
        value == wanted[key] if isinstance(value, str | None) else math.isclose(value, wanted[key], rel_tol=2e-3)
        for key, value in zip(keys, setting, strict=True)
    )


def test_rounds_go_on_where_the_best_lie_at_an_edge(widened):
    kind, results = widened
    twin, axes = Twin(results, ["beta1"]), set()
    screens, added = twin.settings("screen"), twin.settings("widen")
    for place, tried in screens.items():
        runs = {run["setting"]: run for run in twin.by_block("screen", "widen")[place]}
        first = set(tried)
        for _ in range(GRID["widen"]):
            new = set()
            for wanted in beyond(twin, tried, runs, kind):
                same = [setting for setting in runs if close(setting, wanted, twin.keys)]
                assert len(same) == 1, f"{place}: {wanted} has not run"
                new.update(same)
            tried = tried | new
        assert tried - first == added[place], place
        for setting in added[place]:
            given = dict(zip(twin.keys, setting, strict=True))
            others = [dict(zip(twin.keys, each, strict=True)) for each in first if each[:2] == setting[:2]]
            axes |= {axis for axis in AXES if given[axis] is not None
                     and not min(o[axis] for o in others) <= given[axis] <= max(o[axis] for o in others)}  # fmt: skip
    assert axes == ({*AXES} if kind == "grid" else {"lr", "beta1"}), "each axis has an edge"
    if kind == "grid":
        assert {run["batch_size"] for run in twin.runs} >= {1, 2, 4, 8}


def test_nothing_runs_twice(widened):
    runs = widened[1].runs
    assert not runs["run_id"].duplicated().any()
    assert not runs.duplicated(["problem", "optimizer", "beta1", "batch_size", "schedule", "lr", "seed"]).any()


def test_a_setting_beyond_an_edge_is_the_one_that_runs_by_itself(widened):
    """Its id is a hash of its values and of their types."""
    runs = widened[1].runs
    for stage in ("widen", "race", "final"):
        for optimizer, part in runs[runs["stage"] == stage].groupby("optimizer"):
            run = part.iloc[-1]
            text = optimizer if optimizer == "gd" else f"{optimizer}(beta1={float(run['beta1'])!r})"
            spec = {"problems": [run["problem"]], "optimizers": [text], "batch_sizes": [int(run["batch_size"])],
                    "learning_rates": [run["lr"]], "seeds": [int(run["seed"])], "epochs": 6}  # fmt: skip
            (alone,) = optbench.sweep(spec, workers=1).runs.to_dict("records")
            assert alone["run_id"] == run["run_id"] and alone["steps"] == run["steps"]
            assert math.isclose(alone["loss_final"], run["loss_final"], rel_tol=1e-9)


def test_rates_are_halved_in_a_grid_alone():
    """Lists and ranges are what a user asked for: no rate lies between theirs."""
    spec = {**GRID, "problems": ["quadratic(dim=3)"], "batch_sizes": ["full"], "optimizers": ["gd"]}
    listed = optbench.sweep({**spec, "learning_rates": [1e-4, 1e-2, 1.0, 100.0]}, workers=1).runs
    steps = np.diff(np.log10(np.sort(listed["lr"].unique())))
    assert len(steps) >= 3 and steps == pytest.approx(np.full(len(steps), 2))
    drawn = optbench.sweep({**spec, "learning_rates": "1e-4:100:4"}, workers=1).runs
    for _, runs in drawn[drawn["stage"].isin(["screen", "widen"])].groupby("block"):
        steps = np.diff(np.log(np.sort(runs["lr"].unique())))
        assert len(steps) > 3 and min(steps) == pytest.approx(np.log(100) / 8, rel=1e-2), "three rounds halve thrice"


def test_no_rounds_widen_nothing():
    results = optbench.sweep({**GRID, "problems": ["quadratic(dim=3)"]}, widen=0, workers=1)
    assert "widen" not in set(results.runs["stage"]) and set(results.runs["batch_size"]) == {2, 4}


def test_natural_limits_are_no_edges():
    """Beyond a batch of one, all examples and a beta of zero there is nothing, and SciPy's methods have no axis."""
    spec = {**GRID, "problems": [LOGISTIC], "batch_sizes": [1, 40], "learning_rates": [1e-2, 1e-1], "widen": 6,
            "optimizers": ["momentum(beta1=[0.0, 0.5])", "lbfgs"]}  # fmt: skip
    runs = optbench.sweep(spec, workers=1).runs
    assert runs["batch_size"].min() == 1 and runs["batch_size"].max() <= FULL
    betas = runs["beta1"].dropna()
    assert betas.min() >= 0 and betas.max() < 1 and (runs["lr"] > 0).all()
    assert len(runs[runs["optimizer"] == "lbfgs"].drop_duplicates(["batch_size", "lr"])) == 1
    full = {**spec, "batch_sizes": [30, "full"], "optimizers": ["gd"], "learning_rates": [1e-4, 1e-3]}
    assert optbench.sweep(full, workers=1).runs["batch_size"].max() == FULL
