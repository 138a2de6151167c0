"""What a gradient writes into in the place of g: each slope that it sets makes its parameter's step at once.

So slopes never go through memory, and an update that divides fills the gaps of a gradient that multiplies. A step reads
``w`` and ``state`` and writes ``new`` and ``fresh``, other arrays: parameters wait for no order, and a step that should
not have been made is forgotten. As in numba_inside.py, each trick says what to do when it breaks.
"""

import ast
import operator
from collections.abc import Callable
from typing import Any

from numba import types
from numba.core import cgutils
from numba.core.imputils import impl_ret_borrowed
from numba.extending import intrinsic, make_attribute_wrapper, models, overload, overload_attribute, register_model

from optbench.contract.source_code import definition

_FIELDS = ("w", "new", "state", "fresh", "scalars", "powers", "t", "i")


class Steps(types.Type):
    """numba's type of it; ``step(w, new, state, fresh, scalars, powers, t, i, r, slope)`` makes one. ``row``: of the
    parameter ``i``, whose lanes are set."""

    def __init__(self, kinds: tuple[Any, ...], step: Callable, row: bool):
        self.kinds, self.step, self.row = kinds, step, row
        super().__init__(f"Steps({', '.join(map(str, kinds))}, {step.__name__}, {row})")


@register_model(Steps)
class _Model(models.StructModel):
    def __init__(self, manager, steps):
        super().__init__(manager, steps, list(zip(_FIELDS, steps.kinds, strict=True)))


for _name in _FIELDS:
    make_attribute_wrapper(Steps, _name, _name)


def steps(step: Callable) -> Callable:
    """A function for kernels, of (w, new, state, fresh, scalars, powers, t), that gives what stands for g.

    When it breaks: numba's documentation, "Low-level extension API", on structures.
    """

    @intrinsic
    def begin(context, w, new, state, fresh, scalars, powers, t):
        kinds = (w, new, state, fresh, scalars, powers, t)
        whole = Steps((*kinds, types.intp), step, row=False)
        return whole(*kinds), _filled

    return begin


def _filled(context, builder, signature, arguments):
    made = cgutils.create_struct_proxy(signature.return_type)(context, builder)
    for name, value in zip(_FIELDS, arguments, strict=False):
        setattr(made, name, value)
    return impl_ret_borrowed(context, builder, signature.return_type, made._getvalue())


@intrinsic
def _row(context, whole, i):
    def generate(context, builder, signature, arguments):
        made = cgutils.create_struct_proxy(signature.return_type)(context, builder, value=arguments[0])
        made.i = context.cast(builder, arguments[1], signature.args[1], types.intp)
        return impl_ret_borrowed(context, builder, signature.return_type, made._getvalue())

    return Steps(whole.kinds, whole.step, row=True)(whole, i), generate


_INLINE: dict[str, Any] = {"jit_options": {"forceinline": True, "fastmath": False}}


@overload(operator.setitem, **_INLINE)
def _set(target, at, slope):
    if not isinstance(target, Steps):
        return None
    step = target.step
    if target.row and isinstance(at, types.Integer):

        def one(target, at, slope):
            s = target
            step(s.w, s.new, s.state, s.fresh, s.scalars, s.powers, s.t, s.i, at, slope)

        return one
    if not target.row and isinstance(at, types.UniTuple) and at.count == 2:

        def of_both(target, at, slope):
            s = target
            step(s.w, s.new, s.state, s.fresh, s.scalars, s.powers, s.t, at[0], at[1], slope)

        return of_both
    return None


@overload(operator.getitem, **_INLINE)
def _get(target, at):
    if isinstance(target, Steps) and not target.row and isinstance(at, types.Integer):
        return lambda target, at: _row(target, at)
    return None


@overload_attribute(Steps, "shape", **_INLINE)
def _shape(target):
    return (lambda target: target.w.shape[1:]) if target.row else (lambda target: target.w.shape)


def only_sets(function: Callable) -> bool:
    """Whether a gradient's function does nothing with g but to set numbers, of g or of rows of it that have a name."""
    tree = definition(function, function.__name__)
    pairs = [pair for node in ast.walk(tree) if isinstance(node, ast.Assign) for pair in _pairs(node)]
    rows: set[str] = set()
    fine: set[ast.AST] = set()
    for target, value in pairs:
        if isinstance(target, ast.Name) and (whole := _array_of(value, 1)) is not None and whole.id == "g":
            rows.add(target.id)
            fine |= {target, whole}
    for target, _ in pairs:
        for numbers, names in ((2, {"g"}), (1, rows)):
            array = _array_of(target, numbers)
            fine |= {array} if array is not None and array.id in names else set()
    fine |= {node.value for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr == "shape"}
    return all(node in fine for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id in {"g", *rows})


def _pairs(node: ast.Assign) -> list[tuple[ast.expr, ast.expr | None]]:
    """What is assigned, and to what; None where only the whole is known."""
    pairs: list[tuple[ast.expr, ast.expr | None]] = []
    for target in node.targets:
        if not isinstance(target, ast.Tuple):
            pairs.append((target, node.value))
        elif isinstance(node.value, ast.Tuple) and len(node.value.elts) == len(target.elts):
            pairs += zip(target.elts, node.value.elts, strict=True)
        else:
            pairs += [(part, None) for part in target.elts]
    return pairs


def _array_of(node: ast.expr | None, numbers: int) -> ast.Name | None:
    """The name of an array of which this is an element, or a row, by so many numbers; None of anything else."""
    if not isinstance(node, ast.Subscript) or not isinstance(node.value, ast.Name):
        return None
    parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    single = len(parts) == numbers and not any(isinstance(part, ast.Slice | ast.Starred) for part in parts)
    return node.value if single else None
