"""Bands of curves by hand, and the noise of mini-batch costs: planted spreads, trends that drop out, short runs."""

import numpy as np
import pandas as pd
import pytest
from synthetic import failure, runs_table

from optbench.analysis import cost_noise, curve_bands


def test_curve_bands_count_failures_from_where_a_curve_ends():
    runs = runs_table([{"seed": 0}, failure(seed=1), {"seed": 2, "status": "deadline"}])
    curves = pd.DataFrame(
        [("r0", 0, 9.0), ("r0", 1, 4.0), ("r0", 2, 1.0), ("r1", 0, 9.0), ("r2", 0, 9.0), ("r2", 1, 5.0)],
        columns=["run_id", "step", "train_loss"],
    ).assign(epoch=0.5, samples=8)
    bands = curve_bands(curves, runs)
    assert bands["median"].tolist() == [9.0, 5.0, 5.0]
    assert bands["low"].tolist() == [9.0, 4.0, 1.0] and bands["high"].tolist() == [9.0, np.inf, np.inf]
    assert bands["n"].tolist() == [3, 3, 3]
    assert curve_bands(curves.iloc[:0], runs).empty


def test_a_dense_end_is_one_point_the_mean_that_verdicts_have():
    """Beside evaluations far apart, a dozen close together would look as if noise began there."""
    rng, steps = np.random.default_rng(0), [0, 1, 10, 60, 100, 140, *range(161, 201, 3)]
    runs = runs_table([{"seed": seed} for seed in range(3)] + [failure(seed=3, diverged_at=180)])
    losses = {name: -0.25 + 1e-6 * 10.0 ** rng.uniform(-1, 1, len(steps)) for name in runs["run_id"]}
    rows = [(name, step, loss) for name in losses for step, loss in zip(steps, losses[name], strict=True)]
    curves = pd.DataFrame(rows, columns=["run_id", "step", "train_loss"]).assign(epoch=0.5, samples=8)
    curves = curves[(curves["run_id"] != "r3") | (curves["step"] < 180)]
    bands = curve_bands(curves, runs, minima={"p": -0.25})
    assert bands["step"].tolist() == [0, 1, 10, 60, 100, 140, 200]
    ends = [np.exp(np.mean(np.log(losses[name][6:] + 0.25))) for name in ("r0", "r1", "r2")]
    last = bands.iloc[-1]
    assert last["median"] + 0.25 == pytest.approx(np.median([*ends, np.inf]), rel=1e-6) and last["high"] == np.inf
    plain = curve_bands(curves, runs)
    pd.testing.assert_frame_equal(plain.iloc[:6], bands.iloc[:6])
    assert len(plain) == len(steps)
    means = curve_bands(curves[curves["run_id"] == "r0"], runs.iloc[:1], minima={})
    assert means["median"].iloc[-1] == pytest.approx(losses["r0"][6:].mean(), rel=1e-12)
    even = curves[(curves["run_id"] == "r0") & (curves["step"] > 150)]
    assert len(curve_bands(even, runs.iloc[:1], minima={})) == len(even), "evenly spaced, all are drawn"


def costs(cost, step=None, run_id="r"):
    step = np.arange(1, len(cost) + 1) if step is None else step
    return pd.DataFrame({"run_id": run_id, "step": step, "batch_loss": cost})


@pytest.mark.parametrize("uneven", [False, True])
def test_a_planted_spread_is_found_whatever_the_trend(uneven):
    rng = np.random.default_rng(0)
    step = np.sort(rng.choice(200_000, 50_000, replace=False)) if uneven else np.arange(50_000)
    cost = 7 - 1e-4 * step + 0.3 * rng.standard_normal(len(step))
    assert cost_noise(costs(cost, step))["r"] == pytest.approx(0.3, rel=0.03)


def test_a_straight_line_has_no_noise_and_only_the_end_counts():
    line = 5 - 0.01 * np.arange(100.0)
    line[:40] += np.random.default_rng(0).normal(size=40)
    assert cost_noise(costs(line))["r"] == pytest.approx(0, abs=1e-12)
    assert cost_noise(costs(line), last=1.0)["r"] > 0.3


def test_short_runs_say_nothing_and_runs_do_not_mix():
    table = pd.concat([costs([1.0, 2.0, 1.0, 2.0], run_id="a"), costs(np.zeros(9), run_id="b"), costs([], run_id="c")])
    noise = cost_noise(table, last=1.0)
    assert np.isnan(noise["a"]) and noise["b"] == 0 and list(noise.index) == ["a", "b"]
