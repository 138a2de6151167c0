"""``optbench lecture``: try claims and print a table of verdicts, or list the claims."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from optbench.cli import completion, stopping
from optbench.cli.groups import OUTPUT, WHAT, WHERE
from optbench.cli.options import Workers, check_folder, flag, option
from optbench.contract.errors import OptbenchError, unknown
from optbench.contract.names import split_list

if TYPE_CHECKING:
    from rich.table import Table

    from optbench.claims.claim import Claim, Outcome

_COLORS = {"holds": "green", "does not hold": "red", "depends": "yellow", "undecided": "blue"}
_INDENT = 6
"""Letters: as wide as the widest id, and a space."""
_WIDEST = 100
"""Columns: longer lines are hard to read, however wide the terminal."""
SEEDS = (6, 200)
"""Six are the fewest whose median has a 95% interval; the first seeds of claims stand a thousand apart."""
FORMATS = ("png", "svg", "pdf")
STYLES = ("screen", "slides")


def lecture(
    ids: Annotated[list[str] | None, typer.Argument(
        metavar="ID", help="Such as A3 B5, or A for a section; by default all.", autocompletion=completion.claims,
    )] = None,
    show: Annotated[bool, flag("list", "Print the claims and their criteria; run nothing.", WHAT)] = False,
    quick: Annotated[bool, flag("quick", "Smaller experiments: fewer seeds, less data.", WHAT)] = False,
    out: Annotated[str, option(
        "out", "FOLDER", "The result folder; what was finished there is kept, and an interrupted run goes on.", WHERE,
    )] = "lecture-results",
    seeds: Annotated[int | None, option(
        "seeds", "N", "Seeds, or blocks of seeds, that report, from 6 on, in place of each claim's own number.", WHAT,
    )] = None,
    formats: Annotated[str | None, option(
        "format", "LIST", "Figures in further formats: pdf; png and svg are always there.", OUTPUT,
        completion.word_list("pdf"),
    )] = None,
    style: Annotated[str, option(
        "style", "NAME", "screen, or slides: each figure also in the folder slides, 16:9 with large letters.", OUTPUT,
        completion.words(*STYLES),
    )] = "screen",
    lang: Annotated[str, option(
        "lang", "CODE", "The language of the page and its figures: en, or ko (Korean).", OUTPUT,
        completion.words("en", "ko"),
    )] = "en",
    workers: Workers = None,
) -> None:  # fmt: skip
    """Try the lecture's claims: an experiment, a figure and a verdict each, and a page like a short paper."""
    if show:
        show_claims(ids or ())
        return
    check_folder(out)
    if style not in STYLES:
        raise unknown("style", style, STYLES)
    try:
        try_claims(ids or (), out, quick, workers, seeds, split_list(formats or ""), lang, style == "slides")
    except KeyboardInterrupt as error:
        stopping.exit_with_signal(error)


def show_claims(ids: Sequence[str]) -> None:
    """Print the id, the sentence and the criterion of each claim, wrapped even if the output is a file."""
    from optbench.claims.criterion import RULE
    from optbench.lecture import select

    width = min(shutil.get_terminal_size((80, 24)).columns, _WIDEST) - 1
    margin = " " * _INDENT
    print(f"{textwrap.fill(RULE, width)}\n")
    for claim in select(ids):
        lines = textwrap.fill(claim.sentence, width, initial_indent=claim.id.ljust(_INDENT), subsequent_indent=margin)
        rule = textwrap.fill(claim.criterion.sentence, width, initial_indent=margin, subsequent_indent=margin)
        print(f"{lines}\n{rule}\n")


def try_claims(
    ids: Sequence[str], out: str, quick: bool, workers: int | None, seeds: int | None, formats: Sequence[str],
    lang: str, slides: bool,
) -> None:  # fmt: skip
    """Test the claims and print the table of outcomes; then raise OptbenchError if one of them could not run."""
    from matplotlib import get_cachedir
    from rich.text import Text

    from optbench.claims.claim import Budget
    from optbench.claims.claim_pages import summary
    from optbench.claims.run_claims import run
    from optbench.cli.console import console, errors
    from optbench.figures.fonts import has_letters
    from optbench.lecture import PAPER, select
    from optbench.run.session import checked_workers
    from optbench.store.provenance import typed_command
    from optbench.wording.languages import read_language

    chosen, paper = select(ids), replace(PAPER, language=read_language(lang, PAPER.languages), slides=slides)
    if seeds is not None and not SEEDS[0] <= seeds <= SEEDS[1]:
        raise OptbenchError(f"--seeds {seeds}: name a number from {SEEDS[0]} to {SEEDS[1]}")
    for name in formats:
        if name not in FORMATS:
            raise unknown("format", name, FORMATS)
    with errors.status("starting") as spinner:

        def show_claim(claim: Claim, done: int) -> None:
            """Show the claim that is tried; done: the number of claims before it."""
            spinner.update(Text(f"{claim.id} ({done + 1} of {len(chosen)}): {claim.sentence}"))

        budget = Budget(quick, checked_workers(workers), seeds)
        outcomes = run(
            chosen, out, budget, paper, typed_command(), show_claim, select(()), set(formats) - set(FORMATS[:2])
        )
    console.print("verdict (time), what was measured [95% interval], and what the verdict depends on")
    console.print(_make_table(outcomes))
    console.print(f"{summary(outcomes)}; page: {Path(out) / 'index.html'}", soft_wrap=True)
    if not has_letters(paper.language.name):
        console.print(
            f"Figures are in English: matplotlib knows no font for {paper.language.name}. Install one, such as "
            f"NanumGothic (Debian: fonts-nanum), and remove its list of fonts: rm {get_cachedir()}/fontlist-*.json",
            soft_wrap=True,
        )
    console.print("It opens with a playground: move β, race the optimizers, take the quiz.")
    broken = [f"{item.claim.id}: {item.error}" for item in outcomes if item.error]
    if broken:
        raise OptbenchError("some claims could not run: " + "; ".join(broken))


def _make_table(outcomes: Sequence[Outcome]) -> Table:
    """Return the table to print: for each claim its verdict, the measured effect and seconds, and what it depends on.

    Sentences are whole, wrapped to the width of the terminal.
    """
    from rich.table import Table
    from rich.text import Text

    from optbench.claims.claim_pages import badge

    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for item in outcomes:
        mark, verdict = badge(item), item.verdict
        words = Text(f"{mark['symbol']} {mark['words']}", _COLORS.get(mark["words"], "bold"))
        words.append(f" ({item.seconds:.1f} s)\n", "dim")
        words.append(verdict.answer if verdict else item.error, "default")
        if verdict and verdict.where:
            words.append(f"\n{verdict.where}", "dim")
        table.add_row(item.claim.id, words)
    return table
