"""Read a spec from a TOML file with flags or keywords on top, and write it.

A file that an optimizer names, ``torch:Mine(file=mine.py)``, becomes a plug-in of the spec.
"""

import json
import shlex
import tomllib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from optbench.contract import names
from optbench.contract.arguments import refusal
from optbench.contract.errors import OptbenchError, in_one_line, shown, unknown
from optbench.contract.paths import is_file, is_folder, path_of
from optbench.sweeps.spec import BLOCK_KEYS, LISTS, ProblemEntry, SettingEntry, Spec, as_list, count_seeds, plain

SHIPPED = {file.stem: file for file in sorted(Path(__file__).parent.glob("*.toml"))}
DEFAULT = SHIPPED["default"]
_ENTRIES = {"problems": ProblemEntry.model_fields, "chosen": SettingEntry.model_fields}
_KEY = "file"


def read(path: str | Path | None = None, changes: Mapping[str, Any] | None = None) -> Spec:
    """Return the spec of a TOML file, with ``changes`` on top; None is the default one, a plain name one of SHIPPED.

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
    return merge(_beside(raw, source.parent), changes or {}, "" if path is None else source.name)


def merge(raw: Mapping, changes: Mapping, label: str = "spec") -> Spec:
    """Return the spec of ``raw`` with the non-None values of ``changes``; a changed budget replaces the old one.

    label: the file of ``raw``, for errors; empty without one.
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
        return Spec.model_validate(_with_plugins(raw))
    except ValidationError as error:
        line = refusal(error, "", _ENTRIES)
        file = _before(label) if line.partition(":")[0].partition(".")[0] not in changes else ""
        raise OptbenchError(f"{file}{line}") from None


def _plain(raw: Mapping, label: str) -> dict:
    """Return the values with NumPy's types as Python's; label: the file, for messages.

    Raises OptbenchError for an unknown key.
    """
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
    """Return a place, such as a file or a key, as the start of a message, "place: "; "" for an empty one."""
    return f"{place}: " if place else ""


def raw(spec: Spec) -> dict[str, Any]:
    """Return a spec as the dictionary that reading its TOML file gives."""
    return tomllib.loads(to_toml(spec))


def _tuning_share(seeds) -> int:
    """Return a third of the number of seeds; 1 of two seeds, and 0 of a single seed, which then tunes and reports."""
    try:
        count = count_seeds(seeds)
    except (TypeError, ValueError):
        return 0  # the field's own check raises
    return max(count // 3, min(count - 1, 1))


def to_toml(spec: Spec) -> str:
    """Return the text of a TOML file that :func:`read` reads back."""
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
    """Return an entry of a list in TOML: its name alone, or an inline table."""
    if set(entry) == {"name"}:
        return _literal(entry["name"])
    return "{ " + ", ".join(f"{key} = {_literal(value)}" for key, value in entry.items()) + " }"


def _literal(value) -> str:
    """Return a value in JSON, which for texts, numbers and lists is TOML but for one control character."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _with_plugins(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Move the files that optimizers name to ``plugins``, so that names are short and the same from any folder."""
    files: list[str] = []

    def without(text: Any) -> Any:
        return _each(text, lambda file: files.append(str(path_of(_KEY, file).resolve())))

    changed = _with_optimizers(raw, without)
    if not files:
        return dict(raw)
    plugins = raw.get("plugins") or ()
    mine = [plugins] if isinstance(plugins, Path) else list(as_list(plugins))
    mine = [str(path_of("a plug-in", item).resolve()) for item in mine]
    return changed | {"plugins": tuple(dict.fromkeys([*mine, *files]))}


def refuse_unnamed(found: Iterable[str], named: Iterable[str | Path]) -> None:
    """Refuse plug-ins that a results folder names but the caller does not: a folder may come from anybody.

    Raises:
        OptbenchError: the message says how to name them.
    """
    known = {str(path_of("a plug-in", file).resolve()) for file in named}
    if strange := [file for file in found if file not in known]:
        files = " ".join(f"--plugin {shlex.quote(file)}" for file in strange)
        raise OptbenchError(f"nothing that a results folder names is run: to use its plug-ins, name them: {files}")


def _beside(raw: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Return the keys of a spec in ``folder``, with the files of its optimizers as paths from there."""

    def placed(text: Any) -> Any:
        return _each(text, lambda file: str(folder / path_of(_KEY, file)))

    return _with_optimizers(raw, placed)


def _with_optimizers(raw: Mapping[str, Any], change: Callable[[Any], Any]) -> dict[str, Any]:
    """Return the keys of a spec with each optimizer's text replaced by ``change(text)``; wrong values stay."""
    new = dict(raw)
    texts = raw.get("optimizers")
    if isinstance(texts, str | list | tuple):
        new["optimizers"] = [change(text) for text in as_list(texts)]
    if isinstance(raw.get("chosen"), list | tuple):
        new["chosen"] = [
            {**entry, "optimizer": change(entry["optimizer"])}
            if isinstance(entry, Mapping) and "optimizer" in entry
            else entry
            for entry in raw["chosen"]
        ]
    return new


def _each(text: Any, use: Callable[[str], str | None]) -> Any:
    """Return an optimizer's text with its file's path replaced by ``use(path)``, or without the file for None."""
    if not isinstance(text, str) or _KEY not in text:
        return text
    try:
        name, given = names.parse(text)
    except OptbenchError:
        return text  # reported where names are read
    if names.INNER in given:
        given[names.INNER] = _each(given[names.INNER], use)
    if ":" in name and _KEY in given:
        file = given.pop(_KEY)
        if not isinstance(file, str):
            raise OptbenchError(f"{name}: file={shown(file)} must be one path")
        new = use(file)
        given = {_KEY: new, **given} if new is not None else given
    return names.canonical(name, given)
