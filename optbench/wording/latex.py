"""LaTeX: texts and numbers, and the table of a paper, with problems as rows and optimizers as columns."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping

import numpy as np
import pandas as pd

from optbench.analysis.answer import Answer
from optbench.analysis.measures import LOSS, TIME
from optbench.analysis.ranking import FAILED
from optbench.analysis.verdicts import ALL, OPEN, TIE
from optbench.contract.names import join_names
from optbench.wording import labels
from optbench.wording.answers import describe_unequal_trials, list_reached_at_once, name_measure, name_reported_blocks
from optbench.wording.caveats import name_standing_in
from optbench.wording.judged import FEW_PROBLEMS, PLAIN_LOSS, SAMPLES, name_certainty, name_scope, name_unit
from optbench.wording.wider_search import name_limits

MOST_COLUMNS = 8
"""Optimizers of the table of a paper unless others are named: more columns with intervals are wider than a page."""
_FITTING = 4
"""Optimizers that fit into a column of a paper with their intervals, in the size of its text."""
_SPECIAL = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", "–": "--", "…": r"\ldots{}", "·": r"\textperiodcentered{}", "\n": " ", "\r": " ",
    "≥": r"$\geq$", "≤": r"$\leq$", "∞": r"$\infty$",
}  # fmt: skip
LATEX_BOUNDS = {"at least": r"$\geq$", "at most": r"$\leq$", "about": r"$\sim$"}
"""What stands before a ratio that is a bound."""
_POWER = re.compile(r"(-?[\d.]+)e(-?\d+)")


def build_results_table(
    answer: Answer,
    own: Collection[str] = (),
    comment: str = "",
    optimizers: str | Iterable[str] | None = None,
    columns: int = 1,
) -> str:
    """Return a table in LaTeX: a row a problem, a column an optimizer, each value with its interval below.

    The best value of a row is bold unless it is told apart from none, or trials were unequal; what ties with it is
    underlined, and what is not told apart from it has a dagger.

    answer: that of the sweep; own: optimizers that stay whatever their number; comment: a first line, such as the
    command; optimizers: the columns, in their order; None: all up to MOST_COLUMNS, of more the best by mean rank;
    columns: of the paper that the table takes, 1 or 2; one with more optimizers than fit there is made smaller.
    Raises OptbenchError for an optimizer that is unknown.
    """
    ranking = answer.ranking
    few = _is_untested(answer)
    known = list(dict.fromkeys(ranking["optimizer"]))
    if optimizers is None:
        names = _list_columns(ranking, own)
    else:
        names = labels.list_optimizers(optimizers, known, answer.labels)
    rows: list[str] = []
    for problem, part in ranking.groupby(ranking["problem"].astype(str), sort=False):
        if problem == ALL and part["mean_rank"].isna().all():
            continue
        cells, marks = part.set_index("optimizer"), {}
        if problem == ALL and few:
            cells = cells.assign(low=np.nan, high=np.nan)
        else:
            marks = _find_marks(answer, problem, cells)
        pairs = [_write_head(answer, problem)]
        pairs += [
            _write_cell(cells.loc[name], marks.get(name, "")) if name in cells.index else ("--", "") for name in names
        ]
        rows.append(("\\midrule" if problem == ALL else "\\addlinespace") if rows else "\\midrule")
        rows += [f"{' & '.join(texts)} \\\\" for texts in zip(*pairs, strict=True) if any(texts)]
    heads = " & ".join(["problem", *(latex_escaped(answer.label(name)) for name in names)])
    shrinks = len(names) > _FITTING * columns
    place, packages = "table*" if columns == 2 else "table", "booktabs,graphicx" if shrinks else "booktabs"
    return "\n".join(
        [
            f"% {' '.join(comment.split())}",
            f"% needs \\usepackage{{{packages}}}",
            f"\\begin{{{place}}}",
            "\\centering",
            f"\\caption{{{_write_caption(answer, names, len(known))}}}",
            "\\label{tab:results}",
            *(["\\resizebox{\\linewidth}{!}{%"] if shrinks else []),
            f"\\begin{{tabular}}{{l{'r' * len(names)}}}",
            "\\toprule",
            f"{heads} \\\\",
            *rows,
            "\\bottomrule",
            "\\end{tabular}" + "}" * shrinks,
            f"\\end{{{place}}}",
            "",
        ]
    )


def _list_columns(ranking: pd.DataFrame, own: Collection[str]) -> list[str]:
    """Return the optimizers of a table, in the order of the sweep: all, or of many the user's own and the best."""
    ranks = ranking.groupby("optimizer", sort=False)["mean_rank"].mean()
    kept = labels.keep_own(ranks.sort_values(kind="stable").index, own, MOST_COLUMNS)
    return [str(name) for name in ranks.index if name in kept]


def _find_marks(answer: Answer, problem: str, cells: pd.DataFrame) -> dict[str, str]:
    """Return by optimizer the mark of its cell: "best" of the lowest value that nobody wins against, TIE or OPEN.

    The lowest has no mark where it is open with all, or where trials were unequal. TIE, OPEN: the verdict on an
    optimizer and that one, also where the optimizer loses to somebody else. cells: the problem's rows of the ranking,
    by optimizer.
    """
    column = "mean_rank" if problem == ALL else "value"
    able = cells[cells["state"].ne(FAILED) & cells["place"].eq(1) & np.isfinite(cells[column])]
    if able.empty:
        return {}
    best = able[column].idxmin()
    marks = {name: answer.pairs[problem, best, name].verdict for name in cells.index if name != best}
    open_ = bool(marks) and {*marks.values()} == {OPEN}
    return marks if open_ or problem in answer.unequal else {best: "best", **marks}


def _write_cell(row: pd.Series, mark: str) -> tuple[str, str]:
    """Return the value of a cell and its interval, "" where it has none."""
    value = row["mean_rank"] if pd.isna(row["value"]) and row["problem"] == ALL else row["value"]
    if row["state"] == FAILED:
        return "failed", ""
    if pd.isna(value):
        return "--", ""
    if row["reached"] == 0:
        return "never" + r"\textsuperscript{\textdagger}" * (mark == OPEN), ""
    text = bounded(row, latex_number(value))
    forms = {
        "best": rf"\textbf{{{text}}}",
        TIE: rf"\underline{{{text}}}",
        OPEN: rf"{text}\textsuperscript{{\textdagger}}",
    }
    ends = [latex_number(row["low"]), bounded(row, latex_number(row["high"]))]
    return forms.get(mark, text), "" if "--" in ends else rf"{{\footnotesize [{', '.join(ends)}]}}"


def bounded(row: Mapping, text: str) -> str:
    """Return a number in LaTeX, as a bound where some seed or block missed the target; "never" where all did.

    row: of `Answer.ranking`.
    """
    if row["reached"] == 0:
        return "never"
    return f"${{>}}${text}" if row["unreached"] > 0 else text


def _write_head(answer: Answer, problem: str) -> tuple[str, str]:
    """Return what a row is called, and what its values are, in small letters."""
    if problem == ALL:
        return "mean rank", ""
    unit = name_unit(answer, problem)
    if unit == SAMPLES:
        unit = f"samples to {labels.share_text(answer.targets[problem])}"
    return latex_escaped(answer.label(problem)), rf"{{\footnotesize {latex_escaped(unit)}}}"


def _write_caption(answer: Answer, names: list[str], total: int) -> str:
    """Return the caption of a table of these optimizers, of so many: measure, direction, intervals and marks."""
    problems = [problem for problem in answer.ranking["problem"].unique() if problem != ALL]
    plain = [problem for problem in problems if name_unit(answer, problem) == PLAIN_LOSS]
    judge_by = LOSS if len(plain) == len(problems) else answer.judge_by
    measure = name_measure(judge_by)
    parts = [f"{measure[:1].upper()}{measure[1:]}; lower is better."]
    if judge_by == TIME:
        parts.append(
            "A run reaches its target once its loss above the minimum stays below that share of its value at the start."
        )
    if plain and judge_by != LOSS:
        parts.append("Where a row is of loss, that at the end of a run, above the minimum, stands in.")
    parts += name_standing_in(answer.runs, answer.label)
    how = f"{name_reported_blocks(answer) if answer.blocks else 'the'} blocks of seeds, in each of which all are tuned"
    if answer.in_common:
        how = "fresh seeds, the same for all, of the recommended settings"
    parts.append(f"Geometric mean over {how}, with its 95% interval.")
    parts.append("Bold: the best, unless all are open. Underlined: tied with the best, within 10%.")
    if unequal := describe_unequal_trials(answer):
        parts.append(f"{unequal} Nothing is bold there.")
    text = latex_escaped(" ".join(parts))
    dagger = r"\textsuperscript{\textdagger}"
    level = latex_escaped(name_certainty(answer))
    text += f" {dagger}: not told apart from the best, at {level} for {name_scope(answer)}."
    if _is_untested(answer):
        text += f" Mean ranks are not tested with fewer than {FEW_PROBLEMS} problems."
    shown = answer.ranking[answer.ranking["optimizer"].isin(names)]
    if (shown["reached"] == 0).any():
        text += " never: no run reached the target."
    if ((shown["unreached"] > 0) & (shown["reached"] > 0)).any():
        missed = "on some seed the target was missed" if answer.in_common else "in some block no run reached the target"
        text += f" ${{>}}$: a bound, as {missed}."
    limits = shown.loc[shown["limit"], ["problem", "optimizer"]].itertuples(index=False)
    where = [
        f"{answer.label(name)} on {answer.label(problem)} ({name_limits(answer.edges, problem, name)})"
        for problem, name in limits
    ]
    if where:
        text += latex_escaped(f" At the limit of the search, and perhaps better beyond: {join_names(where, 5)}.")
    if early := list_reached_at_once(answer):
        text += latex_escaped(
            f" The best reaches its target within ten steps on {join_names([*map(answer.label, early)], 5)}."
        )
    return text + (f" Shown: {len(names)} of {total} optimizers; marks are towards all." if len(names) < total else "")


def _is_untested(answer: Answer) -> bool:
    """Return True if mean ranks are over too few problems for a test."""
    rows = answer.rows(ALL)
    return len(rows) > 0 and int(rows["blocks"].max()) < FEW_PROBLEMS


def latex_escaped(value: str) -> str:
    """Return the LaTeX source that prints `value`; math between dollars stays (`labels.split_math`)."""
    parts = labels.split_math(value)
    text = "".join(
        part if place % 2 else "".join(_SPECIAL.get(each, each) for each in part) for place, part in enumerate(parts)
    )
    return f"{{}}{text}" if text[:1] in ("[", "*") else text  # behind the end of a row these are its arguments


def latex_number(value: float) -> str:
    """Return a number to three digits: 0.0012, $1.2 \\times 10^{-5}$, 5,860, $\\infty$, or a dash for none."""
    if pd.notna(value) and 1000 <= value < 1e6:
        return f"{value:,.0f}" if value == int(value) else f"{float(f'{value:.3g}'):,.0f}"
    near = pd.notna(value) and value != 1 and abs(value - 1) < 0.005
    short = labels.number(value, 4 if near else 3)
    if short in ("inf", "-inf"):
        return rf"${short.replace('inf', chr(92) + 'infty')}$"
    if power := _POWER.fullmatch(short):
        return rf"${power[1]} \times 10^{{{power[2]}}}$"
    return f"${short}$" if short.startswith("-") else latex_escaped(short)
