"""Which optimizers to try first, in words: the advice, what it rests on, and how often such advice has held."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from optbench.contract.errors import shown
from optbench.contract.names import count_noun, join_with_and
from optbench.wording.judged import format_ratio
from optbench.wording.labels import name_schedules, number
from optbench.wording.summary import lay_out

_WITHIN = 1.1, 1.5


class About(NamedTuple):
    """What advice is about."""

    title: str
    """The problem, the kind or the data."""
    problems: tuple[str, ...]
    """The nearest problems of the atlas."""
    size: int | None
    """The batch size of all runs; None where it is advised."""
    asked_size: int | None
    """The one that was asked for."""


def write_advice(about: About, table: pd.DataFrame, record: pd.DataFrame, width: int = 80) -> str:
    """Return all that the terminal shows: a table, PyTorch's lines, the problems, and the track record."""
    schedules = name_schedules(table["schedule"])
    rows = [
        [
            f"{row.place} {row.optimizer}", schedules[row.schedule], str(row.batch_size), number(row.lr),
            f"{number(row.lr_low)}-{number(row.lr_high)}", f"{format_ratio(row.ratio)}×", f"{format_ratio(row.worst)}×",
        ]
        for row in table.itertuples()
    ]  # fmt: skip
    heads = ("try first", "schedule", "batch", "rate", "as good", "from the best", "at worst")
    columns = {head: [[text] for text in texts] for head, texts in zip(heads, zip(*rows, strict=True), strict=True)}
    lines = [f"For {about.title}:", "", *lay_out(columns, width), ""]
    lines += [f"{row.place} {row.torch}" for row in table.itertuples()]
    first = table.iloc[0]
    lines += ["", "A script of PyTorch for the first:", f"    {write_command(first)}"]
    return "\n".join([*lines, "", *describe_basis(about), "", describe_record(record)])


def name_table(data: object) -> str:
    """Return what a user's table is called: its file, if it has one."""
    return f"linear models and networks on {data if isinstance(data, str | Path) else 'your data'}"


def write_command(row: pd.Series) -> str:
    """Return the command that writes a setting as a script of PyTorch. row: of the table."""
    schedule = name_schedules([row["schedule"]])[row["schedule"]]
    setting = f"--lr {number(row['lr'])} --schedule {schedule} --batch-size {row['batch_size']}"
    return f"optbench show {row['optimizer']} --as torch {setting}"


def describe_basis(about: About) -> list[str]:
    """Return sentences on the problems that advice rests on, and on what its numbers are."""
    texts = [
        f"From {count_noun(len(about.problems), 'problem')} of the atlas: {join_with_and(about.problems)}.",
        "Ratios to the best of a problem are of one run a setting: samples to its target, else the loss at the end; "
        '"from the best" is their geometric mean, each at most 10; "as good" are rates within a factor of 1.5 of that.',
    ]
    if about.size != about.asked_size:
        texts.append(f"Batches of {about.size} are the nearest to {about.asked_size} that the atlas has.")
    return texts


def describe_record(record: pd.DataFrame) -> str:
    """Return how often advice held, of the first, of the best of three and of AdamW, as it is and with rates tuned."""

    def count(name: str) -> str:
        """Return on how many problems a column of ratios is within each of the factors."""
        return " and ".join(str(int((record[name] <= factor).sum())) for factor in _WITHIN)

    return (
        f"Track record, each of {count_noun(len(record), 'problem')} advised from the others: the best of the three was"
        f" within 10% and within a factor of 1.5 of the best on {count('three')} (the first alone on {count('first')}; "
        f"always AdamW, its rate chosen likewise, on {count('always')}), and with rates tuned there on "
        f"{count('three_tuned')} ({count('first_tuned')}; {count('always_tuned')})."
    )


def refuse_number(given: Sequence[str]) -> str:
    """Return that one of problem, data and kind must be given. given: those that are."""
    if given:
        return f"{' and '.join(given)}: give one of them"
    return "advice for what? Name a problem, data or a kind: --problem quadratic, --data FILE or --kind networks"


def refuse_problem(problem: str, kinds: Iterable[str]) -> str:
    """Return that the atlas has nothing like a problem."""
    named = f"--kind {shown(next(iter(kinds)))}"
    return f"problem: the atlas has none like {problem}: name the kind that it is of ({', '.join(kinds)}): {named}"


def refuse_length(budget: float | None, epochs: pd.Series) -> str:
    """Return that no run was about as long as a budget. epochs: by problem, those of the atlas."""
    ran = ", ".join(f"{number(each)}" for each in sorted(epochs.unique()))
    return f"budget: no such problem of the atlas ran for about {number(budget)} epochs, but for {ran}"
