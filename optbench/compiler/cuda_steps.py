"""Problem and rule -> one kernel that makes many steps of many lanes, a thread a lane, and one that evaluates them.

The problem's function sees a cohort of one lane: w and g (dim, 1), f (1,), or (dim,) in single form. A lane's numbers
lie beside its neighbors', (dim, lanes), so that the loads of a warp coalesce; where a lane is small, its thread keeps
them in local arrays meanwhile, which the compiler turns into registers.

Every lane belongs to a member: a cohort with a start point, mini-batches and noise of its own, which its lanes share.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from textwrap import indent
from typing import Any

import numpy as np
from numba import float64, void

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
from optbench.compiler.gradient_stages import DRAWN, MOVE, Stage, stages_of, thread_arguments_of, write_stages
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
    """What a step kernel is compiled for; sizes are 0 where lanes are not kept in local arrays."""

    batches: bool
    """True if mini-batches were gathered; else each step takes all data, or there are none."""
    stages: tuple[Stage, ...] = ()
    """What happens between problem and rule."""
    levels: float = 0.0
    """As in StageArguments; likewise ``labels_each``, ``delay`` and ``second_every``."""
    labels_each: int = 0
    delay: int = 0
    second_every: int = 0
    dim: int = 0
    state: int = 0
    """Slots of one number a parameter."""
    scalars: int = 0
    """Rows of ``scalars``; likewise of ``powers``."""
    powers: int = 0
    work: int = 0
    """Numbers of scratch."""


def shape_of(problem: Problem, optimizer: Optimizer, dtype: DtypeName, batches: bool, noisy: bool, work: int) -> Shape:
    """Return what a step kernel is compiled for.

    batches: as in Shape; noisy: whether steps draw noise; work: the numbers of scratch of the gradient of a lane.
    """
    rows = scalar_count(optimizer, len(problem.blocks))
    sizes = (problem.dim, len(optimizer.own), rows, len(optimizer.powers), work)
    numbers = problem.dim * (2 + len(optimizer.own)) + rows + 2 * len(optimizer.powers) + work
    fits = numbers * np.dtype(dtype).itemsize <= _LOCAL_BYTES
    given = problem.levels, problem.draws_labels, problem.delay, optimizer.second_every
    return Shape(batches, stages_of(problem, optimizer, noisy), *given, *(sizes if fits else ()))


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
    own = {name: f"_{name}" for name in ("w", "g", "state", "scalars", "powers")}
    update = call(ThreadUpdateArguments, "_update", **own, t="t", r="k")
    scope = {"_gradient": gradient, "_update": jit(rule), "_root": root}
    second = "", ""
    if optimizer.point_rule is not None:
        point = Writer(optimizer.point_rule, "thread", translator(dtype, whole_literals=True)).write_step()
        key, scope = f"{key}{point.__name__}", scope | {"_point": jit(point)}
        find = {"w": "point[:, r]", "scalars": "point_scalars", "t": "t", "r": "r"}
        labels = {"y": "labels[c, s][:sizes[s]]"} if optimizer.draws_labels else {}
        ahead = f"_state[{optimizer.own.index(optimizer.ahead)}, :, k]"
        second = (
            call(ThreadUpdateArguments, "_point", **own | find),
            _gradient_call(function, form, values | labels, "point[:, r]", ahead, "_f_ahead"),
        )
    for stage in shape.stages:
        scope[f"_{stage.apply.__name__}"], text = translator(dtype).translate(stage.apply, "a stage")
        key += text
    before, behind = write_stages(shape.stages, _stage_texts(optimizer, shape), second)
    keep, put_back = _local_copies(shape)
    text = f"""
def NAME({", ".join([names(StepsArguments), *thread_arguments_of(shape.stages)])}):
    for r in range(cuda.grid(1), f.shape[0], cuda.gridsize(1)):
        if not alive[r]:
            continue
        c = member[r]
        _f, _f_ahead = cuda.local.array(1, _real), cuda.local.array(1, _real)
        {keep}
        _at = {"at[:, r]" if MOVE in shape.stages else "_w"}
        for s in range(sizes.shape[0]):
            t = done + s + 1
{indent(before, " " * 12)}
            {_gradient_call(function, form, values, "_at", "_g", "_f")}
            f[r] = _f[0]
            if not _f[0] <= limit[r]:  # NaN fails, too
                alive[r] = False
                diverged_at[r] = t
                break
{indent(behind, " " * 12)}
            _scalars[0, k] = base[r] * factors[schedule_of[r], s]
            {update}
        total = _real(0)
        for d in range(_w.shape[0]):
            total += _g[d] * _g[d]
        norm[r] = _root(total)
        {put_back}
"""
    return _compile_text("steps", text, function, scope, dtype, f"{key}{rule.__name__}")


def _as_column(text: str) -> str:
    """Return code that makes a lane's numbers, (dim,), an array (dim, 1)."""
    return f"_shaped({text}, (_w.shape[0], 1))"


def _gradient_call(function: Callable, form: Form, values: dict[str, str], w: str, g: str, f: str) -> str:
    """Return code that writes a lane's gradient and loss to g and f; values: the code of the other arguments."""
    own = {"w": _as_column(w), "g": _as_column(g), "f": f} if form == "lanes" else {"w": w, "g": g}
    value = f"_gradient({', '.join((values | own)[name] for name in arguments(function))})"
    return value if form == "lanes" else f"{f}[0] = {value}"


def _stage_texts(optimizer: Optimizer, shape: Shape) -> dict[str, str]:
    """Return the code that gives each argument of a stage of gradients, by its name, for the lane at hand."""
    rows = {"w": "_w", "at": "_at", "g": "_g", "point": "point[:, r]", "oldest": "late[0, :, r]"}
    rows |= {"past": f"late[(t - 1) % {shape.delay}, :, r]"}
    if optimizer.second_gradient is not None:
        rows["ahead"] = f"_state[{optimizer.own.index(optimizer.ahead)}, :, k]"
    texts = {"f": "_f", "f_ahead": "_f_ahead", "unit": "unit[r:r + 1]", "loss": "_scalars[1, k:k + 1]"}
    texts |= {"count": f"_scalars[{len(optimizer.inputs) - 1}, k:k + 1]", "rows": "sizes[s]"}
    texts |= {name: f"{name}[c, s]" for name in DRAWN} | {"lag": str(shape.delay)}
    texts |= {name: str(getattr(shape, name)) for name in ("levels", "labels_each", "second_every")}
    return texts | {name: _as_column(text) for name, text in rows.items()}


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


def signatures(dtype: DtypeName, stages: tuple[Stage, ...] = ()) -> dict[str, Any]:
    """Return the signatures of ``steps`` with these stages, of ``evaluate`` and of ``gather``, by name."""
    own = (kind.of(dtype) for kind in thread_arguments_of(stages).values())
    steps = void(*signature(StepsArguments, dtype).args, *own)
    return {"steps": steps, "evaluate": signature(AssessArguments, dtype), "gather": signature(gather, dtype)}
