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
) -> None:
    """Draw the figures and the page of a finished sweep anew."""
    from optbench.cli.console import load_catalogue, warn

    load_catalogue(tuple(plugin or ()))
    draw(directory, warn)


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
