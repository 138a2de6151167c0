"""A GPU's kernels beside what the card can do: its own copy, and the CPU engine.

    python benchmarks/gpu.py                         # some minutes; the table, and reports/gpu.json
    python benchmarks/gpu.py --quick --out FILE.json # smaller and noisier

A repetition calls a kernel several times in a row, so that a launch is prepared while the one before runs. A speed is
that of the median; a share of the copy's bandwidth counts once what must be read or written. Without a GPU it says what
is missing and ends with 2; in numba's simulator it runs on tiny sizes and measures nothing.
"""

from __future__ import annotations

import argparse
import datetime
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
WARNING = "numba's simulator: no measurement"
HEAD = f"{'part':6}  {'case':34}  {'size':>19}  {'best ms':>9}  {'median':>9}  {'speed':>22}    ratio of"
LR, BETA, BATCH = 1e-3, 0.9, 32
SWEEPS = (("rosenbrock", "adam"), ("logistic", "momentum"))
ITEM = 4  # bytes of a float32


@dataclass(frozen=True)
class Sizes:
    """How much of everything."""

    values: int
    """Numbers of the copy, and of the series that are averaged."""
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


FULL = Sizes(10**8, 100_000, seeds=10, lanes=10_000, steps=1000, cpu_lanes=512, repeats=11, calls=10)
QUICK = Sizes(3 * 10**7, 30_000, seeds=10, lanes=1000, steps=200, cpu_lanes=256, repeats=3, calls=5)
TINY = Sizes(1100, 32, seeds=2, lanes=2, steps=2, cpu_lanes=1, repeats=1, calls=1)


def simulated() -> bool:
    import numba

    return bool(numba.config.ENABLE_CUDASIM)


def measure(call: Callable[[], Any], sizes: Sizes) -> list[float]:
    """Seconds of a call, one number a repetition; the first calls, which compile and load, are not timed."""
    from numba import cuda

    seconds = []
    for _ in range(sizes.repeats + 1):
        begin = time.perf_counter()
        for _ in range(sizes.calls):
            call()
        cuda.synchronize()
        seconds.append((time.perf_counter() - begin) / sizes.calls)
    return seconds[1:]


def row(part: str, case: str, size: tuple, times: list[float], amount: float, unit: str = "B/s", against=(None, None)):
    """A line of the table: ``amount`` / the median time is the speed, ``ratio`` that over ``against``'s."""
    beside, of = against
    speed = amount / statistics.median(times)
    return {
        "part": part, "case": case, "size": size, "best_seconds": min(times),
        "median_seconds": statistics.median(times), "speed": speed, "unit": unit,
        "ratio": speed / beside if beside else None, "of": of if beside else None,
    }  # fmt: skip


def on_card(value: float, *shape: int) -> Any:
    import numpy as np
    from numba import cuda

    return cuda.to_device(np.full(shape, value, np.float32))


def kernel_rows(sizes: Sizes) -> Iterator[dict[str, Any]]:
    """The yardstick, one array to another by the driver's memcpy; averages with bias correction, in a new array."""
    import numpy as np

    import optbench

    count = sizes.values
    x, y = on_card(1.0, count), on_card(0.0, count)
    copy = row("copy", "device to device", (count,), measure(lambda: y.copy_to_device(x), sizes), 2 * ITEM * count)
    yield copy
    best = copy["speed"] * copy["median_seconds"] / copy["best_seconds"]
    for case, shape in (("many series", (sizes.series, count // sizes.series)), ("one series", (1, count))):
        # The simulator's arrays are not those of a device.
        x = np.ones(shape, np.float32) if simulated() else on_card(1.0, *shape)
        times = measure(lambda x=x: optbench.ewa(x, BETA, bias_correction=True, device="cuda"), sizes)
        yield row("ewa", case, shape, times, 2 * ITEM * math.prod(shape), against=(best, "copy"))


def sweep_rows(sizes: Sizes) -> Iterator[dict[str, Any]]:
    """Run-steps of a sweep, with its evaluations, beside those of one core on a part of it. Compiling is not timed."""
    import optbench

    rates = [LR * 10 ** (-k / sizes.lanes) for k in range(sizes.lanes)]
    few = [{"lr": lr} for lr in rates[:: len(rates) // sizes.cpu_lanes]]
    for name, rule in SWEEPS:
        for dtype in ("float32", "float64"):
            case, speed = f"{name} {rule} {dtype}", None
            if not simulated():  # beside which the CPU engine does not run
                budget = {"batch_size": BATCH, "steps": sizes.steps, "dtype": dtype}
                times = [optbench.cohort(name, rule, few, **budget).seconds for _ in range(sizes.repeats)]
                size = len(few), sizes.steps
                beside = row("sweep", f"{case}, one core", size, times, math.prod(size), "run-steps/s")
                speed = beside["speed"]
                yield beside
            spec = {
                "problems": [name], "optimizers": [rule], "learning_rates": rates, "batch_sizes": [BATCH],
                "schedules": ["constant"], "seeds": sizes.seeds, "tuning_seeds": 0, "steps": sizes.steps,
                "dtypes": [dtype], "device": "cuda",
            }  # fmt: skip
            times = [float(optbench.sweep(spec, workers=1).timings["seconds"].sum()) for _ in range(sizes.repeats)]
            size = len(rates) * sizes.seeds, sizes.steps
            yield row("sweep", case, size, times, math.prod(size), "run-steps/s", (speed, "one core"))


def show(line: dict[str, Any]) -> str:
    """One line of the table."""
    size = " x ".join(f"{number:,}" for number in line["size"])
    best, median = (f"{1e3 * line[name]:9.3f}" for name in ("best_seconds", "median_seconds"))
    ratio = "-".rjust(7) if line["ratio"] is None else f"{line['ratio']:7.3f} {line['of']}"
    speed = f"{line['speed']:.3g} {line['unit']}"
    return f"{line['part']:6}  {line['case']:34}  {size:>19}  {best}  {median}  {speed:>22}  {ratio}"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="gpu.py", description="A GPU's kernels beside what the card can do.")
    parser.add_argument("--quick", action="store_true", help="smaller sizes and fewer repetitions")
    parser.add_argument("--out", metavar="FILE", type=Path, help="JSON; by default reports/gpu.json")
    options = parser.parse_args(arguments)
    out = options.out or ROOT / "reports" / "gpu.json"
    if not out.resolve().parent.is_dir():
        parser.error(f"--out: there is no folder {out.resolve().parent}")
    sys.path.insert(0, str(ROOT))
    from benchmarks.peers import THREAD_LIMITS

    os.environ.update(dict.fromkeys(THREAD_LIMITS, "1"))  # before NumPy loads: the CPU's part is one core's
    import optbench

    machine = optbench.info()
    gpu = machine.pop("cuda")
    if gpu["missing"]:
        print(f"gpu.py: {gpu['missing']}", file=sys.stderr)
        return 2
    if simulated() and options.out is None:  # it may not take the place of what a card measured
        parser.error("the simulator measures nothing: say with --out where its JSON shall go")
    sizes = TINY if simulated() else QUICK if options.quick else FULL
    command = " ".join(["python benchmarks/gpu.py", *(sys.argv[1:] if arguments is None else arguments)])
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    content = {"command": command, "date": now, **machine, "card": gpu["cards"][0]["name"], "cuda": gpu["package"]}
    content |= {"cuda_driver": gpu["driver"], "cuda_toolkit": gpu["toolkit"], "sizes": asdict(sizes), "rows": []}
    if simulated():
        content = {"warning": WARNING} | content
        print(WARNING)
    print(f"{content['card']}, CUDA driver {content['cuda_driver']}, {content['cuda']}, optbench {content['optbench']}")
    print(HEAD)
    for part in (kernel_rows, sweep_rows):
        for line in part(sizes):
            content["rows"].append(line)
            print(show(line), flush=True)
    out.write_text(json.dumps(content, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
