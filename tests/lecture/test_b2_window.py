"""B2: weights and noise by their formulas, and verdicts that turn with their tables."""

import numpy as np
import pytest
from lecture_claims import bend, tables, verdict


def test_b2_the_weight_inside_the_window_and_the_noise_that_is_left():
    """The mass is 1 - beta^n exactly; var v / var theta is (1-beta)/(1+beta) for white noise."""
    made = tables("B2.1")
    np.testing.assert_allclose(made["mass"]["mass"], 1 - made["mass"]["beta"] ** made["mass"]["window"], rtol=1e-12)
    for beta, rows in made["noise"].groupby("beta"):
        assert rows["variance"].mean() == pytest.approx((1 - beta) / (1 + beta), rel=0.1)


def test_b2_window_turns():
    same = {"equal": lambda rows: rows["window"] * (1 + 0.01 * rows["seed"] / 12)}
    assert verdict("B2.1", tables("B2.1")) == "depends"
    assert verdict("B2.1", bend("B2.1", "noise", **same)) == "holds"
    light = bend("B2.1", "mass", mass=0.4)
    assert verdict("B2.1", light) == "does not hold"
    assert verdict("B2.1", bend("B2.1", "noise", **same) | {"mass": light["mass"]}) == "depends"


def test_b2_best_beta_turns():
    def least_at(*betas):
        best = dict(zip((1, 7, 30), betas, strict=True))
        return bend("B2.2", "errors", squares=lambda rows: 1 + 10 * (rows["beta"] - rows["ahead"].map(best)) ** 2)

    assert verdict("B2.2", least_at(0.9, 0.9, 0.9)) == "holds"
    assert verdict("B2.2", least_at(0.2, 0.9, 0.9)) == "depends"
    assert verdict("B2.2", least_at(0.2, 0.2, 0.2)) == "does not hold"
