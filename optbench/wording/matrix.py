"""The answer of a sweep at a glance: a cell for each problem and optimizer, and what matters most."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from optbench.analysis import best_of_n
from optbench.analysis.answer import Answer
from optbench.analysis.ranking import BEHIND, FAILED
from optbench.analysis.verdicts import ALL, OPEN, TIE
from optbench.contract.errors import OptbenchError
from optbench.wording import labels
from optbench.wording.headlines import weigh
from optbench.wording.judged import NEVER, PERHAPS, SAMPLES, format_ends, format_ratio, name_level, name_unit, tell_end

BEST, LEADS, NONE = "best", "leads", "none"
"""States of a cell, besides those of the ranking: nobody else may be best, others may be, or there is no result."""
ALONE = "alone"
WIDEST = 8
"""Optimizers whose ratios a matrix writes; of more it shows colors."""
DARKEST = 10.0
"""The ratio from which on a cell has the full color."""
FEW = 10
"""Settings that people try by hand."""
BOUNDS = {"at least": "≥ ", "at most": "≤ "}


class Cell(NamedTuple):
    """What is known of an optimizer on a problem."""

    state: str
    """BEST, LEADS or NONE, or a state of the ranking: TIE, OPEN, BEHIND or FAILED."""
    ratio: float
    """To the leader's value; inf where the target is never reached, or every run failed; NaN where it is not known."""
    text: str
    ends: str
    """Its interval, "1.1–3.3"; "" without one."""
    words: str
    """All of it in words."""

    @property
    def depth(self) -> int:
        """How dark its color is, in percent."""
        share = math.log(self.ratio) / math.log(DARKEST) if self.ratio > 1 else 0.0
        return round(100 * min(share, 1.0))


NOTHING = Cell(NONE, math.nan, "–", "", "no result")


@dataclass(frozen=True)
class Matrix:
    """Problems as rows, optimizers as columns."""

    names: Sequence[str]
    """The optimizers: in the order of the sweep, and more than WIDEST by their mean rank."""
    cells: Mapping[str, Sequence[Cell]]
    """By problem, a cell for each optimizer."""
    unit: str
    """What ratios are of, such as "samples"."""

    @property
    def in_colors(self) -> bool:
        """Whether cells are too narrow for numbers."""
        return len(self.names) > WIDEST

    @property
    def states(self) -> set[str]:
        """The states that it has."""
        return {cell.state for row in self.cells.values() for cell in row}

    @property
    def signs(self) -> dict[str, str]:
        """The signs before ratios that it has, with what they mean."""
        texts = {cell.text[:1] for row in self.cells.values() for cell in row} if not self.in_colors else set()
        return {sign.strip(): bound for bound, sign in BOUNDS.items() if sign.strip() in texts}

    @property
    def columns(self) -> list[list[Cell]]:
        """The cells of each optimizer with a result."""
        return [[cell for cell in column if cell.state != NONE] for column in zip(*self.cells.values(), strict=True)]

    def summarize(self) -> list[tuple[str, list[str]]]:
        """Return rows below: what they say, and a text for each optimizer; of a single problem none."""
        if self.judged < 2 or len(self.names) < 2:
            return []
        typical = [float(np.median(ratios)) if ratios else math.nan for ratios in self._list_ratios()]
        counts = [f"{count} of {len(column)}" for count, column in zip(self.behind, self.columns, strict=True)]
        return [
            ("typical (median)", [*map(tell_ratio, typical)]),
            (f"worst of the {self.judged}", [*map(tell_ratio, self.worst)]),
            ("shown to be behind", counts),
        ]

    @property
    def judged(self) -> int:
        """The number of problems with a result."""
        return sum(any(cell.state != NONE for cell in row) for row in self.cells.values())

    @property
    def behind(self) -> list[int]:
        """The number of problems on which each optimizer is shown to be behind."""
        return [sum(cell.state in (BEHIND, FAILED) for cell in column) for column in self.columns]

    @property
    def worst(self) -> list[float]:
        """The largest ratio of each optimizer; NaN where it lacks one on a problem with results."""
        known = self._list_ratios()
        return [max(ratios) if ratios and len(ratios) == self.judged else math.nan for ratios in known]

    def _list_ratios(self) -> list[list[float]]:
        """Return the ratios of each optimizer that are known."""
        return [[cell.ratio for cell in column if not math.isnan(cell.ratio)] for column in self.columns]


class Factor(NamedTuple):
    """A choice, and what it costs to choose wrong."""

    name: str
    size: float
    """How many times what the best choice needs the worst one needs, the geometric mean over problems."""
    text: str
    more: str
    """Which level is safe; "" where none is."""


def build_matrix(answer: Answer, without: Iterable[str] = (), problems: Sequence[str] = ()) -> Matrix:
    """Return the matrix of an answer. without: problems that nothing is shown of; problems: the rows, none for all."""
    names = list(answer.best["optimizer"].unique())
    problems = problems or list(answer.best["problem"].unique())
    if len(names) > WIDEST:
        rows = answer.rows(ALL if len(problems) > 1 else problems[0])
        names = [*rows["optimizer"], *(name for name in names if name not in set(rows["optimizer"]))]
    lacking = {*without}
    units = dict.fromkeys(name_unit(answer, problem) for problem in problems if problem not in lacking)
    cells = {
        problem: [NOTHING] * len(names) if problem in lacking else list_cells(answer, problem, names)
        for problem in problems
    }
    return Matrix(names, cells, " or ".join(units))


def list_cells(answer: Answer, problem: str, names: Sequence[str]) -> list[Cell]:
    """Return a cell for each level of a problem."""
    rows = {row[answer.of]: row for row in answer.rows(problem).to_dict("records")}
    leader = next((name for name, row in rows.items() if row["leader"]), "")
    alone = len(answer.candidates(problem)) == 1
    return [_make_cell(answer, problem, rows[name], leader, alone) if name in rows else NOTHING for name in names]


def _make_cell(answer: Answer, problem: str, row: Mapping, leader: str, alone: bool) -> Cell:
    """Return the cell of a row of the ranking. alone: nobody but the leader may be best."""
    name, state, ratio = row[answer.of], row["state"], float(row["ratio"])
    called, unit = name_level(answer, name), name_unit(answer, problem)
    if row["trials"] == 0 or row["blocks"] == 0:
        return NOTHING._replace(words=f"{called}: no result")
    if state == FAILED:
        ends = "diverges" if tell_end(answer, problem, name) == "diverged" else "fails"
        return Cell(FAILED, math.inf, ends, "", f"{called} {ends}")
    if len(answer.rows(problem)) == 1:
        return Cell(NONE, math.nan, ALONE, "", f"{called} alone: nothing to compare")
    if name == leader:
        others = "nobody else may be best" if alone else "others may be best"
        return Cell(BEST if alone else LEADS, 1.0, BEST if alone else LEADS, "", f"{called} leads, {others}")
    how = {TIE: "shown to be within 10%", OPEN: "may be best"}.get(state, "shown to be behind")
    if name in answer.list_close(problem):
        state, how = BEHIND, f"shown to be behind, {PERHAPS}"
    state = state if state in (TIE, OPEN) else BEHIND
    if unit == SAMPLES and row["reached"] == 0:
        return Cell(state, math.inf, NEVER, "", f"{called} never reaches the target, {how}")
    if not math.isfinite(ratio):
        return Cell(state, math.nan, "?" if state == OPEN else "–", "", f"{called}: {how}")
    bound = BOUNDS.get(row["bound"], "")
    text = f"{'≈ ' if state == OPEN else bound}{tell_ratio(ratio)}" if state != TIE else TIE
    low, high = row["ratio_low"], row["ratio_high"]
    ends = "" if math.isnan(low) or math.isnan(high) else format_ends(low, high)
    interval = f" [{ends}]" if ends else ""
    words = f"{called}: {bound}{format_ratio(ratio)} times {name_level(answer, leader)}'s {unit}{interval}, {how}"
    return Cell(state, ratio, text, ends, words)


def tell_ratio(ratio: float) -> str:
    """Return "1.9×", "never" for inf, and "–" for NaN."""
    return "–" if math.isnan(ratio) else f"{format_ratio(ratio)}×" if math.isfinite(ratio) else NEVER


def list_factors(answer: Answer) -> list[Factor]:
    """Return what it costs to choose wrong, by the measure of the sweep: optimizer, batch size, schedule, tuning.

    The first three are by verdicts. Tuning is what the best of FEW settings gives beside the best of all that were
    tried; it is described, not tested. Where every run failed there are none.
    """
    if (answer.ranking["failures"] == 1).all():
        return []
    every = {"optimizer": answer, **answer.levels}
    found = [_measure_choice(each, of.replace("_", " ").capitalize()) for of, each in every.items()]
    return [each for each in (*found, _measure_tuning(answer)) if each]


def _measure_choice(answer: Answer, name: str) -> Factor | None:
    """Return the factor of the levels of a column; None where nothing is compared."""
    problems = [each for each in answer.best["problem"].unique() if each not in answer.without]
    levels = list(answer.ranking[answer.of].unique())
    if len(levels) < 2 or not problems:
        return None
    behind = {
        (problem, level): cell.ratio
        for problem in problems
        for level, cell in zip(levels, list_cells(answer, problem, levels), strict=True)
        if cell.state in (BEHIND, FAILED) and not math.isnan(cell.ratio)
    }
    if not behind:
        return Factor(name, 1.0, "no difference is shown", "")
    problem, level = max(behind, key=lambda key: behind[key])
    most, where = behind[problem, level], labels.short_name(answer.label(problem))
    text = f"{NEVER if most == math.inf else f'up to {tell_ratio(most)}'}: {name_level(answer, level)} on {where}"
    counts = {each: sum((problem, each) in behind for problem in problems) for each in levels}
    least = min(counts.values())
    safe = [name_level(answer, each) for each in levels if counts[each] == least]
    often, count = ("seldom", str(least)) if least else ("never", "any")
    more = f"{often} behind: {' and '.join(safe)}, on {count} of {len(problems)}" if len(safe) <= 2 else ""
    return Factor(name, weigh(answer), text, more if len(problems) > 1 else "")


def _measure_tuning(answer: Answer) -> Factor | None:
    """Return the factor of tuning; None where too few settings were tried, or nothing measures it."""
    try:
        coded = answer.coded if answer.question.choose_by == answer.judge_by else None
        table = best_of_n(answer.runs, (FEW,), answer.judge_by, coded=coded)
    except OptbenchError:
        return None
    table = table[table["trials"] >= 2 * FEW]
    keys = ["problem", "optimizer"]
    few, every = (table[mask].set_index(keys)["value"] for mask in (table["n"] == FEW, table["n"] == table["trials"]))
    ratios = (few / every).replace([np.inf, -np.inf], np.nan).dropna()
    if ratios.empty:
        return None
    problems = ratios.groupby(level="problem", sort=False).median()
    where = labels.short_name(answer.label(problems.idxmax()))
    text = f"the best of {FEW} settings, not of {int(table['trials'].median())}"
    more = f"up to {tell_ratio(problems.max())}: {where}" if len(problems) > 1 else ""
    return Factor("Tuning", float(np.exp(np.log(ratios).mean())), text, more)
