"""Checks of another library's optimizer: what it must do to run as a member of a cohort."""

import numpy as np

from optbench.checks.search import fits
from optbench.checks.verdict import Wrong, close
from optbench.contract.eager import Eager
from optbench.engine.eager.update import EagerUpdate

SHAPES = ((2, 3), (2,))
"""A matrix and a vector."""
# Parameters: those of the two blocks
_DIM = 8


def _path(record: Eager, gradients: np.ndarray, dtype: str = "float64", lr: float = 0.01, lanes: int = 1) -> np.ndarray:
    """(steps, dim): the weights of the last of so many lanes, after steps on ``gradients`` (steps, dim)."""
    w, alive = np.ones((lanes, _DIM), dtype), np.ones(lanes, bool)
    update, path = EagerUpdate(record, SHAPES, [record.hyperparameters] * lanes, w, True), []
    for g in gradients:
        update(w, np.tile(g.astype(dtype), (lanes, 1)), np.ones(lanes, dtype), np.full(lanes, lr), alive)
        if not alive.all():
            raise Wrong(next(filter(None, update.failures)))
        path.append(w[-1].copy())
    return np.array(path)


def _gradients(steps: int = 30) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((steps, _DIM))


def _steps(record: Eager):
    """is made with its defaults, and steps on a matrix and a vector"""
    path = _path(record, _gradients(3))
    if not np.isfinite(path).all():
        raise Wrong("w becomes NaN or infinite in three steps on small gradients")
    if (path[-1] == 1.0).all():
        raise Wrong("three steps change no weight: does it write to the parameters that it is given?")


def _hears_the_rate(record: Eager):
    """moves at the rate that it is given: not at all at a rate of next to nothing"""
    near, far = (float(np.abs(_path(record, _gradients(3), lr=rate)[-1] - 1.0).max()) for rate in (1e-12, 1e-2))
    if not near < 0.01 * far:
        raise Wrong(f"moves by {near:.2g} at the rate 1e-12, and by {far:.2g} at 0.01: it does not use its rate")


def _repeats(record: Eager):
    """does the same again, alone and beside other runs"""
    gradients = _gradients()
    first = _path(record, gradients)
    close(_path(record, gradients), first, 0.0, "a second instance")
    close(_path(record, gradients, lanes=3), first, 1e-12, "one of three instances at a time")


def _stays_near(record: Eager):
    """in float32 it stays near the float64 result"""
    close(_path(record, _gradients(), "float32"), _path(record, _gradients()), 1e-3, "")


def _finite(record: Eager):
    """stays finite on bounded gradients, zero ones among them"""
    gradients = _gradients()
    gradients[::7] = 0.0
    gradients[:, 0] = 0.0
    if not np.isfinite(_path(record, gradients)).all():
        raise Wrong("w becomes NaN or infinite although every gradient is finite (a division by zero?)")


def _shows_nan(record: Eager):
    """passes a NaN gradient on to w, so that divergence is seen"""
    gradients = _gradients(3)
    gradients[1] = np.nan
    if np.isfinite(_path(record, gradients)[-1]).any():
        raise Wrong("w stays finite after a NaN gradient: a diverged run would go unnoticed")


def _searched(record: Eager):
    """is tuned where its hyperparameters may lie"""
    fits(record)


FIRST = (_steps,)
"""Where one of these fails, the others cannot run."""
CHECKS = (*FIRST, _hears_the_rate, _repeats, _stays_near, _finite, _shows_nan, _searched)
