"""What a sweep would run, counted and estimated."""

from __future__ import annotations

from typing import TYPE_CHECKING

from optbench.cli.progress import duration

if TYPE_CHECKING:
    from optbench.contract.types import Stage
    from optbench.sweeps.plan import Plan
    from optbench.sweeps.planned import Cohorts, Series


def print_plan(plan: Plan, workers: int) -> None:
    """Cohorts, runs, run-steps, and how long they would take."""
    from rich.table import Table

    from optbench.cli.console import console, errors, paragraph
    from optbench.report.answers import data_texts
    from optbench.sweeps.estimate import estimate
    from optbench.sweeps.stages import expected

    table = Table(box=None)
    for name in ("problem", "optimizer", "batch sizes"):
        table.add_column(name, overflow="fold")
    for name in ("cohorts", "trials", "runs", "run-steps"):
        table.add_column(name, justify="right", no_wrap=True)
    groups: dict[tuple[str, str], list[Series]] = {}
    for series in plan.series:
        groups.setdefault((series.cohort.problem.name, series.cohort.optimizer.name), []).append(series)
    trials = plan.trials
    for (problem, optimizer), group in groups.items():
        sizes = dict.fromkeys(
            "full" if cohort.batch_size == cohort.problem.examples else str(cohort.batch_size)
            for cohort in (each.cohort for each in group)
        )
        cohorts = sum(len(each.seeds) for each in group)
        steps = sum(each.runs * each.cohort.steps for each in group)
        numbers = (cohorts, trials[problem, optimizer], sum(each.runs for each in group), steps)
        table.add_row(problem, optimizer, ", ".join(sizes), *(f"{number:,}" for number in numbers))
    console.print(table)
    for text in data_texts((problem.name, problem.data_text) for problem in plan.problems):
        paragraph(text, hang=2)
    for optimizer, ranges in plan.searched.items():
        words = ", ".join(f"{key}={text}" for key, text in ranges.items()) or "nothing"
        paragraph(f"{optimizer} searches {words}", hang=2)
    later = expected(plan)
    paragraph(f"{len(plan.cohorts):,} cohorts, {plan.runs:,} runs{_later_text(plan, later)}", hang=2)
    if note := plan.unequal:
        paragraph(note, hang=2)
    if plan.device == "cuda":
        paragraph("how long they take on a GPU is not estimated", hang=2)
        return
    with errors.status("measuring a few steps of every problem"):
        seconds = estimate([*plan.cohorts, *later["race"], *later["report"]], workers)
    paragraph(
        f"about {duration(seconds)} with {workers} workers, by a short probe of every problem and batch size", hang=2
    )


def _later_text(plan: Plan, later: dict[Stage, Cohorts]) -> str:
    """What follows the screen, where the seeds stand in blocks."""
    spec = plan.spec
    if not spec.blocks:
        return ""
    race, report = (f"up to {later[stage].runs:,} runs" for stage in ("race", "report"))
    text = f" screen all settings on {_seeds(spec.screen)} in each of {spec.blocks} blocks; then "
    if spec.race:
        racing = f"the best {spec.finalists} of each problem, optimizer and block race"
        text += f"{racing} on {_seeds(spec.race, 'more ')} ({race}); "
    return text + (
        "what each block has chosen, and what all of them recommend, runs on "
        f"{_seeds(spec.report, 'fresh ')} a block ({report})"
    )


def _seeds(count: int, word: str = "") -> str:
    return f"{count} {word}seed{'s' if count > 1 else ''}"
