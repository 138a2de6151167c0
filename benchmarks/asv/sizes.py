"""Plans and folders of many runs: how long they take to count and to report, and how much memory."""

import os
import subprocess
import sys
import tempfile

from .versions import Prepared, since

_GRID = ("--problems", "rosenbrock", "--optimizers", "gd", "--batch-sizes", "64", "--steps", "20")
_SCHEDULES = ",".join(f"inverse(decay_rate={i / 10})" for i in range(1, 11))


def _usage(*arguments):
    """What a command has used, as the system counts it."""
    child = subprocess.Popen(
        [sys.executable, "-m", "optbench", *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise RuntimeError(f"{arguments} ended with {child.returncode}")
    return usage


def _peak(*arguments):
    """MiB that a command takes at most."""
    return _usage(*arguments).ru_maxrss / 1024


class DryRun(Prepared):
    """Ten schedules at a hundred rates, on as many seeds as make so many runs."""

    params = ([10_000, 200_000],)
    param_names = ("runs",)
    timeout = 600
    number, repeat, warmup_time, rounds = 1, 5, 0, 1

    def prepare(self, runs):
        self.arguments = (
            "sweep", *_GRID, "--schedules", _SCHEDULES, "--lr", "1e-5:1:100", "--seeds", str(runs // 1000), "--dry-run",
        )  # fmt: skip

    def time_dry_run(self, runs):
        _peak(*self.arguments)

    def track_memory(self, runs):
        return _peak(*self.arguments)

    track_memory.unit = "MiB"


class Report(Prepared):
    """A folder of so many runs of 20 steps, in blocks of seeds."""

    params = ([1_600],)
    param_names = ("runs",)
    timeout = 600
    number, repeat, warmup_time, rounds = 1, 5, 0, 1

    def prepare(self, runs):
        since("0.3.0")  # blocks
        self.folder = tempfile.mkdtemp(dir=".")  # asv removes what it has run in
        rates = ("--schedules", "constant", "--lr", f"1e-5:1:{runs // 16}", "--blocks", "16")
        _peak("sweep", *_GRID, *rates, "--no-report", "--out", self.folder)

    def time_report(self, runs):
        _peak("report", self.folder)

    def track_memory(self, runs):
        return _peak("report", self.folder)

    track_memory.unit = "MiB"


class Growth(Prepared):
    """Sweeps of so many runs of 20 steps in so many cohorts, on one worker."""

    params = ([1_000, 10_000], [1, 100])
    param_names = ("runs", "cohorts")
    timeout = 600
    number, repeat, warmup_time, rounds = 1, 5, 0, 1

    def prepare(self, runs, cohorts):
        self.folder = tempfile.mkdtemp(dir=".")  # asv removes what it has run in
        self.spent(runs, cohorts)  # kernels

    def spent(self, runs, cohorts):
        """Seconds of the cores."""
        grid = ("--problems", "rosenbrock", "--optimizers", "gd", "--batch-sizes", "full", "--schedules", "constant")
        size = ("--lr", f"1e-9:1e-3:{runs // cohorts}", "--seeds", str(cohorts), "--steps", "20", "--workers", "1")
        with tempfile.TemporaryDirectory(dir=self.folder) as out:
            usage = _usage("sweep", *grid, *size, "--no-report", "--out", out)
        return usage.ru_utime + usage.ru_stime

    def track_microseconds_per_run(self, runs, cohorts):
        """Of the cores, imports and all."""
        return 1e6 * self.spent(runs, cohorts) / runs

    track_microseconds_per_run.unit = "us"
