"""Specs read and made: from TOML files, flags and keywords, with what the user changes; and code that nobody named.

A file that an optimizer names, ``torch:Mine(file=mine.py)``, becomes a plug-in of the spec.
"""

import re
import shlex
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import (
    ValidationError,
)

from optbench.catalogue import loader
from optbench.catalogue.library_optimizers import find_unasked
from optbench.catalogue.loader import name_variant
from optbench.contract import names
from optbench.contract.arguments import refusal
from optbench.contract.errors import OptbenchError, in_one_line, near, shown, unknown
from optbench.contract.names import COMMAS
from optbench.contract.paths import is_file, is_folder, path_of
from optbench.contract.search import RATES
from optbench.datasets.files import ENDINGS
from optbench.plan.data_sweep import design_sweep
from optbench.plan.display_names import find_name, read_labels
from optbench.plan.optimizer_groups import expand_groups
from optbench.plan.spec import BLOCK_KEYS, ProblemEntry, SettingEntry, Spec
from optbench.plan.spec_values import list_measures, read_plugins, read_seeds, read_texts, to_list, to_plain

DATA_KEYS = ("data", "target", "model")
"""Keys of a file, flags and keywords that stand for others; a spec has those."""
ABLATE = "ablate"
"""The key that stands for variants among the optimizers."""
SHIPPED = {file.stem: file for file in sorted(Path(__file__).parent.glob("*.toml"))}
FORMER = {"search": "sobol", "weigh_by": "problem"}
"""Keys that 0.19 took out, with the only value that a spec may still give them: that of the folders before."""
_SYNONYMS = {"lr": "learning_rates", "learning_rate": "learning_rates"}
"""Other words for keys of a spec: those of the command, and of a single run."""
USUAL_RATES = ":".join([*(names.number_text(float(end)) for end in RATES.ends), "11"])
"""The grid of a spec without rates: the range from which trials of most optimizers are drawn, in half decades."""
_ALTERNATIVES = re.compile(r"""=\s*([^,()\[\]='"]*\|[^,()\[\]='"]*)""")
_FILE = "file"
"""The parameter of another library's optimizer that names its file."""


def read_spec(
    path: str | Path | None = None, changes: Mapping[str, Any] | None = None, out: str | Path | None = None
) -> Spec:
    """Return the spec of a TOML file, with ``changes`` on top; None is the default one, a plain name one of SHIPPED.

    Without a path, ``data`` among the changes makes the sweep of that data set, and ``trials`` leaves out the default's
    learning rates. out: where results will go, by which a spec in a results folder is known.

    Raises OptbenchError in one line for a file that cannot be read, an unknown key or a bad value, and for a spec in a
    results folder that runs code which ``changes`` do not name.
    """
    if path is None and (changes or {}).get("data") is not None:
        return make_spec({}, changes, "")
    source = SHIPPED["default"] if path is None else path_of("spec", path)
    if not source.suffix and not is_file(source) and not is_folder(source) and source.parent == Path():
        if source.name not in SHIPPED:
            hint = "" if near(source.name, SHIPPED) else f"; {COMMAS}"
            raise OptbenchError(f"{unknown('spec', source.name, SHIPPED)}{hint}")
        source = SHIPPED[source.name]
    if source.suffix.lower() in ENDINGS:
        raise OptbenchError(f"{source.name} is a table, and no spec: optbench sweep --data {source.name}, or data=")
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
    given = {key: value for key, value in (changes or {}).items() if value is not None}
    if path is None:
        _add_own(raw, given)
    held = path is not None and _lies_in_results(source, out)
    if held and "model" in raw:  # a plan needs its names, and runs it
        refuse_unnamed([str(source.parent / path_of("model", raw["model"]))], named_files(given))
    spec = make_spec(raw, given, "" if path is None else source.name, source.parent)
    if held:
        refuse_unnamed(spec.plugins, named_files(given), spec.optimizer_texts, to_list(given.get("optimizers", ())))
    return spec


def named_files(changes: Mapping[str, Any]) -> list[str]:
    """Return the files of code that the caller's keys name: plug-ins, those of optimizers, and the model."""
    given = {key: value for key, value in changes.items() if value is not None}
    model = [path_of("model", given["model"])] if "model" in given else []
    return [*_take_files(given, Path()), *read_plugins(given.get("plugins") or ()), *read_plugins(model)]


def parse_spec(text: str) -> Spec | None:
    """Return the spec that a text of a results folder gives; None if it gives none."""
    try:
        raw = tomllib.loads(text)
        return None if "model" in raw else make_spec(raw)  # no sweep writes that key, whose file would run
    except (ValueError, RecursionError):  # of TOML, or of the keys in it
        return None


def make_spec(raw: Mapping, changes: Mapping | None = None, label: str = "spec", folder: str | Path = "") -> Spec:
    """Return the spec of ``raw`` with the non-None values of ``changes``; a changed budget replaces the old one.

    Either may have ``data`` and ``target``, which stand for other keys: see data_sweep.py. label: the file of ``raw``,
    for errors; empty without one. folder: what paths in ``raw`` are relative to; those in ``changes`` are relative to
    the working directory. Labels of both are joined. Where neither gives rates or trials there are the usual rates, and
    the seeds for tuning follow changed seeds. Raises OptbenchError.
    """
    raw, changes = _expand_names(dict(raw)), _expand_names(dict(changes or {}))
    place = Path() if changes.get("data") is not None else Path(folder)
    old, new = [raw.pop(key, None) for key in DATA_KEYS], [changes.pop(key, None) for key in DATA_KEYS]
    data, target, model = (second if first is None else first for first, second in zip(new, old, strict=True))
    for named, text in (target, "target names a column of a table"), (model, "model has networks for a table"):
        if data is None and named is not None:
            raise OptbenchError(f"{text}: name that, too, data = 'customers.csv' (--data)")
    raw, changes = _check_keys(raw, label), _check_keys(changes, "")
    changes = {key: value for key, value in changes.items() if value is not None}
    names_batches = "batch_sizes" in (raw | changes if label else changes)
    raw = {key: value for key, value in raw.items() if key == "labels" or key not in changes}
    files = [*_take_files(raw, Path(folder)), *_take_files(changes, Path())]
    labels = _join_labels(raw, changes, label)
    if isinstance(raw.get("plugins"), list):
        raw["plugins"] = [str(folder / Path(item)) if isinstance(item, str) else item for item in raw["plugins"]]
    if data is not None:
        changes = raw | changes
        if model is not None:
            model = (Path() if new[-1] is not None else Path(folder)) / path_of("model", model)
            if not is_file(model):
                raise OptbenchError(f"model: there is no file {str(model)!r}")
            files += read_plugins([model])
        raw = design_sweep(data, target, changes, place, model)
        _add_own(raw, changes)
        changes.pop("problems", None)
        labels |= {text: labels.pop(short, short) for text, short in raw.pop("labels").items()}
    raw = _leave_out_replaced(raw, changes)
    raw.update(changes)
    if labels:
        raw["labels"] = labels
    if raw.get("blocks"):
        raw.pop("tuning_seeds", None)
    elif "tuning_seeds" not in changes and ("seeds" in changes or "tuning_seeds" not in raw):
        most = raw.get("tuning_seeds", 3)
        raw["tuning_seeds"] = min(most, _share_for_tuning(raw.get("seeds", 9))) if isinstance(most, int) else most
    try:
        if files:
            raw["plugins"] = list(dict.fromkeys([*read_plugins(raw.get("plugins") or ()), *files]))
        lacks_rates = all(raw.get(key) is None for key in ("learning_rates", "trials", "chosen"))
        spec = Spec.model_validate({**raw, "learning_rates": USUAL_RATES} if lacks_rates else raw)
        spec._lacks_rates, spec._names_batches = lacks_rates, names_batches
        return spec
    except ValidationError as error:
        line = refusal(error, "", {"problems": ProblemEntry.model_fields, "chosen": SettingEntry.model_fields})
        file = f"{label}: " if label and line.partition(":")[0].partition(".")[0] not in changes else ""
        raise OptbenchError(f"{file}{line}") from None


def _add_own(raw: dict[str, Any], given: Mapping[str, Any]) -> None:
    """Add to the usual optimizers of a sweep those of its plug-ins, where what is given names no optimizers.

    Raises OptbenchError for a plug-in that does not load.
    """
    if not given.get("plugins") or {"optimizers", ABLATE, "chosen"} & given.keys():
        return
    try:
        files = read_plugins(given["plugins"])
    except OptbenchError:
        return  # the field's own check raises
    catalogue = loader.load_all(files)
    kinds: dict[str, Mapping] = {
        "optimizer": catalogue.optimizers, "baseline": catalogue.baselines, "eager": catalogue.eager,
    }  # fmt: skip
    named = [(name, catalogue.files[f"{kind} {name}"]) for kind, records in kinds.items() for name in records]
    raw["optimizers"] = [*raw["optimizers"], *(name for name, file in named if str(file) in files)]


def _expand_names(values: dict[str, Any]) -> dict[str, Any]:
    """Return the keys with what a word such as ``all`` or a value between bars names, and each variant in ``ablate``.

    ``mine(kappa=0.25|0.5)``, or a list in square brackets, is two variants, each of which is tuned by itself;
    ``mlp(hidden=32|256)`` is two problems. Raises OptbenchError for a text in ``ablate`` without such a list.
    """
    if isinstance(given := values.get("optimizers"), str | list | tuple):
        values["optimizers"] = expand_groups(to_list(given))
    if isinstance(given := values.get("problems"), str | list | tuple) and "|" in str(given):
        values["problems"] = [each for item in to_list(given) for each in _expand_problem(item)]
    texts = values.pop(ABLATE, None)
    if texts is None:
        return values
    variants: list[str] = []
    try:
        for text in to_list(to_plain(texts)):
            if not isinstance(text, str):
                raise OptbenchError(f"{shown(text)} must be a text, such as 'adam(beta1=0.5|0.9)'")
            if len(each := _list_alternatives(text)) < 2:
                raise OptbenchError(f"{shown(text)} has no values to compare: write 'adam(beta1=0.5|0.9)'")
            variants += map(name_variant, each)
    except OptbenchError as error:
        raise OptbenchError(f"ablate: {error}") from None
    return {**values, "optimizers": [*to_list(values.get("optimizers") or []), *variants]}


def _list_alternatives(text: str) -> list[str]:
    """Return a name for each combination of values: two for "mlp(hidden=32|256)"; values in brackets are several."""
    return names.expand_alternatives(_ALTERNATIVES.sub(lambda match: f"=[{match[1].replace('|', ', ')}]", text))


def _expand_problem(item: Any) -> list[Any]:
    """Return the problems that an item of the list names, one for each value between bars: "mlp(hidden=32|256)"."""
    return _list_alternatives(item) if isinstance(item, str) and _ALTERNATIVES.search(item) else [item]


def _leave_out_replaced(raw: dict[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keys without those that a change replaces, though it has another name: steps those of epochs, say.

    Raises OptbenchError for changes that cannot stand together.
    """
    replaced = {key for group in ({"epochs", "steps"}, {"batch_sizes"}) if group & changes.keys() for key in group}
    raw = {key: value for key, value in raw.items() if key not in replaced}
    if isinstance(raw.get("problems"), list):  # what was typed counts for all of them
        raw["problems"] = [
            {key: value for key, value in item.items() if key not in replaced} if isinstance(item, dict) else item
            for item in raw["problems"]
        ]
    if {"seeds", "tuning_seeds"} & changes.keys() and "blocks" not in changes:
        for key in BLOCK_KEYS:
            raw.pop(key, None)  # seeds of one's own are a plain grid
    if changes.get("blocks") == 0:
        raise OptbenchError("blocks: 0 must be at least 2; seeds = 8 is a plain grid")
    if changes.get("blocks"):
        if "tuning_seeds" in changes:
            raise OptbenchError("tuning_seeds and blocks: give one")
        raw.pop("seeds", None)
    if "judge_by" in changes and "choose_by" not in changes:
        if changes["judge_by"] not in list_measures(raw.get("choose_by", ())):
            raw.pop("choose_by", None)
    elif "choose_by" in changes and raw.get("judge_by") not in list_measures(changes["choose_by"]):
        raw.pop("judge_by", None)
    return raw


def _check_keys(raw: Mapping, label: str) -> dict:
    """Return the values with NumPy's types as Python's; label: the file, for messages.

    Raises OptbenchError for an unknown key.
    """
    found = {}
    for key, value in raw.items():
        if key in _SYNONYMS:
            if _SYNONYMS[key] in raw:
                raise OptbenchError(f"{key} and {_SYNONYMS[key]} are the same: give one")
            key = _SYNONYMS[key]
        if key in FORMER and value == FORMER[key]:
            continue
        if key not in Spec.model_fields:
            raise unknown(f"key in {label}" if label else "key", key, [*Spec.model_fields, *DATA_KEYS, ABLATE])
        try:
            found[key] = to_plain(value)
        except OptbenchError as error:
            raise OptbenchError(f"{f'{label}: ' if label else ''}{key}: {error}") from None
    return found


def _share_for_tuning(seeds: Any) -> int:
    """Return a third of the number of seeds; 1 of two seeds, and 0 of a single seed, which then tunes and reports."""
    try:
        count = len(read_seeds(seeds))
    except (TypeError, ValueError):
        return 0  # the field's own check raises
    return max(count // 3, min(count - 1, 1))


def refuse_unnamed(
    found: Iterable[str],
    named: Iterable[str | Path],
    optimizers: Iterable[str] = (),
    typed: Iterable[str] | None = None,
) -> None:
    """Refuse code that a results folder names but the caller does not: a folder may come from anybody.

    Args:
        found: the folder's plug-ins.
        named: the caller's plug-ins; without ``typed`` also the names of modules.
        optimizers: the folder's optimizers, which may be those of an installed module, ``torch:module.Class``.
        typed: the caller's optimizers; None where there is no way to name any.

    Raises:
        OptbenchError: the message says how to name them.
    """
    named, files, optimizers = list(named), list(found), list(optimizers)
    modules: dict[str, str] = {}
    for text in optimizers:
        more, imported = find_unasked(text)
        files += [str(path_of("a plug-in", file).resolve()) for file in more]
        modules |= dict.fromkeys(imported, text)
    known = {str(path_of("a plug-in", file).resolve()) for file in named}
    if strange := [file for file in files if file not in known]:
        listed = " ".join(f"--plugin {shlex.quote(file)}" for file in strange)
        text = f"nothing that a results folder names is run: to use its plug-ins, name them, in plugins= or by {listed}"
        for file in strange:
            gone = "" if Path(file).is_file() else f", which is gone: put the file there again, and name {file}"
            text += "".join(f"; {each} is not {file}{gone}" for each in known if Path(each).name == Path(file).name)
        raise OptbenchError(text)
    mine = {*map(str, named)} if typed is None else {module for text in typed for module in find_unasked(text)[1]}
    for module, text in modules.items():
        if module not in mine:
            listed = shlex.quote(", ".join(optimizers))
            every = f"optimizers= or --optimizers {listed}, or run a copy of the spec in another folder"
            raise OptbenchError(
                f"nothing that a results folder names is run: {text} imports {module}: to use it, name it: "
                f"{f'plugins= or --plugin {module}' if typed is None else every}"
            )


def _lies_in_results(source: Path, out: str | Path | None) -> bool:
    """Return whether a spec's file lies in the folder ``out`` or in another one that holds a sweep."""
    folders = {*source.resolve().parents, *(folder.resolve() for folder in source.absolute().parents)}
    held = any(all(is_file(folder / name) for name in ("manifest.json", "provenance.json")) for folder in folders)
    return held or (out is not None and Path(out).resolve() in folders)


def _take_files(raw: dict[str, Any], folder: Path) -> list[str]:
    """Leave the files out of the optimizers' texts, so that names are the same from any folder, and return their paths.

    folder: what their paths are relative to. Values that are of a wrong type stay.
    """
    files: list[str] = []

    def leave_out(text: Any) -> Any:
        """Return an optimizer's text without its file, which is added to the list."""
        if not isinstance(text, str):
            return text
        try:
            levels = names.split_levels(text)
        except OptbenchError:
            return text  # reported where names are read
        own = [(name, given.pop(_FILE)) for name, given in levels if ":" in name and _FILE in given]
        for name, file in own:
            if not isinstance(file, str):
                raise OptbenchError(f"{name}: file={shown(file)} must be one path")
            files.append(str((folder / path_of(_FILE, file)).resolve()))
        return names.join_levels(levels) if own else text

    if isinstance(texts := raw.get("optimizers"), str | list | tuple):
        raw["optimizers"] = [leave_out(text) for text in to_list(texts)]
    if isinstance(texts := read_texts(raw.get("have")), list | tuple):
        divided = ((names.split_list(text) or [text]) if isinstance(text, str) else [text] for text in texts)
        raw["have"] = [", ".join([leave_out(first), *rest]) if rest else first for first, *rest in divided]
    if isinstance(entries := raw.get("chosen"), list | tuple):
        raw["chosen"] = [dict(each) if isinstance(each, dict) else each for each in entries]
        for entry in raw["chosen"]:
            if isinstance(entry, dict) and "optimizer" in entry:
                entry["optimizer"] = leave_out(entry["optimizer"])
    return files


def _join_labels(raw: dict[str, Any], changes: dict[str, Any], label: str = "") -> dict[str, str]:
    """Take the labels out of both, and return them together; those of ``raw`` only of what the sweep still has.

    label: the file of ``raw``, for errors.
    """
    found = []
    for values, file in ((raw, label), (changes, "")):
        try:
            found.append(read_labels(values.pop("labels", None) or {}))
        except OptbenchError as error:
            raise OptbenchError(f"{file}: labels: {error}" if file else f"labels: {error}") from None
    old, new = found
    if not {"problems", "optimizers"} & changes.keys():
        return {**old, **new}
    lists = [changes.get(key, raw.get(key)) for key in ("problems", "optimizers")]
    texts = [text for each in lists if isinstance(each, str | list | tuple) for text in to_list(each)]
    there = [text.get("name") if isinstance(text, dict) else text for text in texts]

    def is_there(name: str) -> bool:
        """Return True if a text of the sweep is meant."""
        try:
            return bool(find_name(name, [text for text in there if isinstance(text, str)]))
        except OptbenchError:
            return False

    return {**{name: text for name, text in old.items() if is_there(name)}, **new}
