"""Read an optimizer as PyTorch writes it, ``SGD(lr=0.01, momentum=0.9)``, as the rule that takes the same steps."""

from typing import Any, NamedTuple

from optbench.catalogue.loader import Catalogue
from optbench.contract import names
from optbench.contract.errors import OptbenchError, shown

_BETAS = {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8}
_DEFAULTS: dict[str, dict[str, Any]] = {
    "SGD": {"momentum": 0.0, "dampening": 0.0, "weight_decay": 0.0, "nesterov": False},
    "Adam": {**_BETAS, "weight_decay": 0.0, "amsgrad": False},
    "AdamW": {**_BETAS, "weight_decay": 0.01, "amsgrad": False},
    "RMSprop": {"alpha": 0.99, "eps": 1e-8, "weight_decay": 0.0, "momentum": 0.0, "centered": False},
}
"""Arguments of PyTorch's classes and their defaults there; ``betas`` are ``beta1`` and ``beta2``."""
_SPEED = ("foreach", "fused", "capturable", "differentiable")
"""Arguments that change no step."""


class TorchCall(NamedTuple):
    """What stands for an optimizer of PyTorch here."""

    optimizer: str
    """The rule's name, with the hyperparameters that are no defaults."""
    lr: Any
    """PyTorch's rate as it was given; None if it was not."""
    share: float
    """PyTorch's rate over that of the rule."""


def read_torch(text: str, catalogue: Catalogue) -> TorchCall | None:
    """Return the rule for SGD, Adam, AdamW or RMSprop as PyTorch writes them; None for any other text.

    Raises OptbenchError for an argument that no rule has, with the nearest rule.

    Example:
        >>> read_torch("SGD(lr=0.01, momentum=0.8)", catalogue)
        TorchCall(optimizer='heavy_ball(beta1=0.8)', lr=0.01, share=1.0)
    """
    try:
        name, given = names.parse(text)
    except OptbenchError:  # reported where names are read
        return None
    name = name.removeprefix("torch:optim.")
    if name not in _DEFAULTS or name in {**catalogue.optimizers, **catalogue.eager}:
        return None
    if names.INNER in given:
        raise OptbenchError(f"leave {given[names.INNER]} out of {shown(text)}")
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
    if (decay := values["weight_decay"]) and rule != "adamw":
        found = names.canonical(
            "decoupled_decay" if name == "AdamW" else "coupled_decay", {names.INNER: found, "decay": decay}
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
    own = {key: given[key] for key in _BETAS}
    if given["amsgrad"]:
        return "amsgrad", own
    return ("adamw", {**own, "weight_decay": given["weight_decay"]}) if name == "AdamW" else ("adam_torch", own)
