"""What weighs as one over problems, and by which measure results are judged: as a sweep was told, and told anew."""

import json

import pandas as pd
import pytest

import optbench
from optbench.contract.errors import OptbenchError

SPEC = {"problems": ["logistic", "softmax", "rosenbrock", "bowl"], "optimizers": ["gd", "momentum"], "steps": 4,
        "learning_rates": [0.001], "seeds": 4, "tuning_seeds": 1, "batch_sizes": [64]}  # fmt: skip
BOWL = """
import numpy as np
from optbench import Problem, problem


def value_and_gradient(w, g):
    g[0] = w[0]
    return 0.5 * w[0] * w[0]


def start(rng):
    return np.ones(1)


@problem(source="a test")
def bowl():
    return Problem(form="single", dim=1, value_and_gradient=value_and_gradient, start=start, minimum=0.0,
                   minimum_source="closed form", examples=64, noise=1e-6)
"""
KINDS = {"logistic": "linear", "softmax": "linear", "rosenbrock": "rosenbrock", "bowl": "valleys_of_mine"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return the folder of a sweep with a problem of a user's file."""
    place = tmp_path_factory.mktemp("weights")
    (place / "valleys_of_mine.py").write_text(BOWL)
    plugins = [str(place / "valleys_of_mine.py")]
    optbench.sweep(SPEC, plugins=plugins, weigh_by="kind", out=place / "out", workers=1, isolate="never")
    return place / "out"


def test_the_kind_of_a_problem_is_the_file_that_defines_it(folder):
    table = optbench.load(folder).problems
    assert dict(zip(table["problem"], table["kind"], strict=True)) == KINDS


def test_a_sweep_remembers_what_weighs_as_one(folder):
    results = optbench.load(folder)
    assert json.loads((folder / "provenance.json").read_text())["weigh_by"] == "kind"
    assert results.families.to_dict() == KINDS
    mine, other = (results.ranking("loss", weigh_by=word) for word in (None, "problem"))
    pd.testing.assert_frame_equal(mine, results.ranking("loss", weigh_by="kind"))
    pd.testing.assert_frame_equal(mine[mine["problem"] != "all"], other[other["problem"] != "all"])
    over = mine[mine["problem"] == "all"].set_index("optimizer")
    assert (over["blocks"] == 4).all() and (over["kinds"] == 3).all()
    assert (other["kinds"] == 0).all()
    rank = other[other["problem"] != "all"].pivot(index="problem", columns="optimizer", values="value").rank(axis=1)
    expected = rank.groupby(KINDS).mean().mean()
    assert over["mean_rank"].to_dict() == pytest.approx(expected.to_dict())
    assert "with fewer than 20 kinds of problem the order over all is not tested" in " ".join(str(results).split())


def test_what_weighs_as_one_may_change_where_nothing_runs_anew(folder):
    before = (folder / "runs.parquet").read_bytes()
    options = {"out": folder, "workers": 1, "isolate": "never", "plugins": [str(folder.parent / "valleys_of_mine.py")]}
    assert optbench.sweep(SPEC, **options).families is None
    assert optbench.sweep(SPEC, weigh_by="kind", **options).families is not None
    assert (folder / "runs.parquet").read_bytes() == before


def test_results_are_judged_by_another_measure_that_was_chosen_by(folder):
    results = optbench.load(folder)
    other = results.judged_by("loss", "problem")
    assert (results.judge_by, other.judge_by) == ("time", "loss") and results.families is not None
    assert other.families is None and other.runs is results.runs
    pd.testing.assert_frame_equal(other.ranking(), results.ranking("loss", weigh_by="problem"))
    pd.testing.assert_frame_equal(other.winners()[["problem", "optimizer", "value"]],
                                  results.winners("loss")[["problem", "optimizer", "value"]])  # fmt: skip
    results.provenance["choose_by"] = ["time"]
    pd.testing.assert_frame_equal(results.judged_by("loss").ranking(), results.ranking("loss"))
    results.provenance["choose_by"] = ["loss"]
    with pytest.raises(OptbenchError, match="not for a target: sweep with --choose-by time,loss anew"):
        results.judged_by("time")
    with pytest.raises(OptbenchError, match="unknown measure 'test_los': did you mean 'test_loss'"):
        results.judged_by("test_los")
    with pytest.raises(OptbenchError, match="unknown word to weigh by 'kinds': did you mean 'kind'"):
        results.ranking(weigh_by="kinds")


def test_a_problem_of_no_file_is_a_family_of_its_own(folder):
    results = optbench.load(folder)
    results.problems["kind"] = ["", "", "plane", "plane"]
    over = results.ranking("loss").query("problem == 'all'")
    assert (over["kinds"] == 3).all()
    results.problems = results.problems.drop(columns="kind")
    with pytest.raises(OptbenchError, match="weigh_by: these results lack the kinds of problems"):
        results.ranking("loss")
