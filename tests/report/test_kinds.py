"""The figures that a report has only for some sweeps, and that each of them can be drawn."""

import math
import re
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.text import Text
from synthetic import make_tables

from optbench.figures import data, style
from optbench.report import seen
from optbench.report.pictures import EXPLORED, KINDS, OVERALL
from optbench.sweeps.results import Results
from optbench.wording.labels import number, share_text

MORE = [name for name in KINDS if name not in ("forest", "curves", "rates", "heatmap", "paths")]
TWO = ("rosenbrock", "breast_cancer")
SMALL = {"schedules": ("constant",), "rates": (0.01, 0.1, 3.0), "points": 30, "seeds": range(4), "epochs": 40}


def data_of(problems=TWO, optimizers=("gd", "<$나"), **given):
    tables = make_tables(problems, optimizers, **{**SMALL, **given})
    names = ("runs", "curves", "timings", "problems", "landscapes", "provenance")
    return data.report_data(Results(*(tables[name] for name in names)))


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


@pytest.mark.parametrize("columns", [1, 2])
@pytest.mark.parametrize("name", KINDS)
def test_text_in_a_paper_has_seven_points_and_figures_the_width_of_columns(every, name, columns):
    with style.detached(), style.styled("paper", columns):
        figure = KINDS[name].draw(*every[name])
        box = figure.get_tightbbox()
    texts = [text for text in figure.findobj(Text) if text.get_text().strip() and text.get_visible()]
    assert texts and min(text.get_fontsize() for text in texts) >= 7
    width = figure.get_figwidth()
    assert width == pytest.approx(6.9) or (columns == 1 and width == pytest.approx(3.3))
    assert box.x0 >= -0.02 and box.x1 <= width + 0.02


@pytest.mark.parametrize("name", KINDS)
def test_the_text_of_an_image_says_what_is_seen(every, name):
    of_sweep, problem = every[name]
    with style.detached(), style.styled():
        text = seen.describe(name, of_sweep, problem, KINDS[name].draw(of_sweep, problem))
    named = sum(each in text for each in of_sweep.results.runs["optimizer"].unique())
    assert (
        named >= 2 and len(re.findall(r"\d", text.removeprefix(problem))) >= named and not re.search(r"\bnan\b", text)
    )
    assert text.removeprefix(f"{problem}: ") not in (KINDS[name].words, KINDS[name].describe(of_sweep, problem))


def test_the_text_of_curves_is_about_the_lines_of_the_picture():
    two = data_of(("rosenbrock",))
    bands = two.bands_of("train_loss").sort_values("step")
    heights = {name: part["median"].to_numpy() - two.minimum("rosenbrock") for name, part in bands.groupby("optimizer")}
    epochs = {name: part["epoch"].to_numpy() for name, part in bands.groupby("optimizer")}
    low, high = sorted(heights, key=lambda name: heights[name][-1])
    share = math.sqrt(heights[low][-1] * heights[high][-1]) / two.start("rosenbrock")  # one line ends below it
    two.answer = replace(two.answer, judged=replace(two.answer.judged, judge_by="time", targets={"rosenbrock": share}))
    text = seen.describe("curves", two, "rosenbrock", None)
    late = np.flatnonzero(heights[low] > share * two.start("rosenbrock"))[-1]
    assert text == (
        f"rosenbrock: {low} from epoch {number(epochs[low][late + 1])} on below the target of "
        f"{share_text(share)}, {high} not below it at the end; the lines end at {low} {number(heights[low][-1])} and "
        f"{high} {number(heights[high][-1])}"
    )


def there(of_sweep):
    problems = of_sweep.results.runs["problem"].unique()
    return {name for name in MORE for problem in ([OVERALL] if KINDS[name].overall else problems)
            if KINDS[name].applies(of_sweep, problem)}  # fmt: skip


def test_each_is_there_where_it_tells_something():
    assert there(data_of()) == {"best_of_n", "divergence", "mean_ranks", "profiles"}
    assert there(data_of(("rosenbrock",), ("gd",), rates=(0.01,), batch_sizes=(16,))) == set()
    many = data_of(("rosenbrock",), batch_sizes=(2, 4, 8, 16, "full"), diverge_above=1e9)
    assert there(many) == {"best_of_n", "batch_scaling"}  # evaluated too seldom for noise
    curves = many.results.curves.assign(step=lambda rows: rows.groupby("run_id").cumcount())
    often = Results(many.results.runs, curves, many.results.timings, many.results.problems)
    assert there(data.report_data(often)) == {"best_of_n", "batch_scaling", "noise"}
    dims = data_of(("quadratic(dim=10)", "quadratic(dim=100)"))
    dims.results.problems["dim"] = [10, 100]
    assert "time_per_step" in there(dims)
    assert set(EXPLORED) < set(KINDS)
