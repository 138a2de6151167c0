"""Functions of plug-ins as kernels have them, for tests that call them from Python."""

import numba

from optbench.compiler.numba_compat import options
from optbench.compiler.translator import OPTIONS, translator


def as_in_kernels(function, dtype):
    """Return the function compiled for a dtype, within a kernel of its own.

    A kernel keeps its own copy of what it calls. A function compiled by plain `numba.njit` would run the first copy
    that was linked under that name: another kernel's, which counts no arrays, or one whose memory is free by now.
    """
    inner = translator(dtype).translate(function, "a test")[0]
    return numba.njit(**OPTIONS | options().entrance)(lambda *arguments: inner(*arguments))
