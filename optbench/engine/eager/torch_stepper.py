"""An optimizer of PyTorch's on memory that NumPy shares, without autograd."""

import inspect
import random
from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

import numpy as np
import torch

from optbench.contract.eager import Eager
from optbench.contract.errors import OptbenchError
from optbench.engine.eager.drawing import draws


class TorchStepper:
    """An instance of the class on the parameter blocks of one run; ``w`` (dim,) is theirs, and changes in place.

    It has random numbers of its own: what a run draws depends on its seed, and on no other run.
    """

    def __init__(
        self,
        record: Eager,
        blocks: Sequence[tuple[int, ...]],
        w: np.ndarray,
        arguments: Mapping[str, Any],
        rate: float,
        seed: int,
    ):
        self.rate, self.w, self.at = record.rate, w, rate
        self.blocks, self.sizes = [tuple(shape) for shape in blocks], [prod(shape) for shape in blocks]
        whole = torch.from_numpy(w)
        self.views = self._parts(whole)
        self.places = [view.data_ptr() for view in self.views]
        self.parameters = [torch.nn.Parameter(view) for view in self.views]
        self.chance = _Chance(seed, draws(record.target))
        with self.chance:
            self.optimizer = record.target(self.parameters, **{record.rate: rate}, **arguments)
            # Schedule-free optimizers are told which of their two points is asked for.
            modes = (getattr(self.optimizer, name, None) for name in ("train", "eval"))
            self.two_points = all(callable(mode) for mode in modes)
            if self.two_points:
                self.optimizer.train()
        step = inspect.signature(self.optimizer.step).parameters
        self.needs_closure = bool(step) and next(iter(step.values())).default is inspect.Parameter.empty

    def _parts(self, whole: torch.Tensor) -> list[torch.Tensor]:
        """Each block of a vector, in its shape."""
        if len(self.sizes) == 1:
            return [whole.view(self.blocks[0])]
        return [part.view(shape) for part, shape in zip(whole.split(self.sizes), self.blocks, strict=True)]

    def step(self, g: np.ndarray, loss: float, rate: float) -> None:
        """Change the weights along a gradient (dim,), which is copied: it may be written over, or kept."""
        for parameter, gradient in zip(self.parameters, self._parts(torch.from_numpy(g.copy())), strict=True):
            parameter.grad = gradient
        if rate != self.at:  # as a scheduler does; an optimizer that changes its rate itself may do so in between
            self._set_rate(rate)
        with self.chance:
            if self.needs_closure:
                self.optimizer.step(self._closure(loss))
            else:
                self.optimizer.step()
        self._put_back()

    def _set_rate(self, rate: float) -> None:
        for group in self.optimizer.param_groups:
            if torch.is_tensor(group[self.rate]):
                group[self.rate].fill_(rate)
            else:
                group[self.rate] = rate
        self.at = rate

    def _put_back(self) -> None:
        """Weights that were replaced, ``p.data = ...``, and not changed, in the memory of the run again."""
        for parameter, view, place in zip(self.parameters, self.views, self.places, strict=True):
            if parameter.data_ptr() != place:
                if parameter.shape != view.shape:
                    raise OptbenchError(f"a step turns a block of {tuple(view.shape)} into {tuple(parameter.shape)}")
                view.copy_(parameter.detach())
                parameter.data = view

    def _closure(self, loss: float) -> Any:
        """What gives the loss of the weights as they stand, once: a step has one gradient, like everybody's."""
        before, calls = self.w.copy(), 0

        def closure() -> torch.Tensor:
            nonlocal calls
            calls += 1
            self._put_back()
            if calls > 1 or not np.array_equal(self.w, before, equal_nan=True):
                what = "more than once" if calls > 1 else "at other weights than its own"
                raise OptbenchError(f"a step evaluates its closure {what}; here a step has one gradient")
            return torch.tensor(loss, dtype=self.views[0].dtype)

        return closure

    def reported(self) -> np.ndarray | None:
        """(dim,): the point that the optimizer gives for evaluation, where it has one."""
        if not self.two_points:
            return None
        before = self.w.copy()
        try:
            with self.chance:
                self.optimizer.eval()
                self._put_back()
                out = self.w.copy()
                self.optimizer.train()
                self._put_back()
            return out
        finally:
            self.w[:] = before  # there and back is not quite the same, and to be looked at must change nothing


class _Chance:
    """The global generators as one run has them, inside ``with``. everything: not PyTorch's alone."""

    def __init__(self, seed: int, everything: bool):
        self.everything = everything
        self.torch = torch.Generator().manual_seed(seed).get_state()
        if everything:
            self.python, self.numpy = random.Random(seed).getstate(), np.random.RandomState(seed % 2**32).get_state()

    def __enter__(self) -> None:
        self._found = torch.default_generator.get_state()
        torch.default_generator.set_state(self.torch)
        if self.everything:
            self._others = random.getstate(), np.random.get_state()
            random.setstate(self.python)
            np.random.set_state(self.numpy)

    def __exit__(self, *error: object) -> None:
        self.torch = torch.default_generator.get_state()
        torch.default_generator.set_state(self._found)
        if self.everything:
            self.python, self.numpy = random.getstate(), np.random.get_state()
            random.setstate(self._others[0])
            np.random.set_state(self._others[1])
