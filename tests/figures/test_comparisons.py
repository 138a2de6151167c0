"""Runtimes, the best of n trials and times of a step: what the axes hold, against counts by hand."""

import itertools

import numpy as np
import pandas as pd
import pytest
from staged import plain_table, staged_table
from synthetic import lines_by_label, make_tables, runs_table

from optbench import figures
from optbench.analysis import time_to_target
from optbench.analysis.costs import targets_of
from optbench.contract.columns import TARGETS
from optbench.figures.data import report_data
from optbench.results.results import Results

SMALL = {"batch_sizes": (16,), "schedules": ("constant",), "rates": (0.01, 0.1), "seeds": range(6), "points": 8}
MANY = tuple(f"rule_{place}" for place in range(12))


def results_of(**given) -> Results:
    return Results(**make_tables(**SMALL | given))


def tuned(runs) -> Results:
    return Results(runs, None, pd.DataFrame())


@pytest.fixture(scope="module")
def results():
    return results_of()


@pytest.mark.parametrize(("names", "target"), [(None, None), (["gd", "adam"], 0.01)])
def test_runtimes_are_the_shares_that_were_reached(results, names, target):
    data = report_data(results)
    targets = targets_of(results.runs, results.problems, TARGETS if target is None else [target])
    times = time_to_target(results, targets, data.answer.reported_runs)
    examples = results.problems.set_index("problem")["examples"]
    cost = np.where(times["reached"], times["samples"] / times["problem"].map(examples), np.inf)
    ax = figures.runtimes(data, optimizers=names, target=target)
    shown = {line.get_gid().removeprefix("runtime "): line.get_xydata() for line in ax.lines}
    assert list(shown) == list(names or times["optimizer"].unique())
    for name, line in shown.items():
        mine = (times["optimizer"] == name).to_numpy()
        keys = [times.loc[mine, key] for key in ("problem", "target")]
        for epochs, share in line[:: max(1, len(line) // 9)]:
            there = pd.Series(cost[mine] <= epochs + 1e-12, times.index[mine])
            assert share == pytest.approx(there.groupby(keys).mean().mean())
        assert (np.diff(line[:, 1]) >= 0).all() and line[-1, 0] == pytest.approx((cost[np.isfinite(cost)]).max(), rel=1)
    assert ax.get_legend() is None and {text.get_text() for text in ax.texts} == set(shown)


@pytest.mark.slow
def test_runtimes_of_what_all_diverged_of_one_and_of_many_optimizers():
    lost = figures.runtimes(results_of(problems=("rosenbrock",), optimizers=("gd", "adam"), diverge_above=0))
    assert not lost.lines and [text.get_text() for text in lost.texts] == ["no run reached a target"]
    alone = figures.runtimes(results_of(problems=("rosenbrock",), optimizers=('<$가"',)))
    assert [text.get_text() for text in alone.texts] == ['<$가"']
    many = results_of(problems=("rosenbrock", "saddle"), optimizers=MANY, rates=(0.1,), seeds=range(2))
    names = figures.runtimes(many).texts
    assert len(names) == 10 and {*(name.get_text() for name in names)} < {*MANY}
    heights = sorted(name.xy[1] for name in names)
    assert min(np.diff(heights)) > 0.04 and heights[0] >= -0.021


def test_the_best_of_n_is_the_mean_over_all_subsets_of_trials():
    """Seeds 0 and 2 tune, 1 and 3 report: the best of n rates by the one, its log value by the other."""
    y = np.random.default_rng(0).normal(size=(4, 4))  # seed, rate
    rows = [{"lr": 0.1 * (rate + 1), "seed": seed, "log_tail": y[seed, rate]} for seed in range(4) for rate in range(4)]
    ax = figures.best_of_n(tuned(runs_table(rows)), counts=[1, 2, 3])
    line = lines_by_label(ax)["gd"]
    for n, value in line:
        subsets = list(itertools.combinations(range(4), int(n)))
        logs = [y[seed + 1, min(each, key=y[seed].__getitem__)] for each in subsets for seed in (0, 2)]
        assert value == pytest.approx(np.exp(np.mean(logs)))
    assert ax.get_xticks().tolist() == [1, 3]
    assert line[:, 0].tolist() == [1, 2, 3, 4] and ax.get_xscale() == ax.get_yscale() == "log"


def test_defaults_are_marks_at_the_left_of_all_trials():
    runs = plain_table(problems=("p",), optimizers=("gd", "adam"))
    ax = figures.best_of_n(tuned(runs), defaults=[{"optimizer": "adam", "lr": 0.1}])
    (mark,) = [line for line in ax.lines if line.get_gid() == "default adam"]
    rows = runs[(runs["optimizer"] == "adam") & (runs["lr"] == 0.1)]
    assert mark.get_ydata()[0] == pytest.approx(np.exp(rows["log_tail"].mean()))
    assert mark.get_xdata()[0] < 1 and [text.get_text() for text in ax.texts] == ["defaults"]
    (line,) = [line for line in ax.lines if line.get_label() == "adam"]
    assert mark.get_color() == line.get_color()


@pytest.mark.slow
def test_the_best_of_n_of_many_one_and_failed_optimizers():
    many = figures.best_of_n(tuned(plain_table(problems=("p",), optimizers=MANY, seeds=2, rates=(0.1,))))
    assert list(lines_by_label(many))[-1] == "2 others" and len(lines_by_label(many)) == 11
    lost = figures.best_of_n(tuned(staged_table(lambda *_: np.inf)))
    assert all(np.isfinite(line).all() for line in lines_by_label(lost).values())
    rows = [{"lr": lr, "seed": seed, "log_tail": 13 + 1e-14 * lr} for seed in range(4) for lr in (0.1, 0.2)]
    low, high = figures.best_of_n(tuned(runs_table(rows))).get_ylim()  # all values are the same
    assert low < 0.6 * np.exp(13) < 1.6 * np.exp(13) < high


def timed(times):
    """Results of {(optimizer, problem): [(lanes, steps, ns), ...]}, a cohort each."""
    runs, timings, dims = [], [], {}
    for (name, problem), cohorts in times.items():
        dims[problem] = int(problem.partition("=")[2].rstrip(")") or 1)
        for lanes, steps, ns in cohorts:
            timings.append({"cohort_id": f"c{len(timings)}", "lanes": lanes, "steps": steps, "ns_per_run_step": ns,
                            "seconds": lanes * steps * ns * 1e-9, "evaluation_seconds": 0.0,
                            "compile_seconds": 0.0})  # fmt: skip
            runs.append({"optimizer": name, "problem": problem})
    table = runs_table(runs)
    table["cohort_id"] = [f"c{place}" for place in range(len(table))]
    problems = pd.DataFrame({"problem": list(dims), "dim": list(dims.values())})
    return Results(table, None, pd.DataFrame(timings), problems)


TIMED = {
    ("gd", "quadratic(dim=10)"): [(1, 100, 50.0), (3, 100, 10.0)], ("gd", "quadratic(dim=1000)"): [(2, 9, 700.0)],
    ("adam", "quadratic(dim=10)"): [(5, 10, 90.0)], ("adam", "quadratic(dim=1000)"): [(5, 10, 999.0)],
    ("gd", "saddle"): [(1, 1, 1.0)], ("adam", "saddle"): [(1, 1, 1.0)],
}  # fmt: skip


@pytest.mark.slow
def test_times_are_means_over_run_steps_and_the_guide_has_slope_one():
    lines = lines_by_label(figures.time_per_step(timed(TIMED), "quadratic"))
    np.testing.assert_allclose(lines["gd"], [[10, 20.0], [1000, 700.0]])
    np.testing.assert_allclose(lines["adam"], [[10, 90.0], [1000, 999.0]])
    (left, low), (right, high) = lines["slope 1"]
    assert high / low == pytest.approx(right / left) and (right, high) == (1000, pytest.approx(700))
    many = figures.time_per_step(timed({(f"규칙 {place} <$", "saddle"): [(1, 1, 5.0)] for place in range(12)}))
    assert list(lines_by_label(many))[-1] == "2 others" and len(many.lines) == 12


def test_the_last_of_n_trials_has_a_tick():
    rows = [{"lr": 0.1 * (rate + 1), "seed": seed, "log_tail": rate} for seed in range(4) for rate in range(8)]
    assert figures.best_of_n(tuned(runs_table(rows))).get_xticks().tolist() == [1, 3, 8]
