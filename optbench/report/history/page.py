"""The page of the performance history: asv's results over the versions, regressions first, and the peers' table."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from optbench.contract.errors import OptbenchError
from optbench.report.filling import fill, write_file
from optbench.report.history.changes import THRESHOLD, Change, Course, course
from optbench.report.history.files import History, read
from optbench.report.history.peers import peers_beside
from optbench.report.history.quantities import quantity
from optbench.report.history.sparklines import sparkline

_MARKS = {"worse": "\u25b2", "better": "\u25bc", "unclear": "~", "same": ""}


def write_history(
    results: str | os.PathLike[str],
    page: str | os.PathLike[str] | None = None,
    tell: Callable[[str], None] = lambda line: None,
) -> Path:
    """Write the performance history as one page that needs nothing beside it.

    Args:
        results: the folder of asv's results. peers.json two folders above it, if there is one, is shown, too.
        page: the file; by default history.html beside the folder.
        tell: hears how many regressions the newest version has, and of every one, the worst first.

    Returns:
        The page's path.

    Raises:
        OptbenchError: for files that are missing, damaged, or not asv's.
    """
    folder = Path(results)
    target = folder.absolute().parent / "history.html" if page is None else Path(page)
    machines = [_machine(history) for history in read(folder)]
    text = _render(machines, peers_beside(folder.absolute().parent.parent / "peers.json"))
    try:
        write_file(target, text)
    except OSError as error:
        raise OptbenchError(f"cannot write the page {str(target)!r}: {error.strerror}") from None
    for machine in machines:
        if machine["before"]:
            count = f"{len(machine['regressions'])} of {machine['count']} benchmarks over {THRESHOLD:.0%} worse"
            tell(f"{machine['name']}: {count} in {machine['newest']} than in {machine['before']}")
        for line in machine["regressions"]:
            what = f"{line['benchmark']} ({line['parameters']})".removesuffix(" ()")
            tell(f"{what}: {line['now']}, {line['change']} against {line['earlier']} in {line['since']}")
    return target


def _render(machines: Sequence[dict[str, Any]], peers: dict[str, Any] | None) -> str:
    return fill("history.html", histories=machines, peers=peers, percent=f"{THRESHOLD:.0%}")


def _machine(history: History) -> dict[str, Any]:
    courses = [one for series in history.series if (one := course(series, history.commits))]
    failed = [series for series in history.series if history.commits[-1] in series.failed]
    names = _names(history)
    newest = history.commits[-1]
    current = [one for one in courses if one.last == newest]
    slower = [one for one in current if (step := one.steps.get(newest)) and step.verdict == "worse"]
    quicker = [one for one in current if (step := one.steps.get(newest)) and step.verdict == "better"]
    behind = [one for one in current if one not in slower and one.against_best and one.against_best.verdict == "worse"]
    return {
        "name": history.machine,
        "environment": history.environment,
        "facts": history.facts,
        "newest": names[newest],
        "before": names[history.commits[-2]] if len(history.commits) > 1 else None,
        "heads": [{"commit": commit[:8], "name": names[commit]} for commit in history.commits],
        "other": history.other,
        "count": len(current),
        "failed": [f"{series.group}.{series.measure} ({series.parameters})".removesuffix(" ()") for series in failed],
        "regressions": [_line(one, names, one.steps[newest]) for one in _by_size(slower, newest)],
        "behind": [_line(one, names, one.against_best) for one in _by_size(behind, None)],
        "improvements": [_line(one, names, one.steps[newest]) for one in reversed(_by_size(quicker, newest))],
        "rows": [_row(one, history.commits) for one in courses],
    }


def _names(history: History) -> dict[str, str]:
    """Of each commit: its version, with the hash where others have the same version, or the hash alone."""
    versions = list(history.labels.values())
    return {
        commit: version if version and versions.count(version) == 1 else f"{version} {commit[:8]}".strip()
        for commit, version in history.labels.items()
    }


def _by_size(courses: list[Course], commit: str | None) -> list[Course]:
    """The worst first, by the step to a commit or, without one, by the distance to the best."""

    def ratio(one: Course) -> float:
        change = one.against_best if commit is None else one.steps[commit]
        return change.ratio if change else 1.0

    return sorted(courses, key=lambda one: -ratio(one))


def _line(one: Course, names: dict[str, str], change: Change | None) -> dict[str, str]:
    """A row of the lists above the table."""
    values = one.series.values
    earlier = one.best if change is one.against_best else one.before
    return {
        "benchmark": f"{one.series.group}.{one.series.measure}",
        "parameters": one.series.parameters,
        "earlier": quantity(values[earlier].value, one.series.unit),
        "since": names[earlier],
        "earlier_sort": repr(values[earlier].value),
        "now": quantity(values[one.last].value, one.series.unit),
        "now_sort": repr(values[one.last].value),
        "change": _times(change),
        "verdict": change.verdict if change else "",
        "sort": repr(change.ratio) if change else "",
    }


def _row(one: Course, commits: list[str]) -> dict[str, Any]:
    series = one.series
    values = [measured.value for measured in series.values.values()]
    return {
        "file": f"{series.file}.py",
        "benchmark": f"{series.group}.{series.measure}",
        "parameters": series.parameters,
        "parameter_names": series.parameter_names,
        "cells": [_cell(one, commit) for commit in commits],
        "best": _times(one.against_best) if one.against_best else "",
        "best_verdict": one.against_best.verdict if one.against_best else "",
        "best_sort": repr(one.against_best.ratio) if one.against_best else "",
        "spark": sparkline([series.values[commit].value if commit in series.values else None for commit in commits]),
        "span": repr(max(values) / min(values)) if min(values) > 0 else "",
    }


def _cell(one: Course, commit: str) -> dict[str, str]:
    measured, change = one.series.values.get(commit), one.steps.get(commit)
    if measured is None:
        failed = "failed" if commit in one.series.failed else ""
        return {"value": failed, "interval": "", "change": "", "verdict": "", "sort": ""}
    unit = one.series.unit
    interval = f"{quantity(measured.low, unit)} to {quantity(measured.high, unit)}" if measured.bounded else ""
    return {
        "value": quantity(measured.value, unit),
        "interval": interval,
        "change": _times(change),
        "verdict": change.verdict if change else "",
        "sort": repr(measured.value),
    }


def _times(change: Change | None) -> str:
    """+12%, -8%, or x 2.3 beyond a doubling; with a mark for what is more than noise."""
    if change is None:
        return ""
    mark = _MARKS[change.verdict]
    if change.ratio >= 2:
        text = f"\u00d7 {change.ratio:.3g}"
    elif change.ratio <= 0.5:
        text = f"\u00f7 {1 / change.ratio:.3g}"
    else:
        text = f"{change.ratio - 1:+.0%}".replace("-", "\u2212")
    return f"{mark} {text}".strip()
