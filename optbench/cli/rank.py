"""``optbench rank``: where an optimizer stands among those of a finished sweep."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from optbench.cli import completion, stopping
from optbench.cli import report as report_command
from optbench.cli.dry_run import print_estimate_if_long
from optbench.cli.groups import INPUT, OUTPUT, WHERE
from optbench.cli.options import (
    Plugin,
    Report,
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
from optbench.contract.errors import OptbenchError

if TYPE_CHECKING:
    from optbench.analysis.answer import Answer
    from optbench.analysis.placing import Placing

_FORMATS = ("text", "json", "markdown", "latex")


def rank(
    newcomer: Annotated[str, typer.Argument(
        metavar="OPTIMIZER", show_default=False, autocompletion=completion.file_or_optimizer,
        help="A Python file with one optimizer; or a name: lion, 'torch:Mine(file=mine.py)', optax:lion.",
    )],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The results folder of a finished sweep.")] = Path(
        "results"
    ),
    against: Annotated[str | None, option(
        "against", "OPTIMIZER", "The reference of the last column, one of the sweep; by default its adamw, or adam.",
        INPUT, completion.optimizers,
    )] = None,
    plugin: Plugin = None,
    out: Annotated[str | None, option(
        "out", "FOLDER", "Where its own results go, and are resumed; by default ranked/NAME.", WHERE,
    )] = None,
    keep: Annotated[bool, flag("keep", "Extend the sweep in DIR by it; else that stays as it is.", WHERE)] = False,
    workers: Workers = None,
    fail_above: Annotated[str | None, option(
        "fail-above", "SHARE", "Exit 1 where it is shown to be worse than the reference by more than this, such as 5%.",
        OUTPUT,
    )] = None,
    form: Annotated[str, option(
        "format", "NAME", "text, json (the keys below), markdown or latex.", OUTPUT, completion.words(*_FORMATS),
    )] = "text",
    json: Annotated[bool, json_option(OUTPUT)] = False,
    report: Report = True,
) -> None:  # fmt: skip
    """Rank an optimizer among those of a finished sweep: it runs alone, on their problems, seeds and trials.

    Nothing of the sweep runs again. The rank of a problem is at least one more than the number of optimizers that it
    loses to, and at most the number of those that it does not beat, itself included. The page has the whole sweep with
    it. Exit code 1 with --fail-above, if it is worse on some problem; 2 for bad input; else 0.

    JSON: "optimizer", "against", "folder", "out", "ran" (false where the sweep has it), "judge_by", "level",
    "fail_above", "failed", "headline", "report" (the page, or null), "table" (a row a problem, the last "all": rank,
    rank_low, rank_high, optimizers, beats, ties, loses, open, best, ratio, low, high, bound, against_ratio ...) and
    "pairs" (a row a problem and rival b: verdict, ratio, low, high, bound). A number that is not finite is null.
    """
    from optbench.analysis.pair_statistics import spent_alpha
    from optbench.analysis.placing import place
    from optbench.analysis.verdicts import ALL
    from optbench.atlas import newcomers
    from optbench.cli.console import paragraph, warn
    from optbench.cli.sweep import print_notes
    from optbench.run import session
    from optbench.run.interrupts import handle_signals
    from optbench.run.isolation import Isolation
    from optbench.store.provenance import typed_command
    from optbench.wording import rank_texts

    form = read_format(form, json, _FORMATS)
    above = None if fail_above is None else parse_share("--fail-above", fail_above)
    if out is not None:
        check_folder(out)
    options, typed = session.Options(workers, isolation=Isolation()), typed_command()
    try:
        with handle_signals(on_kill=stopping.print_exit_text):
            with make_progress() as watch:
                found = newcomers.Newcomer.read(newcomer, plugin or ())
                entry = newcomers.enter(found, folder, against, options.isolation, warn)
                if above is not None and not entry.against:
                    raise OptbenchError("--fail-above needs a reference: --against OPTIMIZER")
                own = entry.usual_out if out is None else Path(out)
                if entry.plan is not None:
                    print_notes(entry.plan)
                    print_estimate_if_long(entry.plan, session.checked_workers(workers), own)
                answer = newcomers.run(entry, own, options, command=typed, watch=watch, tell=warn)
            placing = place(answer, entry.name, entry.against)
            page = None
            if report and entry.plan is not None:
                page = report_command.draw_report(answer, warn, ranked=rank_texts.write_text(placing, answer))
            if keep and entry.plan is not None:
                newcomers.keep(entry, folder, own, options, command=typed, tell=warn)
                paragraph(f"its runs are kept in {folder}; optbench report {folder} draws that page again", hang=2)
    except KeyboardInterrupt as error:
        stopping.exit_with_signal(error)
    on_problems = placing.table[placing.table["problem"] != ALL]
    failed = above is not None and bool((on_problems["against_low"] > 1 + above).any())
    if form == "json":
        print_json({
            "optimizer": placing.name, "against": placing.against or None, "folder": str(folder),
            "out": str(own) if entry.plan else None,
            "ran": entry.plan is not None, "judge_by": answer.judge_by, "level": 1 - spent_alpha(answer.looks[1]),
            "fail_above": above, "failed": failed, "headline": rank_texts.headline_rank(placing, answer),
            "report": page, "table": placing.table, "pairs": placing.pairs.drop(columns=["known", "reason"]),
        })  # fmt: skip
    elif form == "text":
        _print_placing(placing, answer)
    else:
        write = rank_texts.write_markdown if form == "markdown" else rank_texts.write_latex
        print(write(placing, answer, typed))
    if failed:
        raise typer.Exit(NO)


def _print_placing(placing: Placing, answer: Answer) -> None:
    """Print where an optimizer stands: a sentence, a table of 80 columns, and what its numbers mean."""
    from optbench.cli.console import filled, print_lines, write_plainly
    from optbench.wording import rank_texts

    first, *notes = rank_texts.describe_rank(placing, answer)
    head, *lines = map(write_plainly, rank_texts.list_lines(placing, answer))
    print_lines((rank_texts.headline_rank(placing, answer), "bold"), filled(first, 2), "", (head, "bold"), *lines)
    print_lines("", rank_texts.LEGEND, *(filled(note, 2) for note in notes))
