"""Slides: the lecture's figures for a projector, large enough to be read, and with nothing over anything else."""

from itertools import combinations

import pytest
from matplotlib.text import Text
from PIL import Image

from optbench import OptbenchError
from optbench.claims import drawing
from optbench.claims.slides import make_slide
from optbench.cli import lecture
from optbench.figures import style
from tests.lecture_claims import CLAIMS, drawn, tables


def shown_texts(figure):
    """Return the texts of a drawn figure that are not empty, without ticks beyond the ends of their axis."""
    beyond = {
        id(tick.label1)
        for ax in figure.axes
        for axis in (ax.xaxis, ax.yaxis)
        for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks())
        if not min(axis.get_view_interval()) <= tick.get_loc() <= max(axis.get_view_interval())
    }
    texts = figure.findobj(lambda each: isinstance(each, Text) and each.get_visible() and each.get_text().strip())
    return [text for text in texts if id(text) not in beyond]


@pytest.mark.parametrize("name", ["B6", "C1.1", "C3.1"])
def test_a_slide_has_large_letters_that_lie_apart_and_within_it(name):
    rows, long = tables(name), "A claim of many words is written in several lines that fit. " * 2
    figure = drawn(CLAIMS[name], rows, CLAIMS[name].judge(rows))
    title = figure.texts[0].get_text()
    width = figure.axes[0].lines[0].get_linewidth() / figure.get_figwidth()
    with style.detached(), style.styled():
        make_slide(figure, "A9 ◐ depends", long, "It is 2 units.", long)
        figure.draw_without_rendering()
    head = [text.get_text().replace("\n", " ") for text in figure.texts[-5:]]
    assert head == ["A9 ◐ depends", long.strip(), "It is 2 units.", long.strip(), title]
    assert figure.axes[0].lines[0].get_linewidth() / figure.get_figwidth() == pytest.approx(width)
    boxes = {text: text.get_window_extent() for text in shown_texts(figure)}
    assert len(boxes) > 10 and min(text.get_fontsize() for text in boxes) >= 18
    for one, other in combinations(boxes, 2):
        assert not boxes[one].overlaps(boxes[other]), (one, other)
    for text, box in boxes.items():
        assert box.x0 >= 0 <= box.y0 and box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1, text
    for text in boxes:
        assert not any(boxes[text].overlaps(ax.bbox) for ax in figure.axes if text.axes not in (ax, None)), text


def test_numbers_that_have_no_room_at_an_axis_are_left_out_and_names_are_not():
    with style.detached(), style.styled():
        figure, grid = drawing.new_figure((2, 2), 1, 2, title="a title")
        grid[0, 0].set_xticks(range(20), [f"{1000 + number:,}" for number in range(20)])
        grid[0, 1].set_xticks(range(20), [f"name {number}" for number in range(20)])
        make_slide(figure, "a verdict", "a claim")
        figure.draw_without_rendering()
    numbers, names = (ax.get_xticklabels() for ax in grid[0])
    boxes = [label.get_window_extent() for label in numbers]
    assert (
        2 <= len(numbers) < 20 == len(names) and numbers[1].get_text() == f"{1000 + numbers[1].get_position()[0]:,.0f}"
    )
    assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))


def test_slides_stand_beside_the_usual_figures_in_the_formats_that_are_asked_for(tmp_path):
    lecture.lecture(["B3"], quick=True, out=str(tmp_path), formats="pdf", style="slides")
    with Image.open(tmp_path / "slides/B3.png") as slide, Image.open(tmp_path / "figures/B3.png") as usual:
        assert slide.width / slide.height == 16 / 9 and slide.width >= 1920 and usual.size != slide.size
    assert (tmp_path / "slides/B3.pdf").read_bytes().startswith(b"%PDF")


def test_a_style_that_is_not_there_is_one_line(tmp_path):
    with pytest.raises(OptbenchError, match=r"^unknown style 'poster': valid names: screen, slides$"):
        lecture.lecture(out=str(tmp_path), style="poster")
