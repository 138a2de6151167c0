"""C1.1 to C1.3: the verdict turns with the ratio to gradient descent, beta by beta."""

import numpy as np
import pandas as pd
import pytest
from lecture_claims import judged, spread

from optbench.lecture import c1_momentum


def momentum_table(column, ratios):
    """Walks whose number is `ratios` (beta -> ratio) times that of gradient descent, at both rates."""
    values = {c1_momentum.label(0.0): 1.0}
    for beta, ratio in ratios.items():
        values |= {c1_momentum.label(beta, kind): ratio for kind in (c1_momentum.OWN, c1_momentum.SAME)}
    rows = [
        {"label": label, "seed": seed, column: value * base}
        for label, value in values.items()
        for seed, base in enumerate(spread(5.0))
    ]
    return pd.DataFrame(rows).sample(frac=1, random_state=0)  # the order of rows must not matter


@pytest.mark.parametrize(("name", "column"), [("C1.1", "reversals"), ("C1.2", "way"), ("C1.3", "steps")])
def test_momentum_is_judged_by_its_ratio_to_gradient_descent(name, column):
    better, worse = dict.fromkeys(c1_momentum.BETAS[1:], 0.5), dict.fromkeys(c1_momentum.BETAS[1:], 2.0)
    good = judged(name, measured=momentum_table(column, better))
    assert (good.verdict, good.effect, good.low, good.high) == ("holds", 0.5, 0.5, 0.5)
    assert judged(name, measured=momentum_table(column, worse)).verdict == "does not hold"
    mixed = judged(name, measured=momentum_table(column, better | {0.98: 2.0}))
    assert mixed.verdict == "depends" and "not at beta1 0.98" in mixed.on
    same = judged(name, measured=momentum_table(column, dict.fromkeys(better, 1.0)))
    assert same.verdict == "undecided" and "undecided at beta1" in same.on


def test_paths_that_diverge_count_as_infinitely_bad():
    table = momentum_table("way", dict.fromkeys(c1_momentum.BETAS[1:], 0.5))
    table.loc[table["label"] != "GD", "way"] = np.inf
    assert judged("C1.2", measured=table).verdict == "does not hold"
