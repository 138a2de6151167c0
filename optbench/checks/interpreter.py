"""Run an update rule in plain Python, element by element, as its contract says: the reference for kernels."""

import math
from collections.abc import Callable

import numpy as np

from optbench.contract.optimizers import Optimizer, arguments, explain_values


class Interpreter:
    """One run of a rule with the defaults of its hyperparameters; ``shapes`` are those of the parameter blocks."""

    def __init__(self, record: Optimizer, shapes: tuple[tuple[int, ...], ...]):
        """Begin before the first step: all slots, and the memory of a rule on matrices, are 0."""
        self.record, self.t = record, 0
        sizes = [math.prod(shape) for shape in shapes]
        ends = np.cumsum(sizes).tolist()
        self.dim = ends[-1]
        self.blocks = [
            (range(end - size, end), shape[0], size // shape[0])
            for end, size, shape in zip(ends, sizes, shapes, strict=True)
        ]
        if not record.by_block:
            self.blocks = [(range(self.dim), self.dim, 1)]
        self.own = {slot: [0.0] * self.dim for slot in record.own}
        self.shared = [dict.fromkeys(record.shared, 0.0) for _ in self.blocks]
        self.memory = [
            np.zeros(next((m.memory(rows, columns) for m in record.matrix.values()), 0))
            for _, rows, columns in self.blocks
        ]

    def step(self, w: np.ndarray, g: np.ndarray, lr: float, loss: float = math.nan) -> np.ndarray:
        """Return the new weights after a step from ``w`` along ``g``, all (dim,), at that rate; ``loss``: at ``w``."""
        record = self.record
        self.t += 1
        known = {"lr": lr, "loss": loss, "t": float(self.t), **record.hyperparameters}
        known |= {f"{power}_t": record.hyperparameters[power] ** self.t for power in record.powers}

        def names_at(i: int, b: int) -> dict[str, float]:
            """Return the values, by name, that a rule may read at parameter i of block b."""
            own = {slot: values[i] for slot, values in self.own.items()}
            return own | self.shared[b] | known | {"w": float(w[i]), "g": float(g[i])}

        def call(i: int, b: int, function: Callable) -> float:
            """Return the value of a function of a rule at parameter i of block b."""
            values = names_at(i, b)
            return function(**{name: values[name] for name in arguments(function)})

        for name, function in record.total.items():
            known[name] = sum(call(i, 0, function) for i in range(self.dim))
        new = np.array(w, dtype=float)
        for b, (places, rows, columns) in enumerate(self.blocks):
            known |= {"rows": float(rows), "columns": float(columns)}
            for name, function in record.block.items():
                known[name] = sum(call(i, b, function) for i in places)
            along = {}
            for name, stage in record.matrix.items():
                block = np.array([call(i, b, stage.term) for i in places]).reshape(rows, columns)
                rest = {key: known[key] for key in arguments(stage.transform)[2:]}
                stage.transform(block, self.memory[b], **rest)
                along[name] = block.ravel()
            shared = self.shared[b]
            for k, i in enumerate(places):
                values = names_at(i, b) | {name: float(values[k]) for name, values in along.items()}
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
