"""SciPy in both directions: an optimizer as a method of ``scipy.optimize.minimize``, and its methods as baselines."""

import inspect
import time
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from optbench.catalogue import loader
from optbench.contract.errors import OptbenchError, shown
from optbench.contract.optimizers import Baseline, Optimizer
from optbench.engine import settings
from optbench.engine.arrays import StepInputs, aligned, scratch_size
from optbench.engine.cohort import Cohort
from optbench.engine.cpu.code import ProblemCode
from optbench.engine.cpu.evaluation import Evaluator
from optbench.engine.cpu.update import Update
from optbench.engine.outcome import Outcome
from optbench.engine.parameter_arrays import block_shapes
from optbench.engine.runner import Clock

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
    record, given = catalogue.optimizer(optimizer)
    if isinstance(record, Baseline):
        raise OptbenchError(f"{record.name} is SciPy's own: use method={record.method!r}")
    if not isinstance(record, Optimizer):
        raise OptbenchError(f"scipy_method: {record.name} is another library's; it serves minimize and sweep")
    try:
        lr = settings.checked("lr", lr)
    except OptbenchError as error:
        raise OptbenchError(f"scipy_method: {error}") from None
    shapes = None if blocks is None else block_shapes("scipy_method: blocks", blocks, 1)
    values, plan = record.with_values(given | hyperparameters), catalogue.schedule(schedule)

    @np.errstate(over="ignore", invalid="ignore")  # a run that explodes overflows on its way
    def method(
        fun, x0, args=(), jac=None, bounds=None, constraints=(), callback=None, maxiter=1000, gtol=None, tol=None,
        **unknown,
    ):  # fmt: skip
        from scipy.optimize import OptimizeResult, OptimizeWarning, approx_fprime

        unknown = {key: value for key, value in unknown.items() if value is not None and key not in ("hess", "hessp")}
        if unknown:
            warnings.warn(f"Unknown solver options: {', '.join(unknown)}", OptimizeWarning, stacklevel=3)
        if bounds is not None or np.size(constraints):
            raise OptbenchError(f"scipy_method: {record.name} cannot keep bounds or constraints")
        w, g = np.array(x0, dtype=float)[None], np.empty((1, len(x0)))
        update = Update(record, "rows", shapes or (w.shape[1:],), "float64", [values])
        if update.blocks[-1, 1] != w.size:
            raise OptbenchError(f"scipy_method: blocks={shown(blocks)} do not add up to the {w.size} parameters of x0")
        if gtol is None:  # as in SciPy's own methods, ``tol`` is the default of the option
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
            update.step(w, g, StepInputs(done + 1, lr * factors[done]))
            done += 1
            g[0] = gradient(w[0].copy())
            if callback is not None:
                x = update.reported(w, done)[0].copy()
                try:
                    # The argument's name tells SciPy's two kinds of callback apart, as in SciPy.
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
    """Return the objective's value, a number or an array of one number. Raises OptbenchError."""
    try:
        return float(np.asarray(value).item())
    except (TypeError, ValueError):
        raise OptbenchError("scipy_method: the objective must return one number") from None


class _OutOfBudget(Exception):
    """Raised where the evaluations or the time are used up."""


class BaselineRun:
    """A run of one of SciPy's line-search methods on the full batch: a step is one evaluation of value and gradient.

    After ``k`` evaluations the weights of the run are those of the best of them; the first one is at the start.
    """

    def __init__(self, cohort: Cohort, code: ProblemCode, evaluator: Evaluator):
        problem, dtype = cohort.problem, cohort.dtype
        self.cohort, self.problem, self.code, self.evaluator = cohort, problem, code, evaluator
        self.start = cohort.start_point()
        shape = (1, problem.dim) if problem.form == "single" else (problem.dim, 1)
        self.w, self.g, self.f = aligned(shape, dtype), aligned(shape, dtype), aligned(1, dtype)
        self.arrays = evaluator.arrays
        self.work = aligned(scratch_size(problem, len(self.arrays.train[0]), 1), dtype)
        self.count, self.best, self.best_w = 0, np.inf, self.start

    def run(self, hyperparameters: Mapping[str, float], clock: Clock) -> Outcome:
        """Run to the last step, or to the clock's end; a run that has converged no longer changes."""
        from scipy.optimize import minimize

        points = self.cohort.evaluated
        last, wanted = int(points[-1]), set(points.tolist())
        reached = [(0, self.start.copy(), np.nan, np.nan)]  # step, w, value, norm of the gradient

        def value_and_gradient(w):
            if self.count >= last or clock.late():
                raise _OutOfBudget
            value, g = self.evaluate(w)
            clock.progress(1)
            if self.count in wanted:
                reached.append((self.count, self.best_w.copy(), value, float(np.linalg.norm(g))))
            return value, g

        baseline, is_finished = self.cohort.baseline, True
        try:
            minimize(
                value_and_gradient, self.start, jac=True, method=baseline.method,
                options=baseline.options(hyperparameters, last),
            )  # fmt: skip
        except _OutOfBudget:
            is_finished = self.count >= last
        if is_finished:  # at its budget's end, or converged, or its line search found nothing lower
            clock.progress(last - self.count)
            reached += [(int(step), self.best_w, *reached[-1][2:]) for step in points if step > reached[-1][0]]
        elif reached[-1][0] < self.count:
            reached.append((self.count, self.best_w, *reached[-1][2:]))
        return self._outcome(reached)

    @np.errstate(all="ignore")  # a line search may look far out
    def evaluate(self, w: np.ndarray) -> tuple[float, np.ndarray]:
        """Return value and gradient on all data, in float64 for SciPy."""
        self.w.reshape(-1)[:] = w
        self.code.gradient(
            self.w, self.g, self.f, *self.arrays.train, self.arrays.constants, self.arrays.layout, self.work, 0, 1
        )
        self.count += 1
        value = float(self.f[0])
        if value < self.best:
            self.best, self.best_w = value, np.array(w)
        return value, self.g.reshape(-1).astype(float)

    def _outcome(self, reached: list[tuple[int, np.ndarray, float, float]]) -> Outcome:
        steps, places, values, norms = map(np.array, zip(*reached, strict=True))
        begin = time.perf_counter()
        at = places.astype(self.cohort.dtype).reshape(-1, *self.w.shape)
        train, test = self.evaluator.train(at), self.evaluator.test(at)
        return Outcome(
            steps=int(steps[-1]),
            points=steps,
            measures={
                "lr": np.where(steps > 0, 1.0, np.nan)[:, None],
                "batch_loss": values[:, None],
                "gradient_norm": norms[:, None],
            },
            train=train,
            test=test,
            positions=places[:, : 2 * (self.problem.dim == 2), None],
            w=places[-1][None],
            diverged_at=np.zeros(1, np.int64),
            evaluation_seconds=time.perf_counter() - begin,
        )
