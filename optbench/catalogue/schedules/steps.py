"""Rates that drop in steps, and tables of factors.

Points of the run are fractions of ``total_steps``, so that one setting serves runs of any length; only
``staircase`` and the plain ``table`` count epochs. A drop at the fraction p applies once p * total_steps steps are
made: it is first felt by the step behind them.
"""

import itertools

import numpy as np

from optbench import schedule

_SLACK = 1e-6
"""A point this near counts as reached: 0.3 * 10 steps are 3, whatever the rounding."""


def _ascending(points):
    """Return True if every point is larger than the one before."""
    return all(a < b for a, b in itertools.pairwise(points))


@schedule(
    source="torch.optim.lr_scheduler.StepLR; optax.exponential_decay(staircase=True)",
    limits={"factor": "(0, inf)", "epochs": "(0, inf)", "steps": "[0, inf)"},
    equals={
        "torch": (
            "StepLR(step_size=int(epochs) * steps_per_epoch, gamma=factor) if steps == 0 and epochs % 1 == 0 "
            "else StepLR(step_size=int(steps), gamma=factor) if steps > 0 and steps % 1 == 0"
        ),
        "optax": (
            "exponential_decay(lr, int(epochs) * steps_per_epoch, factor, staircase=True) if steps == 0 and "
            "epochs % 1 == 0 else exponential_decay(lr, int(steps), factor, staircase=True) if steps > 0 and "
            "steps % 1 == 0"
        ),
        "keras": (
            "ExponentialDecay(lr, int(epochs) * steps_per_epoch, factor, staircase=True) if steps == 0 and "
            "epochs % 1 == 0 else ExponentialDecay(lr, int(steps), factor, staircase=True) if steps > 0 and "
            "steps % 1 == 0"
        ),
    },
    factor=0.5,
    epochs=10.0,
    steps=0.0,
)
def staircase(step, epoch, total_steps, factor, epochs, steps):
    """factor ^ floor(epoch / epochs), or factor ^ floor((t - 1) / steps) where steps is not 0.

    The rate drops every so many epochs (or steps, both absolute counts).
    """
    return factor ** np.floor((step - 1 + _SLACK) / steps if steps else (epoch + _SLACK) / epochs)


@schedule(
    source="torch.optim.lr_scheduler.StepLR", limits={"factor": "(0, inf)", "every": "(0, 1]"}, factor=0.1, every=0.3
)
def step(step, epoch, total_steps, factor, every):
    """factor ^ floor((t - 1) / (every * total_steps)).

    The rate drops each time that the fraction ``every`` of the run has passed.
    """
    return factor ** np.floor((step - 1 + _SLACK) / (every * total_steps))


@schedule(
    source="He et al. 2016, section 4.2; torch.optim.lr_scheduler.MultiStepLR",
    limits={"factor": "(0, inf)", "milestones": "(0, 1)"},
    check=lambda milestones, **_: None if _ascending(milestones) else f"{milestones=} must ascend",
    equals={"torch": "MultiStepLR(milestones=[math.ceil(p * total_steps - 1e-6) for p in milestones], gamma=factor)"},
    factor=0.1,
    milestones=(0.5, 0.75),
)
def multi_step(step, epoch, total_steps, factor, milestones):
    """factor ^ (milestones passed); the milestones are fractions of total_steps, and ascend."""
    return factor ** _passed(step, total_steps, milestones)


def _misfit(factors, at):
    """Return the message about factors and breakpoints that do not go together; None if they do."""
    if not factors:
        return "factors must not be empty"
    if not _ascending(at):
        return f"{at=} must ascend"
    if at and len(factors) != len(at) + 1:
        return f"{len(at)} breakpoints need {len(at) + 1} factors, got {len(factors)}"
    return None


@schedule(
    source="manual decay; optax.piecewise_constant_schedule",
    limits={"factors": "[0, inf)", "at": "(0, 1)"},
    check=_misfit,
    factors=(1.0, 0.5, 0.25),
    at=(),
)
def table(step, epoch, total_steps, factors, at):
    """factors[epoch], the last one from then on; or, with breakpoints, factors[breakpoints passed].

    The breakpoints ``at`` are fractions of total_steps, ascend, and are one fewer than the factors.
    """
    row = _passed(step, total_steps, at) if at else np.minimum(epoch, len(factors) - 1)
    return np.array(factors)[np.asarray(row, dtype=int)]


def _passed(step, total_steps, fractions):
    """Return, for each step, how many of the ascending ``fractions`` of the run it is beyond."""
    return np.searchsorted(np.array(fractions) * total_steps, step - 1 + _SLACK, side="right")
