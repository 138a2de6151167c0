"""Files that an optimizer names itself, ``torch:Mine(file=mine.py)``: plug-ins of the spec, by their whole path."""

import shlex
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from optbench.contract import names
from optbench.contract.errors import OptbenchError, shown
from optbench.contract.paths import path_of
from optbench.sweeps import spec_values as values

_KEY = "file"


def drawn_out(raw: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of a spec with the files of its optimizers among ``plugins``, and their names without them.

    Tables, recipes and further sweeps then have a short name that is the same from any folder. Raises OptbenchError.
    """
    files: list[str] = []

    def without(text: Any) -> Any:
        return _each(text, lambda file: files.append(str(path_of(_KEY, file).resolve())))

    changed = _with_optimizers(raw, without)
    if not files:
        return dict(raw)
    plugins = raw.get("plugins") or ()
    mine = [plugins] if isinstance(plugins, Path) else list(values.listed(plugins))
    mine = [str(path_of("a plug-in", item).resolve()) for item in mine]
    return changed | {"plugins": tuple(dict.fromkeys([*mine, *files]))}


def refuse_unnamed(found: Iterable[str], named: Iterable[str | Path]) -> None:
    """Refuse the user's files that a results folder names and the caller does not: a folder may be anybody's.

    Raises:
        OptbenchError: the message says how to name them.
    """
    known = {str(path_of("a plug-in", file).resolve()) for file in named}
    if strange := [file for file in found if file not in known]:
        files = " ".join(f"--plugin {shlex.quote(file)}" for file in strange)
        raise OptbenchError(f"nothing that a results folder names is run: to use its plug-ins, name them: {files}")


def beside(raw: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The keys of a file in ``folder``, from where the files that its optimizers name are meant."""

    def placed(text: Any) -> Any:
        return _each(text, lambda file: str(folder / path_of(_KEY, file)))

    return _with_optimizers(raw, placed)


def _with_optimizers(raw: Mapping[str, Any], change: Callable[[Any], Any]) -> dict[str, Any]:
    """The keys with every text that names an optimizer changed; what is of another kind is left to its checks."""
    new = dict(raw)
    texts = raw.get("optimizers")
    if isinstance(texts, str | list | tuple):
        new["optimizers"] = [change(text) for text in values.listed(texts)]
    if isinstance(raw.get("chosen"), list | tuple):
        new["chosen"] = [
            {**entry, "optimizer": change(entry["optimizer"])}
            if isinstance(entry, Mapping) and "optimizer" in entry
            else entry
            for entry in raw["chosen"]
        ]
    return new


def _each(text: Any, use: Callable[[str], str | None]) -> Any:
    """The text with its file in the words that ``use`` gives for it, without one where those are None."""
    if not isinstance(text, str) or _KEY not in text:
        return text
    try:
        name, given = names.parse(text)
    except OptbenchError:
        return text  # whoever reads the names says what is wrong
    if names.INNER in given:
        given[names.INNER] = _each(given[names.INNER], use)
    if ":" in name and _KEY in given:
        file = given.pop(_KEY)
        if not isinstance(file, str):
            raise OptbenchError(f"{name}: file={shown(file)} must be one path")
        new = use(file)
        given = {_KEY: new, **given} if new is not None else given
    return names.canonical(name, given)
