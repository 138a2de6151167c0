"""``optbench sweep``: run a sweep, or count its runs; print its progress, its answer and its cost."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from optbench.cli import completion, stopping
from optbench.cli import report as report_command
from optbench.cli.dry_run import print_estimate_if_long, print_plan
from optbench.cli.groups import TIME, WHERE
from optbench.cli.options import Report, Workers, check_folder, flag, json_option, option
from optbench.cli.output import MISTAKE, UNFINISHED, print_json
from optbench.cli.progress import format_duration, make_progress
from optbench.cli.sweep_json import make_answer
from optbench.cli.sweep_options import with_key_options
from optbench.cli.sweep_summary import print_summary
from optbench.contract.errors import OptbenchError
from optbench.contract.paths import is_file

if TYPE_CHECKING:
    from optbench.plan.planned_cohorts import Plan
    from optbench.plan.spec import Spec


@with_key_options
def sweep(
    spec: Annotated[Path | None, typer.Argument(
        metavar="SPEC", help="A TOML file, or thorough, or atlas; without it, the built-in default.",
        autocompletion=completion.file_or_spec,
    )] = None,
    time_limit: Annotated[str | None, option(
        "time-limit", "TIME", "End the sweep after 10m, or 1h, and report what is complete; it can be resumed.",
        TIME,
    )] = None,
    fit: Annotated[str | None, option(
        "fit", "TIME", "Choose blocks, and lengths of runs if need be, so that it takes about 30m, or 8h.", TIME,
    )] = None,
    worker_timeout: Annotated[str, option(
        "worker-timeout", "TIME", "End a worker process that makes no progress for this long.", TIME,
    )] = "60s",
    out: Annotated[str, option(
        "out", "FOLDER", "The results folder; an interrupted sweep is resumed there.", WHERE,
    )] = "results",
    extend: Annotated[bool, flag("extend", "Add to the sweep in --out, and run only what is new.", WHERE)] = False,
    shard: Annotated[str | None, option(
        "shard", "I/N", "Run one of N parts, such as 2/8; optbench merge joins their folders.", WHERE,
    )] = None,
    retry_failed: Annotated[bool, flag("retry-failed", "Run failed runs again.", WHERE)] = False,
    dry_run: Annotated[bool, flag("dry-run", "Print cohorts, runs and an estimate; run nothing.", WHERE)] = False,
    workers: Workers = None,
    isolate: Annotated[str, option(
        "isolate", "WHEN", "Use worker processes, which may crash: auto (for --plugin), always or never.", WHERE,
        completion.words("auto", "always", "never"),
    )] = "auto",
    executor: Annotated[str, option(
        "executor", "NAME", "threads, or dask: local processes, or the workers of --scheduler.", WHERE,
        completion.words("threads", "dask"),
    )] = "threads",
    scheduler: Annotated[str | None, option(
        "scheduler", "ADDRESS", "Address of a dask scheduler, such as tcp://host:8786.", WHERE,
    )] = None,
    report: Report = True,
    json: Annotated[bool, json_option(WHERE)] = False,
    **keys: Any,
) -> None:  # fmt: skip
    """Sweep optimizer x batch size x schedule over problems; write tables and a report into a folder.

    Exit code 3 if --time-limit ended the sweep before all had run.

    JSON: "folder", "report" (the page, or null), "finished", "part" (the shard, or null), "versions", "runs" (by
    status), "failures" (sentences), "missing" (a sentence), "judge_by", "choose_by", "level" (of intervals),
    "headline", "answers" (a sentence for each problem, and "all"), "ranking" and "verdicts" (rows, as in Python,
    with labels of variants, "yours: adam"), "recommended" (settings, with their value on fresh seeds), "next" (what
    would tell more: text and command). A number that is not finite is null.
    """
    from optbench.cli.console import command, paragraph, warn
    from optbench.plan.display_names import read_pairs
    from optbench.plan.spec_files import read_spec
    from optbench.results.results import load
    from optbench.run import session
    from optbench.run.interrupts import handle_signals
    from optbench.run.isolation import Isolation
    from optbench.run.merging import select_shard
    from optbench.run.time_limit import TimeLimit
    from optbench.store.folder import extend_spec, find_dropped
    from optbench.store.provenance import make_provenance, typed_command
    from optbench.store.rows import join_failures
    from optbench.wording.judged import describe_further_look

    check_folder(out)
    changes = {
        **keys,
        "plugins": [str(path) for path in keys["plugins"]] if keys["plugins"] else None,
        "labels": read_pairs(keys["labels"]) if keys["labels"] else None,
    }
    isolation, time = Isolation(isolate, worker_timeout), TimeLimit.of(time_limit)
    execution = session.Options(workers, executor, scheduler, isolation, extend, retry_failed, time)
    try:
        with handle_signals(on_kill=stopping.print_exit_text):
            checked = extend_spec(out, spec, changes, warn) if extend else read_spec(spec, changes, out)
            if fit is not None:
                checked = _fit(checked, fit, session.checked_workers(workers), extend)

            def make_plan() -> Plan:
                """Return the plan of the sweep, or of one shard of it."""
                whole = session.load_and_plan(checked, isolation)
                return select_shard(whole, shard) if shard is not None else whole

            if dry_run:
                plan = make_plan()
                print_notes(plan)
                if text := find_dropped(out, plan.spec, plan.cohorts, make_provenance("", plan), extend):
                    warn(text)
                planned = print_plan(plan, session.checked_workers(workers))
                if json:
                    print_json(planned)
                return
            with make_progress() as watch:
                plan = make_plan()
                print_notes(plan)
                print_estimate_if_long(plan, session.checked_workers(workers), Path(out))
                status = session.execute(plan, out, execution, command=typed_command(), watch=watch, tell=warn)
            answer = load(Path(out)).ask()
            print_summary(answer)
            said = answer.tables.missing  # by the summary

            def warn_of_more(text: str) -> None:
                """Print a warning of the report."""
                if text != said:
                    warn(text)

            drawn = report_command.draw_report(answer, warn_of_more) if report else None
            if not report and is_file(page := Path(out) / "report" / "index.html"):
                paragraph(f"{page} is out of date: optbench report {out} draws it again", hang=2)
            late = bool(time and status.out_of_time)
            retry = "; --retry-failed runs them again, otherwise they stay failed" if status.failed else ""
            if time and late:
                look = describe_further_look(answer)
                text = f"stopped by the time limit of {format_duration(time.seconds)}"
                if plan.spec.blocks:
                    text += ": at the pace so far, pauses included, another block of seeds would not have fitted"
                text += f" (another answer, with more runs, is {look})"
                text += f"{'; failed runs need --retry-failed' * bool(status.failed)}; "
                text += "what was incomplete is left out"
                paragraph(f"{text}; {stopping.RESUME_HINT}", hang=2)
                command(stopping.resume_command())
            failed = f"some cohorts could not run: {join_failures(status.failed)}{retry}" if status.failed else ""
            if json:
                data = make_answer(answer, drawn, not late, stopping.resume_command() if late else None)
                print_json(data | ({"error": failed, "exit_code": MISTAKE} if failed else {}))
    except KeyboardInterrupt as error:
        stopping.exit_with_signal(error)
    if failed:
        raise OptbenchError(failed)
    if late:
        raise typer.Exit(UNFINISHED)


def _fit(spec: Spec, time: str, workers: int, extend: bool) -> Spec:
    """Return the spec with the blocks and lengths that fit a time, and print them. Raises OptbenchError."""
    from optbench.catalogue import loader
    from optbench.cli.console import paragraph
    from optbench.engine import settings
    from optbench.plan.fitting import fit_spec
    from optbench.run.session import plan

    if extend:
        raise OptbenchError("--fit chooses the blocks that --extend keeps: give one of the two")
    catalogue = loader.cached_catalogue(spec.plugins)  # the plan that runs is checked, and not each that is tried
    for path, trace in catalogue.broken.items():
        loader.refuse_broken(path, trace)
    fitted, text = fit_spec(spec, settings.checked("fit", time), workers, partial(plan, catalogue=catalogue))
    paragraph(text, hang=2)
    return fitted


def print_notes(plan: Plan) -> None:
    """Print the user's data, warnings about the plan, and the device with its reason unless the CPU was asked for."""
    from optbench.cli.console import errors, paragraph, warn
    from optbench.plan.data_sweep import describe_sweep

    for text in describe_sweep(plan.spec):
        paragraph(text, hang=2)
    for text in plan.warnings:
        warn(text)
    for text in plan.notes:
        errors.print(text, markup=False, highlight=False, soft_wrap=True)
    if plan.spec.device != "cpu":
        where = "GPU" if plan.device == "cuda" else "CPU"
        errors.print(f"on the {where}: {plan.device_note}", markup=False, soft_wrap=True)
