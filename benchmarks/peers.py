"""optbench beside JAX and PyTorch, on the work of the table in docs/speed.md, in one process on one core.

    pip install -e '.[peers]'
    python benchmarks/peers.py                                   # all cases, a minute or two
    python benchmarks/peers.py --only 'mlp*' --json peers.json   # a pattern, or a part of the name

The sides of a case take turns (A B C, A B C, ...) so that a slow moment of the machine hits all of them; the ratio
printed is the median of the ratios of the turns, in CPU time. Each side is first checked against a NumPy reference.
What is timed: everything from the start weights to the final ones, the gather of the mini-batches included; not
timed: compiling, and loading the data. All sides see optbench's own mini-batches: it draws them in its first call, the
others are given them.

optbench's side is a whole call of `optbench.cohort`. Two things in it are not counted, for no other side does them:
the evaluation on all training data costs nothing (`no_evaluation`), and what a call costs however few steps it makes is
measured by a call of one step in the same turns, and taken off. "JAX" is the program that JAX's documentation teaches:
`jax.grad` of one run's loss, scanned, and `jax.vmap` over the lanes. "JAX tuned" is the fastest of that and of what an
expert would try next. Nothing reads the loss there, so that XLA leaves it out; PyTorch and optbench compute it.
"""

from __future__ import annotations

import argparse
import importlib.util
import itertools
import json
import math
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import numpy as np

THREAD_LIMITS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
BATCH_SIZE, LAYERS = 64, (64, 32, 10)
SHAPES = [shape for ends in itertools.pairwise(LAYERS) for shape in (ends, ends[1:])]
"""Those of W (in, out) and b of each layer."""
ENDS = np.cumsum([math.prod(shape) for shape in SHAPES])[:-1]
ADAM = {"beta1": 0.9, "beta2": 0.999, "eps": 0.0, "eps_root": 1e-8}
TOLERANCE = 1e-8
"""Largest error that passes, relative to how far the weights moved."""


@dataclass(frozen=True)
class Case:
    """One piece of work: every lane begins at ``start``, and lane r has the rate ``lr[r]``."""

    name: str
    optimizer: str
    lanes: int
    steps: int
    torch_steps: int
    """PyTorch needs 20 to 4,000 times as long a step: it makes fewer of them, and all times are per step."""
    lr: np.ndarray
    start: np.ndarray
    problem: Any
    gradient: Callable[..., np.ndarray]
    """(w (lanes, dim), x, y) -> (lanes, dim), in NumPy."""
    x: np.ndarray | None = None
    y: np.ndarray | None = None
    batches: np.ndarray | None = None


@dataclass(frozen=True)
class Side:
    """One library's way to do a case; making it is the setup, which is never timed.

    ``run()`` makes ``steps`` steps of every lane from the start, ``weights(result)`` turns what it returned into an
    array (lanes, dim), and ``short()`` is the same with one step, whose time is taken off.
    """

    peer: str
    run: Callable[[], Any]
    steps: int
    weights: Callable[[Any], np.ndarray] = np.asarray
    note: str = ""
    short: Callable[[], Any] | None = None


def cases() -> Iterator[tuple[str, Callable[[], Case]]]:
    """All cases as (NAME/LANES, how to build it)."""
    # At rates so small that no lane arrives: at the minimum the averages decay to denormal numbers.
    yield "rosenbrock-gd/1", lambda: rosenbrock("gd", 1, 400_000, 12.0)
    yield "rosenbrock-gd/64", lambda: rosenbrock("gd", 64, 100_000, 12.0)
    yield "rosenbrock-adam/64", lambda: rosenbrock("adam", 64, 100_000, 0.4)
    yield "logistic/1", logistic
    yield "mlp/1", mlp


def no_evaluation(w, out):
    """1 for the loss on all training data, whatever it is."""
    out[:] = 1.0


def _problem(name: str, parameters: dict[str, Any], *data: np.ndarray) -> Any:
    """Return the catalogue's problem, with the case's data in the place of its own."""
    import optbench

    record = optbench.problems()[name].build(parameters)
    return replace(record, data=data or None, test=None, minimum=0.0, metrics=(), evaluate=no_evaluation)


def _batches(problem: Any, steps: int) -> np.ndarray:
    """Return optbench's own mini-batches, (steps, BATCH_SIZE)."""
    import optbench

    return np.array(optbench.mini_batches(problem, batch_size=BATCH_SIZE, seed=0, steps=steps), np.int64)


def rosenbrock(optimizer: str, lanes: int, steps: int, way: float) -> Case:
    def gradient(w: np.ndarray, x: Any, y: Any) -> np.ndarray:
        valley = w[:, 1] - w[:, 0] ** 2
        return np.stack([-2 * (1 - w[:, 0]) - 400 * w[:, 0] * valley, 200 * valley], axis=1)

    lr = way / steps * (np.ones(1) if lanes == 1 else np.geomspace(0.5, 1.5, lanes))
    problem = _problem("rosenbrock", {"noise": 0.0})
    return Case(f"rosenbrock-{optimizer}", optimizer, lanes, steps, 500, lr, np.array([-1.2, 1.0]), problem, gradient)


def logistic(steps: int = 16_000, examples: int = 9_984, dim: int = 100) -> Case:
    def gradient(w: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return (1 / (1 + np.exp(-(w @ x.T))) - y) @ x / len(y)

    rng = np.random.default_rng(1)
    x = rng.standard_normal((examples, dim))
    y = (rng.random(examples) < 1 / (1 + np.exp(-(x @ rng.standard_normal(dim) * 0.3)))).astype(float)
    # The linear model's intercept is a column of ones behind the features: one feature less, and it is the case's.
    problem = _problem("logistic", {"data": f"gaussian(examples=100, features={dim - 1})", "l2": 0.0}, x, y)
    return Case("logistic", "gd", 1, steps, 800, np.array([0.1]), np.zeros(dim), problem, gradient, x, y,
                _batches(problem, steps))  # fmt: skip


def mlp(steps: int = 2_000, examples: int = 2_048) -> Case:
    def gradient(w: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        w1, b1, w2, b2 = split(w[0])
        hidden = np.maximum(x @ w1 + b1, 0)
        z = hidden @ w2 + b2
        p = np.exp(z - z.max(axis=1, keepdims=True))
        delta = p / p.sum(axis=1, keepdims=True)
        delta[np.arange(len(y)), y] -= 1
        delta /= len(y)
        back = delta @ w2.T * (hidden > 0)
        return join([x.T @ back, back.sum(0), hidden.T @ delta, delta.sum(0)])

    rng = np.random.default_rng(2)
    start = join([rng.standard_normal(s) * np.sqrt(2 / s[0]) if len(s) == 2 else np.zeros(s) for s in SHAPES])[0]
    x, y = rng.standard_normal((examples, LAYERS[0])), rng.integers(0, LAYERS[-1], examples)
    data = f"gaussian(examples=100, features={LAYERS[0]}, classes={LAYERS[-1]})"
    problem = _problem("mlp", {"data": data, "hidden": LAYERS[1:-1]}, x, y.astype(float))
    return Case("mlp", "gd", 1, steps, 300, np.array([0.05]), start, problem, gradient, x, y, _batches(problem, steps))


def split(w: np.ndarray) -> list[np.ndarray]:
    """Return the weights of the MLP, (dim,), as its arrays."""
    return [part.reshape(shape) for part, shape in zip(np.split(w, ENDS), SHAPES, strict=True)]


def join(parameters: Any) -> np.ndarray:
    """Return the arrays of the MLP as weights, (1, dim)."""
    return np.concatenate([np.asarray(part).ravel() for part in parameters])[None]


def reference(case: Case, steps: int) -> np.ndarray:
    """Return what every side must arrive at after so many steps, (lanes, dim), by plain NumPy."""
    w, lr = np.tile(case.start, (case.lanes, 1)), case.lr[:, None]
    m, v = np.zeros_like(w), np.zeros_like(w)
    beta1, beta2, eps, eps_root = ADAM.values()
    for step in range(1, steps + 1):
        batch = None if case.batches is None else case.batches[step - 1]
        g = case.gradient(w, *((None, None) if batch is None else (case.x[batch], case.y[batch])))
        if case.optimizer == "gd":
            w = w - lr * g
            continue
        m, v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g * g
        w = w - lr * (m / (1 - beta1**step)) / (np.sqrt(v / (1 - beta2**step) + eps_root) + eps)
    return w


def error(case: Case, side: Side, expected: np.ndarray) -> float:
    """Return the largest error of a side, relative to how far the farthest weight moved."""
    return float(np.abs(side.weights(side.run()) - expected).max() / np.abs(expected - case.start).max())


def optbench_side(case: Case) -> Side:
    """Return optbench's side: a call as a user makes it."""
    import optbench

    settings = [{"lr": float(lr), **(ADAM if case.optimizer == "adam" else {})} for lr in case.lr]
    size = "full" if case.batches is None else BATCH_SIZE

    def call(steps: int) -> Any:
        return optbench.cohort(case.problem, case.optimizer, settings, steps=steps, batch_size=size, seed=0,
                               dtype="float64", points=[steps], start=case.start)  # fmt: skip

    return Side("optbench", lambda: call(case.steps), case.steps, lambda found: found.w, "cohort", lambda: call(1))


def jax_sides(case: Case) -> list[Side]:
    """Return "JAX" and "JAX tuned", the best of several unroll factors each, by timing; they may be the same."""
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)

    def valley(w: Any) -> Any:
        return (1 - w[0]) ** 2 + 100 * (w[1] - w[0] ** 2) ** 2

    def entropy(w: Any, x: Any, y: Any) -> Any:
        z = x @ w
        return jnp.mean(jax.nn.softplus(z) - y * z)

    def by_sigmoid(w: Any, x: Any, y: Any) -> Any:
        return ((jax.nn.sigmoid(w @ x.T) - y) / BATCH_SIZE) @ x

    def by_tanh(w: Any, x: Any, y: Any) -> Any:
        return ((0.5 * jnp.tanh(0.5 * (w @ x.T)) + 0.5 - y) / BATCH_SIZE) @ x

    def classes(parameters: Any, x: Any, y: Any) -> Any:
        w1, b1, w2, b2 = parameters
        z = jax.nn.relu(x @ w1 + b1) @ w2 + b2
        return jnp.mean(jax.nn.logsumexp(z, axis=1) - jnp.sum(z * jax.nn.one_hot(y, LAYERS[-1], dtype=z.dtype), 1))

    def backward(parameters: Any, x: Any, y: Any) -> Any:
        w1, b1, w2, b2 = parameters
        hidden = jnp.maximum(x @ w1 + b1, 0)
        delta = (jax.nn.softmax(hidden @ w2 + b2) - jax.nn.one_hot(y, LAYERS[-1], dtype=x.dtype)) / BATCH_SIZE
        back = jnp.where(hidden > 0, delta @ w2.T, 0)
        return [x.T @ back, back.sum(0), hidden.T @ delta, delta.sum(0)]

    weights = np.tile(case.start, (case.lanes, 1))
    if case.name == "mlp":
        start, unpack = [part[None] for part in split(case.start)], join
    else:
        start, unpack = weights, np.asarray
    plain = {"rosenbrock": valley, "logistic": entropy, "mlp": classes}[case.name.partition("-")[0]]
    factors = (1, 4) if case.name.startswith("rosenbrock") else (1, 2)
    sides = [_jax_side(case, "grad", jax.grad(plain), start, unpack, factor) for factor in factors]
    if case.name.startswith("rosenbrock"):  # two arrays, so that no slice stands between XLA and one fused loop
        pair = tuple(weights.T)
        others = [
            _jax_side(case, "pair of coordinates", jax.grad(plain), pair, lambda found: np.stack(found, 1), factor)
            for factor in (1, 4, 16)
        ]
    else:
        by_hand = [backward] if case.name == "mlp" else [by_sigmoid, by_tanh]
        others = [_jax_side(case, each.__name__, each, start, unpack, factor) for each in by_hand for factor in factors]
    best = _fastest(sides)
    return [best, replace(_fastest([best, *others]), peer="JAX tuned")]


def _jax_side(case: Case, name: str, gradient: Any, start: Any, unpack: Any, unroll: int) -> Side:
    """Return one jitted scan over the steps, the lanes side by side. start: a pytree of arrays, the lanes first."""
    import jax
    import jax.numpy as jnp

    def train(w: Any, lr: Any, data: Any) -> Any:
        beta1, beta2, eps, eps_root = ADAM.values()

        def slope(w: Any, batch: Any) -> Any:
            examples = () if batch is None else (a.at[batch].get(mode="promise_in_bounds") for a in data[:2])
            return gradient(w, *examples)

        def gd(w: Any, batch: Any) -> Any:
            return jax.tree.map(lambda w, g: w - lr * g, w, slope(w, batch)), None

        def adam(carry: Any, batch: Any) -> Any:
            w, m, v, beta1_t, beta2_t = carry
            g, beta1_t, beta2_t = slope(w, batch), beta1_t * beta1, beta2_t * beta2
            m = jax.tree.map(lambda m, g: beta1 * m + (1 - beta1) * g, m, g)
            v = jax.tree.map(lambda v, g: beta2 * v + (1 - beta2) * g * g, v, g)

            def update(w: Any, m: Any, v: Any) -> Any:
                return w - lr * (m / (1 - beta1_t)) / (jnp.sqrt(v / (1 - beta2_t) + eps_root) + eps)

            return (jax.tree.map(update, w, m, v), m, v, beta1_t, beta2_t), None

        zeros = jax.tree.map(jnp.zeros_like, w)
        step, carry = (gd, w) if case.optimizer == "gd" else (adam, (w, zeros, zeros, jnp.ones(()), jnp.ones(())))
        carry = jax.lax.scan(step, carry, data[2], case.steps, unroll=unroll)[0]
        return carry if case.optimizer == "gd" else carry[0]

    begin, lr = jax.tree.map(jnp.asarray, (start, case.lr))
    single = case.lanes == 1  # no vmap over one
    if single:
        begin, lr = jax.tree.map(lambda a: a[0], (begin, lr))
    batches = None if case.batches is None else case.batches[: case.steps].astype(np.int32)
    data = tuple(None if a is None else jnp.asarray(a) for a in (case.x, case.y, batches))
    compiled = jax.jit(train if single else jax.vmap(train, (0, 0, None))).lower(begin, lr, data).compile()

    def weights(found: Any) -> np.ndarray:
        return unpack(jax.tree.map(lambda a: np.asarray(a)[None] if single else np.asarray(a), found))

    def run() -> Any:
        return jax.block_until_ready(compiled(begin, lr, data))

    return Side("JAX", run, case.steps, weights, f"{name}, unroll {unroll}")


def _fastest(sides: list[Side]) -> Side:
    """Return the side with the smallest of three times, taken in turns after a first call."""
    best = dict.fromkeys(range(len(sides)), math.inf)
    for attempt in range(4):
        for place, side in enumerate(sides):
            began = time.process_time()
            side.run()
            if attempt:
                best[place] = min(best[place], time.process_time() - began)
    return sides[min(best, key=best.__getitem__)]


def torch_side(case: Case) -> Side:
    """Return a training loop in eager mode, of one run: gather, zero_grad, loss, backward, step of SGD."""
    import torch
    from torch.nn import functional

    names = split(case.start) if case.name == "mlp" else [case.start]
    parameters = [torch.nn.Parameter(torch.from_numpy(part.copy())) for part in names]
    start = [part.detach().clone() for part in parameters]
    batches = [None] * case.torch_steps if case.batches is None else list(torch.from_numpy(case.batches))
    x, y = (None if a is None else torch.from_numpy(a) for a in (case.x, case.y))

    def loss(batch: Any) -> Any:
        w = parameters[0]
        if case.name == "logistic":
            return functional.binary_cross_entropy_with_logits(x[batch] @ w, y[batch])
        if case.name == "mlp":
            hidden = functional.relu(x[batch] @ w + parameters[1])
            return functional.cross_entropy(hidden @ parameters[2] + parameters[3], y[batch])
        return (1 - w[0]) ** 2 + 100 * (w[1] - w[0] * w[0]) ** 2

    def run() -> Any:
        with torch.no_grad():
            for part, first in zip(parameters, start, strict=True):
                part.copy_(first)
        optimizer = torch.optim.SGD(parameters, float(case.lr[0]))
        for batch in batches[: case.torch_steps]:
            optimizer.zero_grad()
            loss(batch).backward()
            optimizer.step()
        return parameters

    return Side("PyTorch eager", run, case.torch_steps, lambda found: join([part.detach() for part in found]), "SGD")


def measure(sides: list[Side], lanes: int, repeats: int, seconds: float) -> list[list[float]]:
    """Return the nanoseconds per run-step of every side at every repeat, in turns; each lasts ``seconds``."""

    def spent(call: Callable[[], Any], count: int) -> float:
        began = time.process_time()
        for _ in range(count):
            call()
        return (time.process_time() - began) * 1e9 / count

    def many(call: Callable[[], Any]) -> int:
        return math.ceil(seconds * 1e9 / max(spent(call, 1), 1))

    counts = [(many(side.run), many(side.short) if side.short else 0) for side in sides]
    times: list[list[float]] = [[] for _ in sides]
    for _ in range(repeats):
        for side, (long, short), found in zip(sides, counts, times, strict=True):
            whole = spent(side.run, long)
            less = spent(side.short, short) if side.short else 0.0
            found.append((whole - less) / ((side.steps - bool(side.short)) * lanes))
    return times


def rows_of(case: Case, repeats: int, seconds: float) -> Iterator[dict[str, Any]]:
    """Check and time one case: yield a row for each peer."""
    sides = [optbench_side(case), *jax_sides(case), *([torch_side(case)] if case.lanes == 1 else [])]
    expected = {steps: reference(case, steps) for steps in {side.steps for side in sides}}
    errors = [error(case, side, expected[side.steps]) for side in sides]
    ours, *times = measure(sides, case.lanes, repeats, seconds)
    for side, theirs, wrong in zip(sides[1:], times, errors[1:], strict=True):
        yield {
            "case": case.name, "dtype": "float64", "lanes": case.lanes, "peer": side.peer, "variant": side.note,
            "optbench_ns": statistics.median(ours), "peer_ns": statistics.median(theirs),
            "ratio": statistics.median(a / b for a, b in zip(ours, theirs, strict=True)),
            "error": max(errors[0], wrong), "optbench_ns_all": ours, "peer_ns_all": theirs,
        }  # fmt: skip


def pin() -> int | None:
    """Keep this process to one core and every library to one thread; before any of them is imported.

    Returns the core, or None if the system cannot pin (macOS, Windows) or does not let us.
    """
    os.environ.update(dict.fromkeys(THREAD_LIMITS, "1"))
    flags = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {flags}".strip()
    os.environ["JAX_PLATFORMS"] = "cpu"
    try:
        core = max(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {core})
    except (AttributeError, OSError):
        return None
    return core


def environment(core: int | None, repeats: int, seconds: float) -> dict[str, Any]:
    from importlib.metadata import version

    import optbench

    peers = {name: version(name) for name in ("torch", "jax", "jaxlib")}
    return {**optbench.info(), **peers, "core": core, "repeats": repeats, "seconds_per_measurement": seconds}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="peers.py", description="optbench beside JAX and PyTorch.")
    parser.add_argument("--only", metavar="PATTERN", default="*", help="of cases NAME/LANES: 'rosenbrock*/64', 'mlp'")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write every measurement and the versions to FILE")
    parser.add_argument("--quick", action="store_true", help="shorter, with 3 repeats")
    options = parser.parse_args(arguments)
    if options.json and not options.json.resolve().parent.is_dir():
        parser.error(f"--json: there is no folder {options.json.resolve().parent}")
    if missing := [name for name in ("torch", "jax") if importlib.util.find_spec(name) is None]:
        print(f"peers.py: needs {', '.join(missing)}: pip install -e '.[peers]'", file=sys.stderr)
        return 2
    known = dict(cases())
    chosen = [build for name, build in known.items() if fnmatch(name, options.only) or options.only in name]
    if not chosen:
        print(f"peers.py: no case matches {options.only!r}; there are: {' '.join(known)}", file=sys.stderr)
        return 2
    core = pin()
    import torch

    torch.set_num_threads(1)
    repeats, seconds = (3, 0.01) if options.quick else (7, 0.05)
    print(f"pinned to core {core}" if core is not None else "not pinned: this system cannot", flush=True)
    form = "{:<16}{:>5}  {:<14}{:>12}{:>12}{:>9}{:>8}  {}"
    print(form.format("case", "lanes", "peer", "optbench ns", "peer ns", "ratio", "error", "variant"))
    rows = []
    for build in chosen:
        for row in rows_of(build(), repeats, seconds):
            rows.append(row)
            numbers = [f"{row['optbench_ns']:,.5g}", f"{row['peer_ns']:,.5g}", f"{row['ratio']:.4f}"]
            cells = row["case"], row["lanes"], row["peer"], *numbers, f"{row['error']:.0e}", row["variant"]
            print(form.format(*cells), flush=True)
    wrong = [f"{row['case']} {row['peer']}" for row in rows if not row["error"] <= TOLERANCE]
    if wrong:
        print(f"peers.py: a side is wrong: {', '.join(wrong)}", file=sys.stderr)
    if options.json:
        content = {"environment": environment(core, repeats, seconds), "rows": rows}
        options.json.write_text(json.dumps(content, indent=1) + "\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
