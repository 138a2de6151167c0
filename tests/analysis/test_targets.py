"""Time to a target: the clocks and rates of small tables by hand."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from optbench.analysis import targets

SEEDS = np.arange(8)


def runs(steps, reached=True, pace=1.0, **columns):
    """A table of costs, one run a seed, about `steps` each."""
    steps = steps * (1 + 0.01 * SEEDS)
    table = pd.DataFrame({"seed": SEEDS, "steps": steps, "samples": 10 * steps, "seconds": pace * steps})
    return table.assign(reached=reached, **columns)


def table_of(losses, status="ok"):
    """Results of one run on a problem of 4 examples in batches of 2, evaluated at steps 0, 1, 2, 4, 8, 2 ms each."""
    steps = np.array([0, 1, 2, 4, 8])[: len(losses)]
    curves = pd.DataFrame({"run_id": "a", "step": steps, "samples": 2 * steps, "train_loss": losses})
    run = {"run_id": "a", "cohort_id": "c", "problem": "p", "optimizer": "gd", "batch_size": 2, "lr": 0.1, "seed": 0}
    runs = pd.DataFrame([run | {"status": status, "steps": 8, "samples": 16}])
    return SimpleNamespace(runs=runs, curves=curves, timings=pd.DataFrame([{"cohort_id": "c", "ns_per_run_step": 2e6}]))


@pytest.mark.parametrize(
    ("losses", "status", "reached", "steps"),
    [
        ([9, 5, 1, 1, 1], "ok", True, 2),
        ([9, 1, 5, 1, 1], "ok", True, 4),  # it came back: the first visit does not count
        ([1, 1, 1, 1, 1], "ok", True, 0),
        ([9, 5, 1, 1, 5], "ok", False, 8),
        ([9, 9, 9, 9, 9], "ok", False, 8),
        ([9, 1, np.nan, 1, 1], "ok", True, 4),
        ([9, 1, 1], "diverged", False, 8),
    ],
)
def test_a_run_arrives_where_its_loss_stays_below(losses, status, reached, steps):
    (row,) = targets.costs(table_of(losses, status), 1.0).itertuples()
    assert (row.reached, row.steps, row.samples) == (reached, steps, 2 * steps)
    assert row.seconds == pytest.approx(0.002 * steps)


def test_the_fastest_rate_counts_failures():
    """0.1 arrives soonest, but in one run of eight."""
    often, seldom = runs(50, lr=0.3), runs(10, lr=0.1)
    seldom["reached"] = SEEDS == 0
    seldom.loc[SEEDS > 0, "samples"] = 1000
    assert targets.fastest_rate(pd.concat([seldom, often])) == 0.3
    assert targets.fastest_rate(pd.concat([often, often.assign(lr=0.2)])) == 0.2
    assert targets.fastest_rate(runs(10, reached=False, lr=0.3)) == 0.3


def test_speedup_is_a_ratio_of_expected_times():
    half = runs(100).assign(reached=SEEDS % 2 == 0)
    assert targets.speedup(runs(300), runs(100), "steps") == pytest.approx((3, 3, 3))
    assert targets.speedup(half, runs(100), "samples")[0] == pytest.approx(2)
    lost = runs(100, reached=False)
    assert targets.speedup(lost, runs(100), "steps") == (np.inf,) * 3
    assert targets.speedup(runs(100), lost, "steps") == (0, 0, 0)
    assert targets.speedup(lost, lost, "steps") == (1, 1, 1)
    with pytest.raises(ValueError, match="same seeds"):
        targets.speedup(runs(1), runs(1).iloc[1:], "steps")


@pytest.mark.parametrize(
    ("value", "text"), [(1234.0, "1,200"), (0.0123, "0.012"), (99.6, "100"), (np.inf, "infinite"), (0, "0"), (3, "3")]
)
def test_two_digits(value, text):
    assert targets.two_digits(value) == text
