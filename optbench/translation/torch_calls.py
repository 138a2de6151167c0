"""Read an optimizer as PyTorch writes it, ``SGD(lr=0.01, momentum=0.9)``, as the rule that takes the same steps.

Schedules are those of torch.optim.lr_scheduler: ``StepLR(step_size=30, gamma=0.1)``.
"""

import re
from typing import Any, NamedTuple

from optbench.catalogue.loader import Catalogue
from optbench.contract import names
from optbench.contract.errors import OptbenchError

_BETAS = {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8}
_DEFAULTS: dict[str, dict[str, Any]] = {
    "SGD": {"momentum": 0.0, "dampening": 0.0, "weight_decay": 0.0, "nesterov": False},
    "Adam": {**_BETAS, "weight_decay": 0.0, "amsgrad": False},
    "AdamW": {**_BETAS, "weight_decay": 0.01, "amsgrad": False},
    "RMSprop": {"alpha": 0.99, "eps": 1e-8, "weight_decay": 0.0, "momentum": 0.0, "centered": False},
    "NAdam": {**_BETAS, "momentum_decay": 0.004, "weight_decay": 0.0, "decoupled_weight_decay": False},
    "RAdam": {**_BETAS, "weight_decay": 0.0, "decoupled_weight_decay": False},
    "Adagrad": {"eps": 1e-10, "weight_decay": 0.0},
    "Adadelta": {"rho": 0.9, "eps": 1e-6, "weight_decay": 0.0},
    "Adamax": {**_BETAS, "weight_decay": 0.0},
    "ASGD": {"lambd": 1e-4, "alpha": 0.75, "t0": 1e6, "weight_decay": 0.0},
    "Rprop": {"eta_minus": 0.5, "eta_plus": 1.2, "step_min": 1e-6, "step_max": 50.0},
}
"""Arguments of PyTorch's classes and their defaults there, with the parts of its pairs (`_PAIRS`) by themselves."""
_PAIRS = {"betas": ("beta1", "beta2"), "etas": ("eta_minus", "eta_plus"), "step_sizes": ("step_min", "step_max")}
_SPEED = ("foreach", "fused", "capturable", "differentiable")
"""Arguments that change no step."""
_PREFIX = re.compile(r"^((torch[.:])?optim\.)?(lr_scheduler\.)?(?=[A-Z])")
_SCHEDULES: dict[str, dict[str, Any]] = {
    "CosineAnnealingLR": {"T_max": 0.0, "eta_min": 0.0},
    "PolynomialLR": {"total_iters": 0.0, "power": 1.0},
    "ExponentialLR": {"gamma": 0.0},
    "StepLR": {"step_size": 0.0, "gamma": 0.1},
    "MultiStepLR": {"milestones": (), "gamma": 0.1},
}
"""Arguments of PyTorch's schedules and their defaults there; those that must be given are 0 or empty."""


class TorchCall(NamedTuple):
    """What stands for an optimizer of PyTorch here."""

    optimizer: str
    """The rule's name, with the hyperparameters that are no defaults."""
    lr: Any
    """PyTorch's rate as it was given; None if it was not."""
    share: float
    """PyTorch's rate over that of the rule."""


def read_torch(text: str, catalogue: Catalogue) -> TorchCall | None:
    """Return the rule for an optimizer of `_DEFAULTS` as PyTorch writes it; None for any other text.

    The parameters that it is to train may stand there. Raises OptbenchError for an argument that no rule has, with the
    nearest rule.

    Example:
        >>> read_torch("SGD(lr=0.01, momentum=0.8)", catalogue)
        TorchCall(optimizer='heavy_ball(beta1=0.8)', lr=0.01, share=1.0)
    """
    try:
        name, given = names.parse(_strip(text))
    except OptbenchError:  # reported where names are read
        return None
    if name not in _DEFAULTS or name in {**catalogue.optimizers, **catalogue.eager}:
        return None
    for key in (names.INNER, "params"):
        given.pop(key, None)
    for pair, parts in _PAIRS.items():
        if isinstance(given.get(pair), list | tuple):
            given |= dict(zip(parts, given.pop(pair), strict=False))
    lr, values, lost = given.pop("lr", None), dict(_DEFAULTS[name]), {}
    for key, value in given.items():
        if key in values:
            values[key] = names.convert_parameter(name, key, value, values[key])
        elif key not in _SPEED and value:
            lost[key] = value
    if values.get("centered") and values["momentum"]:
        lost["momentum"] = values["momentum"]
    if values.get("nesterov") and values["dampening"]:
        lost["dampening"] = values["dampening"]
    if values.get("nesterov") and not 0 < values["momentum"] < 1:
        lost["nesterov"], values["nesterov"] = True, False
    rule, own = _find_rule(name, values)
    defaults = catalogue.optimizers[rule].hyperparameters
    found = names.canonical(rule, {key: value for key, value in own.items() if value != defaults[key]})
    if (decay := values.get("weight_decay")) and "weight_decay" not in own:
        decoupled = name == "AdamW" or values.get("decoupled_weight_decay")
        found = names.canonical(
            "decoupled_decay" if decoupled else "coupled_decay", {names.INNER: found, "decay": decay}
        )
    for key, value in lost.items():
        raise OptbenchError(f"{name}({key}={value!r}) has no equal here: the nearest is {found}")
    return TorchCall(found, lr, 1 - values["momentum"] if rule == "nesterov" else 1.0)


def _find_rule(name: str, given: dict[str, Any]) -> tuple[str, dict[str, float]]:
    """Return the rule, and its hyperparameters, for a class of PyTorch with all its arguments; decay may be left."""
    if name == "SGD":
        beta1 = {"beta1": given["momentum"]}
        if given["nesterov"]:
            return "nesterov", beta1
        return ("heavy_ball", {**beta1, "dampening": given["dampening"]}) if given["momentum"] else ("gd", {})
    if name == "RMSprop":
        own = {"beta2": given["alpha"], "eps": given["eps"]}
        if given["centered"]:
            return "rmsprop_centered", own
        return (
            ("rmsprop_momentum", {"beta1": given["momentum"], **own}) if given["momentum"] else ("rmsprop_torch", own)
        )
    if name not in ("Adam", "AdamW"):  # the same name, in small letters
        own = {"beta2" if key == "rho" else key: value for key, value in given.items()}
        decay, decoupled = own.pop("weight_decay", 0.0), own.pop("decoupled_weight_decay", False)
        return ("nadamw", {**own, "weight_decay": decay}) if name == "NAdam" and decoupled else (name.lower(), own)
    own = {key: given[key] for key in _BETAS}
    if given["amsgrad"]:
        return "amsgrad", own
    return ("adamw", {**own, "weight_decay": given["weight_decay"]}) if name == "AdamW" else ("adam_torch", own)


def read_torch_schedule(text: str, lr: float, epochs: float | None) -> str:
    """Return the schedule that a class of `_SCHEDULES` stands for; any other text without PyTorch's prefix.

    What counts in PyTorch's words counts epochs, and what ends spans the run. lr: PyTorch's rate; epochs: of the run,
    if they are known. Raises OptbenchError for an argument that is missing or has no equal.

    Example:
        >>> read_torch_schedule("StepLR(optimizer, step_size=30)", 0.1, None)
        'staircase(factor=0.1, epochs=30.0)'
    """
    plain = _strip(text)
    name = plain.partition("(")[0].strip()
    if name not in _SCHEDULES:
        return plain
    given = names.parse(plain)[1]
    for key in (names.INNER, "optimizer", "last_epoch", "verbose"):
        given.pop(key, None)
    values = dict(_SCHEDULES[name])
    for key, value in given.items():
        if key not in values:
            raise OptbenchError(f"{name}({key}={value!r}) has no equal here: leave {key} out")
        values[key] = names.convert_parameter(name, key, value, values[key])
    needed = next((key for key in ("gamma", "step_size", "milestones") if not values.get(key, True)), None)
    if needed:
        raise OptbenchError(f"{name} needs {needed}, as in PyTorch")
    if name == "CosineAnnealingLR":
        return names.canonical("cosine", {"final": float(f"{values['eta_min'] / lr:.12g}")})
    if name == "PolynomialLR":
        return names.canonical("polynomial", {"power": values["power"]})
    if name == "ExponentialLR":
        return names.canonical("exponential", {"base": values["gamma"]})
    if name == "StepLR":
        return names.canonical("staircase", {"factor": values["gamma"], "epochs": values["step_size"]})
    if epochs is None:
        raise OptbenchError(
            "MultiStepLR counts epochs: say how many the run has, epochs 30; or write multi_step(milestones=(0.5, "
            "0.75)), shares of the run"
        )
    shares = tuple(float(each) / epochs for each in values["milestones"] if each < epochs)
    return names.canonical("multi_step", {"milestones": shares, "factor": values["gamma"]}) if shares else "constant"


def _strip(text: str) -> str:
    """Return a text without the modules before a class of PyTorch: torch.optim., optim., lr_scheduler."""
    return _PREFIX.sub("", text)
