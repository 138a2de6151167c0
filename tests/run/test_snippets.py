"""The table snippets: the recommended settings as code, written by the sweep and only read by the page."""

import math

import pandas as pd
import pytest
from harness import CATALOGUE

import optbench
from optbench.engine.cohort import Cohort, Lane
from optbench.report.page import find_code, group_codes
from optbench.run.chosen import format_hyperparameters, write_code

pytestmark = pytest.mark.slow

OWN = "from optbench import optimizer\n\n\n@optimizer(source='mine')\ndef mine(w, g, lr):\n    return w - lr * g\n"


def of(optimizer, schedule="cosine", lr=0.1, epochs=3, remark="", **values):
    record, defaults = CATALOGUE.optimizer(optimizer)
    lane = Lane(lr, CATALOGUE.schedule(schedule), {**defaults, **values})
    return write_code(Cohort(CATALOGUE.problem("rosenbrock"), record, (lane,), 32, 100), lane, epochs, remark)


def test_the_code_is_that_of_the_function():
    found = of("momentum", remark="The sweep ran 2.5 epochs.", beta1=0.8)
    assert [(library, equal) for library, equal, *_ in found] == [("PyTorch", True), ("optax", True)]
    assert [rate for *_, rate in found] == [pytest.approx(0.1 * (1 - 0.8))] * 2, "of a sum, not of an average"
    assert math.isnan(of("adam")[0][-1]), "the same rate"
    for (_, _, code, _), library in zip(found, ("torch", "optax"), strict=True):
        given = {"lr": 0.1, "schedule": "cosine", "batch_size": 32, "epochs": 3, "beta1": 0.8}
        expected = optbench.training_code("momentum", library, **given)
        assert code.partition("\nimport")[2] == expected.partition("\nimport")[2] != ""
        assert "The sweep ran 2.5 epochs." in code.replace("\n# ", " ")
    assert all('method="L-BFGS-B"' in code.replace("'", '"') for *_, code, _ in of("lbfgs", "constant", 1.0))


def test_an_unforeseen_error_costs_the_code_and_no_sweep(monkeypatch):
    def broken(*_):
        raise AttributeError("nobody thought of it")

    monkeypatch.setattr("optbench.run.chosen.render", broken)
    assert of("momentum") == []


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("snippets")
    (folder / "mine.py").write_text(OWN, encoding="utf-8")
    optbench.sweep(
        problems=["rosenbrock"], optimizers=["adam", "mine", "lbfgs"], learning_rates=[1e-3], batch_sizes=["full"],
        schedules=["constant"], steps=10, seeds=2, plugins=[folder / "mine.py"], out=folder / "out",
    )  # fmt: skip
    return folder


def test_a_sweep_writes_the_code_of_what_it_recommends(folder):
    table = optbench.load(folder / "out").snippets
    """A script of PyTorch always, and the optimizer of optax where it takes the same steps."""
    libraries = table.groupby("optimizer")["library"].agg(list).to_dict()
    assert libraries == {"adam": ["PyTorch", "optax"], "mine": ["PyTorch"], "lbfgs": ["PyTorch"]}
    assert table.loc[table["optimizer"] == "mine", "code"].str.contains("mine.py").all()


def test_the_page_shows_it_for_that_setting_alone(folder):
    results = optbench.load(folder / "out")
    run = results.runs[results.runs["optimizer"] == "adam"].iloc[0]
    names = ["beta1", "beta2", "eps", "eps_root"]
    found = find_code(group_codes(results.snippets), run, names)
    assert [part["name"] for part in found] == ["PyTorch", "optax"]
    assert find_code(group_codes(results.snippets), pd.Series({**run, "lr": 0.5}), names) == []
    assert format_hyperparameters({"b": 1, "a": math.pi}) == f'{{"a": {math.pi!r}, "b": 1.0}}'
