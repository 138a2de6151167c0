"""``optbench merge``: several results folders as one."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from optbench.cli import report as report_command
from optbench.cli.groups import WHERE
from optbench.cli.options import Report, check_folder, json_option, option, plugin_option
from optbench.cli.output import UNFINISHED, print_json
from optbench.cli.sweep_json import make_answer
from optbench.cli.sweep_summary import print_summary
from optbench.contract.paths import is_file


def merge(
    folders: Annotated[
        list[Path],
        typer.Argument(metavar="DIR", help="Folders: parts of a sweep, or sweeps of a kind.", show_default=False),
    ],
    out: Annotated[str, option("out", "FOLDER", "The folder to create; the merged ones stay as they are.", WHERE)],
    plugin: Annotated[list[Path] | None, plugin_option(WHERE)] = None,
    report: Report = True,
    json: Annotated[bool, json_option(WHERE)] = False,
) -> None:
    """Merge results folders: copy their cohorts, combine their specs, and name the runs that are missing.

    Exit code 3 if runs are missing; the command that is then printed makes them. JSON: as of optbench sweep.
    """
    from optbench.cli.console import command, paragraph, warn
    from optbench.results.results import load
    from optbench.run.merging import merge_folders
    from optbench.store.provenance import typed_command

    check_folder(out)
    missing = merge_folders(folders, Path(out), plugin or (), typed_command(), warn)
    answer = load(Path(out)).ask()
    print_summary(answer)
    files = "".join(f" --plugin {shlex.quote(str(file))}" for file in plugin or () if is_file(file))
    spec = shlex.quote(str(Path(out) / "spec.toml"))
    resume = f"optbench sweep {spec} --out {shlex.quote(out)}{files}" if missing else None
    if resume:
        paragraph("this command runs what is missing:")
        command(resume)
    page = report_command.draw_report(answer) if report else None
    if json:
        print_json(make_answer(answer, page, not missing, resume))
    if missing:
        raise typer.Exit(UNFINISHED)
