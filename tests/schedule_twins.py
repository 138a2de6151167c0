"""Naive twins of the schedules that no library has, and of the lecture's: one step at a time, in plain Python.

A twin never imports optbench. It is `twin(t, epoch, total, *, parameters) -> factor`: t counts steps from 1, `epoch`
is the number of passes completed before that step, `total` the length of the run. Points of the run that are given
as fractions are exact decimals here (`exact`), so that 0.3 of 10 steps are 3 without any rounding.
"""

import math
from fractions import Fraction

import numpy as np


def completed_epochs(count, steps_per_epoch):
    """Passes over the data completed before each of the steps 1..count, counted one by one."""
    epochs, epoch, seen = [], 0, 0
    for _ in range(count):
        epochs.append(epoch)
        seen += 1
        if seen == steps_per_epoch:
            epoch, seen = epoch + 1, 0
    return epochs


def factors(name, steps, epochs, total, /, **parameters):
    """Return the twin's factors of all the steps, (steps,)."""
    return np.array([SCHEDULES[name](t, e, total, **parameters) for t, e in zip(steps, epochs, strict=True)])


def exact(number):
    """Return the decimal number that was typed."""
    return Fraction(repr(float(number)))


def constant(t, epoch, total):
    """Factor 1 at every step."""
    return 1.0


def inverse(t, epoch, total, *, decay_rate=1.0):
    """1 / (1 + decay_rate * epoch) (lecture D2)."""
    return 1.0 / (1.0 + decay_rate * epoch)


def exponential(t, epoch, total, *, base=0.95):
    """Return the rate times the base after every epoch (lecture D2)."""
    factor = 1.0
    for _ in range(epoch):
        factor *= base
    return factor


def sqrt_epoch(t, epoch, total, *, k=1.0):
    """k / sqrt(epoch) (lecture D2); epoch 0, where it is undefined, takes the factor of epoch 1."""
    return k if epoch == 0 else k / math.sqrt(epoch)


def sqrt_step(t, epoch, total, *, k=1.0):
    """k / sqrt(t), t the number of the mini-batch (lecture D2)."""
    return k / math.sqrt(t)


def inverse_sqrt(t, epoch, total, *, fraction=0.04, steps=0.0):
    """Vaswani et al. 2017, eq. 3, min(t^-0.5, t warmup^-1.5), over its largest value, which is at t = warmup."""
    n = max(1, _whole(steps or exact(fraction) * total))
    return min(t**-0.5, t * n**-1.5) / n**-0.5


def _whole(length):
    """Return a length rounded to a whole number, a half upward."""
    return math.floor(length + Fraction(1, 2))


SCHEDULES = {twin.__name__: twin for twin in (constant, inverse, exponential, sqrt_epoch, sqrt_step, inverse_sqrt)}
