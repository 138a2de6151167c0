"""Warm-up: around any schedule, and in the two schedules that have their own.

A warm-up is a ramp t / n over n whole steps. It counts steps from 1, so that no step is lost at rate 0. n is a
fraction of ``total_steps``, rounded, unless an absolute number of steps is given.
"""

import numpy as np

from optbench import schedule, schedule_wrapper


def _length(total_steps, fraction, steps=0.0):
    """Return the number of steps of the warm-up, rounded: ``steps``, or the fraction of total_steps where that is 0."""
    return int((steps or fraction * total_steps) + 0.5)


def _ramp(step, length):
    """Return min(step / length, 1); always 1 for a length of 0."""
    return np.minimum(step / max(length, 1), 1.0)


@schedule_wrapper(
    source="Goyal et al. 2017, section 2.2; Ma & Yarats 2021 (linear)",
    limits={"fraction": "[0, 1]", "steps": "[0, inf)", "start": "[0, 1]"},
    fraction=0.1,
    steps=0.0,
    start=0.0,
)
def warmup(inner, step, epoch, total_steps, fraction, steps, start):
    """start + (1 - start) * t / n for the first n steps, then the inner schedule over the steps that remain.

    n is ``steps``, or where that is 0 the ``fraction`` of total_steps. The inner schedule's steps begin behind the
    warm-up; its epochs are those of the run. During the warm-up the ramp multiplies its factor at its first step and
    at the run's epoch, so that nothing jumps where the two meet.
    """
    n = _length(total_steps, fraction, steps)
    own = inner(np.maximum(step - n, 1), epoch, max(total_steps - n, 1))
    return (start + (1.0 - start) * _ramp(step, n)) * own


@schedule(
    source="Vaswani et al. 2017, eq. 3, scaled to a peak of 1",
    limits={"fraction": "[0, 1]", "steps": "[0, inf)"},
    fraction=0.04,
    steps=0.0,
)
def inverse_sqrt(step, epoch, total_steps, fraction, steps):
    """min(t / n, sqrt(n / t)): up in a straight line for n steps, then down as the inverse root of the step.

    n is ``steps``, or where that is 0 the ``fraction`` of total_steps, and at least 1. The paper's 4,000 steps of
    100,000 are the default.
    """
    n = max(_length(total_steps, fraction, steps), 1)
    return np.minimum(step / n, np.sqrt(n / step))


@schedule(
    source="Hu et al. 2024 (MiniCPM), section 4; Haegele et al. 2024, section 3",
    limits={"warmup": "[0, 1]", "decay": "(0, 1]", "final": "[0, inf)", "power": "(0, inf)"},
    check=lambda warmup, decay, **_: (
        None if warmup + decay <= 1 else f"{warmup=} and {decay=} must add up to 1 at the most"
    ),
    warmup=0.1,
    decay=0.2,
    final=0.0,
    power=1.0,
)
def warmup_stable_decay(step, epoch, total_steps, warmup, decay, final, power):
    """t / n in the warm-up, then 1, and over the last fraction ``decay`` of the run 1 - (1 - final) * u ^ power.

    u is the fraction of the decay that is made. power = 1 is the straight line, 0.5 the `1-sqrt` of Haegele et al.
    """
    u = np.maximum((step - 1) / total_steps - (1.0 - decay), 0.0) / decay
    return _ramp(step, _length(total_steps, warmup)) * (1.0 - (1.0 - final) * u**power)
