"""The compiled loop over points of evaluation: one per dtype, for all problems."""

from collections.abc import Callable
from functools import cache

from optbench.compiler import numba_compat
from optbench.compiler.contracts import Reals1, Reals2, Reals3, Whole, Wholes1
from optbench.compiler.problem_kernels import evaluate_signature, gradient_signature
from optbench.compiler.signatures import flat, signature
from optbench.compiler.translator import STRICT, compile_tree, jit
from optbench.contract.types import DtypeName

_gradient_at = numba_compat.function_at(gradient_signature)
_evaluate_at = numba_compat.function_at(evaluate_signature)


def _evaluations(
    gradient_address: Whole,
    evaluate_address: Whole,
    w: Reals3,
    g: Reals2,
    f: Reals2,
    out: Reals3,
    x: Reals2,
    y: Reals1,
    constants: Reals1,
    layout: Wholes1,
    work: Reals1,
) -> None:
    """Write what the kernel at ``evaluate_address`` says of each of the points ``w`` to its place in ``out``; where it
    is 0, the losses of that at ``gradient_address`` to ``f``. Arrays as in contracts.py, of all points one behind the
    other.
    """
    for place in range(w.shape[0]):
        if evaluate_address == 0:
            _gradient_at(gradient_address, y)(w[place], g, f[place], x, y, constants, layout, work, 0, f.shape[1])
        else:
            _evaluate_at(evaluate_address, y)(w[place], out[place], x, y, constants, layout, work)


@cache
def evaluations(dtype: DtypeName) -> Callable[..., None]:
    """The compiled loop; takes its arguments one by one."""
    types = signature(_evaluations, dtype)
    tree = flat(_evaluations)
    return jit(compile_tree(tree, "evaluations", _evaluations, _evaluations.__globals__, str(types)), types, **STRICT)
