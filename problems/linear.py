"""Linear models: least squares, ridge, logistic and softmax regression. One matrix product serves a cohort's runs."""

from dataclasses import replace
from math import exp, log

import numpy as np

from optbench import datasets, problem
from optbench.kit.lane_products import product_of_transposed
from optbench.kit.layers import drawn_class, softmax_error
from optbench.kit.linear_models import finish, linear_model, penalize, scores
from optbench.kit.products import product


def least_squares_gradient(w, g, f, x, y, constants, work):
    """Write the values of all runs on a batch to f and the gradients to g."""
    residual = work[: x.shape[0] * w.shape[1]].reshape(x.shape[0], w.shape[1])
    scores(x, w, f, residual)
    for i in range(residual.shape[0]):
        for r in range(w.shape[1]):
            residual[i, r] -= y[i]
            f[r] += 0.5 * residual[i, r] * residual[i, r]
    product_of_transposed(x, residual, g)
    finish(w, g, f, x.shape[0], constants[0])


@problem(source="Legendre 1805", target=0.01)
def least_squares(data="diabetes", l2=0.0):
    """f(w) = mean (x'w - y)^2 / 2 + l2/2 |w|^2, with an intercept as the last weight.

    ``data``: a set with real targets, standardized. Starts at small normal weights.
    """
    return _least_squares("least_squares", data, l2)


@problem(source="Hoerl & Kennard 1970, Technometrics 12(1)", target=0.001)
def ridge(data="diabetes", l2=0.1):
    """f(w) = mean (x'w - y)^2 / 2 + l2/2 |w|^2: least squares with a penalty, which caps the condition number.

    ``data``: a set with real targets, standardized. The intercept, the last weight, is penalized, too. Starts at
    small normal weights.
    """
    return _least_squares("ridge", data, l2)


def _least_squares(name, data, l2):
    """Return the problem of least squares with a penalty, its minimizer by NumPy's least squares."""
    d = datasets.load_for(name, data, classes=False)
    made = linear_model(d, least_squares_gradient, (l2,), None, called="half_mse")
    x, dim = made.data[0], made.dim
    rows = np.vstack([x / np.sqrt(len(x)), np.sqrt(l2) * np.eye(dim)])
    solution = np.linalg.lstsq(rows, np.append(d.y / np.sqrt(len(x)), np.zeros(dim)))[0]
    minimum = 0.5 * np.mean((x @ solution - d.y) ** 2) + 0.5 * l2 * solution @ solution
    return replace(made, minimum=float(minimum), minimum_source="numpy.linalg.lstsq", minimizer=solution)


def logistic_gradient(w, g, f, x, y, constants, work):
    """Write the values of all runs on a batch to f and the gradients to g."""
    rows, runs = x.shape[0], w.shape[1]
    score = work[: rows * runs].reshape(rows, runs)
    scores(x, w, f, score)
    if y[0] < 0.0:
        slopes_of_drawn(score, y)
        product_of_transposed(x, score, g)
        finish(w, g, f, rows, 0.0)
        return
    if runs == 1:
        slopes_of_one(score.reshape(rows), y, f)
        product_of_transposed(x, score, g)
        finish(w, g, f, rows, constants[0])
        return
    product = work[rows * runs : (rows + 1) * runs]
    for r in range(runs):
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
    product_of_transposed(x, score, g)
    finish(w, g, f, rows, constants[0])


def slopes_of_drawn(score, y):
    """Replace the scores of all runs by the slopes of labels that are drawn, by the numbers -y, from what they say."""
    for i in range(score.shape[0]):
        for r in range(score.shape[1]):
            share = 1.0 / (1.0 + exp(-score[i, r]))
            score[i, r] = share - (1.0 if share > 1.0 + y[i] else 0.0)


def slopes_of_one(score, y, f):
    """Add the losses of one run to f and replace its scores by slopes: along the rows, so that they fill vectors."""
    for first in range(0, score.shape[0], 64):
        part, labels = score[first : first + 64], y[first : first + 64]
        total, product = 0.0, 1.0
        for i in range(part.shape[0]):
            sign = 2.0 * labels[i] - 1.0
            margin = sign * part[i]
            e = exp(-abs(margin))
            total += max(-margin, 0.0)
            product *= 1.0 + e
            part[i] = -sign * (e if margin > 0 else 1.0) / (1.0 + e)
        f[0] += total + log(product)


def logistic_evaluate(w, out, x, y, constants, work):
    """Write the mean loss and the accuracy of all runs to out."""
    rows, runs = x.shape[0], w.shape[1]
    score, product = work[: rows * runs].reshape(rows, runs), work[rows * runs : (rows + 1) * runs]
    f, right = out[0], out[1]
    scores(x, w, f, score)
    for r in range(runs):
        right[r], product[r] = 0.0, 1.0
    for i in range(rows):
        sign = 2.0 * y[i] - 1.0
        for r in range(runs):
            margin = sign * score[i, r]
            f[r] += max(-margin, 0.0)
            product[r] *= 1.0 + exp(-abs(margin))
            right[r] += 1.0 if margin > 0 else 0.0
        if i % 64 == 63 or i == rows - 1:
            for r in range(runs):
                f[r] += log(product[r])
                product[r] = 1.0
    share = w.dtype.type(1.0 / rows)
    for r in range(runs):
        f[r] *= share
        right[r] *= share
    penalize(w, f, constants[0])


@problem(source="Cox 1958; Bishop 2006, sec. 4.3.2", target=0.001)
def logistic(data="breast_cancer", l2=0.01):
    """f(w) = mean log(1 + exp(-s x'w)) + l2/2 |w|^2, s = +-1, with an intercept as the last weight.

    ``data``: a set of two classes, standardized. Starts at small normal weights. Metric: accuracy.
    """
    d = datasets.load_for("logistic", data, classes=2)
    sign = 2 * d.y - 1

    def loss(score):
        """Return each example's loss, and its derivative by the score; both (examples,)."""
        margin = sign * score
        return np.logaddexp(0, -margin), sign * (0.5 * np.tanh(margin / 2) - 0.5)

    return linear_model(
        d,
        logistic_gradient,
        (l2,),
        loss if l2 else None,  # without it, classes that a plane separates have no minimizer
        called="log_loss",
        work=lambda rows, runs: (rows + 1) * runs,
        metrics=("accuracy",),
        evaluate=logistic_evaluate,
        draws_labels=1,
    )


def softmax_gradient(w, g, f, x, y, constants, layout, work):
    """Write the values of all runs on a batch to f and the gradients to g."""
    classes, rows, runs, drawn = layout[0], x.shape[0], w.shape[1], y[0] < 0.0
    penalty = 0.0 if drawn else constants[0]
    wide = classes * runs
    score = work[: rows * wide].reshape(rows, wide)
    largest = work[rows * wide : rows * wide + runs]
    total = work[rows * wide + runs : rows * wide + 2 * runs]
    weights, slopes = w.reshape(x.shape[1], wide), g.reshape(x.shape[1], wide)
    if runs == 1:  # along the rows, so that they fill vectors
        one = work[: rows * wide].reshape(wide, rows)
        np.matmul(weights.T, x.T, one)
        f[0] = rows * softmax_error(one, y, work[rows * wide :])
        np.matmul(x.T, one.T, slopes)
        for i in range(w.shape[0]):
            g[i, 0] *= rows
        finish(w, g, f, rows, penalty)
        return
    product(x, weights, score)
    for r in range(runs):
        f[r] = 0.0
    for i in range(rows):
        row = score[i]
        label = int(y[i]) * runs
        find_largest_scores(row, largest, classes)
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
        for r in range(runs if drawn else 0):
            row[drawn_class(row[r::runs], -y[i]) * runs + r] -= 1.0
        for r in range(0 if drawn else runs):
            row[label + r] -= 1.0
    product(x.T, score, slopes)
    finish(w, g, f, rows, penalty)


def find_largest_scores(row, largest, classes):
    """Write the largest score over the classes of one example to largest, (runs,)."""
    runs = largest.shape[0]
    for r in range(runs):
        largest[r] = row[r]
    for c in range(1, classes):
        part = row[c * runs : (c + 1) * runs]
        for r in range(runs):
            largest[r] = max(largest[r], part[r])


def softmax_evaluate(w, out, x, y, constants, layout, work):
    """Write the mean loss and the accuracy of all runs to out."""
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
        find_largest_scores(row, largest, classes)
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
    penalize(w, out[0], constants[0])


@problem(source="Bridle 1990; Bishop 2006, sec. 4.3.4")
def softmax(data="digits", l2=0.001):
    """f(W) = mean cross-entropy of softmax(x'W) + l2/2 |W|^2, with an intercept as the last row of W.

    ``data``: a set of classes. Starts at small normal weights. Metric: accuracy.
    """
    d = datasets.load_for("softmax", data, classes=True)
    examples = np.arange(len(d.y)), d.y.astype(int)

    def loss(score):
        """Return the cross-entropy of each row of scores, and its slopes by the scores."""
        score = score - score.max(axis=1, keepdims=True)
        log_share = score - np.log(np.exp(score).sum(axis=1, keepdims=True))
        slopes = np.exp(log_share)
        slopes[examples] -= 1
        return -log_share[examples], slopes

    return linear_model(
        d,
        softmax_gradient,
        (l2,),
        loss if l2 else None,
        outputs=(d.classes,),
        called="cross_entropy",
        layout=(d.classes,),
        work=lambda rows, runs: rows * d.classes * runs + 2 * max(rows, runs),
        metrics=("accuracy",),
        evaluate=softmax_evaluate,
        draws_labels=1,
    )
