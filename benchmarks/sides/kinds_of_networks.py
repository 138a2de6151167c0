"""Kinds that are networks, beside the perceptrons of cases.py: the loss in JAX, the gradient by PyTorch's autograd."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from math import prod
from typing import Any

import numpy as np

from benchmarks.sides.kinds import Kind

_SIZES = (64, 32, 16, 8, 16, 32, 64)
_CHANNELS, _SIDE, _CLASSES = (1, 8, 16), 8, 10
_SMALL = _SIDE // 4  # two convolutions with stride 2


def autoencoder(parameters: Any, x: Any, y: Any, constants: Any) -> Any:
    import jax

    made = x
    for w, b in zip(parameters[::2], parameters[1::2], strict=True):
        made = jax.nn.sigmoid(made @ w + b)
    return ((made - x) ** 2).mean()


def autoencoder_in_torch(parameters: list[Any], x: Any, y: Any) -> Any:
    import torch

    made = x
    for w, b in zip(parameters[::2], parameters[1::2], strict=True):
        made = torch.sigmoid(made @ w + b)
    return torch.nn.functional.mse_loss(made, x)


def convolution(parameters: Any, x: Any, y: Any, constants: Any) -> Any:
    import jax

    def laid(image: Any, w: Any, wide: int) -> Any:
        order = ("NHWC", "HWIO", "NHWC")
        filters = w.reshape(3, 3, wide, -1)
        return jax.lax.conv_general_dilated(image, filters, (2, 2), ((1, 1), (1, 1)), dimension_numbers=order)

    return _images(parameters, x, y, laid)


def convolution_by_products(parameters: Any, x: Any, y: Any, constants: Any) -> Any:
    """The patches side by side, so that the filters of each lane are one product; vmap has no quick convolution."""
    import jax.numpy as jnp

    def laid(image: Any, w: Any, wide: int) -> Any:
        end = image.shape[1]
        padded = jnp.pad(image, ((0, 0), (1, 1), (1, 1), (0, 0)))
        parts = [padded[:, dy : dy + end : 2, dx : dx + end : 2] for dy in range(3) for dx in range(3)]
        return jnp.concatenate(parts, axis=3) @ w

    return _images(parameters, x, y, laid)


def _images(parameters: Any, x: Any, y: Any, laid: Callable[..., Any]) -> Any:
    import jax
    import jax.numpy as jnp

    image = x.reshape(-1, _SIDE, _SIDE, 1)
    for k, wide in enumerate(_CHANNELS[:-1]):
        image = jnp.tanh(laid(image, parameters[2 * k], wide) + parameters[2 * k + 1])
    z = image.reshape(len(x), -1) @ parameters[-2] + parameters[-1]
    return jnp.mean(jax.nn.logsumexp(z, axis=1) - jnp.sum(z * jax.nn.one_hot(y, _CLASSES, dtype=z.dtype), 1))


def convolution_in_torch(parameters: list[Any], x: Any, y: Any) -> Any:
    import torch

    image = x.reshape(-1, 1, _SIDE, _SIDE)
    for k, wide in enumerate(_CHANNELS[:-1]):
        w = parameters[2 * k].reshape(3, 3, wide, -1).permute(3, 2, 0, 1)
        image = torch.tanh(torch.nn.functional.conv2d(image, w, parameters[2 * k + 1], stride=2, padding=1))
    flat = image.permute(0, 2, 3, 1).reshape(len(x), -1)
    return torch.nn.functional.cross_entropy(flat @ parameters[-2] + parameters[-1], y.long())


def _by_torch(loss: Callable[..., Any], shapes: tuple[tuple[int, ...], ...]) -> Callable[..., np.ndarray]:
    def gradient(w: np.ndarray, x: np.ndarray, y: np.ndarray, constants: np.ndarray) -> np.ndarray:
        import torch

        out = []
        for lane in w:
            parts = np.split(lane, np.cumsum([prod(shape) for shape in shapes])[:-1])
            parameters = [torch.tensor(p.reshape(s), requires_grad=True) for p, s in zip(parts, shapes, strict=True)]
            loss(parameters, torch.tensor(x), torch.tensor(y)).backward()
            out.append(np.concatenate([p.grad.numpy().ravel() for p in parameters]))
        return np.stack(out)

    return gradient


_DENSE = tuple(shape for sizes in pairwise(_SIZES) for shape in (sizes, sizes[1:]))
_FILTERS = tuple(shape for wide, tall in pairwise(_CHANNELS) for shape in ((9 * wide, tall), (tall,)))
_IMAGES = (*_FILTERS, (_SMALL**2 * _CHANNELS[-1], _CLASSES), (_CLASSES,))
KINDS = (
    Kind("autoencoder", "autoencoder", {}, autoencoder, _by_torch(autoencoder_in_torch, _DENSE),
         (0, 10), (0.5, 1e-3), _DENSE),
    Kind("convolution", "convolution", {}, convolution, _by_torch(convolution_in_torch, _IMAGES),
         (0, 10), (0.02, 1e-3), _IMAGES, convolution_by_products),
)  # fmt: skip
