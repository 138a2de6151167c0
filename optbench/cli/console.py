"""Where the commands print: answers on standard output, all that is said about them on standard error.

Imported when a command runs, for rich and the catalogue take their time.
"""

import json

from rich.console import Console

from optbench.catalogue import loader

console = Console(highlight=False)
errors = Console(stderr=True, highlight=False)


def load_catalogue(files) -> loader.Catalogue:
    """The catalogue with the user's files; a broken one is shown with its traceback, and the others load."""
    catalogue = loader.load(tuple(files))
    for path, trace in catalogue.broken.items():
        errors.print(f"the plug-in {path} does not load:\n{trace}", style="yellow", markup=False, soft_wrap=True)
    return catalogue


def print_json(data) -> None:
    """Print ``data`` as JSON; a number that is not finite must have become None before."""
    print(json.dumps(data, indent=2, allow_nan=False))
