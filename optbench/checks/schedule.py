"""Checks of a learning-rate schedule."""

import numpy as np

from optbench.checks.failure import CheckFailed, close
from optbench.contract.schedules import Schedule


def _factors(record: Schedule):
    """gives one finite, non-negative factor a step, the same alone as among others"""
    step = np.arange(1, 101)
    epoch = (step - 1) // 10
    values = np.asarray(record(step, epoch, 100), dtype=float)
    if values.shape != step.shape:
        raise CheckFailed(f"gives shape {values.shape} for 100 steps")
    if not (np.isfinite(values).all() and (values >= 0).all()):
        bad = int(np.flatnonzero(~(np.isfinite(values) & (values >= 0)))[0])
        raise CheckFailed(f"the factor of step {step[bad]}, epoch {epoch[bad]}, is {values[bad]}")
    alone = [float(np.ravel(record(step[i : i + 1], epoch[i : i + 1], 100))[0]) for i in range(100)]
    close(values, np.array(alone), 1e-12, "a step alone against all together")


CHECKS = (_factors,)
QUICK = (_factors,)
"""Those that compile nothing."""
