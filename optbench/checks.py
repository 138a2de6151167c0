"""Public checks of a plug-in against the contract of its kind, each with a verdict in words.

``run(kind, name, catalogue)`` gives the findings on one record; the suite's own tests run them over the whole
catalogue, and ``python -m optbench check FILE`` over a user's file.
"""

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from optbench.engine import kernels
from optbench.engine.codegen import Translator
from optbench.engine.guarded import Guarded
from optbench.errors import OptbenchError
from optbench.plugins import Catalogue
from optbench.records import Optimizer, Problem, Schedule


@dataclass(frozen=True)
class Finding:
    """One check: what was checked, whether it holds, and what is wrong (or why it was not done)."""

    name: str
    ok: bool
    message: str = ""


class Wrong(Exception):
    """What a check raises to say what is wrong."""


def run(kind: str, name: str, catalogue: Catalogue) -> Iterator[Finding]:
    """The findings on ``kind`` ("optimizer", "schedule" or "problem") ``name``. Raises OptbenchError if unknown."""
    if kind == "problem":
        try:
            record = catalogue.problem(name)
        except Exception as error:
            yield Finding("builds with its defaults", False, _reason(error))
            return
    else:
        record = catalogue.optimizer(name)[0] if kind == "optimizer" else catalogue.schedule(name)
    for check in _CHECKS[kind]:
        title = inspect.getdoc(check)
        try:
            check(record)
        except Wrong as wrong:
            yield Finding(title, False, str(wrong))
        except Exception as error:  # a plug-in may raise anything
            yield Finding(title, False, _reason(error))
            if check in (_compiles, _rule_compiles, _rule_in_python, _kernel_in_python):
                return  # nothing else can run
        else:
            yield Finding(title, True)


def _reason(error: Exception) -> str:
    text = str(error).strip().splitlines()
    return text[0] if isinstance(error, OptbenchError) else f"{type(error).__name__}: {text[0] if text else ''}"


# --- optimizers ---


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
        _close(_trajectory(record, order, "float64", gradients)[:, :, 0], np.array(expected), 1e-10, f"order {order}")


def _stays_float32(record: Optimizer):
    """computes in float32 where it is asked to, and stays near the float64 result"""
    inner, _ = Translator("float32", whole_literals=True).translate(record.rule, f"optimizer {record.name}")
    count = 2 + len(record.slots) + 1 + len(record.scalars)
    inner(*[np.float32(0.5)] * count)
    found = str(inner.nopython_signatures[0].return_type)
    if "float64" in found:
        raise Wrong(f"returns {found}: a float64 constant or function widens it; write numbers as plain literals")
    gradients = _gradients()
    _close(
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


# --- schedules ---


def _factors(record: Schedule):
    """gives one finite, non-negative factor a step, the same alone as among others"""
    step = np.arange(1, 101)
    epoch = (step - 1) // 10
    values = np.asarray(record.function(step, epoch, 100, **record.parameters), dtype=float)
    if values.shape != step.shape:
        raise Wrong(f"gives shape {values.shape} for 100 steps")
    if not (np.isfinite(values).all() and (values >= 0).all()):
        bad = int(np.flatnonzero(~(np.isfinite(values) & (values >= 0)))[0])
        raise Wrong(f"the factor of step {step[bad]}, epoch {epoch[bad]}, is {values[bad]}")
    alone = [
        float(np.ravel(record.function(step[i : i + 1], epoch[i : i + 1], 100, **record.parameters))[0])
        for i in range(100)
    ]
    _close(values, np.array(alone), 1e-12, "a step alone against all together")


# --- problems ---


def _starts(problem: Problem):
    """starts at a finite point that depends on nothing but the seed"""
    from optbench.engine.batches import start_point

    first = start_point(problem, 1)
    if not np.array_equal(first, start_point(problem, 1)):
        raise Wrong("two calls with the same generator state give different points: use the generator that start gets")


def _kernel_in_python(problem: Problem):
    """runs as plain Python on a small batch, within its arrays"""
    Guarded(problem, "float64", 2, rows=5).in_python()


def _compiles(problem: Problem):
    """compiles in float64 and float32"""
    for dtype in ("float64", "float32"):
        Guarded(problem, dtype, 1, rows=5)


def _writes_inside(problem: Problem):
    """writes nothing but g and f, and nothing beyond their ends"""
    for rows in (7, None):
        guarded = Guarded(problem, "float64", 3, rows=rows)
        guarded.value_and_gradient()
        wrong = guarded.trespasses()
        if wrong:
            raise Wrong(f"writes to or beyond {', '.join(wrong)}")


def _gradient(problem: Problem):
    """the gradient agrees with finite differences"""
    rng = np.random.default_rng(0)
    for rows in (7, None):
        guarded = Guarded(problem, "float64", 1, rows=rows)
        for _ in range(4):
            w = guarded.start + 0.1 * rng.standard_normal(problem.dim)
            _, g = guarded.value_and_gradient(w)
            direction = rng.standard_normal(problem.dim)
            step = 1e-5 / max(1.0, float(np.abs(direction).max()))
            ahead, behind = (guarded.value_and_gradient(w + s * direction)[0] for s in (step, -step))
            slope, stated = float(ahead[0] - behind[0]) / (2 * step), float(g[0] @ direction)
            scale = abs(slope) + abs(stated) + 1e-3 * float(np.linalg.norm(g[0])) + 1e-6 * abs(float(ahead[0]))
            if not abs(slope - stated) <= 1e-4 * scale + 1e-7:
                raise Wrong(f"along a random direction the gradient says {stated:.6g}, finite differences {slope:.6g}")


def _minimum(problem: Problem):
    """no value lies below the stated minimum, and the minimizer attains it"""
    guarded = Guarded(problem, "float64", 1)
    slack = 1e-9 * max(1.0, abs(problem.minimum))
    w, best = guarded.start.copy(), np.inf
    v = np.zeros(problem.dim)
    for t in range(1, 301):  # RMSProp, a way down that needs no tuning
        value, g = guarded.value_and_gradient(w)
        best = min(best, float(value[0]))
        v = 0.9 * v + 0.1 * g[0] ** 2
        w = w - 0.1 / t**0.5 * g[0] / np.sqrt(v + 1e-8)
    if best < problem.minimum - slack:
        raise Wrong(f"found the value {best:.9g}, below the stated minimum {problem.minimum:.9g}")
    if problem.minimizer is not None:
        value, g = guarded.value_and_gradient(np.asarray(problem.minimizer, dtype=float))
        if not abs(float(value[0]) - problem.minimum) <= 1e-6 * max(1.0, abs(problem.minimum)):
            raise Wrong(f"the value at the minimizer is {float(value[0]):.9g}, not {problem.minimum:.9g}")
        if not np.abs(g).max() <= 1e-5:
            raise Wrong(f"the gradient at the minimizer is not zero but up to {np.abs(g).max():.3g}")


def _runs_agree(problem: Problem):
    """a run has the same value and gradient alone as among others"""
    together = Guarded(problem, "float64", 5, rows=7)
    w = together.start + 0.1 * np.random.default_rng(0).standard_normal((5, problem.dim))
    values, gradients = together.value_and_gradient(w)
    for r in range(5):
        value, g = Guarded(problem, "float64", 1, rows=7).value_and_gradient(w[r])
        _close(values[r], value[0], 1e-10, f"value of run {r}")
        _close(gradients[r], g[0], 1e-10, f"gradient of run {r}")


def _float32(problem: Problem):
    """float32 stays near float64"""
    wide, narrow = (Guarded(problem, dtype, 1, rows=7) for dtype in ("float64", "float32"))
    (f, g), (f32, g32) = wide.value_and_gradient(), narrow.value_and_gradient()
    _close(f32, f, 1e-4, "value")
    _close(g32, g, 1e-3, "gradient")


def _nan_in(problem: Problem):
    """a NaN weight gives a value that is not finite"""
    guarded = Guarded(problem, "float64", 1, rows=7)
    value, _ = guarded.value_and_gradient(np.full(problem.dim, np.nan))
    if np.isfinite(value).any():
        raise Wrong(f"the value at NaN weights is {float(value[0])}: a diverged run would go unnoticed")


def _evaluates(problem: Problem):
    """evaluate writes the same value as value_and_gradient, and every metric"""
    if problem.evaluate is None:
        return
    guarded = Guarded(problem, "float64", 3, rows=7)
    out = guarded.evaluate()
    _close(out[0], guarded.value_and_gradient()[0], 1e-10, "value")
    if not np.isfinite(out).all():
        raise Wrong("a metric is not finite at the start point")


def _batches_average(problem: Problem):
    """mini-batches average to the full gradient"""
    if problem.data is None:
        return
    full = Guarded(problem, "float64", 1).value_and_gradient()
    n, value, gradient = len(problem.data[0]), 0.0, 0.0
    cut = n // 3
    for first, last in ((0, cut), (cut, n)):
        f, g = Guarded(problem, "float64", 1, rows=slice(first, last)).value_and_gradient()
        value, gradient = value + f * (last - first) / n, gradient + g * (last - first) / n
    _close(value, full[0], 1e-10, "value")
    _close(gradient, full[1], 1e-10, "gradient")


def _compiled_once(problem: Problem):
    """compiles once for all batches and runs"""
    one, other = Guarded(problem, "float64", 1, rows=3), Guarded(problem, "float64", 4, rows=7)
    one.value_and_gradient()
    other.value_and_gradient()
    if one.code.gradient is not other.code.gradient or len(one.code.gradient.signatures) != 1:
        raise Wrong("was compiled again for another number of rows or runs")


def _close(found, expected, tolerance: float, what: str) -> None:
    found, expected = np.asarray(found, dtype=float), np.asarray(expected, dtype=float)
    scale = float(np.max(np.abs(expected), initial=0.0)) + 1e-300
    worst = float(np.max(np.abs(found - expected), initial=0.0)) / scale
    if not worst <= tolerance:
        raise Wrong(f"{what + ' ' if what else ''}differs by {worst:.2g} of its size")


_CHECKS: dict[str, tuple[Callable, ...]] = {
    "optimizer": (_rule_in_python, _rule_compiles, _matches_python, _stays_float32, _finite, _shows_nan),
    "schedule": (_factors,),
    "problem": (
        _starts, _kernel_in_python, _compiles, _writes_inside, _gradient, _minimum, _runs_agree, _float32, _nan_in,
        _evaluates, _batches_average, _compiled_once,
    ),
}  # fmt: skip
