"""A problem in plain Python behind the signatures of the kernels: so the rest of the engine need not know."""

from collections.abc import Callable
from typing import Any

from optbench.compiler.contracts import EvaluateArguments, GradientArguments
from optbench.contract.errors import PluginError, in_one_line
from optbench.contract.optimizers import arguments
from optbench.contract.problems import Problem


def gradient(problem: Problem, owner: str) -> Callable[..., None]:
    """``value_and_gradient`` of an eager problem as a kernel in single form. Raises PluginError where it fails."""
    function = problem.value_and_gradient
    asked = [name for name in arguments(function) if name in GradientArguments._fields]

    def kernel(*given: Any) -> None:
        a = dict(zip(GradientArguments._fields, given, strict=True))
        w, g, f = a["w"], a["g"], a["f"]
        for r in range(a["first"], a["last"]):
            try:
                f[r] = function(**{name: a[name] for name in asked} | {"w": w[r], "g": g[r]})
            except (Exception, SystemExit) as error:  # a plug-in may raise anything
                raise PluginError(f"{owner}: value_and_gradient fails: {in_one_line(error)}") from error

    return kernel


def evaluate(problem: Problem, owner: str) -> Callable[..., None]:
    """``evaluate`` of an eager problem as a kernel in single form. Raises PluginError where it fails."""
    function = problem.evaluate
    assert function is not None
    asked = [name for name in arguments(function) if name in EvaluateArguments._fields]

    def kernel(*given: Any) -> None:
        a = dict(zip(EvaluateArguments._fields, given, strict=True))
        w, out = a["w"], a["out"]
        for r in range(len(w)):
            try:
                function(**{name: a[name] for name in asked} | {"w": w[r], "out": out[r]})
            except (Exception, SystemExit) as error:
                raise PluginError(f"{owner}: evaluate fails: {in_one_line(error)}") from error

    return kernel
