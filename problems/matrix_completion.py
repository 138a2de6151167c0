"""A matrix of low rank from some of its entries: two factors, ill-conditioned together, and mini-batches of entries."""

import numpy as np

from optbench import OptbenchError, Problem, problem

MOST = 5000
"""Rows or columns: all 25 million entries then fit into a laptop's memory."""


def value_and_gradient(w, g, x, y, layout):
    """Return the mean of half the squared errors of the entries, and write the gradient to g."""
    split, rank, rows = layout[0], layout[1], x.shape[0]
    left, right = w[:split].reshape(split // rank, rank), w[split:].reshape((w.shape[0] - split) // rank, rank)
    by_left, by_right = g[:split].reshape(left.shape[0], rank), g[split:].reshape(right.shape[0], rank)
    share = w.dtype.type(1.0 / rows)
    for i in range(g.shape[0]):
        g[i] = 0.0
    f = 0.0
    for k in range(rows):
        i, j = int(x[k, 0]), int(x[k, 1])
        error = -y[k]
        for r in range(rank):
            error += left[i, r] * right[j, r]
        f += 0.5 * error * error
        error *= share
        for r in range(rank):
            by_left[i, r] += error * right[j, r]
            by_right[j, r] += error * left[i, r]
    return f * share


@problem(
    source="Candès & Recht 2009; Keshavan, Montanari & Oh 2010; Tong, Ma & Chi 2021 (condition of the factors)",
    limits={"rows": f"[1, {MOST}]", "columns": f"[1, {MOST}]", "observed": "(0, 1)", "offset": "(0, inf)"},
)
def matrix_completion(rows=100, columns=80, rank=5, observed=0.2, condition=10.0, offset=0.1, seed=0):
    """f(U, V) = mean over observed entries of (U_i'V_j - M_ij)^2 / 2, with U (rows, rank) and V (columns, rank).

    M has the given rank, random singular vectors, and singular values log-spaced by ``condition``, in all a root mean
    square entry of 1. A random share of the entries is ``observed``, and mini-batches are entries; of the others, half
    validate and half test: their loss says whether M was completed. Where rows and columns have too few entries the
    minimum, 0, is reached by other matrices, too. The curvature goes with the singular values, and U and V share it:
    what scales each parameter by itself does not see that. Starts normal times ``offset``.
    """
    if not 1 <= rank <= min(rows, columns):
        raise OptbenchError(f"problem matrix_completion: rank={rank!r} must be between 1 and {min(rows, columns)}")
    rng = np.random.default_rng(seed)
    u, _ = np.linalg.qr(rng.standard_normal((rows, rank)))
    v, _ = np.linalg.qr(rng.standard_normal((columns, rank)))
    values = np.geomspace(1, 1 / condition, rank)
    root = np.sqrt(values * np.sqrt(rows * columns) / np.linalg.norm(values))
    matrix = (u * root) @ (v * root).T
    order = rng.permutation(matrix.size)
    ends = np.cumsum([max(round(observed * matrix.size), 1), round((1 - observed) * matrix.size) // 2])
    parts = [
        (np.column_stack(np.divmod(cells, columns)).astype(float), matrix.ravel()[cells])
        for cells in np.split(order, ends)
    ]
    if not all(len(y) for _, y in parts):
        raise OptbenchError(f"problem matrix_completion: {rows} x {columns} entries are too few to hold some out")
    split, dim = rows * rank, (rows + columns) * rank

    def predict(w, x):
        """Return the entries at the places x, (n, 2)."""
        i, j = x.astype(int).T
        return (w[:split].reshape(rows, rank)[i] * w[split:].reshape(columns, rank)[j]).sum(axis=1)

    return Problem(
        form="single",
        dim=dim,
        value_and_gradient=value_and_gradient,
        start=lambda rng: offset * rng.standard_normal(dim),
        minimum=0.0,
        minimum_source="closed form: U V' = M",
        minimizer=np.concatenate([(u * root).ravel(), (v * root).ravel()]),
        blocks=((rows, rank), (columns, rank)),
        data=parts[0],
        validation=parts[1],
        test=parts[2],
        predict=predict,
        data_text=f"generated: entries of a {rows} x {columns} matrix of rank {rank}",
        layout=(split, rank),
    )
