"""How much longer the steps of one side are than those of the other, and why."""

from dataclasses import dataclass, field

import numpy as np

from optbench.checks.against.probes import Decay, Probe
from optbench.checks.against.shape import Shape

# Relative difference: measured numbers are exact to 1e-7 where eps is 1e-3, and conventions differ by more
CLOSE = 1e-5
"""How near two measured numbers must be to count as the same."""
# Of rate * decay: steps of 1 are measured to 1e-11, rate * decay is 1e-6 where the decay is 1e-4
_EXACT = 1e-3
"""How near a factor must be to 1 - rate * decay, as a part of rate * decay."""


@dataclass(frozen=True)
class Finding:
    """A convention in which two optimizers differ."""

    name: str
    """In a word or two: "rate", "eps", "bias correction"."""
    text: str
    """What the one does and what the other."""
    cure: dict[str, float] = field(default_factory=dict)
    """Values by meaning ("beta1", "eps", ...) that the second side needs; "rate" is a factor. Empty: none helps."""


def same(x: float, y: float) -> bool:
    """Whether two measured numbers are near enough."""
    return bool(np.isclose(x, y, rtol=CLOSE, atol=0))


def lengths(a: Probe, b: Probe, one: Shape | None, other: Shape | None, names: tuple[str, str]) -> list[Finding]:
    """What is found of lengths, by the shapes of both or, without these, by the steps where they are linear."""
    if one and other:
        return _rate(one, other, a, b, names)
    return _raw(a, b, names) if a.linear and b.linear else []


def _rate(one: Shape, other: Shape, a: Probe, b: Probe, names: tuple[str, str]) -> list[Finding]:
    factor = other.gain / one.gain
    if (found := _order(factor, a.decay, b.decay, names)) is not None:
        return found
    if same(factor, 1) or same(one.scale, other.scale):
        return []
    known = {"1 / (1 - beta1)": 1 / (1 - one.beta1), "1 - beta1": 1 - one.beta1} if one.beta1 else {}
    if a.beta2 is not None and 0 < a.beta2 < 1:
        root = float(np.sqrt(1 - a.beta2))
        known |= {"1 / sqrt(1 - beta2)": 1 / root, "sqrt(1 - beta2)": root}
    name = next((f", which is {text}" for text, value in known.items() if same(value, factor)), "")
    return [_longer(factor, name, names[1])]


def _order(factor: float, a: Decay, b: Decay, names: tuple[str, str]) -> list[Finding] | None:
    """Whether a factor between steps is what a decay of the weights after the step takes off the step; None if not."""
    if "coupled" in (a.kind, b.kind):
        return None
    for one, other in ((0.0, b.shrinks), (a.shrinks, 0.0), (a.shrinks, b.shrinks)):
        if not abs(factor * (1 - one) - (1 - other)) < _EXACT * max(one, other):
            continue
        if "none" in (a.kind, b.kind) or (one and other):
            return []  # that one has a decay, or another one, is said elsewhere
        after, before = names if one else names[::-1]
        text = f"{after} decays the weights after the step, which shortens the step by 1 - rate * decay, too"
        return [Finding("order of decay", f"{text}; {before} does it before the step")]
    return None


def _longer(factor: float, which: str, name: str) -> Finding:
    text = f"the steps of {name} are {factor:.6g} times as long{which}: give it {1 / factor:.6g} times the rate"
    return Finding("rate", text, {"rate": 1 / factor})


def _raw(one: Probe, two: Probe, names: tuple[str, str]) -> list[Finding]:
    """What can be said of steps that are made in an unusual way: where the one is a multiple of the other."""
    a, b = one.weights, two.weights
    lower = np.tril_indices(len(a))
    if not (np.isfinite(a).all() and np.isfinite(b).all()) or np.any(a[lower] == 0) or np.any(b[lower] == 0):
        return []
    ratio = np.where(np.tri(len(a)) > 0, b / np.where(a == 0, 1.0, a), 0.0)
    ahead = (np.diag(ratio) / np.array([row[0] for row in ratio]))[2:]
    below = [ratio[t, :t] / ratio[t, 0] for t in range(2, len(a))]
    if all(np.allclose(row, 1, rtol=CLOSE) for row in below) and (np.all(ahead > 1.01) or np.all(ahead < 0.99)):
        looks, other = names[::-1] if ahead[0] > 1 else names
        return [Finding("Nesterov", f"{looks} looks ahead (Nesterov), {other} does not")]
    if np.allclose(ratio[lower], ratio[0, 0], rtol=CLOSE):
        if (found := _order(float(ratio[0, 0]), one.decay, two.decay, names)) is not None:
            return found
        if np.allclose(ratio[lower], 1, rtol=CLOSE):
            return []
        return [_longer(float(ratio[0, 0]), "", names[1])]
    rows = ratio[:, :1]
    if np.allclose(ratio[lower], (rows * np.tri(len(a)))[lower], rtol=CLOSE):
        told = ", ".join(f"{value:.4g}" for value in rows[:4, 0])
        text = f"the steps of {names[1]} are {told}, ... times as long: a factor that depends on the step alone"
        return [Finding("bias correction", text)]
    return []
