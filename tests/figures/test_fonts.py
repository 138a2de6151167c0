"""Letters of other scripts: drawn where the system has a font for them, measured in that font, and never an error."""

import warnings

import pytest
from matplotlib import pyplot
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from synthetic import make_tables, write_folder

from optbench import load
from optbench.figures import fonts, style

NAMES = {"Korean": "학습률 한국어", "Chinese": "中文步长", "Japanese": "あア学習率"}


@pytest.mark.fonts
@pytest.mark.parametrize("script", list(NAMES))
def test_a_script_is_drawn_and_measured(script):
    with style.styled():
        figure = Figure(dpi=144)
        text = figure.text(0, 0.5, f"{NAMES[script]} $x<", fontsize=9)
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # of a letter that no font has
            width = text.get_window_extent(FigureCanvasAgg(figure).get_renderer()).width / 144
    assert fonts.text_width(text.get_text(), 9) == pytest.approx(width, rel=0.04)


@pytest.mark.fonts
def test_a_problem_with_a_korean_name_has_no_boxes(tmp_path):
    name = "학습률 <b> $"
    tables = make_tables([name], ["gd"], [32], ["constant"], (0.1,), seeds=range(3), points=6)
    ax = load(write_folder(tmp_path, tables)).plot.curves()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ax.figure.savefig(tmp_path / "a.pdf")  # after the style's context, as in a notebook
    assert ax.figure.texts[0].get_text() == f"Loss over time: {name}"
    assert ax.figure.texts[0].get_fontfamily() == list(fonts.families())
    pyplot.close(ax.figure)


def test_widths_are_those_that_are_drawn():
    for size in (5.5, 7, 8.5, 10.5):
        figure = Figure(dpi=144)
        with style.styled():
            text = figure.text(0, 0.5, "long_long_long_long rate…", fontsize=size)
        width = text.get_window_extent(FigureCanvasAgg(figure).get_renderer()).width / 144
        assert width <= fonts.text_width(text.get_text(), size) * 1.01
        assert width == pytest.approx(fonts.text_width(text.get_text(), size), rel=0.05)


def test_without_such_fonts_there_are_boxes_and_no_word(monkeypatch):
    for found in (fonts.families, fonts._font_files, fonts.text_width):
        found.cache_clear()
    monkeypatch.setattr(fonts, "findSystemFonts", lambda: [])
    try:
        assert fonts.families() == ("DejaVu Sans",)
        assert fonts.is_drawable("µ × log₁₀") and not fonts.is_drawable("학")
        with style.styled():
            figure = Figure()
            figure.text(0, 0.5, "학습률")
            FigureCanvasAgg(figure).draw()
    finally:
        for found in (fonts.families, fonts._font_files, fonts.text_width):
            found.cache_clear()


def test_a_long_label_is_not_cut_within_its_math():
    text = r"Quadratic, $\mathrm{cond}=10^3$ and more"
    found = {fonts.cut_to_width(text, 8, tenths / 10) for tenths in range(40)}
    assert {"Quadratic …", r"Quadratic, $\mathrm{cond}=10^3$ …", text} <= found
    assert all(each.count("$") in (0, 2) for each in found)
