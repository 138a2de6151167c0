"""Name the conventions in which two measured optimizers differ.

Each ``_compare`` function returns findings on one convention: none where both agree, or where it was not measured.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from optbench.checks.against.measurements import EPS_STEPS, Measurement, correction

# Relative difference: measured numbers are exact to 1e-7 where eps is 1e-3, and conventions differ by more
CLOSE = 1e-5
"""The relative difference of measured numbers that count as the same."""
# torch.optim rules with a state in float32, measured: eps to 1e-3, beta2 to 1e-5
ROUGH = 5e-3
"""The same for eps and beta2 where numbers are kept in float32."""
# Of rate * decay: steps of 1 are measured to 1e-11, rate * decay is 1e-6 where the decay is 1e-4
_DECAY_ERROR = 1e-3
"""The difference of a factor from 1 - rate * decay, as a part of rate * decay."""


@dataclass(frozen=True)
class Finding:
    """A convention in which two optimizers differ."""

    name: str
    """In a word or two: "rate", "eps", "bias correction"."""
    text: str
    """The convention of each."""
    fix: dict[str, float] = field(default_factory=dict)
    """Values by meaning ("beta1", "eps", ...) that make the second equal; "rate" is a factor. Empty: none helps."""


def find_differences(a: Measurement, b: Measurement) -> list[Finding]:
    """Return the conventions in which two optimizers differ, [] if none was found; fixes are those of ``b``."""
    found = _compare_signs(a, b)
    if found:
        b = replace(b, weights=-b.weights)
    if kinds := _compare_kinds(a, b):
        return [*found, *kinds]
    if a.form and b.form:
        found += _compare_momentum(a, b) + _compare_corrections(a, b) + _compare_rates(a, b)
    elif a.linear and b.linear:
        found += _compare_unusual_steps(a, b)
    found += _compare_squares(a, b)
    if _agree(a.drift, b.drift, atol=1e-8):
        found += _compare_eps(a, b)
    else:
        moves, rests = (a, b) if abs(a.drift) > abs(b.drift) else (b, a)
        text = f"{moves.name} moves where weight and gradient are 0, {moves.drift:.4g} times the rate: "
        found.append(Finding("initial state", f"{text}its state begins elsewhere than that of {rests.name}"))
    found += _compare_decay(a, b)
    found += _compare_feature(
        "rate in the state", a, b, lambda each: each.rate_in_state,
        "{has} keeps the rate inside its state, where earlier rates count on; {lacks} multiplies at the end",
    )  # fmt: skip
    if a.depends_on != b.depends_on:
        words = {"": "each weight by itself", "block": "a parameter block as a whole", "all": "all weights as a whole"}
        found += [Finding("by block", f"{a.name} sees {words[a.depends_on]}, {b.name} {words[b.depends_on]}")]
    return found


def _agree(x: Any, y: Any, rtol: float = CLOSE, atol: float = 0.0) -> bool:
    """Return True if two measured numbers, or all pairs of two arrays, agree within the tolerance."""
    return bool(np.allclose(x, y, rtol=rtol, atol=atol))


def _compare_feature(
    name: str, a: Measurement, b: Measurement, has: Callable[[Measurement], Any], text: str,
    fix: dict[str, float] | None = None,
) -> list[Finding]:  # fmt: skip
    """Return a finding if ``has`` is true of exactly one of two measurements, else [].

    name, text, fix: of the finding; the text names the optimizers as {has} and {lacks}.
    """
    if bool(has(a)) == bool(has(b)):
        return []
    one, other = (a, b) if has(a) else (b, a)
    return [Finding(name, text.format(has=one.name, lacks=other.name), fix or {})]


def _compare_signs(a: Measurement, b: Measurement) -> list[Finding]:
    """Return a finding if one optimizer ascends and the other descends, else []."""
    with np.errstate(all="ignore"):
        up = [float(np.sign(np.nan_to_num(each.weights[-1].sum()))) for each in (a, b)]
    if up[0] * up[1] >= 0:
        return []
    text = f"{(a if up[0] < 0 else b).name} climbs: its steps go along the gradient, the other's against it"
    return [Finding("sign", text, {"rate": -1.0})]


def _compare_kinds(a: Measurement, b: Measurement) -> list[Finding]:
    """Return a finding if the steps of one grow with the gradient by another power than those of the other, else []."""
    if round(a.degree) == round(b.degree):
        if round(a.first_degree) == round(b.first_degree):
            return []
        grows, other = (a.name, b.name) if a.first_degree > b.first_degree else (b.name, a.name)
        text = f"the first steps of {grows} grow with the gradient, before its squares count; not those of {other}"
        return [Finding("first steps", text)]
    grows, other = (a.name, b.name) if a.degree > b.degree else (b.name, a.name)
    if round(a.small_degree) == round(b.small_degree):
        return [Finding("clipping", f"{other} limits the step of large gradients, {grows} does not")]
    text = f"the steps of {grows} grow with the gradient, those of {other} are divided by its size: two kinds of rule"
    return [Finding("kind", text)]


_LOOKS_AHEAD = "{has} looks ahead (Nesterov), {lacks} does not"


def _compare_momentum(a: Measurement, b: Measurement) -> list[Finding]:
    """Compare momentum: its factor, the weight of the first gradient, and Nesterov's look-ahead."""
    one, other = a.form, b.form
    text = f"{{has}} has momentum ({max(one.beta1, other.beta1):.6g}), {{lacks}} has none"
    if found := _compare_feature("momentum", a, b, lambda each: each.form.beta1, text, {"beta1": one.beta1}):
        return found
    if not _agree(1 - one.beta1, 1 - other.beta1):
        text = f"beta1 is {one.beta1:.6g} in {a.name} and {other.beta1:.6g} in {b.name}"
        found = [Finding("beta1", text, {"beta1": one.beta1})]
    if not _agree(one.first, other.first):
        (full, first), (_, second) = sorted([(one.first, a.name), (other.first, b.name)], reverse=True)
        text = (
            f"at the first step {first} takes the gradient as it is (m = g), {second} as at all others "
            f"({1 / full:.4g} of it): dampening {1 - 1 / full:.4g} from the second step on"
        )
        found += [Finding("first step", text)]
    if ahead := _compare_feature("Nesterov", a, b, lambda each: each.form.looks_ahead, _LOOKS_AHEAD):
        return [*found, *ahead]
    if not found and not _agree(one.ahead, other.ahead, atol=1e-8):
        return [Finding("Nesterov", "both look ahead, by other amounts")]
    return found


def _compare_corrections(a: Measurement, b: Measurement) -> list[Finding]:
    """Compare the bias corrections, and the step number from which they count."""
    found = []
    for average, beta, attribute in (
        ("the average of gradients", "beta1", "corrects_mean"),
        ("the average of squares", "beta2", "corrects_squares"),
    ):
        if None not in (getattr(a.form, attribute), getattr(b.form, attribute)):
            text = f"{{lacks}} does not divide {average} by 1 - {beta}^t, {{has}} does"
            found += _compare_feature("bias correction", a, b, lambda each, of=attribute: getattr(each.form, of), text)
    later = b.form.offset - a.form.offset
    if not found and later:
        text = f"their corrections count steps from another number: t is {abs(later)} "
        found = [Finding("step count", f"{text}{'more' if later > 0 else 'less'} in {b.name} than in {a.name}")]
    return found


def _compare_rates(a: Measurement, b: Measurement) -> list[Finding]:
    """Compare the lengths of steps, and name the formula of their ratio, such as 1 / (1 - beta1), if it is one."""
    factor = b.form.gain / a.form.gain
    if (found := _explain_by_decay(factor, a, b)) is not None:
        return found
    if _agree(factor, 1) or _agree(a.form.scale, b.form.scale):
        return []
    beta1 = a.form.beta1
    formulas = {"1 / (1 - beta1)": 1 / (1 - beta1), "1 - beta1": 1 - beta1} if beta1 else {}
    if a.beta2 is not None and 0 < a.beta2 < 1:
        root = float(np.sqrt(1 - a.beta2))
        formulas |= {"1 / sqrt(1 - beta2)": 1 / root, "sqrt(1 - beta2)": root}
    formula = next((f", which is {text}" for text, value in formulas.items() if _agree(value, factor)), "")
    return [_describe_longer_steps(factor, formula, b)]


def _describe_longer_steps(factor: float, formula: str, b: Measurement) -> Finding:
    """Return the finding that the steps of b are ``factor`` times as long; formula: its words, or ""."""
    text = f"the steps of {b.name} are {factor:.6g} times as long{formula}: give it {1 / factor:.6g} times the rate"
    return Finding("rate", text, {"rate": 1 / factor})


def _explain_by_decay(factor: float, a: Measurement, b: Measurement) -> list[Finding] | None:
    """Explain a factor between steps by a weight decay after the step, which shortens it; None if it does not fit."""
    one, other = a.decay, b.decay
    if "coupled" in (one.kind, other.kind):
        return None
    for first, second in ((0.0, other.shrinks), (one.shrinks, 0.0), (one.shrinks, other.shrinks)):
        if not abs(factor * (1 - first) - (1 - second)) < _DECAY_ERROR * max(first, second):
            continue
        if "none" in (one.kind, other.kind) or (first and second):
            return []  # a finding of its own says that only one has a decay, or another one
        after, before = (a.name, b.name) if first else (b.name, a.name)
        text = f"{after} decays the weights after the step, which shortens the step by 1 - rate * decay, too"
        return [Finding("order of decay", f"{text}; {before} does it before the step")]
    return None


def _compare_unusual_steps(a: Measurement, b: Measurement) -> list[Finding]:
    """Compare linear steps that have no usual form by ``weights``, the factors of the gradients in each step.

    Returns at most one finding: one looks ahead (Nesterov), one decays the weights after the step, the steps of b are a
    multiple of a's, or they differ by a factor that depends on the step alone; none if the factors are equal, fit none
    of these, or are not all finite and other than 0.
    """
    one, other = a.weights, b.weights
    lower = np.tril_indices(len(one))
    if not all(np.isfinite(each).all() and each[lower].all() for each in (one, other)):
        return []
    ratio = np.where(np.tri(len(one)) > 0, other / np.where(one == 0, 1.0, one), 0.0)
    ahead = (np.diag(ratio) / ratio[:, 0])[2:]
    earlier_alike = all(_agree(ratio[t, :t] / ratio[t, 0], 1, atol=1e-8) for t in range(2, len(one)))
    if earlier_alike and (np.all(ahead > 1.01) or np.all(ahead < 0.99)):
        return _compare_feature("Nesterov", a, b, lambda each: (each is b) == (ahead[0] > 1), _LOOKS_AHEAD)
    factor = float(ratio[0, 0])
    if _agree(ratio[lower], factor, atol=1e-8):
        found = _explain_by_decay(factor, a, b)
        if found is not None or _agree(ratio[lower], 1, atol=1e-8):
            return found or []
        return [_describe_longer_steps(factor, "", b)]
    if _agree(ratio[lower], (ratio[:, :1] * np.tri(len(one)))[lower], atol=1e-8):
        factors = ", ".join(f"{value:.4g}" for value in ratio[:4, 0])
        text = f"the steps of {b.name} are {factors}, ... times as long: a factor that depends on the step alone"
        return [Finding("bias correction", text)]
    return []


def _compare_squares(a: Measurement, b: Measurement) -> list[Finding]:
    """Compare the averages of squared gradients: beta2, and whether the largest one is kept (AMSGrad)."""
    if a.beta2 is None or b.beta2 is None:
        return []
    kept = [each for each in (a, b) if each.keeps_largest_square]
    falls = [float(each.largest_falls or 0.0) for each in kept]
    notes = [f"(times {each:.6g} a step)" if each < 1 - CLOSE else "(AMSGrad)" for each in falls]
    largest = "the largest mean square so far"
    if len(kept) == 2 and a.largest_corrected != b.largest_corrected:
        text = f"both keep {largest} (AMSGrad), one before and one after its bias correction"
        return [Finding("largest square", text)]
    if len(kept) == 2 and not _agree(*falls):
        return [Finding("largest square", f"{a.name} keeps {largest} {notes[0]}, {b.name} {notes[1]}")]
    if len(kept) == 1 and None not in (a.largest_falls, b.largest_falls):
        lacks = b if kept[0] is a else a
        text = f"{kept[0].name} keeps {largest} {notes[0]}, {lacks.name} the last one"
        return [Finding("largest square", text)]
    if _agree(1 - a.beta2, 1 - b.beta2, ROUGH if a.coarse or b.coarse else 1e-4, 1e-8):
        return []
    one, other = (f"{beta:.6g}" if beta < 1 - 1e-9 else "1 (a sum)" for beta in (a.beta2, b.beta2))
    return [Finding("beta2", f"beta2 is {one} in {a.name} and {other} in {b.name}", {"beta2": a.beta2})]


def _compare_eps(a: Measurement, b: Measurement) -> list[Finding]:
    """Compare the value of eps and its place in the formula."""
    same_place = a.eps_place == b.eps_place
    if round(a.degree) != 0 or not (a.linear and b.linear) or (_agree(a.eps, b.eps) and same_place):
        return []
    if not a.eps[0] or not b.eps[0]:
        has, lacks = (a, b) if a.eps[0] else (b, a)
        text = f"{has.name} has an eps of {has.eps_value:.4g} {has.eps_place}, {lacks.name} has none"
        return [Finding("eps", text, {"eps": 0.0} if has is b else {})]
    if not same_place:
        return [_describe_places(a, b)]
    ratio, close = b.eps_written / a.eps_written, ROUGH if a.coarse or b.coarse else CLOSE
    if _agree(ratio, 1, rtol=close, atol=1e-8):
        return []
    if _agree(ratio, ratio[-1], rtol=close, atol=1e-8):
        text = f"eps is {a.eps_value:.4g} in {a.name} and {b.eps_value:.4g} in {b.name}, {a.eps_place} both"
        return [Finding("eps", text, {"eps": a.eps_value})]
    root = np.sqrt(correction(a.beta2 or 0.0, np.array(EPS_STEPS)))
    for scaled, factor in ((b, 1 / root), (a, root)):
        if _agree(ratio / factor, (ratio / factor)[-1], rtol=close, atol=1e-8):
            inside = scaled.eps_place == "inside the root"
            first = (1 / root[0]) ** (2 if inside else 1)
            text = f"{scaled.name} adds eps before the squares are corrected, so that it counts "
            text += f"{'1 / (1 - beta2^t)' if inside else '1 / sqrt(1 - beta2^t)'} times: {first:.4g} at the first step"
            other = "" if _agree(a.eps_value, b.eps_value, rtol=1e-3) else f"; it is {b.eps_value:.4g} in {b.name}"
            return [Finding("eps scaled", text + (f"{other} and {a.eps_value:.4g} in {a.name}" if other else ""))]
    return [Finding("eps", "the eps of the two change with the step in different ways")]


def _describe_places(a: Measurement, b: Measurement) -> Finding:
    """Return the finding that eps stands in another place in b than in a, with the numbers of both."""
    text = f"eps stands {a.eps_place} in {a.name}, {b.eps_place} in {b.name}: {a.eps_value:.4g} and {b.eps_value:.4g}"
    for each in (a, b):
        if each.eps_place == "inside the root":
            text += f"; {each.eps_value:.2g} inside counts as {np.sqrt(each.eps_value):.2g} outside"
        if each.eps_is_corrected:
            text += f"; {each.name} adds it before the squares are corrected"
    text += f"; steps differ where gradients are of the size {max(a.eps[0], b.eps[0]):.2g} or less"
    fixes = {"inside the root": {"eps": 0.0, "eps_root": a.eps_value}, "outside the root": {"eps": a.eps_value}}
    fix = {} if a.eps_is_corrected or b.eps_is_corrected else fixes.get(a.eps_place, {})
    # A rule with a hyperparameter for each place equals the other with values of its own.
    return Finding("eps", text, fix | {"eps_root": 0.0} if a.eps_place == "outside the root" and fix else fix)


_DECAYS = {"coupled": "added to the gradient", "decoupled": "beside the step", "either": "of the weights"}


def _compare_decay(a: Measurement, b: Measurement) -> list[Finding]:
    """Compare the weight decay: coupled or decoupled, multiplied by the rate or not, and its value."""
    one, other = a.decay, b.decay
    kinds = {one.kind, other.kind}
    if found := _compare_feature(
        "trust ratio", a, b, lambda each: each.decay.kind == "scale",
        "the step of {has} depends on the size of the weights, that of {lacks} does not",
    ):  # fmt: skip
        return found
    if kinds == {"none"}:
        return []
    if "none" in kinds:
        has = one if other.kind == "none" else other
        text = f"{{has}} has a weight decay of {has.value:.6g} ({_DECAYS[has.kind]}), {{lacks}} has none"
        return _compare_feature("weight decay", a, b, lambda each: each.decay is has, text, {"weight_decay": one.value})
    if len(kinds) == 2 and "either" not in kinds:
        return _compare_feature(
            "weight decay", a, b, lambda each: each.decay.kind == "coupled",
            "weight decay is coupled in {has} (in the gradient, which the state sees), decoupled in {lacks}",
        )  # fmt: skip
    if found := _compare_feature(
        "weight decay", a, b, lambda each: each.decay.with_rate,
        "weight decay is multiplied by the rate in {has}, not in {lacks}",
    ):  # fmt: skip
        return found
    if _agree(one.value, other.value) or ("coupled" not in kinds and _agree(one.shrinks, other.shrinks)):
        return []
    text = f"the weight decay is {one.value:.6g} in {a.name} and {other.value:.6g} in {b.name}"
    return [Finding("weight decay", text, {"weight_decay": one.value})]
