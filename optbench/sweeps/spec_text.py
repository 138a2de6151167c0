"""A checked spec as the text of a TOML file."""

import json
from collections.abc import Mapping

from optbench.sweeps.spec import STAGE_SEEDS, Spec

_PROTOCOL = ("blocks", *STAGE_SEEDS, "finalists", "choose_by")
"""Keys that mean nothing without blocks."""


def to_toml(spec: Spec) -> str:
    """The spec as a TOML file that spec.read reads back."""
    lines = []
    for key, value in spec.model_dump(exclude_none=True, mode="json").items():
        if (key, value) in (("device", "cpu"), ("search_seed", 0)):
            continue  # folders from before there was a choice go on
        if key in (("seeds", "tuning_seeds") if spec.blocks else _PROTOCOL):
            continue
        if key == "problems":
            value = ", ".join(_inline(item) for item in value)
            lines.append(f"{key} = [{value}]")
        else:
            lines.append(f"{key} = {_literal(value)}")
    return "\n".join(lines) + "\n"


def _inline(entry: Mapping) -> str:
    if set(entry) == {"name"}:
        return _literal(entry["name"])
    return "{ " + ", ".join(f"{key} = {_literal(value)}" for key, value in entry.items()) + " }"


def _literal(value) -> str:
    """Texts, numbers and lists are written alike in JSON and TOML, but for one control character."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
