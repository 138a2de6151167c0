"""A GPU's kernels beside what the card can do: its own copy, torch's Adam, and the CPU engine.

    python benchmarks/gpu.py                         # some minutes; the table, and reports/gpu.json
    python benchmarks/gpu.py --quick --out FILE.json # smaller and noisier

Kernels are timed on the card (CUDA events) and called several times in a row, so that a launch is prepared while the
one before runs. A share of the copy's bandwidth is the rule's median against the copy's best, where every array that
the rule must read or write counts once: a rule with sums reads some of them once more and cannot reach the goal.
Without a GPU it says what is missing and ends with 2; in numba's simulator it runs on tiny sizes and measures nothing.
"""

from __future__ import annotations

import argparse
import importlib.util
import itertools
import json
import math
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
GOAL = 0.85
"""Of the copy's bandwidth, for rules that pass over memory once."""
SIMULATED = "numba's simulator: no measurement"
LR, BETA, BATCH = 1e-3, 0.9, 32
SWEEPS = (("rosenbrock", "adam"), ("logistic", "momentum"))
ITEM = 4  # bytes of a float32


@dataclass(frozen=True)
class Sizes:
    """How much of everything."""

    parameters: int
    values: int
    """Of the series that are averaged."""
    series: int
    seeds: int
    lanes: int
    """Of one seed."""
    steps: int
    cpu_lanes: int
    """The part of one seed's lanes that the CPU runs, too."""
    repeats: int
    calls: int
    """Of a kernel in one measurement."""


FULL = Sizes(10**8, 10**8, 100_000, seeds=10, lanes=10_000, steps=1000, cpu_lanes=512, repeats=11, calls=10)
QUICK = Sizes(3 * 10**7, 3 * 10**7, 30_000, seeds=10, lanes=1000, steps=200, cpu_lanes=256, repeats=3, calls=5)
TINY = Sizes(8, 1100, 32, seeds=2, lanes=2, steps=2, cpu_lanes=1, repeats=1, calls=1)


def measure(call: Callable[[], Any], sizes: Sizes) -> list[float]:
    """Seconds of a call, one number a repetition; the first calls, which compile and load, are not timed."""
    from optbench.compiler.cuda import SIMULATED, cuda

    def many() -> None:
        for _ in range(sizes.calls):
            call()

    def by_clock() -> float:  # the simulator's events know no time
        begin = time.perf_counter()
        many()
        cuda.synchronize()
        return time.perf_counter() - begin

    def by_events() -> float:
        begin, end = cuda.event(timing=True), cuda.event(timing=True)
        begin.record()
        many()
        end.record()
        end.synchronize()
        return begin.elapsed_time(end) / 1e3

    many()
    cuda.synchronize()
    return [(by_clock if SIMULATED else by_events)() / sizes.calls for _ in range(sizes.repeats)]


def row(
    part: str, case: str, size: tuple, times=(), amount=0.0, unit="B/s", against=None, of="copy", goal=None, note=""
):
    """A line of the table: ``amount`` / the median time is the speed, and ``ratio`` is that over ``against``."""
    best, median = (min(times), statistics.median(times)) if times else (None, None)
    speed = amount / median if times else None
    ratio = speed / against if times and against else None
    met = None if goal is None or ratio is None else ratio >= goal
    return {
        "part": part, "case": case, "size": size, "best_seconds": best, "median_seconds": median, "speed": speed,
        "unit": unit, "ratio": ratio, "of": None if ratio is None else of, "goal": goal, "met": met, "note": note,
    }  # fmt: skip


def held(wanted: int, arrays: int) -> tuple[int, str]:
    """How many numbers in each of so many float32 arrays the card holds, and what is to be said about it."""
    from optbench.compiler import cuda

    if not cuda.SIMULATED:
        cuda.cuda.synchronize()
        cuda.cuda.current_context().memory_manager.deallocations.clear()  # of the case before
    count = min(wanted, int(0.9 * cuda.free_bytes()) // (ITEM * arrays))
    return count, "" if count == wanted else "fewer: the card's free memory holds no more"


def on_card(value: float, *shape: int):
    import numpy as np

    from optbench.compiler.cuda import cuda

    return cuda.to_device(np.full(shape, value, np.float32))


def copy_row(sizes: Sizes) -> dict[str, Any]:
    """The yardstick: one array to another by the driver's memcpy."""
    count, note = held(sizes.parameters, 2)
    x, y = on_card(1.0, count), on_card(0.0, count)
    times = measure(lambda: y.copy_to_device(x), sizes)
    return row("copy", "device to device", (count,), times, 2 * ITEM * count, note=note)


def update_rows(sizes: Sizes, copied: float) -> Iterator[dict[str, Any]]:
    """One step of every rule on one run of many parameters."""
    from optbench.catalogue import loader
    from optbench.compiler.cuda_updates import refuses

    catalogue = loader.load()
    for text in [*sorted(name for name, record in catalogue.optimizers.items() if not refuses(record)), "clip(adam)"]:
        record, given = catalogue.optimizer(text)
        yield update_row(text, record, record.with_values(given), sizes, copied)


def update_row(text: str, record: Any, values: dict, sizes: Sizes, copied: float) -> dict[str, Any]:
    from optbench.compiler.cuda import SIMULATED
    from optbench.engine.cuda.update import Update

    reads = 2 + len(record.own)
    count, note = held(sizes.parameters, reads)
    update, steps = Update(record, "rows", ((count,),), "float32", [values]), itertools.count(1)
    w, g = on_card(1.0, 1, count), on_card(0.1, 1, count)
    update.scalars[0] = on_card(LR, 1)
    times, sums = measure(lambda: update(w, g, next(steps)), sizes), len(update.code.shares)
    notes = [note, f"{1 + sums} passes, for its sums"] if sums else [note]
    amount, goal = ITEM * count * (2 * reads - 1), None if sums or SIMULATED else GOAL
    return row("update", text, (count,), times, amount, against=copied, goal=goal, note="; ".join(filter(None, notes)))


def torch_rows(sizes: Sizes, adam: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """torch.optim.Adam on as many parameters as our adam had."""
    from optbench.compiler.cuda import SIMULATED

    speed = 1 / adam["median_seconds"]
    for implementation in ("fused", "foreach"):
        times, note = ([], "not in the simulator") if SIMULATED else torch_times(implementation, *adam["size"], sizes)
        case = f"Adam({implementation}=True)"
        yield row("torch", case, adam["size"], times, 1.0, "steps/s", speed, "our adam", note=note)


def torch_times(implementation: str, count: int, sizes: Sizes) -> tuple[list[float], str]:
    if importlib.util.find_spec("torch") is None:
        return [], "torch with CUDA is not installed"
    import torch

    if not torch.cuda.is_available():
        return [], "torch with CUDA is not installed"
    held(count, 4)  # hands back what the case before had
    try:
        w = torch.nn.Parameter(torch.ones(count, device="cuda"))
        w.grad = torch.full_like(w, 0.1)
        return measure(torch.optim.Adam([w], LR, **{implementation: True}).step, sizes), f"torch {torch.__version__}"
    except torch.cuda.OutOfMemoryError:
        return [], "the card's memory does not hold it"
    finally:
        w = None
        torch.cuda.empty_cache()


def average_rows(sizes: Sizes, copied: float) -> Iterator[dict[str, Any]]:
    """Averages with bias correction: as ewa gives them, in an array of their own, and the kernels alone."""
    import numpy as np

    from optbench.averages import cuda as averages
    from optbench.compiler.cuda import SIMULATED

    count, note = held(sizes.values, 16)  # numba frees what was given back ten arrays later
    many = (sizes.series, count // sizes.series)
    for name, shape, kernels in (("many series", many, averages.many), ("one series", (1, count), averages.few)):
        x, out, n, size = on_card(1.0, *shape), on_card(0.0, *shape), shape[1], math.prod(shape)
        given = np.ones(shape, np.float32) if SIMULATED else x  # the simulator's arrays are not those of a device
        rest = x.ravel(), n, np.float64(BETA), math.log(BETA), out.ravel()
        calls = {
            name: lambda x=given: averages.averages(x, BETA, True),
            f"{name}, kernels": lambda k=kernels, r=rest: k(*r),
        }
        for case, call in calls.items():
            yield row("ewa", case, shape, measure(call, sizes), 2 * ITEM * size, against=copied, note=note)


def sweep_rows(sizes: Sizes) -> Iterator[dict[str, Any]]:
    """Run-steps of a sweep, with its evaluations, beside those of one core on a part of it. Compiling is not timed."""
    from optbench.catalogue import loader
    from optbench.compiler.cuda import SIMULATED
    from optbench.engine.cohort import run_cohort
    from optbench.engine.cuda.cohorts import run_cohorts
    from optbench.engine.lanes import Lane

    catalogue = loader.load()
    for (name, rule), dtype in itertools.product(SWEEPS, ("float32", "float64")):
        problem, (record, values) = catalogue.problem(name), catalogue.optimizer(rule)
        flat = catalogue.schedule("constant")
        lanes = [Lane(LR * 10 ** (-k / sizes.lanes), flat, values) for k in range(sizes.lanes)]
        members, few = [(seed, lanes) for seed in range(sizes.seeds)], lanes[:: len(lanes) // sizes.cpu_lanes]
        pair, budget = (problem, record), {"batch_size": BATCH, "steps": sizes.steps, "dtype": dtype}
        case, speed, note = f"{name} {rule} {dtype}", None, "the CPU engine does not run beside the simulator"
        if not SIMULATED:
            times = [run_cohort(*pair, few, seed=0, **budget).seconds for _ in range(sizes.repeats)]
            count = len(few) * sizes.steps
            beside = row("sweep", f"{case}, one core", (len(few), sizes.steps), times, count, "run-steps/s")
            speed, note = beside["speed"], ""
            yield beside
        times = [sum(part.seconds for part in run_cohorts(*pair, members, **budget)) for _ in range(sizes.repeats)]
        size = (len(lanes) * sizes.seeds, sizes.steps)
        yield row("sweep", case, size, times, math.prod(size), "run-steps/s", speed, "one core", note=note)


def all_rows(sizes: Sizes) -> Iterator[dict[str, Any]]:
    copy = copy_row(sizes)
    yield copy
    copied = copy["speed"] * copy["median_seconds"] / copy["best_seconds"]
    for found in update_rows(sizes, copied):
        yield found
        if found["case"] == "adam":
            adam = found
    yield from torch_rows(sizes, adam)
    yield from average_rows(sizes, copied)
    yield from sweep_rows(sizes)


HEAD = (
    f"{'part':6}  {'case':34}  {'size':>19}  {'best ms':>9}  {'median':>9}  {'speed':>22}    ratio of         goal  met"
)


def show(found: dict[str, Any]) -> str:
    """One line of the table."""
    size = " x ".join(f"{number:,}" for number in found["size"])
    cells = [f"{found['part']:6}", f"{found['case']:34}", f"{size:>19}"]
    cells += [
        "-".rjust(9) if s is None else f"{1e3 * s:9.3f}" for s in (found["best_seconds"], found["median_seconds"])
    ]
    cells.append(("-" if found["speed"] is None else f"{found['speed']:.3g} {found['unit']}").rjust(22))
    cells.append("-".rjust(7) + " " * 9 if found["ratio"] is None else f"{found['ratio']:7.3f} {found['of']:8}")
    cells.append(f"{found['goal'] or '-':>5}  {({None: '-', True: 'yes', False: 'NO'})[found['met']]:3}")
    return "  ".join([*cells, found["note"]]).rstrip()


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="gpu.py", description="A GPU's kernels beside what the card can do.")
    parser.add_argument("--quick", action="store_true", help="smaller sizes and fewer repetitions")
    parser.add_argument("--out", metavar="FILE", type=Path, help="JSON; by default reports/gpu.json")
    options = parser.parse_args(arguments)
    unsaid = options.out is None  # the simulator may not take the place of what a card measured
    options.out = options.out or ROOT / "reports" / "gpu.json"
    if not options.out.resolve().parent.is_dir():
        parser.error(f"--out: there is no folder {options.out.resolve().parent}")
    sys.path.insert(0, str(ROOT))
    from benchmarks.peers import THREAD_LIMITS

    os.environ.update(dict.fromkeys(THREAD_LIMITS, "1"))  # before NumPy loads: the CPU's part is one core's
    from optbench.compiler import cuda
    from optbench.sweeps.provenance import environment

    if missing := cuda.found().missing:
        print(f"gpu.py: {missing}", file=sys.stderr)
        return 2
    if cuda.SIMULATED and unsaid:
        parser.error("the simulator measures nothing: say with --out where its JSON shall go")
    sizes = TINY if cuda.SIMULATED else QUICK if options.quick else FULL
    command = " ".join(["python benchmarks/gpu.py", *(sys.argv[1:] if arguments is None else arguments)])
    content = environment(command, ("cuda", cuda.card_name())) | {"sizes": asdict(sizes), "rows": []}
    if cuda.SIMULATED:
        content = {"warning": SIMULATED} | content
        print(SIMULATED)
    print(f"{content['card']}, CUDA driver {content['cuda_driver']}, {content['cuda']}, optbench {content['optbench']}")
    print(HEAD)
    for found in all_rows(sizes):
        content["rows"].append(found)
        print(show(found), flush=True)
    options.out.write_text(json.dumps(content, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
