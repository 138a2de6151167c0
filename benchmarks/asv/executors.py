"""What it costs to have cohorts run by processes of dask in the place of threads: the same sweep by both, in turns."""

import os
import resource
import tempfile
import time

import optbench

_SPEC = {
    "problems": ["rosenbrock"], "optimizers": ["adam"], "batch_sizes": [16], "schedules": ["constant"],
    "learning_rates": "1e-4:1e-2:16", "tuning_seeds": 1,
}  # fmt: skip
_STEPS = 210_000
"""A cohort then takes about 50 ms."""


def cost(executor, cohorts, steps=_STEPS, workers=2):
    """(seconds, CPU seconds) of a sweep of so many cohorts, kernels compiled."""
    with tempfile.TemporaryDirectory() as folder:
        begin, before = time.perf_counter(), _cpu_seconds()
        optbench.sweep(_SPEC, steps=steps, seeds=cohorts, out=folder, workers=workers, executor=executor)
        return time.perf_counter() - begin, _cpu_seconds() - before


def _cpu_seconds():
    """Of this process and of all that have ended below it."""
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


class Executors:
    """By threads and by as many workers of dask on this machine, whose start is in the time: 200 cohorts of 50 ms."""

    timeout = 600
    number, repeat, warmup_time = 1, 3, 0
    params = (["threads", "dask"],)
    param_names = ("executor",)
    cohorts, steps = 200, _STEPS

    def setup(self, executor):
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
