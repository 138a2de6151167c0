"""Checks of a problem.

A ``_check`` function returns nothing: it raises CheckFailed with what is wrong, or NotApplicable.
Its docstring gives its title in the output.
"""

import itertools

import numpy as np

from optbench.checks.failure import CheckFailed, NotApplicable, check_close
from optbench.checks.guarded_arrays import Guarded
from optbench.contract.problems import Problem
from optbench.engine.batches import start_point

_DRAWS = 250
"""Random numbers from which one example's labels are drawn."""
_DRAWN_MEAN = 0.25
"""Bound of their mean gradient, as a share of the largest: labels of a sequence give 1 / sqrt(250), 0.06, by chance."""


def _check_start(problem: Problem) -> None:
    """Check that it starts at a finite point that depends on nothing but the seed."""
    first = start_point(problem, 1)
    if not np.array_equal(first, start_point(problem, 1)):
        raise CheckFailed(
            "two calls with the same generator state give different points: use the generator that start gets"
        )


def _check_in_python(problem: Problem) -> None:
    """Check that it runs as plain Python on a small batch, within its arrays."""
    Guarded(problem, "float64", 2, rows=5).run_in_python()


def _check_compilation(problem: Problem) -> None:
    """Check that it compiles in float64 and float32."""
    if problem.eager:
        raise NotApplicable
    for dtype in ("float64", "float32"):
        Guarded(problem, dtype, 1, rows=5).code  # noqa: B018


def _check_writes(problem: Problem) -> None:
    """Check that it writes nothing but g and f, and nothing beyond their ends."""
    for rows in (7, None):
        guarded = Guarded(problem, "float64", 3, rows=rows)
        guarded.value_and_gradient()
        wrong = guarded.out_of_bounds_writes()
        if wrong:
            raise CheckFailed(f"writes to or beyond {', '.join(wrong)}")


def _check_gradient(problem: Problem) -> None:
    """Check that the gradient agrees with finite differences."""
    rng = np.random.default_rng(0)
    for rows in (7, None):
        guarded = Guarded(problem, "float64", 1, rows=rows)
        for _ in range(4):
            w = guarded.start + 0.1 * rng.standard_normal(problem.dim)
            _, g = guarded.value_and_gradient(w)
            direction = rng.standard_normal(problem.dim)
            stated, slopes = float(g[0] @ direction), []
            for size in (1e-5, 1e-6, 1e-7, 1e-8):  # a long step may go over a kink, of which each relu has one
                step = size / max(1.0, float(np.abs(direction).max()))
                ahead, behind = (guarded.value_and_gradient(w + s * direction)[0] for s in (step, -step))
                slopes.append(float(ahead[0] - behind[0]) / (2 * step))
                scale = abs(slopes[-1]) + abs(stated) + 1e-3 * float(np.linalg.norm(g[0])) + 1e-6 * abs(float(ahead[0]))
                if abs(slopes[-1] - stated) <= 1e-4 * scale + 1e-7:
                    break
            else:
                text = f"the gradient says {stated:.6g}, finite differences {slopes[0]:.6g}"
                raise CheckFailed(f"along a random direction {text}")


def _check_minimum(problem: Problem) -> None:
    """Check that no value lies below the stated minimum, and the minimizer attains it."""
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
        raise CheckFailed(f"found the value {best:.9g}, below the stated minimum {problem.minimum:.9g}")
    for point in problem.list_minimizers():
        value, g = guarded.value_and_gradient(point)
        if not abs(float(value[0]) - problem.minimum) <= 1e-6 * max(1.0, abs(problem.minimum)):
            raise CheckFailed(f"the value at the minimizer is {float(value[0]):.9g}, not {problem.minimum:.9g}")
        if not np.abs(g).max() <= 1e-5:
            raise CheckFailed(f"the gradient at the minimizer is not zero but up to {np.abs(g).max():.3g}")


def _check_runs(problem: Problem) -> None:
    """Check that a run has the same value and gradient alone as among others."""
    several = Guarded(problem, "float64", 5, rows=7)
    w = several.start + 0.1 * np.random.default_rng(0).standard_normal((5, problem.dim))
    values, gradients = several.value_and_gradient(w)
    for r in range(5):
        value, g = Guarded(problem, "float64", 1, rows=7).value_and_gradient(w[r])
        check_close(values[r], value[0], 1e-10, f"value of run {r}")
        check_close(gradients[r], g[0], 1e-10, f"gradient of run {r}")


def _check_float32(problem: Problem) -> None:
    """Check that float32 stays near float64."""
    wide, narrow = (Guarded(problem, dtype, 1, rows=7) for dtype in ("float64", "float32"))
    (f, g), (f32, g32) = wide.value_and_gradient(), narrow.value_and_gradient()
    check_close(f32, f, 1e-4, "value")
    check_close(g32, g, 1e-3, "gradient")


def _check_nan(problem: Problem) -> None:
    """Check that a NaN weight gives a value that is not finite."""
    guarded = Guarded(problem, "float64", 1, rows=7)
    value, _ = guarded.value_and_gradient(np.full(problem.dim, np.nan))
    if np.isfinite(value).any():
        raise CheckFailed(f"the value at NaN weights is {float(value[0])}: a diverged run would go unnoticed")


def _check_evaluate(problem: Problem) -> None:
    """Check that evaluate writes the same value as value_and_gradient, and every metric."""
    if problem.evaluate is None:
        raise NotApplicable
    guarded = Guarded(problem, "float64", 3, rows=7)
    out = guarded.evaluate()
    check_close(out[0], guarded.value_and_gradient()[0], 1e-10, "value")
    if not np.isfinite(out).all():
        raise CheckFailed("a metric is not finite at the start point")


def _check_batches(problem: Problem) -> None:
    """Check that mini-batches average to the full gradient."""
    if problem.data is None:
        raise NotApplicable
    full = Guarded(problem, "float64", 1).value_and_gradient()
    n, value, gradient = len(problem.data[0]), np.zeros(1), np.zeros(problem.dim)
    cut = n // 3
    for first, last in ((0, cut), (cut, n)):
        f, g = Guarded(problem, "float64", 1, rows=slice(first, last)).value_and_gradient()
        value, gradient = value + f * (last - first) / n, gradient + g * (last - first) / n
    check_close(value, full[0], 1e-10, "value")
    check_close(gradient, full[1], 1e-10, "gradient")


def _check_drawn_labels(problem: Problem) -> None:
    """Check that it draws labels from the model's probabilities where y is negative."""
    if not problem.draws_labels:
        raise NotApplicable
    assert problem.data is not None  # labels are drawn for examples
    rng, numbers = np.random.default_rng(0), (np.arange(_DRAWS) + 0.5) / _DRAWS
    labels = np.unique(problem.data[1])[:_DRAWS]
    places = list(zip(range(problem.examples), (1e-6, 1e-3, 1.0), strict=False))  # at 0, no model is sure of a class
    for (row, scale), runs in itertools.product(places, (1,) if problem.form == "single" else (1, 2)):
        guarded = Guarded(problem, "float64", runs, rows=slice(row, row + 1))
        w = scale * (guarded.start + 0.1 * np.arange(runs)[:, None] * rng.standard_normal(problem.dim))

        def gradients(targets: np.ndarray, guarded: Guarded = guarded, w: np.ndarray = w) -> np.ndarray:
            """Return the gradients of one example with each of these targets, (runs, targets, dim)."""
            found = []
            for target in targets:
                guarded.view["y"][...] = target  # the one row's
                found.append(guarded.value_and_gradient(w)[1])
            return np.stack(found, axis=1)

        for drawn, known in zip(gradients(-numbers), gradients(labels), strict=True):
            # The mean over a model's own labels is 0. Where it is sure of one class, the others say what is large.
            size = max(np.linalg.norm(each, axis=1).max() for each in (drawn, known - known.mean(axis=0)))
            mean = float(np.linalg.norm(drawn.mean(axis=0)))
            if not mean <= _DRAWN_MEAN * size or (row == 0 and not drawn.any()):
                found = f"has the mean {mean:.2g} over u, not 0" if drawn.any() else "is 0 whatever u is"
                raise CheckFailed(f"at y = -u, u in (0, 1), the gradient of an example {found}: u must draw its labels")
            # Behind the penalty, which drawn labels leave out, gradients of one label differ as those of two classes.
            along = rng.standard_normal(problem.dim) / (size or 1)
            apart, known_apart = (np.subtract.outer(each, each).round(9) for each in (drawn @ along, known @ along))
            several = problem.draws_labels == 1 and apart.any() and known_apart.any()
            if several and not np.intersect1d(apart, known_apart).any():
                raise CheckFailed("at y = -u, u in (0, 1), the gradient of an example is that of no class")


def _check_compiled_once(problem: Problem) -> None:
    """Check that it compiles once for all batches and runs."""
    if problem.eager:
        raise NotApplicable
    one, other = Guarded(problem, "float64", 1, rows=3), Guarded(problem, "float64", 4, rows=7)
    one.value_and_gradient()
    other.value_and_gradient()
    if one.code.gradient is not other.code.gradient:
        raise CheckFailed("was compiled again for another number of rows or runs")


FIRST = (_check_start, _check_in_python, _check_compilation)
"""If one of these fails, the others cannot run."""
CHECKS = (
    *FIRST, _check_writes, _check_gradient, _check_minimum, _check_runs, _check_float32, _check_nan, _check_evaluate,
    _check_batches, _check_drawn_labels, _check_compiled_once,
)  # fmt: skip
QUICK = (_check_start,)
"""Those that compile nothing and take a moment."""
