"""How far a sweep is: a bar on standard error, and durations in words."""

from __future__ import annotations

import time


class Watch:
    """A progress bar over the work of a sweep, or of one stage of it, with runs/s and the time left."""

    def __init__(self):
        from rich.progress import BarColumn, Progress, TextColumn

        from optbench.cli.console import errors

        self.begin, self.before, self.stage = None, (0.0, 0), ""
        self.bar = Progress(
            TextColumn("{task.description}", markup=False), BarColumn(), TextColumn("{task.percentage:>3.0f}%"),
            TextColumn("{task.fields[speed]}"), console=errors, transient=True,
        )  # fmt: skip

    def __enter__(self) -> Watch:
        self.bar.start()
        self.task = self.bar.add_task("loading", total=None, speed="")
        return self

    def __exit__(self, *exception) -> None:
        self.bar.stop()

    def __call__(self, status) -> None:
        if status.stage != self.stage:
            self.stage, self.begin = status.stage, None
        if status.compiled < status.to_compile:
            text = f"kernels {status.compiled}/{status.to_compile} (compiled once, then kept)"
            self.bar.update(self.task, description=text, completed=status.compiled, total=status.to_compile)
            return
        now = time.monotonic()
        if self.begin is None:
            self.begin, self.before = now, (status.cost, status.runs)
        cost, runs = (done - first for done, first in zip((status.cost, status.runs), status.stage_begin, strict=True))
        total_cost, total_runs = status.stage_total
        spent, made, speed = now - self.begin, status.cost - self.before[0], ""
        if spent > 0.5 and made:
            left = spent * (total_cost - cost) / made
            speed = f"{(status.runs - self.before[1]) / spent:,.0f} runs/s, {duration(left)} left"
        text = f"{runs:,} of {total_runs:,} runs"
        self.bar.update(
            self.task, description=text if status.stage == "grid" else f"{status.stage}: {text}", completed=cost,
            total=total_cost, speed=speed,
        )  # fmt: skip


def duration(seconds: float) -> str:
    """In the unit that fits."""
    if seconds < 1:
        return "less than a second"
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
