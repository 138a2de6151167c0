"""Best of n: the lines against a count of all subsets, defaults by hand, and odd tables."""

import itertools

import numpy as np
import pandas as pd
import pytest
from staged import plain_table, staged_table
from synthetic import runs_table

from optbench import figures
from optbench.contract.errors import OptbenchError
from optbench.figures import style
from optbench.sweeps.results import Results


def results_of(runs):
    return Results(runs, None, pd.DataFrame())


def drawn(*arguments, **keywords):
    with style.detached():
        return figures.best_of_n(*arguments, **keywords)


def lines(ax):
    return {line.get_label(): line.get_xydata() for line in ax.lines if not line.get_label().startswith("_")}


def test_a_line_is_the_mean_over_all_subsets_of_trials():
    """Seeds 0 and 2 tune, 1 and 3 report: the best of n rates by the one, its log value by the other."""
    y = np.random.default_rng(0).normal(size=(4, 4))  # seed, rate
    rows = [{"lr": 0.1 * (rate + 1), "seed": seed, "log_tail": y[seed, rate]} for seed in range(4) for rate in range(4)]
    ax = drawn(results_of(runs_table(rows)), counts=[1, 2, 3])
    line = lines(ax)["gd"]
    for n, value in line:
        subsets = list(itertools.combinations(range(4), int(n)))
        logs = [y[seed + 1, min(each, key=y[seed].__getitem__)] for each in subsets for seed in (0, 2)]
        assert value == pytest.approx(np.exp(np.mean(logs)))
    assert line[:, 0].tolist() == [1, 2, 3, 4] and ax.get_xscale() == ax.get_yscale() == "log"


def test_defaults_are_marks_at_the_left_of_all_trials():
    runs = plain_table(problems=("p",), optimizers=("gd", "adam"))
    ax = drawn(results_of(runs), defaults=[{"optimizer": "adam", "lr": 0.1}])
    (mark,) = [line for line in ax.lines if line.get_gid() == "default adam"]
    rows = runs[(runs["optimizer"] == "adam") & (runs["lr"] == 0.1)]
    assert mark.get_ydata()[0] == pytest.approx(np.exp(rows["log_tail"].mean()))
    assert mark.get_xdata()[0] < 1 and mark.get_color() == next(
        line.get_color() for line in ax.lines if line.get_label() == "adam"
    )
    assert [text.get_text() for text in ax.texts] == ["defaults"]


def test_many_one_and_failed_optimizers():
    names = [f"rule_{place}" for place in range(30)]
    ax = drawn(results_of(plain_table(problems=("p",), optimizers=names, seeds=2, rates=(0.1,))))
    assert [label for label in lines(ax) if "other" in label] == ["20 others"] and len(lines(ax)) == 11
    assert list(lines(drawn(results_of(plain_table(problems=("p",), optimizers=("가<b>$x$",)))))) == ["가<b>$x$"]
    lost = drawn(results_of(staged_table(lambda *_: np.inf)))
    assert all(np.isfinite(line).all() for line in lines(lost).values())


def test_one_problem_is_named_where_there_are_several():
    results = results_of(plain_table())
    with pytest.raises(OptbenchError, match="p, q"):
        drawn(results)
    assert list(lines(drawn(results, "q", optimizers=["adam"]))) == ["adam"]


def test_values_that_are_all_the_same_have_room_around_them():
    rows = [
        {"lr": 0.1 * (rate + 1), "seed": seed, "log_tail": 13 + 1e-14 * rate} for seed in range(4) for rate in (0, 1)
    ]
    low, high = drawn(results_of(runs_table(rows))).get_ylim()
    assert low < 0.6 * np.exp(13) < 1.6 * np.exp(13) < high
