"""What the lecture's command shows: the claim at work, then a table of verdicts."""

from collections.abc import Sequence
from pathlib import Path

from rich.markup import escape
from rich.table import Table

from optbench.claims.page import badge, effect, summary
from optbench.claims.record import Budget, Outcome
from optbench.claims.run import run
from optbench.cli.terminal import console, errors
from optbench.contract.errors import OptbenchError
from optbench.lecture import select
from optbench.report.labels import shorten
from optbench.sweeps.session import checked_workers

_SHOWN = 90  # letters of what a verdict depends on
_COLORS = {"holds": "green", "does not hold": "red", "depends": "yellow"}


def lecture(ids: Sequence[str], out: str, quick: bool, workers: int | None, command: str) -> None:
    """Try the claims, print the table. Raises OptbenchError, after it, where one could not run."""
    chosen = select(ids)
    with errors.status("starting") as spinner:

        def watch(claim, done):
            spinner.update(f"{claim.id} ({done + 1} of {len(chosen)}): {escape(claim.sentence)}")

        outcomes = run(chosen, out, Budget(quick, checked_workers(workers)), command, watch)
    console.print(_table(outcomes))
    console.print(f"{summary(outcomes)}; page: {Path(out) / 'index.html'}", markup=False, soft_wrap=True)
    broken = [f"{item.claim.id}: {item.error}" for item in outcomes if item.error]
    if broken:
        raise OptbenchError("some claims could not run: " + "; ".join(broken))


def _table(outcomes: Sequence[Outcome]) -> Table:
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
