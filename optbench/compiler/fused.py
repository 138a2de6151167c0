"""A problem's gradient and a rule's update as one kernel: many steps of a few lanes before the next lanes have theirs.

The kernels that the driver calls by address take some sixty arguments each, and hand w, g and f on through memory. Here
both stand in one function, sizes are constants, and the lanes of a vector stay in registers or the L1 cache for as many
steps as a chunk has. Where parameters are few, a step waits for its own operations longer than it computes: several
vectors step side by side then. It takes one to three seconds to compile for each pair: engine/cpu/fusing.py says when
that pays.
"""

import ast
from collections.abc import Callable
from functools import cached_property, lru_cache
from types import FunctionType
from typing import Any

import numba
import numpy as np

from optbench.compiler import numba_inside
from optbench.compiler.arrays_inside import on_stack, turned
from optbench.compiler.contracts import FusedArguments, GradientArguments
from optbench.compiler.fused_steps import can_step_at_once, parts_at_once, steps_at_once
from optbench.compiler.fused_update import FusedUpdateArguments, FusedWriter
from optbench.compiler.kernels import finish
from optbench.compiler.pipelines_inside import PART, Vectors
from optbench.compiler.problem_kernels import gradient_of_lanes
from optbench.compiler.signatures import call, names, signature
from optbench.compiler.translator import OPTIONS, REALS, STRICT, compile_tree, jit
from optbench.contract.optimizers import Optimizer
from optbench.contract.problem_values import scratch
from optbench.contract.problems import Problem
from optbench.contract.source_code import definition
from optbench.contract.types import DtypeName

VECTOR = 64
"""Bytes of the lanes that go together: a cache line, and the widest vectors there are."""
# Parameters of the vectors that step side by side: measured, 64 lanes in float64, at 2, 4, 8, 16: Rosenbrock with gd
# 2.7, 1.32, 1.00, 0.92, with adam 1.10, 1.00, 1.00, 1.02, where 16 takes 0.8 s longer to compile than 8
TOGETHER = 8
"""Parameters, of all vectors that step in turn: enough to hide how long an operation takes, few enough for the L1 cache
with what a rule keeps of them."""
# Parameters of one lane whose gradient makes no steps: measured, without and with: 20 of Styblinski-Tang with gd 5.8
# and 6.6 ns, with adam 28.6 and 27.5; 100 of Rosenbrock with gd 51 and 37
FEW = 32
"""Parameters of one lane up to which its gradient makes no steps: they stay in registers as they are."""
_PART = OPTIONS | STRICT | PART
_OPTIONS = STRICT | {"pipeline_class": Vectors}


class Fused:
    """The fused kernel of a pair, for one lane (``one``) or for vectors of them; compiled when it is first asked for.

    The problem is in lanes form, has no data and multiplies no matrices; the rule is none on matrices. ``rows``: of the
    rule's scalars, as many as its parameter blocks ask for.
    """

    def __init__(self, problem: Problem, rule: Optimizer, dtype: DtypeName, one: bool, rows: int):
        self.problem, self.rule, self.dtype, self.one, self.rows = problem, rule, dtype, one, rows
        self.lanes = 1 if one else VECTOR // np.dtype(dtype).itemsize
        self.vectors = 1 if one else max(1, TOGETHER // problem.dim)
        self._writer = FusedWriter(rule, "rows" if one else "lanes", dtype, problem.dim)
        many = self.vectors == 1 and not (one and problem.dim <= FEW)
        self.at_once = many and can_step_at_once(problem, rule)
        self._signature = signature(FusedArguments, dtype)
        self._owner = f"problem {problem.name or '(unnamed)'} with {rule.name}"

    @cached_property
    def kernel(self) -> Callable[..., None]:
        """Takes the fields of FusedArguments. Raises PluginError where it does not compile."""
        return finish(self._function, self._signature, self._owner, "its fused kernel", **_OPTIONS).prepared()

    @property
    def is_kept(self) -> bool:
        """Whether an earlier process has left the kernel on disk."""
        return numba_inside.is_kept(jit(self._function, **_OPTIONS), self._signature)

    @cached_property
    def _function(self) -> Any:
        gradient = gradient_of_lanes(self.problem.value_and_gradient, self.dtype, self._owner, strict=True)
        update = self._writer.function()
        namespace = {"_gradient": numba.njit(**_PART)(gradient), "_update": numba.njit(**_PART)(update)}
        namespace |= {"_turned": turned} | self._rooms()
        key = f"{gradient.__name__} {update.__name__} {self.dtype}"
        if self.at_once:
            parts, names_of_parts = parts_at_once(self.rule, self.dtype, self.problem.dim, self.one)
            namespace, key = namespace | parts, f"{key} {names_of_parts}"
        return compile_tree(self._text(), "fused", self.problem.value_and_gradient, namespace, key)

    def _rooms(self) -> dict[str, Callable]:
        """What makes the kernel's own arrays: (vectors, what is kept of a lane, lanes)."""
        real, n, v, dim = REALS[self.dtype], self.lanes, self.vectors, self.problem.dim
        plane = (n, dim) if self.one else (dim, n)
        work = 0
        if self.problem.work is not None:
            work = scratch(self._owner, self.problem.work, 1, n)
        shapes = {
            "w": (v, dim, n), "state": (v, len(self.rule.own), *plane), "scalars": (v, self.rows, n),
            "limit": (v, n), "f": (v, n), "g": (v, dim, n), "work": (work,),
        }  # fmt: skip
        if self.at_once:
            shapes |= {"new": shapes["w"][1:], "fresh": shapes["state"][1:]}
        rooms = {f"_room_{name}": on_stack(real, shape) for name, shape in shapes.items()}
        powers = {"powers": (v, len(self.rule.powers), n), "before": (len(self.rule.powers), n)}
        for name, shape in (powers | {"base": (v, n)}).items():
            rooms[f"_room_{name}"] = on_stack(numba.float64, shape)
        return rooms | {"_room_schedule_of": on_stack(numba.int64, (v, n))}

    def _text(self) -> str:
        sizes = [self.vectors >> k for k in range(self.vectors.bit_length())]
        choice = "1"
        for size in reversed(sizes[:-1]):
            choice = f"{size} if runs - first > {size // 2 * self.lanes} else {choice}"
        at = ("k, r, i", "k, lane, i") if self.one else ("k, i, r", "k, i, lane")
        return _TEXT.format(
            names=names(FusedArguments), lanes=self.lanes, dim=self.problem.dim, slots=len(self.rule.own),
            rows=self.rows, powers=len(self.rule.powers), own=at[0], all=at[1], choice=choice,
            rooms="\n    ".join(f"{name.replace('_room', '', 1)} = {name}()" for name in self._rooms()),
            steps="".join(map(self._steps, sizes)), alike=self._writer.alike_if("v, r", "0, 0"),
        )  # fmt: skip

    def _steps(self, parts: int) -> str:
        """The text of the steps of so many vectors, each piece for all of them: one branch decides for all, too."""
        turn = "_turned({})" if self.one else "{}"
        own = {name: f"_{name}[v]" for name in ("scalars", "powers", "state")}
        update = call(
            FusedUpdateArguments, "_update", w=turn.format("_w[v]"), g=turn.format("_g[v]"), first="0",
            last=str(self.lanes), **own,
        )  # fmt: skip
        gradient = call(
            GradientArguments, "_gradient", w="_w[v]", g="_g[v]", f="_f[v]", work="_work", first="0",
            last=str(self.lanes),
        )  # fmt: skip
        below = " & ".join(f"(_f[{v}, r] <= _limit[{v}, r])" for v in range(parts))
        return _STEPS.format(
            lanes=self.lanes, parts=parts, dim=self.problem.dim, gradient=gradient, update=update, below=below,
            at_once=steps_at_once(self.rule, self.lanes, self.problem.dim) if self.at_once else "",
        )  # fmt: skip


@lru_cache(1024)  # to read one takes 4 ms, and a short run itself less
def multiplies(function: Callable) -> bool:
    """Whether a problem's function, or one that it calls, multiplies matrices: as one product for all lanes, then."""
    for node in ast.walk(definition(function, function.__name__)):
        if isinstance(node, ast.MatMult) or getattr(node, "attr", None) in ("dot", "matmul"):
            return True
        called = function.__globals__.get(node.id) if isinstance(node, ast.Name) else None
        if isinstance(called, FunctionType) and called is not function and multiplies(called):
            return True
    return False


_TEXT = """
def NAME({names}):
    runs = f.shape[0]
    noisy = noise.shape[0] > 0
    changing = {lanes} if factors.shape[1] > 0 else 0  # not a question in a loop of lanes: they would look all, masked
    {rooms}
    first, s, judged = place[0], place[1], place[2] > 0
    while first < runs:
        parts = {choice}
        last = min(first + parts * {lanes}, runs)
        for v in range(parts):
            for r in range({lanes}):
                # A vector that is not full goes on with the last lane.
                lane = min(first + v * {lanes} + r, runs - 1)
                for i in range({dim}):
                    _w[v, i, r] = w[i, lane]
                for k in range({slots}):
                    for i in range({dim}):
                        _state[v, {own}] = state[{all}]
                for k in range({rows}):
                    _scalars[v, k, r] = scalars[k, lane]
                for k in range({powers}):
                    _powers[v, k, r] = powers[k, lane]
                _limit[v, r], _base[v, r], _schedule_of[v, r] = limit[lane], base[lane], schedule_of[lane]
        alike = first < last  # a constant would have the update compiled for it, too
        for v in range(parts):
            for r in range({lanes}):
                alike &= {alike}
{steps}
        for v in range(parts):
            for r in range({lanes}):
                lane = first + v * {lanes} + r
                if lane < last:
                    f[lane] = _f[v, r]
                    for i in range({dim}):
                        w[i, lane], g[i, lane] = _w[v, i, r], _g[v, i, r]
                    for k in range({slots}):
                        for i in range({dim}):
                            state[{all}] = _state[v, {own}]
                    for k in range({rows}):
                        scalars[k, lane] = _scalars[v, k, r]
                    for k in range({powers}):
                        powers[k, lane] = _powers[v, k, r]
        if s < steps:
            place[0], place[1], place[2], place[3] = first, s, 1, last
            return
        first, s, judged = last, 0, False
    place[0] = runs
"""

_STEPS = """
        if parts == {parts}:
            while s < steps:{at_once}
                t = done + s + 1
                for v in range({parts}):
                    for r in range(changing):
                        _scalars[v, 0, r] = _base[v, r] * factors[_schedule_of[v, r], s]
                for v in range({parts}):
                    {gradient}
                below = True
                for r in range({lanes}):
                    below &= {below}
                if not below and not judged:
                    break
                judged = False
                if noisy:
                    weight = noise[s, {dim}]
                    for i in range({dim}):
                        e = noise[s, i]
                        for v in range({parts}):
                            for r in range({lanes}):
                                _g[v, i, r] = weight * _g[v, i, r] + e
                for v in range({parts}):
                    {update}
                s += 1
"""
