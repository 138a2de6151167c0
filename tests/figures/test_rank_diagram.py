"""Mean ranks: dots against SciPy's ranks, intervals against those of the ranking, names that stay in the picture."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import rankdata
from synthetic import runs_table

from optbench import figures
from optbench.figures import style
from optbench.results.results import Results

ODD = ["가나다", "<b>$x$</b>", 'say "q" & more', "long_" * 40]


def field(names, problems, spread=0.4, seed=0):
    """Results of one setting and two seeds a run, and the table (problem, optimizer) of log losses."""
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


def means(ax):
    """Return by optimizer the rank of its large dot, from the top down."""
    dots = [line for line in ax.lines if str(line.get_gid()).startswith("mean ")]
    dots = sorted(dots, key=lambda line: line.get_ydata()[0])
    return {line.get_gid().removeprefix("mean "): line.get_xdata()[0] for line in dots}


def parts(ax, kind):
    return [part for part in ax.collections if part.get_gid() == kind]


def test_means_and_single_problems_are_scipy_s_ranks():
    names = [f"rule {letter}" for letter in "abcdefg"]
    results, y = field(names, 14)
    ax = figures.mean_ranks(results)
    ranks = pd.DataFrame(rankdata(y, axis=1), y.index, names)
    assert means(ax) == pytest.approx(ranks.mean().to_dict())
    assert list(means(ax).values()) == sorted(means(ax).values())
    assert [text.get_text() for text in ax.get_yticklabels()] == list(means(ax))
    for name, dots in zip(means(ax), parts(ax, "single"), strict=True):
        counts = ranks[name].value_counts()
        assert sorted(dots.get_offsets()[:, 0]) == sorted(counts.index)
        sizes = dict(zip(dots.get_offsets()[:, 0], dots.get_sizes() ** 2, strict=True))
        least = min(counts)
        assert {rank: size / min(sizes.values()) for rank, size in sizes.items()} == pytest.approx(
            (counts / least).to_dict()
        )


@pytest.mark.slow
def test_intervals_are_those_of_the_ranking():
    assert not parts(figures.mean_ranks(field(["a", "b", "c"], 19)[0]), "interval"), "too few problems"
    results, _ = field(["a", "b", "c"], 20)
    rows = results.ranking().query("problem == 'all'").set_index("optimizer")
    ax = figures.mean_ranks(results)
    drawn = [tuple(part.get_segments()[0][:, 0]) for part in parts(ax, "interval")]
    assert drawn == [pytest.approx((rows.loc[name, "low"], rows.loc[name, "high"])) for name in means(ax)]


@pytest.mark.slow
def test_of_one_problem_they_are_those_over_its_seeds():
    results, _ = field(["a", "b", "c"], 3)
    ax, table = figures.mean_ranks(results, "p1"), results.ranking()
    rows = table[table["problem"] == "p1"].set_index("optimizer")["mean_rank"]
    assert means(ax) == pytest.approx(rows.to_dict()) and not parts(ax, "interval")
    assert ax.get_xlabel() == "rank, mean over the seeds that report"


@pytest.mark.slow
@pytest.mark.parametrize(("count", "name"), [(1, "screen"), (2, "slides"), (30, "paper")])
def test_names_stay_in_the_picture_and_apart(count, name):
    names = (ODD + [f"rule_{place}" for place in range(30)])[:count]
    with style.styled(name):
        ax = figures.mean_ranks(field(names, 8)[0])
        ax.figure.canvas.draw()
        boxes = [text.get_window_extent() for text in ax.get_yticklabels()]
    width, height = ax.figure.bbox.size
    assert len(boxes) == count
    assert all(box.x0 >= -1 and box.x1 <= width + 1 and box.y0 >= -1 and box.y1 <= height + 1 for box in boxes)
    assert not any(a.overlaps(b) for a, b in combinations([box.shrunk(0.9, 0.6) for box in boxes], 2))


@pytest.mark.slow
def test_fewer_optimizers_are_ranked_among_themselves():
    results, y = field(["a", "b", "c", "d"], 9)
    ranks = pd.Series(rankdata(y[["b", "d"]], axis=1).mean(axis=0), ["b", "d"])
    assert means(figures.mean_ranks(results, optimizers=["d", "b"])) == pytest.approx(ranks.to_dict())
