"""The compiled loop over points of evaluation and pieces of the data: one per dtype, for all problems."""

from collections.abc import Callable
from functools import cache

from optbench.compiler import numba_inside
from optbench.compiler.contracts import Doubles3, Flag, Reals1, Reals2, Reals3, Whole, Wholes1
from optbench.compiler.problem_kernels import evaluate_signature, gradient_signature
from optbench.compiler.signatures import flat, signature
from optbench.compiler.translator import STRICT, compile_tree, jit
from optbench.contract.types import DtypeName

_gradient_at = numba_inside.function_at(gradient_signature)
_evaluate_at = numba_inside.function_at(evaluate_signature)


def _means(
    gradient_address: Whole,
    evaluate_address: Whole,
    w: Reals3,
    total: Doubles3,
    g: Reals2,
    f: Reals1,
    out: Reals2,
    share: Reals1,
    x: Reals2,
    y: Reals1,
    constants: Reals1,
    layout: Wholes1,
    work: Reals1,
    most: Whole,
    single: Flag,
) -> None:
    """Add to ``total``, (points, 1 + metrics, runs), the means over all examples of the points ``w``, one behind the
    other in the problem's form.

    By the kernel at ``evaluate_address``, or the loss of that at ``gradient_address`` where it is 0; ``most`` examples
    at a time. g, f, out: what a call writes, as in contracts.py; share: one number, of a piece among all examples.
    """
    runs, examples = f.shape[0], x.shape[0]
    for place in range(w.shape[0]):
        first = 0
        for r in range(out.shape[0]):
            for k in range(out.shape[1]):
                out[r, k] = 0.0
        while first == 0 or first < examples:
            last = min(first + most, examples)
            share[0] = max(last - first, 1) / max(examples, 1)
            part, targets = x[first:last], y[first:last]
            if evaluate_address == 0:
                _gradient_at(gradient_address, f)(w[place], g, f, part, targets, constants, layout, work, 0, runs)
                for r in range(runs):
                    total[place, 0, r] += f[r] * share[0]
            else:
                _evaluate_at(evaluate_address, f)(w[place], out, part, targets, constants, layout, work)
                for r in range(runs):
                    for k in range(total.shape[1]):
                        total[place, k, r] += (out[r, k] if single else out[k, r]) * share[0]
            first = max(last, 1)


@cache
def means(dtype: DtypeName) -> Callable[..., None]:
    """The compiled loop; takes its arguments one by one."""
    types = signature(_means, dtype)
    return jit(compile_tree(flat(_means), "means", _means, _means.__globals__, str(types)), types, **STRICT)
