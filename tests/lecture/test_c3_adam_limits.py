"""C3: the limits exactly, the first step by its formula, and verdicts that turn with their tables."""

import numpy as np
import pandas as pd
import pytest
from lecture_claims import QUICK, judged

from optbench.lecture import c_adam


def test_adam_becomes_what_the_lecture_makes_it_of():
    table = c_adam.limits_experiment(QUICK)["differences"]
    assert table["limit"].nunique() == 6 and (table["difference"] <= c_adam.TOLERANCE).all()


@pytest.mark.parametrize(
    ("differences", "expected"),
    [((0.0, 1e-14), "holds"), ((0.1, 0.2), "does not hold"), ((0.0, 0.1), "depends"), ((0.0, np.nan), "depends")],
)
def test_limits_are_judged_by_their_differences(differences, expected):
    table = pd.DataFrame({"limit": ["one", "two"], "seed": 0, "difference": differences})
    found = judged("C3.1", differences=table)
    assert found.verdict == expected and ("two" in found.on) == (expected == "depends")


def test_the_first_step_is_as_eps_says():
    table = c_adam.eps_experiment(QUICK)["lengths"]
    np.testing.assert_allclose(table["length"], table["exact"], rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize(("lost", "expected"), [(0.0, "holds"), (0.5, "does not hold"), (None, "depends")])
def test_place_of_eps_is_judged_by_what_it_shortens(lost, expected):
    gradients = 10.0 ** np.arange(0, -10, -1)
    rows = [
        (name, where, g, 1.0 - (where == "inside") * (float(g < 1e-3) if lost is None else lost))
        for name in ("adam", "rmsprop")
        for where in ("inside", "outside")
        for g in gradients
    ]
    found = judged("C3.2", lengths=pd.DataFrame(rows, columns=["optimizer", "eps", "gradient", "length"]))
    assert found.verdict == expected
