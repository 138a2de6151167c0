"""How kernels are compiled where numba's own way costs them time, or their bits: njit's ``pipeline_class``.

As in numba_inside.py, each trick says why it is worth it, with what was measured, and what to do when it breaks.
"""

import re
from collections.abc import Callable
from functools import cache
from typing import Any

import llvmlite.binding as llvm
from llvmlite.binding import Linkage
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler

from optbench.compiler import numba_inside

CALLED_INSIDE = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
"""The options of what compiled code alone calls: a call from Python would end the process.

numba compiles two more functions around each, one for Python and one for C, and again in every kernel that it is part
of. Without them all kernels of mlp, logistic and rosenbrock compile in 20.6 s of CPU time, where they took 24.4. When
it breaks: kernels work without, see numba/core/options.py; ``overload`` takes both for what it compiles.
"""

_COUNT = re.compile(r"^.*call void @NRT_(?:in|de)cref\(.*\n", re.MULTILINE)
_ALLOCATION = re.compile(r"call .*@NRT_\w*[aA]lloc")
_FROM_PYTHON = "@_ZN7cpython"
_ENVIRONMENT = "_ZN08NumbaEnv"


def _uncounted(functions: list[str]) -> list[str]:
    """A kernel's functions without the counts of who holds its arrays, if it makes none of its own: its caller does.

    numba counts every view, even a row, by an operation that locks the memory's bus: a step of the network 64-32-10 on
    16 examples takes 4.2 us instead of 5.6, on 64 examples 12.7 instead of 14.1. What numba wraps around a kernel for
    calls from Python does hold what it is given. When it breaks: numba/core/runtime/nrtdynmod.py has the names.
    """
    if any(_ALLOCATION.search(function) for function in functions):
        return functions
    return [f if _FROM_PYTHON in f.partition("\n")[0] else _COUNT.sub("", f) for f in functions]


@cache
def _width() -> str:
    """The attribute of functions that makes loops as wide as the machine's vectors.

    LLVM takes half of 512 bits, since the first machines that had them ran at a lower clock then. Those that came later
    (Ice Lake, 2019) do not: 64 lanes of Rosenbrock with gd take 0.78 of the time, Rastrigin 0.64, a network 0.94. When
    it breaks: "prefer-vector-width" in LLVM's sources.
    """
    return ' "prefer-vector-width"="512"' if numba_inside.host_features().get("avx512vbmi2") else ""


def _wide(function: str) -> str:
    head, line, body = function.partition(" {\n")
    return head + _width() + line + body


class WideLibrary(JITCodeLibrary):
    """The text of its module is changed before it is optimized, as in numba's nrtopt.py."""

    _final_module: Any

    def _optimize_final_module(self):
        head, *functions = str(self._final_module).split("\ndefine ")
        functions = [_wide(function) for function in self._changed(functions)]
        self._final_module = llvm.parse_assembly("\ndefine ".join([head, *functions]))
        self._first_passes()
        super()._optimize_final_module()

    def _changed(self, functions: list[str]) -> list[str]:
        return functions

    def _first_passes(self) -> None:
        """What is run before numba's passes."""


class LinkedLibrary(WideLibrary):
    """What Helper compiles into: kernels link their copies of its functions, and nobody calls those themselves.

    numba makes machine code of them all the same, which is a quarter of the time that Rosenbrock's gradient takes to
    compile. Who calls one from a function that is no kernel has to compile it with OwnCode, too: the loader would give
    it some kernel's copy, which counts no arrays. When it breaks: ``finalize`` and ``set_env`` in
    numba/core/codegen.py, which looks for the one variable that is left.
    """

    def _finalize_final_module(self):
        self._finalized = True
        module = self._get_module_for_linking()
        kept = [str(variable) for variable in module.global_variables if variable.name.startswith(_ENVIRONMENT)]
        self._final_module = llvm.parse_assembly("\n".join([f'target triple = "{module.triple}"', *kept]))
        super()._finalize_final_module()


class OwnLibrary(WideLibrary):
    """What OwnCode compiles into."""

    def _changed(self, functions: list[str]) -> list[str]:
        return _uncounted(functions)

    def _finalize_final_module(self):
        for function in self._final_module.functions:
            if function.linkage is Linkage.linkonce_odr and not function.is_declaration:
                function.linkage = "internal"
        super()._finalize_final_module()


class Helper(Compiler):
    """Compiles what kernels call, into a library of the kind ``library``, instead of the one that lowering would make:
    njit's ``pipeline_class``."""

    library: Any = LinkedLibrary

    def compile_extra(self, func: Callable) -> Any:
        """Compile into a new library of that kind."""
        self.state.library = self.library(self.state.targetctx.codegen(), func.__qualname__)
        self.state.library.enable_object_caching()
        return super().compile_extra(func)


INSIDE: dict[str, Any] = CALLED_INSIDE | {"pipeline_class": Helper}
"""The options of what kernels call."""


class OwnCode(Helper):
    """Compiles a kernel so that it runs its own copies of the functions that it calls.

    numba links a copy of each into every kernel, all under one name, for which the loader takes whichever came first.
    Each copy is optimized for its kernel, so last bits depended on what the process had loaded before, and a first
    start, which loads the functions by themselves, too, differed from the second (mlp, softmax, convolution,
    adafactor). When it breaks: numba/core/codegen.py, ``_get_module_for_linking``, gives the copies that linkage.
    """

    library = OwnLibrary


ENTRANCE: dict[str, Any] = {"no_cfunc_wrapper": True, "pipeline_class": OwnCode}
"""The options of what Python calls; no C library does."""


class _Untouched(LinkedLibrary):
    def _optimize_functions(self, ll_module):
        ll_module.data_layout = self._codegen._data_layout

    def _optimize_final_module(self):
        pass


class _InVectors(OwnLibrary):
    def _optimize_functions(self, ll_module):
        _Untouched._optimize_functions(self, ll_module)

    def _first_passes(self):
        options = llvm.create_pipeline_tuning_options(speed_level=3)
        options.loop_vectorization, options.slp_vectorization = True, False
        options.loop_unrolling, options.loop_interleaving = False, False
        builder = llvm.create_pass_builder(self._codegen._tm, options)
        builder.getModulePassManager().run(self._final_module, builder)


class Part(Helper):
    """Compiles what such a kernel calls: without optimizing, for that is done once all of it stands in one function.

    numba links what it has optimized by itself: loops over a number of lanes that was not known yet stay so. When it
    breaks: numba/core/codegen.py, ``finalize``.
    """

    library = _Untouched


PART: dict[str, Any] = CALLED_INSIDE | {"forceinline": True, "pipeline_class": Part}
"""The options of what is compiled as one with the kernel that calls it."""


class Vectors(Part):
    """Compiles a kernel with its parts; sizes may be constants, such as the eight lanes of a vector.

    LLVM unrolls loops of eight before it vectorizes, into eight times scalar code (numba leaves SLP off): it is run
    once without unrolling, then as numba does. 64 lanes of Rosenbrock with gd, take 24 ns a step instead of 130.
    Nor does it interleave vectors: of the 20 parameters of a lane, four would be left for a loop of scalars.
    """

    library = _InVectors
