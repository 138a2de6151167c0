"""Sentences on certainty and costs, and the table of winners: on tables with planted winners and costs by hand."""

import math
from dataclasses import replace

import pandas as pd
import pytest
from staged import staged_table
from synthetic import failure, runs_table

from optbench.sweeps.results import Results
from optbench.wording import certainty
from optbench.wording.answers import answer_of

TIMINGS = pd.DataFrame({"cohort_id": ["c"], "ns_per_run_step": [1.0], "steps": [100]})


def table(factors, spread=0.02):
    """Optimizers whose values differ by these factors, and from seed to seed by a little."""

    def value(problem, optimizer, rate, stage, block, seed):
        return math.log(factors[optimizer]) + spread * math.sin(17 * seed + len(optimizer))

    return staged_table(value, list(factors), blocks=8, problems=("p",), holdout=3)


@pytest.mark.parametrize(
    ("factors", "spread", "known", "words"),
    [({"gd": 1.0, "adam": 3.0}, 0.02, "wins", "wins against adam (adjusted p < 0.001; 8 blocks of seeds)"),
     ({"gd": 1.0, "adam": 3.0, "lion": 9.0}, 0.02, "wins", "wins against all 2 others (largest adjusted p < 0.001; 8 "),
     ({"gd": 1.0, "adam": 1.001}, 0.02, "tie", "adam: 1.001× gd's loss ["),
     ({"gd": 1.0, "adam": 1.05}, 2.0, "open", ""),
     ({"gd": 1.0}, 0.02, "alone", "")],
)  # fmt: skip
def test_how_sure_first_place_is(factors, spread, known, words):
    answer = answer_of(table(factors, spread), [])
    assert certainty.find_state(answer, "p") == known
    assert words in certainty.state_certainty(answer, "p", 7)


def open_pairs(needed, seconds=400.0, **more):
    """Return an answer in which gd leads and others are open, each of which needs so many blocks, and its timings."""
    names = ["gd", *(f"rival{place}" for place in range(len(needed)))]
    answer = answer_of(table(dict.fromkeys(names, 1.0), 0.0), [])
    ranking = answer.ranking.assign(state="open", value=range(len(names)))
    rows = [
        {"verdict": "open", "known": "too noisy to place", "reason": "", "blocks": 8,
         "blocks_needed": needed[names.index(row["b"]) - 1] if row["a"] == "gd" else math.nan}
        for row in answer.verdicts.to_dict("records")
    ]  # fmt: skip
    judged = replace(answer.judged, ranking=ranking, verdicts=answer.verdicts.assign(**pd.DataFrame(rows)), **more)
    return replace(answer, judged=judged), pd.DataFrame({"cohort_id": ["c"], "seconds": [seconds]})


@pytest.mark.slow
def test_more_blocks_come_with_their_time_and_their_option():
    plan = certainty.plan_more_runs(*open_pairs([11.2, 16.0, 40.0, 5000.0]), cores=2)
    assert plan.option == "--blocks 16"
    assert plan.text == (
        "4 pairs with a leader are open: 8 more blocks (about 3 minutes here) would probably settle 2 of them, 32 more "
        "blocks 3; 1,000 more blocks would probably not settle the last; more blocks are a further look, which "
        "costs certainty: intervals are then wider, at 99.5% and not 96%"
    )
    assert certainty.plan_more_runs(*open_pairs([9.0], 40.0)).text == (
        "1 pair with a leader is open: 1 more block (about 5 s here) would probably settle it; more "
        "blocks are a further look, which costs certainty: intervals are then wider, at 99.5% and not 96%"
    )
    none = certainty.plan_more_runs(*open_pairs([math.inf]))
    assert none.option == "" and none.text.endswith(": 1,000 more blocks would probably not settle it")
    assert certainty.plan_more_runs(*open_pairs([math.nan])) is None
    seeds = certainty.plan_more_runs(*open_pairs([16.0], seeds=24))
    assert seeds.option == "--seeds 48" and "24 more seeds" in seeds.text


def test_winners_have_setting_lead_and_verdict():
    curves = pd.DataFrame({name: [] for name in ("run_id", "step", "samples", "epoch", "train_loss")})
    results = Results(table({"gd": 1.0, "adam": 3.0, "lion": 9.0}), curves, TIMINGS)
    (row,) = results.winners().to_dict("records")
    assert (row["problem"], row["optimizer"], row["verdict"], row["rival"]) == ("p", "gd", "wins", "adam")
    assert row["ratio"] == pytest.approx(3, rel=0.05) and row["ratio_low"] < row["ratio"] < row["ratio_high"]
    assert row["batch_size"] == 16 and row["schedule"] == "constant" and row["p_adjusted"] < 0.001


def test_winners_of_what_never_ran_are_none():
    runs = runs_table([failure(seed=seed, status="failed") for seed in range(3)])
    results = Results(runs, pd.DataFrame(), TIMINGS)
    assert results.winners().empty
    assert repr(results) == "3 runs: no run of these results finished: there is nothing to show\nof all 3 runs 3 failed"
    assert "<img" not in results._repr_html_()


def test_results_print_a_short_answer_and_show_it_with_a_forest(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    factors = {"gd": 1.0, "<b>&": 3.0}
    results = Results(table(factors), pd.DataFrame(), TIMINGS, provenance={"choose_by": ["loss"]})
    runs = len(results.runs)
    first, *rest = repr(results).splitlines()
    assert first == f"{runs} runs of 2 optimizers on 1 problem, compared by the loss at the end of a run," and rest[1:]
    assert rest[0] == "  above the minimum" and max(map(len, rest)) <= 80
    assert rest[1].startswith("p: gd leads, at the limit of the search; <b>& has about 3 times the loss [96% CI")
    text = results._repr_html_()
    assert "&lt;b&gt;&amp; has about 3 times" in text and "<b>" not in text and text.count("<img ") == 1
    assert str(Results(table({"gd": 1.0}), pd.DataFrame(), TIMINGS)).endswith(
        "p: gd alone, so there is nothing to compare"
    )
    many = pd.concat([table({"gd": 1.0}).assign(problem=f"p{place}") for place in range(15)])
    assert "and 3 more problems: results.winners() has all" in repr(Results(many, pd.DataFrame(), TIMINGS))
