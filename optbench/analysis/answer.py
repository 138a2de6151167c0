"""The answer to a question on a sweep's tables: verdicts, ranking, winners, and the settings behind them.

All that shows results asks here, so that the terminal, the page, figures and a notebook say the same.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from optbench.analysis.costs import SHARES, costs, targets_of, time_to_target
from optbench.analysis.edges import find_edges
from optbench.analysis.failures import failure_shares
from optbench.analysis.held_out import held_out
from optbench.analysis.judging import MARGIN
from optbench.analysis.known import Known
from optbench.analysis.measures import LOSS, TEST_LOSS, TIME, clip_intervals, find_problems_without, metric_name
from optbench.analysis.protocol import HOLDOUT, LEVELS, SCREEN, WIDEN, CodedRuns, code_runs, select_best_draws
from optbench.analysis.ranking import FAILED, measure_levels, rank_levels
from optbench.analysis.run_columns import count_folds, drop_lost_runs, find_failed_runs, hyperparameter_columns
from optbench.analysis.selection import best_configurations, is_staged, measure_overfitting, reported_runs
from optbench.analysis.sweep_tables import CHOOSE_BY, Tables
from optbench.analysis.trajectories import read_timing, step_seconds
from optbench.analysis.verdicts import ALL, OPEN, TIE, WINS, check_levels, compare_levels, exchange_sides
from optbench.contract.arguments import one_of
from optbench.contract.columns import CONSTANT, TARGETS, TEST, is_gain
from optbench.contract.errors import OptbenchError, shown
from optbench.contract.names import join_with_and, split_levels

TEST_ACCURACY = "test_accuracy"
PAIR = ["problem", "optimizer"]
LEAD = ("verdict", "rival", "ratio", "ratio_low", "ratio_high", "p_adjusted", "blocks_needed")
VALUE = ("value", "low", "high", "mean_rank", "failures", "blocks", "trials")
COSTS = ("reached_", "samples_to_", "seconds_to_")


@dataclass(frozen=True)
class Question:
    """What is asked of a sweep's tables."""

    judge_by: str
    """The measure of the verdicts."""
    choose_by: str
    """The measure that settings are chosen by."""
    of: str = "optimizer"
    """The column whose levels are compared: "optimizer", "batch_size" or "schedule"; all else is tuned."""
    confidence: float = 0.95
    """Of intervals and verdicts, before the looks at a sweep spend some of it."""
    plan: bool = True
    """Whether verdicts say how many blocks would decide what is open, which takes a while to compute."""


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


def ask(
    tables: Tables,
    judge_by: str | None = None,
    of: str = "optimizer",
    choose_by: str | None = None,
    confidence: float = 0.95,
    plan: bool = True,
) -> Answer:
    """Return the answer to a question, which the tables keep.

    judge_by: None: the measure of the sweep; choose_by: None: as the sweep chose for it. Raises OptbenchError where a
    measure is no text.
    """
    for measure in (judge_by, choose_by):
        if not isinstance(measure, str | None):
            raise OptbenchError(f"measure {shown(measure)} must be a text")
    one_of("column to compare", of, LEVELS)
    measure = tables.judge_by if judge_by is None else judge_by
    choose_by = chosen_for(measure, tables.choose_by) if choose_by is None else choose_by
    question = Question(measure, choose_by, of, confidence)
    if tables._asked[0] is not tables.runs:  # the user has set other runs
        tables._asked = tables.runs, {}
    answers: dict[Question, Answer] = tables._asked[1]
    question = replace(question, plan=plan or question in answers)  # one with planned blocks serves both
    if question not in answers:
        answers[question] = Answer(tables, question)
    return answers[question]


class Answer:
    """The verdicts on a question, and the settings behind them; each part is computed once, when it is needed."""

    def __init__(self, tables: Tables, question: Question):
        """Keep the tables without lost runs; nothing is computed yet."""
        runs = drop_lost_runs(tables.runs)
        self.everything = tables
        """The tables, with the pairs of problem and optimizer all of whose runs failed."""
        self.tables = tables if runs is tables.runs else tables.with_runs(runs)
        """The tables without these."""
        self.question, self.of, self.judge_by = question, question.of, question.judge_by
        self.labels = tables.labels
        self.drawn: Any = None  # what figures compute beside it

    def ask(self, judge_by: str | None = None, of: str = "optimizer") -> Answer:
        """Return the answer by another measure, None for the same, or on another column; without planned blocks."""
        if judge_by in (None, self.judge_by):
            by = self.question.choose_by
            return self if of == self.of else ask(self.everything, self.judge_by, of, by, plan=False)
        return ask(self.everything, judge_by, of, plan=False)

    @property
    def runs(self) -> pd.DataFrame:
        """The runs behind it."""
        return self.tables.runs

    def label(self, name: str) -> str:
        """Return what a problem or an optimizer is called."""
        return self.labels.get(name, name)

    @cached_property
    def schedules(self) -> tuple[str, ...]:
        """The schedules that ran."""
        return tuple(self.runs["schedule"].unique())

    # What settings are chosen

    @property
    def _choice(self) -> Answer:
        """The answer for the measure that settings are chosen by, which has all that depends on the choice alone."""
        by = self.question.choose_by
        if self.judge_by == by and self.of == "optimizer":
            return self
        return ask(self.everything, by, choose_by=by, plan=False)

    @cached_property
    def coded(self) -> CodedRuns:
        """The runs as arrays."""
        if self.runs.empty and len(self.everything.runs):
            raise OptbenchError("every run failed: there is nothing to choose from")
        by, timed = self.question.choose_by, TIME in (self.judge_by, self.question.choose_by)
        if self.of == "optimizer" and self._choice is not self and (by == TIME or not timed):
            return check_levels(self._choice.coded.judged_by(self.judge_by, self.runs), self.runs)
        targets = None
        if timed and self.of != "optimizer":
            targets = ask(self.everything, TIME, choose_by=TIME, plan=False).coded.targets
        runs = self.runs
        if self.of != "optimizer" and self.tables.incumbents:  # they have a batch size and a schedule, and choose none
            runs = runs[~runs["optimizer"].isin(self.tables.incumbents)].reset_index(drop=True)
        return check_levels(code_runs(runs, by, self.of, self.judge_by, targets), runs)

    @cached_property
    def _draws(self) -> pd.DataFrame | None:
        """The best draws of a sweep with trials, by which chance is judged; None without trials."""
        of = self.tables
        return select_best_draws(self.runs, of.tuning_seeds, self.question.choose_by) if of.searched else None

    @cached_property
    def settings(self) -> pd.DataFrame:
        """`best_configurations`: the setting that is recommended for each problem and optimizer."""
        if self._choice is not self:
            return self._choice.settings
        by = self.question.choose_by
        return best_configurations(self.runs, self.tables.tuning_seeds, choose_by=by, coded=self.coded)

    @cached_property
    def edges(self) -> pd.DataFrame:
        """`find_edges` of `settings`: those that lie at an edge of what was tried."""
        if self._choice is not self:
            return self._choice.edges
        of = self.tables
        return find_edges(self.runs, self.settings, of.searched, of._limits_of, self._draws)

    @cached_property
    def best(self) -> pd.DataFrame:
        """The table `settings` with place and trials, and with what its validation loss has risen by."""
        if self.of != "optimizer":
            return self.ask().best
        best = self.settings.merge(self.ranking[[*PAIR, "place", "trials"]], on=PAIR, how="left")
        # The edges of rates are those that `edges` has: trials from a range have other ends.
        sides = self.edges.loc[self.edges["parameter"] == "lr", [*PAIR, "side"]].drop_duplicates(PAIR)
        sides = sides.rename(columns={"side": "edge_side"})
        best = best.drop(columns="edge_side").merge(sides, on=PAIR, how="left").fillna({"edge_side": ""})
        best = best.assign(edge=best["edge_side"] != "")
        return best if self._overfitting is None else best.merge(self._overfitting, on=PAIR, how="left")

    @cached_property
    def _overfitting(self) -> pd.DataFrame | None:
        """The table `measure_overfitting`; None where no run has a validation loss."""
        if self._choice is not self:
            return self._choice._overfitting
        if "validation_loss_final" not in self.runs or self.runs["validation_loss_final"].isna().all():
            return None
        return measure_overfitting(self.reported_runs, self.curves)

    @cached_property
    def reported_runs(self) -> pd.DataFrame:
        """The rows of `runs` of the settings on the seeds that report."""
        if self._choice is not self:
            return self._choice.reported_runs
        return reported_runs(self.runs, self.settings, self.tables.tuning_seeds)

    @cached_property
    def curves(self) -> pd.DataFrame:
        """The rows of ``curves`` of `reported_runs`, with their validation loss."""
        if self._choice is not self:
            return self._choice.curves
        return self.tables.curves_of(self.reported_runs["run_id"], ["validation_loss"])

    @cached_property
    def times(self) -> pd.DataFrame:
        """`time_to_target` of `reported_runs` at all TARGETS."""
        if self._choice is not self:
            return self._choice.times
        return time_to_target(self.tables, targets_of(self.runs, self.tables.problems, TARGETS), self.reported_runs)

    @cached_property
    def costs(self) -> pd.DataFrame:
        """The cost of reaching the targets: the usual ones, and those that verdicts are by."""
        judged = [share for share in self.targets.values() if math.isfinite(share)]
        times = self.times[self.times["target"].isin([*SHARES, *judged])]
        return costs(self.tables, PAIR, runs=self.reported_runs, times=times)

    # What is judged

    @cached_property
    def verdicts(self) -> pd.DataFrame:
        """The table of `compare_levels`, which says where only some blocks reported what the measure chooses.

        Raises OptbenchError where fewer than two blocks did: no more than chance has run that.
        """
        of, by = self.tables, self.question.choose_by
        table = compare_levels(
            self.coded, self.question.confidence, of.look, self.edges, self.question.plan, of.incumbents
        )
        if by in of.choose_by or not is_staged(self.runs):
            return table
        blocks = count_folds(self.runs) or self.blocks
        rows = table["problem"] != ALL
        if not (table.loc[rows, "blocks"] > 1).any():
            raise OptbenchError(
                f"no reported run was chosen by {by}, as this sweep chose by {join_with_and(of.choose_by)}: "
                f"judge_by={self.judge_by!r} alone judges those"
            )
        few = rows & (table["blocks"] < blocks)
        left = [Known("left_blocks", (int(count), blocks)) for count in table.loc[few, "blocks"]]
        return table.assign(reason=table["reason"].mask(few, pd.Series(left, index=table.index[few], dtype=object)))

    @cached_property
    def ranking(self) -> pd.DataFrame:
        """The table of `rank_levels`, with `unreached`: the blocks whose expected time to a target is a bound.

        Of optimizers also `seconds`, those of the value: to a target, else of a run, without evaluations; and
        `state_bytes`, what one keeps for a parameter from step to step; NaN in folders that do not say it.
        """
        table = self.coded
        values = clip_intervals(measure_levels(table, self.question.confidence, self.edges), self.runs, self.judge_by)
        places = rank_levels(self.verdicts, values, self.of)
        ends = values[["problem", self.of]].assign(unreached=held_out(table).unreached)
        places = places.merge(ends, on=["problem", self.of], how="left")
        # Over all problems there is none
        places = places.assign(unreached=places["unreached"].fillna(0).astype(np.int64))
        if self.of != "optimizer":
            return places
        places = places.merge(self._mean_resources(), on=PAIR, how="left")
        to_target = places["value"] / places.pop("samples") * places["seconds"]
        targets = self.targets if self.judge_by == TIME else {}
        timed = np.array([math.isfinite(targets.get(name, math.nan)) for name in places["problem"]], dtype=bool)
        return places.assign(seconds=places["seconds"].mask(timed, to_target))

    def _mean_resources(self) -> pd.DataFrame:
        """Return by problem and optimizer the means over `reported_runs` that ended well: what a run takes, and keeps.

        Columns seconds, without evaluations, and samples; state_bytes, of a parameter.
        """
        runs, timings = self.reported_runs, self.tables.timings
        seconds = runs["steps"].to_numpy(dtype=np.float64) * step_seconds(runs, timings)
        table = runs[[*PAIR, "samples"]].assign(seconds=seconds, state_bytes=read_timing(runs, timings, "state_bytes"))
        return table[~find_failed_runs(runs)].groupby(PAIR, sort=False).mean().reset_index()

    @cached_property
    def targets(self) -> dict[str, float]:
        """By problem, the target of "time"; NaN where loss stands in."""
        return self.coded.targets.shared.to_dict()

    @cached_property
    def crashed(self) -> dict[tuple[str, str], float]:
        """By problem and level, the share of its reporting runs that failed without having diverged, if any did."""
        table, failed = self.coded, (self.runs["status"] == "failed").to_numpy()
        if not failed[table.row].any():
            return {}
        tuned = held_out(table)
        shares = failure_shares(np.nansum(tuned.bad, axis=2), (~np.isnan(tuned.bad)).sum(axis=2))
        found = held_out(table, values=failed[table.row].astype(float))
        share = np.nansum(found.y, axis=(1, 2)) / np.maximum(shares.runs, 1)
        cells = zip(table.cells["problem"], table.cells[self.of], share.tolist(), strict=True)
        return {(problem, level): each for problem, level, each in cells if each}

    @cached_property
    def without(self) -> frozenset[str]:
        """The problems without the metric, where loss stands in."""
        return find_problems_without(self.runs, self.judge_by)

    @cached_property
    def macro(self) -> frozenset[str]:
        """The problems of more than two classes, whose F1 is the macro F1."""
        # A constant answer recognizes one class, and none of the others.
        shares = {name: row.get(f"{CONSTANT}balanced_accuracy", math.nan) for name, row in self.constants.items()}
        return frozenset(name for name, share in shares.items() if 0 < share < 0.4)

    @cached_property
    def in_common(self) -> bool:
        """True where recommended settings are compared on seeds in common."""
        return bool(self.coded.reported_in_common.all())

    @cached_property
    def looks(self) -> tuple[int, int]:
        """The earliest and the latest of the first looks at what is compared: the level of intervals follows."""
        looks = np.where(np.isfinite(self.coded.looks), self.coded.looks, self.tables.look)
        return int(looks.min()), int(looks.max())

    @cached_property
    def pairs(self) -> dict[tuple[str, str, str], Beside]:
        """The pairs by problem and both levels, in either order."""
        rows = pd.concat([self.verdicts, exchange_sides(self.verdicts)])
        keys = zip(*(rows[name].tolist() for name in ("problem", "a", "b")), strict=True)
        numbers = zip(*(rows[name].tolist() for name in Beside._fields), strict=True)
        return {key: Beside(*each) for key, each in zip(keys, numbers, strict=True)}

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

    @cached_property
    def records(self) -> dict[str, list[dict[str, Any]]]:
        """The rows of each problem as mappings."""
        return {problem: rows.to_dict("records") for problem, rows in self._rows.items()}

    def firsts(self, problem: str) -> list[str]:
        """Return the levels that may be the best of a problem: the leader, those that tie with it, and the others."""
        return self._firsts.get(problem, [])

    @cached_property
    def _firsts(self) -> dict[str, list[str]]:
        """By problem what `firsts` returns."""
        found = {}
        for problem, rows in self.records.items():
            names = [row[self.of] for row in rows if row["may_be_best"]]
            leader = next((row[self.of] for row in rows if row["leader"]), "")
            ranks = {name: 0 if name == leader else 1 + self._is_open(problem, leader, name) for name in names}
            found[problem] = sorted(names, key=ranks.__getitem__)
        return found

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

    def list_close(self, problem: str) -> list[str]:
        """Return the levels of `list_open` that are shown to be behind the leader, if perhaps by less than MARGIN."""
        leader, close = self.leader(problem), Known("leads", (MARGIN,), "a")
        return [name for name in self.list_open(problem) if self.pairs[problem, leader, name].known == close]

    def candidates(self, problem: str) -> list[str]:
        """Return the levels of `firsts` that are not shown to be behind the leader, however little."""
        close = self.list_close(problem)
        return [name for name in self.firsts(problem) if name not in close]

    @cached_property
    def winners(self) -> pd.DataFrame:
        """A row a problem and optimizer in first place; `optbench.Results.winners` has the columns."""
        setting = ["batch_size", "schedule", "lr", *hyperparameter_columns(self.runs)]
        if self.runs.empty:
            return pd.DataFrame(columns=[*PAIR, *setting, *VALUE, *LEAD])
        rows = [
            {"problem": problem, "optimizer": name, **self._compare_with_rival(problem, name)}
            for problem in self.ranking["problem"].unique()
            for name in self.firsts(problem)
        ]
        table = pd.DataFrame(rows, columns=[*PAIR, *LEAD])
        table = table.merge(self.ranking[[*PAIR, *VALUE]], on=PAIR, how="left")
        table = table.merge(self.settings[[*PAIR, *setting]], on=PAIR, how="left")
        table["batch_size"] = table["batch_size"].astype("Int64")
        targets = [name for name in self.costs if name.startswith(COSTS)]
        table = table.merge(self.costs[[*PAIR, *targets]], on=PAIR, how="left")
        return table[[*PAIR, *setting, *VALUE, *LEAD, *targets]]

    def _compare_with_rival(self, problem: str, name: str) -> dict[str, Any]:
        """Return the columns LEAD of a winner against a rival: the leader; of this one, what leaves first place open.

        Where nothing does, the leader is beside what ties with it, or else the best of the others. name: the winner, an
        optimizer.
        """
        rows = self.rows(problem)
        others = rows.loc[(rows["optimizer"] != name) & (rows["state"] != FAILED) & (rows["trials"] != 0), "optimizer"]
        near = [other for other in self.firsts(problem) if other != name]
        lead = {"verdict": WINS if len(rows) > 1 else "alone", "rival": ""}
        if others.empty:
            return lead | dict.fromkeys(("ratio", "ratio_low", "ratio_high"), np.nan)
        lead["rival"] = others.iloc[0]
        if near:
            by_leader = self.list_open(problem) if name == self.leader(problem) else []
            lead["rival"] = (by_leader or near)[0]
            lead["verdict"] = OPEN if self._is_open(problem, name, lead["rival"]) else TIE
        pair = self.pairs[problem, name, lead["rival"]]
        numbers = {"ratio": pair.ratio, "ratio_low": pair.low, "ratio_high": pair.high}
        return lead | numbers | {"p_adjusted": pair.p_adjusted, "blocks_needed": pair.blocks_needed}

    # What else is there to ask

    @cached_property
    def others(self) -> dict[str, Answer]:
        """The answers by the other measures of the sweep: the loss at the end, and a metric on test data."""
        return {name: self.ask(name) for name in list_other_measures(self.runs, self.judge_by, self.tables.choose_by)}

    @cached_property
    def levels(self) -> dict[str, Answer]:
        """The answers on batch sizes and schedules, where there are several."""
        several = [name for name, counts in self.level_counts.items() if counts.max() > 1]
        return {name: self.ask(of=name) for name in several}

    @cached_property
    def level_counts(self) -> dict[str, pd.Series]:
        """By column and problem, the most levels that one optimizer has screened, those beyond its edges not counted.

        Where each has one, as L-BFGS has the full batch beside others with 64, a difference may be the optimizers'.
        """
        runs = self.runs[self.runs["stage"] != WIDEN] if "stage" in self.runs else self.runs
        groups = runs.groupby([*PAIR], sort=False)
        return {
            name: groups[name].nunique().groupby("problem", sort=False).max() for name in ("batch_size", "schedule")
        }

    # What it rests on

    @cached_property
    def blocks(self) -> int:
        """The number of blocks that have run; 0 of a sweep without blocks."""
        return self.runs.loc[self.runs["block"] >= 0, "block"].nunique() if "block" in self.runs else 0

    @cached_property
    def seeds(self) -> int:
        """The seeds of a sweep without blocks; 0 with blocks."""
        plain = "block" not in self.runs or bool((self.runs["block"] < 0).all())
        return int(self.runs.groupby("problem")["seed"].nunique().max()) if plain else 0

    @cached_property
    def reported_blocks(self) -> tuple[int, int]:
        """The least and the largest number of blocks that have reported on a problem."""
        reported = self.runs[self.runs["stage"] == HOLDOUT] if self.blocks else self.runs[:0]
        counts = reported.groupby("problem")["block"].nunique().reindex(self.runs["problem"].unique(), fill_value=0)
        return int(counts.min()), int(counts.max()) or self.blocks

    @cached_property
    def drawn_anew(self) -> bool:
        """True if each block has drawn settings of its own."""
        if not self.blocks:
            return False
        screened = self.runs[self.runs["stage"] == SCREEN]
        rates = screened.groupby(["optimizer", "block"])["lr"].nunique().groupby("optimizer").max()
        return bool((screened.groupby("optimizer")["lr"].nunique() > rates).any())

    @cached_property
    def unequal(self) -> frozenset[str]:
        """The problems, and ALL with them, whose optimizers had unequal numbers of trials; nothing is bold there."""
        tuned = (self.best["trials"] > 0) & ~self.best["optimizer"].isin(self.tables.incumbents)
        counts = self.best[tuned].groupby("problem")["trials"].nunique()
        found = frozenset(counts.index[counts > 1])
        return found | {ALL} if found else found

    @cached_property
    def constants(self) -> dict[str, Mapping[str, Any]]:
        """By problem its row of the table ``problems``, with what a constant answer has on the test data."""
        problems, names = self.tables.problems, self.runs["problem"].unique()
        if f"{CONSTANT}answer" not in problems:  # which folders of before do not have
            return {}
        there = problems[problems["problem"].isin(names)].drop_duplicates("problem")
        return there.set_index("problem", drop=False).to_dict("index")

    @cached_property
    def is_one_table(self) -> bool:
        """True if all problems are models of one table of the user's, so that they are no sample of problems."""
        problems, facts = self.runs["problem"].unique(), self.constants
        digests = {facts[each].get("digest") for each in problems if each in facts}
        data = {_find_data(each) for each in problems}
        return len(problems) > 1 and set(problems) <= {*facts} and len(digests | {""}) == 2 and len(data) == 1

    @cached_property
    def broken(self) -> pd.DataFrame:
        """The pairs of problem and optimizer whose every run diverged at one step, whatever its rate, with the `step`.

        With batches of another size it may be another step, as losses are evaluated at others.
        """
        if "diverged_at" not in self.runs:
            return self.runs[PAIR][:0].assign(step=0)
        groups = self.runs.groupby([*PAIR, "batch_size"])
        table = groups.agg(step=("diverged_at", "min"), last=("diverged_at", "max"), rates=("lr", "nunique"))
        table["whole"] = groups["diverged_at"].count() == groups.size()
        table["whole"] &= (table["step"] == table["last"]).fillna(False).astype(bool) & (table["rates"] > 1)
        found = table.groupby(level=[0, 1]).agg({"step": "min", "whole": "all"})
        return found.loc[found["whole"], ["step"]].astype(np.int64).reset_index()

    def constant_of(self, problem: str) -> float:
        """Return what the best constant answer has on test data, by this measure as rows have it: of gains, 1 - gain.

        NaN where it is not known, or verdicts rest on no measure on test data.
        """
        name = self.judge_by.removesuffix("_final").removeprefix(TEST)
        if self.judge_by in (TIME, LOSS) or problem in self.without:
            return math.nan
        value = float(self.constants.get(problem, {}).get(f"{CONSTANT}{name}", math.nan))
        return 1 - value if is_gain(name) else value

    @cached_property
    def unlearned(self) -> dict[str, tuple[str, float]]:
        """By problem where nothing tells its optimizers from a constant answer, a measure and what that answer has."""
        found = {problem: self._compare_with_constant(problem) for problem in self.constants}
        return {problem: each for problem, each in found.items() if each}

    def _compare_with_constant(self, problem: str) -> tuple[str, float] | None:
        """Return a measure by which no interval on a problem excludes a constant answer, and its value; else None."""
        for measure, answer in {self.judge_by: self, **self.others}.items():
            if math.isnan(answer.constant_of(problem)):
                continue
            name = measure.removesuffix("_final").removeprefix(TEST)
            learned = not answer.rows(problem)["value"].notna().any() or answer.beats_constant(problem)
            return None if learned else (measure, float(self.constants[problem][f"{CONSTANT}{name}"]))
        return None

    def beats_constant(self, problem: str) -> bool:
        """Return whether some interval on a problem excludes what a constant answer has; False where that is unknown.

        A value without an interval stands for it.
        """
        rows, constant = self.rows(problem), self.constant_of(problem)
        ends = rows["high"].where(np.isfinite(rows["high"].astype(float)), rows["value"])
        return bool(ends.min() < constant)

    @property
    def promising_edges(self) -> pd.DataFrame:
        """The edges of problems where something was learned, so that a wider search may pay.

        Without optimizers of which a run crashed, or every run diverged at one step.
        """
        crashed = self.runs.loc[self.runs["status"] == "failed", PAIR].drop_duplicates()
        crashed = pd.concat([crashed, self.broken[PAIR]])
        pairs = pd.MultiIndex.from_frame(self.edges[PAIR])
        lost = pairs.isin(pd.MultiIndex.from_frame(crashed)) | self.edges["problem"].isin(list(self.unlearned))
        return self.edges[~lost]


def chosen_for(judge_by: str, choose_by: Sequence[str]) -> str:
    """Return the measure that settings are chosen by for verdicts by `judge_by`.

    It is that measure if the sweep chose by it, else the first that it chose by. choose_by: those of the sweep.
    """
    return judge_by if judge_by in choose_by else choose_by[0]


def _find_data(problem: str) -> str:
    """Return the data that a problem's name says it learns from; "" where it says none."""
    try:
        return str(split_levels(problem)[-1][1].get("data", ""))
    except OptbenchError:  # a name that optbench did not write
        return ""


def list_other_measures(runs: pd.DataFrame, judge_by: str, choose_by: Sequence[str] = ()) -> list[str]:
    """Return the measures that an answer has beside `judge_by`.

    choose_by: the measures that the sweep chose by. Those if there is one besides CHOOSE_BY; else the loss at the end,
    or the time beside a measure on test data, and one on test data if any.
    """
    asked = [name for name in choose_by if name != judge_by and _has_measure(runs, name)]
    if {*choose_by} - {*CHOOSE_BY}:
        return asked
    metrics = [TEST_ACCURACY] * (TEST_ACCURACY in runs and bool(runs[TEST_ACCURACY].notna().any()))
    if not metrics and runs["test_loss_final"].notna().any():
        metrics = [TEST_LOSS]
    first = TIME if TIME in choose_by and judge_by not in (TIME, LOSS) else LOSS
    return [name for name in (first, *metrics) if name != judge_by]


def _has_measure(runs: pd.DataFrame, measure: str) -> bool:
    """Return whether some run has the measure."""
    try:
        column = metric_name(runs, measure)
    except OptbenchError:
        return False
    return measure in CHOOSE_BY or bool(runs[column].notna().any())
