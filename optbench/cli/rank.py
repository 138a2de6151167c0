"""``optbench rank``: where an optimizer stands among those of the atlas, or of a finished sweep."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from optbench.cli import completion, stopping
from optbench.cli import report as report_command
from optbench.cli.dry_run import print_estimate_if_long
from optbench.cli.groups import INPUT, OUTPUT, PAGE, WHERE
from optbench.cli.options import (
    Plugin,
    Workers,
    check_folder,
    flag,
    json_option,
    option,
    parse_share,
    read_format,
)
from optbench.cli.output import NO, print_json
from optbench.cli.progress import make_progress
from optbench.contract.errors import OptbenchError, shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from optbench.analysis.answer import Answer
    from optbench.analysis.placing import Placing
    from optbench.atlas.newcomers import Entry, Standing

_LONG = 180
"""Seconds beyond which it is said how long ranking takes."""
_FORMATS = ("text", "json", "markdown", "latex")


def rank(
    given: Annotated[list[str], typer.Argument(
        metavar="OPTIMIZER... [DIR]", show_default=False, autocompletion=completion.file_or_optimizer,
        help="A Python file with one optimizer; or a name: lion, 'torch:Mine(file=mine.py)', optax:lion. "
        "DIR: the results folder of a finished sweep; without it, the atlas of all shipped optimizers.",
    )],
    against: Annotated[str | None, option(
        "against", "OPTIMIZER", "The reference of the last column, one of the sweep; by default its adamw, or adam.",
        INPUT, completion.optimizers,
    )] = None,
    plugin: Plugin = None,
    out: Annotated[str | None, option(
        "out", "FOLDER", "Where its own results go, and are resumed; by default ranked/NAME, or ranked/atlas/NAME.",
        WHERE,
    )] = None,
    keep: Annotated[bool, flag("keep", "Extend the sweep in DIR by it; else that stays as it is.", WHERE)] = False,
    fast: Annotated[bool, flag("fast", "Rank on eight problems of the atlas alone.", INPUT)] = False,
    confirm: Annotated[bool, flag(
        "confirm", "Run it, the five nearest to it and the reference on fresh seeds as well.", INPUT,
    )] = False,
    workers: Workers = None,
    fail_above: Annotated[str | None, option(
        "fail-above", "SHARE", "Exit 1 where it is shown to be worse than the reference by more than this, such as 5%.",
        OUTPUT,
    )] = None,
    form: Annotated[str, option(
        "format", "NAME", "text, json (the keys below), markdown or latex.", OUTPUT, completion.words(*_FORMATS),
    )] = "text",
    json: Annotated[bool, json_option(OUTPUT)] = False,
    report: Annotated[bool | None, typer.Option(
        "--report/--no-report", show_default=False, rich_help_panel=PAGE,
        help="Draw a page at the end: by default with DIR. Beside the atlas it has 17 MB with its tables.",
    )] = None,
) -> None:  # fmt: skip
    """Rank an optimizer among all that ship, or those of a finished sweep: it runs alone, on their problems and seeds.

    Nothing of the sweep runs again. The rank of a problem is at least one more than the number of optimizers that it
    loses to, and at most the number of those that it does not beat, itself included. Several optimizers get a line
    each, and one for each two of them. With DIR, or --report, there is a page of the whole sweep with it. Exit code 1
    with --fail-above, if it is worse on some problem; 2 for bad input; else 0.

    JSON: "optimizer", "against", "folder" (null for the atlas), "out", "ran" (false where the sweep has it),
    "versions" (of it that were ranked here), "judge_by", "level", "fail_above", "failed", "headline", "report" (the
    page, or null), "table" (a row a problem, the last "all": rank, rank_low, rank_high, optimizers, beats, ties, loses,
    open, best, ratio, low, high, bound, against_ratio ...), "pairs" (a row a problem and rival b: verdict, ratio, low,
    high, bound) and "confirmed" (such rows on fresh seeds, or null). A number that is not finite is null.
    """
    from optbench.analysis.pair_statistics import spent_alpha
    from optbench.atlas import newcomers
    from optbench.cli.console import paragraph, warn
    from optbench.cli.sweep import print_notes
    from optbench.run import session
    from optbench.run.interrupts import handle_signals
    from optbench.run.isolation import Isolation
    from optbench.store.provenance import typed_command
    from optbench.wording import rank_texts

    form = read_format(form, json, _FORMATS)
    optimizers, folder = _split_folder(given)
    if len(optimizers) > 1 and (form != "text" or out is not None or keep or confirm):
        raise OptbenchError("--format, --json, --out, --keep and --confirm are for one optimizer: name one")
    if keep and folder is None:
        raise OptbenchError(
            "--keep needs a folder: the atlas cannot be extended, but optbench sweep atlas makes another"
        )
    above = None if fail_above is None else parse_share("--fail-above", fail_above)
    if out is not None:
        check_folder(out)
    options, typed = session.Options(workers, isolation=Isolation()), typed_command()
    standings: list[Standing] = []
    try:
        with handle_signals(on_kill=stopping.print_exit_text):
            read = [newcomers.Newcomer.read(each, plugin or ()) for each in optimizers]
            entries = [newcomers.enter(each, folder, against, options.isolation, warn, fast) for each in read]
            _refuse_same_names(entries)
            for entry in entries:
                with make_progress() as watch:
                    if above is not None and not entry.against:
                        raise OptbenchError("--fail-above needs a reference: --against OPTIMIZER")
                    own = entry.usual_out if out is None else Path(out)
                    if not entry.ran:
                        print_notes(entry.plan)
                        shorter = "--fast takes eight problems, and " if folder is None and not fast else ""
                        ways = f"{shorter}the same command resumes what was interrupted"
                        print_estimate_if_long(entry.plan, session.checked_workers(workers), own, _LONG, ways)
                    found = newcomers.stand(entry, own, options, confirm, command=typed, watch=watch, tell=warn)
                standings.append(found)
            standings = newcomers.place_together(entries, standings)
            found = standings[-1]
            placing, answer, page = found.placing, found.answer, None
            if (folder is not None if report is None else report) and not entry.ran:
                text = rank_texts.write_text(placing, answer, found.list_notes())
                page = report_command.draw_report(answer, warn, ranked=text)
            if keep and not entry.ran and folder is not None:
                newcomers.keep(entry, folder, own, options, command=typed, tell=warn)
                paragraph(f"its runs are kept in {folder}; optbench report {folder} draws that page again", hang=2)
    except KeyboardInterrupt as error:
        stopping.exit_with_signal(error)
    worse = [] if above is None else [(each, rows) for each in standings if (rows := _find_worse(each.placing, above))]
    failed = bool(worse)
    if form == "json":
        print_json({
            "optimizer": placing.name, "against": placing.against or None,
            "folder": None if folder is None else str(folder), "out": None if entry.ran else str(own),
            "ran": not entry.ran, "versions": found.versions, "judge_by": answer.judge_by,
            "level": 1 - spent_alpha(answer.looks[1]),
            "fail_above": above, "failed": failed, "headline": rank_texts.headline_rank(placing, answer),
            "report": page, "table": placing.table, "pairs": placing.pairs.drop(columns=["known", "reason"]),
            "confirmed": found.confirmed and found.confirmed.placing.pairs.drop(columns=["known", "reason"]),
        })  # fmt: skip
    elif len(standings) > 1:
        _print_several([each.placing for each in standings], answer)
    elif form == "text":
        _print_placing(found)
    else:
        write = rank_texts.write_markdown if form == "markdown" else rank_texts.write_latex
        print(write(placing, answer, typed))
    for standing, rows in worse:
        warn(rank_texts.describe_worse(standing.placing, standing.answer, rows, above or 0))
    if failed:
        raise typer.Exit(NO)


def _split_folder(given: list[str]) -> tuple[list[str], Path | None]:
    """Return the optimizers that were named, and the folder that may stand behind them; None for the atlas.

    Raises OptbenchError for what stands twice.
    """
    last = Path(given[-1])
    has_folder = len(given) > 1 and (last.is_dir() or (not last.suffix and "/" in given[-1]))
    optimizers = given[:-1] if has_folder else given
    if twice := [each for each in optimizers if optimizers.count(each) > 1 or (has_folder and each == given[-1])]:
        raise OptbenchError(f"{shown(twice[0])} stands twice: name it once")
    return optimizers, last if has_folder else None


def _refuse_same_names(entries: Sequence[Entry]) -> None:
    """Raise OptbenchError if two optimizers have one name, and so one folder."""
    names = [entry.name for entry in entries]
    if twice := [name for name in names if names.count(name) > 1]:
        raise OptbenchError(f"two of them define {shown(twice[0])}: rename one, or rank one at a time")


def _find_worse(placing: Placing, above: float) -> list[dict[str, Any]]:
    """Return the rows of problems on which it is shown to be worse than the reference by more than a share."""
    from optbench.analysis.verdicts import ALL

    rows = placing.table[(placing.table["problem"] != ALL) & (placing.table["against_low"] > 1 + above)]
    return rows.to_dict("records")


def _print_placing(found: Standing) -> None:
    """Print where an optimizer stands: a sentence, a table of 80 columns, and what its numbers mean."""
    from optbench.cli.console import filled, print_lines, write_plainly
    from optbench.wording import rank_texts

    placing, answer = found.placing, found.answer
    first, *notes = rank_texts.describe_rank(placing, answer)
    head, *lines = map(write_plainly, rank_texts.list_lines(placing, answer))
    print_lines((rank_texts.headline_rank(placing, answer), "bold"), filled(first, 2), "", (head, "bold"), *lines)
    notes += rank_texts.list_reference([placing], answer)
    print_lines("", *rank_texts.list_legend(lines), *(filled(note, 2) for note in notes), *found.list_notes())


def _print_several(placings: list[Placing], answer: Answer) -> None:
    """Print a line for each of several optimizers, the first rank first. answer: of the last of them."""
    from optbench.cli.console import filled, print_lines, write_plainly
    from optbench.wording import rank_texts

    head, *lines = map(write_plainly, rank_texts.list_standings(placings, answer))
    said = [*rank_texts.list_pairs(placings, answer), rank_texts.describe_several(placings)]
    said += rank_texts.list_reference(placings, answer)
    print_lines((head, "bold"), *lines, "", *rank_texts.list_legend(lines), *(filled(each, 2) for each in said))
