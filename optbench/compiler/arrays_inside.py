"""Arrays that the compiler sees through, for kernels that are compiled as one: beyond numba's documented interface.

As in numba_inside.py, each trick says why it is worth it, with what was measured, and what to do when it breaks;
tests/compiler/test_arrays_inside.py tries them.
"""

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.imputils import impl_ret_borrowed
from numba.extending import intrinsic, overload

_WHOLE = ir.IntType(64)


@intrinsic
def alone(context: Any, array: Any) -> tuple[Any, Callable]:
    """An array in C order as one whose last axis is known to be 1: loops over it are none, those around it vectors.

    A gradient of softmax, one lane, takes 10 us instead of 16. For arguments of a kernel, whose caller holds them.
    """

    def generate(context, builder, _, arguments):
        old = context.make_array(array)(context, builder, arguments[0])
        shape = cgutils.unpack_tuple(builder, old.shape)
        return _array(context, builder, array, old.data, [*shape[:-1], ir.Constant(_WHOLE, 1)])

    return array(array), generate


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


def view(context: Any, array: Any, shape: Any) -> tuple[Any, Callable] | None:
    """An intrinsic's ``view(array, shape)``: of an array whose elements stand at one distance, whatever that is.

    Nothing is asked: the shape must be that of as many elements. When it breaks: numba/np/arrayobj.py builds arrays as
    it is done here.
    """
    if not isinstance(array, types.Array) or not isinstance(shape, types.BaseTuple):
        return None
    result = array.copy(ndim=len(shape), layout="C" if array.layout == "C" else "A")

    def generate(context, builder, signature, arguments):
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


_view = intrinsic(view)


@intrinsic
def _sizes(context: Any, array: Any, shape: Any) -> tuple[Any, Callable]:
    """A shape whose one negative size, if there is one, is what is left of the array; the kernel raises if none fits.

    numba compiles two functions for that, a fifth of the time that a gradient takes which reshapes its scratch. When it
    breaks: ``normalize_reshape_value`` of numba/np/arrayobj.py is what is done here.
    """

    def generate(context, builder, signature, arguments):
        zero, one = ir.Constant(_WHOLE, 0), ir.Constant(_WHOLE, 1)
        total = context.make_array(signature.args[0])(context, builder, arguments[0]).nitems
        sizes, negative, count, known = [], zero, one, one
        for i, kind in enumerate(signature.args[1]):
            size = context.cast(builder, builder.extract_value(arguments[1], i), kind, types.intp)
            below = builder.icmp_signed("<", size, zero)
            sizes.append((size, below))
            negative = builder.add(negative, builder.zext(below, _WHOLE))
            count, known = builder.mul(count, size), builder.mul(known, builder.select(below, one, size))
        fine = builder.and_(builder.icmp_signed("==", negative, zero), builder.icmp_signed("==", count, total))
        with builder.if_else(fine, likely=True) as (then, otherwise):
            with then:
                straight = builder.basic_block
            with otherwise:
                rest = builder.sdiv(total, builder.select(builder.icmp_signed("==", known, zero), one, known))
                fits = builder.icmp_signed("==", builder.mul(known, rest), total)
                fits = builder.and_(fits, builder.icmp_signed("==", negative, one))
                with builder.if_then(builder.not_(fits), likely=False):
                    message = "total size of new array must be unchanged"
                    context.call_conv.return_user_exc(builder, ValueError, (message,))
                filled = [builder.select(below, rest, size) for size, below in sizes]
                detour = builder.basic_block
        results = []
        for (size, _), other in zip(sizes, filled, strict=True):
            results.append(builder.phi(_WHOLE))
            results[-1].add_incoming(size, straight)
            results[-1].add_incoming(other, detour)
        return context.make_tuple(builder, signature.return_type, results)

    return types.UniTuple(types.intp, len(shape))(array, shape), generate


def reshaped(array: Any, *shape: Any) -> Any:
    """``array.reshape(*shape)`` for kernels, which numba asks the C library for, whatever stands in the array.

    The compiler cannot see through that call, so that what it knows of sizes ends there.
    """
    return array.reshape(*shape)


@overload(reshaped, jit_options={"forceinline": True})
def _reshaped(array, *shape):
    if array.layout != "C":
        return lambda array, *shape: array.reshape(shape)
    if isinstance(shape[0], types.BaseTuple):
        return lambda array, *shape: reshaped(array, *shape[0])
    return lambda array, *shape: _view(array, _sizes(array, shape))


@intrinsic
def multiply(context: Any, a: Any, b: Any, out: Any) -> tuple[Any, Callable] | None:
    """``np.matmul(a, b, out)`` by BLAS, of matrices one of whose axes is contiguous; the last one of ``out`` is.

    numba's np.dot takes whole arrays only: pieces of columns would have to be copied, 784 x 64 of them for a step of
    a network in half the time of their product. It calls the same function. When it breaks: ``call_xxgemm`` of
    numba/np/linalg.py.
    """
    if any(not isinstance(kind, types.Array) or kind.ndim != 2 or kind.dtype != out.dtype for kind in (a, b, out)):
        return None

    def generate(context, builder, signature, arguments):
        item = context.get_data_type(out.dtype)
        size, byte = ir.Constant(_WHOLE, context.get_abi_sizeof(item)), ir.IntType(8)
        memory = byte.as_pointer()

        def matrix(kind, value):
            """BLAS's letter, the address, and the distance of rows or columns; BLAS sees rows as columns."""
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

        (rows, inner, left), (_, columns, right) = (matrix(signature.args[i], arguments[i]) for i in (0, 1))
        _, _, (_, result, distance) = matrix(signature.args[2], arguments[2])
        one, zero = (builder.bitcast(cgutils.alloca_once_value(builder, item(n)), memory) for n in (1.0, 0.0))
        kinds = [byte] * 3 + [_WHOLE] * 3 + [memory, memory, _WHOLE, memory, _WHOLE, memory, memory, _WHOLE]
        gemm = cgutils.get_or_insert_function(builder.module, ir.FunctionType(ir.IntType(32), kinds), "numba_xxgemm")
        letter = byte(ord("d" if out.dtype == types.float64 else "s"))
        builder.call(
            gemm,
            [letter, right[0], left[0], columns, rows, inner, one, *right[1:], *left[1:], zero, result, distance],
        )
        return context.get_dummy_value()

    return types.void(a, b, out), generate
