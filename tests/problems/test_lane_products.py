"""Products with a column for each run: NumPy's, for one run as for several, and on odd sizes."""

import numba
import numpy as np
import pytest

from optbench.compiler.numba_compat import options
from optbench.compiler.translator import OPTIONS, translator
from optbench.kit import lane_products


def _called(function, dtype):
    """The function as kernels have it, which run copies of their own: what numba links under one name is whichever copy
    came first, and may be another's that counts no arrays."""
    inner = translator(dtype).translate(function, "a test")[0]
    return numba.njit(**OPTIONS | options().entrance)(lambda a, b, out: inner(a, b, out))


_PRODUCT, _TRANSPOSED = (
    {dtype: _called(function, dtype) for dtype in ("float64", "float32")}
    for function in (lane_products.product, lane_products.product_of_transposed)
)


def PRODUCT(a, b, out):
    _PRODUCT[a.dtype.name](a, b, out)


def TRANSPOSED(a, b, out):
    _TRANSPOSED[a.dtype.name](a, b, out)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("runs", [1, 2, 7])
@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (64, 101), (5, 3), (33, 8)])
def test_products(rows, columns, runs, dtype):
    rng = np.random.default_rng(rows + runs)
    a, w, s = (rng.standard_normal(shape).astype(dtype) for shape in ((rows, columns), (columns, runs), (rows, runs)))
    out, slopes = np.full((rows, runs), np.nan, dtype), np.full((columns, runs), np.nan, dtype)
    PRODUCT(a, w, out)
    TRANSPOSED(a, s, slopes)
    tolerance = {"float64": 1e-13, "float32": 1e-4}[dtype]
    exact = a.astype(float) @ w.astype(float), a.T.astype(float) @ s.astype(float)
    np.testing.assert_allclose(out, exact[0], rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(slopes, exact[1], rtol=tolerance, atol=tolerance)


def test_what_is_no_number_stays_so():
    a, w = np.ones((3, 4)), np.ones((4, 1))
    w[2] = np.nan
    out = np.zeros((3, 1))
    PRODUCT(a, w, out)
    assert np.isnan(out).all()
