"""The winners of a sweep: as a table with setting, verdict, lead and cost, and as a few lines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from optbench.analysis import costs, hyperparameter_columns, reported_runs
from optbench.analysis.measures import TIME
from optbench.analysis.ranking import FAILED
from optbench.analysis.run_columns import drop_lost_runs
from optbench.analysis.sweep_tables import CHOOSE_BY, Tables
from optbench.analysis.verdicts import OPEN, TIE, WINS
from optbench.wording.answers import Answer, answer_of
from optbench.wording.judged import Judged

LEAD = ("verdict", "rival", "ratio", "ratio_low", "ratio_high", "p_adjusted", "blocks_needed")
VALUE = ("value", "low", "high", "mean_rank", "failures", "blocks", "trials")


def find_winners(
    results: Tables,
    tuning_seeds: Iterable[int],
    judge_by: str = TIME,
    searched: Mapping | None = None,
    choose_by: Sequence[str] = CHOOSE_BY,
    look: int = 1,
) -> pd.DataFrame:
    """Return a row per problem and optimizer in first place; `optbench.Results.winners` has the columns.

    results: the tables of a sweep; the other arguments are those of `answer_of`.
    """
    runs = drop_lost_runs(results.runs)
    if runs.empty:
        return build_winners_table(None, pd.DataFrame(), [])
    answer = answer_of(runs, tuning_seeds, judge_by, searched, choose_by, look, results.problems)
    reported = reported_runs(runs, answer.best, tuning_seeds)
    spent = costs(results.with_runs(runs), ("problem", "optimizer"), runs=reported)
    return build_winners_table(answer, spent, hyperparameter_columns(runs))


def build_winners_table(answer: Answer | None, spent: pd.DataFrame, hyperparameters: list[str]) -> pd.DataFrame:
    """Return the table of winners: a row per problem and optimizer in first place; empty without an answer.

    spent: `optbench.analysis.costs` of the recommended settings. hyperparameters: the names of their columns.
    """
    setting = ["batch_size", "schedule", "lr", *hyperparameters]
    targets = [name for name in spent.columns if name.startswith(("reached_", "samples_to_", "seconds_to_"))]
    columns = ["problem", "optimizer", *setting, *VALUE, *LEAD, *targets]
    if answer is None:
        return pd.DataFrame(columns=columns)
    rows = [
        {"problem": problem, "optimizer": name, **_compare_with_rival(answer.judged, problem, name)}
        for problem in answer.ranking["problem"].unique()
        for name in answer.judged.firsts(problem)
    ]
    keys = ["problem", "optimizer"]
    table = pd.DataFrame(rows, columns=[*keys, *LEAD])
    table = table.merge(answer.ranking[[*keys, *VALUE]], on=keys, how="left")
    table = table.merge(answer.best[[*keys, *setting]], on=keys, how="left")
    table["batch_size"] = table["batch_size"].astype("Int64")
    if spent.empty:
        return table.reindex(columns=columns)
    return table.merge(spent[[*keys, *targets]], on=keys, how="left")[columns]


def _compare_with_rival(judged: Judged, problem: str, name: str) -> dict:
    """Return the columns LEAD of a winner against its nearest rival: another in first place, or the best of the rest.

    name: the winner, an optimizer.
    """
    rows = judged.rows(problem)
    others = rows.loc[(rows["optimizer"] != name) & (rows["state"] != FAILED) & (rows["trials"] != 0), "optimizer"]
    near = [other for other in judged.firsts(problem) if other != name]
    state = OPEN if judged.list_open(problem) else TIE if near else WINS
    lead = {"verdict": state if len(rows) > 1 else "alone", "rival": ""}
    if others.empty:
        return lead | dict.fromkeys(("ratio", "ratio_low", "ratio_high"), np.nan)
    lead["rival"] = near[0] if near else others.iloc[0]
    pair = judged.pairs[problem, name, lead["rival"]]
    numbers = {"ratio": pair.ratio, "ratio_low": pair.low, "ratio_high": pair.high}
    return lead | numbers | {"p_adjusted": pair.p_adjusted, "blocks_needed": pair.blocks_needed}
