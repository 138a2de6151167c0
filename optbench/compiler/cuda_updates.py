"""Update rules on a GPU whose threads share the parameters: one huge run, or many small ones.

Arrays are the CPU's (contracts.py): (runs, dim) in order "rows", (dim, runs) in order "lanes". Neighboring threads take
neighboring numbers of the last axis, so that loads coalesce; grids stride, and each number is read and written once.

A step is up to four kinds of kernel: ``begin`` (powers, and shared slots); for every group of sums ``share`` (each
block of threads, or each thread, to a sum of its own) and ``total`` (those sums in a fixed order, in float64); and
``apply`` (the rule). A rule without powers, shared slots and sums is ``apply`` alone.
"""

import re
from collections.abc import Sequence
from functools import cache

from optbench.compiler.contracts import (
    ApplyArguments,
    BeginArguments,
    Flag,
    Flags1,
    Reals3,
    Reals4,
    ShareArguments,
    Whole,
)
from optbench.compiler.cuda import BLOCK, cuda, index, kernel
from optbench.compiler.cuda_translator import translator
from optbench.compiler.signatures import signature
from optbench.compiler.update_text import Writer, together
from optbench.contract.errors import PluginError
from optbench.contract.optimizers import Optimizer
from optbench.contract.types import DtypeName, Order

WARP = min(32, BLOCK // 2)
"""Threads of a block along the runs in order "lanes", so that a warp's loads are one line of memory; the block's other
threads go along the parameters. That a warp has 32 threads is the hardware's; in the simulator a block has but four."""
SHARES = 256
"""Blocks of threads, or threads, that share a sum. An estimate: with few runs it is about two blocks of threads for
each multiprocessor of a large card (132), and the second kernel still adds their shares in a blink."""
DOWN = 1024
"""The most blocks of threads along the parameters in order "lanes". An estimate: what a large card has resident (132
multiprocessors, up to 16 blocks of 128 threads) is reached with two columns of them; more would only wait."""


def refuses(record: Optimizer) -> str | None:
    """Return the reason why a rule cannot run on a GPU; None where it can."""
    return "its rule transforms whole matrices" if record.matrix else None


class Compiled:
    """The kernels of a rule in one order and dtype; ``shares``: its groups of sums, each True if over all blocks."""

    def __init__(self, record: Optimizer, order: Order, dtype: DtypeName):
        why = refuses(record)
        if why:
            raise PluginError(f"optimizer {record.name} cannot run on a GPU: {why}")
        text = _Text(record, order, dtype)
        self.sums = text.sums
        self.shares = [(group, True) for group in together(record.total)]
        self.shares += [(group, False) for group in together(record.block)]
        self.begin = text.begin() if record.powers or record.shared else None
        self.share = [text.share(group) for group, _ in self.shares]
        self.apply = text.apply()

    def signatures(self, dtype: DtypeName) -> list[tuple]:
        """Return (name, kernel, signature) of each kernel."""
        kernels = [("apply", self.apply, signature(ApplyArguments, dtype))]
        kernels += [(f"share {k}", share, signature(ShareArguments, dtype)) for k, share in enumerate(self.share)]
        if self.begin is not None:
            kernels.append(("begin", self.begin, signature(BeginArguments, dtype)))
        return kernels


@cache
def compiled(record: Optimizer, order: Order, dtype: DtypeName) -> Compiled:
    """Return the kernels of a rule. Raises PluginError for a rule that no GPU can run."""
    return Compiled(record, order, dtype)


def kernels(dtype: DtypeName) -> list[tuple]:
    """Return (name, kernel, signature) of the kernels that all rules share."""
    return [(each.py_func.__name__, each, signature(each, dtype)) for each in (total, across)]


@kernel
def total(partial: Reals4, sums: Reals3, first: Whole, used: Whole, whole: Flag) -> None:
    """Write the sum of partial[k, :used] into sums[first + k], for every parameter block or (``whole``) for all."""
    for r in range(cuda.grid(1), partial.shape[3], cuda.gridsize(1)):
        for k in range(partial.shape[0]):
            total = 0.0
            for b in range(partial.shape[2]):
                if not whole:
                    total = 0.0
                for p in range(used):
                    total += partial[k, p, b, r]
                sums[first + k, b, r] = total
            if whole:
                for b in range(partial.shape[2]):
                    sums[first + k, b, r] = total


@kernel
def across(sums: Reals4, present: Flags1, first: Whole, count: Whole) -> None:
    """Replace ``count`` sums from ``first`` on by their totals over all arrays of parameters that have a gradient.

    sums: (arrays, sums, 1, runs); present: (arrays,), True for those with a gradient.
    """
    for r in range(cuda.grid(1), sums.shape[3], cuda.gridsize(1)):
        for k in range(first, first + count):
            total = 0.0
            for a in range(sums.shape[0]):
                if present[a]:
                    total += sums[a, k, 0, r]
            for a in range(sums.shape[0]):
                sums[a, k, 0, r] = total


class _Text:
    """A writer of the kernels' source. Names as in update_text.py; ``i``: a parameter, ``r``: a run, ``b``: a block."""

    def __init__(self, record: Optimizer, order: Order, dtype: DtypeName):
        self.record, self.rows = record, order == "rows"
        self.writer = Writer(record, "rows", translator(dtype, whole_literals=True))
        self.writer.namespace |= {"cuda": cuda, "_index": index}
        self.place = "r, i" if self.rows else "i, r"
        self.sums = [*record.total, *record.block]

    def begin(self):
        """Return the kernel that updates the powers, and moves the fresh values of shared slots to the current ones."""
        write, out = self.writer, self._begin()
        out(1, "for r in range(cuda.grid(1), scalars.shape[1], cuda.gridsize(1)):")
        write.powers(2)
        out(2, "for b in range(blocks.shape[0]):")
        out(3, "pass")
        for slot in self.record.shared:
            out(3, f"scalars[{write.row_of(slot, False)}, r] = scalars[{write.row_of(slot, True)}, r]")
        return self._made(BeginArguments)

    def share(self, group: Sequence[tuple]):
        """Return the kernel in which each block of threads, or each thread, adds up its share of a group of sums."""
        out, count = self._begin(), len(group)
        if self.rows:
            out(1, f"shares = cuda.shared.array(({count}, {BLOCK}), _real)")
        self._loops()
        for k in range(count):
            out(3, f"_a{k} = _real(0)")
        lines, constants = [], 0
        for k, (_, function) in enumerate(group):
            call, more = self.writer.term(3, function, constants)
            lines.append(f"_a{k} += {call}")
            constants += more
        self._elements(lines)
        if not self.rows:
            for k in range(count):
                out(3, f"partial[{k}, i0, b, r] = _a{k}")
            return self._made(ShareArguments)
        for k in range(count):
            out(3, f"shares[{k}, cuda.threadIdx.x] = _a{k}")
        out(3, "cuda.syncthreads()")
        half = BLOCK // 2
        while half:
            out(3, f"if cuda.threadIdx.x < {half}:")
            for k in range(count):
                out(4, f"shares[{k}, cuda.threadIdx.x] += shares[{k}, cuda.threadIdx.x + {half}]")
            out(3, "cuda.syncthreads()")
            half //= 2
        out(3, "if cuda.threadIdx.x == 0:")
        for k in range(count):
            out(4, f"partial[{k}, cuda.blockIdx.x, b, r] = shares[{k}, 0]")
        out(3, "cuda.syncthreads()")
        return self._made(ShareArguments)

    def apply(self):
        """Return the kernel that applies the rule to each parameter."""
        record, write = self.record, self.writer
        self._begin()
        self._loops()
        results = ", ".join(["_n", *(f"_n{k}" for k in range(len(record.slots)))])
        lines, once = [f"{results} = {write.call_of_rule(3)}", "_w[@] = _n"], []
        for k, slot in enumerate(record.slots):
            if slot in record.own:
                lines.append(f"_s{record.own.index(slot)}[@] = _n{k}")
            else:  # the same number at each element: the block's first one keeps it
                once.append(f"    scalars[{write.row_of(slot, True)}, r] = _n{k}")
        self._elements([*lines, *(["if i == first:", *once] if once else [])])
        return self._made(ApplyArguments)

    def _begin(self):
        """Start the text of a new kernel; return the function that adds a line at a level of indentation."""
        self.writer.lines = []
        return self.writer.add

    def _made(self, contract: type):
        """Compile the text into a kernel, whose arguments are the fields of ``contract``."""
        return kernel(self.writer.compile(contract, self.writer.lines))

    def _loops(self) -> None:
        """Add the loops over parameter blocks and runs; lines inside them have indentation level 3."""
        out, write = self.writer.add, self.writer
        start, step = (
            "cuda.blockIdx.{0} * cuda.blockDim.{0} + cuda.threadIdx.{0}",
            "cuda.gridDim.{0} * cuda.blockDim.{0}",
        )
        run, parameter = ("y", "x") if self.rows else ("x", "y")
        out(1, "_t = _real(t)")
        out(1, f"i0, step = _index({start.format(parameter)}), _index({step.format(parameter)})")
        out(1, "for b in range(cuda.blockIdx.z, blocks.shape[0], cuda.gridDim.z):")
        out(2, "first, last = _index(blocks[b, 0]), _index(blocks[b, 1])")
        out(2, "_rows, _columns = _real(blocks[b, 2]), _real(blocks[b, 3])")
        bounds = [start.format(run), "scalars.shape[1]", step.format(run)]
        out(2, f"for r in range({', '.join(f'_index({bound})' for bound in bounds)}):")
        write.constants(3)
        for k, name in enumerate(self.sums):
            out(3, f"_c{write.rows.index(name)} = sums[{k}, b, r]")
        for j, slot in enumerate(self.record.shared):
            out(3, f"_h{j} = scalars[{write.row_of(slot, False)}, r]")

    def _elements(self, lines: list[str]) -> None:
        self.writer.add(3, "for i in range(first + i0, last, step):")
        for line in lines:
            line = re.sub(r"_s(\d+)\[@\]", rf"state[\1, {self.place}]", line)
            self.writer.add(4, re.sub(r"_([wg])\[@\]", rf"\1[{self.place}]", line))
