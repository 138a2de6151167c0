"""A cohort with what is not compiled, run like one on this machine's cores."""

import random
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from optbench.contract.eager import LIBRARIES, RANDOM_NUMBERS, Eager
from optbench.contract.process_state import restored_libraries
from optbench.engine.cohort import Cohort
from optbench.engine.cpu import cohort as cpu
from optbench.engine.eager.lanes import EagerLanes
from optbench.engine.outcome import CohortOutcome


def is_eager(cohort: Cohort) -> bool:
    """Whether Python takes its steps or computes their gradients; the latter for SciPy's methods, too."""
    return isinstance(cohort.optimizer, Eager) or cohort.problem.eager


def run_cohort(cohort: Cohort, progress: Callable[[int], None], stop: Callable[[], bool]) -> CohortOutcome:
    """Run all lanes; arguments and errors as in engine/run.py."""
    lanes: list[EagerLanes] = []

    def kept(*place: Any) -> EagerLanes:
        lanes.append(EagerLanes(*place))
        return lanes[-1]

    with steady(cohort.seed):
        outcome = cpu.run_cohort(cohort, progress, stop, kept)
    making = sum(each.making for each in lanes)
    outcome.seconds, outcome.compile_seconds = outcome.seconds - making, outcome.compile_seconds + making
    optimizer = cohort.optimizer
    outcome.eager = LIBRARIES[optimizer.library] if isinstance(optimizer, Eager) else "Python"
    return outcome


@contextmanager
def steady(seed: int = 0) -> Iterator[None]:
    """Random numbers follow from the seed, and the libraries start no threads: runs go in parallel.

    All are of the whole process, as PyTorch's settings are: one cohort at a time has them, and finds them, and leaves
    them, as they were. A transformation of optax' draws from the key that it is given: the same for every seed.
    """
    with RANDOM_NUMBERS, restored_libraries():
        states = random.getstate(), np.random.get_state()
        torch: Any = sys.modules.get("torch")
        threads = torch.get_num_threads() if torch else 1
        drawn = torch.get_rng_state() if torch else None
        random.seed(seed)
        np.random.seed(seed % 2**32)
        if torch:
            torch.set_num_threads(1)
            torch.default_generator.manual_seed(seed)
        try:
            yield
        finally:
            random.setstate(states[0])
            np.random.set_state(states[1])
            if torch:
                torch.set_num_threads(threads)
                torch.set_rng_state(drawn)


def make_ready(cohort: Cohort) -> None:
    """Have the library load what it loads at its first step, which takes seconds, before runs are on the clock."""
    if not isinstance(cohort.optimizer, Eager):
        return
    with RANDOM_NUMBERS, restored_libraries():
        if cohort.optimizer.library == "torch":
            import torch

            torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.0)
        else:
            import optbench.engine.eager.optax_update  # noqa: F401
