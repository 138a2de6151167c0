"""The winners of a sweep: as a table with setting, verdict, lead and cost, and as a text for a notebook."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape

import numpy as np
import pandas as pd

from optbench.analysis import costs, hyperparameter_columns, reported_runs
from optbench.analysis.columns import drop_lost_runs
from optbench.analysis.measures import TIME
from optbench.analysis.ranking import FAILED
from optbench.analysis.trajectories import Part, Tables
from optbench.contract.errors import OptbenchError
from optbench.wording import caveats, labels
from optbench.wording.answers import CHOOSE_BY, Answer, answer_of
from optbench.wording.certainty import find_state
from optbench.wording.judged import SAMPLES

HEADINGS = ("problem", "first", "batch size", "schedule", "rate", "value", "verdict")
LEAD = ("verdict", "rival", "ratio", "ratio_low", "ratio_high", "p_adjusted", "blocks_needed")
VALUE = ("value", "low", "high", "mean_rank", "failures", "blocks", "trials")


def find_winners(
    results: Tables,
    tuning_seeds: Iterable[int],
    judge_by: str = TIME,
    searched: Mapping | None = None,
    choose_by: Sequence[str] = CHOOSE_BY,
    look: int = 1,
    weigh_by: pd.Series | None = None,
) -> pd.DataFrame:
    """Return a row per problem and optimizer in first place; `optbench.Results.winners` has the columns.

    results: the tables of a sweep; the other arguments are those of `answer_of`.
    """
    runs = drop_lost_runs(results.runs)
    if runs.empty:
        return build_winners_table(None, pd.DataFrame(), [])
    answer = answer_of(runs, tuning_seeds, judge_by, searched, choose_by, look, weigh_by)
    reported = reported_runs(runs, answer.best, tuning_seeds)
    spent = costs(Part(runs, results), ("problem", "optimizer"), runs=reported)
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
        {"problem": problem, "optimizer": name, **_compare_with_rival(answer, problem, name)}
        for problem in answer.ranking["problem"].unique()
        for name in answer.firsts(problem)
    ]
    keys = ["problem", "optimizer"]
    table = pd.DataFrame(rows, columns=[*keys, *LEAD])
    table = table.merge(answer.ranking[[*keys, *VALUE]], on=keys, how="left")
    table = table.merge(answer.best[[*keys, *setting]], on=keys, how="left")
    table["batch_size"] = table["batch_size"].astype("Int64")
    if spent.empty:
        return table.reindex(columns=columns)
    return table.merge(spent[[*keys, *targets]], on=keys, how="left")[columns]


def _compare_with_rival(answer: Answer, problem: str, name: str) -> dict:
    """Return the columns LEAD of a winner against its nearest rival: another in first place, or the best of the rest.

    name: the winner, an optimizer.
    """
    judged = answer.judged
    rows = judged.rows(problem)
    others = rows.loc[(rows["optimizer"] != name) & (rows["state"] != FAILED) & (rows["trials"] != 0), "optimizer"]
    near = [other for other in judged.firsts(problem) if other != name]
    lead = {"verdict": find_state(answer, problem), "rival": ""}
    lead |= dict.fromkeys(("ratio", "ratio_low", "ratio_high"), np.nan)
    if others.empty:
        return lead
    rival = near[0] if near else others.iloc[0]
    pair = judged.pairs[problem, name, rival]
    against_rival = {"rival": rival, "ratio": pair.ratio, "ratio_low": pair.low, "ratio_high": pair.high}
    both = judged.verdicts[(judged.verdicts["problem"] == problem)]
    (row,) = both[both["a"].isin([name, rival]) & both["b"].isin([name, rival])].to_dict("records")
    return lead | against_rival | {key: row[key] for key in ("p_adjusted", "blocks_needed")}


def notebook_html(
    results: Tables,
    tuning_seeds: Iterable[int],
    judge_by: str = TIME,
    searched: Mapping | None = None,
    choose_by: Sequence[str] = CHOOSE_BY,
    look: int = 1,
    weigh_by: pd.Series | None = None,
) -> str:
    """Return HTML: the sentences of each problem and over all, and a table of winners; every name is escaped.

    The arguments are those of `find_winners`.
    """
    runs = drop_lost_runs(results.runs)
    head = f"<p>{len(results.runs):,} runs</p>"
    if runs.empty:
        return head
    try:
        answer = answer_of(runs, tuning_seeds, judge_by, searched, choose_by, look, weigh_by)
    except OptbenchError as error:  # a measure that these tables lack
        return f"{head}<p>{escape(str(error))}</p>"
    problems = list(runs["problem"].unique())
    lines = [answer.sentence(problem) for problem in problems] + [answer.overall()]
    lines += caveats.warn_of_high_minima(runs)
    items = "".join(f"<li>{escape(line)}</li>" for line in lines if line)
    rows = build_winners_table(answer, answer.best[:0], []).query("problem in @problems")
    cells = [_list_cells(row, answer.judged.unit(row["problem"])) for row in rows.to_dict("records")]
    body = "".join(f"<tr>{''.join(f'<td>{escape(text)}</td>' for text in row)}</tr>" for row in cells)
    names = "".join(f"<th>{name}</th>" for name in HEADINGS)
    return f"{head}<ul>{items}</ul><table><thead><tr>{names}</tr></thead><tbody>{body}</tbody></table>"


def _list_cells(row: dict, unit: str) -> list[str]:
    """Return the texts of a row of the table of winners: names, setting, value and verdict. unit: of its value."""
    number = labels.samples_text if unit == SAMPLES else labels.number
    value = f"{number(row['value'])} [{number(row['low'])}, {number(row['high'])}]"
    numbers = [f"{row['batch_size']}", str(row["schedule"]), labels.number(row["lr"])]
    verdict = f"{row['verdict']}: {row['rival']}" if row["rival"] else row["verdict"]
    return [str(row["problem"]), str(row["optimizer"]), *numbers, value, verdict]
