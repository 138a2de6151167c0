"""A result folder as those who tell of it need it: read once, and its answer computed once."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from optbench.report.failures import failure_texts, without_lost
from optbench.sweeps.results import load
from optbench.wording.answers import Answer, answer_of


class Finished:
    """The tables of a folder and what they say.

    Raises OptbenchError, in one line, where the folder cannot be read.
    """

    def __init__(self, directory: Path):
        self.directory = directory
        everything = load(directory)
        self.failures = failure_texts(everything.runs)
        """What could not run."""
        self.results = without_lost(everything)
        """The tables without it."""

    @cached_property
    def answer(self) -> Answer:
        """The verdicts, and the settings behind them."""
        of = self.results
        return answer_of(of.runs, of.tuning_seeds, of.choose_by, of.searched)
