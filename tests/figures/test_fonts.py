"""Fonts: the widths of texts, and letters that no font has."""

import pytest
from matplotlib import rcParams
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import findfont

from optbench.figures import fonts, style


def test_widths_are_those_that_are_drawn():
    for size in (5.5, 7, 8.5, 10.5):
        figure = Figure(dpi=144)
        with style.styled():
            text = figure.text(0, 0.5, "long_long_long_long rate…", fontsize=size)
        width = text.get_window_extent(FigureCanvasAgg(figure).get_renderer()).width / 144
        assert width <= fonts.text_width(text.get_text(), size) * 1.01
        assert width == pytest.approx(fonts.text_width(text.get_text(), size), rel=0.05)


def test_letters_that_no_font_has_are_boxes_and_no_word(monkeypatch):
    monkeypatch.setattr(fonts, "FAMILIES", ("DejaVu Sans",))
    with style.styled():
        figure = Figure()
        figure.text(0, 0.5, "학습률")
        FigureCanvasAgg(figure).draw()


def test_figures_name_only_families_that_matplotlib_has():
    with style.styled():
        assert rcParams["font.family"] == list(fonts.FAMILIES)
        for name in fonts.FAMILIES:
            findfont(name, fallback_to_default=False)


def test_a_long_label_is_not_cut_within_its_math():
    text = r"Quadratic, $\mathrm{cond}=10^3$ and more"
    found = {fonts.cut_to_width(text, 8, tenths / 10) for tenths in range(40)}
    assert {"Quadratic …", r"Quadratic, $\mathrm{cond}=10^3$ …", text} <= found
    assert all(each.count("$") in (0, 2) for each in found)
