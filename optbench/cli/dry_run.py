"""What a sweep would run, counted and estimated."""

from __future__ import annotations

from typing import TYPE_CHECKING

from optbench.cli.progress import duration

if TYPE_CHECKING:
    from optbench.engine.cohort import Cohort
    from optbench.sweeps.plan import Plan


def print_plan(plan: Plan, workers: int) -> None:
    """Cohorts, runs, run-steps, and how long they would take."""
    from rich.table import Table

    from optbench.cli.console import console, errors
    from optbench.sweeps.executor import estimate

    table = Table("problem", "optimizer", "batch sizes", "cohorts", "trials", "runs", "run-steps", box=None)
    for column in table.columns[3:]:
        column.justify = "right"
    groups: dict[tuple[str, str], list[Cohort]] = {}
    for planned in plan.cohorts:
        cohort = planned.cohort
        groups.setdefault((cohort.problem.name, cohort.optimizer.name), []).append(cohort)
    trials = plan.trials
    for (problem, optimizer), group in groups.items():
        sizes = dict.fromkeys(
            "full" if cohort.batch_size == cohort.problem.examples else str(cohort.batch_size) for cohort in group
        )
        runs = sum(len(cohort.lanes) for cohort in group)
        steps = sum(len(cohort.lanes) * cohort.steps for cohort in group)
        numbers = (len(group), trials[problem, optimizer], runs, steps)
        table.add_row(problem, optimizer, ", ".join(sizes), *(f"{number:,}" for number in numbers))
    console.print(table)
    for optimizer, ranges in plan.searched.items():
        words = ", ".join(f"{key}={text}" for key, text in ranges.items()) or "nothing"
        console.print(f"{optimizer} searches {words}", markup=False, soft_wrap=True)
    console.print(f"{len(plan.cohorts):,} cohorts, {plan.runs:,} runs")
    if note := plan.unequal:
        console.print(note, markup=False, soft_wrap=True)
    if plan.device == "cuda":
        console.print("how long they take on a GPU is not estimated")
        return
    with errors.status("measuring a few steps of every problem"):
        seconds = estimate(plan.cohorts, workers)
    console.print(f"about {duration(seconds)} with {workers} workers, by a short probe of every problem and batch size")
