"""Help pages: commands and options under headings, and an example at the end of each page.

Plain text in the width of the terminal: rich's boxes would leave 30 columns to the help of a long option.
"""

import re
from collections.abc import Sequence
from typing import Any

from typer.core import TyperCommand, TyperGroup

from optbench.cli.examples import EXAMPLES
from optbench.cli.output import EXIT_CODES
from optbench.contract.errors import OptbenchError
from optbench.contract.names import COMMAS

RUN, ASK, CATALOGUE, LECTURE = "Run", "Ask the results", "The catalogue", "The lecture and this machine"
"""The headings of the commands."""
WHAT, HOW, SEEDS, TIME = "What to run", "How settings are tried and chosen", "Seeds", "Length and time limits"
WHERE, PAGE, INPUT, OUTPUT = "Where and how", "The report", "Input", "Output"
CODE = "Code for another library"
"""The headings of the options that more than one command has."""
_OTHERS = "Other"
_ELSEWHERE = {("report", "--latex"): "tables in LaTeX are --tables tex"}
"""Options that never were, and what does that."""
_FEW = 4
"""A command with at most so many options has no headings."""


def write_groups(formatter: Any, rows: Sequence[tuple[str | None, tuple[str, str]]]) -> None:
    """Write rows of a name and its help under their headings, in order; rows without one come last."""
    groups: dict[str, list[tuple[str, str]]] = {}
    for heading, row in sorted(rows, key=lambda each: each[0] is None):
        groups.setdefault(heading or _OTHERS, []).append(row)
    for heading, group in groups.items():
        with formatter.section(heading):
            formatter.write_dl(group)


class Command(TyperCommand):
    """A command whose help is in groups, and ends with an example."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the arguments; refuse an option that is none with the one to take, and say where commas lack."""
        for arg in args:
            option = arg.partition("=")[0]
            if successor := _ELSEWHERE.get((self.name or "", option)):
                raise OptbenchError(f"no option {option}: {successor}")
        try:
            return super().parse_args(ctx, args)
        except Exception as error:
            if self.name == "sweep" and "extra argument" in getattr(error, "message", ""):
                error.message += f": {COMMAS}"  # type: ignore[attr-defined]
            raise

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the arguments first, then the options by heading."""
        arguments, options = [], []
        for parameter in self.get_params(ctx):
            if (row := parameter.get_help_record(ctx)) is not None:
                if parameter.param_type_name == "argument":
                    arguments.append((parameter.metavar or row[0], row[1]))
                else:
                    options.append((getattr(parameter, "rich_help_panel", None), row))
        if arguments:
            with formatter.section("Arguments"):
                formatter.write_dl(arguments)
        if len(options) > _FEW:
            write_groups(formatter, options)
        else:
            with formatter.section("Options"):
                formatter.write_dl([row for _, row in options])

    def get_short_help_str(self, limit: int = 0) -> str:
        """Return the whole first sentence, for the list of commands and some shells."""
        return re.split(r"(?<=\.)\s", " ".join((self.help or "").split()), maxsplit=1)[0]

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """Write the example, in lines that can be copied."""
        if self.name in EXAMPLES:
            write_example(formatter, *EXAMPLES[self.name])


def write_example(formatter: Any, about: str, lines: Sequence[str]) -> None:
    """Write what an example does, and its lines as they are typed."""
    with formatter.section("Example"):
        formatter.write_text(about)
        formatter.write_paragraph()
        for line in lines:
            formatter.write(f"{'':{formatter.current_indent}}{line}".rstrip() + "\n")


class Commands(TyperGroup):
    """Commands under headings; ``help NAME`` is ``NAME --help``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Treat ``help COMMAND``, and no arguments, like ``--help``."""
        if args[:1] == ["help"]:
            args = [*(arg for arg in args[1:] if arg != "help"), "--help"]
        if not args and not ctx.resilient_parsing:
            args = ["--help"]  # click prints the help of a command without any on standard error
        return super().parse_args(ctx, args)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the commands first, then the options."""
        commands = [(name, self.commands[name]) for name in self.list_commands(ctx)]
        write_groups(
            formatter,
            [
                (getattr(command, "rich_help_panel", None), (name, command.get_short_help_str()))
                for name, command in commands
                if not command.hidden
            ],
        )
        rows = [parameter.get_help_record(ctx) for parameter in self.get_params(ctx)]
        with formatter.section("Options"):
            formatter.write_dl([row for row in rows if row is not None])

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """Write the exit codes, and the example of the whole program."""
        with formatter.section("Exit codes"):
            formatter.write_dl(list(EXIT_CODES.items()))
        write_example(formatter, *EXAMPLES[""])
