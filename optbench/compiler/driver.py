"""The compiled loops that call kernels: over the steps of a cohort, and over points of evaluation; one per dtype."""

import ast
from collections.abc import Callable
from functools import cache
from textwrap import indent
from typing import Any

import numba

from optbench.compiler import numba_compat
from optbench.compiler.contracts import DriveArguments, Reals1, Reals2, Reals3, Whole, Wholes1
from optbench.compiler.gradient_stages import DRAWN, MOVE, SECOND_OF_LABELS, Stage, arguments_of, write_stages
from optbench.compiler.problem_kernels import evaluate_signature, gradient_signature
from optbench.compiler.signatures import kinds, signature
from optbench.compiler.translator import OPTIONS, STRICT, compile_tree, jit
from optbench.compiler.update_kernels import update_signature
from optbench.contract.optimizers import arguments
from optbench.contract.source_code import function_tree
from optbench.contract.types import DtypeName, Form

_gradient_at = numba_compat.function_at(gradient_signature)
_update_at = numba_compat.function_at(update_signature)
_evaluate_at = numba_compat.function_at(evaluate_signature)

_LOOP = """
def NAME({arguments}):
    gradient, update = _gradient_at(gradient_address, w), _update_at(update_address, w)
    runs, place, kinds = f.shape[0], 0, seen.shape[1]
    while place < inner.shape[0] and inner[place] <= done + skip:
        place += 1
    for s in range(sizes.shape[0]):
        t = done + skip + s + 1
        for r in range(runs):
            scalars[0, r] = base[r] * factors[schedule_of[r], skip + s]
        rows, examples, targets = sizes[s], x, y
        if order.shape[0] > 0:
            examples, targets = x_batch[:rows], y_batch[:rows]
            for i in range(rows):
                row, out = x[order[s, i]], examples[i]
                targets[i] = y[order[s, i]]
                for j in range(row.shape[0]):
                    out[j] = row[j]
        for turn in range(runs if single else 1):  # all lanes at once, or one after the other
            first, last = (turn, turn + 1) if single else (0, runs)
            if single and not alive[first]:
                continue
{before}
            gradient({at}, g, f, examples, targets, constants, layout, work, first, last)
            fine, fresh = True, False
            for r in range(first, last):
                fine &= f[r] <= limit[r]  # NaN fails, too
            if not fine:
                for r in range(first, last):
                    if alive[r] and not f[r] <= limit[r]:
                        alive[r], diverged_at[r], fresh = False, t, True
                if single:
                    continue
                if fresh:
                    return s
{behind}
            update(w_rows, g_rows, state, scalars, powers, blocks, t, first, last)
        if place < inner.shape[0] and inner[place] == t:
            for i in range(w.shape[0]):
                for j in range(w.shape[1]):
                    seen[place, 0, i, j] = w[i, j]
                    seen[place, kinds - 2, i, j] = reported[i, j]
                    seen[place, kinds - 1, i, j] = g[i, j]
            for r in range(runs):
                seen_f[place, r] = f[r]
            place += 1
    return sizes.shape[0]
"""
"""Steps of the kernels at the addresses, after step ``done``; it returns how many were made.

In lanes form the loop stops before the update that a diverged lane would make, so that the caller can park it; in
single form dead lanes are passed over. What the lanes have at points of evaluation between is kept on the way.
"""
_POINT = "_update_at(point_address, w)(point_rows, g_rows, state, point_scalars, powers, blocks, t, first, last)"
_SECOND = "gradient(point, ahead, f_ahead, examples, {labels}, constants, layout, work, first, last)"


def write_driver(stages: tuple[Stage, ...], form: Form) -> str:
    """Return the text of the loop over steps with these stages of problems in this form."""
    one = form == "single"
    at = "at" if MOVE in stages else "w"
    late = "late[(t - 1) % late.shape[0]]", "late[0]"
    arrays = {"w": "w", "at": at, "g": "g", "point": "point", "ahead": "ahead", "past": late[0], "oldest": late[1]}
    row = 1 + any("loss" in arguments(stage.apply) for stage in stages)
    numbers = {"f": "f", "f_ahead": "f_ahead", "unit": "unit", "loss": "scalars[1]", "count": f"scalars[{row}]"}
    texts = {name: f"_column({text}, first)" if one else text for name, text in arrays.items()}
    texts |= {name: f"{text}[first:last]" if one else text for name, text in numbers.items()}
    texts |= {name: f"{name}[s]" for name in DRAWN} | {"lag": "late.shape[0]"}
    labels = "labels[s, :rows]" if SECOND_OF_LABELS in stages else "targets"
    before, behind = write_stages(stages, texts, (_POINT, _SECOND.format(labels=labels)))
    names = [*_callees(stages), *kinds(DriveArguments), *arguments_of(stages)]
    parts = {"before": indent(before, " " * 12), "behind": indent(behind, " " * 12)}
    return _LOOP.format(arguments=", ".join(names), at=at, **parts)


def _callees(stages: tuple[Stage, ...]) -> dict[str, Any]:
    """Return the signatures of the kernels that a loop calls, by the arguments that are their addresses."""
    second = any("second_every" in stage.arguments for stage in stages)
    callees = {"gradient_address": gradient_signature, "update_address": update_signature}
    return callees | {"point_address": update_signature} if second else callees


@cache
def compile_driver(dtype: DtypeName, stages: tuple[Stage, ...], form: Form) -> Callable[..., int]:
    """Compile the loop over steps with these stages of gradients, for problems in this form; it is kept.

    Without stages one loop serves both forms. It returns how many steps it made. Its arguments are the callees of
    gradient, update, and of the point of a second gradient if there is one, then the fields of DriveArguments one by
    one, then those of `arguments_of` the stages.
    """
    callees = [numba_compat.callee_type(each(dtype)) for each in _callees(stages).values()]
    fields = kinds(DriveArguments) | arguments_of(stages)
    types = numba.int64(*callees, *(kind.of(dtype) for kind in fields.values()))
    part = numba.njit(**OPTIONS | numba_compat.options().part | STRICT)
    scope = {"_gradient_at": _gradient_at, "_update_at": _update_at, "_column": numba_compat.column()}
    scope |= {f"_{stage.apply.__name__}": part(stage.apply) for stage in stages}
    key = "".join(ast.unparse(function_tree(stage.apply, "")) for stage in stages)
    # No noalias here: w and w_rows are the same memory, and so are g and g_rows. It costs nothing measurable.
    return jit(compile_tree(write_driver(stages, form), "drive", write_driver, scope, f"{types}{key}"), types, **STRICT)


def _evaluations(
    gradient_address: Whole,
    evaluate_address: Whole,
    w: Reals3,
    g: Reals2,
    f: Reals2,
    out: Reals3,
    x: Reals2,
    y: Reals1,
    constants: Reals1,
    layout: Wholes1,
    work: Reals1,
    ends: Wholes1,
) -> None:
    """Evaluate each of the points ``w`` by the kernel at ``evaluate_address`` and write the results to ``out``.

    Where that address is 0, write the losses by the kernel at ``gradient_address`` to ``f``. Arrays are those of
    contracts.py with a first axis for the points. ends: the groups of the examples x, y, one behind the other, begin
    and end there; f and out have all points of the first group, then those of the next one.
    """
    for group in range(ends.shape[0] - 1):
        first, last = ends[group], ends[group + 1]
        for point in range(w.shape[0]):
            place = group * w.shape[0] + point
            if evaluate_address == 0:
                _gradient_at(gradient_address, y)(
                    w[point], g, f[place], x[first:last], y[first:last], constants, layout, work, 0, f.shape[1]
                )
            else:
                _evaluate_at(evaluate_address, y)(
                    w[point], out[place], x[first:last], y[first:last], constants, layout, work
                )


@cache
def evaluations(dtype: DtypeName) -> Callable[..., None]:
    """Return the compiled loop `_evaluations`, which takes the same arguments."""
    types = signature(_evaluations, dtype)
    tree = function_tree(_evaluations, "")
    return jit(compile_tree(tree, "evaluations", _evaluations, _evaluations.__globals__, str(types)), types, **STRICT)
