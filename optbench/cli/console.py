"""Where the commands print: answers on standard output, all that is said about them on standard error.

Imported when a command runs, for rich and the catalogue take their time.
"""

import json
import textwrap
from pathlib import Path

from rich.console import Console

from optbench.catalogue import loader
from optbench.cli.options import WARNING
from optbench.contract.errors import OptbenchError

# What is printed holds names and paths of the user's: nothing in it is markup. What has a style is a Text.
console = Console(highlight=False, markup=False)
errors = Console(stderr=True, highlight=False, markup=False)


def load_catalogue(files) -> loader.Catalogue:
    """The catalogue with the user's files; a broken one is shown with its traceback, and the others load."""
    catalogue = loader.load(tuple(files))
    for path, trace in catalogue.broken.items():
        show_broken(path, trace)
    return catalogue


def show_broken(path: Path, trace: str) -> None:
    """Print why a plug-in file does not load."""
    text = trace.rstrip("\n")
    gap = "\n" if "\n" in text else " "
    errors.print(f"the plug-in {path} does not load:{gap}{text}", style="yellow", soft_wrap=True)


def refuse_broken(catalogue: loader.Catalogue, path: Path) -> None:
    """Raises OptbenchError where a plug-in file, of which :func:`load_catalogue` has told, does not load."""
    if path in catalogue.broken:
        raise OptbenchError(f"{path.name} does not load (what is wrong stands above)")


def warn(text: str) -> None:
    """One line about what the user should look at."""
    errors.print(f"{WARNING} {text}", style="yellow", soft_wrap=True)


def print_json(data) -> None:
    """Print ``data`` as JSON; a number that is not finite must have become None before."""
    print(json.dumps(data, indent=2, allow_nan=False))


def paragraph(text: str, indent: int = 0, hang: int = 0) -> None:
    """Print ``text`` in lines that fit, those after the first ``hang`` columns in; nothing is cut or read as markup."""
    print(
        textwrap.fill(
            text, max(console.width, 30), initial_indent=" " * indent, subsequent_indent=" " * hang,
            break_on_hyphens=False, break_long_words=False,
        )
    )  # fmt: skip


def command(text: str) -> None:
    """Print a command in one line, however long: it is there to be copied."""
    print(f"    {text}")
