"""Whole jobs: the default sweep and its page, 40 short cohorts, one run; and calls from Python."""

import os
import subprocess
import sys
import tempfile

import optbench

from .prepared import Prepared, cpu_seconds

_SMALL = (
    "sweep", "--problems", "rosenbrock", "--optimizers", "adam", "--batch-sizes", "64", "--schedules", "constant",
    "--lr", "0.01", "--seeds", "1", "--steps", "1000", "--no-report",
)  # fmt: skip


def call(*arguments, **environment):
    """Run a command in a process of its own."""
    subprocess.run(
        [sys.executable, "-m", "optbench", *arguments],
        check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ | environment,
    )  # fmt: skip


class Default:
    """The default sweep, with every kernel compiled anew, and then its page: each once, for they take minutes."""

    timeout = 1800
    arguments = ("sweep", "--no-report")

    def setup_cache(self):
        """In asv's folder for this class, where its benchmarks run as well."""
        with tempfile.TemporaryDirectory() as kernels:
            before = cpu_seconds()
            call(*self.arguments, "--out", "results", NUMBA_CACHE_DIR=kernels)
            return cpu_seconds() - before

    def track_sweep(self, spent):
        return spent

    def track_kernels(self, spent):
        return optbench.load("results").timings["seconds"].sum() / spent

    def track_page(self, spent):
        before = cpu_seconds()
        call("report", "results")
        return cpu_seconds() - before

    setup_cache.timeout = 1800
    track_sweep.unit = track_page.unit = "seconds of CPU"
    track_kernels.unit = "share of the sweep's CPU seconds in which cohorts ran"


class Commands(Prepared):
    number, repeat, warmup_time = 1, 3, 0.001
    """One call is not counted: it fills the caches."""

    def prepare(self):
        self.folder = tempfile.mkdtemp(dir=".")  # asv removes what it has run in

    def time_one_run_warm(self):
        with tempfile.TemporaryDirectory(dir=self.folder) as out:
            call(*_SMALL, "--out", out)


class Calls(Prepared):
    """From Python, when all is loaded: what they take beside their steps."""

    spec = {"problems": ["rosenbrock"], "optimizers": ["gd", "adam"], "learning_rates": [1e-3, 1e-2], "steps": 50}
    short = {"problems": ["rosenbrock"], "optimizers": ["adam"], "batch_sizes": [16], "schedules": ["constant"],
             "learning_rates": "1e-4:1e-2:16", "tuning_seeds": 1}  # fmt: skip
    cohorts, steps = 40, 210_000
    """A cohort then takes about 50 ms."""

    def prepare(self):
        self.folder, self.count = tempfile.mkdtemp(dir="."), 0  # asv removes what it has run in

    def sweep(self, *spec, **options):
        self.count += 1  # a folder each, which is removed with all others when nothing is timed
        optbench.sweep(*spec, out=os.path.join(self.folder, str(self.count)), **options)

    def time_minimize(self):
        optbench.minimize("rosenbrock", "adam", lr=0.01, steps=100)

    def time_sweep(self):
        self.sweep(self.spec, seeds=8)

    def time_40_short_cohorts(self):
        self.sweep(self.short, steps=self.steps, seeds=self.cohorts, workers=2)
