"""Kinds without data: the loss in JAX as one would write it, the gradient in NumPy by hand."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.sides.kinds import Kind

_FACTOR = (20, 3)  # rows and rank of the matrix factorization


def rosenbrock(w: Any, x: Any, y: Any, constants: Any) -> Any:
    return ((1 - w[:-1]) ** 2 + 100 * (w[1:] - w[:-1] ** 2) ** 2).sum(0)


def rosenbrock_gradient(w: np.ndarray, x: Any, y: Any, constants: Any) -> np.ndarray:
    valley = w[:, 1:] - w[:, :-1] ** 2
    g = np.zeros_like(w)
    g[:, :-1] = -2 * (1 - w[:, :-1]) - 400 * w[:, :-1] * valley
    g[:, 1:] += 200 * valley
    return g


def styblinski_tang(w: Any, x: Any, y: Any, constants: Any) -> Any:
    return 0.5 * (w**4 - 16 * w**2 + 5 * w).sum(0)


def styblinski_tang_gradient(w: np.ndarray, x: Any, y: Any, constants: Any) -> np.ndarray:
    return 2 * w**3 - 16 * w + 2.5


def ackley(w: Any, x: Any, y: Any, constants: Any) -> Any:
    import jax.numpy as jnp

    cone = jnp.exp(-0.2 * jnp.sqrt((w**2).mean(0)))
    return 20 - 20 * cone + jnp.e - jnp.exp(jnp.cos(2 * jnp.pi * w).mean(0))


def ackley_gradient(w: np.ndarray, x: Any, y: Any, constants: Any) -> np.ndarray:
    root = np.sqrt((w**2).mean(1, keepdims=True))
    wave = np.exp(np.cos(2 * np.pi * w).mean(1, keepdims=True))
    return (4 * np.exp(-0.2 * root) / root * w + 2 * np.pi * wave * np.sin(2 * np.pi * w)) / w.shape[1]


def quadratic(w: Any, x: Any, y: Any, constants: Any) -> Any:
    dim = w.shape[0]
    hessian, minimizer = constants[: dim * dim].reshape(dim, dim), constants[dim * dim :]
    offset = w - minimizer.reshape(-1, *(1,) * (w.ndim - 1))
    return 0.5 * (offset * (hessian @ offset)).sum(0)


def quadratic_gradient(w: np.ndarray, x: Any, y: Any, constants: np.ndarray) -> np.ndarray:
    dim = w.shape[1]
    return (w - constants[dim * dim :]) @ constants[: dim * dim].reshape(dim, dim)


def matrix_factorization(w: Any, x: Any, y: Any, constants: Any) -> Any:
    import jax.numpy as jnp

    u = w.reshape(*_FACTOR, *w.shape[1:])
    target = constants.reshape(_FACTOR[0], _FACTOR[0], *(1,) * (w.ndim - 1))
    return 0.25 * ((jnp.einsum("ik...,jk...->ij...", u, u) - target) ** 2).sum((0, 1))


def matrix_factorization_gradient(w: np.ndarray, x: Any, y: Any, constants: np.ndarray) -> np.ndarray:
    u = w.reshape(len(w), *_FACTOR)
    return ((u @ u.transpose(0, 2, 1) - constants.reshape(_FACTOR[0], -1)) @ u).reshape(w.shape)


QUIET = {"noise": 0.0}
KINDS = (
    Kind("rosenbrock-100", "rosenbrock", {"dim": 100, **QUIET}, rosenbrock, rosenbrock_gradient,
         (20_000, 2_000), (1e-5, 1e-4), longer=5),
    Kind("styblinski-tang-20", "styblinski_tang", {"dim": 20, **QUIET}, styblinski_tang, styblinski_tang_gradient,
         (100_000, 10_000), (1e-6, 5e-5), longer=5),
    # Adam so slowly that it does not arrive: averages of gradients that are 0 in float32 decay to denormal numbers.
    Kind("ackley-20", "ackley", {"dim": 20, **QUIET}, ackley, ackley_gradient, (20_000, 1_000), (1e-4, 2e-5)),
    Kind("quadratic-100", "quadratic", {"dim": 100, **QUIET}, quadratic, quadratic_gradient,
         (4_000, 800), (1e-3, 1e-4)),
    Kind("matrix-factorization", "matrix_factorization", {"offset": 0.3, **QUIET}, matrix_factorization,
         matrix_factorization_gradient, (4_000, 800), (1e-4, 1e-4)),
)  # fmt: skip
