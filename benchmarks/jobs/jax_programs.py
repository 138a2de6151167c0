"""The JAX program of a job: what one run computes, scanned over its steps and mapped over runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

Tree = Any


def _map(function: Callable, *trees: Tree) -> Tree:
    return jax.tree.map(function, *trees)


def _gd(w: Tree, g: Tree, state: Tree, lr: Any, t: Any) -> tuple[Tree, Tree]:
    return _map(lambda w, g: w - lr * g, w, g), state


def _momentum(w: Tree, g: Tree, m: Tree, lr: Any, t: Any) -> tuple[Tree, Tree]:
    m = _map(lambda m, g: 0.9 * m + 0.1 * g, m, g)
    return _map(lambda w, m: w - lr * m, w, m), m


def _nesterov(w: Tree, g: Tree, m: Tree, lr: Any, t: Any) -> tuple[Tree, Tree]:
    m = _map(lambda m, g: 0.9 * m + 0.1 * g, m, g)
    return _map(lambda w, m, g: w - lr * (0.9 * m + 0.1 * g), w, m, g), m


def _rmsprop(w: Tree, g: Tree, s: Tree, lr: Any, t: Any) -> tuple[Tree, Tree]:
    s = _map(lambda s, g: 0.9 * s + 0.1 * g * g, s, g)
    return _map(lambda w, s, g: w - lr * g / jnp.sqrt(s + 1e-8), w, s, g), s


def _adam(w: Tree, g: Tree, state: tuple[Tree, Tree], lr: Any, t: Any) -> tuple[Tree, Tree]:
    m = _map(lambda m, g: 0.9 * m + 0.1 * g, state[0], g)
    v = _map(lambda v, g: 0.999 * v + 0.001 * g * g, state[1], g)
    first, second = 1 / (1 - 0.9**t), 1 / (1 - 0.999**t)
    return _map(lambda w, m, v: w - lr * (m * first) / jnp.sqrt(v * second + 1e-8), w, m, v), (m, v)


# The rule, and how many averages as large as the weights it keeps.
RULES: dict[str, tuple[Callable, int]] = {
    "gd": (_gd, 0), "momentum": (_momentum, 1), "nesterov": (_nesterov, 1), "rmsprop": (_rmsprop, 1),
    "adam": (_adam, 2),
}  # fmt: skip


class Mlp:
    """The perceptron 64-32-10 with ReLU, and the mean cross-entropy of its softmax."""

    values = 6

    def __init__(self, arrays: Any):
        names = ("", "_validation", "_test")
        self.parts = [tuple(jnp.asarray(arrays[f"{letter}{name}"]) for letter in "xy") for name in names]
        self.train = self.parts[0]

    def pack(self, starts: Any) -> Tree:
        """The weights of many runs (runs, dim) as layers."""
        ends, layers, at = [(64, 32), (32,), (32, 10), (10,)], [], 0
        for shape in ends:
            size = shape[0] * shape[-1] if len(shape) == 2 else shape[0]
            layers.append(starts[:, at : at + size].reshape(-1, *shape))
            at += size
        return layers

    def outputs(self, w: Tree, x: Any) -> Any:
        """Of the last layer."""
        return jnp.maximum(x @ w[0] + w[1], 0) @ w[2] + w[3]

    def gradient(self, w: Tree, sample: Any) -> Tree:
        """On the examples of these numbers, -1 for none; on all of them without any."""

        def loss(w: Tree) -> Any:
            if sample is None:
                x, y = self.train
                return _cross_entropy(self.outputs(w, x), y).mean()
            there = (sample >= 0).astype(self.train[0].dtype)
            rows = jnp.maximum(sample, 0)
            return (
                _cross_entropy(self.outputs(w, self.train[0][rows]), self.train[1][rows]) * there
            ).sum() / there.sum()

        return jax.grad(loss)(w)

    def report(self, w: Tree) -> Any:
        """Loss and accuracy on the training, the validation and the test data."""
        numbers = []
        for x, y in self.parts:
            z = self.outputs(w, x)
            numbers += [_cross_entropy(z, y).mean(), (jnp.argmax(z, -1) == y).mean()]
        return jnp.stack(numbers)


def _cross_entropy(z: Any, y: Any) -> Any:
    return jax.nn.logsumexp(z, axis=-1) - jnp.take_along_axis(z, y[:, None], -1)[:, 0]


class Quadratic:
    """A bowl; the mini-batch's share of the noise is a factor on its gradient and something added to it."""

    values = 1

    def __init__(self, arrays: Any):
        self.hessian, self.minimizer = jnp.asarray(arrays["hessian"]), jnp.asarray(arrays["minimizer"])

    def pack(self, starts: Any) -> Tree:
        """The weights as they are."""
        return starts

    def gradient(self, w: Tree, sample: Any) -> Tree:
        """With the step's noise (dim + 1,), the factor last; None without."""
        g = self.hessian @ (w - self.minimizer)
        return g if sample is None else sample[-1] * g + sample[:-1]

    def report(self, w: Tree) -> Any:
        """The value."""
        offset = w - self.minimizer
        return (0.5 * offset @ self.hessian @ offset)[None]


def program(work: Mlp | Quadratic, optimizer: str, evaluations: int) -> Callable:
    """``train(starts, samples, rates)``: the reports (rows, runs, evaluations, values) of rows of runs of one seed.

    starts: (rows, ...); samples: (rows, steps, ...), or None; rates: (rows, runs, steps). The runs of a row share start
    point and mini-batches.
    """
    rule, averages = RULES[optimizer]

    def one(start: Tree, samples: Any, rates: Any) -> Any:
        steps = rates.shape[0]

        def step(carry: Any, given: Any) -> tuple[Any, None]:
            w, state, t = carry
            sample, lr = given
            w, state = rule(w, work.gradient(w, sample), state, lr, t)
            return (w, state, t + 1), None

        def segment(carry: Any, given: Any) -> tuple[Any, Any]:
            carry, _ = jax.lax.scan(step, carry, given)
            return carry, work.report(carry[0])

        nothing = [_map(jnp.zeros_like, start) for _ in range(averages)]
        state = nothing[0] if averages == 1 else tuple(nothing)
        parts = _map(lambda a: a.reshape(evaluations, steps // evaluations, *a.shape[1:]), (samples, rates))
        return jax.lax.scan(segment, (start, state, jnp.ones(())), parts)[1]

    return jax.jit(jax.vmap(jax.vmap(one, (None, None, 0)), (0, 0, 0)))
