"""Gradient transformations of optax: one compiled step for all lanes that differ in numbers alone."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from copy import copy
from functools import cache
from math import prod
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from optbench.contract.eager import Eager
from optbench.engine.arrays import StepInputs
from optbench.engine.eager.eager_update import EagerUpdate, Second

_X64 = jax.enable_x64 if hasattr(jax, "enable_x64") else jax.experimental.enable_x64


class OptaxUpdate(EagerUpdate):
    """The transformation on the parameter blocks of all lanes.

    Lanes with the same options and whole numbers form a group, which one call steps. Real numbers are traced; where the
    function cannot be traced with them, they tell groups apart, too. Where a group fails, its lanes are tried one by
    one, so that only the lanes at fault fail.
    """

    def __init__(
        self,
        record: Eager,
        blocks: Sequence[tuple[int, ...]],
        hyperparameters: Sequence[Mapping[str, float]],
        w: np.ndarray,
        rows: bool,
    ):
        """Take the arguments of each lane; groups are formed at the first step."""
        super().__init__(record, blocks, hyperparameters, w, rows)
        self._dtype = w.dtype
        self._groups: list[_Group] | None = None

    def step(
        self, w: np.ndarray, g: np.ndarray, inputs: StepInputs, alive: np.ndarray, second: Second | None = None
    ) -> None:
        """Make a step of every group with a lane that is ``alive``, and set ``alive`` to False for lanes that fail."""
        f, rates = inputs.loss, inputs.lr
        with self._settings():
            if self._groups is None:
                begin = time.perf_counter()
                self._groups = self._new_groups(range(len(w)), w, rates, True)
                self.preparation_seconds += time.perf_counter() - begin
            self._groups = [
                stepped
                for group in self._groups
                for stepped in (self._step(group, w, g, f, rates) if alive[group.lanes].any() else [group])
            ]
        alive &= [not reason for reason in self.failures]

    def _step(self, group: "_Group", w: np.ndarray, g: np.ndarray, f: np.ndarray, rates: np.ndarray) -> "list[_Group]":
        """Make a step of a group. Return the group; or after a failure a group for each lane that could be stepped."""
        own = group.lanes
        try:
            w[own] = group.step(w[own], g[own], f[own], rates[own])
            return [group]
        except (Exception, SystemExit) as error:  # a user's function may raise anything
            if len(own) == 1:
                self.fail(own[0], error)
                return []
        return [each for i in range(len(own)) for each in self._step(group.of_lane(i), w, g, f, rates)]

    def fail(self, r: int, error: BaseException) -> None:
        """Record that lane ``r`` has failed with an error, which may hold the whole traceback of a callback."""
        lines = str(error).strip().splitlines()
        if "Traceback (most recent call last)" in str(error):  # of a callback: its message is the last line
            self.failures[r] = f"{self.record.name}: {lines[-1].strip()}"
        else:
            super().fail(r, error)

    def _settings(self) -> ExitStack:
        """Return a context in which JAX uses the CPU and the cohort's precision, whatever the process has else."""
        stack = ExitStack()
        stack.enter_context(_X64(self._dtype == np.float64))
        stack.enter_context(jax.default_device(_cpu()))
        return stack

    def _new_groups(self, lanes: Sequence[int], w: np.ndarray, rates: np.ndarray, traced: bool) -> "list[_Group]":
        """Return the groups of some lanes, without those whose function raises.

        traced: whether real numbers are, so that lanes that differ in them alone stand in one group.
        """
        groups = []
        for members in self._group_lanes(lanes, traced).values():
            given = [self.arguments[r] for r in members]
            names = [key for key, value in given[0].items() if traced and isinstance(value, float)]
            columns = {key: np.array([each[key] for each in given], self._dtype) for key in names}
            fixed = _Fixed({key: value for key, value in given[0].items() if key not in columns})
            functions = _functions(self.record.target, self.record.rate, fixed, self.blocks)
            try:
                groups.append(_Group(members, functions, w[members], rates[members], columns))
            except (Exception, SystemExit) as error:  # a user's function may raise anything
                if columns:
                    groups += self._new_groups(members, w, rates, False)
                elif len(members) > 1:
                    groups += [group for r in members for group in self._new_groups([r], w, rates, traced)]
                else:
                    self.fail(members[0], error)
        return groups

    def _group_lanes(self, lanes: Sequence[int], traced: bool) -> "dict[_Fixed, list[int]]":
        """Return {arguments: the lanes that have them}; if ``traced``, without floats, in which lanes may differ."""
        alike: dict[_Fixed, list[int]] = {}
        for r in lanes:
            fixed = {k: v for k, v in self.arguments[r].items() if not (traced and isinstance(v, float))}
            alike.setdefault(_Fixed(fixed), []).append(r)
        return alike

    def points(self) -> dict[int, np.ndarray]:
        """Return the points that schedule-free transformations evaluate, by lane."""
        with self._settings():
            return {
                r: point
                for group in self._groups or ()
                if group.has_two_points
                for r, point in zip(group.lanes.tolist(), group.points(), strict=True)
            }


class _Group:
    """Lanes that one call steps; weights and state stay with JAX from step to step."""

    def __init__(
        self,
        lanes: list[int],
        functions: tuple[Callable, Callable, Callable],
        w: np.ndarray,
        rates: np.ndarray,
        numbers: dict[str, np.ndarray],
    ):
        """Put weights and numbers on JAX's device, initialize the state, and compile by a step that is thrown away."""
        init, self._step, self._reported = functions
        self.lanes, self._rates = np.array(lanes), rates.copy()
        self._numbers = jax.device_put({"": rates.astype(w.dtype), **numbers})
        self._w, self._w_on_host = jax.device_put(w), np.array(w)
        self._state = init(self._w, self._numbers)
        self.has_two_points = isinstance(self._state, optax.contrib.ScheduleFreeState)
        jax.block_until_ready(self._step(self._w, self._state, np.zeros_like(w), w[:, 0], self._numbers))

    def step(self, w: np.ndarray, g: np.ndarray, f: np.ndarray, rates: np.ndarray) -> np.ndarray:
        """Return the weights after a step from ``w`` (lanes, dim) along ``g``, at losses ``f`` and ``rates`` (lanes,).

        What is returned is read-only.
        """
        if not np.array_equal(rates, self._rates):
            self._rates = rates.copy()
            self._numbers[""] = jax.device_put(rates.astype(g.dtype))
        before = self._w if np.array_equal(w, self._w_on_host) else w  # equal weights need no second transfer
        after, state = self._step(before, self._state, g, f, self._numbers)
        self._w_on_host = np.asarray(after)  # an error is raised here at the latest, before the state changes
        self._w, self._state = after, state
        return self._w_on_host

    def of_lane(self, i: int) -> "_Group":
        """Return a group of one of the lanes."""
        part, one = slice(i, i + 1), copy(self)
        one.lanes, one._rates, one._w_on_host = self.lanes[part], self._rates[part], self._w_on_host[part]
        one._numbers = {key: value[part] for key, value in self._numbers.items()}
        one._w, one._state = self._w[part], jax.tree.map(lambda leaf: leaf[part], self._state)
        return one

    def points(self) -> np.ndarray:
        """Return the points (lanes, dim) that a schedule-free transformation evaluates."""
        return np.asarray(self._reported(self._w, self._state))


class _Fixed(dict):
    """Arguments that are not traced; hashable, so that equal ones share compiled functions."""

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(tuple(sorted((key, repr(value)) for key, value in self.items())))


@cache
def _cpu() -> Any:
    return jax.local_devices(backend="cpu")[0]


@cache
def _functions(
    target: Callable, rate: str, fixed: _Fixed, blocks: tuple[tuple[int, ...], ...]
) -> tuple[Callable, Callable, Callable]:
    """Return compiled ``init(w, numbers)``, ``step(w, state, g, f, numbers)`` and ``reported(w, state)`` of lanes.

    They return state; weights and state; weights to evaluate. rate: the name of the learning rate's argument; numbers:
    the traced arguments by name, the learning rate under "".
    """
    ends = np.cumsum([prod(shape) for shape in blocks])[:-1].tolist()

    def split(row: Any) -> list[Any]:
        return [part.reshape(shape) for part, shape in zip(jnp.split(row, ends), blocks, strict=True)]

    def join(parts: Sequence[Any]) -> Any:
        return jnp.concatenate([part.reshape(-1) for part in parts])

    def transformation(numbers: Mapping[str, Any]) -> Any:
        """Return optax' transformation with these numbers and the fixed arguments."""
        rest = {key: value for key, value in numbers.items() if key}
        return optax.with_extra_args_support(target(**{rate: numbers[""]}, **rest, **fixed))

    def init(w: Any, numbers: Mapping[str, Any]) -> Any:
        """Return the state of one lane before its first step; w: its weights, flat; numbers: as in `_functions`."""
        return transformation(numbers).init(split(w))

    def step(w: Any, state: Any, g: Any, f: Any, numbers: Mapping[str, Any]) -> Any:
        """Return the weights and the state after a step."""
        updates, state = transformation(numbers).update(split(g), state, split(w), value=f)
        return join(optax.apply_updates(split(w), updates)), state

    def reported(w: Any, state: Any) -> Any:
        return join(optax.contrib.schedule_free_eval_params(state, split(w)))

    return _compile_for_lanes(init), _compile_for_lanes(step), _compile_for_lanes(reported)


def _compile_for_lanes(function: Callable) -> Callable:
    """Return a function of one lane, compiled for all; on one thread: several round otherwise in a worker process."""
    return jax.jit(jax.vmap(function), compiler_options={"xla_cpu_multi_thread_eigen": False})
