"""Newton-Schulz steps towards the nearest orthogonal matrix, against its singular value decomposition."""

import numpy as np
import pytest

from optbench.kit.orthogonal import COEFFICIENTS, JORDAN, NEWTON_SCHULZ, POLAR_EXPRESS, orthogonalize

RNG = np.random.default_rng(1)
SHAPES = [(4, 4), (3, 7), (7, 3)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", [JORDAN, POLAR_EXPRESS, NEWTON_SCHULZ])
def test_the_polynomials_move_the_singular_values_and_nothing_else(shape, kind):
    u, _, vt = np.linalg.svd(RNG.standard_normal(shape), full_matrices=False)
    given = np.geomspace(3, 0.1, min(shape))
    made, values = (u * given) @ vt, given / (np.linalg.norm(given) + 0.5)
    orthogonalize(made, 0.5, 9, kind)
    for step in range(9):
        a, b, c = COEFFICIENTS[kind, min(step, 7)]
        values = a * values + b * values**3 + c * values**5
    np.testing.assert_allclose(made, (u * values) @ vt, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("shape", SHAPES)
def test_all_singular_values_come_near_one(shape):
    """Jordan's to 0.7 .. 1.2, as their author says; the others converge."""
    u, _, vt = np.linalg.svd(RNG.standard_normal(shape), full_matrices=False)
    matrix, reached = (u * np.geomspace(1, 0.05, min(shape))) @ vt, {}
    for kind, steps in ((JORDAN, 5), (POLAR_EXPRESS, 10), (NEWTON_SCHULZ, 15)):
        made = matrix.copy()
        orthogonalize(made, 0.0, steps, kind)
        reached[kind] = np.linalg.svd(made, compute_uv=False)
    assert reached[JORDAN].min() > 0.68 and reached[JORDAN].max() < 1.21
    for kind in (POLAR_EXPRESS, NEWTON_SCHULZ):
        np.testing.assert_allclose(reached[kind], 1, atol=1e-9)


def test_polar_express_is_quicker_with_small_singular_values():
    """Amsel et al. 2025."""
    values, left = np.geomspace(1e-3, 1, 50), {}
    for kind in (JORDAN, POLAR_EXPRESS, NEWTON_SCHULZ):
        matrix = np.diag(values / np.linalg.norm(values))
        orthogonalize(matrix, 0.0, 6, kind)
        left[kind] = np.abs(np.diag(matrix) - 1).max()
    assert left[POLAR_EXPRESS] < left[JORDAN] < left[NEWTON_SCHULZ]
