"""The compiled loops that call kernels: over the steps of a cohort, and over points of evaluation; one per dtype."""

import math
from collections.abc import Callable
from functools import cache

from optbench.compiler import numba_compat
from optbench.compiler.contracts import DriveArguments, Reals1, Reals2, Reals3, Whole, Wholes1
from optbench.compiler.kernels import with_callees
from optbench.compiler.problem_kernels import evaluate_signature, gradient_signature
from optbench.compiler.signatures import flatten_tuples, signature
from optbench.compiler.translator import STRICT, compile_tree, jit
from optbench.compiler.update_kernels import update_signature
from optbench.contract.types import DtypeName

_gradient_at = numba_compat.function_at(gradient_signature)
_update_at = numba_compat.function_at(update_signature)
_evaluate_at = numba_compat.function_at(evaluate_signature)


EXTRAS = True
"""Whether to compile the parts that few problems and rules need: changed gradients, a minimum that moves, the loss or
a second gradient for the rule. They add 4 s of compilation, as long as a short first sweep."""


def _drive(gradient_address: Whole, update_address: Whole, look_address: Whole, a: DriveArguments) -> Whole:
    """Run ``len(sizes)`` steps of the kernels at the addresses, after step ``done``; return how many were made.

    In lanes form the loop stops before the update that a diverged lane would make, so that the caller can park it; in
    single form dead lanes are passed over. At the steps of a second gradient the kernel at the third address finds the
    point where it is taken. What the lanes have at points of evaluation between is kept on the way.
    """
    gradient, update = _gradient_at(gradient_address, a.w), _update_at(update_address, a.w)
    look = _update_at(look_address, a.w)
    runs = a.f.shape[0]
    gathered = a.order.shape[0] > 0
    noisy, stressed, lag = a.noise.shape[0] > 0, a.stress.shape[0] > 0, a.late.shape[0]
    changed, moving, looks = stressed or a.levels > 0 or lag > 0, a.path.shape[0] > 0, a.look_every > 0
    by_run = a.g if a.single else a.g.T
    ahead_by_run = a.ahead if a.single else a.ahead.T
    place, kinds = 0, a.seen.shape[1]
    while place < a.inner.shape[0] and a.inner[place] <= a.done + a.skip:
        place += 1
    for s in range(a.sizes.shape[0]):
        t = a.done + a.skip + s + 1
        if a.factors.shape[1] > 0:
            for r in range(runs):
                a.scalars[0, r] = a.base[r] * a.factors[a.schedule_of[r], a.skip + s]
        rows, examples, targets = a.sizes[s], a.x, a.y
        if gathered:
            examples, targets = a.x_batch[:rows], a.y_batch[:rows]
            for i in range(rows):
                row, out = a.x[a.order[s, i]], examples[i]
                targets[i] = a.y[a.order[s, i]]
                for j in range(row.shape[0]):
                    out[j] = row[j]
        for turn in range(runs if a.single else 1):
            if a.single and not a.alive[turn]:
                continue
            first, last = (turn, turn + 1) if a.single else (0, runs)
            if EXTRAS and moving and a.single:
                for i in range(a.w.shape[1]):
                    a.at[turn, i] = a.w[turn, i] - a.path[s, i]
            elif EXTRAS and moving:
                for i in range(a.w.shape[0]):
                    offset = a.path[s, i]
                    for r in range(runs):
                        a.at[i, r] = a.w[i, r] - offset
            gradient(a.at, a.g, a.f, examples, targets, a.constants, a.layout, a.work, first, last)
            fine = True
            for r in range(first, last):
                fine &= a.f[r] <= a.limit[r]  # NaN fails, too
            if not fine:
                fresh = False
                for r in range(first, last):
                    if a.alive[r] and not a.f[r] <= a.limit[r]:
                        a.alive[r] = False
                        a.diverged_at[r] = t
                        fresh = True
                if a.single:
                    continue
                if fresh:
                    return s
            if EXTRAS and a.reads_loss:
                for r in range(first, last):
                    a.scalars[1, r] = a.f[r]
                if noisy:  # the loss of these examples, whose gradient the rule sees
                    for r in range(first, last):
                        value = a.noise[s, a.noise.shape[1] - 1] * a.f[r]
                        for i in range(a.noise.shape[1] - 1):
                            value += a.noise[s, i] * (a.at[r, i] if a.single else a.at[i, r])
                        a.scalars[1, r] = value
            if EXTRAS and a.labels_each > 0:
                for r in range(first, last):
                    a.scalars[2 if a.reads_loss else 1, r] = rows * a.labels_each
            if noisy and a.single:
                weight = a.noise[s, a.g.shape[1]]
                for i in range(a.g.shape[1]):
                    a.g[turn, i] = weight * a.g[turn, i] + a.noise[s, i]
            elif noisy:
                weight = a.noise[s, a.g.shape[0]]
                for i in range(a.g.shape[0]):
                    e = a.noise[s, i]
                    for r in range(runs):
                        a.g[i, r] = weight * a.g[i, r] + e
            if EXTRAS and changed:
                for r in range(first, last):
                    own = by_run[r]
                    dim = own.shape[0]
                    if stressed:
                        if t == 1:
                            total = 0.0
                            for i in range(dim):
                                total += own[i] * own[i]
                            a.unit[r] = math.sqrt(total / dim)
                        for i in range(dim):
                            own[i] = a.stress[s, i] * own[i] + a.unit[r] * a.stress[s, dim + i]
                    if a.levels > 0:
                        peak = 0.0
                        for i in range(dim):
                            peak = max(peak, abs(own[i])) if own[i] == own[i] else peak
                        if 0 < peak < math.inf:
                            for i in range(dim):
                                if own[i] == own[i]:
                                    size = int(abs(own[i]) / peak * a.levels + 0.5) / a.levels * peak
                                    own[i] = size if own[i] > 0 else -size
                    for i in range(dim if lag > 0 else 0):
                        before = a.late[(t - 1) % lag, r, i]
                        a.late[(t - 1) % lag, r, i] = own[i]
                        own[i] = before if t > lag else a.late[0, r, i]
            if EXTRAS and looks and (t - 1) % a.look_every == 0:
                if a.single:
                    a.point[turn] = a.w[turn]
                else:
                    a.point[:] = a.w
                look(a.point_rows, a.g_rows, a.state, a.look_scalars, a.powers, a.blocks, t, first, last)
                if moving and a.single:
                    for i in range(a.point.shape[1]):
                        a.point[turn, i] -= a.path[s, i]
                elif moving:
                    for i in range(a.point.shape[0]):
                        for r in range(runs):
                            a.point[i, r] -= a.path[s, i]
                wanted = a.labels[s, :rows] if a.labels.shape[0] > 0 else targets
                gradient(a.point, a.ahead, a.f_ahead, examples, wanted, a.constants, a.layout, a.work, first, last)
                if noisy and a.single:
                    for i in range(a.g.shape[1]):
                        a.ahead[turn, i] = a.noise[s, a.g.shape[1]] * a.ahead[turn, i] + a.noise[s, i]
                elif noisy:
                    for i in range(a.g.shape[0]):
                        for r in range(runs):
                            a.ahead[i, r] = a.noise[s, a.g.shape[0]] * a.ahead[i, r] + a.noise[s, i]
                for r in range(first, last if stressed else first):
                    own = ahead_by_run[r]
                    for i in range(own.shape[0]):
                        own[i] = a.stress[s, i] * own[i] + a.unit[r] * a.stress[s, own.shape[0] + i]
            update(a.w_rows, a.g_rows, a.state, a.scalars, a.powers, a.blocks, t, first, last)
        if place < a.inner.shape[0] and a.inner[place] == t:
            for i in range(a.w.shape[0]):
                for j in range(a.w.shape[1]):
                    a.seen[place, 0, i, j] = a.w[i, j]
                    a.seen[place, kinds - 2, i, j] = a.reported[i, j]
                    a.seen[place, kinds - 1, i, j] = a.g[i, j]
            for r in range(runs):
                a.seen_f[place, r] = a.f[r]
            place += 1
    return a.sizes.shape[0]


@cache
def driver(dtype: DtypeName, extras: bool) -> Callable[..., int]:
    """Return the compiled loop over steps, with or without EXTRAS.

    Its arguments are the callees of gradient, update and look, then the fields of DriveArguments one by one.
    """
    types = with_callees(
        signature(_drive, dtype), gradient_signature(dtype), update_signature(dtype), update_signature(dtype)
    )
    # No noalias here: w and w_rows are the same memory, and so are g and g_rows. It costs nothing measurable.
    names = _drive.__globals__ | {"EXTRAS": extras}
    return jit(compile_tree(flatten_tuples(_drive), "drive", _drive, names, f"{types}{extras}"), types, **STRICT)


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
    ends: Wholes1,
) -> None:
    """Evaluate each of the points ``w`` by the kernel at ``evaluate_address`` and write the results to ``out``.

    Where that address is 0, write the losses by the kernel at ``gradient_address`` to ``f``. Arrays are those of
    contracts.py with a first axis for the points. ends: the groups of the examples x, y, one behind the other, begin
    and end there; f and out have all points of the first group, then those of the next one.
    """
    for group in range(ends.shape[0] - 1):
        first, last = ends[group], ends[group + 1]
        for point in range(w.shape[0]):
            place = group * w.shape[0] + point
            if evaluate_address == 0:
                _gradient_at(gradient_address, y)(
                    w[point], g, f[place], x[first:last], y[first:last], constants, layout, work, 0, f.shape[1]
                )
            else:
                _evaluate_at(evaluate_address, y)(
                    w[point], out[place], x[first:last], y[first:last], constants, layout, work
                )


@cache
def evaluations(dtype: DtypeName) -> Callable[..., None]:
    """Return the compiled loop `_evaluations`, which takes the same arguments."""
    types = signature(_evaluations, dtype)
    tree = flatten_tuples(_evaluations)
    return jit(compile_tree(tree, "evaluations", _evaluations, _evaluations.__globals__, str(types)), types, **STRICT)
