"""Linear models: least squares, logistic and softmax regression. One matrix product serves all runs of a cohort."""

from math import exp, log

import numpy as np

from optbench import Problem, datasets, problem


def finish(w, g, f, rows, strength):
    """Sums over the rows -> means, plus 1/2 strength |w|^2."""
    share = w.dtype.type(1.0 / rows)
    for r in range(w.shape[1]):
        f[r] *= share
    for i in range(w.shape[0]):
        for r in range(w.shape[1]):
            f[r] += 0.5 * strength * w[i, r] * w[i, r]
            g[i, r] = share * g[i, r] + strength * w[i, r]


def least_squares_gradient(w, g, f, x, y, constants, work):
    rows, runs = x.shape[0], w.shape[1]
    residual = work[: rows * runs].reshape(rows, runs)
    np.dot(x, w, residual)
    for r in range(runs):
        f[r] = 0.0
    for i in range(rows):
        for r in range(runs):
            residual[i, r] -= y[i]
            f[r] += 0.5 * residual[i, r] * residual[i, r]
    np.dot(x.T, residual, g)
    finish(w, g, f, rows, constants[0])


@problem(source="Legendre 1805; ridge: Hoerl & Kennard 1970")
def least_squares(data="diabetes", l2=0.0):
    """f(w) = mean (x'w - y)^2 / 2 + l2/2 |w|^2, with an intercept as the last weight.

    ``data``: a set with real targets, standardized. Starts at small normal weights.
    """
    d = datasets.load_for("least_squares", data, classes=False)
    x, x_test = _with_intercept(d.x), _with_intercept(d.x_test)
    rows = np.vstack([x / np.sqrt(len(x)), np.sqrt(l2) * np.eye(x.shape[1])])
    solution = np.linalg.lstsq(rows, np.append(d.y / np.sqrt(len(x)), np.zeros(x.shape[1])))[0]
    minimum = 0.5 * np.mean((x @ solution - d.y) ** 2) + 0.5 * l2 * solution @ solution
    return Problem(
        form="lanes",
        dim=x.shape[1],
        value_and_gradient=least_squares_gradient,
        start=lambda rng: 0.1 * rng.standard_normal(x.shape[1]),
        minimum=float(minimum),
        minimum_source="numpy.linalg.lstsq",
        minimizer=solution,
        data=(x, d.y),
        test=(x_test, d.y_test),
        constants=(l2,),
        work=lambda rows, runs: rows * runs,
    )


def logistic_gradient(w, g, f, x, y, constants, work):
    rows, runs = x.shape[0], w.shape[1]
    score = work[: rows * runs].reshape(rows, runs)
    product = work[rows * runs : (rows + 1) * runs]
    np.dot(x, w, score)
    for r in range(runs):
        f[r] = 0.0
        product[r] = 1.0
    for i in range(rows):
        sign = 2.0 * y[i] - 1.0
        for r in range(runs):
            margin = sign * score[i, r]
            e = exp(-abs(margin))
            # log(1 + e^-m) = max(-m, 0) + log(1 + e^-|m|); the logarithms of 64 rows are taken as one.
            f[r] += max(-margin, 0.0)
            product[r] *= 1.0 + e
            score[i, r] = -sign * (e if margin > 0 else 1.0) / (1.0 + e)
        if i % 64 == 63 or i == rows - 1:
            for r in range(runs):
                f[r] += log(product[r])
                product[r] = 1.0
    np.dot(x.T, score, g)
    finish(w, g, f, rows, constants[0])


def logistic_evaluate(w, out, x, y, constants, work):
    rows, runs = x.shape[0], w.shape[1]
    score = work[: rows * runs].reshape(rows, runs)
    np.dot(x, w, score)
    share = w.dtype.type(1.0 / rows)
    for r in range(runs):
        out[0, r] = 0.0
        out[1, r] = 0.0
    for i in range(rows):
        sign = 2.0 * y[i] - 1.0
        for r in range(runs):
            margin = sign * score[i, r]
            out[0, r] += share * (max(-margin, 0.0) + log(1.0 + exp(-abs(margin))))
            out[1, r] += share if margin > 0 else 0.0
    for i in range(w.shape[0]):
        for r in range(runs):
            out[0, r] += 0.5 * constants[0] * w[i, r] * w[i, r]


@problem(source="Cox 1958; Bishop 2006, sec. 4.3.2")
def logistic(data="breast_cancer", l2=0.01):
    """f(w) = mean log(1 + exp(-s x'w)) + l2/2 |w|^2, s = +-1, with an intercept as the last weight.

    ``data``: a set of two classes, standardized. Starts at small normal weights. Metric: accuracy.
    """
    d = datasets.load_for("logistic", data, classes=2)
    x, x_test = _with_intercept(d.x), _with_intercept(d.x_test)
    signed = x * (2 * d.y - 1)[:, None]

    def reference(w):
        margin = signed @ w
        value = np.logaddexp(0, -margin).mean() + 0.5 * l2 * w @ w
        return value, -(signed.T @ (0.5 - 0.5 * np.tanh(margin / 2))) / len(x) + l2 * w

    minimizer, minimum = _solve(reference, x.shape[1], l2)
    return Problem(
        form="lanes",
        dim=x.shape[1],
        value_and_gradient=logistic_gradient,
        start=lambda rng: 0.1 * rng.standard_normal(x.shape[1]),
        minimum=minimum,
        minimum_source="SciPy's L-BFGS-B on an independent objective" if l2 else "lower bound (l2 = 0)",
        minimizer=minimizer,
        data=(x, d.y),
        test=(x_test, d.y_test),
        constants=(l2,),
        work=lambda rows, runs: (rows + 1) * runs,
        metrics=("accuracy",),
        evaluate=logistic_evaluate,
    )


def softmax_gradient(w, g, f, x, y, constants, layout, work):
    classes, rows, runs = layout[0], x.shape[0], w.shape[1]
    wide = classes * runs
    score = work[: rows * wide].reshape(rows, wide)
    largest = work[rows * wide : rows * wide + runs]
    total = work[rows * wide + runs : rows * wide + 2 * runs]
    np.dot(x, w.reshape(x.shape[1], wide), score)
    for r in range(runs):
        f[r] = 0.0
    for i in range(rows):
        row = score[i]
        label = int(y[i]) * runs
        peaks(row, largest, classes)
        for r in range(runs):
            f[r] += largest[r] - row[label + r]
            total[r] = 0.0
        for c in range(classes):
            part = row[c * runs : (c + 1) * runs]
            for r in range(runs):
                part[r] = exp(part[r] - largest[r])
                total[r] += part[r]
        for r in range(runs):
            f[r] += log(total[r])
            total[r] = 1.0 / total[r]
        for c in range(classes):
            part = row[c * runs : (c + 1) * runs]
            for r in range(runs):
                part[r] *= total[r]
        for r in range(runs):
            row[label + r] -= 1.0
    np.dot(x.T, score, g.reshape(x.shape[1], wide))
    finish(w, g, f, rows, constants[0])


def peaks(row, largest, classes):
    """The largest score over the classes, per run."""
    runs = largest.shape[0]
    for r in range(runs):
        largest[r] = row[r]
    for c in range(1, classes):
        part = row[c * runs : (c + 1) * runs]
        for r in range(runs):
            largest[r] = max(largest[r], part[r])


def softmax_evaluate(w, out, x, y, constants, layout, work):
    classes, rows, runs = layout[0], x.shape[0], w.shape[1]
    wide = classes * runs
    score = work[: rows * wide].reshape(rows, wide)
    largest = work[rows * wide : rows * wide + runs]
    total = work[rows * wide + runs : rows * wide + 2 * runs]
    np.dot(x, w.reshape(x.shape[1], wide), score)
    share = w.dtype.type(1.0 / rows)
    for r in range(runs):
        out[0, r] = 0.0
        out[1, r] = 0.0
    for i in range(rows):
        row = score[i]
        label = int(y[i]) * runs
        peaks(row, largest, classes)
        for r in range(runs):
            total[r] = 0.0
            out[0, r] += share * (largest[r] - row[label + r])
            out[1, r] += share if row[label + r] >= largest[r] else 0.0
        for c in range(classes):
            part = row[c * runs : (c + 1) * runs]
            for r in range(runs):
                total[r] += exp(part[r] - largest[r])
        for r in range(runs):
            out[0, r] += share * log(total[r])
    for i in range(w.shape[0]):
        for r in range(runs):
            out[0, r] += 0.5 * constants[0] * w[i, r] * w[i, r]


@problem(source="Bridle 1990; Bishop 2006, sec. 4.3.4")
def softmax(data="digits", l2=0.001):
    """f(W) = mean cross-entropy of softmax(x'W) + l2/2 |W|^2, with an intercept as the last row of W.

    ``data``: a set of classes. Starts at small normal weights. Metric: accuracy.
    """
    d = datasets.load_for("softmax", data, classes=True)
    x, x_test = _with_intercept(d.x), _with_intercept(d.x_test)
    shape = (x.shape[1], d.classes)
    one_hot = np.eye(d.classes)[d.y.astype(int)]

    def reference(w):
        score = x @ w.reshape(shape)
        score -= score.max(axis=1, keepdims=True)
        log_share = score - np.log(np.exp(score).sum(axis=1, keepdims=True))
        value = -(one_hot * log_share).sum() / len(x) + 0.5 * l2 * w @ w
        return value, (x.T @ (np.exp(log_share) - one_hot)).ravel() / len(x) + l2 * w

    minimizer, minimum = _solve(reference, x.shape[1] * d.classes, l2)
    return Problem(
        form="lanes",
        dim=x.shape[1] * d.classes,
        value_and_gradient=softmax_gradient,
        start=lambda rng: 0.1 * rng.standard_normal(x.shape[1] * d.classes),
        minimum=minimum,
        minimum_source="SciPy's L-BFGS-B on an independent objective" if l2 else "lower bound (l2 = 0)",
        minimizer=minimizer,
        blocks=(shape,),
        data=(x, d.y),
        test=(x_test, d.y_test),
        constants=(l2,),
        layout=(d.classes,),
        work=lambda rows, runs: (rows * d.classes + 2) * runs,
        metrics=("accuracy",),
        evaluate=softmax_evaluate,
    )


def _with_intercept(x):
    return np.column_stack([x, np.ones(len(x))])


def _solve(reference, dim, l2):
    """The minimizer and minimum of a strongly convex objective; without l2, none and the bound 0."""
    if not l2:
        return None, 0.0
    from scipy.optimize import minimize  # half a second that only these problems need

    found = minimize(
        reference, np.zeros(dim), jac=True, method="L-BFGS-B", options={"maxiter": 5000, "ftol": 1e-16, "gtol": 1e-9}
    )
    return found.x, float(found.fun)
