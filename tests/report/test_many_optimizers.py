"""The page on more optimizers than can be told apart: every one has its rows, and what is short is said in full."""

import re

import pytest
from matplotlib.colors import to_rgb
from staged import answer_of
from synthetic import make_tables, write_folder

from optbench.figures import style
from optbench.figures.data import report_data
from optbench.report import report_tables, write_report
from optbench.results.results import Results

pytestmark = pytest.mark.slow

WARMUP = "warmup(cosine(final=0.0), fraction=0.1, steps=0.0, start=0.0)"
FIELD = [f"rule_{letter}" for letter in "abcdefghijk"] + ["lbfgs", "long_" * 30]


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    parts = make_tables(
        ["breast_cancer"], FIELD, (16, "full"), ["constant", WARMUP], (0.01, 0.1), range(5), points=6, epochs=8
    )
    page = write_report(write_folder(tmp_path_factory.mktemp("many"), parts))
    return parts, page.read_text(encoding="utf-8")


def test_everyone_has_a_row_in_the_order_of_rank(large):
    parts, page = large
    best = answer_of(parts["runs"], [0, 1, 2]).best.sort_values(["place", "median"])
    section = page[page.index('id="problem-breast_cancer"') : page.index('<h2 id="settings"')]
    listed = re.findall(r'<tr><th scope="row"[^>]*><bdi>(\w+)</bdi></th><td data-label="place"', section)
    assert listed == best["optimizer"].tolist() and len(listed) == 13


def test_short_schedules_stand_in_full(large):
    _, page = large
    assert f'title="{WARMUP}">warmup(cosine)</td>' in page
    assert f"<dt>warmup(cosine)</dt><dd>Short for the schedule <code>{WARMUP}</code>." in page


def test_what_is_cut_is_never_the_own_optimizer(monkeypatch):
    few = {"rates": (0.01, 0.1), "seeds": range(5), "points": 6, "epochs": 8}
    results = Results(**make_tables(["breast_cancer"], FIELD, (16,), **few))
    ranked = results.ranking("loss").sort_values("value")["optimizer"].tolist()
    last, ink = ranked[-1], (0x12 / 255, 0x34 / 255, 0x56 / 255)
    for mine in (results.labeled({last: "Ours"}, {last: "#123456"}), results):
        sweep, own = report_data(mine.ask("loss")), mine is not results
        styles = sweep.line_styles["breast_cancer"]
        assert len(styles) == style.COLORS == len(sweep.line_styles["all"])
        assert (last in sweep.line_styles["all"]) == own and (not own or last in styles)
        assert not own or to_rgb(styles[last]["color"]) == ink
        monkeypatch.setattr(report_tables, "MIN_ROWS", 3)
        monkeypatch.setattr(report_tables, "ROWS_OF_PROBLEMS", 3)
        monkeypatch.setattr(report_tables, "MAX_ROWS", 4)
        found = report_tables.SweepTables(sweep)
        for table, most in ((found.settings("breast_cancer"), 3), (found.all_settings({"breast_cancer": ""}), 4)):
            assert len(table.rows) == most and table.left_out == len(sweep.answer.best) - most
            assert any("Ours" in cell.text for row in table.rows for cell in row) == own
        assert all("Ours" in (row[1].text, row[2].text) for row in found.pairs().rows) == own
