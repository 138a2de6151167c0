"""What a side is found to do when it is asked in the right way: no name and no source is read.

Gradients of one size and of either sign leave an adaptive rule's scale as it is, so that its step is linear in them.
Flipping one sign then shows how much each earlier gradient counts in each step, which says most of what can be said.
"""

from dataclasses import dataclass, replace

import numpy as np

from optbench.checks.against.sides import Side
from optbench.contract.errors import OptbenchError

STEPS = 12
"""Over which memory is looked at."""
# Rate: any: weights are put back after each step
RATE = 0.01
# Gradient: an eps of 0.1 changes the step by 1e-9, and a beta2 of 0.999 is measured to 1e-7
LARGE = 1e8
"""A gradient so large that no eps is seen."""
TINY = 1e-40
"""One so small that only eps is seen, and whose square is a number still."""
MATRIX = ((2, 3),)
"""On which sides are asked that take no vectors."""
_ROUGH = 1e-7
"""How exactly a memory of squares is measured."""
SEEN = 1e-13
"""What a change of a weight of 1 must exceed to be more than rounding."""
EPS_STEPS = (1, 2, 5, 12)
"""At which eps is looked for: the last one is that of STEPS."""


@dataclass
class Decay:
    """How the weights themselves enter a step."""

    kind: str
    """"none", "coupled" (in the gradient), "decoupled", "either" (no state could tell), or "scale"."""
    value: float = 0.0
    """What the weight is multiplied by, before the rate."""
    with_rate: bool = True
    """Whether a decoupled one is multiplied by the rate."""
    shrinks: float = 0.0
    """The part of itself that a weight loses in a step at RATE where the gradient is 0; of one that is not coupled."""


@dataclass
class Probe:
    """What was measured of one side."""

    degree: float
    """The power of a large gradient with which a step grows: 1 for gradient descent, 0 for Adam."""
    small_degree: float
    """The same of a small one."""
    first_degree: float
    """The same of the first step on large ones."""
    weights: np.ndarray
    """(steps, steps): how much the gradient of step k counts in step t, over the rate; positive where it descends."""
    linear: bool
    """Whether these weights add up to the step."""
    beta2: float | None
    """How much the square of the last gradient but one counts beside that of the last; None for degree 1."""
    after_small: float | None
    """The same where the last is almost 0: another number where the scale does not fall when gradients do."""
    eps: np.ndarray
    """The gradient at which eps takes over, at some steps; 0 where there is none."""
    eps_curve: float
    """Denominator over eps where the gradient is as large: 2 outside the root, sqrt(2) inside."""
    decay: Decay
    rate_inside: bool
    """Whether an earlier step's rate counts in a later step."""
    neighbours: str
    """On whom a weight's step depends besides itself: "", "block" or "all"."""
    drift: float
    """How a weight of 0 moves at the first step, over the rate, where the gradient is 0."""


@np.errstate(all="ignore")
def steps(
    side: Side, gradients: np.ndarray, rates: np.ndarray | float = RATE, weights: np.ndarray | float = 0.0
) -> np.ndarray:
    """The change of a weight in each step, where it stands at ``weights`` (steps,) before it whatever came before.

    gradients: (steps,).
    """
    gradients = np.asarray(gradients, float)
    rates, weights = np.broadcast_to(rates, gradients.shape), np.broadcast_to(weights, gradients.shape)
    dim = int(np.prod(side.asked_on[0]))
    walker, out = side.start(side.asked_on), np.empty(len(gradients))
    for i, g in enumerate(gradients):
        w = np.full(dim, weights[i])
        out[i] = (walker.step(w, np.full(dim, g), float(rates[i])) - w)[0]
    return out


def probe_both(a: Side, b: Side) -> tuple[Probe, Probe]:
    """Ask both on one number, or where one takes no vectors, on a matrix. Raises OptbenchError where that fails."""
    try:
        return probe(a), probe(b)
    except OptbenchError:
        return probe(replace(a, asked_on=MATRIX)), probe(replace(b, asked_on=MATRIX))


def probe(side: Side) -> Probe:
    """Ask a side all questions. Raises OptbenchError where it takes no such block."""
    ones = np.ones(STEPS)
    base = steps(side, LARGE * ones)
    degree = _degree(side, LARGE)
    scale = -RATE * (LARGE if round(degree) == 1 else 1.0)
    counted = np.zeros((STEPS, STEPS))
    for k in range(STEPS):
        flipped = LARGE * ones
        flipped[k] = -LARGE
        counted[k:, k] = ((base - steps(side, flipped)) / (2 * scale))[k:]
    total = counted.sum(axis=1)
    linear = bool(np.isfinite(total).all()) and bool(
        np.allclose(total, base / scale, rtol=1e-6, atol=1e-9 * np.abs(total).max())
    )
    beta2, small, eps, curve = None, None, np.zeros(len(EPS_STEPS)), 0.0
    if round(degree) == 0 and linear:
        beta2, small = _memory_of_squares(side, counted)
        eps, curve = _eps(side, base)
    drift = float(np.nan_to_num(steps(side, np.zeros(1))[0])) / RATE
    later = steps(side, LARGE * ones[:3], np.array([2 * RATE, RATE, RATE]))[1:]
    inside = not np.allclose(later, base[1:3], rtol=1e-6, atol=0)
    return Probe(
        degree, _degree(side, 1e-3), _degree(side, LARGE, 1), counted, linear, beta2, small, eps, curve,
        _decay(side, degree), inside, _neighbours(side), drift,
    )  # fmt: skip


def _degree(side: Side, size: float, count: int = STEPS) -> float:
    one, ten = (float(steps(side, np.full(count, s * size))[-1]) for s in (1.0, 10.0))
    with np.errstate(all="ignore"):
        return float(np.nan_to_num(np.log10(np.abs(ten / one)), nan=0.0, posinf=9.0, neginf=-9.0)) if one else 9.0


def _memory_of_squares(side: Side, counted: np.ndarray) -> tuple[float | None, float | None]:
    """beta2 from a larger gradient behind a smaller one, and from hardly any behind it; None where it is no average."""

    def beta2(ratio: float) -> float:
        change = abs(float(steps(side, LARGE * np.array([1.0, ratio]))[1]))
        along = counted[1, 0] + counted[1, 1] * ratio
        with np.errstate(all="ignore"):
            last = ((RATE * along / change) ** 2 - 1) / (ratio**2 - 1)
            found = float((1 - last) / last)
        return 1.0 if abs(found - 1) < _ROUGH else found

    one, other = beta2(3.0), beta2(2.0)
    if not 0 <= one <= 1 or not np.isclose(one, other, rtol=1e-4, atol=_ROUGH):
        return None, None
    return one, beta2(1e-3)


def _eps(side: Side, base: np.ndarray) -> tuple[np.ndarray, float]:
    """Where the step of equal small gradients turns from the rate's length to one in proportion to them."""
    at = np.array(EPS_STEPS) - 1
    tiny = np.abs(steps(side, np.full(STEPS, TINY)))[at]
    with np.errstate(all="ignore"):
        limits = np.abs(base[at]) * TINY / tiny
    limits = np.where(np.isfinite(limits) & (limits > 1e3 * TINY), limits, 0.0)
    if not limits[0]:
        return limits, 0.0
    there = abs(float(steps(side, np.array([limits[0]]))[0]))
    return limits, abs(base[0]) / there if there else 0.0


def _decay(side: Side, degree: float) -> Decay:
    def change(w: float, g: float, rate: float = RATE) -> float:
        return float(steps(side, np.array([g]), rate, w)[0])

    gradients = np.array([1.0, 3.0])
    first, second = steps(side, gradients, RATE, np.array([1.0, 0.0])) - steps(side, gradients)
    drift = change(0.0, 0.0)
    still = change(1.0, 0.0) - drift
    seen = SEEN * (1 + abs(still))
    if not max(abs(first), abs(second), abs(still)) > seen:
        return Decay("none")
    remembered = abs(second) > seen
    mirrored = change(-1.0, 0.0) - drift
    if abs(still + mirrored) > 1e-6 * abs(still) + seen or (not still and not remembered):
        return Decay("scale")
    memory = steps(side, gradients)[1] != steps(side, np.array([2.0, 3.0]))[1]
    if round(degree) == 1 and not memory:
        value = still / change(0.0, 1.0)
        if abs(change(1.0, 0.0, 2 * RATE) - 2 * still) < 1e-6 * abs(still) + seen:
            return Decay("either", value, shrinks=-still)
        return Decay("decoupled", -still, False, -still)
    if remembered:
        return Decay("coupled", _balance(change))
    if abs(change(2.0, LARGE) - change(0.0, LARGE) - 2 * still) > 1e-6 * abs(still) + seen * LARGE:
        return Decay("scale")  # a trust ratio: the step's length goes with the weights'
    doubled = change(1.0, 0.0, 2 * RATE)
    with_rate = abs(doubled - 2 * still) < abs(doubled - still)
    return Decay("decoupled", -still / (RATE if with_rate else 1.0), with_rate, -still)


def _balance(change) -> float:
    """The decay in the gradient of a weight of 1: minus the gradient that holds it where it is."""
    low, high = -12.0, 3.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if change(1.0, -(10.0**middle)) * change(0.0, -1.0) > 0 else (middle, high)
    return 10.0**low


@np.errstate(all="ignore")
def _neighbours(side: Side) -> str:
    """Whether another weight's gradient changes a weight's step."""
    for name, shapes in (("all", ((1,), (1,))), ("block", ((2,),))):
        try:
            alone, other = side.start(shapes), side.start(shapes)
            w = np.zeros(2)
            ways = [each.step(w, np.array([LARGE, g]), RATE)[0] for each, g in ((alone, LARGE), (other, 3 * LARGE))]
        except OptbenchError:
            return ""
        if not np.isclose(*ways, rtol=1e-9, atol=0):
            return name
    return ""
