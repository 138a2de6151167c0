"""A gradient transformation of optax's: one compiled step for all runs that share a function and the shapes."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from math import prod
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from optbench.contract.eager import Eager

_X64 = jax.enable_x64 if hasattr(jax, "enable_x64") else jax.experimental.enable_x64


class OptaxStepper:
    """The transformation on the parameter blocks of one run; ``w`` (dim,) gets the new weights after each step."""

    def __init__(
        self,
        record: Eager,
        blocks: Sequence[tuple[int, ...]],
        w: np.ndarray,
        arguments: Mapping[str, Any],
        rate: float,
    ):
        self.w, self.blocks = w, blocks
        # Floats may change from run to run without another compilation; what steers the function may not.
        self.numbers = {key: value for key, value in arguments.items() if isinstance(value, float)}
        fixed = {key: value for key, value in arguments.items() if key not in self.numbers}
        made = _functions(record.target, record.rate, _Fixed(fixed))
        with _X64(w.dtype == np.float64):
            try:
                self.state = made[0](self._parts(w), self._numbers(rate))
                self._step = made[1]
                self._step(self._parts(w), self._parts(np.zeros_like(w)), self.state, self._numbers(rate))
            except (jax.errors.JAXTypeError, TypeError):
                made = _functions(record.target, record.rate, _Fixed(dict(arguments)))
                self.numbers = {}
                self.state, self._step = made[0](self._parts(w), self._numbers(rate)), made[1]

    def step(self, g: np.ndarray, loss: float, rate: float) -> None:
        """Change the weights along a gradient (dim,)."""
        with _X64(self.w.dtype == np.float64):
            parts, self.state = self._step(self._parts(self.w), self._parts(g), self.state, self._numbers(rate))
        at = 0
        for part in parts:
            self.w[at : at + part.size] = np.asarray(part).reshape(-1)
            at += part.size

    def reported(self) -> None:
        """Nothing but the weights themselves."""

    def _numbers(self, rate: float) -> dict[str, Any]:
        return {"": self.w.dtype.type(rate), **{key: self.w.dtype.type(value) for key, value in self.numbers.items()}}

    def _parts(self, array: np.ndarray) -> list[Any]:
        ends = np.cumsum([prod(shape) for shape in self.blocks])
        return [
            jnp.array(array[end - prod(shape) : end].reshape(shape))
            for end, shape in zip(ends, self.blocks, strict=True)
        ]


class _Fixed(dict):
    """Arguments by which compiled functions are kept: equal ones share theirs."""

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(tuple(sorted((key, repr(value)) for key, value in self.items())))


@cache
def _functions(target: Callable, name: str, fixed: _Fixed) -> tuple[Callable, Callable]:
    """``init(parameters, numbers)`` and ``step(parameters, gradients, state, numbers)``, the rate under ""."""

    def made(numbers: Mapping[str, Any]) -> Any:
        rest = {key: value for key, value in numbers.items() if key}
        return target(**{name: numbers[""]}, **rest, **fixed)

    def init(parameters: Any, numbers: Mapping[str, Any]) -> Any:
        return made(numbers).init(parameters)

    def step(parameters: Any, gradients: Any, state: Any, numbers: Mapping[str, Any]) -> Any:
        updates, state = made(numbers).update(gradients, state, parameters)
        return optax.apply_updates(parameters, updates), state

    return init, jax.jit(step)
