"""The answer of a sweep on one screen: its headline, a line for each problem or of many for each optimizer, and limits.

The terminal prints it, and so does ``print(results)``.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from optbench.analysis.answer import Answer
from optbench.analysis.decisions import find_start, list_starts_at_limit
from optbench.analysis.verdicts import ALL
from optbench.contract.names import count_noun, join_names
from optbench.wording import labels
from optbench.wording.answers import list_remarks, split_measure
from optbench.wording.conclusion import conclude, describe_own
from optbench.wording.decision_texts import describe_decisions, name_setting, tabulate_choices
from optbench.wording.headlines import headline
from optbench.wording.judged import (
    FEW_PROBLEMS,
    NEVER,
    PLAIN_LOSS,
    SAMPLES,
    describe_best,
    explain_open,
    format_ratio,
    list_best,
    name_certainty,
    name_constant,
    name_goal,
    name_level,
    name_unit,
    pair_behind,
)
from optbench.wording.wider_search import name_ends

GAP = 2
"""Spaces between the columns of a table."""
LEAST = 12
"""Letters to which a column may shrink, if its shortest texts are no longer."""
LONGEST = 24
"""Letters of a name in a table."""
FEW = 3
"""Names of those that may be best in a table."""
MOST = 12
"""Levels in a table of many problems."""
NONE = "–"
"""Stands where no level is shown to be behind."""
NARROW = 30
"""Letters of a line at least, however narrow the terminal."""
Cell = Sequence[str]
"""The texts that a cell may have, the longest first: the first one that fits is shown."""
Columns = Mapping[str, Sequence[Cell]]
"""The columns of a table by their title."""


def summarize(answer: Answer, width: int = 80) -> list[str]:
    """Return the lines of the answer, of this width: the headline, tables, and what spoils them."""
    problems = [*answer.best["problem"].unique()]
    many = len(problems) >= FEW_PROBLEMS
    tables = _tabulate_levels(answer, width) if many else _tabulate_problems(answer, problems, width)
    notes = [*_list_notes(answer, problems), *filter(None, [split_measure(answer)[1]])]
    lines = [headline(answer), *filter(None, [conclude(answer)]), *describe_own(answer)]
    for block in filter(None, [*tables, describe_decisions(answer), notes]):
        lines += ["", *block]
    return [part for line in lines for part in wrap(line, width)]


def list_best_so_far(answer: Answer, width: int) -> list[str]:
    """Return a line for each problem: the best setting by now, and how many times as much the others need."""
    problems = [*answer.best["problem"].unique()]
    names = labels.short_names(problems, answer.label)
    others = []
    for problem in problems:
        rows = answer.rows(problem)
        ratios = zip(rows[answer.of], rows["ratio"], rows["leader"], strict=True)
        others.append([
            f"{answer.label(name)} {format_ratio(ratio)}×," for name, ratio, leads in ratios if not leads and ratio > 0
        ])  # fmt: skip
    columns: Columns = {
        "problem": [[names[problem]] for problem in problems],
        **_tabulate_starts(answer, problems, "best so far"),
        "others": others,
    }
    return lay_out(columns, width)


def wrap(text: str, width: int) -> list[str]:
    """Return a text in lines of this width, its math in plain letters, the lines after the first one indented."""
    text, width = labels.write_math(text), max(width, NARROW)
    if len(text) <= width:
        return [text]
    return textwrap.wrap(text, width, subsequent_indent="  ", break_on_hyphens=False, break_long_words=False)


def count_runs(runs: pd.DataFrame) -> str:
    """Return how many runs there are, of what, and how many of them diverged, failed or were stopped."""
    kinds = [count_noun(runs[name].nunique(), name) for name in ("optimizer", "problem", "seed")]
    if "block" in runs and runs["block"].max() >= 0:
        kinds[2] = count_noun(runs.loc[runs["block"] >= 0, "block"].nunique(), "block")
    counts = runs["status"].value_counts()
    ends = {"diverged": "diverged", "failed": "failed", "deadline": "stopped by --run-timeout"}
    lost = "".join(f"; {counts[status]:,} {words}" for status, words in ends.items() if status in counts)
    return f"{count_noun(len(runs), 'run')} of {kinds[0]} on {kinds[1]}, {kinds[2]}{lost}"


def _tabulate_problems(answer: Answer, problems: Sequence[str], width: int) -> list[list[str]]:
    """Return a line for each problem: who may be best, who is behind, what to start with, and which levels are behind.

    In one table where all of it fits, else in one on optimizers and one on settings, or in sentences. Of models of the
    user's table the settings that one may choose are a table of their own.
    """
    if (answer.ranking["failures"] == 1).all():
        return []
    names = labels.short_names(problems, answer.label)
    name: dict[str, Sequence[Cell]] = {"problem": [[names[problem]] for problem in problems]}
    choices = tabulate_choices(answer, names)
    to_use = {} if choices else _tabulate_starts(answer, problems, "start with")
    for of, each in answer.levels.items():
        cells = [_find_worst(each, problem) for problem in problems]
        if any(cells):
            to_use[f"worst {of.removesuffix('_size')}"] = [[cell or NONE] for cell in cells]
    settings_text = explain_settings(answer, to_use)
    last = [[*explain_settings(answer, choices), *lay_out(choices, width)]] if choices else list[list[str]]()
    if to_use:
        last.insert(0, [*settings_text, *lay_out(name | to_use, width)])
    if answer.ranking["optimizer"].nunique() == 1:
        return last
    goal = "target" if all(name_unit(answer, problem) == SAMPLES for problem in problems) else "judged by"
    columns: dict[str, Sequence[Cell]] = {
        **name,
        goal: [[name_goal(answer, problem)] for problem in problems],
        "may be best": [_list_best(answer, problem) for problem in problems],
        "behind": [_list_behind(answer, problem) for problem in problems],
    }
    text = _explain(answer, problems)
    if to_use and (table := lay_out(columns | to_use, width, whole=True)):
        return [[text, *settings_text, *table], *last[1:]]
    return [[text, *lay_out(columns, width)], *last]


def _explain(answer: Answer, problems: Sequence[str]) -> str:
    """Return what the table of optimizers shows, and what its signs mean, as far as they occur."""
    units = [*dict.fromkeys(name_unit(answer, problem) for problem in problems)]
    what = f"Judged by {' or '.join('the loss at the end' if unit == PLAIN_LOSS else unit for unit in units)}"
    texts = ["Samples to a target, a share of the gap at the start" if units == [SAMPLES] else what]
    if any(len(answer.list_open(problem)) > len(answer.list_close(problem)) for problem in problems):
        texts.append("May be best: not told apart")
    if any(len(answer.firsts(problem)) - len(answer.list_open(problem)) > 1 for problem in problems):
        texts[-1] += " (=: equal within 10%)"
    if any(pair_behind(answer, problem) for problem in problems):
        whose = "the samples" if units == [SAMPLES] else "the value"
        texts.append(f"Behind: times {whose} of the first [{name_certainty(answer)} interval]")
        behind = {text for problem in problems for _, text in pair_behind(answer, problem)}
        signs = {text[:1] for text in behind}
        meanings = {"≥": "at least", "≤": "at most", "~": "about, both sides being bounds"}
        texts[-1] += "".join(f"; {sign}: {meaning}" for sign, meaning in meanings.items() if sign in signs)
        if NEVER in behind:
            texts[-1] += f"; {NEVER}: no run reached the target, judge by the loss instead: --judge-by loss"
        if any(map(answer.list_close, problems)):
            texts[-1] += "; perhaps <5%: shown to be behind, but the gap may be under 5%"
    if constant := name_constant(answer, problems):
        texts.append(constant[0].upper() + constant[1:])
    return f"{'. '.join(texts)}."


def explain_settings(answer: Answer, columns: Columns) -> list[str]:
    """Return what a table of settings needs to be understood, a text or none: its stars, seconds, and what is worst."""
    texts = list[str]()
    if "rate" in columns and (starts := list_starts_at_limit(answer).values()):
        ends = name_ends(answer.edges, [(row["problem"], row["optimizer"]) for row in starts])
        texts.append(f"*: {ends} of the search")
    if "seconds" in columns:
        texts.append("Seconds: of training, in PyTorch on one core, estimated")
    if any(title.startswith("worst ") for title in columns):
        texts.append(f"Worst: shown to be behind, times the best; {NONE}: none is")
    return [f"{'. '.join(texts)}."] if texts else []


def _list_best(answer: Answer, problem: str) -> Cell:
    """Return the texts on who may be best; where that is anybody of more than two, their number."""
    rows, words = answer.rows(problem), list_best(answer, problem)
    if not words or (rows["blocks"] == 0).all():
        return [describe_best(answer, problem)]
    if len(words) == len(answer.list_open(problem)) + 1 == len(rows) > 2:
        return [f"any of the {len(words)}"]
    return cut([word.removeprefix("or ") for word in words])[-FEW:]


def _list_behind(answer: Answer, problem: str) -> Cell:
    """Return the texts on who is behind, with the interval of all, of the nearest, or of none.

    What is left out is counted, and how far it is at most: "rmsprop 2.9× [2.1–4.1], 2 more to 4.8×".
    """
    texts = list[list[str]]()
    for intervals in (len(answer.rows(problem)), 1, 0):
        pairs = pair_behind(answer, problem, intervals)
        end = f" to {pairs[-1][1].partition(' ')[0]}" if pairs and "×" in pairs[-1][1] else ""
        texts.append(cut([" ".join(pair) for pair in pairs], end))
    return [whole for whole, *_ in filter(None, texts)] + [text for _, *cuts in filter(None, texts) for text in cuts]


def _find_worst(answer: Answer, problem: str) -> str:
    """Return the level that is furthest behind and its ratio, "full 14×"; "" where none is behind."""
    return " ".join(next(reversed(pair_behind(answer, problem, 0)), ()))


def _tabulate_starts(answer: Answer, problems: Sequence[str], title: str) -> dict[str, Sequence[Cell]]:
    """Return as columns the settings to start with, the rate with a star where a setting is at a limit of the search.

    title: of the column of optimizers.
    """
    at_limit, settings = list_starts_at_limit(answer), list[dict[str, str]]()
    for problem in problems:
        start = find_start(answer, problem)
        settings.append(name_setting(answer, start.setting) if start else {})
        if problem in at_limit:
            settings[-1]["rate"] += "*"
    parts = next(filter(None, settings), {})
    return {title if part == "optimizer" else part: [[each.get(part, NONE)] for each in settings] for part in parts}


def _tabulate_levels(answer: Answer, width: int) -> list[list[str]]:
    """Return tables of optimizers over many problems, and of batch sizes and schedules, the best mean rank first."""
    titles = "mean rank", "may be best", "leads", "typical", "worst"
    text = (
        "May be best: on how many problems it is not shown to be behind. Leads: on how many of these it has the lowest "
        "value. Typical and worst: times what the leader of a problem needs. Each may favor another, as they ask "
        "different questions. Each problem: the page, or results.winners()."
    )
    tables = [[text]]
    for of, each in {"optimizer": answer, **answer.levels}.items():
        rows, ranks = each.ranking[each.ranking["problem"] != ALL], each.rows(ALL)
        columns: dict[str, list[Cell]] = {title: [] for title in (of.replace("_", " "), *titles)}
        for rank in ranks.head(MOST).to_dict("records"):
            mine = rows[rows[of] == rank[of]]
            logs = np.log(mine["ratio"].astype(float).clip(lower=1.0))
            factors = [
                f"{format_ratio(float(np.exp(each)))}×" for each in (logs.mean(), logs.max()) if np.isfinite(each)
            ]
            ends = f" [{rank['low']:.1f}–{rank['high']:.1f}]" if np.isfinite(rank["low"]) else ""
            texts = [labels.shorten(name_level(each, rank[of]), LONGEST), f"{rank['mean_rank']:.1f}{ends}"]
            texts += [
                f"{sum(rank[of] in each.candidates(problem) for problem in mine['problem'])} of {len(mine)}",
                str(mine["leader"].sum()),
                *(factors or ["–", "–"]),
            ]
            for cells, cell in zip(columns.values(), texts, strict=True):
                cells.append([cell])
        more = [f"and {len(ranks) - MOST} more, to a mean rank of {ranks['mean_rank'].max():.1f}"] * (len(ranks) > MOST)
        tables.append([*lay_out(columns, width), *more])
    return tables


def lay_out(columns: Columns, width: int, whole: bool = False) -> list[str]:
    """Return the lines of a table without its empty columns; of each cell the first of its texts that fits.

    Where columns would be too narrow, a row is a sentence: "quadratic: start with gd 0.1; worst batch full 21×". whole:
    only if the longest texts fit; else [].
    """
    shown = {title: [[title], *(cell or [""] for cell in cells)] for title, cells in columns.items() if any(cells)}
    widths = [max(len(cell[0]) for cell in cells) for cells in shown.values()]
    least = [max(LEAST, *(len(cell[-1]) for cell in cells)) for cells in shown.values()]
    loose = [place for place, cells in enumerate(shown.values()) if any(len(cell) > 1 for cell in cells)]
    titles, *rows = zip(*shown.values(), strict=True)
    while sum(widths) + GAP * (len(widths) - 1) > width:
        widest = max((place for place in loose if widths[place] > least[place]), key=widths.__getitem__, default=None)
        if whole:
            return []
        if widest is None:
            pairs = [[*zip(titles, row, strict=True)] for row in rows]
            texts = [[f"{title[0]} {cell[0]}" for title, cell in row if cell[0] not in ("", NONE)] for row in pairs]
            return [f"{row[0][0]}: {'; '.join(words[1:])}" for row, words in zip(rows, texts, strict=True)]
        widths[widest] -= 1
    spare, table = 0, [*shown.values()]
    for place in loose * 2:  # what one column leaves, another may use
        used = max(len(_fit(cell, widths[place] + spare)) for cell in table[place])
        spare += widths[place] - used
        widths[place] = used
    return [
        (" " * GAP).join(_fit(cell, size).ljust(size) for cell, size in zip(line, widths, strict=True)).rstrip()
        for line in (titles, *rows)
    ]


def cut(words: Sequence[str], end: str = "") -> list[str]:
    """Return the texts of a cell: all of its words, and fewer of them with the number of the others, "2 more".

    Commas are between them, but before a tie, "= gd". end: what follows that number.
    """
    short = [labels.shorten(labels.write_math(word), 2 * LONGEST) for word in words]
    texts = [", ".join(short[:count]).replace(", =", " =") for count in range(len(short), 0, -1)]
    return [text + f", {left} more{end}" * bool(left) for left, text in enumerate(texts)]


def _fit(cell: Cell, width: int) -> str:
    """Return the first text of a cell that fits; else the last one, cut."""
    return next((text for text in cell if len(text) <= width), "") or labels.shorten(cell[-1], width)


def _list_notes(answer: Answer, problems: Iterable[str]) -> list[str]:
    """Return what a table does not say: why nothing is told apart, and on which problems nothing was learned."""
    reasons: dict[str, list[str]] = {}
    for problem in problems:
        if reason := explain_open(answer, problem):
            reasons.setdefault(reason, []).append(answer.label(problem))
    texts = [f"Nothing is told apart on {join_names(where)}: {reason}." for reason, where in reasons.items()]
    if (~answer.best["held_out"].astype(bool) & (answer.best["trials"] > 1)).any():
        texts.append("Some settings are reported on the seeds that chose them, for want of others: they look too good.")
    return texts + [f"{answer.label(problem)}: {text}." for problem, text in list_remarks(answer).items()]
