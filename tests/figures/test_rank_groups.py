"""Bars of a critical-difference diagram: two share one exactly where nothing tells them apart."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from scikit_posthocs._plotting import _find_maximal_cliques

from optbench.figures.rank_diagram import bars_of, distinguished


def cliques(apart) -> list[list[int]]:
    """Those of two and more that scikit-posthocs draws bars for."""
    joined = pd.DataFrame((~apart & ~np.eye(len(apart), dtype=bool)).astype(int))
    return sorted(sorted(each) for each in _find_maximal_cliques(joined) if len(each) > 1)


def further_than(gap: float, ranks) -> np.ndarray:
    """Apart where ranks differ by more than a gap, as Nemenyi's test has it."""
    return np.abs(np.subtract.outer(ranks, ranks)) > gap


@pytest.mark.parametrize("gap", [0.0, 0.4, 1.1, 2.5, 40.0])
def test_bars_of_one_critical_difference_are_those_of_scikit_posthocs(gap):
    ranks = np.sort(np.random.default_rng(3).uniform(1, 30, 30))
    apart = further_than(gap, ranks)
    assert bars_of(apart) == cliques(apart)


@pytest.mark.parametrize("seed", range(8))
def test_two_share_a_bar_exactly_where_they_are_not_distinguished(seed):
    rng = np.random.default_rng(seed)
    upper = np.triu(rng.random((24, 24)) < rng.uniform(0.1, 0.9), 1)
    apart = upper | upper.T
    bars = bars_of(apart)
    shared = {pair for bar in bars for pair in combinations(bar, 2)}
    assert shared == {(a, b) for a, b in combinations(range(24), 2) if not apart[a, b]}
    for bar in bars:  # none could take one more in
        assert all(apart[one, bar].any() for one in set(range(24)) - set(bar))


def test_one_alone_and_all_alike():
    assert bars_of(np.zeros((1, 1), dtype=bool)) == []
    assert bars_of(np.zeros((4, 4), dtype=bool)) == [[0, 1, 2, 3]]
    assert bars_of(~np.eye(4, dtype=bool)) == []


def test_better_and_worse_part_and_all_else_joins():
    rows = [
        ("a", "b", "better"),
        ("b", "c", "equivalent"),
        ("c", "a", "worse"),
        ("d", "a", "undecided"),
        ("x", "a", "worse"),
    ]
    apart = distinguished(pd.DataFrame(rows, columns=["a", "b", "verdict"]), list("abcd"))
    assert {tuple(pair) for pair in np.argwhere(apart).tolist()} == {(0, 1), (1, 0), (0, 2), (2, 0)}
    assert bars_of(apart) == [[0, 3], [1, 2, 3]]
