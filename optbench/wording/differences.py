"""The differences of two sets of results other than their losses: versions, sources, data, budgets, seeds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from optbench.analysis.measures import LOG_TAIL
from optbench.analysis.run_columns import hyperparameter_columns
from optbench.analysis.sweep_tables import Tables
from optbench.contract.names import join_names, join_with_and, number_text

MOST_VALUES = 4
"""The most values of a parameter to list; of more, the number and the range are stated."""
VERSIONS = ("optbench", "python", "numpy", "numba", "scipy", "pandas", "scikit-learn", "platform", "cpu")
_SPEC = {"judge_by": "judged by", "blocks": "blocks", "widen": "widen", "trials": "trials"}
"""Keys of a spec that change what is chosen or concluded, and their names in a line; lines of their own tell others."""
_OF_A_SWEEP = (
    "command", "extended_by", "added", "date", "looks", "looked_at", "targets", "reports", "report_seeds", "data_files",
)  # fmt: skip
"""Keys of provenance.json that differ for every sweep."""
# Relative: first losses of float32 and float64 differ by less, those of other data by far more
SAME_START = 1e-5


def list_differences(a: Tables, b: Tables, label: Callable[[str], str] = str) -> list[str]:
    """Return the possible causes of a difference between A and B besides the candidate, one line for each.

    a, b: results, of which `runs` holds the runs to compare; label: returns what a problem or an optimizer is called.
    Listed are different versions and machines; different sources of optimizers, schedules and problems; problems with
    another minimum or other data, also where only the first losses of a seed show it; different budgets, dtypes,
    devices and seeds; and names that only one side has.
    """
    return [
        *_compare_provenance(a.provenance, b.provenance),
        *_compare_sources(a, b),
        *_compare_sets("device", *(side.timings.get("device", pd.Series(dtype=object)) for side in (a, b))),
        *_compare_sets("dtype", a.runs["dtype"], b.runs["dtype"]),
        *_compare_names(a.runs, b.runs, label),
        *_compare_problems(a.problems, b.problems, set(a.runs["problem"]) & set(b.runs["problem"]), label),
        *_compare_runs(a.runs, b.runs, label),
        *_compare_hyperparameters(a.runs, b.runs, label),
        *_compare_tails(a.runs, b.runs, label),
    ]


class Tried(NamedTuple):
    """The values of an optimizer's parameter that were tried, in A and in B."""

    optimizer: str
    parameter: str
    values: tuple[str, str]
    """The values in words, of A and of B."""
    typed: tuple[str, str]
    """The values as one types them, of A and of B; "" for more than MOST_VALUES."""

    def describe(self, label: Callable[[str], str] = str) -> str:
        """Return the difference as a line, such as "adam: beta1 0.9 in A, 0.8 in B"."""
        return f"{label(self.optimizer)}: {self.parameter} {self.values[0]} in A, {self.values[1]} in B"


def compare_tried_values(a: Tables, b: Tables) -> list[Tried]:
    """Return the parameters for which A and B tried different values, of the optimizers and problems that both have.

    These are the rate, the batch size, the schedule, and hyperparameters that both sides have. Trials drawn from the
    same range count as the same, whatever their values.
    """
    found = []
    problems = set(a.runs["problem"]) & set(b.runs["problem"])
    sides = [side.runs[side.runs["problem"].isin(problems)] for side in (a, b)]
    names = ["lr", "batch_size", "schedule", *(name for name in hyperparameter_columns(sides[0]) if name in sides[1])]
    for optimizer in [name for name in sides[0]["optimizer"].unique() if name in set(sides[1]["optimizer"])]:
        runs = [side[side["optimizer"] == optimizer] for side in sides]
        for name in names:
            values = [sorted(side[name].dropna().unique().tolist()) for side in runs]
            ranges = [((side.provenance.get("searched") or {}).get(optimizer) or {}).get(name) for side in (a, b)]
            if values[0] != values[1] and all(values) and (ranges[0] != ranges[1] or ranges[0] is None):
                words = [_describe_values(each, text) for each, text in zip(values, ranges, strict=True)]
                typed = [text or _type_values(each) for each, text in zip(values, ranges, strict=True)]
                found.append(Tried(optimizer, name, (words[0], words[1]), (typed[0], typed[1])))
    return found


def _describe_values(values: list, searched: str | None) -> str:
    """Return values in words: ``0.9``, ``0.8 and 0.9``, ``7 values from 0.001 to 1``.

    searched: the range that trials were drawn from, which is returned in place of its values; None without one.
    """
    if searched is not None:
        return searched
    texts = _to_texts(values)
    if len(texts) > MOST_VALUES:
        return f"{len(texts)} values" + f" from {texts[0]} to {texts[-1]}" * (not isinstance(values[0], str))
    return join_with_and(texts)


def _type_values(values: list) -> str:
    """Return values as one types them, ``0.9`` or ``[0.8, 0.9]``; "" for more than MOST_VALUES."""
    texts = _to_texts(values)
    return "" if len(texts) > MOST_VALUES else texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"


def _to_texts(values: list) -> list[str]:
    """Return each value as text."""
    return [number_text(value) if isinstance(value, float) else str(value) for value in values]


def list_provenance(a: Mapping[str, Any], b: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return what differs in the provenance of A and B: {key: {"a": value, "b": value}}, a plug-in's by its name."""
    sides = [{**side, **(side.get("plugins") or {})} for side in (a, b)]
    names = dict.fromkeys(name for side in sides for name in side if name not in (*_OF_A_SWEEP, "plugins"))
    both = {name: {"a": sides[0].get(name), "b": sides[1].get(name)} for name in names}
    return {name: values for name, values in both.items() if values["a"] != values["b"]}


def _tell(what: str, a: object, b: object) -> Iterator[str]:
    """Yield a line with two values if they differ."""
    if a != b:
        yield f"{what}: {a} in A, {b} in B"


def _compare_provenance(a: Mapping[str, Any], b: Mapping[str, Any]) -> Iterator[str]:
    """Yield a line for each version or machine that differs, and for what the sweeps choose or judge by.

    a, b: the provenance of the two sides.
    """
    for name in VERSIONS:
        yield from _tell(name, a.get(name, "not recorded"), b.get(name, "not recorded"))
    listed = [side.get("choose_by", LOG_TAIL) for side in (a, b)]
    yield from _tell("chosen by", *(each if isinstance(each, str) else ", ".join(each) for each in listed))
    for key, name in _SPEC.items():
        if key in a and key in b:
            yield from _tell(name, a[key], b[key])


def _compare_sources(a: Tables, b: Tables) -> Iterator[str]:
    """Yield a line with the plug-ins whose files differ, of those that the compared runs use."""
    sources = [side.provenance.get("plugins") or {} for side in (a, b)]
    other = [name for name in sources[0] if name in sources[1] and sources[0][name] != sources[1][name]]
    used = {text.split("(")[0] for side in (a, b)
            for name in ("problem", "optimizer", "schedule") for text in side.runs[name].unique()}  # fmt: skip
    other = [name for name in other if name.split()[-1] in used] or other
    if other:
        texts = [f"{name} (sha256 {sources[0][name][:8]} in A, {sources[1][name][:8]} in B)" for name in other]
        yield f"another source: {join_names(texts)}"


def _compare_sets(what: str, a: Iterable, b: Iterable) -> Iterator[str]:
    """Yield a line with the distinct values of A and of B if these differ; none if a side has no value.

    what: the name of the values, with which the line begins.
    """
    names = [", ".join(sorted(set(map(str, side)))) for side in (a, b)]
    if all(names):
        yield from _tell(what, *names)


def _compare_names(a: pd.DataFrame, b: pd.DataFrame, label: Callable[[str], str]) -> Iterator[str]:
    """Yield lines with the problems, the optimizers, and the pairs of both that only one side has."""
    for name in ("problem", "optimizer"):
        for side, mine, other in (("A", a, b), ("B", b, a)):
            if rest := [label(text) for text in mine[name].unique() if text not in set(other[name])]:
                yield f"only {side} has the {name}{'s' * (len(rest) > 1)} {join_names(rest)}"
    pairs = [set(zip(side["problem"], side["optimizer"], strict=True)) for side in (a, b)]
    for side, mine, other, runs in (("A", *pairs, b), ("B", pairs[1], pairs[0], a)):
        problems, optimizers = set(runs["problem"]), set(runs["optimizer"])
        if rest := sorted(f"{label(p)} with {label(o)}" for p, o in mine - other if p in problems and o in optimizers):
            yield f"only {side} has {join_names(rest)}"


def _compare_problems(a: pd.DataFrame, b: pd.DataFrame, shared: set[str], label: Callable[[str], str]) -> Iterator[str]:
    """Yield lines with the problems whose minimum, size or data differ.

    a, b: the ``problems`` tables of both sides; shared: the names of the problems to compare.
    """
    facts = {"minimum": "the minimum", "dim": "parameters", "examples": "examples", "digest": "the content of the data"}
    both = a.merge(b, on="problem", suffixes=("_a", "_b"))
    both = both[both["problem"].isin(shared)]
    for name, words in facts.items():
        columns = ["problem", f"{name}_a", f"{name}_b"]
        for problem, *values in both.reindex(columns=columns).itertuples(index=False):
            if values[0] == values[1] or all(map(pd.isna, values)):
                continue
            if name == "digest":
                sums = [value[:8] if isinstance(value, str) and value else "none" for value in values]
                yield f"{label(problem)}: {words} is another one (sha256 {sums[0]} in A, {sums[1]} in B)"
            elif name != "minimum" or not np.isclose(values[0], values[1], rtol=1e-9, atol=1e-12):
                yield f"{label(problem)}: {words}: {values[0]:,.8g} in A, {values[1]:,.8g} in B"


def _compare_runs(a: pd.DataFrame, b: pd.DataFrame, label: Callable[[str], str]) -> Iterator[str]:
    """Yield lines with the problems of other first losses, of other steps at one batch size, and with other seeds."""
    first = [side.groupby(["problem", "seed"])["loss_initial"].median().reset_index() for side in (a, b)]
    both = first[0].merge(first[1], on=["problem", "seed"], suffixes=("_a", "_b"))
    gap = (both["loss_initial_a"] - both["loss_initial_b"]).abs()
    size = np.maximum(both["loss_initial_a"].abs(), both["loss_initial_b"].abs())
    if names := [*map(label, both.loc[gap > SAME_START * size, "problem"].unique())]:
        yield f"other first losses on the same seeds, so another start or other data: {join_names(names)}"
    keys = ["problem", "batch_size"]
    whole = [side[~side["status"].isin(["diverged", "deadline"])] for side in (a, b)]
    most = [side.groupby(keys, sort=False)["steps"].max().reset_index() for side in whole]
    both = most[0].merge(most[1], on=keys, suffixes=("_a", "_b"))
    for row in both[both["steps_a"] != both["steps_b"]].drop_duplicates("problem").itertuples():
        yield f"{label(row.problem)}: {row.steps_a:,} steps in A, {row.steps_b:,} in B (batch {row.batch_size})"
    seeds = [set(side["seed"]) for side in (a, b)]
    if seeds[0] != seeds[1]:
        yield f"seeds: {len(seeds[0])} in A, {len(seeds[1])} in B, {len(seeds[0] & seeds[1])} in common"


def _compare_hyperparameters(a: pd.DataFrame, b: pd.DataFrame, label: Callable[[str], str]) -> Iterator[str]:
    """Yield lines with the hyperparameters of an optimizer that only one side has."""
    for name in [name for name in a["optimizer"].unique() if name in set(b["optimizer"])]:
        sides = [side[side["optimizer"] == name] for side in (a, b)]
        known = [{each for each in hyperparameter_columns(side) if side[each].notna().any()} for side in sides]
        for side, rest in (("A", known[0] - known[1]), ("B", known[1] - known[0])):
            if rest:
                yield f"{label(name)}: only {side} has {', '.join(sorted(rest))}"


def _compare_tails(a: pd.DataFrame, b: pd.DataFrame, label: Callable[[str], str]) -> Iterator[str]:
    """Yield lines with the reasons why the column log_tail is not the same measure on both sides."""
    for side, mine, other in (("A", a, b), ("B", b, a)):
        if LOG_TAIL in other and LOG_TAIL not in mine:
            yield f"{side} has no {LOG_TAIL}: the logarithm of the final suboptimality stands in for it on both sides"
    for side, runs in (("A", a), ("B", b)):
        if "tail_source" in runs and (
            names := [*map(label, runs.loc[runs["tail_source"] == "batches", "problem"].unique())]
        ):
            yield f"{side} is of an older optbench, which took {LOG_TAIL} from mini-batch losses: {join_names(names)}"
