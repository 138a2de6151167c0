"""``sweep --dry-run``: what a sweep would run, counted, and an estimate of its time."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from optbench.cli.progress import format_duration
from optbench.cli.sweep_json import label_variant

if TYPE_CHECKING:
    from optbench.contract.types import Stage
    from optbench.plan.planned_cohorts import Cohorts, Plan, SeedSeries

_NARROWEST = 72
"""Minimum width of the table, so that no word or number in it is cut."""
_LONG = 600
"""A sweep that takes more seconds prints an estimate first: five times as much as the default sweep on two cores."""


def print_plan(plan: Plan, workers: int) -> dict[str, Any]:
    """Print what each optimizer runs on each problem, and an estimate of its time, the longest first.

    Returns the same for ``--json``.
    """
    from rich.table import Table

    from optbench.cli.console import console, paragraph
    from optbench.plan.estimate import estimate_duration
    from optbench.plan.fitting import list_all_series
    from optbench.plan.stages import plan_largest_stages
    from optbench.wording.answers import describe_data

    later = plan_largest_stages(plan)
    groups: dict[tuple[str, str], list[SeedSeries]] = {}
    for series in plan.series:
        groups.setdefault((series.cohort.problem.name, series.cohort.optimizer.name), []).append(series)
    seconds: dict[tuple[str, str], float] = dict.fromkeys(groups, 0.0)
    for series in [] if plan.device == "cuda" else list_all_series(plan, later):
        seconds[series.cohort.problem.name, series.cohort.optimizer.name] += estimate_duration([series], workers)
    timed = plan.device != "cuda"
    trials, rows = plan.trials, []
    table = Table(box=None)
    for name, least in (("problem", 12), ("optimizer", 12), ("batch sizes", 8)):
        table.add_column(name, overflow="fold", min_width=least)
    for name in ("trials", "runs", "run-steps", *["time"] * timed):
        table.add_column(name, justify="right", no_wrap=True)
    for problem, optimizer in sorted(groups, key=lambda pair: -seconds[pair]):
        group = groups[problem, optimizer]
        sizes = dict.fromkeys(
            "full" if cohort.batch_size == cohort.problem.examples else str(cohort.batch_size)
            for cohort in (each.cohort for each in group)
        )
        cohorts = sum(len(each.seeds) for each in group)
        numbers = (
            trials[problem, optimizer], sum(each.runs for each in group),
            sum(each.runs * each.cohort.steps for each in group),
        )  # fmt: skip
        names_shown = (plan.labels.get(name, name) for name in (problem, optimizer))
        times = ["< 1 s" if (each := seconds[problem, optimizer]) < 1 else format_duration(each)] * timed
        table.add_row(*names_shown, ", ".join(sizes), *(f"{number:,}" for number in numbers), *times)
        names = ("problem", "optimizer", "batch_sizes", "cohorts", "trials", "runs", "run_steps", "seconds")
        expected = seconds[problem, optimizer] if timed else None
        values = (problem, label_variant(optimizer, plan.labels), list(sizes), cohorts, *numbers, expected)
        rows.append(dict(zip(names, values, strict=True)))
    console.print(table, width=max(console.width, _NARROWEST), crop=False)
    for text in describe_data((each.name, each.data_text) for each in plan.problems if not each.digest):
        paragraph(text, hang=2)
    for optimizer, ranges in plan.searched.items():
        words = ", ".join(f"{key}={text}" for key, text in ranges.items()) or "nothing"
        paragraph(f"{plan.labels.get(optimizer, optimizer)} searches {words}", hang=2)
    paragraph(f"{len(plan.cohorts):,} cohorts, {plan.runs:,} runs{_describe_stages(plan, later)}", hang=2)
    largest = {stage: cohorts.runs for stage, cohorts in later.items()}
    planned: dict[str, Any] = {"cohorts": len(plan.cohorts), "runs": plan.runs, "later": largest, "rows": rows}
    planned |= {"workers": workers, "seconds": None}
    if note := plan.unequal:
        paragraph(note, hang=2)
    if plan.device == "cuda":
        paragraph("there is no estimate of the time on a GPU", hang=2)
        return planned
    total = estimate_duration(list_all_series(plan, later), workers)
    by_size = "by the size of the work: it may be ten times as much or as little"
    paragraph(
        f"{_format_time(total, workers)}, {by_size}; kernels that are new here compile first, which it leaves out",
        hang=2,
    )
    return planned | {"seconds": total}


def print_estimate_if_long(
    plan: Plan, workers: int, directory: Path, long: float = _LONG, ways: str | None = None
) -> None:
    """Print an estimate on standard error if a sweep takes more than ten minutes, or other ``long`` seconds.

    ways: how to make it shorter; None: those of `optbench sweep`.
    """
    from optbench.cli.console import errors
    from optbench.plan.fitting import estimate_plan

    if plan.device == "cuda":
        return
    seconds = estimate_plan(plan, workers)
    if seconds >= long:
        begun = " from the beginning" if (directory / "cohorts").is_dir() else ""
        spec = plan.spec
        length = f"--steps {max(1, spec.steps // 10)}" if spec.steps else f"--epochs {(spec.epochs or 1) / 10:.2g}"
        ways = ways or f"{length} shortens the runs, --time-limit 10m ends earlier, --dry-run shows more"
        text = f"{_format_time(seconds, workers)}{begun}: {ways}"
        errors.print(text, markup=False, highlight=False, soft_wrap=True)


def _format_time(seconds: float, workers: int) -> str:
    """Return the estimated time in words: "about 3 min with 2 workers"."""
    words = f"{workers} worker{'s' if workers > 1 else ''}"
    return f"about {format_duration(seconds)} with {words}"


def _describe_stages(plan: Plan, later: dict[Stage, Cohorts]) -> str:
    """Return a text on the stages of a sweep in blocks; "" without blocks. later: from `plan_largest_stages`."""
    from optbench.plan.stages import FIRST_REPORTS

    spec = plan.spec
    if not spec.blocks:
        return ""
    counts = {stage: f"(up to {cohorts.runs:,} runs)" for stage, cohorts in later.items()}
    text = f" screen all settings on {_count_seeds(spec.screen)} in each of {spec.blocks} blocks"
    text += f", and up to {spec.widen} times more around the best; then " if spec.widen else "; then "
    if spec.race:
        racing = f"the best {spec.finalists} of each choice of a block race"
        text += f"{racing} on {_count_seeds(spec.race, 'more ')} {counts['race']}; "
    text += f"what each block has chosen runs on {_count_seeds(spec.holdout, 'fresh ')} {counts['holdout']}"
    if "final" in later:
        text += f"; the blocks' choices race on {_count_seeds(spec.final)} in common {counts['final']}, and the best "
        text += f"of them and its runner-up report on {min(spec.report, FIRST_REPORTS)} {counts['report']}"
        text += f", the best on up to {spec.report} where results spread" if spec.report > FIRST_REPORTS else ""
    return text


def _count_seeds(count: int, word: str = "") -> str:
    """Return a number of seeds in words: "1 seed", with a word before the noun "3 fresh seeds" (word: "fresh ")."""
    return f"{count} {word}seed{'s' if count > 1 else ''}"
