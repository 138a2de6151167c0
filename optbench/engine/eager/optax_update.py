"""Gradient transformations of optax's: one compiled step for all lanes that differ in numbers alone."""

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
from optbench.contract.errors import in_one_line

_X64 = jax.enable_x64 if hasattr(jax, "enable_x64") else jax.experimental.enable_x64


class OptaxUpdate:
    """The transformation on the parameter blocks of all lanes.

    Lanes with the same options and whole numbers are a group, and stepped in one call; real numbers are traced, where
    the function can do with that, and otherwise tell groups apart, too. Where a group fails, its lanes are tried one by
    one: who fails, fails alone.
    """

    def __init__(
        self,
        record: Eager,
        blocks: Sequence[tuple[int, ...]],
        hyperparameters: Sequence[Mapping[str, float]],
        w: np.ndarray,
    ):
        self.record, self.making = record, 0.0
        self.blocks, self.dtype = tuple(tuple(shape) for shape in blocks), w.dtype
        self.arguments = [record.arguments(each) for each in hyperparameters]
        self.failures = [""] * len(w)
        self._groups: list[_Group] | None = None

    def step(self, w: np.ndarray, g: np.ndarray, f: np.ndarray, rates: np.ndarray, alive: np.ndarray) -> None:
        """A step, group by group."""
        with self._here():
            if self._groups is None:
                begin = time.perf_counter()
                self._groups = self._grouped(range(len(w)), w, rates, True)
                self.making += time.perf_counter() - begin
            self._groups = [
                stepped
                for group in self._groups
                for stepped in (self._stepped(group, w, g, f, rates) if alive[group.lanes].any() else [group])
            ]
        alive &= [not reason for reason in self.failures]

    def _stepped(
        self, group: "_Group", w: np.ndarray, g: np.ndarray, f: np.ndarray, rates: np.ndarray
    ) -> "list[_Group]":
        """The group after a step; or its lanes, each a group from now on, those that could be stepped."""
        own = group.lanes
        try:
            w[own] = group.step(w[own], g[own], f[own], rates[own])
        except (Exception, SystemExit) as error:  # it may be anybody's code
            if len(own) == 1:
                self._failed(own[0], error)
                return []
            alone = [self._stepped(group.of_lane(i), w, g, f, rates) for i in range(len(own))]
            return [each for found in alone for each in found]
        return [group]

    def _failed(self, r: int, error: BaseException) -> None:
        told = str(error).strip()
        if "Traceback (most recent call last)" in told:  # of a callback: what it says is in the last line
            self.failures[r] = f"{self.record.name}: {told.splitlines()[-1].strip()}"
        else:
            self.failures[r] = f"{self.record.name}: {in_one_line(error)}"

    def _here(self) -> ExitStack:
        """On the CPU, in the cohort's precision, whatever the process has else."""
        stack = ExitStack()
        stack.enter_context(_X64(self.dtype == np.float64))
        stack.enter_context(jax.default_device(_cpu()))
        return stack

    def _grouped(self, lanes: Sequence[int], w: np.ndarray, rates: np.ndarray, traced: bool) -> "list[_Group]":
        """The groups of some lanes; those whose function raises have failed."""
        found: dict[_Fixed, list[int]] = {}
        for r in lanes:
            found.setdefault(_Fixed(self._parts(r, traced)[1]), []).append(r)
        groups = []
        for fixed, members in found.items():
            numbers = [self._parts(r, traced)[0] for r in members]
            columns = {key: np.array([each[key] for each in numbers], self.dtype) for key in numbers[0]}
            functions = _functions(self.record.target, self.record.rate, fixed, self.blocks)
            try:
                groups.append(_Group(members, functions, w[members], rates[members], columns))
            except (Exception, SystemExit) as error:  # it may be anybody's code
                if traced and columns:
                    groups += self._grouped(members, w, rates, False)
                elif len(members) > 1:
                    groups += [group for r in members for group in self._grouped([r], w, rates, traced)]
                else:
                    self._failed(members[0], error)
        return groups

    def _parts(self, r: int, traced: bool) -> tuple[dict[str, float], dict[str, Any]]:
        """The numbers of a lane that are traced, and all else."""
        given = self.arguments[r]
        numbers = {key: value for key, value in given.items() if traced and isinstance(value, float)}
        return numbers, {key: value for key, value in given.items() if key not in numbers}

    def points(self) -> dict[int, np.ndarray]:
        """The points that schedule-free transformations give for evaluation."""
        with self._here():
            return {
                r: point
                for group in self._groups or ()
                if group.two_points
                for r, point in zip(group.lanes.tolist(), group.points(), strict=True)
            }


class _Group:
    """Lanes that one call steps; weights and state stay with the library from step to step."""

    def __init__(
        self,
        lanes: list[int],
        functions: tuple[Callable, Callable, Callable],
        w: np.ndarray,
        rates: np.ndarray,
        numbers: dict[str, np.ndarray],
    ):
        init, self._step, self._reported = functions
        self.lanes, self._rates = np.array(lanes), rates
        self._numbers = jax.device_put({"": rates.astype(w.dtype), **numbers})
        self._w, self._known = jax.device_put(w), np.array(w)
        self._state = init(self._w, self._numbers)
        self.two_points = isinstance(self._state, optax.contrib.ScheduleFreeState)
        jax.block_until_ready(self._step(self._w, self._state, np.zeros_like(w), w[:, 0], self._numbers))

    def step(self, w: np.ndarray, g: np.ndarray, f: np.ndarray, rates: np.ndarray) -> np.ndarray:
        """The weights after a step from ``w`` (lanes, dim) along ``g``, at losses ``f`` (lanes,)."""
        if not np.array_equal(rates, self._rates):
            self._rates = rates
            self._numbers[""] = jax.device_put(rates.astype(g.dtype))
        mine = self._w if np.array_equal(w, self._known) else w  # what is there already need not be brought again
        after, state = self._step(mine, self._state, g, f, self._numbers)
        self._known = np.asarray(after)  # what fails, fails here at the latest: with the state of before
        self._w, self._state = after, state
        return self._known

    def of_lane(self, i: int) -> "_Group":
        """The same with one of the lanes alone."""
        part = slice(i, i + 1)
        alone = copy(self)
        alone.lanes, alone._rates, alone._known = self.lanes[part], self._rates[part], self._known[part]
        alone._numbers = {key: value[part] for key, value in self._numbers.items()}
        alone._w, alone._state = self._w[part], jax.tree.map(lambda leaf: leaf[part], self._state)
        return alone

    def points(self) -> np.ndarray:
        """(lanes, dim): where a schedule-free transformation is evaluated."""
        return np.asarray(self._reported(self._w, self._state))


class _Fixed(dict):
    """Arguments by which compiled functions are kept: equal ones share theirs."""

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(tuple(sorted((key, repr(value)) for key, value in self.items())))


@cache
def _cpu() -> Any:
    return jax.local_devices(backend="cpu")[0]


@cache
def _functions(
    target: Callable, rate: str, fixed: _Fixed, blocks: tuple[tuple[int, ...], ...]
) -> tuple[Callable, Callable, Callable]:
    """``init(w, numbers)``, ``step(w, state, g, f, numbers)`` and ``reported(w, state)`` of lanes; the rate is ""."""
    ends = np.cumsum([prod(shape) for shape in blocks])[:-1].tolist()

    def parts(row: Any) -> list[Any]:
        return [part.reshape(shape) for part, shape in zip(jnp.split(row, ends), blocks, strict=True)]

    def row(parts: Sequence[Any]) -> Any:
        return jnp.concatenate([part.reshape(-1) for part in parts])

    def made(numbers: Mapping[str, Any]) -> Any:
        rest = {key: value for key, value in numbers.items() if key}
        return optax.with_extra_args_support(target(**{rate: numbers[""]}, **rest, **fixed))

    def init(w: Any, numbers: Mapping[str, Any]) -> Any:
        return made(numbers).init(parts(w))

    def step(w: Any, state: Any, g: Any, f: Any, numbers: Mapping[str, Any]) -> Any:
        updates, state = made(numbers).update(parts(g), state, parts(w), value=f)
        return row(optax.apply_updates(parts(w), updates)), state

    def reported(w: Any, state: Any) -> Any:
        return row(optax.contrib.schedule_free_eval_params(state, parts(w)))

    return _compiled(init), _compiled(step), _compiled(reported)


def _compiled(function: Callable) -> Callable:
    """For all lanes, on one thread: more would round otherwise, and here and in a worker are to give the same."""
    return jax.jit(jax.vmap(function), compiler_options={"xla_cpu_multi_thread_eigen": False})
