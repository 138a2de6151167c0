"""Update rules -> kernels that step the lanes of a cohort, and the arrays that a rule keeps for them.

The kernel of a rule comes in two loop orders: "rows" for arrays (runs, dim), "lanes" for (dim, runs). ``state``
(k, *w.shape) holds the slots of one number a parameter. ``scalars`` (rows, runs) holds what is constant along the
parameters: the rate, the hyperparameters, their powers, then the sums of the block at hand, then the shared slots;
``powers`` (powers, runs) keeps the running products in float64. ``blocks`` (blocks, 6): of each parameter block its
first and last parameter, rows, columns, and the first and last number of its memory.
"""

from numba import float64, int64, types, void

from optbench.compiler.translator import REALS, finish, translator
from optbench.compiler.update_text import Writer
from optbench.contract.errors import PluginError
from optbench.contract.optimizers import Optimizer

_MADE: dict[tuple, object] = {}


def update_signature(dtype: str):
    """(w, g, state, scalars, powers, blocks, t, first, last)"""
    two, three = (types.Array(REALS[dtype], n, "C") for n in (2, 3))
    return void(two, two, three, two, types.Array(float64, 2, "C"), types.Array(int64, 2, "C"), int64, int64, int64)


def update_kernel(record: Optimizer, order: str, dtype: str):
    """The rule as a loop over a cohort. Raises PluginError where it does not compile."""
    if record.matrix and order != "rows":
        raise PluginError(f"optimizer {record.name}: a rule on matrices steps one run at a time")
    parts = (record.rule, record.slots, record.scalars, record.shared, tuple(record.hyperparameters))
    stages = (tuple(record.total.items()), tuple(record.block.items()), tuple(record.matrix.items()))
    key = (*parts, *stages, order, dtype)  # a variant has the same kernel
    if key not in _MADE:
        function = Writer(record, order, translator(dtype, whole_literals=True)).function()
        owner = f"optimizer {record.name}"
        _MADE[key] = finish(function, update_signature(dtype), owner, record.rule.__name__)
    return _MADE[key]
