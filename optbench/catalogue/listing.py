"""The catalogue as plain data, for ``list``, its ``--json`` and docs/catalogue.md.

Plain means as JSON has it: dicts, lists, texts and numbers; a tuple is a list, and a number that is not finite is None.
"""

import ast
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from optbench.catalogue import data_sets, step_costs
from optbench.catalogue.loader import Catalogue
from optbench.contract.errors import OptbenchError, unknown
from optbench.contract.names import number_text
from optbench.contract.optimizers import Optimizer, Wrapper

KINDS = {
    "optimizers": ("optimizers", "wrappers", "baselines", "eager"),
    "schedules": ("schedules", "schedule_wrappers"),
    "problems": ("problems", "problem_wrappers"),
    data_sets.WORD: (),
}
"""Kinds that can be listed, with their registries in the catalogue; data sets have none."""
PARTS = {
    "wrappers": ("wrappers", "schedule_wrappers", "problem_wrappers"),
    "baselines": ("baselines",),
    "eager": ("eager",),
    "schedule_wrappers": ("schedule_wrappers",),
    "problem_wrappers": ("problem_wrappers",),
}
"""Parts of kinds that can be listed, too."""


def find_registries(kind: str) -> tuple[str, ...]:
    """Return the registries of the catalogue for ``kind``: one of KINDS or PARTS, also in the singular (``wrapper``).

    Data sets have none. Raises OptbenchError, with the nearest kind, for another word.
    """
    valid = KINDS | PARTS
    word = "_".join(kind.lower().replace("-", " ").replace("_", " ").split()).replace("data_set", "dataset")
    found = next((valid[each] for each in (word, f"{word}s") if each in valid), None)
    if found is None:
        raise unknown("kind", kind, valid)
    return found


def list_names(catalogue: Catalogue, kind: str) -> list[dict]:
    """Return one row for each name of ``kind``: kind, name, formula, defaults, search, source, family, file.

    ``kind`` is one of KINDS or PARTS, as `find_registries` reads it. ``search`` has the ranges that an optimizer is
    tuned in, as a spec has them, by name; ``family`` is what the file says about itself. Optimizers have ``cost`` and
    ``memory``, too, as costs.py counts them, and wrappers what they add around gd; None for those of other libraries;
    and ``gradients``, those that a step takes. No problem is built. Raises OptbenchError for another kind.
    """
    named = any(kind in getattr(catalogue, registry) for each in KINDS.values() for registry in each)
    if named or data_sets.is_data_set(kind):
        raise OptbenchError(f"{kind!r} is a name, not a kind: 'optbench show {kind}' shows it")
    parts = find_registries(kind)
    if not parts:
        return [row | {"defaults": plain(row["defaults"])} for row in data_sets.list_data_sets()]
    families, entries = {}, []
    for registry in parts:
        for name, record in getattr(catalogue, registry).items():
            kind_word = registry.removesuffix("s")
            path = catalogue.files.get(f"{kind_word} {name}")
            if path is None:
                continue  # one of a library's that was asked for by name: it has no end of them
            if path not in families:
                families[path] = _read_family(path)
            row = {"kind": kind_word, "name": name, "formula": formula(record.doc)}
            row |= {"defaults": plain(defaults(record)), "search": ranges(record), "source": record.source}
            if registry in KINDS["optimizers"]:
                row |= count_cost(catalogue, record) | {"gradients": count_gradients(record)}
            entries.append(row | {"family": families[path], "file": str(path)})
    return entries


def count_cost(catalogue: Catalogue, record: Any, values: dict[str, float] | None = None) -> dict:
    """Return {"memory": numbers a parameter, "cost": its counts by name}, both None where that is not known.

    record: an optimizer with these values, by default its own, or a wrapper, of which it is what that adds around gd.
    """
    if isinstance(record, Optimizer):
        return step_costs.plain(step_costs.cost_of(record, values))
    return step_costs.plain(
        step_costs.added_cost(record, catalogue.optimizers["gd"]) if isinstance(record, Wrapper) else None
    )


def count_gradients(record: Wrapper | Optimizer) -> float:
    """Return the gradients that a step of an optimizer takes on average, or makes of another's as a wrapper."""
    if not isinstance(record, Wrapper):
        return record.gradients
    return 1 + 1 / record.second_gradient.every if record.second_gradient else 1


def cost_text(row: Mapping[str, Any]) -> str:
    """Return cost, memory and a second gradient of a row of `list_names` in words; "" where nothing is known."""
    parts, added = [], row["kind"] == "wrapper"
    if row.get("cost"):
        parts.append(f"cost {step_costs.cost_text(row['cost'], added)}, memory {'+' * added}{row['memory']:.2g}")
    if row.get("gradients", 1) > 1:
        parts.append(f"{row['gradients']:g} gradients a step")
    return ", ".join(parts)


def formula(doc: str) -> str:
    """Return the beginning of a docstring, in one line: up to a line that ends in a full stop, or an empty one."""
    lines = []
    for line in doc.strip().splitlines():
        lines.append(line.strip())
        if not line.strip() or line.rstrip().endswith("."):
            break
    return " ".join(lines).strip().removesuffix(".").replace("``", "`")


def defaults(record: Any) -> Mapping:
    """Return the defaults of a problem's parameters, or of an optimizer's or schedule's hyperparameters, by name."""
    return record.parameters if hasattr(record, "parameters") else record.hyperparameters


def ranges(record: Any) -> dict[str, str]:
    """Return, by name, the ranges that tuning searches; of a wrapper, those of its own hyperparameters only."""
    return {key: range_.text for key, range_ in getattr(record, "space", getattr(record, "search", {})).items()}


def plain(value: Any) -> Any:
    """Return the value with NumPy arrays and tuples as lists, and None for a float that is not finite, for JSON."""
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def value_text(value: Any) -> str:
    """Return a plain value as it is typed in a spec."""
    if isinstance(value, list):
        return f"({', '.join(map(value_text, value))}{',' * (len(value) == 1)})"
    return number_text(value) if isinstance(value, float) else str(value) or "''"


def values_text(values: Mapping) -> str:
    """Return parameters as they stand in the brackets of a spec: ``beta1=0.9, eps=1e-8``."""
    return ", ".join(f"{key}={value_text(value)}" for key, value in values.items())


def _read_family(path: Path) -> str:
    """Return the first sentence of a file's docstring; its name if there is none."""
    try:
        doc = ast.get_docstring(ast.parse(path.read_bytes()))
    except (OSError, SyntaxError, ValueError):  # it has changed, or gone, since it was loaded
        doc = None
    return formula(doc) if doc else path.name
