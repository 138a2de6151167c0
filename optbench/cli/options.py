"""Options that several commands share, and options that take several numbers, as in ``--beta 0.5 0.9``."""

import math
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from optbench.cli import groups
from optbench.contract.errors import OptbenchError, unknown

PLUGIN_HELP = "A Python file with optimizers, schedules or problems; repeatable."
LABEL_HELP = (
    r"What texts and figures call a problem or optimizer: 'torch:Mine=Ours', 'adam=$\beta_1$-Adam'; repeatable."
)


def plugin_option(group: str) -> Any:
    """Return the option ``--plugin`` under the heading ``group``."""
    return typer.Option("--plugin", metavar="FILE", help=PLUGIN_HELP, rich_help_panel=group)


Plugin = Annotated[list[Path] | None, plugin_option(groups.INPUT)]


def json_option(group: str) -> Any:
    """Return the option ``--json`` under the heading ``group``."""
    about = "Print one JSON value, also of an error; all else goes to standard error."
    return typer.Option("--json", help=about, rich_help_panel=group)


Json = Annotated[bool, json_option(groups.OUTPUT)]
Workers = Annotated[
    int | None, typer.Option(metavar="N", help="Threads; by default one per core.", rich_help_panel=groups.WHERE)
]

Report = Annotated[
    bool, typer.Option("--report/--no-report", help="Draw the report at the end.", rich_help_panel=groups.PAGE)
]


def label_option(group: str) -> Any:
    """Return the option ``--label`` under the heading ``group``."""
    return typer.Option("--label", metavar="NAME=LABEL", help=LABEL_HELP, rich_help_panel=group)


def option(name: str, metavar: str, help: str, group: str, complete: Callable | None = None) -> Any:
    """Return the option ``--name`` that takes a value.

    metavar, help: the value's name and the text on the help page; group: the heading there. complete: a function from
    what was typed to what may follow.
    """
    return typer.Option(f"--{name}", metavar=metavar, help=help, rich_help_panel=group, autocompletion=complete)


def flag(name: str, help: str, group: str) -> Any:
    """Return the option ``--name`` that takes no value. help: its text on the page, under the heading ``group``."""
    return typer.Option(f"--{name}", help=help, rich_help_panel=group)


def check_folder(out: str) -> None:
    """Raise OptbenchError if ``--out`` is empty."""
    if not out.strip():
        raise OptbenchError("--out must name a folder")


def check_ending(option: str, path: Path | None, *endings: str) -> None:
    """Raise OptbenchError where the path of an option is given and has none of these endings, in lower case."""
    if path is not None and path.suffix.lower() not in endings:
        raise OptbenchError(f"{option} must end in {' or '.join(endings)}, not {str(path)!r}")


def read_format(form: str, json: bool, known: Sequence[str]) -> str:
    """Return the form of the output, one of ``known``; json: that flag, for the form "json". Raises OptbenchError."""
    if form not in known:
        raise unknown("format", form, known)
    if json and form not in ("text", "json"):
        raise OptbenchError(f"--json and --format {form}: give one of them")
    return "json" if json else form


def parse_share(option: str, text: str) -> float:
    """Return the share that an option's text states, 0.05 of "5%" or "0.05". Raises OptbenchError."""
    percent = text.strip().endswith("%")
    try:
        value = float(text.strip().removesuffix("%")) / (100 if percent else 1)
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf or (value >= 1 and not percent):
        raise OptbenchError(f"{option}: {text!r} must be a share such as 5% or 0.05")
    return value


class TakesNumbers(groups.Command):
    """A command whose repeatable options take all the numbers that follow, as argparse's nargs="+" does:

    ``--beta 0.5 0.9`` as well as ``--beta 0.5 --beta 0.9`` and ``--beta 0.5,0.9``.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Repeat an option's name before each further number, so that click takes them all, then parse as usual."""
        repeatable = {name for option in self.params if getattr(option, "multiple", False) for name in option.opts}
        spelled: list[str] = []
        option: str | None = None
        for part in args:
            awaited = option is not None and spelled[-1] == option  # the next word is its value
            if option and not awaited and _are_numbers(part):
                spelled.append(option)
            elif not awaited:
                name = part.partition("=")[0]
                option = name if name in repeatable else None
            spelled.append(part)
        return super().parse_args(ctx, spelled)


def numbers(name: str, texts: Iterable[str]) -> list[float]:
    """Return the distinct numbers of an option from its texts, each a number or several with commas.

    name: of the option, for the message. Raises OptbenchError for a text that is no number.
    """
    parts = [part.strip() for text in texts for part in text.split(",")]
    for part in parts:
        if not _are_numbers(part):
            raise OptbenchError(f"--{name}: {part!r} must be a number")
    return list(dict.fromkeys(map(float, parts)))


def _are_numbers(text: str) -> bool:
    """Return True for a number, or several with commas between them."""
    try:
        return bool([float(part) for part in text.split(",")])
    except ValueError:
        return False
