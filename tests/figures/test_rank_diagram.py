"""The critical-difference diagram against SciPy, statsmodels and counting, and its bars against scikit-posthocs."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from scikit_posthocs._plotting import _find_maximal_cliques
from scipy.stats import rankdata, wilcoxon
from statsmodels.stats.multitest import multipletests
from synthetic import runs_table

from optbench import figures
from optbench.contract.errors import OptbenchError
from optbench.figures import style
from optbench.figures.rank_diagram import find_distinguished, group_undistinguished
from optbench.sweeps.results import Results

ODD = ["가나다", "<b>$x$</b>", 'say "q" & more', "long_" * 40]


def field(names, problems, spread=0.4, seed=0):
    """Results of one setting and one seed a run, and the table (problem, optimizer) of log losses."""
    rng = np.random.default_rng(seed)
    y = pd.DataFrame(
        np.linspace(0, 3, len(names)) + spread * rng.normal(size=(problems, len(names))), columns=names,
        index=[f"p{place}" for place in range(problems)],
    )  # fmt: skip
    rows = [
        {"problem": problem, "optimizer": name, "seed": seed, "suboptimality_final": np.exp(value)}
        for problem, row in y.iterrows() for name, value in row.items() for seed in (0, 1)
    ]  # fmt: skip
    return Results(runs_table(rows), None, pd.DataFrame()), y


def marked(ax, kind):
    return [line for line in ax.lines if line.get_gid() == kind]


def ranks_by_name(ax):
    """Return by name the rank at which its line begins, in the order of the texts in the picture."""
    elbows = [line for line in ax.lines if len(line.get_xdata()) == 3]
    names = [text for text in ax.texts if text.get_gid() == "name"]
    return {
        text.get_text(): line.get_xdata()[0]
        for text in names for line in elbows
        if line.get_ydata()[1] == text.get_position()[1] and (line.get_xdata()[2] > line.get_xdata()[0])
        == (text.get_ha() == "left")
    }  # fmt: skip


def test_ranks_and_bars_are_those_of_scipy_and_holm():
    names = [f"rule {letter}" for letter in "abcdefg"]
    results, y = field(names, 14)
    ax = figures.critical_difference(results)
    ranks = pd.Series(rankdata(y, axis=1).mean(axis=0), names)
    assert ranks_by_name(ax) == pytest.approx(ranks.to_dict())
    pairs = list(combinations(names, 2))
    p = [wilcoxon(y[a], y[b], method="exact").pvalue for a, b in pairs]
    alike = {pair for pair, apart in zip(pairs, multipletests(p, 0.05, "holm")[0], strict=True) if not apart}
    of_rank = {rank: name for name, rank in ranks.items()}
    bars = [[of_rank[min(of_rank, key=lambda r: abs(r - x))] for x in line.get_xdata()] for line in marked(ax, "bar")]
    assert {tuple(sorted(pair)) for bar in bars for pair in combinations(bar, 2)} == alike and 0 < len(alike) < len(
        pairs
    )


def test_the_ruler_is_nemenyi_s():
    for count, problems, q in ((5, 12, 2.728), (10, 8, 3.164)):  # q from Demsar 2006, table 5a
        ax = figures.critical_difference(field([f"o{place}" for place in range(count)], problems)[0])
        (ruler,) = marked(ax, "ruler")
        assert np.ptp(ruler.get_xdata()) == pytest.approx(q * np.sqrt(count * (count + 1) / 6 / problems), rel=2e-3)
    assert not marked(figures.critical_difference(field(["a", "b", "c"], 9)[0], ruler=False), "ruler")


def test_of_one_problem_it_follows_that_problem_s_verdicts():
    results, _ = field(["a", "b", "c"], 3)
    ax, table = figures.critical_difference(results, "p1"), results.ranking()
    rows = table[table["problem"] == "p1"].set_index("optimizer")["mean_rank"]
    assert ranks_by_name(ax) == pytest.approx(rows.to_dict())


@pytest.mark.parametrize(("count", "name"), [(1, "screen"), (2, "slides"), (30, "paper")])
def test_names_stay_in_the_picture_and_apart(count, name):
    names = (ODD + [f"rule_{place}" for place in range(30)])[:count]
    with style.styled(name):
        ax = figures.critical_difference(field(names, 8)[0])
        ax.figure.canvas.draw()
        boxes = [text.get_window_extent() for text in ax.texts]
    width, height = ax.figure.bbox.size
    assert len([text for text in ax.texts if text.get_gid() == "name"]) == count
    assert all(-1 <= box.x0 and box.x1 <= width + 1 and -1 <= box.y0 and box.y1 <= height + 1 for box in boxes)
    assert not any(a.overlaps(b) for a, b in combinations([box.shrunk(0.9, 0.6) for box in boxes], 2))


def test_given_axes_are_drawn_on_and_nothing_else():
    figure = Figure(figsize=(9, 3))
    left, right = figure.subplots(1, 2)
    assert figures.critical_difference(field(["a", "b", "c"], 8)[0], ax=right) is right
    assert not left.lines and not left.texts and not figure.texts and len(figure.axes) == 2


def test_fewer_optimizers_are_ranked_among_themselves_and_wrong_names_are_told():
    results, y = field(["a", "b", "c", "d"], 9)
    ranks = pd.Series(rankdata(y[["b", "d"]], axis=1).mean(axis=0), ["b", "d"])
    assert ranks_by_name(figures.critical_difference(results, optimizers=["d", "b"])) == pytest.approx(ranks.to_dict())
    for wrong, words in (
        ({"problem": "p11"}, "'p1'"),
        ({"optimizers": ["aa"]}, "'a'"),
        ({"optimizers": []}, "at least"),
    ):
        with pytest.raises(OptbenchError, match=words):
            figures.critical_difference(results, **wrong)


def cliques(apart) -> list[list[int]]:
    """Return the groups of two and more for which scikit-posthocs draws bars."""
    joined = pd.DataFrame((~apart & ~np.eye(len(apart), dtype=bool)).astype(int))
    return sorted(sorted(each) for each in _find_maximal_cliques(joined) if len(each) > 1)


def further_than(gap: float, ranks) -> np.ndarray:
    """Apart where ranks differ by more than a gap, as Nemenyi's test has it."""
    return np.abs(np.subtract.outer(ranks, ranks)) > gap


@pytest.mark.parametrize("gap", [0.0, 1.1, 2.5, 40.0])
def test_bars_of_one_critical_difference_are_those_of_scikit_posthocs(gap):
    ranks = np.sort(np.random.default_rng(3).uniform(1, 30, 30))
    apart = further_than(gap, ranks)
    assert group_undistinguished(apart) == cliques(apart)


@pytest.mark.parametrize("seed", range(4))
def test_two_share_a_bar_exactly_where_they_are_not_distinguished(seed):
    rng = np.random.default_rng(seed)
    upper = np.triu(rng.random((24, 24)) < rng.uniform(0.1, 0.9), 1)
    apart = upper | upper.T
    bars = group_undistinguished(apart)
    shared = {pair for bar in bars for pair in combinations(bar, 2)}
    assert shared == {(a, b) for a, b in combinations(range(24), 2) if not apart[a, b]}
    for bar in bars:  # none could take one more in
        assert all(apart[one, bar].any() for one in set(range(24)) - set(bar))


def test_better_and_worse_part_and_all_else_joins():
    rows = [("a", "b", "better"), ("b", "c", "equivalent"), ("c", "a", "worse"), ("d", "a", "undecided"),
            ("x", "a", "worse")]  # fmt: skip
    apart = find_distinguished(pd.DataFrame(rows, columns=["a", "b", "verdict"]), list("abcd"))
    assert {tuple(pair) for pair in np.argwhere(apart).tolist()} == {(0, 1), (1, 0), (0, 2), (2, 0)}
    assert group_undistinguished(apart) == [[0, 3], [1, 2, 3]]
