"""PyTorch modules as stacks of dense layers, where they are such; weights read from modules and written to them.

PyTorch is not imported here before weights are written: a caller with a module has it.
"""

import itertools
from typing import Any

import numpy as np

from optbench.contract.errors import OptbenchError, shown
from optbench.kit.layers import ACTIVATIONS, BARE, NORM
from optbench.kit.networks import Row

_ACTIVATIONS = {"ReLU": "relu", "Tanh": "tanh", "Sigmoid": "sigmoid"}


def dense_layers(module: Any, loss: str) -> tuple[list[Row], str]:
    """Return (rows, ""), a Row for each layer of a module; or ([], the reason why compiled kernels cannot run it).

    ``loss``: "cross_entropy" or "mse". Raises OptbenchError if the last layer contradicts it.
    """
    parts = list(_leaf_modules(module))
    last = _class_name(parts[-1]) if parts else ""
    if loss == "cross_entropy" and last == "Softmax":
        raise OptbenchError("the module ends with Softmax, and cross-entropy takes scores: leave it out, or give loss=")
    if loss == "cross_entropy" and last == "LogSoftmax" and parts[-1].dim in (None, 1, -1):
        parts = parts[:-1]  # the softmax of its outputs is that of its inputs
    layers: list[Row] = []
    for part in parts:
        kind, reason = _class_name(part), _reason_against(part)
        if reason:
            return [], reason
        if kind == "Linear":
            layers.append((int(part.bias is None), part.in_features, part.out_features, "linear"))
        elif kind in _ACTIVATIONS:
            if not layers or layers[-1][3] != "linear":
                return [], f"{kind} stands behind no Linear"
            layers[-1] = (*layers[-1][:3], _ACTIVATIONS[kind])
        elif not _is_identity(part):
            return [], f"no kernel has {kind}"
    for before, after in itertools.pairwise(layers):
        if before[2] != after[1]:
            raise OptbenchError(
                f"a layer of {before[2]} outputs stands before one of {after[1]} inputs: make them equal"
            )
    if not layers:
        return [], "it has no Linear"
    linear = linears(module)
    if len({id(weights) for each in linear for weights in each.parameters()}) < sum(2 - kind for kind, *_ in layers):
        return [], "layers share their weights"
    if not all(weights.requires_grad for each in linear for weights in each.parameters()):
        return [], "some of its weights are frozen"
    return layers, ""


def linears(module: Any) -> list[Any]:
    """Return the Linear layers of a module, in the order in which they are applied."""
    return [part for part in _leaf_modules(module) if _class_name(part) == "Linear"]


def dense_weights(module: Any) -> np.ndarray:
    """Return the weights of all layers in a problem's order, (dim,) float64: (in, out), then the bias."""
    blocks = []
    for layer in linears(module):
        blocks.append(layer.weight.detach().double().numpy().T)
        blocks += [] if layer.bias is None else [layer.bias.detach().double().numpy()]
    return flatten(blocks)


def plain_weights(module: Any) -> np.ndarray:
    """Return the trainable parameters in the module's order and layout, (dim,) float64."""
    return flatten([weights.detach().double().numpy() for weights in module.parameters() if weights.requires_grad])


def flatten(blocks: list[np.ndarray]) -> np.ndarray:
    """Return all blocks, one after the other, as one vector, (dim,) float64."""
    return np.concatenate([np.asarray(block, np.float64).reshape(-1) for block in blocks])


def _leaf_modules(module: Any) -> Any:
    """Yield the modules inside nested Sequentials, in order; of another module, only itself."""
    if _is_torch(module) and type(module).__name__ == "Sequential" and not _has_hooks(module):
        for part in module:
            yield from _leaf_modules(part)
    else:
        yield module


def _class_name(part: Any) -> str:
    """Return the name of a module's class, "Linear"."""
    return type(part).__name__


def _is_torch(part: Any) -> bool:
    """Return True if a module's class is PyTorch's own, not a subclass or a user's."""
    return type(part).__module__.startswith("torch.nn.modules.")


def _has_hooks(part: Any) -> bool:
    """Return True if something was registered to run before or after the module."""
    return bool(part._forward_hooks or part._forward_pre_hooks or part._backward_hooks)


def _reason_against(part: Any) -> str:
    """Return the reason why a module may not compute what its class name says; "" if there is none."""
    if not _is_torch(part):
        return f"no kernel has {_class_name(part)}"
    return f"{_class_name(part)} has a hook" if _has_hooks(part) else ""


def _is_identity(part: Any) -> bool:
    """Return True if a module passes rows of numbers on unchanged: Identity, Flatten of rows, Dropout in evaluation."""
    if _class_name(part) == "Flatten":
        return (part.start_dim, part.end_dim) == (1, -1)
    if _class_name(part) in ("Dropout", "AlphaDropout"):
        return part.p == 0 or not part.training
    return _class_name(part) == "Identity"


def write_dense(module: Any, blocks: list[np.ndarray], layout: tuple[int, ...]) -> None:
    """Write weights into the Linear layers of a module. Raises OptbenchError if they do not fit.

    blocks: the arrays of a problem's parameters; layout: that of the problem, as `stack` makes it.
    """
    layers, _ = dense_layers(module, "mse")
    theirs = [activation for *_, activation in layers]
    ours = [ACTIVATIONS[kind % BARE] for kind in layout[: len(layout) // 2]]
    if max(layout[: len(layout) // 2]) >= NORM * BARE:
        raise OptbenchError("to_torch: the problem's network has a normalization or a residual connection")
    if len(theirs) == len(ours) and theirs != ours:
        raise OptbenchError(
            f"to_torch: the module's activations are {', '.join(theirs)}, the problem's {', '.join(ours)}"
        )
    targets = []
    for layer in linears(module):
        targets.append((layer.weight, True))
        targets += [] if layer.bias is None else [(layer.bias, False)]
    _write(targets, blocks)


def write_plain(module: Any, blocks: list[np.ndarray]) -> None:
    """Write weights into the trainable parameters of a module. Raises OptbenchError if they do not fit.

    blocks: an array for each, in their order and shape.
    """
    _write([(weights, False) for weights in module.parameters() if weights.requires_grad], blocks)


def _write(targets: list[tuple[Any, bool]], blocks: list[np.ndarray]) -> None:
    """Write each block into its parameter. Raises OptbenchError for other shapes.

    targets: (parameter, True if it gets the transposed block), one for each block.
    """
    import torch

    shapes = [tuple(weights.shape)[::-1] if turned else tuple(weights.shape) or (1,) for weights, turned in targets]
    if shapes != [block.shape for block in blocks]:
        ours = shown(tuple(block.shape for block in blocks))
        raise OptbenchError(f"to_torch: the module's weights are {shown(tuple(shapes))}, and the problem's {ours}")
    with torch.no_grad():
        for (weights, turned), block in zip(targets, blocks, strict=True):
            weights.copy_(torch.from_numpy(np.array(block.T if turned else block)).reshape(weights.shape))
