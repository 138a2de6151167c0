"""A deep linear network: a linear map as a product of matrices, which makes least squares non-convex."""

import itertools

import numpy as np

from optbench import Problem, problem
from optbench.kit.products import transpose

# ``layout``: the sizes of the layers, inputs first. ``work`` holds the products W_1, W_2 W_1, ..., W_L ... W_1, one
# behind the other, then room for the error in front of two layers.


def value_and_gradient(w, g, constants, layout, work):
    """Return half the squared distance of the product from A, and write its gradient to g."""
    inputs, depth = layout[0], layout.shape[0] - 1
    place = 0
    for layer in range(depth):
        size, at, end = layout[layer + 1] * inputs, block_start(layout, layer), block_start(layout, layer + 1)
        after = work[place : place + size].reshape(layout[layer + 1], inputs)
        weights = w[at:end].reshape(layout[layer + 1], layout[layer])
        if layer == 0:
            copy_matrix(weights, after)
        else:
            before = layout[layer] * inputs
            np.matmul(weights, work[place - before : place].reshape(layout[layer], inputs), after)
        place += size
    room = place
    place -= layout[depth] * inputs
    error = work[place:room].reshape(layout[depth], inputs)
    target = constants.reshape(layout[depth], inputs)
    loss = w.dtype.type(0.0)
    for i in range(layout[depth]):
        for j in range(inputs):
            error[i, j] -= target[i, j]
            loss += 0.5 * error[i, j] * error[i, j]
    for layer in range(depth - 1, 0, -1):
        size, at, end = layout[layer] * inputs, block_start(layout, layer), block_start(layout, layer + 1)
        slope = g[at:end].reshape(layout[layer + 1], layout[layer])
        first = room if layer % 2 == 0 else work.shape[0] - size
        # Small matrices times a transposed one take BLAS twice as long as times a copy of it.
        turned = work[first : first + size].reshape(inputs, layout[layer])
        transpose(work[place - size : place].reshape(layout[layer], inputs), turned)
        np.matmul(error, turned, slope)
        behind = work[first : first + size].reshape(layout[layer], inputs)
        np.matmul(w[at:end].reshape(layout[layer + 1], layout[layer]).T, error, behind)
        error = behind
        place -= size
    copy_matrix(error, g[: block_start(layout, 1)].reshape(layout[1], inputs))
    return loss


def copy_matrix(source, target):
    """Copy a matrix to another of its shape."""
    for i in range(source.shape[0]):
        for j in range(source.shape[1]):
            target[i, j] = source[i, j]


def block_start(layout, layer):
    """Return the index in w where the block of W_{layer + 1}, (outputs, inputs) of the layer, begins."""
    at = 0
    for k in range(layer):
        at += layout[k] * layout[k + 1]
    return at


@problem(
    source="Saxe, McClelland & Ganguli 2014; no bad local minima: Baldi & Hornik 1989, Kawaguchi 2016",
    limits={"gain": "(0, inf)", "size": "[1, inf)"},
)
def deep_linear(size=10, hidden=(10, 10), condition=10.0, gain=1.0, noise=0.01, seed=0):
    """f(W_1, ..., W_L) = 1/2 |W_L ... W_1 - A|^2: a deep linear network on whitened inputs learns A (size, size).

    A's singular values are log-spaced from 1 to 1/condition; ``hidden``: the widths between. Every local minimum is
    global, but the origin and each part of A not yet learned make a saddle, flatter with every layer. Starts at normal
    weights of standard deviation gain/sqrt(inputs of the layer); a small gain starts next to the saddle at the origin,
    with a plateau before each singular value. ``seed`` chooses A.
    """
    rng = np.random.default_rng(seed)
    left, right = (np.linalg.qr(rng.standard_normal((size, size)))[0] for _ in range(2))
    values = np.geomspace(1, 1 / condition, size)
    sizes = (size, *hidden, size)
    rank = min(sizes)
    # The best map of that rank, shared out evenly: each layer takes the root of the singular values (Eckart & Young).
    roots = values[:rank] ** (1 / (len(sizes) - 1))
    factors = [np.zeros((tall, wide)) for wide, tall in itertools.pairwise(sizes)]
    for factor in factors:
        factor[range(rank), range(rank)] = roots
    factors[0] = factors[0] @ right.T
    factors[-1] = left @ factors[-1]
    return Problem(
        form="single",
        dim=sum(factor.size for factor in factors),
        value_and_gradient=value_and_gradient,
        start=lambda rng: np.concatenate(
            [gain / np.sqrt(factor.shape[1]) * rng.standard_normal(factor.size) for factor in factors]
        ),
        minimum=float((values[rank:] ** 2).sum() / 2),
        minimum_source="closed form: truncated singular value decomposition of A",
        minimizer=np.concatenate([factor.ravel() for factor in factors]),
        blocks=tuple(factor.shape for factor in factors),
        noise=noise,
        constants=((left * values) @ right.T).ravel(),
        layout=sizes,
        work=lambda rows, runs: size * (sum(sizes[1:]) + 2 * max(sizes)),
    )
