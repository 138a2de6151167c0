"""What gpu.py measures, line by line, by optbench's public functions.

Kernels are timed on the card (CUDA events) and called several times in a row, so that a launch is prepared while the
one before runs. A share of the copy's bandwidth is the median against the copy's best, where what must be read or
written counts once.
"""

from __future__ import annotations

import itertools
import math
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

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


def simulated() -> bool:
    import numba

    return bool(numba.config.ENABLE_CUDASIM)


def measure(call: Callable[[], Any], sizes: Sizes) -> list[float]:
    """Seconds of a call, one number a repetition; the first calls, which compile and load, are not timed."""
    from numba import cuda

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
    return [(by_clock if simulated() else by_events)() / sizes.calls for _ in range(sizes.repeats)]


def row(part: str, case: str, size: tuple, times=(), amount=0.0, unit="B/s", against=(None, None), note=""):
    """A line of the table: ``amount`` / the median time is the speed, ``ratio`` that over ``against``'s."""
    best, median = (min(times), statistics.median(times)) if times else (None, None)
    speed = amount / median if times else None
    beside, of = against
    ratio = speed / beside if times and beside else None
    return {
        "part": part, "case": case, "size": size, "best_seconds": best, "median_seconds": median, "speed": speed,
        "unit": unit, "ratio": ratio, "of": None if ratio is None else of, "note": note,
    }  # fmt: skip


def held(wanted: int, arrays: int) -> tuple[int, str]:
    """How many numbers in each of so many float32 arrays the card holds, and what is to be said about it."""
    from numba import cuda

    if simulated():
        return wanted, ""
    cuda.synchronize()
    context = cuda.current_context()
    context.memory_manager.deallocations.clear()  # of the case before
    count = min(wanted, int(0.9 * context.get_memory_info().free) // (ITEM * arrays))
    return count, "" if count == wanted else "fewer: the card's free memory holds no more"


def on_card(value: float, *shape: int) -> Any:
    import numpy as np
    from numba import cuda

    return cuda.to_device(np.full(shape, value, np.float32))


def copy_row(sizes: Sizes) -> dict[str, Any]:
    """The yardstick: one array to another by the driver's memcpy."""
    count, note = held(sizes.parameters, 2)
    x, y = on_card(1.0, count), on_card(0.0, count)
    times = measure(lambda: y.copy_to_device(x), sizes)
    return row("copy", "device to device", (count,), times, 2 * ITEM * count, note=note)


def average_rows(sizes: Sizes, copied: float) -> Iterator[dict[str, Any]]:
    """Averages with bias correction, in an array of their own."""
    import numpy as np

    import optbench

    count, note = held(sizes.values, 16)  # numba frees what was given back ten arrays later
    many = (sizes.series, count // sizes.series)
    for case, shape in (("many series", many), ("one series", (1, count))):
        # The simulator's arrays are not those of a device.
        x = np.ones(shape, np.float32) if simulated() else on_card(1.0, *shape)
        times = measure(lambda x=x: optbench.ewa(x, BETA, bias_correction=True, device="cuda"), sizes)
        yield row("ewa", case, shape, times, 2 * ITEM * math.prod(shape), against=(copied, "copy"), note=note)


def sweep_rows(sizes: Sizes) -> Iterator[dict[str, Any]]:
    """Run-steps of a sweep, with its evaluations, beside those of one core on a part of it. Compiling is not timed."""
    import optbench

    rates = [LR * 10 ** (-k / sizes.lanes) for k in range(sizes.lanes)]
    few = [{"lr": lr} for lr in rates[:: len(rates) // sizes.cpu_lanes]]
    for (name, rule), dtype in itertools.product(SWEEPS, ("float32", "float64")):
        case, speed, note = f"{name} {rule} {dtype}", None, "the CPU engine does not run beside the simulator"
        if not simulated():
            budget = {"batch_size": BATCH, "steps": sizes.steps, "dtype": dtype}
            times = [optbench.cohort(name, rule, few, **budget).seconds for _ in range(sizes.repeats)]
            count = len(few) * sizes.steps
            beside = row("sweep", f"{case}, one core", (len(few), sizes.steps), times, count, "run-steps/s")
            speed, note = beside["speed"], ""
            yield beside
        spec = {
            "problems": [name], "optimizers": [rule], "learning_rates": rates, "batch_sizes": [BATCH],
            "schedules": ["constant"], "seeds": sizes.seeds, "tuning_seeds": 0, "steps": sizes.steps,
            "dtypes": [dtype], "device": "cuda",
        }  # fmt: skip
        times = [float(optbench.sweep(spec, workers=1).timings["seconds"].sum()) for _ in range(sizes.repeats)]
        size = (len(rates) * sizes.seeds, sizes.steps)
        yield row("sweep", case, size, times, math.prod(size), "run-steps/s", (speed, "one core"), note=note)


def all_rows(sizes: Sizes) -> Iterator[dict[str, Any]]:
    copy = copy_row(sizes)
    yield copy
    copied = copy["speed"] * copy["median_seconds"] / copy["best_seconds"]
    yield from average_rows(sizes, copied)
    yield from sweep_rows(sizes)
