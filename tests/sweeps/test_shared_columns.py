"""Columns that cohorts of other seeds share: each run has its own settings all the same, and how far it came."""

import itertools

import pytest

import optbench

RATES, SEEDS, STEPS = [1e-4, 1e-3, 1e3], 3, 7
DESIGN = {"problems": ["rosenbrock", "saddle"], "optimizers": ["gd", "momentum"], "batch_sizes": [16, 64],
          "schedules": ["constant", "sqrt_step"], "learning_rates": RATES, "seeds": SEEDS, "steps": STEPS}  # fmt: skip
NAMES = ["problem", "optimizer", "batch_size", "schedule", "lr", "seed"]


@pytest.fixture(scope="module")
def twice():
    """The same sweep again, when all that is shared is there already."""
    return [optbench.sweep(DESIGN, workers=1) for _ in range(2)]


def test_every_run_has_its_settings_once(twice):
    named = DESIGN["problems"], DESIGN["optimizers"], DESIGN["batch_sizes"], ["constant", "sqrt_step(k=1.0)"]
    wanted = sorted(itertools.product(*named, RATES, range(SEEDS)))
    for results in twice:
        assert sorted(results.runs[NAMES].itertuples(index=False, name=None)) == wanted


def test_what_is_shared_changes_nothing(twice):
    first, second = twice
    assert first.runs.equals(second.runs) and first.curves.equals(second.curves)


def test_a_run_that_diverged_tells_nothing_of_the_next_seed(twice):
    for results in twice:
        runs = results.runs.set_index("run_id")
        gone = runs["status"] == "diverged"
        assert gone.any() and not gone.all() and (gone == runs["diverged_at"].notna()).all()
        assert (runs["steps"] == runs["diverged_at"].fillna(STEPS)).all()
        last = results.curves.groupby("run_id")["step"].max().reindex(runs.index)
        assert (last[~gone] == STEPS).all() and (last[gone] < runs["diverged_at"][gone]).all()
