"""The decorators that make records of update rules and of wrappers from plain functions; they check the signatures."""

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from optbench.contract import columns
from optbench.contract.arguments import Identifiers, SourceFunction, by_name, field, number, wrong
from optbench.contract.errors import PluginError, near, shown
from optbench.contract.optimizers import GIVEN, Matrix, Optimizer, Wrapper, arguments
from optbench.contract.record_checks import check_search
from optbench.contract.search import Range


def _parts(owner: str, function: Callable, head: list[str], given: Mapping[str, Any], stages: Iterable[str]) -> dict:
    """Slots, scalars and hyperparameters of a signature. Raises PluginError where it is broken."""
    signature, stages = arguments(function), tuple(stages)
    if signature[: len(head)] != head or "lr" not in signature:
        raise PluginError(f"{owner}: arguments must be ({', '.join(head)}, slots..., lr, hyperparameters...)")
    cut = signature.index("lr")
    slots, scalars = tuple(signature[len(head) : cut]), tuple(signature[cut + 1 :])
    values = {key: number(f"{owner}: {key}", value, error=PluginError) for key, value in given.items()}
    known = {*values, *(f"{key}_t" for key in values), *GIVEN, *stages}
    strange = next((scalar for scalar in scalars if scalar not in known), None)
    if strange:
        raise PluginError(f"{owner}: {strange!r} has no default in its decorator{near(strange, values)}")
    taken = next((key for key in values if columns.is_taken(key)), None)
    if taken:
        raise PluginError(f"{owner}: {taken!r} is the name of a column of the tables; choose another")
    idle = next((name for name in stages if name not in scalars), None)
    if idle:
        raise PluginError(f"{owner}: {idle!r} is computed but is no argument of the rule")
    return {"slots": slots, "scalars": scalars, "hyperparameters": values}


def _check_stages(owner: str, record: Optimizer | Wrapper) -> None:
    """Each stage names only what is known before it; no default is idle; report and shared are slots."""
    names_ = {"w", "g", "lr", *record.slots, *record.hyperparameters, *GIVEN}
    names_ |= {f"{key}_t" for key in record.hyperparameters}
    matrix = getattr(record, "matrix", {})
    stages = [*record.total.items(), *getattr(record, "block", {}).items()]
    stages += [(name, stage.term) for name, stage in matrix.items()]
    asked = [*record.scalars]
    for name, function in stages:
        asked += arguments(function)
        strange = next((argument for argument in arguments(function) if argument not in names_), None)
        if strange:
            raise PluginError(f"{owner}: {function.__name__} asks for {strange!r}, which is not known before it")
        names_.add(name)
    for stage in matrix.values():
        asked += arguments(stage.transform)[2:]
    idle = next((k for k in record.hyperparameters if k not in asked and f"{k}_t" not in asked), None)
    if idle:
        raise PluginError(f"{owner}: {idle!r} has a default but is no argument of the rule")
    if isinstance(record, Optimizer) and record.by_block:
        early = {name for function in record.total.values() for name in arguments(function)}
        if early & {*record.shared, "rows", "columns"}:
            raise PluginError(f"{owner}: a sum over all parameters cannot see what is kept by block")
    for slot in (*((record.report,) if record.report else ()), *getattr(record, "shared", ())):
        if slot not in record.slots:
            raise PluginError(f"{owner}: {slot!r} is no state slot of the rule")


def optimizer(
    *,
    source: str,
    name: str | None = None,
    limits: Mapping[str, str] | None = None,
    report: str | None = None,
    shared: tuple[str, ...] = (),
    total: Mapping[str, Callable] | None = None,
    block: Mapping[str, Callable] | None = None,
    matrix: Mapping[str, Matrix] | None = None,
    search: Mapping[str, Range] | None = None,
    search_source: str = "",
    equals: Mapping[str, str] | None = None,
    **hyperparameters: float,
) -> Callable[[Callable], Optimizer]:
    """Register an update rule: a scalar function of one parameter, ``rule(w, g, *slots, lr, *scalars)``.

    The rule returns the new ``w``, and the new slots behind it. State slots stand between ``g`` and ``lr`` and start at
    zero. Behind ``lr`` stand hyperparameters, ``<name>_t`` for a hyperparameter to the power t, ``t`` for the step from
    1, ``rows`` and ``columns`` for the shape of the parameter's block, and the names in ``total``, ``block`` and
    ``matrix``.

    Args:
        source: the paper and the algorithm in it.
        name: by default the function's.
        limits: the interval of a hyperparameter, such as ``"(0, 1]"``; betas, eps and decays have theirs anyway.
        report: the slot that is evaluated in place of ``w``.
        shared: slots of one number for a block, or for the run.
        total: sums over all parameters, taken before the rule runs: name -> scalar function of arguments by name.
        block: the same over each parameter block.
        matrix: name -> what turns a whole block into a number for each element; one at the most.
        search: where tuning looks for values of ``lr`` and hyperparameters, ``{"lr": log_uniform(1e-4, 1)}``; where it
            is not given, ``lr`` alone is tuned.
        search_source: where these ranges come from.
        equals: what takes the same steps elsewhere, ``{"torch": "SGD(lr=lr, momentum=beta1)"}``, for the libraries
            torch, optax and keras; with a condition where that holds for some values only: ``... if eps == 0``.
        **hyperparameters: their defaults.

    Returns:
        A decorator: the function becomes an Optimizer.

    Raises:
        PluginError: the signature is broken, or a name in it is not known.

    Example:
        >>> @optimizer(source="Polyak 1964", beta1=0.9)
        ... def ball(w, g, m, lr, beta1):
        ...     m = beta1 * m + g
        ...     return w - lr * m, m
        >>> ball.slots, ball.hyperparameters
        (('m',), {'beta1': 0.9})
    """

    def decorate(rule: Callable) -> Optimizer:
        label = field(SourceFunction, "optimizer", "rule", rule).__name__ if name is None else name
        owner = f"optimizer {label}"
        given = {"total": total, "block": block, "matrix": matrix}
        stages = {key: field(by_name(), owner, key, value) for key, value in given.items()}
        parts = _parts(owner, rule, ["w", "g"], hyperparameters, [key for stage in stages.values() for key in stage])
        if len(stages["matrix"]) > 1:
            raise PluginError(f"{owner}: only one matrix stage is possible")
        record = Optimizer(
            label, rule, **parts, source=source, doc=inspect.getdoc(rule) or "", limits=limits or {}, report=report,
            shared=field(Identifiers, owner, "shared", shared), total=stages["total"], block=stages["block"],
            matrix=stages["matrix"], search=field(by_name(), owner, "search", search), search_source=search_source,
            equals=field(by_name(), owner, "equals", equals),
        )  # fmt: skip
        _check_stages(owner, record)
        check_search(owner, record)
        return record

    return decorate


def variant(
    base: Optimizer,
    name: str,
    *,
    source: str,
    doc: str = "",
    search: Mapping[str, Range] | None = None,
    search_source: str = "",
    equals: Mapping[str, str] | None = None,
    **hyperparameters: float,
) -> Optimizer:
    """The same rule under another name with other defaults.

    Args:
        base: the optimizer whose rule it is.
        name: the new one.
        source: where these defaults come from.
        doc: its text; by default that of ``base``.
        search: where tuning looks, as for :func:`optimizer`; by default where it does for ``base``.
        search_source: where these ranges come from.
        equals: as for :func:`optimizer`; by default those of ``base``.
        **hyperparameters: the defaults that differ.

    Returns:
        An optimizer of its own.

    Raises:
        OptbenchError: a hyperparameter is unknown, or lies outside its limits.
        PluginError: a range does.

    Example:
        >>> variant(optimizers()["adam"], "calm_adam", source="an example", beta1=0.95).hyperparameters["beta1"]
        0.95
    """
    if not isinstance(base, Optimizer):
        raise wrong(f"optimizer {shown(name)}", "base", base, "an optimizer's record")
    values = base.with_values(hyperparameters)
    record = replace(base, name=name, hyperparameters=values, source=source, doc=doc or base.doc, origins=())
    if equals is not None:
        record = replace(record, equals=field(by_name(), f"optimizer {name}", "equals", equals))
    if search is not None:
        record = replace(
            record, search=field(by_name(), f"optimizer {name}", "search", search), search_source=search_source
        )
        check_search(f"optimizer {name}", record)
    return record


def wrapper(
    *,
    source: str,
    limits: Mapping[str, str] | None = None,
    report: str | None = None,
    total: Mapping[str, Callable] | None = None,
    search: Mapping[str, Range] | None = None,
    search_source: str = "",
    equals: Mapping[str, str] | None = None,
    **hyperparameters: float,
) -> Callable[[Callable], Wrapper]:
    """Register a wrapper around any optimizer: ``function(step, w, g, *slots, lr, *scalars)``.

    Its body holds one statement ``name = step(w, g)``, which runs the wrapped rule; it returns like a rule.

    Args:
        source: the paper and the algorithm in it.
        limits: the interval of a hyperparameter, as for :func:`optimizer`.
        report: the slot that is evaluated in place of ``w``.
        total: sums over all parameters, as for :func:`optimizer`.
        search: where tuning looks for values of its hyperparameters, beside the space of what it goes around.
        search_source: where these ranges come from.
        equals: as for :func:`optimizer`, with ``inner`` for the call of what it goes around:
            ``{"optax": "chain(clip_by_global_norm(norm), inner)"}``.
        **hyperparameters: their defaults.

    Returns:
        A decorator: the function becomes a Wrapper.

    Raises:
        PluginError: the signature is broken, or a name in it is not known.

    Example:
        >>> @wrapper(source="an example", factor=0.5)
        ... def gentle(step, w, g, lr, factor):
        ...     w = step(w, factor * g)
        ...     return w
        >>> gentle.hyperparameters
        {'factor': 0.5}
    """

    def decorate(function: Callable) -> Wrapper:
        owner = f"wrapper {field(SourceFunction, 'wrapper', 'function', function).__name__}"
        stages = field(by_name(), owner, "total", total)
        parts = _parts(owner, function, ["step", "w", "g"], hyperparameters, stages)
        record = Wrapper(
            function.__name__, function, **parts, source=source, doc=inspect.getdoc(function) or "",
            limits=limits or {}, report=report, total=stages, search=field(by_name(), owner, "search", search),
            search_source=search_source, equals=field(by_name(), owner, "equals", equals),
        )  # fmt: skip
        _check_stages(owner, record)
        check_search(owner, record)
        return record

    return decorate
