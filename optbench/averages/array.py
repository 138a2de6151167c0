"""Exponentially weighted averages (lecture B), along the last axis of an array."""

import math
from collections.abc import Sequence
from functools import cache
from typing import Annotated, Any

import numpy as np
from numpy.typing import ArrayLike

from optbench.compiler import device as devices
from optbench.compiler.contracts import Double, Flag, Given2, Reals2
from optbench.compiler.signatures import signature
from optbench.contract.arguments import check, checked, condition, is_number, is_real, list_items, real_array
from optbench.contract.errors import OptbenchError
from optbench.contract.types import DeviceChoice

FADED = 1e-17
"""Once beta^t is below this, 1 - beta^t is 1, and the correction stops."""
_USUAL = 0.9
"""The lecture's beta (B2)."""
Beta = Annotated[float, condition(lambda value: is_number(value) and 0 <= value < 1, "a number in [0, 1)")]


@checked
def ewa(
    x: ArrayLike,
    beta: float | Sequence[float] = _USUAL,
    bias_correction: bool = False,
    device: DeviceChoice = "cpu",
    *,
    betas: float | Sequence[float] | None = None,
) -> np.ndarray:
    """Exponentially weighted averages along the last axis of an array.

    v_t = beta v_{t-1} + (1 - beta) x_t with v_0 = 0 (lecture B1), with the bias correction v_t / (1 - beta^t). NaN and
    inf propagate, as in the formula. Values that come one by one are averaged by :class:`optbench.EWA`, to the same
    bits as here on the CPU.

    Args:
        x: (..., n), float32 or float64; anything else becomes float64. A Series or DataFrame of pandas is averaged down
            its rows, and stays one. For "cuda" it may lie on the card, float32 or
            float64 in C order, and so does then what comes back.
        beta: in [0, 1), or several; v_t averages about 1 / (1 - beta) values. The lecture's usual one is 0.9 (B2).
        bias_correction: divide v_t by 1 - beta^t, as pandas' ``ewm(alpha=1 - beta, adjust=True).mean()`` does. The
            lecture's formula is without, and in practice it is often left out (B5).
        device: "cpu"; "cuda", a GPU; or "auto", a GPU where one can be used and the CPU elsewhere. Either computes in
            float64; they differ by rounding. No card has been tried yet.
        betas: another name of ``beta``.

    Returns:
        An array of x's shape and precision; with several betas one of (betas, ..., n), in their order.

    Raises:
        OptbenchError: x is a scalar or not numeric, beta or the device is another, or no GPU can be used.

    Example:
        >>> ewa([40.0, 49.0, 45.0], beta=0.9).round(2).tolist()
        [4.0, 8.5, 12.15]
        >>> ewa([40.0, 49.0, 45.0], betas=[0.5, 0.9]).shape
        (2, 3)

    Source:
        Lecture B1, B2 and B5.
    """
    name = "beta" if betas is None else "betas"
    if betas is not None:
        if not (is_real(beta) and beta == _USUAL):
            raise OptbenchError("ewa: beta and betas are the same: give one")
        beta = betas
    if (isinstance(beta, Sequence) and not isinstance(beta, str)) or (isinstance(beta, np.ndarray) and beta.ndim):
        if hasattr(x, "iloc"):
            raise OptbenchError("ewa: a table takes one beta; several are for its values, x.to_numpy().T")
        several = [check(Beta, each, f"ewa: {name}=") for each in list_items(f"ewa: {name}", beta)]
        if not several:
            raise OptbenchError(f"ewa: {name} must hold at least one number")
        return np.stack([np.asarray(ewa(x, each, bias_correction, device)) for each in several])
    if hasattr(x, "iloc"):  # pandas
        table: Any = x
        axes = {"index": table.index, **({"columns": table.columns} if table.ndim == 2 else {"name": table.name})}
        return type(table)(ewa(table.to_numpy().T, beta, bias_correction, device).T, **axes)
    on_card = devices.checked(device) != "cpu" and hasattr(x, "__cuda_array_interface__")
    values: Any = x if on_card else real_array("ewa: x", x)
    beta = float(check(Beta, beta, f"ewa: {name}="))
    if not values.shape:
        raise OptbenchError("ewa: x must be an array with at least one axis")
    if device != "cpu" and devices.choose(device)[0] == "cuda":
        from optbench.averages.cuda_averages import averages

        return averages(values, beta, bias_correction)
    rows = np.ascontiguousarray(values).reshape(math.prod(values.shape[:-1]), values.shape[-1])
    out = np.empty_like(rows)
    _kernel(values.dtype.name)(rows, beta, bias_correction, out)
    return out.reshape(values.shape)


def _scan(x: Given2, beta: Double, correct: Flag, out: Reals2) -> None:
    """Write the averages of each row of x into out, in one pass; correct: with bias correction.

    Computed in float64 for both dtypes, so that stored values are rounded once. The plain recurrence waits for the last
    value at every step. Here s starts anew every four values and v_{t+j} = beta^j v_t + s_j, so that only one step in
    four waits: 2 times as fast. optbench.EWA does the same operations in the same order, in a last block that is not
    full, too.
    """
    gain, square = 1.0 - beta, beta * beta
    cube, fourth = square * beta, square * beta * beta
    full = x.shape[1] - x.shape[1] % 4
    for i in range(x.shape[0]):
        v, fading = 0.0, correct
        faded, rest = 1.0, 0.0  # beta^t, and 1 - beta^t without the cancellation
        # One loop for both: a second one, for what follows the correction, takes 1.3 times as long.
        for t in range(0, full, 4):
            s1 = gain * x[i, t]
            s2 = beta * s1 + gain * x[i, t + 1]
            s3 = beta * s2 + gain * x[i, t + 2]
            s4 = beta * s3 + gain * x[i, t + 3]
            v1, v2, v3 = beta * v + s1, square * v + s2, cube * v + s3
            v = fourth * v + s4
            if fading:
                rest1, faded = beta * rest + gain, faded * beta
                rest2, faded = beta * rest1 + gain if faded > FADED else 1.0, faded * beta
                rest3, faded = beta * rest2 + gain if faded > FADED else 1.0, faded * beta
                rest, faded = beta * rest3 + gain if faded > FADED else 1.0, faded * beta
                fading = faded > FADED
                out[i, t], out[i, t + 1], out[i, t + 2], out[i, t + 3] = v1 / rest1, v2 / rest2, v3 / rest3, v / rest
            else:
                out[i, t], out[i, t + 1], out[i, t + 2], out[i, t + 3] = v1, v2, v3, v
        s, power = 0.0, 1.0
        for t in range(full, x.shape[1]):
            s = gain * x[i, t] if t == full else beta * s + gain * x[i, t]
            power *= beta
            rest = beta * rest + gain if fading and faded > FADED else 1.0
            faded *= beta
            out[i, t] = (power * v + s) / rest


@cache
def _kernel(dtype):
    """Return the compiled loop `_scan` for a dtype."""
    from optbench.compiler.numba_compat import options
    from optbench.compiler.translator import jit

    # No fast math: the stream's NumPy could not follow a fused or a reordered sum. It costs nothing here.
    return jit(_scan, signature(_scan, dtype), fastmath=False, **options().noalias)
