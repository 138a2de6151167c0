"""Records -> compiled kernels of one explicit signature each, so that one compiled driver can call them all.

Arrays of a cohort, with ``runs`` lanes and ``k`` state slots or metrics:
lanes form: w, g (dim, runs), state (k, dim, runs), out (1 + k, runs);
single form: w, g (runs, dim), state (k, runs, dim), out (runs, 1 + k).
``scalars`` (rows, runs) holds what is constant along the parameters: row 0 the rate, then the hyperparameters, then
the powers as the rule sees them; ``powers`` (powers, runs) keeps their running products in float64. ``first`` and
``last`` bound the lanes of a call in single form.
"""

import ast
import inspect
from functools import cache

from numba import float32, float64, int64, types, void

from optbench.engine.codegen import Translator, compile_tree, jit
from optbench.errors import PluginError
from optbench.records import Optimizer

_REALS = {"float32": float32, "float64": float64}


def _array(kind, ndim):
    return types.Array(kind, ndim, "C")


def gradient_signature(dtype: str):
    """(w, g, f, x, y, constants, layout, work, first, last)"""
    real = _REALS[dtype]
    one, two = _array(real, 1), _array(real, 2)
    return void(two, two, one, two, one, one, _array(int64, 1), one, int64, int64)


def evaluate_signature(dtype: str):
    """(w, out, x, y, constants, layout, work)"""
    real = _REALS[dtype]
    one, two = _array(real, 1), _array(real, 2)
    return void(two, two, two, one, one, _array(int64, 1), one)


def update_signature(dtype: str):
    """(w, g, state, scalars, powers, t, first, last)"""
    real = _REALS[dtype]
    two = _array(real, 2)
    return void(two, two, _array(real, 3), two, _array(float64, 2), int64, int64, int64)


_INPUTS = ("x", "y", "constants", "layout", "work")
_GRADIENT = ("w", "g", "f", *_INPUTS, "first", "last")
_EVALUATE = ("w", "out", *_INPUTS)


@cache
def gradient_kernel(function, form: str, dtype: str, owner: str):
    """``value_and_gradient`` behind the common signature. Raises PluginError where it does not compile."""
    own = _check_arguments(function, owner, ("w", "g", *(("f",) if form == "lanes" else ()), *_INPUTS), ("w", "g"))
    tree, namespace, key = Translator(dtype).prepare(function, owner, _GRADIENT)
    if form == "single":
        inner, key = Translator(dtype).translate(function, owner)
        call = ", ".join(f"{name}[r]" if name in "wg" else name for name in own)
        text = f"def NAME({', '.join(_GRADIENT)}):\n    for r in range(first, last):\n        f[r] = _inner({call})\n"
        tree, namespace = ast.parse(text).body[0], {"_inner": inner}
    return _build(tree, "value_and_gradient", function, namespace, key, gradient_signature(dtype), owner)


@cache
def evaluate_kernel(function, form: str, dtype: str, owner: str):
    """``evaluate`` behind the common signature. Raises PluginError where it does not compile."""
    own = _check_arguments(function, owner, _EVALUATE, ("w", "out"))
    tree, namespace, key = Translator(dtype).prepare(function, owner, _EVALUATE)
    if form == "single":
        inner, key = Translator(dtype).translate(function, owner)
        call = ", ".join(f"{name}[r]" if name in ("w", "out") else name for name in own)
        text = f"def NAME({', '.join(_EVALUATE)}):\n    for r in range(w.shape[0]):\n        _inner({call})\n"
        tree, namespace = ast.parse(text).body[0], {"_inner": inner}
    return _build(tree, "evaluate", function, namespace, key, evaluate_signature(dtype), owner)


def argument_names(function) -> list[str]:
    """What a plug-in's function asks for, by name."""
    return list(inspect.signature(function).parameters)


def _check_arguments(function, owner, known, required) -> list[str]:
    own = argument_names(function)
    strange = [name for name in own if name not in known]
    missing = [name for name in required if name not in own]
    if strange or missing:
        what = f"has the unknown argument {strange[0]!r}" if strange else f"lacks the argument {missing[0]!r}"
        raise PluginError(f"{owner}: {function.__name__} {what}; it may name {', '.join(known)}")
    return own


def scalar_rows(record: Optimizer) -> tuple[str, ...]:
    """The rows of ``scalars`` for this rule: the rate, the hyperparameters, the powers."""
    return ("lr", *record.hyperparameters, *(f"{power}_t" for power in record.powers))


@cache
def _update_kernel(rule, slots, scalars, rows, powers, order, dtype, owner):
    inner, key = Translator(dtype, whole_literals=True).translate(rule, owner)
    # Below 1e-30 a power is nothing beside 1; left alone it would become a denormal number, ten times as slow.
    prelude = "".join(
        f"        powers[{i}, r] = powers[{i}, r] * scalars[{rows.index(name)}, r] if powers[{i}, r] > 1e-30 else 0.0\n"
        f"        scalars[{rows.index(name + '_t')}, r] = powers[{i}, r]\n"
        for i, name in enumerate(powers)
    )
    row, place, fixed = ("r", "i", "[r]") if order == "rows" else ("d", "r", "")
    needed = [rows.index(name) for name in ("lr", *(s for s in scalars if s != "t"))]
    views = f"        _w = w[{row}]\n        _g = g[{row}]\n"
    views += "".join(f"        _s{k} = state[{k}, {row}]\n" for k in range(len(slots)))
    lane = "".join(f"        _c{k} = scalars[{k}]{fixed}\n" for k in needed)
    values = {name: f"_c{rows.index(name)}{'' if fixed else '[r]'}" for name in rows} | {"t": "_t"}
    arguments = [f"_w[{place}]", f"_g[{place}]", *(f"_s{k}[{place}]" for k in range(len(slots)))]
    arguments += [values[name] for name in ("lr", *scalars)]
    results = ", ".join(["_n", *(f"_n{k}" for k in range(len(slots)))])
    stores = f"            _w[{place}] = _n\n"
    stores += "".join(f"            _s{k}[{place}] = _n{k}\n" for k in range(len(slots)))
    step = f"            {results} = _rule({', '.join(arguments)})\n{stores}"
    text = "def NAME(w, g, state, scalars, powers, t, first, last):\n    _t = _real(t)\n"
    if order == "rows":
        text += f"    for r in range(first, last):\n{prelude}{lane}{views}        for i in range(w.shape[1]):\n{step}"
    else:
        text += f"    for r in range(w.shape[1]):\n{prelude or '        pass'}\n"
        text += f"    for d in range(w.shape[0]):\n{lane}{views}        for r in range(w.shape[1]):\n{step}"
    return _build(
        ast.parse(text).body[0],
        "update",
        rule,
        {"_rule": inner, "_real": _REALS[dtype]},
        key,
        update_signature(dtype),
        owner,
    )


def update_kernel(record: Optimizer, order: str, dtype: str):
    """The rule as a loop over a cohort: ``order`` is "rows" for (runs, dim) and "lanes" for (dim, runs)."""
    owner = f"optimizer {record.name}"
    return _update_kernel(
        record.rule, record.slots, record.scalars, scalar_rows(record), record.powers, order, dtype, owner
    )


def _build(tree, name, home, namespace, key, signature, owner):
    function = compile_tree(tree, name, home, namespace, key + str(signature))
    try:
        return jit(function, signature, noalias=True)
    except Exception as error:  # numba raises many kinds
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        reason = next((line for line in lines if not line.startswith(("Failed in", "[1]"))), type(error).__name__)
        raise PluginError(f"{owner}: {home.__name__} does not compile: {reason}") from error
