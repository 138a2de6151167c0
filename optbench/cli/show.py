"""``optbench show``: all about a name of the catalogue."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from optbench.cli import completion, groups
from optbench.cli.options import Json, Plugin, flag, option
from optbench.cli.output import print_json
from optbench.contract.errors import OptbenchError, unknown

_SHOWN = 10
"""Maximum dimension of a minimizer that is printed."""
_GIVEN = {
    "loss": "the mini-batch's loss",
    "rows": "the block's shape",
    "columns": "the block's shape",
    "role": "the block's role in the network (role)",
    "batch_size": "the sizes of the mini-batch and the epoch",
    "examples": "the sizes of the mini-batch and the epoch",
    "labels": "labels drawn from the model's predictions",
}
"""Words for what a rule sees beside its own parameter."""


def show(
    name: Annotated[str, typer.Argument(
        metavar="NAME", autocompletion=completion.any_name,
        help="A name, also with parameters: 'clip(adam, norm=1)', 'quadratic(dim=50)'; or another library's name.",
    )],
    json: Json = False,
    plugin: Plugin = None,
    library: Annotated[str | None, option(
        "as", "LIBRARY", "Print its code: a script for torch, the optimizer for optax or keras.", groups.CODE,
        completion.words("torch", "optax", "keras"),
    )] = None,
    lr: Annotated[float | None, option("lr", "NUMBER", "Its learning rate; by default 0.01.", groups.CODE)] = None,
    schedule: Annotated[str | None, option(
        "schedule", "NAME", "Its schedule; by default constant.", groups.CODE, completion.schedules,
    )] = None,
    batch_size: Annotated[str | None, option(
        "batch-size", "SIZE", "Its batch size, or full; by default 64.", groups.CODE,
    )] = None,
    epochs: Annotated[int | None, option("epochs", "NUMBER", "Its epochs; by default 10.", groups.CODE)] = None,
    problem: Annotated[str | None, option(
        "problem", "NAME", "Train its network on its table, for torch: 'mlp(data=mine.csv)'.", groups.CODE,
    )] = None,
    kernel: Annotated[bool, flag("kernel", "Print the text of an optimizer's kernel.", groups.CODE)] = False,
) -> None:  # fmt: skip
    """Show a name of the catalogue: formula, parameters, memory, minimum, source; or code for another library."""
    given = {"lr": lr, "schedule": schedule, "batch-size": batch_size, "epochs": epochs, "problem": problem}
    if kernel:
        print_kernel(name, plugin or ())
        return
    if library is not None or any(value is not None for value in given.values()):
        print_code(name, library, given, json, plugin or ())
        return
    from optbench.catalogue import description, loader
    from optbench.cli.console import errors, print_lines, warn

    catalogue = loader.load_all(plugin or ())
    records, leads = description.look_up(catalogue, name)
    for text in filter(None, (record.get("data_warning") for record in records)):
        warn(text)
    if leads:
        errors.print(f"{name}: {leads}", soft_wrap=True)
        errors.print("")
    if json:
        print_json(records)
        return
    for i, record in enumerate(records):
        print_lines(*[""] * bool(i))
        _print_record(record)


def _print_record(record: dict[str, Any]) -> None:
    """Print the description, the parameters and the facts of a record, then those of a wrapped one."""
    from optbench.catalogue.listing import value_text
    from optbench.cli.console import filled, print_entry, print_lines

    print_lines((f"{record['kind'].replace('_', ' ')} {record['name']}", "bold"))
    for paragraph in record["description"].split("\n\n"):
        print_lines("", filled(paragraph))
    parameters = record["parameters"]
    columns = [[key, value_text(each["value"]), _describe_limits(each)] for key, each in parameters.items()]
    key_width, value_width = (max((len(row[i]) for row in columns), default=0) + 2 for i in (0, 1))
    print_lines(*[""] * bool(columns))
    for key, value, remark in columns:
        print_entry(f"  {key.ljust(key_width)}{value}", key_width + value_width + 2, "", remark)
    print_lines("")
    facts = _FACTS[record["kind"]](record) | {"source": record["source"], "file": ", ".join(record["files"])}
    for label, text in facts.items():
        if text:
            print_entry(label, 12, text, record["search_source"] if label == "search" else "")
    if record.get("around"):
        print_lines("")
        _print_record(record["around"])


def _describe_limits(parameter: dict[str, Any]) -> str:
    """Return the words behind a parameter's value: its limits, and its default if the value is another."""
    from optbench.catalogue.listing import value_text

    limit, default = parameter["limit"], parameter["default"]
    words = f"in {limit}" if isinstance(limit, str) else " or ".join(limit or ())
    return ", ".join(filter(None, (words, f"default {value_text(default)}" * (default != parameter["value"]))))


def _describe_optimizer(record: dict[str, Any]) -> dict[str, str]:
    """Return facts about an optimizer, text by label: memory, sums, reported iterate, equals, search.

    record: as ``show --json`` prints it, here as below.
    """
    from optbench.catalogue.step_costs import cost_text
    from optbench.contract.names import count_noun, unique

    state, sums = record["state"], record["sums"]
    slots = {place: state[f"by_{place}"] for place in ("parameter", "block", "run")}
    memory = [
        f"{count_noun(len(names), 'number')} a {place} ({', '.join(names)})" for place, names in slots.items() if names
    ]
    memory += [
        f"{count_noun(stage['numbers'], 'number')} for a block of {_format_shape(stage['block'])}"
        for stage in state["matrix"]
    ]
    stages = {"all": "sums over all parameters", "block": "sums over each block", "matrix": "each block as a matrix"}
    needs = [f"{words} ({', '.join(sums[key])})" for key, words in stages.items() if sums[key]]
    needs += [words for words in unique(_GIVEN.get(key, "") for key in record["given"]) if words]
    cost = record["cost"]
    none = "none" + " of its own" * (record["kind"] == "wrapper")
    reported = "" if record["reported"] == "w" else f"{record['reported']}; the gradient is taken at w"
    facts = {"memory": ", ".join(memory) or none, "cost": "", "needs": ", ".join(needs), "reported": reported}
    if cost:
        matrices = " of matrices" * bool(cost["products"] or cost["decompositions"])
        facts["cost"] = f"{cost_text(cost, record['kind'] == 'wrapper')}{matrices}, where gd's step is 1"
    if record["gradients"] > 1:
        facts["cost"] += "; " * bool(cost) + f"{record['gradients']:g} gradients a step"
    equals = record["equals"] if record["kind"] == "optimizer" else {}
    elsewhere = {
        f"in {library}": _shorten_equal(library, text) + _nearest_text(record, library)
        for library, text in equals.items()
    }
    return facts | elsewhere | _describe_search(record)


def _nearest_text(record: dict[str, Any], library: str) -> str:
    """Return the end of a line that names the optimizer with the same rule that a library has; "" if it has this one.

    record: of an optimizer, as of `_describe_optimizer`.
    """
    from optbench.catalogue import loader
    from optbench.translation.setting import choose_call, find_nearest

    values = {key: parameter["value"] for key, parameter in record["parameters"].items()}
    if choose_call(record["name"], record["equals"], library, {**values, "constant": True}).call is not None:
        return ""
    shipped = loader.load().optimizers.get(record["name"].partition("(")[0])
    nearest = find_nearest(shipped, values, library) if shipped else ""
    return f"; {nearest} is the nearest that it has" * bool(nearest)


def _shorten_equal(library: str, text: str) -> str:
    """Return the call of another library that an optimizer equals, without what a training loop must add.

    library: its name, such as "torch"; text: the stated equal.
    """
    from optbench.contract.equals import Branch, Equal, called_name, equal_text, parse_equal
    from optbench.translation.libraries import LOOPS

    stated, branches = parse_equal("", library, text), []
    for branch in stated.branches:
        call = branch.call
        while isinstance(call, ast.Call) and called_name(call) in LOOPS.get(library, ()):
            call = call.args[0]
        branches.append(Branch(branch.condition, call))
    if branches == list(stated.branches):
        return text
    around = f", with a loop around it: --as {library}"
    return equal_text(Equal(tuple(branches), "")) + around + f" # {stated.why}" * bool(stated.why)


def _describe_eager(record: dict[str, Any]) -> dict[str, str]:
    """Return the facts about an optimizer of another library, text by label."""
    options = ", ".join(f"{key}={text}" for key, text in record["options"].items())
    eager = f"{record['library']} takes its steps, called from Python; the rate is its argument {record['rate']}"
    return {"eager": eager, "options": options} | _describe_search(record)


def _describe_search(record: dict[str, Any]) -> dict[str, str]:
    """Return {"search": text} with the ranges of ``sweep --trials`` as they are typed in a spec."""
    ranges = ", ".join(f"{key}={text}" for key, text in record["search"].items())
    return {"search": ranges}


def _describe_schedule(record: dict[str, Any]) -> dict[str, str]:
    """Return the facts about a schedule, text by label: some of its factors."""
    factors = record["factors"]
    if not factors:
        return {}
    *firsts, last = (f"{factor:.3g}" for factor in factors["factor"])
    steps = f"{factors['epochs']} epochs of {factors['steps'] // factors['epochs']} steps"
    return {"example": f"{', '.join(firsts)} at the first steps of {steps}, and {last} at the last step"}


def _describe_problem(record: dict[str, Any]) -> dict[str, str]:
    """Return the facts about a problem, text by label; "" for those that do not apply."""
    blocks = ", ".join(map(_format_shape, record["blocks"]))
    dim = f"{record['dim']:,}" + f", in blocks of {blocks}" * (record["blocks"] != [[record["dim"]]])
    examples = f"{record['examples']:,} an epoch, by convention: there is no data"
    noise = f"{record['noise']:g} sqrt(1/B - 1/{record['examples']}), deviation of the gradient over B examples"
    minimizer, domain = record["minimizer"] or (), record["domain"] or ()
    point = f" at {_format_point(minimizer)}" * (0 < len(minimizer) <= _SHOWN)
    value, source = record["minimum"], record["minimum_source"]
    minimum = "not known" if value is None else f"{value:.10g}{point} ({source})"
    return {
        "dimension": dim,
        "data": record["data_text"],
        "examples": "" if record["data"] else examples,
        "noise": noise * bool(record["noise"]),
        "metrics": ", ".join(record["metrics"]),
        "minimum": minimum,
        "drawn in": " x ".join(f"[{low:.4g}, {high:.4g}]" for low, high in domain),
    }


def _describe_data_set(record: dict[str, Any]) -> dict[str, str]:
    """Return the facts about a data set, text by label; "" for those that are unknown."""
    rows = record["rows"]
    middle = f"{record['validation_rows']:,} for validation, " if record["validation_rows"] else ""
    sizes = f"{rows:,} for training, {middle}{record['test_rows']:,} for testing" if rows else ""
    return {
        "rows": ", ".join(filter(None, (sizes, record["split"]))) or record["missing"],
        "features": f"{record['features']:,}" if rows else "",
        "target": record["target"],
        "scaling": record["scaling"],
        "prepared": "; ".join(record["notes"]),
        "sha256": record["sha256"],
        "learned by": ", ".join(record["problems"]) or "no problem that is loaded" * bool(rows),
    }


_FACTS = {
    "data_set": _describe_data_set,
    "optimizer": _describe_optimizer,
    "wrapper": _describe_optimizer,
    "baseline": _describe_search,
    "eager optimizer": _describe_eager,
    "schedule": _describe_schedule,
    "schedule_wrapper": _describe_schedule,
    "problem": _describe_problem,
    "problem_wrapper": lambda record: {},
}


def _format_shape(block: Sequence[int]) -> str:
    """Return a shape as text: "28 x 28"."""
    return " x ".join(f"{side:,}" for side in block)


def _format_point(coordinates: Sequence[float]) -> str:
    """Return the coordinates of a point as text: "(1, 1)"."""
    return f"({', '.join(f'{each:.6g}' for each in coordinates)})"


def print_kernel(name: str, plugins: Iterable[str | Path]) -> None:
    """Print the text of an optimizer's kernel; raise OptbenchError for an optimizer of another library."""
    from optbench.catalogue import loader
    from optbench.compiler.update_text import kernel_text
    from optbench.contract.optimizers import Optimizer

    catalogue = loader.load_all(plugins)
    record, _ = catalogue.optimizer(name)
    if not isinstance(record, Optimizer):
        raise OptbenchError(f"{name} has no kernel of its own: its steps are another library's")
    print(kernel_text(record), end="")


def print_code(
    name: str, library: str | None, given: Mapping[str, Any], json: bool, plugins: Iterable[str | Path]
) -> None:
    """Print only the code of an optimizer for another library, such as torch.

    given: the options of the setting, None for those that were not used; json: True if --json was used, which
    conflicts. Raises OptbenchError for options that conflict, and for a name that is no optimizer's.
    """
    from optbench.catalogue import loader
    from optbench.contract import names
    from optbench.contract.equals import LIBRARIES
    from optbench.translation.code import training_code

    options = {key: value for key, value in given.items() if value is not None}
    if library is None:
        raise OptbenchError(f"--{next(iter(options))} is for code: say in which library, --as {', '.join(LIBRARIES)}")
    if library not in LIBRARIES:
        raise unknown("library", library, LIBRARIES)
    chosen: Any = library
    if json:
        raise OptbenchError("--as prints code, and --json facts: give one of them")
    catalogue = loader.load_all(plugins)
    name = _resolve_spelling(catalogue, name)
    bare = name.strip().partition("(")[0]
    for kind in ("problem", "schedule", "schedule_wrapper"):
        if bare in getattr(catalogue, f"{kind}s"):
            hint = f"; its schedule is an option: --schedule {names.parse(name)[0]}" if kind != "problem" else ""
            raise OptbenchError(f"--as wants an optimizer, and {bare} is a {kind.replace('_', ' ')}{hint}")
    if "batch-size" in options:
        options["batch_size"] = _parse_batch_size(options.pop("batch-size"))
    print(training_code(name, chosen, plugin=tuple(plugins), **options), end="")


def _resolve_spelling(catalogue: Any, name: str) -> str:
    """Return the catalogue's name for another library's spelling, such as AdamW; the name itself for others.

    Spellings that stand for several names, or only under a condition, are left as they are.
    """
    from optbench.catalogue.aliases import resolve_alias
    from optbench.catalogue.description import list_all_names
    from optbench.contract.eager import library_and_name

    known, (word, bracket, inside) = list_all_names(catalogue), name.strip().partition("(")
    leads = {} if word in known or library_and_name(word) else resolve_alias(name.strip(), known)
    lead, remark = next(iter(leads.items()), ("", ""))
    return f"{lead}{bracket}{inside}" if len(leads) == 1 and not remark and "(" not in lead else name


def _parse_batch_size(text: str) -> int | str:
    """Return the batch size as int where the text is a whole number; other texts, such as "full", unchanged."""
    return int(text) if text.strip().isdecimal() else text
