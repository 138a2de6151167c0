"""``optbench export``: the runs behind an answer for a spreadsheet, MLflow or Weights & Biases."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import Annotated

import typer

from optbench.cli import completion
from optbench.cli.groups import OUTPUT
from optbench.cli.options import option
from optbench.contract.errors import OptbenchError, in_one_line, unknown

TOOLS = ("csv", "mlflow", "wandb")


def export(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="The results folder of a sweep.")] = Path("results"),
    to: Annotated[str, option("to", "TOOL", "csv, mlflow or wandb.", OUTPUT, completion.words(*TOOLS))] = "csv",
    out: Annotated[str | None, option(
        "out", "PLACE", "A folder, by default export/TOOL in DIR; or of MLflow a tracking URI, by default "
        "MLFLOW_TRACKING_URI where that is set.", OUTPUT,
    )] = None,
    project: Annotated[str | None, option(
        "project", "NAME", "The experiment of MLflow, or the project of W&B; by default the name of DIR.", OUTPUT,
    )] = None,
    seeds: Annotated[int | None, option(
        "seeds", "N", "Only the first N seeds of each setting: 1,000 runs take MLflow 1 to 2 minutes, W&B 4.", OUTPUT,
    )] = None,
) -> None:  # fmt: skip
    """Export the runs of the recommended settings on fresh seeds, each with its parameters, metrics and loss curve.

    csv: the tables runs, curves and ranking. mlflow: a run each, in a database in the folder unless --out is a URI;
    those that are there stay. wandb: a run each, grouped by optimizer and problem; offline unless you are logged in.
    """
    from optbench.cli.console import command, errors, paragraph, warn
    from optbench.contract.names import count_noun
    from optbench.report import tracking
    from optbench.report.report_files import check_runs
    from optbench.results.results import load

    if to not in TOOLS:
        raise unknown("tool", to, TOOLS)
    if seeds is not None and seeds < 1:
        raise OptbenchError(f"--seeds {seeds} must be at least 1")
    results = load(directory)
    if results.missing:
        warn(f"{directory}: {results.missing}")
    answer = results.ask()
    check_runs(answer)
    place = out or (os.environ.get("MLFLOW_TRACKING_URI") if to == "mlflow" else None) or str(directory / "export" / to)
    folder, remote = Path(place), to == "mlflow" and ("://" in place or place == "databricks")
    if not remote:
        tracking.check_out(to, folder)
    if to != "csv":
        tracking.import_tool(to)
    project = project or directory.resolve().name
    try:
        with errors.status(f"exporting to {to}"):
            if to == "csv":
                count, then = tracking.write_csv(answer, folder, seeds), ""
            elif to == "mlflow":
                runs, uri = [*tracking.list_runs(answer, seeds)], place
                if not remote:
                    folder.mkdir(parents=True, exist_ok=True)
                    uri = f"sqlite:///{folder.resolve() / 'mlflow.db'}"
                count = tracking.log_to_mlflow(
                    runs, project, uri, None if remote else (folder / "files").resolve().as_uri()
                )
                then = "" if remote else f"mlflow ui --backend-store-uri {shlex.quote(uri)}"
            else:
                runs = [*tracking.list_runs(answer, seeds)]
                count, mode = len(runs), tracking.log_to_wandb(runs, project, folder)
                then = f"wandb sync {shlex.quote(place)}/wandb/offline-run-*" * (mode == "offline")
    except OptbenchError:
        raise
    except Exception as error:  # a server that does not answer, a disk that is full
        raise OptbenchError(f"cannot export to {place!r}: {in_one_line(error)}") from None
    what = f"{count_noun(count, 'run')} of the recommended settings, with their curves" if count else "nothing new"
    paragraph(f"{what}: {place}", hang=2)
    if then:
        paragraph("to see them:" if to == "mlflow" else "kept on this machine; to send them once you are logged in:")
        command(then)
