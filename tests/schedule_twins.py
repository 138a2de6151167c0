"""Naive twins of the schedules: one step at a time, in plain Python, from the paper or the documentation.

A twin never imports optbench. It is `twin(t, epoch, total, *, parameters) -> factor`: t counts steps from 1, `epoch`
is the number of passes completed before that step, `total` the length of the run. Points of the run that are given
as fractions are exact decimals here (`exact`), so that 0.3 of 10 steps are 3 without any rounding. A wrapper's twin
takes the inner twin, `twin(t, epoch, total)`, in front.
The defaults are stated here a second time on purpose: a changed default in the package must show in a test.
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


def factors(name, steps, epochs, total, **parameters):
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


def staircase(t, epoch, total, *, factor=0.5, epochs=10.0, steps=0.0):
    """One factor more each time that the next multiple of `epochs` (or of `steps`, where it is not 0) is made."""
    made, size = (t - 1, exact(steps)) if steps else (epoch, exact(epochs))
    rate, next_drop = 1.0, size
    while made >= next_drop:
        rate, next_drop = rate * factor, next_drop + size
    return rate


def step(t, epoch, total, *, factor=0.1, every=0.3):
    """StepLR, with a step size of every * total."""
    return staircase(t, epoch, total, factor=factor, steps=float(exact(every) * total))


def multi_step(t, epoch, total, *, factor=0.1, milestones=(0.5, 0.75)):
    """MultiStepLR: times the factor at each milestone."""
    rate = 1.0
    for milestone in milestones:
        if t - 1 >= exact(milestone) * total:
            rate *= factor
    return rate


def table(t, epoch, total, *, factors=(1.0, 0.5, 0.25), at=()):
    """Return one factor per epoch, the last one for all that follow; or the one between two breakpoints."""
    if not at:
        return factors[epoch] if epoch < len(factors) else factors[-1]
    for point, factor in zip(at, factors, strict=False):
        if t - 1 < exact(point) * total:
            return factor
    return factors[-1]


def linear(t, epoch, total, *, start=1.0, end=0.0, fraction=1.0):
    """LinearLR over the first `fraction` of the run: the same difference at each step."""
    length = fraction * total
    return end if t - 1 >= length else start + (end - start) * (t - 1) / length


def polynomial(t, epoch, total, *, power=0.9, final=0.0):
    """DeepLab's "poly" (1 - iter / max_iter)^power, above a floor."""
    return (1 - final) * math.pow(1 - (t - 1) / total, power) + final


def cosine(t, epoch, total, *, final=0.0):
    """Loshchilov and Hutter 2017, eq. 5, for one period of the length of the run."""
    return final + 0.5 * (1 - final) * (1 + math.cos((t - 1) / total * math.pi))


def cosine_restarts(t, epoch, total, *, cycles=3.0, multiplier=2.0, final=0.0):
    """Loshchilov and Hutter 2017, eq. 5: T_cur steps of T_i are made; T_i grows by T_mult at each restart."""
    whole, growth = int(cycles), exact(multiplier)
    in_first_cycles = sum(growth**k for k in range(whole)) + (exact(cycles) - whole) * growth**whole
    length = total / in_first_cycles
    current = Fraction(t - 1)
    while current >= length:
        current, length = current - length, length * growth
    return final + 0.5 * (1 - final) * (1 + math.cos(math.pi * float(current / length)))


def _smith(t, total, cycles):
    """Smith 2017, section 3.1, his code: (cycle from 1, max(0, 1 - x)) after t - 1 iterations."""
    iterations, stepsize = t - 1, Fraction(total) / exact(cycles) / 2
    cycle = math.floor(1 + iterations / (2 * stepsize))
    x = abs(iterations / stepsize - 2 * cycle + 1)
    return cycle, float(max(0, 1 - x))


def triangular(t, epoch, total, *, cycles=4.0, low=0.25, shrink=1.0):
    """Smith 2017: triangular; with shrink = 1/2, the difference cut in half after each cycle, triangular2."""
    cycle, height = _smith(t, total, cycles)
    return low + (1 - low) * height * shrink ** (cycle - 1)


def exp_range(t, epoch, total, *, cycles=4.0, low=0.25, final=0.1):
    """Smith 2017: the height times gamma^iteration, with gamma^total = final."""
    gamma = math.exp(math.log(final) / total)
    return low + (1 - low) * _smith(t, total, cycles)[1] * gamma ** (t - 1)


def one_cycle(t, epoch, total, *, peak=0.3, start=0.04, final=4e-6, tail=0.0, anneal="cosine"):
    """Smith and Topin 2018: up to the peak, down again, and with a tail far down in the last part."""

    def between(a, b, part):
        return a + (b - a) * part if anneal == "linear" else b + (a - b) * (1 + math.cos(math.pi * part)) / 2

    x = (t - 1) / total
    if x < peak:
        return between(start, 1.0, x / peak)
    if not tail:
        return between(1.0, final, (x - peak) / (1 - peak))
    if x < 1 - tail:
        return between(1.0, start, (x - peak) / (1 - tail - peak))
    return between(start, final, (x - 1 + tail) / tail)


def inverse_sqrt(t, epoch, total, *, fraction=0.04, steps=0.0):
    """Vaswani et al. 2017, eq. 3, min(t^-0.5, t warmup^-1.5), over its largest value, which is at t = warmup."""
    n = max(1, _whole(steps or exact(fraction) * total))
    return min(t**-0.5, t * n**-1.5) / n**-0.5


def warmup_stable_decay(t, epoch, total, *, warmup=0.1, decay=0.2, final=0.0, power=1.0):
    """Hu et al. 2024: s / W, then 1, then the decay; the decay's shape as in Haegele et al. 2024."""
    n, begin = _whole(exact(warmup) * total), (1 - exact(decay)) * total
    factor = t / n if t < n else 1.0
    if t - 1 > begin:
        part = float((t - 1 - begin) / (total - begin))
        factor *= 1 - (1 - final) * part**power
    return factor


def _whole(length):
    """Rounded to a whole number, a half upward."""
    return math.floor(length + Fraction(1, 2))


def warmup(inner, t, epoch, total, *, fraction=0.1, steps=0.0, start=0.0):
    """n equal increments up to the inner schedule's first factor, then the inner schedule with n steps fewer."""
    n = _whole(steps or exact(fraction) * total)
    if t > n:
        return inner(t - n, epoch, total - n)
    return (start + (1 - start) * t / n) * inner(1, epoch, max(total - n, 1))


SCHEDULES = {
    twin.__name__: twin
    for twin in (
        constant, inverse, exponential, sqrt_epoch, sqrt_step, staircase, step, multi_step, table, linear, polynomial,
        cosine, cosine_restarts, triangular, exp_range, one_cycle, inverse_sqrt, warmup_stable_decay,
    )
}  # fmt: skip
WRAPPERS = {"warmup": warmup}
