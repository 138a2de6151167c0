"""A PyTorch module and a loss as plain functions of the weights, by autograd: for modules that no kernel covers."""

import copy
import threading
from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from optbench.contract.errors import OptbenchError, in_one_line
from optbench.kit.torch_layers import plain_weights

LOSSES = ("cross_entropy", "mse")
_TRIED = 8
"""Rows of the first call, which checks module and loss."""


class Autograd:
    """Value and gradient of ``loss(module(x), y)`` at weights in float64 or float32.

    Each row of x holds the features of an example, of the shape ``shape``, followed by its targets of the shape
    ``targets`` where there are several; ``whole``: True for features, and for targets, that are whole numbers.
    """

    def __init__(
        self, module: Any, loss: str | Callable, shape: tuple[int, ...], targets: tuple[int, ...], whole: tuple
    ):
        """Copy the module, so that the user's stays as it is.

        loss: "cross_entropy", "mse" or a function of output and target; shape, targets: of an example's input and
        target; whole: whether input and target are whole numbers. Raises OptbenchError for a module that cannot be
        copied.
        """
        import torch

        self.torch, self.loss = torch, loss
        try:
            self.module = copy.deepcopy(module)
        except Exception as error:
            raise OptbenchError(f"the module cannot be copied: {in_one_line(error)}") from error
        self.shape, self.targets, self.whole = shape, targets, whole
        self._networks: dict[str, tuple[Any, Any, Any]] = {}
        self._one_at_a_time = threading.RLock()

    def value_and_gradient(self, w: np.ndarray, g: np.ndarray, x: np.ndarray, y: np.ndarray) -> float:
        """Return the loss at ``w``, (dim,), and write its gradient into ``g``.

        x: (rows, features); y: (rows,), as a problem's kernel gets them.
        """
        torch = self.torch
        with self._one_at_a_time, torch.enable_grad():
            network, weights, slopes = self._network(str(w.dtype))
            weights.copy_(torch.from_numpy(w))
            slopes.zero_()
            loss = self._loss(*self._call(network, x, y))
            loss.backward()
            g[:] = slopes.numpy()
            return float(loss.detach())

    def evaluate(self, w: np.ndarray, out: np.ndarray, x: np.ndarray, y: np.ndarray) -> None:
        """Write the loss at ``w`` into ``out``, and the accuracy if it has room for it."""
        torch = self.torch
        with self._one_at_a_time, torch.no_grad():
            network, weights, _ = self._network(str(w.dtype))
            weights.copy_(torch.from_numpy(w))
            made, target = self._call(network, x, y)
            out[0] = float(self._loss(made, target))
            if len(out) > 1:
                out[1] = float((made.argmax(1) == target).double().mean())

    def predict(self, w: np.ndarray, x: np.ndarray) -> np.ndarray:
        """Return the module's outputs at ``w``, (rows,), or for "cross_entropy" their softmax, (rows, classes)."""
        torch = self.torch
        with self._one_at_a_time, torch.no_grad():
            network, weights, _ = self._network("float64")
            weights.copy_(torch.from_numpy(w))
            made, _ = self._call(network, x, np.zeros(len(x)))
            return (made.softmax(1) if self.loss == "cross_entropy" else made).numpy()

    def _network(self, dtype: str) -> tuple[Any, Any, Any]:
        """Return a copy of the module in that dtype, its parameters as one vector, and their gradients as another.

        The parameters of the copy are views of the first vector, their gradients of the second.
        """
        if dtype not in self._networks:
            torch = self.torch
            network = copy.deepcopy(self.module).to(getattr(torch, dtype))
            learning = [weights for weights in network.parameters() if weights.requires_grad]
            count = sum(weights.numel() for weights in learning)
            weights, slopes = (torch.zeros(count, dtype=getattr(torch, dtype)) for _ in range(2))
            at = 0
            for each in learning:
                part, shape = slice(at, at + each.numel()), each.shape
                each.data, each.grad = weights[part].view(shape), slopes[part].view(shape)
                at += each.numel()
            self._networks[dtype] = network, weights, slopes
        return self._networks[dtype]

    def _call(self, network: Any, x: np.ndarray, y: np.ndarray) -> tuple[Any, Any]:
        """Return the module's output, and the targets in the shape and type that the loss takes."""
        torch = self.torch
        features = prod(self.shape)
        given = torch.from_numpy(x)
        inputs = given[:, :features].reshape(len(x), *self.shape)
        target = given[:, features:].reshape(len(x), *self.targets) if self.targets else torch.from_numpy(y)
        inputs, target = (
            part.long() if whole else part for part, whole in zip((inputs, target), self.whole, strict=True)
        )
        made = network(inputs)
        if not torch.is_tensor(made):
            raise OptbenchError(
                f"the module must return one tensor, not a {type(made).__name__}: wrap it in one that does"
            )
        if made.ndim == 2 and made.shape[1] == 1 and target.ndim == 1:
            made = made[:, 0]  # or the loss would compare every output with every target
        return made, target

    def _loss(self, made: Any, target: Any) -> Any:
        """Return the loss of the module's output ``made``, a tensor of one number; target: as `_call` returns it."""
        functional = self.torch.nn.functional
        if self.loss == "cross_entropy":
            return functional.cross_entropy(made, target)
        return self.loss(made, target) if callable(self.loss) else functional.mse_loss(made, target)

    def check(self, x: np.ndarray, y: np.ndarray) -> tuple[int, ...]:
        """Call module and loss once, in float64; return the shape of an example's output.

        Raises OptbenchError if module or loss fail, draw random numbers, or keep state from call to call.
        """
        torch = self.torch
        x, y = x[:_TRIED], y[:_TRIED]
        network = copy.deepcopy(self.module).double()
        before = {name: each.clone() for name, each in network.named_buffers()}
        made, target = self._first_call(network, x, y)
        with torch.no_grad():
            again, _ = self._call(network, x, y)
        changed = [name for name, each in network.named_buffers() if not _equal_tensors(torch, before.get(name), each)]
        if changed:
            owner = network.get_submodule(changed[0].rpartition(".")[0])
            raise OptbenchError(
                f"the module changes its buffer {changed[0]!r} at each call ({type(owner).__name__} in training mode), "
                "and runs would hear of each other: call .eval() on it, which freezes it, or use a norm without state"
            )
        if not _equal_tensors(torch, made, again):
            drop = next((type(part).__name__ for part in network.modules() if "Dropout" in type(part).__name__), "")
            raise OptbenchError(
                f"the module draws random numbers{f' ({drop})' * bool(drop)}, and no two runs would see the same: "
                "set p=0, or call .eval() on it"
            )
        if made.ndim == 0 or len(made) != len(x):
            raise OptbenchError(f"the module gives {tuple(made.shape)} for {len(x)} rows, and not a row each")
        self._check_shapes(made, target)
        w = plain_weights(self.module)
        g = np.empty_like(w)
        try:
            self.value_and_gradient(w, g, x, y)
        except Exception as error:
            raise OptbenchError(f"the loss fails on outputs {tuple(made.shape)}: {in_one_line(error)}") from error
        return tuple(made.shape[1:])

    def _first_call(self, network: Any, x: np.ndarray, y: np.ndarray) -> tuple[Any, Any]:
        """Return output and targets; X is passed as reals, or as whole numbers where the module takes no reals.

        Raises OptbenchError if the module fails on both.
        """
        kinds = ((False, self.whole[1]), self.whole) if self.whole[0] else (self.whole,)
        reasons = []
        for whole in kinds:
            self.whole = whole
            try:
                with self.torch.no_grad():
                    return self._call(network, x, y)
            except OptbenchError:
                raise
            except Exception as error:  # modules raise all kinds
                reasons.append(in_one_line(error))
        raise OptbenchError(f"the module fails on X {(len(x), *self.shape)} of float64: {reasons[0]}")

    def _check_shapes(self, made: Any, target: Any) -> None:
        """Raise OptbenchError if output and targets have different shapes under the squared error."""
        if self.loss == "mse" and made.shape != target.shape:
            hint = ": for classes give y as whole numbers" if target.ndim == 1 else ""
            raise OptbenchError(
                f"the module gives {tuple(made.shape[1:])} numbers a row, and y has {tuple(target.shape[1:])}{hint}"
            )


def _equal_tensors(torch: Any, one: Any, other: Any) -> bool:
    """Return True if two tensors have the same shape and numbers; NaN equals NaN. one may be None: False."""
    return one is not None and one.shape == other.shape and torch.allclose(one, other, 0, 0, equal_nan=True)
