"""What a rule keeps beside its slots, the same on both devices: its scalars, and the table of parameter blocks."""

from collections.abc import Mapping, Sequence

import numpy as np

from optbench.compiler.update_text import scalar_count
from optbench.contract.optimizers import Optimizer
from optbench.contract.types import DtypeName
from optbench.engine.arrays import aligned


def first_scalars(
    record: Optimizer, blocks: int, dtype: DtypeName, hyperparameters: Sequence[Mapping[str, float]]
) -> np.ndarray:
    """``scalars`` before the first step: the hyperparameters of each run."""
    scalars = aligned((scalar_count(record, blocks), len(hyperparameters)), dtype)
    for row, name in enumerate(record.hyperparameters, start=1):
        scalars[row] = [values[name] for values in hyperparameters]
    return scalars


def block_table(record: Optimizer, shapes: Sequence[tuple[int, ...]]) -> tuple[np.ndarray, int, int]:
    """``blocks``, the number of parameters, and how many numbers of memory they need."""
    need = next((stage.memory for stage in record.matrix.values()), lambda rows, columns: 0)
    table, at, memory = [], 0, 0
    for shape in shapes:
        rows, columns = shape[0], int(np.prod(shape[1:], dtype=int))
        size = int(need(rows, columns))
        table.append((at, at + rows * columns, rows, columns, memory, memory + size))
        at, memory = at + rows * columns, memory + size
    return np.array(table, np.int64), at, memory
