"""Verdicts on the levels of one column by one measure, in words: who may be best, and who is behind, by how much."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple

import pandas as pd

from optbench.analysis.known import Known
from optbench.analysis.measures import LOSS, TIME
from optbench.analysis.pair_statistics import spent_alpha
from optbench.analysis.ranking import FAILED
from optbench.analysis.verdicts import ALL, TIE, WINS, exchange_sides
from optbench.contract.columns import SCORES, TEST, is_gain
from optbench.contract.names import join_with_and
from optbench.wording import labels
from optbench.wording.verdict_texts import say

MOST_BLOCKS = 1000
"""Beyond this number of blocks a difference is too small to matter."""
FEW_PROBLEMS = 20
"""Below this number of problems nothing is said about others (Demsar 2006)."""
SAMPLES, ERRORS, PLAIN_LOSS = "samples", "errors", "loss"
"""Units: what the ratios of a problem are ratios of, besides losses on test data."""
_SIGNS = {"at least": "≥", "at most": "≤", "about": "~"}
"""What stands before a ratio that is a bound."""
FARTHEST = 1000.0
"""The ratio beyond which an interval is said to have no end."""
_LISTED = 6
"""Levels that a sentence names at most."""


class Beside(NamedTuple):
    """A pair of levels, as seen from the first one."""

    verdict: str
    ratio: float
    low: float
    high: float
    p_adjusted: float
    blocks: int
    blocks_needed: float
    known: Known | None
    reason: Known | None


@dataclass(frozen=True)
class Judged:
    """The verdicts of a sweep on optimizers, batch sizes or schedules by one measure."""

    ranking: pd.DataFrame
    """`optbench.analysis.ranking`."""
    verdicts: pd.DataFrame
    """`optbench.analysis.verdicts`."""
    of: str = "optimizer"
    """The column that is compared."""
    judge_by: str = TIME
    """The measure."""
    targets: Mapping[str, float] = field(default_factory=dict)
    """By problem, the target of "time"; NaN where loss stands in."""
    without: frozenset[str] = frozenset()
    """The problems without the metric, where loss stands in."""
    names: Mapping[str, str] = field(default_factory=dict)
    """How levels are called where that is not their text, and the labels of problems and optimizers."""
    seeds: int = 0
    """The seeds of a sweep without blocks; 0 with blocks."""
    macro: frozenset[str] = frozenset()
    """The problems of more than two classes, whose F1 is the macro F1."""
    looks: tuple[int, int] = (1, 1)
    """The earliest and the latest of the first looks at what is compared, from which the level of intervals follows."""
    crashed: Mapping[tuple[str, str], float] = field(default_factory=dict)
    """By problem and level, the share of its reporting runs that failed without having diverged, if there is one."""
    in_common: bool = False
    """True where recommended settings are compared on seeds in common."""

    @cached_property
    def pairs(self) -> dict[tuple[str, str, str], Beside]:
        """The pairs by problem and both levels, in either order."""
        rows = pd.concat([self.verdicts, exchange_sides(self.verdicts)])
        keys = zip(*(rows[name].tolist() for name in ("problem", "a", "b")), strict=True)
        numbers = zip(*(rows[name].tolist() for name in Beside._fields), strict=True)
        return {key: Beside(*each) for key, each in zip(keys, numbers, strict=True)}

    @property
    def at_once(self) -> str:
        """What intervals hold for at once, in words."""
        return f"all {'comparisons with the best' if self.in_common else 'pairs'} of a problem at once"

    @property
    def level(self) -> str:
        """The level of the intervals: "97.5%", or "97.5–98.5%" where some of what is compared was added later."""
        return f"{'–'.join(dict.fromkeys(f'{100 * (1 - spent_alpha(look)):.4g}' for look in self.looks))}%"

    def describe_further_look(self) -> str:
        """Return what more runs mean: "a further look: intervals are then at 98.5% and not at 97.5%"."""
        after = replace(self, looks=(self.looks[1] + 1,) * 2)
        return f"a further look: intervals are then at {after.level} and not at {self.level}"

    def rows(self, problem: str) -> pd.DataFrame:
        """Return the ranking of one problem, the lowest value first; of problem "all", the best mean rank first."""
        return self._rows[problem] if problem in self._rows else self.ranking[:0]

    @cached_property
    def _rows(self) -> dict[str, pd.DataFrame]:
        """The ranking by problem, as `rows` returns it: a report asks for each some hundred times."""
        return {
            problem: part.sort_values("mean_rank" if problem == ALL else ["value", "mean_rank"], kind="stable")
            for problem, part in self.ranking.groupby("problem", sort=False)
        }

    def firsts(self, problem: str) -> list[str]:
        """Return the levels that may be the best of a problem: the leader, those that tie with it, and the others."""
        return self._firsts.get(problem, [])

    @cached_property
    def _firsts(self) -> dict[str, list[str]]:
        """By problem what `firsts` returns."""
        found = {}
        for problem, rows in self._records.items():
            names = [row[self.of] for row in rows if row["may_be_best"]]
            leader = next((row[self.of] for row in rows if row["leader"]), "")
            ranks = {name: 0 if name == leader else 1 + self._is_open(problem, leader, name) for name in names}
            found[problem] = sorted(names, key=ranks.__getitem__)
        return found

    @cached_property
    def _records(self) -> dict[str, list[dict]]:
        """The rows of each problem as mappings."""
        return {problem: rows.to_dict("records") for problem, rows in self._rows.items()}

    def _is_open(self, problem: str, leader: str, name: str) -> bool:
        """Return True if a level is not shown to be equal to the leader."""
        return self.pairs[problem, leader, name].verdict != TIE

    def leader(self, problem: str) -> str:
        """Return the best of the levels that may be the best of a problem; "" without one."""
        return next(iter(self.firsts(problem)), "")

    def list_open(self, problem: str) -> list[str]:
        """Return the levels beside the leader that may be the best, and are not shown to be equal to it."""
        leader, *others = self.firsts(problem) or [""]
        return [name for name in others if self._is_open(problem, leader, name)]

    def tell_end(self, problem: str, *levels: str) -> str:
        """Return how the runs of levels without a result ended: "diverged", "failed" or "diverged or failed"."""
        shares = [self.crashed.get((problem, level), 0.0) for level in levels]
        return "failed" if min(shares) == 1 else "diverged or failed" if any(shares) else "diverged"

    def explain_open(self, problem: str) -> str:
        """Return why nothing is told apart on a problem, whatever its runs, such as a single block of seeds; or ""."""
        reasons = [self.pairs[problem, self.leader(problem), name].reason for name in self.list_open(problem)]
        return say(reasons[0]) if reasons and all(reasons) else ""

    def unit(self, problem: str) -> str:
        """Return what ratios of a problem are of: "samples", "loss", "errors", or the name of a loss on test data."""
        if self.judge_by == TIME:
            return SAMPLES if math.isfinite(self.targets.get(problem, math.nan)) else PLAIN_LOSS
        if self.judge_by == LOSS or problem in self.without:
            return PLAIN_LOSS
        return ERRORS if "accuracy" in self.judge_by else name_metric(self.judge_by, problem in self.macro)

    def name_goal(self, problem: str) -> str:
        """Return what a problem is judged by: its target, "loss", or a measure on test data with the leader's value."""
        unit, rows = self.unit(problem), self.rows(problem)
        if unit == SAMPLES:
            return labels.share_text(self.targets[problem])
        value = rows.loc[rows["leader"], "value"]
        return unit if unit == PLAIN_LOSS or value.empty else f"{unit} {labels.number(value.iloc[0])}"

    def name(self, level: str) -> str:
        """Return what a level, or a problem, is called in a sentence."""
        return self.names.get(level, level)

    def sentence(self, problem: str) -> str:
        """Return a sentence on one problem: who may be best, and who is behind, by how much."""
        head = "" if self.of == "optimizer" else f"{self.of.replace('_', ' ')} on "
        return f"{head}{self.name(problem)}: {self.describe(problem)}"

    def describe(self, problem: str) -> str:
        """Return the sentence of a problem without its name."""
        behind = [" ".join(pair) for pair in self.pair_behind(problem, _LISTED, f" the {self.unit(problem)}")]
        behind[_LISTED:] = [f"and {len(behind) - _LISTED} more"] * (len(behind) > _LISTED)
        reason = self.explain_open(problem)
        parts = [self.describe_best(problem), reason, f"behind: {', '.join(behind)}" if behind else ""]
        return "; ".join(filter(None, parts))

    def describe_best(self, problem: str, where: str = "") -> str:
        """Return who may be best on a problem: "nesterov is best", "gd or adam may be best"; or why there is nothing.

        where: words that name the problem, " on mlp".
        """
        rows, firsts = self.rows(problem), self.firsts(problem)
        if (rows["failures"] == 1).all():
            return f"every run {self.tell_end(problem, *rows[self.of])}{where}"
        if not firsts or (rows["blocks"] == 0).all():
            return f"no result on fresh seeds{where} yet"
        if len(rows) == 1:
            return f"{self.name(firsts[0])} alone{where}, so there is nothing to compare"
        who, unit, open_ = self.list_best(problem), self.unit(problem), self.list_open(problem)
        who[_LISTED:] = [f"or {len(who) - _LISTED} more"] * (len(who) > _LISTED)
        value = "" if unit in (SAMPLES, PLAIN_LOSS) else f" ({self.name_goal(problem)})"
        limit = ", at a limit of the search" * bool(rows.loc[rows["leader"], "limit"].any())
        verb = " is best" if len(firsts) == 1 else " may be best" if open_ else " are equal within 10%"
        text = " ".join(who) if open_ else join_with_and([word.removeprefix("= ") for word in who])
        return f"{text}{verb}{where}{value}{limit}"

    def list_best(self, problem: str) -> list[str]:
        """Return who may be best in words to be joined: ["nesterov", "= gd", "or adam"]; gd ties with it."""
        open_, words = {*self.list_open(problem)}, []
        rows = {row[self.of]: row for row in self._records[problem]}
        for name in self.firsts(problem):
            sign = ("or " if name in open_ else "= ") * bool(words)
            fails = describe_failures(rows[name])
            words.append(f"{sign}{self.name(name)}{f' ({fails})' * bool(fails)}")
        return words

    def pair_behind(self, problem: str, intervals: int = 1, unit: str = "") -> list[tuple[str, str]]:
        """Return who is behind, the nearest first, and how many times what the leader needs: "gd", "1.9× [1.1–3.3]".

        intervals: how many of them have their interval; unit: what the first ratio is of, " the samples".
        """
        words, lost = [], []
        rows = self._records[problem]
        if not any(row["may_be_best"] for row in rows):
            return []
        behind = [row for row in rows if not row["may_be_best"]]
        for row in sorted(behind, key=lambda row: row["ratio"] if row["ratio"] > 0 else math.inf):
            name = self.name(row[self.of])
            if row["state"] == FAILED:
                lost.append((name, self.tell_end(problem, row[self.of])))
            elif row["trials"] == 0 or row["blocks"] == 0:
                lost.append((name, "without a result"))
            elif self.unit(problem) == SAMPLES and row["reached"] == 0:
                lost.append((name, "never"))
            else:
                words.append((name, self.describe_ratio(problem, row, len(words) < intervals, unit * (not words))))
        return [*words, *lost]

    def describe_ratio(self, problem: str, row: Mapping, interval: bool = True, unit: str = "") -> str:
        """Return how many times what the leader needs a row of the ranking has: "≥1.9× [1.1–3.3] (25% fail)".

        unit: what the ratio is of, with which its interval has its level.
        """
        pair = self.pairs.get((problem, self.leader(problem), row[self.of]))
        capped = bool(pair and pair.known) and pair.known.kind == "both_small"
        text = f"{'≥' if capped else _SIGNS.get(row['bound'], '')}{format_ratio(row['ratio'])}×{unit}"
        if interval and not capped and math.isfinite(row["ratio_low"]):
            text += f" {format_interval(row['ratio_low'], row['ratio_high'], self.level * bool(unit))}"
        fails = describe_failures(row)
        return text + f" ({fails})" * bool(fails)

    def overall(self) -> str:
        """Return a sentence on the order over all problems; "" of fewer than FEW_PROBLEMS, where it is not tested."""
        rows = self.rows(ALL)
        rows = rows[rows["mean_rank"].notna()]
        if rows.empty or rows["blocks"].max() < FEW_PROBLEMS:
            return ""
        top = rows.iloc[0]
        best = rows.loc[rows["mean_rank"] <= top["mean_rank"] + 1e-9, self.of].tolist()
        ends = f" [{top['low']:.1f}–{top['high']:.1f}]" if math.isfinite(top["low"]) else ""
        text = (
            f"over {int(rows['blocks'].max())} problems, {join_with_and([*map(self.name, best)])} "
            f"{'has' if len(best) == 1 else 'share'} the best mean rank: {top['mean_rank']:.1f} of {len(rows)}{ends}"
        )
        fragile = pd.notna(top["stays_first"]) and len(best) == 1 and not top["stays_first"]
        text += "; leaving out one problem changes who leads" if fragile else ""
        return f"{text}; {self.tested_over_all().rpartition(' over ')[0] or 'no difference is shown'}"

    def tested_over_all(self) -> str:
        """Return who wins over all problems, for a title; "" where no test shows a difference."""
        rows = self.rows(ALL)
        names = rows.loc[rows["mean_rank"].notna(), self.of].tolist()
        beaten = [name for name in names[1:] if self.pairs[ALL, names[0], name].verdict == WINS]
        if not beaten:
            return ""
        others = len(names) - 1
        whom = (
            f"{'both' if others == 2 else 'all'} others"
            if len(beaten) == others > 1
            else (self.name(beaten[0]) if others == 1 else f"{len(beaten)} of {others} others")
        )
        return f"{self.name(names[0])} wins against {whom} over {int(rows['blocks'].max())} problems"


def name_metric(measure: str, macro: bool = False, error: str = "1 - ", where: str = " on test data") -> str:
    """Return a measure on test data in words: "test loss" for "test_loss_final", "1 - F1 on test data".

    macro: there are several classes. error, where: what stands before a metric that is better where it is higher, and
    behind all of them; "" for the metric itself.
    """
    name = measure.removesuffix("_final")
    short = name.removeprefix(TEST)
    if short not in SCORES or "accuracy" in short:
        return name.replace("_", " ")
    return f"{error * is_gain(short)}{'macro ' * (macro and short == 'f1')}{SCORES[short]}{where}"


def format_ratio(ratio: float) -> str:
    """Return the text of a ratio: "1.3", "25", "140"; within 20% of 1 to two decimals, within 1% to three."""
    if abs(ratio - 1) < 0.2:
        return labels.number(round(ratio, 2 if abs(ratio - 1) >= 0.01 else 3), 4)
    return f"{float(f'{ratio:.2g}'):,.0f}" if 10 <= ratio < 1e5 else labels.number(ratio, 2)


def format_ends(low: float, high: float) -> str:
    """Return the ends of a ratio's interval: "1.2–3.1"; beyond a factor of FARTHEST it has none, "0–∞"."""
    return f"{'0' if low < 1 / FARTHEST else format_ratio(low)}–{'∞' if high > FARTHEST else format_ratio(high)}"


def format_interval(low: float, high: float, level: str = "") -> str:
    """Return the interval of a ratio: "[1.2–3.1]", or "[97.5% CI 1.2–3.1]" with its level."""
    return f"[{f'{level} CI ' * bool(level)}{format_ends(low, high)}]"


def describe_failures(row: Mapping) -> str:
    """Return "25% fail" of a row of the ranking; "" where no run failed."""
    share = row["failures"]
    return f"{'<1' if share < 0.01 else f'{100 * share:.0f}'}% fail" if 0 < share < 1 else ""
