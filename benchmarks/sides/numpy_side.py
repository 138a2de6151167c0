"""The reference of ``peers.py`` in plain NumPy, always in float64; it is checked against, and never timed.

Also the sides that need neither PyTorch nor JAX: pandas and SciPy for the EWA, and the memory copy.
"""

from __future__ import annotations

import numpy as np

from benchmarks.sides.cases import Case, Side


def reference(case: Case, steps: int) -> np.ndarray:
    """What every side must arrive at after ``steps`` steps: (lanes, entries of ``case.sample``), float64."""
    if case.kind == "ewa":
        return _ewa(case)
    start = case.start[case.sample].astype(np.float64)
    w = np.tile(start, (case.lanes, 1))
    lr = case.lr.astype(np.float64)[:, None]
    m, v = np.zeros_like(w), np.zeros_like(w)
    for step in range(1, steps + 1):
        g = _gradient(case, w, step)
        if case.optimizer == "gd":
            w = w - lr * g
            continue
        beta1, beta2, eps, eps_root = (case.hyper[name] for name in ("beta1", "beta2", "eps", "eps_root"))
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g * g
        w = w - lr * (m / (1 - beta1**step)) / (np.sqrt(v / (1 - beta2**step) + eps_root) + eps)
    return w


def error(case: Case, weights: np.ndarray, expected: np.ndarray) -> float:
    """The largest error, relative to how far the farthest weight moved (for EWA: to the largest output)."""
    scale = np.abs(expected - (0 if case.kind == "ewa" else case.start[case.sample])).max()
    return float(np.abs(weights[:, case.sample] - expected).max() / scale)


def _gradient(case: Case, w: np.ndarray, step: int) -> np.ndarray:
    if case.kind == "update":
        return case.x[case.sample].astype(np.float64)[None]
    if case.own is not None:
        batch = [] if case.batches is None else case.batches[step - 1]
        x, y = (None if a is None else a[batch].astype(np.float64) for a in (case.x, case.y))
        return case.own.gradient(w, x, y, np.asarray(case.problem.constants, np.float64))
    if case.kind == "rosenbrock":
        valley = w[:, 1] - w[:, 0] ** 2
        return np.stack([-2 * (1 - w[:, 0]) - 400 * w[:, 0] * valley, 200 * valley], axis=1)
    batch = case.batches[step - 1]
    x, y = case.x[batch].astype(np.float64), case.y[batch]
    if case.kind == "logistic":
        return (1 / (1 + np.exp(-(w @ x.T))) - y) @ x / len(y)
    return np.stack([_mlp_gradient(case, lane, x, y) for lane in w])


def _mlp_gradient(case: Case, w: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    weights, biases, at = [], [], 0
    relu = case.activation == "relu"
    for inside, outside in zip(case.layers, case.layers[1:], strict=False):
        weights.append(w[at : at + inside * outside].reshape(inside, outside))
        biases.append(w[at + inside * outside : at + (inside + 1) * outside])
        at += (inside + 1) * outside
    activations = [x]
    for weight, bias in zip(weights[:-1], biases[:-1], strict=True):
        z = activations[-1] @ weight + bias
        activations.append(np.maximum(z, 0) if relu else np.tanh(z))
    z = activations[-1] @ weights[-1] + biases[-1]
    p = np.exp(z - z.max(axis=1, keepdims=True))
    delta = p / p.sum(axis=1, keepdims=True)
    delta[np.arange(len(y)), y] -= 1
    delta /= len(y)
    parts = []
    for weight, activation in zip(reversed(weights), reversed(activations), strict=True):
        parts = [(activation.T @ delta).ravel(), delta.sum(axis=0), *parts]
        delta = delta @ weight.T * ((activation > 0) if relu else 1 - activation**2)
    return np.concatenate(parts)


def _ewa(case: Case) -> np.ndarray:
    """The definition as a weighted sum, at the sampled places; 800 terms leave less than 1e-36 out at beta = 0.9."""
    beta = case.hyper["beta"]
    fading = (1 - beta) * beta ** np.arange(800)
    out = []
    for place in case.sample:
        window = case.x[max(0, place - 799) : place + 1][::-1].astype(np.float64)
        value = window @ fading[: len(window)]
        out.append(value / (1 - beta ** (int(place) + 1)) if case.optimizer == "corrected" else value)
    return np.array(out)[None]


def pandas_side(case: Case) -> Side:
    """pandas ``ewm``: ``adjust=True`` is the bias-corrected EWA. ``adjust=False`` starts at the first value instead of
    0, so that the plain EWA is the one of the series with a zero in front. pandas computes in float64 throughout."""
    import pandas as pd

    corrected = case.optimizer == "corrected"
    series = pd.Series(case.x if corrected else np.concatenate([np.zeros(1, case.dtype), case.x]))
    alpha = 1 - case.hyper["beta"]
    return Side(
        "pandas ewm",
        lambda: series.ewm(alpha=alpha, adjust=corrected).mean(),
        1,
        lambda result: result.to_numpy()[None, 0 if corrected else 1 :],
        f"adjust={corrected}",
    )


def lfilter_side(case: Case) -> Side:
    """SciPy's recursive filter; it has no bias correction, so it has the plain EWA only."""
    from scipy.signal import lfilter

    beta = case.hyper["beta"]
    numerator, denominator = np.array([1 - beta], case.dtype), np.array([1, -beta], case.dtype)
    return Side("SciPy lfilter", lambda: lfilter(numerator, denominator, case.x), 1, lambda result: result[None])


def copy_side(case: Case) -> Side:
    """A memory copy of as many bytes as Adam's update moves: 4 streams in (w, g, m, v) and 3 out (w, m, v).

    It works on as much memory as well (4 arrays), so that both fit into the same cache: two arrays into the other two
    are 4 streams, one and a half back are 3.
    """
    here, there = (np.ones(2 * case.start.size, case.dtype) for _ in range(2))
    part = 3 * case.start.size // 2

    def run() -> None:
        for _ in range(case.steps):
            np.copyto(there, here)
            np.copyto(here[:part], there[:part])

    return Side("memory copy", run, case.steps, None, "7 streams")
