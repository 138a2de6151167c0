"""Products of matrices in pieces, and the softmax, as plain Python: against NumPy at shapes that divide by nothing."""

import numpy as np
import pytest

from optbench.kit import layers, products

RNG = np.random.default_rng(3)
SHAPES = [(1, 1, 1), (1, 7, 3), (7, 1, 1), (33, 3, 65), (65, 33, 1), (20, 65, 7), (70, 40, 33)]
LIMITS = [(10**6, 8_192), (1, 0), (2_000, 200), (20_000, 2_500), (16_000, 0), (30_000, 0)]
"""UNPACKED and SMALL: one product; too much for pieces; and pieces of rows or of columns at the last of the shapes."""


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("unpacked", "small"), LIMITS)
@pytest.mark.parametrize("shape", SHAPES)
def test_products_in_pieces_are_the_products(shape, unpacked, small, dtype, monkeypatch):
    monkeypatch.setattr(products, "UNPACKED", unpacked)
    monkeypatch.setattr(products, "SMALL", small)
    rows, inputs, outputs = shape
    a, weights, error = (
        RNG.standard_normal(size).astype(dtype) for size in [(rows, inputs), (inputs, outputs), (rows, outputs)]
    )
    room = np.full(products.products_room(rows, (inputs, outputs)), np.nan, dtype)
    forth, back, slope = (np.full(size, np.nan, dtype) for size in (error.shape, a.shape, weights.shape))
    products.product(a, weights, forth)
    products.product_back(error, weights, back, room)
    products.product_transposed(a, error, slope, room)
    exact = [part.astype(float) for part in (a, weights, error)]
    tolerance = {"float64": 1e-13, "float32": 1e-5}[dtype] * (rows + inputs + outputs)
    np.testing.assert_allclose(forth, exact[0] @ exact[1], atol=tolerance)
    np.testing.assert_allclose(back, exact[2] @ exact[1].T, atol=tolerance)
    np.testing.assert_allclose(slope, exact[0].T @ exact[2], atol=tolerance)


@pytest.mark.parametrize(
    ("limits", "forth", "slope"),
    [
        (LIMITS[0], [(70, 40)], [(40, 70)]),
        (LIMITS[1], [(70, 40)], [(40, 70)]),
        (LIMITS[3], [(8, 40)] * 8 + [(6, 40)], [(40, 8)] * 8 + [(40, 6)]),
        (LIMITS[5], [(16, 40)] * 4 + [(6, 40)], [(8, 70)] * 5),
    ],
)
def test_pieces_are_as_large_as_blas_takes_them(limits, forth, slope, monkeypatch):
    shapes, dot = [], np.dot
    monkeypatch.setattr(products, "UNPACKED", limits[0])
    monkeypatch.setattr(products, "SMALL", limits[1])
    monkeypatch.setattr(products.np, "dot", lambda a, b, out: shapes.append(a.shape) or dot(a, b, out))
    a, weights, error = np.ones((70, 40)), np.ones((40, 33)), np.ones((70, 33))
    products.product(a, weights, error)
    assert shapes == forth
    shapes.clear()
    products.product_transposed(a, error, weights, np.zeros(products.products_room(70, (40, 33))))
    assert shapes == slope


@pytest.mark.parametrize("rows", [1, 2, 3, 4, 7, 64, 65])
def test_rows_are_summed(rows):
    a, total = RNG.standard_normal((rows, 5)), np.full(5, np.nan)
    layers.sum_rows(a, total)
    np.testing.assert_allclose(total, a.sum(axis=0), rtol=1e-12, atol=1e-13)


def cross_entropy(scores, y):
    """Of each row, in plain NumPy."""
    return np.logaddexp.reduce(scores, axis=1) - scores[np.arange(len(y)), y]


@pytest.mark.parametrize("scale", [0.0, 1.0, 200.0])
@pytest.mark.parametrize(("rows", "classes"), [(1, 1), (1, 10), (7, 3), (33, 65), (65, 2), (400, 10)])
def test_the_softmax_is_that_of_numpy(rows, classes, scale):
    scores, y = scale * RNG.standard_normal((rows, classes)), RNG.integers(0, classes, rows)
    expected = cross_entropy(scores, y).mean()
    out, slope = np.zeros(2), scores.copy()
    layers.softmax_report(scores.copy(), y.astype(float), out)
    np.testing.assert_allclose(out, [expected, np.mean(scores.argmax(axis=1) == y)], rtol=1e-12, atol=1e-14)
    assert layers.softmax_error(slope, y.astype(float)) == pytest.approx(expected, rel=1e-12, abs=1e-14)
    probabilities = np.exp(scores - np.logaddexp.reduce(scores, axis=1)[:, None])
    np.testing.assert_allclose(slope, (probabilities - np.eye(classes)[y]) / rows, atol=1e-14)


def test_sums_of_many_classes_do_not_overflow_in_single_precision():
    scores, y = np.zeros((500, 3_000), np.float32), np.zeros(500, np.float32)
    assert layers.softmax_error(scores, y) == pytest.approx(np.log(3_000), rel=1e-5)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("at", [(0, 0), (0, 2), (40, 1), (69, 2)])
def test_a_score_that_is_no_number_shows_in_the_loss(bad, at):
    """Only -inf of a wrong class may pass: its probability is 0."""
    scores, y, out = RNG.standard_normal((70, 3)), np.zeros(70), np.zeros(2)
    y[at[0]] = at[1]
    scores[at] = bad
    with np.errstate(all="ignore"):
        layers.softmax_report(scores.copy(), y, out)
        assert not np.isfinite([out[0], layers.softmax_error(scores, y)]).any()
