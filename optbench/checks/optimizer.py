"""Checks of an update rule."""

import numpy as np

from optbench.checks.interpreter import Interpreter
from optbench.checks.search import fits
from optbench.checks.verdict import Wrong, close
from optbench.compiler.translator import REALS, Translator
from optbench.compiler.update_kernels import update_kernel
from optbench.contract.optimizers import Optimizer
from optbench.engine.cpu.update import Update

SHAPES = ((2, 3), (2,))
"""A matrix and a vector, for rules that see the blocks."""


def _orders(record: Optimizer) -> tuple[str, ...]:
    """A rule on matrices steps one run at a time."""
    return ("rows",) if record.matrix else ("rows", "lanes")


def _rule_in_python(record: Optimizer):
    """returns the new w and every state slot"""
    try:
        Interpreter(record, SHAPES).step(np.ones(8), np.full(8, 0.5), 0.1)
    except TypeError as error:
        raise Wrong(str(error)) from None


def _rule_compiles(record: Optimizer):
    """compiles in float64 and float32, in both loop orders"""
    for dtype in ("float64", "float32"):
        for order in _orders(record):
            update_kernel(record, order, dtype)


def _trajectory(record: Optimizer, order: str, dtype: str, gradients: np.ndarray, lr: float = 0.01) -> np.ndarray:
    """Weights after open-loop steps on ``gradients`` (steps, dim, runs), (steps, dim, runs)."""
    steps, dim, runs = gradients.shape
    w = np.ones((runs, dim) if order == "rows" else (dim, runs), dtype)
    update, path = Update(record, order, SHAPES, dtype, [record.hyperparameters] * runs), np.empty((steps, dim, runs))
    update.scalars[0] = lr
    for t, g in enumerate(gradients, start=1):
        update(w, np.ascontiguousarray(g.T if order == "rows" else g, dtype), t)
        path[t - 1] = w.T if order == "rows" else w
    return path


def _gradients(record: Optimizer, steps=200):
    return np.random.default_rng(0).standard_normal((steps, 8, 1 if record.matrix else 4))


def _matches_python(record: Optimizer):
    """the compiled rule computes what the Python rule computes, 200 steps"""
    gradients = _gradients(record)[:, :, :1]
    w, expected, python = np.ones(8), [], Interpreter(record, SHAPES)
    for g in gradients[:, :, 0]:
        w = python.step(w, g, 0.01)
        expected.append(w)
    for order in _orders(record):
        close(_trajectory(record, order, "float64", gradients)[:, :, 0], np.array(expected), 1e-10, f"order {order}")


def _stays_float32(record: Optimizer):
    """computes in float32 where it is asked to, and stays near the float64 result"""
    inner, _ = Translator("float32", whole_literals=True).translate(record.rule, f"optimizer {record.name}")
    count = 2 + len(record.slots) + 1 + len(record.scalars)
    inner.compile((REALS["float32"],) * count)
    found = str(inner.nopython_signatures[0].return_type)
    if "float64" in found:
        raise Wrong(f"returns {found}: a float64 constant or function widens it; write numbers as plain literals")
    gradients = _gradients(record)
    close(
        _trajectory(record, "rows", "float32", gradients), _trajectory(record, "rows", "float64", gradients), 1e-3, ""
    )


def _shows_nan(record: Optimizer):
    """passes a NaN gradient on to w, so that divergence is seen"""
    gradients = _gradients(record, 3)
    gradients[1] = np.nan
    if np.isfinite(_trajectory(record, "rows", "float64", gradients)[-1]).any():
        raise Wrong("w stays finite after a NaN gradient: a diverged run would go unnoticed")


def _finite(record: Optimizer):
    """stays finite on bounded gradients, zero ones among them"""
    gradients = _gradients(record)
    gradients[::7] = 0.0
    gradients[:, 0] = 0.0
    if not np.isfinite(_trajectory(record, "rows", "float64", gradients)).all():
        raise Wrong("w becomes NaN or infinite although every gradient is finite (a division by zero?)")


def _searched(record: Optimizer):
    """is tuned where its hyperparameters may lie"""
    fits(record)


FIRST = (_rule_in_python, _rule_compiles)
"""Where one of these fails, the others cannot run."""
CHECKS = (*FIRST, _matches_python, _stays_float32, _finite, _shows_nan, _searched)
