"""The code of a schedule: the library's own where it has an equal, else its formula, tabulated over the run."""

import ast
import inspect
import math
import sys
import textwrap
from collections.abc import Callable
from types import CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np

from optbench.contract.errors import OptbenchError
from optbench.contract.schedules import Schedule
from optbench.translation.setting import choose_call, rate_code

_RESERVED = {
    "train", "factors", "np", "torch", "jax", "jnp", "optax", "keras", "optbench", "Factors", "len", "range", "sum",
    "zip",
}  # fmt: skip
"""Names that the generated code uses itself."""


def schedule_call(schedule: Schedule, library: str, lr: str) -> str:
    """Return the call of the library's schedule with the same rates; "" where it has none.

    Args:
        schedule: with its parameters.
        library: of LIBRARIES.
        lr: code of the rate.

    Returns:
        Code, which may name ``total_steps`` and ``steps_per_epoch``.
    """
    if schedule.inner is not None:
        return ""
    call = choose_call(f"schedule {schedule.name}", schedule.equals, library, schedule.parameters).call
    return "" if call is None else rate_code(call, lr)


def schedule_source(schedule: Schedule) -> str:
    """Return the source of a schedule and of ``factors(total_steps, steps_per_epoch)``, which tabulates it.

    Args:
        schedule: with its parameters.

    Returns:
        Lines of Python that need NumPy as ``np``.

    Raises:
        OptbenchError: its source cannot be read.
    """
    chain = [schedule]
    while chain[0].inner is not None:
        chain.insert(0, chain[0].inner)
    sources: dict[str, str] = {}
    for each in chain:
        _collect_sources(each.function, sources)
    inner = "".join(
        f"\n    def inner{i}(t, epoch, total):\n        return {_call_code(each, i, 't, epoch, total')}\n"
        for i, each in enumerate(chain[:-1])
    )
    whole = _call_code(schedule, len(chain) - 1, "done + 1, done // steps_per_epoch, total_steps")
    sources["factors"] = (
        "def factors(total_steps, steps_per_epoch):\n"
        '    """The factor of the rate at every step of the run."""\n'
        f"{inner}{inner and chr(10)}"
        "    done = np.arange(total_steps)  # the steps behind each\n"
        f"    factor = {whole}\n"
        "    return np.asarray(factor, dtype=float).tolist()\n"
    )
    constants = [code for code in sources.values() if "\n" not in code]
    functions = [code.strip("\n") for code in sources.values() if "\n" in code]
    return "\n\n\n".join(filter(None, ["\n".join(constants), *functions]))


def _call_code(schedule: Schedule, depth: int, arguments: str) -> str:
    """Return the call of a schedule's function with its parameters; depth: the number of schedules inside it."""
    inner = f"inner{depth - 1}, " if schedule.inner is not None else ""
    values = "".join(f", {key}={value!r}" for key, value in schedule.parameters.items())
    return f"{schedule.function.__name__}({inner}{arguments}{values})"


def _collect_sources(function: Any, sources: dict[str, str]) -> None:
    """Add the source of a function, after that of all names of its file that it uses."""
    name = function.__name__
    code = _function_source(function)
    if name in _RESERVED:
        raise OptbenchError(f"the schedule's function {name!r} has a name that the code needs: call it another")
    if name in sources:
        if sources[name] not in ("", code):
            raise OptbenchError(f"two functions of the schedules are called {name!r}: call one another")
        return
    sources[name] = ""  # it may call itself
    used = {node.id for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Name)}
    for each in sorted(used & set(function.__globals__) - _local_names(function.__code__)):
        value = function.__globals__[each]
        if each == name or (value is np and each == "np"):
            continue
        if isinstance(value, FunctionType) and value.__module__ == function.__module__ and value.__name__ == each:
            _collect_sources(value, sources)
            continue
        line = _definition_line(each, value)
        if not line:
            raise OptbenchError(f"the schedule's function {name!r} uses {each!r}, whose value cannot be put into code")
        if (each in _RESERVED and line != f"import {each}") or sources.get(each, line) != line:
            raise OptbenchError(f"the schedule's function {name!r} uses {each!r}, a name that the code has for more")
        sources[each] = line
    del sources[name]  # it stands after the names that it uses
    sources[name] = code


def _local_names(code: CodeType) -> set[str]:
    """Return the names of all local variables of a function and of those inside it."""
    nested = [each for each in code.co_consts if isinstance(each, CodeType)]
    return {*code.co_varnames, *code.co_cellvars, *(name for each in nested for name in _local_names(each))}


def _definition_line(name: str, value: Any) -> str:
    """Return one line that gives a global name its value; "" where none can."""
    if isinstance(value, ModuleType):
        return f"import {value.__name__}" + f" as {name}" * (name != value.__name__)
    if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
        return f"{name} = np.array({_literal_code(value.tolist())}, dtype={value.dtype.name!r})"
    literal = _literal_code(value.item() if isinstance(value, np.generic) else value)
    if literal:
        return f"{name} = {literal}"
    own = getattr(value, "__name__", "")
    module = "numpy" if isinstance(value, np.ufunc) else getattr(value, "__module__", None)
    found = getattr(sys.modules.get(module or ""), own, None)
    if not own or found is not value or str(module).startswith("_optbench"):
        return ""
    return f"from {module} import {own}" + f" as {name}" * (name != own)


def _literal_code(value: Any) -> str:
    """Return the code of a plain value, "" for others; inf and nan have no literal of their own."""
    if type(value) is dict:
        pairs = [(_literal_code(key), _literal_code(each)) for key, each in value.items()]
        return "{" + ", ".join(map(": ".join, pairs)) + "}" if all(map(all, pairs)) else ""
    if type(value) in (list, tuple, set):
        items = [_literal_code(each) for each in value]
        if not all(items) or value == set():
            return ""
        inside = ", ".join(items) + "," * (type(value) is tuple and len(items) == 1)
        return f"[{inside}]" if type(value) is list else f"({inside})" if type(value) is tuple else f"{{{inside}}}"
    if type(value) is float and not math.isfinite(value):
        return f"float('{value}')"
    return repr(value) if type(value) in (bool, int, float, str, type(None)) else ""


def _function_source(function: Callable) -> str:
    """Return a function's source without its decorators."""
    try:
        lines = textwrap.dedent(inspect.getsource(function)).splitlines()
    except (OSError, TypeError):
        raise OptbenchError(f"the source of {function.__name__!r} cannot be read; define it in a file") from None
    first = next((i for i, line in enumerate(lines) if line.startswith("def ")), 0)
    return "\n".join(lines[first:]) + "\n"
