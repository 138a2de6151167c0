"""``optbench show NAME --as LIBRARY``: print the code of a setting and nothing else, so that it can go into a file."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from optbench.contract import names
from optbench.contract.eager import library_and_name
from optbench.contract.equals import LIBRARIES
from optbench.contract.errors import OptbenchError, unknown


def print_code(
    name: str, library: str | None, given: Mapping[str, Any], json: bool, plugins: Iterable[str | Path]
) -> None:
    """Print the code of a setting. Raises OptbenchError for options that do not go together."""
    from optbench.catalogue import loader
    from optbench.translation.code import training_code

    options = {key: value for key, value in given.items() if value is not None}
    if library is None:
        raise OptbenchError(f"--{next(iter(options))} is for code: say in which library, --as {', '.join(LIBRARIES)}")
    if library not in LIBRARIES:
        raise unknown("library", library, LIBRARIES)
    if json:
        raise OptbenchError("--as prints code, and --json facts: give one of them")
    catalogue = loader.load_all(plugins)
    name = _resolve(catalogue, name)
    bare = name.strip().partition("(")[0]
    for kind in ("problem", "schedule", "schedule_wrapper"):
        if bare in getattr(catalogue, f"{kind}s"):
            hint = f"; its schedule is an option: --schedule {names.parse(name)[0]}" if kind != "problem" else ""
            raise OptbenchError(f"--as wants an optimizer, and {bare} is a {kind.replace('_', ' ')}{hint}")
    if "batch-size" in options:
        options["batch_size"] = _batch_size(options.pop("batch-size"))
    print(training_code(name, library, plugin=tuple(plugins), **options), end="")


def _resolve(catalogue: Any, name: str) -> str:
    """Return the name that another spelling, such as AdamW, stands for, if it is one and needs no remark."""
    from optbench.catalogue.aliases import resolve_alias
    from optbench.catalogue.description import everything

    known, (word, bracket, inside) = everything(catalogue), name.strip().partition("(")
    leads = {} if word in known or library_and_name(word) else resolve_alias(name.strip(), known)
    lead, remark = next(iter(leads.items()), ("", ""))
    return f"{lead}{bracket}{inside}" if len(leads) == 1 and not remark and "(" not in lead else name


def _batch_size(text: str) -> int | str:
    return int(text) if text.strip().isdecimal() else text
