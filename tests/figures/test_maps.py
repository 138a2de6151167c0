"""Maps of cells: divergence against pandas, and planted samples of a batch size and schedule."""

import numpy as np
import pandas as pd
import pytest
from staged import add_times, staged_table
from synthetic import RATES, make_tables, runs_table

from optbench import figures
from optbench.figures.data import report_data
from optbench.results.results import Results

SMALL = {"problems": ("breast_cancer",), "optimizers": ("gd", "adam"), "seeds": range(4), "points": 4}


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
    assert [float(text.get_text()) for text in ax.get_xticklabels()] == list(RATES)


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


def test_cells_are_by_the_measure_of_verdicts_and_pale_where_few_ran():
    """One lucky run must not be the darkest cell, nor be named as the lowest."""

    def value(problem, optimizer, rate, stage, block, seed):
        return 0.0

    runs = add_times(staged_table(value, ["gd"], rates=(0.1,), blocks=8, holdout=3), lambda row: 400.0)
    screens = runs[runs["stage"] == "screen"]
    lucky = screens.iloc[:1].assign(batch_size=4, run_id="lucky", stage="widen")
    worse = screens.assign(batch_size=64, run_id="worse-" + screens["run_id"])
    runs = pd.concat([runs, lucky, worse], ignore_index=True)
    times = [name for name in runs if name.startswith("samples_to_")]
    for size, factor in ((4, 0.1), (64, 100.0)):
        runs.loc[runs["batch_size"] == size, times] *= factor
    data = report_data(Results(runs, pd.DataFrame(), pd.DataFrame(), provenance={"choose_by": ["time"]}))
    ax = figures.heatmap(data)
    texts = dict(
        zip([label.get_text() for label in ax.get_xticklabels()], [text.get_text() for text in ax.texts], strict=True)
    )
    assert texts["4"].endswith("\n1 run") and not any("run" in texts[size] for size in texts if size != "4")
    (pale,) = [patch for patch in ax.patches if patch.get_gid() == "few"]
    assert ax.get_xticklabels()[int(pale.get_x())].get_text() == "4"
    cells = data.judged_cells.set_index("batch_size")
    assert texts["64"] == "never", "beyond the budget"
    assert texts["16"] == "1×", "the best of those with all runs"
    assert texts["4"] == "0.1×\n1 run"
    assert cells.at[16, "median"] == pytest.approx(10 * cells.at[4, "median"])
    (mesh,) = [each for each in ax.collections if hasattr(each, "get_clim")][:1]
    assert mesh.get_clim()[0] > -0.1, "the scale is that of cells with all runs"
