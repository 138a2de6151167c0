"""What the commands show: progress, summaries and verdicts."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table

from optbench.catalogue import loader
from optbench.contract.errors import OptbenchError

if TYPE_CHECKING:
    from optbench.engine.cohort import Cohort
    from optbench.sweeps.plan import Plan

console = Console(highlight=False)
errors = Console(stderr=True, highlight=False)


def load_catalogue(files) -> loader.Catalogue:
    """The catalogue with the user's files; a broken one is shown with its traceback, and the others load."""
    catalogue = loader.load(tuple(files))
    for path, trace in catalogue.broken.items():
        errors.print(f"the plug-in {path} does not load:\n{trace}", style="yellow", markup=False, soft_wrap=True)
    return catalogue


class Watch:
    """A progress bar over a sweep's work, with runs/s and the time left."""

    def __init__(self):
        self.begin, self.before = None, None
        self.bar = Progress(
            TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f}%"),
            TextColumn("{task.fields[speed]}"), console=errors, transient=True,
        )  # fmt: skip

    def __enter__(self):
        self.bar.start()
        self.task = self.bar.add_task("loading", total=None, speed="")
        return self

    def __exit__(self, *exception):
        self.bar.stop()

    def __call__(self, status) -> None:
        if status.compiled < status.to_compile:
            text = f"kernels {status.compiled}/{status.to_compile} (compiled once, then kept)"
            self.bar.update(self.task, description=text, completed=status.compiled, total=status.to_compile)
            return
        now = time.monotonic()
        if self.begin is None:
            self.begin, self.before = now, (status.cost, status.runs)
        spent, cost, runs = now - self.begin, status.cost - self.before[0], status.runs - self.before[1]
        speed = ""
        if spent > 0.5 and cost:
            left = spent * (status.total_cost - status.cost) / cost
            speed = f"{runs / spent:,.0f} runs/s, {_duration(left)} left"
        self.bar.update(
            self.task, description=f"{status.runs:,} of {status.total_runs:,} runs", completed=status.cost,
            total=status.total_cost, speed=speed,
        )  # fmt: skip


def tell_device(plan: Plan) -> None:
    """Say which device was taken and why, unless the CPU was asked for."""
    if plan.spec.device != "cpu":
        where = "GPU" if plan.device == "cuda" else "CPU"
        errors.print(f"on the {where}: {plan.device_note}", markup=False, soft_wrap=True)


def dry_run(plan: Plan, workers: int) -> None:
    """Cohorts, runs, run-steps, and how long they would take."""
    from optbench.sweeps.executor import estimate

    table = Table("problem", "optimizer", "batch sizes", "cohorts", "lanes", "runs", "run-steps", box=None)
    for column in table.columns[3:]:
        column.justify = "right"
    groups: dict[tuple[str, str], list[Cohort]] = {}
    for planned in plan.cohorts:
        cohort = planned.cohort
        groups.setdefault((cohort.problem.name, cohort.optimizer.name), []).append(cohort)
    for (problem, optimizer), group in groups.items():
        sizes = dict.fromkeys(
            "full" if cohort.batch_size == cohort.problem.examples else str(cohort.batch_size) for cohort in group
        )
        runs = sum(len(cohort.lanes) for cohort in group)
        steps = sum(len(cohort.lanes) * cohort.steps for cohort in group)
        table.add_row(
            problem, optimizer, ", ".join(sizes), f"{len(group):,}", str(len(group[0].lanes)), f"{runs:,}", f"{steps:,}"
        )
    console.print(table)
    console.print(f"{len(plan.cohorts):,} cohorts, {plan.runs:,} runs")
    if plan.device == "cuda":
        console.print("how long they take on a GPU is not estimated")
        return
    with errors.status("measuring a few steps of every problem"):
        seconds = estimate(plan.cohorts, workers)
    console.print(
        f"about {_duration(seconds)} with {workers} workers, by a short probe of every problem and batch size"
    )


def summary(directory: Path) -> None:
    """The best configuration of each problem (medians over the seeds that did not choose it), and the costs."""
    from optbench.report.summary import terminal_summary
    from optbench.sweeps.results import load

    results = load(directory)
    runs, timings = results.runs, results.timings
    failures = int((runs["status"] == "diverged").sum())
    table = Table(box=None, pad_edge=False)
    table.add_column("problem", no_wrap=True)
    table.add_column("suboptimality [95% interval]", no_wrap=True)
    table.add_column("failed", no_wrap=True)
    table.add_column("best configuration")
    for row in terminal_summary(runs, results.tuning_seeds).to_dict("records"):
        note = f" ({row['note']})" if row["note"] else ""
        best = f"{row['best']}, lr {row['lr']}{note}"
        table.add_row(row["problem"], row["median [low, high]"], row["failures"], best)
    console.print(table)
    share = timings["evaluation_seconds"].sum() / max(timings["seconds"].sum(), 1e-9)
    late = int((runs["status"] == "deadline").sum())
    console.print(
        f"{len(runs):,} runs ({failures:,} diverged: they count as failures"
        + (f"; {late:,} cut by the deadline" if late else "")
        + f"); evaluation on all data took {share:.0%} of the compute time; tables in {directory}"
    )
    if left := _left_to_the_cpu(runs, timings):
        console.print(left, markup=False, soft_wrap=True)


def _left_to_the_cpu(runs, timings) -> str:
    """How many cohorts a GPU was meant to run and could not, and why, reason by reason."""
    noted = timings.get("device_note")  # older folders have none
    late = timings[(timings["device"] == "cpu") & noted.ne("")] if noted is not None else timings[:0]
    if late.empty:
        return ""
    pairs = runs.drop_duplicates("cohort_id").merge(late, on="cohort_id")
    reasons = []
    for note, group in pairs.groupby("device_note", sort=False):
        names = list(dict.fromkeys(group["problem"] + " with " + group["optimizer"]))
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        reasons.append(f"{', '.join(names[:3])}{more} ({note})")
    return f"{len(late):,} of {len(timings):,} cohorts ran on the CPU: {'; '.join(reasons)}"


def report(directory: Path) -> None:
    """Draw the report, and say where it is."""
    from optbench.report import write_report

    try:
        with errors.status("drawing the report") as spinner:
            page = write_report(directory, lambda text: spinner.update(f"drawing the report: {text}"))
    except OSError as error:
        raise OptbenchError(f"cannot write the report to {str(directory)!r}: {error.strerror}") from None
    console.print(f"report: {page}", soft_wrap=True)


def check(file: Path, files) -> bool:
    """Print the verdict of every check on every record of ``file``; True where all hold."""
    from optbench import checks

    if not file.is_file():
        raise OptbenchError(f"no plug-in file {str(file)!r}")
    catalogue = load_catalogue((file, *files))
    if file.resolve() in catalogue.broken:
        raise OptbenchError(f"{file} does not load (the traceback stands above)")
    names = [key for key, path in catalogue.files.items() if path == file.resolve()]
    if not names:
        raise OptbenchError(f"{file} registers nothing: decorate a function with @optimizer, @schedule or @problem")
    fine = True
    for key in names:
        kind, name = key.split(" ", 1)
        console.print(f"[bold]{kind} {name}[/]")
        for finding in checks.run(kind, name, catalogue):
            mark = "[green]ok[/]  " if finding.ok else "[red]FAIL[/]"
            console.print(f"  {mark} {finding.name}", end="" if finding.message else "\n", soft_wrap=True)
            if finding.message:
                console.print(f": {finding.message}", markup=False, soft_wrap=True)
            fine &= finding.ok
    return fine


def _duration(seconds: float) -> str:
    if seconds < 1:
        return "less than a second"
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
