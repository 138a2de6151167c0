"""The command line: the commands by name, in the order of the help."""

import re
import sys
import traceback
import warnings
from collections.abc import Callable
from io import TextIOWrapper
from typing import Annotated, Any

import typer

from optbench.cli import (
    advise,
    check,
    compare,
    completion,
    ewa,
    export,
    groups,
    guide,
    info,
    lecture,
    merge,
    output,
    rank,
    report,
    show,
    status,
    stopping,
    sweep,
)
from optbench.cli import list as listing
from optbench.cli.options import TakesNumbers
from optbench.cli.sweep_options import FLAGS
from optbench.contract.errors import OptbenchError, show_warning
from optbench.contract.resources import memory_ran_out, need_addresses
from optbench.contract.version import __version__


class Commands(groups.Commands):
    """The commands; a signal ends one with a line and its exit code."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was typed."""
        need_addresses(_typed_command())
        stopping.raise_on_signals()
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as error:
            stopping.exit_with_signal(error)
        except BrokenPipeError:  # click would end with 1, which says that something is wrong
            sys.exit(141)
        except Exception as error:
            if hasattr(error, "format_message"):  # click prints its own on standard error
                output.print_error(error.format_message(), output.MISTAKE)
            if signal := stopping.received_signal():  # an interrupted import may have raised anything
                stopping.exit_with_signal(signal)
            raise


app = typer.Typer(
    cls=Commands,
    name="optbench",
    help="Which optimizer, batch size and learning-rate schedule works best on which objective, and how sure are we?",
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
_COMMANDS: dict[str, dict[str, Callable]] = {
    groups.RUN: {"sweep": sweep.sweep, "merge": merge.merge},
    groups.ASK: {
        "status": status.status,
        "report": report.report,
        "compare": compare.compare,
        "rank": rank.rank,
        "advise": advise.advise,
        "guide": guide.guide,
        "export": export.export,
    },
    groups.CATALOGUE: {"list": listing.list_names, "show": show.show, "check": check.check},
    groups.LECTURE: {"lecture": lecture.lecture, "ewa": ewa.ewa, "info": info.info},
}


def _add_commands() -> None:
    """Register the commands under the headings of their groups."""
    for group, commands in _COMMANDS.items():
        for name, command in commands.items():
            kind = TakesNumbers if name == "ewa" else groups.Command
            app.command(name, cls=kind, rich_help_panel=group)(command)


_add_commands()


@app.callback(invoke_without_command=True)
def _show_version(
    version: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False,
) -> None:
    """Print the version and end, if ``--version`` was typed."""
    if version:
        print(f"optbench {__version__}")
        raise typer.Exit


def main() -> None:
    """Run the command line. A user's mistake is one line on standard error and exit code 2."""
    known, warnings.showwarning = warnings.showwarning, show_warning
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a letter that the terminal does not have, or half of one in a path
            stream.reconfigure(errors="backslashreplace")
    try:
        with completion.quiet(), output.keep_stdout():
            _run()
    finally:
        warnings.showwarning = known


def _typed_command() -> str:
    """Return the command that was typed; "sweep", which needs most, where there is none."""
    return next((word for word in sys.argv[1:] if any(word in each for each in _COMMANDS.values())), "sweep")


def _name_options(text: str) -> str:
    """Return a message with options that were typed in place of Python's names at its start: "--lr: 'x' must ..."."""
    typed = {word.partition("=")[0] for word in sys.argv[1:]}

    def name_option(match: re.Match) -> str:
        """Return the option of a name, or the name if the option was not typed."""
        option = FLAGS.get(match[0], f"--{match[0].replace('_', '-')}")
        return option if option in typed else match[0]

    return re.sub(r"^\w+(?: and \w+)*(?=: |=)", lambda head: re.sub(r"\w+", name_option, head[0]), text)


def _run() -> None:
    """Run the command; end the process where it could not do what was asked."""
    try:
        try:
            app(prog_name=completion.program())
        finally:
            if sys.stdout:  # None if it is closed
                sys.stdout.flush()
    except BrokenPipeError:
        sys.exit(141)
    except OptbenchError as error:
        output.fail(_name_options(str(error)), error.exit_code)
    except Exception as error:
        if text := memory_ran_out(error, _typed_command()):
            output.fail(text)
        traceback.print_exc()
        output.fail(f"{type(error).__name__}: {error}", output.BUG)
