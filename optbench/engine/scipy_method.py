"""An optimizer as a method of ``scipy.optimize.minimize``."""

import math
import warnings
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from optbench.catalogue import loader
from optbench.contract.errors import OptbenchError, shown
from optbench.contract.optimizers import Baseline, Optimizer
from optbench.engine import settings
from optbench.engine.parameter_arrays import block_shapes
from optbench.engine.runner import call_back
from optbench.engine.stepper import Stepper

_GTOL = 1e-5
"""The largest gradient entry at which to stop: SciPy's own default."""
_DIFFERENCE = float(np.sqrt(np.finfo(float).eps))
"""The distance of the forward difference, as in scipy.optimize's BFGS."""


def scipy_method(
    optimizer: str | Optimizer,
    *,
    lr: float,
    schedule: str = "constant",
    blocks: Sequence[tuple[int, ...]] | None = None,
    plugin: str | Path | Iterable[str | Path] = (),
    **hyperparameters: float,
) -> Callable:
    """Return an optimizer as a method of ``scipy.optimize.minimize(fun, x0, jac=..., method=...)``.

    The method's options: ``maxiter`` steps (1000), of one gradient each, or two as the rule says; ``gtol``, a largest
    gradient entry at which to stop: by default ``minimize``'s ``tol``, or 1e-5 without one. The objective returns a
    number or an array of one number. Without ``jac`` the gradient is SciPy's forward difference. No rule here keeps
    bounds or constraints.

    Args:
        optimizer: a name, with hyperparameters if need be, or a record.
        lr: the learning rate.
        schedule: a name, with parameters if need be, or a record; an epoch is a step.
        blocks: shapes of the parameter blocks, for rules that use them; by default one vector.
        plugin: a file, or several, with records of your own.
        **hyperparameters: the optimizer's, by name.

    Returns:
        The function that SciPy takes as ``method``.

    Raises:
        OptbenchError: a name or a value makes no sense.

    Example:
        >>> from scipy.optimize import minimize as scipy_minimize, rosen, rosen_der
        >>> adam = scipy_method("adam", lr=0.05)
        >>> scipy_minimize(rosen, [-1.2, 1.0], jac=rosen_der, method=adam, options={"maxiter": 5000}).success
        True
    """
    catalogue = loader.load_all(plugin)
    found, given = catalogue.optimizer(optimizer)
    record = _check_rule(found)
    lr = settings.checked("scipy_method: lr", lr)
    shapes = None if blocks is None else block_shapes("scipy_method: blocks", blocks, 1)
    values, plan = record.with_values(given | hyperparameters), catalogue.schedule(schedule)

    @np.errstate(over="ignore", invalid="ignore")  # a run that explodes overflows on its way
    def method(  # noqa: PLR0913  SciPy calls it so
        fun, x0, args=(), jac=None, bounds=None, constraints=(), callback=None, maxiter=1000, gtol=None, tol=None,
        **unknown,
    ):  # fmt: skip
        """Minimize ``fun`` from ``x0`` on, with the arguments that SciPy passes to a method."""
        from scipy.optimize import OptimizeResult, OptimizeWarning, approx_fprime

        unknown = {key: value for key, value in unknown.items() if value is not None and key not in ("hess", "hessp")}
        if unknown:
            warnings.warn(f"Unknown solver options: {', '.join(unknown)}", OptimizeWarning, stacklevel=3)
        if bounds is not None or np.size(constraints):
            raise OptbenchError(f"scipy_method: {record.name} cannot keep bounds or constraints")
        w, g = np.array(x0, dtype=float), np.empty(len(x0))
        if shapes is not None and sum(map(math.prod, shapes)) != w.size:
            raise OptbenchError(f"scipy_method: blocks={shown(blocks)} do not add up to the {w.size} parameters of x0")
        stepper = Stepper(record, w, lr, shapes, values)
        if gtol is None:  # as in SciPy's own methods, ``tol`` is the default of the option
            gtol = _GTOL if tol is None else tol
        step, counts = np.arange(1, maxiter + 1), {"f": 0, "g": 0}
        factors = plan(step, step - 1, maxiter)

        def value(x):
            """Return the objective, and count the call."""
            counts["f"] += 1
            return _scalar(fun(x, *args))

        def gradient(x):
            """Return the gradient, from differences if there is none, and count the call."""
            counts["g"] += 1
            if jac is not None:
                return np.asarray(jac(x, *args), dtype=float)
            return approx_fprime(x, value, _DIFFERENCE)

        done, status, message = 0, 1, "Maximum number of iterations has been exceeded."
        g[:] = gradient(w.copy())
        while done < maxiter:
            if not np.isfinite(g).all():
                status, message = 2, "The gradient is not finite: the run has diverged."
                break
            if np.abs(g).max() <= gtol:
                status, message = 0, "Optimization terminated successfully."
                break
            loss = value(w.copy()) if "loss" in record.inputs else None
            ahead = np.ascontiguousarray(gradient(stepper.second_point(g))) if stepper.needs_second else None
            stepper.step(g, lr * factors[done], loss, ahead)
            done += 1
            g[:] = gradient(w.copy())
            x = stepper.reported
            if callback is not None and call_back(callback, x, partial(value, x.copy())):
                status, message = 99, "`callback` raised `StopIteration`."
                break
        x = stepper.reported.copy()
        return OptimizeResult(
            x=x, fun=value(x), jac=g.copy(), nit=done, nfev=counts["f"], njev=counts["g"], status=status,
            success=status == 0, message=message,
        )  # fmt: skip

    return method


def _check_rule(record: Any) -> Optimizer:
    """Return the record if its steps can be made here, or raise an OptbenchError."""
    if isinstance(record, Baseline):
        raise OptbenchError(f"{record.name} is SciPy's own: use method={record.method!r}")
    if not isinstance(record, Optimizer):
        raise OptbenchError(f"scipy_method: {record.name} is another library's; it serves minimize and sweep")
    if record.draws_labels:
        raise OptbenchError(f"scipy_method: {record.name} draws labels from what a model predicts, and fun has none")
    return record


def _scalar(value: Any) -> float:
    """Return the objective's value, a number or an array of one number. Raises OptbenchError."""
    try:
        return float(np.asarray(value).item())
    except (TypeError, ValueError):
        raise OptbenchError("scipy_method: the objective must return one number") from None
