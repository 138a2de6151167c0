"""Two specs compared, and the sweep that runs all that both run."""

from collections.abc import Callable, Iterable
from typing import Any

from optbench.contract import names
from optbench.contract.errors import OptbenchError
from optbench.contract.search import parse_range
from optbench.sweeps.spec import BLOCK_KEYS, Spec
from optbench.sweeps.spec_files import merge

LISTS = ("problems", "optimizers", "batch_sizes", "schedules", "learning_rates", "dtypes", "plugins", "chosen")
"""Keys that are joined entry by entry."""
COUNTS = ("blocks", "trials", "tuning_seeds", "finalists")
"""Keys of which the larger number is taken: a longer sweep begins with the blocks and trials of a shorter one."""
# Relative difference: rates of a grid have four digits; below it two are one that was computed twice
_SAME_RATE = 1e-9


def canonical(spec: Spec) -> dict[str, Any]:
    """Return the spec without what makes no difference: the order of its lists, and how names are typed."""
    raw = spec.model_dump()
    for key in ("optimizers", "schedules"):
        raw[key] = frozenset(text for each in raw[key] for text in _alternatives(each))
    raw["problems"] = frozenset((_name(each["name"]), each["epochs"], each["steps"]) for each in raw["problems"])
    raw["chosen"] = frozenset(
        (_name(each["problem"]), _name(each["optimizer"]), each["batch_size"], _name(each["schedule"]), each["lr"])
        for each in raw["chosen"]
    )
    if not isinstance(spec.learning_rates, str | None):
        raw["learning_rates"] = frozenset(raw["learning_rates"])
    for key in ("batch_sizes", "dtypes", "plugins"):
        raw[key] = frozenset(raw[key])
    tuning = spec.seeds[: spec.tuning_seeds]
    raw["seeds"] = spec.seeds if spec.blocks else (frozenset(tuning), frozenset(spec.seeds) - frozenset(tuning))
    if isinstance(spec.points, tuple):
        raw["points"] = frozenset(spec.points)
    return raw


def differences(old: Spec, new: Spec) -> list[str]:
    """Return the keys in which two sweeps differ; none if they are the same."""
    first, second = canonical(old), canonical(new)
    keys = [key for key in first if first[key] != second[key]]
    if "blocks" in keys:
        keys = [key for key in keys if key not in ("seeds", "tuning_seeds")] or keys
    return sorted(keys)


def joined(old: Spec, new: Spec) -> Spec:
    """Return the sweep that runs all that the two run: the union of their lists, and the larger of their numbers.

    Raises OptbenchError, and names the keys, if no sweep does that.
    """
    if bool(old.blocks) != bool(new.blocks):
        raise OptbenchError("one has its seeds in blocks, and the other has not")
    if bool(old.chosen) != bool(new.chosen):
        raise OptbenchError("one names whole settings, and the other lists")
    fixed = [key for key in Spec.model_fields if key not in (*LISTS, *COUNTS, "seeds")]
    changed = [key for key in fixed if getattr(old, key) != getattr(new, key)]
    if (old.trials is None) != (new.trials is None):
        changed.append("trials")
    if changed:
        raise OptbenchError(f"they differ in {', '.join(changed)}")
    raw = old.model_dump(exclude_none=True)
    other = new.model_dump(exclude_none=True)
    raw["optimizers"] = (_optimizers if old.trials is None else _spaces)(raw["optimizers"], other["optimizers"])
    for key, identity in _IDENTITY.items():
        raw[key] = _union(raw[key], other[key], identity)
    raw["learning_rates"] = _rates(old.learning_rates, new.learning_rates)
    for key in COUNTS:
        values = [value for value in (getattr(old, key), getattr(new, key)) if value is not None]
        raw[key] = max(values, default=None)
    raw["seeds"] = [*old.seeds, *(seed for seed in new.seeds if seed not in old.seeds)]
    for key in ("seeds", "tuning_seeds") if old.blocks else BLOCK_KEYS:
        raw.pop(key)
    return merge({key: value for key, value in raw.items() if value is not None}, {})


def _alternatives(text: str) -> list[str]:
    return [_name(each) for each in names.alternatives(text)]


def _name(text: str) -> str:
    """Return a name with its parameters in alphabetical order, and so of the optimizer that it wraps."""
    name, given = names.parse(text)
    inner = {names.INNER: _name(given.pop(names.INNER))} if names.INNER in given else {}
    numbers = {key: float(v) if isinstance(v, int) and not isinstance(v, bool) else v for key, v in given.items()}
    return names.canonical(name, {**inner, **dict(sorted(numbers.items()))})


_IDENTITY: dict[str, Callable[[Any], Any]] = {
    "schedules": _name,
    "problems": lambda entry: _name(entry["name"]),
    "chosen": lambda entry: str(sorted({**entry, "optimizer": _name(entry["optimizer"])}.items())),
    "batch_sizes": lambda size: size,
    "dtypes": lambda dtype: dtype,
    "plugins": lambda path: path,
}
"""The identity of an entry of each list."""


def _union(old: Iterable, new: Iterable, identity: Callable[[Any], Any]) -> list:
    """Return the old entries, and the new ones that are not among them."""
    known = {identity(each): each for each in old}
    for each in new:
        kept = known.setdefault(identity(each), each)
        if identity is _IDENTITY["problems"] and {**kept, "name": ""} != {**each, "name": ""}:
            raise OptbenchError(f"{each['name']} has two budgets")
    return list(known.values())


def _optimizers(old: Iterable[str], new: Iterable[str]) -> list[str]:
    """Return the old texts, and of the new ones the settings that are not among theirs."""
    known = {each for text in old for each in _alternatives(text)}
    texts = list(old)
    for text in new:
        parts = _alternatives(text)
        missing = [each for each in parts if each not in known]
        texts += [text] if missing == parts else missing
        known.update(parts)
    return texts


def _spaces(old: Iterable[str], new: Iterable[str]) -> list[str]:
    """Return optimizers whose settings are drawn: new ranges replace the old ones of the same optimizer."""
    found: dict[str, dict] = {}
    for text in (*old, *new):
        rule = _rule(text)
        found[rule] = {**found.get(rule, {}), **names.parse(text)[1]}
    return [names.canonical(names.parse(rule)[0], given) for rule, given in found.items()]


def _rule(text: str) -> str:
    """Return the optimizer that a text names, without its numbers: ``clip(adam)``, ``torch:SGD(nesterov=True)``."""
    name, given = names.parse(text)
    inner = {names.INNER: _rule(given.pop(names.INNER))} if names.INNER in given else {}
    words = {key: value for key, value in sorted(given.items()) if _is_word(value)}
    return names.canonical(name, {**inner, **words})


def _is_word(value: object) -> bool:
    """Return whether a value is a word or a truth value: a part of a library's optimizer, and no setting."""
    return isinstance(value, bool) or (isinstance(value, str) and ":" not in value and parse_range(value) is None)


def _rates(old: Any, new: Any) -> Any:
    """Return rates, each once; a range replaces the old one."""
    if old is None or new is None or isinstance(old, str) or isinstance(new, str):
        return new if new is not None else old
    return [*old, *(rate for rate in new if not any(abs(rate - each) <= _SAME_RATE * each for each in old))]
