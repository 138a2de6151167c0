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
from typing import Any

from optbench.compiler.contracts import Flag, Flags1, Reals3, Reals4, SharedUpdateArguments, Whole
from optbench.compiler.cuda import BLOCK, cuda, index, kernel
from optbench.compiler.cuda_translator import translator
from optbench.compiler.scalars import passes, shared_row
from optbench.compiler.signatures import signature
from optbench.compiler.update_text import Writer
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


def refusal_reason(record: Optimizer) -> str | None:
    """Return the reason why a rule cannot run on a GPU; None if it can."""
    return "its rule transforms whole matrices" if record.matrix else None


def _groups(record: Optimizer) -> list[tuple[list[tuple], bool]]:
    """Return the groups of sums (name, function) in the order of a step, each with True if it is over all blocks."""
    return [(group, group is each.total) for each in passes(record) for group in [*each.local, each.total] if group]


class _Writer(Writer):
    """A writer of one kernel. Names as in update_text.py; ``i``: a parameter, ``r``: a run, ``b``: a block."""

    def __init__(self, record: Optimizer, order: Order, dtype: DtypeName):
        """Begin without lines; order, dtype: of the arrays."""
        super().__init__(record, "rows", translator(dtype, whole_literals=True))
        self.namespace |= {"cuda": cuda, "_index": index}
        self.in_rows = order == "rows"

    def write_beginning(self) -> Any:
        """Return the kernel that updates the powers, and moves the fresh values of shared slots to the current ones."""
        self.add_line(1, "for r in range(cuda.grid(1), scalars.shape[1], cuda.gridsize(1)):")
        self.multiply_powers(2)
        self.add_line(2, "for b in range(blocks.shape[0]):")
        self.add_line(3, "pass")
        for slot in self.record.shared:
            current, fresh = (shared_row(self.record, slot, new) for new in (False, True))
            self.add_line(3, f"scalars[{current}, r] = scalars[{fresh}, r]")
        return kernel(self.compile(SharedUpdateArguments))

    def write_share(self, group: Sequence[tuple]) -> Any:
        """Return the kernel in which each block of threads, or each thread, adds up its share of a group of sums.

        group: (name of the sum, function) of each.
        """
        numbers = range(len(group))
        if self.in_rows:
            self.add_line(1, f"shares = cuda.shared.array(({len(group)}, {BLOCK}), _real)")
        self._add_loop_over_runs()
        for k in numbers:
            self.add_line(3, f"_a{k} = _real(0)")
        lines, constants = [], 0
        for k, (_, function) in enumerate(group):
            call, more = self.call_of_term(3, function, constants)
            lines.append(f"_a{k} += {call}")
            constants += more
        self._add_loop_over_elements(lines)
        if not self.in_rows:
            for k in numbers:
                self.add_line(3, f"partial[{k}, i0, b, r] = _a{k}")
            return kernel(self.compile(SharedUpdateArguments))
        for k in numbers:
            self.add_line(3, f"shares[{k}, cuda.threadIdx.x] = _a{k}")
        self.add_line(3, "cuda.syncthreads()")
        half = BLOCK // 2
        while half:
            self.add_line(3, f"if cuda.threadIdx.x < {half}:")
            for k in numbers:
                self.add_line(4, f"shares[{k}, cuda.threadIdx.x] += shares[{k}, cuda.threadIdx.x + {half}]")
            self.add_line(3, "cuda.syncthreads()")
            half //= 2
        self.add_line(3, "if cuda.threadIdx.x == 0:")
        for k in numbers:
            self.add_line(4, f"partial[{k}, cuda.blockIdx.x, b, r] = shares[{k}, 0]")
        self.add_line(3, "cuda.syncthreads()")
        return kernel(self.compile(SharedUpdateArguments))

    def write_rule_kernel(self) -> Any:
        """Return the kernel that applies the rule to each parameter."""
        record = self.record
        self._add_loop_over_runs()
        lines, once = [f"{self.results} = {self.call_of_rule(3)}", "_w[@] = _n"], []
        for k, slot in enumerate(record.slots):
            if slot in record.own:
                lines.append(f"_s{record.own.index(slot)}[@] = _n{k}")
            else:  # the same number at each element: the block's first one keeps it
                once.append(f"    scalars[{shared_row(record, slot, True)}, r] = _n{k}")
        self._add_loop_over_elements([*lines, *(["if i == first:", *once] if once else [])])
        return kernel(self.compile(SharedUpdateArguments))

    def _add_loop_over_runs(self) -> None:
        """Add the loops over parameter blocks and runs; lines inside them have indentation level 3."""
        start = "cuda.blockIdx.{0} * cuda.blockDim.{0} + cuda.threadIdx.{0}"
        step = "cuda.gridDim.{0} * cuda.blockDim.{0}"
        run, parameter = ("y", "x") if self.in_rows else ("x", "y")
        self.add_line(1, "_t = _real(t)")
        self.add_line(1, f"i0, step = _index({start.format(parameter)}), _index({step.format(parameter)})")
        self.add_line(1, "for b in range(cuda.blockIdx.z, blocks.shape[0], cuda.gridDim.z):")
        self.add_line(2, "first, last = _index(blocks[b, 0]), _index(blocks[b, 1])")
        self.add_block_numbers(2)
        bounds = [start.format(run), "scalars.shape[1]", step.format(run)]
        self.add_line(2, f"for r in range({', '.join(f'_index({bound})' for bound in bounds)}):")
        self.read_scalars(3)
        self.add_key(3, "b")
        for k, name in enumerate(name for group, _ in _groups(self.record) for name, _ in group):
            self.add_line(3, f"_c{self.rows.index(name)} = sums[{k}, b, r]")
        for j, slot in enumerate(self.record.shared):
            self.add_line(3, f"_h{j} = scalars[{shared_row(self.record, slot, False)}, r]")

    def _add_loop_over_elements(self, lines: list[str]) -> None:
        """Add the loop over a thread's parameters with these lines, in which ``@`` is the place of an element."""
        place = "r, i" if self.in_rows else "i, r"
        self.add_line(3, "for i in range(first + i0, last, step):")
        self.add_random(4, lines, "i - first")
        for line in lines:
            line = re.sub(r"_s(\d+)\[@\]", rf"state[\1, {place}]", line)
            self.add_line(4, re.sub(r"_([wg])\[@\]", rf"\1[{place}]", line))


class Compiled:
    """The kernels of a rule in one order and dtype; ``shares``: (group of sums, True if over all blocks)."""

    def __init__(self, record: Optimizer, order: Order, dtype: DtypeName):
        """Compile the kernels. Raises PluginError for a rule that no GPU can run."""
        why = refusal_reason(record)
        if why:
            raise PluginError(f"optimizer {record.name} cannot run on a GPU: {why}")
        self.shares = _groups(record)
        self.sums = [name for group, _ in self.shares for name, _ in group]
        self.begin = _Writer(record, order, dtype).write_beginning() if record.powers or record.shared else None
        self.share = [_Writer(record, order, dtype).write_share(group) for group, _ in self.shares]
        self.apply = _Writer(record, order, dtype).write_rule_kernel()

    def signatures(self, dtype: DtypeName) -> list[tuple]:
        """Return (name, kernel, signature) of each kernel."""
        kernels = [("apply", self.apply), *((f"share {k}", share) for k, share in enumerate(self.share))]
        kernels += [] if self.begin is None else [("begin", self.begin)]
        return [(name, kernel, signature(SharedUpdateArguments, dtype)) for name, kernel in kernels]


@cache
def compile_rule(record: Optimizer, order: Order, dtype: DtypeName) -> Compiled:
    """Return the kernels of a rule, cached. Raises PluginError for a rule that no GPU can run."""
    return Compiled(record, order, dtype)


def kernels(dtype: DtypeName) -> list[tuple]:
    """Return (name, kernel, signature) of the kernels that all rules share."""
    return [(each.py_func.__name__, each, signature(each, dtype)) for each in (total, across)]


@kernel
def total(partial: Reals4, sums: Reals3, first: Whole, used: Whole, whole: Flag) -> None:
    """Add up partial sums, run by run: sums[first + k] becomes the sum of partial[k, :used] over its second axis.

    partial: (sums, parts, blocks, runs), of which the first `used` parts count; sums: (all sums, blocks, runs).
    whole: True to write the sum over all blocks of parameters into each block, else each block has its own.
    """
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
