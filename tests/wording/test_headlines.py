"""Titles of sweeps with planted winners: nobody is best where a verdict is open, and what matters most comes first."""

import math

import numpy as np
import pandas as pd
import pytest
from staged import answer_of, staged_table

from optbench.wording.headlines import headline, weigh
from optbench.wording.judged import describe_order, describe_result
from optbench.wording.matrix import build_matrix
from optbench.wording.summary import summarize

CLEAR, NOISY = 0.02, 2.0
"""Spread from seed to seed: everything is told apart, and nothing."""


def draw(seed, optimizer):
    """Return a number of its own for each seed and length of a name, between -1 and 1."""
    return math.sin(17 * seed + len(optimizer))


def table_of(problems):
    """Return the runs of a sweep. problems: name -> ({optimizer: factor of its loss}, spread)."""
    optimizers = list(next(iter(problems.values()))[0])

    def value(problem, optimizer, rate, stage, block, seed):
        factors, spread = problems[problem]
        return math.log(factors[optimizer]) + spread * draw(seed, optimizer)

    return staged_table(value, optimizers, rates=(0.1,), blocks=8, problems=tuple(problems), holdout=3)


def answer_to(problems):
    return answer_of(table_of(problems), [], "loss")


A, NEAR = {"adam": 1.0, "gd": 3.0}, {"adam": 1.0, "gd": 1.05}


def test_nobody_is_best_where_it_is_open():
    assert headline(answer_to({"p": (NEAR, NOISY)})).endswith(" may be best on p")
    mixed = answer_to({"p": (A, CLEAR), "q": (NEAR, NOISY)})
    assert headline(mixed) == "adam may be best on both problems"
    assert headline(mixed, without=["p"]).endswith(" on q")
    assert headline(answer_to({"p": (A, CLEAR), "q": (A, CLEAR)})) == "adam is best on both problems"
    three = dict.fromkeys(("adam", "gd", "lion"), 1.0)
    told = headline(answer_to({"p": (three, NOISY), "q": (three, NOISY)}))
    assert told == "All 3 optimizers may be best on both problems: nothing is told apart"


def test_who_is_shown_to_be_behind_is_no_candidate_however_little():
    """gd has 1.4 times the loss of adam, [1.04-2.0]: no win, which is beyond 1.05, but adam is shown to be better."""
    close = {"adam": 1.0, "gd": 1.4}, 1.7
    one, two = answer_to({"p": close}), answer_to({"p": close, "q": (A, CLEAR)})
    assert one.ranking["may_be_best"].all() and one.pairs["p", "adam", "gd"].verdict == "open"
    assert headline(one) == "adam is best on p, perhaps by less than 5%"
    assert headline(two) == "adam is best on both problems, perhaps by less than 5%"
    assert describe_result(one, "p").endswith("gd 1.4× the loss [97.5% CI 1.04–2] (perhaps <5%)")
    assert "p        loss       adam         gd 1.4× [1.04–2] (perhaps <5%)" in summarize(one)
    incumbent = answer_of(table_of({"p": close}), [], "loss", incumbents=["gd"])
    assert headline(incumbent).startswith("adam has 0.7× [0.5–0.9")
    assert headline(incumbent).endswith("] the loss of what you have on p, perhaps by less than 5%")
    legend = "; perhaps <5%: shown to be behind, but the gap may be under 5%."
    assert legend in " ".join(" ".join(summarize(one)).split())
    leader, close = build_matrix(one).cells["p"]
    assert (leader.state, close.state, close.text) == ("best", "behind", "1.4×")
    assert close.words.endswith("shown to be behind, perhaps by less than 5%")


def test_the_noisiest_does_not_come_first():
    """Nobody is shown to be ahead of noisy, which leads on none; adam leads on two of three problems."""
    losses = {"p": {"adam": 1.0, "noisy": 1.4, "gd": 3.0}, "r": {"adam": 3.0, "noisy": 1.4, "gd": 1.0}}
    losses["q"] = losses["p"]

    def value(problem, optimizer, rate, stage, block, seed):
        return math.log(losses[problem][optimizer]) + (3 if optimizer == "noisy" else CLEAR) * draw(seed, optimizer)

    runs = staged_table(value, ("noisy", "adam", "gd"), rates=(0.1,), blocks=8, problems=("p", "q", "r"), holdout=3)
    assert headline(answer_of(runs, [], "loss")) == (
        "adam leads on 2 of 3 problems; noisy may be best on all 3 problems"
    )
    assert headline(answer_of(runs[runs["problem"] != "r"], [], "loss")) == (
        "adam and noisy each may be best on both problems"
    )


@pytest.mark.parametrize(
    ("factor", "words"),
    [(8.0, "The worst batch size has 8× the loss on average, the worst optimizer 3×; adam is"), (1.0, "adam is")],
)
def test_what_costs_more_than_the_optimizer_comes_first(factor, words):
    """The optimizers differ by a factor of 3, the batch sizes by one of 8, or not at all."""
    runs = table_of({"p": (A, CLEAR), "q": (A, CLEAR)})
    larger = runs.assign(batch_size=64, log_tail=runs["log_tail"] + math.log(factor), run_id=runs["run_id"] + "b")
    both = pd.concat([runs, larger], ignore_index=True)
    answer = answer_of(both, [], "loss")
    assert headline(answer).startswith(words)
    assert weigh(answer) == pytest.approx(3, rel=0.05)
    assert weigh(answer.levels["batch_size"]) == pytest.approx(factor, rel=0.05)


def test_what_a_test_over_many_problems_shows_is_the_title():
    """On each problem the lead may be luck; over 40 of them adam is shown to be better than gd."""
    factors = {"adam": 1.0, "lion": 1.1, "gd": 1.4}

    def value(problem, optimizer, rate, stage, block, seed):
        own = np.random.default_rng([int(problem[1:]), seed, list(factors).index(optimizer)]).normal()
        return math.log(factors[optimizer]) + 0.7 * own

    def answer_of_many(count):
        problems = tuple(f"p{k}" for k in range(count))
        table = staged_table(value, (*factors,), rates=(0.1,), blocks=8, problems=problems, holdout=1)
        return answer_of(table, [], "loss")

    answer = answer_of_many(40)
    text = describe_order(answer)
    assert "has the best mean rank" in text and text.endswith("adam wins against 1 of 2 others")
    assert headline(answer) == "adam wins against 1 of 2 others over 40 problems, by signed ranks"
    assert "Leads: on how many of these it has the lowest value." in " ".join(" ".join(summarize(answer)).split())
    assert "over" not in headline(answer_of_many(12)), "fewer than 20 problems are no test"


@pytest.mark.parametrize(("blocks", "words"), [(12, "with 8 of 12 blocks"), (8, "with runs missing")])
def test_the_title_of_an_unfinished_sweep_says_so_first(blocks, words):
    answer = answer_to({"p": (A, CLEAR)})
    answer.tables.provenance["blocks"], answer.tables.missing = blocks, "unfinished: 4 of 12 cohorts are missing"
    assert headline(answer) == f"So far, {words}: adam is best on p"


def test_the_title_of_who_has_an_optimizer_already_is_about_it():
    """On p adam has a third of the loss of gd, the user's own; on q nothing tells them apart."""
    runs = table_of({"p": (A, CLEAR), "q": (NEAR, NOISY)})
    text = headline(answer_of(runs, [], "loss", incumbents=["gd"]))
    assert text.startswith("adam has 0.33× [0.3") and " the loss of what you have on p; " in text
    assert text.endswith("; nothing is shown to be better than what you have on q")
    assert headline(answer_of(table_of({"q": (NEAR, NOISY)}), [], "loss", incumbents=["gd"])) == (
        "Nothing is shown to be better than what you have on q"
    )
