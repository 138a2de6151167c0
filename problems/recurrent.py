"""Recurrent networks that must keep two marked numbers of a sequence: to add them (rnn_add), to compare them (rnn_xor).

The gradient goes back through all places of the sequence, and shrinks or grows at each. Kernels by hand, on BLAS.
"""

from math import exp, log, prod

import numpy as np

from optbench import OptbenchError, Problem, datasets, problem
from optbench.kit.layers import sum_rows
from optbench.kit.learning import data_fields
from optbench.kit.products import product, product_with_transposed, transpose

TOGETHER = 64
"""Sequences that are worked on together, so that their states stay in the L2 cache."""
LIMITS = {"length": "[2, 1000]", "units": "[1, 1000]", "examples": "[10, 1000000]"}
"""Places and units: sequences, and the weights between units, then fit into a laptop's memory."""

# ``layout`` is (length, units, classes); classes: 2, or 0 for a real target. The parameters are the weights of value
# and mark, (2, units), those between the units, (units, units), and their bias, then the weights and the bias of the
# output. ``work`` holds a gradient, (dim,), behind which come values and marks, (2, columns), the states and the errors
# of the units, (units, columns) each, with a column for each sequence at place 0, then at place 1 and so on, the
# outputs, (rows,), and room for the units at one place and later for all transposed errors.


def value_and_gradient(w, g, x, y, layout, work):
    """Return the mean loss of the batch, and write its gradient to g."""
    rows, dim, loss = x.shape[0], w.shape[0], 0.0
    part = work[:dim]
    for k in range(dim):
        g[k] = 0.0
    for first in range(0, rows, TOGETHER):
        last = min(first + TOGETHER, rows)
        share = w.dtype.type((last - first) / rows)
        forward(w, x[first:last], layout, work[dim:])
        loss += share * backward(w, part, y[first:last], layout, work[dim:])
        for k in range(dim):
            g[k] += share * part[k]
    return loss


def evaluate(w, out, x, y, layout, work):
    """Write the mean loss to out, and of classes the accuracy."""
    rows, loss, right = x.shape[0], 0.0, 0.0
    for first in range(0, rows, TOGETHER):
        last = min(first + TOGETHER, rows)
        count, end = last - first, 2 * layout[0] * (1 + layout[1]) * (last - first)
        forward(w, x[first:last], layout, work)
        made = work[end : end + count]
        for i in range(count):
            right += (made[i] > 0.0) == (y[first + i] > 0.5)
        loss += count * error(made, y[first:last], layout[2])
    out[0] = loss / rows
    if layout[2] > 0:
        out[1] = right / rows


def forward(w, x, layout, work):
    """Write values, marks, states and outputs to ``work``."""
    length, units, rows = layout[0], layout[1], x.shape[0]
    columns, at = length * rows, 2 * units
    given = work[: 2 * columns].reshape(2 * length, rows)
    states = work[2 * columns : (2 + units) * columns].reshape(units, columns)
    end = 2 * (1 + units) * columns
    made, room = work[end : end + rows], work[end + rows : end + rows + units * rows].reshape(units, rows)
    transpose(x, given)
    weights, bias = w[at : at + units * units].reshape(units, units), w[at + units * units :]
    for j in range(units):
        for i in range(rows):
            room[j, i] = 0.0
    for t in range(length):
        here = t * rows
        if t > 0:
            product(weights.T, states[:, here - rows : here], room)
        value, mark = given[t], given[length + t]
        for j in range(units):
            state, behind, by_value, by_mark, own = states[j, here : here + rows], room[j], w[j], w[units + j], bias[j]
            for i in range(rows):  # exp vectorizes, which tanh does not
                state[i] = 1.0 - 2.0 / (1.0 + exp(2.0 * (behind[i] + by_value * value[i] + by_mark * mark[i] + own)))
    for i in range(rows):
        made[i] = bias[2 * units]
    for j in range(units):
        state, weight = states[j, columns - rows : columns], bias[units + j]
        for i in range(rows):
            made[i] += weight * state[i]


def error(made, y, classes):
    """Return the mean loss of the outputs, (rows,), and replace them by its slopes."""
    rows, loss = made.shape[0], 0.0
    share = made.dtype.type(1.0 / rows)
    for i in range(rows):
        if classes > 0:
            loss += max(made[i], 0.0) - y[i] * made[i] + log(1.0 + exp(-abs(made[i])))
            second = 1.0 / (1.0 + exp(-made[i]))
            label = y[i]
            if label < 0.0:
                label = 1.0 if second > 1.0 + label else 0.0
            made[i] = share * (second - label)
        else:
            difference = made[i] - y[i]
            loss += difference * difference
            made[i] = 2.0 * share * difference
    return loss * share


def backward(w, g, y, layout, work):
    """Return the mean loss, and write its gradient to g, from the last place of the sequences to the first.

    ``work`` is as ``forward`` leaves it.
    """
    length, units, rows = layout[0], layout[1], y.shape[0]
    columns, at = length * rows, 2 * units
    states = work[2 * columns : (2 + units) * columns].reshape(units, columns)
    errors = work[(2 + units) * columns : 2 * (1 + units) * columns].reshape(units, columns)
    end = 2 * (1 + units) * columns
    made, room = work[end : end + rows], work[end + rows : end + rows + units * rows].reshape(units, rows)
    loss = error(made, y, layout[2])
    weights, bias, by_bias = (
        w[at : at + units * units].reshape(units, units),
        at + units * units,
        g[at + units * units :],
    )
    last = columns - rows
    for j in range(units):
        state, slope, total, weight = states[j, last:columns], room[j], 0.0, w[bias + units + j]
        for i in range(rows):
            total += made[i] * state[i]
            slope[i] = weight * made[i]
        by_bias[units + j] = total
    total = 0.0
    for i in range(rows):
        total += made[i]
    by_bias[2 * units] = total
    for t in range(length - 1, -1, -1):
        here = t * rows
        if t < length - 1:
            product(weights, errors[:, here + rows : here + 2 * rows], room)
        for j in range(units):
            state, slope, back = states[j, here : here + rows], room[j], errors[j, here : here + rows]
            for i in range(rows):
                back[i] = slope[i] * (1.0 - state[i] * state[i])
    turned = work[end + rows :]
    product_with_transposed(work[: 2 * columns].reshape(2, columns), errors, g[:at].reshape(2, units), turned)
    by_weights = g[at : at + units * units].reshape(units, units)
    product_with_transposed(states[:, :last], errors[:, rows:], by_weights, turned)
    sum_rows(errors, by_bias[:units])
    return loss


def recurrent(name, length, units, examples, seed, classes, draw, score, text):
    """Return the problem of a recurrent network on sequences of ``draw(rng, shape)`` with two marks.

    classes: 2, or 0 for a real target; score: (first, second marked value) -> targets; text: the target in words.
    """
    rng = np.random.default_rng(seed)
    rows, half, drawn = np.arange(2 * examples), length // 2, (2 * examples, length)
    first, second = rng.integers(half, size=len(rows)), rng.integers(half, length, size=len(rows))
    values, marks = draw(rng, drawn), np.zeros(drawn)
    marks[rows, first] = marks[rows, second] = 1.0
    x, y = np.concatenate([values, marks], axis=1), score(values[rows, first], values[rows, second])
    # No sequence twice, or one would be in two parts.
    kept = np.sort(np.unique(x, axis=0, return_index=True)[1])[:examples]
    if len(kept) < examples:
        raise OptbenchError(f"problem {name}: examples={examples}: there are too few of length={length} that differ")
    middle, end = examples * 8 // 10, examples * 9 // 10
    (x, *held_out), (y, *wanted) = (np.split(part[kept], [middle, end]) for part in (x, y))
    data = datasets.Dataset(
        x, y, held_out[1], wanted[1], classes, "generated: sequences with two marks", x_validation=held_out[0],
        y_validation=wanted[0], name=f"generated sequences of length {length}", target=f"target: {text}",
    )  # fmt: skip
    blocks = ((2, units), (units, units), (units,), (units, 1), (1,))
    dim = sum(map(prod, blocks))

    def start(rng):
        """Return random orthogonal weights from unit to unit, normal ones of variance 1/in elsewhere, and biases 0."""
        q, r = np.linalg.qr(rng.standard_normal((units, units)))
        given, last = rng.standard_normal(2 * units) / np.sqrt(2), rng.standard_normal(units) / np.sqrt(units)
        return np.concatenate([given, (q * np.sign(np.diag(r))).ravel(), np.zeros(units), last, [0.0]])

    def predict(w, x):
        """Return the outputs, (n,), or the probabilities of both classes, (n, 2)."""
        given, weights, bias, last, own = (
            part.reshape(shape)
            for part, shape in zip(np.split(w, np.cumsum([*map(prod, blocks)])), blocks, strict=False)
        )
        state = np.zeros((len(x), units))
        for t in range(length):
            state = np.tanh(x[:, [t, length + t]] @ given + state @ weights + bias)
        made = (state @ last)[:, 0] + own
        return np.column_stack([1 / (1 + np.exp(made)), 1 / (1 + np.exp(-made))]) if classes else made

    space = 2 * length + 3 * units * length + units + 1
    return Problem(
        form="single",
        dim=dim,
        value_and_gradient=value_and_gradient,
        start=start,
        minimum=0.0,
        minimum_source="lower bound",
        blocks=blocks,
        layout=(length, units, classes),
        draws_labels=int(classes > 0),
        work=lambda rows, runs: dim + min(rows, TOGETHER) * space,
        metrics=("accuracy",) if classes else (),
        evaluate=evaluate,
        predict=predict,
        **data_fields(data),
    )


@problem(
    source="Hochreiter & Schmidhuber 1997 (adding problem); Arjovsky, Shah & Bengio 2016, arXiv 1511.06464",
    limits=LIMITS,
)
def rnn_add(length=16, units=32, examples=10_000, seed=0):
    """Mean squared error of the sum of two marked numbers of a sequence, by a recurrent network of tanh units.

    Each of ``length`` places has a number, uniform in [0, 1], and a mark: 1 at a random place of each half, 0
    elsewhere. The state h of ``units`` becomes tanh(V'x + W'h + b) at each place, and the last one gives the sum. The
    longer the sequence, the more a gradient shrinks or grows on its way back. A network that always says 1 has the
    variance of the sum, 1/6 = 0.167: a loss far below that has remembered. The loss is bounded below by 0. ``seed``
    draws the sequences: 80% train, 10% validate, 10% test. Starts from an orthogonal W.
    """
    return recurrent(
        "rnn_add", length, units, examples, seed, 0, lambda rng, shape: rng.random(shape), np.add,
        "the sum of both marked numbers",
    )  # fmt: skip


@problem(
    source="Hochreiter & Schmidhuber 1997; Martens & Sutskever 2011 (XOR problem); Li, psgd_torch (delayed XOR)",
    limits=LIMITS,
)
def rnn_xor(length=16, units=32, examples=10_000, seed=0):
    """Mean cross-entropy of whether two marked bits of a sequence differ, by a recurrent network of tanh units.

    The sequences are those of ``rnn_add`` with random bits, -1 or 1, in place of numbers. Neither of the bits alone
    says anything: first comes a plateau at ln 2 = 0.693, what a network has that always says 1/2, and an accuracy of
    one half. In 2,000 steps of 64 sequences, adam_torch at the rate 0.003 and muon at 0.01 leave it and foresee 99% of
    the test sequences; momentum stays on it at 0.01, 0.1 and 0.3. The loss is bounded below by 0. Metric: accuracy.
    """
    return recurrent(
        "rnn_xor", length, units, examples, seed, 2, lambda rng, shape: rng.integers(2, size=shape) * 2.0 - 1,
        lambda first, second: (first != second).astype(float), "1 where both marked bits differ",
    )  # fmt: skip
