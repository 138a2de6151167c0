"""Loops that LLVM ends with single numbers, as whole vectors and a part of one: beyond numba's documented interface.

As in numba_inside.py, each trick says why it is worth it, with what was measured, and what to do when it breaks;
tests/compiler/test_vectors_inside.py tries them.
"""

from collections.abc import Callable
from contextlib import contextmanager
from functools import cache
from itertools import pairwise
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, register_jitable

from optbench.compiler.numba_inside import host_features
from optbench.kit import lane_products

_WHOLE, _SHORT, _BIT, _BYTE = (ir.IntType(bits) for bits in (64, 32, 1, 8))
_SUMS = 8
"""Vectors of sums side by side, so that none waits for another."""
# Vectors of a row at a time: four: 64 rows of 100 numbers take 480 ns, two at a time 530, the loops 500; two: rows of
# 11 numbers 86 ns, four at a time fill one in two; one: of float32, where two fill one, 41 ns instead of 90 (AMD Zen
# 4, measured)
_PARTS = (4, 2, 1)
"""Vectors of a row at a time: long pieces come quicker from the L2 cache, short rows fill two, or one."""


@cache
def vector_bytes() -> int:
    """Bytes of the machine's vectors; 0 where it cannot load a part of one, such as an ARM processor."""
    features = host_features()
    return 64 if features.get("avx512vbmi2") else 32 if features.get("avx2") else 0


class _Writer:
    """Writes loops over vectors, parts of which can be loaded and stored."""

    def __init__(self, context: Any, builder: ir.IRBuilder, dtype: Any, most: int = 64):
        self.context, self.builder, self.item = context, builder, context.get_data_type(dtype)
        self.bytes = context.get_abi_sizeof(self.item)
        self.count = min(vector_bytes(), most) // self.bytes
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

    def larger(self, a: Any, b: Any) -> Any:
        return self.builder.select(self.builder.icmp_signed(">", a, b), a, b)

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


def gather_one_by_one(x: Any, y: Any, numbers: Any, examples: Any, targets: Any) -> None:
    """examples, targets = x[numbers], y[numbers], of as many rows as ``examples`` has."""
    for i in range(examples.shape[0]):
        row, out = x[numbers[i]], examples[i]
        targets[i] = y[numbers[i]]
        for j in range(row.shape[0]):
            out[j] = row[j]


@intrinsic
def gather_vectors(context: Any, x: Any, y: Any, numbers: Any, examples: Any, targets: Any) -> tuple[Any, Callable]:
    """The same of arrays in C order.

    A row ends with a whole vector, which writes some of its numbers again. 64 rows of 11 numbers and their targets take
    143 ns instead of 229, in float32 94 instead of 211. When it breaks: the loop.
    """

    def generate(context, builder, signature, arguments):
        write = _Writer(context, builder, x.dtype)
        arrays = map(write.array, signature.args, arguments)
        (source, _, (between, _)), (known, *_), (places, _, (step,)), made, (told, *_) = arrays
        target, (rows, columns), (apart, _) = made
        item, size = context.get_data_type(numbers.dtype), _WHOLE(write.bytes)
        last = builder.sub(columns, _WHOLE(write.count))
        with write.loop(_WHOLE(0), rows, 1) as i:
            row = builder.sext(write.number(write.beyond(places, (i, step)), item), _WHOLE)
            taken, given = write.beyond(source, (row, between)), write.beyond(target, (i, apart))
            here = builder.bitcast(write.beyond(told, (i, size)), write.item.as_pointer())
            builder.store(write.number(write.beyond(known, (row, size)), write.item), here)
            with builder.if_else(builder.icmp_signed("<", last, _WHOLE(0))) as (narrow, wide):
                with narrow:
                    mask = write.first(columns)
                    write.store(write.load(taken, mask), given, mask)
                with wide, write.loop(_WHOLE(0), columns, write.count) as j:
                    place = write.smaller(j, last), size
                    write.copy(write.beyond(taken, place), write.beyond(given, place))
        return context.get_dummy_value()

    return types.void(x, y, numbers, examples, targets), generate


gather: Callable = gather_vectors if vector_bytes() else register_jitable(gather_one_by_one)


@intrinsic
def rows_times(context: Any, a: Any, b: Any, out: Any) -> tuple[Any, Callable]:
    """out = a b, of a matrix whose rows are contiguous; b and out are vectors in C order.

    Eight rows at a time, the last ones again where they are no eight more, whose vectors of sums are added up as one.
    Vectors of 32 bytes: rows are short, and sums of wider ones take longer to add up. 64 rows of 11 numbers take 69
    ns instead of 93, in float32 61 instead of 89. When it breaks: the loops of lane_products.py.
    """

    def generate(context, builder, signature, arguments):
        write = _Writer(context, builder, out.dtype, 32)
        (matrix, (rows, inner), (between, _)), (column, *_), (result, *_) = map(write.array, signature.args, arguments)
        size, sums, last = _WHOLE(write.bytes), write.sums(_SUMS), builder.sub(rows, _WHOLE(1))
        down = [builder.mul(write.smaller(_WHOLE(k), last), between) for k in range(_SUMS)]
        furthest = builder.sub(rows, _WHOLE(_SUMS))
        with write.loop(_WHOLE(0), rows, _SUMS) as begin:
            i = write.larger(write.smaller(begin, furthest), _WHOLE(0))
            write.clear(sums)
            start = write.beyond(matrix, (i, between))
            lines = [builder.gep(start, [each]) for each in down]
            with write.loop(_WHOLE(0), inner, write.count) as j:
                mask = write.first(builder.sub(inner, j))
                factors = write.load(write.beyond(column, (j, size)), mask)
                for line, place in zip(lines, sums, strict=True):
                    write.add_product(place, write.load(write.beyond(line, (j, size)), mask), factors)
            for k in range(0, _SUMS, write.count):
                totals = write.totals([builder.load(place) for place in sums[k : k + write.count]])
                first = builder.add(i, _WHOLE(k))
                write.store(totals, write.beyond(result, (first, size)), write.first(builder.sub(rows, first)))
        return context.get_dummy_value()

    return types.void(a, b, out), generate


@intrinsic
def columns_times(context: Any, a: Any, b: Any, out: Any) -> tuple[Any, Callable]:
    """out = a' b, of a matrix whose rows are contiguous; b and out are vectors in C order.

    Four vectors of ``out`` at a time, two rows at once; or two, and four rows; or one, and eight. 64 rows of 11 numbers
    take 66 ns instead of 124, in float32 41 instead of 122. When it breaks: the loops of lane_products.py.
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

        begin = _WHOLE(0)
        for parts, fewer in pairwise((*_PARTS, 0)):
            step, left = parts * write.count, fewer * write.count
            end = write.larger(begin, builder.and_(builder.add(columns, _WHOLE(step - left - 1)), _WHOLE(-step)))
            with write.loop(begin, end, step) as j:
                add_up(j, parts)
            begin = end
        return context.get_dummy_value()

    return types.void(a, b, out), generate


@intrinsic
def is_single(context: Any, runs: Any) -> tuple[Any, Callable]:
    """Whether there is one run: where that is a constant, the other branch is gone."""

    def generate(context, builder, signature, arguments):
        return builder.icmp_signed("==", arguments[0], arguments[0].type(1))

    return types.boolean(runs), generate


STAND_INS: dict[Callable, Callable] = {}
"""Functions of the kit, and what kernels call instead."""
if vector_bytes():
    STAND_INS = {
        lane_products.rows_times: rows_times,
        lane_products.columns_times: columns_times,
        lane_products.is_single: is_single,
    }
