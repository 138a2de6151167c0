"""``optbench merge``: several results folders as one."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from optbench.cli import report as report_command
from optbench.cli.groups import WHERE
from optbench.cli.options import Report, check_folder, option, plugin_option
from optbench.cli.sweep import print_summary


def merge(
    folders: Annotated[
        list[Path], typer.Argument(metavar="DIR", help="Two or more results folders.", show_default=False)
    ],
    out: Annotated[str, option("out", "FOLDER", "The folder to create; the merged ones stay as they are.", WHERE)],
    plugin: Annotated[list[Path] | None, plugin_option(WHERE)] = None,
    report: Report = True,
) -> None:
    """Merge results folders: copy their cohorts, combine their specs, and name the runs that are missing."""
    from optbench.cli.console import command, paragraph, show_broken, warn
    from optbench.report.loaded import LoadedSweep
    from optbench.sweeps.merge import merge_folders
    from optbench.sweeps.provenance import typed_command

    check_folder(out)
    missing = merge_folders(folders, Path(out), plugin or (), typed_command(), warn, show_broken)
    sweep = LoadedSweep(Path(out))
    print_summary(sweep)
    if missing:
        spec, folder = shlex.quote(str(Path(out) / "spec.toml")), shlex.quote(out)
        paragraph("this command runs what is missing:")
        command(f"optbench sweep {spec} --out {folder}")
    if report:
        report_command.draw(sweep)
