"""The performance history in a real browser: regressions first, readable on a phone, light and dark."""

import pytest
from asv_files import three_commits
from browser import opened, scrolls_sideways

from optbench.report.history.page import write_history

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    return write_history(three_commits(tmp_path_factory.mktemp("history") / "asv" / "results"))


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (360, "dark")])
def test_regressions_come_first_and_have_a_colour_of_their_own(chromium, page, width, scheme):
    with opened(chromium, page, width=width, color_scheme=scheme) as view:
        assert view.title() == "optbench: performance" and not scrolls_sideways(view)
        heights = [
            view.get_by_role("heading", name=name).bounding_box()["y"] for name in ("Regressions", "Improvements")
        ]
        assert heights == sorted(heights) and heights[0] < 700
        table = view.locator("table").first
        assert "Lanes.time_step" in table.inner_text() and "\u25b2 +20%" in table.inner_text()
        colours = {
            view.locator(f"td.{verdict}").first.evaluate("cell => getComputedStyle(cell).color")
            for verdict in ("worse", "better", "strong")
        }
        assert len(colours) == 3
        assert view.locator("svg.spark").count() == 4  # adam on 64 lanes has one value only
        rows = view.locator("table.history tbody tr:visible")
        assert rows.count() == 5
        view.locator("table.history").get_by_role("button", name="last / best before").click()  # from the best on
        view.locator("table.history").get_by_role("button", name="last / best before").click()
        assert "gd, 1" in rows.first.inner_text()  # 2.4 times the best
        view.get_by_role("link", name="All benchmarks").click()
        assert view.get_by_role("heading", name="All benchmarks").is_visible()
