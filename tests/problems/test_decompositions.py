"""Eigenvectors, QR and roots as kernels have them, compiled in both precisions, beside SciPy and where LAPACK fails."""

import numpy as np
import pytest
from quick import slow
from scipy import linalg

from optbench.kit import decompositions
from tests.as_in_kernels import as_in_kernels

DTYPES = pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-12), slow("float32", 3e-5)])
RNG = np.random.default_rng(5)


def compiled(name, dtype):
    """Return a function of decompositions as kernels have it, for calls from Python."""
    return as_in_kernels(getattr(decompositions, name), dtype)


def spd(dtype, spectrum):
    """Return a symmetric matrix with these eigenvalues."""
    basis = linalg.qr(RNG.standard_normal((len(spectrum), len(spectrum))))[0]
    return (basis @ np.diag(spectrum) @ basis.T).astype(dtype)


@DTYPES
def test_eigenvectors_are_scipys_the_largest_value_first(dtype, tolerance):
    matrix = spd(dtype, [0.1, 1.0, 4.0, 9.0])
    basis = np.empty_like(matrix)
    compiled("eigenvectors", dtype)(matrix, basis)
    expected = linalg.eigh(matrix.astype(float))[1][:, ::-1]
    np.testing.assert_allclose(np.abs(expected.T @ basis), np.eye(4), atol=tolerance)


@DTYPES
def test_renewed_eigenvectors_reach_those_of_a_fixed_matrix(dtype, tolerance):
    matrix = spd(dtype, [1.0, 8.0, 64.0, 512.0])
    renew, basis = compiled("renew_eigenvectors", dtype), np.eye(4, dtype=dtype)
    for _ in range(20):
        order = renew(matrix, basis)
    np.testing.assert_array_equal(order, range(4))
    expected = linalg.eigh(matrix.astype(float))[1][:, ::-1]
    np.testing.assert_allclose(np.abs(expected.T @ basis), np.eye(4), atol=10 * tolerance)


def test_renewed_eigenvectors_are_the_qr_of_sorted_columns():
    matrix, before = spd("float64", [1.0, 2.0, 3.0]), linalg.qr(RNG.standard_normal((3, 3)))[0]
    basis = before.copy()
    order = compiled("renew_eigenvectors", "float64")(matrix, basis)
    estimates = np.diag(before.T @ matrix @ before)
    np.testing.assert_array_equal(order, np.argsort(estimates)[::-1])
    q, _ = linalg.qr(matrix @ before[:, order])
    np.testing.assert_allclose(np.abs(q.T @ basis), np.eye(3), atol=1e-13)


@DTYPES
def test_inverse_root_is_scipys_power(dtype, tolerance):
    matrix = spd(dtype, [0.5, 1.0, 2.0, 8.0])
    out, root = np.empty_like(matrix), compiled("inverse_root", dtype)
    for order in (2, 4):
        root(matrix, np.dtype(dtype).type(order), np.dtype(dtype).type(0.25), out)
        expected = linalg.fractional_matrix_power(matrix.astype(float) + 0.25 * np.eye(4), -1 / order)
        np.testing.assert_allclose(out, expected, atol=10 * tolerance)


@pytest.mark.slow
@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e308])
def test_what_lapack_refuses_becomes_nan(bad):
    matrix, out = np.full((3, 3), bad), np.eye(3)
    compiled("eigenvectors", "float64")(matrix, out)
    assert np.isnan(out).all()
    out = np.eye(3)
    np.testing.assert_array_equal(compiled("renew_eigenvectors", "float64")(matrix, out), range(3))
    assert np.isnan(out).all()
    compiled("inverse_root", "float64")(matrix, 4.0, 1e-12, out)
    assert np.isnan(out).all()


def test_a_block_turns_forth_and_back_also_on_one_side():
    forth, back = (compiled(name, "float64") for name in ("to_basis", "from_basis"))
    block = RNG.standard_normal((3, 2))
    left, right = (np.ascontiguousarray(linalg.qr(RNG.standard_normal((n, n)))[0]) for n in (3, 2))
    none = np.eye(0)
    for one, other in ((left, right), (left, none), (none, right), (none, none)):
        turned = forth(block, one, other)
        expected = (one.T if len(one) else np.eye(3)) @ block @ (other if len(other) else np.eye(2))
        np.testing.assert_allclose(turned, expected, atol=1e-14)
        np.testing.assert_allclose(back(turned, one, other), block, atol=1e-14)
