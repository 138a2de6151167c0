"""``optbench report``: draw the figures and the page of a result folder."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from optbench.cli.options import Plugin
from optbench.contract.errors import OptbenchError


def report(
    directory: Annotated[Path, typer.Argument(help="The result folder of a sweep.")] = Path("results"),
    plugin: Plugin = None,
    asv: Annotated[
        bool, typer.Option("--asv", help="The performance history in place of a sweep: asv's results in DIRECTORY.")
    ] = False,
) -> None:
    """Draw the figures and the page of a finished sweep anew."""
    if asv:
        return draw_history(directory)
    from optbench.cli.console import load_catalogue, warn

    load_catalogue(tuple(plugin or ()))
    draw(directory, warn)


def draw_history(directory: Path) -> None:
    """Write the page of what asv has recorded; without a folder, of the checkout that is the current folder."""
    from optbench.cli.console import console
    from optbench.report.history import write_history

    results = Path("reports", "asv", "results") if directory == Path("results") else directory
    page = write_history(results, tell=lambda line: console.print(line, soft_wrap=True, markup=False, highlight=False))
    console.print(f"performance history: {page}", soft_wrap=True, markup=False, highlight=False)


def draw(directory: Path, tell: Callable[[str], None] | None = None) -> None:
    """Draw the report, and say where it is. ``tell`` hears what an unfinished sweep lacks."""
    from rich.text import Text

    from optbench.cli.console import console, errors
    from optbench.report import write_report

    try:
        with errors.status("drawing the report") as spinner:
            page = write_report(directory, lambda text: spinner.update(Text(f"drawing the report: {text}")), tell)
    except OSError as error:
        raise OptbenchError(f"cannot write the report to {str(directory)!r}: {error.strerror}") from None
    console.print(f"report: {page}", soft_wrap=True)
