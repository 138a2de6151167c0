"""Optimizers in plain NumPy with every convention as a switch: what the diagnosis is tested on."""

from dataclasses import dataclass, field, replace

import numpy as np

from optbench.checks.against.rollouts import Implementation


@dataclass
class Adaptive:
    """Adam and its relatives; each switch is one convention."""

    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8
    decay: float = 0.0
    inside: bool = False
    scaled_eps: bool = False
    correct_mean: bool = True
    correct_squares: bool = True
    late: int = 0
    coupled: bool = False
    decay_without_rate: bool = False
    decay_after: bool = False
    largest: float | None = None  # the factor a step of the largest mean square so far; None: the last one counts
    largest_corrected: bool = False
    trust: bool = False
    by_block: bool = False
    cautious: bool = False
    single: bool = False
    sign: float = 1.0
    factor: float = 1.0
    state: dict = field(default_factory=lambda: {"m": 0.0, "v": 0.0, "top": 0.0, "t": 0})

    def step(self, w, g, rate):
        s = self.state
        s["t"] += 1
        t = s["t"] + self.late
        start = w
        if self.coupled:
            g = g + self.decay * w
        s["m"] = self.beta1 * s["m"] + (1 - self.beta1) * g
        s["v"] = self.beta2 * s["v"] + (1 - self.beta2) * g * g
        if self.single:  # kept in float32
            s["m"], s["v"] = (np.asarray(s[key], np.float32).astype(float) for key in "mv")
        m, v = s["m"], s["v"]
        m = m / (1 - self.beta1**t) if self.correct_mean else m
        correction = 1 - self.beta2**t if self.correct_squares else 1.0
        if self.largest:
            factor = correction if self.largest_corrected else 1.0
            s["top"] = np.maximum(self.largest * s["top"], v / factor)
            v = s["top"] * factor
        if self.inside and self.scaled_eps:
            root = np.sqrt((v + self.eps) / correction)
        elif self.inside:
            root = np.sqrt(v / correction + self.eps)
        elif self.scaled_eps:
            root = (np.sqrt(v) + self.eps) / np.sqrt(correction)
        else:
            root = np.sqrt(v / correction) + self.eps
        if self.by_block:
            root = np.sqrt((root * root).mean())
        along = m / root
        if self.cautious:
            along = along * (along * g > 0)
        if self.trust and (start * along).any():
            along = along * np.sqrt((start * start).sum() / (along * along).sum())
        w = start - self.sign * self.factor * rate * along
        if not self.coupled:
            w = w - (1 if self.decay_without_rate else rate) * self.decay * (w if self.decay_after else start)
        return w

    def reported(self):
        return None


@dataclass
class Summed:
    """Gradient descent with momentum."""

    beta1: float = 0.9
    dampening: float = 0.0
    decay: float = 0.0
    first_as_it_is: bool = True
    nesterov: bool = False
    coupled: bool = True
    decay_after: bool = False
    rate_inside: bool = False
    longest: float = np.inf
    state: dict = field(default_factory=lambda: {"m": 0.0, "t": 0})

    def step(self, w, g, rate):
        s = self.state
        s["t"] += 1
        length = np.sqrt((g * g).sum())
        g = g * self.longest / length if length > self.longest else g
        start = w
        g = g + self.decay * w if self.coupled else g
        along = rate * g if self.rate_inside else g
        first = s["t"] == 1 and self.first_as_it_is
        s["m"] = along if first else self.beta1 * s["m"] + (1 - self.dampening) * along
        step = along + self.beta1 * s["m"] if self.nesterov else s["m"]
        w = w - (step if self.rate_inside else rate * step)
        return w if self.coupled else w - rate * self.decay * (w if self.decay_after else start)

    def reported(self):
        return None


def implementation(twin, name="mine", **given):
    """Return a twin as an implementation; hyperparameters are its numbers."""
    values = {key: getattr(twin, key) for key in ("beta1", "beta2", "eps", "decay", "dampening") if hasattr(twin, key)}

    def begin(shapes, chosen):
        return replace(twin, state=dict(type(twin)().state), **chosen)

    return Implementation(name, {**values, **given}, begin)
