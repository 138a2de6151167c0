"""Lanes that differ in their schedules: each has the bytes that it has alone."""

import numpy as np
import pytest
from harness import CURVES, ONE_OF_EACH_KIND, lane, run

from optbench.engine.cpu import cohort_kernels

MLP = "mlp(data=gaussian(examples=150, features=4, classes=3), hidden=(5,))"  # 120 training examples
BY_EPOCH = ["constant", "inverse(decay_rate=0.5)", "exponential(base=0.9)", "sqrt_epoch(k=1)"]
SCHEDULES = [*BY_EPOCH, "sqrt_step", "warmup(cosine, fraction=0.2)"]


def lanes_of(optimizer, rates):
    """Return lanes in the order of a sweep: the rates of a schedule, then those of the next."""
    return [lane(optimizer, lr, text) for text in SCHEDULES for lr in rates]


@pytest.mark.parametrize(("optimizer", "width"), [*((name, 4) for name in ONE_OF_EACH_KIND), ("adam", 256)])
def test_lanes_of_several_schedules_have_what_they_have_alone(optimizer, width, monkeypatch):
    """Among them lanes that diverge, in several calls and in one."""
    monkeypatch.setattr(cohort_kernels, "_MAX_LANES", width)
    lanes = lanes_of(optimizer, (0.01, 1e150, 0.1))
    together = run(MLP, optimizer, lanes)
    for r, one in enumerate(lanes):
        alone = run(MLP, optimizer, [one])
        np.testing.assert_array_equal(together["w"][r], alone["w"][0])
        assert together["diverged_at"][r] == alone["diverged_at"][0]
        points = len(alone["points"])  # one that is alone ends where it diverges
        for name in CURVES:
            np.testing.assert_array_equal(together[name][:points, ..., r], alone[name][..., 0], err_msg=name)
            assert np.isnan(together[name][points:, ..., r]).all()
