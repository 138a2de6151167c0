"""Run an update rule in plain Python, element by element, as its contract says: the reference for kernels."""

import math
from collections.abc import Callable

import numpy as np

from optbench.compiler.scalar_rows import passes
from optbench.contract.optimizers import KEY, ONE_EXAMPLE, RANDOM, Matrix, Optimizer, Sizes, arguments, explain_values
from optbench.contract.roles import ROLES, VECTOR, find_roles
from optbench.kit import random


class Interpreter:
    """One run of a rule with the defaults of its hyperparameters; shapes, roles: those of the parameter blocks.

    seed: of the random numbers. sizes: of its mini-batches.
    """

    def __init__(
        self,
        record: Optimizer,
        shapes: tuple[tuple[int, ...], ...],
        roles: tuple[str, ...] = (),
        seed: int = 0,
        sizes: Sizes = ONE_EXAMPLE,
    ):
        """Begin before the first step: all slots, and the memory of a rule on matrices, are 0."""
        self.record, self.t, self.seed, self.sizes = record, 0, seed, sizes
        lengths = [math.prod(shape) for shape in shapes]
        ends = np.cumsum(lengths).tolist()
        self.dim = ends[-1]
        self.roles = [float(ROLES.index(role)) for role in roles or find_roles(shapes)]
        self.blocks = [
            (range(end - size, end), shape[0], size // shape[0])
            for end, size, shape in zip(ends, lengths, shapes, strict=True)
        ]
        if not record.by_block:
            self.blocks, self.roles = [(range(self.dim), self.dim, 1)], [float(VECTOR)]
        rule = record.point_rule
        self.point_interpreter = None if rule is None else Interpreter(rule, shapes, roles, seed, self.sizes)
        self.own: dict[str, list[float]] = {slot: [0.0] * self.dim for slot in record.own}
        self.shared = [dict.fromkeys(record.shared, 0.0) for _ in self.blocks]
        self.memory = [
            np.zeros(sum(stage.numbers(rows, columns, record.hyperparameters) for stage in record.matrix.values()))
            for _, rows, columns in self.blocks
        ]

    def step(self, w: np.ndarray, g: np.ndarray, lr: float, loss: float = math.nan,
             second: Callable | None = None, labels: float = 1) -> np.ndarray:  # fmt: skip
        """Return the new weights after a step from ``w`` along ``g``, all (dim,), at that rate; ``loss``: at ``w``.

        second: the gradient at a point, for a rule that takes a second one; labels: those that are drawn for it.
        """
        record = self.record
        if self.point_interpreter is not None and second is not None and self.t % record.second_every == 0:
            self.point_interpreter.t = self.t
            self.own[record.ahead] = list(second(self.point_interpreter.step(w, g, lr)))
        self.t += 1
        known = {"lr": lr, "loss": loss, "labels": float(labels), "t": float(self.t), **record.hyperparameters}
        known |= {name: float(size) for name, size in self.sizes._asdict().items()}
        known |= {f"{power}_t": record.hyperparameters[power] ** self.t for power in record.powers}

        local: list[dict] = [
            {"rows": float(rows), "columns": float(columns), "role": role}
            | {KEY: random.key_of(self.seed, self.t, places.start)}
            for (places, rows, columns), role in zip(self.blocks, self.roles, strict=True)
        ]
        along: dict[str, np.ndarray] = {}

        def names_at(i: int, b: int) -> dict[str, float]:
            """Return the values, by name, that a rule may read at parameter i of block b."""
            own = {slot: values[i] for slot, values in (self.own | along).items()}
            found = own | self.shared[b] | known | local[b] | {"w": float(w[i]), "g": float(g[i])}
            if record.is_random:
                at = i - self.blocks[b][0].start
                found |= {name: getattr(random, name)(found[KEY], at) for name in RANDOM}
            return found

        def values_of(b: int, function: Callable) -> list[float]:
            """Return the values of a function of a rule at the parameters of block b."""
            names = arguments(function)
            values = (names_at(i, b) for i in self.blocks[b][0])
            return [function(*(each[name] for name in names)) for each in values]

        for each in passes(record):
            for name, stage in (pair for group in each.local for pair in group):
                for b, (places, rows, columns) in enumerate(self.blocks):
                    if not isinstance(stage, Matrix):
                        local[b][name] = sum(values_of(b, stage))
                        continue
                    block = np.array(values_of(b, stage.term)).reshape(rows, columns)
                    rest = [(known | local[b])[key] for key in arguments(stage.transform)[2:]]
                    stage.transform(block, self.memory[b], *rest)
                    along.setdefault(name, np.empty(self.dim))[places] = block.ravel()
            for name, function in each.total:
                known[name] = sum(sum(values_of(b, function)) for b in range(len(self.blocks)))
        new = np.array(w, dtype=float)
        for b, (places, _, _) in enumerate(self.blocks):
            shared = self.shared[b]
            for i in places:
                values = names_at(i, b)
                result = record.rule(*(values[name] for name in ("w", "g", *record.slots, "lr", *record.scalars)))
                result = result if isinstance(result, tuple) else (result,)
                if len(result) != 1 + len(record.slots):
                    slots = ", ".join(record.slots)
                    raise TypeError(f"returns {len(result)} values, not w and the {len(record.slots)} slots {slots}")
                if text := explain_values(record, result):
                    raise TypeError(text)
                new[i] = result[0]
                fresh = dict(zip(record.slots, result[1:], strict=True))
                for slot in record.own:
                    self.own[slot][i] = fresh[slot]
                shared = {slot: fresh[slot] for slot in record.shared}
            self.shared[b] = shared
        return new
