"""Maps of divergence and times of a step: cells and lines against pandas."""

import numpy as np
import pandas as pd
import pytest
from synthetic import make_tables, runs_table

from optbench import figures
from optbench.contract.errors import OptbenchError
from optbench.figures import style
from optbench.sweeps.results import Results

SMALL = {"problems": ("breast_cancer",), "optimizers": ("gd", "adam"), "seeds": range(4), "points": 4}


@pytest.fixture(autouse=True)
def apart():
    with style.detached():
        yield


def results_of(**given):
    tables = make_tables(**{**SMALL, **given})
    return Results(*(tables[name] for name in ("runs", "curves", "timings", "problems")))


@pytest.fixture(scope="module")
def results():
    return results_of()


def shares(ax):
    (mesh,) = [each for each in ax.collections if each.get_gid() == "shares"]
    return np.ma.filled(mesh.get_array(), np.nan)


@pytest.mark.parametrize("by", ["batch_size", "schedule"])
def test_cells_are_shares_counted_by_pandas(results, by):
    ax = figures.divergence(results, optimizers="gd", by=by)
    runs = results.runs[results.runs["optimizer"] == "gd"]
    wanted = (runs["status"] == "diverged").groupby([runs[by], runs["lr"]], sort=False).mean().unstack()
    wanted = wanted[sorted(wanted)]
    wanted = wanted.sort_index() if by == "batch_size" else wanted
    assert shares(ax) == pytest.approx(wanted.to_numpy())
    labels = [text.get_text() for text in ax.get_yticklabels()]
    assert labels == (["16", "64", "full"] if by == "batch_size" else list(wanted.index))
    assert [text.get_text() for text in ax.get_xticklabels()] == [
        "0.0003",
        "0.001",
        "0.003",
        "0.01",
        "0.03",
        "0.1",
        "0.3",
    ]


def test_all_diverged_and_what_was_not_run():
    lost = figures.divergence(results_of(diverge_above=0), optimizers="adam")
    assert (shares(lost) == 1).all()
    rows = [{"lr": rate, "batch_size": size} for rate, size in ((0.1, 1), (0.2, 1), (0.1, 8))]
    ax = figures.divergence(Results(runs_table(rows), None, pd.DataFrame()))
    assert np.isnan(shares(ax)[1, 1]) and np.nansum(shares(ax)) == 0 and ax.patch.get_hatch()


def test_of_sweeps_in_stages_only_what_every_setting_had():
    runs = ((0.1, "screen", "ok"), (0.2, "screen", "diverged"), (0.2, "holdout", "ok"))
    rows = [{"lr": rate, "stage": stage, "block": 0, "status": status} for rate, stage, status in runs]
    assert shares(figures.divergence(Results(runs_table(rows), None, pd.DataFrame()))).tolist() == [[0, 1]]


def test_drawn_values_stand_in_groups():
    rng = np.random.default_rng(0)
    rates, momenta = 10 ** rng.uniform(-3, 0, 300), rng.uniform(0.5, 1, 300)
    rows = [{"lr": lr, "beta1": beta, "status": "diverged" if lr > 0.1 else "ok", "seed": seed}
            for seed, (lr, beta) in enumerate(zip(rates, momenta, strict=True))]  # fmt: skip
    table = shares(figures.divergence(Results(runs_table(rows), None, pd.DataFrame()), by="beta1"))
    assert table.shape == (6, 6) and (table[:, :4] == 0).all() and (table[:, 4:] == 1).all()


def test_one_optimizer_and_a_column_that_exists(results):
    for wrong, words in (({}, "gd, adam"), ({"optimizers": "gd", "by": "batch"}, "batch_size"),
                         ({"optimizers": "gd", "by": "beta1"}, "no beta1")):  # fmt: skip
        with pytest.raises(OptbenchError, match=words):
            figures.divergence(results, **wrong)


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


def test_times_are_means_over_run_steps_and_the_guide_has_slope_one():
    both = {("gd", "quadratic(dim=10)"): [(1, 100, 50.0), (3, 100, 10.0)],
            ("gd", "quadratic(dim=1000)"): [(2, 9, 700.0)],
            ("adam", "quadratic(dim=10)"): [(5, 10, 90.0)], ("adam", "quadratic(dim=1000)"): [(5, 10, 999.0)],
            ("gd", "saddle"): [(1, 1, 1.0)], ("adam", "saddle"): [(1, 1, 1.0)]}  # fmt: skip
    ax = figures.time_per_step(timed(both), "quadratic")
    lines = {line.get_label(): line.get_xydata().tolist() for line in ax.lines}
    np.testing.assert_allclose(lines["gd"], [[10, 20.0], [1000, 700.0]])
    np.testing.assert_allclose(lines["adam"], [[10, 90.0], [1000, 999.0]])
    (left, low), (right, high) = lines["slope 1"]
    assert high / low == pytest.approx(right / left) and (right, high) == (1000, pytest.approx(700))
    for wrong, words in (({}, "quadratic, saddle"), ({"problem": "quadratc"}, "'quadratic'"),
                         ({"problem": "saddle", "batch_size": 99}, "16")):  # fmt: skip
        with pytest.raises(OptbenchError, match=words):
            figures.time_per_step(timed(both), **wrong)


def test_one_dimension_and_thirty_optimizers():
    ax = figures.time_per_step(timed({(f"규칙 {place} <$", "saddle"): [(1, 1, 5.0)] for place in range(30)}))
    assert [line.get_label() for line in ax.lines][-1] == "20 others" and len(ax.lines) == 30
