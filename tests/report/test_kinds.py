"""The figures that a report has only for some sweeps, and that each of them can be drawn."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from synthetic import make_tables

from optbench.figures import data, maps
from optbench.figures.style import detached, styled
from optbench.report.pictures import EXPLORED, KINDS, OVERALL
from optbench.sweeps.results import Results

MORE = [name for name in KINDS if name not in ("curves", "rates", "heatmap", "paths")]
TWO = ("rosenbrock", "breast_cancer")
SMALL = {"schedules": ("constant",), "rates": (0.01, 0.1, 3.0), "points": 30, "seeds": range(4), "epochs": 40}


def data_of(problems=TWO, optimizers=("gd", "<$나"), **given):
    tables = make_tables(problems, optimizers, **{**SMALL, **given})
    names = ("runs", "curves", "timings", "problems", "landscapes", "provenance")
    return data.report_data(Results(*(tables[name] for name in names)))


def there(of_sweep):
    problems = of_sweep.results.runs["problem"].unique()
    return {name for name in MORE for problem in ([OVERALL] if KINDS[name].overall else problems)
            if KINDS[name].applies(of_sweep, problem)}  # fmt: skip


def test_each_is_there_where_it_tells_something():
    assert there(data_of()) == {"best_of_n", "divergence", "critical_difference", "profiles"}
    assert there(data_of(("rosenbrock",), ("gd",), rates=(0.01,), batch_sizes=(16,))) == set()
    many = data_of(("rosenbrock",), batch_sizes=(2, 4, 8, 16, "full"), diverge_above=1e9)
    assert there(many) == {"best_of_n", "batch_scaling"}  # evaluated too seldom for noise
    curves = many.results.curves.assign(step=lambda rows: rows.groupby("run_id").cumcount())
    often = Results(many.results.runs, curves, many.results.timings, many.results.problems)
    assert there(data.report_data(often)) == {"best_of_n", "batch_scaling", "noise"}
    dims = data_of(("quadratic(dim=10)", "quadratic(dim=100)"))
    dims.results.problems["dim"] = [10, 100]
    assert "time_per_step" in there(dims)


def test_each_is_drawn_with_its_caption():
    of_sweep = data_of(("rosenbrock", "quadratic(dim=100)"), batch_sizes=(2, 4, 8, 16, "full"))
    of_sweep.results.problems = pd.DataFrame({"problem": ["rosenbrock", "quadratic(dim=100)"], "minimum": 0.0,
                                              "dim": [2, 100], "examples": 256})  # fmt: skip
    with styled(), detached():
        for name in MORE:
            problem = OVERALL if KINDS[name].overall else "rosenbrock"
            if name not in ("time_per_step", "noise"):
                assert isinstance(KINDS[name].draw(of_sweep, problem), Figure)
            assert KINDS[name].describe(of_sweep, problem)[-1] == "." and KINDS[name].words
    assert set(EXPLORED) < set(KINDS)


@pytest.mark.parametrize("style", ["screen", "paper", "slides"])
def test_maps_of_divergence_side_by_side(style):
    of_sweep = data_of(optimizers=("gd", "adam", "lion"))
    with styled(style), detached():
        figure = maps.draw_divergence_maps(of_sweep, "breast_cancer")
    shown = [ax for ax in figure.axes if ax.get_visible()]
    assert [ax.get_title() for ax in shown] == ["gd", "adam", "lion"]
    runs = of_sweep.results.runs[of_sweep.results.runs["problem"] == "breast_cancer"]
    for ax in shown:
        mine = runs[runs["optimizer"] == ax.get_title()]
        wanted = (mine["status"] == "diverged").groupby([mine["batch_size"], mine["lr"]]).mean().unstack().to_numpy()
        (mesh,) = [each for each in ax.collections if each.get_gid() == "shares"]
        assert np.asarray(mesh.get_array()) == pytest.approx(wanted)
