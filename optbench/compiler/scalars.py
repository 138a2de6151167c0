"""The rows of ``scalars``, (rows, runs): what a rule's kernel reads of a run that is the same for all its parameters.

First its inputs, the hyperparameters and the sums; then two rows a shared slot, for its value and that of the next
step, which the rest of the block must not see yet; at the end those that a kernel needs for constants of its own.
"""

from collections.abc import Mapping

from optbench.contract.optimizers import Optimizer, arguments


def scalar_rows(record: Optimizer) -> tuple[str, ...]:
    """Return the names of the rows of ``scalars`` before the shared slots."""
    return (*record.inputs, *record.hyperparameters, *record.total, *record.block)


def scalar_count(record: Optimizer, blocks: int) -> int:
    """Return the number of rows of ``scalars`` for a run of so many parameter blocks, without a kernel's constants."""
    return len(scalar_rows(record)) + 2 * len(record.shared) * (blocks if record.by_block else 1)


def shared_row(record: Optimizer, slot: str, fresh: bool) -> str:
    """Return the text of a shared slot's row of block ``b``; ``fresh``: the row of its value in the next step."""
    count = len(record.shared)
    row = len(scalar_rows(record)) + record.shared.index(slot) + (count if fresh else 0)
    return f"{row} + {2 * count} * b" if record.by_block else f"{row}"


def group_sums(sums: Mapping) -> list[list[tuple]]:
    """Return sums (name, function) in groups, in order; within a group no sum needs the result of another."""
    groups: list[list[tuple]] = []
    for name, function in sums.items():
        if not groups or {other for other, _ in groups[-1]} & set(arguments(function)):
            groups.append([])
        groups[-1].append((name, function))
    return groups
