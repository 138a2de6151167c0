"""A spec as a TOML file: read with flags or keywords on top, and written."""

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from optbench.contract.errors import OptbenchError, in_one_line, unknown
from optbench.contract.paths import is_file, is_folder, path_of
from optbench.sweeps import spec_plugins
from optbench.sweeps.spec import BLOCK_KEYS, LISTS, ProblemEntry, SettingEntry, Spec
from optbench.sweeps.spec_values import plain

SHIPPED = {file.stem: file for file in sorted(Path(__file__).parent.glob("*.toml"))}
DEFAULT = SHIPPED["default"]
_WORDS = {
    "missing": "is missing",
    "model_type": 'must be a name, or names in a table: { name = "mlp", epochs = 2 }',
    "string_type": "must be a text",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
}
"""Of pydantic's errors, by their kind."""
_ENTRIES = {"problems": ProblemEntry.model_fields, "chosen": SettingEntry.model_fields}


def read(path: str | Path | None = None, changes: Mapping[str, Any] | None = None) -> Spec:
    """The spec of a TOML file, with ``changes`` on top; None is the built-in default, a plain name one of SHIPPED.

    Raises OptbenchError in one line for a file that cannot be read, an unknown key or a bad value.
    """
    source = DEFAULT if path is None else path_of("spec", path)
    if not source.suffix and not is_file(source) and not is_folder(source) and source.parent == Path():
        if source.name not in SHIPPED:
            raise unknown("spec", source.name, SHIPPED)
        source = SHIPPED[source.name]
    try:
        with source.open("rb") as file:
            raw = tomllib.load(file)
    except OSError as error:
        raise OptbenchError(f"cannot read the spec {str(source)!r}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise OptbenchError(f"{source.name} is not valid TOML: {error}") from None
    except (RecursionError, ValueError) as error:  # brackets without end, or a number of thousands of digits
        raise OptbenchError(f"{source.name} cannot be read: {in_one_line(error)}") from None
    if path is None and (changes or {}).get("trials") is not None:
        raw.pop("learning_rates")  # trials are drawn from each optimizer's own range, if no other is asked for
    if isinstance(raw.get("plugins"), list):
        raw["plugins"] = [str(source.parent / item) if isinstance(item, str) else item for item in raw["plugins"]]
    return merge(spec_plugins.beside(raw, source.parent), changes or {}, "" if path is None else source.name)


def merge(raw: Mapping, changes: Mapping, label: str = "spec") -> Spec:
    """``raw`` with every non-None value of ``changes`` in its place; a changed budget replaces the old one.

    label: the file that ``raw`` stands in, for errors of it; empty where it is nobody's.
    """
    raw, changes = _plain(raw, label), _plain(changes, "")
    changes = {key: value for key, value in changes.items() if value is not None}
    if {"epochs", "steps"} & changes.keys():
        raw.pop("epochs", None)
        raw.pop("steps", None)
        if isinstance(raw.get("problems"), list):
            raw["problems"] = [item.get("name", item) if isinstance(item, dict) else item for item in raw["problems"]]
    if {"seeds", "tuning_seeds"} & changes.keys() and "blocks" not in changes:
        for key in BLOCK_KEYS:
            raw.pop(key, None)  # seeds of one's own are a plain grid
    if changes.get("blocks") == 0:
        raise OptbenchError("blocks: 0 must be at least 2; seeds = 8 is a plain grid")
    if changes.get("blocks"):
        if "tuning_seeds" in changes:
            raise OptbenchError("tuning_seeds and blocks: give one")
        raw.pop("seeds", None)
    raw.update(changes)
    if raw.get("blocks"):
        raw.pop("tuning_seeds", None)
    elif "tuning_seeds" not in changes and ("seeds" in changes or "tuning_seeds" not in raw):
        most = raw.get("tuning_seeds", 3)
        raw["tuning_seeds"] = min(most, _tuning_share(raw.get("seeds", 9))) if isinstance(most, int) else most
    try:
        return Spec.model_validate(raw)
    except ValidationError as error:
        first = min(error.errors(include_input=False), key=lambda each: each["type"] == "missing")
        where = ".".join(str(part) for part in first["loc"])
        file = _before(label) if where.partition(".")[0] not in changes else ""
        if first["type"] == "extra_forbidden":
            *place, key = map(str, first["loc"])
            said = unknown(f"key in {'.'.join(place)}", key, _ENTRIES[place[0]])
            raise OptbenchError(f"{file}{said}") from None
        message = _WORDS.get(first["type"], first["msg"].removeprefix("Value error, "))
        raise OptbenchError(f"{file}{_before(where)}{message}") from None


def _plain(raw: Mapping, label: str) -> dict:
    """The values without NumPy's kinds; raises OptbenchError for an unknown key."""
    found = {}
    for key, value in raw.items():
        if key not in Spec.model_fields:
            raise unknown(f"key in {label}" if label else "key", key, Spec.model_fields)
        try:
            found[key] = plain(value)
        except OptbenchError as error:
            raise OptbenchError(f"{_before(label)}{_before(key)}{error}") from None
    return found


def _before(place: str) -> str:
    """A place in front of what is said of it; nothing where it has none."""
    return f"{place}: " if place else ""


def raw(spec: Spec) -> dict[str, Any]:
    """The keys that a file would have."""
    return tomllib.loads(to_toml(spec))


def _tuning_share(seeds) -> int:
    """A third of the seeds, but one of two, and none of one (that one then does both)."""
    try:
        count = len(Spec._seeds(seeds))
    except (TypeError, ValueError):
        return 0  # the field's own check will say what is wrong
    return max(count // 3, min(count - 1, 1))


def to_toml(spec: Spec) -> str:
    """The spec as a TOML file that spec.read reads back."""
    lines = []
    for key, value in spec.model_dump(exclude_none=True, mode="json").items():
        if (key, value) in (("device", "cpu"), ("search_seed", 0)):
            continue  # folders from before there was a choice go on
        if key in (("seeds", "tuning_seeds") if spec.blocks else BLOCK_KEYS):
            continue
        if (key, value) == ("choose_by", "log_tail") and not spec.blocks:
            continue
        if key in (LISTS if spec.chosen else ("chosen",)):
            continue
        if key == "chosen":
            lines.append("chosen = [\n" + "".join(f"    {_inline(item)},\n" for item in value) + "]")
        elif key == "problems":
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
