"""Rates that go smoothly from one value to another over the run.

All are functions of the fraction of the run that is made before step t, x = (t - 1) / total_steps: the first step
has x = 0, and x = 1 is the end, as in PyTorch and optax.
"""

import numpy as np

from optbench import schedule


@schedule(
    source="torch.optim.lr_scheduler.LinearLR; optax.linear_schedule",
    limits={"start": "[0, inf)", "end": "[0, inf)", "fraction": "(0, 1]"},
    equals={
        "torch": (
            "LinearLR(start_factor=start, end_factor=end, total_iters=total_steps) if fraction == 1 and 0 < "
            "start <= 1 and end <= 1"
        ),
        "optax": "linear_schedule(lr * start, lr * end, transition_steps=total_steps) if fraction == 1",
        "keras": "PolynomialDecay(lr * start, decay_steps=total_steps, end_learning_rate=lr * end) if fraction == 1",
    },
    start=1.0,
    end=0.0,
    fraction=1.0,
)
def linear(step, epoch, total_steps, start, end, fraction):
    """start + (end - start) * min(x / fraction, 1): a straight line over the first ``fraction`` of the run."""
    x = (step - 1) / total_steps
    return start + (end - start) * np.minimum(x / fraction, 1.0)


@schedule(
    source="Chen et al. 2018 (DeepLab), section 4.1; torch.optim.lr_scheduler.PolynomialLR",
    limits={"power": "(0, inf)", "final": "[0, inf)"},
    equals={
        "torch": "PolynomialLR(total_iters=total_steps, power=power) if final == 0",
        "optax": "polynomial_schedule(lr, lr * final, power=power, transition_steps=total_steps)",
        "keras": "PolynomialDecay(lr, decay_steps=total_steps, end_learning_rate=lr * final, power=power)",
    },
    power=0.9,
    final=0.0,
)
def polynomial(step, epoch, total_steps, power, final):
    """final + (1 - final) * (1 - x) ^ power."""
    x = (step - 1) / total_steps
    return final + (1.0 - final) * (1.0 - x) ** power


@schedule(
    source="Loshchilov & Hutter 2017, eq. 5, a single period; torch.optim.lr_scheduler.CosineAnnealingLR",
    limits={"final": "[0, inf)"},
    equals={
        "torch": (
            "CosineAnnealingLR(T_max=total_steps) if final == 0 "
            "else CosineAnnealingLR(T_max=total_steps, eta_min=lr * final)"
        ),
        "optax": "cosine_decay_schedule(lr, decay_steps=total_steps, alpha=final)",
        "keras": "CosineDecay(lr, decay_steps=total_steps, alpha=final)",
    },
    final=0.0,
)
def cosine(step, epoch, total_steps, final):
    """final + (1 - final) * (1 + cos(pi x)) / 2: half a wave, down to the factor ``final``."""
    x = (step - 1) / total_steps
    return final + (1.0 - final) * 0.5 * (1.0 + np.cos(np.pi * x))
