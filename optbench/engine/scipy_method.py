"""An optimizer as a method of ``scipy.optimize.minimize``."""

import inspect
import warnings
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np

from optbench.catalogue import loader
from optbench.contract.errors import OptbenchError, shown
from optbench.contract.optimizers import Baseline, Optimizer
from optbench.engine import settings
from optbench.engine.one_array import shapes_of

# Largest gradient entry: SciPy's own default
_GTOL = 1e-5
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
    """An optimizer as a method of ``scipy.optimize.minimize(fun, x0, jac=..., method=...)``.

    The method's options: ``maxiter`` steps (1000), of one gradient each; ``gtol``, a largest gradient entry at which to
    stop: by default ``minimize``'s ``tol``, or 1e-5 without one. The objective returns a number or an array of one
    number. Without ``jac`` the gradient is SciPy's forward difference. No rule here keeps bounds or constraints.

    Args:
        optimizer: a name, with hyperparameters if need be, or a record.
        lr: the learning rate.
        schedule: a name, with parameters if need be, or a record; an epoch is a step.
        blocks: shapes of the parameter blocks, for rules that use them; by default one vector.
        plugin: a file, or several, with records of your own.
        **hyperparameters: the optimizer's, by name.

    Returns:
        What SciPy takes as ``method``.

    Raises:
        OptbenchError: a name or a value makes no sense.

    Example:
        >>> from scipy.optimize import minimize as scipy_minimize, rosen, rosen_der
        >>> adam = scipy_method("adam", lr=0.05)
        >>> scipy_minimize(rosen, [-1.2, 1.0], jac=rosen_der, method=adam, options={"maxiter": 5000}).success
        True
    """
    catalogue = loader.load_all(plugin)
    record, given = catalogue.optimizer(optimizer)
    if isinstance(record, Baseline):
        raise OptbenchError(f"{record.name} is SciPy's own: use method={record.method!r}")
    if not isinstance(record, Optimizer):
        raise OptbenchError(f"scipy_method: {record.name} is another library's; it serves minimize and sweep")
    try:
        lr = settings.checked("lr", lr)
    except OptbenchError as error:
        raise OptbenchError(f"scipy_method: {error}") from None
    shapes = None if blocks is None else shapes_of("scipy_method: blocks", blocks, 1)
    values, plan = record.with_values(given | hyperparameters), catalogue.schedule(schedule)

    @np.errstate(over="ignore", invalid="ignore")  # a run that explodes overflows on its way
    def method(
        fun, x0, args=(), jac=None, bounds=None, constraints=(), callback=None, maxiter=1000, gtol=None, tol=None,
        **unknown,
    ):  # fmt: skip
        from scipy.optimize import OptimizeResult, OptimizeWarning, approx_fprime

        from optbench.engine.cpu.update import Update

        unknown = {key: value for key, value in unknown.items() if value is not None and key not in ("hess", "hessp")}
        if unknown:
            warnings.warn(f"Unknown solver options: {', '.join(unknown)}", OptimizeWarning, stacklevel=3)
        if bounds is not None or np.size(constraints):
            raise OptbenchError(f"scipy_method: {record.name} cannot keep bounds or constraints")
        w, g = np.array(x0, dtype=float)[None], np.empty((1, len(x0)))
        update = Update(record, "rows", shapes or (w.shape[1:],), "float64", [values])
        if update.blocks[-1, 1] != w.size:
            raise OptbenchError(f"scipy_method: blocks={shown(blocks)} do not add up to the {w.size} parameters of x0")
        if gtol is None:  # as SciPy does for its own methods: ``tol`` is the default of the option, not its master
            gtol = _GTOL if tol is None else tol
        step, counts = np.arange(1, maxiter + 1), {"f": 0, "g": 0}
        factors = plan(step, step - 1, maxiter)

        def value(x):
            counts["f"] += 1
            return _scalar(fun(x, *args))

        def gradient(x):
            counts["g"] += 1
            if jac is not None:
                return np.asarray(jac(x, *args), dtype=float)
            return approx_fprime(x, value, _DIFFERENCE)

        done, status, message = 0, 1, "Maximum number of iterations has been exceeded."
        g[0] = gradient(w[0].copy())
        while done < maxiter:
            if not np.isfinite(g).all():
                status, message = 2, "The gradient is not finite: the run has diverged."
                break
            if np.abs(g).max() <= gtol:
                status, message = 0, "Optimization terminated successfully."
                break
            update.scalars[0] = lr * factors[done]
            update(w, g, done + 1)
            done += 1
            g[0] = gradient(w[0].copy())
            if callback is not None:
                x = update.reported(w, done)[0].copy()
                try:
                    # SciPy's two kinds of callback, told apart by the argument's name as SciPy does.
                    if "intermediate_result" in inspect.signature(callback).parameters:
                        callback(intermediate_result=OptimizeResult(x=x, fun=value(x)))
                    else:
                        callback(x)
                except StopIteration:
                    status, message = 99, "`callback` raised `StopIteration`."
                    break
        x = update.reported(w, done)[0].copy()
        return OptimizeResult(
            x=x, fun=value(x), jac=g[0].copy(), nit=done, nfev=counts["f"], njev=counts["g"], status=status,
            success=status == 0, message=message,
        )  # fmt: skip

    return method


def _scalar(value) -> float:
    """The objective's value as SciPy takes it: a number, or an array of one number whatever its shape."""
    try:
        return float(np.asarray(value).item())
    except (TypeError, ValueError):
        raise OptbenchError("scipy_method: the objective must return one number") from None
