"""Optimizers of PyTorch, an instance for each lane, on memory that NumPy shares and without autograd."""

import inspect
import random
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from inspect import isfunction
from math import prod
from types import CodeType
from typing import Any

import numpy as np
import torch

from optbench.contract.eager import Eager
from optbench.contract.errors import OptbenchError
from optbench.contract.roles import find_roles
from optbench.engine.arrays import StepInputs
from optbench.engine.eager.eager_update import EagerUpdate, Second


class TorchUpdate(EagerUpdate):
    """Instances of a PyTorch optimizer, one for each lane, made at the first step.

    A class that refuses its arguments thus fails the run that has begun. rates: (lanes,) the rates to construct the
    instances with; None: those of the first step.
    """

    def __init__(
        self,
        record: Eager,
        blocks: Sequence[tuple[int, ...]],
        hyperparameters: Sequence[Mapping[str, float]],
        w: np.ndarray,
        rows: bool,
        rates: np.ndarray | None,
        seed: int,
        roles: Sequence[str] = (),
    ):
        """Take the arguments of each lane; the optimizers are made at the first step."""
        super().__init__(record, blocks, hyperparameters, w, rows)
        self._rates, self._seed, self._roles = rates, seed, roles or find_roles(blocks)
        # In lanes form a lane is not contiguous, as PyTorch asks: each gets a row of its own.
        self._w = w if rows else np.array(w, order="C")
        self._steppers: list[TorchStepper | None] = [None] * len(w)

    def step(
        self, w: np.ndarray, g: np.ndarray, inputs: StepInputs, alive: np.ndarray, second: Second | None = None
    ) -> None:
        """Make a step of every lane that is ``alive``, with an instance of its own."""
        f, rates = inputs.loss, inputs.lr
        for r in np.flatnonzero(alive).tolist():
            try:
                stepper = self._steppers[r]
                if stepper is None:
                    stepper = self._steppers[r] = self._new(r, float(rates[r]))
                stepper.step(g[r], float(f[r]), float(rates[r]), second and partial(second, r))
            except (Exception, SystemExit) as error:  # a user's class may raise anything
                self.fail(r, error)
                alive[r] = False
            if not self.rows:
                w[r] = self._w[r]

    def fail(self, r: int, error: BaseException) -> None:
        """Record that lane ``r`` has failed with an error, in words where PyTorch's do not say what is missing."""
        if isinstance(error, NotImplementedError):
            error = OptbenchError("it has no step() that can be called after a gradient")
        elif "does not require grad" in str(error):
            error = OptbenchError("it differentiates the gradient, which has no graph here")
        elif "expected scalar type" in str(error):
            error = OptbenchError(f"{error}: it keeps another precision than the run; see its options, or try float32")
        super().fail(r, error)

    def _new(self, r: int, rate: float) -> "TorchStepper":
        """Return the optimizer of lane r, and count the seconds; rate: that of the first step."""
        begin = time.perf_counter()
        try:
            base = rate if self._rates is None else float(self._rates[r])
            given = self.blocks, self._roles, self._w[r], self.arguments[r], base, self._seed
            return TorchStepper(self.record, *given)
        finally:
            self.preparation_seconds += time.perf_counter() - begin

    def count_state(self) -> float:
        """Return the bytes of all tensors of more than one number in the optimizer's state."""
        if (first := self._steppers[0]) is None:
            return super().count_state()
        values = [value for state in first.optimizer.state.values() for value in dict(state).values()]
        return float(sum(each.nbytes for each in values if torch.is_tensor(each) and each.numel() > 1))

    def points(self) -> dict[int, np.ndarray]:
        """Return the points that schedule-free optimizers evaluate, by lane."""
        found = {}
        for r, stepper in enumerate(self._steppers):
            if stepper is None or self.failures[r]:
                continue
            try:
                point = stepper.reported()
            except (Exception, SystemExit) as error:
                self.fail(r, error)
                continue
            if point is not None:
                found[r] = point
        return found


class TorchStepper:
    """An instance of the class on the parameter blocks of one run, with random numbers of its own.

    Args:
        record: the optimizer.
        blocks: shapes of the parameter blocks.
        roles: theirs, which each parameter has as ``role``, for a class that makes groups of them. A class that wants
            names, a model or groups gets these instead of a list, see `_choose_form`.
        w: (dim,): their memory, changed in place.
        arguments: of the class, by name.
        rate: the learning rate that the class is given.
        seed: of the random numbers.
    """

    def __init__(
        self,
        record: Eager,
        blocks: Sequence[tuple[int, ...]],
        roles: Sequence[str],
        w: np.ndarray,
        arguments: Mapping[str, Any],
        rate: float,
        seed: int,
    ):
        """Make the optimizer on views of ``w``, one for each parameter block."""
        self.rate_name, self.w, self.rate = record.rate, w, rate
        self.blocks, self.sizes = blocks, [prod(shape) for shape in blocks]
        self.form = _choose_form(record.target)
        self.views = self._split(torch.from_numpy(w))
        self.addresses = [view.data_ptr() for view in self.views]
        self.parameters = [torch.nn.Parameter(view) for view in self.views]
        for parameter, role in zip(self.parameters, roles, strict=True):
            parameter.role = role
        given = _FORMS[self.form](self.parameters)
        # PyTorch's own optimizers draw from its own generator; a user's class may draw from all of them.
        self.generators = _Generators(seed, not record.target.__module__.startswith("torch."))
        with self.generators:
            self.optimizer = record.target(given, **{record.rate: rate}, **arguments)
            # Schedule-free optimizers have two points, and methods that go from one to the other.
            modes = (getattr(self.optimizer, name, None) for name in ("train", "eval"))
            self.has_two_points = all(callable(mode) for mode in modes)
            if self.has_two_points:
                self.optimizer.train()
        groups = self.optimizer.param_groups
        self.factors = [float(group.get(record.rate, rate)) / rate if len(groups) > 1 else 1.0 for group in groups]
        step = inspect.signature(self.optimizer.step).parameters
        self.takes_loss = "loss" in step  # as the authors of MoMo and SPS have it
        self.gradients = record.gradients
        needed = bool(step) and next(iter(step.values())).default is inspect.Parameter.empty
        self.needs_closure = needed or self.gradients > 1

    def _split(self, vector: torch.Tensor) -> list[torch.Tensor]:
        """Return each block of a vector, in its shape; a matrix transposed where the class wants more than a list."""
        if len(self.sizes) == 1:
            parts = [vector.view(self.blocks[0])]
        else:
            parts = [part.view(shape) for part, shape in zip(vector.split(self.sizes), self.blocks, strict=True)]
        return parts if self.form == "list" else [part.t() if part.ndim == 2 else part for part in parts]

    def step(self, g: np.ndarray, loss: float, rate: float, second: Callable | None = None) -> None:
        """Make a step of the optimizer, which changes the weights; g: (dim,), copied, as the optimizer may change it.

        loss: at the present weights, for optimizers that take it or call a closure; rate: the learning rate of this
        step; second: gradient and loss at another point.
        """
        self._set_gradients(g)
        if rate != self.rate:  # as a scheduler does; an optimizer may change its rate itself in between
            self._set_rate(rate)
        with self.generators:
            if self.takes_loss:
                self.optimizer.step(loss=torch.tensor(loss, dtype=self.views[0].dtype))
            elif self.needs_closure:
                self.optimizer.step(self._closure(g, loss, second))
            else:
                self._step_alone(g, loss, second)
        self._restore_memory()

    def _set_gradients(self, g: np.ndarray) -> None:
        """Give each parameter its part of a copy of g."""
        for parameter, gradient in zip(self.parameters, self._split(torch.from_numpy(g.copy())), strict=True):
            parameter.grad = gradient

    def _step_alone(self, g: np.ndarray, loss: float, second: Callable | None) -> None:
        """Make a step without a closure; from now on with one if the class says that it wants one."""
        try:
            self.optimizer.step()
        except Exception as error:
            if "closure" not in str(error):
                raise
            self.needs_closure = True
            self.optimizer.step(self._closure(g, loss, second))

    def _set_rate(self, rate: float) -> None:
        """Set the rate of all parameter groups, of several to their own multiples; in place if it is a tensor."""
        for group, factor in zip(self.optimizer.param_groups, self.factors, strict=True):
            if torch.is_tensor(group[self.rate_name]):
                group[self.rate_name].fill_(factor * rate)
            else:
                group[self.rate_name] = factor * rate
        self.rate = rate

    def _restore_memory(self) -> None:
        """Copy weights that the optimizer has replaced (``p.data = ...``) into the run's memory."""
        for parameter, view, address in zip(self.parameters, self.views, self.addresses, strict=True):
            if parameter.data_ptr() != address:
                if parameter.shape != view.shape:
                    raise OptbenchError(f"a step turns a block of {tuple(view.shape)} into {tuple(parameter.shape)}")
                view.copy_(parameter.detach())
                parameter.data = view

    def _closure(self, g: np.ndarray, loss: float, second: Callable | None) -> Callable[[], torch.Tensor]:
        """Return a closure that gives loss and gradients: g at the present weights, and ``second`` at others, once."""
        before, calls, elsewhere = self.w.copy(), 0, 0

        def closure() -> torch.Tensor:
            """Return the loss, and set the gradients; raise OptbenchError for one more than the class says it takes."""
            nonlocal calls, elsewhere
            calls += 1
            self._restore_memory()
            is_here = np.array_equal(self.w, before, equal_nan=True)
            elsewhere += not is_here
            if elsewhere >= self.gradients or (calls > 1 and self.gradients == 1):
                what = "more than once" if calls > 1 else "at other weights than its own"
                has = "two gradients" if self.gradients > 1 else "one gradient, or two of a class with gradients = 2"
                raise OptbenchError(f"a step evaluates its closure {what}; here a step has {has}")
            gradient, value = (g, loss) if is_here or second is None else second(self.w.copy())
            self._set_gradients(gradient)
            return torch.tensor(value, dtype=self.views[0].dtype)

        return closure

    def reported(self) -> np.ndarray | None:
        """Return the point (dim,) that a schedule-free optimizer evaluates; None for others."""
        if not self.has_two_points:
            return None
        before = self.w.copy()
        try:
            with self.generators:
                self.optimizer.eval()
                self._restore_memory()
                out = self.w.copy()
                self.optimizer.train()
                self._restore_memory()
            return out
        finally:
            self.w[:] = before  # there and back rounds, and an evaluation must change nothing


def _choose_form(target: Any) -> str:
    """Return the form in which an optimizer class wants its parameters, a key of _FORMS.

    Its first argument says so, ``named_parameters`` or ``model``. One whose ``__init__``, or that of a base, speaks of
    ``use_muon`` wants groups, unless it makes them itself, from the role or the sides of each parameter.
    """
    first = next(iter(inspect.signature(target).parameters), "")
    if first in ("named_parameters", "named_params", "model"):
        return "model" if first == "model" else "names"
    for each in target.__mro__:
        words = _words(vars(each)["__init__"].__code__) if isfunction(vars(each).get("__init__")) else set()
        if words & {"role", "ndim", "dim"}:
            return "list"
        if "use_muon" in words:
            return "groups"
    return "list"


def _words(code: CodeType) -> set[str]:
    """Return the names of attributes and the texts in a function's code, and in what it contains."""
    inner = (_words(each) for each in code.co_consts if isinstance(each, CodeType))
    return set(code.co_names).union((each for each in code.co_consts if isinstance(each, str)), *inner)


def _name_parameters(parameters: Sequence[torch.nn.Parameter]) -> dict[str, torch.nn.Parameter]:
    """Return the parameters by names as of a network: ``layer0.mlp.weight``, ``layer1.bias``, ``embed``, ``output``."""
    words = {"vector": "bias", "first": "mlp.weight", "hidden": "mlp.weight", "last": "output.weight"}
    words["embedding"] = "embed.weight"
    return {f"layer{k}.{words[each.role]}": each for k, each in enumerate(parameters)}


def _group_parameters(parameters: Sequence[torch.nn.Parameter]) -> list[dict[str, Any]]:
    """Return groups: matrices, embeddings without, with ``use_muon``, and the others without it."""
    groups: dict[bool, list[torch.nn.Parameter]] = {True: [], False: []}
    for each in parameters:
        groups[each.ndim > 1 and each.role != "embedding"].append(each)
    return [{"params": members, "use_muon": flag} for flag, members in groups.items() if members]


class _Model(torch.nn.Module):
    """A network of given parameters, which computes nothing."""

    def __init__(self, parameters: Sequence[torch.nn.Parameter]):
        """Make a module for each part of a name."""
        super().__init__()
        for name, parameter in _name_parameters(parameters).items():
            module = self
            for part in name.split(".")[:-1]:
                if not hasattr(module, part):
                    module.add_module(part, torch.nn.Module())
                module = getattr(module, part)
            module.register_parameter(name.split(".")[-1], parameter)


_FORMS: dict[str, Callable[[list[torch.nn.Parameter]], Any]] = {
    "list": list,
    "names": lambda parameters: [*_name_parameters(parameters).items()],
    "model": _Model,
    "groups": _group_parameters,
}
"""What a class gets as its first argument, by the form that it wants."""


class _Generators:
    """A context in which the global random generators have the state of one run; that state goes on from use to use.

    torch.compile does nothing here: to compile takes minutes, and these tensors are small.

    everything: includes the generators of Python and NumPy; swapping these two takes longer than a small step.
    """

    def __init__(self, seed: int, everything: bool):
        """Make the first states from the seed; the global generators stay as they are."""
        self.everything = everything
        self.torch = torch.Generator().manual_seed(seed).get_state()
        if everything:
            self.others = random.Random(seed).getstate(), np.random.RandomState(seed % 2**32).get_state()

    def __enter__(self) -> None:
        self._swap()
        self.stance: Any = None
        if self.everything and "torch._dynamo" in sys.modules and hasattr(torch.compiler, "set_stance"):  # PyTorch 2.6
            self.stance = torch.compiler.set_stance("force_eager")
            self.stance.__enter__()

    def __exit__(self, *error: object) -> None:
        if self.stance is not None:
            self.stance.__exit__(None, None, None)
        self._swap()

    def _swap(self) -> None:
        """Exchange the states of the global generators with those of the run."""
        state, self.torch = self.torch, torch.default_generator.get_state()
        torch.default_generator.set_state(state)
        if self.everything:
            others, self.others = self.others, (random.getstate(), np.random.get_state())
            random.setstate(others[0])
            np.random.set_state(others[1])
