"""Kernels of a rule with sums over all parameters, where these lie in several arrays: the sums first, then the rule.

Each takes UpdateArguments of contracts.py, for one array or a part of one. A kernel of ``sums`` leaves its array's
share of a group of sums in ``scalars``, where the caller puts the sum of all shares, and ``apply`` finds it.
"""

from collections.abc import Callable, Mapping
from functools import cache
from typing import NamedTuple

from optbench.compiler.contracts import UpdateArguments
from optbench.compiler.kernels import finish
from optbench.compiler.translator import translator
from optbench.compiler.update_kernels import update_signature
from optbench.compiler.update_text import Writer, together
from optbench.contract.optimizers import Optimizer
from optbench.contract.types import DtypeName


class PartialUpdate(NamedTuple):
    """The kernels of a rule in order "rows"."""

    groups: list[list[int]]
    """The rows of ``scalars`` that each kernel of ``sums`` writes."""
    sums: list[Callable]
    """In their order; the first one multiplies the powers on, too."""
    apply: Callable


@cache
def partial_update(record: Optimizer, dtype: DtypeName) -> PartialUpdate:
    """The kernels of a rule that has sums over all parameters. Raises PluginError where one does not compile."""

    def compiled(text: "_Text") -> Callable:
        owner = f"optimizer {record.name}"
        return finish(text.function(), update_signature(dtype), owner, record.rule.__name__)

    groups = together(record.total)
    texts = [_Sums(record, dtype, group, groups[:k]) for k, group in enumerate(groups)]
    rows = [[text.rows.index(name) for name, _ in group] for text, group in zip(texts, groups, strict=True)]
    return PartialUpdate(rows, [compiled(text) for text in texts], compiled(_Apply(record, dtype, groups)))


class _Text(Writer):
    """A kernel that finds some sums over all parameters in ``scalars``: those of the groups ``known``."""

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
        """None: the first kernel of sums has done it."""

    def _sum(self, at: int, stages: Mapping, first: str, last: str) -> None:
        if stages is not self.record.total:
            super()._sum(at, stages, first, last)
