"""Critical points whose kinds are known in closed form."""

import numpy as np
import pytest
from harness import problem_of

from optbench.lecture.critical_points import critical_points


@pytest.mark.parametrize("text", ["saddle(dim=3, index=3)", "rotated_saddle(dim=3, index=3, seed=4)"])
def test_every_critical_point_of_a_known_polynomial(text):
    """sum w_i^4/4 - w_i^2/2 has 27 in three dimensions, every w_i in -1, 0, 1; downhill where it is 0."""
    rng = np.random.default_rng(0)
    found = critical_points(problem_of(text), rng.uniform(-2.0, 2.0, (500, 3)))
    found = found[found["found"]]
    assert found["negative"].value_counts().sort_index().tolist() == [8, 12, 6, 1]
    np.testing.assert_allclose(found["value"], -0.25 * (3 - found["negative"]), atol=1e-12)
    assert not found["plateau"].any()


def test_a_saturated_function_is_a_plateau():
    """Far from its target a tanh unit's curvature is negative, and its slope not zero: only the minimum is found."""
    found = critical_points(problem_of("plateau"), np.full((1, 2), 1.3))
    assert found["found"].all() and (found["negative"] == 0).all() and not found["plateau"].any()
    flat = critical_points(problem_of("plateau"), np.full((1, 2), 401.0))  # exp(-800) is 0
    assert flat["found"].all() and flat["plateau"].all()
