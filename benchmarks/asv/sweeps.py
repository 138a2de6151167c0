"""Whole commands in processes of their own: help, a small sweep, the first start and the later ones; and calls."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import optbench

from .versions import Prepared, since

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


class Calls(Prepared):
    """From Python, when all is loaded: what they take beside their steps."""

    spec = {"problems": ["rosenbrock"], "optimizers": ["gd", "adam"], "learning_rates": [1e-3, 1e-2], "steps": 50}

    def prepare(self):
        since("0.12.0")  # earlier ones were not tried
        self.folder, self.count = tempfile.mkdtemp(dir="."), 0  # asv removes what it has run in

    def time_minimize(self):
        optbench.minimize("rosenbrock", "adam", lr=0.01, steps=100)

    def time_sweep(self):
        self.count += 1  # a folder each, which is removed with all others when nothing is timed
        optbench.sweep(self.spec, seeds=8, out=os.path.join(self.folder, str(self.count)))


class FirstStart(Prepared):
    """The default sweep with every kernel compiled anew, until the first of its cohorts is in the folder."""

    timeout = 600
    arguments = ("sweep", "--no-report")

    def prepare(self):
        self.folder = tempfile.mkdtemp(dir=".")  # asv removes what it has run in

    def track_seconds_to_first_table(self):
        with tempfile.TemporaryDirectory(dir=self.folder) as place:
            out, kernels = Path(place) / "out", Path(place) / "kernels"
            around, began = os.environ | {"NUMBA_CACHE_DIR": str(kernels)}, time.perf_counter()
            child = subprocess.Popen(
                [sys.executable, "-m", "optbench", *self.arguments, "--out", str(out)],
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=around,
            )  # fmt: skip
            try:
                while not any((out / "cohorts").glob("*.cohort")):
                    if child.poll():
                        raise RuntimeError(f"the sweep ended with {child.returncode}")
                    time.sleep(0.01)
                return time.perf_counter() - began
            finally:
                child.kill()
                child.wait()

    track_seconds_to_first_table.unit = "seconds"
