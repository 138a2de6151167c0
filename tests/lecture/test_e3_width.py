"""E3: planted losses turn the verdict."""

import numpy as np
import pandas as pd
import pytest
from lecture_claims import CLAIMS, check

from optbench.claims.record import FAILS, HOLDS, UNDECIDED


def finals(stuck):
    """Return final losses; stuck: by width, how many of 44 seeds end half a nat above the others; None: diverged."""
    parts = []
    for k, hits in stuck.items():
        loss = np.where(np.arange(44) < (hits or 0), 0.5, 1e-4 * (1 + np.arange(44)))
        parts.append(pd.DataFrame({"seed": range(44), "loss_final": loss, "width": k}))
    return {"finals": pd.concat(parts, ignore_index=True)}


@pytest.mark.parametrize(
    ("stuck", "verdict"),
    [({2: 30, 16: 0}, HOLDS), ({2: 30, 16: 20}, FAILS), ({2: 0, 16: 40}, FAILS), ({2: 30, 16: 4}, UNDECIDED)],
)
def test_large_networks_hardly_get_stuck(stuck, verdict):
    check(CLAIMS["E3"], finals(stuck), verdict)


def test_diverged_runs_are_stuck():
    tables = finals({2: 30, 16: 0})
    wide = tables["finals"]["width"] == 16
    tables["finals"].loc[wide & (tables["finals"]["seed"] < 20), "loss_final"] = np.inf
    found = check(CLAIMS["E3"], tables, FAILS)
    assert found.effect == pytest.approx(20 / 44)


def test_from_which_width_on_it_is_rare():
    assert "From width 8 on" in CLAIMS["E3"].judge(finals({1: 0, 2: 30, 8: 0, 16: 0})).detail
    assert "At no width tried" in CLAIMS["E3"].judge(finals({1: 0, 2: 30})).detail
