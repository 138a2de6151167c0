"""Answers of a sweep in sentences: the best optimizers of each problem, how much worse the others are, and how sure.

The terminal and the page take their winners from here, and so from `optbench.analysis.ranking` and `verdicts`.
"""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path

import pandas as pd

from optbench.analysis import best_configurations, ranking, varied_hyperparameters, verdicts
from optbench.analysis.edges import find_edges
from optbench.analysis.measures import LOG_TAIL, metric_name
from optbench.analysis.texts import join_with_and
from optbench.contract import names
from optbench.contract.eager import library_and_name
from optbench.contract.errors import OptbenchError
from optbench.wording import caveats, labels

MOST_BLOCKS = 1000
"""Beyond this number of blocks a difference is too small to matter."""


@dataclass(frozen=True)
class Answer:
    """The verdicts on a sweep, and the settings behind them."""

    ranking: pd.DataFrame
    """`optbench.analysis.ranking` of the optimizers."""
    verdicts: pd.DataFrame
    """`optbench.analysis.verdicts` of the optimizers."""
    best: pd.DataFrame
    """`optbench.analysis.best_configurations`: the setting that is recommended for each problem and optimizer, with its
    ``place`` and the number of ``trials``."""
    edges: pd.DataFrame
    """`optbench.analysis.edges.find_edges` of them."""
    searched: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """For a sweep with trials: by optimizer and parameter, the range that trials were drawn from."""

    @cached_property
    def pairs(self) -> dict[tuple[str, frozenset], dict]:
        """The rows of `verdicts` by problem and the two that are compared."""
        return {(row["problem"], frozenset((row["a"], row["b"]))): row for row in self.verdicts.to_dict("records")}

    def pair(self, problem: str, a: str, b: str) -> dict:
        """Return the row of ``verdicts`` that compares both optimizers, as a dictionary; its a may be b here."""
        return self.pairs[problem, frozenset((a, b))]

    def compare(self, problem: str, a: str, b: str) -> tuple[float, float, float, str]:
        """Return (ratio, low, high, verdict) of a pair as seen from a: a ratio above 1 or "better" is in favor of a."""
        row = self.pair(problem, a, b)
        if row["a"] == a:
            return row["ratio"], row["low"], row["high"], row["verdict"]
        turned = {"better": "worse", "worse": "better"}
        ratio, low, high = (1 / row[name] if row[name] else math.inf for name in ("ratio", "high", "low"))
        return ratio, low, high, turned.get(row["verdict"], row["verdict"])

    def firsts(self, problem: str) -> list[str]:
        """Return the optimizers that share first place, the lowest value first."""
        rows = self.ranking[(self.ranking["problem"] == problem) & self.ranking["first"]]
        return rows.sort_values(["value", "mean_rank"], kind="stable")["optimizer"].tolist()

    def reasons(self, problem: str) -> list[str]:
        """Return the reasons why pairs stay undecided whatever their runs, such as too few blocks."""
        reasons = self.verdicts.loc[self.verdicts["problem"] == problem, "reason"]
        return [reason for reason in reasons.unique() if reason]

    def overall(self) -> str:
        """Return the sentence over all problems; "" if there is only one problem."""
        rows = self.ranking[self.ranking["problem"] == "all"].sort_values("mean_rank", kind="stable")
        if rows.empty:
            return ""
        ranks = join_with_and([f"{row.optimizer} {row.mean_rank:.1f}" for row in rows.itertuples()])
        count, reasons = int(rows["blocks"].max()), self.reasons("all")
        note = f" ({reasons[0]} to tell more)" if reasons else ""
        return f"over {count} problems: {self._name_firsts('all', note)}; mean ranks: {ranks}"

    def sentence(self, problem: str) -> str:
        """Return a sentence: which optimizers are first on a problem, and how many times worse the others are."""
        rows = self.ranking[self.ranking["problem"] == problem]
        if (rows["failures"] == 1).all() and len(rows) > 1:
            return f"{problem}: every run failed, so there is nothing to compare"
        if len(rows) == 1:
            return f"{problem}: {rows.iloc[0]['optimizer']} alone, so there is nothing to compare"
        reasons, firsts = self.reasons(problem), self.firsts(problem)
        if reasons and len(firsts) == len(rows):
            return f"{problem}: undecided ({reasons[0]}); lowest first: {join_with_and(firsts)}"
        names, parts, verb = [*firsts, *rows.loc[~rows["first"], "optimizer"]], [], " is"
        for rival in rows[~rows["first"]].sort_values("value", kind="stable").itertuples():
            name = rival.optimizer
            if rival.failures == 1:  # a ratio would only show how a failure is counted
                parts.append(f"{name} failed on every seed")
            elif rival.trials == 0:
                parts.append(f"{name} has no setting without a stopped or failed run")
            else:  # beside the leader, if that beats the rival
                others = (other for other in names if other != name)
                than = next((other for other in others if self.compare(problem, other, name)[3] == "better"), firsts[0])
                ratio, low, high, _ = self.compare(problem, than, name)
                worse = (" times worse" if verb else "") + (f" than {than}" if than != firsts[0] else "")
                parts.append(f"{name}{verb} {format_ratio(ratio)}{worse} [{format_ratio(low)}, {format_ratio(high)}]")
                verb = ""
        first = self._name_firsts(problem, self._describe_tie(problem, firsts))
        return f"{problem}: " + "; ".join([first, ", ".join(parts)] if parts else [first])

    def _name_firsts(self, problem: str, note: str) -> str:
        """Return the words for the optimizers in first place; note: added if several share it."""
        firsts = self.firsts(problem)
        total = int((self.ranking["problem"] == problem).sum())
        if len(firsts) == 1:
            return f"{firsts[0]} is first"
        names = join_with_and(firsts)
        return f"{f'all {total} ({names})' if len(firsts) == total > 2 else names} share first place{note}"

    def _describe_tie(self, problem: str, firsts: Sequence[str]) -> str:
        """Return " (equivalent: within 10%)" or how many blocks would decide; "" if neither applies.

        firsts: the optimizers that share first place.
        """
        pairs = [self.pair(problem, firsts[0], name) for name in firsts[1:]]
        if pairs and all(row["verdict"] == "equivalent" for row in pairs):
            return " (equivalent: within 10%)"
        undecided = [row["blocks_needed"] for row in pairs if row["verdict"] == "undecided"]
        needed = max((count for count in undecided if pd.notna(count)), default=None)
        if needed is None:
            return ""
        text = f"{needed:,.0f}" if needed <= MOST_BLOCKS else f"over {MOST_BLOCKS:,}"
        return f" (undecided: {text} blocks of seeds would tell)"


def answer_of(
    runs: pd.DataFrame, tuning_seeds: Iterable[int], choose_by: str = LOG_TAIL, searched: Mapping | None = None
) -> Answer:
    """Return the answer of a table `runs`.

    tuning_seeds: the seeds on which settings were chosen. choose_by: the measure to choose and compare by. searched: by
    optimizer and parameter, the ranges that trials were drawn from; None without trials.
    """
    places = ranking(runs, choose_by)
    best = best_configurations(runs, tuning_seeds, choose_by=choose_by)
    best = best.merge(places[["problem", "optimizer", "place", "trials"]], on=["problem", "optimizer"], how="left")
    wider = find_edges(runs, best, searched, find_shipped_limits)
    # The edges of rates are those that `edges` found: trials from a range have other ends.
    keys = ["problem", "optimizer"]
    sides = wider.loc[wider["parameter"] == "lr", [*keys, "side"]].rename(columns={"side": "edge_side"})
    best = best.drop(columns="edge_side").merge(sides, on=keys, how="left").fillna({"edge_side": ""})
    best = best.assign(edge=best["edge_side"] != "")
    return Answer(places, verdicts(runs, choose_by), best, wider, searched or {})


@cache
def find_shipped_limits(optimizer: str) -> dict[str, str] | None:
    """Return the limits of a shipped optimizer's hyperparameters; None for others, which a folder must not load."""
    from optbench.catalogue import loader  # a folder without choices at an edge needs no catalogue

    if library_and_name(names.parse(optimizer)[0]):
        return None
    try:
        return loader.load().optimizer(optimizer)[0].all_limits
    except OptbenchError:
        return None


def describe_measure(answer: Answer, choose_by: str, runs: pd.DataFrame) -> str:
    """Return sentences on the measure of comparison, the tuning, unequal numbers of trials, and caveats."""
    blocks = runs.loc[runs["block"] >= 0, "block"].nunique() if "block" in runs else 0
    how = f"was tuned separately in each of {blocks} blocks of seeds" if blocks else "was tuned on some of the seeds"
    fresh = bool(answer.best["held_out"].all())
    how += " and reported on fresh ones" if fresh else " and, where there are no others, reported on the same"
    trials = answer.best.drop_duplicates("optimizer").set_index("optimizer")["trials"].astype(int)
    if (trials <= 1).all():
        how = "has one setting, and nothing was tuned"
    text = f"Compared by the {name_measure(choose_by)}. Every optimizer {how}; intervals are of 95%."
    if choose_by != LOG_TAIL:
        has = runs[metric_name(runs, choose_by)].notna().groupby(runs["problem"], sort=False).any()
        if not has.all():
            without = join_with_and(has.index[~has].tolist())
            text += f" There is none on {without}, where suboptimality in the last fifth of a run stands in."
    if trials.nunique() > 1:
        numbers = join_with_and([f"{name} {count:,}" for name, count in trials.items()])
        pairs = answer.verdicts
        fewer = pairs[(pairs["trials"] > 0) & (pairs["trials_a"] != pairs["trials_b"])]
        blocks = sorted({int(count) for count in fewer["blocks"] if count > 1})
        where = f" ({' or '.join(map(str, blocks))} blocks)" if blocks else ""
        text += (
            f" Trials were unequal ({numbers}): pairs are compared at the smaller number, and only by the seeds on "
            f"which all settings ran{where}."
        )
    return " ".join([text, *caveats.warn_of_unequal_ranges(answer.searched), *caveats.warn_of_limits(runs, choose_by)])


def describe_data(problems: Iterable[tuple[str, str]]) -> list[str]:
    """Return a text per data set with the problems that learn from it.

    problems: pairs of a problem's name and the text of its data, "" without data.
    """
    learners: dict[str, dict[str, None]] = {}
    for name, text in problems:
        if isinstance(text, str) and text:
            learners.setdefault(text, {})[name.partition("(")[0]] = None
    return [f"{join_with_and(list(names))} on {text}" for text, names in learners.items()]


def name_measure(choose_by: str) -> str:
    """Return the measure `choose_by` in words, such as "share of errors on test data", to stand beside a setting."""
    if choose_by == LOG_TAIL:
        return "suboptimality in the last fifth of a run"
    return "share of errors on test data" if "accuracy" in choose_by else choose_by.replace("_", " ")


def describe_settings(answer: Answer, runs: pd.DataFrame) -> dict[tuple[str, str], str]:
    """Return by (problem, optimizer) the recommended setting as a text: batch size, schedule, rate, and its result."""
    varied, short = varied_hyperparameters(runs), labels.shorten_schedules(runs["schedule"].unique())
    texts = {}
    for row in answer.best.to_dict("records"):
        name = labels.optimizer_label(row, varied)
        batch = labels.batch_label(row["batch_size"], row["full_batch"])
        value = f"{labels.number(row['median'])} {labels.interval_text(row)}".strip()
        seeds = f"{int(row['n'])} {'fresh ' if row['held_out'] else ''}seed{'s' if row['n'] > 1 else ''}"
        text = (
            f"{name}: batch {batch}, {short[row['schedule']]}, rate {labels.number(row['lr'], 4)}; {value} on {seeds}"
        )
        if 0 < row["failures"] < row["n"]:
            text += f", {int(row['failures'])} failed"
        if "test_accuracy" in row and pd.notna(row["test_accuracy"]):
            text += f", test accuracy {row['test_accuracy']:.3f}"
        notes = labels.list_warnings({**row, "held_out": row["held_out"] or row["trials"] <= 1}, edge=False)
        texts[row["problem"], row["optimizer"]] = text + (f" ({'; '.join(notes)})" if notes else "")
    return texts


def advise_wider_search(
    table: pd.DataFrame, directory: str | Path | None = None, plugins: Sequence[str] | None = ()
) -> list[str]:
    """Return a text per parameter and side: the choices at the edge of the search, and the command that searches wider.

    table: `Answer.edges`. directory: that of the results; None: the option only. plugins: the user's files that the
    sweep used; None: not known.
    """
    texts = []
    command = "" if directory is None else f"optbench sweep --extend --out {shlex.quote(str(directory))} "
    command += "".join(f"--plugin {shlex.quote(file)} " for file in plugins or ())
    for (name, side), part in table.groupby(["parameter", "side"], sort=False):
        word = {"lr": "rate", "batch_size": "batch size"}.get(name, name)
        where = [f"{problem} ({', '.join(rows['optimizer'])})" for problem, rows in part.groupby("problem", sort=False)]
        end = "highest" if side == "high" else "lowest"
        option = f"{command}{_option(name, part)}"
        texts.append(f"{word} at the {end} that was tried: {', '.join(where)}; wider: {option}")
    return texts


def _option(name: str, part: pd.DataFrame) -> str:
    """Return the option of a command that searches wider: the next value, or the wider range.

    name: the parameter; part: the rows of `Answer.edges` that share it.
    """
    first = part.iloc[0]
    if name == "lr":
        return f"--lr {shlex.quote(first['range'] or labels.number(first['wider'], 4))}"
    if name == "batch_size":
        return f"--batch-sizes {int(first['wider'])}"
    optimizer = first["optimizer"]
    if first["range"]:
        text = labels.with_values(optimizer, [f"{name}={first['range']}"])
    else:
        text = labels.optimizer_label({"optimizer": optimizer, name: first["wider"]}, {optimizer: [name]})
    return f"--optimizers {shlex.quote(text)}"


def format_ratio(ratio: float) -> str:
    """Return the text of a ratio with two digits, or more if it is near 1; "140" instead of "1.4e2"."""
    if abs(ratio - 1) < 0.1:
        return labels.number(ratio, 3 if abs(ratio - 1) >= 0.01 else 4)
    return f"{float(f'{ratio:.2g}'):,.0f}" if 10 <= ratio < 1e5 else labels.number(ratio, 2)
