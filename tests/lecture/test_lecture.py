"""Tests of all claims of the lecture: their ids and files, public names only, quick runs and figures."""

import ast
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from lecture_claims import CLAIMS, drawn, tables

import optbench
from optbench import OptbenchError, lecture
from optbench.claims import drawing

FILES = sorted(Path(lecture.__file__).parent.glob("*.py"))
SECTION_B = [name for name in CLAIMS if name[0] == "B"]


def test_every_section_has_claims_with_a_sentence_and_a_criterion_each():
    claims = lecture.claims()
    assert {claim.section for claim in claims} == set(lecture.SECTIONS) == set(lecture.PAPER.lessons)
    assert [claim.id for claim in claims] == sorted((c.id for c in claims), key=lambda i: (i[0], *_numbers(i)))
    for claim in claims:
        assert claim.sentence.strip() and claim.criterion.sentence and claim.caption, claim.id
    assert SECTION_B == ["B1", "B2.1", "B2.2", "B3", "B4", "B5.1", "B5.2", "B6"]


def _numbers(id):
    return [int(number) for number in id[1:].split(".")]


def test_a_letter_selects_a_section_and_a_number_all_parts_of_the_claim():
    assert {claim.id for claim in lecture.select(["a3", "D"])} == {"A3.1", "A3.2", "A3.3", "D1.1", "D1.2", "D2"}
    assert [claim.id for claim in lecture.select(["A3.2"])] == ["A3.2"]
    assert lecture.select() == lecture.claims()
    with pytest.raises(OptbenchError, match=r"unknown claim 'A33': did you mean 'A3"):
        lecture.select(["A33"])


@pytest.mark.parametrize("claim", lecture.claims(), ids=lambda claim: claim.id)
def test_a_claim_lies_in_the_file_of_its_id_or_section(claim):
    home = claim.measure.__module__.rpartition(".")[2]
    assert home.startswith((f"{claim.section.lower()}_", claim.id.partition(".")[0].lower() + "_"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_lecture_uses_public_names_only(path):
    """optbench's own names, the two packages that are public beside it, and the lecture itself."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            assert all(alias.name == "optbench" or not alias.name.startswith("optbench.") for alias in node.names)
        if isinstance(node, ast.ImportFrom) and node.module.partition(".")[0] == "optbench":
            if node.module == "optbench":
                assert {alias.name for alias in node.names} <= set(optbench.__all__)
            else:
                assert re.match(r"optbench\.(analysis|claims|lecture)\b", node.module), node.module
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "optbench":
            assert node.attr in optbench.__all__, node.attr


def test_the_committed_page_has_no_dead_link():
    page = Path(lecture.__file__).parents[2] / "reports" / "lecture" / "index.html"
    if not page.exists():
        pytest.skip("this is no checkout")
    for link in re.findall(r'(?:src|href)="(?!data:|#)([^"]*)"', page.read_text(encoding="utf-8")):
        assert (page.parent / link).exists(), link


@pytest.mark.parametrize("name", SECTION_B)
def test_a_quick_run_gives_a_verdict_and_a_picture(name):
    before = tables(name)
    outcome = CLAIMS[name].judge(before)
    assert np.isfinite([outcome.effect, outcome.low, outcome.high]).all() and outcome.measure and outcome.detail
    width, height = drawn(CLAIMS[name], before, outcome).get_size_inches()
    assert width <= 7.4 and height <= 4.2
    for key, table in tables(name).items():
        pd.testing.assert_frame_equal(before[key], table)


@pytest.mark.parametrize(("name", "least"), [("C1.4", 360), ("C3.1", 6), ("C3.2", 44)])
def test_figures_show_every_row(name, least):
    rows = tables(name)
    figure = drawn(CLAIMS[name], rows, CLAIMS[name].judge(rows))
    shown = sum(np.isfinite(np.asarray(line.get_ydata(), float)).sum() for line in figure.axes[0].lines)
    assert shown >= least


@pytest.mark.parametrize(("low", "high"), [(0.1, 8), (0.2, 1.15), (2e-4, 2e-2), (1e-8, 1e3)])
def test_a_logarithmic_axis_has_two_labels_at_least(low, high):
    figure, grid = drawing.new_figure((2, 2))
    grid[0, 0].set(yscale="log", ylim=(low, high))
    drawing.set_log_axes(grid[0, 0], plain=True)
    figure.draw_without_rendering()
    ticks = [*grid[0, 0].yaxis.get_major_ticks(), *grid[0, 0].yaxis.get_minor_ticks()]
    shown = [tick.label1.get_text() for tick in ticks if low <= tick.get_loc() <= high and tick.label1.get_text()]
    assert len(shown) >= 2, shown
