"""Figures as functions from results to axes: what they draw is what pandas finds in the tables."""

import pydoc

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.text import Text
from quick import slow
from synthetic import make_tables, write_folder

import optbench
from optbench import figures, load

SIZES = {"batch_sizes": (16, "full"), "rates": (0.01, 0.1), "points": 8, "schedules": ("constant", "sqrt_step(k=1.0)")}
ODD = 'a "very" odd <name> & $\\x_1$ имя ' + "long " * 34


@pytest.fixture(scope="module")
def tables():
    return make_tables(**SIZES)


@pytest.fixture(scope="module")
def results(tables, tmp_path_factory):
    return load(write_folder(tmp_path_factory.mktemp("axes"), tables))


def line_of(ax, label):
    (line,) = [line for line in ax.get_lines() if line.get_label().split(" (")[0] == label]
    return line


def chosen_by_hand(runs, problem, optimizer):
    """Return the reported runs: the setting whose median loss on seeds 0 to 2 is least, on the others."""
    runs = runs[(runs["problem"] == problem) & (runs["optimizer"] == optimizer)]
    keys = ["lr", "batch_size", "schedule"]
    medians = runs[runs["seed"] < 3].groupby(keys)["suboptimality_final"].median()
    lr, size, schedule = medians.idxmin()
    mine = (runs["lr"] == lr) & (runs["batch_size"] == size) & (runs["schedule"] == schedule) & (runs["seed"] > 2)
    return runs[mine]


def test_gaps_are_drawn_no_lower_than_scores_count_them(tables, tmp_path):
    curves = tables["curves"].assign(
        train_loss=tables["curves"]["train_loss"].where(tables["curves"]["step"] == 0, 1e-20)
    )
    results = load(write_folder(tmp_path, {**tables, "curves": curves}))
    drawn = line_of(results.plot.curves("rosenbrock"), "adam").get_ydata()
    assert drawn.min() == drawn.max() == 1e-14


@pytest.mark.parametrize(("x", "y"), [("epoch", None), slow("samples", "loss"), slow("steps", "test_loss")])
def test_a_line_is_the_median_over_the_seeds_that_report(results, tables, x, y):
    ax = results.plot.curves("breast_cancer", x=x, y=y)
    column, minimum = ("test_loss", 0.0) if y == "test_loss" else ("train_loss", 0.0 if y else 0.0462)
    for optimizer in ("gd", "adam"):
        runs = chosen_by_hand(tables["runs"], "breast_cancer", optimizer)
        assert len(runs) == 6 and (runs["status"] == "ok").all()
        curves = tables["curves"][tables["curves"]["run_id"].isin(runs["run_id"])]
        by_step = (
            curves[curves["step"] > 0].groupby("step").agg({column: "median", "epoch": "first", "samples": "first"})
        )
        clock = by_step.index if x == "steps" else by_step[x]
        line = line_of(ax, optimizer)
        np.testing.assert_allclose(line.get_xdata(), clock, rtol=1e-12)
        np.testing.assert_allclose(line.get_ydata(), by_step[column] - minimum, rtol=1e-9)


def test_seconds_are_steps_times_the_time_of_one(results, tables):
    steps, seconds = (line_of(results.plot.curves("rosenbrock", x=x), "adam").get_xdata() for x in ("steps", "seconds"))
    runs = chosen_by_hand(tables["runs"], "rosenbrock", "adam")
    cost = tables["timings"].set_index("cohort_id").loc[runs["cohort_id"], "ns_per_run_step"].median()
    np.testing.assert_allclose(seconds, steps * cost * 1e-9, rtol=1e-12)


def test_an_accuracy_is_drawn_upright(results, tables):
    ax = results.plot.curves("breast_cancer", y="test_accuracy", optimizers=["adam"])
    runs = chosen_by_hand(tables["runs"], "breast_cancer", "adam")
    curves = tables["curves"][tables["curves"]["run_id"].isin(runs["run_id"])]
    wanted = curves[curves["step"] > 0].groupby("step")["test_accuracy"].median()
    np.testing.assert_allclose(line_of(ax, "adam").get_ydata(), wanted, rtol=1e-9)
    lows = curves[curves["step"] > 0].groupby("step")["test_accuracy"].min()
    assert ax.get_ylim()[0] > min(lows.min(), curves.loc[curves["step"] == 0, "test_accuracy"].median()) - 0.1
    assert ax.get_yscale() == "linear" and "4 others" in [line.get_label() for line in ax.get_lines()]


def test_the_best_rate_by_hand_is_where_the_line_is_lowest(results, tables):
    ax = results.plot.rates("breast_cancer")
    for optimizer in ("gd", "adam"):
        line = line_of(ax, optimizer)
        lowest = line.get_xdata()[np.nanargmin(line.get_ydata())]
        wanted = chosen_by_hand(tables["runs"], "breast_cancer", optimizer)["lr"].iloc[0]
        assert lowest == wanted


def test_cells_are_medians_as_times_the_best(results, tables):
    ax = results.plot.heatmap("breast_cancer", optimizer="gd")
    runs = tables["runs"]
    runs = runs[(runs["problem"] == "breast_cancer") & (runs["optimizer"] == "gd")]
    texts = [text.get_text() for text in ax.texts]
    assert [text.get_text() for text in ax.get_xticklabels()] == ["16", "full"] and len(texts) == 4
    (mesh,) = ax.collections[:1]
    medians = []
    for schedule, size in [(a, b) for a in SIZES["schedules"] for b in (16, 455)]:
        cell = runs[(runs["schedule"] == schedule) & (runs["batch_size"] == size)]
        lr = cell[cell["seed"] < 3].groupby("lr")["suboptimality_final"].median().idxmin()
        medians.append(cell[(cell["lr"] == lr) & (cell["seed"] > 2)]["suboptimality_final"].median())
    wanted = np.array(medians) / min(medians)
    np.testing.assert_allclose(10 ** mesh.get_array().ravel(), wanted, rtol=1e-6)
    assert [float(text.rstrip("×")) for text in texts] == pytest.approx(wanted, rel=0.051)


def test_a_frame_is_around_every_recommended_setting(results, tables):
    for optimizer in ("gd", "adam"):
        wanted = chosen_by_hand(tables["runs"], "breast_cancer", optimizer).iloc[0]
        ax = results.plot.heatmap("breast_cancer", optimizer=optimizer)
        (frame,) = [patch for patch in ax.patches if not patch.get_fill()]
        column, line = (int(each) for each in frame.get_xy())
        assert ax.get_xticklabels()[column].get_text() == {16: "16", 455: "full"}[wanted["batch_size"]]
        assert ax.get_yticklabels()[line].get_text() == wanted["schedule"]


@pytest.mark.slow
def test_colors_are_the_same_in_all_figures(results):
    seen = {}
    for name in ("gd", "momentum", "rmsprop", "adam", "adagrad"):
        colors = {to_hex(line_of(draw("rosenbrock"), name).get_color())
                  for draw in (results.plot.curves, results.plot.rates, results.plot.paths)}  # fmt: skip
        colors.add(to_hex(line_of(results.plot.curves("rosenbrock", optimizers=[name]), name).get_color()))
        (seen[name],) = colors
    assert len(set(seen.values())) == 5


def test_given_axes_have_it_all_and_nothing_else_is_touched(results):
    with matplotlib.rc_context({"font.size": 13.0, "axes.titlesize": 9.0}):
        before = dict(matplotlib.rcParams)
        figure, (left, right) = pyplot.subplots(1, 2)
        place = right.get_position().bounds
        for draw in (results.plot.curves, results.plot.rates, results.plot.paths):
            assert draw("rosenbrock", ax=right) is right and right.get_legend() is not None
            assert not figure.legends and not figure.texts and right.get_title() == ""
            right.clear()
        assert results.plot.heatmap("rosenbrock", ax=right) is right
        assert figure.axes == [left, right] and right.get_position().bounds == place
        assert not left.lines and not left.collections and left.get_legend() is None
        assert pyplot.get_fignums() == [figure.number] and dict(matplotlib.rcParams) == before


def test_new_figures_are_pyplots_to_show(results):
    ax = results.plot.curves("rosenbrock")
    assert isinstance(ax, Axes) and pyplot.gcf() is ax.figure
    assert [text.get_text() for text in ax.figure.texts] == ["Loss over time: rosenbrock"]


def test_names_are_literal(tmp_path):
    tables = make_tables([ODD], ["gd", "adam", ODD], [32], rates=(0.001, 0.1), seeds=range(4), points=6,
                         schedules=["constant"])  # fmt: skip
    results = load(write_folder(tmp_path, tables))
    for ax in (results.plot.curves(), results.plot.rates()):
        named = ax.figure.legends[0].get_texts() if ax.figure.legends else ax.texts
        texts = [text.get_text().split(" (")[0] for text in named]
        assert 'a "very" odd <name> & $\\x_1$ имя long l…' in texts
        ax.figure.savefig(tmp_path / "a.png")  # no formula is looked for in it, which would fail


def test_a_problem_is_meant_without_its_parameters(results):
    assert "quadratic(dim=100" in results.plot.curves("quadratic").figure.texts[0].get_text()


def test_all_figures_of_results_are_offered(results):
    assert set(dir(results.plot)) == set(figures.OF_RESULTS) and {"curves", "heatmap"} < set(dir(results.plot))
    assert results.plot.rates.__doc__ == figures.rates.__doc__
    assert optbench.figures is figures and set(figures.__all__) <= set(dir(figures))
    assert all(getattr(figures, name).__doc__ for name in figures.__all__)
    for text in (pydoc.render_doc(results.plot, renderer=pydoc.plaintext), repr(results.plot)):
        for name in dir(results.plot):
            assert f"{name}: {getattr(figures, name).__doc__.splitlines()[0]}\n" in text
    text = pydoc.render_doc(results.plot.rates, renderer=pydoc.plaintext)
    assert "rates(problem: 'str | None' = None, *, optimizers" in text and "Draw the final suboptimality" in text


@pytest.mark.slow
def test_folders_without_every_step_show_the_points_that_there_are(results, tables):
    ax = results.plot.paths("rosenbrock", optimizers=["adam"])
    run = chosen_by_hand(tables["runs"], "rosenbrock", "adam").sort_values("seed").iloc[0]
    points = tables["curves"].query("run_id == @run.run_id")
    np.testing.assert_allclose(line_of(ax, "adam").get_xdata()[-1], points["w_1"].iloc[-1])
    walks = pd.DataFrame({"run_id": run.run_id, "step": range(1000), "problem": "rosenbrock", "optimizer": "adam"})
    walks = walks.assign(w_1=np.linspace(-1, 1, 1000), w_2=np.linspace(0, 1, 1000), train_loss=0.0)
    more = results.in_memory()
    more.paths = walks
    line = line_of(more.plot.paths("rosenbrock"), "adam")
    assert len(line.get_xdata()) > 500 and line.get_ydata()[-1] == 1


@pytest.mark.slow
def test_math_in_labels_is_read_where_it_can_be(results, tmp_path):
    """A price, a lone dollar and math that mathtext cannot read are drawn as they stand."""
    names = {"gd": r"$\frac{1}$-GD", "adam": r"$\beta_1$-Adam", "momentum": "$5 to $6", "rmsprop": "$_"}
    for draw in ("curves", "rates", "forest"):
        figure = getattr(results.labeled(names).plot, draw)("rosenbrock").figure
        figure.savefig(tmp_path / "math.pdf")
        texts = {text.get_text(): text.get_parse_math() for text in figure.findobj(Text)}
        read = {name: any(on for text, on in texts.items() if name in text) for name in names.values()}
        assert [name for name in read if read[name]] == [names["adam"]], draw
