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

from optbench.contract.equals import read
from optbench.contract.errors import OptbenchError
from optbench.contract.schedules import Schedule
from optbench.translation.numbers import Numbers

_TAKEN = {
    "train",
    "factors",
    "np",
    "torch",
    "jax",
    "jnp",
    "optax",
    "keras",
    "optbench",
    "Factors",
    "len",
    "range",
    "sum",
    "zip",
}
"""Names that the code has for itself."""


def schedule_call(schedule: Schedule, library: str, lr: str) -> str:
    """The library's own schedule that gives the same rates.

    Args:
        schedule: with its parameters.
        library: of LIBRARIES.
        lr: code of the rate.

    Returns:
        Code of a call, which may name ``total_steps`` and ``steps_per_epoch``; empty where the library has no equal.
    """
    stated = read(f"schedule {schedule.name}", library, schedule.equals.get(library, "#"))
    numbers = Numbers(schedule.parameters)
    for branch in stated.branches if schedule.inner is None else ():
        if numbers.holds(branch.condition):
            tree = Rate(lr).visit(numbers.placed(branch.call))
            return ast.unparse(ast.fix_missing_locations(tree))
    return ""


class Rate(ast.NodeTransformer):
    """The code of the rate in the place of ``lr``."""

    def __init__(self, code: str):
        self.code = code

    def visit_Name(self, node: ast.Name) -> ast.expr:
        """The name ``lr``."""
        return ast.parse(self.code, mode="eval").body if node.id == "lr" else node


def formula(schedule: Schedule) -> str:
    """The formula of a schedule as code: its function, and ``factors(total_steps, steps_per_epoch)``, a list.

    Args:
        schedule: with its parameters.

    Returns:
        Lines of Python that need NumPy as ``np``.

    Raises:
        OptbenchError: its source cannot be read.
    """
    parts: dict[str, str] = {}
    for each in _inside_out(schedule):
        _collect(each.function, parts)
    body = ""
    chain = _inside_out(schedule)
    for place, each in enumerate(chain[:-1]):
        body += f"\n    def inner{place}(t, epoch, total):\n        return {_call(each, place, 't, epoch, total')}\n"
    body += "\n" * bool(body)
    whole = _call(chain[-1], len(chain) - 1, "done + 1, done // steps_per_epoch, total_steps")
    parts["factors"] = (
        "def factors(total_steps, steps_per_epoch):\n"
        '    """The factor of the rate at every step of the run."""\n'
        f"{body}"
        "    done = np.arange(total_steps)  # the steps behind each\n"
        f"    factor = {whole}\n"
        "    return np.asarray(factor, dtype=float).tolist()\n"
    )
    constants = [code for code in parts.values() if "\n" not in code]
    functions = [code.strip("\n") for code in parts.values() if "\n" in code]
    return "\n\n\n".join(filter(None, ["\n".join(constants), *functions])) + "\n"


def _inside_out(schedule: Schedule) -> list[Schedule]:
    return [*(_inside_out(schedule.inner) if schedule.inner is not None else ()), schedule]


def _call(schedule: Schedule, place: int, given: str) -> str:
    """The call of a schedule's function, on the one inside it."""
    before = f"inner{place - 1}, " if schedule.inner is not None else ""
    values = "".join(f", {key}={value!r}" for key, value in schedule.parameters.items())
    return f"{schedule.function.__name__}({before}{given}{values})"


def _collect(function: Any, parts: dict[str, str]) -> None:
    """The source of a function, behind that of whatever it names in its own file."""
    name = function.__name__
    code = _source(function)
    if name in _TAKEN:
        raise OptbenchError(f"the schedule's function {name!r} has a name that the code needs: call it another")
    if name in parts:
        if parts[name] not in ("", code):
            raise OptbenchError(f"two functions of the schedules are called {name!r}: call one another")
        return
    parts[name] = ""  # it may call itself
    used = {node.id for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Name)}
    scope = function.__globals__
    for each in sorted(used & set(scope) - _locals(function.__code__)):
        value = scope[each]
        if each == name or value is np and each == "np":
            continue
        if isinstance(value, FunctionType) and value.__module__ == function.__module__ and value.__name__ == each:
            _collect(value, parts)
            continue
        line = _line(each, value)
        if not line:
            raise OptbenchError(f"the schedule's function {name!r} uses {each!r}, whose value cannot be put into code")
        if (each in _TAKEN and line != f"import {each}") or parts.get(each, line) != line:
            raise OptbenchError(f"the schedule's function {name!r} uses {each!r}, a name that the code has for more")
        parts[each] = line
    del parts[name]  # behind what it names
    parts[name] = code


def _locals(code: CodeType) -> set[str]:
    inside = [part for part in code.co_consts if isinstance(part, CodeType)]
    return {*code.co_varnames, *code.co_cellvars, *(name for part in inside for name in _locals(part))}


def _line(name: str, value: Any) -> str:
    """One line that gives a global name its value; nothing where none does."""
    if isinstance(value, ModuleType):
        return f"import {value.__name__}" + f" as {name}" * (name != value.__name__)
    if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
        return f"{name} = np.array({_literal(value.tolist())}, dtype={value.dtype.name!r})"
    if isinstance(value, np.generic):
        value = value.item()
    if _is_plain(value):
        return f"{name} = {_literal(value)}"
    own = getattr(value, "__name__", "")
    module = "numpy" if isinstance(value, np.ufunc) else getattr(value, "__module__", None)
    found = getattr(sys.modules.get(module or ""), own, None)
    if not own or found is not value or str(module).startswith("_optbench"):
        return ""
    return f"from {module} import {own}" + f" as {name}" * (name != own)


def _is_plain(value: Any) -> bool:
    if type(value) in (list, tuple, set):
        return all(map(_is_plain, value)) and (bool(value) or not isinstance(value, set))
    if type(value) is dict:
        return all(_is_plain(part) for pair in value.items() for part in pair)
    return type(value) in (bool, int, float, str, type(None))


def _literal(value: Any) -> str:
    """The text of a plain value; inf and nan have no literal of their own."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_literal(key)}: {_literal(part)}" for key, part in value.items()) + "}"
    if isinstance(value, list | tuple | set):
        around = {list: "[]", tuple: "()", set: "{}"}[type(value)]
        return (
            around[0]
            + ", ".join(map(_literal, value))
            + "," * (isinstance(value, tuple) and len(value) == 1)
            + around[1]
        )
    return f"float('{value}')" if isinstance(value, float) and not math.isfinite(value) else repr(value)


def _source(function: Callable) -> str:
    """A function's source without its decorators."""
    try:
        lines = textwrap.dedent(inspect.getsource(function)).splitlines()
    except (OSError, TypeError):
        raise OptbenchError(f"the source of {function.__name__!r} cannot be read; define it in a file") from None
    first = next((i for i, line in enumerate(lines) if line.startswith("def ")), 0)
    return "\n".join(lines[first:]) + "\n"
