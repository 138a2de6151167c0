"""Performance profiles: the axes hold shares that are counted by hand."""

import numpy as np
import pandas as pd
import pytest
from synthetic import make_tables

from optbench import figures
from optbench.analysis import chosen_runs, time_to_target
from optbench.contract.errors import OptbenchError
from optbench.figures import style
from optbench.sweeps.results import Results

SMALL = {"batch_sizes": (16,), "schedules": ("constant",), "rates": (0.01, 0.1), "seeds": range(6), "points": 8}


def results_of(**given) -> Results:
    tables = make_tables(**{**SMALL, **given})
    return Results(*(tables[name] for name in ("runs", "curves", "timings", "problems", "landscapes", "provenance")))


def drawn(*arguments, **keywords):
    with style.detached():
        return figures.profiles(*arguments, **keywords)


def lines(ax):
    return {line.get_label(): line.get_xydata() for line in ax.lines if not line.get_label().startswith("_")}


@pytest.fixture(scope="module")
def results():
    return results_of()


@pytest.mark.parametrize("names", [None, ["gd", "adam"]])
def test_shares_are_those_counted_from_expected_times(results, names):
    runs = results.runs if names is None else results.runs[results.runs["optimizer"].isin(names)]
    times = time_to_target(results, runs=chosen_runs(runs))
    sums = times.groupby(["problem", "target", "optimizer"])[["samples", "reached"]].sum()
    ert = (sums["samples"] / sums["reached"].where(sums["reached"] > 0)).unstack()
    ratio = ert.div(ert.min(axis=1), axis=0)
    shown = lines(drawn(results, optimizers=names))
    assert set(shown) == set(ratio)
    for name, line in shown.items():
        assert line[:, 1] == pytest.approx([(ratio[name] <= r + 1e-12).mean() for r in line[:, 0]])
        assert line[0, 0] == 1 and (np.diff(line[:, 1]) >= 0).all()


def test_bands_hold_their_lines(results):
    ax = drawn(results)
    bands = {band.get_gid(): band.get_paths()[0].vertices for band in ax.collections}
    for name, line in lines(ax).items():
        corners = bands[f"band {name}"]
        for r, share in line[:: len(line) // 5]:
            here = corners[np.isclose(corners[:, 0], r), 1]
            assert here.min() - 1e-9 <= share <= here.max() + 1e-9


def test_all_diverged_one_optimizer_one_problem_many_optimizers():
    lost = lines(drawn(results_of(problems=("rosenbrock",), optimizers=("gd", "adam"), diverge_above=0)))
    assert all((line[:, 1] == 0).all() for line in lost.values())
    alone = lines(drawn(results_of(problems=("rosenbrock",), optimizers=('<$가"',))))
    assert list(alone) == ['<$가"'] and len(set(alone['<$가"'][:, 1])) == 1
    names = tuple(f"rule_{place}" for place in range(30))
    assert "20 others" in lines(
        drawn(results_of(problems=("rosenbrock", "saddle"), optimizers=names, rates=(0.1,), seeds=range(2)))
    )


def test_wrong_names_are_told(results):
    with pytest.raises(OptbenchError, match="'samples'"):
        drawn(results, clock="sample")
    with pytest.raises(OptbenchError, match="'rosenbrock'"):
        drawn(results, "rosenbrok")
    assert pd.Series(lines(drawn(results, "rosenbrock"))["gd"][:, 1]).between(0, 1).all()
