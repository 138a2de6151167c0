"""Figures of more optimizers than can be told apart: who is in color, who is gray, and that no one is lost."""

import re

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from staged import plain_table
from synthetic import make_tables, write_folder

from optbench import load
from optbench.analysis import best_configurations
from optbench.analysis.verdicts import ALL
from optbench.figures import data, selection, style
from optbench.report.pictures import KINDS
from optbench.sweeps.results import Results
from optbench.wording import labels
from optbench.wording.answers import answer_of

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


def test_the_others_are_thin_gray_lines_behind(large):
    _, figures, _ = large
    for kind in ("curves", "rates"):
        lines = figures[kind, "breast_cancer"].axes[0].get_lines()
        (gray,) = [line for line in lines if line.get_label() == "5 others"]
        assert sum(line.get_color() == gray.get_color() for line in lines) == 5
        colored = [line for line in lines if line.get_label() in FIELD]
        assert len(colored) >= 8
        assert all(line.get_zorder() > gray.get_zorder() for line in colored)
        assert all(line.get_linewidth() > gray.get_linewidth() for line in colored)
        assert len({to_hex(line.get_color()) for line in [*colored, gray]}) == len(colored) + 1


def test_nothing_leaves_the_pictures_or_touches_the_foot(large):
    _, figures, _ = large
    assert len(figures) == 7
    for figure in figures.values():
        figure.set_dpi(144)
        renderer = FigureCanvasAgg(figure).get_renderer()
        box, (width, height) = figure.get_tightbbox(renderer), figure.get_size_inches()
        assert 0 <= box.x0 and 0 <= box.y0 and box.x1 <= width and box.y1 <= height
        foot = figure.texts[-1]
        assert foot.get_text().startswith("optbench 0.1.0") and foot.get_text().endswith(" …")
        assert "\n" not in foot.get_text()
        ceiling = foot.get_window_extent(renderer).y1
        assert all(part.get_window_extent(renderer).y0 > ceiling for part in figure.legends)


def test_failures_rank_last():
    medians = {f"o{place}": np.inf if place < 5 else 20.0 - place for place in range(14)}
    assert list(styles_of({"p": medians})["p"]) == [f"o{place}" for place in range(13, 4, -1)] + ["o0"]


def test_one_style_on_the_whole_page_if_ten_colors_suffice():
    medians = {
        problem: {style.NAMES[place]: float((place * step) % 23) for place in range(23)}
        for problem, step in {"a": 1, "b": 22, "c": 2}.items()
    }
    seen = {}
    for part in styles_of(medians).values():
        assert len(part) == 10 and len({each["color"] for each in part.values()}) == 10
        for name, each in part.items():
            seen.setdefault(name, []).append((each["color"], each["marker"], each["dashes"]))
    moved = [name for name, styles in seen.items() if len(set(styles)) > 1]
    # Colors belong to names, and ten of 21 cannot all differ in each figure: those of the usual ten stay.
    assert len(seen) > 10 and len(moved) <= 3 and not {*moved} & {*style.NAMES[:10]}
    first = [styles[0] for name, styles in seen.items() if name not in moved]
    assert len(set(first)) == len(first)


def test_of_ten_all_are_in_color_in_the_order_of_the_sweep():
    ten = {f"o{place}": 20.0 - place for place in range(10)}
    assert list(styles_of({"p": ten})["p"]) == list(ten) and "o0" not in styles_of({"p": {**ten, "new": 1.0}})["p"]
    styles = styles_of({"p": {"x": 3.0, "y": 1.0}, "q": {"y": 1.0}})
    assert styles["q"] == {"y": styles["p"]["y"]} and styles["all"] == styles["p"]


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
    assert "Light gray: not run." in captions["heatmap", "rosenbrock"]


def test_of_many_optimizers_the_best_keep_their_styles_over_several_problems():
    names = [f"rule {place}" for place in range(30)]
    runs = plain_table({name: 1 + place % 7 for place, name in enumerate(names)}, 2, (0.1,), names, ("p", "q"))
    results = data.report_data(Results(runs, None, None))
    styles = selection.select_styles(results, ALL)
    known = [others[name] for others in results.line_styles.values() for name in styles if name in others]
    assert len({style["color"] for style in styles.values()}) == len(styles) == 10
    assert sum(style in known for style in styles.values()) >= 8
    assert selection.select_styles(results, ALL, ["rule 3"]) == {
        "rule 3": selection.select_styles(results, ALL, ["rule 3", "rule 4"])["rule 3"]
    }
