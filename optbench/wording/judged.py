"""Verdicts on the levels of one column by one measure, in sentences: who is first, who ties, and what is not known."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
import pandas as pd

from optbench.analysis.measures import LOSS, TIME
from optbench.analysis.pair_statistics import spent_alpha
from optbench.analysis.ranking import BEHIND, FAILED, FIRST
from optbench.analysis.texts import BOTH_SMALL, NEAR_LOWEST, SOLVED, join_with_and, turn_known
from optbench.analysis.verdicts import ALL, OPEN, TIE, WINS, exchange_sides
from optbench.contract.columns import SCORES, TEST, is_gain
from optbench.contract.names import count_noun
from optbench.wording import labels

MOST_BLOCKS = 1000
"""Beyond this number of blocks a difference is too small to matter."""
FEW_PROBLEMS = 20
"""Below this number of problems nothing is said about others (Demsar 2006)."""
SAMPLES, ERRORS, PLAIN_LOSS = "samples", "errors", "loss"
"""Units: what the ratios of a problem are ratios of, besides losses on test data."""
_VERBS = {SAMPLES: ("needs", "need"), ERRORS: ("makes", "make")}
_LEAST = {SAMPLES: "the fewest samples", ERRORS: "the fewest errors"}
_SHORT, _NAMED, _LISTED = 2, 3, 6
"""Levels that a short sentence names with their ratio, that are named of many, and that are few enough to list all."""


class Beside(NamedTuple):
    """A pair of levels, as seen from the first one."""

    verdict: str
    ratio: float
    low: float
    high: float
    bound: str
    known: str
    more: float
    """Blocks that would decide, beyond those that have run; NaN where nothing is open or nothing is known."""
    reason: str


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
    folds: int = 0
    """The folds that take the place of blocks; 0 where the data are split once."""
    look: int = 1
    """How often the sweep has been looked at, on which the level of the intervals depends."""
    crashed: Mapping[tuple[str, str], float] = field(default_factory=dict)
    """By problem and level, the share of its reporting runs that failed without having diverged, if there is one."""

    @cached_property
    def pairs(self) -> dict[tuple[str, str, str], Beside]:
        """The pairs by problem and both levels, in either order."""
        back = exchange_sides(self.verdicts).assign(known=[turn_known(text) for text in self.verdicts["known"]])
        found = {}
        for row in pd.concat([self.verdicts, back]).itertuples():
            more = row.blocks_needed if np.isinf(row.blocks_needed) else row.blocks_needed - row.blocks
            known = row.known if isinstance(row.known, str) else ""
            numbers = row.verdict, row.ratio, row.low, row.high, row.bound, known, more, row.reason or ""
            found[row.problem, row.a, row.b] = Beside(*numbers)
        return found

    @property
    def level(self) -> str:
        """The level of the intervals, for all pairs of a problem at once: "96%"."""
        return f"{100 * (1 - spent_alpha(self.look)):.4g}%"

    def describe_further_look(self) -> str:
        """Return what more runs mean: "a further look, which costs certainty: intervals are then at 99.5%, not 96%"."""
        after = replace(self, look=self.look + 1)
        return f"a further look, which costs certainty: intervals are then wider, at {after.level} and not {self.level}"

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
        """Return the level that is first and those that tie with it; where none is, all that nobody wins against."""
        rows = self.rows(problem)
        first, ties = (rows.loc[rows["state"] == state, self.of].tolist() for state in (FIRST, TIE))
        return [*first, *ties] if first else rows.loc[rows["state"] == OPEN, self.of].tolist()

    def first(self, problem: str) -> str:
        """Return the level that is first on a problem; "" where none is."""
        rows = self.rows(problem)
        return next(iter(rows.loc[rows["state"] == FIRST, self.of]), "")

    def list_ahead(self, problem: str) -> list[str]:
        """Return the level that is first, and where nothing is open those that tie with it; none where none is."""
        first = self.first(problem)
        if not first:
            return []
        return [first] if self.list_open(problem) else self.firsts(problem)

    def is_at_limit(self, problem: str) -> bool:
        """Return True if the level that is first leads at a limit of the search, so that nothing is settled."""
        rows = self.rows(problem)
        return bool(rows.loc[rows[self.of] == self.first(problem), "limit"].fillna(False).any())

    def leader(self, problem: str) -> str:
        """Return the level that is first on a problem, or else the best that nobody wins against; "" without one."""
        return next(iter(self.firsts(problem)), "")

    def list_open(self, problem: str) -> list[str]:
        """Return the levels that are not told apart from the leader, the best first: also who loses to somebody else.

        Without those whose every run failed, or that have no result.
        """
        leader = self.leader(problem)
        names = [name for name in _with_results(self.rows(problem))[self.of] if leader and name != leader]
        return [name for name in names if self.pairs[problem, leader, name].verdict == OPEN]

    def tell_end(self, problem: str, *levels: str) -> str:
        """Return how the runs of levels without a result ended: "diverged", "failed" or "diverged or failed"."""
        shares = [self.crashed.get((problem, level), 0.0) for level in levels]
        return "failed" if min(shares) == 1 else "diverged or failed" if any(shares) else "diverged"

    def reasons(self, problem: str) -> list[str]:
        """Return the reasons why pairs stay open whatever their runs, such as too few blocks."""
        rows = self.verdicts[(self.verdicts["problem"] == problem) & (self.verdicts["verdict"] == OPEN)]
        return [reason for reason in rows["reason"].unique() if reason]

    def unit(self, problem: str) -> str:
        """Return what ratios of a problem are of: "samples", "loss", "errors", or the name of a loss on test data."""
        if self.judge_by == TIME:
            return SAMPLES if math.isfinite(self.targets.get(problem, math.nan)) else PLAIN_LOSS
        if self.judge_by == LOSS or problem in self.without:
            return PLAIN_LOSS
        name = ERRORS if "accuracy" in self.judge_by else name_metric(self.judge_by)
        return name.replace("F1", "macro F1") if problem in self.macro else name

    def name(self, level: str) -> str:
        """Return what a level, or a problem, is called in a sentence."""
        return self.names.get(level, level)

    def sentence(self, problem: str, short: bool = False) -> str:
        """Return a sentence on one problem: who is first, who ties with it, how much worse others are, what is open.

        short: name a few of the others only.
        """
        head = "" if self.of == "optimizer" else f"{self.of.replace('_', ' ')} on "
        return f"{head}{self.name(problem)}: {self.describe(problem, short)}"

    def describe(self, problem: str, short: bool = False) -> str:
        """Return the sentence of a problem without its name."""
        rows = self.rows(problem)
        left = _with_results(rows)
        if len(rows) == 1:
            return f"{self.name(rows[self.of].iloc[0])} alone, so there is nothing to compare"
        if (rows["state"] == FAILED).all():
            return f"every run {self.tell_end(problem, *rows[self.of])}, so there is nothing to compare"
        if (rows["blocks"] == 0).all() and (rows["trials"] > 0).all():
            return "no run on fresh seeds yet, so there is nothing to compare"
        names = left[self.of].tolist()
        if len(names) < 2:
            parts = [f"{self.name(name)} alone has a result" for name in names]
            return "; ".join([*parts, *self._describe_lost(rows)])
        parts = self._describe_equals(problem, names) or self._describe_lead(problem, left, short)
        return "; ".join([*parts, *self._describe_lost(rows)])

    def _describe_equals(self, problem: str, names: Sequence[str]) -> list[str]:
        """Return that all levels solve a problem, or all tie, in a list; an empty list where they do not."""
        pairs = [self.pairs[problem, a, b] for place, a in enumerate(names) for b in names[:place]]
        if not pairs or any(pair.verdict != TIE for pair in pairs):
            return []
        who = f"all {labels.count_word(len(names))}" if len(names) > 2 else join_with_and([*map(self.name, names)])
        if all(pair.known == SOLVED for pair in pairs):
            return [f"{who} solve it (loss below 1e-8 of the start)"]
        if all(pair.known == NEAR_LOWEST for pair in pairs):
            return [f"{who} end within 1% of the lowest loss found"]
        return [f"{who} tie (within 10%)"]

    def _describe_lead(self, problem: str, left: pd.DataFrame, short: bool) -> list[str]:
        """Return the clauses on who leads and on the others.

        left: the rows of levels with a run that finished, the lowest value first.
        """
        names, first = left[self.of].tolist(), self.first(problem)
        leader = self.leader(problem) or names[0]
        beside = {name: self.pairs[problem, leader, name] for name in names if name != leader}
        ties = [name for name in beside if beside[name].verdict == TIE]
        open_ = [name for name in beside if beside[name].verdict == OPEN]
        behind = [name for name in beside if name not in ties and name not in open_]
        if open_ and not first and not ties and not behind and all(beside[name].reason for name in open_):
            listed = join_with_and([*map(self.name, names)])
            return [f"undecided ({beside[open_[0]].reason}); lowest first: {listed}"]
        failing = _describe_failures(left[left[self.of] == leader])
        value = "" if short else self.state_value(left[left[self.of] == leader])
        note = f" ({'; '.join(filter(None, (value, failing)))})" if value or failing else ""
        if not first:
            least = f"{_verb(self.unit(problem))} {self._name_least(problem)}"
            parts = [f"undecided: {self.name(leader)} {least} so far{note}"]
        elif self.is_at_limit(problem):
            parts = [f"{self.name(leader)} leads{' so far' * bool(open_)}, at the limit of the search{note}"]
        else:
            parts = [f"{self.name(leader)} {'leads so far' if open_ else 'is first'}{note}"]
        if ties:
            solved = all(beside[name].known == SOLVED for name in ties)
            how = "both solve it: loss below 1e-8 of the start" if solved and len(ties) == 1 else "within 10%"
            how = "all solve it: loss below 1e-8 of the start" if solved and len(ties) > 1 else how
            near = all(beside[name].known == NEAR_LOWEST for name in ties)
            how = "within 1% of the lowest loss found" if near else how
            verb = "ties" if len(ties) == 1 else "tie"
            parts.append(f"{join_with_and([*map(self.name, ties)])} {verb} with it ({how})")
        parts += self._describe_behind(problem, leader, left[left[self.of].isin(behind)], names, short)
        if open_:
            parts.append(f"not told apart from it: {self._describe_open(problem, leader, open_, short)}")
        return parts

    @property
    def over(self) -> str:
        """What values of the ranking are means over: "over 10 blocks", or "over 5 folds"."""
        count = self.seeds or int(self.ranking.loc[self.ranking["problem"] != ALL, "blocks"].max())
        return f"over {count_noun(count, 'seed' if self.seeds else 'fold' if self.folds else 'block')}"

    def state_value(self, rows: pd.DataFrame) -> str:
        """Return the value of the first row with what it is a mean over, "0.04 over 10 blocks"; "" but on test data."""
        if self.unit(rows["problem"].iloc[0]) in (SAMPLES, PLAIN_LOSS):
            return ""
        return f"{labels.number(rows['value'].iloc[0])} {self.over}"

    def _name_least(self, problem: str) -> str:
        """Return what the leader of an undecided problem has, such as "the fewest samples"."""
        unit = self.unit(problem)
        return _LEAST.get(unit, f"the lowest {unit}")

    def _describe_open(self, problem: str, leader: str, names: Sequence[str], short: bool) -> str:
        """Return the levels that are not told apart from the leader, each with what is known and what would tell."""
        texts, told = [], False
        for name in names:
            pair = self.pairs[problem, name, leader]
            known = pair.known.replace(" of each other", " of it").replace("the other", self.name(leader))
            if known.startswith("at most") and 0 < pair.low and math.isfinite(pair.high):
                ends = format_ratio(pair.high), format_ratio(1 / pair.low)
                known = "between {} times better and {} times worse".format(*ends)
            more = self.describe_more(pair, brief=told)
            told |= bool(more)
            notes = [self._name_winner(problem, name), known or pair.reason, more]
            notes = [] if short else [note for note in notes if note]
            texts.append(f"{self.name(name)} ({'; '.join(notes)})" if notes else self.name(name))
        return (
            f"{', '.join(texts[:_SHORT])} and {len(texts) - _SHORT} more"
            if short and len(texts) > 3
            else (", ".join(texts))
        )

    def _name_winner(self, problem: str, name: str) -> str:
        """Return "loses to adam", the best of those that win against a level; "" where nobody does."""
        names = self.rows(problem)[self.of].tolist()
        if self.rows(problem)["state"].iloc[names.index(name)] != BEHIND:
            return ""
        wins = [each for each in names if each != name and self.pairs[problem, each, name].verdict == WINS]
        return f"loses to {self.name(wins[0])}" if wins else ""

    def describe_more(self, pair: Beside, brief: bool = False) -> str:
        """Return how many more blocks, or seeds, would probably settle a pair; "" where that is not known.

        brief: beside a pair of which it was said in full.
        """
        if math.isnan(pair.more) or "fails in" in pair.known:
            return ""
        if pair.more > MOST_BLOCKS:
            data = "" if brief or self.judge_by in (TIME, LOSS) else "; more test data might"
            return describe_settling(brief=brief) + data
        unit = "seed" if self.seeds else "block"
        return describe_settling(count_noun(self.count_more(pair), f"more {unit}"), brief=brief)

    def count_more(self, pair: Beside) -> int:
        """Return the whole number of blocks, or of seeds in a sweep without blocks, that a pair needs."""
        there = max(self._most_blocks, 1)
        return max(1, count_in_all(there + pair.more, there, self.seeds) - (self.seeds or there))

    @cached_property
    def _most_blocks(self) -> int:
        """The most blocks of a pair on a problem."""
        return self.verdicts.loc[self.verdicts["problem"] != ALL, "blocks"].max()

    def _describe_behind(
        self, problem: str, leader: str, rows: pd.DataFrame, names: Sequence[str], short: bool
    ) -> list[str]:
        """Return the clauses on levels that some other wins against: their ratios, and who never reaches the target.

        rows: those of these levels; names: all levels with a run that finished, the lowest value first.
        """
        unit, parts, never, small, level = self.unit(problem), [], [], False, self.level
        for row in rows.to_dict("records"):
            name = row[self.of]
            if unit == SAMPLES and row["reached"] == 0:
                never.append(self.name(name))
                continue
            rivals = [leader, *(other for other in names if other not in (leader, name))]
            than = next((each for each in rivals if self.pairs[problem, each, name].verdict == WINS), leader)
            pair = self.pairs[problem, than, name]
            times = "" if parts else f" times the {unit}"
            that = "those" if unit in (SAMPLES, ERRORS) else "that"
            beside = "" if than == leader else f" {f'times {that} ' * bool(parts)}of {self.name(than)}"
            capped = pair.known == BOTH_SMALL
            small |= capped
            number = "more than 100" if capped else f"{pair.bound} {format_ratio(pair.ratio)}".strip()
            number += "×" if parts and than == leader else ""
            ends = "" if capped else f" {format_interval(pair.low, pair.high, level)}"
            level = level if capped else ""  # it is said once
            failing = f" and {text}" if (text := _describe_failures(rows[rows[self.of] == name])) else ""
            word = "" if parts else f" {_verb(unit)}"
            parts.append(f"{self.name(name)}{word} {number}{times}{beside}{ends}{failing}")
        if short and len(parts) > _SHORT + 1:
            parts = [*parts[:_SHORT], f"{len(parts) - _SHORT} more are behind"]
        text = [", ".join(parts) + (" (both losses below 1e-5 of the start)" if small else "")] if parts else []
        if never:
            which = labels.share_text(self.targets[problem])
            text.append(f"{join_with_and(never)} never reach{'es' * (len(never) == 1)} {which}")
        return text

    def _describe_lost(self, rows: pd.DataFrame) -> list[str]:
        """Return the clauses on levels that have no result: every run diverged or failed, or deadlines cut them."""
        ends: dict[str, list[str]] = {}
        for problem, level in rows.loc[rows["state"] == FAILED, ["problem", self.of]].itertuples(index=False):
            ends.setdefault(self.tell_end(problem, level), []).append(self.name(level))
        cut = [
            *map(
                self.name,
                rows.loc[((rows["trials"] == 0) | (rows["blocks"] == 0)) & (rows["state"] != FAILED), self.of],
            )
        ]
        texts = []
        for end, names in ends.items():
            one, who = len(names) == 1, join_with_and(names)
            lost = f"{who} {'has' if one else 'have'} no result: {'its' if one else 'their'} runs {end}"
            texts.append(f"{who} diverge{'s' * one} in every run" if end == "diverged" else lost)
        verb = "has" if len(cut) == 1 else "have"
        return texts + ([f"{join_with_and(cut)} {verb} no setting without a stopped or failed run"] if cut else [])

    def overall(self, short: bool = False) -> str:
        """Return a sentence on all problems: who leads on how many, or of many mean ranks; "" with a single problem.

        short: of few problems only that their order is not tested, where a headline says who leads.
        """
        rows = self.rows(ALL)
        rows = rows[rows["mean_rank"].notna()]
        if rows.empty:
            return ""
        count, top = int(rows["blocks"].max()), rows.iloc[0]
        if count < FEW_PROBLEMS:
            if short:
                return f"{count} problems are too few for an overall ranking: that needs at least {FEW_PROBLEMS}"
            return (
                f"{self._count_leads(rows)}; with fewer than {FEW_PROBLEMS} problems the order over all is not tested"
            )
        best = rows.loc[rows["mean_rank"] <= top["mean_rank"] + 1e-9, self.of].tolist()
        verb = "has" if len(best) == 1 else "share"
        text = f"over {count} problems, {join_with_and([*map(self.name, best)])} {verb} the best mean rank: "
        text += f"{top['mean_rank']:.1f} of {len(rows)}"
        if math.isfinite(top["low"]):
            text += f" [{top['low']:.1f}–{top['high']:.1f}]"
        after = rows.iloc[len(best) :].to_dict("records")
        rest = [f"{self.name(row[self.of])} {row['mean_rank']:.1f}" for row in after]
        if short and len(rest) > _LISTED:
            rest = [*rest[:_NAMED], f"{len(rest) - _NAMED} more up to {after[-1]['mean_rank']:.1f}"]
        text += f", then {join_with_and(rest)}" if rest else ""
        fragile = pd.notna(top["stays_first"]) and len(best) == 1 and not top["stays_first"]
        text += ". Leaving out one problem changes who leads" if fragile else ""
        beaten = self._beaten_over_all
        if not beaten:
            return f"{text}. On others the order may differ: no difference is shown"
        whom = "each of the others" if len(beaten) == len(rows) - 1 else join_with_and([*map(self.name, beaten)])
        return f"{text}. On problems like these {self.name(top[self.of])} wins against {whom}"

    @cached_property
    def _beaten_over_all(self) -> list[str]:
        """The levels that the best by mean rank wins against in a test over all problems."""
        rows = self.rows(ALL)
        names = rows.loc[rows["mean_rank"].notna(), self.of].tolist()
        return [name for name in names[1:] if self.pairs[ALL, names[0], name].verdict == WINS]

    def tested_over_all(self) -> str:
        """Return who wins over all problems, for a title; "" where no test shows a difference."""
        rows, beaten = self.rows(ALL), len(self._beaten_over_all)
        if not beaten:
            return ""
        others = int(rows["mean_rank"].notna().sum()) - 1
        whom = f"{'both' if others == 2 else 'all'} others" if beaten == others > 1 else f"{beaten} of {others} others"
        whom = self.name(self._beaten_over_all[0]) if others == 1 else whom
        return f"{self.name(rows[self.of].iloc[0])} wins against {whom} over {int(rows['blocks'].max())} problems"

    def name_data(self) -> str:
        """Return what problems that can be judged have, in words: " with test accuracy"; others may have test data."""
        return f" with {name_metric(self.judge_by).removeprefix('1 - ')}"

    def _count_leads(self, rows: pd.DataFrame) -> str:
        """Return who leads or ties on most problems.

        rows: those of problem "all", the best mean rank first. Problems without the measure do not count, unless all
        lack it.
        """
        every = [problem for problem in self.ranking["problem"].unique() if problem != ALL]
        problems = [problem for problem in every if problem not in self.without] or every
        ahead: dict[str, int] = {}
        for problem in problems:
            for name in self.list_ahead(problem):
                ahead[name] = ahead.get(name, 0) + 1
        where = f"of {len(problems)} problems{self.name_data() if len(problems) < len(every) else ''}"
        ranks = {row[self.of]: f"{row['mean_rank']:.1f}" for row in rows.to_dict("records")}
        most = max(ahead.values(), default=0)
        best = [name for name in ranks if most and ahead.get(name) == most]
        if 0 < len(best) <= _NAMED:
            each, verbs = ("each ", "lead or tie") if len(best) > 1 else ("", "leads or ties")
            means = f"mean rank{'s' * (len(best) > 1)} {join_with_and([ranks[name] for name in best])} of {len(ranks)}"
            text = f"{join_with_and([*map(self.name, best)])} {each}{verbs} on {most} {where} ({means})"
            lowest = rows["mean_rank"] <= rows["mean_rank"].min() + 1e-9
            top = rows.loc[lowest, self.of].tolist()  # may lead on none: its leads are open
            if {*top} & {*best}:
                return text
            verb = "has" if len(top) == 1 else "share"
            return f"{text}, but {join_with_and([*map(self.name, top)])} {verb} the best mean rank, {ranks[top[0]]}"
        return f"nobody leads or ties on {'more than ' * bool(most)}{most or 'any'} {where}"


def _with_results(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of a ranking without levels whose every run failed, or that have no result."""
    return rows[(rows["state"] != FAILED) & (rows["trials"] > 0) & (rows["blocks"] > 0)]


def count_in_all(needed: float, blocks: float = 1, seeds: int = 0) -> int:
    """Return how many blocks in all would settle a pair; of a sweep whose blocks are made of `seeds`, how many seeds.

    needed: blocks in all, beside the `blocks` that there are.
    """
    return math.ceil((seeds * needed / blocks if seeds else needed) - 1e-9)


def describe_settling(amount: str = "", what: str = "this", brief: bool = False) -> str:
    """Return "14 more blocks would probably settle this", or that MOST_BLOCKS would probably not.

    amount: what would, such as "14 more blocks"; "": more than MOST_BLOCKS would be needed. brief: "14 more blocks
    would", or that MOST_BLOCKS "would not change that", beside a sentence in full.
    """
    if amount:
        return f"{amount} would" if brief else f"{amount} would probably settle {what}"
    return f"{MOST_BLOCKS:,} more blocks would " + ("not change that" if brief else f"probably not settle {what}")


def name_metric(measure: str) -> str:
    """Return a measure on test data in words: "test loss" for "test_loss_final"."""
    name = measure.removesuffix("_final")
    short = name.removeprefix(TEST)
    if short in SCORES and "accuracy" not in short:
        return f"{'1 - ' * is_gain(short)}{SCORES[short]} on test data"
    return name.replace("_", " ")


def format_ratio(ratio: float) -> str:
    """Return the text of a ratio with two digits, or more if it is near 1; "140" instead of "1.4e2"."""
    if abs(ratio - 1) < 0.1:
        return labels.number(ratio, 3 if abs(ratio - 1) >= 0.01 else 4)
    return f"{float(f'{ratio:.2g}'):,.0f}" if 10 <= ratio < 1e5 else labels.number(ratio, 2)


def format_interval(low: float, high: float, level: str = "") -> str:
    """Return the interval of a ratio: "[1.2–3.1]", or "[96% CI 1.2–3.1]" with its level."""
    return f"[{f'{level} CI ' * bool(level)}{format_ratio(low)}–{format_ratio(high)}]"


def describe_share(share: float, low: float, high: float) -> str:
    """Return a share of failed runs with its interval in percent: "25% of runs [12–43]"; without one where NaN."""
    ends = f" [{100 * low:.0f}–{100 * high:.0f}]" if math.isfinite(low) and math.isfinite(high) else ""
    return f"{'<1' if 0 < share < 0.005 else f'{100 * share:.0f}'}% of runs{ends}"


def _describe_failures(rows: pd.DataFrame) -> str:
    """Return "fails in 25% of runs [12–43]" of a row of the ranking, in a table; "" where no run failed."""
    row = rows.iloc[0]
    if not row["failures"] > 0:
        return ""
    ends = (row.get(f"failures_{end}", math.nan) for end in ("low", "high"))
    return f"fails in {describe_share(row['failures'], *ends)}"


def _verb(unit: str, several: bool = False) -> str:
    """Return the verb that stands before a ratio of a unit: an optimizer "needs" samples."""
    return _VERBS.get(unit, ("has", "have"))[several]
