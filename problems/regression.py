"""Convex regression beyond squares: Huber, Poisson and the squared hinge. One matrix product serves all runs."""

from dataclasses import replace
from math import exp

import numpy as np

from optbench import datasets, problem
from optbench.kit.lane_products import product_of_transposed
from optbench.kit.linear_models import finish, linear_model, penalize, scores


def huber_gradient(w, g, f, x, y, constants, work):
    """Write the values of all runs on a batch to f and the gradients to g."""
    delta = constants[1]
    score = work[: x.shape[0] * w.shape[1]].reshape(x.shape[0], w.shape[1])
    scores(x, w, f, score)
    for i in range(x.shape[0]):
        for r in range(w.shape[1]):
            residual = score[i, r] - y[i]
            far = delta if residual > 0.0 else -delta
            slope = residual if abs(residual) <= delta else far
            f[r] += slope * (residual - 0.5 * slope)
            score[i, r] = slope
    product_of_transposed(x, score, g)
    finish(w, g, f, x.shape[0], constants[0])


@problem(source="Huber 1964, Ann. Math. Stat. 35(1)", limits={"delta": "(0, inf)"}, target=0.01)
def huber(data="diabetes", delta=0.5, l2=0.0):
    """f(w) = mean h(x'w - y) + l2/2 |w|^2, h(e) = e^2/2 up to |e| = delta and delta (|e| - delta/2) beyond.

    Outliers pull with a bounded force, so a gradient far from the minimum says nothing about the distance. ``data``:
    a set with real targets, standardized; ``delta`` is in units of their deviation: by default about half of the
    examples end beyond it. The last weight is an intercept. Starts at small normal weights.
    """
    d = datasets.load_for("huber", data, classes=False)

    def loss(score):
        """Return the loss of each score, and its slope."""
        error = score - d.y
        slopes = np.clip(error, -delta, delta)
        return np.where(np.abs(error) <= delta, error**2 / 2, delta * (np.abs(error) - delta / 2)), slopes

    return linear_model(d, huber_gradient, (l2, delta), loss, called="huber")


def squared_hinge_gradient(w, g, f, x, y, constants, work):
    """Write the values of all runs on a batch to f and the gradients to g."""
    score = work[: x.shape[0] * w.shape[1]].reshape(x.shape[0], w.shape[1])
    scores(x, w, f, score)
    for i in range(x.shape[0]):
        sign = 2.0 * y[i] - 1.0
        for r in range(w.shape[1]):
            missing = 1.0 - sign * score[i, r]
            missing = 0.0 if missing < 0.0 else missing  # NaN stays
            f[r] += missing * missing
            score[i, r] = -2.0 * sign * missing
    product_of_transposed(x, score, g)
    finish(w, g, f, x.shape[0], constants[0])


def squared_hinge_evaluate(w, out, x, y, constants, work):
    """Write the mean loss and the accuracy of all runs to out."""
    runs = w.shape[1]
    score = work[: x.shape[0] * w.shape[1]].reshape(x.shape[0], w.shape[1])
    scores(x, w, out[0], score)
    share = w.dtype.type(1.0 / x.shape[0])
    for r in range(runs):
        out[1, r] = 0.0
    for i in range(x.shape[0]):
        sign = 2.0 * y[i] - 1.0
        for r in range(runs):
            missing = 1.0 - sign * score[i, r]
            missing = 0.0 if missing < 0.0 else missing
            out[0, r] += share * missing * missing
            out[1, r] += share if sign * score[i, r] > 0.0 else 0.0
    penalize(w, out[0], constants[0])


@problem(source="Cortes & Vapnik 1995; Chapelle 2007, Neural Comput. 19(5), sec. 2 (in the primal)", target=0.01)
def squared_hinge(data="breast_cancer", l2=0.01):
    """f(w) = mean max(0, 1 - s x'w)^2 + l2/2 |w|^2, s = +-1: the smooth support vector machine.

    Examples beyond the margin add nothing, so the curvature jumps where they cross it. ``data``: a set of two classes,
    standardized. The last weight is an intercept. Starts at small normal weights. Metric: accuracy.
    """
    d = datasets.load_for("squared_hinge", data, classes=2)
    sign = 2 * d.y - 1

    def loss(score):
        """Return each example's loss, and its derivative by the score; both (examples,)."""
        missing = np.maximum(0, 1 - sign * score)
        return missing**2, -2 * sign * missing

    return linear_model(
        d, squared_hinge_gradient, (l2,), loss if l2 else None, called="squared_hinge", metrics=("accuracy",),
        evaluate=squared_hinge_evaluate,
    )  # fmt: skip


def poisson_gradient(w, g, f, x, y, constants, work):
    """Write the values of all runs on a batch to f and the gradients to g."""
    score = work[: x.shape[0] * w.shape[1]].reshape(x.shape[0], w.shape[1])
    scores(x, w, f, score)
    least = 0.0  # of the saturated model, whose rates are the counts themselves: a table, for each logarithm is a call
    for i in range(x.shape[0]):
        least += constants[1 + int(y[i])]
    for i in range(x.shape[0]):  # without a call, so that the exponentials of a single run fill vectors
        for r in range(w.shape[1]):
            rate = exp(score[i, r])
            f[r] += rate - y[i] * score[i, r]
            score[i, r] = rate - y[i]
    for r in range(w.shape[1]):
        f[r] -= least
    product_of_transposed(x, score, g)
    finish(w, g, f, x.shape[0], constants[0])


@problem(source="Nelder & Wedderburn 1972, J. R. Stat. Soc. A 135(3); McCullagh & Nelder 1989, ch. 6", target=0.0001)
def poisson(examples=1000, features=10, l2=0.001, seed=0):
    """f(w) = mean (e^s - y s - y + y log y) + l2/2 |w|^2, s = x'w: Poisson regression, half its mean deviance.

    The counts y are drawn at the rates exp(x'v), x normal, v a normal teacher; their mean is 2.4 by default. The
    curvature grows like exp(s) without bound: no learning rate is stable everywhere, and weights that are far off
    overflow to infinity. The last weight is an intercept. Starts at small normal weights.
    """
    d = _draw_counts(examples, features, seed)
    counts = np.arange(np.concatenate([d.y, d.y_test, () if d.y_validation is None else d.y_validation]).max() + 1)
    least = counts - counts * np.log(np.maximum(counts, 1))

    def loss(score):
        return np.exp(score) - d.y * score - least[d.y.astype(int)], np.exp(score) - d.y

    made = linear_model(d, poisson_gradient, (l2,), loss if l2 else None, called="poisson")
    return replace(made, constants=(l2, *least))


def _draw_counts(examples, features, seed):
    """Return a data set of counts: ``examples`` to train on, and a quarter as many held out, half to validate."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((examples + (examples + 3) // 4, features))
    teacher = 0.7 * rng.standard_normal(features) / np.sqrt(features)
    y = rng.poisson(np.exp(0.5 + x @ teacher)).astype(float)
    middle = examples + (len(x) - examples) // 2
    parts = x[:examples], y[:examples], x[middle:], y[middle:]
    validation = (x[examples:middle], y[examples:middle]) if middle > examples else (None, None)
    target = f"target: counts from 0 to {y.max():.0f}"
    return datasets.Dataset(
        *parts, 0, "generated: normal x, counts y", x_validation=validation[0], y_validation=validation[1],
        name="generated counts", target=target,
    )  # fmt: skip
