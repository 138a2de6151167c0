"""What an expert would try after the plain JAX program: the tuned variants of ``jax_side.py``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks.sides.cases import BATCH_SIZE, Case
from benchmarks.sides.jax_variants import Variant, split_layers, split_shapes


def variants(case: Case) -> list[Variant]:
    """The variants that won somewhere; gathering all mini-batches ahead of the scan never did."""
    if case.kind == "rosenbrock":
        return [_rosenbrock_pair()]
    if case.kind == "logistic":
        return _logistic_by_hand()
    if case.own is not None:
        if case.own.shapes:
            return [_other_loss(case)] if case.own.tuned else []
        return [_lanes_last(case)] if case.lanes > 1 else []
    if case.activation != "relu":
        return []
    return [_mlp_by_hand(case)] + ([_mlp_wide(case)] if case.lanes > 1 and len(case.layers) == 3 else [])


def loss_of(case: Case) -> Callable[..., Any]:
    """(weights, x, y) -> the loss of one run of the catalogue's kind, or those of lanes that stand last."""
    import jax.numpy as jnp

    return lambda w, x=None, y=None: case.own.loss(w, x, y, jnp.asarray(case.problem.constants, case.dtype))


def watching(case: Case) -> list[Variant]:
    """Those of the catalogue's kinds that compute the loss as well, the plain one among them."""
    import jax

    if case.own is None:
        return []

    loss = loss_of(case)

    def total(w: Any, x: Any = None, y: Any = None) -> Any:
        losses = loss(w, x, y)
        return losses.sum(), losses

    def all_lanes(w: Any, *examples: Any) -> Any:
        (_, losses), g = jax.value_and_grad(total, has_aux=True)(w, *examples)
        return losses, g

    split = split_shapes(case.own.shapes) if case.own.shapes else (np.asarray, np.asarray)
    name = "value_and_grad" if case.lanes == 1 else "vmap of value_and_grad"
    variants = [Variant(name, *split, jax.value_and_grad(loss), watched=True)]
    if case.lanes > 1 and not case.own.shapes:
        variants.append(replace(_lanes_last(case), gradient=all_lanes, watched=True))
    return variants


def _rosenbrock_pair() -> Variant:
    """The coordinates as two arrays (lanes,), so that no slice stands between XLA and one fused loop."""
    import jax

    gradient = jax.grad(lambda w: (1 - w[0]) ** 2 + 100 * (w[1] - w[0] ** 2) ** 2)
    return Variant(
        "pair of coordinates",
        lambda weights: (weights[:, 0].copy(), weights[:, 1].copy()),
        lambda pair: np.stack(pair, axis=1),
        gradient,
    )


def _other_loss(case: Case) -> Variant:
    """A network's loss as the kind writes it for this."""
    import jax

    gradient = jax.grad(lambda parameters, x, y: case.own.tuned(parameters, x, y, None))
    return Variant("patches as products", *split_shapes(case.own.shapes), gradient)


def _lanes_last(case: Case) -> Variant:
    """The weights as (dim, lanes), so that the lanes are neighbors and products serve all of them: no vmap."""
    import jax

    loss = loss_of(case)

    def total(w: Any, x: Any = None, y: Any = None) -> Any:
        return loss(w, x, y).sum()

    def pack(weights: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(weights.T)

    return Variant("lanes last", pack, np.transpose, jax.grad(total), mapped=False, rates=lambda lr: lr)


def _logistic_by_hand() -> list[Variant]:
    """The gradient by hand, as products of rows: vmap turns them into (lanes, dim) @ (dim, B) and its reverse."""
    import jax
    import jax.numpy as jnp

    def with_exp(w: Any, x: Any, y: Any) -> Any:
        return ((jax.nn.sigmoid(w @ x.T) - y) / BATCH_SIZE) @ x

    def with_tanh(w: Any, x: Any, y: Any) -> Any:
        return ((0.5 * jnp.tanh(0.5 * (w @ x.T)) + 0.5 - y) / BATCH_SIZE) @ x

    return [
        Variant("by hand, exp", np.asarray, np.asarray, with_exp),
        Variant("by hand, tanh", np.asarray, np.asarray, with_tanh),
    ]


def _output_error(z: Any, y: Any, classes: int) -> Any:
    """d loss / d z of the mean cross-entropy; the classes on the last axis."""
    import jax
    import jax.numpy as jnp

    p = jnp.exp(z - jnp.max(z, axis=-1, keepdims=True))
    return (p / jnp.sum(p, axis=-1, keepdims=True) - jax.nn.one_hot(y, classes, dtype=z.dtype)) / BATCH_SIZE


def _mlp_by_hand(case: Case) -> Variant:
    """Backpropagation by hand."""
    import jax.numpy as jnp

    def gradient(parameters: Any, x: Any, y: Any) -> Any:
        activations = [x]
        for w, b in parameters[:-1]:
            activations.append(jnp.maximum(activations[-1] @ w + b, 0))
        w, b = parameters[-1]
        delta = _output_error(activations[-1] @ w + b, y, case.layers[-1])
        gradients = []
        for (w, _), activation in zip(reversed(parameters), reversed(activations), strict=True):
            gradients.insert(0, (activation.T @ delta, delta.sum(0)))
            if len(gradients) < len(parameters):
                delta = jnp.where(activation > 0, delta @ w.T, 0)
        return gradients

    return Variant("by hand", *split_layers(case.layers), gradient)


def _mlp_wide(case: Case) -> Variant:
    """All lanes read the same mini-batch: the first layers side by side, (in, lanes * hidden), are ONE product."""
    import jax.numpy as jnp

    inside, hidden, classes = case.layers
    lanes = case.lanes
    split, join = split_layers(case.layers)

    def pack(weights: np.ndarray) -> Any:
        (w1, b1), (w2, b2) = split(weights)
        return [(w1.transpose(1, 0, 2).reshape(inside, -1), b1.ravel()), (w2, b2)]

    def unpack(parameters: Any) -> np.ndarray:
        (w1, b1), layer2 = parameters
        return join([(w1.reshape(inside, lanes, hidden).transpose(1, 0, 2), b1.reshape(lanes, hidden)), layer2])

    def rates(lr: np.ndarray) -> Any:
        return [(np.repeat(lr, hidden), np.repeat(lr, hidden)), (lr[:, None, None], lr[:, None])]

    def gradient(parameters: Any, x: Any, y: Any) -> Any:
        (w1, b1), (w2, b2) = parameters
        h = jnp.maximum(x @ w1 + b1, 0).reshape(BATCH_SIZE, lanes, hidden)
        delta = _output_error(jnp.einsum("blh,lhk->lbk", h, w2) + b2[:, None], y, classes)
        back = jnp.where(h > 0, jnp.einsum("lbk,lhk->blh", delta, w2), 0).reshape(BATCH_SIZE, -1)
        return [(x.T @ back, back.sum(0)), (jnp.einsum("blh,lbk->lhk", h, delta), delta.sum(1))]

    return Variant("first layers as one product", pack, unpack, gradient, mapped=False, rates=rates)
