"""What fused kernels take beyond numba's documented interface: arrays on the stack, and code that is compiled as one.

As in numba_inside.py, each trick says why it is worth it, with what was measured, and what to do when it breaks;
tests/compiler/test_fused_inside.py tries them.
"""

import math
from collections.abc import Callable
from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.codegen import JITCodeLibrary
from numba.extending import intrinsic

from optbench.compiler.numba_inside import Helper, OwnCode, OwnLibrary

_WHOLE = ir.IntType(64)


def on_stack(number: Any, shape: tuple[int, ...]) -> Callable:
    """A function for kernels that gives an array of that constant shape in C order, on the stack, not yet filled.

    LLVM sees the sizes, so that loops over lanes become vectors, and keeps small arrays in registers: a step of
    Rosenbrock with gd, one lane, takes 4 ns instead of 34. An array of NumPy's comes from the heap and goes nowhere.
    When it breaks: numba/np/arrayobj.py, ``populate_array``.
    """
    kind = types.Array(number, len(shape), "C")

    @intrinsic
    def room(context):
        def generate(context, builder, _, arguments):
            item = context.get_data_type(number)
            with builder.goto_entry_block():
                memory = builder.alloca(ir.ArrayType(item, max(math.prod(shape), 1)))
                memory.align = 64
            return _array(context, builder, kind, memory, [ir.Constant(_WHOLE, n) for n in shape])

        return kind(), generate

    return room


@intrinsic
def turned(context: Any, column: Any) -> tuple[Any, Callable]:
    """An array (dim, 1) as (1, dim): the same memory, without the questions that numba's ``reshape`` asks."""

    def generate(context, builder, _, arguments):
        old = context.make_array(column)(context, builder, arguments[0])
        dim, one = cgutils.unpack_tuple(builder, old.shape)
        return _array(context, builder, column, old.data, [one, dim])

    return column(column), generate


def _array(context, builder, kind, memory, shape):
    """numba's structure of an array in C order whose memory is nobody's to count."""
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


class _Untouched(JITCodeLibrary):
    def _optimize_functions(self, ll_module):
        ll_module.data_layout = self._codegen._data_layout

    def _optimize_final_module(self):
        pass


class _InVectors(OwnLibrary):
    def _optimize_functions(self, ll_module):
        _Untouched._optimize_functions(self, ll_module)

    def _first_passes(self):
        options = llvm.create_pipeline_tuning_options(speed_level=3)
        options.loop_vectorization, options.slp_vectorization, options.loop_unrolling = True, False, False
        builder = llvm.create_pass_builder(self._codegen._tm, options)
        builder.getModulePassManager().run(self._final_module, builder)


class Part(Helper):
    """Compiles what a fused kernel calls: without optimizing, for that is done once all of it stands in one function.

    numba links what it has optimized by itself: loops over a number of lanes that was not known yet stay so. When it
    breaks: numba/core/codegen.py, ``finalize``.
    """

    library = _Untouched


class Vectors(Part):
    """Compiles a fused kernel whose loops over lanes are as long as a vector.

    LLVM unrolls loops of eight before it vectorizes, into eight times scalar code (numba leaves SLP off): it is run
    once without unrolling, then as numba does. 64 lanes of Rosenbrock with gd take 24 ns a step instead of 130.
    """

    library = _InVectors


One = OwnCode
"""Compiles a fused kernel of a single lane: as numba does."""
