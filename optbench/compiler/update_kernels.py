"""Update rules -> kernels that step the lanes of a cohort, and the arrays that a rule keeps for them.

The kernel of a rule comes in two loop orders: "rows" for arrays (runs, dim), "lanes" for (dim, runs). Its arguments
are UpdateArguments of contracts.py. Where the parameters of a run lie in several arrays, a rule with sums over all of
them comes as several kernels instead: the sums first, then the rule (``partial_update``).
"""

from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import NamedTuple

from optbench.compiler.contracts import UpdateArguments
from optbench.compiler.kernels import Kernel, finish
from optbench.compiler.signatures import signature
from optbench.compiler.translator import translator
from optbench.compiler.update_text import Writer, together
from optbench.contract.errors import PluginError
from optbench.contract.optimizers import Optimizer
from optbench.contract.types import DtypeName, Order

_MADE: dict[tuple, Kernel] = {}


def parts_of(record: Optimizer) -> tuple:
    """Return what a rule's kernels are made from, which is the same for other values of hyperparameters."""
    parts = (record.rule, record.slots, record.scalars, record.shared, tuple(record.hyperparameters))
    return *parts, tuple(record.total.items()), tuple(record.block.items()), tuple(record.matrix.items())


update_signature = partial(signature, UpdateArguments)


def update_kernel(record: Optimizer, order: Order, dtype: DtypeName) -> Kernel:
    """Return the compiled kernel that steps all lanes of a cohort by a rule, from a cache of kernels.

    Raises PluginError where it does not compile.
    """
    if record.matrix and order != "rows":
        raise PluginError(f"optimizer {record.name}: a rule on matrices steps one run at a time")
    key = (*parts_of(record), order, dtype)
    if key not in _MADE:
        function = Writer(record, order, translator(dtype, whole_literals=True)).function()
        owner = f"optimizer {record.name}"
        _MADE[key] = finish(function, update_signature(dtype), owner, record.rule.__name__)
    return _MADE[key]


class PartialUpdate(NamedTuple):
    """The kernels of a rule in order "rows", each for one array or a part of one.

    A kernel of ``sums`` leaves its array's share of a group of sums in ``scalars``, where the caller puts the sum of
    all shares, and ``apply`` finds it.
    """

    groups: list[list[int]]
    """The rows of ``scalars`` that each kernel of ``sums`` writes."""
    sums: list[Callable]
    """The kernels in order of the groups; the first one also updates the powers."""
    apply: Callable


@cache
def partial_update(record: Optimizer, dtype: DtypeName) -> PartialUpdate:
    """Return the kernels of a rule with sums over all parameters. Raises PluginError where one does not compile."""

    def compiled(text: "_Text") -> Callable:
        owner = f"optimizer {record.name}"
        return finish(text.function(), update_signature(dtype), owner, record.rule.__name__)

    groups = together(record.total)
    texts = [_Sums(record, dtype, group, groups[:k]) for k, group in enumerate(groups)]
    rows = [[text.rows.index(name) for name, _ in group] for text, group in zip(texts, groups, strict=True)]
    return PartialUpdate(rows, [compiled(text) for text in texts], compiled(_Apply(record, dtype, groups)))


class _Text(Writer):
    """A writer of a kernel that reads the sums of the groups ``known`` from ``scalars``."""

    def __init__(self, record: Optimizer, dtype: DtypeName, known: list[list[tuple]]):
        super().__init__(record, "rows", translator(dtype, whole_literals=True))
        self.known = {name for group in known for name, _ in group}

    def function(self):
        return self.compile(UpdateArguments, self._body())

    def constants(self, at: int) -> None:
        super().constants(at)
        for i, name in enumerate(self.rows):
            if name in self.known:
                self.add(at, f"_c{i} = scalars[{i}, r]")


class _Sums(_Text):
    """One group of sums."""

    def __init__(self, record: Optimizer, dtype: DtypeName, group: list[tuple], before: list[list[tuple]]):
        super().__init__(record, dtype, before)
        self.group = group

    def _body(self) -> list[str]:
        self.add(1, "_t = _real(t)")
        self.add(1, "for r in range(first, last):")
        if not self.known:
            self.powers(2)
        self.constants(2)
        self._views(2, "r")
        if not self.record.by_block:
            self._shared(2)
        self._sum(2, dict(self.group), "0", "w.shape[1]")
        for name, _ in self.group:
            row = self.rows.index(name)
            self.add(2, f"scalars[{row}, r] = _c{row}")
        return self.lines


class _Apply(_Text):
    """The rule, its powers and its sums over all parameters being there."""

    def powers(self, at: int) -> None:
        """Add nothing: the first kernel of sums has multiplied them on."""

    def _sum(self, at: int, stages: Mapping, first: str, last: str) -> None:
        if stages is not self.record.total:
            super()._sum(at, stages, first, last)
