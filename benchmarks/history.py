"""The performance history on one page: what ``asv run`` has recorded, version by version, by class of benchmarks.

    python benchmarks/history.py                                     # reports/asv/results -> reports/asv/history.html
    python benchmarks/history.py RESULTS --out PAGE.html
    python benchmarks/history.py --fail-above 20%                    # exit code 1 where one is that much slower

A change counts as worse or better when it exceeds a tenth and the two 99% intervals, as asv computes them, do not
overlap. Sizes have no noise: there the ratio alone decides. What has changed is open on the page, and all else folds to
a line a benchmark. Regressions are also printed. The page ends with the comparison with other libraries, where
``peers.json`` lies two folders above the results. With --fail-above the exit code is 1 where a regression from the
version before exceeds that share, and 2 where there are no results.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import subprocess
import sys
from dataclasses import dataclass
from itertools import groupby, pairwise, product
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
THRESHOLD = 0.10  # asv's own threshold in `asv continuous`
UNITS = {
    "seconds": ((1, "s"), (1e-3, "ms"), (1e-6, "\u00b5s"), (1e-9, "ns")),
    "bytes": ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1, "B")),
}
MARKS = {"worse": "\u25b2 ", "better": "\u25bc ", "unclear": "~ ", "same": ""}


@dataclass(frozen=True)
class Measured:
    """A median with its 99% interval; infinite ends where asv computed none."""

    value: float
    low: float = -math.inf
    high: float = math.inf


@dataclass(frozen=True)
class Change:
    """The cost of one version relative to an earlier one: above 1 is worse."""

    ratio: float
    verdict: str
    """worse, better, unclear (more than the threshold, within the noise) or same."""

    @property
    def text(self) -> str:
        """The change as a percentage, or as a factor from a doubling on."""
        if self.ratio >= 2:
            text = f"\u00d7 {self.ratio:.3g}"
        elif self.ratio <= 0.5:
            text = f"\u00f7 {1 / self.ratio:.3g}"
        else:
            text = f"{self.ratio - 1:+.0%}".replace("-", "\u2212")
        return MARKS[self.verdict] + text


@dataclass
class Series:
    """One benchmark with one set of parameters, over the commits that have a value."""

    benchmark: str
    parameters: str
    unit: str
    more_is_better: bool
    values: dict[str, Measured | None]
    """By commit; None if the benchmark failed."""

    @property
    def name(self) -> str:
        """The benchmark with its parameters."""
        return f"{self.benchmark} ({self.parameters})".removesuffix(" ()")

    def change(self, new: Measured, old: Measured) -> Change | None:
        """Compare two values; None if a ratio makes no sense."""
        cost, before = (old.value, new.value) if self.more_is_better else (new.value, old.value)
        if not (cost > 0 and before > 0):
            return None
        ratio = cost / before
        if 1 / (1 + THRESHOLD) <= ratio <= 1 + THRESHOLD:
            return Change(ratio, "same")
        if self.unit not in ("bytes", "MiB") and new.low <= old.high and old.low <= new.high:
            return Change(ratio, "unclear")
        return Change(ratio, "worse" if ratio > 1 else "better")


@dataclass(frozen=True)
class Step:
    """The last value of a series beside an earlier one, in words."""

    change: Change
    before: str
    since: str
    """The version of the earlier value."""
    now: str


@dataclass(frozen=True)
class Row:
    """A series as the page shows it."""

    series: Series
    cells: list[tuple[str, Change | None]]
    """By version, the value and the change from the one before."""
    line: list[float | None]
    """By version, the value over the first one."""
    step: Step | None
    """From the version before to the last one, where both have a value."""
    best: Step | None
    """From the best of all earlier versions."""

    @property
    def changed(self) -> str:
        """worse or better, in the last version; "" if neither."""
        return self.step.change.verdict if self.step and self.step.change.verdict in ("worse", "better") else ""

    @property
    def drawing(self) -> str:
        """The line, with a mark at its end where that has changed."""
        return sparkline([self.line], self.changed)


def read(folder: Path) -> dict[tuple[str, str], dict[str, Any]]:
    """Read asv's results: by machine and environment, the latest first, commits from the oldest on, and series."""
    if not (folder / "benchmarks.json").is_file():
        print(f"history.py: {folder} holds no benchmarks.json: it is not a folder of asv's results", file=sys.stderr)
        raise SystemExit(2)
    known = json.loads((folder / "benchmarks.json").read_text())
    files = [json.loads(path.read_text()) for path in folder.glob("*/*.json") if path.name != "machine.json"]
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for content in sorted(files, key=lambda each: each["date"]):
        facts = content.get("params", {})
        key = (facts.get("machine", ""), content["env_name"])
        history = found.setdefault(key, {"commits": [], "series": {}, "other": 0})
        history["facts"] = ", ".join(str(facts[name]) for name in ("cpu", "ram", "os") if facts.get(name))
        history["commits"].append(content["commit_hash"])
        history["date"] = content["date"]
        for name, row in content["results"].items():
            cells = dict(zip(content["result_columns"], row, strict=False))
            if name not in known:
                continue  # the benchmark no longer exists
            if cells.get("version") != known[name].get("version"):
                history["other"] += 1
                continue
            for parameters, value in measured(cells):
                new = Series(".".join(name.split(".")[-2:]), parameters, known[name].get("unit", ""),
                             bool(known[name].get("more_is_better")), {})  # fmt: skip
                history["series"].setdefault((name, parameters), new).values[content["commit_hash"]] = value
    if not found:
        print(f"history.py: {folder} holds no results, only the list of benchmarks", file=sys.stderr)
        raise SystemExit(2)
    return dict(sorted(found.items(), key=lambda item: -item[1]["date"]))


def measured(cells: dict[str, Any]) -> list[tuple[str, Measured | None]]:
    """List (parameters, value) of all that ran: null in the file is a failure, NaN does not exist in that version."""
    axes = cells.get("params") or []
    results = cells.get("result") or [None] * math.prod(map(len, axes))
    lows, highs = cells.get("stats_ci_99_a") or [], cells.get("stats_ci_99_b") or []
    found: list[tuple[str, Measured | None]] = []
    for k, names in enumerate(product(*axes)):
        label = ", ".join(str(name).strip("'\"") for name in names)
        if results[k] is None:
            found.append((label, None))
        elif math.isfinite(results[k]):
            has_interval = k < len(lows) and lows[k] is not None and math.isfinite(lows[k])
            found.append((label, Measured(results[k], *((lows[k], highs[k]) if has_interval else ()))))
    return found


def version(folder: Path, commit: str) -> str:
    """Return the package's version at a commit, from the repository that the folder is in, or else the short hash."""
    for file in ("optbench/contract/version.py", "optbench/__init__.py"):
        command = ["git", "-C", str(folder), "show", f"{commit}:{file}"]
        shown = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=10, check=False)
        if found := re.search(r'^__version__ = "([^"]+)"', shown.stdout, re.MULTILINE):
            return found[1]
    return commit[:8]


def compared(folder: Path, history: dict[str, Any]) -> dict[str, Any]:
    """Compare each value with the one before it and the last with the best: what the page shows of a machine."""
    commits, rows, failed = history["commits"], [], []
    names = {commit: version(folder, commit) for commit in commits}
    for _, series in sorted(history["series"].items()):
        values = {commit: value for commit in commits if (value := series.values.get(commit)) is not None}
        if series.values.get(commits[-1], 0) is None:
            failed.append(series.name)
        if not values:
            continue
        *earlier, last = values
        texts = {commit: quantity(value, series.unit) for commit, value in values.items()}
        steps = {new: series.change(values[new], values[old]) for old, new in pairwise(values)}
        best = (max if series.more_is_better else min)(earlier, key=lambda c: values[c].value) if earlier else last
        pair = [
            Step(change, texts[old], names[old], texts[last])
            if old != last == commits[-1] and (change := series.change(values[last], values[old])) else None
            for old in (earlier[-1] if earlier else last, best)
        ]  # fmt: skip
        first = next(iter(values.values())).value
        line = [values[c].value / first if c in values and first > 0 else None for c in commits]
        rows.append(Row(series, [(texts.get(c, ""), steps.get(c)) for c in commits], line, *pair))
    worse = sorted((row for row in rows if row.changed == "worse"), key=lambda row: -row.step.change.ratio)
    behind = [row for row in rows if row.best and row.best.change.verdict == "worse" and row.changed != "worse"]
    return history | {
        "names": [names[commit] for commit in commits], "failed": failed, "classes": grouped(rows),
        "count": sum(commits[-1] in row.series.values for row in rows), "regressions": worse,
        "improvements": [row for row in rows if row.changed == "better"],
        "behind": sorted(behind, key=lambda row: -row.best.change.ratio),
    }  # fmt: skip


def grouped(rows: list[Row]) -> list[dict[str, Any]]:
    """Return the classes of benchmarks, those with the largest changes first, each with its benchmarks and changes."""
    classes = []
    for name, part in groupby(rows, key=lambda row: row.series.benchmark.split(".")[0]):
        part = list(part)
        changes = sorted((row for row in part if row.changed), key=lambda row: -row.step.change.ratio)
        benchmarks = []
        for benchmark, some in groupby(part, key=lambda row: row.series.benchmark):
            some = list(some)
            still = sum(not row.changed for row in some)
            drawing = sparkline([row.line for row in some])
            benchmarks.append({"name": benchmark.split(".")[-1], "rows": some, "still": still, "drawing": drawing})
        classes.append({"name": name, "changes": changes, "benchmarks": benchmarks})
    # Worse ones first, then better ones, then the rest
    return sorted(classes, key=lambda each: -max((row.step.change.ratio for row in each["changes"]), default=0))


def quantity(measured: Measured, unit: str) -> str:
    """Write a value with three digits and a unit of a handy size."""
    for size, name in UNITS.get(unit, ()):
        if abs(measured.value) >= size:
            return f"{digits(measured.value / size)} {name}"
    return f"{digits(measured.value)} {unit}".strip()


def digits(value: float) -> str:
    """Write three significant digits, or all of a number from a thousand on."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def sparkline(lines: list[list[float | None]], mark: str = "") -> str:
    """Draw lines of 84 by 22 pixels on a log axis that spans a factor of two at least; None is a gap.

    mark: worse or better, the color of a dot at the end; "" for none.
    """
    logs = [{i: math.log2(value) for i, value in enumerate(line) if value} for line in lines]
    logs = [line for line in logs if len(line) > 1]
    if not logs:
        return ""
    ends = [y for line in logs for y in line.values()]
    middle, span = (max(ends) + min(ends)) / 2, max(max(ends) - min(ends), 1.0)
    drawn = [[(3 + 78 * i / (len(lines[0]) - 1), 11 - 16 * (y - middle) / span) for i, y in line.items()]
             for line in logs]  # fmt: skip
    parts = [f'<polyline points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in line)}"/>' for line in drawn]
    dot = f'<circle class="{mark}" cx="{drawn[0][-1][0]:.1f}" cy="{drawn[0][-1][1]:.1f}" r="2.6"/>' if mark else ""
    kind = "spark" if len(parts) == 1 else "spark many"
    return f'<svg class="{kind}" width="84" height="22" aria-hidden="true">{"".join(parts)}{dot}</svg>'


def headline(history: dict[str, Any]) -> str:
    """Return what has become of the last version of a machine, in a line."""
    names, worse, better = history["names"], len(history["regressions"]), len(history["improvements"])
    if len(names) < 2:
        return f"{names[-1]}: {history['count']} measurements, and no version before"
    count = f"{worse or 'none'} of {history['count']} benchmarks worse, {better or 'none'} better"
    return f"{names[-1]} against {names[-2]}: {count}"


def peers(path: Path) -> dict[str, list[tuple[str, ...]]]:
    """Read the rows of ``benchmarks/peers.py``: by unit of work, each with both times and their ratio."""
    content = json.loads(path.read_text()) if path.is_file() else {"rows": []}
    tables: dict[str, list[tuple[str, ...]]] = {}
    for row in content["rows"]:
        times = digits(row["optbench_ns"]), digits(row["peer_ns"]), f"{row['ratio']:.2g}"
        tables.setdefault(f"ns per {row['per']}", []).append(
            (row["case"], f"{row['dtype']}, {row['lanes']} lanes", f"{row['peer']} ({row['variant']})", *times)
        )
    for row in content.get("jobs", {}).get("rows", []):
        times = digits(row["optbench_seconds"]), digits(row["peer_seconds"]), f"{row['ratio']:.2g}"
        tables.setdefault("seconds per job", []).append(
            (row["job"], f"{row['start']}, {row['cores']} cores", f"{row['peer']} ({row['variant']})", *times)
        )
    return tables


def main() -> None:
    """Write the page, and print its regressions."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", nargs="?", type=Path, default=ROOT / "reports" / "asv" / "results")
    parser.add_argument(
        "--fail-above", metavar="SHARE", type=share, help="exit with 1 above this, at least 10%%: 20%% or 0.2"
    )
    parser.add_argument("--out", metavar="PAGE", type=Path, help="by default history.html beside the results")
    given = parser.parse_args()
    folder = given.results.absolute()
    histories = {key: compared(folder, history) for key, history in read(folder).items()}
    folders = Path(__file__).parent, ROOT / "optbench" / "report" / "templates"  # its style sheet and scripts
    environment = Environment(
        loader=FileSystemLoader(folders), autoescape=True, trim_blocks=True, lstrip_blocks=True,
        undefined=StrictUndefined,
    )  # fmt: skip
    page = given.out or folder.parent / "history.html"
    text = environment.get_template("history.html").render(
        histories=[(*key, headline(history), history) for key, history in histories.items()],
        peers=peers(folder.parents[1] / "peers.json"), percent=f"{THRESHOLD:.0%}",
    )  # fmt: skip
    page.write_text(text, encoding="utf-8")
    for (machine, _), history in histories.items():
        if len(history["names"]) > 1:
            count = f"{len(history['regressions'])} of {history['count']} benchmarks over {THRESHOLD:.0%} worse"
            print(f"{machine}: {count} in {history['names'][-1]} than in {history['names'][-2]}")
        for row in history["regressions"]:
            step = row.step
            print(f"{row.series.name}: {step.now}, {step.change.text} against {step.before} in {step.since}")
    print(f"performance history: {page}")
    if given.fail_above is not None:
        worse = [each for history in histories.values() for each in history["regressions"]]
        failed = sum(row.step.change.ratio > 1 + given.fail_above for row in worse)
        print(f"slower by more than {given.fail_above:.4g}, beyond the noise: {failed} benchmarks")
        if failed:
            raise SystemExit(1)


def share(text: str) -> float:
    """Return the share of a text such as "20%" or "0.2"; raise ValueError below the threshold of a regression."""
    value = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    if not THRESHOLD <= value < math.inf:
        raise ValueError(text)
    return value


if __name__ == "__main__":
    main()
