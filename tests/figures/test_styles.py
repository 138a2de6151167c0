"""Styles: sizes for papers, slides and screens, fonts inside the files, and the user's settings as they were."""

import re

import matplotlib
import pytest
from matplotlib import pyplot
from quick import slow
from synthetic import make_tables, write_folder

from optbench import figures, load
from optbench.figures import style
from optbench.figures.contour_paths import draw_path_panels
from optbench.figures.data import report_data

SIZES = {"batch_sizes": (16, "full"), "rates": (0.01, 0.1), "points": 6, "schedules": ("constant",), "seeds": range(5)}


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return load(write_folder(tmp_path_factory.mktemp("styles"), make_tables(["rosenbrock"], ["gd", "adam"], **SIZES)))


@pytest.mark.parametrize(
    ("given", "width", "points", "titles"),
    [(("screen",), 7.4, 9.5, 1), (("paper",), 3.3, 8, 0), (("paper", 2), 6.9, 8, 0), (("slides",), 12, 17, 1)],
)
def test_sizes(results, given, width, points, titles):
    with figures.styled(*given):
        ax = results.plot.curves()
        assert ax.figure.get_figwidth() == pytest.approx(width) and len(ax.figure.texts) == titles
        assert ax.xaxis.label.get_fontsize() == points
        # Nothing leaves the picture, names at the ends of lines or the legend included.
        box, (wide, tall) = ax.figure.get_tightbbox(), ax.figure.get_size_inches()
        assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= wide and box.y1 <= tall
        legends = [legend.get_window_extent() for legend in ax.figure.legends]
        assert bool(legends) == (given == ("paper",)) and not any(box.overlaps(ax.get_tightbbox()) for box in legends)
        names = [text.get_window_extent() for text in ax.texts if text.get_text().startswith(("gd", "adam"))]
        assert len(names) == 2 * (not legends) and not any(box.overlaps(names[0]) for box in names[1:])


@pytest.mark.parametrize("columns", [1, slow(2)])
def test_panels_of_paths_fit_into_the_columns_of_a_paper(columns, tmp_path):
    rules = ["gd", "adam", "momentum", "rmsprop", "nesterov"]
    made = load(write_folder(tmp_path, make_tables(["rosenbrock"], rules, **SIZES)))
    with style.detached(), figures.styled("paper", columns):
        figure = draw_path_panels(report_data(made), "rosenbrock")
        assert figure.get_figwidth() == pytest.approx((3.3, 6.9)[columns - 1])
        assert figure.get_tightbbox().x1 <= figure.get_figwidth() + 0.02


def test_the_users_settings_are_as_they_were(results):
    with matplotlib.rc_context({"font.size": 31.0, "pdf.fonttype": 3}):
        before = dict(matplotlib.rcParams)
        results.plot.rates()
        with pytest.raises(ZeroDivisionError), figures.styled("paper"):
            assert matplotlib.rcParams["pdf.fonttype"] == 42
            results.plot.curves()
            raise ZeroDivisionError
        assert dict(matplotlib.rcParams) == before and style.current() is style.SCREEN


def test_axes_of_the_user_have_the_style_of_the_context(results):
    with figures.styled("slides"):
        _, ax = pyplot.subplots()
        results.plot.curves(ax=ax)
    assert ax.xaxis.label.get_fontsize() == 17 and ax.get_legend().get_texts()[0].get_fontsize() == 15


def test_fonts_are_in_a_pdf_and_letters_are_lines_in_an_svg(results, tmp_path):
    with figures.styled("paper"), style.detached():
        figure = results.plot.curves().figure
        for ending in ("pdf", "svg", "png"):
            style.save(figure, tmp_path / f"a.{ending}", "the foot", "the title", "the caption")
    pdf, svg = (tmp_path / "a.pdf").read_bytes(), (tmp_path / "a.svg").read_text()
    assert b"/FontFile2" in pdf and b"DejaVuSans" in pdf and b"/Type3" not in pdf
    assert b"(the foot)" in pdf and b"(the title)" in pdf and b"CreationDate" not in pdf
    assert "<text" not in svg and re.search("the caption the foot", svg) and "<dc:date>" not in svg
