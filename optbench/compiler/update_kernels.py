"""Update rules -> kernels that step the lanes of a cohort.

The kernel of a rule comes in two loop orders: "rows" for arrays (runs, dim), "lanes" for (dim, runs). Its arguments
are UpdateArguments of contracts.py. Where the parameters of a run lie in several arrays, a rule with sums over all of
them comes as several kernels instead: the sums first, then the rule (``partial_update``).
"""

from functools import cache, partial
from types import FunctionType
from typing import NamedTuple

from optbench.compiler.contracts import UpdateArguments
from optbench.compiler.kernels import Kernel, compile_kernel
from optbench.compiler.scalar_rows import passes, scalar_rows
from optbench.compiler.signatures import signature
from optbench.compiler.translator import translator
from optbench.compiler.update_text import Writer
from optbench.contract.errors import PluginError
from optbench.contract.optimizers import Optimizer, explain_return
from optbench.contract.types import DtypeName, Order

update_signature = partial(signature, UpdateArguments)


_MADE: dict[tuple, Kernel] = {}


def update_kernel(record: Optimizer, order: Order, dtype: DtypeName) -> Kernel:
    """Return the compiled kernel that steps all lanes of a cohort by a rule, from a cache of kernels.

    The kernel is the same for other values of hyperparameters. Raises PluginError if it does not compile.
    """
    if record.matrix and order != "rows":
        raise PluginError(f"optimizer {record.name}: a rule on matrices steps one run at a time")
    sums = (tuple(stage.items()) for stage in (record.total, record.block, record.matrix))
    key = (record.rule, record.slots, record.scalars, record.shared, *record.hyperparameters, *sums, order, dtype)
    if key not in _MADE:
        writer = _writer(record, order, dtype)
        _MADE[key] = _compile(record, writer.write_step(), dtype)
        _MADE[key].constants = writer.constants
    return _MADE[key]


class PartialUpdate(NamedTuple):
    """The kernels of a rule in order "rows", each for one array.

    A kernel of ``sums`` leaves its array's share of a group of sums in ``scalars``, where the caller puts the sum of
    all shares, and ``apply`` finds it.
    """

    groups: list[list[int]]
    """The rows of ``scalars`` that each kernel of ``sums`` writes."""
    sums: list[Kernel]
    """The kernels in order of the groups; the first one also updates the powers."""
    apply: Kernel


@cache
def partial_update(record: Optimizer, dtype: DtypeName) -> PartialUpdate:
    """Return the kernels of a rule with sums over all parameters. Raises PluginError if one does not compile."""
    groups, rows = [each.total for each in passes(record)[:-1]], scalar_rows(record)
    functions = [_writer(record, "rows", dtype).write_sums(k) for k in range(len(groups))]
    sums = [_compile(record, function, dtype) for function in functions]
    apply = _compile(record, _writer(record, "rows", dtype).write_rule(), dtype)
    return PartialUpdate([[rows.index(name) for name, _ in group] for group in groups], sums, apply)


def _writer(record: Optimizer, order: Order, dtype: DtypeName) -> Writer:
    """Return a writer of a kernel's text for this machine's cores."""
    return Writer(record, order, translator(dtype, whole_literals=True))


def _compile(record: Optimizer, function: FunctionType, dtype: DtypeName) -> Kernel:
    """Compile a kernel from its text. Raises PluginError if it does not compile."""
    owner, name = f"optimizer {record.name}", record.rule.__name__
    try:
        return compile_kernel(function, update_signature(dtype), owner, name)
    except PluginError as error:
        if text := explain_return(record):
            raise PluginError(f"{owner}: {name} does not compile: {text}") from error
        raise
