"""How far a sweep is: a bar on a terminal, now and then a line elsewhere; and durations in words."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from optbench.sweeps.executor import Status

_QUIET_SECONDS = 5.0
"""A sweep that has ended by then says nothing where there is no terminal."""
_LINE_SECONDS = 30.0
"""At least so long between two lines."""
_LINE_SHARE = 0.1
"""And at least so much of the stage's work, but for ``_SILENT_SECONDS``."""
_SILENT_SECONDS = 600.0
"""No longer than this without a line."""
_LATELY_SECONDS = 5.0
"""The speed is that of the last seconds, at least so many."""
_LATELY_SHARE = 0.2
"""Or of this share of the stage's time so far, if that is longer: long cohorts have slow and quick parts."""
_STEP_SHARE = 0.02
"""What was heard is kept once in this share of that time: a day's sweep is heard of a million times."""


def watching() -> Bar | Lines:
    """What shows a sweep's progress on standard error; it is called with the sweep's status, and is a context."""
    from optbench.cli.console import errors

    return Bar() if errors.is_interactive else Lines()


class Speed:
    """Runs a second and the time left of the stage that runs, as fast as it lately was.

    The longest cohorts run first, and what is asked of short ones beside their steps is a guess: towards the end of a
    stage the weight of its work is done at another rate than before.
    """

    def __init__(self):
        self.stage, self.begin = "", 0.0
        self.heard: deque[tuple[float, float, int]] = deque()
        """When, and the cost and the runs by then: the first is as long ago as counts."""

    def __call__(self, status: Status) -> str:
        """In words; empty where nothing can be said yet."""
        now = time.monotonic()
        if status.stage != self.stage:
            self.stage, self.begin = status.stage, now
            self.heard.clear()
        lately = max(_LATELY_SECONDS, _LATELY_SHARE * (now - self.begin))
        if not self.heard or now - self.heard[-1][0] >= _STEP_SHARE * lately:
            self.heard.append((now, status.cost, status.runs))
        while len(self.heard) > 2 and now - self.heard[1][0] >= lately:
            self.heard.popleft()
        begin, cost, runs = self.heard[0]
        spent, made = now - begin, status.cost - cost
        if spent <= 0.5 or not made:
            return ""
        left = spent * max(status.stage_total[0] - (status.cost - status.stage_begin[0]), 0.0) / made
        return f"{(status.runs - runs) / spent:,.0f} runs/s, {duration(left)} left"


def _compiling(status: Status) -> str:
    return f"kernels {status.compiled}/{status.to_compile} (compiled once, then kept)"


def _runs(status: Status) -> str:
    text = f"{status.runs - status.stage_begin[1]:,} of {status.stage_total[1]:,} runs"
    return text if status.stage == "grid" else f"{status.stage}: {text}"


class Bar:
    """A progress bar over the work of a sweep, or of one stage of it, with runs/s and the time left."""

    def __init__(self):
        from rich.progress import BarColumn, Progress, TextColumn

        from optbench.cli.console import errors

        self.speed = Speed()
        self.bar = Progress(
            TextColumn("{task.description}", markup=False), BarColumn(), TextColumn("{task.percentage:>3.0f}%"),
            TextColumn("{task.fields[speed]}"), console=errors, transient=True,
        )  # fmt: skip

    def __enter__(self) -> Bar:
        self.bar.start()
        self.task = self.bar.add_task("loading", total=None, speed="")
        return self

    def __exit__(self, *exception) -> None:
        self.bar.stop()

    def __call__(self, status: Status) -> None:
        if status.compiled < status.to_compile:
            done, total, text, speed = status.compiled, status.to_compile, _compiling(status), ""
        else:
            done, total = status.cost - status.stage_begin[0], status.stage_total[0]
            text, speed = _runs(status), self.speed(status)
        self.bar.update(self.task, description=text, completed=done, total=total, speed=speed)


class Lines:
    """Plain lines: one when a sweep turns out to take its time, then at intervals, and at the end of each stage."""

    def __init__(self):
        self.speed = Speed()
        self.begin = time.monotonic()
        self.told: float | None = None
        """When the last line was told."""
        self.stage, self.runs, self.share = "", "", 0.0
        """The stage that runs, how far it is in words, and what was done of it at its last line."""

    def __enter__(self) -> Lines:
        return self

    def __exit__(self, kind, *exception) -> None:
        if kind is None:
            self._end()

    def __call__(self, status: Status) -> None:
        now = time.monotonic()
        if status.stage != self.stage:
            self._end()
            self.stage, self.share = status.stage, 0.0
        waited = float("inf") if self.told is None else now - self.told
        if status.compiled < status.to_compile:
            if now - self.begin >= _QUIET_SECONDS and waited >= _LINE_SECONDS:
                self._tell(_compiling(status))
            return
        speed, self.runs = self.speed(status), _runs(status)
        total = status.stage_total[0]
        share = (status.cost - status.stage_begin[0]) / total if total else 1.0
        due = waited >= _SILENT_SECONDS or (waited >= _LINE_SECONDS and share - self.share >= _LINE_SHARE)
        if due and share < 1 and now - self.begin >= _QUIET_SECONDS:
            self.share = share
            self._tell(f"{self.runs}, {speed}" if speed else self.runs)

    def _end(self) -> None:
        """Tell how a stage has ended, if its sweep takes its time."""
        spent = time.monotonic() - self.begin
        if self.runs and spent >= _QUIET_SECONDS:
            self._tell(f"{self.runs}, after {duration(spent)}")
        self.runs = ""

    def _tell(self, text: str) -> None:
        from optbench.cli.console import errors

        self.told = time.monotonic()
        errors.print(text, markup=False, soft_wrap=True)


def duration(seconds: float) -> str:
    """In the unit that fits."""
    if seconds < 1:
        return "less than a second"
    if seconds < 100:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 48 * 3600 else f"{seconds / 86400:.0f} days"
