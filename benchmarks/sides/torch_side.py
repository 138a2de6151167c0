"""The PyTorch sides of ``peers.py``: eager mode, one run, written as PyTorch users write it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.sides.cases import Case, Side


def sides(case: Case) -> list[Side]:
    """Eager mode for one lane; for Adam's update alone, the fused and the foreach implementation."""
    if case.kind == "update":
        return [_update(case, fused=True), _update(case, foreach=True)]
    return [_eager(case)] if case.lanes == 1 and case.kind not in ("ewa", "catalogue") else []


def _update(case: Case, **implementation: bool) -> Side:
    import torch

    starts, gradients = (np.array_split(array, case.arrays) for array in (case.start, case.x))
    w = [torch.nn.Parameter(torch.from_numpy(part.copy())) for part in starts]
    for parameter, gradient in zip(w, gradients, strict=True):
        parameter.grad = torch.from_numpy(gradient.copy())
    betas = (case.hyper["beta1"], case.hyper["beta2"])
    optimizer = torch.optim.Adam(w, float(case.lr[0]), betas, case.hyper["eps"], **implementation)

    def run() -> Any:
        for _ in range(case.steps):
            optimizer.step()
        return w

    name = next(iter(implementation))

    def weights(w: list[Any]) -> np.ndarray:
        return np.concatenate([parameter.detach().numpy() for parameter in w])[None]

    return Side(f"PyTorch {name}", run, case.steps, weights, "torch.optim.Adam")


def _eager(case: Case) -> Side:
    """A training loop: gather, zero_grad, loss, backward, step.

    GD is ``torch.optim.SGD``. The lecture's Adam has eps inside the root, which ``torch.optim.Adam`` cannot: it is
    written out in in-place operations, which takes less time than ``torch.optim.Adam`` does.
    """
    import torch

    batches = [] if case.batches is None else list(torch.from_numpy(case.batches[: case.eager_steps]))
    x, y = (None if a is None else torch.from_numpy(a) for a in (case.x, case.y))
    parameters, loss, flatten = {"rosenbrock": _rosenbrock, "logistic": _logistic, "mlp": _mlp}[case.kind](case)
    start = [p.detach().clone() for p in parameters]
    lr = float(case.lr[0])

    def run() -> Any:
        with torch.no_grad():
            for p, first in zip(parameters, start, strict=True):
                p.copy_(first)
        optimizer = torch.optim.SGD(parameters, lr) if case.optimizer == "gd" else _LectureAdam(parameters, lr, case)
        for step in range(case.eager_steps):
            optimizer.zero_grad()
            if batches:
                batch = batches[step]
                loss(x[batch], y[batch]).backward()
            else:
                loss().backward()
            optimizer.step()
        return parameters

    return Side("PyTorch eager", run, case.eager_steps, flatten, "SGD" if case.optimizer == "gd" else "by hand")


def _rosenbrock(case: Case) -> tuple[list[Any], Callable[..., Any], Callable[[Any], np.ndarray]]:
    import torch

    w = torch.nn.Parameter(torch.from_numpy(case.start.copy()))

    def loss() -> Any:
        x, y = w[0], w[1]
        return (1 - x) ** 2 + 100 * (y - x * x) ** 2

    return [w], loss, lambda parameters: parameters[0].detach().numpy()[None].copy()


def _logistic(case: Case) -> tuple[list[Any], Callable[..., Any], Callable[[Any], np.ndarray]]:
    import torch

    w = torch.nn.Parameter(torch.from_numpy(case.start.copy()))
    entropy = torch.nn.functional.binary_cross_entropy_with_logits
    return [w], lambda x, y: entropy(x @ w, y), lambda parameters: parameters[0].detach().numpy()[None].copy()


def _mlp(case: Case) -> tuple[list[Any], Callable[..., Any], Callable[[Any], np.ndarray]]:
    import torch

    modules, at = [], 0
    for inside, outside in zip(case.layers, case.layers[1:], strict=False):
        layer = torch.nn.Linear(inside, outside, dtype=getattr(torch, case.dtype))
        size = inside * outside
        with torch.no_grad():
            layer.weight.copy_(torch.from_numpy(case.start[at : at + size].reshape(inside, outside).T.copy()))
            layer.bias.copy_(torch.from_numpy(case.start[at + size : at + size + outside]))
        modules += [layer, torch.nn.ReLU()]
        at += size + outside
    model = torch.nn.Sequential(*modules[:-1])

    def flatten(parameters: list[Any]) -> np.ndarray:
        # PyTorch keeps W as (out, in).
        return np.concatenate([p.detach().numpy().T.ravel() for p in parameters])[None]

    return list(model.parameters()), lambda x, y: torch.nn.functional.cross_entropy(model(x), y), flatten


class _LectureAdam:
    """Adam with eps inside the root, in PyTorch's in-place operations."""

    def __init__(self, parameters: list[Any], lr: float, case: Case) -> None:
        import torch

        self.no_grad = torch.no_grad
        self.parameters, self.lr, self.hyper, self.t = parameters, lr, case.hyper, 0
        self.m, self.v = ([torch.zeros_like(p) for p in parameters] for _ in range(2))

    def zero_grad(self) -> None:
        for p in self.parameters:
            p.grad = None

    def step(self) -> None:
        self.t += 1
        beta1, beta2 = self.hyper["beta1"], self.hyper["beta2"]
        first, second = 1 - beta1**self.t, 1 - beta2**self.t
        with self.no_grad():
            for p, m, v in zip(self.parameters, self.m, self.v, strict=True):
                m.lerp_(p.grad, 1 - beta1)
                v.mul_(beta2).addcmul_(p.grad, p.grad, value=1 - beta2)
                p.addcdiv_(m, (v / second).add_(self.hyper["eps_root"]).sqrt_(), value=-self.lr / first)
