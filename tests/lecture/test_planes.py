"""Paths in the plane, in closed form; rates are tuned on seeds that do not report."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from optbench.claims.claim import FIRST_SEED, SECOND_SEED, Budget, split_seeds
from optbench.lecture import planes
from optbench.lecture.runs import (
    block_ratio_interval,
    blocks_of_seeds,
    final_suboptimalities,
    shift_grid,
    tune_rates,
    tuned_costs,
)


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
    table = tuned_costs(spec, 1e-6, [0.1, 1.0, 3.0], split_seeds(2, 3), Budget(workers=1))
    assert table["seed"].tolist() == [FIRST_SEED + k for k in (2, 3, 4)] and (table["lr"] == 1.0).all()
    assert table["reached"].all() and (table["steps"] == 1).all()


def test_rates_are_tuned_on_the_seeds_given_and_a_failure_is_the_worst():
    """On f = w^2 / 2 without noise a step of rate r leaves (1 - r) of w, so the best of these rates is 1."""
    bowl, run = "quadratic(dim=1, condition=1.0, noise=0.0)", {"steps": 1, "batch_size": 1024}
    assert tune_rates(bowl, "gd", [{}, {"schedule": "table(factors=(0.5,))"}], [0.25, 1.0, 2.5], [1, 2], **run) == [
        1.0, 2.5,
    ]  # fmt: skip
    left = final_suboptimalities(bowl, "gd", [{"lr": 0.5}, {"lr": 1e200}], [1], **run | {"steps": 3})
    assert 0 < left[0, 0] < left[0, 1] == np.inf


@pytest.mark.slow
def test_the_interval_over_blocks_has_the_luck_of_tuning():
    """Simulated: tuning multiplies all runs of a block by a common factor, which an interval over runs leaves out."""
    rng, covered = np.random.default_rng(0), 0
    for _ in range(200):
        luck, noise = rng.lognormal(0, 0.3, (12, 1)), rng.lognormal(0, 0.1, (12, 3))
        ours = pd.DataFrame({"block": np.repeat(range(12), 3), "seed": range(36), "x": (2 * luck * noise).ravel()})
        table = pd.concat([ours.assign(label="a"), ours.assign(label="b", x=1.0)])
        _, low, high = block_ratio_interval(table, "x", "a", "b")
        covered += low <= 2 <= high
    assert covered >= 186


def test_blocks_share_no_seed_and_move_their_grids():
    assert len(list(blocks_of_seeds(Budget(seeds=20)))) == 20
    blocks = list(blocks_of_seeds(Budget()))
    seeds = [seed for _, tuning, reporting in blocks for seed in tuning + reporting]
    assert len(blocks) >= 6 and len(set(seeds)) == len(seeds) and min(seeds) == SECOND_SEED
    grids = np.log([shift_grid(0.1, 10.0, 3, tuning[0]) for _, tuning, _ in blocks])
    assert (np.abs(grids[:, 1]) <= np.log(10) / 2).all() and len(set(grids[:, 1])) == len(blocks)
    np.testing.assert_allclose(np.diff(grids), np.log(10))


def test_a_bowl_has_its_path_and_a_star_at_its_minimum():
    path = pd.DataFrame({"step": [0, 1, 2], "seed": 3, "flat": [4.0, 2.0, 1.0], "steep": [1.0, -0.5, 0.25]})
    _, ax = plt.subplots()
    planes.draw_bowl(ax, path, path, 10.0, "tab:blue", "gd")
    marks = [point for each in ax.collections for point in np.asarray(each.get_offsets()).tolist()]
    lines = [line.get_xydata().tolist() for line in ax.lines]
    assert [0.0, 0.0] in marks or [[0.0, 0.0]] in lines
    assert path[["flat", "steep"]].to_numpy().tolist() in lines
    plt.close()
