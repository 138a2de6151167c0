"""The settings that a sweep recommends, the spec that runs them, and their code in other libraries.

The sweep writes both, for it has the records at hand. Whoever reads the folder later loads none of them.
"""

import json
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

import pandas as pd
import pyarrow as pa

from optbench.analysis.answer import Answer
from optbench.analysis.run_columns import count_folds
from optbench.catalogue.loader import find_base
from optbench.contract import names
from optbench.contract.equals import LIBRARIES
from optbench.contract.names import number_text
from optbench.contract.optimizers import Baseline
from optbench.engine.cohort import Cohort, Lane
from optbench.plan.planned_cohorts import Plan
from optbench.plan.spec import Spec
from optbench.plan.spec_files import make_spec
from optbench.plan.stages import find_places
from optbench.store.rows import make_schema
from optbench.translation.code import render
from optbench.translation.libraries import TITLES
from optbench.translation.setting import Setting, find_equal, find_own_rate

# Seeds of the spec that runs the chosen settings again. A 96% interval of the median needs six, and t over twelve is
# within a tenth of the normal; a choice
SEEDS = 12
SNIPPETS = make_schema("snippets")
"""A row a setting and library: the setting, with its hyperparameters as JSON, 1 if the library takes the same steps,
the code, and the library's rate."""

Code = list[tuple[str, bool, str, float]]
"""A library's name, whether it takes the same steps, the code, and its rate (`find_own_rate`)."""
CodeOf = Callable[[Cohort, Lane, int, str], Code]
"""Returns the code of a setting, given its epochs and a remark on them."""


class Recommended(NamedTuple):
    """The best setting of each problem and optimizer, as the answer of a sweep names them."""

    rows: pd.DataFrame
    """`Answer.settings`, in the order of `places`."""
    places: list[tuple[Cohort, Lane]]
    """The cohort and lane of the plan that each of the rows comes from."""
    reported_runs: pd.DataFrame
    """`Answer.reported_runs`."""
    by_batch_size: list[tuple[Cohort, Lane]]
    """Places of the best setting of each batch size, of models of the user's table: one may start with it."""


def recommend(plan: Plan, answer: Answer) -> Recommended:
    """Return the best setting of each problem and optimizer. answer: of the whole sweep."""
    others: list[tuple[Cohort, Lane]] = []
    if any(problem.digest for problem in plan.problems) and (levels := answer.levels.get("batch_size")):
        others = find_places(plan, levels.coded.name_best_in_common(1))[1] if levels.in_common else []
    return Recommended(*find_places(plan, answer.settings), answer.reported_runs, others)


def make_chosen_spec(plan: Plan, settings: Recommended) -> Spec | None:
    """Return a spec that runs these settings, without those that a deadline cut short; None if it cut all of them."""
    whole = settings.rows["tuning_unfinished"] == 0
    entries = [_write_entry(plan, *place) for place, kept in zip(settings.places, whole, strict=True) if kept]
    if not entries:
        return None
    there = {*plan.names, *(place[0].optimizer.name for place in settings.places)}
    labels = {name: label for name, label in plan.labels.items() if name in there}
    return make_settings_spec(plan, entries, SEEDS, plan.names, labels)


def make_settings_spec(
    plan: Plan,
    entries: Sequence[dict],
    seeds: int | Sequence[int],
    problems: Collection[str],
    labels: Mapping[str, str] = MappingProxyType({}),
) -> Spec:
    """Return a spec that runs settings on seeds, as long as they ran in a sweep.

    plan: of the sweep; entries: of ``chosen``; problems: the names of those of the sweep that the settings are of;
    labels: by name, as in a spec.
    """
    kept = {"problems", "epochs", "steps", "dtypes", "device", "plugins", "given", "choose_by", "judge_by"}
    raw = plan.spec.model_dump(include=kept, exclude_none=True)
    named = [{**entry, "name": name} for entry, name in zip(raw["problems"], plan.names, strict=True)]
    raw["problems"] = [entry for entry in named if entry["name"] in problems]
    for entry in raw["problems"]:
        entry.pop("batch_sizes", None)  # each setting has its own
    if labels:
        raw["labels"] = dict(labels)
    return make_spec({**raw, "chosen": list(entries), "seeds": seeds, "tuning_seeds": 0}, {})


def _write_entry(plan: Plan, cohort: Cohort, lane: Lane) -> dict:
    """Return the setting of a lane as an entry of ``chosen`` in a spec. plan: that of the sweep."""
    name, inner = names.parse(cohort.optimizer.name)
    entry: dict[str, Any] = {
        "problem": cohort.problem.name,
        "optimizer": names.canonical(name, {**inner, **lane.hyperparameters, **inner}),
        "batch_size": "full" if cohort.batch_size == cohort.problem.examples else cohort.batch_size,
        "schedule": lane.schedule.text,
    }
    if epochs := plan.lengths.get((cohort.problem.name, cohort.optimizer.name)):
        entry["epochs"] = epochs
    return entry if isinstance(cohort.optimizer, Baseline) else {**entry, "lr": lane.lr}


def make_snippets(settings: Recommended, runs: pd.DataFrame, code_of: CodeOf) -> pa.Table:
    """Return the table ``snippets``: a row for each recommended setting and library that can express it.

    code_of: returns the code of a setting, as `write_code` does.
    """
    rows: list[dict[str, Any]] = []
    for cohort, lane in settings.places + settings.by_batch_size:
        identity = identify_setting(cohort, lane)
        if any(identity.items() <= row.items() for row in rows):
            continue
        epochs, remark = _count_epochs(cohort, runs)
        if folds := count_folds(runs):
            remark = f"{remark} The sweep repeated the split in {folds} folds; this is one split.".strip()
        for library, equal, code, rate in code_of(cohort, lane, epochs, remark):
            row = {"library": library, "equal": int(equal), "code": code, "rate": rate}
            rows.append(identity | row)
    return pa.Table.from_pylist(rows, SNIPPETS)


def identify_setting(cohort: Cohort, lane: Lane) -> dict[str, Any]:
    """Return the columns of ``snippets`` that identify a setting, with their values."""
    return {
        "problem": cohort.problem.name, "optimizer": cohort.optimizer.name, "schedule": lane.schedule.text,
        "hyperparameters": format_hyperparameters(lane.hyperparameters), "batch_size": cohort.batch_size, "lr": lane.lr,
    }  # fmt: skip


def format_hyperparameters(values: Mapping[str, float]) -> str:
    """Return the values of hyperparameters as ``snippets`` has them, JSON sorted by name."""
    return json.dumps({name: float(value) for name, value in values.items()}, sort_keys=True)


def write_code(cohort: Cohort, lane: Lane, epochs: int, remark: str) -> Code:
    """Return (library, True if it takes the same steps, code, rate) for each library that can express a setting.

    epochs: those of the code's training loop; remark: a comment on them, or "".
    """
    size: int | Literal["full"] = "full" if cohort.batch_size == cohort.problem.examples else cohort.batch_size
    setting = Setting(
        find_base(cohort.optimizer), lane.hyperparameters, lane.lr, lane.schedule, size, epochs, remark, cohort.problem
    )
    found = []
    for library in LIBRARIES:
        try:
            choice = find_equal(setting, library)
            rate = find_own_rate(setting, choice)
            found.append((TITLES[library], choice.call is not None, render(setting, library), rate))
        except Exception:  # an optimizer of another library, or a schedule without source
            continue
    return found


def _count_epochs(cohort: Cohort, runs: pd.DataFrame) -> tuple[int, str]:
    """Return the epochs of the setting's runs, rounded up, and a remark for the code if they were no whole number."""
    same = (runs["problem"] == cohort.problem.name) & (runs["optimizer"] == cohort.optimizer.name)
    epochs = float(runs.loc[same & (runs["batch_size"] == cohort.batch_size), "epochs"].max())
    if not math.isfinite(epochs):
        return 1, ""
    whole = max(1, math.ceil(epochs - 1e-9))
    if whole - epochs < 1e-6:
        return whole, ""
    return whole, f"The sweep ran {number_text(round(epochs, 3))} epochs; a schedule is stretched here to whole ones."
