"""All that reaches beyond numba's documented interface, for kernels on this machine's cores.

numba_compat.py alone imports it, and does without it where something here fails. Each item says what it buys, as
measured, and where to look in numba when it breaks; tests/compiler/test_numba_inside.py tries them.
"""

import os
import re
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import cache, partial
from pathlib import Path
from typing import Any

import llvmlite.binding as llvm
import numba
import numpy as np
from llvmlite import ir
from llvmlite.binding import Linkage
from numba import config, types
from numba.core import cgutils
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler, Flags
from numba.core.cpu import CPUTargetOptions
from numba.core.imputils import impl_ret_borrowed
from numba.core.options import TargetOptions
from numba.extending import intrinsic

from optbench.compiler import kernel_files

_WHOLE = ir.IntType(64)


def host_features() -> Any:
    """Return {feature: True if the processor has it}; empty for processors that LLVM does not know."""
    try:
        return llvm.get_host_cpu_features()
    except RuntimeError:
        return {}


@cache
def noalias() -> dict[str, bool]:
    """Return the keyword for `numba.njit` that promises that no two arrays of a kernel share memory.

    numba has the flag but offers it to no decorator. Without it a kernel checks at run time whether its arrays overlap:
    64 lanes of Rosenbrock then take 1.10 times as long a step with gd and 1.02 to 1.06 times with adam.
    """
    Flags.noalias  # noqa: B018 - an option's mapping is not looked at before a kernel is compiled
    CPUTargetOptions.noalias = TargetOptions.Mapping("noalias")
    return {"noalias": True}


def guard_files(kernel: Any) -> None:
    """Let one process at a time write the files of a kernel, which is not compiled yet, and let none of them stop it.

    numba lets errors pass, of a full disk or of a file that is cut short. When it breaks, see the attributes of Cache
    in numba/core/caching.py.
    """
    with suppress(AttributeError):  # a simulator's kernels have no cache
        cache = kernel._cache
        for folder in _foreign_places(cache.cache_path):
            kernel_files.warn_if_shared(folder)
        cache.load_overload, cache.save_overload = (
            partial(_load_without_refresh, cache),
            partial(_save_without_annotation, cache),
        )


@cache
def _foreign_places(folder: str) -> list[str]:
    """Return folders of kernels that others may write to; beside their source they are as safe as the code."""
    if config.CACHE_DIR:
        return [config.CACHE_DIR, folder]
    temporary = Path(tempfile.gettempdir()).resolve()
    return [folder] if temporary in Path(folder).resolve().parents else []


def _load_without_refresh(cache: Any, signature: Any, context: Any) -> Any:
    """Return the saved kernel of a signature, or None, as Cache.load_overload does, but without refreshing the context.

    A refresh imports all that numba can compile, which takes 0.3 of the 2 seconds of a warm command. A kernel that was
    compiled before needs none of it but the symbols that code refers to: those of the runtime and of hashing. A
    compilation refreshes the context by itself. When it breaks: see load_overload of numba/core/caching.py,
    and who calls add_symbol.
    """
    from numba.core.runtime import rtsys
    from numba.cpython import hashing  # noqa: F401

    rtsys.initialize(context)
    with kernel_files.tolerate_errors(cache.cache_path, partial(_forget, cache)):
        return cache._load_overload(signature, context)
    return None


def _forget(cache: Any) -> None:
    """Empty the index of a function's kernels, of which one cannot be read: they are compiled and kept anew."""
    with kernel_files.one_writer(cache.cache_path) as held:
        if held:
            cache.flush()


def _save_without_annotation(cache: Any, signature: Any, result: Any) -> None:
    """Save what was compiled as Cache.save_overload does, alone, and without the types of the supposed source.

    A generated kernel stands in its rule's file without being there. Where its line lies within a text, Python 3.13
    cannot read the file from there on, and the kernel was not kept. When it breaks: see _reduce of CompileResult.
    """
    if hasattr(result, "type_annotation"):
        result = result._replace(type_annotation="")
    with kernel_files.tolerate_errors(cache.cache_path, lambda: None):
        cache._impl.locator.ensure_cache_path()
        with kernel_files.one_writer(cache.cache_path) as held:
            if held:
                cache._save_overload(signature, result)


_FORK_SECONDS = 20.0
"""The longest that a fork waits for another thread's compilation."""


def forks_between_compilations() -> None:
    """Make every later fork of the process wait until no other thread compiles.

    Otherwise the child inherits numba's and LLVM's locks without the thread that would release them: the first kernel
    that it compiles waits for ever (3 of 3 tried). When it breaks: see numba/core/compiler_lock.py and
    llvmlite/binding/ffi.py.
    """
    try:
        from llvmlite.binding.ffi import lib
        from numba.core.compiler_lock import global_compiler_lock

        locks = global_compiler_lock._lock, lib._lock._lock  # in the order in which a compilation takes them
        held = threading.local()

        def acquire() -> None:
            """Take the locks that are free in time."""
            held.locks = [lock for lock in locks if lock.acquire(timeout=_FORK_SECONDS)]

        def release() -> None:
            """Give back the locks that were taken."""
            for lock in reversed(held.locks):
                lock.release()

        os.register_at_fork(before=acquire, after_in_parent=release, after_in_child=release)
    except (ImportError, AttributeError):
        pass  # a system without forks, or a numba with other locks, whose forks are as they were


forks_between_compilations()


def address(kernel: Any, signature: Any) -> int:
    """Return the address of a kernel's code for ``signature``; the kernel must outlive its use.

    So one compiled driver calls every kernel: numba's documented way, a first-class function as an argument, costs
    60 us a call from Python where a whole call of the driver costs 2.4. When it breaks: numba/core/types/
    function_type.py and numba/experimental/function_type.py take the address for such an argument themselves.
    """
    result = kernel.get_compile_result(signature)
    return result.library.get_pointer_to_function(result.fndesc.llvm_func_name)


def function_at(signature_of: Callable[[str], Any]) -> Callable:
    """Return ``at(address, array)``, which kernels call to get the function at that :func:`address`.

    ``signature_of(name)`` returns the function's signature; name: of the dtype of ``array``. ``at`` fills the only
    field that calls of a first-class function read, ``jit_addr``. When it breaks: see the structure of
    numba/experimental/function_type.py.
    """

    @intrinsic
    def at(context, address, array):
        """Return the type of the call and its generator; ``array``: its dtype is that of the function's arrays."""
        signature = signature_of(array.dtype.name)
        kind = types.FunctionType(signature)

        def generate(context, builder, _, arguments):
            """Return numba's structure of a first-class function."""
            function = cgutils.create_struct_proxy(kind)(context, builder)
            function.jit_addr = builder.inttoptr(arguments[0], ir.IntType(8).as_pointer())
            return function._getvalue()

        return kind(address, array), generate

    return at


CALLED_INSIDE = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
"""The options of functions that only compiled code calls: a call from Python would end the process.

numba compiles two more functions around each, one for Python and one for C, and again in every kernel that it is part
of. Without them all kernels of mlp, logistic and rosenbrock compile in 20.6 s of CPU time, where they took 24.4. When
it breaks: kernels work without, see numba/core/options.py; ``overload`` takes both for what it compiles.
"""

_COUNT = re.compile(r"^.*call void @NRT_(?:in|de)cref\(.*\n", re.MULTILINE)
_ALLOCATION = re.compile(r"call .*@NRT_\w*[aA]lloc")
_FROM_PYTHON = "@_ZN7cpython"
_ENVIRONMENT = "_ZN08NumbaEnv"


def _remove_reference_counts(functions: list[str]) -> list[str]:
    """Return the LLVM texts of a kernel's functions without reference counts of arrays; as given if it allocates any.

    The kernel's caller holds its arrays. numba counts every view, even a row, by an atomic operation: without it, a
    step of the network 64-32-10 on 16 examples takes 4.2 us instead of 5.6, on 64 examples 12.7 instead of 14.1. The
    wrapper that numba makes for calls from Python still holds the arguments. When it breaks:
    numba/core/runtime/nrtdynmod.py has the names.
    """
    if any(_ALLOCATION.search(function) for function in functions):
        return functions
    return [f if _FROM_PYTHON in f.partition("\n")[0] else _COUNT.sub("", f) for f in functions]


@cache
def _vector_attribute() -> str:
    """Return the function attribute that makes LLVM use 512-bit vectors; "" for processors without fast ones.

    By default LLVM uses 256 bits, as the first processors with AVX-512 lowered their clock for it. Later ones (Ice
    Lake, 2019) do not: 64 lanes of Rosenbrock with gd take 0.78 of the time, Rastrigin 0.64, a network 0.94. When it
    breaks: "prefer-vector-width" in LLVM's sources.
    """
    return ' "prefer-vector-width"="512"' if host_features().get("avx512vbmi2") else ""


def _use_wide_vectors(function: str) -> str:
    """Return the LLVM text of a function with the attribute of `_vector_attribute`."""
    head, line, body = function.partition(" {\n")
    return head + _vector_attribute() + line + body


class WideLibrary(JITCodeLibrary):
    """A library whose module's LLVM text is changed before it is optimized, as in numba's nrtopt.py."""

    _final_module: Any

    def _optimize_final_module(self) -> None:
        """Change the module's text before numba optimizes it."""
        head, *functions = str(self._final_module).split("\ndefine ")
        functions = [_use_wide_vectors(function) for function in self._change_functions(functions)]
        self._final_module = llvm.parse_assembly("\ndefine ".join([head, *functions]))
        self._first_passes()
        super()._optimize_final_module()

    def _change_functions(self, functions: list[str]) -> list[str]:
        """Return the LLVM texts of the functions with the changes of a subclass; here with none."""
        return functions

    def _first_passes(self) -> None:
        """Run passes before numba's."""


class LinkedLibrary(WideLibrary):
    """The library of a helper: kernels link copies of its functions, and nothing calls those themselves.

    numba makes machine code of them all the same, which is a quarter of the time that Rosenbrock's gradient takes to
    compile. Who calls one from a function that is no kernel has to compile it with OwnCode, too: the loader would give
    it some kernel's copy, which counts no arrays. When it breaks: ``finalize`` and ``set_env`` in
    numba/core/codegen.py, which looks for the one variable that is left.
    """

    def _finalize_final_module(self) -> None:
        """Make no machine code."""
        self._finalized = True
        module = self._get_module_for_linking()
        kept = [str(variable) for variable in module.global_variables if variable.name.startswith(_ENVIRONMENT)]
        self._final_module = llvm.parse_assembly("\n".join([f'target triple = "{module.triple}"', *kept]))
        super()._finalize_final_module()


class OwnLibrary(WideLibrary):
    """The library of a kernel."""

    def _change_functions(self, functions: list[str]) -> list[str]:
        return _remove_reference_counts(functions)

    def _finalize_final_module(self):
        """Make the functions that the kernel calls its own."""
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
    """The library of a part of a kernel, without optimization."""

    def _optimize_functions(self, ll_module):
        """Set the data layout only, where numba would optimize each function."""
        ll_module.data_layout = self._codegen._data_layout

    def _optimize_final_module(self):
        """Leave the module as it is, where numba would optimize it."""


class _InVectors(OwnLibrary):
    """The library of a kernel of parts, whose loops become vectors before they are unrolled."""

    def _optimize_functions(self, ll_module):
        _Untouched._optimize_functions(self, ll_module)

    def _first_passes(self):
        """Run LLVM's passes with vectors, and without unrolling and interleaving."""
        options = llvm.create_pipeline_tuning_options(speed_level=3)
        options.loop_vectorization, options.slp_vectorization = True, False
        options.loop_unrolling, options.loop_interleaving = False, False
        builder = llvm.create_pass_builder(self._codegen._tm, options)
        builder.getModulePassManager().run(self._final_module, builder)


class Part(Helper):
    """A compiler of such a kernel's callees, without optimization, which follows once all is one function.

    numba links what it has optimized by itself: loops over a number of lanes that was not known yet stay so. When it
    breaks: numba/core/codegen.py, ``finalize``.
    """

    library = _Untouched


PART: dict[str, Any] = CALLED_INSIDE | {"forceinline": True, "pipeline_class": Part}
"""The options of what is compiled as one with the kernel that calls it."""


class Vectors(Part):
    """Compiles a kernel with its parts; sizes may be constants, such as the eight lanes of a vector.

    LLVM unrolls loops of eight before it vectorizes, into eight times scalar code (numba leaves SLP off): it is run
    once without unrolling, then as numba does. 64 lanes of Rosenbrock with gd take 24 ns a step instead of 130.
    Nor does it interleave vectors: of the 20 parameters of a lane, four would be left for a loop of scalars.
    """

    library = _InVectors


@intrinsic
def with_one_lane(context: Any, array: Any) -> tuple[Any, Callable]:
    """Return an array in C order with the constant 1 as its last size, so that the loops around it become vectors.

    A gradient of softmax, one lane, takes 10 us instead of 16. It is for arguments of a kernel, which its caller holds.
    """

    def generate(context, builder, _, arguments):
        """Return numba's structure of the array."""
        old = context.make_array(array)(context, builder, arguments[0])
        shape = cgutils.unpack_tuple(builder, old.shape)
        return _array(context, builder, array, old.data, [*shape[:-1], ir.Constant(_WHOLE, 1)])

    return array(array), generate


def _array(context, builder, kind, memory, shape):
    """Return numba's structure of an array of type ``kind`` at address ``memory``, in C order, not counted."""
    item = context.get_data_type(kind.dtype)
    size = ir.Constant(_WHOLE, context.get_abi_sizeof(item))
    strides = [size]
    for n in shape[:0:-1]:
        strides.insert(0, builder.mul(n, strides[0]))
    array = context.make_array(kind)(context, builder)
    context.populate_array(
        array, data=builder.bitcast(memory, item.as_pointer()), shape=cgutils.pack_array(builder, shape),
        strides=cgutils.pack_array(builder, strides), itemsize=size, meminfo=None,
    )  # fmt: skip
    return array._getvalue()


def view(context: Any, array: Any, shape: Any) -> tuple[Any, Callable] | None:
    """Generate the intrinsic ``view(array, shape)``, a reshape of an array with one stride between its elements.

    The number of elements is not checked. When it breaks: numba/np/arrayobj.py builds arrays in the same way.
    """
    if not isinstance(array, types.Array) or not isinstance(shape, types.BaseTuple):
        return None
    result = array.copy(ndim=len(shape), layout="C" if array.layout == "C" else "A")

    def generate(context, builder, signature, arguments):
        """Return numba's structure of the view."""
        source = context.make_array(signature.args[0])(context, builder, arguments[0])
        target = context.make_array(signature.return_type)(context, builder)
        sizes = [
            context.cast(builder, builder.extract_value(arguments[1], i), kind, types.intp)
            for i, kind in enumerate(signature.args[1])
        ]
        step = builder.extract_value(source.strides, signature.args[0].ndim - 1)
        strides: list = []
        for size in reversed(sizes):
            strides.insert(0, step)
            step = builder.mul(step, size)
        target.data, target.meminfo, target.parent = source.data, source.meminfo, source.parent
        target.itemsize = source.itemsize
        count = sizes[0]
        for size in sizes[1:]:
            count = builder.mul(count, size)
        target.nitems = count
        target.shape, target.strides = cgutils.pack_array(builder, sizes), cgutils.pack_array(builder, strides)
        # Where memory is counted, which a GPU's is not, the view holds it, too.
        return impl_ret_borrowed(context, builder, signature.return_type, target._getvalue())

    return result(array, shape), generate


@intrinsic
def multiply(context: Any, a: Any, b: Any, out: Any) -> tuple[Any, Callable] | None:
    """Write the product of a and b into ``out`` by BLAS; one axis of each is contiguous, of ``out`` the last one.

    numba's np.dot calls the same function but takes contiguous arrays only: pieces of columns would have to be copied,
    which for the 784 x 64 weights of a network takes half the time of their product. When it breaks: ``call_xxgemm``
    of numba/np/linalg.py.
    """
    if any(not isinstance(kind, types.Array) or kind.ndim != 2 or kind.dtype != out.dtype for kind in (a, b, out)):
        return None

    def generate(context, builder, signature, arguments):
        """Call BLAS."""
        item = context.get_data_type(out.dtype)
        size, byte = ir.Constant(_WHOLE, context.get_abi_sizeof(item)), ir.IntType(8)
        memory = byte.as_pointer()

        def blas_operand(kind, value):
            """Return rows, columns, and for BLAS (letter, address, leading dimension), by the strides at run time.

            An array of rows is "n" to BLAS, which takes it for the transpose. kind: numba's type of the array.
            """
            array = context.make_array(kind)(context, builder, value)
            rows, columns = cgutils.unpack_tuple(builder, array.shape)
            along, between = cgutils.unpack_tuple(builder, array.strides)
            straight = builder.icmp_signed("==", between, size)
            length = builder.select(straight, columns, rows)
            distance = builder.sdiv(builder.select(straight, along, between), size)
            # A single row may have any distance to the next one, but BLAS asks for one that would do.
            distance = builder.select(builder.icmp_signed("<", distance, length), length, distance)
            letter = builder.select(straight, byte(ord("n")), byte(ord("t")))
            return rows, columns, (letter, builder.bitcast(array.data, memory), distance)

        (rows, inner, left), (_, columns, right) = (blas_operand(signature.args[i], arguments[i]) for i in (0, 1))
        _, _, (_, result, distance) = blas_operand(signature.args[2], arguments[2])
        one, zero = (builder.bitcast(cgutils.alloca_once_value(builder, item(n)), memory) for n in (1.0, 0.0))
        kinds = [byte] * 3 + [_WHOLE] * 3 + [memory, memory, _WHOLE, memory, _WHOLE, memory, memory, _WHOLE]
        gemm = cgutils.get_or_insert_function(builder.module, ir.FunctionType(ir.IntType(32), kinds), "numba_xxgemm")
        letter = byte(ord("d" if out.dtype == types.float64 else "s"))
        builder.call(
            gemm, [letter, right[0], left[0], columns, rows, inner, one, *right[1:], *left[1:], zero, result, distance]
        )
        return context.get_dummy_value()

    return types.void(a, b, out), generate


_TABLE = types.Array(types.float64, 2, "C")
_TRIPLE = types.void(_TABLE, _TABLE)
_triple_at = function_at(lambda _: _TRIPLE)


def _triple(a: np.ndarray, out: np.ndarray) -> None:
    """Write three times ``a`` into ``out``: the kernel of the self-test."""
    for i in range(a.shape[0]):
        row, target = a[i], out[i]
        for j in range(row.shape[0]):
            target[j] = 3.0 * row[j]


def _call_triple(address: int, a: np.ndarray, out: np.ndarray) -> None:
    """Call the kernel `_triple` at an address, as the engine's loops call kernels."""
    _triple_at(address, a)(a, out)


def self_test() -> None:
    """Compile a kernel and a loop that calls it by its address, as the engine does. Raises where anything fails."""
    options = {"pipeline_class": Vectors} | CALLED_INSIDE | noalias()
    kernel = numba.njit(cache=True, **options)(_triple)
    loop = numba.njit(cache=True, **ENTRANCE)(_call_triple)
    for each, kind in ((kernel, _TRIPLE), (loop, types.void(types.int64, _TABLE, _TABLE))):
        guard_files(each)
        each.compile(kind)
        each.disable_compile()
    a, out = np.arange(6.0).reshape(2, 3), np.zeros((2, 3))
    loop(address(kernel, _TRIPLE), a, out)
    if not np.array_equal(out, 3.0 * a):
        raise RuntimeError(f"a kernel gave {out.tolist()}")
