"""Two sweeps: the keys in which they differ, and the one sweep that runs all that both run."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from optbench.contract import names
from optbench.contract.errors import OptbenchError, shown
from optbench.plan.display_names import to_canonical, without_numbers
from optbench.plan.spec import BLOCK_KEYS, Spec
from optbench.plan.spec_files import make_spec
from optbench.plan.spec_values import OWN, is_grid

COUNTS = ("blocks", "trials", "tuning_seeds", "finalists", "widen")
"""Keys of which the larger number is taken: a longer sweep begins with the blocks and trials of a shorter one."""
# Relative difference: rates of a grid have four digits; below it two are one that was computed twice
_SAME_RATE = 1e-9


def find_differences(old: Spec, new: Spec) -> list[str]:
    """Return the keys in which two sweeps differ; none if they are the same.

    The order of lists, and how names are typed, make no difference.
    """
    first, second = _to_comparable(old), _to_comparable(new)
    keys = [key for key in first if first[key] != second[key]]
    if "blocks" in keys:
        keys = [key for key in keys if key not in ("seeds", "tuning_seeds")]
    return sorted(keys)


def describe_additions(old: Spec, new: Spec) -> str:
    """Return what an extended sweep has that the one before has not: "blocks 8, optimizers nadam"."""
    texts = []
    for key in (*find_differences(old, new), "judge_by", "labels"):
        before, after = getattr(old, key), getattr(new, key)
        if before == after:
            continue
        if isinstance(after, dict):
            of_before = before if isinstance(before, dict) else {}
            after = [f"{name}={value}" for name, value in after.items() if of_before.get(name) != value]
        elif isinstance(after, list | tuple):
            known = before if isinstance(before, list | tuple) else ()
            after = [str(getattr(each, "name", each)) for each in after if each not in known]
        texts.append(f"{key} {', '.join(after) if isinstance(after, list) else after}")
    return ", ".join(texts)


def _to_comparable(spec: Spec) -> dict[str, Any]:
    """Return the spec without the order of its lists, and with names in one form."""
    raw = spec.model_dump(exclude={"judge_by", "labels", "given"})
    for key in ("optimizers", "schedules"):
        raw[key] = [text for each in raw[key] for text in _list_alternatives(each)]
    raw["problems"] = [tuple({**each, "name": to_canonical(each["name"])}.values()) for each in raw["problems"]]
    raw["chosen"] = [_identify_setting(each) for each in raw["chosen"]]
    tuning = spec.seeds[: spec.tuning_seeds]
    raw["seeds"] = list(spec.seeds) if spec.blocks else (frozenset(tuning), frozenset(spec.seeds) - frozenset(tuning))
    unordered = (
        "optimizers",
        "schedules",
        "problems",
        "chosen",
        "learning_rates",
        "batch_sizes",
        "dtypes",
        "plugins",
        "points",
        "choose_by",
    )
    return {
        key: frozenset(value) if key in unordered and isinstance(value, list | tuple) else value
        for key, value in raw.items()
    }


def _list_alternatives(text: str) -> list[str]:
    """Return the text of each setting that a text with lists stands for, in one form."""
    return [to_canonical(each) for each in names.expand_alternatives(text)]


def _identify_setting(entry: Mapping[str, Any]) -> tuple:
    """Return a key that is equal for entries of ``chosen`` with the same setting."""
    texts = [to_canonical(entry[key]) for key in ("problem", "optimizer", "schedule")]
    return (*texts, entry["batch_size"], entry["lr"])


_IDENTITY: dict[str, Callable[[Any], Any]] = {
    "schedules": to_canonical,
    "problems": lambda entry: to_canonical(entry["name"]),
    "have": lambda text: text,
    "chosen": _identify_setting,
    "batch_sizes": lambda size: size,
    "dtypes": lambda dtype: dtype,
    "plugins": lambda path: path,
    "given": lambda name: name,
    "choose_by": lambda measure: measure,
}
"""Lists that are joined entry by entry, and the identity of an entry."""


def join_specs(old: Spec, new: Spec) -> Spec:
    """Return the sweep that runs all that the two run: the union of their lists, and the larger of their numbers.

    Raises OptbenchError, and names the keys, if no sweep does that.
    """
    if bool(old.blocks) != bool(new.blocks):
        raise OptbenchError("one has its seeds in blocks, and the other has not")
    if bool(old.chosen) != bool(new.chosen):
        raise OptbenchError("one names whole settings, and the other lists")
    joined = (*_IDENTITY, "optimizers", "learning_rates", *COUNTS, "seeds", "judge_by", "labels", "ranges")
    changed = [key for key in Spec.model_fields if key not in joined and getattr(old, key) != getattr(new, key)]
    if (old.trials is None) != (new.trials is None):
        changed.append("trials")
    if OWN in (old.ranges, new.ranges) and old.ranges != new.ranges:
        changed.append("ranges")
    if changed:
        raise OptbenchError(f"they differ in {', '.join(changed)}")
    raw, other = old.model_dump(), new.model_dump()
    raw["optimizers"] = (_join_optimizers if old.trials is None else _join_spaces)(
        raw["optimizers"], other["optimizers"]
    )
    for key, identify in _IDENTITY.items():
        known = {identify(each): each for each in raw[key]}
        for each in other[key]:
            kept = known.setdefault(identify(each), each)
            if key == "problems" and {**kept, "name": ""} != {**each, "name": ""}:
                raise OptbenchError(f"{each['name']} has two budgets")
        raw[key] = list(known.values())
    raw["judge_by"] = new.judge_by
    raw["labels"] = {**old.labels, **new.labels}
    raw["learning_rates"] = _join_rates(old.learning_rates, new.learning_rates)
    raw["ranges"] = _join_ranges(old.ranges, new.ranges)
    for key in COUNTS:
        raw[key] = max((value for value in (raw[key], other[key]) if value is not None), default=None)
    raw["seeds"] = [*old.seeds, *(seed for seed in new.seeds if seed not in old.seeds)]
    for key in (
        *(("seeds", "tuning_seeds") if old.blocks else BLOCK_KEYS),
        *(("ranges",) if old.trials is None else ()),
    ):
        raw.pop(key)
    raw["problems"] = [{key: value for key, value in each.items() if value is not None} for each in raw["problems"]]
    return make_spec({key: value for key, value in raw.items() if value is not None})


def _join_optimizers(old: Iterable[str], new: Iterable[str]) -> list[str]:
    """Return the old texts, then the new ones without the settings that an earlier text stands for.

    A new text stays whole if none of its settings is known; else each setting that is missing becomes a text.
    """
    known = {each for text in old for each in _list_alternatives(text)}
    texts = list(old)
    for text in new:
        parts = _list_alternatives(text)
        missing = [each for each in parts if each not in known]
        texts += [text] if missing == parts else missing
        known.update(parts)
    return texts


def _join_spaces(old: Iterable[str], new: Iterable[str]) -> list[str]:
    """Return optimizers whose settings are drawn: new ranges replace the old ones of the same optimizer."""
    found: dict[str, dict] = {}
    for text in (*old, *new):
        rule = without_numbers(text)
        found[rule] = {**found.get(rule, {}), **names.parse(text)[1]}
    return [names.canonical(names.parse(rule)[0], given) for rule, given in found.items()]


def _join_ranges(old: dict[str, str] | str, new: dict[str, str] | str) -> dict[str, str] | str:
    """Return shared ranges: a new one replaces the old one of the same meaning, and what is kept stays."""
    if isinstance(old, str) or isinstance(new, str):
        return new if isinstance(old, str) else old
    return {**old, **new}


def _join_rates(old: Any, new: Any) -> Any:
    """Return rates, each once; a range replaces the old one. Raises OptbenchError for a grid beside other rates."""
    if any(isinstance(each, str) and is_grid(each) for each in (old, new)) and old != new:
        texts = [each if isinstance(each, str) else ", ".join(map(names.number_text, each)) for each in (old, new)]
        raise OptbenchError(
            f"learning_rates: {shown(texts[0])} and {shown(texts[1])} have no grid in common that a block could move"
        )
    if old is None or new is None or isinstance(old, str) or isinstance(new, str):
        return new if new is not None else old
    return [*old, *(rate for rate in new if not any(abs(rate - each) <= _SAME_RATE * each for each in old))]
