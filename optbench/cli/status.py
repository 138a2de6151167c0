"""``optbench status``: how far a sweep is, from its folder alone."""

from pathlib import Path
from typing import Annotated, Any

import typer

from optbench.cli.options import Json
from optbench.cli.output import print_json


def status(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="The results folder of a sweep.")] = Path("results"),
    json: Json = False,
) -> None:
    """Print how far a sweep is: its runs by stage, whole blocks, the time left, and the best settings so far.

    The sweep may run in another process, or have been stopped; nothing is changed. Verdicts come with its end.
    """
    from optbench.cli.console import console, paragraph
    from optbench.cli.progress import format_duration
    from optbench.contract.errors import OptbenchError
    from optbench.results.results import load
    from optbench.store.sweep_progress import read_progress
    from optbench.wording.summary import lay_out, list_best_so_far

    found = read_progress(directory)
    if json:
        print_json(found.to_dict())
        return
    text = "finished" if found.finished else f"running ({found.stage})" if found.stage else "stopped"
    if text == "stopped":
        text += " before its first result" * (not any(done for done, _ in found.stages.values()))
        text += "; the same command resumes it"
    if found.seconds_left is not None:
        text += f", about {format_duration(found.seconds_left)} left"
    if found.blocks:
        text += f"; {found.whole_blocks} of {found.blocks} blocks are whole"
    paragraph(f"{directory}: {text}", hang=2)
    runs = {stage: f"{done:,} of {planned:,}" for stage, (done, planned) in found.stages.items()}
    runs |= dict.fromkeys(found.later, "not planned yet")
    paragraph("")
    columns: dict[str, Any] = {"stage": [[each] for each in runs], "runs": [[each] for each in runs.values()]}
    for line in lay_out(columns, console.width):
        print(line)
    if found.finished:
        paragraph("")
        paragraph(f"optbench report {directory} prints the answer.", hang=2)
        return
    try:
        lines = list_best_so_far(load(directory).ask(), console.width)
    except OptbenchError:  # nothing has ended that could be compared
        return
    paragraph("")
    paragraph("Best so far, by the runs that have ended; the end tells what is luck:", hang=2)
    for line in lines:
        print(line)
