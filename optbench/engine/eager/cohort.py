"""A cohort with what is not compiled, run like one on this machine's cores."""

import random
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from optbench.contract.eager import LIBRARIES, RANDOM_NUMBERS, Eager
from optbench.contract.optimizers import Baseline
from optbench.engine.cohort import Cohort
from optbench.engine.cpu import cohort as cpu
from optbench.engine.eager.lanes import EagerLanes
from optbench.engine.outcome import CohortOutcome


def is_eager(cohort: Cohort) -> bool:
    """Whether Python takes its steps; SciPy's methods take theirs themselves."""
    return isinstance(cohort.optimizer, Eager) or (cohort.problem.eager and not isinstance(cohort.optimizer, Baseline))


def run_cohort(cohort: Cohort, progress: Callable[[int], None], stop: Callable[[], bool]) -> CohortOutcome:
    """Run all lanes; arguments and errors as in engine/run.py."""
    with steady(cohort.seed):
        outcome = cpu.run_cohort(cohort, progress, stop, EagerLanes)
    optimizer = cohort.optimizer
    by = LIBRARIES[optimizer.library] if isinstance(optimizer, Eager) else "Python"
    outcome.device_note = f"eager: {by}"
    return outcome


@contextmanager
def steady(seed: int = 0) -> Iterator[None]:
    """The libraries' random numbers follow from the seed, and PyTorch starts no threads: runs go in parallel.

    Both are of the whole process: one cohort at a time has them, and finds them, and leaves them, as they were.
    """
    with RANDOM_NUMBERS:
        torch: Any = sys.modules.get("torch")
        state = random.getstate()
        random.seed(seed)
        if torch is None:
            try:
                yield
            finally:
                random.setstate(state)
            return
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed)
                yield
        finally:
            torch.set_num_threads(threads)
            random.setstate(state)
