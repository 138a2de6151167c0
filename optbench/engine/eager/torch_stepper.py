"""An optimizer of PyTorch's on memory that NumPy shares, without autograd."""

import inspect
from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

import numpy as np
import torch

from optbench.contract.eager import Eager
from optbench.contract.errors import OptbenchError


class TorchStepper:
    """An instance of the class on the parameter blocks of one run; ``w`` (dim,) is theirs, and changes in place."""

    def __init__(
        self,
        record: Eager,
        blocks: Sequence[tuple[int, ...]],
        w: np.ndarray,
        arguments: Mapping[str, Any],
        rate: float,
    ):
        self.name, self.rate, self.w = record.name, record.rate, w
        self.g = np.empty_like(w)
        self.parameters, self.gradients, at = [], [], 0
        for shape in blocks:
            part = slice(at, at + prod(shape))
            self.parameters.append(torch.nn.Parameter(torch.from_numpy(w[part].reshape(shape))))
            self.gradients.append(torch.from_numpy(self.g[part].reshape(shape)))
            at += prod(shape)
        self.optimizer = record.target(self.parameters, **{record.rate: rate}, **arguments)
        step = inspect.signature(self.optimizer.step).parameters
        self.needs_closure = bool(step) and next(iter(step.values())).default is inspect.Parameter.empty
        # Schedule-free optimizers are told which of their two points is asked for.
        self.two_points = callable(getattr(self.optimizer, "train", None)) and callable(
            getattr(self.optimizer, "eval", None)
        )
        if self.two_points:
            self.optimizer.train()

    def step(self, g: np.ndarray, loss: float, rate: float) -> None:
        """Change the weights along a gradient (dim,)."""
        self.g[:] = g
        for parameter, gradient in zip(self.parameters, self.gradients, strict=True):
            parameter.grad = gradient
        for group in self.optimizer.param_groups:
            if torch.is_tensor(group[self.rate]):
                group[self.rate].fill_(rate)
            else:
                group[self.rate] = rate
        if self.needs_closure:
            self.optimizer.step(self._closure(loss))
        else:
            self.optimizer.step()

    def _closure(self, loss: float) -> Any:
        """What gives the loss of the weights as they stand, once: a step has one gradient, like everybody's."""
        calls = 0

        def closure() -> torch.Tensor:
            nonlocal calls
            calls += 1
            if calls > 1:
                raise OptbenchError("a step evaluates its closure more than once; here a step has one gradient")
            return torch.tensor(loss, dtype=self.parameters[0].dtype)

        return closure

    def reported(self) -> np.ndarray | None:
        """(dim,): the point that the optimizer gives for evaluation, where it has one."""
        if not self.two_points:
            return None
        self.optimizer.eval()
        out = self.w.copy()
        self.optimizer.train()
        return out
