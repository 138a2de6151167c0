"""The rows of ``scalars``, (rows, runs): what a rule's kernel reads of a run that is the same for all its parameters.

First its inputs, the hyperparameters and the sums, the sizes of mini-batch and epoch if it asks for them, and the seed
of a rule that draws random numbers; then, for each block, two rows a shared slot, for its value and that of the next
step, which the rest of the block must not see yet, and one for each of its sums that a sum over all parameters waits
for; at the end those that a kernel needs for constants of its own.
"""

from collections.abc import Callable, Iterable
from functools import cache
from typing import NamedTuple

from optbench.contract.optimizers import OF_BLOCK, Matrix, Optimizer, arguments

SEED = "_seed"
"""The name of the row with the seed of a run."""


def scalar_rows(record: Optimizer) -> tuple[str, ...]:
    """Return the names of the rows of ``scalars`` before the shared slots."""
    seed = (SEED,) if record.is_random else ()
    return (*record.inputs, *record.hyperparameters, *record.total, *record.block, *record.sizes, *seed)


class Pass(NamedTuple):
    """A part of a rule's step: what is computed of each block, and then sums over all parameters."""

    local: list[list[tuple]]
    """Groups of (name, function) of a block's sums, or of one (name, Matrix); in order."""
    total: list[tuple]
    """(name, function) of sums over all parameters, none of which needs another; none in the last pass, of the rule."""
    by_block: bool
    """True if the pass goes block by block."""


@cache
def passes(record: Optimizer) -> tuple[Pass, ...]:
    """Return the passes of a rule's step, in order; each sum, and each matrix, comes once what it reads is known.

    Sums over all parameters come as early as that: a block's sums that these do not read are left to the last pass.
    """
    total, block, matrix = (dict(each) for each in (record.total, record.block, record.matrix))
    found: list[Pass] = []
    local: list[list[tuple]] = []
    kept = {*record.shared, *OF_BLOCK} if record.by_block else set()
    while True:
        for group in group_sums(_take(total, {*block, *matrix})):
            reads = {name for _, function in group for name in arguments(function)}
            reads &= {*kept, *record.block, *record.matrix}
            found.append(Pass(local, group, bool(local or reads or (found and found[-1].by_block))))
            local = []
        if taken := _take(block, {*total, *matrix}):
            local += group_sums(taken)
        elif taken := _take(matrix, {*total, *block}):
            local += [[stage] for stage in taken]
        else:
            return (*found, Pass(local, [], record.by_block))


def _take(stages: dict, pending: set[str]) -> list[tuple]:
    """Remove from ``stages``, and return, those that read nothing pending, nor anything that waits for it."""
    taken, waiting = [], set(pending)
    for name, stage in list(stages.items()):
        if waiting & set(_reads(stage)):
            waiting.add(name)
        else:
            taken.append((name, stages.pop(name)))
    return taken


def _reads(stage: Callable | Matrix) -> list[str]:
    """Return the names that a sum's function or a matrix reads."""
    return [*arguments(stage.term), *arguments(stage.transform)[2:]] if isinstance(stage, Matrix) else arguments(stage)


def kept_sums(record: Optimizer) -> list[str]:
    """Return the sums of each block that a later pass of the step reads."""
    return [name for each in passes(record)[:-1] for group in each.local for name, _ in group if name in record.block]


def _rows_of_block(record: Optimizer) -> int:
    """Return the number of rows of each block."""
    return 2 * len(record.shared) + len(kept_sums(record))


@cache
def scalar_count(record: Optimizer, blocks: int) -> int:
    """Return the number of rows of ``scalars`` for a run of so many parameter blocks, without a kernel's constants."""
    return len(scalar_rows(record)) + _rows_of_block(record) * (blocks if record.by_block else 1)


def shared_row(record: Optimizer, slot: str, fresh: bool) -> str:
    """Return the text of a shared slot's row of block ``b``; ``fresh``: the row of its value in the next step."""
    return _row_of_block(record, record.shared.index(slot) + (len(record.shared) if fresh else 0))


def rows_of_run(record: Optimizer) -> list[int]:
    """Return the rows, of the first block, with what shared slots hold for all parameters of a run."""
    count, base = len(record.shared), len(scalar_rows(record))
    places = [record.shared.index(slot) for slot in record.run_slots]
    return [base + place + more for more in (0, count) for place in places]


def kept_row(record: Optimizer, name: str) -> str:
    """Return the text of the row of block ``b`` that keeps one of `kept_sums`."""
    return _row_of_block(record, 2 * len(record.shared) + kept_sums(record).index(name))


def _row_of_block(record: Optimizer, place: int) -> str:
    """Return the text of a row of block ``b`` by its place among those of the block."""
    row = len(scalar_rows(record)) + place
    return f"{row} + {_rows_of_block(record)} * b" if record.by_block else f"{row}"


def group_sums(sums: Iterable[tuple]) -> list[list[tuple]]:
    """Return sums (name, function) in groups, in order; within a group no sum needs the result of another."""
    groups: list[list[tuple]] = []
    for name, function in sums:
        if not groups or {other for other, _ in groups[-1]} & set(arguments(function)):
            groups.append([])
        groups[-1].append((name, function))
    return groups
