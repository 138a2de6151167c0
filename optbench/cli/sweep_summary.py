"""The answer of a results folder in the terminal, with what would tell more, and where the tables are."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from optbench.cli.sweep_json import list_next_steps
from optbench.contract.paths import is_file

if TYPE_CHECKING:
    import pandas as pd

    from optbench.analysis.answer import Answer
    from optbench.wording.labels import Label


def print_summary(answer: Answer) -> None:
    """Print the answer, what would tell more, and the folder."""
    from optbench.cli.console import command, console, paragraph
    from optbench.wording.failed_runs import describe_failures
    from optbench.wording.summary import count_runs, summarize

    results, directory = answer.tables, answer.tables.path or Path()
    for text in filter(None, (*describe_failures(answer), results.missing)):
        paragraph(text, hang=2)
        paragraph("")
    for line in summarize(answer, console.width):
        print(line)
    paragraph("")
    if steps := list_next_steps(answer):
        paragraph("That is the answer. To know more, if you need to (the most useful first):")
    for text, line in steps:
        paragraph(text + ":" * bool(line), hang=2)
        if line:
            command(line)
    if text := _describe_cpu_cohorts(results.runs, results.timings, answer.label):
        paragraph(text, hang=2)
    chosen = " and chosen.toml, these settings as a spec," * is_file(directory / "chosen.toml")
    paragraph(f"{count_runs(results.runs)}; tables{chosen} in {directory}", hang=2)
    if answer.ranking["optimizer"].nunique() > 1:
        paragraph("all optimizers, with ratio, verdict, seconds and memory:")
        command(shlex.join(["optbench", "compare", str(directory)]))


def _describe_cpu_cohorts(runs: pd.DataFrame, timings: pd.DataFrame, label: Label) -> str:
    """Return the number of cohorts that ran on the CPU instead of a GPU, with reasons, as text; "" for none."""
    from optbench.contract.names import join_names

    notes = timings.get("device_note")  # older folders have none
    late = timings[(timings["device"] == "cpu") & notes.ne("")] if notes is not None else timings[:0]
    if late.empty:
        return ""
    pairs = runs.drop_duplicates("cohort_id").merge(late, on="cohort_id")
    reasons = []
    for note, group in pairs.groupby("device_note", sort=False):
        names = list(dict.fromkeys(group["problem"].map(label) + " with " + group["optimizer"].map(label)))
        reasons.append(f"{join_names(names, 3)} ({note})")
    return f"{len(late):,} of {len(timings):,} cohorts ran on the CPU: {'; '.join(reasons)}"
