"""The arguments of every kernel, in order, each with shape and meaning, for the CPU and for CUDA.

One declaration serves for all: signatures.py reads numba's types off it and writes the argument lists of generated
kernels, and the engine fills it by name. Kernels that are written by hand declare theirs in their own annotations.
The kernels themselves take the fields one by one. Measured, pinned: a named tuple of the driver's arguments makes its
call take 4.7 us instead of 2.4 (6.2 in four tuples), as numba looks at each field anew, and adam's kernel takes 1.24
times as long a step on arrays out of a tuple. To fill one by name and hand its fields on costs 1.7 us a chunk of steps.

``runs`` are the lanes of a call, ``k`` a problem's metrics. Arrays "in the problem's form" are (dim, runs) in lanes
form, (runs, dim) in single form; "in the rule's order" (dim, runs) in order "lanes", (runs, dim) in order "rows".
"""

from typing import Annotated, NamedTuple

import numpy as np

from optbench.compiler.signatures import Kind

Reals1 = Annotated[np.ndarray, Kind("real", 1)]
Reals2 = Annotated[np.ndarray, Kind("real", 2)]
Reals3 = Annotated[np.ndarray, Kind("real", 3)]
Reals4 = Annotated[np.ndarray, Kind("real", 4)]
Lanes2 = Annotated[np.ndarray, Kind("real", 2, layout="A")]
Given2 = Annotated[np.ndarray, Kind("real", 2, written=False)]
Doubles1 = Annotated[np.ndarray, Kind("float64", 1)]
Doubles2 = Annotated[np.ndarray, Kind("float64", 2)]
Wholes1 = Annotated[np.ndarray, Kind("int64", 1)]
Wholes2 = Annotated[np.ndarray, Kind("int64", 2)]
Shorts1 = Annotated[np.ndarray, Kind("int32", 1)]
Shorts2 = Annotated[np.ndarray, Kind("int32", 2)]
Shorts3 = Annotated[np.ndarray, Kind("int32", 3)]
Flags1 = Annotated[np.ndarray, Kind("boolean", 1)]
Whole = Annotated[int, Kind("int64")]
Double = Annotated[float, Kind("float64")]
Flag = Annotated[bool, Kind("boolean")]


class GradientArguments(NamedTuple):
    """A problem's ``value_and_gradient``: writes g and f."""

    w: Reals2
    """In the problem's form, like g."""
    g: Reals2
    f: Reals1
    """(runs,)"""
    x: Reals2
    """(rows, features): the examples, (0, 0) where there are none; y (rows,)."""
    y: Reals1
    constants: Reals1
    layout: Wholes1
    """The problem's integers."""
    work: Reals1
    """Scratch, as much as the problem's ``work(rows, runs)`` asks for."""
    first: Whole
    """The lanes of a call in single form: from ``first`` to before ``last``; lanes form takes all."""
    last: Whole


class EvaluateArguments(NamedTuple):
    """A problem's ``evaluate``: writes loss and metrics. Arrays as in GradientArguments."""

    w: Reals2
    out: Reals2
    """(1 + k, runs) in lanes form, (runs, 1 + k) in single form."""
    x: Reals2
    y: Reals1
    constants: Reals1
    layout: Wholes1
    work: Reals1


class UpdateArguments(NamedTuple):
    """A rule's step of the lanes from ``first`` to before ``last``: writes w, state, scalars and powers."""

    w: Reals2
    """In the rule's order, like g."""
    g: Reals2
    state: Reals3
    """(k, *w.shape): the slots of one number a parameter, and the memory of a rule on matrices."""
    scalars: Reals2
    """(rows, runs): what is constant along the parameters: the rate, the hyperparameters, then the sums of the block
    at hand, then the shared slots."""
    powers: Doubles2
    """(powers, runs): the running products beta^t."""
    blocks: Wholes2
    """(blocks, 8): of each parameter block its first and last parameter, rows, columns, the first and last number of
    its memory, its role, and the number of its first parameter among those of the run."""
    t: Whole
    """The step, from 1."""
    first: Whole
    last: Whole


class DriveArguments(NamedTuple):
    """Steps of a cohort's lanes: those of a problem's gradient and a rule's update, whose arrays these are."""

    w: Reals2
    """In the problem's form, like g."""
    g: Reals2
    f: Reals1
    w_rows: Reals2
    """w and g in the rule's order: the same memory, so that nothing may be promised about who shares what."""
    g_rows: Reals2
    state: Reals3
    scalars: Reals2
    powers: Doubles2
    blocks: Wholes2
    factors: Doubles2
    """(schedules, steps): of each step after ``done``, of which ``skip`` are made already."""
    base: Doubles1
    """(runs,): a lane's rate is this times the factor of its schedule."""
    schedule_of: Wholes1
    """(runs,): which row of ``factors``."""
    limit: Reals1
    """(runs,): the largest loss that is no divergence yet."""
    alive: Flags1
    """(runs,), like diverged_at: written where a lane diverges, with the step at which it did."""
    diverged_at: Wholes1
    x: Reals2
    """All examples, and y theirs."""
    y: Reals1
    order: Shorts2
    """(steps, B): the examples of each mini-batch, or (0, 0) for the full batch."""
    sizes: Wholes1
    """(steps,): how many of B each step takes."""
    x_batch: Reals2
    """(B, features) and (B,): where a step's mini-batch is put together."""
    y_batch: Reals1
    constants: Reals1
    layout: Wholes1
    work: Reals1
    done: Whole
    """Steps made before this chunk, and of the chunk (``sizes``, ``order`` and what stages draw begin behind them)."""
    skip: Whole
    single: Flag
    """True for a problem in single form."""
    inner: Wholes1
    """(p,): steps of the cohort's, in order, behind which the lanes are seen."""
    seen: Reals4
    """(p or more, 2 or 3, *w.shape): behind each of these first w, last g, before it ``reported``."""
    seen_f: Reals2
    reported: Reals2
    """The iterate that is evaluated, in w's shape; w itself where the rule reports nothing else."""


class StageArguments(NamedTuple):
    """What stages take of a cohort's loop besides, which has those that its own ones ask for.

    On a GPU what is drawn for each step, the fields with an axis of steps, has one more before it, of members.
    """

    at: Reals2
    """Where gradients are taken, in the problem's form: w less the step's row of ``path``, which is written there."""
    path: Reals2
    """(steps, dim): how far the objective has moved before each step."""
    noise: Reals2
    """(steps, dim + 1): what every lane's gradient is multiplied with stands last, and is added to it before."""
    stress: Reals2
    """(steps, 2 dim): factors of every lane's gradient and, behind them, terms, in its unit."""
    unit: Reals1
    """(runs,): written at the first step, the root mean square of the lane's gradient."""
    late: Reals3
    """(delay, *w.shape): the last gradients, if rules see them late."""
    levels: Double
    """Steps from 0 to the largest coordinate to which a gradient is rounded."""
    labels_each: Whole
    """Labels of an example, for a rule that asks for their number."""
    second_every: Whole
    """The steps from one second gradient to the next, of which step 1 takes one."""
    point_scalars: Reals2
    """Those of the kernel that finds the point of the second gradient."""
    point: Reals2
    """That point, in the problem's form; point_rows the same in the rule's order."""
    point_rows: Reals2
    ahead: Reals2
    """The slot for the second gradient, in the problem's form."""
    f_ahead: Reals1
    """(runs,): the loss there, which nobody reads."""
    labels: Reals2
    """(steps, B): in the place of y there, where labels are drawn from the model's predictions."""


class ThreadUpdateArguments(NamedTuple):
    """A rule's step of the one lane ``r`` of a GPU's thread, inside StepsArguments' kernel."""

    w: Reals1
    """(dim,), like g: the lane's own."""
    g: Reals1
    state: Reals3
    """(k, dim, runs), like the rest as in UpdateArguments; or the lane's own, of one run."""
    scalars: Reals2
    powers: Doubles2
    blocks: Wholes2
    t: Whole
    r: Whole


class StepsArguments(NamedTuple):
    """Steps of many cohorts' lanes on a GPU, a thread a lane. Beside what is said here as in DriveArguments."""

    w: Reals2
    """(dim, lanes), like g; neighboring lanes are neighbors in memory."""
    g: Reals2
    f: Reals1
    norm: Reals1
    """(lanes,): the gradient's norm at the last step."""
    state: Reals3
    """(k, dim, lanes)"""
    scalars: Reals2
    powers: Doubles2
    work: Reals2
    """(numbers, lanes): each lane's scratch."""
    blocks: Wholes2
    factors: Doubles2
    """(schedules, steps)"""
    base: Doubles1
    schedule_of: Shorts1
    member: Shorts1
    """(lanes,): which cohort a lane belongs to."""
    limit: Reals1
    alive: Flags1
    diverged_at: Wholes1
    x: Reals2
    y: Reals1
    x_batch: Reals4
    """(members, steps, B, features): gathered before; y_batch (members, steps, B)."""
    y_batch: Reals3
    sizes: Wholes1
    constants: Reals1
    layout: Wholes1
    done: Whole


class AssessArguments(NamedTuple):
    """Loss and metrics of all lanes on a GPU, a thread a lane. Arrays as in StepsArguments."""

    w: Reals2
    reported: Reals2
    """(dim, lanes): what is evaluated, w or what the rule reports instead."""
    g: Reals2
    """Scratch here."""
    work: Reals2
    out: Doubles2
    """(1 + k, lanes)"""
    good: Flags1
    """(lanes,): whether all of w and reported is finite."""
    x: Reals2
    y: Reals1
    constants: Reals1
    layout: Wholes1
