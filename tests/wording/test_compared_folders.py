"""Comparisons in words: what a title says of the problems, by hand."""

import numpy as np
import pandas as pd

from optbench.wording.comparisons import (
    count_cases,
    describe_comparison,
    find_states,
    headline_comparison,
    list_verdicts,
)


def table(**verdicts):
    """Return rows of a comparison: by problem, the verdict on adam and on gd; a win is by 2, a loss by 4."""
    ratios = {"wins": 0.5, "loses": 4.0}
    rows = [
        {
            "problem": problem, "a": name, "b": name, "name": name, "verdict": verdict.removesuffix("!"),
            "ratio": ratios.get(verdict, 1.0), "low": 0.9, "high": 1.05, "identical": float(verdict == "tie!"),
            "reason": "",
        }
        for problem, pair in verdicts.items()
        for name, verdict in zip(("adam", "gd"), pair, strict=False)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_a_title_counts_the_problems_on_which_b_is_better_worse_and_open():
    some = table(p=["wins", "open"], q=["wins", "wins"], r=["wins", "loses"], s=["tie", "open"], t=["loses", "tie"],
                 u=["tie!", "tie!"], v=["tie!", "tie"])  # fmt: skip
    assert list(find_states(some).values()) == ["better", "better", "mixed", "open", "worse", "identical", "tie"]
    rest = "worse on 1, better and worse on 1, identical on 1, tied on 1, open on 1"
    assert headline_comparison(some, "A", "B", False) == f"B against A: better on 2 of 7 problems, {rest}"
    assert headline_comparison(some, "A", "C", True).startswith("C against A: faster on 2 of 7 problems, slower on 1")
    cases = "14 cases, each an optimizer on a problem: 4 better, 2 worse, 3 identical, 3 tied, 2 open"
    assert count_cases(some, False) == cases
    assert list_verdicts(some, "r", True) == [("faster", "adam 2\u00d7"), ("slower", "gd 4\u00d7")]


def test_a_title_of_one_problem_two_or_all():
    assert headline_comparison(table(p=["wins"]), "A", "B", True) == "B against A: faster on p"
    both = table(p=["open"], q=["open"])
    assert headline_comparison(both, "A", "B", True) == "B against A: open on both problems"
    assert count_cases(both, True) == ""
    three = table(p=["tie!"], q=["tie!"], r=["tie!"])
    assert headline_comparison(three, "A", "B", True) == "B against A: identical on all 3 problems"


def test_an_interval_that_says_nothing_is_not_written():
    over = table(all=["open"]).assign(ratio=149.0, low=0.0, high=np.inf)
    assert describe_comparison(over, "all") == "over all problems it is open"
