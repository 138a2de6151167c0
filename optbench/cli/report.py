"""``optbench report``: the page of a results folder, or of several side by side, with figures and tables as files."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from optbench.cli import completion
from optbench.cli.groups import OUTPUT, PAGE
from optbench.cli.options import flag, label_option, option
from optbench.cli.sweep_summary import print_summary
from optbench.contract.columns import MEASURES
from optbench.contract.errors import OptbenchError
from optbench.contract.names import split_list
from optbench.figures import OF_RESULTS

if TYPE_CHECKING:
    from optbench.analysis.answer import Answer

FIGURES = tuple(OF_RESULTS)
"""The kinds of figures: the keys of `optbench.report.pictures.KINDS`, which takes a while to import."""
USUAL = "curves, mean_ranks and runtimes"
"""Those that are written unless others are named."""


def report(
    directories: Annotated[list[Path] | None, typer.Argument(
        metavar="DIR", help="The results folder of a sweep; several are shown side by side.",
    )] = None,
    judge_by: Annotated[str | None, option(
        "judge-by", "MEASURE", "Judge by another measure than the sweep, such as loss.", PAGE,
        completion.words(*MEASURES),
    )] = None,
    label: Annotated[list[str] | None, label_option(PAGE)] = None,
    color: Annotated[list[str] | None, option(
        "color", "NAME=COLOR", "The color of an optimizer: 'Ours=#d62728', 'adam=tab:blue'; repeatable.", PAGE,
    )] = None,
    out: Annotated[Path | None, option(
        "out", "PATH", "The page's file.html, or its folder; by default the folder report in the last DIR.", PAGE,
    )] = None,
    static: Annotated[bool, flag(
        "static", "All figures as pictures, without the explorer: a smaller file.", PAGE,
    )] = False,
    formats: Annotated[str | None, option(
        "format", "LIST", "Also figures as files, such as 'png,svg': png, svg, pdf, gif.", OUTPUT,
        completion.word_list("png", "svg", "pdf", "gif"),
    )] = None,
    figures: Annotated[str | None, option(
        "figures", "LIST", f"Which of them, or all: {', '.join(FIGURES)}. By default {USUAL}.", OUTPUT,
        completion.word_list("all", *FIGURES),
    )] = None,
    style: Annotated[str, option(
        "style", "NAME", "Of these files: screen, paper or slides.", OUTPUT,
        completion.words("screen", "paper", "slides"),
    )] = "screen",
    columns: Annotated[int, option(
        "columns", "N", "Columns of a paper that a figure, and results.tex, take: 1 (3.3 inches) or 2 (6.9).", OUTPUT,
    )] = 1,
    tables: Annotated[str | None, option(
        "tables", "LIST", "Also tables as files: csv, tex or 'csv,tex'; results.tex is for a paper.", OUTPUT,
        completion.word_list("csv", "tex"),
    )] = None,
) -> None:  # fmt: skip
    """Print the answer of a finished sweep, and write its page: the answer first, then the evidence.

    One file, which needs no other file and no network. Several folders (versions, machines, sweeps) are shown side
    by side, the first being the baseline.
    """
    from optbench.cli.console import command, console, warn
    from optbench.plan.display_names import read_pairs
    from optbench.results.results import load, share_labels
    from optbench.wording.wider_search import begin_extension

    options = {
        "out": out,
        "static": static,
        "style": style,
        "columns": columns,
        "figures": split_list(figures or ""),
        "formats": split_list(formats or ""),
        "tables": split_list(tables or ""),
    }
    found = [load(folder) for folder in directories or [Path("results")]]
    shown = share_labels(found, read_pairs(label or ()), read_pairs(color or (), "--color: "))
    answer, *others = (each.ask(judge_by) for each in shown)
    if others:
        draw_report([answer, *others], warn, **options)
        return
    said = answer.tables.missing  # by the summary
    draw_report(answer, lambda text: None if text == said else warn(text), **options)
    console.print()
    print_summary(answer)
    if label and answer.labels != found[0].labels:
        console.print("labels: on this page and its files only; to keep them in the folder:")
        words = [*begin_extension(str(answer.tables.path), answer.tables.provenance)]
        command(shlex.join([*words, *(word for each in label for word in ("--label", each))]))


def draw_report(
    of: Answer | Sequence[Answer],
    warn: Callable[[str], None] = lambda text: None,
    **options: Any,
) -> Path:
    """Write the report of an answer, or of several side by side; print and return its path.

    warn: called with what an unfinished sweep lacks. options: those of `write_report`. Raises OptbenchError.
    """
    from rich.text import Text

    from optbench.cli.console import console, errors
    from optbench.report import write_report, write_side_by_side

    try:
        with errors.status("drawing the report") as spinner:

            def progress(text: str) -> None:
                """Show what is drawn beside the spinner."""
                spinner.update(Text(f"drawing the report: {text}"))

            if isinstance(of, Sequence):
                page = write_side_by_side(of, progress, warn, **options)
            else:
                page = write_report(of, progress, warn, **options)
    except OSError as error:
        last = of[-1] if isinstance(of, Sequence) else of
        place = error.filename or options.get("out") or last.tables.path
        raise OptbenchError(f"cannot write the report to {str(place)!r}: {error.strerror}") from None
    console.print(f"report: {page}", markup=False, soft_wrap=True)
    if options.get("formats") or options.get("figures"):
        more = "" if options.get("figures") else f" ({USUAL}; --figures all, or a list, for others)"
        console.print(f"figures: {page.parent / 'figures'}{more}", markup=False, soft_wrap=True)
    if options.get("tables"):
        console.print(f"tables: {page.parent / 'tables'}", markup=False, soft_wrap=True)
    return page
