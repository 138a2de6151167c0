"""Compare whole jobs of two versions, and fail where one has become more than 10% slower.

    python benchmarks/gate.py --base old/.venv/bin/python          # against a checkout of the old commit, 10 minutes
    python benchmarks/gate.py --base old/.venv/bin/python --job one_run_warm --turns 9
    python benchmarks/gate.py --base old/.venv/bin/python --million     # also a million runs: time and memory

Every job is a whole command in processes of its own. The two versions take turns, and the best time of each counts: CPU
seconds of the command and all its workers, so that other programs on the machine disturb little. A speed-up of a single
step that no job here shows is not worth its code; a simplification that costs less than 10% of all of them is.

The share of kernels is that of the CPU seconds in which cohorts made their steps and evaluations, by the table of
timings; all else is planning, tables, records and the page. With several workers, which wait for each other, it is too
high.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

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
    kernels: float = math.nan
    """The share of kernels."""


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
        cpu, table = usage.ru_utime + usage.ru_stime, Path(folder) / "out" / "timings.parquet"
        seconds = pd.read_parquet(table, columns=["seconds"])["seconds"].sum() if table.exists() else math.nan
        return Spent(cpu, wall, usage.ru_maxrss / 1024, seconds / cpu)


def best(runs: list[Spent]) -> Spent:
    """Return the least of each quantity, and the share of kernels of the run that took the least CPU."""
    quickest = min(runs, key=lambda run: run.cpu)
    return Spent(quickest.cpu, min(run.wall for run in runs), min(run.mib for run in runs), quickest.kernels)


def compare(base: str, new: str, jobs: dict[str, Job], turns: int | None = None) -> list[dict]:
    """Run jobs by two versions in turns, and return a row for each: what both took, and the ratios new / base."""
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
            rows.append({
                "job": name, "base": old.cpu, "new": now.cpu, "ratio": now.cpu / old.cpu,
                "wall": now.wall / old.wall, "memory": now.mib / old.mib,
                "base_kernels": old.kernels, "kernels": now.kernels,
            })  # fmt: skip
            print(f"{name}: {old.cpu:.2f} s, now {now.cpu:.2f} s of CPU: {rows[-1]['ratio']:.3f}", end="; ")
            print(f"wall {rows[-1]['wall']:.3f}, memory {rows[-1]['memory']:.3f}", end="; ")
            print(f"share of kernels {old.kernels:.0%}, now {now.kernels:.0%}", flush=True)
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
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows there")
    asked = parser.parse_args(arguments)
    jobs = {name: job for name, job in JOBS.items() if not asked.job or name in asked.job}
    if asked.million:
        jobs["million"] = MILLION
    base, new = (str(Path(python).absolute()) for python in (asked.base, asked.new))
    rows = compare(base, new, jobs, asked.turns)
    if asked.json:
        asked.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    worse = [row["job"] for row in rows if max(row["ratio"], row["memory"]) > LIMIT]
    if worse:
        print(f"more than {LIMIT - 1:.0%} worse: {', '.join(worse)}")
    return int(bool(worse))


if __name__ == "__main__":
    sys.exit(main())
