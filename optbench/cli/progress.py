"""How far a sweep is: a bar on standard error, and durations in words."""

from __future__ import annotations

import time


class Watch:
    """A progress bar over a sweep's work, with runs/s and the time left."""

    def __init__(self):
        from rich.progress import BarColumn, Progress, TextColumn

        from optbench.cli.console import errors

        self.begin, self.before = None, None
        self.bar = Progress(
            TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f}%"),
            TextColumn("{task.fields[speed]}"), console=errors, transient=True,
        )  # fmt: skip

    def __enter__(self) -> Watch:
        self.bar.start()
        self.task = self.bar.add_task("loading", total=None, speed="")
        return self

    def __exit__(self, *exception) -> None:
        self.bar.stop()

    def __call__(self, status) -> None:
        if status.compiled < status.to_compile:
            text = f"kernels {status.compiled}/{status.to_compile} (compiled once, then kept)"
            self.bar.update(self.task, description=text, completed=status.compiled, total=status.to_compile)
            return
        now = time.monotonic()
        if self.begin is None:
            self.begin, self.before = now, (status.cost, status.runs)
        spent, cost, runs = now - self.begin, status.cost - self.before[0], status.runs - self.before[1]
        speed = ""
        if spent > 0.5 and cost:
            left = spent * (status.total_cost - status.cost) / cost
            speed = f"{runs / spent:,.0f} runs/s, {duration(left)} left"
        self.bar.update(
            self.task, description=f"{status.runs:,} of {status.total_runs:,} runs", completed=status.cost,
            total=status.total_cost, speed=speed,
        )  # fmt: skip


def duration(seconds: float) -> str:
    """In the unit that fits."""
    if seconds < 1:
        return "less than a second"
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
