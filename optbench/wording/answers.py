"""The answer of a sweep: who may be best on each problem, by how much, with which setting, and what that rests on.

The terminal and the page take their winners from here, and so from `optbench.analysis.ranking` and `verdicts`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property

import numpy as np
import pandas as pd

from optbench.analysis import best_configurations
from optbench.analysis.edges import find_edges
from optbench.analysis.failures import failure_shares
from optbench.analysis.held_out import held_out
from optbench.analysis.measures import LOSS, TEST_LOSS, TIME, clip_intervals, metric_name
from optbench.analysis.protocol import HOLDOUT, SCREEN, WIDEN, CodedRuns, code_runs, select_best_draws
from optbench.analysis.ranking import measure_levels, rank_levels
from optbench.analysis.run_columns import hyperparameter_columns
from optbench.analysis.verdicts import ALL, check_levels, compare_levels, tune_levels
from optbench.contract import names
from optbench.contract.columns import CONSTANT, TARGETS, TEST, is_gain
from optbench.contract.eager import library_and_name
from optbench.contract.errors import OptbenchError
from optbench.contract.names import join_with_and
from optbench.wording import caveats, labels
from optbench.wording.judged import PLAIN_LOSS, SAMPLES, Judged, name_metric
from optbench.wording.labels import Label
from optbench.wording.verdict_texts import BEST_OF_MORE

__all__ = ["Answer", "answer_of"]
TEST_ACCURACY = "test_accuracy"
_FEW_STEPS = 10
"""Steps up to which samples to a target say more of the start than of training."""
CHOOSE_BY = (TIME, LOSS)
"""The measures that a sweep chooses by unless it is told otherwise."""


@dataclass(frozen=True)
class Answer:
    """The verdicts on a sweep, and the settings behind them."""

    judged: Judged
    """The verdicts on the optimizers, by the measure of the sweep."""
    best: pd.DataFrame
    """`optbench.analysis.best_configurations`: the setting that is recommended for each problem and optimizer, with its
    ``place`` and the number of ``trials``."""
    edges: pd.DataFrame
    """`optbench.analysis.edges.find_edges` of them."""
    runs: pd.DataFrame = field(repr=False)
    """The runs behind it."""
    searched: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """For a sweep with trials: by optimizer and parameter, the range that trials were drawn from."""
    choose_by: tuple[str, ...] = CHOOSE_BY
    """The measures that the sweep chose settings by."""
    look: int = 1
    """How often the sweep has been looked at, as it grew."""
    constants: Mapping[str, Mapping] = field(default_factory=dict)
    """By problem its row of the table ``problems``, with what a constant answer has on the test data."""
    given: Mapping[str, str] = field(default_factory=dict)
    """The texts of optimizers that were given values of hyperparameters, by optimizer."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """The user's own names for problems and optimizers, by those in the tables: texts and figures show them."""
    coded: CodedRuns = field(kw_only=True, repr=False)
    """The runs as arrays, judged by the measure of the sweep."""

    def label(self, name: str) -> str:
        """Return what a problem or an optimizer is called."""
        return self.labels.get(name, name)

    @property
    def judge_by(self) -> str:
        """The measure of the verdicts."""
        return self.judged.judge_by

    @property
    def ranking(self) -> pd.DataFrame:
        """`optbench.analysis.ranking` of the optimizers."""
        return self.judged.ranking

    @property
    def verdicts(self) -> pd.DataFrame:
        """`optbench.analysis.verdicts` of the optimizers."""
        return self.judged.verdicts

    @cached_property
    def blocks(self) -> int:
        """The number of blocks that have run; 0 of a sweep without blocks."""
        return self.runs.loc[self.runs["block"] >= 0, "block"].nunique() if "block" in self.runs else 0

    @cached_property
    def reported_blocks(self) -> str:
        """The number of blocks that have reported, as a text: of an unfinished sweep "2 to 3" where problems differ."""
        reported = self.runs[self.runs["stage"] == HOLDOUT] if self.blocks else self.runs[:0]
        counts = reported.groupby("problem")["block"].nunique().reindex(self.runs["problem"].unique(), fill_value=0)
        low, high = int(counts.min()), int(counts.max()) or self.blocks
        return f"{low} to {high}" if low < high else str(high)

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
        counts = self.best[self.best["trials"] > 0].groupby("problem")["trials"].nunique()
        found = frozenset(counts.index[counts > 1])
        return found | {ALL} if found else found

    @cached_property
    def unequal_trials(self) -> str:
        """A sentence on unequal numbers of trials, for every caption; "" where all are equal."""
        if not self.unequal:
            return ""
        rows = self.best[self.best["problem"].isin(self.unequal)].drop_duplicates("optimizer")
        trials = zip(rows["optimizer"], rows["trials"].fillna(0).astype(int), strict=True)
        numbers = join_with_and([f"{self.label(name)} {count:,}" for name, count in trials])
        return f"Trials were unequal ({numbers}): {BEST_OF_MORE}."

    @cached_property
    def others(self) -> dict[str, Judged]:
        """The verdicts by the other measures of the sweep: the loss at the end, and a metric on test data."""
        return {name: self.judge(name) for name in list_other_measures(self.runs, self.judge_by, self.choose_by)}

    def seen_by(self, measure: str) -> Answer:
        """Return the answer by one of `others`; nothing is judged anew, so batch sizes and schedules are not."""
        every = {self.judge_by: self.judged, **self.others}
        seen = replace(self, judged=every.pop(measure))
        seen.__dict__.update(others=every, levels={})
        return seen

    @cached_property
    def levels(self) -> dict[str, Judged]:
        """The verdicts on batch sizes and schedules, where there are several."""
        several = [name for name, counts in self._level_counts.items() if counts.max() > 1]
        return {name: self.judge(self.judge_by, name) for name in several}

    @cached_property
    def _level_counts(self) -> dict[str, pd.Series]:
        """By column and problem, the most levels that one optimizer has screened, those beyond its edges not counted.

        Where each has one, as L-BFGS has the full batch beside others with 64, a difference may be the optimizers'.
        """
        runs = self.runs[self.runs["stage"] != WIDEN] if "stage" in self.runs else self.runs
        groups = runs.groupby(["problem", "optimizer"], sort=False)
        return {
            name: groups[name].nunique().groupby("problem", sort=False).max() for name in ("batch_size", "schedule")
        }

    def judge(self, measure: str, of: str = "optimizer") -> Judged:
        """Return the verdicts by another measure, or on the levels of another column."""
        chosen = chosen_for(measure, self.choose_by)
        if of == "optimizer" and chosen == chosen_for(self.judge_by, self.choose_by):
            table = self.coded.judged_by(measure)
        else:
            targets = self.coded.targets if TIME in self.choose_by else None
            table = code_runs(self.runs, chosen, of, measure, targets)
        table = check_levels(table, self.runs)
        judged = judge_runs(self.runs, table, of, self.look, self.edges, self.labels, plan=False)
        return replace(judged, macro=self.judged.macro)

    def overall(self) -> str:
        """Return the sentence over all problems; "" of fewer than 20, and of models of one table."""
        return "" if self.is_one_table else self.judged.overall()

    @property
    def is_one_table(self) -> bool:
        """True if all problems are models of one table of the user's, so that they are no sample of problems."""
        problems, facts = self.best["problem"].unique(), self.constants
        digests = {facts[each].get("digest") for each in problems if each in facts}
        data = {_find_data(each) for each in problems}
        return len(problems) > 1 and set(problems) <= {*facts} and len(digests | {""}) == 2 and len(data) == 1

    def compare_models(self) -> str:
        """Return which model of a table has the least errors, by the best optimizer of each; "" without such a measure.

        Losses of two models may be different ones, and are not compared.
        """
        problems = list(self.best["problem"].unique())
        units = {self.judged.unit(problem) for problem in problems}
        rows = pd.DataFrame([self.judged.rows(problem).iloc[0] for problem in problems]).sort_values("value")
        (unit, *others), comparable = units, not units & {SAMPLES, PLAIN_LOSS, "test loss"}
        if others or not comparable or not np.isfinite(rows[["value", "low", "high"]].to_numpy(float)).all():
            return ""
        called = rows["problem"].map(self.label)
        texts = [
            f"{name} {labels.number(row.value)} [{labels.number(row.low)}, {labels.number(row.high)}]"
            for name, row in zip(called, rows.itertuples(), strict=True)
        ]
        listed = f"{unit} of the best of each: {', '.join(texts)}"
        apart = rows["high"].iloc[0] < rows["low"].iloc[1:].min()
        return f"{f'{called.iloc[0]} is better' if apart else 'Nothing is told apart'} on this table: {listed}"

    def sentence(self, problem: str) -> str:
        """Return a sentence: who may be best on a problem, by how much the others are behind, and what spoils that."""
        return f"{self.label(problem)}: {self.describe(problem)}"

    def describe(self, problem: str) -> str:
        """Return the sentence of a problem without its name."""
        texts = self.judged.describe(problem), self.at_once.get(problem), self.remarks.get(problem)
        return "; ".join(filter(None, texts))

    @cached_property
    def remarks(self) -> dict[str, str]:
        """By problem: who diverges at one step whatever the rate, and that nothing was learned; others are out."""
        found: dict[str, list[str]] = {}
        for row in self._broken.itertuples():
            text = f"{self.label(row.optimizer)} diverges at step {row.step:,} at any rate (optbench check tests rules)"
            found.setdefault(row.problem, []).append(text)
        for problem, text in self.unlearned.items():
            found.setdefault(problem, []).append(text)
        return {problem: "; ".join(texts) for problem, texts in found.items()}

    @cached_property
    def at_once(self) -> dict[str, str]:
        """By problem whose leader reaches the target within ten steps, in how many: that says little of training."""
        if self.judge_by != TIME or chosen_for(TIME, self.choose_by) != TIME:  # else the medians are no samples
            return {}
        rows = self.best.assign(steps=self.best["median"] / self.best["batch_size"])
        return {
            row.problem: f"careful: {self.label(row.optimizer)} reaches the target of {labels.share_text(target)} in "
            + ("its first step" if row.steps <= 1 else f"{row.steps:.2g} steps")
            for row in rows[rows["steps"] <= _FEW_STEPS].itertuples()
            if min(TARGETS) < (target := self.judged.targets.get(row.problem, math.nan)) < math.inf
            and row.optimizer == self.judged.leader(row.problem)
        }

    @cached_property
    def _broken(self) -> pd.DataFrame:
        """The pairs of problem and optimizer whose every run diverged at one step, whatever its rate, with the `step`.

        With batches of another size it may be another step, as losses are evaluated at others.
        """
        if "diverged_at" not in self.runs:
            return self.runs[["problem", "optimizer"]][:0].assign(step=0)
        groups = self.runs.groupby(["problem", "optimizer", "batch_size"])
        table = groups.agg(step=("diverged_at", "min"), last=("diverged_at", "max"), rates=("lr", "nunique"))
        table["whole"] = groups["diverged_at"].count() == groups.size()
        table["whole"] &= (table["step"] == table["last"]).fillna(False).astype(bool) & (table["rates"] > 1)
        found = table.groupby(level=[0, 1]).agg({"step": "min", "whole": "all"})
        return found.loc[found["whole"], ["step"]].astype(np.int64).reset_index()

    @cached_property
    def unlearned(self) -> dict[str, str]:
        """By problem, that nothing tells its optimizers from a constant answer; problems that were learned are out."""
        texts = {problem: self._compare_with_constant(problem) for problem in self.constants}
        return {problem: text for problem, text in texts.items() if text}

    @property
    def promising_edges(self) -> pd.DataFrame:
        """The edges of problems where something was learned, so that a wider search may pay.

        Without optimizers of which a run crashed, or every run diverged at one step.
        """
        crashed = self.runs.loc[self.runs["status"] == "failed", ["problem", "optimizer"]].drop_duplicates()
        crashed = pd.concat([crashed, self._broken[["problem", "optimizer"]]])
        pairs = pd.MultiIndex.from_frame(self.edges[["problem", "optimizer"]])
        lost = pairs.isin(pd.MultiIndex.from_frame(crashed)) | self.edges["problem"].isin(list(self.unlearned))
        return self.edges[~lost]

    def _compare_with_constant(self, problem: str) -> str:
        """Return that no interval on a problem excludes what a constant answer has; "" if one does, or if unknown."""
        for measure, judged in {self.judge_by: self.judged, **self.others}.items():
            name = measure.removesuffix("_final").removeprefix(TEST)
            value = self.constants[problem].get(f"{CONSTANT}{name}", math.nan)
            if measure in (TIME, LOSS) or problem in judged.without or pd.isna(value):
                continue
            rows = judged.rows(problem)
            ends = rows["high"].where(np.isfinite(rows["high"].astype(float)), rows["value"])
            if not rows["value"].notna().any() or ends.min() < (1 - value if is_gain(name) else value):
                return ""
            unit = name_metric(name if "accuracy" in name else measure, problem in judged.macro, "", "")
            return f"as far as the test data tell, no better than a constant answer ({unit} {labels.number(value)})"
        return ""

    def describe_levels(self, problem: str) -> list[str]:
        """Return a sentence on the batch sizes, and one on the schedules, of a problem that has several."""
        return [judged.sentence(problem) for of, judged in self.levels.items() if self._level_counts[of][problem] > 1]


def _find_data(problem: str) -> str:
    """Return the data that a problem's name says it learns from; "" where it says none."""
    try:
        return str(names.split_levels(problem)[-1][1].get("data", ""))
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


def chosen_for(judge_by: str, choose_by: Sequence[str]) -> str:
    """Return the measure that settings are chosen by for verdicts by `judge_by`.

    It is that measure if the sweep chose by it, else the first that it chose by. choose_by: those of the sweep.
    """
    return judge_by if judge_by in choose_by else choose_by[0]


def judge_runs(
    runs: pd.DataFrame,
    table: CodedRuns,
    of: str,
    look: int,
    edges: pd.DataFrame,
    called: Mapping[str, str],
    plan: bool = True,
) -> Judged:
    """Return the verdicts on the levels of a column.

    table: the runs as `tune_levels` returns them; look, edges: as for `optbench.analysis.verdicts`; called:
    `Answer.labels`; plan: with the number of blocks that open verdicts take.
    """
    judge_by = table.judge_by
    pairs = compare_levels(table, look=look, edges=edges, plan=plan)
    values = clip_intervals(measure_levels(table, edges=edges), runs, judge_by)
    tuned = held_out(table)
    shares = failure_shares(np.nansum(tuned.bad, axis=2), (~np.isnan(tuned.bad)).sum(axis=2))
    hits, ran = np.nansum(tuned.reached, axis=2), (~np.isnan(tuned.reached)).any(axis=2)
    unreached = table.timed * ((hits == 0) & ran).sum(axis=1)  # blocks whose expected time is a bound
    places = rank_levels(pairs, values, of)
    ends = values[["problem", of]].assign(unreached=unreached)
    places = places.merge(ends, on=["problem", of], how="left")
    places["unreached"] = places["unreached"].fillna(0).astype(np.int64)  # of all problems there is none
    crashed: dict[tuple[str, str], float] = {}
    if (failed := (runs["status"] == "failed").to_numpy()[table.row]).any():
        share = np.nansum(held_out(table, values=failed.astype(float)).y, axis=(1, 2)) / np.maximum(shares.runs, 1)
        cells = zip(table.cells["problem"], table.cells[of], share.tolist(), strict=True)
        crashed = {(problem, level): each for problem, level, each in cells if each}
    column = metric_name(runs, judge_by)
    without: frozenset[str] = frozenset()
    if judge_by not in (TIME, LOSS):
        has = runs[column].notna().groupby(runs["problem"], sort=False).any()
        without = frozenset(has.index[~has])
    names = {**called, **(labels.name_schedules(runs["schedule"].unique()) if of == "schedule" else {})}
    looks = np.where(np.isfinite(table.looks), table.looks, look)
    plain = "block" not in runs or bool((runs["block"] < 0).all())
    return Judged(
        places, pairs, of, judge_by, table.targets.shared.to_dict(), without, names,
        int(runs.groupby("problem")["seed"].nunique().max()) if plain else 0,
        looks=(int(looks.min()), int(looks.max())), crashed=crashed, in_common=bool(table.reported_in_common.all()),
    )  # fmt: skip


def find_recommended(
    runs: pd.DataFrame,
    tuning_seeds: Iterable[int],
    choose_by: str,
    searched: Mapping | None = None,
    coded: CodedRuns | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the recommended settings, and those of them that lie at an edge of what was tried.

    coded: as for `best_configurations`. Returns the tables of that function and of `find_edges`; other arguments as
    for `answer_of`.
    """
    seeds = list(tuning_seeds)
    best = best_configurations(runs, seeds, choose_by=choose_by, coded=coded)
    draws = select_best_draws(runs, seeds, choose_by) if searched else None
    return best, find_edges(runs, best, searched, find_shipped_limits, draws)


def answer_of(
    runs: pd.DataFrame,
    tuning_seeds: Iterable[int],
    judge_by: str = TIME,
    searched: Mapping | None = None,
    choose_by: Sequence[str] = CHOOSE_BY,
    look: int = 1,
    problems: pd.DataFrame | None = None,
    given: Mapping[str, str] | None = None,
    called: Mapping[str, str] | None = None,
) -> Answer:
    """Return the answer of a table `runs`.

    tuning_seeds: the seeds on which settings were chosen. judge_by: the measure of the verdicts. searched: by optimizer
    and parameter, the ranges that trials were drawn from; None without trials. choose_by: the measures that the sweep
    chose by. look: as for `optbench.analysis.verdicts`. problems: the table, for what a constant answer has. given: the
    texts of optimizers that were given values of hyperparameters, by optimizer. called: `Answer.labels`.
    """
    chosen = chosen_for(judge_by, choose_by)
    coded = tune_levels(runs, judge_by, "optimizer", chosen)
    best, wider = find_recommended(runs, tuning_seeds, chosen, searched, coded)
    judged = judge_runs(runs, coded, "optimizer", look, wider, called or {})
    keys = ["problem", "optimizer"]
    best = best.merge(judged.ranking[[*keys, "place", "trials"]], on=keys, how="left")
    # The edges of rates are those that `wider` has: trials from a range have other ends.
    sides = wider.loc[wider["parameter"] == "lr", [*keys, "side"]].drop_duplicates(keys)
    sides = sides.rename(columns={"side": "edge_side"})
    best = best.drop(columns="edge_side").merge(sides, on=keys, how="left").fillna({"edge_side": ""})
    best = best.assign(edge=best["edge_side"] != "")
    known = problems is not None and f"{CONSTANT}answer" in problems  # which folders of before do not have
    there = problems[problems["problem"].isin(best["problem"])] if known else best[:0]
    constants = there.drop_duplicates("problem").set_index("problem", drop=False).to_dict("index")
    # A constant answer recognizes one class, and none of the others.
    shares = {name: row.get(f"{CONSTANT}balanced_accuracy", math.nan) for name, row in constants.items()}
    judged = replace(judged, macro=frozenset(name for name, share in shares.items() if 0 < share < 0.4))
    return Answer(
        judged, best, wider, runs, searched or {}, tuple(choose_by), look, constants, given or {}, called or {},
        coded=coded,
    )  # fmt: skip


@cache
def find_shipped_limits(optimizer: str) -> dict[str, str] | None:
    """Return the limits of a shipped optimizer's hyperparameters; None for others, which a folder must not load."""
    from optbench.catalogue import loader  # a folder without choices at an edge needs no catalogue

    try:
        if any(library_and_name(name) for name, _ in names.split_levels(optimizer)):
            return None
        return loader.load().optimizer(optimizer)[0].all_limits
    except OptbenchError:
        return None


def describe_measure(answer: Answer) -> str:
    """Return all sentences of `split_measure`."""
    return " ".join(filter(None, split_measure(answer)))


def split_measure(answer: Answer) -> tuple[str, str, str]:
    """Return what verdicts rest on (measure, tuning, intervals), what spoils them, and the rest, such as ranges."""
    runs, judged = answer.runs, answer.judged
    name = name_measure(answer.judge_by, judged.macro >= {*answer.best["problem"]})
    chosen = chosen_for(answer.judge_by, answer.choose_by)
    look = f" (look {answer.look} at this growing sweep)" * (judged.looks[1] > 1)
    basis = [f"Compared by {name}.", _describe_tuning(answer)]
    basis.append(f"Intervals cover {judged.level}, for {judged.at_once}{look}.")
    spoils, more = [], []
    if answer.judge_by == TIME:
        more += _describe_targets(answer)
    elif judged.without:
        where = join_with_and(sorted(map(answer.label, judged.without)))
        more.append(f"There is none on {where}, where the loss at the end stands in.")
    spoils += caveats.warn_of_few_steps(answer.at_once, answer.label)
    spoils += caveats.warn_of_chosen_on_test(runs, chosen, answer.label)
    spoils += filter(None, [answer.unequal_trials])
    spoils += caveats.warn_of_overfitting(answer.best, answer.label)
    spoils += caveats.warn_of_high_minima(runs, answer.label)
    more += [
        *caveats.describe_choice(runs, answer.judge_by, chosen),
        *caveats.describe_gradients(runs, answer.label),
        *caveats.describe_ranges(answer.searched, _list_hyperparameters(runs), answer.label),
        *caveats.describe_smallest_gaps(runs, answer.judge_by, answer.label),
    ]
    return " ".join(basis), " ".join(spoils), " ".join(more)


def _list_hyperparameters(runs: pd.DataFrame) -> dict[str, list[str]]:
    """Return by optimizer the hyperparameters that its runs have."""
    there = runs.groupby("optimizer", sort=False)[hyperparameter_columns(runs)].count() > 0
    return {str(name): [key for key in there if there.loc[name, key]] for name in there.index}


def _describe_targets(answer: Answer) -> list[str]:
    """Return sentences on the targets of the measure "time", problem by problem, and on those that have none."""
    targets, when = answer.judged.targets, ", as of the first look" * (answer.look > 1)
    by_share: dict[float, list[str]] = {}
    names = labels.short_names(targets, answer.label)
    for problem, share in targets.items():
        by_share.setdefault(share if math.isfinite(share) else math.inf, []).append(names[problem])
    texts, none = [], by_share.pop(math.inf, [])
    if by_share:
        each = [f"{labels.share_text(share)} on {join_with_and(by_share[share])}" for share in sorted(by_share)]
        texts = [
            "A run reaches its target once the gap, its loss above the minimum, stays below a share of the gap at the "
            f"start: {', '.join(each)}. Each is the one that its problem states, or the hardest that some optimizer "
            f"reaches in every block{when}."
        ]
    if none:
        where = join_with_and(none)
        texts.append(f"On {where} no target is reached in every block{when}, so the loss at the end stands in.")
    return texts


def _describe_tuning(answer: Answer) -> str:
    """Return the sentence on how settings were found, and so on what the verdicts depend."""
    if (answer.best["trials"] <= 1).all():
        return "Every optimizer has one setting, and nothing was tuned."
    chosen = chosen_for(answer.judge_by, answer.choose_by)
    by = "" if chosen == answer.judge_by else f", by {name_measure(chosen)}"
    count = answer.reported_blocks if answer.blocks else ""
    if answer.drawn_anew:
        each = "The one block" if count == "1" else f"Each of {count} blocks"
        compared = (
            "The best of all met on seeds in common; those that are recommended are compared on fresh ones, and the "
            "gaps to their runners-up stand for the luck of the search."
            if answer.judged.in_common
            else "Each reported on fresh seeds, so every interval includes the luck of the draw and of tuning."
        )
        return f"{each} of seeds drew its own settings and tuned them{by}. {compared}"
    where = "on some of the seeds"
    if count:
        where = "in a single block of seeds" if count == "1" else f"separately in each of {count} blocks of seeds"
    fresh = bool(answer.best["held_out"].all())
    how = "reported on fresh ones" if fresh else "where there are no others, reported on the same"
    return f"Every optimizer was tuned {where}{by} and {how}; verdicts are given the settings that were tried."


def describe_data(problems: Iterable[tuple[str, str]], label: Label = str) -> list[str]:
    """Return a text per data set with the problems that learn from it: its rows, features and target.

    problems: pairs of a problem's name and the text of its data, "" without data.
    """
    learners: dict[str, dict[str, None]] = {}
    problems = list(problems)
    shown = labels.short_names((name for name, _ in problems), label)
    for name, text in problems:
        if isinstance(text, str) and text:
            learners.setdefault(text.partition("; ")[0], {})[shown[name]] = None
    return [f"{join_with_and(list(names))} on {text}" for text, names in learners.items()]


def name_measure(measure: str, macro: bool = False) -> str:
    """Return a measure in a sentence, such as "the share of errors on test data"; macro: there are several classes."""
    name = label_measure(measure, macro)
    return name if measure == TIME or name.startswith("1 - ") else f"the {name}"


def label_measure(measure: str, macro: bool = False) -> str:
    """Return a measure in words, such as "share of errors on test data"."""
    if measure == TIME:
        return "expected samples to a target"
    if measure == LOSS:
        return "loss at the end of a run, above the minimum"
    return "share of errors on test data" if "accuracy" in measure else name_metric(measure, macro)
