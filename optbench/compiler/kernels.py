"""Kernels: what compiled code calls by an address, and Python through an entrance that all kernels of a kind share."""

import re
from collections.abc import Callable
from functools import cache, cached_property, partial
from pathlib import Path
from types import FunctionType
from typing import Any

import numba

from optbench.compiler import numba_compat
from optbench.compiler.kernel_files import KernelCacheWarning
from optbench.compiler.translator import STRICT, compile_tree, jit
from optbench.contract.errors import PluginError


class Kernel:
    """A function compiled for one signature, whose first argument is an array.

    The code that unpacks thirty arrays from Python is as long as many a kernel. It is compiled once for all kernels
    of a signature: the kernels of rules then take 0.85 of the time to compile.
    """

    constants = 0
    """Of a rule's kernel: the rows at the end of ``scalars`` in which it keeps constants of each run."""

    def __init__(self, compiled: Any, signature: Any):
        self.compiled, self.signature = compiled, signature

    @cached_property
    def callee(self) -> Any:
        """The argument by which compiled loops call it, as long as it lives: its address, or in plain mode itself."""
        return numba_compat.callee(self.compiled, self.signature)

    @cached_property
    def entry(self) -> Callable[..., None]:
        """What Python calls; to look the signature up takes 20 us."""
        return self.compiled if numba_compat.is_plain() else partial(_entrance(self.signature), self.callee)

    def prepare(self) -> None:
        """Compile the entry from Python now instead of at the first call."""
        self.entry  # noqa: B018 - makes it

    def __call__(self, *arguments: Any) -> None:
        """Call the kernel from Python with the arguments of its signature."""
        self.entry(*arguments)


_PLACE = re.compile(r'File "(.+)", line (\d+)')


@cache
def _entrance(signature: Any) -> Callable[..., None]:
    """Return a compiled function (address, *arguments) that calls the kernel at an address."""
    names = ", ".join(f"a{i}" for i in range(len(signature.args)))
    namespace = {"_kernel_at": numba_compat.function_at(lambda _: signature)}
    text = f"def NAME(address, {names}):\n    _kernel_at(address, a0)({names})\n"
    function = compile_tree(text, "entrance", _entrance.__wrapped__, namespace, str(signature))
    return jit(function, signature.return_type(numba.int64, *signature.args), **STRICT)


def compile_kernel(function: FunctionType, signature: Any, owner: str, name: str, **options: Any) -> Kernel:
    """Compile a function for one signature. Raises PluginError with numba's reason, naming `owner` and `name`."""
    try:
        compiled = jit(function, signature, **numba_compat.options().kernel, **options)
    except KernelCacheWarning:  # where the user made errors of warnings; no fault of the plug-in's
        raise
    except Exception as error:  # numba raises many kinds
        # A rule stands in a loop that is written around it, which has other lines.
        raise PluginError(f"{owner}: {name} does not compile: {_reason(error, owner.startswith('problem'))}") from error
    return Kernel(compiled, signature)


def _reason(error: Exception, lines_tell: bool) -> str:
    """Return numba's error message as one line with the name of the file; ``lines_tell``: with the line number too."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    said = [line for line in lines if not line.startswith(("Failed in", "[1]"))] or [type(error).__name__]
    reason = said[0].removesuffix("Raised from None").rstrip(". ")
    if reason.endswith(":") and len(said) > 1:  # the signature that there is no such function for
        reason = f"{reason} {said[1].removeprefix('>>> ')}"
    place = next((found for line in lines if (found := _PLACE.match(line))), None)
    if place is None:
        return reason
    return f"{reason} ({Path(place[1]).name}{f', line {place[2]}' * lines_tell})"
