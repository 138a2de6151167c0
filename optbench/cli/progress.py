"""Progress of a sweep: a bar on a terminal, a line from time to time elsewhere; and durations as text."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from optbench.sweeps.executor import Status

_QUIET_SECONDS = 5.0
"""Without a terminal, a shorter sweep prints no progress."""
_LINE_SECONDS = 30.0
"""Minimum time between two lines."""
_LINE_SHARE = 0.1
"""Minimum share of the stage's work between two lines, unless ``_SILENT_SECONDS`` have passed."""
_SILENT_SECONDS = 600.0
"""Maximum time between two lines."""
_WINDOW_SECONDS = 5.0
"""Minimum time over which the speed is averaged."""
_WINDOW_SHARE = 0.2
"""Share of the stage's time over which it is averaged, if longer: long cohorts have slow and fast parts."""
_STEP_SHARE = 0.02
"""Samples are kept at this share of that time: a day's sweep reports a million times."""


def watching() -> Bar | Lines:
    """Return a context that shows the status of a sweep on standard error each time it is called with it."""
    from optbench.cli.console import errors

    return Bar() if errors.is_interactive else Lines()


class Speed:
    """Runs per second and the time left of the current stage, from its recent speed.

    The longest cohorts run first, and the overhead of short ones is a guess, so that the speed changes within a stage.
    """

    def __init__(self):
        self.stage, self.begin = "", 0.0
        self.samples: deque[tuple[float, float, int]] = deque()
        """Samples of (time, cost, runs) within the averaging window."""

    def __call__(self, status: Status) -> str:
        """Return speed and time left as text; empty while too little is known."""
        now = time.monotonic()
        if status.stage != self.stage:
            self.stage, self.begin = status.stage, now
            self.samples.clear()
        window = max(_WINDOW_SECONDS, _WINDOW_SHARE * (now - self.begin))
        if not self.samples or now - self.samples[-1][0] >= _STEP_SHARE * window:
            self.samples.append((now, status.cost, status.runs))
        while len(self.samples) > 2 and now - self.samples[1][0] >= window:
            self.samples.popleft()
        begin, cost, runs = self.samples[0]
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
    """A progress bar of the current stage, with runs/s and the time left."""

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
    """Plain lines: from _QUIET_SECONDS on at intervals, and at the end of each stage."""

    def __init__(self):
        self.speed = Speed()
        self.begin = time.monotonic()
        self.printed: float | None = None
        """The time of the last line."""
        self.stage, self.runs, self.share = "", "", 0.0
        """The current stage, its progress as text, and the share done at its last line."""

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
        waited = float("inf") if self.printed is None else now - self.printed
        if status.compiled < status.to_compile:
            if now - self.begin >= _QUIET_SECONDS and waited >= _LINE_SECONDS:
                self._print(_compiling(status))
            return
        speed, self.runs = self.speed(status), _runs(status)
        total = status.stage_total[0]
        share = (status.cost - status.stage_begin[0]) / total if total else 1.0
        due = waited >= _SILENT_SECONDS or (waited >= _LINE_SECONDS and share - self.share >= _LINE_SHARE)
        if due and share < 1 and now - self.begin >= _QUIET_SECONDS:
            self.share = share
            self._print(f"{self.runs}, {speed}" if speed else self.runs)

    def _end(self) -> None:
        """Print the end of a stage, unless the sweep is short."""
        spent = time.monotonic() - self.begin
        if self.runs and spent >= _QUIET_SECONDS:
            self._print(f"{self.runs}, after {duration(spent)}")
        self.runs = ""

    def _print(self, text: str) -> None:
        from optbench.cli.console import errors

        self.printed = time.monotonic()
        errors.print(text, markup=False, soft_wrap=True)


def duration(seconds: float) -> str:
    """Return a duration in the unit that fits."""
    if seconds < 1:
        return "less than a second"
    if seconds < 100:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 48 * 3600 else f"{seconds / 86400:.0f} days"
