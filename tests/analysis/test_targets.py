"""The fastest rate and the factor between two ways to a target, of small tables by hand."""

import numpy as np
import pandas as pd
import pytest

from optbench.analysis import targets

SEEDS = np.arange(8)


def runs(steps, reached=True, pace=1.0, **columns):
    """Return a table of costs, one run a seed, about `steps` each."""
    steps = steps * (1 + 0.01 * SEEDS)
    table = pd.DataFrame({"seed": SEEDS, "steps": steps, "samples": 10 * steps, "seconds": pace * steps})
    return table.assign(reached=reached, **columns)


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
