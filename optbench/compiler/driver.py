"""The compiled loop over the steps of a cohort: one per dtype, for all pairs of problem and optimizer."""

from functools import cache

from numba import boolean, float64, int32, int64, types

from optbench.compiler import numba_inside
from optbench.compiler.problem_kernels import gradient_signature
from optbench.compiler.translator import REALS, jit
from optbench.compiler.update_kernels import update_signature

address = cache(numba_inside.address)
# The driver takes the kernels as addresses.
_gradient_at = numba_inside.function_at(gradient_signature)
_update_at = numba_inside.function_at(update_signature)


def _drive(
    gradient_address, update_address, w, g, f, w_rows, g_rows, state, scalars, powers, blocks, factors, base,
    schedule_of, limit, alive, diverged_at, x, y, order, sizes, x_batch, y_batch, noise, constants, layout, work, done,
    skip, single,
):  # fmt: skip
    """Run ``len(sizes)`` steps after step ``done``; return how many were made.

    Shapes as in kernels.py and updates.py; ``w_rows`` and ``g_rows`` are w and g as the update sees them. ``factors``
    (schedules, steps or 0): of each step after ``done``, of which ``skip`` are made already; none where they are
    constant. A lane's rate is ``base`` times the factor of its schedule. ``order`` (steps, B): the examples of each
    mini-batch, or (0, 0) for the full batch. ``noise`` (steps, dim) is added to every lane's gradient. In lanes form
    the loop stops before the update that a diverged lane would make, so that the caller can park it; in single form
    dead lanes are passed over.
    """
    gradient, update = _gradient_at(gradient_address, w), _update_at(update_address, w)
    runs = f.shape[0]
    gathered = order.shape[0] > 0
    noisy = noise.shape[0] > 0
    for s in range(sizes.shape[0]):
        t = done + skip + s + 1
        if factors.shape[1] > 0:
            for r in range(runs):
                scalars[0, r] = base[r] * factors[schedule_of[r], skip + s]
        rows = sizes[s]
        if gathered:
            for i in range(rows):
                k = order[s, i]
                y_batch[i] = y[k]
                for j in range(x.shape[1]):
                    x_batch[i, j] = x[k, j]
        if single:
            for r in range(runs):
                if not alive[r]:
                    continue
                if gathered:
                    gradient(w, g, f, x_batch[:rows], y_batch[:rows], constants, layout, work, r, r + 1)
                else:
                    gradient(w, g, f, x, y, constants, layout, work, r, r + 1)
                if not f[r] <= limit[r]:  # NaN fails, too
                    alive[r] = False
                    diverged_at[r] = t
                    continue
                if noisy:
                    for i in range(g.shape[1]):
                        g[r, i] += noise[s, i]
                update(w_rows, g_rows, state, scalars, powers, blocks, t, r, r + 1)
        else:
            if gathered:
                gradient(w, g, f, x_batch[:rows], y_batch[:rows], constants, layout, work, 0, runs)
            else:
                gradient(w, g, f, x, y, constants, layout, work, 0, runs)
            fine = True
            for r in range(runs):
                fine &= f[r] <= limit[r]
            if not fine:
                fresh = False
                for r in range(runs):
                    if alive[r] and not f[r] <= limit[r]:
                        alive[r] = False
                        diverged_at[r] = t
                        fresh = True
                if fresh:
                    return s
            if noisy:
                for i in range(g.shape[0]):
                    e = noise[s, i]
                    for r in range(runs):
                        g[i, r] += e
            update(w_rows, g_rows, state, scalars, powers, blocks, t, 0, runs)
    return sizes.shape[0]


@cache
def driver(dtype: str):
    real = REALS[dtype]
    one, two, three = (types.Array(real, n, "C") for n in (1, 2, 3))
    ints, real_row, real_table = types.Array(int64, 1, "C"), types.Array(float64, 1, "C"), types.Array(float64, 2, "C")
    int_table = types.Array(int64, 2, "C")
    signature = int64(
        int64, int64, two, two, one, two, two, three, two, real_table, int_table, real_table, real_row, ints, one,
        types.Array(boolean, 1, "C"), ints, two, one, types.Array(int32, 2, "C"), ints, two, one, two, one, ints, one,
        int64, int64, boolean,
    )  # fmt: skip
    return jit(_drive, signature, noalias=True)
