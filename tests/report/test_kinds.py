"""The figures that a report has only for some sweeps, and that each of them can be drawn."""

from itertools import cycle

import pytest
from matplotlib.text import Text
from synthetic import make_tables

from optbench.figures import data, style
from optbench.report.pictures import KINDS, OVERALL
from optbench.results.results import Results

MORE = [name for name in KINDS if name not in ("matrix", "forest", "curves", "rates", "heatmap", "paths")]
TWO = ("rosenbrock", "breast_cancer")
SMALL = {"schedules": ("constant",), "rates": (0.01, 0.1, 3.0), "points": 30, "seeds": range(4), "epochs": 40}


def data_of(problems=TWO, optimizers=("gd", "<$나"), **given):
    return data.report_data(Results(**make_tables(problems, optimizers, **SMALL | given)))


@pytest.fixture(scope="module")
def every():
    """A sweep and a problem for each kind of figure."""
    five = data_of(optimizers=("gd", "adam", "momentum", "a long name of a rule", "<$나"))
    many = data_of(("rosenbrock",), batch_sizes=(2, 4, 8, 16, "full"), diverge_above=1e9)
    curves = many.results.curves.assign(step=lambda rows: rows.groupby("run_id").cumcount())
    often = data.report_data(Results(many.results.runs, curves, many.results.timings, many.results.problems))
    dims = data_of(("quadratic(dim=10)", "quadratic(dim=100)"))
    dims.results.problems["dim"] = [10, 100]
    found = {}
    for name, kind in KINDS.items():
        found[name] = next(
            (sweep, problem)
            for sweep in (five, often, dims)
            for problem in ([OVERALL] if kind.overall else sweep.results.runs["problem"].unique())
            if kind.applies(sweep, problem)
        )
    return found


@pytest.mark.slow
@pytest.mark.parametrize(("name", "columns"), list(zip(KINDS, cycle([1, 2]), strict=False)))
def test_text_in_a_paper_has_seven_points_and_figures_the_width_of_columns(every, name, columns):
    with style.detached(), style.styled("paper", columns):
        figure = KINDS[name].draw(*every[name])
        box = figure.get_tightbbox()
    texts = [text for text in figure.findobj(Text) if text.get_text().strip() and text.get_visible()]
    assert texts and min(text.get_fontsize() for text in texts) >= 7
    width = figure.get_figwidth()
    assert width == pytest.approx(6.9) or (columns == 1 and width == pytest.approx(3.3))
    assert box.x0 >= -0.02 and box.x1 <= width + 0.02


def there(of_sweep):
    problems = of_sweep.results.runs["problem"].unique()
    return {name for name in MORE for problem in ([OVERALL] if KINDS[name].overall else problems)
            if KINDS[name].applies(of_sweep, problem)}  # fmt: skip


def test_each_is_there_where_it_tells_something():
    assert there(data_of()) == {"best_of_n", "divergence", "mean_ranks", "runtimes"}
    assert there(data_of(("rosenbrock",), ("gd",), rates=(0.01,), batch_sizes=(16,))) == set()
    many = data_of(("rosenbrock",), batch_sizes=(2, 4, 8, 16, "full"), diverge_above=1e9)
    assert there(many) == {"best_of_n", "batch_scaling"}  # evaluated too seldom for noise
    curves = many.results.curves.assign(step=lambda rows: rows.groupby("run_id").cumcount())
    often = Results(many.results.runs, curves, many.results.timings, many.results.problems)
    assert there(data.report_data(often)) == {"best_of_n", "batch_scaling", "noise"}
    dims = data_of(("quadratic(dim=10)", "quadratic(dim=100)"))
    dims.results.problems["dim"] = [10, 100]
    assert "time_per_step" in there(dims)
