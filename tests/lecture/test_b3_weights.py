"""B3: the identity exactly, and broken."""

import numpy as np
import pytest
from lecture_claims import bend, tables, verdict


def test_b3_the_weights_are_the_formulas():
    weights = tables("B3")["weights"]
    np.testing.assert_allclose(weights["weight"], (1 - weights["beta"]) * weights["beta"] ** weights["age"], rtol=1e-12)
    assert weights.groupby("beta")["weight"].sum().to_dict() == pytest.approx({b: 1 - b**100 for b in (0.5, 0.9, 0.98)})


def test_b3_turns():
    assert verdict("B3", tables("B3")) == "holds"
    linear = bend("B3", "weights", weight=lambda rows: (1 - rows["beta"]) * (1 - rows["age"] / 200))
    assert verdict("B3", linear) == "does not hold"
    assert verdict("B3", bend("B3", "weights", weight=np.nan)) == "does not hold"
