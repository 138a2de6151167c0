"""Titles of sweeps with planted winners: nobody wins where a verdict is open, and every kind of sweep has a title."""

import math

import numpy as np
from staged import staged_table

from optbench.wording.answers import answer_of
from optbench.wording.headlines import describe_shortly, headline

CLEAR, NOISY = 0.02, 2.0
"""Spread from seed to seed: everything is told apart, and nothing."""


def draw(seed, optimizer):
    """Return a number of its own for each seed and length of a name, between -1 and 1."""
    return math.sin(17 * seed + len(optimizer))


def answer_to(problems):
    """Return the answer of a sweep. problems: name -> ({optimizer: factor of its loss}, spread)."""
    optimizers = list(next(iter(problems.values()))[0])

    def value(problem, optimizer, rate, stage, block, seed):
        factors, spread = problems[problem]
        return math.log(factors[optimizer]) + spread * draw(seed, optimizer)

    table = staged_table(value, optimizers, rates=(0.1,), blocks=8, problems=tuple(problems), holdout=3)
    return answer_of(table, [], "loss")


A, NEAR = {"adam": 1.0, "gd": 3.0}, {"adam": 1.0, "gd": 1.05}


def test_nobody_wins_where_it_is_open():
    for problems in ({"p": (NEAR, NOISY)}, {"p": (NEAR, NOISY), "q": (NEAR, NOISY), "r": (NEAR, NOISY)}):
        answer = answer_to(problems)
        title = headline(answer)
        assert "win" not in title.replace("No winner", "") and title.startswith(("Too close to call on ", "No winner"))
        assert all("wins" not in describe_shortly(answer, problem) for problem in problems)
    mixed = answer_to({"p": (A, CLEAR), "q": (NEAR, NOISY)})
    assert headline(mixed).startswith("No single winner: adam wins on 1 of 2 problems")


def test_leads_that_may_all_be_luck_make_no_winner():
    """On each of three problems another one leads, one rival is behind for sure, and one may be as good."""
    names = ("adam", "gd", "lion")

    def value(problem, optimizer, rate, stage, block, seed):
        if optimizer == "sgd":
            return math.log(9.0)
        place = (names.index(optimizer) - "pqr".index(problem)) % 3
        return math.log((1.0, 3.0, 1.5)[place]) + (0.02, 0.02, 6.0)[place] * draw(seed, optimizer)

    more = {"rates": (0.1,), "blocks": 8, "problems": tuple("pqr"), "holdout": 3}
    answer = answer_of(staged_table(value, names, **more), [], "loss")
    assert headline(answer) == "No clear winner on any of 3 problems: every lead may be luck"
    answer = answer_of(staged_table(value, [*names, "sgd"], **more), [], "loss")
    assert headline(answer) == "No clear winner on any of 3 problems; sgd clearly loses on 3"


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
    assert "has the best mean rank" in answer.overall() and "wins against gd" in answer.overall()
    assert headline(answer).startswith("adam wins against 1 of 2 others over 40 problems")
    assert "over" not in headline(answer_of_many(12)), "fewer than 20 problems are no test"
