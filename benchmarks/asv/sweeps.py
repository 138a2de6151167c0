"""Whole commands in processes of their own: help, a small sweep, the first start and the later ones."""

import os
import subprocess
import sys
import tempfile

from .versions import Prepared

_SMALL = (
    "sweep", "--problems", "rosenbrock", "--optimizers", "adam", "--batch-sizes", "64", "--schedules", "constant",
    "--lr", "0.01", "--seeds", "1", "--steps", "1000", "--no-report",
)  # fmt: skip
_MEDIUM = (
    "sweep", "--problems", "rosenbrock,logistic,mlp", "--optimizers", "gd,adam", "--batch-sizes", "64,full",
    "--schedules", "constant,exponential", "--lr", "1e-3:0.1:8", "--seeds", "3", "--epochs", "5", "--no-report",
)  # fmt: skip


class Commands(Prepared):
    timeout = 600
    number, repeat, warmup_time, rounds = 1, 5, 0.001, 1
    """One call is not counted: it fills the caches."""

    def prepare(self):
        self.folder = tempfile.mkdtemp(dir=".")  # asv removes what it has run in

    def call(self, *arguments, **environment):
        with tempfile.TemporaryDirectory(dir=self.folder) as out:
            extra = ("--out", out) if arguments[0] == "sweep" else ()
            subprocess.run(
                [sys.executable, "-m", "optbench", *arguments, *extra],
                check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ | environment,
            )  # fmt: skip

    def time_help(self):
        self.call("--help")

    def time_one_run_warm(self):
        self.call(*_SMALL)

    def time_small_sweep_warm(self):
        self.call(*_MEDIUM)

    def time_one_run_cold(self):
        """Every kernel compiled anew."""
        with tempfile.TemporaryDirectory() as cache:
            self.call(*_SMALL, NUMBA_CACHE_DIR=cache)

    time_one_run_cold.warmup_time = 0
