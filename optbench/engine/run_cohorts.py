"""Run cohorts on the device that each names."""

import ctypes
import importlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import scipy

from optbench.contract import process_state
from optbench.contract.errors import in_one_line
from optbench.engine.cohort import Cohort
from optbench.engine.outcome import CohortOutcome


def _ignore(run_steps: int) -> None:
    pass


def _never() -> bool:
    return False


def run(cohort: Cohort, progress: Callable[[int], None] = _ignore, stop: Callable[[], bool] = _never) -> CohortOutcome:
    """Run all lanes of a cohort from the same start point on the same mini-batches.

    ``progress`` is called with the number of run-steps made; ``stop`` is asked about ten times a second whether to
    stop. Raises runner.Cancelled when it returns True, OptbenchError on input that cannot run.
    """
    return run_together([cohort], progress, stop)[0]


def run_together(
    cohorts: Sequence[Cohort], progress: Callable[[int], None] = _ignore, stop: Callable[[], bool] = _never
) -> list[CohortOutcome]:
    """Run cohorts that differ in nothing but seed, start and lanes: in one launch on a GPU, in turn on the CPU.

    On the CPU all have equally many lanes.
    """
    if cohorts[0].device == "cuda":
        from optbench.engine.cuda import cohorts as gpu

        return gpu.run_cohorts(cohorts, progress, stop)
    from optbench.engine.cpu.cpu_cohorts import run_cohorts
    from optbench.engine.eager.eager_lanes import is_eager, run_cohort

    if is_eager(cohorts[0]):
        return [run_cohort(cohort, progress, stop) for cohort in cohorts]
    return run_cohorts(cohorts, progress, stop)


def compile_for(cohort: Cohort) -> None:
    """Compile the kernels that the cohort needs on the CPU. Raises PluginError if they do not compile."""
    from optbench.engine.cpu.cpu_cohorts import compile_kernels
    from optbench.engine.eager.eager_lanes import import_library

    import_library(cohort)
    compile_kernels(cohort)


def refusal(cohort: Cohort) -> str | None:
    """Compile the cohort's kernels for a GPU; return the reason why it cannot run there, or None."""
    from optbench.engine.cuda import cohorts as gpu

    reason = gpu.refusal_reason(cohort.problem, cohort.optimizer)
    if reason is None:
        try:
            gpu.compile_kernels(cohort.problem, cohort.rule, cohort.dtype, cohort.batch_size)
        except Exception as error:  # a plug-in that runs on the CPU may not compile for a GPU
            reason = in_one_line(error)
    return reason


@contextmanager
def limited_threads() -> Iterator[None]:
    """Limit the threads of libraries while cohorts run in several threads of this process.

    The limits are those of contract/process_state.py. They reach the BLAS libraries that are loaded by then.
    """
    _load_blas()
    with process_state.limited_threads():
        yield


@cache
def _load_blas() -> None:
    """Load SciPy's BLAS, which numba calls at the first product of matrices.

    A wheel of SciPy has it as a file of its own, which loads in 2 ms. To import scipy.linalg, as elsewhere, takes 0.09
    s, which is 5% of a single run in a new process (measured), and hangs in a process that was forked while another
    thread imported.
    """
    files = list((Path(scipy.__file__).parents[1] / "scipy.libs").glob("libscipy_openblas*"))
    try:
        for file in files:
            ctypes.CDLL(str(file))
    except OSError:
        files = []
    if not files:
        importlib.import_module("scipy.linalg")
