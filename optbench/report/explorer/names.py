"""The names of a sweep as numbers: what stands in lists once, and is pointed to from everywhere else."""

from __future__ import annotations

import pandas as pd

from optbench.figures.evidence import Evidence
from optbench.wording import labels


class Names:
    """Optimizers, problems, schedules and batch sizes in the order of the tables.

    A batch size goes by its label, for the full batch of each problem is another number.
    """

    def __init__(self, evidence: Evidence):
        runs, cells = evidence.results.runs, evidence.by_cell
        self.optimizers = list(evidence.best["optimizer"].unique())
        self.problems = list(evidence.best["problem"].unique())
        self.schedules = list(runs["schedule"].unique())
        sizes = cells.drop_duplicates(["batch_size", "full_batch"]).sort_values(["full_batch", "batch_size"])
        self.batches = list(dict.fromkeys(_labels(sizes)))

    def optimizer(self, name: str) -> int:
        """Its place."""
        return self.optimizers.index(name)

    def coded(self, table: pd.DataFrame) -> dict[str, list[int]]:
        """The columns problem, optimizer, batch and schedule of a table of settings, as numbers."""
        columns = {
            "problem": (table["problem"], self.problems),
            "optimizer": (table["optimizer"], self.optimizers),
            "batch": (_labels(table), self.batches),
            "schedule": (table["schedule"], self.schedules),
        }
        return {name: pd.Index(known).get_indexer(pd.Index(given)).tolist() for name, (given, known) in columns.items()}


def _labels(table: pd.DataFrame) -> list[str]:
    return [labels.batch_label(*pair) for pair in zip(table["batch_size"], table["full_batch"], strict=True)]
