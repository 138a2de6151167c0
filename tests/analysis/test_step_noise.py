"""The noise of mini-batch costs: planted spreads, trends that drop out, and runs that are too short."""

import numpy as np
import pandas as pd
import pytest

from optbench.analysis import cost_noise


def curves(cost, step=None, run_id="r"):
    step = np.arange(1, len(cost) + 1) if step is None else step
    return pd.DataFrame({"run_id": run_id, "step": step, "batch_loss": cost})


@pytest.mark.parametrize("uneven", [False, True])
def test_a_planted_spread_is_found_whatever_the_trend(uneven):
    rng = np.random.default_rng(0)
    step = np.sort(rng.choice(200_000, 50_000, replace=False)) if uneven else np.arange(50_000)
    cost = 7 - 1e-4 * step + 0.3 * rng.standard_normal(len(step))
    assert cost_noise(curves(cost, step))["r"] == pytest.approx(0.3, rel=0.03)


def test_a_straight_line_has_none_and_only_the_end_counts():
    line = 5 - 0.01 * np.arange(100.0)
    line[:40] += np.random.default_rng(0).normal(size=40)
    assert cost_noise(curves(line))["r"] == pytest.approx(0, abs=1e-12)
    assert cost_noise(curves(line), last=1.0)["r"] > 0.3


def test_by_hand_for_unequal_gaps():
    """Points at 8, 9 and 11 to 13 of a run of 13 steps, all counted: d against the line through the neighbors."""
    step, cost = [8, 9, 11, 12, 13], [1.0, 3.0, 0.0, 0.0, 0.0]
    d = [3 - (1 + (0 - 1) / 3), 0 - (3 - 3 * 2 / 3), 0.0]
    weights = [1 + (1 / 3) ** 2 + (2 / 3) ** 2, 1 + (2 / 3) ** 2 + (1 / 3) ** 2, 1.5]
    wanted = np.sqrt(np.mean([each**2 / weight for each, weight in zip(d, weights, strict=True)]))
    assert cost_noise(curves(cost, step), last=1.0)["r"] == pytest.approx(wanted)


def test_short_runs_say_nothing_and_runs_do_not_mix():
    table = pd.concat(
        [curves([1.0, 2.0, 1.0, 2.0], run_id="a"), curves(np.zeros(9), run_id="b"), curves([], run_id="c")]
    )
    noise = cost_noise(table, last=1.0)
    assert np.isnan(noise["a"]) and noise["b"] == 0 and list(noise.index) == ["a", "b"]
