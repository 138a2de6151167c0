"""The words for a figure: its title, its axes, and where its lines begin and end."""

import numpy as np
from matplotlib.figure import Figure

from optbench.claims.alt_text import describe_figure


def test_a_figure_in_words():
    figure = Figure()
    left, right = figure.subplots(1, 2)
    figure.suptitle("Two panels")
    left.plot([0, 10], [1.0, 0.25], label="gd")
    left.plot([3], [0.5], "o", label="the best")
    left.plot([0, 10], [0, 0], label="_hidden")
    left.set(xlabel="step", ylabel="loss", title="a curve")
    right.plot(np.array(["2012-01-01", "2013-06-30"], dtype="datetime64[D]"), [1.0, np.inf], label="days")
    assert describe_figure(figure) == (
        "Two panels. a curve: loss upright, step across; gd from 1 at 0 to 0.25 at 10; the best 0.5 at 3. "
        "days 1 at 2012-01-01."
    )


def test_categories_are_named_and_an_empty_panel_is_left_out():
    figure = Figure()
    ax, _ = figure.subplots(1, 2)
    ax.plot([0], [2.0], "o", label="momentum")
    ax.set_xticks([0, 1], ["own best rate", "rate of GD"])
    assert describe_figure(figure) == "momentum 2 at own best rate."
