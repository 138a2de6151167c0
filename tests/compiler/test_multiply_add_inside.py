"""Products that are added to something are rounded once, in every kernel that takes no other liberty, and alike."""

import ast
from fractions import Fraction

import llvmlite.binding as llvm
import numba
import numpy as np
import pytest

from optbench.compiler import numba_inside
from optbench.compiler.multiply_add_inside import MultiplyAdds
from optbench.compiler.translator import STRICT, translator

_HAS_IT = numba_inside.host_features().get("fma") or llvm.get_process_triple().startswith(("aarch64", "arm64"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x = a * b + c", "x = _added(a, b, c)"),
        ("x = c - a * b", "x = _taken(a, b, c)"),
        ("x = a * b - c", "x = _reduced(a, b, c)"),
        ("x = a * b + c * d", "x = _added(c, d, a * b)"),
        ("x = a - b * c - d * e", "x = _taken(d, e, _taken(b, c, a))"),
        ("x[i * n + j] += a * b", "x[i * n + j] = _added(a, b, x[i * n + j])"),
        ("x -= a * b", "x = _taken(a, b, x)"),
        ("x *= a * b + a", "x *= _added(a, b, a)"),
        ("x = (a + b) * c", "x = (a + b) * c"),
    ],
)
def test_which_product_is_taken_into_which_sum(text, expected):
    assert ast.unparse(MultiplyAdds().visit(ast.parse(text))) == expected


def three(a, b, c, out):
    out[0] = a * b + c
    out[1] = a * b - c
    out[2] = c - a * b


@pytest.mark.skipif(not _HAS_IT, reason="this machine multiplies and adds")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_they_are_rounded_once(dtype):
    """The exact result, by fractions, and rounded as NumPy rounds the nearest."""
    inner = translator(dtype, strict=True).translate(three, "test")[0]
    outer = numba.njit(**STRICT)(lambda a, b, c, out: inner(a, b, c, out))
    real, rng = np.dtype(dtype).type, np.random.default_rng(0)
    twice = 0
    for _ in range(50):
        a, b = rng.standard_normal(2).astype(dtype)
        c = real(-a * b * real(1 + 3 * np.finfo(dtype).eps))  # what is left is what rounding a b leaves
        out = np.zeros(3, dtype)
        outer(a, b, c, out)
        x, y, z = Fraction(float(a)), Fraction(float(b)), Fraction(float(c))
        assert np.array_equal(out, np.array([float(x * y + z), float(x * y - z), float(z - x * y)], dtype))
        twice += out[0] != a * b + c
    assert twice > 10


def others(n, row, out):
    m = n * n - 2 * n + 7
    out[:] = row * 2.0 - row * row
    out[m - 7 - n * (n - 2)] += 1.5 * n


def test_whole_numbers_and_arrays_are_what_they_were():
    inner = translator("float64", strict=True).translate(others, "test")[0]
    row, expected, out = np.linspace(-1, 1, 5), np.zeros(5), np.zeros(5)
    others(3, row, expected)
    numba.njit(**STRICT)(lambda n, row, out: inner(n, row, out))(3, row, out)
    assert np.allclose(out, expected, rtol=1e-15, atol=1e-15) and expected[0] != row[0]
