"""Update rules -> kernels that step the lanes of a cohort, and the arrays that a rule keeps for them.

The kernel of a rule comes in two loop orders: "rows" for arrays (runs, dim), "lanes" for (dim, runs). Its arguments
are UpdateArguments of contracts.py.
"""

from functools import partial

from optbench.compiler.contracts import UpdateArguments
from optbench.compiler.kernels import Kernel, finish
from optbench.compiler.signatures import signature
from optbench.compiler.translator import translator
from optbench.compiler.update_text import Writer
from optbench.contract.errors import PluginError
from optbench.contract.optimizers import Optimizer
from optbench.contract.types import DtypeName, Order

_MADE: dict[tuple, Kernel] = {}


def parts_of(record: Optimizer) -> tuple:
    """What a rule's kernels are made from; a variant with other values has the same."""
    parts = (record.rule, record.slots, record.scalars, record.shared, tuple(record.hyperparameters))
    return *parts, tuple(record.total.items()), tuple(record.block.items()), tuple(record.matrix.items())


update_signature = partial(signature, UpdateArguments)


def update_kernel(record: Optimizer, order: Order, dtype: DtypeName) -> Kernel:
    """The rule as a loop over a cohort. Raises PluginError where it does not compile."""
    if record.matrix and order != "rows":
        raise PluginError(f"optimizer {record.name}: a rule on matrices steps one run at a time")
    key = (*parts_of(record), order, dtype)
    if key not in _MADE:
        function = Writer(record, order, translator(dtype, whole_literals=True)).function()
        owner = f"optimizer {record.name}"
        _MADE[key] = finish(function, update_signature(dtype), owner, record.rule.__name__)
    return _MADE[key]
