"""Checks of an update rule."""

import numpy as np

from optbench.checks.verdict import Wrong, close
from optbench.engine import kernels
from optbench.engine.codegen import Translator
from optbench.records import Optimizer


def _scalars(record: Optimizer, t: int) -> list:
    values = {**record.hyperparameters, "t": t}
    return [values[s] if s in values else record.hyperparameters[s[:-2]] ** t for s in record.scalars]


def _rule_in_python(record: Optimizer):
    """returns the new w and every state slot"""
    result = record.rule(1.0, 0.5, *([0.0] * len(record.slots)), 0.1, *_scalars(record, 1))
    count = len(result) if isinstance(result, tuple) else 1
    if count != 1 + len(record.slots):
        raise Wrong(f"returns {count} values, not w and the {len(record.slots)} slots {', '.join(record.slots)}")


def _rule_compiles(record: Optimizer):
    """compiles in float64 and float32, in both loop orders"""
    for dtype in ("float64", "float32"):
        for order in ("rows", "lanes"):
            kernels.update_kernel(record, order, dtype)


def _trajectory(record: Optimizer, order: str, dtype: str, gradients: np.ndarray, lr: float = 0.01) -> np.ndarray:
    """Weights after open-loop steps on ``gradients`` (steps, dim, runs), (steps, dim, runs)."""
    kernel = kernels.update_kernel(record, order, dtype)
    steps, dim, runs = gradients.shape
    shape = (runs, dim) if order == "rows" else (dim, runs)
    w, state = np.ones(shape, dtype), np.zeros((len(record.slots), *shape), dtype)
    scalars = np.zeros((len(kernels.scalar_rows(record)), runs), dtype)
    scalars[0] = lr
    for row, value in enumerate(record.hyperparameters.values(), start=1):
        scalars[row] = value
    powers, path = np.ones((len(record.powers), runs)), np.empty((steps, dim, runs))
    for t, g in enumerate(gradients, start=1):
        kernel(w, np.ascontiguousarray(g.T if order == "rows" else g, dtype), state, scalars, powers, t, 0, runs)
        path[t - 1] = w.T if order == "rows" else w
    return path


def _gradients(steps=200, dim=3, runs=4):
    return np.random.default_rng(0).standard_normal((steps, dim, runs))


def _matches_python(record: Optimizer):
    """the compiled rule computes what the Python rule computes, 200 steps"""
    gradients = _gradients()[:, :, :1]
    w, state, expected = np.ones(3), [np.zeros(3) for _ in record.slots], []
    for t, g in enumerate(gradients[:, :, 0], start=1):
        for i in range(3):
            result = record.rule(w[i], g[i], *(s[i] for s in state), 0.01, *_scalars(record, t))
            result = result if isinstance(result, tuple) else (result,)
            w[i] = result[0]
            for slot, value in zip(state, result[1:], strict=True):
                slot[i] = value
        expected.append(w.copy())
    for order in ("rows", "lanes"):
        close(_trajectory(record, order, "float64", gradients)[:, :, 0], np.array(expected), 1e-10, f"order {order}")


def _stays_float32(record: Optimizer):
    """computes in float32 where it is asked to, and stays near the float64 result"""
    inner, _ = Translator("float32", whole_literals=True).translate(record.rule, f"optimizer {record.name}")
    count = 2 + len(record.slots) + 1 + len(record.scalars)
    inner(*[np.float32(0.5)] * count)
    found = str(inner.nopython_signatures[0].return_type)
    if "float64" in found:
        raise Wrong(f"returns {found}: a float64 constant or function widens it; write numbers as plain literals")
    gradients = _gradients()
    close(
        _trajectory(record, "rows", "float32", gradients), _trajectory(record, "rows", "float64", gradients), 1e-3, ""
    )


def _shows_nan(record: Optimizer):
    """passes a NaN gradient on to w, so that divergence is seen"""
    gradients = _gradients(3)
    gradients[1] = np.nan
    if np.isfinite(_trajectory(record, "rows", "float64", gradients)[-1]).any():
        raise Wrong("w stays finite after a NaN gradient: a diverged run would go unnoticed")


def _finite(record: Optimizer):
    """stays finite on bounded gradients, zero ones among them"""
    gradients = _gradients()
    gradients[::7] = 0.0
    gradients[:, 0] = 0.0
    if not np.isfinite(_trajectory(record, "rows", "float64", gradients)).all():
        raise Wrong("w becomes NaN or infinite although every gradient is finite (a division by zero?)")


FIRST = (_rule_in_python, _rule_compiles)
"""Where one of these fails, the others cannot run."""
CHECKS = (*FIRST, _matches_python, _stays_float32, _finite, _shows_nan)
