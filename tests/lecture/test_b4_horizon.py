"""B4: the horizon by logarithms, and verdicts that turn with it."""

import math

import numpy as np
from lecture_claims import bend, tables, verdict


def test_b4_the_horizon_is_the_logarithms():
    horizon = tables("B4")["horizon"]
    np.testing.assert_allclose(horizon["n"], -1 / np.log(1 - horizon["eps"]), rtol=1e-9)
    np.testing.assert_allclose((1 - horizon["eps"]) ** horizon["n"], 1 / math.e, rtol=1e-9)


def test_b4_turns():
    assert verdict("B4", tables("B4")) == "holds"
    far = bend("B4", "horizon", n_eps=lambda rows: 1 - 2 * rows["eps"])
    assert verdict("B4", far) == "depends"
    assert verdict("B4", bend("B4", "horizon", n_eps=1.05)) == "depends"
    assert verdict("B4", bend("B4", "horizon", n_eps=1.5)) == "does not hold"
