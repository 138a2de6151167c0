"""What a run-step costs as a sweep grows: a thousand runs to a million, one to a thousand cohorts, one worker and two.

    python benchmarks/growth.py                          # up to 100,000 runs, some minutes
    python benchmarks/growth.py --most 1000000           # the whole table
    python benchmarks/growth.py --json growth.json

A sweep of Rosenbrock with gradient descent, full batches, twenty steps a run: what grows is all that a sweep does
beside its steps, for those take a microsecond together. A row is a whole process: imports, plan, cohorts and tables.
What the same process takes with one run is taken off. Seconds are of the cores: a second worker takes less on the wall,
and should take no more in all.

What to expect (measured on a shared machine): 1.2 s for the start, 30 us for each run of 21 points, most of it Arrow's
and Parquet's, and 3 to 4 ms for each cohort: 1.3 of them between points of evaluation, 0.5 for the file that outlasts a
power cut, 0.6 for its tables and 0.9 where the sweep's are put together. So a cohort of one run of twenty steps costs
its 4 ms, and a run costs twice as much in cohorts of a hundred as in those of a thousand. More of the same cost the
same: 45 to 50 us a run in 100 and 1,000 cohorts of a hundred runs, 24 to 33 in 10, 100 and 1,000 of a thousand, 24 to
25 in 10 and 100 of ten thousand (one worker; what a run costs in the same sweep differs by as much from hour to hour).
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
STEPS = 20
RUNS = (1_000, 10_000, 100_000, 1_000_000)
COHORTS = (1, 10, 100, 1_000)
MOST_RATES = 100_000
"""The longest list that a spec takes."""


def design(runs: int, cohorts: int) -> dict[str, Any]:
    """The sweep of so many runs in so many cohorts: a seed each, and as many rates as that takes."""
    low, high = 1e-6, 1e-3
    count = max(runs // cohorts, 1)
    ratio = (high / low) ** (1 / max(count - 1, 1))
    return {
        "problems": ["rosenbrock"], "optimizers": ["gd"], "batch_sizes": ["full"], "schedules": ["constant"],
        "learning_rates": [low * ratio**i for i in range(count)], "seeds": cohorts, "steps": STEPS,
    }  # fmt: skip


def rows(
    most: int = 100_000, workers: tuple[int, ...] = (1, 2), points: list[int] | None = None
) -> Iterator[dict[str, Any]]:
    """A row for each size; ``points``: steps to evaluate at instead of optbench's own choice."""
    from benchmarks.jobs.measure import sweep

    with tempfile.TemporaryDirectory(prefix="growth-") as folder:
        kernels = Path(folder) / "kernels"

        def spent(spec: dict[str, Any], count: int) -> tuple[float, float]:
            more = {} if points is None else {"points": points}
            with tempfile.TemporaryDirectory(dir=folder) as out:
                return sweep(spec | more, Path(out), count, kernels)

        for lanes in (1, 100):  # kernels of one lane, and of many
            spent(design(lanes, 1), 1)
        for count in workers:
            wall, cpu = (min(times) for times in zip(*(spent(design(1, 1), count) for _ in range(3)), strict=True))
            for runs in (size for size in RUNS if size <= most):
                for cohorts in (number for number in COHORTS if number <= runs <= MOST_RATES * number):
                    times = spent(design(runs, cohorts), count)
                    yield {
                        "runs": runs, "cohorts": cohorts, "workers": count, "steps": STEPS, "wall_seconds": times[0],
                        "core_seconds": times[1], "one_run_seconds": wall, "one_run_core_seconds": cpu,
                        "us_per_run": 1e6 * (times[1] - cpu) / runs,
                        "ns_per_run_step": 1e9 * (times[1] - cpu) / runs / STEPS,
                    }  # fmt: skip


def show(row: dict[str, Any]) -> str:
    """One row as a line."""
    return (
        f"{row['runs']:9,}  {row['cohorts']:7,}  {row['workers']:7}  {row['wall_seconds']:7.2f}  "
        f"{row['core_seconds']:8.2f}  {row['us_per_run']:8.1f}  {row['ns_per_run_step']:9.1f}"
    )


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="growth.py", description="What a run-step costs as a sweep grows.")
    parser.add_argument("--most", metavar="RUNS", type=int, default=100_000, help="the most runs; default 100000")
    parser.add_argument("--workers", metavar="N", type=int, nargs="+", default=[1, 2], help="default 1 2")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write the rows to FILE")
    options = parser.parse_args(arguments)
    sys.path.insert(0, str(ROOT))
    print("     runs  cohorts  workers   wall s  cores' s  us a run  ns a step", flush=True)
    measured = []
    for row in rows(options.most, tuple(options.workers)):
        measured.append(row)
        print(show(row), flush=True)
    if options.json:
        options.json.write_text(json.dumps({"rows": measured}, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
