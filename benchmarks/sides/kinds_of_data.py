"""Kinds that are linear in their weights: the mean over a mini-batch in JAX, the gradient in NumPy by hand."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.sides.kinds import Kind

_CLASSES = 10


def _beside(y: Any, z: Any) -> Any:
    """The targets (B,) beside scores (B,) or (B, lanes)."""
    return y.reshape(-1, *(1,) * (z.ndim - 1))


def softmax(w: Any, x: Any, y: Any, constants: Any) -> Any:
    import jax

    z = (x @ w.reshape(x.shape[1], -1)).reshape(len(x), _CLASSES, *w.shape[1:])
    mine = (z * jax.nn.one_hot(y, _CLASSES, dtype=z.dtype).reshape(len(x), _CLASSES, *(1,) * (w.ndim - 1))).sum(1)
    return (jax.nn.logsumexp(z, axis=1) - mine).mean(0) + 0.5 * constants[0] * (w * w).sum(0)


def softmax_gradient(w: np.ndarray, x: np.ndarray, y: np.ndarray, constants: np.ndarray) -> np.ndarray:
    z = np.einsum("bi,lic->lbc", x, w.reshape(len(w), x.shape[1], _CLASSES))
    p = np.exp(z - z.max(axis=2, keepdims=True))
    p /= p.sum(axis=2, keepdims=True)
    p[:, np.arange(len(y)), y.astype(int)] -= 1
    return np.einsum("bi,lbc->lic", x, p).reshape(w.shape) / len(x) + constants[0] * w


def poisson(w: Any, x: Any, y: Any, constants: Any) -> Any:
    import jax.numpy as jnp

    z = x @ w
    return (jnp.exp(z) - _beside(y, z) * z).mean(0) + 0.5 * constants[0] * (w * w).sum(0)


def poisson_gradient(w: np.ndarray, x: np.ndarray, y: np.ndarray, constants: np.ndarray) -> np.ndarray:
    return (np.exp(w @ x.T) - y) @ x / len(x) + constants[0] * w


def phase_retrieval(w: Any, x: Any, y: Any, constants: Any) -> Any:
    z = x @ w
    return 0.25 * ((z * z - _beside(y, z)) ** 2).mean(0)


def phase_retrieval_gradient(w: np.ndarray, x: np.ndarray, y: np.ndarray, constants: np.ndarray) -> np.ndarray:
    z = w @ x.T
    return ((z * z - y) * z) @ x / len(x)


_SOFTMAX = {"data": f"gaussian(examples=2560, features=64, classes={_CLASSES})"}
KINDS = (
    Kind("softmax", "softmax", _SOFTMAX, softmax, softmax_gradient, (800, 100), (1e-3, 1e-4)),
    Kind("poisson", "poisson", {}, poisson, poisson_gradient, (8_000, 2_000), (1e-4, 1e-4)),
    Kind("phase-retrieval", "phase_retrieval", {}, phase_retrieval, phase_retrieval_gradient,
         (8_000, 2_000), (1e-4, 1e-5)),
)  # fmt: skip
