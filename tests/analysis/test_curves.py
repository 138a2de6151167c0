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
