"""A1: every verdict planted both ways; times to a target by hand."""

import math

import pandas as pd
import pytest
from lecture_claims import CLAIMS

from optbench.claims.record import DEPENDS, FAILS, HOLDS
from optbench.lecture import a1_large_set

SEEDS = range(9)


def crossings(full, mini):
    """Targets reached by the full batch after `full` seconds, by mini-batches after mini[target]."""
    rows = [
        {"batch": batch, "seed": seed, "target": target, "seconds": (1 + 0.01 * seed) * cost, "passes": cost}
        for target in a1_large_set.TARGETS
        for seed in SEEDS
        for batch, cost in (("full", full), ("1000", mini.get(target, 1.0)))
    ]
    return {"targets": pd.DataFrame(rows), "curves": pd.DataFrame({"examples": [5_000_000]})}


@pytest.mark.parametrize(
    ("full", "mini", "expected"),
    [(50.0, {}, HOLDS), (0.5, {}, FAILS), (50.0, {0.001: math.inf}, DEPENDS), (50.0, {0.01: 99.0}, DEPENDS)],
)
def test_a1_flips(full, mini, expected):
    found = CLAIMS["A1"].judge(crossings(full, mini))
    assert found.verdict == expected
    assert found.effect == pytest.approx(full / mini.get(0.01, 1.0))


def test_a1_costs_are_interpolated_and_a_miss_is_infinite():
    curve = pd.DataFrame(
        {"batch": "full", "seed": 0, "passes": [0, 1, 2], "seconds": [0, 10, 20], "left": [1.0, 0.1, 0.002]}
    )
    table = a1_large_set.targets(curve).set_index("target")
    assert table.loc[0.1, "seconds"] == 10 and table.loc[0.001, "seconds"] == math.inf
    assert table.loc[0.01, "passes"] == pytest.approx(1 + math.log(10) / math.log(50))
