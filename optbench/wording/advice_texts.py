"""Which optimizers to try first, in words: the advice, what it rests on, and how often such advice has held."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from optbench.contract.errors import shown
from optbench.contract.names import count_noun, join_with_and
from optbench.wording.judged import format_ratio
from optbench.wording.labels import name_schedules, number
from optbench.wording.summary import lay_out, wrap

WITHIN = 1.1, 1.5
"""The factors within which a choice is near the best of a problem."""
RECORD_ROWS = {"three": "best of the three", "first": "first of them", "always": "always AdamW"}
"""By column of `Advised.record`, what is tried."""
RECORD_HEADINGS = ("tried", "within 10%", "within 1.5×", "within 10% tuned", "within 1.5× tuned")


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
    where: tuple[str, ...] = ()
    """The words of the command of a sweep that say what the advice is for."""
    in_torch: bool = False
    """Whether only optimizers are advised that torch.optim has."""


def write_advice(about: About, table: pd.DataFrame, record: pd.DataFrame, width: int = 80) -> str:
    """Return all that the terminal shows: a table, PyTorch's lines, the track record, and what the advice rests on."""
    schedules = name_schedules(table["schedule"])
    rows = [
        [
            f"{row.place} {row.optimizer}", schedules[row.schedule], str(row.batch_size), number(row.lr),
            _write_range(row.lr_low, row.lr_high), f"{format_ratio(row.ratio)}×", f"{format_ratio(row.worst)}×",
        ]
        for row in table.itertuples()
    ]  # fmt: skip
    heads = ("try first", "schedule", "batch", "rate", "as good", "from the best", "at worst")
    lines = [*wrap(f"For {about.title}:", width), "", *_lay_out(heads, rows, width), ""]
    lines += [f"{row.place} {row.torch}" for row in table.itertuples()]
    lines += [part for row in table.itertuples() if row.limit for part in wrap(_describe_limit(row), width)]
    lines += ["", *(part for text in describe_record(record) for part in wrap(text, width)), ""]
    lines += _lay_out(RECORD_HEADINGS, count_record(record), width)
    lines += ["", "A script of PyTorch for the first:", f"    {write_command(table.iloc[0])}"]
    if about.where:
        words = ["optbench", "sweep", *about.where, "--optimizers", ", ".join(table["optimizer"])]
        lines += ["To tune these three yourself:", f"    {shlex.join(words)}"]
    return "\n".join([*lines, "", *(part for text in describe_basis(about) for part in wrap(text, width))])


def _describe_limit(row: Any) -> str:
    """Return that a rate is at an end of those that were tried. row: of the table."""
    end, more = ("upper", "higher") if row.limit == "high" else ("lower", "lower")
    rate = f"{row.place} {row.optimizer}: rate {number(row.lr)}"
    return f"{rate} is at the {end} end of those tried on some problem; a {more} one may be better."


def _lay_out(heads: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> list[str]:
    """Return the lines of a table of rows."""
    return lay_out({head: [[row[place]] for row in rows] for place, head in enumerate(heads)}, width)


def _write_range(low: float, high: float) -> str:
    """Return "0.01-0.1"; of one rate "only 0.1"."""
    ends = number(low), number(high)
    return f"only {ends[0]}" if ends[0] == ends[1] else "-".join(ends)


def name_table(data: object) -> str:
    """Return what advice on a user's table is for: its file, if it has one, and that no row of it is looked at."""
    name = data if isinstance(data, str | Path) else "your data"
    return f"linear models and networks on {name} (the same for any table: it comes from such problems, not your rows)"


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
    if about.in_torch:
        texts.append("Only optimizers of torch.optim are advised; the best of a problem is that of all.")
    if about.size != about.asked_size:
        texts.append(f"Batches of {about.size} are the nearest to {about.asked_size} that the atlas has.")
    return texts


def describe_record(record: pd.DataFrame) -> list[str]:
    """Return sentences on the track record of advice: what its table shows, and where always AdamW does as well."""
    texts = [
        f"Track record, each of {count_noun(len(record), 'problem')} advised from the others: how often a choice "
        "comes within 10% or a factor of 1.5 of the best there; tuned: with its rate tuned there."
    ]
    always = _count(record, "always")
    for name in ("three", "first"):
        pairs = zip(RECORD_HEADINGS[1:], _count(record, name), always, strict=True)
        if heads := [head for head, mine, other in pairs if mine <= other]:
            texts.append(f"The {RECORD_ROWS[name]} is no better than always AdamW {join_with_and(heads)}.")
    return texts


def count_record(record: pd.DataFrame) -> list[list[str]]:
    """Return the rows of the table of the track record: on how many problems each is within each of the factors."""
    return [
        [words, *(f"{count} of {len(record)}" for count in _count(record, name))] for name, words in RECORD_ROWS.items()
    ]


def _count(record: pd.DataFrame, name: str) -> list[int]:
    """Return on how many problems a choice is within each of the factors, as it is and with the rate tuned there."""
    return [int((record[f"{name}{tuned}"] <= factor).sum()) for tuned in ("", "_tuned") for factor in WITHIN]


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
