"""Products of matrices in pieces, or with a column for each run, and the softmax: against NumPy on odd shapes."""

import os
import subprocess
import sys

import numpy as np
import pytest

from optbench.kit import lane_products, layers, products
from tests.as_in_kernels import as_in_kernels

RNG = np.random.default_rng(3)
SHAPES = [(1, 1, 1), (1, 7, 3), (7, 1, 1), (33, 3, 65), (65, 33, 1), (20, 65, 7), (70, 40, 33)]
LIMITS = [(10**6, 1_024), (1, 0), (2_000, 200), (20_000, 2_500), (4_000, 0), (30_000, 0)]
"""UNPACKED and SMALL: one product; too much for pieces; and pieces of rows or of columns at the last of the shapes."""


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("unpacked", "small"), LIMITS)
@pytest.mark.parametrize("shape", SHAPES)
def test_products_in_pieces_are_the_products(shape, unpacked, small, dtype, monkeypatch):
    monkeypatch.setattr(products, "UNPACKED", unpacked)
    monkeypatch.setattr(products, "SMALL", small)
    rows, inputs, outputs = shape
    a, weights, error = (
        RNG.standard_normal(size).astype(dtype) for size in [(inputs, rows), (inputs, outputs), (outputs, rows)]
    )
    room = np.full(outputs * rows, np.nan, dtype)
    forth, back, slope, across = (np.full(part.shape, np.nan, dtype) for part in (error, a, weights, a.T))
    products.product(weights.T, a, forth)
    products.product(weights, error, back)
    products.product_with_transposed(a, error, slope, room)
    products.transpose(a, across)
    exact = [part.astype(float) for part in (a, weights, error)]
    tolerance = {"float64": 1e-13, "float32": 1e-5}[dtype] * (rows + inputs + outputs)
    np.testing.assert_allclose(forth, exact[1].T @ exact[0], atol=tolerance)
    np.testing.assert_allclose(back, exact[1] @ exact[2], atol=tolerance)
    np.testing.assert_allclose(slope, exact[0] @ exact[2].T, atol=tolerance)
    np.testing.assert_array_equal(across, a.T)


def test_products_stay_whole_where_blas_packs_each_piece():
    """On a processor without AVX-512: pieces took 1.6 times as long there."""
    code = "import sys; from optbench.kit import products; sys.exit(products.UNPACKED != sys.maxsize)"
    subprocess.run([sys.executable, "-c", code], env=os.environ | {"OPENBLAS_CORETYPE": "Haswell"}, check=True)


def cross_entropy(scores, y):
    """Return the cross-entropy of each row, in plain NumPy."""
    return np.logaddexp.reduce(scores, axis=1) - scores[np.arange(len(y)), y]


@pytest.mark.parametrize("scale", [0.0, 1.0, 200.0])
@pytest.mark.parametrize(("rows", "classes"), [(1, 1), (1, 10), (7, 3), (33, 65), (65, 2), (400, 10)])
def test_the_softmax_is_that_of_numpy(rows, classes, scale):
    scores, y = scale * RNG.standard_normal((rows, classes)), RNG.integers(0, classes, rows)
    expected = cross_entropy(scores, y).mean()
    out, slope, room = np.zeros(2), scores.T.copy(), np.full(2 * rows, np.nan)
    layers.softmax_report(scores.T.copy(), y.astype(float), room, out)
    np.testing.assert_allclose(out / rows, [expected, np.mean(scores.argmax(axis=1) == y)], rtol=1e-12, atol=1e-14)
    assert layers.softmax_error(slope, y.astype(float), room) == pytest.approx(expected, rel=1e-12, abs=1e-14)
    probabilities = np.exp(scores - np.logaddexp.reduce(scores, axis=1)[:, None])
    np.testing.assert_allclose(slope.T, (probabilities - np.eye(classes)[y]) / rows, atol=1e-14)


@pytest.mark.slow
def test_sums_of_many_classes_do_not_overflow_in_single_precision():
    scores, y = np.zeros((3_000, 500), np.float32), np.zeros(500, np.float32)
    assert layers.softmax_error(scores, y, np.zeros(1_000, np.float32)) == pytest.approx(np.log(3_000), rel=1e-5)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("at", [(0, 0), (0, 2), (40, 1), (69, 2)])
def test_a_score_that_is_no_number_shows_in_the_loss(bad, at):
    """Only -inf of a wrong class may pass: its probability is 0."""
    scores, y, out, room = RNG.standard_normal((3, 70)), np.zeros(70), np.zeros(2), np.zeros(140)
    y[at[0]] = at[1]
    scores.T[at] = bad
    with np.errstate(all="ignore"):
        layers.softmax_report(scores.copy(), y, room, out)
        assert not np.isfinite([out[0], layers.softmax_error(scores, y, room)]).any()


@pytest.mark.parametrize("classes", [1, 2, 10, 31, 32, 3_000])
@pytest.mark.parametrize("count", [1, 3, 4, 64, 65, 1_000])
def test_the_logarithm_of_many_sums_is_the_sum_of_theirs(classes, count):
    sums = RNG.uniform(1, classes, count)
    sums[0] = classes
    for dtype, error in (("float64", 1e-13), ("float32", 1e-6)):
        found = layers.log_of_product(sums.astype(dtype), float(classes))
        assert found == pytest.approx(np.log(sums).sum(), rel=error, abs=error * count)


_PRODUCT, _TRANSPOSED = (
    {dtype: as_in_kernels(function, dtype) for dtype in ("float64", "float32")}
    for function in (lane_products.product, lane_products.product_of_transposed)
)


def PRODUCT(a, b, out):
    _PRODUCT[a.dtype.name](a, b, out)


def TRANSPOSED(a, b, out):
    _TRANSPOSED[a.dtype.name](a, b, out)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("runs", [1, 2, 7])
@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (64, 101), (5, 3), (33, 8)])
def test_products_with_a_column_for_each_run(rows, columns, runs, dtype):
    rng = np.random.default_rng(rows + runs)
    a, w, s = (rng.standard_normal(shape).astype(dtype) for shape in ((rows, columns), (columns, runs), (rows, runs)))
    out, slopes = np.full((rows, runs), np.nan, dtype), np.full((columns, runs), np.nan, dtype)
    PRODUCT(a, w, out)
    TRANSPOSED(a, s, slopes)
    tolerance = {"float64": 1e-13, "float32": 1e-4}[dtype]
    exact = a.astype(float) @ w.astype(float), a.T.astype(float) @ s.astype(float)
    np.testing.assert_allclose(out, exact[0], rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(slopes, exact[1], rtol=tolerance, atol=tolerance)


def test_what_is_no_number_stays_so_in_a_product():
    a, w = np.ones((3, 4)), np.ones((4, 1))
    w[2] = np.nan
    out = np.zeros((3, 1))
    PRODUCT(a, w, out)
    assert np.isnan(out).all()
