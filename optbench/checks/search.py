"""A check of where an optimizer, or a method of SciPy, is tuned."""

from optbench.checks.verdict import Wrong
from optbench.contract.eager import AnyOptimizer
from optbench.contract.errors import OptbenchError
from optbench.contract.optimizers import Baseline
from optbench.contract.search import RATE, check_space


def fits(record: AnyOptimizer) -> None:
    """Raise Wrong where a range of the search space leaves its hyperparameter's limits."""
    try:
        check_space(record.name, record.space, record.hyperparameters, record.all_limits)
    except OptbenchError as error:
        raise Wrong(str(error)) from None
    if isinstance(record, Baseline) and RATE in record.search:
        raise Wrong(f"searches {RATE}, which means nothing to a method of SciPy")
