"""Paths in the plane, in closed form."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from optbench.lecture import planes


def test_a_path_in_the_axes_of_the_bowl():
    """Gradient descent multiplies each offset by 1 - lr curvature at every step (exact, without noise)."""
    methods = [planes.Method("gd", "gd", 1.4)]
    path = planes.run_paths("quadratic(dim=2, condition=10.0, noise=0.0)", methods, [3], 8, 1024)
    assert path["step"].tolist() == list(range(9))
    for name, curvature in (("steep", 1.0), ("flat", 0.1)):
        np.testing.assert_allclose(path[name], path[name].iloc[0] * (1 - 1.4 * curvature) ** np.arange(9), atol=1e-12)
    assert planes.reversals(path) == 1.0 and planes.reversals(path, "flat") == 0.0
    assert planes.path_length(path) == pytest.approx(1.4 * (1 - 0.4**8) / 0.6)
    assert planes.halving(path, "steep") == 1 and planes.halving(path, "flat") == 5


def test_a_path_that_diverges_is_infinite():
    methods = [planes.Method("gd", "gd", 1e4), planes.Method("slow", "gd", 0.1)]
    path = planes.run_paths("quadratic(dim=2, condition=10.0, noise=0.0)", methods, [0], 20, 1024)
    bad, good = (path[path["label"] == name] for name in ("gd", "slow"))
    assert planes.path_length(bad) == np.inf and planes.reversals(bad) == 1.0
    assert np.isfinite(planes.path_length(good)) and len(bad) == len(good) == 21


def test_a_path_is_drawn_with_every_step_over_contours_of_its_bowl():
    way = pd.DataFrame({"seed": 0, "step": range(4), "flat": [2.0, 1.0, 0.5, np.inf], "steep": [1.0, -1.0, 0.5, 0.1]})
    ax = Figure().subplots()
    planes.draw_bowl(ax, way, way, 4.0, "black", "lost")
    dots, end = ([line for line in ax.lines if line.get_marker() == mark][0].get_xydata().tolist() for mark in ".X")
    assert dots == [[2.0, 1.0], [1.0, -1.0], [0.5, 0.5]] and end == dots[-1:]
    assert ax.get_xlim() == pytest.approx((-2.3, 2.3)) and ax.get_title() == "lost"
    # Half-way up along either axis the loss is the same, where a curve of equal loss is twice as wide as high.
    curves = max(ax.collections, key=lambda drawn: len(drawn.get_paths()) * (drawn.get_zorder() == 1))
    inner = curves.get_paths()[1].vertices
    assert np.ptp(inner[:, 0]) / np.ptp(inner[:, 1]) == pytest.approx(2.0, rel=0.02)
