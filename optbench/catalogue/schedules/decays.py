"""The lecture's learning-rate schedules (D2), as factors on the base rate.

``step`` is the mini-batch number t, from 1. ``epoch`` is the number of completed passes: 0 during the first one,
as in PyTorch and Keras.
"""

import numpy as np

from optbench import schedule


@schedule(source="lecture D1")
def constant(step, epoch, total_steps):
    """1: the rate stays as it is."""
    return np.ones(len(step))


@schedule(
    source="lecture D2",
    limits={"decay_rate": "[0, inf)"},
    equals={"keras": "InverseTimeDecay(lr, decay_steps=steps_per_epoch, decay_rate=decay_rate, staircase=True)"},
    decay_rate=1.0,
)
def inverse(step, epoch, total_steps, decay_rate):
    """1 / (1 + decay_rate * epoch)."""
    return 1.0 / (1.0 + decay_rate * epoch)


@schedule(
    source="lecture D2; torch.optim.lr_scheduler.ExponentialLR",
    limits={"base": "(0, inf)"},
    equals={
        "torch": "StepLR(step_size=steps_per_epoch, gamma=base)",
        "optax": "exponential_decay(lr, transition_steps=steps_per_epoch, decay_rate=base, staircase=True)",
        "keras": "ExponentialDecay(lr, decay_steps=steps_per_epoch, decay_rate=base, staircase=True)",
    },
    base=0.95,
)
def exponential(step, epoch, total_steps, base):
    """base ^ epoch."""
    return base ** np.asarray(epoch, dtype=float)


@schedule(source="lecture D2", limits={"k": "(0, inf)"}, k=1.0)
def sqrt_epoch(step, epoch, total_steps, k):
    """k / sqrt(epoch).

    At epoch 0 the formula has no value: the first pass runs at k, like the second, so that every later epoch
    has exactly the lecture's rate.
    """
    return k / np.sqrt(np.maximum(epoch, 1))


@schedule(source="lecture D2", limits={"k": "(0, inf)"}, k=1.0)
def sqrt_step(step, epoch, total_steps, k):
    """k / sqrt(t), with t the mini-batch number from 1."""
    return k / np.sqrt(step)
