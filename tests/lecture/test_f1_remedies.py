"""F1: planted tables turn the verdict."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
from lecture_claims import CLAIMS, check

from optbench.claims.claim import DEPENDS, FAILS, HOLDS, UNDECIDED
from optbench.lecture import f1_remedies

SEEDS = np.arange(8)


def runs(steps, reached=True, pace=1.0, **columns):
    """Return a table of costs, one run a seed, about `steps` each."""
    steps = steps * (1 + 0.01 * SEEDS)
    table = pd.DataFrame({"seed": SEEDS, "steps": steps, "samples": 10 * steps, "seconds": pace * steps})
    return table.assign(reached=reached, **columns)


def planted(factor, seconds=1.0, reached=True):
    """Return all 16 arms; `factor`: by what each remedy divides the steps; `seconds`: those of a mini-batch step."""
    parts = []
    for arm in product((False, True), repeat=4):
        has = dict(zip(f1_remedies.REMEDIES, arm, strict=True))
        steps = 1000 / np.prod([factor[name] for name in f1_remedies.REMEDIES if has[name]])
        pace = seconds if has["mini-batch"] else 1.0
        parts.append(runs(steps, reached=reached if has["adam"] else True, pace=pace, **has))
    return {"arms": pd.concat(parts, ignore_index=True)}


ALL = dict.fromkeys(f1_remedies.REMEDIES, 5.0)


@pytest.mark.parametrize(
    ("tables", "verdict"),
    [
        (planted(ALL), HOLDS),
        (planted(dict.fromkeys(f1_remedies.REMEDIES, 0.5)), FAILS),
        (planted(dict.fromkeys(f1_remedies.REMEDIES, 1.0)), UNDECIDED),
        (planted(ALL | {"alpha": 0.8}), DEPENDS),
        (planted(ALL, seconds=10.0), DEPENDS),  # fewer examples, but more seconds
        (planted(ALL, reached=False), DEPENDS),  # Adam never arrives
    ],
)
def test_the_verdict_follows_the_tables(tables, verdict):
    check(CLAIMS["F1"], tables, verdict)


def test_the_effect_is_the_weakest_remedys():
    found = CLAIMS["F1"].judge(planted({"adam": 8.0, "initialization": 4.0, "alpha": 3.0, "mini-batch": 16.0}))
    assert found.effect == pytest.approx(3.0) and found.low == pytest.approx(3.0)
    assert "1,500 [1,500, 1,500]" in found.detail  # 8 x 4 x 3 x 16, to two digits


def test_a_baseline_that_never_arrives_is_infinitely_slow():
    tables = planted(ALL)
    base = tables["arms"]
    base.loc[f1_remedies.select_arm(base).index, "reached"] = False
    assert check(CLAIMS["F1"], tables, HOLDS).effect == np.inf
