"""``optbench sweep``: run a sweep, or count its runs; print its progress, its answer and its cost."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from optbench.cli import report as report_command
from optbench.cli import stopping
from optbench.cli import sweep_options as options
from optbench.cli.dry_run import print_if_long, print_plan
from optbench.cli.options import Workers, check_folder
from optbench.cli.progress import watching
from optbench.contract.errors import OptbenchError
from optbench.contract.paths import is_file

if TYPE_CHECKING:
    import pandas as pd

    from optbench.report.loaded import LoadedSweep
    from optbench.sweeps.plan import Plan


def sweep(
    spec: options.Spec = None,
    problems: options.Problems = None,
    optimizers: options.Optimizers = None,
    batch_sizes: options.BatchSizes = None,
    schedules: options.Schedules = None,
    lr: options.Rates = None,
    plugin: options.Plugin = None,
    dtype: options.Dtype = None,
    trials: options.Trials = None,
    search_seed: options.SearchSeed = None,
    choose_by: options.ChooseBy = None,
    seeds: options.Seeds = None,
    tuning_seeds: options.TuningSeeds = None,
    blocks: options.Blocks = None,
    epochs: options.Epochs = None,
    steps: options.Steps = None,
    run_timeout: options.RunTimeout = None,
    time_limit: options.TimeLimit = None,
    worker_timeout: options.WorkerTimeout = "60s",
    out: options.Out = "results",
    extend: options.Extend = False,
    shard: options.Shard = None,
    retry_failed: options.RetryFailed = False,
    dry_run: options.DryRun = False,
    device: options.Device = None,
    workers: Workers = None,
    isolate: options.Isolate = "auto",
    executor: options.Executor = "threads",
    scheduler: options.Scheduler = None,
    report: options.Report = True,
) -> None:
    """Sweep optimizer x batch size x schedule over problems; write tables and a report into a folder."""
    from optbench.cli.console import command, paragraph, show_broken, warn
    from optbench.report.loaded import LoadedSweep
    from optbench.sweeps import session
    from optbench.sweeps.merge import select_shard
    from optbench.sweeps.provenance import typed_command
    from optbench.sweeps.run.interrupts import handle_signals
    from optbench.sweeps.run.isolation import Isolation
    from optbench.sweeps.spec import read_spec
    from optbench.sweeps.store.folder import extend_spec
    from optbench.sweeps.tables import join_failures
    from optbench.sweeps.time_limit import TimeLimit

    check_folder(out)
    changes = {
        "problems": problems, "optimizers": optimizers, "batch_sizes": batch_sizes, "schedules": schedules,
        "learning_rates": lr, "trials": trials, "search_seed": search_seed, "seeds": seeds,
        "tuning_seeds": tuning_seeds, "blocks": blocks, "choose_by": choose_by, "epochs": epochs, "steps": steps,
        "dtypes": dtype, "run_timeout": run_timeout, "device": device,
        "plugins": [str(path) for path in plugin] if plugin else None,
    }  # fmt: skip
    isolation, time = Isolation(isolate, worker_timeout), TimeLimit.of(time_limit)
    execution = session.Options(workers, executor, scheduler, isolation, extend, retry_failed, time)
    try:
        with handle_signals(on_kill=stopping.print_exit_text):
            checked = extend_spec(out, spec, changes, warn) if extend else read_spec(spec, changes)

            def planned() -> Plan:
                whole = session.load_and_plan(checked, isolation, show_broken)
                return select_shard(whole, shard) if shard is not None else whole

            if dry_run:
                plan = planned()
                print_notes(plan)
                print_plan(plan, session.checked_workers(workers))
                return
            with watching() as watch:
                plan = planned()
                print_notes(plan)
                print_if_long(plan, session.checked_workers(workers), Path(out))
                status = session.execute(plan, out, execution, command=typed_command(), watch=watch, tell=warn)
            finished = LoadedSweep(Path(out))
            print_summary(finished)
            if report:
                report_command.draw(finished)
            elif is_file(page := Path(out) / "report" / "index.html"):
                paragraph(f"{page} is out of date: optbench report {out} draws it again", hang=2)
            if time and status.out_of_time:
                text = f"stopped at the time limit of {time_limit}; what was incomplete is left out"
                paragraph(f"{text}; {stopping.RESUME_HINT}", hang=2)
                command(stopping.resume_command())
    except KeyboardInterrupt as error:
        stopping.exit_with_signal(error)
    if status.failed:
        raise OptbenchError(f"some cohorts could not run: {join_failures(status.failed)}")


def print_notes(plan: Plan) -> None:
    """Print warnings about the plan, and the device with its reason unless the CPU was asked for."""
    from optbench.cli.console import errors, warn

    for text in plan.warnings:
        warn(text)
    if plan.spec.device != "cpu":
        where = "GPU" if plan.device == "cuda" else "CPU"
        errors.print(f"on the {where}: {plan.device_note}", markup=False, soft_wrap=True)


def print_summary(finished: LoadedSweep) -> None:
    """Print the verdict on each problem with its settings, where to search wider, and the cost."""
    from optbench.cli.console import command, counted, paragraph
    from optbench.wording import answers
    from optbench.wording.eager import describe_eager

    for text in finished.failures:
        paragraph(text, hang=2)
        paragraph("")
    results, answer, directory = finished.results, finished.answer, finished.directory
    runs, timings = results.runs, results.timings
    settings = answers.describe_settings(answer, runs)
    facts = results.problems
    if "data" in facts and facts["data"].any():
        for text in answers.describe_data(zip(facts["problem"], facts["data"], strict=True)):
            paragraph(text, hang=2)
        paragraph("")
    if results.missing:
        paragraph(results.missing, hang=2)
        paragraph("")
    paragraph(answers.describe_measure(answer, results.choose_by, runs))
    for problem in answer.best["problem"].unique():
        paragraph("")
        paragraph(answer.sentence(problem), hang=2)
        for optimizer in answer.firsts(problem):
            paragraph(settings[problem, optimizer], indent=2, hang=4)
    if overall := answer.overall():
        paragraph("")
        paragraph(overall, hang=2)
    paragraph("")
    for text in answers.advise_wider_search(answer.edges, directory, results.provenance.get("plugin_files")):
        reason, _, wider = text.partition("wider: ")
        paragraph(f"{reason}wider:", hang=2)
        command(wider)
    diverged, late = (int((runs["status"] == word).sum()) for word in ("diverged", "deadline"))
    share = timings["evaluation_seconds"].sum() / max(timings["seconds"].sum(), 1e-9)
    paragraph(
        f"{counted(len(runs), 'run')} ({diverged:,} diverged"
        + (": they count as failures" if diverged else "")
        + (f"; {late:,} stopped by --run-timeout: their settings are not chosen" if late else "")
        + f"); evaluation on all data took {share:.0%} of the compute time; tables in {directory}",
        hang=2,
    )
    if is_file(chosen := directory / "chosen.toml"):
        paragraph(f"a spec that runs the settings above: {chosen}", hang=2)
    for text in filter(None, (describe_eager(runs, timings), _left_to_the_cpu(runs, timings))):
        paragraph(text, hang=2)


def _left_to_the_cpu(runs: pd.DataFrame, timings: pd.DataFrame) -> str:
    """Count the cohorts that a GPU could not run, by reason."""
    notes = timings.get("device_note")  # older folders have none
    late = timings[(timings["device"] == "cpu") & notes.ne("")] if notes is not None else timings[:0]
    if late.empty:
        return ""
    pairs = runs.drop_duplicates("cohort_id").merge(late, on="cohort_id")
    reasons = []
    for note, group in pairs.groupby("device_note", sort=False):
        names = list(dict.fromkeys(group["problem"] + " with " + group["optimizer"]))
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        reasons.append(f"{', '.join(names[:3])}{more} ({note})")
    return f"{len(late):,} of {len(timings):,} cohorts ran on the CPU: {'; '.join(reasons)}"
