"""Describe one name of the catalogue as plain data, for ``show`` and its ``--json``."""

import difflib
import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from optbench import datasets
from optbench.catalogue import data_sets
from optbench.catalogue.aliases import resolve_alias, unknown_name, write_sentence
from optbench.catalogue.library_optimizers import find_search_space
from optbench.catalogue.listing import KINDS, count_cost, count_gradients, formula, plain
from optbench.catalogue.loader import Catalogue
from optbench.catalogue.step_costs import BLOCK
from optbench.contract import names
from optbench.contract.composition import wrap
from optbench.contract.eager import LIBRARIES, Eager, library_and_name, other_arguments
from optbench.contract.errors import OptbenchError
from optbench.contract.names import missing_name_error, unique
from optbench.contract.optimizers import GIVEN, Baseline
from optbench.contract.search import RATE, Range
from optbench.datasets import files

STEPS, EPOCHS = 1000, 10
"""The example of a run for which a schedule's factors are shown."""


def list_facts(catalogue: Catalogue, text: str) -> list[dict]:
    """Describe a name, with parameters or without: one record for each kind that has it.

    A name of another library's, ``torch:AdamW``, has one record of the kind "eager optimizer".

    Every record: kind, name, formula, description, parameters (of each its value, default and limit: an interval, a
    list of words, or None), source, files. Besides,

    - optimizers and wrappers: state (the slots ``by_parameter``, ``by_block`` and ``by_run``, and the ``matrix`` memory
      of an example block), reported (the slot that is evaluated, or w), sums (what is computed before the rule runs:
      over ``all`` parameters, over each ``block``, from each block as a ``matrix``), given (what else it sees of the
      step and the parameter's block: t, loss, rows, columns, role), cost and gradients (as in ``list``); all None for
      a baseline; equals (what takes the same steps in another library, by its name, ``#`` why nothing does; no key for
      a baseline); search (where tuning looks, a range by name of a hyperparameter or of lr), search_source;
    - schedules: around (the record of the inner schedule, or None), factors (of an example run);
    - problems: dim, blocks, examples, validation_examples, test_examples, data (whether there is any), data_text
      (what it is, in words), data_warning (what looks wrong with it), noise, metrics, minimum, minimum_source,
      minimizer, domain;
    - data sets, also by the path of a file: see ``data_sets.find_facts``.

    Raises OptbenchError for a name that nobody has, with the nearest one, and for parameters that do not fit.
    """
    if files.is_path(text):
        return [data_sets.find_facts(catalogue, text)]
    name = _check_name(catalogue, text)
    if library_and_name(name) or name in catalogue.eager:
        return [_find_eager_facts(catalogue, text)]
    descriptions, wrong = [], []
    for kind, describer in _DESCRIBERS.items():
        if name in _list_names(catalogue, kind):
            try:
                descriptions.append(describer(catalogue, text))
            except OptbenchError as error:
                wrong.append(error)
    if not descriptions:
        raise wrong[0]
    return descriptions


def look_up(catalogue: Catalogue, text: str) -> tuple[list[dict], str]:
    """Return the descriptions of a name that may be another library's, such as ``SGD(momentum=0.9)``, and a sentence.

    The sentence states the catalogue's names for it; it is "" where ``text`` is such a name. Parameters are kept where
    the catalogue has them, too. Raises OptbenchError as ``list_facts`` does.
    """
    word, bracket, inside = text.strip().partition("(")
    if bracket:
        names.parse(text)
    known = list_all_names(catalogue)
    leads = {} if word in known or library_and_name(word) else resolve_alias(text, known)
    if not leads:
        return list_facts(catalogue, text), ""
    descriptions, kept = [], True
    for name in leads:
        try:
            descriptions += list_facts(catalogue, f"{name}({inside}" if bracket and "(" not in name else name)
        except OptbenchError:
            descriptions += list_facts(catalogue, name)
            kept = False
    remark = "" if kept else "; shown without the parameters, which have other names here"
    return descriptions, write_sentence(leads) + remark


def list_all_names(catalogue: Catalogue) -> list[str]:
    """Return the names of every kind: optimizers, schedules, problems and the others."""
    return unique(name for kind in KINDS for name in _list_names(catalogue, kind))


def _list_names(catalogue: Catalogue, kind: str) -> list[str]:
    """Return the names of one kind of KINDS."""
    if kind == data_sets.WORD:
        return list(datasets.NAMES)
    return [name for registry in KINDS[kind] for name in getattr(catalogue, registry)]


def _check_name(catalogue: Catalogue, text: str) -> str:
    """Return the outer name of ``text``. Raises OptbenchError, with the nearest name, for one not in the catalogue."""
    known = list_all_names(catalogue)
    try:
        name, wrong = names.parse(text)[0], None
        if name in known or library_and_name(name):
            return name
    except OptbenchError as error:
        if "(" in text or missing_name_error(text):
            raise
        name, wrong = text.strip(), error  # heavy-ball, "heavy ball"
    if wrong and not resolve_alias(name, known) and not difflib.get_close_matches(name, known, n=1, cutoff=0.5):
        raise wrong
    if name in {*KINDS, *(registry for registries in KINDS.values() for registry in registries)}:
        raise OptbenchError(f"{name!r} is a kind of names: 'optbench list {name}' shows them")
    raise unknown_name("name", name, known)


def _find_optimizer_facts(catalogue: Catalogue, text: str) -> dict:
    """Return the record that `list_facts` has of a rule, a wrapper or a baseline; text: its name, with parameters."""
    name, given = names.parse(text)
    bare = name in catalogue.wrappers and names.INNER not in given
    if bare:  # gd has neither state nor hyperparameters: around it, a wrapper shows what is its own
        around, wrapper = wrap(catalogue.wrappers[name], catalogue.optimizers["gd"]), catalogue.wrappers[name]
        record: Any = replace(
            around, name=name, doc=wrapper.doc, source=wrapper.source, search=wrapper.search,
            search_source=wrapper.search_source,
        )  # fmt: skip
        values = record.with_values(given)
    else:
        record, values = catalogue.optimizer(text)
    if isinstance(record, Baseline):
        facts = _find_common_facts("baseline", text, record, values, record.hyperparameters, record.limits)
        facts |= dict.fromkeys(("state", "reported", "sums", "given", "cost", "gradients"))
        return facts | _find_search_facts(record.space, record.search_source)
    kind = "wrapper" if bare else "optimizer"
    facts = _find_common_facts(kind, text, record, values, record.hyperparameters, record.all_limits)
    memory = [stage.numbers(*BLOCK, values) for stage in record.matrix.values()]
    state = {
        "by_parameter": _unwrapped_names(record.own),
        "by_block": _unwrapped_names(slot for slot in record.shared if slot not in record.run_slots),
        "by_run": _unwrapped_names(record.run_slots),
        "matrix": [{"block": list(BLOCK), "numbers": numbers} for numbers in memory if numbers],
    }
    stages = {"all": record.total, "block": record.block, "matrix": record.matrix}
    sums = {key: _unwrapped_names(each) for key, each in stages.items()}
    facts |= {"state": state, "reported": _unwrapped_names([record.report or "w"])[0], "sums": sums}
    facts["given"] = [key for key in GIVEN if key in record.scalar_arguments()]
    own_part = catalogue.wrappers[name] if bare else record
    facts |= {"cost": count_cost(catalogue, own_part, values)["cost"], "gradients": count_gradients(own_part)}
    facts["equals"] = dict(own_part.equals)
    return facts | _find_search_facts(record.search if bare else record.space, record.search_source)


def _find_eager_facts(catalogue: Catalogue, text: str) -> dict:
    """Return the record that `list_facts` has of an optimizer of another library; text: such as ``torch:AdamW``."""
    record, values = catalogue.optimizer(text)
    assert isinstance(record, Eager)
    facts = _find_common_facts("optimizer", text, record, values, record.hyperparameters, record.limits)
    text = re.split(r"\n\s*(?:\.\. |Args:|Parameters\n|Arguments:)", facts["description"])[0].strip()
    facts |= {"kind": "eager optimizer", "description": text, "name": record.name, "library": LIBRARIES[record.library]}
    facts |= {"rate": record.rate, "options": {key: repr(value) for key, value in other_arguments(record).items()}}
    facts |= dict.fromkeys(("state", "reported", "sums", "given", "cost", "gradients"))
    return facts | _find_search_facts(*find_search_space(record, values, catalogue.optimizers.values()))


def _find_search_facts(space: Mapping[str, Range], source: str) -> dict:
    """Return {"search": parameter -> range as a spec has it, "search_source": where the ranges come from}.

    space: parameter -> Range; source: as stated, "" if it is not.
    """
    source = source or ("the rates of every optimizer that states none" if RATE in space else "")
    return {"search": {key: range_.text for key, range_ in space.items()}, "search_source": source}


def _unwrapped_names(prefixed: Iterable[str]) -> list[str]:
    """Return the names without the prefix that a wrapped rule's have."""
    return [re.sub("^(_inner_)+", "", name) for name in prefixed]


def _find_schedule_facts(catalogue: Catalogue, text: str) -> dict:
    """Return the record that `list_facts` has of a schedule or a wrapper of schedules, with the inner schedule."""
    name, given = names.parse(text)
    bare = name in catalogue.schedule_wrappers and names.INNER not in given
    if bare:
        schedule = catalogue.schedule_wrappers[name].wrap(catalogue.schedules["constant"], given)
    else:
        schedule = catalogue.schedule(text)
    registered = (catalogue.schedules | catalogue.schedule_wrappers)[name].parameters
    kind = "schedule_wrapper" if bare else "schedule"
    facts = _find_common_facts(kind, text, schedule, schedule.parameters, registered, schedule.limits)
    if bare:
        return facts | {"around": None, "factors": None}
    around = _find_schedule_facts(catalogue, given[names.INNER]) if schedule.inner else None
    return facts | {"around": around, "factors": _example_factors(schedule)}


def _example_factors(schedule: Callable) -> dict:
    """Return steps and epochs of an example run; step and factor: of each epoch's first, and of the last step."""
    length = STEPS // EPOCHS
    step = np.append(np.arange(0, STEPS, length) + 1, STEPS)
    factor = np.asarray(schedule(step, (step - 1) // length, STEPS), float)
    return {"steps": STEPS, "epochs": EPOCHS, "step": plain(step), "factor": plain(factor)}


def _find_problem_facts(catalogue: Catalogue, text: str) -> dict:
    """Return the record that `list_facts` has of a problem, which is built for this."""
    name, given = names.parse(text)
    inner = given.pop(names.INNER, None)
    bare = inner is None and name in catalogue.problem_wrappers
    family = (catalogue.problems | catalogue.problem_wrappers)[name]
    values = names.fill_defaults("problem", name, given, family.parameters)
    kind = "problem_wrapper" if bare else "problem"
    facts = _find_common_facts(kind, text, family, values, family.parameters, family.all_limits)
    if bare:
        return facts | {"around": None}
    problem = catalogue.problem(text)
    facts |= {"around": None if inner is None else _find_problem_facts(catalogue, inner)}
    fields = ("dim", "blocks", "examples", "noise", "metrics", "minimum", "minimum_source", "minimizer", "domain")
    facts |= {"data": problem.data is not None, "data_text": problem.data_text, "data_warning": problem.data_warning}
    for part in ("validation", "test"):
        pair = getattr(problem, part)
        facts[f"{part}_examples"] = len(pair[0]) if pair else 0
    return facts | {field: plain(getattr(problem, field)) for field in fields}


_DESCRIBERS = {
    "optimizers": _find_optimizer_facts,
    "schedules": _find_schedule_facts,
    "problems": _find_problem_facts,
    data_sets.WORD: data_sets.find_facts,
}


def _find_common_facts(kind: str, text: str, record: Any, values: Mapping, defaults: Mapping, limits: Mapping) -> dict:
    """Return what `list_facts` has of names of all kinds: kind, name, formula, parameters, source, files, ...

    record: the optimizer, schedule or problem; values, defaults, limits: of its parameters, by name.
    """
    name, given = names.parse(text)
    doc = inspect.cleandoc(record.doc)
    alone = kind in ("wrapper", "schedule_wrapper")  # it stands around another one here only to be described
    parameters = {
        key: {"value": plain(value), "default": plain(defaults[key]), "limit": plain(limits.get(key))}
        for key, value in values.items()
    }
    return {
        "kind": kind,
        "name": names.canonical(name, given),
        "formula": formula(doc),
        "description": doc.replace("``", "`"),
        "parameters": parameters,
        "source": record.source,
        "files": names.unique(str(origin.file) for origin in (record.origins[:1] if alone else record.origins)),
    }
