"""What means the same under another name, here and in the libraries."""

from collections.abc import Mapping

_MEANINGS = {
    "beta1": ("beta1", "b1", "momentum", "decay1"),
    "beta2": ("beta2", "b2", "alpha", "rho", "decay", "decay_rate"),
    "eps": ("eps", "epsilon"),
    "weight_decay": ("weight_decay", "decay", "l2"),
}
"""Meaning -> names, in the order in which they are looked for."""
_LEAST_MEMORY = 0.5
"""``decay`` is what an average keeps where its default is at least this, and a decay of the weights elsewhere."""


def name_of(meaning: str, hyperparameters: Mapping[str, float]) -> str | None:
    """The name under which some hyperparameters have that meaning; None where they have none."""
    for name in _MEANINGS.get(meaning, (meaning,)):
        if name not in hyperparameters:
            continue
        if name == "decay" and (hyperparameters[name] >= _LEAST_MEMORY) != (meaning == "beta2"):
            continue
        return name
    return None


def matched(a: Mapping[str, float], b: Mapping[str, float]) -> dict[str, str]:
    """Names in ``a`` -> the names in ``b`` that mean the same; those of neither are left out."""
    pairs = {name: name for name in a if name in b}
    for meaning in _MEANINGS:
        mine, theirs = name_of(meaning, a), name_of(meaning, b)
        if mine and theirs and mine not in pairs and theirs not in pairs.values():
            pairs[mine] = theirs
    return {name: pairs[name] for name in a if name in pairs}
