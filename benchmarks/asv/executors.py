"""What it costs to have cohorts run by processes of dask in the place of threads: the same sweep by both, in turns."""

import os
import tempfile
import time

import optbench

from .versions import Prepared, cpu_seconds, since

_SPEC = {
    "problems": ["rosenbrock"], "optimizers": ["adam"], "batch_sizes": [16], "schedules": ["constant"],
    "learning_rates": "1e-4:1e-2:16", "tuning_seeds": 1,
}  # fmt: skip
_STEPS = 210_000
"""A cohort then takes about 50 ms."""


def cost(executor, cohorts, steps=_STEPS, workers=2):
    """(seconds, CPU seconds) of a sweep of so many cohorts, kernels compiled."""
    options = {} if executor == "threads" else {"executor": executor}
    with tempfile.TemporaryDirectory() as folder:
        begin, before = time.perf_counter(), cpu_seconds()
        optbench.sweep(_SPEC, steps=steps, seeds=cohorts, out=folder, workers=workers, **options)
        return time.perf_counter() - begin, cpu_seconds() - before


class Executors(Prepared):
    """By threads and by as many workers of dask on this machine, whose start is in the time: 40 cohorts of 50 ms."""

    timeout = 600
    number, repeat, warmup_time, rounds = 1, 5, 0, 1
    params = (["threads", "dask"],)
    param_names = ("executor",)
    cohorts, steps = 40, _STEPS

    def prepare(self, executor):
        since("0.4.0" if executor == "dask" else "0.1.0")
        cost("threads", 2, steps=10)

    def time_short_cohorts(self, executor):
        cost(executor, self.cohorts, self.steps)


if __name__ == "__main__":
    cost("threads", 2, steps=10)
    cohorts = int(os.environ.get("COHORTS", "1000"))
    for _ in range(int(os.environ.get("TURNS", "3"))):
        for executor in ("threads", "dask"):
            seconds, cpu = cost(executor, cohorts)
            print(f"{executor}: {seconds:.1f} s, {cpu:.1f} s of CPU for {cohorts} cohorts", flush=True)
