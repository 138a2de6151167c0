"""The answer at a glance: planted ratios stand in their cells, and the choice that matters is named."""

import math

import pytest
from staged import planted_sweep

from optbench.wording.matrix import NOTHING, Matrix, build_matrix, list_factors


def test_cells_have_the_planted_ratios_and_what_is_shown():
    p = {"a": 1.0, "same": 1.02, "b": 3.0, "lost": math.inf}
    answer = planted_sweep({"p": p, "q": {"a": 1.4, "same": 2.0, "b": 1.0, "lost": 40.0}}).answer
    matrix = build_matrix(answer)
    assert matrix.signs == {} and Matrix([], {"p": [NOTHING._replace(text="≥ 3×")]}, "loss").signs == {"≥": "at least"}
    assert matrix.names == ["a", "same", "b", "lost"] and not matrix.in_colors and matrix.unit == "loss"
    p, q = (matrix.cells[name] for name in "pq")
    assert [cell.state for cell in p] == ["leads", "tie", "behind", "failed"]
    assert [cell.text for cell in p] == ["leads", "tie", "3×", "diverges"]
    assert [cell.text for cell in q] == ["1.4×", "2×", "best", "40×"] and q[2].state == "best"
    assert "b: 3 times a's loss [" in p[2].words and p[2].words.endswith("shown to be behind")
    assert p[2].depth == pytest.approx(100 * math.log10(3), abs=1) and q[3].depth == 100
    rows = dict(matrix.summarize())
    assert rows["worst of the 2"] == ["1.4×", "2×", "3×", "never"]
    assert rows["shown to be behind"] == ["1 of 2", "1 of 2", "1 of 2", "2 of 2"]
    assert rows["typical (median)"][0] == "1.2×"
    one = build_matrix(answer, without=["q"])  # what is not judged does not count
    assert one.summarize() == [] and one.worst[2] == pytest.approx(3, rel=0.02)


def test_what_could_be_luck_is_open():
    (cells,) = build_matrix(
        planted_sweep({"p": {"a": 1.0, "luck": 1.5, "b": 3.0}}, luck=["luck"]).answer
    ).cells.values()
    assert cells[1].state == "open" and cells[1].text.startswith("≈ ") and "may be best" in cells[1].words
    low, high = cells[1].ends.split("–")
    assert float(low) < 1 < float(high.replace("∞", "inf"))


def test_one_optimizer_is_alone_and_nothing_is_summed_up():
    matrix = build_matrix(planted_sweep({"p": {"a": 1.0}}).answer)
    assert [cell.text for cell in matrix.cells["p"]] == ["alone"] and matrix.summarize() == []
    assert list_factors(planted_sweep({"p": {"a": 1.0}}).answer) == []


def test_of_many_the_best_mean_rank_comes_first():
    factors = {f"rule{place}": 1.2 ** ((place + 4) % 9) for place in range(9)}
    matrix = build_matrix(planted_sweep({"p": factors, "q": factors}).answer)
    assert matrix.in_colors and matrix.names == sorted(factors, key=factors.get)


def test_the_size_of_a_choice_is_what_the_worst_costs():
    planted = {"p": {"a": 1.0, "b": 1.5}, "q": {"a": 1.0, "b": 6.0}, "r": {"a": 1.0, "b": 2.0}}
    (factor,) = list_factors(planted_sweep(planted).answer)
    assert factor.name == "Optimizer" and factor.size == pytest.approx((1.5 * 6 * 2) ** (1 / 3), rel=0.02)
    assert factor.text == "up to 6×: b on q" and factor.more == "never behind: a, on any of 3"
    (alike,) = list_factors(planted_sweep({"p": {"a": 1.0, "b": 1.0}, "q": {"a": 1.0, "b": 1.0}}).answer)
    assert (alike.size, alike.text) == (1.0, "no difference is shown")
