"""``optbench check``: the contract's checks on a plug-in file, a line each."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from optbench.cli import completion, groups
from optbench.cli.answers import NO, print_error, print_json
from optbench.cli.options import Json, Plugin, option
from optbench.contract.errors import OptbenchError

if TYPE_CHECKING:
    from optbench.checks import CheckResult


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
        "check-timeout", "TIME", "Without --against: the time after which a check has failed.", groups.INPUT,
    )] = "60s",
    json: Json = False,
    plugin: Plugin = None,
) -> None:  # fmt: skip
    """Check a plug-in's optimizers, schedules and problems against the contract, and describe what is wrong.

    With --against: compare its optimizer's steps with those of another, and name the convention that differs. Known, of
    any rule: a constant factor of the rate, bias corrections left out, eps inside or outside of the root, a value of a
    hyperparameter; of rules like momentum and Adam also sign, first step, Nesterov, decay, dampening and clipping. Exit
    code 1 where a check fails, or the steps differ.
    """
    files = tuple(plugin or ())
    if against is None:
        if not file.endswith(".py") and not Path(file).exists():
            raise OptbenchError(
                f"no plug-in file {file!r}; with --against OPTIMIZER it may be the name of an optimizer"
            )
        from optbench.engine import settings

        found = print_checks(Path(file), files, float(settings.checked("check_timeout", check_timeout)))
        fine = all(each["ok"] for record in found for each in record["checks"])
        if json:
            print_json(found)
    else:
        from optbench.cli.agreement import print_agreement

        if not 0 < tolerance < 1:
            raise OptbenchError(f"--tolerance {tolerance:g} must lie between 0 and 1")
        fine = print_agreement(file, against, tolerance, files, json)
    if not fine:
        raise typer.Exit(NO)


def print_checks(file: Path, files: Sequence[Path], check_timeout: float) -> list[dict[str, Any]]:
    """Print the verdict of every check on every record of ``file``; return them as ``--json`` has them.

    Ends the process with code 1 if one takes longer than ``check_timeout`` seconds: it may loop for ever.
    """
    from rich.text import Text

    from optbench import checks
    from optbench.catalogue.libraries import make_torch_records
    from optbench.catalogue.loader import plugin_path
    from optbench.cli.console import console, load_catalogue, refuse_broken

    path = plugin_path(file)
    catalogue = load_catalogue((file, *files))
    refuse_broken(catalogue, path)
    names = [key for key, place in catalogue.files.items() if place == path]
    if not names:
        made = make_torch_records(catalogue.modules[path])
        if reasons := [str(each) for each in made if isinstance(each, OptbenchError)]:
            raise OptbenchError("; ".join(reasons))
        raise OptbenchError(f"{file} registers nothing: decorate a function with @optimizer, @schedule or @problem")
    found: list[dict[str, Any]] = []
    for key in names:
        kind, name = key.split(" ", 1)
        console.print(f"{kind} {name}", style="bold")
        found.append({"kind": kind, "name": name, "checks": []})
        for finding in _with_timeout(check_timeout, checks.check_record(kind, name, catalogue)):
            mark = ("ok  ", "green") if finding.ok else ("FAIL", "red")
            text = f" {finding.name}" + f": {finding.message}" * bool(finding.message)
            console.print(Text.assemble("  ", mark, text), soft_wrap=True)
            found[-1]["checks"].append(asdict(finding))
    return found


def _with_timeout(seconds: float, findings: Iterable[CheckResult]) -> Iterator[CheckResult]:
    """Yield the findings; end the process with code 1 if one takes longer, as a compiled loop cannot be stopped."""
    pending = iter(findings)
    while True:
        timer = threading.Timer(seconds, _time_out, [seconds])
        timer.daemon = True
        timer.start()
        try:
            finding = next(pending)
        except StopIteration:
            return
        finally:
            timer.cancel()
        yield finding


def _time_out(seconds: float) -> None:
    """Print that a check takes too long, and end the process with code 1."""
    text = f"timed out after {seconds:g} s: an infinite loop? Else raise --check-timeout"
    print(f"  FAIL {text}", flush=True)
    print_error(text, NO)
    sys.stderr.flush()
    os._exit(NO)
