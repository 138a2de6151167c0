"""Checks of an update rule, of another library's optimizer, and of a method of SciPy.

A ``_check`` function returns nothing, or what is worth knowing: it raises CheckFailed with what is wrong.
Its docstring gives its title in the output.
"""

import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from optbench.checks.failure import CheckFailed, check_close
from optbench.checks.interpreter import Interpreter
from optbench.compiler.translator import REALS, Translator
from optbench.compiler.update_kernels import update_kernel
from optbench.contract.eager import AnyOptimizer, Eager
from optbench.contract.optimizers import Baseline, Optimizer, Sizes
from optbench.contract.search import RATE, check_space
from optbench.contract.types import DtypeName, Order
from optbench.engine.arrays import StepInputs
from optbench.engine.cpu.update import Update
from optbench.engine.eager.eager_lanes import eager_update

SHAPES = ((3, 2), (2, 3), (2,), (3, 2), (2, 2))
"""A block of each role, for rules that see the blocks. Sides differ by 1 at most, so that eigenvectors of G G' are
unique but for signs: otherwise a rule such as SOAP would differ in float32."""
BLOCK_ROLES = ("embedding", "first", "vector", "hidden", "last")
_DIM = sum(math.prod(shape) for shape in SHAPES)
_SIZES, _LABELS = Sizes(2, 6), 3
_FEW = 10
"""Steps in which a rule must move: those that rectify their variance stand still in the first five."""


def _draw_gradients(record: Optimizer | Eager, steps: int = 200) -> np.ndarray:
    """Return gradients (steps, dim, runs); a rule on matrices, and an eager optimizer, get one run."""
    several = isinstance(record, Optimizer) and not record.matrix
    return np.random.default_rng(0).standard_normal((steps, _DIM, 4 if several else 1))


def _losses(g: np.ndarray) -> np.ndarray:
    """Return made-up losses (runs,) along gradients g (dim, runs), so that a step |g|^2 / loss lies about the rate."""
    return 0.01 * np.abs(g).sum(axis=0)


def gradient_beside(w: np.ndarray, g: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Return the gradient at a point as a function: made up, of a curvature of 1 about ``w``, where it is ``g``."""
    return lambda point: g + (point - w)


def _run_rule(
    record: Optimizer | Eager, gradients: np.ndarray, dtype: DtypeName = "float64", order: Order = "rows"
) -> np.ndarray:
    """Return the weights after every step on given gradients, both (steps, dim, runs)."""
    if isinstance(record, Eager):
        return _run_eager(record, gradients[:, :, 0], dtype)[:, :, None]
    steps, dim, runs = gradients.shape
    w = np.ones((runs, dim) if order == "rows" else (dim, runs), dtype)
    update = Update(record, order, SHAPES, dtype, [record.hyperparameters] * runs, BLOCK_ROLES, sizes=_SIZES)
    path = np.empty((steps, dim, runs))
    for t, g in enumerate(gradients, start=1):
        given = np.ascontiguousarray(g.T if order == "rows" else g, dtype)
        inputs = StepInputs(t, 0.01, _losses(g), _LABELS)
        update.find_ahead(w, given, inputs, gradient_beside(w, given))
        update.step(w, given, inputs)
        path[t - 1] = w.T if order == "rows" else w
    return path


def _run_eager(
    record: Eager, gradients: np.ndarray, dtype: DtypeName = "float64", lr: float = 0.01, lanes: int = 1
) -> np.ndarray:
    """Return the weights of the last of several lanes after every step on gradients, both (steps, dim)."""
    w, alive = np.ones((lanes, _DIM), dtype), np.ones(lanes, bool)
    update, path = eager_update(record, SHAPES, [record.hyperparameters] * lanes, w, True), []
    for t, g in enumerate(gradients.astype(dtype), start=1):
        beside = gradient_beside(w[-1].copy(), g)
        update.step(
            w, np.tile(g, (lanes, 1)), StepInputs(t, np.full(lanes, lr), np.ones(lanes, dtype)), alive,
            lambda r, point: (beside(point), 1.0),  # noqa: B023  called within this step
        )  # fmt: skip
        if not alive.all():
            raise CheckFailed(next(filter(None, update.failures)))
        path.append(w[-1].copy())
    return np.array(path)


def _loop_orders(record: Optimizer) -> tuple[Order, ...]:
    """Return the loop orders of a rule's kernel; a rule on matrices steps one run at a time."""
    return ("rows",) if record.matrix else ("rows", "lanes")


def _check_in_python(record: Optimizer) -> None:
    """Check that it returns the new w and every state slot."""
    try:
        Interpreter(record, SHAPES, BLOCK_ROLES).step(np.ones(_DIM), np.full(_DIM, 0.5), 0.1, 1.0)
    except TypeError as error:
        raise CheckFailed(str(error)) from None


def _check_compilation(record: Optimizer) -> None:
    """Check that it compiles in float64 and float32, in both loop orders."""
    for dtype in ("float64", "float32"):
        for order in _loop_orders(record):
            update_kernel(record, order, dtype)


def _run_in_python(record: Optimizer, gradients: np.ndarray, lr: float = 0.01) -> np.ndarray:
    """Return the weights of a rule in plain Python after every step on given gradients, both (steps, dim)."""
    w, path, python = np.ones(_DIM), [], Interpreter(record, SHAPES, BLOCK_ROLES, sizes=_SIZES)
    for g in gradients:
        w = python.step(w, g, lr, float(_losses(g)), gradient_beside(w, g), _LABELS)
        path.append(w)
    return np.array(path)


def _check_moves(record: Optimizer) -> None:
    """Check that it moves w, to finite values."""
    path = _run_in_python(record, _draw_gradients(record, _FEW)[:, :, 0])
    if not np.isfinite(path[0]).all():
        raise CheckFailed("w becomes NaN or infinite in the first step, on gradients about 1")
    if (path[-1] == 1.0).all():
        raise CheckFailed(f"{_FEW} steps change no weight: does it return the new w first?")


def _check_rule_rate(record: Optimizer) -> None:
    """Check that it moves at the rate that it is given."""
    gradients = _draw_gradients(record, _FEW)[:, :, 0]
    near, far = (float(np.abs(_run_in_python(record, gradients, rate)[-1] - 1.0).max()) for rate in (1e-12, 1e-2))
    if near > 0.5 * far:
        raise CheckFailed(f"moves by {near:.2g} at the rate 1e-12, and by {far:.2g} at 0.01: it does not use its rate")


def _check_kernel(record: Optimizer) -> None:
    """Check that the compiled rule computes what the Python rule computes, 200 steps."""
    gradients = _draw_gradients(record)[:, :, :1]
    expected = _run_in_python(record, gradients[:, :, 0])
    for order in _loop_orders(record):
        check_close(_run_rule(record, gradients, order=order)[:, :, 0], expected, 1e-10, f"order {order}")


def _check_float32(record: Optimizer) -> None:
    """Check that it computes in float32 where it is asked to, and stays near the float64 result."""
    inner: Any = Translator("float32", whole_literals=True).translate(record.rule, f"optimizer {record.name}")[0]
    count = 2 + len(record.slots) + 1 + len(record.scalars)
    inner.compile((REALS["float32"],) * count)
    found = str(inner.nopython_signatures[0].return_type)
    if "float64" in found:
        raise CheckFailed(f"returns {found}: a float64 constant or function widens it; write numbers as plain literals")
    gradients = _draw_gradients(record)
    check_close(_run_rule(record, gradients, "float32"), _run_rule(record, gradients), 1e-3, "")


def _check_steps(record: Eager) -> None:
    """Check that it is made with its defaults, and steps on a matrix and a vector."""
    path = _run_rule(record, _draw_gradients(record, 3))
    if not np.isfinite(path).all():
        raise CheckFailed("w becomes NaN or infinite in three steps on small gradients")
    if (path[-1] == 1.0).all():
        raise CheckFailed("three steps change no weight: does it write to the parameters that it is given?")


def _check_rate(record: Eager) -> None:
    """Check that it moves at the rate that it is given: not at all at a rate of next to nothing."""
    gradients = _draw_gradients(record, 3)[:, :, 0]
    near, far = (float(np.abs(_run_eager(record, gradients, lr=rate)[-1] - 1.0).max()) for rate in (1e-12, 1e-2))
    if not near < 0.01 * far:
        raise CheckFailed(f"moves by {near:.2g} at the rate 1e-12, and by {far:.2g} at 0.01: it does not use its rate")


def _check_repeats(record: Eager) -> None:
    """Check that it does the same again, alone and beside other runs."""
    gradients = _draw_gradients(record, 30)[:, :, 0]
    first = _run_eager(record, gradients)
    check_close(_run_eager(record, gradients), first, 0.0, "a second instance")
    check_close(_run_eager(record, gradients, lanes=3), first, 1e-12, "one of three instances at a time")


def _check_near_float64(record: Eager) -> None:
    """Check that in float32 it stays near the float64 result."""
    gradients = _draw_gradients(record, 30)
    check_close(_run_rule(record, gradients, "float32"), _run_rule(record, gradients), 1e-3, "")


def _check_finite(record: Optimizer | Eager) -> None:
    """Check that it stays finite on bounded gradients, zero and large ones among them."""
    gradients = _draw_gradients(record, 30 if isinstance(record, Eager) else 200)
    gradients[::7] = 0.0
    gradients[:, 0] = 0.0
    if not np.isfinite(_run_rule(record, gradients)).all():
        raise CheckFailed("w becomes NaN or infinite although every gradient is finite (a division by zero?)")
    for size in (10, 100):
        large = size * np.random.default_rng(1).uniform(-1, 1, (30, *gradients.shape[1:]))
        with np.errstate(all="ignore"):
            path = _run_rule(record, large)
        wrong = np.isnan(path).any(axis=(1, 2))
        if wrong.any() and not np.isinf(path).any():  # infinity minus infinity is NaN: it has overflowed before
            raise CheckFailed(f"nan at step {wrong.argmax() + 1} with gradients up to {size} (a log or root below 0?)")


def _check_nan(record: Optimizer | Eager) -> None:
    """Check that it passes a NaN gradient on to w, so that divergence is seen."""
    gradients = _draw_gradients(record, 3)
    gradients[1] = np.nan
    if np.isfinite(_run_rule(record, gradients)[-1]).any():
        raise CheckFailed("w stays finite after a NaN gradient: a diverged run would go unnoticed")


def _check_baseline(record: Baseline) -> None:
    """Check that it finds the minimum of a small bowl, with options that SciPy knows."""
    from scipy.optimize import minimize

    axes = np.array([1.0, 10.0, 100.0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = minimize(
            lambda w: (0.5 * w @ (axes * w), axes * w), np.ones(3), jac=True, method=record.method,
            options=record.options(record.hyperparameters, 200),
        )  # fmt: skip
    if not np.abs(found.x).max() < 1e-3:
        raise CheckFailed(f"ends at {found.x.tolist()}, not at 0: {found.message}")


def _check_space(record: AnyOptimizer) -> str:
    """Check that it is tuned inside the limits of its hyperparameters."""
    check_space(record.name, record.space, record.hyperparameters, record.all_limits)
    if isinstance(record, Baseline) and RATE in record.search:
        raise CheckFailed(f"searches {RATE}, which means nothing to a method of SciPy")
    if isinstance(record, Optimizer) and record.hyperparameters and not record.search:
        return f"{RATE} alone is tuned: state search= for others, or they share the ranges of the comparison"
    return ""


FIRST = (_check_in_python, _check_compilation, _check_moves, _check_steps)
"""If one of these fails, the others cannot run, or say nothing more."""
QUICK = (_check_moves, _check_rule_rate)
RULE = (
    _check_in_python, _check_compilation, _check_moves, _check_kernel, _check_float32, _check_rule_rate, _check_finite,
    _check_nan, _check_space,
)  # fmt: skip
EAGER = (_check_steps, _check_rate, _check_repeats, _check_near_float64, _check_finite, _check_nan, _check_space)
BASELINE = (_check_baseline, _check_space)
