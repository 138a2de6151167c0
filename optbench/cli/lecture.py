"""``optbench lecture``: the claim at work, then a table of verdicts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from optbench.cli.options import Workers, check_folder, interrupted
from optbench.contract.errors import OptbenchError

if TYPE_CHECKING:
    from rich.table import Table

    from optbench.claims.record import Outcome

_SHOWN = 90  # letters of what a verdict depends on
_COLORS = {"holds": "green", "does not hold": "red", "depends": "yellow"}


def lecture(
    ids: Annotated[
        list[str] | None, typer.Argument(metavar="[ID]...", help="Such as A3 B5, or A for a section; by default all.")
    ] = None,
    out: Annotated[
        str, typer.Option(help="The result folder; what was finished there is kept, and an interrupted run goes on.")
    ] = "lecture-results",
    quick: Annotated[bool, typer.Option("--quick", help="Smaller experiments: fewer seeds, less data.")] = False,
    workers: Workers = None,
) -> None:
    """Try the lecture's claims: an experiment, a figure and a verdict each, and a page like a short paper."""
    check_folder(out)
    try:
        try_claims(ids or (), out, quick, workers)
    except KeyboardInterrupt:
        interrupted()


def try_claims(ids: Sequence[str], out: str, quick: bool, workers: int | None) -> None:
    """Try the claims, print the table. Raises OptbenchError, after it, where one could not run."""
    from rich.markup import escape

    from optbench.claims.page import summary
    from optbench.claims.record import Budget
    from optbench.claims.run import run
    from optbench.cli.console import console, errors
    from optbench.lecture import select
    from optbench.sweeps.provenance import typed_command
    from optbench.sweeps.session import checked_workers

    chosen = select(ids)
    with errors.status("starting") as spinner:

        def watch(claim, done):
            spinner.update(f"{claim.id} ({done + 1} of {len(chosen)}): {escape(claim.sentence)}")

        outcomes = run(chosen, out, Budget(quick, checked_workers(workers)), typed_command(), watch)
    console.print(_table(outcomes))
    console.print(f"{summary(outcomes)}; page: {Path(out) / 'index.html'}", markup=False, soft_wrap=True)
    broken = [f"{item.claim.id}: {item.error}" for item in outcomes if item.error]
    if broken:
        raise OptbenchError("some claims could not run: " + "; ".join(broken))


def _table(outcomes: Sequence[Outcome]) -> Table:
    from rich.markup import escape
    from rich.table import Table

    from optbench.claims.page import badge, effect
    from optbench.report.labels import shorten

    table = Table(box=None, pad_edge=False)
    for name in ("claim", "verdict", "measured [95% interval]"):
        table.add_column(name, no_wrap=True)
    table.add_column("what, and on what it depends (in full on the page)")
    table.add_column("s", justify="right", no_wrap=True)
    for item in outcomes:
        mark, verdict = badge(item), item.verdict
        words = f"[{_COLORS.get(mark['words'], 'bold')}]{mark['symbol']} {mark['words']}[/]"
        on = f"; {shorten(verdict.on, _SHOWN)}" if verdict and verdict.on else ""
        text = f"{verdict.measure}{on}" if verdict else item.error
        measured = effect(verdict) if verdict else "–"
        table.add_row(item.claim.id, words, escape(measured), escape(text), f"{item.seconds:.1f}")
    return table
