"""Answers: each part is that of a table that was coded for this question alone, and is computed once."""

import numpy as np
import pandas as pd
import pytest
from staged import add_times, answer_of, ranking, staged_table, verdicts

from optbench.analysis.answer import ask
from optbench.results.results import Results
from optbench.wording.verdict_texts import with_texts

KEYS = ["problem", "optimizer"]


@pytest.fixture(scope="module")
def runs():
    """Return a table with losses, samples to targets and accuracies, and two batch sizes."""
    rng = np.random.default_rng(0)
    worse = {"gd": 2.0, "adam": 1.0}

    def value(problem, optimizer, rate, stage, block, seed):
        return np.log(1e-3 * worse[optimizer]) + 10 * abs(rate - 0.2) + 0.1 * rng.standard_normal()

    parts = [staged_table(value, blocks=4, holdout=3).assign(batch_size=size) for size in (16, 64)]
    table = pd.concat([part.assign(run_id=part["run_id"] + f"b{place}") for place, part in enumerate(parts)])
    table = add_times(table, lambda row: 20 * worse[row.optimizer] * row.batch_size).reset_index(drop=True)
    return table.assign(test_accuracy=1 - 0.1 * np.exp(rng.standard_normal(len(table)) - 2))


@pytest.mark.parametrize("measure", ["time", "loss", "test_accuracy"])
@pytest.mark.parametrize("of", ["optimizer", "batch_size"])
def test_an_answer_is_that_of_its_question_alone(runs, measure, of):
    answer = answer_of(runs, judge_by=measure, choose_by=["time"])
    given = {"of": of, "choose_by": "time", "edges": answer.edges}
    for asked in (ask(answer.everything, measure, of), answer.ask(of=of)):
        without = ["blocks_needed"] if asked.question.plan is False else []
        wanted = verdicts(runs, measure, **given)
        found = with_texts(asked.verdicts)
        pd.testing.assert_frame_equal(found.drop(columns=without), wanted.drop(columns=without))
        wanted = ranking(runs, measure, **given)
        pd.testing.assert_frame_equal(asked.ranking[wanted.columns], wanted)


def test_an_answer_is_computed_once_for_its_runs(runs):
    results = Results(runs, provenance={"choose_by": ["time"]})
    answer = ask(results)
    assert ask(results) is answer and answer.verdicts is answer.verdicts and answer.ask() is answer
    loss = answer.ask("loss")
    assert loss is answer.others["loss"] and loss.settings is answer.settings and loss.coded.y is answer.coded.y
    results.runs = runs[runs["optimizer"] == "gd"]
    assert set(ask(results).best["optimizer"]) == {"gd"}
    assert ask(results.labeled({"gd": "Ours"})).label("gd") == "Ours" and ask(results).label("gd") == "gd"
