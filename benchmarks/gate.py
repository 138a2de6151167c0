"""Compare whole jobs of two versions, and fail where one has become more than 10% slower.

    python benchmarks/gate.py --base old/.venv/bin/python          # against a checkout of the old commit, 10 minutes
    python benchmarks/gate.py --base old/.venv/bin/python --job one_run_warm --turns 9
    python benchmarks/gate.py --base old/.venv/bin/python --million     # also a million runs: time and memory

Every job is a whole command in processes of its own. The two versions take turns, and the best time of each counts: CPU
seconds of the command and all its workers, so that other programs on the machine disturb little. A speed-up of a single
step that no job here shows is not worth its code; a simplification that costs less than 10% of all of them is.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

LIMIT = 1.10
_ONE = (
    "sweep", "--problems", "rosenbrock", "--optimizers", "adam", "--batch-sizes", "64", "--schedules", "constant",
    "--lr", "0.01", "--seeds", "1", "--steps", "1000", "--no-report",
)  # fmt: skip


@dataclass(frozen=True)
class Job:
    """A command of optbench, and how many times each version runs it."""

    arguments: tuple[str, ...]
    turns: int = 3
    cold: bool = False
    """Whether every kernel is compiled anew."""


JOBS = {
    "first_command": Job(("sweep", "--workers", "1"), turns=2),
    "default_sweep_cold": Job(("sweep", "--no-report"), turns=1, cold=True),
    "mlp": Job((
        "sweep", "--problems", "mlp", "--optimizers", "gd,adam", "--batch-sizes", "64", "--schedules", "constant",
        "--lr", "1e-3:1:16", "--seeds", "4", "--epochs", "10", "--no-report",
    )),
    "quadratic": Job((
        "sweep", "--problems", "quadratic", "--optimizers", "gd,momentum,adam", "--batch-sizes", "64", "--schedules",
        "constant", "--lr", "1e-3:1:32", "--seeds", "8", "--steps", "5000", "--no-report",
    )),
    "short_cohorts": Job((
        "sweep", "--problems", "rosenbrock", "--optimizers", "adam", "--batch-sizes", "16", "--schedules", "constant",
        "--lr", "1e-4:1e-2:16", "--seeds", "40", "--steps", "2000", "--no-report",
    )),
    "one_run_warm": Job(_ONE, turns=5),
    "one_run_cold": Job(_ONE, turns=2, cold=True),
}  # fmt: skip
MILLION = Job((
    "sweep", "--problems", "rosenbrock", "--optimizers", "gd", "--batch-sizes", "full", "--schedules", "constant",
    "--lr", "1e-6:1e-3:1000", "--seeds", "1000", "--steps", "20", "--no-report",
), turns=1)  # fmt: skip


@dataclass(frozen=True)
class Spent:
    """What a command took: CPU seconds of all its processes, seconds on the wall, and its largest memory in MiB."""

    cpu: float
    wall: float
    mib: float


def spent(python: str, job: Job, kernels: Path) -> Spent:
    """Run a job once.

    Args:
        python: the interpreter in whose environment the version is installed.
        job: the command.
        kernels: the folder of compiled kernels.

    Raises:
        SystemExit: the command failed; what it printed last is in the text.
    """
    with tempfile.TemporaryDirectory(prefix="gate-") as folder:
        around = os.environ | {"NUMBA_CACHE_DIR": str(Path(folder) / "kernels" if job.cold else kernels)}
        log = Path(folder) / "log"
        began = time.perf_counter()
        with log.open("wb") as to:
            child = subprocess.Popen(
                [python, "-m", "optbench", *job.arguments, "--out", "out"], cwd=folder, env=around, stdout=to, stderr=to
            )
            _, status, usage = os.wait4(child.pid, 0)
            child.returncode = os.waitstatus_to_exitcode(status)
        wall = time.perf_counter() - began
        if child.returncode:
            raise SystemExit(f"{python}: the command ended with {child.returncode}: {log.read_text()[-500:]}")
        return Spent(usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss / 1024)


def best(runs: list[Spent]) -> Spent:
    """Return the least of each quantity."""
    return Spent(min(run.cpu for run in runs), min(run.wall for run in runs), min(run.mib for run in runs))


def compare(base: str, new: str, jobs: dict[str, Job], turns: int | None = None) -> list[dict]:
    """Run jobs by two versions in turns, and return a row for each: the ratios new / base."""
    rows = []
    with tempfile.TemporaryDirectory(prefix="gate-kernels-") as folder:
        kernels = {python: Path(folder) / str(place) for place, python in enumerate((base, new))}
        for name, job in jobs.items():
            if not job.cold:
                for python in kernels:  # the first one compiles, and does not count
                    spent(python, job, kernels[python])
            runs: dict[str, list[Spent]] = {base: [], new: []}
            for _ in range(turns or job.turns):
                for python in kernels:
                    runs[python].append(spent(python, job, kernels[python]))
            old, now = best(runs[base]), best(runs[new])
            row = {"job": name, "ratio": now.cpu / old.cpu, "wall": now.wall / old.wall, "memory": now.mib / old.mib}
            rows.append(row)
            print(f"{name}: {old.cpu:.2f} s, now {now.cpu:.2f} s of CPU: {row['ratio']:.3f}", end="; ")
            print(f"wall {row['wall']:.3f}, memory {row['memory']:.3f}", flush=True)
    return rows


def main(arguments: list[str] | None = None) -> int:
    """Return 1 where a job takes more than LIMIT of what it took, or needs more than that of memory; else 0."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", required=True, metavar="PYTHON", help="of the environment with the old version")
    parser.add_argument(
        "--new", default=sys.executable, metavar="PYTHON", help="of that with the new one; default: this"
    )
    parser.add_argument("--job", action="append", choices=JOBS, help="only this one (again for more)")
    parser.add_argument("--million", action="store_true", help="also a million runs in a thousand cohorts")
    parser.add_argument("--turns", type=int, help="how many times each version runs each job")
    asked = parser.parse_args(arguments)
    jobs = {name: job for name, job in JOBS.items() if not asked.job or name in asked.job}
    if asked.million:
        jobs["million"] = MILLION
    base, new = (str(Path(python).absolute()) for python in (asked.base, asked.new))
    rows = compare(base, new, jobs, asked.turns)
    worse = [row["job"] for row in rows if max(row["ratio"], row["memory"]) > LIMIT]
    if worse:
        print(f"more than {LIMIT - 1:.0%} worse: {', '.join(worse)}")
    return int(bool(worse))


if __name__ == "__main__":
    sys.exit(main())
