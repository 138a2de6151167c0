"""Labels of problems and optimizers change no table: no draw, no tie and no bootstrap depends on them."""

import numpy as np
import pandas as pd
import pytest
from staged import add_times, staged_table

import optbench
from optbench.analysis import best_configurations, choose_settings, select_finalists
from optbench.results.results import Results

pytestmark = pytest.mark.slow

RATES = {"gd": (0.1, 0.2, 0.3, 0.4), "adam": tuple(np.arange(1, 13) / 100)}
PROBLEMS, BLOCKS = ("rosenbrock", "saddle", "quadratic"), 5


@pytest.fixture(scope="module")
def results():
    """Optimizers with 4 and 12 trials; as in a sweep, only settings that race have runs behind the screen."""
    rng = np.random.default_rng(0)
    skill = {(name, block, rate): rng.normal() for name in RATES for rate in RATES[name] for block in range(BLOCKS)}

    def value(problem, optimizer, rate, stage, block, seed):
        return round(skill[optimizer, max(block, 0), rate] + 0.1 * rng.normal(), 1)  # with ties

    runs = staged_table(value, tuple(RATES), RATES, BLOCKS, race=1, problems=PROBLEMS)
    runs = add_times(runs, lambda row: 100 + 2000 * row.lr * (1 + len(row.problem) % 3))
    keys = ["problem", "optimizer", "block", "lr"]
    raced = pd.concat([select_finalists(runs, 1, by)[keys] for by in ("loss", "time")]).drop_duplicates()
    has_raced = pd.MultiIndex.from_frame(runs[keys]).isin(pd.MultiIndex.from_frame(raced))
    runs = runs[(runs["stage"] == "screen") | has_raced].reset_index(drop=True)
    return Results(runs, None, pd.DataFrame(), provenance={"choose_by": ["loss", "time"]})


def measure(results):
    runs, pair = results.runs, tuple(results.runs["optimizer"].unique())
    return [
        *(results.verdicts(by, of=of) for by in ("loss", "time") for of in ("optimizer", "batch_size")),
        *(results.ranking(by) for by in ("loss", "time")),
        *(optbench.compare(results, pair=pair, judge_by=by).table for by in ("loss", "time")),
        *(choose_settings(runs, by) for by in ("loss", "time")),
        results.best_of_n(),
        best_configurations(runs, (), choose_by="loss"),
        best_configurations(runs, (), ["problem"], choose_by="loss"),
    ]


def test_a_label_changes_no_table(results):
    labels = {"rosenbrock": "Z", "saddle": "rosenbrock", "quadratic": "$f_1$", "gd": "z", "adam": "A, $10^3$"}
    for plain, labeled in zip(measure(results), measure(results.labeled(labels)), strict=True):
        pd.testing.assert_frame_equal(plain, labeled, check_exact=True)


def test_every_block_counts_whatever_the_numbers_of_trials(results):
    for by in ("loss", "time"):
        rows = results.verdicts(by).query("problem != 'all'")
        assert rows[["trials_a", "trials_b", "trials", "blocks"]].values.tolist() == [[4, 12, 4, BLOCKS]] * 3
