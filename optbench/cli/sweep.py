"""``optbench sweep``: run a sweep, or count its runs; print its progress, its answer and its cost."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from optbench.cli import completion, stopping
from optbench.cli import report as report_command
from optbench.cli.dry_run import print_if_long, print_plan
from optbench.cli.groups import HOW, SEEDS, TIME, WHAT, WHERE
from optbench.cli.options import Report, Workers, check_folder, flag, json_option, label_option, option, plugin_option
from optbench.cli.output import MISTAKE, UNFINISHED, print_json
from optbench.cli.progress import format_duration, make_progress
from optbench.cli.sweep_json import make_answer
from optbench.cli.sweep_summary import print_summary
from optbench.contract.columns import MEASURES
from optbench.contract.errors import OptbenchError
from optbench.contract.paths import is_file

if TYPE_CHECKING:
    from optbench.plan.planned_cohorts import Plan


def sweep(
    spec: Annotated[Path | None, typer.Argument(
        metavar="SPEC", help="A TOML file, or thorough; without it, the built-in default.",
        autocompletion=completion.file_or_spec,
    )] = None,
    data: Annotated[str | None, option(
        "data", "FILE", "Your table: .csv, .tsv, .parquet, ...; problems and length follow from it.", WHAT,
    )] = None,
    target: Annotated[str | None, option(
        "target", "COLUMN", "Its column to be predicted; by default the last.", WHAT,
    )] = None,
    problems: Annotated[str | None, option(
        "problems", "LIST", "Problems: 'rosenbrock, quadratic(dim=100, condition=1e4)'.", WHAT, completion.problems,
    )] = None,
    optimizers: Annotated[str | None, option(
        "optimizers", "LIST", "Optimizers: 'gd, adam(beta1=[0.8, 0.9])'.", WHAT, completion.optimizers,
    )] = None,
    batch_sizes: Annotated[str | None, option("batch-sizes", "LIST", "Batch sizes: 16,64,full.", WHAT)] = None,
    schedules: Annotated[str | None, option(
        "schedules", "LIST", "Schedules: 'constant, inverse(decay_rate=0.1)'.", WHAT, completion.schedules,
    )] = None,
    lr: Annotated[str | None, option(
        "lr", "LIST",
        "Learning rates: 0.01,0.1, a log-spaced grid 1e-4:1:9, or 'log_uniform(1e-4, 1)' for --trials.", WHAT,
    )] = None,
    plugin: Annotated[list[Path] | None, plugin_option(WHAT)] = None,
    label: Annotated[list[str] | None, label_option(WHAT)] = None,
    dtype: Annotated[str | None, option(
        "dtype", "LIST", "float64, float32, or both: float64,float32.", WHAT,
        completion.word_list("float64", "float32"),
    )] = None,
    trials: Annotated[int | None, option(
        "trials", "N", "Draw this many settings of each optimizer from its search space.", HOW,
    )] = None,
    search_seed: Annotated[int | None, option("search-seed", "N", "Seed of that draw; by default 0.", HOW)] = None,
    ranges: Annotated[str | None, option(
        "ranges", "RANGES", "Where --trials are drawn. common, the default: a parameter has one range for all "
        "optimizers, which holds those of each; own: each optimizer its own, as in optbench show NAME; or ranges for "
        "all: 'lr=log_uniform(1e-4, 1), beta1=uniform(0.5, 0.99)', with common ones for the rest.",
        HOW, completion.words("common", "own"),
    )] = None,
    choose_by: Annotated[str | None, option(
        "choose-by", "LIST", "Measures to tune for: time, loss, or on held-out data test_loss, accuracy, auc, ...",
        HOW, completion.word_list(*MEASURES),
    )] = None,
    judge_by: Annotated[str | None, option(
        "judge-by", "MEASURE", "The one of them that verdicts are about; by default the first.", HOW,
        completion.words(*MEASURES),
    )] = None,
    seeds: Annotated[str | None, option("seeds", "LIST", "How many seeds, or a list: 0,1,2.", SEEDS)] = None,
    tuning_seeds: Annotated[int | None, option(
        "tuning-seeds", "N", "How many of them choose settings; the others confirm the choice.", SEEDS,
    )] = None,
    blocks: Annotated[int | None, option(
        "blocks", "N", "Blocks of seeds, each of which tunes and confirms its choice by itself; replaces --seeds.",
        SEEDS,
    )] = None,
    widen: Annotated[int | None, option(
        "widen", "N", "Rounds by which a block's search may go on around the best, beyond given ranges too, within a "
        "hyperparameter's limits; 0 for none. By default 4.", SEEDS,
    )] = None,
    folds: Annotated[int | None, option(
        "folds", "N", "Repeat the split of the data in N folds, which the blocks take in turn.", SEEDS,
    )] = None,
    epochs: Annotated[float | None, option("epochs", "NUMBER", "Length of a run: passes over the data.", TIME)] = None,
    steps: Annotated[int | None, option("steps", "N", "Length of a run: updates, instead of epochs.", TIME)] = None,
    run_timeout: Annotated[str | None, option(
        "run-timeout", "TIME", "Stop a run after this time: 30s, 2m, 1h.", TIME,
    )] = None,
    time_limit: Annotated[str | None, option(
        "time-limit", "TIME", "End the sweep after 10m, or 1h, and report what is complete; it can be resumed.",
        TIME,
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
    device: Annotated[str | None, option(
        "device", "NAME", "cpu, cuda, or auto: a GPU where one can be used. By default cpu.", WHERE,
        completion.words("cpu", "cuda", "auto"),
    )] = None,
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
) -> None:  # fmt: skip
    """Sweep optimizer x batch size x schedule over problems; write tables and a report into a folder.

    Exit code 3 if --time-limit ended the sweep before all had run.

    JSON: "folder", "report" (the page, or null), "finished", "part" (the shard, or null), "versions", "runs" (by
    status), "failures" (sentences), "missing" (a sentence), "judge_by", "choose_by", "level" (of intervals),
    "headline", "answers" (a sentence for each problem, and "all"), "ranking" and "verdicts" (rows, as in Python),
    "recommended" (settings, with their value on fresh seeds), "next" (what would tell more: text and command). A number
    that is not finite is null.
    """
    from optbench.cli.console import command, paragraph, warn
    from optbench.plan.display_names import read_pairs
    from optbench.plan.spec_files import read_spec
    from optbench.report.loaded import LoadedSweep
    from optbench.run import session
    from optbench.run.interrupts import handle_signals
    from optbench.run.isolation import Isolation
    from optbench.run.merging import select_shard
    from optbench.run.time_limit import TimeLimit
    from optbench.store.folder import extend_spec, find_dropped
    from optbench.store.provenance import make_provenance, typed_command
    from optbench.store.rows import join_failures

    check_folder(out)
    changes = {
        "data": data, "target": target,
        "problems": problems, "optimizers": optimizers, "batch_sizes": batch_sizes, "schedules": schedules,
        "learning_rates": lr, "trials": trials, "search_seed": search_seed, "ranges": ranges,
        "seeds": seeds,
        "tuning_seeds": tuning_seeds, "blocks": blocks, "widen": widen, "folds": folds,
        "choose_by": choose_by, "judge_by": judge_by,
        "epochs": epochs, "steps": steps,
        "dtypes": dtype, "run_timeout": run_timeout, "device": device,
        "plugins": [str(path) for path in plugin] if plugin else None,
        "labels": read_pairs(label) if label else None,
    }  # fmt: skip
    isolation, time = Isolation(isolate, worker_timeout), TimeLimit.of(time_limit)
    execution = session.Options(workers, executor, scheduler, isolation, extend, retry_failed, time)
    try:
        with handle_signals(on_kill=stopping.print_exit_text):
            checked = extend_spec(out, spec, changes, warn) if extend else read_spec(spec, changes, out)

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
                print_if_long(plan, session.checked_workers(workers), Path(out))
                status = session.execute(plan, out, execution, command=typed_command(), watch=watch, tell=warn)
            finished = LoadedSweep(Path(out))
            print_summary(finished)
            said = finished.results.missing  # by the summary

            def warn_of_more(text: str) -> None:
                """Print a warning of the report."""
                if text != said:
                    warn(text)

            drawn = report_command.draw(finished, warn_of_more) if report else None
            if not report and is_file(page := Path(out) / "report" / "index.html"):
                paragraph(f"{page} is out of date: optbench report {out} draws it again", hang=2)
            late = bool(time and status.out_of_time)
            retry = "; --retry-failed runs them again, otherwise they stay failed" if status.failed else ""
            if time and late:
                look = finished.answer.judged.describe_further_look()
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
                data = make_answer(finished, drawn, not late, stopping.resume_command() if late else None)
                print_json(data | ({"error": failed, "exit_code": MISTAKE} if failed else {}))
    except KeyboardInterrupt as error:
        stopping.exit_with_signal(error)
    if failed:
        raise OptbenchError(failed)
    if late:
        raise typer.Exit(UNFINISHED)


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
