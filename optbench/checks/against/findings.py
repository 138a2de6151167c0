"""Two sides' measurements -> the conventions in which they differ, in words."""

from dataclasses import replace

import numpy as np

from optbench.checks.against.lengths import CLOSE, Finding, lengths, same
from optbench.checks.against.probes import EPS_STEPS, Probe
from optbench.checks.against.shape import Shape, correction, shape_of


def findings(a: Probe, b: Probe, first: str, second: str) -> list[Finding]:
    """The conventions in which the two sides, called ``first`` and ``second``, differ; empty where none was found."""
    names = first, second
    found = _sign(a, b, names)
    if found:
        b = replace(b, weights=-b.weights)
    kind = _kind(a, b, names)
    if kind:
        return [*found, *kind]
    one, other = shape_of(a), shape_of(b)
    if one and other:
        found += _momentum(one, other, names)
        found += _corrections(one, other, names)
    found += lengths(a, b, one, other, names)
    found += _squares(a, b, names)
    if np.isclose(a.drift, b.drift, rtol=CLOSE):
        found += _eps(a, b, one, other, names)
    else:
        moves, drift, rests = (first, a.drift, second) if abs(a.drift) > abs(b.drift) else (second, b.drift, first)
        text = f"{moves} moves where weight and gradient are 0, {drift:.4g} times the rate: its state begins elsewhere "
        found.append(Finding("initial state", text + f"than that of {rests}"))
    found += _decay(a, b, names)
    if a.rate_inside != b.rate_inside:
        inside, outside = names if a.rate_inside else names[::-1]
        text = (
            f"{inside} keeps the rate inside its state, where earlier rates count on; {outside} multiplies at the end"
        )
        found.append(Finding("rate in the state", text))
    if a.neighbours != b.neighbours:
        words = {"": "each weight by itself", "block": "a parameter block as a whole", "all": "all weights as a whole"}
        found.append(
            Finding("by block", f"{first} sees {words[a.neighbours]}, {second} {words[b.neighbours]}")
        )  # fmt: skip
    return found


def _sign(a: Probe, b: Probe, names: tuple[str, str]) -> list[Finding]:
    with np.errstate(all="ignore"):
        up = [float(np.sign(np.nan_to_num(each.weights[-1].sum()))) for each in (a, b)]
    if up[0] * up[1] >= 0:
        return []
    climbs = names[0 if up[0] < 0 else 1]
    return [
        Finding("sign", f"{climbs} climbs: its steps go along the gradient, the other's against it", {"rate": -1.0})
    ]


def _kind(a: Probe, b: Probe, names: tuple[str, str]) -> list[Finding]:
    """Steps that grow with the gradient beside steps that do not."""
    if round(a.degree) == round(b.degree):
        if round(a.first_degree) == round(b.first_degree):
            return []
        grows, other = names if a.first_degree > b.first_degree else names[::-1]
        text = f"the first steps of {grows} grow with the gradient, before its squares count; not those of {other}"
        return [Finding("first steps", text)]
    grows, other = names if a.degree > b.degree else names[::-1]
    if round(a.small_degree) == round(b.small_degree):
        return [Finding("clipping", f"{other} limits the step of large gradients, {grows} does not")]
    text = f"the steps of {grows} grow with the gradient, those of {other} are divided by its size: two kinds of rule"
    return [Finding("kind", text)]


def _momentum(a: Shape, b: Shape, names: tuple[str, str]) -> list[Finding]:
    found = []
    if bool(a.beta1) != bool(b.beta1):
        with_it, without = names if a.beta1 else names[::-1]
        text = f"{with_it} has momentum ({max(a.beta1, b.beta1):.6g}), {without} has none"
        return [Finding("momentum", text, {"beta1": a.beta1})]
    if not same(1 - a.beta1, 1 - b.beta1):
        text = f"beta1 is {a.beta1:.6g} in {names[0]} and {b.beta1:.6g} in {names[1]}"
        found.append(Finding("beta1", text, {"beta1": a.beta1}))
    if not same(a.first, b.first):
        full, name = max((a.first, names[0]), (b.first, names[1]))
        other = names[0] if name == names[1] else names[1]
        text = (
            f"at the first step {name} takes the gradient as it is (m = g), {other} as at all others "
            f"({1 / full:.4g} of it): dampening {1 - 1 / full:.4g} from the second step on"
        )
        found.append(Finding("first step", text))
    looks = [bool(np.abs(each.ahead - 1).max() > 1e-6) for each in (a, b)]
    if looks[0] != looks[1]:
        with_it, without = names if looks[0] else names[::-1]
        text = f"{with_it} looks ahead (Nesterov), {without} does not"
        found.append(Finding("Nesterov", text))
    elif not found and not np.allclose(a.ahead, b.ahead, rtol=CLOSE):
        found.append(Finding("Nesterov", "both look ahead, by other amounts"))
    return found


def _corrections(a: Shape, b: Shape, names: tuple[str, str]) -> list[Finding]:
    found = []
    for what, beta, one, other in (
        ("the average of gradients", "beta1", a.corrected, b.corrected),
        ("the average of squares", "beta2", a.corrected_squares, b.corrected_squares),
    ):
        if None not in (one, other) and one != other:
            with_it, without = names if one else names[::-1]
            text = f"{without} does not divide {what} by 1 - {beta}^t, {with_it} does"
            found.append(Finding("bias correction", text))
    if not found and a.offset != b.offset:
        text = f"their corrections count steps from another number: t is {abs(a.offset - b.offset)} "
        text += f"{'more' if b.offset > a.offset else 'less'} in {names[1]} than in {names[0]}"
        found.append(Finding("step count", text))
    return found


def _squares(a: Probe, b: Probe, names: tuple[str, str]) -> list[Finding]:
    keeping = [each.beta2 is not None and not np.isclose(each.beta2, each.after_small, rtol=1e-4) for each in (a, b)]
    if all(keeping) and not np.isclose(a.after_small or 0, b.after_small or 0, rtol=1e-4):
        text = "both keep the largest mean square so far (AMSGrad), one before and one after its bias correction"
        return [Finding("largest square", text)]
    if keeping[0] != keeping[1] and None not in (a.beta2, b.beta2):
        keeps, other = names if keeping[0] else names[::-1]
        return [
            Finding("largest square", f"{keeps} keeps the largest mean square so far (AMSGrad), {other} the last one")
        ]
    if a.beta2 is None or b.beta2 is None or np.isclose(1 - a.beta2, 1 - b.beta2, rtol=1e-4):
        return []
    said = [f"{beta:.6g}" if beta < 1 - 1e-9 else "1 (a sum)" for beta in (a.beta2, b.beta2)]
    text = f"beta2 is {said[0]} in {names[0]} and {said[1]} in {names[1]}"
    return [Finding("beta2", text, {"beta2": a.beta2})]


def _eps(a: Probe, b: Probe, one: Shape | None, other: Shape | None, names: tuple[str, str]) -> list[Finding]:
    if round(a.degree) != 0 or not (a.linear and b.linear):
        return []
    if np.allclose(a.eps, b.eps, rtol=CLOSE, atol=0) and _place(a) == _place(b):
        return []
    if not a.eps[0] or not b.eps[0]:
        has, name, without = (a, *names) if a.eps[0] else (b, *names[::-1])
        text = f"{name} has an eps of {_value(has, one if has is a else other)} {_place(has)}, {without} has none"
        return [Finding("eps", text, {"eps": 0.0} if has is b else {})]
    if _place(a) != _place(b):
        text = f"eps stands {_place(a)} in {names[0]}, {_place(b)} in {names[1]}: "
        text += f"{_value(a, one)} and {_value(b, other)}; steps differ where gradients are of the size "
        return [Finding("eps", text + f"{max(a.eps[0], b.eps[0]):.2g} or less")]
    ratio = (b.eps / a.eps) * _natural(b, other) / _natural(a, one)
    if np.allclose(ratio, 1, rtol=CLOSE):
        return []
    if np.allclose(ratio, ratio[-1], rtol=CLOSE):
        text = f"eps is {_value(a, one)} in {names[0]} and {_value(b, other)} in {names[1]}, {_place(a)} both"
        power = 2 if "inside" in _place(a) else 1
        return [Finding("eps", text, {"eps": float((a.eps * _natural(a, one))[-1] ** power)})]
    t = np.array(EPS_STEPS)
    root = np.sqrt(correction(a.beta2 or 0.0, t))
    for scaled, power in ((names[1], -1), (names[0], 1)):
        if np.allclose(ratio / root**power, (ratio / root**power)[-1], rtol=CLOSE):
            text = f"{scaled} adds eps before the squares are corrected, so that it counts 1 / sqrt(1 - beta2^t) times"
            return [Finding("eps scaled", text)]
    return [Finding("eps", "the eps of the two change with the step in different ways")]


def _place(probe: Probe) -> str:
    if abs(probe.eps_curve - 2) < 1e-3:
        return "outside the root"
    return "inside the root" if abs(probe.eps_curve - np.sqrt(2)) < 1e-3 else "in the denominator"


def _natural(probe: Probe, shape: Shape | None) -> np.ndarray:
    """By what an eps as it is written is smaller than the measured one: by the correction that squares do not get."""
    t = np.array(EPS_STEPS)
    if shape is None or shape.corrected_squares is None or probe.beta2 is None:
        return np.ones(len(t))
    root = np.sqrt(correction(probe.beta2, t))
    return root / np.sqrt(correction(probe.beta2, t + shape.offset)) if shape.corrected_squares else root


def _value(probe: Probe, shape: Shape | None) -> str:
    size = float((probe.eps * _natural(probe, shape))[-1])
    return f"{size**2 if 'inside' in _place(probe) else size:.4g}"


def _decay(a: Probe, b: Probe, names: tuple[str, str]) -> list[Finding]:
    one, other = a.decay, b.decay
    scales = [each.kind == "scale" for each in (one, other)]
    if scales[0] != scales[1]:
        name, without = names if scales[0] else names[::-1]
        text = f"the step of {name} depends on the size of the weights, that of {without} does not"
        return [Finding("trust ratio", text)]
    if "none" in (one.kind, other.kind):
        if one.kind == other.kind:
            return []
        has, name, without = (one, *names) if one.kind != "none" else (other, *names[::-1])
        words = {"coupled": "added to the gradient", "decoupled": "beside the step", "either": "of the weights"}
        text = f"{name} has a weight decay of {has.value:.6g} ({words[has.kind]}), {without} has none"
        return [Finding("weight decay", text, {"weight_decay": one.value})]
    if one.kind != other.kind and "either" not in (one.kind, other.kind):
        coupled, beside = names if one.kind == "coupled" else names[::-1]
        text = f"weight decay is coupled in {coupled} (in the gradient, which the state sees), decoupled in {beside}"
        return [Finding("weight decay", text)]
    if one.with_rate != other.with_rate:
        with_rate, without = names if one.with_rate else names[::-1]
        return [Finding("weight decay", f"weight decay is multiplied by the rate in {with_rate}, not in {without}")]
    beside = "coupled" not in (
        one.kind,
        other.kind,
    )  # with no state to tell, what is in the gradient and what is beside
    if not (same(one.value, other.value) or (beside and same(one.shrinks, other.shrinks))):
        text = f"the weight decay is {one.value:.6g} in {names[0]} and {other.value:.6g} in {names[1]}"
        return [Finding("weight decay", text, {"weight_decay": one.value})]
    return []
