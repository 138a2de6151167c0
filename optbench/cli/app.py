"""The command line: the commands by name, in the order of the help."""

import sys
from typing import Annotated

import typer

from optbench.cli import check, compare, ewa, info, lecture, merge, report, show, sweep
from optbench.cli import list as listing
from optbench.cli.options import TakesNumbers
from optbench.contract.errors import OptbenchError
from optbench.contract.version import __version__

app = typer.Typer(
    name="optbench",
    help="Which optimizer, batch size and learning-rate schedule works best on which objective, and how sure are we?",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command()(sweep.sweep)
app.command()(merge.merge)
app.command()(report.report)
app.command()(compare.compare)
app.command()(lecture.lecture)
app.command()(check.check)
app.command(cls=TakesNumbers)(ewa.ewa)
app.command("list")(listing.list_names)
app.command()(show.show)
app.command()(info.info)


@app.callback(invoke_without_command=True)
def _version(version: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False) -> None:
    if version:
        print(f"optbench {__version__}")
        raise typer.Exit


def main() -> None:
    """Run the command line. A user's mistake is one line on standard error and exit code 2."""
    try:
        app()
    except OptbenchError as error:
        print(f"optbench: {error}", file=sys.stderr)
        sys.exit(2)
    except BrokenPipeError:
        sys.exit(141)
