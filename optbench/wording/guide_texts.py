"""The field guide in words: its title, what each section shows, and how that was reckoned."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from optbench.analysis.answer import Answer
from optbench.contract.names import count_noun, join_names
from optbench.wording.advice_texts import describe_record
from optbench.wording.judged import SAMPLES, format_interval, format_ratio, name_unit
from optbench.wording.labels import count_problems, number, shorten_schedules
from optbench.wording.published_texts import headline_published
from optbench.wording.summary import count_runs

_MOST = 8
"""Names that a list shows."""
NOBODY = "open"
"""Said where nobody may be best on all problems of a kind, or several may."""
TITLES = {
    "ratios": "How far from the best, by kind of problem",
    "kinds": "Which optimizer for which kind of problem",
    "mean_ranks": "Mean ranks over all problems",
    "tuning": "What tuning buys",
    "sensitivity": "How exact the rate must be",
    "rates": "The best rate beside AdamW's",
    "advice": "How often advice from other problems holds",
    "published": "Does a laptop say anything about large models?",
}
"""The sections by the name of their table, in their order."""
SHORT = {
    "ratios": "The picture", "kinds": "By kind", "mean_ranks": "Mean ranks", "tuning": "Tuning",
    "sensitivity": "Sensitivity", "rates": "Rates", "advice": "Advice", "published": "Elsewhere",
}  # fmt: skip
"""The sections in the list of contents."""
COLUMNS = {
    "mean_ranks": ("mean rank", "may be best on"),
    "tuning": ("one for all", "as shipped"),
    "sensitivity": ("decades",),
    "rates": ("times AdamW's",),
}
"""The headings of the numbers beside a chart."""
PUBLISHED_HEADINGS = ("published order", "optimizers in common")
KIND_HEADINGS = ("kind", "problems", "open", "may be best on all", "on most")
LEGEND = (
    ("leads", "may be the best on all problems of the kind"), ("open", "on most of them"),
    ("behind", "shown to be behind on half of them or more, the darker the further"),
)  # fmt: skip
SIGNS = (
    ("≥", "at least, as a target was missed, or the search ended"),
    ("*", "every run fails on some problem of the kind"),
)  # fmt: skip
"""Signs in the cells of the picture, in words."""
TUNING_KEY = (("", "one setting for all problems"), ("hollow", "the shipped rate, a constant schedule, batch 16"))


def headline_guide(answer: Answer, ranks: pd.DataFrame) -> str:
    """Return the main finding: who has the best mean rank. ranks: of the guide."""
    first, count = ranks.iloc[0], len(ranks)
    scope = f"{count_noun(count, 'optimizer')} on {count_noun(int(first['ranked']), 'problem')}"
    interval = "" if np.isnan(first["low"]) else f" [{first['low']:.1f}–{first['high']:.1f}]"
    return f"Best mean rank of {scope}: {answer.label(first['optimizer'])}, {first['mean_rank']:.1f}{interval}"


def describe_basis(answer: Answer) -> str:
    """Return in a line what the numbers rest on: runs and blocks, and for what intervals hold."""
    return f"{count_runs(answer.runs)}; intervals are at 95%, each by itself"


def describe_findings(answer: Answer, ranks: pd.DataFrame, kinds: pd.DataFrame, tuning: pd.DataFrame) -> list[str]:
    """Return sentences on how sure the order is, and on what tuning buys. ranks, kinds, tuning: of the guide."""
    first = ranks.iloc[0]
    beside = int((ranks["low"][1:] <= first["high"]).sum())
    texts = []
    if np.isfinite(first["high"]):
        texts.append(f"The intervals of {count_noun(beside, 'other')} reach into its own")
    most = ranks.loc[ranks["may_be_best"].idxmax()]
    total = int(first["problems"])
    texts.append(
        f"{answer.label(most['optimizer'])} may be the best on {count_problems(int(most['may_be_best']), total)}, "
        f"and no other on more; on {int(kinds['open'].sum())} of {total} two or more may be"
    )
    costs = tuning[["one", "default"]].median()
    if costs.notna().all():
        texts.append(
            f"With one setting for all problems half of the optimizers take {_times(costs['one'])} what their tuned "
            f"one takes, or more; at the shipped rate {_times(costs['default'])} or more"
        )
    return texts


def describe_advice(record: pd.DataFrame) -> list[str]:
    """Return sentences on the track record of advice. record: `Advised.record`."""
    return [
        "optbench advise names three optimizers to try first, with their rates, from the problems of a kind",
        *(text.rstrip(".") for text in describe_record(record)),
        "Rates carry over badly from one problem to another, so advice is where to begin, and no reason not to tune",
    ]


def describe_published_orders(table: pd.DataFrame) -> list[str]:
    """Return sentences on how like orders that others have published this one is."""
    return [
        headline_published(table).rstrip("."),
        "Numbers are Spearman's rank correlations with the order of the optimizers in common, 1 for the same one, with "
        "95% intervals",
        "An order with fewer than five in common has no interval. What was measured elsewhere, and where its numbers "
        "stand: docs/published.md",
    ]


def describe_section(name: str, answer: Answer, table: pd.DataFrame) -> list[str]:
    """Return two or three sentences on a section: what one sees, and how it was reckoned. table: its own."""
    problems = list(answer.best["problem"].unique())
    units = dict.fromkeys(name_unit(answer, problem) for problem in problems)
    unit = " or ".join("samples to the target" if each == SAMPLES else each for each in units)
    count = count_noun(len(problems), "problem")
    texts = {
        "ratios": [
            "Each row is an optimizer, the best mean rank first; each column a kind of problem",
            f"A number says how many times the {unit} of a problem's best optimizer it takes, each tuned: a geometric "
            "mean over the problems of the kind",
            "Colors say what is shown, not how large the number is: an optimizer may be the best where none is shown "
            "to be more than 5% ahead of it, and of two with like numbers the noisier is less often shown to be behind",
        ],
        "kinds": [
            "A problem is open where several optimizers may be the best; a kind is, too, where nobody may be on all of "
            "its problems, or several may",
            "Who may be best on all or on more than half of a kind's problems stands there, the smallest mean ratio "
            "first",
        ],
        "mean_ranks": [
            f"On each of the {count} optimizers are ranked by what they give once tuned; the order is by mean rank, "
            "and that of optbench rank, by the mean of ln ratio, can differ",
            "A mark is the mean of these ranks, a line its 95% interval for further problems like these, by a "
            "bootstrap over problems",
        ],
        "tuning": [
            f"How many times the {unit} of the setting that is tuned for the problem another one takes: the geometric "
            "mean over the problems that the tuned one solves, with its 95% interval. In brackets, on how many of them "
            "it misses the target",
            "One setting for all is, for each kind, the best on the problems of all other kinds; the shipped rate is "
            "the middle of the optimizer's own range of rates. Of both the nearest rate that was tried counts",
            "Each setting ran once. A miss counts as two budgets, so that the truth may be larger; the best of many "
            "single runs is a little too good",
        ],
        "sensitivity": [
            "How many decades of learning rates come within a factor of 1.5 of the optimizer's best one on a problem, "
            "the median over problems: the longer, the less one must search",
            "They are rates at the batch size and schedule of the best run, one run each; between two rates that were "
            "tried, a line is drawn",
        ],
        "rates": [
            "By what to multiply the best rate of AdamW: the geometric mean over problems with its 95% interval, at "
            "batch sizes and schedules at which both reach the target, one run each",
            "It says where to begin. Where a rate is no length of a step, as of DoG or Prodigy, it has another meaning",
        ],
    }  # fmt: skip
    return texts[name]


def list_names(names: list[str], answer: Answer) -> str:
    """Return the names of optimizers in a cell, the first ones where they are many; "–" for none."""
    return join_names(map(answer.label, names), _MOST) if names else "–"


def say_verdict(row: Mapping[str, Any], answer: Answer) -> str:
    """Return who may be best on all problems of a kind. row: of the table of kinds."""
    names = row["on_all"]
    if len(names) == 1:
        return list_names(names, answer)
    return f"{NOBODY}: {list_names(names, answer)}" if names else NOBODY


def say_ratio(row: Mapping[str, Any], name: str) -> tuple[str, str]:
    """Return the text of a cell of the picture, and all of it in words. row: of its table; name: the optimizer."""
    if np.isnan(row["ratio"]):
        return "–", f"{name}, {row['kind']}: no result"
    text = f"{'≥ ' if row['bound'] else ''}{format_ratio(row['ratio'])}"
    words = f"{name}, {row['kind']}: {text} times the best"
    words += f"; may be the best on {count_problems(row['may_be_best'], row['problems'])}"
    if row["failed"]:
        return f"{text}*", f"{words}; fails on {count_problems(row['failed'], row['problems'])}"
    return text, words


def say_values(name: str, row: Mapping[str, Any]) -> list[str]:
    """Return the numbers beside a row of a section's chart, as COLUMNS heads them."""
    if name == "mean_ranks":
        ends = "" if np.isnan(row["low"]) else f" [{row['low']:.1f}–{row['high']:.1f}]"
        return [f"{row['mean_rank']:.1f}{ends}", f"{row['may_be_best']} of {row['problems']}"]
    if name == "tuning":
        return [_with_misses(row, each) for each in ("one", "default")]
    if name == "sensitivity":
        return [number(row["decades"], 2)]
    return [f"{format_ratio(row['ratio'])} {_interval(row, 'ratio')}".strip()]


def describe_setting(row: Mapping[str, Any]) -> str:
    """Return the one setting of an optimizer in words. row: of the table of tuning."""
    if pd.isna(row["batch_size"]):
        return ""
    (schedule,) = shorten_schedules([row["schedule"]]).values()
    return f"one for all: batch {int(row['batch_size'])}, {schedule}, rate {number(row['lr'], 2)}"


def describe_making(command: str, version: str, folder_command: str, tables: list[str]) -> list[str]:
    """Return the sentences of the foot: which commands and version made the page and its tables."""
    return [
        f"optbench {version} made this page and its tables, {', '.join(tables)}, with: {command}",
        f"The sweep that they are of: {folder_command}",
    ]


def _with_misses(row: Mapping[str, Any], name: str) -> str:
    """Return a ratio with the number of problems on which it misses the target: "3.5× (8)"."""
    if np.isnan(row[name]):
        return "–"
    return f"{_times(row[name])} ({int(row[f'{name}_missed'])})"


def _interval(row: Mapping[str, Any], name: str) -> str:
    """Return the interval of a ratio; "" where it has none, or no width."""
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    return "" if np.isnan(low) or low == high else format_interval(low, high)


def _times(ratio: float) -> str:
    """Return "3.5×"."""
    return f"{format_ratio(ratio)}×"
