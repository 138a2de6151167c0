"""A physics-informed network: it is to solve a differential equation, and its second derivative goes forwards, too.

Of each unit and point there are three numbers, in a row of (value, slope, bend) of all points: the unit's output, and
its first and second derivative by the coordinate. So a layer is one matrix product, and so is its gradient.
"""

from math import exp

import numpy as np

from optbench import OptbenchError, Problem, problem
from optbench.kit.networks import dense, layer_rows, parameter_blocks, start_of, tanh
from optbench.kit.products import product, product_with_transposed

ENDS = 2
"""Points of the border, -1 and 1, which stand behind those of a batch."""


def value_and_gradient(w, g, x, y, constants, layout, work):
    """Return the mean squared residual of a batch and of the border, and write the gradient to g."""
    rows, points, layer = x.shape[0], x.shape[0] + ENDS, layout.shape[0] - 2
    place = forward(w, x, layout, work)
    made = work[place : place + 3 * points]
    loss = squared_residuals(made, y, constants[0])
    error, end, offset, size = made.reshape(1, 3 * points), place + 3 * points, w.shape[0], widest(layout) * 3 * points
    share = w.dtype.type(2.0 / rows)
    for i in range(points):
        made[i] *= 0.0 if i < rows else constants[0]
        made[points + i] = 0.0
        made[2 * points + i] = share * (made[2 * points + i] + y[i]) if i < rows else 0.0
    while layer >= 0:
        inputs, outputs = layout[layer], layout[layer + 1]
        offset -= outputs
        for j in range(outputs):
            total = 0.0
            for i in range(points):
                total += error[j, i]
            g[offset + j] = total
        offset -= inputs * outputs
        place -= inputs * 3 * points
        before = work[place : place + inputs * 3 * points].reshape(inputs, 3 * points)
        slope = g[offset : offset + inputs * outputs].reshape(inputs, outputs)
        product_with_transposed(before, error, slope, work[end + 2 * size :])
        if layer > 0:
            room = work[end + layer % 2 * size :]
            behind = room[: inputs * 3 * points].reshape(inputs, 3 * points)
            product(w[offset : offset + inputs * outputs].reshape(inputs, outputs), error, behind)
            place -= inputs * 3 * points
            back_through(behind, before, work[place : place + inputs * 3 * points].reshape(inputs, 3 * points))
            error = behind
        layer -= 1
    return loss


def evaluate(w, out, x, y, constants, layout, work):
    """Write the loss, and the mean squared distance from the solution, to out."""
    rows = x.shape[0]
    made = work[forward(w, x, layout, work) :]
    out[0] = squared_residuals(made[: 3 * (rows + ENDS)], y, constants[0])
    total = 0.0
    for i in range(rows):
        total += (made[i] - x[i, 1]) ** 2
    out[1] = total / rows


def forward(w, x, layout, work):
    """Write the rows of all layers into ``work``; return the index where those of the last one begin.

    Of a hidden layer these are its sums, whose values become the slopes of tanh, and behind them its outputs.
    """
    rows, points, offset, place = x.shape[0], x.shape[0] + ENDS, 0, 0
    before = work[: 3 * points].reshape(1, 3 * points)
    for i in range(points):
        before[0, i] = x[i, 0] if i < rows else 2.0 * (i - rows) - 1.0
        before[0, points + i], before[0, 2 * points + i] = 1.0, 0.0
    place = 3 * points
    for layer in range(layout.shape[0] - 1):
        inputs, outputs = layout[layer], layout[layer + 1]
        sums = work[place : place + outputs * 3 * points].reshape(outputs, 3 * points)
        product(w[offset : offset + inputs * outputs].reshape(inputs, outputs).T, before, sums)
        offset += inputs * outputs
        for j in range(outputs):
            for i in range(points):
                sums[j, i] += w[offset + j]
        offset += outputs
        if layer < layout.shape[0] - 2:
            place += outputs * 3 * points
            before = work[place : place + outputs * 3 * points].reshape(outputs, 3 * points)
            activate(sums, before)
            place += outputs * 3 * points
    return place


def activate(sums, a):
    """Write tanh of the sums and its derivatives to ``a``, and tanh's slopes in place of the sums' values."""
    points = sums.shape[1] // 3
    for j in range(sums.shape[0]):
        row, made = sums[j], a[j]
        for i in range(points):
            # Far out, too, the slope has all its digits, unlike 1 - tanh^2.
            power = exp(-2.0 * abs(row[i]))
            share = 1.0 / (1.0 + power)
            made[i] = (1.0 - power) * share * (1.0 if row[i] > 0.0 else -1.0)
            row[i] = 4.0 * power * share * share
        for i in range(points):
            slope, first = row[i], row[points + i]
            made[points + i] = slope * first
            made[2 * points + i] = slope * (row[2 * points + i] - 2.0 * made[i] * first * first)


def back_through(error, a, sums):
    """Turn the gradient by a layer's outputs, in place, into that by its sums; ``a``, ``sums``: as of activate."""
    points = a.shape[1] // 3
    for j in range(a.shape[0]):
        own, made, row = error[j], a[j], sums[j]
        for i in range(points):
            t, slope, first, second = made[i], row[i], row[points + i], row[2 * points + i]
            by_first, by_second = own[points + i], own[2 * points + i]
            own[i] -= 2.0 * (
                t * (first * by_first + second * by_second) + (1 - 3.0 * t * t) * first * first * by_second
            )
            own[i] *= slope
            own[points + i] = slope * (by_first - 4.0 * t * first * by_second)
            own[2 * points + i] = slope * by_second


def squared_residuals(made, y, border):
    """Return the mean of (u'' + f)^2 over a batch, and the weighted squares of u at the ends; made: u, u', u''."""
    rows, points = y.shape[0], y.shape[0] + ENDS
    total = 0.0
    for i in range(rows):
        total += (made[2 * points + i] + y[i]) ** 2
    return total / rows + 0.5 * border * (made[rows] ** 2 + made[rows + 1] ** 2)


def widest(layout):
    """Return the number of units of the largest layer."""
    size = layout[0]
    for layer in range(1, layout.shape[0]):
        size = max(size, layout[layer])
    return size


@problem(
    source="Raissi, Perdikaris & Karniadakis 2019; Wang, Yu & Perdikaris 2022 (1-D Poisson equation)",
    limits={"frequency": "[1, inf)", "points": "[1, inf)", "border": "[0, inf)"},
)
def pinn(frequency=2, hidden=(20, 20), points=256, border=100.0, seed=0):
    """f(w) = mean over points of (u''(x) + s(x))^2 + border mean of u(-1)^2 and u(1)^2, u a perceptron: -u'' = s.

    A physics-informed network, ``hidden`` layers of tanh, is to solve Poisson's equation on [-1, 1] whose solution is
    sin(pi frequency x): s = (pi frequency)^2 sin(pi frequency x). The two losses pull against each other, and second
    derivatives make the Hessian ill-conditioned: the higher the frequency, the worse. Random ``points`` train; a
    quarter as many are held out, half of them to validate. Parameters (in, out), and a bias (out,), per layer, drawn as
    xavier's. Metric: solution_loss, the mean squared distance from the solution. The loss is bounded below by 0.
    """
    if not hidden:
        raise OptbenchError("problem pinn: hidden=() must name at least one width")
    rng = np.random.default_rng(seed)
    parts = []
    for count in (points, max(points // 8, 1), max(points // 8, 1)):
        x = rng.uniform(-1, 1, count)
        u = np.sin(np.pi * frequency * x)
        parts.append((np.column_stack([x, u]), (np.pi * frequency) ** 2 * u))
    layers = layer_rows("pinn", [*(each for width in hidden for each in (dense(width), tanh)), dense(1)], 1)
    sizes, blocks = (1, *hidden, 1), parameter_blocks(layers)
    return Problem(
        form="single",
        dim=sum(int(np.prod(block)) for block in blocks),
        value_and_gradient=value_and_gradient,
        evaluate=evaluate,
        metrics=("solution_loss",),
        start=start_of("pinn", layers, "xavier"),
        minimum=0.0,
        minimum_source="lower bound",
        blocks=blocks,
        data=parts[0],
        validation=parts[1],
        test=parts[2],
        data_text=f"generated: {points} random points of [-1, 1]",
        constants=(border,),
        layout=sizes,
        work=lambda rows, runs: 3 * (rows + ENDS) * (2 + 2 * sum(hidden) + 3 * max(sizes)),
    )
