"""All that reaches beyond numba's documented interface, but for what the other modules named _inside are for.

Nothing else here imports numba.core, llvmlite or cudadrv. Each trick says why it is worth it, with what was measured,
and what to do when it breaks; each has a test of its own, tests/compiler/test_numba_inside.py.
"""

import os
import tempfile
import threading
import warnings
from collections.abc import Callable
from contextlib import suppress
from functools import cache, partial
from pathlib import Path
from typing import Any

from llvmlite import binding, ir
from numba import __version__ as numba_version
from numba import config, types
from numba.core import cgutils
from numba.core.serialize import dumps
from numba.extending import intrinsic

from optbench.compiler import kernel_files


def host_features() -> Any:
    """By name, which of the processor's features are there; nothing of processors that LLVM does not know."""
    try:
        return binding.get_host_cpu_features()
    except RuntimeError:
        return {}


@cache
def noalias() -> dict[str, bool]:
    """The option of a decorator that promises that no two arrays of a kernel share memory.

    numba has the flag but offers it to no decorator. Without it a kernel asks at run time whether its arrays overlap:
    64 lanes of Rosenbrock then take 1.10 times as long a step with gd and 1.02 to 1.06 times with adam. When it breaks:
    kernels work without it, so there is one warning and no option.
    """
    try:
        from numba.core.compiler import Flags
        from numba.core.cpu import CPUTargetOptions
        from numba.core.options import TargetOptions

        Flags.noalias  # noqa: B018 - an option's mapping is not looked at before a kernel is compiled
        CPUTargetOptions.noalias = TargetOptions.Mapping("noalias")
    except (ImportError, AttributeError) as error:
        warnings.warn(f"this numba does not take noalias ({error}): kernels will be slower", RuntimeWarning, 2)
        return {}
    return {"noalias": True}


def kept_on_disk(decorate: Callable[..., Any], function: Callable) -> Any:
    """``decorate(cache=True)(function)``, not yet compiled; without the cache where there is no place for one.

    numba tells that by the words of a RuntimeError alone, and by no kind of its own. When they change, sessions without
    a writable folder fail with numba's error: look for its new words in numba/core/caching.py.

    numba's files in it are replaced by sealed ones. Measured, one bit flipped at 300 places of a kernel's file: numba's
    own were killed by a signal 37 times, gave a wrong number 3 times and raised 57 times. When it breaks,
    tests/compiler/test_kernel_files.py says so: see the attributes of Cache in numba/core/caching.py.
    """
    try:
        kernel = decorate(cache=True)(function)
    except (RuntimeError, OSError) as error:
        if isinstance(error, RuntimeError) and "cannot cache" not in str(error):
            raise
        kernel_files.tell(
            f"there is no folder in which compiled kernels of {function.__code__.co_filename} can be kept"
        )
        return decorate()(function)
    with suppress(AttributeError):  # a simulator's kernels have no cache
        cache = kernel._cache
        for folder in _foreign_places(cache.cache_path):
            kernel_files.warn_if_shared(folder)
        stamp = cache._impl.locator.get_source_stamp(), numba_version
        files = kernel_files.Sealed(cache.cache_path, cache._impl.filename_base, stamp, dumps)
        cache.load_overload, cache.save_overload = partial(_loaded, cache), partial(_saved, cache)
        cache._cache_file, cache._guard_against_spurious_io_errors = files, files.forgiving
    return kernel


@cache
def _foreign_places(folder: str) -> list[str]:
    """Where kernels in ``folder`` stand that may be a place of others: beside its file they are as safe as the code."""
    if config.CACHE_DIR:
        return [config.CACHE_DIR, folder]
    temporary = Path(tempfile.gettempdir()).resolve()
    return [folder] if temporary in Path(folder).resolve().parents else []


def _loaded(cache: Any, signature: Any, context: Any) -> Any:
    """What Cache.load_overload does, but for a refresh of the context, which imports all that numba can compile.

    A kernel that was compiled before needs none of it but the symbols that code refers to: those of the runtime and of
    hashing. It takes 0.3 of the 2 seconds of a warm command. A compilation refreshes the context by itself. When it
    breaks: see load_overload of numba/core/caching.py, and who calls add_symbol.
    """
    from numba.core.runtime import rtsys
    from numba.cpython import hashing  # noqa: F401

    rtsys.initialize(context)
    with cache._guard_against_spurious_io_errors():
        return cache._load_overload(signature, context)
    return None


def _saved(cache: Any, signature: Any, result: Any) -> None:
    """What Cache.save_overload does, but for the annotation: the types of each line of what numba takes for the source.

    A generated kernel stands in its rule's file without being there. Where its line lies within a text, Python 3.13
    cannot read the file from there on, and the kernel was not kept. When it breaks: see _reduce of CompileResult.
    """
    if hasattr(result, "type_annotation"):
        result = result._replace(type_annotation="")
    type(cache).save_overload(cache, signature, result)


_FORK_SECONDS = 20.0
"""How long a fork waits at most for another thread's compilation."""


def forks_between_compilations() -> None:
    """From now on a fork waits until no other thread compiles.

    Else the child keeps numba's and LLVM's locks, and nobody who would release them: the first kernel that it compiles
    waits for ever (3 of 3 tried). When it breaks: see numba/core/compiler_lock.py and llvmlite/binding/ffi.py.
    """
    try:
        from llvmlite.binding.ffi import lib
        from numba.core.compiler_lock import global_compiler_lock

        locks = global_compiler_lock._lock, lib._lock._lock  # in the order in which a compilation takes them
        held = threading.local()

        def acquire() -> None:
            held.locks = [lock for lock in locks if lock.acquire(timeout=_FORK_SECONDS)]

        def release() -> None:
            for lock in reversed(held.locks):
                lock.release()

        os.register_at_fork(before=acquire, after_in_parent=release, after_in_child=release)
    except (ImportError, AttributeError):
        pass  # a system without forks, or a numba with other locks, whose forks are as they were


forks_between_compilations()


def address(kernel: Any, signature: Any) -> int:
    """Where the code of a kernel that was compiled for ``signature`` stands; the kernel must outlive its use.

    So one compiled driver calls every kernel: numba's documented way, a first-class function as an argument, costs
    60 us a call from Python where a whole call of the driver costs 2.4. When it breaks: numba/core/types/
    function_type.py and numba/experimental/function_type.py take the address for such an argument themselves.
    """
    result = kernel.get_compile_result(signature)
    return result.library.get_pointer_to_function(result.fndesc.llvm_func_name)


def function_at(signature_of: Callable[[str], Any]) -> Callable:
    """``at(address, array)`` for kernels: the function at that :func:`address`.

    ``signature_of`` gives its signature by the array's dtype. It fills the one field that calls of a first-class
    function read, ``jit_addr``. When it breaks: see the structure of numba/experimental/function_type.py.
    """

    @intrinsic
    def at(context, address, array):
        signature = signature_of(array.dtype.name)
        kind = types.FunctionType(signature)

        def generate(context, builder, _, arguments):
            function = cgutils.create_struct_proxy(kind)(context, builder)
            function.jit_addr = builder.inttoptr(arguments[0], ir.IntType(8).as_pointer())
            return function._getvalue()

        return kind(address, array), generate

    return at
