"""What lets one set of benchmarks run on every version: its clock, its names, and calls that 0.1.0 had no name for.

asv runs these files against the package of the commit that is measured. Names come from the committed catalogue beside
them, since the parameters of a benchmark must be the same whatever is installed; those that a version lacks are n/a.
"""

import re
import resource
import time
from importlib import import_module
from inspect import signature
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import sklearn.datasets  # noqa: F401  see below

import optbench

_CATALOGUE = Path(__file__).parents[2] / "docs" / "catalogue.md"
_FIRST = optbench.__version__ == "0.1.0"

# asv loads this once and forks for every set of parameters: what takes a second to load is loaded here.
for _name in dir(optbench):
    getattr(optbench, _name)
optbench.optimizers(), optbench.problems()


def cpu_seconds():
    """Of this process and of all that have ended below it: others on the machine do not count."""
    return time.process_time() + sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])


class Prepared:
    """How all is measured. asv sets up anew before every sample: what serves them all is made once, by ``prepare``."""

    timer = staticmethod(cpu_seconds)
    repeat = (2, 7, 0.5)
    """At least two and at most seven samples a round, within half a second."""
    warmup_time = 0.02

    def setup(self, *params):
        if not vars(self).get("ready"):
            self.prepare(*params)
            self.ready = True


def names(kind):
    """Of the catalogue's "optimizers" or "problems"."""
    section = re.search(rf"^## \d+ {kind}$(.*?)(?=^## |\Z)", _CATALOGUE.read_text(), re.DOTALL | re.MULTILINE)
    return re.findall(r"^\| `(\w+)", section[1], re.MULTILINE)


def since(version):
    """Skip where the installed package is older."""
    if [int(part) for part in optbench.__version__.split(".")[:3]] < [int(part) for part in version.split(".")]:
        raise NotImplementedError(f"new in {version}")


def known(kind, name):
    """Skip where the installed package has no such name."""
    if name not in getattr(optbench, kind)():
        raise NotImplementedError(f"{name} is new")


def value_and_gradient(name, dtype, rows, runs):
    """A call without arguments: the value and the gradient at the start point."""
    if _FIRST:
        problem = import_module("optbench.plugins").load().problem(name)
        return import_module("optbench.engine.guarded").Guarded(problem, dtype, runs, rows=rows).value_and_gradient
    objective = optbench.objective(name, dtype=dtype, rows=rows, runs=runs)
    w = np.tile(objective.start(seed=0).astype(dtype), (runs, 1))
    return lambda: objective(w)


def stepper(optimizer, w, lr):
    """``optbench.stepper``; its ``step(g)``."""
    if not _FIRST:
        return optbench.stepper(optimizer, w, lr=lr)
    kernels = import_module("optbench.engine.kernels")
    record = optbench.optimizers()[optimizer] if isinstance(optimizer, str) else optimizer
    kernel, w = kernels.update_kernel(record, "rows", str(w.dtype)), w[np.newaxis]
    state = np.zeros((len(record.slots), *w.shape), w.dtype)
    scalars = np.zeros((len(kernels.scalar_rows(record)), 1), w.dtype)
    scalars[: 1 + len(record.hyperparameters), 0] = [lr, *record.hyperparameters.values()]
    powers = np.ones((len(record.powers), 1))
    return SimpleNamespace(step=lambda g: kernel(w, g[np.newaxis], state, scalars, powers, 1, 0, 1))


def list_stepper(optimizer, w, lr):
    """``optbench.stepper`` of a list of arrays, on one thread; skips where the installed package takes no lists."""
    one = {"threads": 1} if "threads" in signature(optbench.stepper).parameters else {}
    try:
        return optbench.stepper(optimizer, w, lr=lr, **one)
    except Exception as error:
        raise NotImplementedError(f"no lists yet: {error}") from None
