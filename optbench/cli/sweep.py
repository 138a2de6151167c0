"""``optbench sweep``: run a sweep, or count it; its progress, its winners and what it cost."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from optbench.cli import report as report_command
from optbench.cli import stopping
from optbench.cli.dry_run import print_plan, tell_if_long
from optbench.cli.options import Plugin, Workers, check_folder, text_list
from optbench.cli.progress import watching
from optbench.contract.errors import OptbenchError

if TYPE_CHECKING:
    import pandas as pd

    from optbench.sweeps.plan import Plan


def sweep(
    spec: Annotated[
        Path | None, typer.Argument(help="A TOML file, or thorough; without it, the built-in default.")
    ] = None,
    problems: Annotated[
        str | None, text_list("problems", "Such as 'rosenbrock, quadratic(dim=100, condition=1e4)'.")
    ] = None,
    optimizers: Annotated[str | None, text_list("optimizers", "Such as 'gd, adam(beta1=[0.8, 0.9])'.")] = None,
    batch_sizes: Annotated[str | None, text_list("batch-sizes", "Such as 16,64,full.")] = None,
    schedules: Annotated[str | None, text_list("schedules", "Such as 'constant, inverse(decay_rate=0.1)'.")] = None,
    lr: Annotated[
        str | None,
        text_list(
            "lr", "Learning rates: 0.01,0.1, a log-spaced grid 1e-4:1:9, or 'log_uniform(1e-4, 1)' for --trials."
        ),
    ] = None,
    trials: Annotated[
        int | None, typer.Option(help="Draw so many settings of each optimizer from its search space.")
    ] = None,
    search_seed: Annotated[int | None, typer.Option(help="What that draw depends on. By default 0.")] = None,
    seeds: Annotated[str | None, typer.Option(help="How many seeds, or a list: 0,1,2.")] = None,
    tuning_seeds: Annotated[int | None, typer.Option(help="How many of them choose; the others report.")] = None,
    blocks: Annotated[
        int | None,
        typer.Option(help="Blocks of seeds, each of which tunes and reports by itself; in place of --seeds."),
    ] = None,
    choose_by: Annotated[
        str | None,
        typer.Option(
            metavar="MEASURE", help="log_tail (training loss, the default), or a test metric such as test_accuracy."
        ),
    ] = None,
    epochs: Annotated[float | None, typer.Option(help="Budget: passes over the data.")] = None,
    steps: Annotated[int | None, typer.Option(help="Budget: updates, instead of epochs.")] = None,
    dtype: Annotated[str | None, typer.Option(help="float64, float32, or both: float64,float32.")] = None,
    deadline: Annotated[
        str | None, typer.Option(metavar="TIME", help="What a run may take before it ends where it is: 30s, 2m, 1h.")
    ] = None,
    device: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="cpu, cuda, or auto: a GPU where one can be used. By default cpu."),
    ] = None,
    out: Annotated[
        str, typer.Option(help="The result folder; a sweep that was interrupted goes on there.")
    ] = "results",
    extend: Annotated[
        bool, typer.Option("--extend", help="Add to the sweep in --out, and run what is missing: see README.")
    ] = False,
    shard: Annotated[
        str | None,
        typer.Option(metavar="I/N", help="Run one of N parts, such as 2/8; optbench merge joins their folders."),
    ] = None,
    workers: Workers = None,
    isolate: Annotated[
        str,
        typer.Option(
            metavar="WHEN", help="Worker processes, which may die: auto (what is from --plugin), always, never."
        ),
    ] = "auto",
    stall: Annotated[
        str, typer.Option(metavar="TIME", help="A worker process that shows no progress for so long is ended.")
    ] = "60s",
    budget: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="End within 10m, or 1h, with what is complete by then; the rest can go on."),
    ] = None,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Try again what has failed before.")] = False,
    executor: Annotated[
        str, typer.Option(metavar="NAME", help="threads, or dask: processes here, or the workers of --scheduler.")
    ] = "threads",
    scheduler: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Of a dask scheduler, such as tcp://host:8786.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show cohorts, runs and an estimate; run nothing.")
    ] = False,
    report: Annotated[bool, typer.Option(help="Draw the report at the end.")] = True,
    plugin: Plugin = None,
) -> None:
    """Sweep algorithm x batch size x schedule over problems; leave tables and a report in a folder."""
    from optbench.cli.console import command, load_catalogue, paragraph, warn
    from optbench.sweeps import session
    from optbench.sweeps.budget import Budget
    from optbench.sweeps.extension import extended
    from optbench.sweeps.interrupts import listening
    from optbench.sweeps.isolation import Isolation
    from optbench.sweeps.provenance import typed_command
    from optbench.sweeps.shards import part
    from optbench.sweeps.spec_files import read

    check_folder(out)
    changes = {
        "problems": problems, "optimizers": optimizers, "batch_sizes": batch_sizes, "schedules": schedules,
        "learning_rates": lr, "trials": trials, "search_seed": search_seed, "seeds": seeds,
        "tuning_seeds": tuning_seeds, "blocks": blocks, "choose_by": choose_by, "epochs": epochs, "steps": steps,
        "dtypes": dtype, "deadline": deadline, "device": device,
        "plugins": [str(path) for path in plugin] if plugin else None,
    }  # fmt: skip
    isolation, time = Isolation(isolate, stall), Budget.of(budget)
    options = session.Options(workers, executor, scheduler, isolation, extend, retry_failed, time)
    try:
        with listening(last_word=stopping.tell):
            checked = extended(out, spec, changes, warn) if extend else read(spec, changes)
            isolation.probe(checked)
            catalogue = load_catalogue(checked.plugins)

            def planned() -> Plan:
                whole = session.plan(checked, catalogue)
                return part(whole, shard) if shard is not None else whole

            if dry_run:
                plan = planned()
                print_notes(plan)
                print_plan(plan, session.checked_workers(workers))
                return
            with watching() as watch:
                plan = planned()
                print_notes(plan)
                tell_if_long(plan, session.checked_workers(workers), Path(out))
                status = session.execute(plan, out, options, command=typed_command(), watch=watch, tell=warn)
            print_summary(Path(out))
            if report:
                report_command.draw(Path(out))
            if time and status.out_of_time:
                paragraph(
                    f"the budget of {budget} is over, and what was incomplete is left out; {stopping.KEPT}", hang=2
                )
                command(stopping.go_on())
    except KeyboardInterrupt as error:
        stopping.leave(error)
    if status.failed:
        raise OptbenchError("some cohorts could not run: " + "; ".join(f"{k}: {v}" for k, v in status.failed.items()))


def print_notes(plan: Plan) -> None:
    """Say what looks wrong with the user's data, and which device was taken and why, unless the CPU was asked for."""
    from optbench.cli.console import errors, warn

    for text in plan.warnings:
        warn(text)
    if plan.spec.device != "cpu":
        where = "GPU" if plan.device == "cuda" else "CPU"
        errors.print(f"on the {where}: {plan.device_note}", markup=False, soft_wrap=True)


def print_summary(directory: Path) -> None:
    """The verdict on each problem with the settings behind it, what to search wider, and what it all cost."""
    from optbench.cli.console import command, paragraph
    from optbench.report.failures import failure_texts, without_lost
    from optbench.sweeps.results import load
    from optbench.wording import answers
    from optbench.wording.eager import eager_text

    everything = load(directory)
    for text in failure_texts(everything.runs):
        paragraph(text, hang=2)
        paragraph("")
    results = without_lost(everything)
    runs, timings = results.runs, results.timings
    answer = answers.answer_of(runs, results.tuning_seeds, results.choose_by, results.searched)
    settings = answers.setting_texts(answer, runs)
    facts = results.problems
    if "data" in facts and facts["data"].any():
        for text in answers.data_texts(zip(facts["problem"], facts["data"], strict=True)):
            paragraph(text, hang=2)
        paragraph("")
    if results.missing:
        paragraph(results.missing, hang=2)
        paragraph("")
    paragraph(answers.measure_text(answer, results.choose_by, runs))
    for problem in answer.best["problem"].unique():
        paragraph("")
        paragraph(answer.sentence(problem), hang=2)
        for optimizer in answer.firsts(problem):
            paragraph(settings[problem, optimizer], indent=2, hang=4)
    if overall := answer.overall():
        paragraph("")
        paragraph(overall, hang=2)
    paragraph("")
    for text in answers.edge_texts(answer.edges, directory):
        told, _, wider = text.partition("wider: ")
        paragraph(f"{told}wider:", hang=2)
        command(wider)
    diverged, late = (int((runs["status"] == word).sum()) for word in ("diverged", "deadline"))
    share = timings["evaluation_seconds"].sum() / max(timings["seconds"].sum(), 1e-9)
    paragraph(
        f"{len(runs):,} runs ({diverged:,} diverged"
        + (": they count as failures" if diverged else "")
        + (f"; {late:,} cut by the deadline: their settings are not chosen" if late else "")
        + f"); evaluation on all data took {share:.0%} of the compute time; tables in {directory}",
        hang=2,
    )
    if (chosen := directory / "chosen.toml").exists():
        paragraph(f"the settings above, as a spec that runs: {chosen}", hang=2)
    for text in filter(None, (eager_text(runs, timings), _left_to_the_cpu(runs, timings))):
        paragraph(text, hang=2)


def _left_to_the_cpu(runs: pd.DataFrame, timings: pd.DataFrame) -> str:
    """How many cohorts a GPU was meant to run and could not, and why, reason by reason."""
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
