"""Random means over the mini-batches of a finite sum, drawn directly, without the numbers of single examples."""

from collections.abc import Callable
from functools import cache
from math import sqrt

from optbench.compiler.contracts import Doubles1, Doubles2, Reals2, Whole
from optbench.compiler.numba_compat import options
from optbench.compiler.signatures import signature
from optbench.compiler.translator import jit
from optbench.contract.types import DtypeName


def _means(
    z: Doubles2,
    centre: Doubles1,
    spread: Doubles1,
    left: Doubles1,
    examples: Whole,
    size: Whole,
    done: Whole,
    out: Reals2,
) -> None:
    """Write the means of the mini-batches after ``done`` of so many ``examples``, ``size`` of them each, into ``out``.

    The examples are normal about ``centre`` with deviation ``spread``, both (numbers,), and given that their mean is
    ``centre``; each epoch has new ones. Let R examples be left, whose deviations from the centre sum to ``left``. Then
    the mean of n of them is normal: its mean left/R, its variance spread^2 (1/n - 1/R). The last mini-batch is what is
    left, so that an epoch's mean is ``centre`` to rounding; it takes no random numbers: ``z`` has one row for each of
    the others.
    """
    rest = examples - done % -(-examples // size) * size
    row = 0
    for s in range(out.shape[0]):
        if rest > size:
            share, root = 1.0 / rest, sqrt((rest - size) / (float(rest) * size))
            for i in range(out.shape[1]):
                mean = share * left[i] + root * spread[i] * z[row, i]
                left[i] -= size * mean
                out[s, i] = centre[i] + mean
            row += 1
            rest -= size
        else:
            for i in range(out.shape[1]):
                out[s, i] = centre[i] + left[i] / rest
                left[i] = 0.0
            rest = examples


@cache
def means(dtype: DtypeName) -> Callable[..., None]:
    """Return the compiled kernel `_means`, which writes means of that dtype and sums in float64."""
    # No fast math: a GPU's host runs it, too, and the simulator's as plain Python.
    return jit(_means, signature(_means, dtype), fastmath=False, **options().noalias)
