"""``optbench check``: the contract's checks on a plug-in file, a line each."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from optbench.cli.options import Plugin
from optbench.contract.errors import OptbenchError


def check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A plug-in file.")],
    plugin: Plugin = None,
) -> None:
    """Check a plug-in's optimizers, schedules and problems against the contract, and say in words what is wrong."""
    if not print_checks(file, tuple(plugin or ())):
        raise typer.Exit(1)


def print_checks(file: Path, files: Sequence[Path]) -> bool:
    """Print the verdict of every check on every record of ``file``; True where all hold."""
    from rich.text import Text

    from optbench import checks
    from optbench.catalogue.loader import plugin_path
    from optbench.cli.console import console, load_catalogue

    path = plugin_path(file)
    catalogue = load_catalogue((file, *files))
    if path in catalogue.broken:
        raise OptbenchError(f"{file} does not load (the traceback stands above)")
    names = [key for key, place in catalogue.files.items() if place == path]
    if not names:
        raise OptbenchError(f"{file} registers nothing: decorate a function with @optimizer, @schedule or @problem")
    fine = True
    for key in names:
        kind, name = key.split(" ", 1)
        console.print(f"{kind} {name}", style="bold")
        for finding in checks.run(kind, name, catalogue):
            mark = ("ok  ", "green") if finding.ok else ("FAIL", "red")
            text = f" {finding.name}" + f": {finding.message}" * bool(finding.message)
            console.print(Text.assemble("  ", mark, text), soft_wrap=True)
            fine &= finding.ok
    return fine
