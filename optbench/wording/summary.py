"""The answer of a sweep on one screen: its headline, a line for each problem or of many for each optimizer, and limits.

The terminal prints it, and so does ``print(results)``.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from optbench.analysis import varied_hyperparameters
from optbench.analysis.verdicts import ALL
from optbench.contract.names import count_noun, join_names
from optbench.wording import labels
from optbench.wording.answers import Answer, split_measure
from optbench.wording.headlines import FACTORS, headline
from optbench.wording.judged import FEW_PROBLEMS, PLAIN_LOSS, SAMPLES, Judged, format_ratio

GAP = 2
"""Spaces between the columns of a table."""
LEAST = 12
"""Letters to which a column may shrink: a name and the number of the others; where that is not enough, there are
sentences."""
LONGEST = 24
"""Letters of a name in a table."""
MOST = 12
"""Levels in a table of many problems."""
NARROW = 30
"""Letters of a line at least, however narrow the terminal."""
Cell = Sequence[str]
"""The words of a cell, of which as many are shown as fit; the number of the others follows, "+2"."""
Columns = Mapping[str, Sequence[Cell]]
"""The columns of a table by their title."""


def summarize(answer: Answer, width: int = 80) -> list[str]:
    """Return the lines of the answer, of this width: the headline, tables, and what spoils them."""
    problems = [*answer.best["problem"].unique()]
    many = len(problems) >= FEW_PROBLEMS
    tables = _tabulate_levels(answer, width) if many else _tabulate_problems(answer, problems, width)
    notes = [*_list_notes(answer, problems), *filter(None, [split_measure(answer)[1]])]
    lines = [headline(answer)]
    for block in filter(None, [*tables, notes]):
        lines += ["", *block]
    return [part for line in lines for part in wrap(line, width)]


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

    In one table where all of it fits, else in one on optimizers and one on settings, or in sentences.
    """
    judged, levels = answer.judged, answer.levels
    if (answer.ranking["failures"] == 1).all():
        return []
    settings, names = _list_settings(answer), labels.short_names(problems, answer.label)
    name: Columns = {"problem": [[names[problem]] for problem in problems]}
    starred = " (*: at a limit)" * any(words[0].endswith("*") for words in settings.values())
    to_use: Columns = {f"start with{starred}": [settings.get(problem, []) for problem in problems]}
    for of, each in levels.items():
        title = f"{FACTORS[of].removesuffix(' size')} behind"
        to_use[title] = [_list_behind(each, problem, 0)[::-1] for problem in problems]
    if answer.ranking["optimizer"].nunique() == 1:
        return [lay_out(name | to_use, width) or _say_settings(name | to_use)]
    every = len(answer.ranking)
    text, whole, short = _explain(answer, problems), *(_list_optimizers(judged, problems, n) for n in (every, 1))
    for columns in (name | whole | to_use, name | short | to_use):
        if table := lay_out(columns, width, whole=True):
            return [[text, *table]]
    table = lay_out(name | whole, width, whole=True) or lay_out(name | short, width)
    first = [text, *table] if table else [answer.judged.sentence(problem) for problem in problems]
    return [first, lay_out(name | to_use, width) or _say_settings(name | to_use)]


def _list_optimizers(judged: Judged, problems: Sequence[str], intervals: int) -> Columns:
    """Return the columns on who may be best and who is behind. intervals: as for `Judged.list_behind`."""
    goal = "target" if all(judged.unit(problem) == SAMPLES for problem in problems) else "judged by"
    return {
        goal: [[judged.name_goal(problem)] for problem in problems],
        "may be best": [_list_best(judged, problem) for problem in problems],
        "behind": [_list_behind(judged, problem, intervals) for problem in problems],
    }


def _explain(answer: Answer, problems: Sequence[str]) -> str:
    """Return what the table of optimizers shows, and what its signs mean, as far as they occur."""
    judged = answer.judged
    units = [*dict.fromkeys(judged.unit(problem) for problem in problems)]
    what = f"Judged by {' or '.join(units)}".replace(PLAIN_LOSS, "the loss at the end")
    texts = ["Samples to a target, a share of the gap at the start" if units == [SAMPLES] else what]
    if any(judged.list_behind(problem) for problem in problems):
        texts.append(
            f"behind: times {'those' if units == [SAMPLES] else 'that'} of the first [{judged.level} interval]"
        )
    ties, open_ = (
        any(len(judged.firsts(problem)) - len(judged.list_open(problem)) > 1 for problem in problems),
        any(map(judged.list_open, problems)),
    )
    texts += ["=: equal within 10%"] * ties + ["or: not told apart"] * open_
    return f"{'; '.join(texts)}."


def _list_best(judged: Judged, problem: str) -> Cell:
    """Return the words on who may be best; where that is anybody of more than two, their number."""
    rows, words = judged.rows(problem), judged.list_best(problem)
    if not words or (rows["blocks"] == 0).all():
        return [judged.describe_best(problem)]
    return [f"any of the {len(words)}"] if len(judged.list_open(problem)) + 1 == len(rows) > 2 else words


def _list_behind(judged: Judged, problem: str, intervals: int) -> Cell:
    """Return the words on who is behind, with commas between them; a batch size has a "b", as in settings."""
    sign = "b" * (judged.of == "batch_size")
    words = judged.list_behind(problem, intervals)
    return [f"{sign if word[:1].isdigit() else ''}{word}," for word in words]


def _list_settings(answer: Answer) -> dict[str, Cell]:
    """Return by problem the recommended setting of the leader, with a star where it lies at a limit of the search."""
    runs, best, found = answer.runs, answer.best, {}
    varied, short = varied_hyperparameters(runs, answer.given), labels.name_schedules(runs["schedule"].unique())
    batches = int(runs.groupby("problem")["batch_size"].nunique().max() > 1)
    at_limit = {*zip(answer.edges["problem"], answer.edges["optimizer"], strict=True)}
    leaders = best[best["optimizer"] == best["problem"].map(answer.judged.leader)]
    for row in leaders.to_dict("records"):
        words = [labels.optimizer_label(row, varied, answer.label)]
        words += ["full batch" if row["full_batch"] else f"b{int(row['batch_size'])}"] * batches
        words += [short[row["schedule"]]] * (len(short) > 1)
        star = "*" * ((row["problem"], row["optimizer"]) in at_limit)
        found[row["problem"]] = [f"{' '.join(words)} {labels.number(row['lr'])}{star}"]
    return found


def _say_settings(columns: Columns) -> list[str]:
    """Return the columns on settings as sentences: "quadratic: start with gd 0.1; batch size behind: full 21×"."""
    (_, names), *others = columns.items()
    lines = []
    for place, name in enumerate(names):
        words = {title.partition(" (")[0]: _join(cells[place]) for title, cells in others if cells[place]}
        texts = [f"{title}{':' * title.endswith('behind')} {text}" for title, text in words.items()]
        lines.append(f"{_join(name)}: {'; '.join(texts)}")
    return lines


def _tabulate_levels(answer: Answer, width: int) -> list[list[str]]:
    """Return tables of optimizers over many problems, and of batch sizes and schedules, the best mean rank first."""
    titles = "mean rank", "may be best", "leads", "typical", "worst"
    text = "Typical and worst: times what the leader of a problem needs. Each problem: the page, or results.winners()."
    tables = [[text]]
    for of, judged in {"optimizer": answer.judged, **answer.levels}.items():
        rows, ranks = judged.ranking[judged.ranking["problem"] != ALL], judged.rows(ALL)
        columns: dict[str, list[Cell]] = {title: [] for title in (FACTORS.get(of, of), *titles)}
        for rank in ranks.head(MOST).to_dict("records"):
            mine = rows[rows[of] == rank[of]]
            logs = np.log(mine["ratio"].astype(float).clip(lower=1.0))
            factors = [
                f"{format_ratio(float(np.exp(each)))}×" for each in (logs.mean(), logs.max()) if np.isfinite(each)
            ]
            ends = f" [{rank['low']:.1f}–{rank['high']:.1f}]" if np.isfinite(rank["low"]) else ""
            texts = [labels.shorten(judged.name(rank[of]), LONGEST), f"{rank['mean_rank']:.1f}{ends}"]
            texts += [
                f"{mine['may_be_best'].sum()} of {len(mine)}",
                str(mine["leader"].sum()),
                *(factors or ["–", "–"]),
            ]
            for cells, each in zip(columns.values(), texts, strict=True):
                cells.append([each])
        table = lay_out(columns, width) or [
            ", ".join(f"{title} {_join(cell)}" for title, cell in zip(columns, row, strict=True))
            for row in zip(*columns.values(), strict=True)
        ]
        more = [f"and {len(ranks) - MOST} more, to a mean rank of {ranks['mean_rank'].max():.1f}"] * (len(ranks) > MOST)
        tables.append([*table, *more])
    return tables


def lay_out(columns: Columns, width: int, whole: bool = False) -> list[str]:
    """Return the lines of a table; of cells that do not fit the first words, and the number of the others.

    whole: only if everything fits. Returns [] where the columns would be too narrow. Without columns that are empty.
    """
    shown = {
        title: [[title], *([_shorten(word) for word in cell] for cell in cells)]
        for title, cells in columns.items() if any(cells)
    }  # fmt: skip
    widths = [max(len(_join(cell)) for cell in cells) for cells in shown.values()]
    least = [max(LEAST, len(title)) for title in shown]
    loose = [place for place, cells in enumerate(shown.values()) if any(len(cell) > 1 for cell in cells)]
    while sum(widths) + GAP * (len(widths) - 1) > width:
        widest = max((place for place in loose if widths[place] > least[place]), key=widths.__getitem__, default=None)
        if whole or widest is None:
            return []
        widths[widest] -= 1
    spare, table = 0, [*shown.values()]
    for place in loose * 2:  # what one column leaves, another may use
        used = max(len(_fit(cell, widths[place] + spare)) for cell in table[place])
        spare += widths[place] - used
        widths[place] = used
    return [
        (" " * GAP).join(_fit(cell, size).ljust(size) for cell, size in zip(line, widths, strict=True)).rstrip()
        for line in zip(*shown.values(), strict=True)
    ]


def _shorten(word: str) -> str:
    """Return a word of a cell with its math in plain letters, no longer than a name and an interval."""
    return labels.shorten(labels.write_math(word), 2 * LONGEST)


def _join(words: Cell) -> str:
    """Return words as a text, without the comma of the last one."""
    return " ".join(words).removesuffix(",")


def _fit(words: Cell, width: int) -> str:
    """Return as many words as fit, and the number of the others: "gd 1.9×, adam 3.4× +2"."""
    for count in range(len(words), 0, -1):
        text = _join(words[:count]) + f" +{len(words) - count}" * (count < len(words))
        if len(text) <= width:
            return text
    more = f" +{len(words) - 1}" * (len(words) > 1)
    text = _join(words[:1])
    cut = text[: width - len(more) + 1].rpartition(" ")[0]  # rather without its interval than with half of it
    return (cut or labels.shorten(text, width - len(more))) + more


def _list_notes(answer: Answer, problems: Iterable[str]) -> list[str]:
    """Return what a table does not say: why nothing is told apart, and on which problems nothing was learned."""
    reasons: dict[str, list[str]] = {}
    for problem in problems:
        if reason := answer.judged.explain_open(problem):
            reasons.setdefault(reason, []).append(answer.label(problem))
    texts = [f"Nothing is told apart on {join_names(where)}: {reason}." for reason, where in reasons.items()]
    if (~answer.best["held_out"].astype(bool) & (answer.best["trials"] > 1)).any():
        texts.append("Some settings are reported on the seeds that chose them, for want of others: they look too good.")
    return texts + [f"{answer.label(problem)}: {text}." for problem, text in answer.remarks.items()]
