"""The work that ``peers.py`` times: every case and every goal.

A *case* is plain data that every side reads: start weights, examples, the mini-batches, the rates. A *side* is one
library's way to do that work. Writing a side means writing one function ``case -> Side``; see `Side`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatch
from typing import Any

import numpy as np

import optbench
from benchmarks.sides import kinds_of_data, kinds_of_functions, kinds_of_networks, records
from benchmarks.sides.kinds import Kind

BATCH_SIZE = 64
DTYPES = ("float64", "float32")
KINDS = (*kinds_of_functions.KINDS, *kinds_of_data.KINDS, *kinds_of_networks.KINDS)
# Largest error that passes, relative to how far the weights moved (for EWA: to the largest output).
TOLERANCE = {"float64": 1e-8, "float32": 1e-2}


@dataclass(frozen=True)
class Case:
    """One piece of work.

    ``name`` says what it is; ``kind`` is one of ``rosenbrock``, ``logistic``, ``mlp``, ``catalogue``, ``update``,
    ``ewa``. All arrays have the case's dtype, but for ``y`` of an MLP and ``batches``, which are int64.

    - rosenbrock: ``start`` (2,).
    - logistic: ``x`` (n, dim), ``y`` (n,) of 0 and 1, loss ``mean(log(1 + exp(z)) - y z)`` with ``z = x @ w``; no
      intercept, no penalty.
    - mlp: ``layers`` such as (64, 32, 10), ``x`` (n, layers[0]), ``y`` (n,) class numbers; ``activation`` between the
      layers, mean cross-entropy of the softmax. ``start`` holds for each layer W (in, out) in row-major order, then b
      (out,).
    - catalogue: ``own`` says what; ``x`` and ``y`` are the data of optbench's record, if it has any.
    - update: ``x`` (dim,) is the gradient, the same at every step; only the optimizer's update is timed. The parameters
      are one array, or ``arrays`` of about the same size.
    - ewa: ``x`` (n,) is the series; ``optimizer`` is ``plain`` or ``corrected``.

    Every lane begins at ``start`` and sees mini-batch ``batches[t]`` (indices of examples) at step t; lane r has the
    rate ``lr[r]``. ``hyper`` holds the optimizer's hyperparameters, named as in the registry. ``problem`` is optbench's
    record of the objective; the mini-batches are those that a run of it sees at seed 0.
    """

    name: str
    kind: str
    dtype: str
    lanes: int
    steps: int
    optimizer: str
    lr: np.ndarray
    start: np.ndarray
    hyper: dict[str, float] = field(default_factory=dict)
    problem: optbench.Problem | None = None
    x: np.ndarray | None = None
    y: np.ndarray | None = None
    batches: np.ndarray | None = None
    layers: tuple[int, ...] = ()
    activation: str = "relu"
    own: Kind | None = None
    arrays: int = 1
    # PyTorch eager needs 10 to 10,000 times as long a step: it makes fewer of them, and all times are per step.
    eager_steps: int = 0
    per: str = "run-step"
    # Which entries of a result the reference computes (the largest cases are too long for it).
    sample: Any = field(default_factory=lambda: slice(None))

    @property
    def id(self) -> str:
        return f"{self.name}/{self.dtype}/{self.lanes}"

    @property
    def items(self) -> int:
        """What one step of a call works through, in the unit ``per``: lanes, parameters or values."""
        return {"update": self.start.size, "ewa": 0 if self.x is None else self.x.size}.get(self.kind, self.lanes)


@dataclass(frozen=True)
class Side:
    """One library's way to do a case; making it is the setup, which is never timed.

    ``run()`` makes ``steps`` steps of every lane and returns when they are done. It begins at ``case.start`` at every
    call, but in the ``update`` cases, where it goes on from where it stopped (a reset costs as much as a step).
    ``weights(result)`` turns what the FIRST call returned into an array (lanes, dim), outside of the timing; None says
    that there is nothing to check (a memory copy). ``note`` says which variant this is. ``short()`` is the same with
    ``short_steps`` steps only; where a side has it, its time is that of the steps between the two, or between it and
    ``long()``, which makes ``long_steps``: so many that their time does not drown in what a call costs.
    """

    peer: str
    run: Callable[[], Any]
    steps: int
    weights: Callable[[Any], np.ndarray] | None = np.asarray
    note: str = ""
    short: Callable[[], Any] | None = None
    short_steps: int = 0
    long: Callable[[], Any] | None = None
    long_steps: int = 0

    @property
    def timed(self) -> tuple[Callable[[], Any], int]:
        """The call that is timed, and its steps."""
        return (self.long, self.long_steps) if self.long else (self.run, self.steps)


# (case and peer, largest ratio optbench/peer). The first pattern that fits counts. Most goals are against the plain JAX
# program; "JAX tuned" is printed beside it, to show what is left. Adam's divisions and roots bound all sides.
GOALS = (
    # Bound by the products on both sides; what is left there is activations and errors, and Adam's update.
    ("mlp-64-128-128-10*/*/64 JAX", 0.8),
    ("mlp-64-32-10-*/*/64 JAX", 0.8),
    ("rosenbrock-gd/*/64 JAX*", 0.5),
    ("rosenbrock-adam/*/64 JAX", 0.5),
    ("rosenbrock-[ag]*/*/1 JAX*", 0.9),
    ("logistic/*/64 JAX", 0.9),
    ("mlp-*/*/* JAX", 1.0),
    # PyTorch's own overhead is what the small networks beat tenfold; a 784-wide product is bound by BLAS on both sides.
    ("mlp-64-32-10/*/1 PyTorch*", 0.1),
    ("rosenbrock-*/*/1 PyTorch*", 0.001),
    ("adam-update-2e7/*/1 PyTorch fused*", 1.0),
    ("adam-list-2e7/*/1 PyTorch fused*", 1.0),
    ("ewa-*/*/1 pandas*", 0.25),
    *((f"{kind.name}-*/*/* JAX", 0.8) for kind in KINDS),
)


def goal(case: Case, peer: str) -> float | None:
    """The largest ratio optbench/peer that meets the goal, or None if there is none."""
    return next((limit for pattern, limit in GOALS if fnmatch(f"{case.id} {peer}", pattern)), None)


def batch_order(problem: optbench.Problem, steps: int) -> np.ndarray:
    """optbench's own mini-batches, (steps, BATCH_SIZE): examples come in multiples of it, so that all are whole."""
    return np.array(optbench.mini_batches(problem, batch_size=BATCH_SIZE, seed=0, steps=steps), np.int64)


def _rates(lr: float, lanes: int, dtype: str) -> np.ndarray:
    return np.array([lr], dtype) if lanes == 1 else np.geomspace(0.5 * lr, 1.5 * lr, lanes).astype(dtype)


def rosenbrock(optimizer: str, dtype: str, lanes: int, scale: float = 1.0) -> Case:
    # So many steps that a call's own milliseconds do not drown them, at rates so small that no lane arrives: at the
    # minimum the averages decay to denormal numbers, which some sides flush to zero and others compute slowly. But not
    # so small that float32 rounds a step away by more than a percent.
    steps = int({("gd", 1): 2e6, ("gd", 64): 1e6, ("adam", 1): 3e5, ("adam", 64): 1e5}[optimizer, lanes] * scale)
    way, hyper = (12.0, {}) if optimizer == "gd" else (1.0 if lanes == 1 else 0.4, LECTURE_ADAM)
    return Case(
        f"rosenbrock-{optimizer}", "rosenbrock", dtype, lanes, steps, optimizer, _rates(way / steps, lanes, dtype),
        np.array([-1.2, 1.0], dtype), hyper, records.rosenbrock(), eager_steps=int(500 * scale),
    )  # fmt: skip


def logistic(dtype: str, lanes: int, scale: float = 1.0, examples: int = 9_984, dim: int = 100) -> Case:
    rng = np.random.default_rng(1)
    steps = int((4_000 if lanes == 1 else 800) * scale)
    x = rng.standard_normal((examples, dim))
    odds = x @ rng.standard_normal(dim) * 0.3
    y = (rng.random(examples) < 1 / (1 + np.exp(-odds))).astype(dtype)
    x = x.astype(dtype)
    problem = records.logistic(x, y)
    return Case(
        "logistic", "logistic", dtype, lanes, steps, "gd", _rates(0.1, lanes, dtype), np.zeros(dim, dtype),
        problem=problem, x=x, y=y, batches=batch_order(problem, steps), eager_steps=int(800 * scale),
    )  # fmt: skip


def mlp(
    layers: tuple[int, ...], dtype: str, lanes: int, scale: float = 1.0, optimizer: str = "gd", activation: str = "relu"
) -> Case:
    rng, examples = np.random.default_rng(2), 2_048
    small = layers[0] < 200
    # Not more: in float32, a unit of the ReLU that rounding turns on or off sends two correct sides apart.
    steps = max(2, int({(True, 1): 500, (True, 64): 32, (False, 1): 120, (False, 64): 16}[small, lanes] * scale))
    steps = max(2, steps // 2) if optimizer == "adam" else steps  # whose rounding grows by divisions
    parts = []
    for inside, outside in zip(layers, layers[1:], strict=False):
        parts += [rng.standard_normal(inside * outside) * np.sqrt(2 / inside), np.zeros(outside)]
    x, y = rng.standard_normal((examples, layers[0])).astype(dtype), rng.integers(0, layers[-1], examples)
    problem = records.mlp(layers, x, y, activation)
    rate, hyper = (0.05, {}) if optimizer == "gd" else (1e-3, LECTURE_ADAM)
    return Case(
        _mlp_name(layers, optimizer, activation), "mlp", dtype, lanes, steps, optimizer, _rates(rate, lanes, dtype),
        np.concatenate(parts).astype(dtype), hyper, problem, x, y, batch_order(problem, steps), layers, activation,
        eager_steps=min(steps, max(2, int(300 * scale))),
    )  # fmt: skip


def _mlp_name(layers: tuple[int, ...], optimizer: str, activation: str) -> str:
    ends = ("" if activation == "relu" else f"-{activation}") + ("" if optimizer == "gd" else f"-{optimizer}")
    return "mlp-" + "-".join(map(str, layers)) + ends


def catalogue(kind: Kind, optimizer: str, dtype: str, lanes: int, scale: float = 1.0) -> Case:
    """A kind of kinds.py at optbench's own start point of seed 0."""
    problem = records.of_kind(kind, dtype)
    x, y = problem.data or (None, None)
    rate, hyper = (kind.rates[0], {}) if optimizer == "gd" else (kind.rates[1], LECTURE_ADAM)
    longer = kind.longer if optimizer == "gd" else 1
    steps, rate = max(2, int(kind.steps[lanes > 1] * longer * scale)), rate / longer
    return Case(
        f"{kind.name}-{optimizer}", "catalogue", dtype, lanes, steps, optimizer, _rates(rate, lanes, dtype),
        optbench.objective(problem).start(0).astype(dtype), hyper, problem, x, y,
        None if x is None else batch_order(problem, steps), own=kind,
    )  # fmt: skip


def adam_update(dim: int, dtype: str, scale: float = 1.0, arrays: int = 1) -> Case:
    rng = np.random.default_rng(3)
    steps = max(2, int({10_000: 2_000, 1_000_000: 30}.get(dim, 2) * scale))
    digits = f"{dim:.0e}".replace("e+0", "e")
    kind = "update" if arrays == 1 else "list"
    start, gradient = (rng.standard_normal(dim, np.float32).astype(dtype) for _ in range(2))
    return Case(
        f"adam-{kind}-{digits}", "update", dtype, 1, steps, "adam_torch", _rates(1e-3, 1, dtype), start, TORCH_ADAM,
        x=gradient, per="parameter", arrays=arrays, eager_steps=steps,
        sample=slice(None, None, max(1, dim // 1_000)),
    )  # fmt: skip


def ewa(form: str, dtype: str, size: int) -> Case:
    rng = np.random.default_rng(4)
    places = np.concatenate([np.arange(50), rng.integers(50, size, 1_000), [size - 1]])
    return Case(
        f"ewa-{form}", "ewa", dtype, 1, 1, form, np.zeros(1, dtype), np.zeros(1, dtype), {"beta": 0.9},
        x=rng.standard_normal(size, np.float32).astype(dtype) + np.dtype(dtype).type(1), per="value", eager_steps=1,
        sample=places,
    )  # fmt: skip


LECTURE_ADAM = {"beta1": 0.9, "beta2": 0.999, "eps": 0.0, "eps_root": 1e-8}
TORCH_ADAM = {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "eps_root": 0.0}


def cases(quick: bool = False) -> Iterator[tuple[str, Callable[[], Case]]]:
    """All cases as (id, how to build it); built one at a time, for the largest takes gigabytes."""
    scale = 0.2 if quick else 1.0
    for dtype in DTYPES:
        for lanes in (1, 64):
            for rule in ("gd", "adam"):
                yield f"rosenbrock-{rule}/{dtype}/{lanes}", lambda a=(rule, dtype, lanes): rosenbrock(*a, scale)
            yield f"logistic/{dtype}/{lanes}", lambda a=(dtype, lanes): logistic(*a, scale)
            for layers in ((64, 32, 10), (784, 64, 10)):
                name = "mlp-" + "-".join(map(str, layers))
                yield f"{name}/{dtype}/{lanes}", lambda a=(layers, dtype, lanes): mlp(*a, scale)
            yield from _more(dtype, lanes, scale)
        for dim, digits in ((10_000, "1e4"), (1_000_000, "1e6"), (20_000_000, "2e7")):
            if not (quick and dim > 1_000_000):
                yield f"adam-update-{digits}/{dtype}/1", lambda a=(dim, dtype): adam_update(*a, scale)
        for dim, digits, arrays in ((10_000, "1e4", 10), (20_000_000, "2e7", 100)):
            if not (quick and dim > 1_000_000):
                yield f"adam-list-{digits}/{dtype}/1", lambda a=(dim, dtype, scale, arrays): adam_update(*a)
        for form in ("plain", "corrected"):
            yield f"ewa-{form}/{dtype}/1", lambda a=(form, dtype): ewa(*a, 1_000_000 if quick else 10_000_000)


def _more(dtype: str, lanes: int, scale: float) -> Iterator[tuple[str, Callable[[], Case]]]:
    """The kinds of kinds.py, a deep network and one with tanh, each with gd and with adam."""
    for rule in ("gd", "adam"):
        for kind in KINDS:
            if kind.steps[lanes > 1]:
                name = f"{kind.name}-{rule}/{dtype}/{lanes}"
                yield name, lambda a=(kind, rule, dtype, lanes): catalogue(*a, scale)
        if lanes > 1:
            for layers, activation in (((64, 128, 128, 10), "relu"), ((64, 32, 10), "tanh")):
                if (len(layers), rule, dtype) == (4, "adam", "float32"):
                    continue  # its first steps go by the signs of slopes that rounding decides: no two sides agree
                name = f"{_mlp_name(layers, rule, activation)}/{dtype}/{lanes}"
                yield name, lambda a=(layers, dtype, lanes, scale, rule, activation): mlp(*a)
