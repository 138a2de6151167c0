"""Measure how an optimizer makes its steps, as a black box: no name and no source is read.

Gradients of one size and of either sign leave the scale of an adaptive rule as it is, so that its step is linear in
them. Flipping one sign then shows how much each earlier gradient counts in each step, which tells most of the rest.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product

import numpy as np

from optbench.checks.against.rollouts import Implementation
from optbench.contract.errors import OptbenchError

STEPS = 12
"""Steps over which the memory of a state is measured."""
# Rate: any: weights are put back after each step
RATE = 0.01
# Gradient: an eps of 0.1 changes the step by 1e-9, and a beta2 of 0.999 is measured to 1e-7
LARGE = 1e8
"""A gradient so large that no eps is seen."""
TINY = 1e-40
"""A gradient so small that only eps is seen, and whose square is still a number."""
MATRIX = ((2, 3),)
"""The block for optimizers that take no vectors."""
EPS_STEPS = (1, 2, 5, 12)
"""Steps at which eps is measured: the last one is STEPS."""
# Relative difference: the accuracy of a measured memory of squares
_SQUARES_ERROR = 1e-7
# Relative difference: between the measured factors of the largest mean square
_FALL_ERROR = 1e-4
# Change of a weight of 1: more than rounding
_VISIBLE = 1e-13
# Relative difference: between the rounding of a measured number and another formula
_FORMULA_ERROR = 1e-6


@dataclass
class Decay:
    """The effect of the weights themselves on a step."""

    kind: str
    """"none", "coupled" (in the gradient), "decoupled", "either" (no state could tell), or "scale"."""
    value: float = 0.0
    """The factor of the weight, before the rate."""
    with_rate: bool = True
    """True if decoupled decay is multiplied by the learning rate."""
    shrinks: float = 0.0
    """The part of itself that a weight loses in a step at RATE where the gradient is 0; not of a coupled one."""


@dataclass
class UpdateForm:
    """The parameters of a step of the usual kind: momentum, bias corrections, look-ahead, scale."""

    beta1: float
    """The factor by which an earlier gradient counts less with each step; 0 without momentum."""
    first: float
    """The extra factor of the first gradient."""
    ahead: np.ndarray
    """The extra factor of the last gradient, at each step: 1 without a look-ahead."""
    corrects_mean: bool | None
    """True if the average of gradients is bias-corrected; None without momentum."""
    corrects_squares: bool | None
    """The same for the average of squared gradients; None if there is no such average."""
    offset: int
    """The step that the corrections count, minus the step's number."""
    scale: float
    """The factor of a gradient in its own step, over the rate, without look-ahead and corrections."""
    gain: float
    """The length of a step on equal gradients, over the rate, in the long run."""

    @property
    def looks_ahead(self) -> bool:
        """True with Nesterov's momentum."""
        return bool(np.abs(self.ahead - 1).max() > _FORMULA_ERROR)


@dataclass
class Measurement:
    """The measurements of one optimizer."""

    name: str
    degree: float
    """The power of a large gradient with which a step grows: 1 for gradient descent, 0 for Adam."""
    small_degree: float
    """The same for a small gradient."""
    first_degree: float
    """The same for the first step on a large gradient."""
    weights: np.ndarray
    """(steps, steps): the factor of gradient k in step t, over the rate; positive where it descends."""
    linear: bool
    """True if these factors add up to the step."""
    beta2: float | None
    """The share of the square of the last gradient but one beside that of the last; None for degree 1."""
    largest_falls: float | None
    """The factor a step of the largest mean square so far where gradients are almost 0: 1 of AMSGrad, beta2 of a rule
    that keeps none; None if it is no constant, or there is no average."""
    largest_corrected: bool
    """True if the largest one is that of the bias-corrected averages."""
    eps: np.ndarray
    """The gradient at which eps takes over, at EPS_STEPS; 0 if there is none."""
    eps_curve: float
    """Denominator over eps where the gradient is as large: 2 outside the root, sqrt(2) inside, 1 of the larger one."""
    decay: Decay
    rate_in_state: bool
    """True if the learning rate of an earlier step influences a later step."""
    depends_on: str
    """The other weights on which a weight's step depends: "", "block" or "all"."""
    drift: float
    """The first step of a weight of 0 where the gradient is 0, over the rate."""
    coarse: bool = False
    """True if numbers are kept in float32, or in less: eps and beta2 are then measured to two digits."""

    @cached_property
    def form(self) -> UpdateForm | None:
        """The form of the update; None if it is not of the usual kind."""
        return _fit_update_form(self)

    @property
    def eps_place(self) -> str:
        """The place of eps in the formula."""
        if abs(self.eps_curve - 2) < 1e-3:
            return "outside the root"
        if abs(self.eps_curve - 1) < 1e-3:
            return "as the least denominator"
        return "inside the root" if abs(self.eps_curve - np.sqrt(2)) < 1e-3 else "in the denominator"

    @property
    def eps_written(self) -> np.ndarray:
        """The measured eps beside the squares of the formula: with the bias correction that these do not get."""
        form, t = self.form, np.array(EPS_STEPS)
        if form is None or form.corrects_squares is None or self.beta2 is None:
            return self.eps
        factor = np.sqrt(correction(self.beta2, t))
        if form.corrects_squares:
            factor = factor / np.sqrt(correction(self.beta2, t + form.offset))
        return self.eps * factor

    @property
    def eps_is_corrected(self) -> bool:
        """True if eps is added before the squares are corrected, and so divided by sqrt(1 - beta2^t), too."""
        written, error = self.eps_written, 1e-3  # corrections of the first steps differ by more
        if self.beta2 is None or not written[-1] or np.abs(written / written[-1] - 1).max() < error:
            return False
        scaled = written * np.sqrt(correction(self.beta2, np.array(EPS_STEPS)))
        return bool(np.abs(scaled / scaled[-1] - 1).max() < error)

    @property
    def eps_value(self) -> float:
        """The value of eps in the formula, at the last of EPS_STEPS: a square where it stands inside the root."""
        size = float(self.eps_written[-1])
        if self.eps_is_corrected:
            size *= float(np.sqrt(correction(self.beta2 or 0.0, np.array(EPS_STEPS[-1:])))[0])
        value = size**2 if self.eps_place == "inside the root" else size
        return float(f"{value:.2g}") if self.coarse else value

    @property
    def keeps_largest_square(self) -> bool:
        """True if the largest mean square so far counts where gradients get smaller (AMSGrad), be it less each step."""
        if self.beta2 is None or self.largest_falls is None:
            return False
        return self.largest_corrected or not np.isclose(self.beta2, self.largest_falls, rtol=_FALL_ERROR)


def measure_both(a: Implementation, b: Implementation) -> tuple[Measurement, Measurement]:
    """Measure both on one parameter, or on a matrix if one needs it. Raises OptbenchError if both fail."""
    try:
        return measure(a), measure(b)
    except OptbenchError:
        return measure(replace(a, probe_shapes=MATRIX)), measure(replace(b, probe_shapes=MATRIX))


@np.errstate(all="ignore")
def steps(
    optimizer: Implementation, gradients: np.ndarray, rates: np.ndarray | float = RATE,
    weights: np.ndarray | float = 0.0,
) -> np.ndarray:  # fmt: skip
    """Return the change of a weight in each step, (steps,), where it is put back to ``weights`` before every step."""
    gradients = np.asarray(gradients, float)
    rates, weights = np.broadcast_to(rates, gradients.shape), np.broadcast_to(weights, gradients.shape)
    dim = int(np.prod(optimizer.probe_shapes[0]))
    stepper, out = optimizer.start(optimizer.probe_shapes), np.empty(len(gradients))
    for i, g in enumerate(gradients):
        w = np.full(dim, weights[i])
        out[i] = (stepper.step(w, np.full(dim, g), float(rates[i])) - w)[0]
    return out


def measure(optimizer: Implementation) -> Measurement:
    """Return the measurements of an optimizer: its steps on chosen gradients, and what follows from them.

    Raises OptbenchError if it takes no block of parameters of the shape `optimizer.probe_shapes`.
    """
    gradients = np.full(STEPS, LARGE)
    base = steps(optimizer, gradients)
    degree = _measure_degree(optimizer, LARGE)
    scale = -RATE * (LARGE if round(degree) == 1 else 1.0)
    factors = np.zeros((STEPS, STEPS))
    for k in range(STEPS):
        flipped = np.where(np.arange(STEPS) == k, -LARGE, LARGE)
        factors[k:, k] = ((base - steps(optimizer, flipped)) / (2 * scale))[k:]
    total = factors.sum(axis=1)
    linear = bool(np.isfinite(total).all()) and bool(
        np.allclose(total, base / scale, rtol=1e-6, atol=1e-9 * np.abs(total).max())
    )
    beta2, falls, corrected, eps, eps_curve = None, None, False, np.zeros(len(EPS_STEPS)), 0.0
    if round(degree) == 0 and linear:
        beta2 = _measure_beta2(optimizer, factors)
        if beta2 is not None:
            falls, corrected = _measure_largest(optimizer, factors, beta2)
        eps, eps_curve = _measure_eps(optimizer, base)
    drift = float(np.nan_to_num(steps(optimizer, np.zeros(1))[0])) / RATE
    after_double = steps(optimizer, gradients[:3], np.array([2 * RATE, RATE, RATE]))[1:]
    return Measurement(
        optimizer.name, degree, _measure_degree(optimizer, 1e-3), _measure_degree(optimizer, LARGE, 1), factors, linear,
        beta2, falls, corrected, eps, eps_curve, _measure_decay(optimizer, degree),
        not np.allclose(after_double, base[1:3], rtol=1e-6, atol=0), _measure_dependence(optimizer), drift,
    )  # fmt: skip


def _measure_degree(optimizer: Implementation, size: float, count: int = STEPS) -> float:
    """Return the power of the gradient with which the step number ``count`` grows near gradients of this size."""
    one, ten = (float(steps(optimizer, np.full(count, s * size))[-1]) for s in (1.0, 10.0))
    with np.errstate(all="ignore"):
        return float(np.nan_to_num(np.log10(np.abs(ten / one)), nan=0.0, posinf=9.0, neginf=-9.0)) if one else 9.0


def _measure_beta2(optimizer: Implementation, factors: np.ndarray) -> float | None:
    """Return beta2 measured with a larger second gradient; None if squares are not averaged.

    factors: how much each gradient counts in each step, `Measurement.weights`.
    """

    def beta2(ratio: float) -> float:
        """Return beta2 as two gradients of that ratio show it."""
        change = abs(float(steps(optimizer, LARGE * np.array([1.0, ratio]))[1]))
        with np.errstate(all="ignore"):
            last = ((RATE * (factors[1, 0] + factors[1, 1] * ratio) / change) ** 2 - 1) / (ratio**2 - 1)
            found = float((1 - last) / last)
        return 1.0 if abs(found - 1) < _SQUARES_ERROR else found

    one, other = beta2(3.0), beta2(2.0)
    return one if 0 <= one <= 1 and np.isclose(one, other, rtol=1e-4, atol=_SQUARES_ERROR) else None


def _measure_largest(optimizer: Implementation, factors: np.ndarray, beta2: float) -> tuple[float | None, bool]:
    """Return `Measurement.largest_falls` and ``largest_corrected``, from steps on tiny gradients after a large one.

    factors: `Measurement.weights`.
    """
    gradients = np.where(np.arange(STEPS) == 0, LARGE, 1e-6 * LARGE)
    change, t = np.abs(steps(optimizer, gradients)), np.arange(1, STEPS + 1)
    with np.errstate(all="ignore"):
        # The mean square over that of equal large gradients, which is 1 - beta2^t, or 1 if it is corrected
        corrected = (RATE * np.abs(factors @ gradients) / LARGE / change) ** 2
        plain = corrected * correction(beta2, t) / correction(beta2, t[:1])
        for squares in (plain, corrected):
            falls = float(squares[-1] ** (1 / (STEPS - 1)))
            if np.allclose(squares, falls ** (t - 1), rtol=_FALL_ERROR, atol=0):
                return falls, squares is corrected
    return None, False


def _measure_eps(optimizer: Implementation, base: np.ndarray) -> tuple[np.ndarray, float]:
    """Return ``eps``, the gradient below which a step is proportional to it, at EPS_STEPS, and ``eps_curve``.

    base: the optimizer's steps on equal large gradients, (STEPS,).
    """
    at = np.array(EPS_STEPS) - 1
    tiny = np.abs(steps(optimizer, np.full(STEPS, TINY)))[at]
    with np.errstate(all="ignore"):
        eps = np.abs(base[at]) * TINY / tiny
    eps = np.where(np.isfinite(eps) & (eps > 1e3 * TINY), eps, 0.0)
    if not eps[0]:
        return eps, 0.0
    change = abs(float(steps(optimizer, np.array([eps[0]]))[0]))
    return eps, abs(base[0]) / change if change else 0.0


def _measure_decay(optimizer: Implementation, degree: float) -> Decay:
    """Return the kind and size of the weight decay; degree: the `Measurement.degree` of the optimizer."""

    def change(w: float, g: float, rate: float = RATE) -> float:
        """Return the change of a weight w in the first step on the gradient g."""
        return float(steps(optimizer, np.array([g]), rate, w)[0])

    gradients = np.array([1.0, 3.0])
    first, second = steps(optimizer, gradients, RATE, np.array([1.0, 0.0])) - steps(optimizer, gradients)
    drift = change(0.0, 0.0)
    still = change(1.0, 0.0) - drift
    visible = _VISIBLE * (1 + abs(still))
    if not max(abs(first), abs(second), abs(still)) > visible:
        return Decay("none")
    remembered = abs(second) > visible
    mirrored = change(-1.0, 0.0) - drift
    if abs(still + mirrored) > 1e-6 * abs(still) + visible or (not still and not remembered):
        return Decay("scale")
    doubled = change(1.0, 0.0, 2 * RATE)
    has_state = steps(optimizer, gradients)[1] != steps(optimizer, np.array([2.0, 3.0]))[1]
    if round(degree) == 1 and not has_state:
        if abs(doubled - 2 * still) < 1e-6 * abs(still) + visible:
            return Decay("either", still / change(0.0, 1.0), shrinks=-still)
        return Decay("decoupled", -still, False, -still)
    if remembered:  # the coupled decay of a weight of 1 is minus the gradient that keeps the weight where it is
        low, high = -12.0, 3.0
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (low, middle) if change(1.0, -(10.0**middle)) * change(0.0, -1.0) > 0 else (middle, high)
        return Decay("coupled", 10.0**low)
    if abs(change(2.0, LARGE) - change(0.0, LARGE) - 2 * still) > 1e-6 * abs(still) + visible * LARGE:
        return Decay("scale")  # a trust ratio: the step grows with the weights
    with_rate = abs(doubled - 2 * still) < abs(doubled - still)
    return Decay("decoupled", -still / (RATE if with_rate else 1.0), with_rate, -still)


@np.errstate(all="ignore")
def _measure_dependence(optimizer: Implementation) -> str:
    """Return "block" or "all": where another weight's gradient changes a weight's step; "" if nowhere, or unknown."""
    for name, shapes in (("all", ((1,), (1,))), ("block", ((2,),))):
        try:
            one, other = (
                optimizer.start(shapes).step(np.zeros(2), np.array([LARGE, g]), RATE)[0] for g in (LARGE, 3 * LARGE)
            )
        except OptbenchError:
            return ""
        if not np.isclose(one, other, rtol=1e-9, atol=0):
            return name
    return ""


def _fit_update_form(measured: Measurement) -> UpdateForm | None:
    """Return the form of the update from the measured factors of gradients; None if it is not of the usual kind."""
    h = measured.weights
    last, largest = h[-1], float(np.abs(h).max())
    if not measured.linear or not largest or not np.isfinite(h).all():
        return None
    diagonal = np.diag(h)
    if np.abs(h - np.diag(diagonal)).max() < 1e-9 * largest:
        beta1, ahead, first, rows = 0.0, np.ones(STEPS - 2), 1.0, diagonal[2:]
    else:
        if np.any(last == 0):
            return None
        ratios = last[1:-2] / last[2:-1]
        beta1 = float(np.median(ratios))
        if not 0 < beta1 < 1 or np.abs(ratios / beta1 - 1).max() > _FORMULA_ERROR:
            return None
        rows = np.array([h[t, t - 1] for t in range(2, STEPS)])
        ahead = diagonal[2:] * beta1 / rows
        first = float(last[0] / (beta1 * last[1]))
    found = _find_corrections(rows, beta1, measured.beta2)
    if found is None:
        return None
    mean, squares, offset, level = found
    form = UpdateForm(beta1, first, ahead, mean, squares, offset, level, level)
    if beta1:
        form.scale = level / beta1 ** (2 if form.looks_ahead else 1)
        form.gain = level * float(ahead[-1]) / beta1 + level / (1 - beta1)
    return form


def correction(beta: float, t: np.ndarray) -> np.ndarray:
    """Return 1 - beta^t, which corrects an average from 0 after t steps; t for a sum (beta = 1)."""
    return t.astype(float) if beta > 1 - 1e-9 else 1 - beta**t


def _find_corrections(
    rows: np.ndarray, beta1: float, beta2: float | None
) -> tuple[bool | None, bool | None, int, float] | None:
    """Find the simplest bias corrections that leave the same number in all rows, which are those of steps 3 to STEPS.

    Returns whether averages of gradients are corrected, and of squares (None for a rule without them), the offset of
    the step count, and that number; None if no corrections fit. rows: factors of gradients.
    """
    t = np.arange(3, STEPS + 1)
    has_squares = beta2 is not None and 0 < beta2 < 1 + 1e-9
    for offset, mean, squares in product((0, 1, -1), (False, True), (True, False)):
        if (mean and not beta1) or not (squares or has_squares) or (offset and not (mean or (squares and has_squares))):
            continue
        factor = 1 / correction(beta1, t + offset) if mean else np.ones(len(t))
        if has_squares:
            factor = factor * np.sqrt((correction(beta2, t + offset) if squares else 1.0) / correction(beta2, t))
        level = rows / factor
        if np.abs(level / level[-1] - 1).max() < _FORMULA_ERROR:
            return mean if beta1 else None, squares if has_squares else None, offset, float(level[-1])
    return None


_SECOND_GRADIENTS = (0.6, 1.1, 1.7, 2.3, 3.1)
"""Gradients, after one of 1, that are changed a little to see whether the step changes with them."""
# Of the gradient: float32 knows 6e-8
_SMALL_CHANGE = 1e-9
# Of the gradient: for the slope that is expected
_SLOPE_CHANGE = 1e-3
# Of the step: the expected change must exceed rounding in float64
_LEAST_CHANGE = 1e-12
# Of the expected change: 100 times the rounding at `_LEAST_CHANGE`; none of 41 rules in float64 is taken for float32
_MOST_DEVIATION = 0.01


def is_coarse(optimizer: Implementation) -> bool:
    """Return True if numbers are kept in less than float64: tiny changes of a gradient hardly change the step."""
    for shapes in (optimizer.probe_shapes, MATRIX):
        try:
            return _is_coarse(replace(optimizer, probe_shapes=shapes))
        except OptbenchError:
            continue
    return False


def _is_coarse(optimizer: Implementation) -> bool:
    """Return True if a tiny change of a gradient changes the step by another amount than its slope predicts."""
    votes = []
    for second in _SECOND_GRADIENTS:
        base, near, low, high = (
            float(steps(optimizer, np.array([1.0, second * (1 + change), 1.0]))[-1])
            for change in (0.0, _SMALL_CHANGE, -_SLOPE_CHANGE, _SLOPE_CHANGE)
        )
        expected = (high - low) / (2 * _SLOPE_CHANGE) * _SMALL_CHANGE
        if abs(expected) > _LEAST_CHANGE * abs(base) and np.isfinite(near - base):
            votes.append(abs(near - base - expected) > _MOST_DEVIATION * abs(expected))
    return sum(votes) > len(votes) / 2
