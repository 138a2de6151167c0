"""Sweeps of objects of Python: functions, records and rules beside names, resumed and in worker processes."""

import warnings

import numpy as np
import pytest

import optbench
from optbench.contract.errors import OptbenchError
from optbench.plan.own_records import take_records

MATRIX = np.array([[3.0, 1.0], [1.0, 2.0]])
SMALL = {"learning_rates": [0.01, 0.1], "seeds": 2, "tuning_seeds": 1, "batch_sizes": ["full"],
         "schedules": ["constant"], "steps": 12}  # fmt: skip
TABLES = ("runs", "curves")


def bowl(w):
    return 0.5 * w @ MATRIX @ w + 1.0


def rosenbrock(w):
    return (1.0 - w[0]) ** 2 + 100.0 * (w[1] - w[0] ** 2) ** 2


def eager(w):
    if not np.isfinite(w).all():
        raise ValueError("not finite")
    return float(w @ w)


def sign(x):
    return 1 if x > 0 else -1 if x < 0 else x


@optbench.optimizer(source="a test", beta=0.5)
def own_signs(w, g, m, lr, beta):
    """m = beta m + (1 - beta) g;  w = w - lr sign(m)."""
    m = beta * m + (1 - beta) * g
    return w - lr * sign(m), m


def own_descent(w, g, lr):
    """w = w - lr g."""
    return w - lr * g


@optbench.schedule(source="a test")
def own_half(step, epoch, total_steps):
    """1/2."""
    return np.full(np.shape(step), 0.5)


@optbench.problem(source="a test")
def own_family(dim=2):
    """f(w) = |w|^2."""
    return optbench.function(lambda w: np.sum(w * w), np.ones(dim))


PROBLEMS = [(bowl, [1.0, -2.0]), (eager, np.ones(3)), own_family, "rosenbrock"]
OPTIMIZERS = [own_signs, own_descent, "gd"]


def read(folder):
    return [(folder / f"{name}.parquet").read_bytes() for name in TABLES]


@pytest.mark.slow
def test_objects_run_beside_names(tmp_path):
    spec = SMALL | {"problems": PROBLEMS, "optimizers": OPTIMIZERS}
    results = optbench.sweep(spec, out=tmp_path / "one")
    runs = results.runs
    assert set(runs["problem"]) == {"bowl", "eager", "own_family", "rosenbrock"}
    assert set(runs["optimizer"]) == {"own_signs", "own_descent", "gd"} and "failed" not in set(runs["status"])
    assert {"problem bowl", "problem eager", "optimizer own_signs"} <= set(results.provenance["plugins"])
    for name, f, start in (("bowl", bowl, [1.0, -2.0]), ("eager", eager, np.ones(3))):
        w = np.array(start)
        for _ in range(12):
            w -= 0.1 * (MATRIX @ w if f is bowl else 2.0 * w)
        of = runs[(runs["problem"] == name) & (runs["lr"] == 0.1)]
        for rule in ("gd", "own_descent"):
            assert np.allclose(of.loc[of["optimizer"] == rule, "loss_final"], f(w), rtol=1e-8)
    before = read(tmp_path / "one")
    again = optbench.sweep(spec, out=tmp_path / "one")
    assert read(tmp_path / "one") == before and len(again.runs) == len(runs)
    assert not [path for path in (tmp_path / "one").rglob("*") if "pickle" in path.name or path.suffix == ".py"]


@pytest.mark.slow
@pytest.mark.parametrize("given", [{"isolate": "always"}, {"executor": "dask", "workers": 1}], ids=["always", "dask"])
def test_worker_processes_give_the_same_bytes(tmp_path, given):
    spec = SMALL | {"problems": PROBLEMS[:2], "optimizers": OPTIMIZERS[:2], "schedules": ["constant", own_half]}
    optbench.sweep(spec, out=tmp_path / "threads")
    results = optbench.sweep(spec, out=tmp_path / "processes", **given)
    assert set(results.runs["status"]) == {"ok"}
    assert read(tmp_path / "threads") == read(tmp_path / "processes")


def test_a_function_of_c_is_no_optimizer():
    for run in (lambda: optbench.sweep(SMALL, optimizers=[max]), lambda: optbench.minimize("rosenbrock", max)):
        with pytest.raises(
            OptbenchError, match="max is no optimizer: give a name, such as 'adam', or a rule, def mine"
        ):
            run()


@pytest.mark.slow
def test_a_folder_needs_its_objects_again(tmp_path):
    spec = SMALL | {"problems": [(bowl, [1.0, -2.0])], "optimizers": [own_descent, "gd"]}
    whole = optbench.sweep(spec, out=tmp_path / "whole")
    with pytest.raises(OptbenchError) as caught:
        optbench.sweep(tmp_path / "whole" / "spec.toml", out=tmp_path / "whole")
    assert "problem bowl, optimizer own_descent: given as objects of Python" in str(caught.value)
    assert "optbench.sweep(problems=[bowl, ...], optimizers=[own_descent, ...], out=...)" in str(caught.value)
    part = SMALL | {"problems": [(bowl, [1.0, -2.0])], "optimizers": [own_descent]}
    optbench.sweep(part, out=tmp_path / "part")
    optbench.sweep(part | {"optimizers": [own_descent, "gd"]}, out=tmp_path / "part", extend=True)
    extended = optbench.load(tmp_path / "part").runs
    assert sorted(extended["run_id"]) == sorted(whole.runs["run_id"])
    with pytest.warns(UserWarning, match="4 of own_descent, 4 of gd are not: problem bowl has changed"):
        twice = optbench.function(lambda w: 2.0 * bowl(w), [1.0, -2.0], name="bowl")
        optbench.sweep(spec | {"problems": [twice]}, out=tmp_path / "whole")


@pytest.mark.slow
def test_a_changed_value_around_a_function_is_noticed(tmp_path):
    scale = 2.0
    mine = optbench.function(lambda w: scale * bowl(w), [1.0, -2.0], name="bowl")
    spec = SMALL | {"problems": [mine], "optimizers": ["gd"]}
    before = optbench.sweep(spec, out=tmp_path).runs["loss_initial"].iloc[0]
    scale = 6.0
    with pytest.warns(UserWarning, match="4 of gd are not: problem bowl has changed"):
        after = optbench.sweep(spec, out=tmp_path).runs["loss_initial"]
    assert np.allclose(after, 3 * before)


def test_names_are_told_apart():
    problems = [(rosenbrock, [1.0, 2.0]), "rosenbrock", (lambda w: w @ w, [1.0]), (lambda w: 2 * w @ w, [1.0])]
    _, changes, own = take_records(None, {"problems": [*problems, {"name": (bowl, [1.0, 1.0]), "epochs": 3}]})
    mine = [{"name": name, "steps": 1000} for name in ("my_rosenbrock", "function", "function_2")]
    assert changes["problems"] == [mine[0], "rosenbrock", *mine[1:], {"name": "bowl", "epochs": 3}]
    assert changes["given"] == [f"problem {name}" for name in ("my_rosenbrock", "function", "function_2", "bowl")]
    assert [record.name for record in own.records.values()] == ["my_rosenbrock", "function", "function_2", "bowl"]
    raw, changes, own = take_records({"optimizers": [own_signs, "gd"]}, {"optimizers": [own_signs]})  # one object
    assert raw["optimizers"] == ["own_signs", "gd"] and changes["optimizers"] == ["own_signs"]
    assert own.names == ("optimizer own_signs",)
    shipped = optbench.optimizers()["adam"], optbench.problems()["quadratic"]
    assert take_records(None, {"optimizers": shipped[0], "problems": [shipped[1]]})[1] == {
        "optimizers": ["adam"], "problems": ["quadratic"],
    }  # fmt: skip


def test_a_record_of_a_file_brings_its_file(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(
        "from optbench import optimizer\n@optimizer(source='a test')\ndef of_file(w, g, lr):\n"
        "    '''w = w - lr g.'''\n    return w - lr * g\n"
    )
    record = optbench.optimizers(plugin=file)["of_file"]
    _, changes, own = take_records(None, {"optimizers": [record]})
    assert changes == {"optimizers": ["of_file"], "plugins": [str(file)]} and not own.records


def test_the_rates_have_the_names_of_a_single_run():
    spec = {key: value for key, value in SMALL.items() if key != "learning_rates"}
    spec |= {"problems": ["rosenbrock"], "optimizers": ["gd"], "steps": 2}
    for name in ("lr", "learning_rate"):
        assert set(optbench.sweep(spec, **{name: "1e-3:1e-2:2"}).runs["lr"]) == {0.001, 0.01}


def test_without_rates_the_usual_ones_are_tried_and_said():
    spec = {key: value for key, value in SMALL.items() if key != "learning_rates"}
    spec |= {"problems": ["rosenbrock"], "steps": 2}
    with pytest.warns(UserWarning, match="no learning rates are given: 11 from 0.0001 to 10 are tried; --lr"):
        rates = sorted(set(optbench.sweep(spec, optimizers="gd").runs["lr"]))
    assert np.allclose(rates, np.geomspace(1e-4, 10, 11), rtol=1e-3)
    optbench.sweep(spec, optimizers="lbfgs")  # has no rate: nothing is said


@pytest.mark.slow
def test_a_wrong_gradient_is_said():
    problem = optbench.function((bowl, lambda w: w), [1.0, -2.0])
    with pytest.warns(UserWarning, match="bowl: its gradient at x0 differs from central differences"):
        optbench.sweep(SMALL | {"problems": [problem], "optimizers": ["gd"], "steps": 2})


@pytest.mark.torch
def test_a_class_of_pytorch_runs_as_it_is():
    import torch

    class OwnDescent(torch.optim.Optimizer):
        def __init__(self, params, lr=0.1):
            super().__init__(params, {"lr": lr})

        @torch.no_grad()
        def step(self, closure=None):
            for group in self.param_groups:
                for w in group["params"]:
                    w.sub_(w.grad, alpha=group["lr"])

    spec = SMALL | {"problems": [(bowl, [1.0, -2.0])]}
    given = [OwnDescent, optbench.torch_optimizer(torch.optim.SGD, name="sgd_of_torch"), "gd"]
    runs = optbench.sweep(spec, optimizers=given).runs
    assert set(runs["optimizer"]) == {"torch:OwnDescent", "sgd_of_torch", "gd"}
    finals = runs.pivot_table(index=["lr", "seed"], columns="optimizer", values="loss_final")
    assert np.allclose(finals.sub(finals["gd"], axis=0), 0.0, atol=1e-12)


@pytest.mark.slow
def test_a_function_runs_on_the_full_batch_alone(recwarn):
    given = {"optimizers": ["gd"], "lr": [1e-3], "schedules": ["constant"], "seeds": 2}
    runs = optbench.sweep(problems=[(bowl, [1.0, -2.0])], **given).runs
    assert set(runs["batch_size"]) == {1}, "the mini-batches of the default are for other problems"
    assert (runs["steps"] == 1000).all() and (runs["samples"] == runs["steps"]).all()
    assert not [each for each in recwarn if "batch" in str(each.message)]
    with pytest.warns(UserWarning, match="bowl: without data and noise every batch is the same") as warned:
        both = optbench.sweep(problems=[(bowl, [1.0, -2.0]), "rosenbrock"], **given, batch_sizes=[16, 64], steps=20)
    assert len(warned) == 1
    sizes = both.runs.groupby("problem")["batch_size"].unique().map(list).to_dict()
    assert sizes == {"bowl": [1], "rosenbrock": [16, 64]}
    assert (both.runs["steps"] == 20).all()


@pytest.mark.slow
def test_what_was_found_goes_on_from_objects():
    found = optbench.sweep(SMALL, problems=[(bowl, [1.0, -2.0])], optimizers=[own_descent])
    best = found.best()
    assert found.best_params["optimizer"] == "own_descent"
    taken = found.best_params | {"optimizer": own_descent}
    assert optbench.minimize(bowl, [1.0, -2.0], **taken).fun == pytest.approx(found.runs["loss_final"].min())
    with pytest.raises(OptbenchError, match=r"no code is kept: optbench.minimize\(PROBLEM, "):
        best.fit()
    assert best.code().startswith("# own_descent is a rule of your own, which must come along")
    with pytest.raises(AttributeError, match="'best_params_': best.params is the setting"):
        best.best_params_  # noqa: B018


def test_one_of_two_functions_on_a_line_is_not_the_other(tmp_path):
    found = []
    for key in "ab":
        f = {"a": lambda w: float(w @ w), "b": lambda w: float(7 + w @ w)}[key]
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            runs = optbench.sweep(SMALL, problems=[(f, [1.0, 2.0])], optimizers=["gd"], out=tmp_path).runs
        found.append(set(runs["loss_initial"]))
    assert found == [{5.0}, {12.0}]
    assert any("problem function has changed" in str(each.message) for each in said)


def test_a_stated_minimum_counts(tmp_path):
    for minimum in (0.0, 0.5):
        mine = optbench.function(eager, [1.0, -2.0], minimum=minimum)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            runs = optbench.sweep(SMALL, problems=[mine], optimizers=["gd"], out=tmp_path).runs
        assert np.allclose(runs["suboptimality_final"], runs["loss_final"] - minimum)


def test_what_may_have_changed_unseen_runs_into_a_folder_of_its_own(tmp_path):
    numbers = (each for each in range(9))  # of what it will give, nobody can tell

    def hidden(w):
        return float(w @ w) + 0.0 * (numbers is None)

    given = {"problems": [(hidden, [1.0, 2.0])], "optimizers": ["gd"]}
    for out in (None, tmp_path / "fresh"):
        assert len(optbench.sweep(SMALL, **given, out=out).runs)
    before = read(tmp_path / "fresh")
    with pytest.raises(OptbenchError) as caught:
        optbench.sweep(SMALL, **given, out=tmp_path / "fresh")
    told = "cannot tell whether hidden is the same, as it uses an object of the type generator: choose another out="
    assert str(caught.value) == told and read(tmp_path / "fresh") == before


class Answering:
    """It answers every attribute."""

    def __getattr__(self, name):
        return self

    def __call__(self, w):
        return float(w @ w)


class Numbered:
    """It has a number in the place of its name."""

    __name__ = 3

    def __call__(self, w):
        return float(w @ w)


ANSWERING = Answering()


@pytest.mark.parametrize("f", [Answering(), Numbered(), lambda w: ANSWERING.x(w)], ids=["any", "name", "closure"])
def test_functions_of_strange_objects_run(f):
    given = {"problems": [(f, [1.0, 2.0])], "optimizers": ["gd"]}
    assert set(optbench.sweep(SMALL, **given).runs["loss_initial"]) == {5.0}
    assert optbench.minimize(f, [1.0, 2.0]).fun < 1e-6
