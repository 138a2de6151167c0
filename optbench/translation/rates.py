"""The code of a schedule: the library's own where it has an equal, else its formula, tabulated over the run."""

import ast
import inspect
import textwrap
from collections.abc import Callable
from types import FunctionType

from optbench.contract.equals import read
from optbench.contract.errors import OptbenchError
from optbench.contract.schedules import Schedule
from optbench.translation.numbers import Numbers


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
            tree = _Rate(lr).visit(numbers.placed(branch.call))
            return ast.unparse(ast.fix_missing_locations(tree))
    return ""


class _Rate(ast.NodeTransformer):
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


def _collect(function: Callable, parts: dict[str, str]) -> None:
    """The source of a function, behind that of whatever it names in its own file."""
    name = function.__name__
    if name in parts:
        return
    code = _source(function)
    used = {node.id for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Name)}
    scope = function.__globals__
    for each in sorted(used & set(scope)):
        value = scope[each]
        if isinstance(value, FunctionType) and value.__module__ == function.__module__:
            _collect(value, parts)
        elif isinstance(value, bool | int | float | str | tuple):
            parts.setdefault(each, f"{each} = {value!r}")
        elif inspect.ismodule(value) and value.__name__ != "numpy":
            parts.setdefault(each, f"import {value.__name__}" + f" as {each}" * (each != value.__name__))
    parts[name] = code


def _source(function: Callable) -> str:
    """A function's source without its decorators."""
    try:
        lines = textwrap.dedent(inspect.getsource(function)).splitlines()
    except (OSError, TypeError):
        raise OptbenchError(f"the source of {function.__name__!r} cannot be read; define it in a file") from None
    first = next((i for i, line in enumerate(lines) if line.startswith("def ")), 0)
    return "\n".join(lines[first:]) + "\n"
