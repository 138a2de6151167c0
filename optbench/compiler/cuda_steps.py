"""Problem and rule -> one kernel that makes many steps of many lanes, a thread a lane, and one that evaluates them.

The problem's function sees a cohort of one lane: w and g (dim, 1), f (1,), or (dim,) in single form. A lane's numbers
lie beside its neighbors', (dim, lanes), so that the loads of a warp coalesce; where a lane is small, its thread keeps
them in local arrays meanwhile, which the compiler turns into registers.

Every lane belongs to a member: a cohort with a start point, mini-batches and noise of its own, which its lanes share.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
from numba import float64

from optbench.compiler.contracts import (
    AssessArguments,
    Reals1,
    Reals2,
    Reals3,
    Reals4,
    Shorts3,
    StepsArguments,
    ThreadUpdateArguments,
)
from optbench.compiler.cuda import cuda, jit, kernel
from optbench.compiler.cuda_translator import root, shaped, translator
from optbench.compiler.scalar_rows import scalar_count
from optbench.compiler.signatures import call, names, signature
from optbench.compiler.translator import REALS, compile_tree
from optbench.compiler.update_text import Writer
from optbench.contract.optimizers import Optimizer, arguments
from optbench.contract.problems import Problem
from optbench.contract.types import DtypeName, Form

_LOCAL_BYTES = 256
"""Bytes that a thread may keep of its lane: 64 of at most 255 registers of 4 bytes; much beyond it, they spill. An
estimate: no card has measured where it begins to cost."""
ROWS = 32
"""Examples that are evaluated at a time: a lane's scratch grows with them. An estimate."""


@dataclass(frozen=True)
class Shape:
    """The sizes of a lane's arrays that a step kernel is compiled for; 0 where lanes are not kept in local arrays."""

    batches: bool
    """True if mini-batches were gathered; else each step takes all data, or there are none."""
    noisy: bool
    """True if steps take drawn gradient noise."""
    dim: int = 0
    state: int = 0
    """Slots of one number a parameter."""
    scalars: int = 0
    """Rows of ``scalars``; likewise of ``powers``."""
    powers: int = 0
    work: int = 0
    """Numbers of scratch."""
    stressed: bool = False
    """True if drawn factors and terms change the gradients."""
    levels: float = 0.0
    """As in DriveArguments."""
    delay: int = 0
    """Steps by which gradients are late."""
    moving: bool = False
    """True if the objective moves."""
    labels_each: int = 0
    """As in DriveArguments."""


def shape_of(problem: Problem, optimizer: Optimizer, dtype: DtypeName, batches: bool, noisy: bool, work: int) -> Shape:
    """Return the sizes of a step kernel.

    batches, noisy: as in Shape; work: the numbers of scratch that the gradient takes for a lane.
    """
    rows = scalar_count(optimizer, len(problem.blocks))
    sizes = (problem.dim, len(optimizer.own), rows, len(optimizer.powers), work)
    numbers = problem.dim * (2 + len(optimizer.own)) + rows + 2 * len(optimizer.powers) + work
    fits = numbers * np.dtype(dtype).itemsize <= _LOCAL_BYTES
    kept = Shape(batches, noisy, *(sizes if fits else ()))
    return replace(
        kept,
        stressed=bool(problem.stress),
        levels=problem.levels,
        delay=problem.delay,
        moving=problem.drift is not None,
        labels_each=problem.draws_labels if "labels" in optimizer.inputs else 0,
    )


@cache
def step_kernel(
    function: Callable, form: Form, optimizer: Optimizer, dtype: DtypeName, shape: Shape, owner: str
) -> Any:
    """Return the kernel that makes steps of all lanes. Raises PluginError if a function has no source.

    function: the problem's value_and_gradient; owner: the words for the problem in messages.
    """
    rule = Writer(optimizer, "thread", translator(dtype, whole_literals=True)).write_step()
    gradient, key = translator(dtype).translate(function, owner)
    values = {name: name for name in ("x", "y", "constants", "layout")} | {"work": "_work"}
    if shape.batches:
        values |= {name: f"{name}_batch[c, s][:sizes[s]]" for name in "xy"}
    values |= {"w": "_at2", "g": "_g2", "f": "_f"} if form == "lanes" else {"w": "_at", "g": "_g"}
    value = f"_gradient({', '.join(values[name] for name in arguments(function))})"
    own = {name: f"_{name}" for name in ("w", "g", "state", "scalars", "powers")}
    update = call(ThreadUpdateArguments, "_update", **own, t="done + s + 1", r="k")
    look_rule, scope = optimizer.look_rule, {}
    if look_rule is not None:
        look = Writer(look_rule, "thread", translator(dtype, whole_literals=True)).write_step()
        key, scope = f"{key}{look.__name__}", {"_look": jit(look)}
    second = _second_gradient(optimizer, form, shape, function, values)
    keep, put_back = _local_copies(shape)
    noise = "for d in range(_w.shape[0]): _g[d] = noise[c, s, _w.shape[0]] * _g[d] + noise[c, s, d]"
    loss = "_scalars[1, k] = _f[0]"
    if shape.noisy:
        loss = """_scalars[1, k] = noise[c, s, _w.shape[0]] * _f[0]
            for d in range(_w.shape[0]): _scalars[1, k] += noise[c, s, d] * _at[d]"""
    labels = f"_scalars[{1 + ('loss' in optimizer.inputs)}, k] = sizes[s] * {shape.labels_each}"
    move = "for d in range(_w.shape[0]): _at[d] = _w[d] - path[c, s, d]"
    text = f"""
def NAME({names(StepsArguments)}):
    for r in range(cuda.grid(1), f.shape[0], cuda.gridsize(1)):
        if not alive[r]:
            continue
        c = member[r]
        _f = cuda.local.array(1, _real)
        {keep}
        _at = {"at[:, r]" if shape.moving else "_w"}
        _at2, _g2 = _shaped(_at, (_w.shape[0], 1)), _shaped(_g, (_w.shape[0], 1))
        for s in range(sizes.shape[0]):
            {move if shape.moving else ""}
            {value if form == "lanes" else f"_f[0] = {value}"}
            f[r] = _f[0]
            if not _f[0] <= limit[r]:  # NaN fails, too
                alive[r] = False
                diverged_at[r] = done + s + 1
                break
            {loss if "loss" in optimizer.inputs else ""}
            {labels if shape.labels_each else ""}
            {noise if shape.noisy else ""}
            {_gradient_changes(shape)}
            {second}
            _scalars[0, k] = base[r] * factors[schedule_of[r], s]
            {update}
        total = _real(0)
        for d in range(_w.shape[0]):
            total += _g[d] * _g[d]
        norm[r] = _root(total)
        {put_back}
"""
    scope |= {"_gradient": gradient, "_update": jit(rule), "_root": root}
    return _compile_text("steps", text, function, scope, dtype, f"{key}{rule.__name__}")


def _gradient_changes(shape: Shape) -> str:
    """Return code that changes, rounds and delays a lane's gradient, as driver.py does; "" if nothing does."""
    lines = []
    if shape.stressed:
        lines += [
            "if done + s == 0:",
            "    total = _real(0)",
            "    for d in range(_w.shape[0]): total += _g[d] * _g[d]",
            "    unit[r] = _root(total / _real(_w.shape[0]))",
            "for d in range(_w.shape[0]): _g[d] = stress[c, s, d] * _g[d] + unit[r] * stress[c, s, _w.shape[0] + d]",
        ]
    if shape.levels:
        lines += [
            "peak = _real(0)",
            "for d in range(_w.shape[0]):",
            "    if abs(_g[d]) > peak: peak = abs(_g[d])",
            "if peak > 0 and peak - peak == 0:",
            "    for d in range(_w.shape[0]):",
            "        if _g[d] == _g[d]:",
            f"            size = _real(int(abs(_g[d]) / peak * {shape.levels} + 0.5) / {shape.levels} * peak)",
            "            _g[d] = size if _g[d] > 0 else -size",
        ]
    if shape.delay:
        lines += [
            f"slot = (done + s) % {shape.delay}",
            "for d in range(_w.shape[0]):",
            "    e = late[slot, d, r]",
            "    late[slot, d, r] = _g[d]",
            f"    _g[d] = e if done + s >= {shape.delay} else late[0, d, r]",
        ]
    return "\n            ".join(lines)


def _second_gradient(optimizer: Optimizer, form: Form, shape: Shape, function: Callable, values: dict[str, str]) -> str:
    """Return code that takes a lane's second gradient of a step, as driver.py does; "" for a rule without one.

    values: the arguments of the problem's ``function`` in the first.
    """
    if optimizer.second_gradient is None:
        return ""
    own = {"w": "_p", "g": "_g", "state": "_state", "scalars": "look_scalars", "blocks": "look_blocks"}
    find = call(ThreadUpdateArguments, "_look", **own, powers="_powers", t="done + s + 1", r="r")
    there = {"w": "_p", "g": "_ahead"} if form == "single" else {"w": "_p2", "g": "_ahead2", "f": "_f2"}
    if optimizer.draws_labels:
        there |= {"y": "labels[c, s][:sizes[s]]"}
    value = f"_gradient({', '.join((values | there)[name] for name in arguments(function))})"
    lines = [
        "_p, _ahead = point[:, r], _state[" + str(optimizer.own.index(optimizer.ahead)) + ", :, k]",
        "_f2 = cuda.local.array(1, _real)",
        "_p2, _ahead2 = _shaped(_p, (_w.shape[0], 1)), _shaped(_ahead, (_w.shape[0], 1))",
        "for d in range(_w.shape[0]): _p[d] = _w[d]",
        find,
    ]
    if shape.moving:
        lines += ["for d in range(_w.shape[0]): _p[d] -= path[c, s, d]"]
    lines += [value if form == "lanes" else f"_f2[0] = {value}"]
    if shape.noisy:
        noise = "noise[c, s, _w.shape[0]] * _ahead[d] + noise[c, s, d]"
        lines += [f"for d in range(_w.shape[0]): _ahead[d] = {noise}"]
    if shape.stressed:
        changed = "stress[c, s, d] * _ahead[d] + unit[r] * stress[c, s, _w.shape[0] + d]"
        lines += [f"for d in range(_w.shape[0]): _ahead[d] = {changed}"]
    return "\n                ".join([f"if (done + s) % {optimizer.look_every} == 0:", *lines])


def _local_copies(shape: Shape) -> tuple[str, str]:
    """Return code that loads a lane's arrays into local ones, and code that writes these back; "" if it is not kept."""
    if not shape.dim:
        return (
            "k, _w, _g, _work = r, w[:, r], g[:, r], work[:, r]; _state, _scalars, _powers = state, scalars, powers",
            "",
        )
    lines, back = ["k = 0"], []
    parts = {"w": (shape.dim,), "g": (shape.dim,), "work": (shape.work,), "state": (shape.state, shape.dim, 1)}
    parts |= {"scalars": (shape.scalars, 1), "powers": (shape.powers, 1)}
    for name, sizes in parts.items():
        if not math.prod(sizes):
            lines.append(f"_{name} = {'work[:, r]' if name == 'work' else name}")
            continue
        kind = "_double" if name == "powers" else "_real"
        lines.append(f"_{name} = _shaped(cuda.local.array({math.prod(sizes)}, {kind}), {sizes})")
        if name in ("w", "scalars", "powers"):
            loop, here, there = f"for d in range({sizes[0]}):", "d" if name == "w" else "d, 0", "d, r"
        elif name == "state":
            loop, here, there = (
                f"for d in range({shape.state * shape.dim}):",
                "d // {0}, d % {0}, 0",
                "d // {0}, d % {0}, r",
            )
            here, there = here.format(shape.dim), there.format(shape.dim)
        else:
            continue
        lines.append(f"{loop} _{name}[{here}] = {name}[{there}]")
        back.append(f"{loop} {name}[{there}] = _{name}[{here}]")
    indent = "\n        "
    return indent.join(lines), indent.join(back)


@cache
def evaluate_kernel(function: Callable, form: Form, evaluates: bool, metrics: int, dtype: DtypeName, owner: str) -> Any:
    """Return the kernel of loss and metrics of all lanes, (1 + metrics, runs).

    function: the problem's evaluate where ``evaluates``, else its value_and_gradient; metrics: their number; owner: the
    words for the problem in messages.
    """
    inner, key = translator(dtype).translate(function, owner)
    values = {"x": "x[first:first + ROWS]", "y": "y[first:first + ROWS]", "work": "work[:, r]"}
    values |= {name: name for name in ("constants", "layout")}
    if form == "lanes":
        values |= {"w": "_shaped(_w, (_w.shape[0], 1))", "g": "_shaped(g[:, r], (_w.shape[0], 1))"}
        values |= {"f": "_out", "out": f"_shaped(_out, ({1 + metrics}, 1))"}
    else:
        values |= {"w": "_w", "g": "g[:, r]", "out": "_out"}
    value = f"_inner({', '.join(values[name] for name in arguments(function))})"
    text = f"""
def NAME({names(AssessArguments)}):
    for r in range(cuda.grid(1), good.shape[0], cuda.gridsize(1)):
        _w = reported[:, r]
        fine = True
        for d in range(_w.shape[0]):
            fine = fine and w[d, r] - w[d, r] == 0 and _w[d] - _w[d] == 0
        good[r] = fine
        _out = cuda.local.array({1 + metrics}, _real)
        for m in range({1 + metrics}):
            out[m, r] = 0.0
        count = x.shape[0] if x.shape[0] > 0 else 1
        for first in range(0, count, ROWS):
            {value if evaluates or form == "lanes" else f"_out[0] = {value}"}
            share = (ROWS if first + ROWS < count else count - first) / count
            for m in range({1 + metrics}):
                out[m, r] += _out[m] * share
"""
    return _compile_text("evaluate", text, function, {"_inner": inner, "ROWS": ROWS}, dtype, key)


def _compile_text(name: str, text: str, home: Callable, scope: dict, dtype: str, key: str) -> Any:
    """Return the CUDA kernel of a generated text; arguments as for `compile_tree`."""
    scope = {"cuda": cuda, "_real": REALS[dtype], "_double": float64, "_shaped": shaped, **scope}
    return kernel(compile_tree(text, name, home, scope, key + dtype))


@kernel
def gather(x: Reals2, y: Reals1, order: Shorts3, x_batch: Reals4, y_batch: Reals3) -> None:
    """Copy the examples of each mini-batch: x_batch[c, s, i] = x[order[c, s, i]], likewise y; a thread per number."""
    features = x.shape[1]
    rows = order.shape[0] * order.shape[1] * order.shape[2]
    for e in range(cuda.grid(1), rows * features, cuda.gridsize(1)):
        row, j = e // features, e % features
        i = row % order.shape[2]
        s = row // order.shape[2] % order.shape[1]
        c = row // order.shape[2] // order.shape[1]
        k = order[c, s, i]
        x_batch[c, s, i, j] = x[k, j]
        if j == 0:
            y_batch[c, s, i] = y[k]


def signatures(dtype: DtypeName) -> dict[str, Any]:
    """Return the signatures of ``steps``, ``evaluate`` and ``gather``, by name."""
    kernels = {"steps": StepsArguments, "evaluate": AssessArguments, "gather": gather}
    return {name: signature(contract, dtype) for name, contract in kernels.items()}
