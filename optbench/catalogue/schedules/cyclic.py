"""Rates that go up and down: warm restarts, cycles, one cycle.

Papers state cycles in steps or epochs; here ``cycles`` is how many fill the run, and points are fractions of
``total_steps``, so that one setting serves runs of any length. x = (t - 1) / total_steps is the fraction of the run
that is made before step t. The base rate is the highest one.
"""

import math

import numpy as np

from optbench import schedule

_SLACK = 1e-6
"""A cycle whose start is this near, in steps, has begun, whatever the rounding."""


@schedule(
    source="Loshchilov & Hutter 2017 (SGDR), eq. 5; torch.optim.lr_scheduler.CosineAnnealingWarmRestarts",
    limits={"cycles": "(0, 300]", "multiplier": "[1, 10]", "final": "[0, inf)"},
    cycles=3.0,
    multiplier=2.0,
    final=0.0,
)
def cosine_restarts(step, epoch, total_steps, cycles, multiplier, final):
    """final + (1 - final) * (1 + cos(pi u)) / 2, with u the fraction of the current cycle that is made.

    Each cycle is ``multiplier`` (the paper's T_mult) times as long as the one before, and ``cycles`` of them fill the
    run, which gives the first one's length T_0: total_steps / 7 for 3 cycles and multiplier 2. A part of a cycle
    counts for the last one: with 3.5 and multiplier 2 the run ends in the middle of the fourth, and T_0 is 1 / 11.
    """
    lengths = multiplier ** np.arange(math.ceil(cycles))
    lengths *= total_steps / (lengths.sum() - (len(lengths) - cycles) * lengths[-1])
    starts = np.cumsum(lengths) - lengths
    cycle = np.searchsorted(starts, step - 1 + _SLACK, side="right") - 1
    u = np.maximum(step - 1 - starts[cycle], 0.0) / lengths[cycle]
    return final + (1.0 - final) * 0.5 * (1.0 + np.cos(np.pi * u))


@schedule(
    source="Smith 2017, section 3.1; torch.optim.lr_scheduler.CyclicLR, modes triangular and triangular2",
    limits={"cycles": "(0, inf)", "low": "[0, 1]", "shrink": "(0, 1]"},
    cycles=4.0,
    low=0.25,
    shrink=1.0,
)
def triangular(step, epoch, total_steps, cycles, low, shrink):
    """low + (1 - low) * triangle * shrink ^ (cycles completed); triangle goes 0, 1, 0 in each cycle.

    shrink = 1 is the paper's `triangular`, 0.5 its `triangular2`. The paper advises 4 cycles and more, and low from
    1/4 to 1/3 (section 3.2 and 3.3).
    """
    completed, triangle = _triangle(step, total_steps, cycles)
    return low + (1.0 - low) * triangle * shrink**completed


@schedule(
    source="Smith 2017, section 3.1; torch.optim.lr_scheduler.CyclicLR, mode exp_range",
    limits={"cycles": "(0, inf)", "low": "[0, 1]", "final": "(0, 1]"},
    cycles=4.0,
    low=0.25,
    final=0.1,
)
def exp_range(step, epoch, total_steps, cycles, low, final):
    """low + (1 - low) * triangle * final ^ x: the peaks decay exponentially, by ``final`` over the run.

    The paper's factor per step, gamma, is final ^ (1 / total_steps).
    """
    _, triangle = _triangle(step, total_steps, cycles)
    return low + (1.0 - low) * triangle * final ** ((step - 1) / total_steps)


def _triangle(step, total_steps, cycles):
    """Return (cycles completed, height): the height is 0 where a cycle starts and ends, and 1 in its middle."""
    completed, phase = np.divmod(cycles * (step - 1) / total_steps, 1.0)
    return completed, 1.0 - np.abs(2.0 * phase - 1.0)


@schedule(
    source="Smith & Topin 2018; torch.optim.lr_scheduler.OneCycleLR; optax.linear_onecycle_schedule",
    limits={
        "peak": "(0, 1)", "start": "[0, 1]", "final": "[0, 1]", "tail": "[0, 1)", "anneal": ("cosine", "linear"),
    },
    check=lambda peak, tail, **_: None if peak + tail < 1 else f"{peak=} and {tail=} must add up to less than 1",
    peak=0.3,
    start=0.04,
    final=4e-6,
    tail=0.0,
    anneal="cosine",
)  # fmt: skip
def one_cycle(step, epoch, total_steps, peak, start, final, tail, anneal):
    """From ``start`` up to 1 at the fraction ``peak`` of the run, and down to ``final`` at its end.

    With a ``tail`` it comes down in two parts, as in the paper: to ``start``, and over the last fraction ``tail`` of
    the run to ``final``. Each part is half a cosine wave, or with anneal="linear" a straight line. The defaults are
    PyTorch's and optax's: 1/25 at the start, 1e-4 of that at the end. PyTorch has every point one step earlier, so
    that the last step, not the end of the run, is at ``final``.
    """
    at, factors = np.array([(0, start), (peak, 1), *([(1 - tail, start)] if tail else []), (1, final)]).T
    x = (step - 1) / total_steps
    part = np.searchsorted(at[1:-1], x, side="right")
    u = (x - at[part]) / (at[part + 1] - at[part])
    if anneal == "cosine":
        u = 0.5 * (1.0 - np.cos(np.pi * u))
    return factors[part] + (factors[part + 1] - factors[part]) * u
