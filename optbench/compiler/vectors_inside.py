"""Loops that LLVM ends with single numbers, as whole vectors and a part of one: beyond numba's documented interface.

As in numba_inside.py, each trick says why it is worth it, with what was measured, and what to do when it breaks;
tests/compiler/test_vectors_inside.py tries them.
"""

from collections.abc import Callable
from contextlib import contextmanager
from functools import cache
from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from optbench.contract.types import DtypeName
from optbench.kit import lane_products

_WHOLE, _SHORT, _BIT, _BYTE = (ir.IntType(bits) for bits in (64, 32, 1, 8))
_SUMS = 8
"""Vectors of sums side by side, so that none waits for another."""
_WIDE, _NARROW = 4, 2
"""Vectors of a row at a time: long pieces come quicker from the L2 cache, short rows fill two."""


@cache
def vector_bytes() -> int:
    """Bytes of the machine's vectors; 0 where it cannot load a part of one."""
    features = llvm.get_host_cpu_features()
    return 64 if features.get("avx512vbmi2") else 32 if features.get("avx2") else 0


class _Writer:
    """Writes loops over vectors, parts of which can be loaded and stored."""

    def __init__(self, context: Any, builder: ir.IRBuilder, dtype: Any):
        self.context, self.builder, self.item = context, builder, context.get_data_type(dtype)
        self.bytes = context.get_abi_sizeof(self.item)
        self.count = vector_bytes() // self.bytes
        self.kind, self.mask = (ir.VectorType(kind, self.count) for kind in (self.item, _BIT))
        self.zeros = ir.Constant(self.kind, [0.0] * self.count)

    def array(self, kind: Any, value: Any) -> tuple[Any, list, list]:
        """Where an array begins, its sizes, and its distances in bytes."""
        array = self.context.make_array(kind)(self.context, self.builder, value)
        data = self.builder.bitcast(array.data, _BYTE.as_pointer())
        return data, *(list(cgutils.unpack_tuple(self.builder, part)) for part in (array.shape, array.strides))

    def beyond(self, data: Any, *terms: tuple[Any, Any]) -> Any:
        """The address so many times so many bytes further on."""
        for count, size in terms:
            data = self.builder.gep(data, [self.builder.mul(count, size)])
        return data

    @contextmanager
    def loop(self, first: Any, last: Any, step: int):
        with cgutils.for_range_slice(self.builder, first, last, _WHOLE(step), _WHOLE) as (index, _):
            yield index

    def first(self, count: Any) -> Any:
        """Which numbers of a vector are among the first ``count``."""
        kind = ir.VectorType(_WHOLE, self.count)
        return self.builder.icmp_signed("<", kind(list(range(self.count))), self.spread(count, kind))

    def spread(self, number: Any, kind: Any) -> Any:
        """A vector of one number."""
        nothing, places = ir.Constant(kind, ir.Undefined), ir.VectorType(_SHORT, self.count)
        one = self.builder.insert_element(nothing, number, _SHORT(0))
        return self.builder.shuffle_vector(one, nothing, places([0] * self.count))

    def smaller(self, a: Any, b: Any) -> Any:
        return self.builder.select(self.builder.icmp_signed("<", a, b), a, b)

    def copy(self, source: Any, target: Any) -> None:
        """A whole vector."""
        source, target = (self.builder.bitcast(place, self.kind.as_pointer()) for place in (source, target))
        self.builder.store(self.builder.load(source, align=self.bytes), target, align=self.bytes)

    def number(self, place: Any, kind: Any) -> Any:
        return self.builder.load(self.builder.bitcast(place, kind.as_pointer()))

    def load(self, place: Any, mask: Any) -> Any:
        """The numbers of the mask, and zeros."""
        pointer = self.kind.as_pointer()
        function = self._function("load", self.kind, [pointer, _SHORT, self.mask, self.kind])
        return self.builder.call(function, [self.builder.bitcast(place, pointer), _SHORT(self.bytes), mask, self.zeros])

    def store(self, values: Any, place: Any, mask: Any) -> None:
        """The numbers of the mask alone."""
        pointer = self.kind.as_pointer()
        function = self._function("store", ir.VoidType(), [self.kind, pointer, _SHORT, self.mask])
        self.builder.call(function, [values, self.builder.bitcast(place, pointer), _SHORT(self.bytes), mask])

    def _function(self, name: str, result: Any, arguments: list) -> Any:
        name = f"llvm.masked.{name}.v{self.count}f{8 * self.bytes}.p0"
        return cgutils.get_or_insert_function(self.builder.module, ir.FunctionType(result, arguments), name)

    def sums(self, count: int) -> list:
        """Places of so many vectors."""
        return [cgutils.alloca_once(self.builder, self.kind) for _ in range(count)]

    def clear(self, places: list) -> None:
        for place in places:
            self.builder.store(self.zeros, place)

    def add_product(self, place: Any, a: Any, b: Any) -> None:
        product = self.builder.fmul(a, b, flags=("contract",))
        self.builder.store(self.builder.fadd(self.builder.load(place), product, flags=("contract",)), place)

    def totals(self, vectors: list) -> Any:
        """A vector of the sums of as many vectors as it has numbers: halves of two are added as one."""
        size, kind = self.count, ir.VectorType(_SHORT, self.count)
        while size > 1:
            starts = range(0, 2 * self.count, size)
            low, high = (
                kind([start + place for start in starts for place in range(first, first + size // 2)])
                for first in (0, size // 2)
            )
            vectors = [
                self.builder.fadd(self.builder.shuffle_vector(a, b, low), self.builder.shuffle_vector(a, b, high))
                for a, b in zip(vectors[::2], vectors[1::2], strict=True)
            ]
            size //= 2
        return vectors[0]


@intrinsic
def gather(context: Any, x: Any, numbers: Any, out: Any) -> tuple[Any, Callable]:
    """out = x[numbers], of as many rows as ``out`` has, all in C order.

    A row ends with a whole vector, which writes some of its numbers again. Gathering 64 rows of 11 numbers takes 180 ns
    instead of 220, in float32 90 instead of 190. When it breaks: a loop.
    """

    def generate(context, builder, signature, arguments):
        write = _Writer(context, builder, x.dtype)
        (source, _, (between, _)), (places, _, (step,)), (target, (rows, columns), (apart, _)) = map(
            write.array, signature.args, arguments
        )
        item, size = context.get_data_type(numbers.dtype), _WHOLE(write.bytes)
        last = builder.sub(columns, _WHOLE(write.count))
        with write.loop(_WHOLE(0), rows, 1) as i:
            row = builder.sext(write.number(write.beyond(places, (i, step)), item), _WHOLE)
            taken, given = write.beyond(source, (row, between)), write.beyond(target, (i, apart))
            with builder.if_else(builder.icmp_signed("<", last, _WHOLE(0))) as (narrow, wide):
                with narrow:
                    mask = write.first(columns)
                    write.store(write.load(taken, mask), given, mask)
                with wide, write.loop(_WHOLE(0), columns, write.count) as j:
                    place = write.smaller(j, last), size
                    write.copy(write.beyond(taken, place), write.beyond(given, place))
        return context.get_dummy_value()

    return types.void(x, numbers, out), generate


@intrinsic
def rows_times(context: Any, a: Any, b: Any, out: Any) -> tuple[Any, Callable]:
    """out = a b, of a matrix whose rows are contiguous; b and out are vectors in C order.

    As many rows at a time as a vector has numbers, whose vectors of sums are added up as one. 64 rows of 20 numbers of
    float32 take 120 ns instead of 240; of float64 as long as the loops. When it breaks: the loops of lane_products.py.
    """

    def generate(context, builder, signature, arguments):
        write = _Writer(context, builder, out.dtype)
        (matrix, (rows, inner), (between, _)), (column, *_), (result, *_) = map(write.array, signature.args, arguments)
        size, sums, last = _WHOLE(write.bytes), write.sums(write.count), builder.sub(rows, _WHOLE(1))
        with write.loop(_WHOLE(0), rows, write.count) as i:
            write.clear(sums)
            lines = []
            for k in range(write.count):
                line = write.smaller(builder.add(i, _WHOLE(k)), last)
                lines.append(write.beyond(matrix, (line, between)))
            with write.loop(_WHOLE(0), inner, write.count) as j:
                mask = write.first(builder.sub(inner, j))
                factors = write.load(write.beyond(column, (j, size)), mask)
                for line, place in zip(lines, sums, strict=True):
                    write.add_product(place, write.load(write.beyond(line, (j, size)), mask), factors)
            totals = write.totals([builder.load(place) for place in sums])
            write.store(totals, write.beyond(result, (i, size)), write.first(builder.sub(rows, i)))
        return context.get_dummy_value()

    return types.void(a, b, out), generate


@intrinsic
def columns_times(context: Any, a: Any, b: Any, out: Any) -> tuple[Any, Callable]:
    """out = a' b, of a matrix whose rows are contiguous; b and out are vectors in C order.

    Four vectors of ``out`` at a time, two rows at once; or two, and four rows. 64 rows of 11 numbers take 80 ns instead
    of 170, in float32 90 instead of 150. When it breaks: the loops of lane_products.py.
    """

    def generate(context, builder, signature, arguments):
        write = _Writer(context, builder, out.dtype)
        (matrix, (rows, columns), (between, _)), (column, *_), (result, *_) = map(
            write.array, signature.args, arguments
        )
        size, sums = _WHOLE(write.bytes), write.sums(_SUMS)

        def add_up(j, parts):
            """``parts`` vectors of sums from column ``j`` on, of as many rows side by side as there are sums for."""
            turns = _SUMS // parts
            firsts = [builder.add(j, _WHOLE(part * write.count)) for part in range(parts)]
            masks = [write.first(builder.sub(columns, first)) for first in firsts]

            def add(i, turn):
                factor = write.spread(write.number(write.beyond(column, (i, size)), write.item), write.kind)
                for part, (first, mask) in enumerate(zip(firsts, masks, strict=True)):
                    values = write.load(write.beyond(matrix, (i, between), (first, size)), mask)
                    write.add_product(sums[parts * turn + part], values, factor)

            write.clear(sums)
            whole = builder.and_(rows, _WHOLE(-turns))
            with write.loop(_WHOLE(0), whole, turns) as i:
                for turn in range(turns):
                    add(builder.add(i, _WHOLE(turn)), turn)
            with write.loop(whole, rows, 1) as i:
                add(i, 0)
            for part, (first, mask) in enumerate(zip(firsts, masks, strict=True)):
                terms = [builder.load(place) for place in sums[part::parts]]
                while len(terms) > 1:
                    terms = [builder.fadd(a, b) for a, b in zip(terms[::2], terms[1::2], strict=True)]
                write.store(terms[0], write.beyond(result, (first, size)), mask)

        wide, narrow = _WIDE * write.count, _NARROW * write.count
        far = builder.and_(builder.add(columns, _WHOLE(wide - narrow - 1)), _WHOLE(-wide))
        with write.loop(_WHOLE(0), far, wide) as j:
            add_up(j, _WIDE)
        with write.loop(far, columns, narrow) as j:
            add_up(j, _NARROW)
        return context.get_dummy_value()

    return types.void(a, b, out), generate


@intrinsic
def is_single(context: Any, runs: Any) -> tuple[Any, Callable]:
    """Whether there is one run: where that is a constant, the other branch is gone."""

    def generate(context, builder, signature, arguments):
        return builder.icmp_signed("==", arguments[0], arguments[0].type(1))

    return types.boolean(runs), generate


STAND_INS: dict[DtypeName, dict[Callable, Callable]] = {"float64": {}, "float32": {}}
"""By dtype: functions of the kit, and what kernels call instead."""
if vector_bytes():
    STAND_INS["float64"] = {lane_products.columns_times: columns_times, lane_products.is_single: is_single}
    STAND_INS["float32"] = STAND_INS["float64"] | {lane_products.rows_times: rows_times}
