"""A4: every verdict planted both ways; a run that misses its target."""

import math

import numpy as np
import pandas as pd
import pytest
from lecture_claims import CLAIMS

from optbench.claims.record import DEPENDS, FAILS, HOLDS, Budget
from optbench.lecture import a4_batch_size

SEEDS = range(9)


def prices(small, large):
    """Costs on all axes: advised sizes against all others."""
    rows = []
    for name, ratio in (("small", small), ("large", large)):
        for batch in ("1", "64", "512", "2048", "full"):
            cost = ratio if batch in a4_batch_size.ADVICE[name] else 1.0
            for seed in SEEDS:
                row = dict.fromkeys(a4_batch_size.AXES, cost * (1 + 0.01 * seed))
                size = 4096 if batch == "full" else int(batch)
                rows.append({"set": name, "batch": batch, "batch_size": size, "seed": seed, **row})
    return {"costs": pd.DataFrame(rows)}


@pytest.mark.parametrize(
    ("small", "large", "expected"),
    [(0.5, 0.5, HOLDS), (2.0, 2.0, FAILS), (0.5, 2.0, DEPENDS), (2.0, 0.5, DEPENDS), (math.inf, 0.5, DEPENDS)],
)
def test_a4_flips(small, large, expected):
    found = CLAIMS["A4"].judge(prices(small, large))
    assert found.verdict == expected and found.effect == pytest.approx(large)


def test_a4_a_run_that_misses_the_target_costs_infinitely_much():
    found = a4_batch_size._sweep(500, [8, "full"], [1e-6, 0.25, 1e9], [0], Budget(workers=1))
    least = found.groupby("lr")["steps"].min()
    assert least[1e-6] == least[1e9] == math.inf and np.isfinite(least[0.25])
    assert (found["samples"] >= found["steps"]).all() and (found["seconds"] > 0).all()


def test_a4_tells_the_critical_batch_size():
    """Steps that are planted as 10 (1 + 50 / B) on the large set and as 500 / B on the small one."""
    costs = prices(0.5, 0.5)["costs"]
    costs["steps"] = 10 * ((costs["set"] == "large") + 50 / costs["batch_size"])
    told = CLAIMS["A4"].measure({"costs": costs}).detail
    assert "throughout, on 1,000 examples and 50 [50, 50] on 20,000 examples." in told
