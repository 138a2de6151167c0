"""Figures of more optimizers than can be told apart: who is in color, who is gray, and that no one is lost."""

import re

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from staged import answer_of
from synthetic import make_tables, write_folder

from optbench import load
from optbench.analysis import best_configurations
from optbench.figures import data, style
from optbench.report.pictures import KINDS
from optbench.wording import labels

pytestmark = pytest.mark.slow

WARMUP = "warmup(cosine(final=0.0), fraction={}, steps=0.0, start=0.0)"
FEW = {"batch_sizes": (16, "full"), "rates": (0.01, 0.1), "points": 6, "epochs": 8, "seeds": range(5)}
FIELD = [f"rule_{letter}" for letter in "abcdefghijklm"] + ["lbfgs", "long_" * 30]


def drawn(folder, tables):
    """Every figure of a report by its kind and problem, and its caption."""
    results = data.report_data(load(write_folder(folder, tables)))
    figures, captions = {}, {}
    with style.styled(), style.detached():
        for kind in ("curves", "rates", "heatmap", "paths"):
            for problem in tables["problems"]["problem"]:
                if KINDS[kind].applies(results, problem):
                    figure = figures[kind, problem] = KINDS[kind].draw(results, problem)
                    style.write_foot(figure, results.results.foot)
                    captions[kind, problem] = KINDS[kind].describe(results, problem)
    return figures, captions


def styles_of(medians: dict) -> dict:
    """Return the line styles of the optimizers in color, from {problem: {optimizer: median}}."""
    rows = [(problem, *pair, 1, 0, 0.0) for problem, part in medians.items() for pair in part.items()]
    best = pd.DataFrame(rows, columns=["problem", "optimizer", "median", "place", "failures", "tuning_median"])
    return style.assign_line_styles(best, best.assign(mean_rank=best["median"]))


def legend(figure) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    schedules = ["constant", WARMUP.format(0.1)]
    tables = make_tables(["rosenbrock", "breast_cancer"], FIELD, schedules=schedules, **FEW)
    tables["provenance"]["command"] = "python -m optbench sweep --optimizers " + ",".join(FIELD)
    return tables, *drawn(tmp_path_factory.mktemp("large"), tables)


@pytest.mark.parametrize("problem", ["rosenbrock", "breast_cancer"])
def test_the_best_ten_are_in_color(large, problem):
    tables, figures, captions = large
    best = answer_of(tables["runs"], [0, 1, 2]).best
    order = best[best["problem"] == problem].sort_values(["place", "median"])["optimizer"].tolist()
    wanted = [labels.shorten(name, 40) for name in order[:10]] + ["5 others"]
    for kind in ("curves", "rates"):
        texts = [
            text
            for text in legend(figures[kind, problem])
            if text not in ("diverged", "recommended", "at the start", "scored")
        ]
        assert [re.sub(r" \(\d/\d failed\)", "", text) for text in texts] == wanted
    ticks = [text.get_text() for text in figures["heatmap", problem].axes[0].get_yticklabels()]
    assert ticks == ["constant", "warmup(cosine)"]
    panels = [ax.get_title() for ax in figures["heatmap", problem].axes if ax.get_title()]
    assert panels[:2] == wanted[:2] and len(panels) == 10
    said = [caption for (_, name), caption in captions.items() if name == problem]
    assert len(said) == (4 if problem == "rosenbrock" else 3)
    assert all("the best 10 of 15 optimizers" in caption for caption in said)


def test_nothing_leaves_the_pictures_or_touches_the_foot(large):
    _, figures, _ = large
    assert len(figures) == 7
    for figure in figures.values():
        figure.set_dpi(144)
        renderer = FigureCanvasAgg(figure).get_renderer()
        box, (width, height) = figure.get_tightbbox(renderer), figure.get_size_inches()
        assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width and box.y1 <= height
        foot = figure.texts[-1]
        assert foot.get_text().startswith("optbench 0.1.0") and foot.get_text().endswith(" …")
        assert "\n" not in foot.get_text()
        ceiling = foot.get_window_extent(renderer).y1
        assert all(part.get_window_extent(renderer).y0 > ceiling for part in figure.legends)


def test_failures_rank_last():
    medians = {f"o{place}": np.inf if place < 5 else 20.0 - place for place in range(14)}
    assert list(styles_of({"p": medians})["p"]) == [f"o{place}" for place in range(13, 4, -1)] + ["o0"]


def test_a_baseline_is_a_level_line(tmp_path):
    tables = make_tables(["rosenbrock"], ["gd", "adam", "lbfgs"], schedules=["constant", "sqrt_step(k=1.0)"], **FEW)
    figures, captions = drawn(tmp_path, tables)
    ax = figures["rates", "rosenbrock"].axes[0]
    # It was given the rate 1, which is none: the axis has the other optimizers' rates alone.
    assert 0.001 < ax.get_xlim()[0] < 0.01 and 0.1 < ax.get_xlim()[1] < 1
    (marker,) = [line for line in ax.get_lines() if line.get_label() == "lbfgs"]
    best = best_configurations(tables["runs"], [0, 1, 2], choose_by="loss")
    median = best.set_index("optimizer").at["lbfgs", "median"]
    assert marker.get_ydata() == pytest.approx([median])
    level = [line for line in ax.get_lines() if line.get_color() == marker.get_color() and len(line.get_xdata()) == 2]
    assert [list(line.get_ydata()) for line in level] == [pytest.approx([median, median])]
    assert "A level line" in captions["rates", "rosenbrock"]
    assert "Hatched: not run." in captions["heatmap", "rosenbrock"]
