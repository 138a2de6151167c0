"""The table of winners: the best optimizers of each problem and over all, with setting, verdict, lead and cost."""

from __future__ import annotations

import numpy as np
import pandas as pd

from optbench.analysis import costs, hyperparameter_columns, reported_runs
from optbench.analysis.columns import comparable
from optbench.analysis.comparison import ALL
from optbench.analysis.points import Part, Tables
from optbench.wording.answers import Answer, against, answer_of, pair
from optbench.wording.certainty import state

LEAD = ("verdict", "rival", "ratio", "ratio_low", "ratio_high", "p_adjusted", "blocks_needed")
VALUE = ("value", "low", "high", "mean_rank", "failures", "blocks", "trials")


def winners(results: Tables, tuning_seeds, choose_by: str, searched=None) -> pd.DataFrame:
    """Return a row per problem and optimizer in first place; see `optbench.Results.winners`."""
    runs = comparable(results.runs)
    if runs.empty:
        return winners_table(None, pd.DataFrame(), [])
    answer = answer_of(runs, tuning_seeds, choose_by, searched)
    reported = reported_runs(runs, answer.best, tuning_seeds)
    spent = costs(Part(runs, results), ("problem", "optimizer"), runs=reported)
    return winners_table(answer, spent, hyperparameter_columns(runs))


def winners_table(answer: Answer | None, spent: pd.DataFrame, hyperparameters: list[str]) -> pd.DataFrame:
    """Return the table of an answer. spent: `optbench.analysis.costs` of the settings that it recommends."""
    setting = ["batch_size", "schedule", "lr", *hyperparameters]
    targets = [name for name in spent.columns if name.startswith(("reached_", "samples_to_", "seconds_to_"))]
    columns = ["problem", "optimizer", *setting, *VALUE, *LEAD, *targets]
    if answer is None:
        return pd.DataFrame(columns=columns)
    rows = []
    for problem in answer.ranking["problem"].unique():
        firsts = answer.firsts(problem)
        rows += [{"problem": problem, "optimizer": name, **_lead(answer, problem, name, firsts)} for name in firsts]
    keys = ["problem", "optimizer"]
    table = pd.DataFrame(rows, columns=[*keys, *LEAD])
    table = table.merge(answer.ranking[[*keys, *VALUE]], on=keys, how="left")
    table = table.merge(answer.best[[*keys, *setting]], on=keys, how="left")
    table["batch_size"] = table["batch_size"].astype("Int64")
    return (
        table.merge(spent[[*keys, *targets]], on=keys, how="left")[columns]
        if len(spent)
        else table.reindex(columns=columns)
    )


def _lead(answer: Answer, problem: str, name: str, firsts: list[str]) -> dict:
    """Compare with the nearest rival: another in first place, or else the best of the others."""
    rows = answer.ranking[answer.ranking["problem"] == problem]
    others = rows[rows["optimizer"] != name]
    near = others[others["first"]] if len(firsts) > 1 else others
    lead = {"verdict": state(answer, problem), "rival": "", "ratio": np.nan, "ratio_low": np.nan, "ratio_high": np.nan}
    if near.empty:
        return lead
    by = "mean_rank" if problem == ALL else "value"
    rival = near.sort_values(by, kind="stable")["optimizer"].iloc[0]
    ratio, low, high, _ = against(answer, problem, name, rival)
    row = pair(answer, problem, name, rival)
    against_rival = {"rival": rival, "ratio": ratio, "ratio_low": low, "ratio_high": high}
    return lead | against_rival | {key: row[key] for key in ("p_adjusted", "blocks_needed")}
