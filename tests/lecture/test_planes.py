"""Paths in the plane, in closed form; rates are tuned on seeds that do not report."""

import numpy as np
import pytest

from optbench.claims.record import FIRST_SEED, Budget
from optbench.lecture import planes
from optbench.lecture.runs import tuned_costs


def test_a_path_in_the_axes_of_the_bowl():
    """Gradient descent multiplies each offset by 1 - lr curvature at every step (exact, without noise)."""
    methods = [planes.Method("gd", "gd", 1.4)]
    path = planes.run_paths("quadratic(dim=2, condition=10.0, noise=0.0)", methods, [3], 8, 1024)
    assert path["step"].tolist() == list(range(9))
    for name, curvature in (("steep", 1.0), ("flat", 0.1)):
        np.testing.assert_allclose(path[name], path[name].iloc[0] * (1 - 1.4 * curvature) ** np.arange(9), atol=1e-12)
    assert planes.share_of_reversals(path) == 1.0 and planes.share_of_reversals(path, "flat") == 0.0
    assert planes.path_length(path) == pytest.approx(1.4 * (1 - 0.4**8) / 0.6)
    assert planes.steps_to_halve(path, "steep") == 1 and planes.steps_to_halve(path, "flat") == 5


def test_a_path_that_diverges_is_infinite():
    methods = [planes.Method("gd", "gd", 1e4), planes.Method("slow", "gd", 0.1)]
    path = planes.run_paths("quadratic(dim=2, condition=10.0, noise=0.0)", methods, [0], 20, 1024)
    bad, good = (path[path["label"] == name] for name in ("gd", "slow"))
    assert planes.path_length(bad) == np.inf and planes.share_of_reversals(bad) == 1.0
    assert np.isfinite(planes.path_length(good)) and len(bad) == len(good) == 21


def test_tuned_costs_tunes_and_reports_on_different_seeds():
    """The best rate of gradient descent on a quadratic of one coordinate and curvature 1 is 1: there in one step."""
    spec = {"problems": ["quadratic(dim=1, condition=1.0)"], "optimizers": ["gd"], "steps": 16}
    table = tuned_costs(spec, 1e-6, [0.1, 1.0, 3.0], 2, 3, Budget(workers=1))
    assert table["seed"].tolist() == [FIRST_SEED + k for k in (2, 3, 4)] and (table["lr"] == 1.0).all()
    assert table["reached"].all() and (table["steps"] == 1).all()
