"""optbench beside PyTorch, JAX, pandas and SciPy, on the same work, in one process on one core.

    pip install -e '.[peers]'
    python benchmarks/peers.py                                   # all cases, some minutes
    python benchmarks/peers.py --only 'mlp*/float64/64' --json peers.json   # a pattern, or a part of the name
    python benchmarks/peers.py --quick                           # shorter and noisier, without the largest case
    python benchmarks/peers.py --jobs --json reports/peers.json  # whole sweeps instead, beside the rows of the file

The sides of a case take turns (A B C, A B C, ...) so that a slow moment of the machine hits all of them; the ratio
printed is the median of the ratios of the turns, in CPU time. Each side is first checked against a NumPy reference.
What is timed: everything from the start weights to the final ones, the gather of the mini-batches included; not
timed: compiling, and loading the data. All sides see optbench's own mini-batches: it draws them in every call, the
others are given them. What optbench's call costs however few steps it makes is taken off (sides/optbench_side.py), and
stands in the JSON. See sides/cases.py for the cases and goals.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import math
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

THREAD_LIMITS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


def pin() -> int | None:
    """Keep this process to one core and every library to one thread; before any of them is imported.

    Returns the core, or None if the system cannot pin (macOS, Windows) or does not let us.
    """
    os.environ.update(dict.fromkeys(THREAD_LIMITS, "1"))
    flags = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {flags}".strip()
    os.environ["JAX_PLATFORMS"] = "cpu"
    allowed, choose = getattr(os, "sched_getaffinity", None), getattr(os, "sched_setaffinity", None)
    if allowed is None or choose is None:
        return None
    try:
        core = max(allowed(0))
        choose(0, {core})
    except OSError:
        return None
    return core


def best_clock() -> Callable[[], float]:
    """The CPU time of this process where it is fine enough: what other programs do on the core is then not counted.

    Nothing here waits for anything, and one core does all the work: on an idle machine both clocks agree.
    """
    return time.process_time if time.get_clock_info("process_time").resolution < 1e-6 else time.perf_counter


def measure(sides: list[Any], items: int, repeats: int, seconds: float) -> tuple[list[list[float]], list[list[float]]]:
    """Nanoseconds of every side at every repeat, in turns; one measurement lasts ``seconds``.

    The first list has them per item and step; the second has those of the short call that a side may have, which
    are taken off in the first, with its steps.
    """
    clock = best_clock()

    def spent(call: Callable[[], Any], count: int) -> float:
        began = clock()
        for _ in range(count):
            call()
        return (clock() - began) * 1e9 / count

    def many(call: Callable[[], Any]) -> int:
        return math.ceil(seconds * 1e9 / max(spent(call, 1), 1))

    counts = [(many(side.timed[0]), many(side.short) if side.short else 0) for side in sides]
    times: list[list[float]] = [[] for _ in sides]
    shorts: list[list[float]] = [[] for _ in sides]
    for _ in range(repeats):
        for side, (long, short), time_of, short_of in zip(sides, counts, times, shorts, strict=True):
            call, steps = side.timed
            whole, less = spent(call, long), 0.0
            if side.short:
                less = spent(side.short, short)
                short_of.append(less)
            time_of.append((whole - less) / ((steps - side.short_steps) * items))
    return times, shorts


def all_sides(case: Any) -> list[Any]:
    """optbench's side first, then every peer that does this case."""
    from benchmarks.sides import jax_side, numpy_side, optbench_side, torch_side

    sides = [optbench_side.optbench_side(case)]
    sides += jax_side.sides(case) + torch_side.sides(case)
    if case.kind == "update":
        sides.append(numpy_side.copy_side(case))
    if case.kind == "ewa":
        sides.append(numpy_side.pandas_side(case))
        if case.optimizer == "plain":
            sides.append(numpy_side.lfilter_side(case))
    return sides


def check(case: Any, sides: list[Any]) -> dict[str, float]:
    """Each side's error after its first call, by peer. References of the same length are computed once."""
    from benchmarks.sides.numpy_side import error, reference

    expected: dict[int, Any] = {}
    errors = {}
    for side in sides:
        result = side.run()
        if side.weights is None:
            continue
        if side.steps not in expected:
            expected[side.steps] = reference(case, side.steps)
        errors[side.peer] = error(case, side.weights(result), expected[side.steps])
    return errors


def rows_of(case: Any, repeats: int, seconds: float) -> list[dict[str, Any]]:
    """Check and time one case: one row for each peer."""
    from benchmarks.sides.cases import TOLERANCE, goal

    sides = all_sides(case)
    errors = check(case, sides)
    (ours, *times), (short, *_) = measure(sides, case.items, repeats, seconds)
    rows = []
    for side, theirs in zip(sides[1:], times, strict=True):
        ratio = statistics.median(a / b for a, b in zip(ours, theirs, strict=True))
        limit = goal(case, side.peer)
        wrong = [p for p in ("optbench", side.peer) if not errors.get(p, 0.0) <= TOLERANCE[case.dtype]]
        rows.append({
            "case": case.name, "dtype": case.dtype, "lanes": case.lanes, "per": case.per, "peer": side.peer,
            "variant": side.note, "optbench_ns": statistics.median(ours),
            "optbench_short_call_ns": statistics.median(short) if short else None,
            "peer_ns": statistics.median(theirs), "ratio": ratio, "goal": limit,
            "met": None if limit is None else ratio <= limit,
            "optbench_error": errors["optbench"], "peer_error": errors.get(side.peer), "wrong": wrong,
            "optbench_ns_all": ours, "peer_ns_all": theirs,
        })  # fmt: skip
    return rows


COLUMNS = (("case", 18), ("dtype", 8), ("lanes", 5), ("per", 9), ("peer", 15), ("optbench ns", 12), ("peer ns", 12),
           ("ratio", 8), ("goal", 6), ("met", 4), ("error", 8), ("variant", 0))  # fmt: skip
NUMERIC = {"lanes", "optbench ns", "peer ns", "ratio", "goal", "error"}


def line(cells: list[str]) -> str:
    aligned = (c.rjust(w) if name in NUMERIC else c.ljust(w) for c, (name, w) in zip(cells, COLUMNS, strict=True))
    return "  ".join(aligned).rstrip()


def number(value: float | None, form: str = "") -> str:
    """ "-" for None; without a format three digits, or all of those before the point."""
    if value is None:
        return "-"
    return format(value, form or (",.0f" if value >= 100 else "#.3g"))


def show(row: dict[str, Any]) -> str:
    """One line of the table; ``error`` is the larger of both sides' errors."""
    known = [e for e in (row["optbench_error"], row["peer_error"]) if e is not None]
    met = {None: "-", True: "yes", False: "NO"}[row["met"]]
    variant = row["variant"] + (f"  WRONG RESULT: {', '.join(row['wrong'])}" if row["wrong"] else "")
    return line([
        row["case"], row["dtype"], str(row["lanes"]), row["per"], row["peer"], number(row["optbench_ns"]),
        number(row["peer_ns"]), number(row["ratio"], ".4f"), number(row["goal"], "g"), met,
        number(max(known, default=None), ".0e"), variant,
    ])  # fmt: skip


def environment(core: int | None, repeats: int, seconds: float) -> dict[str, Any]:
    from importlib.metadata import PackageNotFoundError, version

    import optbench

    versions = {"optbench": optbench.__version__}
    for name in ("numpy", "numba", "scipy", "pandas", "torch", "jax", "jaxlib"):
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        models = [text for text in info.read_text().splitlines() if text.startswith("model name")]
        cpu = models[0].split(":", 1)[1].strip() if models else cpu
    return {"python": platform.python_version(), "system": platform.platform(), "cpu": cpu, "core": core,
            "repeats": repeats, "seconds_per_measurement": seconds, "versions": versions}  # fmt: skip


def write(path: Path, content: dict[str, Any]) -> None:
    """Write what was measured; what the file has of the other kind of measurement, whole jobs or cases, stays."""
    known = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps(known | content, indent=1) + "\n")


def whole_jobs(path: Path | None, warm: int, only: str = "*") -> int:
    """Measure the whole jobs, those whose JOB/CORES fits, each side so often with a warm start, and show them."""
    from benchmarks.jobs import measure

    print(measure.line([name for name, _ in measure.COLUMNS]))
    rows = []
    for row in measure.rows(warm=warm, only=only):
        rows.append(row)
        print(measure.show(row), flush=True)
    if path:
        around = environment(None, warm, 0.0)
        write(path, {"jobs": {"environment": around, "rows": rows}})
    return 1 if any(row["wrong"] for row in rows) else 0


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="peers.py", description="optbench beside PyTorch, JAX, pandas and SciPy.")
    parser.add_argument("--only", metavar="PATTERN", default="*", help="of cases NAME/DTYPE/LANES: 'mlp*/64', 'ewa'")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write every measurement and the versions to FILE")
    parser.add_argument("--quick", action="store_true", help="shorter, 3 repeats, and without the 2e7 parameters")
    parser.add_argument("--jobs", action="store_true", help="whole sweeps instead: benchmarks/jobs")
    options = parser.parse_args(arguments)
    if options.json and not options.json.resolve().parent.is_dir():
        parser.error(f"--json: there is no folder {options.json.resolve().parent}")
    missing = [name for name in ("torch", "jax", "pandas", "scipy") if importlib.util.find_spec(name) is None]
    if missing:
        print(f"peers.py: needs {', '.join(missing)}: pip install -e '.[peers]'", file=sys.stderr)
        return 2
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    if options.jobs:
        return whole_jobs(options.json, 1 if options.quick else 2, options.only)
    core = pin()
    import torch

    from benchmarks.sides.cases import cases

    torch.set_num_threads(1)
    known = dict(cases(options.quick))
    chosen = [build for name, build in known.items() if fnmatch(name, options.only) or options.only in name]
    if not chosen:
        print(f"peers.py: no case matches {options.only!r}; there are: {' '.join(known)}", file=sys.stderr)
        return 2
    repeats, seconds = (3, 0.01) if options.quick else (7, 0.05)
    print(f"pinned to core {core}" if core is not None else "not pinned: this system cannot", flush=True)
    print(line([name for name, _ in COLUMNS]))
    rows = []
    for build in chosen:
        for row in rows_of(build(), repeats, seconds):
            rows.append(row)
            print(show(row), flush=True)
    judged = [row["met"] for row in rows if row["met"] is not None]
    wrong = sum(bool(row["wrong"]) for row in rows)
    print(f"{sum(judged)} of {len(judged)} goals met; {wrong} wrong results" if judged else f"{wrong} wrong results")
    if options.json:
        write(options.json, {"environment": environment(core, repeats, seconds), "rows": rows})
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
