"""``optbench check``: the contract's checks on a plug-in file, a line each."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from optbench.cli import completion, groups
from optbench.cli.options import Json, Plugin, option
from optbench.cli.output import NO, print_json
from optbench.contract.errors import OptbenchError

Report = Callable[[Any], None]


def check(
    file: Annotated[str, typer.Argument(
        metavar="FILE", help="A plug-in file; with --against also the name of an optimizer.",
        autocompletion=completion.file_or_optimizer,
    )],
    against: Annotated[str | None, option(
        "against", "OPTIMIZER", 'Compare with another optimizer: torch:AdamW, "torch:Mine(file=theirs.py)", '
        "optax:adamw, adam.", groups.INPUT, completion.optimizers,
    )] = None,
    tolerance: Annotated[float, option(
        "tolerance", "SHARE", "With --against: the largest relative difference at which two are equal.", groups.INPUT,
    )] = 1e-9,
    check_timeout: Annotated[str, option(
        "check-timeout", "TIME", "The time after which loading, a check or a comparison has failed.", groups.INPUT,
    )] = "60s",
    json: Json = False,
    plugin: Plugin = None,
) -> None:  # fmt: skip
    """Check a plug-in's optimizers, schedules and problems against the contract, and describe what is wrong.

    With --against: compare its optimizer's steps with those of another, and say in how many digits they agree, or from
    which step on they differ. Exit code 1 where a check fails, or the steps differ.

    JSON: a record each with "kind", "name" and "checks" (each with "name", "ok" and "message"); a crash and a timeout
    are a failed check of their record; with --against, as an error of the rule, a "failure", and no comparisons. A file
    that does not load, crashes or hangs then is an error, with exit code 2.
    """
    from optbench.engine import settings

    files, seconds = tuple(plugin or ()), float(settings.checked("check_timeout", check_timeout))
    if against is None:
        if not file.endswith(".py") and not Path(file).exists():
            raise OptbenchError(
                f"no plug-in file {file!r}; with --against OPTIMIZER it may be the name of an optimizer"
            )
        found = print_checks(Path(file), files, seconds)
        fine = all(each["ok"] for record in found for each in record["checks"])
        if json:
            print_json(found)
    else:
        from optbench.cli.check_against import print_agreement

        if not 0 < tolerance < 1:
            raise OptbenchError(f"--tolerance {tolerance:g} must lie between 0 and 1")
        fine = print_agreement(file, against, tolerance, files, seconds, json)
    if not fine:
        raise typer.Exit(NO)


def print_checks(file: Path, files: Sequence[Path], check_timeout: float) -> list[dict[str, Any]]:
    """Print the verdict of every check on every record of ``file``; return them as ``--json`` has them.

    The file is loaded and checked in a worker process. If that dies, or takes longer than ``check_timeout`` seconds for
    one check, which may loop for ever, this is the last check, and has failed. Raises OptbenchError if the file does
    not load.
    """
    from rich.text import Text

    from optbench.catalogue.loader import refuse_broken
    from optbench.cli.console import console, describe_worker_end, show_broken
    from optbench.run.processes import Died, WorkerProcess

    found: list[dict[str, Any]] = []
    state = f"loading {file.name}"

    def print_report(report: tuple[str, str] | dict[str, Any]) -> None:
        """Print a record, by kind and name, or the result of a check of it, and keep it."""
        nonlocal state
        if isinstance(report, tuple):
            kind, name = report
            state = f"checking {kind} {name}"
            console.print(f"{kind} {name}", style="bold")
            found.append({"kind": kind, "name": name, "checks": []})
            return
        mark = ("ok  ", "green") if report["ok"] else ("FAIL", "red")
        text = f" {report['name']}" + f": {report['message']}" * bool(report["message"])
        console.print(Text.assemble("  ", mark, text), soft_wrap=True)
        found[-1]["checks"].append(report)

    with contextlib.ExitStack() as at_end:
        worker = WorkerProcess()
        at_end.callback(lambda: sys.stderr.write(worker.last_output))
        at_end.callback(worker.close)
        try:
            worker.call(_load_shipped)
            broken = worker.call(_check_file, file, (file, *files), watch=print_report, seconds=check_timeout)
            for path, trace in broken.items():
                show_broken(path, trace)
                refuse_broken(path, trace)
        except Died as error:
            text = describe_worker_end(error, state, check_timeout)
            if not found:
                raise OptbenchError(text) from None
            print(f"  FAIL {text}", flush=True)
            found[-1]["checks"].append({"name": "comes to an end", "ok": False, "message": text})
    return found


def _load_shipped(report: Report) -> None:
    """Load the catalogue without the user's files, which takes a moment that is not theirs."""
    from optbench.catalogue import loader

    loader.load()


def _check_file(report: Report, file: Path, plugins: Sequence[Path]) -> dict[Path, str]:
    """Load the user's files, and report each record of ``file``, by kind and name, and the results of its checks.

    Returns the tracebacks of files that do not load. Raises OptbenchError if it has no record.
    """
    from optbench.catalogue import loader
    from optbench.catalogue.library_optimizers import make_torch_records
    from optbench.checks import check_record

    path, catalogue = loader.plugin_path(file), loader.load(tuple(plugins))
    if catalogue.broken:
        return catalogue.broken
    names = [key.split(" ", 1) for key, place in catalogue.files.items() if place == path]
    if not names:
        made = make_torch_records(catalogue.modules[path])
        reasons = [str(each) for each in made if isinstance(each, OptbenchError)]
        nothing = f"{file} registers nothing: decorate a function with @optimizer, @schedule or @problem"
        raise OptbenchError("; ".join(reasons) or nothing)
    for kind, name in names:
        report((kind, name))
        for finding in check_record(kind, name, catalogue):
            report({"name": finding.name, "ok": finding.ok, "message": finding.message})
    return {}
