"""What a sweep would run, counted and estimated."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from optbench.cli.progress import duration

if TYPE_CHECKING:
    from optbench.contract.types import Stage
    from optbench.sweeps.estimate import Estimate
    from optbench.sweeps.plan import Plan
    from optbench.sweeps.planned import Cohorts, Series

_MEASURED = 600
"""Seconds by the model from which on a sweep is worth a few seconds of probes: the model is off by several times."""
_NARROWEST = 72
"""Columns that the table takes even where a terminal has fewer: all words and numbers in it are whole then."""
_LONG = 3600
"""Seconds from which on a sweep says first how long it takes."""


def print_plan(plan: Plan, workers: int) -> None:
    """Cohorts, runs, run-steps, and how long they would take."""
    from rich.table import Table

    from optbench.cli.console import console, errors, paragraph
    from optbench.sweeps.estimate import estimate
    from optbench.sweeps.stages import expected
    from optbench.wording.answers import data_texts

    table = Table(box=None)
    for name, least in (("problem", 12), ("optimizer", 12), ("batch sizes", 8)):
        table.add_column(name, overflow="fold", min_width=least)
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
    console.print(table, width=max(console.width, _NARROWEST), crop=False)
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
    with errors.status("measuring a few steps"):
        told = estimate(_series(plan, later), workers)
    paragraph(_estimate_text(told, workers), hang=2)


def tell_if_long(plan: Plan, workers: int, directory: Path) -> None:
    """Say on standard error how long a sweep will take that takes more than an hour; nothing else is measured."""
    from optbench.cli.console import errors
    from optbench.sweeps.estimate import estimate, modelled
    from optbench.sweeps.stages import expected

    series = _series(plan, expected(plan))
    if plan.device == "cuda" or modelled(series, workers) < _MEASURED:
        return
    told = estimate(series, workers)
    if told.seconds >= _LONG:
        begun = " from the beginning" if (directory / "cohorts").is_dir() else ""
        text = f"{_about(told, workers)}{begun}: --dry-run shows more, --time-limit 10m ends earlier"
        errors.print(text, markup=False, highlight=False, soft_wrap=True)


def _series(plan: Plan, later: dict[Stage, Cohorts]) -> list[Series]:
    return [*plan.series, *(each for stage in later.values() for each in stage.series)]


def _about(told: Estimate, workers: int) -> str:
    words = f"{workers} worker{'s' if workers > 1 else ''}"
    return f"{'at least' if told.at_least else 'about'} {duration(told.seconds)} with {words}"


def _estimate_text(told: Estimate, workers: int) -> str:
    """How long a sweep would take, and how rough that is."""
    text = _about(told, workers)
    if told.probed == told.kinds:
        return f"{text}, by a short probe of every problem and batch size"
    if not told.probed:
        return f"{text}, by the size of the work alone: it may be ten times as much or as little"
    return (
        f"{text}, by short probes of {told.probed} of {told.kinds} kinds of work, which take {told.share:.0%} of it, "
        "and the size of the rest: it may be three times as much or as little"
    )


def _later_text(plan: Plan, later: dict[Stage, Cohorts]) -> str:
    """What follows the screen, where the seeds stand in blocks."""
    spec = plan.spec
    if not spec.blocks:
        return ""
    race, holdout = (f"up to {later[stage].runs:,} runs" for stage in ("race", "holdout"))
    text = f" screen all settings on {_seeds(spec.screen)} in each of {spec.blocks} blocks; then "
    if spec.race:
        racing = f"the best {spec.finalists} of each problem, optimizer and block race"
        text += f"{racing} on {_seeds(spec.race, 'more ')} ({race}); "
    return text + (
        "what each block has chosen, and what all of them recommend, runs on "
        f"{_seeds(spec.holdout, 'fresh ')} a block ({holdout})"
    )


def _seeds(count: int, word: str = "") -> str:
    return f"{count} {word}seed{'s' if count > 1 else ''}"
