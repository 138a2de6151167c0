"""The learning rate that is taken where none is given, by ``minimize`` and by the scikit-learn estimators."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from optbench.contract.errors import OptbenchError
from optbench.contract.names import number_text


def try_rates(losses_of: Callable[[list[float]], Sequence[float]], grid: np.ndarray, digits: int) -> dict[float, float]:
    """Return the loss of each rate of a grid, rounded to so many digits.

    losses_of: rates -> their losses, in that order.
    """
    rates = [float(f"{rate:.{digits}g}") for rate in grid]
    return dict(zip(rates, losses_of(rates), strict=True))


def lowest(owner: str, tried: Mapping[float, float]) -> float:
    """Return the rate of the lowest finite loss, the smaller of equal ones. Raises OptbenchError if there is none.

    owner: the public name with which the error begins; tried: losses by rate.
    """
    finite = {rate: loss for rate, loss in tried.items() if np.isfinite(loss)}
    if not finite:
        raise OptbenchError(
            f"{owner}: tuning tried rates from {number_text(min(tried))} to {number_text(max(tried))}, and the run "
            "diverged with each: give lr="
        )
    return min(finite, key=lambda rate: (finite[rate], rate))
