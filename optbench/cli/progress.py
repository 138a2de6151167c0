"""Progress of a sweep: a bar on a terminal and in a notebook, a line from time to time elsewhere; durations as text."""

from __future__ import annotations

import io
import math
import random
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Task

    from optbench.run.loop import Status

_QUIET_SECONDS = 5.0
"""Without a terminal, a shorter sweep prints no progress."""
_LINE_SECONDS = (30.0, 600.0)
"""Minimum and maximum time between two lines."""
_LINE_SHARE = 0.1
"""Time between two lines as a share of the time so far, within these limits."""
_DRAWN_SECONDS = 0.2
"""Time between two drawings of a bar in a notebook: each is a message to the browser."""


def make_progress(show: bool | None = True, note: str = "") -> AbstractContextManager[Callable[[Status], None]]:
    """Return a context with what is to be called with each new status of a sweep, and shows it.

    show: False for nothing; None for a bar on a terminal or in a notebook, and nothing elsewhere; True for lines there.
    note: a line to print before it.
    """
    numbers = random.getstate()
    from optbench.cli.console import errors

    random.setstate(numbers)  # rich draws one when it is imported
    if show is None:
        show = errors.is_interactive or errors.is_jupyter
    if not show:
        return nullcontext(lambda status: None)
    if note:
        errors.print(note, soft_wrap=True)
    if errors.is_jupyter:
        return NotebookBar()
    return Bar() if errors.is_interactive else Lines()


class Bar:
    """A progress bar of the current stage, with runs/s and the time that is left to the answer."""

    def __init__(self) -> None:
        """Make the bar; nothing is shown before the context is entered."""
        from rich.progress import BarColumn, Progress, TextColumn

        from optbench.cli.console import errors

        self.bar = Progress(
            TextColumn("{task.description}", markup=False), BarColumn(), TextColumn("{task.percentage:>3.0f}%"),
            TextColumn("{task.fields[speed]}"), console=errors, transient=True, get_time=lambda: time.monotonic(),
            # What a callback prints into a file stays there.
            redirect_stdout=getattr(sys.stdout, "isatty", bool)(),
        )  # fmt: skip
        self.id = self.bar.add_task("loading", total=None, speed="")

    def __enter__(self) -> Bar:
        """Show the bar."""
        self.bar.start()
        return self

    def __exit__(self, *exception: object) -> None:
        """Remove the bar."""
        self.bar.stop()

    def __call__(self, status: Status) -> None:
        """Show the status on the bar; its cost is the measure of progress, as runs take different times."""
        if status.compiled < status.to_compile:
            text = f"kernels {status.compiled}/{status.to_compile} (compiled once, then kept)"
            self.bar.update(self.id, description=text, completed=status.compiled, total=status.to_compile, speed="")
            return
        done, runs = status.cost - status.stage_begin[0], status.runs - status.stage_begin[1]
        text = f"{runs:,} of {status.stage_total[1]:,} runs"
        text = text if status.stage == "grid" else f"{status.stage}: {text}"
        speed = _describe_speed(self.task, runs, status)
        self.bar.update(self.id, description=text, completed=done, total=status.stage_total[0], speed=speed)

    @property
    def task(self) -> Task:
        """The task of the bar in rich, which knows how far it is and how fast."""
        return self.bar.tasks[0]


class NotebookBar(Bar):
    """A progress bar below a notebook's cell, as text: rich's own needs ipywidgets. What it showed last stays."""

    def __enter__(self) -> NotebookBar:
        """Show the bar."""
        from IPython.display import display
        from rich.console import Console

        self.console = Console(file=io.StringIO(), width=100, force_jupyter=False, color_system=None)
        self.begin = self.drawn = time.monotonic()
        self.status: Status | None = None
        self.output = display(self._draw(), raw=True, display_id=True)
        return self

    def __exit__(self, *exception: object) -> None:
        """Show how many runs are done, and the time that they took."""
        text = format_duration(time.monotonic() - self.begin)
        if status := self.status:  # what finished after it was shown last is counted, too
            whole = "" if status.runs == status.total_runs else f" of {status.total_runs:,}"
            text = f"{status.runs:,}{whole} runs, {text}"
        self.output.update({"text/plain": text}, raw=True)

    def __call__(self, status: Status) -> None:
        """Show the status on the bar if it is time for that."""
        super().__call__(status)
        self.status = status
        if (now := time.monotonic()) - self.drawn >= _DRAWN_SECONDS:
            self.drawn = now
            self.output.update(self._draw(), raw=True)

    def _draw(self) -> dict[str, str]:
        """Return the bar as a text by its media type."""
        with self.console.capture() as caught:
            self.console.print(self.bar)
        return {"text/plain": caught.get().rstrip()}


class Lines(Bar):
    """Plain lines: from _QUIET_SECONDS on at intervals, and at the end of each stage."""

    def __enter__(self) -> Lines:
        """Note the time at which the sweep begins."""
        self.begin = self.printed = time.monotonic()
        self.wait, self.stage, self.runs = _QUIET_SECONDS, "", ""
        return self

    def __exit__(self, *exception: object) -> None:
        """Print the end of the last stage, unless the sweep was interrupted."""
        if exception[0] is None:
            self._print_end()

    def __call__(self, status: Status) -> None:
        """Print a line about the status if it is time for one."""
        if status.stage != self.stage:
            self._print_end()
            self.stage = status.stage
        super().__call__(status)
        text, speed = self.task.description, self.task.fields["speed"]
        self.runs = text if "runs" in text else ""
        if time.monotonic() - self.printed >= self.wait and not self.task.finished:
            self._print(f"{text}, {speed}" if speed else text)

    def _print_end(self) -> None:
        """Print the end of a stage, unless the sweep is short."""
        spent = time.monotonic() - self.begin
        if self.runs and spent >= _QUIET_SECONDS:
            self._print(f"{self.runs}, after {format_duration(spent)}")
        self.runs = ""

    def _print(self, text: str) -> None:
        """Print a line, and set the time until the next one by the time that has passed."""
        from optbench.cli.console import errors

        self.printed = time.monotonic()
        self.wait = min(max(_LINE_SHARE * (self.printed - self.begin), _LINE_SECONDS[0]), _LINE_SECONDS[1])
        errors.print(text, markup=False, soft_wrap=True)


def _describe_speed(task: Task, runs: int, status: Status) -> str:
    """Return the runs per second of a stage and the time to the answer; "" while too little is known.

    runs: made so far in the stage. Stages that cannot be planned yet count as they are expected to be.
    """
    if not runs or not task.elapsed or not task.speed:
        return ""
    left = f"{format_duration(math.ceil(status.left / task.speed))} left"
    if status.until is not None:
        left = f"at most {format_duration(max(status.until - time.monotonic(), 0.0))} left"
    return f"{runs / task.elapsed:,.0f} runs/s, {left}"


def format_duration(seconds: float) -> str:
    """Return a duration in the unit that fits."""
    if seconds < 1:
        return "less than a second"
    if seconds < 100:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 48 * 3600 else f"{seconds / 86400:.0f} days"
