"""What `asv run` leaves in its folder of results, as plain records: one series for each benchmark and parameters.

The folder holds benchmarks.json (names, units, parameters) and, for each machine, one file a commit and environment.
"""

from __future__ import annotations

import json
import math
import re
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

from optbench.contract.errors import OptbenchError
from optbench.sweeps.store.files import read_bytes

_HASH = re.compile(r"[0-9a-f]{7,40}")
_VERSION_FILES = ("optbench/contract/version.py", "optbench/__init__.py")


@dataclass(frozen=True)
class Measured:
    """A median, and the interval that holds it with 99% by asv's account; infinite ends where there is none."""

    value: float
    low: float = -math.inf
    high: float = math.inf

    @property
    def bounded(self) -> bool:
        """Whether there is an interval."""
        return math.isfinite(self.low) and math.isfinite(self.high)


@dataclass
class Series:
    """One benchmark with one set of parameters, over the commits."""

    file: str
    group: str
    measure: str
    parameters: str
    parameter_names: str
    unit: str
    more_is_better: bool
    values: dict[str, Measured] = field(default_factory=dict)
    """By commit; what a commit does not have, is missing."""
    failed: set[str] = field(default_factory=set)
    """Commits on which the benchmark ended with an error."""

    @property
    def exact(self) -> bool:
        """Whether it is a size, which asv gives no interval and which hardly varies."""
        return self.unit in ("bytes", "MiB")


@dataclass
class History:
    """What one machine and environment has measured: commits from the oldest on."""

    machine: str
    environment: str
    facts: str
    commits: list[str]
    labels: dict[str, str]
    """A commit's version, or "" where nobody knows."""
    series: list[Series]
    other: int = 0
    """Results of another version of their benchmark, which are left out."""


def read(folder: Path) -> list[History]:
    """All histories below `folder`, one for each machine and environment. Raises OptbenchError."""
    if not folder.is_dir():
        raise OptbenchError(f"no folder {str(folder)!r}: --asv takes the results of `asv run`, reports/asv/results")
    if not (folder / "benchmarks.json").is_file():
        raise OptbenchError(f"{str(folder)!r} holds no benchmarks.json: it is no folder of asv's results")
    benchmarks = {name: text for name, text in _load(folder / "benchmarks.json").items() if isinstance(text, dict)}
    files = defaultdict(list)
    for path in sorted(folder.glob("*/*.json")):
        if path.name != "machine.json":
            content = _load(path)
            commit, columns, results = (content.get(key) for key in ("commit_hash", "result_columns", "results"))
            whole = isinstance(columns, list) and all(isinstance(column, str) for column in columns)
            if not (whole and isinstance(results, dict) and isinstance(commit, str) and _HASH.fullmatch(commit)):
                raise OptbenchError(f"{str(path)!r} is no result of asv in its format 2: it lacks commit and results")
            files[path.parent.name, str(content.get("env_name", ""))].append((path, content))
    if not files:
        raise OptbenchError(f"{str(folder)!r} holds no results yet: `asv run` records some")
    return [_history(folder, machine, env, found, benchmarks) for (machine, env), found in sorted(files.items())]


def _load(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(read_bytes(path))
    except OSError as error:
        raise OptbenchError(f"cannot read {str(path)!r}: {error.strerror}") from None
    except (ValueError, RecursionError) as error:  # no JSON, or no UTF-8
        raise OptbenchError(f"{str(path)!r} is damaged: {error}") from None
    if not isinstance(content, dict):
        raise OptbenchError(f"{str(path)!r} is no file of asv: it holds no object")
    return content


def _history(folder: Path, machine: str, environment: str, files: list, benchmarks: dict) -> History:
    files = sorted(files, key=lambda pair: (_number(pair[1].get("date")), pair[1]["commit_hash"]))
    commits = list(dict.fromkeys(content["commit_hash"] for _, content in files))
    facts = files[-1][1].get("params")
    facts = facts if isinstance(facts, dict) else {}
    told = ", ".join(str(facts[key]) for key in ("cpu", "ram", "os") if facts.get(key))
    series: dict[tuple[str, str], Series] = {}
    other = 0
    for path, content in files:
        for name, row in content["results"].items():
            known = benchmarks.get(name)
            if not isinstance(row, list) or known is None:
                continue  # a benchmark that is no more
            cells = dict(zip(content["result_columns"], row, strict=False))
            if cells.get("version") != known.get("version"):
                other += 1
                continue
            try:
                measured = list(_measured(cells))
            except (TypeError, ValueError, IndexError):
                raise OptbenchError(
                    f"{str(path)!r} is damaged: the results of {name} are not in asv's format"
                ) from None
            for parameters, value in measured:
                one = series.setdefault((name, parameters), _series(name, parameters, known))
                if value is None:
                    one.failed.add(content["commit_hash"])
                else:
                    one.values[content["commit_hash"]] = value
    labels = {commit: _version(folder, commit) for commit in commits}
    ordered = [series[key] for key in sorted(series)]
    return History(machine, environment, told, commits, labels, ordered, other)


def _series(name: str, parameters: str, known: dict[str, Any]) -> Series:
    file, group, measure = (["", "", *name.split(".")])[-3:]
    names = ", ".join(map(str, known.get("param_names") or ()))
    return Series(
        file, group, measure, parameters, names, str(known.get("unit", "")), bool(known.get("more_is_better"))
    )


def _measured(cells: dict[str, Any]) -> Iterator[tuple[str, Measured | None]]:
    """(parameters, value) of all that was tried: None, null in the file, is a failure; what does not exist is NaN."""
    axes = cells.get("params") or []
    results = cells.get("result") or [None] * math.prod(map(len, axes))
    for k, names in enumerate(product(*axes)):
        label = ", ".join(str(name).strip("'\"") for name in names)
        value = _number(results[k])
        if results[k] is None:
            yield label, None
        elif math.isfinite(value):
            low = _end(cells.get("stats_ci_99_a"), k, -math.inf)
            yield label, Measured(value, low, _end(cells.get("stats_ci_99_b"), k, math.inf))


def _end(column: list | None, k: int, empty: float) -> float:
    value = _number(column[k]) if column and k < len(column) else math.nan
    return empty if math.isnan(value) else value


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.nan


def _version(folder: Path, commit: str) -> str:
    """The package's version at a commit, by the repository that the folder is in; "" where it does not know."""
    for file in _VERSION_FILES:
        command = ["git", "-C", str(folder), "show", f"{commit}:{file}"]
        try:
            shown = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=10, check=False)
        except (OSError, subprocess.TimeoutExpired):
            return ""
        if found := re.search(r'^__version__ = "([^"]+)"', shown.stdout, re.MULTILINE):
            return found[1]
    return ""
