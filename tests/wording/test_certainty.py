"""How sure first place is, what more runs take, and the table of winners: on tables with planted winners."""

import math

import numpy as np
import pandas as pd
import pytest
from staged import answer_of, staged_table, with_parts
from synthetic import failure, runs_table

from optbench.analysis.known import Known
from optbench.results.results import Results
from optbench.wording import certainty
from optbench.wording.decision_texts import describe_decisions

TIMINGS = pd.DataFrame({"cohort_id": ["c"], "ns_per_run_step": [1.0], "steps": [100]})


def table(factors, spread=0.02):
    """Optimizers whose values differ by these factors, and from seed to seed by a little."""

    def value(problem, optimizer, rate, stage, block, seed):
        return math.log(factors[optimizer]) + spread * math.sin(17 * seed + len(optimizer))

    return staged_table(value, list(factors), blocks=8, problems=("p",), holdout=3)


@pytest.mark.parametrize(
    ("factors", "spread", "known"),
    [({"gd": 1.0, "adam": 3.0}, 0.02, "wins"), ({"gd": 1.0, "adam": 3.0, "lion": 9.0}, 0.02, "wins"),
     ({"gd": 1.0, "adam": 1.001}, 0.02, "tie"), ({"gd": 1.0, "adam": 1.05}, 2.0, "open"), ({"gd": 1.0}, 0.02, "alone")],
)  # fmt: skip
def test_how_sure_first_place_is(factors, spread, known):
    winners = Results(table(factors, spread), timings=TIMINGS).winners()
    assert set(winners["verdict"]) == {known}


def open_pairs(needed, seconds=400.0, **more):
    """Return an answer in which gd leads and others are open, each of which needs so many blocks, and its timings."""
    names = ["gd", *(f"rival{place}" for place in range(len(needed)))]
    answer = answer_of(table(dict.fromkeys(names, 1.0), 0.0), [])
    ranking = answer.ranking.assign(
        state="open", value=range(len(names)), may_be_best=True, leader=answer.ranking["optimizer"] == "gd"
    )
    rows = [
        {"verdict": "open", "known": Known("noisy"), "reason": None, "blocks": 8,
         "blocks_needed": needed[names.index(row["b"]) - 1] if row["a"] == "gd" else math.nan}
        for row in answer.verdicts.to_dict("records")
    ]  # fmt: skip
    verdicts = answer.verdicts.assign(**pd.DataFrame(rows))
    timings = pd.DataFrame({"cohort_id": ["c"], "seconds": [seconds]})
    return with_parts(answer, ranking=ranking, verdicts=verdicts, **more), timings


def advise(answer, timings, cores=1):
    """Return the words for the first advice and its option."""
    (first, *_) = certainty.advise_more_runs(answer, timings, ".", {"cores": cores})
    return certainty.say_more_runs(answer, first), " ".join(first.command[-2:])


@pytest.mark.slow
def test_more_blocks_come_with_their_time_and_their_option():
    text, option = advise(*open_pairs([11.2, 16.0, 40.0, 5000.0]), cores=2)
    assert option == "--blocks 16"
    assert text == "2 of 4 open pairs need at most 8 more blocks (about 3 min here)"
    text, _ = advise(*open_pairs([9.0], 40.0))
    assert text == "the open pair needs at most 1 more block (about 5 s here)"
    for never in (math.inf, math.nan):
        assert certainty.advise_more_runs(*open_pairs([never]), ".", {}) == []
    text, option = advise(*open_pairs([16.0], seeds=24))
    assert option == "--seeds 48" and "24 more seeds" in text


@pytest.mark.slow
def test_on_seeds_in_common_twice_the_blocks_are_advised():
    """How many decide a pair is not known there; one that cannot be decided, as neither arrives, does not count."""
    answer, timings = open_pairs([math.nan, math.nan, math.nan], in_common=True)
    text, option = advise(answer, timings, cores=2)
    assert option == "--blocks 16"
    assert text == "3 open pairs: twice the blocks make intervals about a fifth narrower (about 3 min here)"
    never = with_parts(answer, verdicts=answer.verdicts.assign(reason=Known("neither_reaches")), in_common=True)
    assert certainty.advise_more_runs(never, timings, ".", {}) == []


def on_test_rows(rows, luck, own=()):
    """Return the answer of a sweep whose gd errs on a fifth of the test rows and adam on less, by the luck of a seed.

    rows: whether the test rows have a sampling error.
    """
    errors = {"gd": 0.2, "adam": 0.14}

    def value(problem, optimizer, rate, stage, block, seed):
        return abs(math.log(rate / 0.1)) + (optimizer == "gd")

    runs = staged_table(value, rates=(0.09, 0.1, 0.11), blocks=4, final=4, report=24)
    hard, accuracies, without = np.arange(50) / 50, [], []
    for run in runs.itertuples():
        drawn = np.random.default_rng([run.seed, run.optimizer == "gd"]).standard_normal()
        wrong = hard < errors[run.optimizer] * math.exp(luck * drawn)
        left = (wrong.sum() - wrong) / 49 if rows else np.full(50, wrong.mean())
        accuracies.append(1 - wrong.mean())
        without.append((1 - left).astype(np.float32).tobytes())
    runs = runs.assign(test_accuracy=accuracies, jackknife_test_accuracy=without)
    problems = pd.DataFrame([{"problem": "p", "dim": 9, "examples": 99, "constant_answer": 0.0, "digest": "1f"}])
    return answer_of(runs, [], "test_accuracy", choose_by=("test_accuracy",), problems=problems, incumbents=own)


@pytest.mark.parametrize("own", [[], ["gd"]])
def test_blocks_are_not_advised_where_the_test_rows_leave_it_open(own):
    answer = on_test_rows(True, 0.1, own)
    assert certainty.advise_more_runs(answer, pd.DataFrame(), "here", {}) == []
    (advice,) = certainty.advise_measure(answer, "here")
    assert advice.command == ("optbench", "sweep", "here/spec.toml", "--judge-by", "log_loss", "--out", "here/log_loss")
    text = certainty.say_measure(answer, advice)
    assert text.startswith("1 open pair, what you have among them," if own else "1 open pair stays open")


def test_blocks_are_advised_where_the_luck_of_seeds_leaves_it_open():
    answer = on_test_rows(False, 0.6)
    assert certainty.advise_measure(answer, ".") == []
    assert len(certainty.advise_more_runs(answer, pd.DataFrame(), ".", {})) == 1


@pytest.mark.parametrize(
    ("rows", "luck", "told"),
    [
        (True, 0.1, "The test rows are too few to tell, however many blocks run: a sweep with --judge-by log_loss may"),
        (False, 0.6, "More blocks may tell (--extend --blocks 8)"),
    ],
)
def test_who_has_something_is_told_what_would_decide_it(rows, luck, told):
    (text,) = describe_decisions(on_test_rows(rows, luck, ["gd"]))
    assert f" with adam, which is not shown to be better. {told}" in text


def test_winners_have_setting_lead_and_verdict():
    curves = pd.DataFrame({name: [] for name in ("run_id", "step", "samples", "epoch", "train_loss")})
    results = Results(table({"gd": 1.0, "adam": 3.0, "lion": 9.0}), curves, TIMINGS)
    (row,) = results.winners().to_dict("records")
    assert (row["problem"], row["optimizer"], row["verdict"], row["rival"]) == ("p", "gd", "wins", "adam")
    assert row["ratio"] == pytest.approx(3, rel=0.05) and row["ratio_low"] < row["ratio"] < row["ratio_high"]
    assert row["batch_size"] == 16 and row["schedule"] == "constant" and row["p_adjusted"] < 0.001


def test_verdicts_of_winners_are_those_of_their_pairs():
    """adam is as good as gd on every seed, and lion varies: first place is open, and that pair is not."""

    def value(problem, optimizer, rate, stage, block, seed):
        noise = {"gd": 0.0, "adam": 0.001, "lion": 0.02 + 0.5 * math.sin(17 * seed)}
        return 0.02 * math.sin(5 * seed) + noise[optimizer]

    results = Results(staged_table(value, ["gd", "adam", "lion"], blocks=8, holdout=3), timings=TIMINGS)
    pairs = {frozenset(row[["a", "b"]]): row["verdict"] for _, row in results.verdicts().iterrows()}
    winners = results.winners()
    rows = {row["optimizer"]: (row["verdict"], row["rival"]) for _, row in winners.iterrows()}
    assert rows == {"gd": ("open", "lion"), "adam": ("tie", "gd"), "lion": ("open", "gd")}
    assert all(pairs[frozenset((name, rival))] == verdict for name, (verdict, rival) in rows.items())


def test_winners_of_what_never_ran_are_none():
    runs = runs_table([failure(seed=seed, status="failed") for seed in range(3)])
    results = Results(runs, pd.DataFrame(), TIMINGS)
    assert results.winners().empty
    first, second = repr(results).splitlines()
    assert first == "no run of these results finished: there is nothing to show"
    assert second == "3 runs of 1 optimizer on 1 problem, 3 seeds; 3 failed"
    assert "<img" not in results._repr_html_()


def test_results_print_the_answer_and_show_it_with_a_forest(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    results = Results(table({"gd": 1.0, "<b>&": 3.0}), pd.DataFrame(), TIMINGS, provenance={"choose_by": ["loss"]})
    lines = repr(results).splitlines()
    assert lines[0] == "gd is best on p, at a limit of the search: rate 0.1 at the lower end"
    assert max(map(len, lines)) <= 80
    assert "<b>& ~3×" in repr(results) and lines[-1].startswith(
        f"{len(results.runs)} runs of 2 optimizers on 1 problem"
    )
    text = results._repr_html_()
    assert "&lt;b&gt;&amp; ~3×" in text and "<b>" not in text and text.count("<img ") == 1
    assert str(Results(table({"gd": 1.0}), pd.DataFrame(), TIMINGS)).startswith("Only gd ran")
